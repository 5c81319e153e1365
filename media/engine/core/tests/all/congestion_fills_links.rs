//! On links that lose nothing of their own, the rate fills the link, and sound waits little behind pictures.

use crate::congestion::{Log, Setup};

const RATES: [u64; 6] = [150_000, 300_000, 600_000, 1_000_000, 2_000_000, 5_000_000];

fn wanting_all(name: &'static str, rate: u64, rtt: u64, queue: u64) -> Setup {
    Setup {
        seed: rate + rtt + queue,
        video_bps: 6_000_000,
        ..Setup::new(name, Some(rate), rtt, queue)
    }
}

/// Filled to that share, not overfilled, and the usual and the long waits of sound bounded.
fn assert_good(log: &Log, rate: u64, share: f64, waits: [f64; 2]) {
    let used = log.arrived(5_000, 12_000) / rate as f64;
    assert!(
        (share..=1.0).contains(&used),
        "{used:.2} of {rate}\n{}",
        log.table()
    );
    let offered = log.sent(5_000, 12_000) / rate as f64;
    assert!(offered <= 1.1, "{offered:.2} of {rate}\n{}", log.table());
    for (most, of) in waits.into_iter().zip([0.5, 0.95]) {
        let wait = log.audio_wait(5_000, 12_000, of);
        assert!(wait <= most, "{wait} ms at {rate}\n{}", log.table());
    }
}

/// Rates, round trips and queues: found within seconds, filled, and a short queue even where there is room for a second.
#[test]
fn steady_links_are_filled_and_queues_kept_short() {
    for rate in RATES {
        for rtt in [20, 60, 150, 300] {
            for queue in [100, 1_000] {
                let log = wanting_all("steady", rate, rtt, queue).run(12_000);
                assert_good(&log, rate, 0.8, [55.0, 150.0]);
            }
        }
    }
}

/// Pictures that differ in size by half, and key frames of five times the size.
#[test]
fn uneven_pictures_fill_links_too() {
    for rate in &RATES[..5] {
        for rtt in [40, 200] {
            let uneven = wanting_all("uneven", *rate, rtt, 300);
            let varied = Setup {
                variation: 0.5,
                ..uneven.clone()
            };
            assert_good(&varied.run(12_000), *rate, 0.75, [60.0, 200.0]);
            let keyed = Setup {
                key_frames: Some((5.0, 75)),
                ..uneven
            };
            assert_good(&keyed.run(12_000), *rate, 0.75, [60.0, 200.0]);
        }
    }
}

/// A link is found within a second or two of the start, whatever it is: probes see to that.
#[test]
fn links_are_found_soon() {
    for rate in [600_000, 1_000_000, 2_000_000, 5_000_000] {
        for rtt in [20, 60, 150, 300] {
            let log = wanting_all("start", rate, rtt, 300).run(6_000);
            let found = log.reaches(0, 0.7 * rate as f64);
            assert!(
                found.is_some_and(|ms| ms <= 3_500),
                "{rate} {rtt}: {found:?}\n{}",
                log.table()
            );
        }
    }
}

/// Who sends little is not thought to have room for anything, and loses nothing of what a probe has shown.
#[test]
fn a_sender_of_little_is_known_to_have_a_little_more() {
    let setup = Setup {
        video_bps: 300_000,
        ..wanting_all("little", 5_000_000, 60, 300)
    };
    let log = setup.run(12_000);
    let (least, most) = (
        log.estimate_least(3_000, 12_000),
        log.estimate_most(0, 12_000),
    );
    assert!(
        least >= 350_000 && most <= 1_300_000,
        "{least} {most}\n{}",
        log.table()
    );
    assert!(log.padding_share(3_000) < 0.02, "{}", log.table());
}

/// Probes cost little on a link that is full.
#[test]
fn probes_cost_little() {
    for rate in RATES {
        let log = wanting_all("probes", rate, 60, 300).run(12_000);
        let share = log.padding_share(3_000);
        assert!(share < 0.05, "{share:.3} at {rate}");
    }
}
