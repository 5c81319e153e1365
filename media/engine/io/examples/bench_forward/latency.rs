//! How long a packet is under way: from just before its sender's call to the kernel's time stamp at its receiver, at
//! parts of the capacity that was found. The sender's own encryption and its call are in it.

use crate::report::{Figure, Report};
use crate::scenarios::{four_party, WARM_UP};
use crate::subject::{Subject, World};
use crate::Effort;

const LOADS: [f64; 3] = [10.0, 50.0, 70.0];
/// Legs whose packets are read, in as many rooms.
const PROBES: usize = 8;
const ROUNDS: usize = 3;

pub(crate) fn measure(report: &mut Report, effort: Effort, capacity: f64) {
    for load in LOADS {
        let rooms = ((capacity * load / 100.0) as usize).max(1);
        let plan = four_party(rooms);
        let step = rooms.div_ceil(PROBES);
        let probes: Vec<usize> = (0..rooms)
            .step_by(step)
            .map(|room| plan.legs_of(room).start)
            .collect();
        let mut world = World::new(plan, 1, &probes);
        world.round(Subject::Bridge, WARM_UP);
        let (mut rounds, mut late): (Vec<Vec<u32>>, Vec<f64>) = Default::default();
        for _ in 0..ROUNDS.min(effort.rounds) {
            world.crowd.delays_us.clear();
            let round = world.round(Subject::Bridge, effort.span);
            let mut delays = std::mem::take(&mut world.crowd.delays_us);
            delays.sort_unstable();
            println!(
                "{load} %: {round}; p50 {} us, p99 {} us",
                delays[delays.len() / 2],
                delays[delays.len() * 99 / 100]
            );
            rounds.push(delays);
            late.push(round.late_us as f64 / 1e3);
        }
        let quantile = |part: f64| {
            Figure::of(rounds.iter().map(|delays| {
                let at = (delays.len() as f64 * part) as usize;
                f64::from(delays[at.min(delays.len() - 1)]) / 1e3
            }))
        };
        report.add(
            &format!("four-party-load-{load}-percent"),
            "bridge",
            &[
                ("latency_ms_p50", quantile(0.5)),
                ("latency_ms_p99", quantile(0.99)),
                ("latency_ms_p99_9", quantile(0.999)),
                ("senders_late_ms_max", Figure::of(late.into_iter())),
                ("rooms", Figure::exactly(rooms as f64)),
            ],
        );
    }
}
