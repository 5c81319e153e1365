//! Legs without ICE: their lines carry media both ways under the same rules as everybody else's, each from the ports and
//! with the keys of its own, and are one leg to whoever commands them.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use engine_core::api::{Feed, LegId, Refusal, RoomId, SourceRef};
use engine_core::line::api::{Keys, Protection, Remote, SendLineDtls, SetLineKeys, SetRemote};
use engine_core::line::whereabouts::LEARN;
use engine_core::line::{Cipher, SILENCE};
use engine_core::{Command, Event, Way};
use engine_srtp::Profile;
use engine_wire::demux::{classify, Class};
use engine_wire::rtcp::{self, Packet};
use std::net::SocketAddr;
use support::phone::{
    key_frame, Exchange, Phone, Sent, Suites, EVENT, MIXED, PCMU, PICTURES, PLAIN, SOUND, VP8,
};
use support::{feed, ms};

/// Two phones in a room that see and hear each other, admitted.
fn call(suites: Suites) -> (Exchange, [Phone; 2]) {
    let mut exchange = Exchange::default();
    let phones = [1, 2].map(|leg| Phone::new(leg, suites));
    for phone in &phones {
        exchange.command(Command::AddLines(phone.add(1)));
    }
    exchange.command(feeds());
    for phone in &phones {
        exchange.command(gate(phone.leg, true));
    }
    assert!(exchange
        .events
        .iter()
        .all(|e| !matches!(e, Event::CommandRefused { .. })));
    (exchange, phones)
}

fn feeds() -> Command {
    let ends = [
        ((1, 0), (2, 0)),
        ((1, 1), (2, 1)),
        ((2, 0), (1, 0)),
        ((2, 1), (1, 1)),
    ];
    Command::SetFeeds {
        room: RoomId(1),
        feeds: ends.map(|(to, from)| feed(to, from)).to_vec(),
    }
}

fn gate(leg: u64, open: bool) -> Command {
    let leg = LegId(leg);
    Command::SetGate { leg, open }
}

/// What of a kind was sent, with its way.
fn of_class(sent: &Sent, class: Class) -> Vec<&(Way, Vec<u8>)> {
    sent.iter()
        .filter(|(_, data)| classify(data) == class)
        .collect()
}

fn refusal(exchange: &Exchange) -> Option<Refusal> {
    let refused = exchange.events.iter().rev().find_map(|event| match event {
        Event::CommandRefused { code, .. } => Some(*code),
        _ => None,
    });
    refused
}

/// Sound and pictures reach the other phone's line, from our port of that line, under its keys; the two directions may
/// have different suites.
#[test]
fn media_passes_between_lines_with_keys_of_their_own() {
    for suites in [
        MIXED,
        PLAIN,
        (Profile::AesCm128HmacSha1_80, Profile::AeadAes128Gcm),
    ] {
        let (mut exchange, [mut one, mut two]) = call(suites);
        for round in 0..5 {
            for (line, pt) in [(SOUND, PCMU), (PICTURES, VP8)] {
                let payload = if line == SOUND {
                    vec![round; 160]
                } else {
                    key_frame(round)
                };
                let sent = exchange.speak(&mut one.lines[line], pt, &payload);
                let media = of_class(&sent, Class::Rtp);
                let to = &mut two.lines[line];
                let way = Way {
                    to: to.from,
                    port: to.spec.ports.rtp,
                };
                assert_eq!(media.len(), 1, "{suites:?} {line} {round}");
                assert_eq!(media[0].0, way);
                assert_eq!(to.open(&media[0].1), payload);
            }
        }
    }
}

