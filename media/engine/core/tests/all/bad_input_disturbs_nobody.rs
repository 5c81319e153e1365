//! Any bytes from anywhere: a counter moves, nothing panics, and everybody else's call goes on as if nothing were.

use crate::support::{feed, ms, Path, PeerSpec, Plain, World};
use engine_core::api::{LegId, Refusal, RoomId};
use engine_core::stats::ShardRow;
use engine_core::{Command, Event};
use proptest::prelude::*;
use std::net::SocketAddr;

/// Peers 0 and 1 talk; peer 2 is in the same room and up to no good.
fn call(seed: u64) -> World {
    let mut world = World::with_room(seed, Path::PERFECT, &[PeerSpec::default(); 3]);
    world.set_feeds(&[
        ((0, 1), (1, 1)),
        ((1, 1), (0, 1)),
        ((0, 0), (1, 0)),
        ((1, 0), (0, 0)),
    ]);
    world.run(ms(300));
    world
}

fn assert_call_is_whole(world: &mut World) {
    let before = world.peers[1].receivers[1].got.len();
    world.run(ms(400));
    for peer in 0..2 {
        for receiver in &world.peers[peer].receivers {
            assert_eq!(receiver.missing(), [0_u64; 0]);
        }
        let row = world.leg_row(peer);
        let trouble = (
            row.srtp_failures,
            row.replays,
            row.malformed_rtcp,
            row.unknown_streams,
        );
        assert_eq!(trouble, (0, 0, 0, 0));
    }
    assert!(world.peers[1].receivers[1].got.len() >= before + 40);
}

fn turned_away(row: &ShardRow) -> u64 {
    let stun = row.stun_malformed + row.stun_unknown_user + row.stun_unauthenticated;
    let media = row.media_unknown_address + row.rtp_malformed + row.media_before_keys;
    row.unclassified + stun + media + row.dtls_unknown_address
}

fn stranger() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 66], 6_666))
}

/// Bytes that look like one of the protocols more often than chance would have it.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let starts = prop_oneof![
        Just(vec![]),
        Just(vec![0x80, 96]),
        Just(vec![0x90, 111]),
        Just(vec![0x80, 200]),
        Just(vec![0x81, 206]),
        Just(vec![0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42]),
        Just(vec![22, 254, 253]),
    ];
    (starts, prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(mut start, rest)| {
        start.extend(rest);
        start
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Arbitrary datagrams of a stranger are each counted where they were turned away, and never answered.
    #[test]
    fn a_stranger_disturbs_nobody(datagrams in prop::collection::vec(datagram(), 1..30)) {
        let mut world = call(1);
        let before = turned_away(&world.snapshot().shards[0]);
        let count = datagrams.len() as u64;
        let mut batch: Vec<_> = datagrams.into_iter().map(|data| (stranger(), data)).collect();
        world.inject(&mut batch);
        assert_eq!(turned_away(&world.snapshot().shards[0]) - before, count);
        assert_call_is_whole(&mut world);
    }

    /// Arbitrary datagrams from a participant's own address disturb that participant at most.
    #[test]
    fn a_participant_disturbs_nobody_else(datagrams in prop::collection::vec(datagram(), 1..30)) {
        let mut world = call(2);
        for datagram in datagrams {
            world.inject_from(2, datagram);
        }
        assert_call_is_whole(&mut world);
    }

    /// Genuine, well encrypted nonsense inside RTP and RTCP disturbs nobody else.
    #[test]
    fn authentic_nonsense_disturbs_nobody_else(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20),
        kinds in prop::collection::vec(0_u8..4, 20),
    ) {
        let mut world = call(3);
        world.set_feeds(&[((0, 1), (1, 1)), ((1, 1), (0, 1)), ((2, 1), (0, 1))]);
        for (body, kind) in bodies.iter().zip(kinds) {
            let datagram = nonsense(&mut world, body, kind);
            world.inject_from(2, datagram);
        }
        assert_call_is_whole(&mut world);
    }

    /// A genuine packet with any one bit turned is refused and counted, and the packet itself still passes.
    #[test]
    fn a_damaged_packet_is_refused(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut world = call(4);
        world.peers[2].senders.iter_mut().for_each(|sender| sender.on = false);
        let now = world.now;
        let packet = world.peers[2].frame(now, 0).remove(0);
        let mut damaged = packet.clone();
        damaged[at.index(packet.len())] ^= 1 << bit;
        let before = world.source_row(2, 0).packets;
        world.inject_from(2, damaged);
        assert_eq!(world.source_row(2, 0).packets, before);
        world.inject_from(2, packet);
        assert_eq!(world.source_row(2, 0).packets, before + 1);
        assert_call_is_whole(&mut world);
    }
}

