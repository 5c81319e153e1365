//! The scenarios, bridge and limit in turn.

use crate::latency::Delays;
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

/// Of so many legs one checks what it is sent, and it is one leg at least.
const LEGS_A_PROBE: usize = 32;

type MakePlan = fn(usize) -> Plan;

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// To begin with; an open loop then gets as many as keep the bridge busy.
    rooms: usize,
    /// Few and many, by whose difference a leg's memory is told: no more than a core carries.
    pub(crate) memory_rooms: [usize; 2],
    pub(crate) plan: MakePlan,
}

pub(crate) const SCENARIOS: [Scenario; 5] = [
    Scenario {
        name: "fanout-20",
        rooms: 8,
        memory_rooms: [2, 10],
        plan: |rooms| Plan::fan_out(rooms, 20),
    },
    Scenario {
        name: "four-party",
        rooms: 25,
        memory_rooms: [5, 55],
        plan: four_party,
    },
    Scenario {
        name: "nine-party-simulcast",
        rooms: 6,
        memory_rooms: [2, 10],
        plan: |rooms| Plan::simulcast(rooms, 9),
    },
    Scenario {
        name: "audio-only",
        rooms: 50,
        memory_rooms: [5, 105],
        plan: |rooms| Plan::mesh(rooms, 4, &[Shape::Opus]),
    },
    Scenario {
        name: "consultation-reported",
        rooms: 25,
        memory_rooms: [5, 55],
        plan: |rooms| Plan {
            reported: true,
            ..Plan::mesh(rooms, 4, &[Shape::Opus, Shape::Alike])
        },
    },
];

/// Four in a room who all see and hear each other.
pub(crate) fn four_party(rooms: usize) -> Plan {
    Plan::mesh(rooms, 4, &[Shape::Opus, HIGH])
}

pub(crate) fn measure(report: &mut Report, effort: Effort, only: &str) {
    for one in &SCENARIOS {
        if one.name.contains(only) {
            scenario(report, one, effort);
        }
    }
}

/// Evenly over the rooms, and never the one who sends to a whole room, nor whom a closed loop waits for.
fn probes(plan: &Plan) -> Vec<usize> {
    let count = plan.legs().div_ceil(LEGS_A_PROBE).min(plan.rooms);
    let rooms = (0..count).map(|at| at * plan.rooms / count);
    rooms.map(|room| plan.legs_of(room).start + 2).collect()
}

fn scenario(report: &mut Report, scenario: &Scenario, effort: Effort) {
    let Scenario { name, plan, .. } = *scenario;
    let rooms = rooms_for(scenario.rooms, plan, BUSY_PERCENT);
    let plan = plan(rooms);
    let probes = probes(&plan);
    let mut world = World::new(plan, 1, &probes);
    for subject in [Subject::Bridge, Subject::Limit] {
        world.warm_up(subject);
    }
    let (mut pairs, mut tried, mut delays) = (Vec::new(), 0, Vec::new());
    while pairs.len() < effort.rounds && tried < effort.rounds * TRIES {
        tried += 1;
        let [bridge, limit] = [Subject::Bridge, Subject::Limit].map(|subject| {
            world.crowd.delays_us.clear();
            let round = world.round(subject, effort.span);
            println!("{name}, {rooms} rooms, {subject:?}: {round}");
            (round, std::mem::take(&mut world.crowd.delays_us))
        });
        let pair = [bridge.0, limit.0];
        if pair.iter().all(Round::is_whole) {
            pairs.push(pair);
            delays.push([Delays::of(bridge.1), Delays::of(limit.1)]);
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
        let under_way = |part: f64| Figure::of(delays.iter().map(|pair| pair[at].ms(part)));
        report.add(
            name,
            subject,
            pairs.len(),
            &[
                ("ratio_to_limit", ratio),
                ("cpu_us_per_packet_out", of(Round::cpu_us_per_packet)),
                (
                    "packets_out_per_cpu_second",
                    of(|r| 1e6 / r.cpu_us_per_packet()),
                ),
                ("cpu_busy_percent", of(Round::busy_percent)),
                ("lost_on_the_way_in_percent", of(Round::lost_percent)),
                ("checked_percent", of(Round::checked_percent)),
                ("latency_ms_p50", under_way(0.5)),
                ("latency_ms_p99", under_way(0.99)),
                ("latency_ms_p99_9", under_way(0.999)),
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
    world.warm_up(Subject::Bridge);
    let round = world.round(Subject::Bridge, WARM_UP);
    let wanted = rooms as f64 * percent / round.busy_percent();
    (wanted as usize).max(1)
}
