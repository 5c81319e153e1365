//! What forwarding costs, beside the least that it can cost on this machine: a bare loop that only decrypts, encrypts
//! and sends, on the same sockets, in alternating rounds.
//!
//!     cargo run --release -p engine-io --example bench_forward -- build/bench/forward.json [ROUNDS] [SECONDS] [ONLY]
//!
//! ONLY is a part of the names of the scenarios to run. What is measured, and how, stands in `notes` of the report.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench measures real time, and stops where it cannot"
)]

#[path = "../common/bridge.rs"]
mod bridge;
#[path = "../common/closed_loop.rs"]
mod closed_loop;
#[path = "../common/commands.rs"]
mod commands;
#[path = "../common/crowd.rs"]
mod crowd;
mod limit;
#[path = "../common/plan.rs"]
mod plan;
mod scenarios;
mod subject;
#[path = "../common/traffic.rs"]
mod traffic;

use std::time::Duration;

/// Starts something on one core, and everything else on the other: threads inherit where they may run.
pub(crate) fn on_core<T>(core: usize, start: impl FnOnce() -> T) -> T {
    pin(core);
    let started = start();
    pin(0);
    started
}

fn pin(core: usize) {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    // A machine with one core measures all the same, with more noise.
    let _ = rustix::thread::sched_setaffinity(None, &cores);
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .expect("usage: bench_forward FILE.json [ROUNDS] [SECONDS] [ONLY]");
    let mut number = |default| {
        arguments
            .next()
            .map_or(default, |text| text.parse().unwrap())
    };
    let (rounds, span) = (number(6), Duration::from_secs(number(3)));
    let only = arguments.next().unwrap_or_default();
    pin(0);
    let measured = scenarios::measure(rounds, span, &only);
    let _ = (path, measured);
}