fn nonsense(world: &mut World, body: &[u8], kind: u8) -> Vec<u8> {
    let now = world.now;
    let peer = &mut world.peers[2];
    if kind == 0 {
        let mut rtcp = vec![0x80, 200, 0, 1, 0, 0, 0, 9];
        rtcp.extend_from_slice(body);
        return peer.protect_rtcp(rtcp);
    }
    let mut plain = peer.senders[usize::from(kind % 2)].frame(now).remove(0);
    match kind {
        1 => plain.bytes.truncate(plain.header_len),
        2 => plain.bytes[0] |= 0x20,
        _ => plain.bytes[1] ^= body.first().copied().unwrap_or(1) & 0x1f,
    }
    plain.bytes.extend_from_slice(body);
    peer.protect(&Plain { ..plain })
}

/// A packet that comes again, at once or much later, is refused by the replay window and not forwarded twice.
#[test]
fn a_replay_is_refused() {
    let mut world = call(5);
    let now = world.now;
    let frame = world.peers[2].frame(now, 1);
    let address = world.peers[2].address;
    for _ in 0..3 {
        world.inject(
            &mut frame
                .iter()
                .map(|data| (address, data.clone()))
                .collect::<Vec<_>>(),
        );
        world.run(ms(100));
    }
    assert_eq!(world.leg_row(2).replays, 8);
}

/// A leg without keys, or one that nobody knows, gets and gives nothing, whatever arrives.
#[test]
fn media_before_the_keys_is_dropped() {
    let mut world = call(6);
    let mut late = world.join(1, PeerSpec::default());
    world.command(Command::RemoveLeg {
        leg: LegId(world.peers[late].leg),
    });
    late = world.join(1, PeerSpec::default());
    let (leg, add) = (LegId(world.peers[late].leg), world.peers[late].add_leg());
    world.command(Command::RemoveLeg { leg });
    world.command(add);
    world.set_gate(late, true);
    world.run(ms(300));
    assert!(world.snapshot().shards[0].media_before_keys > 10);
    assert_eq!(world.leg_row(late).rtp_out, 0);
}

/// Commands that make no sense are answered with a refusal each and change nothing.
#[test]
fn senseless_commands_are_refused() {
    let mut world = call(7);
    let again = world.peers[0].add_leg();
    let rekey = world.peers[0].set_keys();
    let nobody = LegId(999);
    let bad_keys = Command::SetKeys {
        leg: LegId(1),
        profile: "NULL".into(),
        local: vec![],
        remote: vec![],
    };
    let room = RoomId(1);
    let feeds = vec![
        feed((1, 7), (2, 1)),
        feed((1, 0), (2, 1)),
        feed((1, 1), (1, 1)),
        feed((999, 0), (1, 0)),
    ];
    let commands = [
        (again, Refusal::DuplicateLeg, 1),
        (rekey, Refusal::AlreadyKeyed, 1),
        (bad_keys, Refusal::BadKeys, 1),
        (
            Command::SetGate {
                leg: nobody,
                open: true,
            },
            Refusal::UnknownLeg,
            1,
        ),
        (
            Command::SetMuted {
                leg: LegId(1),
                source: 9,
                muted: true,
            },
            Refusal::BadDescription,
            1,
        ),
        (Command::RemoveLeg { leg: nobody }, Refusal::UnknownLeg, 1),
        (
            Command::SendDtls {
                leg: nobody,
                datagrams: vec![],
            },
            Refusal::UnknownLeg,
            1,
        ),
        (
            Command::SendDtls {
                leg: LegId(1),
                datagrams: vec![vec![0x80; 40].into()],
            },
            Refusal::BadDescription,
            1,
        ),
        (
            Command::SendDtls {
                leg: LegId(1),
                datagrams: vec![vec![].into()],
            },
            Refusal::BadDescription,
            1,
        ),
        (
            Command::SetFeeds { room, feeds },
            Refusal::BadDescription,
            4,
        ),
    ];
    for (command, code, count) in commands {
        let seen = world.events.len();
        world.command(command);
        let refused = world.events[seen..].iter().filter(|(_, event)| {
            matches!(event, Event::CommandRefused { code: found, .. } if *found == code)
        });
        assert_eq!(refused.count(), count, "{code:?}");
    }
    let plan = [
        ((0, 1), (1, 1)),
        ((1, 1), (0, 1)),
        ((0, 0), (1, 0)),
        ((1, 0), (0, 0)),
    ];
    world.set_feeds(&plan);
    world.run(ms(400));
    assert!(world.peers[0]
        .receivers
        .iter()
        .all(|receiver| receiver.missing().is_empty()));
}

/// DTLS reaches the control plane only from proved addresses, and no more of it than handshakes need.
#[test]
fn dtls_is_rationed() {
    let mut world = call(8);
    let record = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for _ in 0..500 {
        world.inject_from(2, record.clone());
        world.inject(&mut [(stranger(), record.clone())]);
    }
    let told = world
        .events
        .iter()
        .filter(|(_, event)| matches!(event, Event::Dtls { .. }));
    assert_eq!(told.count(), 60);
    assert_eq!(world.leg_row(2).dtls_drops, 440);
    assert_eq!(world.snapshot().shards[0].dtls_unknown_address, 500);
}
