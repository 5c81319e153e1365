//! What a leg takes of memory at the pace of life with full caches: what many rooms take more than few, so that the fixed
//! buffers of the thread are not in it.

use crate::report::{Figure, Report};
use crate::scenarios::{Scenario, SCENARIOS};
use crate::subject::{Memory, Subject, World};
use std::time::Duration;

/// Caches hold a quarter of a second to a second, and give back after ten what they needed before the round trip was known.
const SETTLING: Duration = Duration::from_secs(22);

pub(crate) fn measure(report: &mut Report, only: &str) {
    for scenario in &SCENARIOS {
        let name = format!("{}-memory", scenario.name);
        if name.contains(only) {
            enter(report, &name, scenario);
        }
    }
}

fn enter(report: &mut Report, name: &str, scenario: &Scenario) {
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
    let [heap, resident] = [0, 1].map(|at| (many_took[at] - few_took[at]) as f64 / legs);
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