/// Reports of a line leave for the RTCP port where there is one, and beside RTP where not, and hold only what is the
/// line's.
#[test]
fn reports_go_where_each_line_has_its_rtcp() {
    let (mut exchange, [mut one, mut two]) = call(MIXED);
    exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    exchange.speak(&mut one.lines[PICTURES], VP8, &key_frame(1));
    let sent = exchange.pass(ms(3_000));
    for line in [SOUND, PICTURES] {
        let to = &mut two.lines[line];
        let (port, from) = match line {
            SOUND => (to.spec.ports.rtcp.unwrap(), to.from_rtcp),
            _ => (to.spec.ports.rtp, to.from),
        };
        let way = Way { to: from, port };
        let reports: Vec<_> = sent.iter().filter(|(w, _)| *w == way).collect();
        assert!(reports.len() >= 2, "{line}");
        for (_, datagram) in reports {
            let plain = to.open(datagram);
            let packets: Vec<_> = rtcp::parse(&plain).map(Result::unwrap).collect();
            let Some(Packet::SenderReport(report)) = packets.first() else {
                panic!("{packets:?}");
            };
            assert_eq!(report.ssrc, to.spec.slots[0].ssrc);
        }
    }
    // What the phone reports comes in on the same ports, and tells the round trip.
    let ssrc = two.lines[SOUND].spec.slots[0].ssrc;
    let block = rtcp::ReportBlock {
        ssrc,
        fraction_lost: 128,
        cumulative_lost: 0,
        highest_sequence: 0,
        jitter: 0,
        last_sender_report: exchange.now.to_ntp_middle().wrapping_sub(655),
        delay_since_last_sender_report: 0,
    };
    let mut compound = Vec::new();
    rtcp::write_receiver_report(&mut compound, 5, &[block]);
    let line = &mut two.lines[SOUND];
    let (port, from) = (line.spec.ports.rtcp.unwrap(), line.from_rtcp);
    let report = line.rtcp(compound);
    exchange.come(port, from, report);
    assert!(exchange.leg_row(2).rtt_us.abs_diff(10_000) < 100);
}

/// Nothing of a closed leg passes on any of its lines, either way, and opening the gate once opens all.
#[test]
fn one_gate_holds_all_lines() {
    let (mut exchange, [mut one, mut two]) = call(MIXED);
    exchange.command(gate(2, false));
    for (line, pt) in [(SOUND, PCMU), (PICTURES, VP8)] {
        let payload = key_frame(3);
        assert!(exchange
            .speak(&mut one.lines[line], pt, &payload)
            .iter()
            .all(|(way, _)| way.to.ip() != two.lines[0].from.ip()));
        let sent = exchange.speak(&mut two.lines[line], pt, &payload);
        assert!(of_class(&sent, Class::Rtp).is_empty());
    }
    let silent = exchange.pass(ms(5_000));
    assert!(silent
        .iter()
        .all(|(way, _)| way.to.ip() != two.lines[0].from.ip()));
    let row = exchange.leg_row(2);
    assert_eq!((row.gate_drops_in, row.gate_drops_out), (2, 2));
    exchange.command(gate(2, true));
    for (line, pt) in [(SOUND, PCMU), (PICTURES, VP8)] {
        let sent = exchange.speak(&mut one.lines[line], pt, &key_frame(4));
        assert_eq!(of_class(&sent, Class::Rtp).len(), 1);
    }
    let moves = exchange
        .events
        .iter()
        .filter(|event| matches!(event, Event::GateChanged { leg: LegId(2), .. }));
    assert_eq!(moves.count(), 3, "one event a move, not one a line");
}

/// A mute finds its source on whatever line it is; a leg that goes takes all its lines, and its ports come free.
#[test]
fn lines_are_one_leg_to_whoever_commands_them() {
    let (mut exchange, [mut one, two]) = call(MIXED);
    exchange.command(Command::SetMuted {
        leg: LegId(1),
        source: 1,
        muted: true,
    });
    let sent = exchange.speak(&mut one.lines[PICTURES], VP8, &key_frame(1));
    assert!(of_class(&sent, Class::Rtp).is_empty());
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[0; 160]);
    assert_eq!(of_class(&sent, Class::Rtp).len(), 1);
    let row = exchange.leg_row(1);
    assert_eq!((row.muted_drops, row.datagrams_in, row.secured), (1, 2, 1));
    exchange.command(Command::RemoveLeg { leg: LegId(1) });
    let removed = exchange
        .events
        .iter()
        .filter(|e| matches!(e, Event::LegRemoved { .. }));
    assert_eq!(removed.count(), 1);
    let mut freed: Vec<u16> = std::iter::from_fn(|| exchange.shard.poll_freed_port()).collect();
    freed.sort_unstable();
    assert_eq!(
        freed,
        [
            one.lines[SOUND].spec.ports.rtp,
            one.lines[PICTURES].spec.ports.rtp
        ]
    );
    let snapshot = exchange.snapshot();
    assert_eq!((snapshot.legs.len(), snapshot.lines.len()), (1, 2));
    assert_eq!(snapshot.shards[0].legs, 1);
    assert!(exchange
        .speak(&mut one.lines[SOUND], PCMU, &[0; 160])
        .is_empty());
    assert!(exchange
        .shard
        .has_port(two.lines[SOUND].spec.ports.rtcp.unwrap()));
    // Its name and ports may be used again, by a leg like the first.
    exchange.command(Command::AddLines(Phone::new(1, MIXED).add(1)));
    assert_eq!(refusal(&exchange), None);
}

