//! Links that become thin and wide again, that drop without queueing, and that others use too.

use crate::congestion::Setup;
use engine_netem::Profile;

/// 2 Mbit/s, then 300 kbit/s from 6 s on, then 2 Mbit/s again from 14 s on.
fn stepping(seed: u64, rtt: u64, queue: u64) -> Setup {
    let setup = Setup {
        seed,
        ..Setup::new("step", Some(2_000_000), rtt, queue)
    };
    let thin = setup.there.limited(300_000, queue);
    Setup {
        steps: vec![(6_000, thin), (14_000, setup.there)],
        ..setup
    }
}

/// The queue is drained within a second where it is no longer than that, the thin link is used, and the wide one is found
/// again within five seconds.
#[test]
fn a_step_down_is_followed_at_once_and_a_step_up_found_soon() {
    for rtt in [40, 100, 200] {
        for queue in [100, 300, 1_000] {
            for seed in 1..4 {
                let log = stepping(seed, rtt, queue).run(20_000);
                let calm = log.calm(6_500, 100);
                let allowed = if queue > 300 { 8_200 } else { 7_200 };
                assert!(
                    calm.is_some_and(|at| at <= allowed + rtt),
                    "{calm:?}\n{}",
                    log.table()
                );
                let used = log.arrived(9_000, 14_000) / 300e3;
                assert!((0.75..=1.0).contains(&used), "{used}\n{}", log.table());
                let wait = log.audio_wait(9_000, 14_000, 0.9);
                assert!(wait <= 150.0, "{wait}\n{}", log.table());
                let found = log.reaches(14_000, 1_500_000.0);
                assert!(
                    found.is_some_and(|at| at <= 19_000),
                    "{found:?}\n{}",
                    log.table()
                );
            }
        }
    }
}

/// A bottleneck that has hardly a queue shows as loss only: it is found, and little is lost once it is.
#[test]
fn a_bottleneck_without_a_queue_is_found() {
    for rate in [300_000, 600_000, 1_000_000, 2_000_000] {
        for rtt in [40, 150] {
            for seed in 1..4 {
                let queue = (24_000_000 / rate).max(15);
                let log = Setup {
                    seed,
                    ..Setup::new("shallow", Some(rate), rtt, queue)
                }
                .run(18_000);
                let used = log.arrived(8_000, 18_000) / rate as f64;
                let lost = log.loss(8_000, 18_000);
                assert!(used >= 0.65, "{used:.2} of {rate}\n{}", log.table());
                assert!(lost <= 0.1, "{lost:.3} lost at {rate}\n{}", log.table());
            }
        }
    }
}

/// The same when it appears during the call, and with random loss of its own.
#[test]
fn a_bottleneck_without_a_queue_that_appears_is_found() {
    for share in [0.0, 0.05, 0.1] {
        for seed in 1..4 {
            let mut setup = Setup {
                seed,
                ..Setup::new("policed", Some(2_000_000), 60, 50)
            };
            setup.there = setup.there.losing(share);
            let thin = setup.there.limited(500_000, 50);
            setup.steps = vec![(6_000, thin), (16_000, setup.there)];
            let log = setup.run(22_000);
            let used = log.arrived(9_000, 16_000) / (1.0 - share) / 500e3;
            assert!(used >= 0.65, "{used:.2}\n{}", log.table());
            let lost = log.loss(9_000, 16_000);
            assert!(lost <= share + 0.1, "{lost:.3}\n{}", log.table());
            let found = log.reaches(16_000, 1_000_000.0);
            assert!(found.is_some(), "{}", log.table());
        }
    }
}

/// Other traffic that takes half of the link is made room for, and the room is taken back.
#[test]
fn other_traffic_is_made_room_for() {
    for seed in 1..5 {
        let setup = Setup {
            seed,
            ..Setup::new("others", Some(2_000_000), 60, 300)
        };
        let log = Setup {
            cross: Some((1_000_000, 6_000, 13_000)),
            ..setup
        }
        .run(18_000);
        let used = log.arrived(8_000, 13_000);
        assert!(
            (650_000.0..=1_050_000.0).contains(&used),
            "{used:.0}\n{}",
            log.table()
        );
        let wait = log.audio_wait(8_000, 13_000, 0.9);
        assert!(wait <= 120.0, "{wait}\n{}", log.table());
        let found = log.reaches(13_000, 1_500_000.0);
        assert!(
            found.is_some_and(|at| at <= 18_000),
            "{found:?}\n{}",
            log.table()
        );
    }
}

/// Another path, longer by 100 ms, is no queue for long.
#[test]
fn a_longer_path_is_no_congestion() {
    for seed in 1..4 {
        let mut setup = Setup {
            seed,
            ..Setup::new("path", Some(2_000_000), 60, 300)
        };
        setup.steps = vec![(
            6_000,
            Profile {
                delay_us: 130_000,
                ..setup.there
            },
        )];
        let log = setup.run(20_000);
        let used = log.arrived(12_000, 20_000);
        assert!(used >= 1_500_000.0, "{used:.0}\n{}", log.table());
    }
}

/// What only sound fits through carries sound: the estimate is low, and comes back.
#[test]
fn sixty_kilobits_carry_sound() {
    for seed in 1..4 {
        let mut setup = Setup {
            seed,
            ..Setup::new("sound", Some(1_000_000), 60, 300)
        };
        setup.steps = vec![
            (6_000, setup.there.limited(70_000, 300)),
            (14_000, setup.there),
        ];
        let log = setup.run(20_000);
        assert!(
            log.estimate_mean(9_000, 14_000) <= 100_000.0,
            "{}",
            log.table()
        );
        assert!(log.loss(9_000, 14_000) <= 0.05, "{}", log.table());
        let wait = log.audio_wait(9_000, 14_000, 0.9);
        assert!(wait <= 250.0, "{wait}\n{}", log.table());
        let found = log.reaches(14_000, 700_000.0);
        assert!(
            found.is_some_and(|at| at <= 19_000),
            "{found:?}\n{}",
            log.table()
        );
    }
}
