//! Who may speak on a line of a leg without ICE, by what it proves, and what happens when nobody does.

use crate::support;
use crate::support::ms;
use crate::support::phone::{
    call, call_with, feeds, gate, key_frame, of_class, refusal, Exchange, Phone, MIXED, PCMU,
    PICTURES, PLAIN, SOUND, VP8,
};
use engine_core::api::{LegId, Refusal};
use engine_core::line::api::{Protection, Remote, SendLineDtls, SetLineKeys, SetRemote};
use engine_core::line::whereabouts::LEARN;
use engine_core::line::{HEARSAY, SILENCE};
use engine_core::{Command, Event, Way};
use engine_wire::demux::Class;
use engine_wire::rtcp;
use std::net::SocketAddr;

fn stranger(last: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, last], 4_000))
}

/// Plain media is taken from the announced address alone, however genuine it looks.
#[test]
fn plain_media_from_elsewhere_is_dropped_and_counted() {
    let (mut exchange, [mut one, two]) = call(PLAIN);
    let port = one.lines[SOUND].spec.ports.rtp;
    for last in 1..=9 {
        let packet = one.lines[SOUND].packet(PCMU, &[last; 160]);
        let sent = exchange.come(port, stranger(last), packet);
        assert!(sent.is_empty(), "{sent:?}");
    }
    assert_eq!(exchange.line_row(1, 0).wrong_source, 9);
    assert_eq!(exchange.line_row(1, 0).found, 0);
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert_eq!(sent[0].0.to, two.lines[SOUND].from);
    assert_eq!(exchange.line_row(1, 0).found, 1);
}

/// Behind a translator the first packet that could be the peer's shows where it is; noise does not, and nobody comes
/// after it without a new description.
#[test]
fn behind_a_translator_the_first_packet_counts_and_noise_does_not() {
    let mut exchange = Exchange::default();
    let mut phone = Phone::new(1, PLAIN);
    phone.lines[SOUND].spec.remote.learn = true;
    exchange.command(Command::AddLines(phone.add(1)));
    let port = phone.lines[SOUND].spec.ports.rtp;
    let unknown = phone.lines[SOUND].packet(34, &[0; 160]);
    exchange.come(port, stranger(1), unknown);
    exchange.come(port, stranger(1), vec![0x80; 11]);
    assert_eq!(exchange.line_row(1, 0).found, 0);
    let packet = phone.lines[SOUND].packet(PCMU, &[0; 160]);
    exchange.come(port, stranger(2), packet);
    let found = Event::LineConnected {
        leg: LegId(1),
        line: 0,
    };
    assert_eq!(exchange.events.last(), Some(&found));
    let packet = phone.lines[SOUND].packet(PCMU, &[0; 160]);
    exchange.come(port, stranger(3), packet);
    let row = exchange.line_row(1, 0);
    assert_eq!((row.found, row.wrong_source), (1, 1));
    // RTCP comes from the same host, though from another port.
    let mut compound = Vec::new();
    rtcp::write_receiver_report(&mut compound, 5, &[]);
    let rtcp_port = phone.lines[SOUND].spec.ports.rtcp.unwrap();
    exchange.come(rtcp_port, stranger(4), compound.clone());
    assert_eq!(exchange.line_row(1, 0).wrong_source, 2);
    let beside = SocketAddr::new(stranger(2).ip(), 4_711);
    exchange.come(rtcp_port, beside, compound);
    assert_eq!(exchange.line_row(1, 0).wrong_source, 2);
    exchange.command(gate(1, true));
    let sent = exchange.pass(ms(2_000));
    assert!(
        !sent.is_empty() && sent.iter().all(|(way, _)| way.to == beside),
        "{sent:?}"
    );
    // A new description looks for the peer anew, and the time for that runs out.
    let remote = Remote {
        rtp: stranger(9),
        rtcp: None,
        learn: true,
    };
    exchange.command(Command::SetRemote(SetRemote {
        leg: LegId(1),
        line: 0,
        remote,
        keys: None,
        ice: None,
        max_bitrate: None,
    }));
    exchange.pass(LEARN);
    let packet = phone.lines[SOUND].packet(PCMU, &[0; 160]);
    exchange.come(port, stranger(3), packet);
    assert_eq!(exchange.line_row(1, 0).wrong_source, 3);
}

