//! The four scenarios, bridge and limit in turn.

use crate::plan::{Plan, Shape, HIGH};
use crate::subject::{Round, Subject, World};
use std::time::Duration;

/// Of one core, in the open loop.
const BUSY_PERCENT: f64 = 65.0;
const WARM_UP: Duration = Duration::from_millis(1_500);
/// A round that lost more than this on its way counts for nothing.
const MOST_LOST_PERCENT: f64 = 0.1;

pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) rooms: usize,
    pub(crate) rounds: Vec<(Round, Round)>,
}

pub(crate) fn measure(rounds: u64, span: Duration, only: &str) -> Vec<Measured> {
    let scenarios: [(&str, fn() -> Plan); 4] = [
        ("fanout-20", || Plan::fan_out(8, 20)),
        ("four-party", || Plan::mesh(300, 4, &[Shape::Opus, HIGH])),
        ("nine-party-simulcast", || Plan::simulcast(100, 9)),
        ("audio-only", || Plan::mesh(500, 4, &[Shape::Opus])),
    ];
    let wanted = scenarios
        .into_iter()
        .filter(|(name, _)| name.contains(only));
    wanted
        .map(|(name, plan)| scenario(name, plan(), rounds, span))
        .collect()
}

fn scenario(name: &'static str, plan: Plan, rounds: u64, span: Duration) -> Measured {
    let mut world = World::new(plan, 1, &[]);
    let rooms = rooms_for(&mut world, BUSY_PERCENT);
    world.round(Subject::Limit, rooms, WARM_UP);
    let mut measured = Vec::new();
    for _ in 0..rounds {
        let pair = [Subject::Bridge, Subject::Limit].map(|subject| {
            let round = world.round(subject, rooms, span);
            println!(
                "{name}, {rooms} rooms, {subject:?}: {:.3} us a packet, {:.0} % busy, {} packets, {:.3} % lost, {} us late",
                round.cpu_us_per_packet(),
                round.busy_percent(),
                round.out,
                round.lost_percent(),
                round.late_us
            );
            round
        });
        if pair
            .iter()
            .all(|round| round.lost_percent() < MOST_LOST_PERCENT)
        {
            measured.push(pair.into());
        }
    }
    Measured {
        name,
        rooms,
        rounds: measured,
    }
}

/// How many rooms keep the bridge this busy; all of them in the closed loop, which does so by itself.
pub(crate) fn rooms_for(world: &mut World, percent: f64) -> usize {
    let all = world.plan.rooms;
    let mut rooms = all.div_ceil(8);
    world.round(Subject::Bridge, all, WARM_UP);
    if world.is_closed_loop() {
        return all;
    }
    for _ in 0..2 {
        let round = world.round(Subject::Bridge, rooms, WARM_UP);
        let wanted = rooms as f64 * percent / round.busy_percent();
        rooms = (wanted as usize).clamp(1, all);
    }
    rooms
}
