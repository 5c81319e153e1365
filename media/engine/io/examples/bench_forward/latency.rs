//! How long a packet is under way: from just before its sender's call to the kernel's time stamp at its receiver, at
//! parts of the capacity that was found. The sender's own encryption and its call are in it. Beside it what the engine's
//! own histogram says: from the kernel's time stamp of what came to the call that sends it on.

use crate::report::{Figure, Report};
use crate::scenarios::{four_party, WARM_UP};
use crate::subject::{Subject, World};
use crate::Effort;
use engine_core::histogram::Histogram;

const LOADS: [f64; 3] = [10.0, 50.0, 70.0];
/// Legs whose packets are read, in as many rooms.
const PROBES: usize = 8;
const ROUNDS: usize = 3;

/// How long packets were under way in one round, in microseconds, in order.
pub(crate) struct Delays(Vec<u32>);

impl Delays {
    pub(crate) fn of(mut delays_us: Vec<u32>) -> Self {
        delays_us.sort_unstable();
        Self(delays_us)
    }

    /// What this part of them stays below, in milliseconds; 0 where none came.
    pub(crate) fn ms(&self, part: f64) -> f64 {
        let at = (self.0.len() as f64 * part) as usize;
        let found = self.0.get(at).or(self.0.last());
        found.map_or(0.0, |us| f64::from(*us) / 1e3)
    }
}

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
        let (mut rounds, mut late): (Vec<Delays>, Vec<f64>) = Default::default();
        let mut inside: Vec<Vec<u64>> = Vec::new();
        for _ in 0..ROUNDS.min(effort.rounds) {
            world.crowd.delays_us.clear();
            let before = world.bridge.delays();
            let round = world.round(Subject::Bridge, effort.span);
            let after = world.bridge.delays();
            inside.push(after.iter().zip(&before).map(|(a, b)| a - b).collect());
            let delays = Delays::of(std::mem::take(&mut world.crowd.delays_us));
            let (p50, p99) = (delays.ms(0.5), delays.ms(0.99));
            println!("{load} %: {round}; p50 {p50} ms, p99 {p99} ms");
            rounds.push(delays);
            late.push(round.late_us as f64 / 1e3);
        }
        let quantile = |part: f64| Figure::of(rounds.iter().map(|delays| delays.ms(part)));
        let within = |part: f64| Figure::of(inside.iter().map(|counts| bound_ms(counts, part)));
        report.add(
            &format!("four-party-load-{load}-percent"),
            "bridge",
            rounds.len(),
            &[
                ("latency_ms_p50", quantile(0.5)),
                ("latency_ms_p99", quantile(0.99)),
                ("latency_ms_p99_9", quantile(0.999)),
                ("inside_latency_ms_p50", within(0.5)),
                ("inside_latency_ms_p99", within(0.99)),
                ("inside_latency_ms_p99_9", within(0.999)),
                ("senders_late_ms_max", Figure::of(late.into_iter())),
                ("rooms", Figure::exactly(rooms as f64)),
            ],
        );
    }
}

/// What this part of the datagrams stays below: the upper bound of a bucket, at most an eighth too high.
fn bound_ms(counts: &[u64], part: f64) -> f64 {
    let wanted = counts.iter().sum::<u64>() as f64 * part;
    let mut below = 0;
    let at = counts.iter().position(|count| {
        below += count;
        below as f64 >= wanted
    });
    Histogram::bounds()[at.unwrap_or(counts.len() - 1)] as f64 / 1e3
}