/// What cannot be is refused whole: nothing is left of it.
#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let good = Phone::new(1, MIXED).add(1);
    let mut cases = Vec::new();
    let mut case = |code, change: &dyn Fn(&mut engine_core::line::api::AddLines)| {
        let mut add = good.clone();
        change(&mut add);
        cases.push((code, add));
    };
    case(Refusal::PlainNotAllowed, &|add| {
        add.lines[1].protection = Protection::Plain;
        add.allow_plain = false;
    });
    case(Refusal::BadDescription, &|add| add.lines.clear());
    case(Refusal::BadDescription, &|add| {
        add.lines = vec![add.lines[0].clone(); 5]
    });
    case(Refusal::DuplicatePort, &|add| {
        add.lines[1].ports.rtp = add.lines[0].ports.rtcp.unwrap()
    });
    case(Refusal::DuplicatePort, &|add| add.lines[1].ports.rtp = 0);
    case(Refusal::BadDescription, &|add| {
        add.lines[1].sources[0].source = 0
    });
    case(Refusal::BadDescription, &|add| {
        add.lines[1].slots[0].ssrc = add.lines[0].slots[0].ssrc
    });
    for profile in ["", "NULL", "AES_CM_128_HMAC_SHA1_80"] {
        let keys = Keys {
            profile: profile.into(),
            master: vec![1; 28],
        };
        case(Refusal::BadKeys, &move |add| {
            add.lines[0].protection = Protection::Sdes {
                local: keys.clone(),
                remote: keys.clone(),
            };
        });
    }
    for (code, add) in cases {
        let mut exchange = Exchange::default();
        exchange.command(Command::AddLines(add));
        assert_eq!(refusal(&exchange), Some(code));
        let snapshot = exchange.snapshot();
        assert!(snapshot.legs.is_empty() && snapshot.lines.is_empty());
        assert_eq!(
            (snapshot.shards[0].rooms, snapshot.shards[0].timers),
            (0, 0)
        );
        exchange.events.clear();
        exchange.command(Command::AddLines(good.clone()));
        assert_eq!(refusal(&exchange), None, "after {code:?}");
    }
}

/// What protects each line, in each direction, can be read; plain is never called secured.
#[test]
fn the_truth_about_protection_can_be_read() {
    let (exchange, _) = call(PLAIN);
    let plain = Cipher::Plain as u64;
    let row = exchange.line_row(1, 0);
    assert_eq!((row.cipher_in, row.cipher_out), (plain, plain));
    assert_eq!(exchange.leg_row(1).secured, 0);
    let (exchange, _) = call(MIXED);
    let row = exchange.line_row(1, 1);
    let ciphers = [Cipher::AesCm128HmacSha1_32, Cipher::AeadAes256Gcm].map(|cipher| cipher as u64);
    assert_eq!([row.cipher_in, row.cipher_out], ciphers);
    assert_eq!(exchange.leg_row(1).secured, 1);
    let mut exchange = Exchange::default();
    let mut add = Phone::new(1, MIXED).add(1);
    add.lines[1].protection = Protection::Plain;
    exchange.command(Command::AddLines(add));
    assert_eq!(
        exchange.leg_row(1).secured,
        0,
        "a leg is as safe as its worst line"
    );
}

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
    }));
    exchange.pass(LEARN);
    let packet = phone.lines[SOUND].packet(PCMU, &[0; 160]);
    exchange.come(port, stranger(3), packet);
    assert_eq!(exchange.line_row(1, 0).wrong_source, 3);
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
            .iter()
            .any(|e| *e == Event::ConsentLost { leg: LegId(2) });
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

