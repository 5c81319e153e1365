//! What lowers the rate, and what does not.

use super::super::test_support::result;
use super::*;
use crate::random::Random;

/// Sends at what the control allows, at most `wanted`, through a link that carries `carries` and loses a share of the
/// rest; gives the control and the rate allowed at each second.
fn run(
    seconds: u64,
    wanted: f64,
    carries: impl Fn(u64) -> f64,
    share: f64,
) -> (LossControl, Vec<f64>) {
    let (mut control, mut random) = (LossControl::default(), Random::new(9));
    let (mut number, mut allowed) = (0, Vec::new());
    for ms in (0..seconds * 1_000).step_by(10) {
        let now = Micros::from_millis(ms);
        let rate = control.cap().unwrap_or(wanted).min(wanted);
        let carries = carries(ms / 1_000);
        // A link without a queue lets so much through by chance.
        let chance = (carries / rate).min(1.0) * (1.0 - share);
        let arrived = random.chance(chance).then_some(0);
        number += 1;
        if control.add(&result(number, ms, 1_250, arrived)) {
            let arriving = Some(rate * chance);
            let around = Around {
                rate,
                recent: arriving,
                steady: arriving,
                draining: false,
                queues: false,
            };
            control.judge(now, &around);
        }
        control.poll(now);
        if ms % 1_000 == 0 {
            allowed.push(rate);
        }
    }
    (control, allowed)
}

#[test]
fn loss_of_the_links_own_is_learnt_and_costs_no_rate() {
    for share in [0.02, 0.1, 0.2, 0.3] {
        let (control, allowed) = run(40, 1e6, |_| 1e7, share);
        assert!(
            (control.inherent() - share).abs() < 0.1,
            "{share}: {}",
            control.inherent()
        );
        let full = allowed[10..].iter().filter(|rate| **rate >= 1e6).count();
        assert!(full >= 24, "{share}: {allowed:?}");
    }
}

#[test]
fn a_bottleneck_is_found_and_kept_to() {
    let (control, allowed) = run(40, 2e6, |_| 1e6, 0.0);
    let near = allowed[8..]
        .iter()
        .filter(|rate| (6e5..1.3e6).contains(*rate))
        .count();
    assert!(near >= 28, "{allowed:?}");
    assert!(control.inherent() < 0.12, "{}", control.inherent());
}

#[test]
fn a_bottleneck_that_goes_is_noticed() {
    let (_, allowed) = run(60, 2e6, |second| if second < 20 { 5e5 } else { 1e7 }, 0.0);
    assert!(allowed[15] < 8e5, "{allowed:?}");
    assert!(allowed[58] >= 1.9e6, "{allowed:?}");
}

#[test]
fn an_outage_is_no_loss_of_the_rate() {
    let mut control = LossControl::default();
    for number in 0..1_000 {
        let arrived = (!(300..360).contains(&number)).then_some(0);
        if control.add(&result(number, number * 10, 1_250, arrived)) {
            let around = Around {
                rate: 1e6,
                recent: Some(5e5),
                steady: Some(9e5),
                draining: false,
                queues: false,
            };
            control.judge(Micros::from_millis(number * 10), &around);
        }
        assert_eq!(control.cap(), None);
    }
}
