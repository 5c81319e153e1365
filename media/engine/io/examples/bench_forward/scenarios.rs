//! The four scenarios, bridge and limit in turn.

use crate::plan::{Plan, Shape, HIGH};
use crate::report::{Figure, Report};
use crate::subject::{Round, Subject, World};
use crate::Effort;
use std::time::Duration;

/// Of one core, in the open loop.
const BUSY_PERCENT: f64 = 65.0;
pub(crate) const WARM_UP: Duration = Duration::from_millis(1_200);
/// A pair of rounds in which packets were lost is tried again, up to so many times all in all.
pub(crate) const TRIES: usize = 3;

type MakePlan = fn(usize) -> Plan;

/// Four in a room who all see and hear each other.
pub(crate) fn four_party(rooms: usize) -> Plan {
    Plan::mesh(rooms, 4, &[Shape::Opus, HIGH])
}

pub(crate) fn measure(report: &mut Report, effort: Effort, only: &str) {
    let scenarios: [(&str, usize, MakePlan); 4] = [
        ("fanout-20", 8, |rooms| Plan::fan_out(rooms, 20)),
        ("four-party", 25, four_party),
        ("nine-party-simulcast", 6, |rooms| Plan::simulcast(rooms, 9)),
        ("audio-only", 50, |rooms| {
            Plan::mesh(rooms, 4, &[Shape::Opus])
        }),
    ];
    for (name, rooms, plan) in scenarios {
        if name.contains(only) {
            scenario(report, name, rooms, plan, effort);
        }
    }
}

fn scenario(report: &mut Report, name: &str, rooms: usize, plan: MakePlan, effort: Effort) {
    let rooms = rooms_for(rooms, plan, BUSY_PERCENT);
    let mut world = World::new(plan(rooms), 1, &[]);
    for subject in [Subject::Bridge, Subject::Limit] {
        world.round(subject, WARM_UP);
    }
    let (mut pairs, mut tried) = (Vec::new(), 0);
    while pairs.len() < effort.rounds && tried < effort.rounds * TRIES {
        tried += 1;
        let pair = [Subject::Bridge, Subject::Limit].map(|subject| {
            let round = world.round(subject, effort.span);
            println!("{name}, {rooms} rooms, {subject:?}: {round}");
            round
        });
        if pair.iter().all(Round::is_whole) {
            pairs.push(pair);
        }
    }
    if pairs.is_empty() {
        return report.leave_out(name);
    }
    let spoilt = (tried - pairs.len()) as f64;
    let ratio =
        |[bridge, limit]: &[Round; 2]| limit.cpu_us_per_packet() / bridge.cpu_us_per_packet();
    let ratios = Figure::of(pairs.iter().map(ratio));
    let per_limit = pairs.iter().map(|pair| pair[1].cpu_us_per_packet());
    report.note_noise(Figure::of(per_limit));
    for (at, subject) in ["bridge", "limit"].into_iter().enumerate() {
        let of = |figure: fn(&Round) -> f64| Figure::of(pairs.iter().map(|pair| figure(&pair[at])));
        let ratio = if at == 0 {
            ratios
        } else {
            Figure::exactly(1.0)
        };
        report.add(
            name,
            subject,
            &[
                ("ratio_to_limit", ratio),
                ("cpu_us_per_packet_out", of(Round::cpu_us_per_packet)),
                (
                    "packets_out_per_cpu_second",
                    of(|r| 1e6 / r.cpu_us_per_packet()),
                ),
                ("cpu_busy_percent", of(Round::busy_percent)),
                ("lost_on_the_way_in_percent", of(Round::lost_percent)),
                ("rooms", Figure::exactly(rooms as f64)),
                ("rounds_spoilt", Figure::exactly(spoilt)),
            ],
        );
    }
}

/// How many rooms keep a bridge this busy; the closed loop keeps it busy by itself.
pub(crate) fn rooms_for(rooms: usize, plan: MakePlan, percent: f64) -> usize {
    let mut world = World::new(plan(rooms), 1, &[]);
    if world.is_closed_loop() {
        return rooms;
    }
    world.round(Subject::Bridge, WARM_UP);
    let round = world.round(Subject::Bridge, WARM_UP);
    let wanted = rooms as f64 * percent / round.busy_percent();
    (wanted as usize).max(1)
}
