//! Robots and peers that are not our engine: full ICE, unnamed streams, transport-wide feedback, and peers that send what
//! they should not.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use engine_robot::api::Event;
use engine_wire::demux::{classify, Class};
use engine_wire::rtcp::{self, Packet};
use engine_wire::rtp::RtpHeader;
use engine_wire::stun::{Message, MessageClass};
use proptest::prelude::*;
use std::path::Path;
use support::{ms, Peer, PeerSpec, EXERCISES};

const PLAIN: PeerSpec = PeerSpec {
    named: true,
    mid: false,
    twcc: false,
    cameras: 1,
};
/// The start of a key frame, and of a delta frame.
const KEY: [u8; 20] = [
    0x90, 0x80, 0x11, 0x10, 2, 0, 0x9d, 1, 0x2a, 0x80, 2, 0xe0, 1, 9, 9, 9, 9, 9, 9, 9,
];
const DELTA: [u8; 12] = [0x90, 0x80, 0x12, 0x11, 2, 0, 9, 9, 9, 9, 9, 9];

/// A full peer's check is answered with the address that it came from, and no datagram but from the peer counts.
#[test]
fn a_full_peer_is_answered() {
    let mut peer = Peer::connected(PLAIN);
    let heard = peer.send(peer.check(None));
    let answers = heard.iter().filter(|data| classify(data) == Class::Stun);
    let answers: Vec<_> = answers.collect();
    assert_eq!(answers.len(), 1);
    let answer = Message::parse(answers[0]).unwrap();
    assert_eq!(
        (answer.class, answer.mapped),
        (MessageClass::Success, Some(peer.address))
    );
    let stranger = ([10, 0, 0, 1], 40_001).into();
    let check = peer.check(None);
    assert!(peer.send_from(stranger, check).is_empty());
    assert_eq!(peer.row().strangers, 1);
}

/// Streams that nobody named are told apart by their mid; where there is none, by a payload type that only one free
/// receiver has, and not by one that two have.
#[test]
fn unnamed_streams_are_recognised() {
    let spec = PeerSpec {
        named: false,
        mid: true,
        cameras: 2,
        ..PLAIN
    };
    let mut peer = Peer::connected(spec);
    for (ssrc, pt, mid) in [(70, 96, "2"), (71, 96, "1"), (72, 97, "1"), (73, 111, "0")] {
        let packet = peer.rtp(ssrc, pt, Some(mid), &KEY);
        peer.send(packet);
    }
    let rows = peer.snapshot().receivers;
    assert_eq!(
        rows.iter().map(|r| r.packets).collect::<Vec<_>>(),
        [1, 1, 1]
    );
    let packet = peer.rtp(99, 96, Some("9"), &KEY);
    peer.send(packet);
    assert_eq!(peer.row().unknown_streams, 1);

    let mut peer = Peer::connected(PeerSpec { mid: false, ..spec });
    let ambiguous = peer.rtp(70, 96, Some("2"), &KEY);
    peer.send(ambiguous);
    let sound = peer.rtp(73, 111, None, &[0x78; 20]);
    peer.send(sound);
    let rows = peer.snapshot().receivers;
    assert_eq!(
        rows.iter().map(|r| r.packets).collect::<Vec<_>>(),
        [1, 0, 0]
    );
    assert_eq!(peer.row().unknown_streams, 1);

    let mut peer = Peer::connected(PeerSpec {
        mid: false,
        cameras: 1,
        ..spec
    });
    let pictures = peer.rtp(70, 96, None, &KEY);
    peer.send(pictures);
    assert_eq!(peer.receiver(1).packets, 1);
}

/// A peer that begins again under another SSRC is followed by its mid, without a gap in the count.
#[test]
fn a_change_of_ssrc_is_followed() {
    let spec = PeerSpec {
        named: false,
        mid: true,
        ..PLAIN
    };
    let mut peer = Peer::connected(spec);
    for ssrc in [70, 70, 80, 80] {
        if ssrc == 80 {
            peer.sequence += 2_000;
        }
        let packet = peer.rtp(ssrc, 96, Some("1"), &KEY);
        peer.send(packet);
    }
    let row = peer.receiver(1);
    // What lies between the last two packets is loss: a larger jump would be a sender that begins anew (RFC 3550 A.1).
    assert_eq!((row.packets, row.restarts), (4, 1));
    assert_eq!((row.expected, row.lost), (2 + 2_002, 2_000));
    assert_eq!((row.keyframes, row.keyframe_requests), (4, 0));
    let firsts = peer.events.iter();
    let firsts = firsts.filter(|event| matches!(event, Event::FirstMedia { .. }));
    assert_eq!(firsts.count(), 1);
}

