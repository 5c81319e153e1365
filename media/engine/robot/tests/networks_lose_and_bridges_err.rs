//! What robots make of a bad network and of a bad bridge.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use engine_core::api::Codec;
use engine_core::Micros;
use engine_robot::api::{ClientId, Event};
use engine_robot::Command;
use engine_wire::demux::{classify, Class};
use engine_wire::rtp::RtpHeader;
use std::collections::HashMap;
use support::{ms, Jitter, Path, RobotSpec, World};

/// Lets senders stop and the last repairs arrive.
fn settle(world: &mut World) {
    world.hush();
    for robot in &mut world.robots {
        (robot.up, robot.down) = (Path::with_delay(20), Path::with_delay(20));
    }
    world.run(ms(2_500));
}

/// With a twentieth of everything lost each way, pictures are whole in the end: robots answer the engine's requests, and
/// the engine theirs.
#[test]
fn loss_is_repaired_both_ways() {
    for seed in [1, 3] {
        let mut world = World::with_room(seed, Path::lossy(0.05), 2, RobotSpec::default());
        world.run(ms(20_000));
        settle(&mut world);
        let (row, sender) = (world.receiver(1, 1), world.sender(2, 1));
        assert!(row.packets > 1_000, "{row:?}");
        assert!(row.repaired > 40 && row.nacks >= row.repaired, "{row:?}");
        assert!(row.lost * 500 <= row.packets, "{row:?}");
        assert!(sender.rtx_packets > 40 && sender.nacks >= sender.rtx_packets);
        let upstream = world.stream(2, 0, 1);
        assert!(upstream.recovered > 30, "{upstream:?}");
        assert_eq!(faults(&row), 0);
        // Sound is not repaired: what the network lost is lost.
        let sound = world.receiver(1, 0);
        assert!(sound.lost > 20 && sound.repaired == 0 && sound.nacks == 0);
    }
}

fn faults(row: &engine_robot::stats::ReceiverRow) -> u64 {
    row.content_failures + row.wrong_source + row.auth_failures + row.unexpected
}

/// Without a retransmission stream robots send the lost packet itself again, and the engine gets it.
#[test]
fn loss_is_repaired_without_a_retransmission_stream() {
    let spec = RobotSpec {
        rtx: false,
        ..RobotSpec::default()
    };
    let mut world = World::with_room(2, Path::with_delay(20), 2, spec);
    world.robots[1].up = Path::lossy(0.05);
    world.run(ms(20_000));
    settle(&mut world);
    let (row, sender) = (world.receiver(1, 1), world.sender(2, 1));
    assert!(sender.rtx_packets > 40, "{sender:?}");
    assert_eq!((row.lost, faults(&row)), (0, 0), "{row:?}");
    assert_eq!(row.packets, row.expected);
}

/// What is sent again without a retransmission stream is the same packet bit for bit: anything else under its nonce
/// would give the key away.
#[test]
fn a_plain_retransmission_is_the_same_packet() {
    let spec = RobotSpec {
        rtx: false,
        ..RobotSpec::default()
    };
    let mut world = World::with_room(4, Path::lossy(0.1), 2, spec);
    world.run(ms(10_000));
    let mut seen: HashMap<(u64, u32, u16), &[u8]> = HashMap::new();
    let mut again = 0;
    for (_, robot, datagram) in &world.sent {
        if classify(datagram) != Class::Rtp {
            continue;
        }
        let header = RtpHeader::parse(datagram).unwrap();
        let key = (*robot, header.ssrc, header.sequence);
        if let Some(before) = seen.insert(key, datagram) {
            assert_eq!(before, datagram);
            again += 1;
        }
    }
    assert!(again > 50, "{again}");
}

/// Duplicates and late packets are told from loss.
#[test]
fn order_is_told_from_loss() {
    let mut path = Path::with_delay(20);
    path.jitter = Jitter::UniformUs(6_000);
    path.duplicate = 0.05;
    let mut world = World::with_room(5, path, 2, RobotSpec::default());
    world.run(ms(10_000));
    settle(&mut world);
    let row = world.receiver(1, 1);
    assert!(row.duplicates > 20 && row.reordered > 20, "{row:?}");
    assert_eq!((row.lost, row.content_failures), (0, 0));
    assert!((500..6_000).contains(&row.jitter_us), "{}", row.jitter_us);
}

/// A packet that was changed on its way fails authentication, is counted, and is asked for again.
#[test]
fn a_changed_packet_fails_authentication() {
    let mut world = World::with_room(6, Path::with_delay(5), 2, RobotSpec::default());
    world.run(ms(1_000));
    let before = world.receiver(1, 1);
    let mut broken = 0;
    for (_, _, datagram) in world.sent.clone() {
        // Anybody's packet under another robot's key is as good as noise.
        let header = RtpHeader::parse(&datagram);
        let Some(header) = header.ok().filter(|h| h.payload_type == 96) else {
            continue;
        };
        let mut forged = datagram;
        forged[8..12].copy_from_slice(&1_001_u32.to_be_bytes());
        forged[2..4].copy_from_slice(&header.sequence.wrapping_add(300).to_be_bytes());
        world.deliver_from_engine(0, forged);
        broken += 1;
    }
    let row = world.receiver(1, 1);
    assert!(broken > 50);
    assert_eq!(row.auth_failures - before.auth_failures, broken);
    assert_eq!(
        (row.packets, row.expected),
        (before.packets, before.expected)
    );
    world.run(ms(1_000));
    let row = world.receiver(1, 1);
    assert_eq!((row.lost, row.content_failures), (0, 0));
}