/// Keys that are pressed are nobody's business but the bridge's.
#[test]
fn telephone_events_are_never_forwarded() {
    let (mut exchange, [mut one, _]) = call(MIXED);
    exchange.speak(&mut one.lines[SOUND], PCMU, &[0; 160]);
    for _ in 0..5 {
        let sent = exchange.speak(&mut one.lines[SOUND], EVENT, &[5, 10, 0, 160]);
        assert!(of_class(&sent, Class::Rtp).is_empty());
    }
    let only = Feed {
        leg: LegId(2),
        slot: 0,
        from: Some(SourceRef {
            leg: LegId(1),
            source: 0,
        }),
        importance: 3,
        height: None,
    };
    exchange.command(Command::SetFeeds {
        room: RoomId(1),
        feeds: vec![only],
    });
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[0; 160]);
    assert_eq!(
        of_class(&sent, Class::Rtp).len(),
        1,
        "sound goes on without a hole"
    );
}

/// A key that is pressed is told to the bridge once, also of somebody who waits behind a closed gate, and when its end is
/// lost.
#[test]
fn keys_are_told_once_before_anybody_is_admitted() {
    let mut exchange = Exchange::default();
    let mut phone = Phone::new(1, MIXED);
    exchange.command(Command::AddLines(phone.add(1)));
    let line = &mut phone.lines[SOUND];
    let timestamp = |line: &mut support::phone::PhoneLine, at| line.timestamp = Some(at);
    for (at, event, ends) in [(1_000, 7, 3), (9_000, 10, 0), (20_000, 7, 1)] {
        timestamp(line, at);
        for duration in [160_u16, 320] {
            let [high, low] = duration.to_be_bytes();
            exchange.speak(line, EVENT, &[event, 10, high, low]);
        }
        for _ in 0..ends {
            exchange.speak(line, EVENT, &[event, 0x8a, 3, 0x20]);
        }
        exchange.pass(ms(400));
    }
    let keys = exchange.events.iter().filter_map(|event| match event {
        Event::Digit {
            leg,
            key,
            duration_ms,
        } => Some((leg.0, key.0, *duration_ms)),
        _ => None,
    });
    assert_eq!(
        keys.collect::<Vec<_>>(),
        [(1, '7', 100), (1, '*', 40), (1, '7', 100)]
    );
    let shown = format!("{:?}", exchange.events);
    assert!(!shown.contains('7') && !shown.contains('*'), "{shown}");
}

/// A key frame that somebody needs is asked for on the line of the pictures.
#[test]
fn key_frames_are_asked_for_on_the_line_of_the_pictures() {
    let (mut exchange, [mut one, _]) = call(MIXED);
    let mut delta = key_frame(1);
    delta[1] |= 1;
    let mut sent = exchange.speak(&mut one.lines[PICTURES], VP8, &delta);
    sent.extend(exchange.pass(ms(10)));
    let line = &mut one.lines[PICTURES];
    let way = Way {
        to: line.from,
        port: line.spec.ports.rtp,
    };
    let asked = sent
        .iter()
        .filter(|(to, data)| *to == way && classify(data) == Class::Rtcp);
    let wishes = asked.filter(|(_, datagram)| {
        let plain = line.open(datagram);
        let mut packets = rtcp::parse(&plain);
        packets.any(|packet| matches!(packet, Ok(Packet::Pli(pli)) if pli.media == line.ssrc))
    });
    assert_eq!(wishes.count(), 1);
}

/// A room that fails takes its lines and gives their ports back.
#[test]
fn a_room_that_fails_gives_its_ports_back() {
    let mut exchange = Exchange::default();
    exchange.shard.allow_drills();
    let phone = Phone::new(1, MIXED);
    exchange.command(Command::AddLines(phone.add(1)));
    let room = RoomId(1);
    let at = engine_core::api::Site::Command;
    let mut outbox = engine_core::Outbox::with_capacity(64);
    exchange
        .shard
        .handle_command(exchange.now, Command::Panic { room, at }, &mut outbox);
    let mut freed: Vec<u16> = std::iter::from_fn(|| exchange.shard.poll_freed_port()).collect();
    freed.sort_unstable();
    let ports = [SOUND, PICTURES].map(|line| phone.lines[line].spec.ports.rtp);
    assert_eq!(freed, ports);
    let snapshot = exchange.snapshot();
    assert!(snapshot.lines.is_empty() && snapshot.legs.is_empty());
}
