//! An outage says nothing of the rate: what was before is there again within a second of the link.

use crate::congestion::{Log, Setup};
use engine_netem::Profile;

const BEGINS: u64 = 6_000;

fn link(name: &'static str, seed: u64, rtt: u64) -> Setup {
    Setup {
        seed,
        video_bps: 1_500_000,
        ..Setup::new(name, Some(2_000_000), rtt, 300)
    }
}

fn assert_back(log: &Log, before_ms: u64, after_ms: u64) {
    let before = log.arrived(before_ms - 2_000, before_ms);
    // Back within a second of the network, and it stays.
    let after = log.arrived(after_ms + 1_000, after_ms + 3_000);
    assert!(
        after >= 0.7 * before,
        "{after:.0} after {before:.0}\n{}",
        log.table()
    );
}

#[test]
fn what_was_before_an_outage_is_back_within_a_second() {
    for lasts in [200, 500, 1_000, 2_000, 3_500, 5_000] {
        for rtt in [20, 100, 300] {
            for seed in 1..3 {
                let mut setup = link("outage", seed, rtt);
                let ends = BEGINS + lasts;
                setup.steps = vec![(BEGINS, setup.there.broken()), (ends, setup.there)];
                assert_back(&setup.run(ends + 3_500), BEGINS, ends);
                // Both ways.
                setup.steps_back = vec![(BEGINS, setup.back.broken()), (ends, setup.back)];
                assert_back(&setup.run(ends + 3_500), BEGINS, ends);
            }
        }
    }
}

/// What may be sent falls while nothing is heard; what is chosen to be sent stays for ten seconds, or each picture that
/// was put off would come back later than the network.
#[test]
fn an_outage_changes_no_choice_of_pictures() {
    let mut setup = link("away", 1, 60);
    setup.steps = vec![(BEGINS, setup.there.broken())];
    setup.steps_back = vec![(BEGINS, setup.back.broken())];
    let log = setup.run(BEGINS + 12_000);
    let at = |millis: u64| &log.tenths[(millis / 100) as usize - 1];
    let before = at(BEGINS).planned;
    assert_eq!(before, at(BEGINS).estimate);
    assert!(at(BEGINS + 5_000).estimate < before / 4, "{}", log.table());
    let late = at(BEGINS + 9_500).planned;
    assert!(late >= before / 10 * 8, "{late} after {before}");
    assert!(at(BEGINS + 11_000).planned < before / 4, "{}", log.table());
}

/// A radio that holds everything for a while and then delivers it late.
#[test]
fn what_comes_late_is_no_congestion_for_long() {
    for lasts in [300, 600, 1_000] {
        for seed in 1..4 {
            let mut setup = link("stall", seed, 60);
            setup.there = setup.there.limited(3_000_000, 2_000);
            let stalled = Profile {
                rate_bps: Some(1_000),
                queue: engine_netem::Queue::Bytes(750_000),
                ..setup.there
            };
            let ends = BEGINS + lasts;
            setup.steps = vec![(BEGINS, stalled), (ends, setup.there)];
            assert_back(&setup.run(ends + 3_500), BEGINS, ends + 500);
        }
    }
}

/// Reports that stop coming lower the rate in the end, and not below what sound takes.
#[test]
fn a_dead_way_back_lowers_the_rate_with_care() {
    for seed in 1..4 {
        let mut setup = link("deaf", seed, 60);
        setup.steps_back = vec![(BEGINS, setup.back.broken())];
        let log = setup.run(15_000);
        assert!(
            log.estimate_least(0, BEGINS + 800) >= 300_000,
            "{}",
            log.table()
        );
        assert!(
            log.estimate_most(BEGINS + 4_000, 15_000) <= 400_000,
            "{}",
            log.table()
        );
        assert!(log.estimate_least(0, 15_000) >= 30_000, "{}", log.table());
    }
}

/// A laptop that sleeps for a minute begins anew.
#[test]
fn a_sleeper_begins_anew() {
    let mut setup = link("sleep", 1, 60);
    let ends = BEGINS + 60_000;
    setup.steps = vec![(BEGINS, setup.there.broken()), (ends, setup.there)];
    setup.steps_back = vec![(BEGINS, setup.back.broken()), (ends, setup.back)];
    let log = setup.run(ends + 5_000);
    let found = log.reaches(ends, 1_200_000.0);
    assert!(
        found.is_some_and(|at| at <= ends + 4_000),
        "{found:?}\n{}",
        log.table()
    );
}
