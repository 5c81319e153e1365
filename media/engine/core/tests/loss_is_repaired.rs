//! What a network loses is asked for and sent again, on both halves of the way.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use support::{ms, Path, PeerSpec, World};

/// A sender and a receiver with this share of packets lost each way, after `seconds` and a second of calm.
fn call(seed: u64, loss: f64, seconds: u64) -> World {
    let mut world = World::with_room(seed, Path::lossy(loss), &[PeerSpec::default(); 2]);
    world.set_feeds(&[((1, 0), (0, 0)), ((1, 1), (0, 1))]);
    world.run(ms(seconds * 1_000));
    world.peers[0]
        .senders
        .iter_mut()
        .for_each(|sender| sender.on = false);
    world.run(ms(1_500));
    world
}

/// With a tenth of all packets lost each way, the receiver has all but a few of the video's packets in the end.
#[test]
fn a_tenth_lost_each_way_is_repaired() {
    for seed in [1, 2, 3] {
        let world = call(seed, 0.1, 20);
        let video = &world.peers[1].receivers[1];
        let (missing, got) = (video.missing().len(), video.got.len());
        assert!(got > 2_000, "seed {seed}: {got} packets");
        assert!(
            missing * 1_000 <= got,
            "seed {seed}: {missing} of {got} missing"
        );
        let repaired = video.got.values().filter(|got| got.repaired).count();
        assert!(repaired * 20 > got, "seed {seed}: {repaired} repaired");
    }
}
