//! A receiver that reports on each packet by its sequence number (RFC 8888) is served like one that does so by
//! transport-wide numbers: what its link carries and loses is known alike.

use crate::support::{ms, Loss, Path, PeerSpec, World};
use engine_core::stats::LegRow;

const BY_NUMBER: PeerSpec = PeerSpec {
    reports_each: true,
    ..PeerSpec::BROWSER
};
const BY_SEQUENCE: PeerSpec = PeerSpec {
    reports_by_sequence: true,
    ..PeerSpec::BROWSER
};

/// The receiver's leg after 20 s of a link that carries so much and loses so much.
fn found(receiver: PeerSpec, rate_bps: Option<u64>, loss: f64) -> LegRow {
    let path = Path::with_delay(20);
    let mut world = World::with_room(61, path, &[PeerSpec::BROWSER, receiver]);
    world.set_feeds(&[((1, 0), (0, 0)), ((1, 1), (0, 1))]);
    // 150 kbit/s of pictures, and 30 of sound.
    world.peers[0].senders[1].payload_len = 750;
    world.peers[0].senders[0].level = 30;
    world.peers[1].down = Path {
        rate_bps,
        loss: Loss::Random(loss),
        ..path
    };
    world.run(ms(20_000));
    world.leg_row(1)
}

#[test]
fn its_link_is_known_as_by_transport_wide_numbers() {
    for (rate_bps, loss) in [(None, 0.0), (None, 0.1), (Some(150_000), 0.0)] {
        let by_sequence = found(BY_SEQUENCE, rate_bps, loss);
        let by_number = found(BY_NUMBER, rate_bps, loss);
        assert!(by_sequence.feedback_in > 100, "{by_sequence:?}");
        let ratio = by_sequence.estimate_bps as f64 / by_number.estimate_bps as f64;
        assert!(
            (0.6..1.7).contains(&ratio),
            "{ratio} at {rate_bps:?}, {loss}"
        );
        let told = by_sequence.link_loss_ppm as f64 / 1e6;
        assert!((told - loss).abs() < 0.05, "{told} for {loss}");
    }
}

#[test]
fn who_reports_on_nothing_has_no_estimate() {
    assert_eq!(found(PeerSpec::BROWSER, None, 0.0).estimate_bps, 0);
}
