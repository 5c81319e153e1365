//! Four-party rooms, ever more of them: what a packet costs, and what a leg takes of memory.

use crate::plan::Plan;
use crate::report::{Figure, Report};
use crate::scenarios::four_party;
use crate::subject::{Memory, Round, Subject, World};
use crate::Effort;
use std::time::Duration;

/// Rooms of four.
const ROOMS: [usize; 4] = [3, 25, 75, 250];
/// Every stream is this much slower than in life, so that one core carries the largest of them.
const SLOWNESS: u64 = 6;
/// A slow stream's cache of 64 KiB is full after two seconds.
const FILLING: Duration = Duration::from_secs(4);
const ROUNDS: usize = 3;

pub(crate) fn measure(report: &mut Report, effort: Effort) {
    let mut worlds: Vec<World> = Vec::new();
    for rooms in ROOMS {
        let plan = Plan {
            slowness: SLOWNESS,
            ..four_party(rooms)
        };
        let mut world = World::new(plan, 1, &[]);
        world.round(Subject::Bridge, FILLING);
        if rooms == ROOMS[ROOMS.len() - 1] {
            memory(report, &world);
        }
        worlds.push(world);
    }
    let mut rounds: Vec<[Vec<Round>; 2]> = ROOMS.iter().map(|_| Default::default()).collect();
    for _ in 0..ROUNDS.min(effort.rounds) {
        for (world, rounds) in worlds.iter_mut().zip(&mut rounds) {
            for (at, subject) in [Subject::Bridge, Subject::Limit].into_iter().enumerate() {
                let round = world.round(subject, effort.span);
                println!("{} legs, {subject:?}: {round}", world.plan.legs());
                rounds[at].push(round);
            }
        }
    }
    for (world, rounds) in worlds.iter().zip(&rounds) {
        let name = format!("legs-{}", world.plan.legs());
        for (rounds, subject) in rounds.iter().zip(["bridge", "limit"]) {
            let of = |figure: fn(&Round) -> f64| Figure::of(rounds.iter().map(figure));
            report.add(
                &name,
                subject,
                &[
                    ("cpu_us_per_packet_out", of(Round::cpu_us_per_packet)),
                    ("cpu_busy_percent", of(Round::busy_percent)),
                ],
            );
        }
    }
}

/// What the bridge has taken since before it was there, its threads' fixed buffers included.
fn memory(report: &mut Report, world: &World) {
    let (now, legs) = (Memory::now(), world.plan.legs() as f64);
    let heap = (now.heap - world.before.heap) as f64 / legs;
    let resident = (now.resident - world.before.resident) as f64 / legs;
    println!("{legs} legs: {heap:.0} bytes of heap a leg, {resident:.0} resident");
    report.add(
        &format!("legs-{legs}-memory"),
        "bridge",
        &[
            ("memory_bytes_per_leg", Figure::exactly(resident)),
            ("heap_bytes_per_leg", Figure::exactly(heap)),
        ],
    );
}
