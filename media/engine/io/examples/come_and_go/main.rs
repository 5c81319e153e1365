//! A hundred thousand legs come and go, and leave nothing behind: neither memory nor descriptors, rooms, addresses or
//! timers. Stops with an error if they do.
//!
//!     cargo run --release -p engine-io --example come_and_go -- build/bench/turnover.json [LEGS]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a bench measures real time, and stops where it cannot"
)]

#[path = "../../../core/tests/support/allocations.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests use more of it")]
mod allocations;
#[path = "../common/commands.rs"]
mod commands;
#[path = "../common/origin.rs"]
mod origin;
#[path = "../common/plan.rs"]
#[allow(dead_code, reason = "the benches use more of it")]
mod plan;
#[path = "../common/traffic.rs"]
#[allow(dead_code, reason = "the bench uses more of it")]
mod traffic;
#[path = "../common/turnover.rs"]
mod turnover;

use serde_json::json;
use std::time::Instant;
use turnover::Turnover;

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

/// Those before the first look: tables have grown to their size by then.
const WARM_UP: u64 = 20_480;
/// The C library's allocator may keep some pages, and aws-lc's keys are not in our count; a hundred thousand legs that
/// left a hundred bytes each would be ten megabytes.
const MOST_RESIDENT: i64 = 4 << 20;

fn resident_bytes() -> i64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: i64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as i64
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .expect("usage: come_and_go FILE.json [LEGS]");
    let legs: u64 = arguments
        .next()
        .map_or(100_000, |text| text.parse().unwrap());
    let mut turnover = Turnover::new();
    turnover.run(WARM_UP);
    let come = turnover.gone;
    let (before, resident) = (turnover.settle(), resident_bytes());
    let start = Instant::now();
    turnover.run(legs);
    let gone = turnover.gone - come;
    let seconds = start.elapsed().as_secs_f64();
    let (after, more_resident) = (turnover.settle(), resident_bytes() - resident);
    println!("before {before:?}, after {after:?}, {more_resident} bytes more resident");
    assert!(after.is_no_more_than(&before), "something stayed behind");
    assert!(
        more_resident < MOST_RESIDENT,
        "{more_resident} bytes more resident"
    );
    let report = json!({
        "benchmark": "turnover",
        "commit": origin::commit(),
        "machine": origin::machine(),
        "rounds": 1,
        "scenarios": [{
            "name": "come-and-go",
            "subject": "bridge",
            "figures": {
                "legs": gone,
                "legs_per_second": gone as f64 / seconds,
                "heap_bytes_left": after.heap_bytes - before.heap_bytes,
                "resident_bytes_left": more_resident,
                "descriptors_left": after.descriptors - before.descriptors,
            },
            "spread": {},
        }],
    });
    std::fs::write(path, format!("{report:#}\n")).unwrap();
}
