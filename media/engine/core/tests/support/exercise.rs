//! What the fuzz targets run, and the tests that replay what fuzzing has kept: an input is a list of steps.

use super::{feed, ms, Input, Peer, PeerSpec, Plain, World};
use engine_core::api::{LegId, RoomId};
use engine_core::Command;
use engine_srtp::{Inbound, KeyType, Outbound, Profile};
use engine_wire::rtp::{FixedHeader, RtpHeader};
use std::collections::HashSet;
use std::net::SocketAddr;

/// Panics if what should hold does not.
pub type Exercise = fn(&[u8]);

/// Every exercise by the name of its fuzz target.
pub const ALL: [(&str, Exercise); 4] = [
    ("shard", shard),
    ("srtp", srtp),
    ("h235", h235),
    ("lines", super::on_lines::lines),
];

/// Three legs, two admitted and one not; datagrams of every sort from them and from strangers, and commands in between.
/// Whatever comes out is opened: to whom, under which nonce, and whether the gate and the plan allow it.
pub fn shard(data: &[u8]) {
    let mut world = World::new(1);
    world.auditor.any_payload = true;
    let spec = PeerSpec {
        sends_red: true,
        takes_red: true,
        takes_fec: true,
        ..PeerSpec::default()
    };
    for peer in 0..3 {
        world.join(1, spec);
        world.peers[peer]
            .senders
            .iter_mut()
            .for_each(|sender| sender.on = false);
        let check = world.peers[peer].check(true);
        world.inject_from(peer, check);
        world.set_gate(peer, peer < 2);
    }
    world.set_feeds(&[
        ((0, 1), (1, 1)),
        ((1, 1), (0, 1)),
        ((2, 0), (0, 0)),
        ((1, 0), (2, 0)),
    ]);
    let mut input = Input(data);
    while !input.0.is_empty() {
        step(&mut world, &mut input);
    }
    world.run(ms(20));
}

fn step(world: &mut World, input: &mut Input<'_>) {
    let (kind, peer) = (input.byte(), usize::from(input.byte()) % 3);
    match kind % 9 {
        0 => {
            let from = SocketAddr::from(([192, 0, 2, 1], input.number()));
            world.inject(&mut [(from, input.bytes().to_vec())]);
        }
        1 => world.inject_from(peer, input.bytes().to_vec()),
        2 => picture(world, peer, input.byte()),
        3 => {
            let packet = any_rtp(&world.peers[peer], input);
            world.inject_from(peer, packet);
        }
        4 => {
            let mut rtcp = vec![0x80, 201, 0, 1, 0, 0, 0, 1];
            rtcp.extend_from_slice(input.bytes());
            let packet = world.peers[peer].protect_rtcp(rtcp);
            world.inject_from(peer, packet);
        }
        5 => check(world, peer, input),
        6 => world.run(ms(u64::from(input.number() % 2_000))),
        7 => {
            let lost: Vec<u16> = (0..=input.byte() % 40)
                .map(|back| input.number() ^ u16::from(back))
                .collect();
            let nack = world.peers[peer].nack(1, &lost);
            world.inject_from(peer, nack);
        }
        _ => command(world, peer, input),
    }
}

/// A sound or a picture as peers send it, with one packet left out if so wished.
fn picture(world: &mut World, peer: usize, choice: u8) {
    let (now, address) = (world.now, world.peers[peer].address);
    let mut packets = world.peers[peer].frame(now, usize::from(choice & 1));
    if choice & 2 != 0 {
        packets.swap_remove(usize::from(choice >> 2) % packets.len());
    }
    world.inject(
        &mut packets
            .into_iter()
            .map(|data| (address, data))
            .collect::<Vec<_>>(),
    );
}

