//! A key frame is paid for by everyone who takes the source: one receiver that keeps asking must not make the others see
//! nothing else.

use crate::support::{ms, Path, PeerSpec, World};

/// Peer 0 sends to the others, each of whom takes its pictures in slot 1.
fn call(seed: u64, receivers: usize) -> World {
    let peers = vec![PeerSpec::default(); receivers + 1];
    let mut world = World::with_room(seed, Path::with_delay(20), &peers);
    let feeds: Vec<_> = (1..=receivers).map(|peer| ((peer, 1), (0, 1))).collect();
    world.set_feeds(&feeds);
    world.run(ms(3_000));
    world
}

/// Peer 1 asks every tenth of a second; gives how many key frames its sender made of that.
fn key_frames_for_many_wishes(world: &mut World, span: u64) -> usize {
    let before = world.peers[0].senders[1].key_frames.len();
    for _ in 0..span / 100 {
        let wish = world.peers[1].pli(1);
        world.send_up(1, vec![wish]);
        world.run(ms(100));
    }
    world.peers[0].senders[1].key_frames.len() - before
}

#[test]
fn a_receiver_that_asks_all_the_time_is_answered_ever_more_seldom() {
    let mut world = call(1, 2);
    let made = key_frames_for_many_wishes(&mut world, 10_000);
    assert!((4..=8).contains(&made), "{made}");
    world.run(ms(12_000));
    assert_eq!(key_frames_for_many_wishes(&mut world, 400), 1, "calm again");
}

#[test]
fn alone_it_is_answered_whenever_it_asks() {
    let mut world = call(2, 1);
    let made = key_frames_for_many_wishes(&mut world, 5_000);
    assert!(made >= 15, "{made}");
}

#[test]
fn what_one_has_asked_for_serves_all_and_a_wish_made_before_it_came_is_none() {
    let mut world = call(3, 3);
    let before = world.peers[0].senders[1].key_frames.len();
    for peer in [1, 2, 3] {
        let wish = world.peers[peer].pli(1);
        world.send_up(peer, vec![wish]);
        world.run(ms(5));
    }
    // It leaves the bridge 60 ms after the first wish came, and arrives 20 ms later.
    world.run(ms(55));
    let crossing = world.peers[2].pli(1);
    world.send_up(2, vec![crossing]);
    world.run(ms(2_000));
    assert_eq!(world.peers[0].senders[1].key_frames.len() - before, 1);
    for peer in [1, 2, 3] {
        let row = world.slot_row(peer, 1);
        assert!(row.keyframes >= 2, "{peer}: {row:?}");
    }
}
