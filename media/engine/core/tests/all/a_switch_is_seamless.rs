//! A slot is one stream to its receiver, whoever is in it: numbers go on, times go on, pictures begin with a key frame.

use crate::support::{ms, Got, Loss, Path, PeerSpec, World};
use engine_core::api::LegId;
use engine_core::Command;

/// Peer 0 watches slot 1 while the others send.
fn audience(path: Path, senders: usize) -> World {
    let specs = vec![PeerSpec::default(); senders + 1];
    let mut world = World::with_room(11, path, &specs);
    world.run(ms(500));
    world
}

fn watch(world: &mut World, sender: usize) {
    world.set_feeds(&[((0, 0), (sender, 0)), ((0, 1), (sender, 1))]);
}

fn got(world: &World, slot: usize) -> Vec<Got> {
    world.peers[0].receivers[slot]
        .got
        .values()
        .cloned()
        .collect()
}

fn assert_no_hole(packets: &[Got]) {
    for pair in packets.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
    }
}

/// Sequence numbers, picture ids and TL0PICIDX go up by one over thirty switches, and each switch starts a key frame.
#[test]
fn numbers_go_on_over_switches() {
    let mut world = audience(Path::with_delay(15), 3);
    for turn in 0..30 {
        watch(&mut world, 1 + turn % 3);
        world.run(ms(400 + 13 * turn as u64));
    }
    let packets = got(&world, 1);
    assert_no_hole(&packets);
    assert_no_hole(&got(&world, 0));
    let mut switches = 0;
    for pair in packets.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        let (Some(a), Some(b)) = (before.pictures, after.pictures) else {
            panic!("a descriptor lost its ids");
        };
        let step = u16::from(before.marker);
        assert_eq!(b.0, (a.0 + step) & 0x7fff);
        assert_eq!(b.1, a.1.wrapping_add(step as u8));
        if before.tag.leg != after.tag.leg {
            switches += 1;
            assert!(after.key_frame, "a switch in the middle of a picture");
        }
    }
    assert_eq!(switches, 29);
    assert_eq!(world.slot_row(0, 1).switches, 30);
}

/// Timestamps advance as time does, within a frame, also over a pause with nobody in the slot.
#[test]
fn timestamps_go_on_over_switches() {
    let mut world = audience(Path::with_delay(15), 3);
    for turn in 0..12 {
        watch(&mut world, 1 + turn % 3);
        world.run(ms(700));
        if turn == 6 {
            world.set_feeds(&[]);
            world.run(ms(2_000));
        }
    }
    for (slot, rate, slack) in [(0, 48_000.0, 0.021), (1, 90_000.0, 0.035)] {
        for pair in got(&world, slot).windows(2) {
            let ticks = f64::from(pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32);
            let passed = pair[1].at.since(pair[0].at).0 as f64 / 1e6;
            assert!(
                (ticks / rate - passed).abs() < slack,
                "{ticks} ticks in {passed} s"
            );
            let new_picture = pair[0].marker || slot == 0;
            assert_eq!(new_picture, ticks > 0.0);
        }
    }
}

/// Payload types are those of the receiver, not those of the sender.
#[test]
fn payload_types_are_the_receivers() {
    let mut world = audience(Path::PERFECT, 2);
    for sender in [1, 2] {
        watch(&mut world, sender);
        world.run(ms(500));
    }
    let formats = world.peers[0].spec.slots(1);
    for (slot, spec) in formats.iter().enumerate() {
        let own = spec.formats[0].pt;
        assert!(got(&world, slot)
            .iter()
            .all(|packet| packet.payload_type == own));
    }
}

/// Five who turn to one camera at the same moment cost it one key frame.
#[test]
fn a_key_frame_is_asked_once_for_everyone() {
    let mut world = audience(Path::with_delay(20), 5);
    let feeds: Vec<_> = (0..5).map(|to| ((to, 1), (5, 1))).collect();
    world.set_feeds(&feeds);
    world.run(ms(3_000));
    let sender = &world.peers[5].senders[1];
    assert_eq!(sender.plis.len(), 1);
    assert!((0..5).all(|to| !world.peers[to].receivers[1].got.is_empty()));
}

/// A receiver that asks for key frames a hundred times a second gets no more than four a second.
#[test]
fn requests_are_throttled() {
    let mut world = audience(Path::with_delay(5), 1);
    watch(&mut world, 1);
    for _ in 0..200 {
        let pli = world.peers[0].pli(1);
        world.inject_from(0, pli);
        world.run(ms(10));
    }
    let asked = world.peers[1].senders[1].plis.len();
    assert!((7..=10).contains(&asked), "{asked} in two seconds");
    assert_eq!(world.slot_row(0, 1).keyframe_requests, 200);
}

