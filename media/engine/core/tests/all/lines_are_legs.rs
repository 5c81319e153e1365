//! Legs without ICE: their lines carry media both ways under the same rules as everybody else's, each from the ports and
//! with the keys of its own, and are one leg to whoever commands them.

use crate::support;
use crate::support::ms;
use crate::support::phone::{
    call, feeds, gate, key_frame, of_class, refusal, Exchange, Phone, EVENT, MIXED, PCMU, PICTURES,
    PLAIN, SOUND, VP8,
};
use engine_core::api::{Feed, LegId, Refusal, RoomId, SourceRef};
use engine_core::line::api::{Keys, Protection};
use engine_core::line::Cipher;
use engine_core::{Command, Event, Way};
use engine_srtp::Profile;
use engine_wire::demux::{classify, Class};
use engine_wire::rtcp::{self, Packet};

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

/// A leg goes to another room with all of its lines, with its gate closed alone; nothing follows it, and nothing flows
/// when it is back until a plan says so.
#[test]
fn all_lines_of_a_leg_move_together() {
    let (mut exchange, [mut one, mut two]) = call(MIXED);
    let to = |room| Command::MoveLeg {
        leg: LegId(2),
        room: RoomId(room),
    };
    exchange.command(to(7));
    assert_eq!(refusal(&exchange), Some(Refusal::GateOpen));
    let mut passed = |exchange: &mut Exchange| {
        let mut count = 0;
        for (line, pt) in [(SOUND, PCMU), (PICTURES, VP8)] {
            for phone in [&mut one, &mut two] {
                let sent = exchange.speak(&mut phone.lines[line], pt, &key_frame(4));
                count += of_class(&sent, Class::Rtp).len();
            }
        }
        count
    };
    assert_eq!(passed(&mut exchange), 4);
    for room in [7, 1] {
        exchange.command(gate(2, false));
        exchange.command(to(room));
        exchange.command(gate(2, true));
        assert_eq!(passed(&mut exchange), 0, "{room}");
    }
    exchange.command(feeds());
    assert_eq!(passed(&mut exchange), 4);
    exchange.command(to(7));
    exchange.command(Command::RemoveLeg { leg: LegId(1) });
    assert_eq!(exchange.snapshot().legs.len(), 1);
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
        add.lines = vec![add.lines[0].clone(); 5];
    });
    case(Refusal::DuplicatePort, &|add| {
        add.lines[1].ports.rtp = add.lines[0].ports.rtcp.unwrap();
    });
    case(Refusal::DuplicatePort, &|add| add.lines[1].ports.rtp = 0);
    case(Refusal::BadDescription, &|add| {
        add.lines[1].sources[0].source = 0;
    });
    case(Refusal::BadDescription, &|add| {
        add.lines[1].slots[0].ssrc = add.lines[0].slots[0].ssrc;
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
    assert_eq!(exchange.leg_row(1).by_handshake, 0);
    let mut exchange = Exchange::default();
    let mut add = Phone::new(1, MIXED).add(1);
    add.lines[0].protection = Protection::Dtls;
    add.lines[1].protection = Protection::Plain;
    exchange.command(Command::AddLines(add));
    assert_eq!(
        exchange.leg_row(1).cipher_out,
        plain,
        "also while the other line has no keys yet"
    );
    assert_eq!(
        exchange.leg_row(1).secured,
        0,
        "a leg is as safe as its worst line"
    );
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
