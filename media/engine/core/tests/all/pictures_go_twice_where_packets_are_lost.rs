//! Towards a link that loses and has room each packet of a picture goes once more, so that hardly a picture waits for a
//! repair. Nobody is asked for that, and nothing else is disturbed by it.

use crate::support::browser::{as_chromium, run, SENDS, TAKES};
use crate::support::{ms, Path, PeerSpec, World};
use engine_core::api::Kind;
use engine_core::Micros;
use std::collections::HashMap;

/// One who looks (0) and one who is seen (1), on ways of that many ms; then a share is lost both ways to the one who looks.
fn call(seed: u64, way: u64, loss: f64) -> (World, Micros) {
    let takes = PeerSpec {
        takes_fec: true,
        ..TAKES
    };
    let mut world = World::with_room(seed, Path::with_delay(way), &[takes, SENDS]);
    as_chromium(&mut world, 1);
    run(&mut world, ms(1_500));
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
    run(&mut world, ms(6_000));
    let peer = &mut world.peers[0];
    (peer.down, peer.up) = (peer.down.losing(loss), peer.up.losing(loss));
    let start = world.now;
    (world, start)
}

/// How long each of the larger encoding's pictures since a time took from capture to its last packet.
fn took(world: &World, since: Micros) -> Vec<Micros> {
    let mut receivers = world.peers[0].receivers.iter();
    let receiver = receivers.find(|one| one.spec.kind == Kind::Video && !one.got.is_empty());
    let mut came: HashMap<Micros, Micros> = HashMap::new();
    let got = receiver.unwrap().got.values();
    for got in got.filter(|got| got.tag.number >> 56 == 1 && got.tag.sent_at >= since) {
        let last = came.entry(got.tag.sent_at).or_insert(got.at);
        *last = got.at.max(*last);
    }
    came.iter().map(|(sent, came)| came.since(*sent)).collect()
}

/// Where a twentieth is lost, a picture of four packets in seven waited for a round trip without them.
#[test]
fn hardly_a_picture_waits_for_a_round_trip() {
    let (mut all, mut waited) = (0, 0);
    for seed in 1..=5 {
        let (mut world, start) = call(seed, 20, 0.05);
        run(&mut world, ms(10_000));
        let took = took(&world, start + ms(2_000));
        // Two ways of 20 ms, the copy's 20 ms and as much for a picture to leave.
        waited += took.iter().filter(|took| **took > ms(80)).count();
        all += took.len();
    }
    assert!(all > 900, "{all}");
    assert!(waited * 40 < all, "{waited} of {all}");
}

#[test]
fn they_begin_with_the_first_loss_and_end_with_the_last() {
    let (mut world, _) = call(6, 20, 0.05);
    assert_eq!(world.leg_row(0).copies_out, 0);
    run(&mut world, ms(4_000));
    let row = world.leg_row(0);
    // Of four packets of each of 25 pictures.
    assert!((250..=400).contains(&row.copies_out), "{row:?}");
    assert!(row.copied_bytes_out > row.copies_out * 800);
    let peer = &mut world.peers[0];
    (peer.down, peer.up) = (peer.down.losing(0.0), peer.up.losing(0.0));
    run(&mut world, ms(2_500));
    let before = world.leg_row(0).copies_out;
    run(&mut world, ms(5_000));
    assert_eq!(world.leg_row(0).copies_out, before);
}

#[test]
fn none_go_where_a_repair_is_as_soon() {
    let (mut world, _) = call(7, 5, 0.05);
    run(&mut world, ms(5_000));
    assert!(world.slot_row(0, 1).rtx_packets > 20);
    assert_eq!(world.leg_row(0).copies_out, 0);
}

/// What a bridge loses by itself looks like a lossy link: copies would be what keeps it late.
#[test]
fn none_go_while_the_bridge_is_late() {
    let (mut world, _) = call(8, 20, 0.05);
    for _ in 0..100 {
        world.shard.pressure_mut().note_wait(world.now, ms(11));
        run(&mut world, ms(20));
    }
    assert_eq!(world.leg_row(0).copies_out, 0);
    world.shard.pressure_mut().note_wait(world.now, ms(0));
    run(&mut world, ms(3_000));
    assert!(world.leg_row(0).copies_out > 100);
}

/// A copy asks the gate again when its time comes.
#[test]
fn none_follow_when_the_sender_may_no_longer_be_seen() {
    for closes in [false, true] {
        let (mut world, _) = call(9, 20, 0.05);
        run(&mut world, ms(3_000));
        // Until a picture has left, so that its copies wait for their time.
        let (copies, pictures) = (world.leg_row(0).copies_out, world.slot_row(0, 1).packets);
        while world.slot_row(0, 1).packets < pictures + 4 || world.leg_row(0).copies_out == copies {
            world.run(ms(1));
        }
        let pictures = world.slot_row(0, 1).packets;
        while world.slot_row(0, 1).packets == pictures {
            world.run(ms(1));
        }
        let copies = world.leg_row(0).copies_out;
        world.set_gate(1, !closes);
        world.run(ms(30));
        let followed = world.leg_row(0).copies_out - copies;
        assert_eq!(followed == 0, closes, "{followed}");
    }
}