/// A request that the network loses is repeated until the picture is there.
#[test]
fn a_lost_request_is_repeated() {
    let mut world = audience(Path::with_delay(5), 1);
    world.peers[1].down.loss = Loss::Random(1.0);
    watch(&mut world, 1);
    world.run(ms(1_200));
    assert!(got(&world, 1).is_empty());
    world.peers[1].down.loss = Loss::Random(0.0);
    world.run(ms(600));
    assert!(!got(&world, 1).is_empty());
}

/// Padding that fills the sender's line, and formats that the receiver does not take, leave no hole in the slot.
#[test]
fn what_is_left_out_leaves_no_hole() {
    let mut world = audience(Path::PERFECT, 1);
    watch(&mut world, 1);
    for _ in 0..20 {
        world.run(ms(100));
        let now = world.now;
        let sender = &mut world.peers[1].senders[1];
        let padding = sender.padding(now);
        let event = world.peers[1].senders[0].in_last_format(now);
        let datagrams = [padding, event].map(|plain| world.peers[1].protect(&plain));
        world.send_up(1, datagrams.into());
    }
    world.run(ms(100));
    assert!(got(&world, 0).len() > 90 && got(&world, 1).len() > 200);
    assert_no_hole(&got(&world, 0));
    assert_no_hole(&got(&world, 1));
}

/// A host's mute and its end are seamless, and what was sent meanwhile is neither forwarded nor fetched later.
#[test]
fn a_mute_is_seamless() {
    let mut world = audience(Path::PERFECT, 1);
    watch(&mut world, 1);
    world.run(ms(500));
    let (leg, source) = (LegId(2), 1);
    let before = world.peers[1].senders[1].key_frames.len();
    world.command(Command::SetMuted {
        leg,
        source,
        muted: true,
    });
    world.peers[1].up.loss = Loss::Random(0.2);
    world.run(ms(2_000));
    assert_eq!(
        world.peers[1].senders[1].key_frames.len(),
        before,
        "a muted camera was asked"
    );
    let muted_until = world.now;
    world.peers[1].up.loss = Loss::Random(0.0);
    world.command(Command::SetMuted {
        leg,
        source,
        muted: false,
    });
    world.run(ms(500));
    let packets = got(&world, 1);
    assert_no_hole(&packets);
    let pause = packets
        .windows(2)
        .find(|pair| pair[1].at.since(pair[0].at) > ms(1_000));
    let after = &pause.unwrap()[1];
    assert!(after.key_frame && after.tag.sent_at >= muted_until);
    assert!(world.leg_row(1).muted_drops > 100);
}

/// Who comes back through the gate is seen from a key frame on, without anybody asking for a new plan.
#[test]
fn coming_back_through_the_gate_is_seamless() {
    let mut world = audience(Path::with_delay(10), 1);
    watch(&mut world, 1);
    world.run(ms(500));
    world.set_gate(1, false);
    world.run(ms(1_000));
    world.set_gate(1, true);
    world.run(ms(300));
    let packets = got(&world, 1);
    assert_no_hole(&packets);
    let returned = packets
        .windows(2)
        .find(|pair| pair[1].at.since(pair[0].at) > ms(900));
    assert!(returned.unwrap()[1].key_frame);
}

/// With the first packets of another person comes the clock that brings their sound and picture together, and not a
/// second later.
#[test]
fn a_switch_brings_the_new_clock_at_once() {
    let mut world = audience(Path::with_delay(15), 2);
    watch(&mut world, 1);
    world.run(ms(2_300));
    for sender in [2, 1, 2] {
        let switched = world.now;
        watch(&mut world, sender);
        world.run(ms(250));
        for slot in [0, 1] {
            let leg = world.peers[sender].leg;
            let packets = got(&world, slot);
            let first = packets
                .iter()
                .find(|p| p.at >= switched && p.tag.leg == leg);
            let first = first.expect("the new person is there");
            let receiver = &world.peers[0].receivers[slot];
            let (_, _, reported) = receiver.report.unwrap();
            assert!(reported >= first.at && reported.since(first.at) <= ms(110));
            let moment = receiver.wall_clock(first.timestamp).unwrap();
            let sent = first.tag.sent_at.0 as f64;
            assert!((moment - sent).abs() < 40_000.0, "{moment} {sent}");
        }
        world.run(ms(400));
    }
}

/// However often the source in a slot changes, a leg gets no more than ten reports a second for it.
#[test]
fn reports_of_switches_are_throttled() {
    let mut world = audience(Path::PERFECT, 2);
    let before = world.leg_row(0).rtcp_out;
    for turn in 0..100 {
        watch(&mut world, 1 + turn % 2);
        world.run(ms(20));
    }
    let pli = world.peers[0].senders[1].plis.len() as u64;
    let reports = world.leg_row(0).rtcp_out - before - pli;
    assert!((15..=24).contains(&reports), "{reports} in two seconds");
}