/// Where it was negotiated, each packet's arrival is reported within 100 ms, in the order of its numbers.
#[test]
fn arrivals_are_reported_to_the_peer() {
    let mut peer = Peer::connected(PeerSpec {
        twcc: true,
        ..PLAIN
    });
    peer.run(ms(1));
    let (mut seen, mut arrived) = (Vec::new(), Vec::new());
    for round in 0..100 {
        let packet = peer.rtp(1_001, 96, None, &DELTA);
        let mut heard = Vec::new();
        if round % 10 != 3 {
            arrived.push(peer.now.0);
            heard.extend(peer.send(packet));
        }
        heard.extend(peer.run(ms(7)));
        for compound in peer.open_rtcp(&heard) {
            for packet in rtcp::parse(&compound).flatten() {
                if let Packet::TransportFeedback(feedback) = packet {
                    seen.extend(feedback.packets());
                }
            }
        }
    }
    assert!(seen.len() >= 80, "{}", seen.len());
    let numbers = seen.iter().map(|line| line.sequence);
    assert!(numbers.eq((0..seen.len() as u16).map(|n| n.wrapping_add(65_500))));
    let times: Vec<i64> = seen.iter().filter_map(|line| line.at_us).collect();
    assert_eq!(times.len(), seen.len() - seen.len().div_ceil(10));
    for (told, truth) in times.windows(2).zip(arrived.windows(2)) {
        let error = (told[1] - told[0]) - (truth[1] - truth[0]) as i64;
        assert!(error.abs() <= 250, "{error}");
    }
    assert!(peer.row().twcc_out >= 6);
}

/// A stream that begins without a key frame is asked for one, again and again until it comes.
#[test]
fn a_key_frame_is_asked_for_until_it_comes() {
    let mut peer = Peer::connected(PLAIN);
    let plis = |peer: &mut Peer, payload: &[u8], rounds: usize| {
        let mut count = 0;
        for _ in 0..rounds {
            let packet = peer.rtp(1_001, 96, None, payload);
            let mut heard = peer.send(packet);
            heard.extend(peer.run(ms(33)));
            for compound in peer.open_rtcp(&heard) {
                let packets = rtcp::parse(&compound).flatten();
                count += packets.filter(|p| matches!(p, Packet::Pli(_))).count();
            }
        }
        count
    };
    assert_eq!(plis(&mut peer, &DELTA, 9), 0);
    assert!((2..=4).contains(&plis(&mut peer, &DELTA, 45)));
    assert_eq!(peer.receiver(1).keyframes, 0);
    plis(&mut peer, &KEY, 1);
    assert_eq!(plis(&mut peer, &DELTA, 60), 0);
    assert_eq!(peer.receiver(1).keyframes, 1);
}

/// A flood of requests gets an answer of bounded size, and one request for a key frame is one, however often it is said.
#[test]
fn a_flood_of_requests_is_bounded() {
    let mut peer = Peer::connected(PLAIN);
    let heard = peer.run(ms(2_000));
    let numbers: Vec<u16> = heard
        .iter()
        .filter_map(|data| RtpHeader::parse(data).ok())
        .filter(|header| header.ssrc == 2)
        .map(|header| header.sequence)
        .collect();
    assert!(numbers.len() > 100);
    let mut answers = 0;
    for _ in 0..20 {
        let nack = peer.rtcp(|out| rtcp::write_nack(out, 9, 2, &numbers));
        answers += peer.send(nack).len();
    }
    assert_eq!(answers, numbers.len().min(128));
    let row = peer.sender(1);
    assert_eq!(row.nacks, 20 * numbers.len() as u64);
    assert_eq!(row.rtx_packets + row.rtx_misses, row.nacks);
    for _ in 0..5 {
        let fir = peer.rtcp(|out| rtcp::write_fir(out, 9, 2, 3));
        peer.send(fir);
    }
    assert_eq!(peer.sender(1).keyframe_requests, 1);
    let before = peer.sender(1).pictures;
    for _ in 0..500 {
        let pli = peer.rtcp(|out| rtcp::write_pli(out, 9, 2));
        peer.send(pli);
        peer.run(ms(2));
    }
    let pictures = peer.sender(1).pictures - before;
    assert!(
        (30..=42).contains(&pictures),
        "{pictures} pictures in a second"
    );
}

/// DTLS goes up as an event, a flood of it does not; what goes down before there is a path is dropped and counted.
#[test]
fn dtls_passes_both_ways() {
    let mut peer = Peer::new(PLAIN);
    let (client, flight) = (engine_robot::api::ClientId(1), vec![vec![22, 1, 2].into()]);
    let send = engine_robot::Command::SendClientDtls {
        client,
        datagrams: flight,
    };
    peer.command(send.clone());
    let heard = peer.run(ms(0));
    assert!(heard.iter().all(|data| classify(data) == Class::Stun));
    assert_eq!(peer.row().dtls_drops, 1);
    let answer = peer.answer(&heard[0]);
    peer.send(answer);
    assert!(peer.events.contains(&Event::ClientConnected { client }));
    peer.command(send);
    assert!(peer.run(ms(0)).contains(&vec![22, 1, 2]));
    for _ in 0..100 {
        peer.send(vec![22, 254, 253, 7]);
    }
    let up = peer.events.iter();
    let up = up.filter(
        |event| matches!(event, Event::ClientDtls { data, .. } if data == &[22, 254, 253, 7]),
    );
    assert_eq!(up.count(), 60);
    assert_eq!(peer.row().dtls_drops, 41);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Steps of any kind are survived, with everything that must hold (see the exercise).
    #[test]
    fn any_steps_are_survived(data in prop::collection::vec(any::<u8>(), 0..400)) {
        EXERCISES[0].1(&data);
    }
}

/// Inputs that fuzzing has kept.
#[test]
fn kept_inputs_are_survived() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut count = 0;
    for kept in ["seeds/robot", "crashes/robot"] {
        for entry in std::fs::read_dir(fuzz.join(kept)).unwrap() {
            let path = entry.unwrap().path();
            EXERCISES[0].1(&std::fs::read(path).unwrap());
            count += 1;
        }
    }
    assert!(count > 3);
}
