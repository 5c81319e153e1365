//! Legs that come and go leave nothing behind in the running engine. `make bench` has the same with a hundred thousand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed unwrap fails its test"
)]

#[path = "../../core/tests/support/allocations.rs"]
#[allow(dead_code, unreachable_pub, reason = "other tests use more of it")]
mod allocations;
#[path = "../examples/common/commands.rs"]
mod commands;
#[path = "../examples/common/plan.rs"]
#[allow(dead_code, reason = "the benches use more of it")]
mod plan;
#[path = "../examples/common/traffic.rs"]
#[allow(dead_code, reason = "the bench uses more of it")]
mod traffic;
#[path = "../examples/common/turnover.rs"]
mod turnover;

use turnover::{Held, Turnover};

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

/// After four thousand legs more, the engine holds what it held after the first thousand: no memory, descriptor, room,
/// address or timer of theirs.
#[test]
fn four_thousand_legs_leave_nothing_behind() {
    let mut turnover = Turnover::new();
    turnover.run(1_000);
    let before = turnover.settle();
    let nobody = Held {
        legs: 0,
        rooms: 0,
        addresses: 0,
        timers: 0,
        ..before
    };
    assert_eq!(before, nobody);
    turnover.run(4_000);
    let after = turnover.settle();
    assert!(after.is_no_more_than(&before), "{before:?} {after:?}");
}