/// A bridge that mixes up bytes under good authentication is found by the checksum, in every codec.
#[test]
fn corrupt_content_is_found() {
    for codec in [Codec::Vp8, Codec::H264] {
        let spec = RobotSpec {
            codec,
            ..RobotSpec::default()
        };
        let mut world = World::with_room(7, Path::with_delay(5), 2, spec);
        let mut count = 0_u64;
        world.tamper = Some(Box::new(move |robot, header, packet| {
            count += u64::from(robot == 1);
            let byte = packet.get_mut(header.header_len + 12);
            if let Some(byte) = byte.filter(|_| robot == 1 && count.is_multiple_of(40)) {
                *byte ^= 0x40;
            }
        }));
        world.run(ms(10_000));
        for receiver in [0, 1] {
            let row = world.receiver(1, receiver);
            assert!(row.content_failures > 3, "{codec:?} {row:?}");
            assert!(row.checked > row.content_failures * 5);
            assert_eq!(world.receiver(2, receiver).content_failures, 0);
        }
    }
}

/// With a tenth of pictures checked, about a tenth of a fault's pictures are seen, and the rest is never decrypted.
#[test]
fn a_share_is_checked() {
    let spec = RobotSpec {
        check_percent: 10,
        ..RobotSpec::default()
    };
    let mut world = World::with_room(8, Path::with_delay(5), 2, spec);
    world.run(ms(30_000));
    let row = world.receiver(1, 1);
    assert!((50..140).contains(&row.checked), "{row:?}");
    assert_eq!(
        (row.lost, row.content_failures, row.wrong_source),
        (0, 0, 0)
    );
    assert!(row.packets > 2_000);
}

/// Loss that nobody repairs costs a request for a key frame.
#[test]
fn unrepaired_loss_asks_for_a_key_frame() {
    let spec = RobotSpec {
        nack: false,
        rtx: false,
        ..RobotSpec::default()
    };
    let mut world = World::with_room(9, Path::with_delay(10), 2, spec);
    world.run(ms(2_000));
    assert_eq!(world.receiver(1, 1).keyframe_requests, 0);
    world.robots[0].down = Path::lossy(1.0);
    world.run(ms(100));
    world.robots[0].down = Path::with_delay(10);
    let before = world.receiver(1, 1).keyframes;
    world.run(ms(2_500));
    let row = world.receiver(1, 1);
    assert!(row.lost > 2 && row.keyframe_requests >= 1, "{row:?}");
    assert!(row.keyframes > before);
    assert!(world.sender(2, 1).keyframe_requests >= 1);
}

/// A peer that falls silent loses a robot 30 s after its last answer; then not a byte leaves, and the others go on.
#[test]
fn consent_expires() {
    let mut world = World::with_room(10, Path::with_delay(10), 3, RobotSpec::default());
    world.run(ms(10_000));
    world.robots[0].down = Path::lossy(1.0);
    let cut = world.now;
    world.run(ms(40_000));
    let failed = world
        .events
        .iter()
        .find(|(_, event)| matches!(event, Event::ConsentFailed { .. }));
    let (at, event) = failed.unwrap().clone();
    assert_eq!(
        event,
        Event::ConsentFailed {
            client: ClientId(1)
        }
    );
    let waited = at.since(cut).0 / 1_000;
    assert!((24_000..=30_000).contains(&waited), "{waited} ms");
    let last = world.sent.iter().rfind(|(_, robot, _)| *robot == 1);
    assert!(last.unwrap().0 <= at);
    assert_eq!((world.client(1).failed, world.client(1).connected), (1, 0));
    assert_eq!(world.receiver(2, 2).lost, 0);
    assert!(world.receiver(2, 3).last_us + 200_000 > world.now.0);
}

/// Checks, keys and media survive a network that loses a third of everything; the join takes seconds at worst.
#[test]
fn robots_join_over_a_bad_network() {
    for seed in 20..26 {
        let mut path = Path::lossy(0.33);
        path.jitter = Jitter::Off;
        let mut world = World::with_room(seed, path, 2, RobotSpec::default());
        world.run(ms(15_000));
        for number in [1, 2] {
            let row = world.client(number);
            assert_eq!(row.connected, 1, "seed {seed}");
            assert!(row.checks_sent <= 16 && row.checks_answered >= 1);
            assert!(world.receiver(number, 1).packets > 10, "seed {seed}");
        }
    }
}

/// A robot that is removed is silent and forgotten; its name may be used again, its place is.
#[test]
fn a_robot_leaves() {
    let mut world = World::with_room(11, Path::PERFECT, 3, RobotSpec::default());
    world.run(ms(2_000));
    let client = ClientId(2);
    world.command(Command::RemoveClient { client });
    let gone = world.now;
    let removed = (gone, Event::ClientRemoved { client });
    assert!(world.events.contains(&removed));
    world.run(ms(2_000));
    let after = |(at, robot, _): &&(Micros, u64, Vec<u8>)| *at > gone && *robot == 2;
    assert_eq!(world.sent.iter().filter(after).count(), 0);
    assert!(world.snapshot().clients.iter().all(|row| row.client != 2));
    assert!(world.receiver(1, 3).last_us + 100_000 > world.now.0);
}