/// Genuine RTP with whatever the input says in it.
fn any_rtp(peer: &Peer, input: &mut Input<'_>) -> Vec<u8> {
    let sequence = input.number();
    let ssrc = match input.byte() {
        choice @ 0..=199 => peer.senders[usize::from(choice & 1)].ssrc + u32::from(choice >> 1 & 1),
        other => u32::from(other),
    };
    let header = FixedHeader {
        marker: false,
        payload_type: input.byte(),
        sequence,
        timestamp: u32::from(input.number()) << 8,
        ssrc,
    };
    let mut bytes = header.to_bytes().to_vec();
    bytes[0] |= input.byte() & 0x3f;
    bytes.extend_from_slice(input.bytes());
    let header_len = RtpHeader::parse(&bytes).map_or(12, |header| header.header_len);
    let plain = Plain {
        bytes,
        header_len,
        sequence: sequence.into(),
    };
    peer.protect(&plain)
}

/// A good check, from the peer's own address or from another's.
fn check(world: &mut World, peer: usize, input: &mut Input<'_>) {
    let choice = input.byte();
    let check = world.peers[peer].check(choice & 1 != 0);
    let from = usize::from(choice >> 1) % 4;
    let from = world
        .peers
        .get(from)
        .map_or(SocketAddr::from(([10, 0, 9, choice], 9)), |other| {
            other.address
        });
    world.prove_address(peer, from);
    world.inject(&mut [(from, check)]);
}

fn command(world: &mut World, peer: usize, input: &mut Input<'_>) {
    let (leg, room) = (LegId(world.peers[peer].leg), RoomId(1));
    let choice = input.byte();
    let command = match choice % 7 {
        0 => Command::SetGate {
            leg,
            open: choice & 8 != 0,
        },
        1 => Command::SetMuted {
            leg,
            source: u16::from(choice >> 4),
            muted: choice & 8 != 0,
        },
        2 => Command::RemoveLeg { leg },
        3 => world.peers[peer].set_keys(),
        4 => Command::SendDtls {
            leg,
            datagrams: vec![input.bytes().to_vec().into()],
        },
        5 => Command::MoveLeg {
            leg,
            room: RoomId(u64::from(choice >> 6)),
        },
        _ => {
            let ends = input.bytes().chunks_exact(2);
            let end = |byte: u8| (u64::from(byte >> 2), u16::from(byte & 3));
            let feeds = ends.map(|pair| feed(end(pair[0]), end(pair[1]))).collect();
            Command::SetFeeds { room, feeds }
        }
    };
    world.command(command);
}

/// A session that opens what is made for it once, and nothing else.
pub fn srtp(data: &[u8]) {
    let mut input = Input(data);
    let profile = Profile::ALL[usize::from(input.byte()) % Profile::ALL.len()];
    let master = vec![0x2a; profile.master_len()];
    let mut outbound = Outbound::new(profile, &master).unwrap();
    let mut inbound = Inbound::new(profile, &master).unwrap();
    let (mut highest, mut taken) = (0_u64, HashSet::new());
    while !input.0.is_empty() {
        let kind = input.byte();
        match kind % 6 {
            0 => refuses_raw(&mut inbound, &mut input),
            1 | 2 => {
                highest = (highest + u64::from(input.number())) & 0xffff_ffff;
                let number = if kind & 0x80 == 0 {
                    highest
                } else {
                    highest.saturating_sub(input.byte().into())
                };
                let packet = genuine(&outbound, number, input.bytes());
                opens_once(&mut inbound, packet, (number, kind), &mut taken);
            }
            3 => {
                let mut packet = genuine(&outbound, highest + 1, input.bytes());
                let at = usize::from(input.number()) % packet.len();
                packet[at] ^= 1 << (kind >> 5);
                let header = RtpHeader::parse(&packet).map_or(12, |header| header.header_len);
                assert!(
                    inbound.unprotect_rtp(&mut packet, header).is_err(),
                    "damage was not seen"
                );
            }
            _ => rtcp(&mut outbound, &mut inbound, kind, &mut input),
        }
    }
}

fn refuses_raw(inbound: &mut Inbound, input: &mut Input<'_>) {
    let (header, bytes) = (usize::from(input.byte()), input.bytes());
    assert!(
        inbound.unprotect_rtp(&mut bytes.to_vec(), header).is_err(),
        "a forgery was taken"
    );
    assert!(
        inbound.unprotect_rtcp(&mut bytes.to_vec()).is_err(),
        "a forgery was taken"
    );
}

