//! Senders cut a picture into packets of about one size; the kernel takes packets of exactly one size in a call.

use crate::support::{ms, Loss, Path, PeerSpec, World};

const PACKETS: usize = 4;
const SENDS: PeerSpec = PeerSpec {
    audio: false,
    audio_slots: 0,
    ..PeerSpec::BROWSER
};
const REPORTS: PeerSpec = PeerSpec {
    video: false,
    reports_each: true,
    ..SENDS
};

/// Pictures of four packets, of which the last is `uneven` bytes longer than the others, on a link whose room is found.
fn call(taker: PeerSpec, uneven: usize, delay: u64) -> World {
    let mut world = World::with_room(7, Path::with_delay(delay), &[SENDS, taker]);
    world.set_feeds(&[((1, 0), (0, 1))]);
    let source = &mut world.peers[0].senders[0];
    (source.packets_per_frame, source.payload_len) = (PACKETS, 1_000);
    source.uneven = uneven;
    world.run(ms(4_000));
    world
}

/// Packets of the next three seconds' pictures, the calls that carry several, and all calls.
fn three_seconds(world: &mut World) -> [u64; 3] {
    let counts = |world: &World| {
        let [calls, of_several] = world.calls;
        [world.slot_row(1, 0).packets, of_several, calls]
    };
    let before = counts(world);
    world.run(ms(3_000));
    let after = counts(world);
    std::array::from_fn(|at| after[at] - before[at])
}

/// A byte or three make no further call, to whoever reports on each packet. What is opened is held against what was sent,
/// in the world's own checks.
#[test]
fn packets_of_nearly_one_size_leave_together() {
    let [_, _, calls] = three_seconds(&mut call(REPORTS, 0, 10));
    for uneven in [1, 3] {
        let mut world = call(REPORTS, uneven, 10);
        let [packets, of_several, all] = three_seconds(&mut world);
        assert_eq!(of_several, packets / PACKETS as u64);
        assert!(
            all.abs_diff(calls) < 5,
            "{all} calls, and {calls} with even ones"
        );
        let receiver = &world.peers[1].receivers[0];
        assert!(receiver.padded > packets / 2);
        assert!(receiver.missing().is_empty());
    }
    // More than a few bytes are more than a call is worth, and whoever reports on nothing may be an old device.
    let plain = PeerSpec {
        reports_each: false,
        ..REPORTS
    };
    for (taker, uneven) in [(REPORTS, 40), (plain, 1)] {
        let mut world = call(taker, uneven, 10);
        let [packets, _, all] = three_seconds(&mut world);
        assert!(
            all >= packets / PACKETS as u64 * 2,
            "{all} calls for {packets}"
        );
        assert_eq!(world.peers[1].receivers[0].padded, 0);
    }
}

/// Packets that repair packets protect have no padding, which a retransmission would not have either; and they are mended
/// byte for byte.
#[test]
fn what_is_protected_has_no_padding() {
    let taker = PeerSpec {
        takes_fec: true,
        ..REPORTS
    };
    let mut world = call(taker, 1, 100);
    world.peers[1].down.loss = Loss::Random(0.05);
    world.run(ms(15_000));
    let padded = world.peers[1].receivers[0].padded;
    world.run(ms(10_000));
    let receiver = &world.peers[1].receivers[0];
    assert_eq!(receiver.padded, padded);
    assert!(receiver.fec.mended > 30, "{}", receiver.fec.mended);
}
