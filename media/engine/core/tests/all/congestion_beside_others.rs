//! Links whose room others take: a download that fills every queue, and a provider that drops what is too much.

use crate::congestion::{Log, Setup};

const DOWNLOAD: (u64, u64) = (6_000, 20_000);

fn beside_a_download(rate: u64, rtt: u64, queue: u64, seed: u64) -> Log {
    let setup = Setup {
        seed,
        download: Some(DOWNLOAD),
        ..Setup::new("download", Some(rate), rtt, queue)
    };
    setup.run(26_000)
}

/// A download waits for nothing and makes the queue as long as it can be. The call keeps enough for a picture, mostly as
/// much as the download, loses little, and has all of the link again when that is over.
#[test]
fn a_download_beside_does_not_take_the_pictures_away() {
    let mut shares = Vec::new();
    for rate in [1_000_000, 2_000_000, 5_000_000] {
        for (rtt, queue) in [(40, 100), (40, 300), (100, 100), (100, 300)] {
            for seed in 31..35 {
                let log = beside_a_download(rate, rtt, queue, seed);
                let (ours, theirs) = (log.arrived(9_000, 20_000), log.downloaded(9_000, 20_000));
                assert!(ours >= 150e3, "{ours:.0}\n{}", log.table());
                assert!(theirs >= 0.3 * rate as f64, "{theirs:.0}\n{}", log.table());
                let lost = log.loss(9_000, 20_000);
                assert!(lost <= 0.06, "{lost:.3}\n{}", log.table());
                let all = 0.75 * (rate as f64).min(2_500e3);
                let found = log.reaches(20_000, all);
                assert!(
                    found.is_some_and(|at| at <= 25_000),
                    "{found:?}\n{}",
                    log.table()
                );
                shares.push(ours / (rate as f64 / 2.0).min(2_500e3));
            }
        }
    }
    shares.sort_by(f64::total_cmp);
    let median = shares[shares.len() / 2];
    assert!(median >= 0.7, "{median:.2} of a half");
}

/// Most of what a policer lets pass is used, at the price of some loss whenever it is tried whether there is more, and
/// nothing waits. What its bucket takes at once is not mistaken for what it takes in the long run.
#[test]
fn a_policer_is_kept_to() {
    for (rate, burst) in [
        (300_000, 8_000),
        (500_000, 16_000),
        (500_000, 64_000),
        (1_000_000, 32_000),
        (2_000_000, 250_000),
    ] {
        for rtt in [40, 150] {
            for seed in 11..14 {
                let mut setup = Setup {
                    seed,
                    ..Setup::new("policer", None, rtt, 300)
                };
                let free = setup.there;
                setup.steps = vec![(6_000, free.policed(rate, burst)), (20_000, free)];
                let log = setup.run(32_000);
                let used = log.arrived(10_000, 20_000) / rate as f64;
                assert!(used >= 0.9, "{used:.2} of {rate}\n{}", log.table());
                let lost = log.loss(10_000, 20_000);
                assert!(lost <= 0.1, "{lost:.3}\n{}", log.table());
                let wait = log.audio_wait(10_000, 20_000, 0.9);
                assert!(wait <= 5.0, "{wait}\n{}", log.table());
                let found = log.reaches(20_000, 2.0 * rate as f64);
                assert!(found.is_some(), "{}", log.table());
            }
        }
    }
}