/// Another SSRC is heard, as after a transfer, once the one before has stopped; two at once do not take turns, and who may
/// not speak on the line may not with another SSRC either.
#[test]
fn another_ssrc_within_a_call_is_heard() {
    for suites in [PLAIN, MIXED] {
        let (mut exchange, [mut one, two]) = call(suites);
        exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
        let before = one.lines[SOUND].ssrc;
        for _ in 0..3 {
            one.lines[SOUND].ssrc = before + 7;
            let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[2; 160]);
            assert!(sent.is_empty(), "while the other speaks: {sent:?}");
            one.lines[SOUND].ssrc = before;
            let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
            assert_eq!(of_class(&sent, Class::Rtp).len(), 1);
        }
        exchange.pass(ms(100));
        one.lines[SOUND].ssrc = before + 7;
        let port = one.lines[SOUND].spec.ports.rtp;
        let mut forged = one.lines[SOUND].packet(PCMU, &[3; 160]);
        forged[20] ^= 1;
        assert!(exchange.come(port, stranger(1), forged).is_empty());
        for _ in 0..3 {
            let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[2; 160]);
            let media = of_class(&sent, Class::Rtp);
            assert_eq!(media.len(), 1);
            assert_eq!(media[0].0.to, two.lines[SOUND].from);
        }
        assert_eq!(exchange.leg_row(1).unknown_streams, 3);
    }
}

/// Who speaks is seen without levels in the packets, as far as the payload shows it.
#[test]
fn who_speaks_on_a_line_is_seen() {
    let (mut exchange, [mut one, mut two]) = call(PLAIN);
    for _ in 0..20 {
        exchange.pass(ms(20));
        exchange.speak(&mut one.lines[SOUND], PCMU, &[0xff; 160]);
        exchange.speak(&mut two.lines[SOUND], PCMU, &[0x90; 160]);
    }
    let speakers = exchange.events.iter().filter_map(|event| match event {
        Event::Speakers { legs, .. } => Some(legs.clone()),
        _ => None,
    });
    assert_eq!(speakers.collect::<Vec<_>>(), [vec![LegId(2)]]);
}

/// Where packets prove who sent them, the first genuine one shows where the peer is, and a peer that moves is followed; a
/// stranger's are tried a few times a second and no more.
#[test]
fn genuine_packets_are_followed_and_forged_ones_are_not() {
    let (mut exchange, [mut one, mut two]) = call(MIXED);
    let port = one.lines[SOUND].spec.ports.rtp;
    let mut forged = one.lines[SOUND].packet(PCMU, &[0; 160]);
    forged[20] ^= 1;
    for _ in 0..500 {
        exchange.come(port, stranger(1), forged.clone());
    }
    let (row, leg) = (exchange.line_row(1, 0), exchange.leg_row(1));
    assert_eq!((row.found, row.wrong_source + leg.srtp_failures), (0, 500));
    assert!(leg.srtp_failures <= 20, "{}", leg.srtp_failures);
    exchange.pass(ms(1_100));
    for (last, expected) in [(5, 5), (6, 5), (6, 5), (6, 6), (5, 6), (6, 6)] {
        let packet = one.lines[SOUND].packet(PCMU, &[0; 160]);
        let sent = exchange.come(port, stranger(last), packet);
        assert_eq!(of_class(&sent, Class::Rtp).len(), 1);
        let sent = exchange.speak(&mut two.lines[SOUND], PCMU, &[0; 160]);
        let media = of_class(&sent, Class::Rtp);
        assert_eq!(media[0].0.to, stranger(expected));
    }
}