fn genuine(outbound: &Outbound, number: u64, payload: &[u8]) -> Vec<u8> {
    let header = FixedHeader {
        marker: false,
        payload_type: 96,
        sequence: number as u16,
        timestamp: 0,
        ssrc: 9,
    };
    let mut packet = header.to_bytes().to_vec();
    packet.extend_from_slice(payload);
    let plain = packet.len();
    packet.resize(plain + outbound.profile().rtp_overhead(), 0);
    let len = outbound.protect_rtp(&mut packet, plain, 12, number);
    packet.truncate(len.unwrap());
    packet
}

/// A jump of half a cycle is taken for a step back (RFC 3711 3.3.1), so that a genuine packet may be refused; but what
/// is taken is taken once, and as what it was sent.
fn opens_once(
    inbound: &mut Inbound,
    packet: Vec<u8>,
    (number, kind): (u64, u8),
    taken: &mut HashSet<u64>,
) {
    for _ in 0..=(kind >> 6 & 1) {
        if let Ok(opened) = inbound.unprotect_rtp(&mut packet.clone(), 12) {
            assert_eq!(opened.extended_sequence, number);
            assert!(taken.insert(number), "a replay was taken");
        }
    }
}

/// Packets of H.235.6, whose keys change, and anything else that a stranger may send: what is genuine opens as what it was
/// sent, as long as its key is known, and nothing breaks.
pub fn h235(data: &[u8]) {
    let mut input = Input(data);
    let profile = Profile::H235[usize::from(input.byte() & 1)];
    let key = |fill: u8| vec![fill; profile.key_len()];
    let mut outbound = Outbound::new(profile, &key(0)).unwrap();
    let mut inbound = Inbound::new(profile, &key(0)).unwrap();
    let mut number = 0;
    while !input.0.is_empty() {
        let kind = input.byte();
        if kind % 4 == 0 {
            let header = usize::from(input.byte());
            let mut bytes = input.bytes().to_vec();
            inbound.choose_key(&mut bytes);
            let _ = inbound.unprotect_rtp(&mut bytes, header);
            continue;
        }
        if kind % 4 == 1 {
            let wire = (kind >> 4 & 1 == 0).then_some(kind >> 1);
            let told_by = wire.map(|wire| KeyType { wire, format: 96 });
            outbound.change_key(&key(kind), told_by).unwrap();
            inbound.change_key(&key(kind), told_by).unwrap();
        }
        // Far enough from whatever a stranger has made it believe.
        inbound.forget(9);
        number += 1;
        let payload = input.bytes();
        let mut packet = genuine(&outbound, number, payload);
        inbound.choose_key(&mut packet);
        let header = RtpHeader::parse(&packet).unwrap();
        let opened = inbound.unprotect_rtp(&mut packet, header.header_len);
        packet.truncate(opened.unwrap().len);
        let found = header.payload_range(&packet).unwrap();
        assert_eq!((&packet[found], header.payload_type), (payload, 96));
    }
}

fn rtcp(outbound: &mut Outbound, inbound: &mut Inbound, kind: u8, input: &mut Input<'_>) {
    let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, 9];
    packet.extend_from_slice(input.bytes());
    let plain = packet.clone();
    outbound.protect_rtcp(&mut packet).unwrap();
    let mut damaged = packet.clone();
    let at = usize::from(input.number()) % packet.len();
    damaged[at] ^= 1 << (kind >> 5);
    assert!(
        inbound.unprotect_rtcp(&mut damaged).is_err(),
        "damage was not seen"
    );
    let mut again = packet.clone();
    let len = inbound.unprotect_rtcp(&mut packet).unwrap();
    assert_eq!(packet[..len], plain);
    assert!(
        inbound.unprotect_rtcp(&mut again).is_err(),
        "a replay was taken"
    );
}
