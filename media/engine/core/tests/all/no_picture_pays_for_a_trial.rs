//! When a link begins to lose, it is tried whether the rate is the reason, with more of what mends losses rather than less
//! of what is looked at: pictures are neither late nor left out.

use crate::support::browser::{as_chromium, run, SENDS, TAKES};
use crate::support::{ms, Path, PeerSpec, World};
use engine_core::api::Kind;
use engine_core::Micros;
use std::collections::HashMap;

/// From capture to the last packet, on a way of 40 ms: a picture that takes longer is not waited for (`buffer.js`).
const WAITED_FOR: Micros = ms(170);

/// Two browsers, of whom the one that looks loses a tenth both ways from the moment that is given on.
fn call(seed: u64) -> (World, Micros) {
    let takes = PeerSpec {
        takes_fec: true,
        ..TAKES
    };
    let mut world = World::with_room(seed, Path::with_delay(20), &[takes, SENDS]);
    as_chromium(&mut world, 1);
    run(&mut world, ms(1_500));
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
    run(&mut world, ms(6_000));
    let start = world.now;
    let peer = &mut world.peers[0];
    (peer.down, peer.up) = (peer.down.losing(0.1), peer.up.losing(0.1));
    (world, start)
}

/// Of the larger encoding's pictures since a time: all, those that came whole too late, and those of which nothing came.
fn pictures(world: &World, since: Micros) -> (usize, usize, usize) {
    let mut receivers = world.peers[0].receivers.iter();
    let receiver = receivers.find(|one| one.spec.kind == Kind::Video && !one.got.is_empty());
    let mut came: HashMap<Micros, Micros> = HashMap::new();
    let got = receiver.unwrap().got.values();
    for got in got.filter(|got| got.tag.number >> 56 == 1) {
        let last = came.entry(got.tag.sent_at).or_insert(got.at);
        *last = got.at.max(*last);
    }
    let sent = world.peers[1].senders[2].log.iter().map(|one| one.at);
    let until = world.now - ms(1_000);
    let took = sent.filter(|at| (since..until).contains(at));
    let took: Vec<_> = took.map(|at| came.get(&at).map(|c| c.since(at))).collect();
    let late = took.iter().flatten().filter(|took| **took > WAITED_FOR);
    let left_out = took.iter().filter(|took| took.is_none());
    (took.len(), late.count(), left_out.count())
}

#[test]
fn a_link_that_begins_to_lose_is_tried_and_pictures_keep_their_place() {
    let (mut all, mut late, mut never) = (0, 0, 0);
    for seed in 1..=8 {
        let (mut world, start) = call(seed);
        run(&mut world, ms(10_000));
        let (count, came_late, left_out) = pictures(&world, start);
        (all, late, never) = (all + count, late + came_late, never + left_out);
        let fec = world.slot_row(0, 1).fec_packets;
        assert!(fec > 150, "{fec}");
    }
    assert_eq!(never, 0);
    assert!(all > 8 * 200 && late * 100 < all, "{late} of {all}");
}