/// Datagrams of a handshake pass both ways before any gate opens; its keys then carry media.
#[test]
fn a_handshake_on_a_line_gives_its_keys() {
    let mut exchange = Exchange::default();
    let (mut one, two) = (Phone::new(1, MIXED), Phone::new(2, MIXED));
    let Protection::Sdes { local, remote } = one.lines[SOUND].spec.protection.clone() else {
        unreachable!()
    };
    for line in &mut one.lines {
        line.spec.protection = Protection::Dtls;
    }
    exchange.command(Command::AddLines(one.add(1)));
    exchange.command(Command::AddLines(two.add(1)));
    exchange.command(feeds());
    let (port, from) = (one.lines[SOUND].spec.ports.rtp, one.lines[SOUND].from);
    let hello = vec![22, 254, 253, 1, 2, 3];
    exchange.come(port, stranger(1), hello.clone());
    assert_eq!(exchange.line_row(1, 0).wrong_source, 1);
    exchange.come(port, from, hello.clone());
    let event = Event::LineDtls {
        leg: LegId(1),
        line: 0,
        data: hello.clone(),
    };
    assert_eq!(exchange.events.last(), Some(&event));
    let answer = |line, data: &[u8]| {
        Command::SendLineDtls(SendLineDtls {
            leg: LegId(1),
            line,
            datagrams: vec![data.to_vec().into()],
        })
    };
    let sent = exchange.command(answer(0, &hello));
    assert_eq!(sent, [(Way { to: from, port }, hello.clone())]);
    exchange.command(answer(0, &[0x80, 0, 0]));
    assert_eq!(refusal(&exchange), Some(Refusal::BadDescription));
    let set = |line| {
        Command::SetLineKeys(SetLineKeys {
            leg: LegId(1),
            line,
            local: local.clone(),
            remote: remote.clone(),
        })
    };
    exchange.speak(&mut one.lines[SOUND], PCMU, &[0; 160]);
    assert_eq!(exchange.snapshot().shards[0].media_before_keys, 1);
    assert_eq!(exchange.leg_row(1).secured, 0);
    exchange.command(set(0));
    for leg in [1, 2] {
        exchange.command(gate(leg, true));
    }
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[7; 160]);
    assert_eq!(sent[0].0.to, two.lines[SOUND].from);
    exchange.events.clear();
    exchange.command(set(0));
    assert_eq!(refusal(&exchange), Some(Refusal::AlreadyKeyed));
    exchange.command(set(2));
    assert_eq!(refusal(&exchange), Some(Refusal::BadDescription));
}

/// A line with keys of its own takes none from a handshake, and no datagrams of one.
#[test]
fn a_line_has_one_source_of_keys() {
    let (mut exchange, [one, _]) = call(MIXED);
    let (port, from) = (one.lines[SOUND].spec.ports.rtp, one.lines[SOUND].from);
    exchange.events.clear();
    exchange.come(port, from, vec![22, 254, 253, 1]);
    assert!(exchange.events.is_empty());
    assert_eq!(exchange.line_row(1, 0).misplaced, 1);
    let datagrams = vec![vec![22, 254, 253].into()];
    let sent = exchange.command(Command::SendLineDtls(SendLineDtls {
        leg: LegId(1),
        line: 0,
        datagrams,
    }));
    assert!(sent.is_empty());
    assert_eq!(refusal(&exchange), Some(Refusal::BadDescription));
    // Nor do commands for legs with ICE reach it.
    for command in [
        Command::SendDtls {
            leg: LegId(1),
            datagrams: vec![vec![22, 254, 253].into()],
        },
        Command::SetKeys {
            leg: LegId(1),
            profile: "AEAD_AES_128_GCM".into(),
            local: vec![0; 28],
            remote: vec![0; 28],
        },
    ] {
        exchange.events.clear();
        assert!(exchange.command(command).is_empty());
        assert_eq!(refusal(&exchange), Some(Refusal::BadDescription));
    }
}

