//! What one shard and two can carry: four-party rooms, more of them than the shards can serve.

use crate::report::{Figure, Report};
use crate::scenarios::{four_party, rooms_for, WARM_UP};
use crate::subject::{Round, Subject, World};
use crate::Effort;

const ROUNDS: usize = 3;
/// Offered, beside what one shard seems to be able to carry.
const OVERLOAD: [f64; 2] = [1.6, 3.0];

/// Packets out a second.
fn rate(round: &Round) -> f64 {
    round.out as f64 * 1e6 / round.wall_us as f64
}

/// The rooms that one shard carries at the most, by what it sent when it was offered more.
pub(crate) fn measure(report: &mut Report, effort: Effort) -> f64 {
    let rooms = rooms_for(25, four_party, 100.0);
    let mut worlds = [1_u16, 2].map(|shards| {
        let offered = (rooms as f64 * OVERLOAD[usize::from(shards) - 1]) as usize;
        let mut world = World::new(four_party(offered), shards, &[]);
        world.round(Subject::Bridge, WARM_UP);
        (shards, world, Vec::new())
    });
    for _ in 0..ROUNDS.min(effort.rounds) {
        for (shards, world, rounds) in &mut worlds {
            let round = world.round(Subject::Bridge, effort.span);
            println!(
                "{shards} shards, {} rooms: {round}, {:.0} packets a second",
                world.plan.rooms,
                rate(&round)
            );
            rounds.push(round);
        }
    }
    for (shards, _, rounds) in &worlds {
        let of = |figure: fn(&Round) -> f64| Figure::of(rounds.iter().map(figure));
        report.add(
            &format!("four-party-shards-{shards}"),
            "bridge",
            &[
                ("packets_out_per_second", of(rate)),
                ("cpu_us_per_packet_out", of(Round::cpu_us_per_packet)),
                ("cpu_busy_percent", of(Round::busy_percent)),
                ("turned_away_percent", of(Round::lost_percent)),
            ],
        );
    }
    let (_, world, rounds) = &worlds[0];
    let served = Figure::of(
        rounds
            .iter()
            .map(|round| 1.0 - round.lost_percent() / 100.0),
    );
    served.median * world.plan.rooms as f64
}
