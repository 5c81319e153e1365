//! What forwarding costs, beside the least that it can cost on this machine: a bare loop that only decrypts, encrypts
//! and sends, on the same sockets, in alternating rounds.
//!
//!     cargo run --release -p engine-io --example bench_forward -- build/bench/forward.json [ROUNDS] [SECONDS] [ONLY]
//!
//! ONLY is a part of the names of what is to run. What is measured, and how, stands in `notes` of the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a bench measures real time, and stops where it cannot"
)]

#[path = "../../../core/tests/support/allocations.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests use more of it")]
mod allocations;
#[path = "../common/bridge.rs"]
mod bridge;
#[path = "../common/closed_loop.rs"]
mod closed_loop;
#[path = "../common/commands.rs"]
mod commands;
#[path = "../common/crowd.rs"]
mod crowd;
mod growth;
mod latency;
mod limit;
mod memory;
mod numbered;
#[path = "../common/origin.rs"]
mod origin;
#[path = "../common/plan.rs"]
mod plan;
#[path = "../common/probe.rs"]
mod probe;
mod report;
#[path = "../common/reporter.rs"]
mod reporter;
mod scenarios;
mod shards;
mod subject;
#[path = "../common/traffic.rs"]
#[allow(dead_code, reason = "the guard uses more of it")]
mod traffic;

use report::Report;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

/// Starts something on these cores, and leaves the rest of the program on the first one: threads inherit where they
/// may run.
pub(crate) fn on_cores<T>(cores: &[usize], start: impl FnOnce() -> T) -> T {
    pin(cores);
    let started = start();
    pin(&[0]);
    started
}

fn pin(cores: &[usize]) {
    let mut set = rustix::thread::CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    // A machine with one core measures all the same, with more noise.
    let _ = rustix::thread::sched_setaffinity(None, &set);
}

const SESSION: &str = "/proc/self/autogroup";

/// Lets whatever else runs here disturb less, where that is permitted: among the processes of a session, and the session
/// among the others, which is the shell's, too, and gets its own back.
struct First {
    before: Option<String>,
}

impl First {
    fn go() -> Self {
        let _ = rustix::process::setpriority_process(None, -20);
        let told = std::fs::read_to_string(SESSION).ok();
        let before = told.and_then(|text| text.trim().rsplit(' ').next().map(str::to_owned));
        let _ = std::fs::write(SESSION, "-20");
        Self { before }
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = std::fs::write(SESSION, before);
        }
    }
}

/// How long and how often to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) span: Duration,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .expect("usage: bench_forward FILE.json [ROUNDS] [SECONDS] [ONLY]");
    pin(&[0]);
    if path == memory::ALONE {
        return memory::alone(&arguments.next().expect("a scenario"));
    }
    let mut number = |default| {
        arguments
            .next()
            .map_or(default, |text| text.parse().unwrap())
    };
    let (rounds, seconds) = (number(6), number(2));
    let effort = Effort {
        rounds: rounds as usize,
        span: Duration::from_secs(seconds),
    };
    let only = arguments.next().unwrap_or_default();
    let _first = First::go();
    let mut report = Report::new(effort.rounds);
    memory::measure(&mut report, &only);
    scenarios::measure(&mut report, effort, &only);
    growth::measure(&mut report, effort, &only);
    if "shards-and-latency".contains(&only) {
        let capacity = shards::measure(&mut report, effort);
        latency::measure(&mut report, effort, capacity);
    }
    std::fs::write(&path, report.json()).unwrap();
    assert!(report.is_whole(), "not everything could be measured");
}
