//! What a leg takes of memory at the pace of life with full caches: what many rooms take more than few, so that the fixed
//! buffers of the thread are not in it. Each scenario has a process of its own: pages that another one has given back would
//! be taken again, and none of them be seen. That has small pages, since a few of 2 MB would be more than what is told of.

use crate::report::{Figure, Report};
use crate::scenarios::{Scenario, SCENARIOS};
use crate::subject::{Memory, Subject, World};
use std::time::Duration;

/// Caches hold a quarter of a second to a second, and their indexes are as large as before the round trip was known for ten
/// seconds or twenty.
const SETTLING: Duration = Duration::from_secs(22);

/// What a process is told that is to measure one scenario, before its name.
pub(crate) const ALONE: &str = "--memory-of";

pub(crate) fn measure(report: &mut Report, only: &str) {
    for scenario in &SCENARIOS {
        let name = format!("{}-memory", scenario.name);
        if name.contains(only) {
            enter(report, &name, of_own_process(scenario.name));
        }
    }
}

/// Heap and resident bytes of a leg.
fn of_own_process(scenario: &str) -> [f64; 2] {
    let program = std::env::current_exe().unwrap();
    let done = std::process::Command::new(program)
        .args([ALONE, scenario])
        .env("GLIBC_TUNABLES", "glibc.malloc.arena_max=1")
        .output()
        .unwrap();
    let told = String::from_utf8(done.stdout).unwrap();
    let mut figures = told.split_whitespace().map(|text| text.parse().unwrap());
    let found = [figures.next(), figures.next()];
    assert!(done.status.success(), "{scenario}: {:?}", done.status);
    found.map(|figure| figure.expect("a figure"))
}

/// Measures one scenario, and says what it found.
pub(crate) fn alone(name: &str) {
    let scenario = SCENARIOS.iter().find(|one| one.name == name);
    let [heap, resident] = bytes_a_leg(scenario.expect("a scenario"));
    println!("{heap} {resident}");
}

fn bytes_a_leg(scenario: &Scenario) -> [f64; 2] {
    // Both are kept until both are known: pages that one gives back would be no new ones for the other.
    let worlds = scenario.memory_rooms.map(|rooms| {
        let mut world = World::new((scenario.plan)(rooms), 1, &[]);
        world.round(Subject::Bridge, SETTLING);
        let (now, before) = (Memory::now(), world.before);
        let taken = [now.heap - before.heap, now.resident - before.resident];
        (world, taken)
    });
    let [(few, few_took), (many, many_took)] = &worlds;
    let legs = (many.plan.legs() - few.plan.legs()) as f64;
    [0, 1].map(|at| (many_took[at] - few_took[at]) as f64 / legs)
}

fn enter(report: &mut Report, name: &str, [heap, resident]: [f64; 2]) {
    println!("{name}: {heap:.0} bytes of heap a leg, {resident:.0} resident");
    report.add(
        name,
        "bridge",
        1,
        &[
            ("memory_bytes_per_leg", Figure::exactly(resident.max(heap))),
            ("heap_bytes_per_leg", Figure::exactly(heap)),
            ("resident_bytes_per_leg", Figure::exactly(resident)),
        ],
    );
}
