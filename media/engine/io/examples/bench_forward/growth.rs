//! Four-party rooms, ever more of them: what a packet costs.

use crate::plan::Plan;
use crate::report::{Figure, Report};
use crate::scenarios::{four_party, TRIES, WARM_UP};
use crate::subject::{Round, Subject, World};
use crate::Effort;
use std::time::Duration;

/// Rooms of four.
const ROOMS: [usize; 4] = [3, 25, 75, 250];
/// Every stream is this much slower than in life, so that one core carries the largest of them.
const PERIOD_PERCENT: u64 = 600;
/// What fills them.
const FILLING: Duration = Duration::from_secs(3);

/// One turn of each subject in each world, one after the other, so that what is compared was measured within seconds.
type Lap = Vec<[Round; 2]>;

/// Once with the same load from each room, and once with the same load from all rooms together, which leaves the
/// number of legs as the only difference: a thread that has little to do is woken for every packet.
pub(crate) fn measure(report: &mut Report, effort: Effort, only: &str) {
    let most = ROOMS[ROOMS.len() - 1] as u64;
    let runs = |name: &str| name.contains(only) || "growth".contains(only);
    let Effort { rounds, span } = effort;
    if runs("same-load-a-room") {
        let effort = Effort {
            rounds: rounds.min(2),
            span,
        };
        series(report, effort, "same-load-a-room", |_| PERIOD_PERCENT);
    }
    if runs("same-load-in-all") {
        let effort = Effort {
            rounds: rounds * 2,
            span: span / 2,
        };
        series(report, effort, "same-load-in-all", |rooms| {
            PERIOD_PERCENT * rooms as u64 / most
        });
    }
}

fn series(report: &mut Report, effort: Effort, series: &str, period: impl Fn(usize) -> u64) {
    let mut worlds: Vec<World> = Vec::new();
    for rooms in ROOMS {
        let plan = Plan {
            period_percent: period(rooms),
            ..four_party(rooms)
        };
        let mut world = World::new(plan, 1, &[]);
        world.round(Subject::Bridge, FILLING);
        world.round(Subject::Limit, WARM_UP);
        worlds.push(world);
    }
    let mut laps: Vec<Lap> = Vec::new();
    for _ in 0..effort.rounds * TRIES {
        if laps.len() < effort.rounds {
            let lap = lap(&mut worlds, effort, series);
            laps.extend(Some(lap).filter(|lap| lap.iter().flatten().all(Round::is_whole)));
        }
    }
    for (at, world) in worlds.iter().enumerate() {
        let name = format!("{series}-legs-{}", world.plan.legs());
        if laps.is_empty() {
            report.leave_out(&name);
        } else {
            let per_limit = laps.iter().map(|lap| lap[at][1].cpu_us_per_packet());
            report.note_noise(Figure::of(per_limit));
            enter(report, &name, &laps, at);
        }
    }
}

fn lap(worlds: &mut [World], effort: Effort, series: &str) -> Lap {
    let turn = |world: &mut World| {
        [Subject::Bridge, Subject::Limit].map(|subject| {
            let round = world.round(subject, effort.span);
            println!("{series}, {} legs, {subject:?}: {round}", world.plan.legs());
            round
        })
    };
    worlds.iter_mut().map(turn).collect()
}

/// What the laps tell of one world, beside the one with the fewest legs.
fn enter(report: &mut Report, name: &str, laps: &[Lap], world: usize) {
    let cost = Round::cpu_us_per_packet;
    for (at, subject) in ["bridge", "limit"].into_iter().enumerate() {
        let of = |figure: &dyn Fn(&Lap) -> f64| Figure::of(laps.iter().map(figure));
        let dearer = |lap: &Lap| (cost(&lap[world][at]) / cost(&lap[0][at]) - 1.0) * 100.0;
        let ratio = |lap: &Lap| cost(&lap[world][1]) / cost(&lap[world][at]);
        report.add(
            name,
            subject,
            laps.len(),
            &[
                ("ratio_to_limit", of(&ratio)),
                ("cpu_us_per_packet_out", of(&|lap| cost(&lap[world][at]))),
                ("dearer_than_fewest_legs_percent", of(&dearer)),
                ("cpu_busy_percent", of(&|lap| lap[world][at].busy_percent())),
            ],
        );
    }
}
