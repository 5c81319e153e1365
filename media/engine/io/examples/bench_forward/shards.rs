//! What one shard and two carry: ever more four-party rooms, for as long as what comes in can be taken in.

use crate::report::{Figure, Report};
use crate::scenarios::{four_party, rooms_for, WARM_UP};
use crate::subject::{Round, Subject, World};
use crate::Effort;

const ROUNDS: usize = 3;
/// What is tried, beside what would keep one core busy at the cost of a packet that was found with few rooms. Many
/// rooms at once make packets cheaper, and senders need a core's share themselves.
const STEPS: [f64; 12] = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0, 2.3];
/// More than this is not carried.
const MOST_LOST_PERCENT: f64 = 1.0;
/// Somebody else's moment of the processor is no limit of the shards.
const TRIES: usize = 2;

/// The most rooms that were carried, and the round in which they were.
#[derive(Default)]
struct Carried {
    rooms: usize,
    round: Round,
}

impl Carried {
    /// Packets out a second.
    fn rate(&self) -> f64 {
        self.round.out as f64 * 1e6 / self.round.wall_us as f64
    }
}

/// The rooms that one shard carries at the most.
pub(crate) fn measure(report: &mut Report, effort: Effort) -> f64 {
    let full = rooms_for(25, four_party, 100.0);
    let mut carried: [Vec<Carried>; 2] = Default::default();
    for _ in 0..ROUNDS.min(effort.rounds) {
        for (shards, carried) in (1..).zip(&mut carried) {
            carried.push(climb(shards, full, effort));
        }
    }
    for (shards, carried) in (1..).zip(&carried) {
        let of = |figure: &dyn Fn(&Carried) -> f64| Figure::of(carried.iter().map(figure));
        report.add(
            &format!("four-party-shards-{shards}"),
            "bridge",
            carried.len(),
            &[
                ("packets_out_per_second", of(&Carried::rate)),
                ("rooms", of(&|one| one.rooms as f64)),
                (
                    "cpu_us_per_packet_out",
                    of(&|one| one.round.cpu_us_per_packet()),
                ),
                ("cpu_busy_percent", of(&|one| one.round.busy_percent())),
                (
                    "lost_on_the_way_in_percent",
                    of(&|one| one.round.lost_percent()),
                ),
            ],
        );
    }
    Figure::of(carried[0].iter().map(|one| one.rooms as f64)).median
}

/// Ever more rooms until they are too many.
fn climb(shards: u16, full: usize, effort: Effort) -> Carried {
    let mut best = Carried::default();
    for step in STEPS {
        let rooms = (full as f64 * step) as usize;
        let mut world = World::new(four_party(rooms), shards, &[]);
        world.round(Subject::Bridge, WARM_UP);
        let is_carried = (0..TRIES).any(|_| {
            let round = world.round(Subject::Bridge, effort.span);
            println!("{shards} shards, {rooms} rooms: {round}");
            let is_carried = round.lost_percent() < MOST_LOST_PERCENT;
            if is_carried {
                best = Carried { rooms, round };
            }
            is_carried
        });
        if !is_carried {
            break;
        }
    }
    best
}
