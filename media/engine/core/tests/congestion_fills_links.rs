//! On links that lose nothing of their own, the rate fills the link, and sound waits little behind pictures.

mod congestion;

use congestion::Setup;

const RATES: [u64; 6] = [150_000, 300_000, 600_000, 1_000_000, 2_000_000, 5_000_000];

fn wanting_all(name: &'static str, rate: u64, rtt: u64, queue: u64) -> Setup {
    let setup = Setup::new(name, Some(rate), rtt, queue);
    Setup {
        seed: rate + rtt,
        video_bps: 6_000_000,
        ..setup
    }
}

/// Rates, round trips and queues: found within seconds, filled to 80 % and more, never overfilled, and a queue of less
/// than 100 ms on average even where there is room for a second.
#[test]
fn steady_links_are_filled_and_queues_kept_short() {
    for rate in RATES {
        for rtt in [20, 60, 150, 300] {
            for queue in [100, 300, 1_000] {
                let log = wanting_all("steady", rate, rtt, queue).run(13_000);
                let used = log.arrived(6_000, 13_000) / rate as f64;
                assert!(
                    (0.8..=1.0).contains(&used),
                    "{used:.2} of {rate}\n{}",
                    log.table()
                );
                let offered = log.sent(6_000, 13_000) / rate as f64;
                assert!(offered <= 1.1, "{offered:.2} of {rate}\n{}", log.table());
                let wait = log.audio_wait(6_000, 13_000, 0.5);
                assert!(wait <= 60.0, "{wait} ms at {rate}\n{}", log.table());
                let wait = log.audio_wait(6_000, 13_000, 0.95);
                assert!(wait <= 120.0, "{wait} ms at {rate}\n{}", log.table());
            }
        }
    }
}