/// The peer's new keys are taken with a further description; ours stay, so that no number is used twice.
#[test]
fn a_peer_may_change_its_keys() {
    let (mut exchange, [mut one, _]) = call(MIXED);
    exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    let fresh = Phone::new(3, MIXED);
    let Protection::Sdes { remote: keys, .. } = fresh.lines[SOUND].spec.protection.clone() else {
        unreachable!()
    };
    let remote = one.lines[SOUND].spec.remote;
    let set = SetRemote {
        leg: LegId(1),
        line: 0,
        remote,
        keys: Some(keys),
        ice: None,
        max_bitrate: None,
    };
    exchange.command(Command::SetRemote(set));
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert!(sent.is_empty(), "the old keys are no longer his");
    let mut line = fresh.lines.into_iter().next().unwrap();
    line.next = one.lines[SOUND].next;
    (line.spec.ports, line.from, line.ssrc) = (
        one.lines[SOUND].spec.ports,
        one.lines[SOUND].from,
        one.lines[SOUND].ssrc,
    );
    let sent = exchange.speak(&mut line, PCMU, &[2; 160]);
    assert_eq!(of_class(&sent, Class::Rtp).len(), 1);
}

/// Whoever is not heard of on any line for half a minute gets nothing more, until something comes.
#[test]
fn a_peer_that_has_vanished_is_sent_nothing() {
    let (mut exchange, [mut one, mut two]) = call(MIXED);
    let mut lost = None;
    exchange.speak(&mut two.lines[SOUND], PCMU, &[1; 160]);
    for _ in 0..70 {
        exchange.pass(ms(500));
        exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
        let lost_now = exchange
            .events
            .contains(&Event::ConsentLost { leg: LegId(2) });
        if lost_now && lost.is_none() {
            lost = Some(exchange.now);
        }
    }
    let after = lost.unwrap().since(support::START);
    assert!(after >= SILENCE && after < SILENCE + ms(2_000), "{after:?}");
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert!(sent.is_empty());
    let lost = exchange
        .events
        .iter()
        .filter(|e| matches!(e, Event::ConsentLost { .. }));
    assert_eq!(lost.count(), 1);
    assert_eq!(exchange.line_row(2, 0).found, 0);
    exchange.speak(&mut two.lines[SOUND], PCMU, &[1; 160]);
    let back = Event::LineConnected {
        leg: LegId(2),
        line: 0,
    };
    assert_eq!(exchange.events.last(), Some(&back));
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert_eq!(of_class(&sent, Class::Rtp).len(), 1);
}

/// A line that says nothing is not silent while the other one is heard.
#[test]
fn one_line_that_speaks_keeps_the_other() {
    let (mut exchange, [mut one, mut two]) = call(MIXED);
    for _ in 0..80 {
        exchange.pass(ms(500));
        exchange.speak(&mut two.lines[SOUND], PCMU, &[1; 160]);
    }
    let sent = exchange.speak(&mut one.lines[PICTURES], VP8, &key_frame(1));
    assert_eq!(of_class(&sent, Class::Rtp).len(), 1);
    let lost = exchange
        .events
        .iter()
        .filter(|e| matches!(e, Event::ConsentLost { leg: LegId(2) }));
    assert_eq!(lost.count(), 0);
}

/// Somebody who is named as the peer by a third, and says nothing, is sent little; as soon as anything comes from there,
/// it goes on.
#[test]
fn who_is_said_to_be_the_peer_is_sent_little_until_heard() {
    let (mut exchange, [mut one, mut two]) = call_with(PLAIN, |phone| {
        for line in &mut phone.lines {
            line.spec.remote.learn = true;
        }
    });
    let mut last = None;
    for _ in 0..12 {
        exchange.pass(ms(500));
        if !exchange
            .speak(&mut one.lines[SOUND], PCMU, &[1; 160])
            .is_empty()
        {
            last = Some(exchange.now);
        }
    }
    let since = last.unwrap().since(support::START);
    assert!(
        since >= ms(2_000) && since < HEARSAY + ms(2_000),
        "{since:?}"
    );
    assert!(!exchange
        .events
        .contains(&Event::ConsentLost { leg: LegId(2) }));
    exchange.speak(&mut two.lines[SOUND], PCMU, &[1; 160]);
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert_eq!(of_class(&sent, Class::Rtp).len(), 1);
    exchange.pass(ms(6_000));
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert_eq!(of_class(&sent, Class::Rtp).len(), 1, "for good");
}
