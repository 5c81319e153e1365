//! Loss and delay that the rate has nothing to do with do not lower it.

use crate::congestion::Setup;
use engine_netem::{Jitter, Profile};

/// A sender of about 1 Mbit/s over a link that has room for more.
fn megabit(name: &'static str, seed: u64, rtt: u64, change: impl Fn(Profile) -> Profile) -> Setup {
    let setup = Setup::new(name, None, rtt, 300);
    Setup {
        seed,
        video_bps: 1_000_000,
        there: change(setup.there),
        ..setup
    }
}

/// That share of what there is to send, sound included, is sent on average, and never less than the other one is allowed.
fn assert_sends(setup: &Setup, mean: f64, least: f64) {
    let log = setup.run(11_000);
    let sent = log.sent(5_000, 11_000) / 1_058_000.0;
    assert!(sent >= mean, "{sent:.2}\n{}", log.table());
    let lowest = f64::from(log.estimate_least(5_000, 11_000)) / 1_058_000.0;
    assert!(lowest >= least, "{lowest:.2}\n{}", log.table());
}

#[test]
fn random_loss_on_a_free_link_costs_no_rate() {
    for share in [0.01, 0.02, 0.05, 0.1, 0.2, 0.3] {
        for rtt in [20, 100, 300] {
            for seed in 1..3 {
                assert_sends(&megabit("loss", seed, rtt, |p| p.losing(share)), 0.9, 0.7);
            }
        }
    }
}

#[test]
fn bursts_of_loss_on_a_free_link_cost_no_rate() {
    for (share, mean) in [(0.02, 3.0), (0.05, 4.0), (0.1, 4.0), (0.05, 8.0)] {
        for seed in 1..7 {
            assert_sends(
                &megabit("bursts", seed, 60, |p| p.losing_in_bursts(share, mean)),
                0.7,
                0.4,
            );
        }
    }
}

/// That no burst comes for a while after the rate was lowered is chance: pictures stay what they are.
#[test]
fn bursts_are_hardly_ever_taken_for_a_full_link() {
    let (mut runs, mut lower) = (0.0, 0.0);
    for (share, mean) in [(0.05, 4.0), (0.1, 2.0), (0.1, 4.0)] {
        for seed in 1..13 {
            let mut setup = megabit("bursts", seed, 40, |p| p);
            let lossy = setup.there.losing_in_bursts(share, mean);
            setup.steps = vec![(4_000, lossy)];
            let log = setup.run(20_000);
            runs += 1.0;
            lower += log.planned_below(5_000, 20_000, 850e3);
        }
    }
    let lower = lower / runs;
    assert!(lower < 0.01, "{lower:.4} of the time");
}

#[test]
fn loss_of_media_and_of_reports_costs_no_rate() {
    for seed in 1..7 {
        let mut setup = megabit("both ways", seed, 60, |p| p.losing(0.2));
        setup.back = setup.back.losing(0.2);
        assert_sends(&setup, 0.8, 0.6);
        let mut setup = megabit("reports", seed, 60, |p| p);
        setup.back = setup.back.losing(0.5);
        assert_sends(&setup, 0.95, 0.9);
    }
}

#[test]
fn jitter_on_a_free_link_costs_no_rate() {
    for seed in 1..3 {
        for rtt in [40, 200] {
            for jitter in [
                Jitter::UniformUs(30_000),
                Jitter::NormalUs(10_000),
                Jitter::NormalUs(30_000),
            ] {
                for keep_order in [false, true] {
                    let setup = megabit("jitter", seed, rtt, |p| Profile {
                        jitter,
                        keep_order,
                        ..p
                    });
                    assert_sends(&setup, 0.8, 0.5);
                }
            }
        }
    }
}

/// Of a link that is full and loses of its own, what it carries is used.
#[test]
fn full_links_that_lose_are_used() {
    for rate in [300_000, 1_000_000] {
        for (share, mean) in [(0.02, 1.0), (0.1, 1.0), (0.2, 1.0), (0.05, 4.0)] {
            for seed in 1..4 {
                let mut setup = Setup {
                    seed,
                    ..Setup::new("full and lossy", Some(rate), 60, 300)
                };
                setup.there = setup.there.losing_in_bursts(share, mean);
                let log = setup.run(15_000);
                let used = log.arrived(7_000, 15_000) / (1.0 - share) / rate as f64;
                assert!(used >= 0.6, "{used:.2} of {rate}, {share}\n{}", log.table());
                let wait = log.audio_wait(5_000, 15_000, 0.9);
                assert!(wait <= 150.0, "{wait}\n{}", log.table());
            }
        }
    }
}

/// Of a link that is full and shakes, what it carries is used, and its queue stays short.
#[test]
fn full_links_that_shake_are_used() {
    for rate in [300_000, 1_000_000] {
        for keep_order in [false, true] {
            for seed in 1..4 {
                let mut setup = Setup {
                    seed,
                    ..Setup::new("full and shaky", Some(rate), 60, 300)
                };
                setup.there = Profile {
                    keep_order,
                    ..setup.there.shaking(30)
                };
                let log = setup.run(15_000);
                let used = log.arrived(7_000, 15_000) / rate as f64;
                assert!(used >= 0.7, "{used:.2} of {rate}\n{}", log.table());
                let wait = log.audio_wait(5_000, 15_000, 0.9);
                assert!(wait <= 200.0, "{wait}\n{}", log.table());
            }
        }
    }
}
