//! Key frames, rates and goodbyes of legs without ICE: by PLI, FIR and TMMBR where they are agreed, beside RTCP where not,
//! and what the peer asks is heeded however it asks.

use crate::support::ms;
use crate::support::phone::{
    call_with, key_frame, refusal, Exchange, Phone, PhoneLine, Sent, MIXED, PICTURES, VP8,
};
use engine_core::api::{LegId, Refusal};
use engine_core::line::api::{Feedback, SetRemote, WantKeyFrame};
use engine_core::{Command, Event};
use engine_wire::demux::{classify, Class};
use engine_wire::rtcp::{self, Packet, RateLimit, ReportBlock};

const PLI: Feedback = Feedback {
    pli: true,
    fir: false,
    tmmbr: false,
};
const FIR: Feedback = Feedback {
    pli: false,
    fir: true,
    tmmbr: false,
};
const NOTHING: Feedback = Feedback {
    pli: false,
    fir: false,
    tmmbr: false,
};

fn call_by(feedback: Feedback) -> (Exchange, [Phone; 2]) {
    call_with(MIXED, |phone| {
        phone.lines[PICTURES].spec.feedback = feedback;
    })
}

/// Every RTCP packet to a line, described by `name`.
fn told<T>(line: &mut PhoneLine, sent: &Sent, name: impl Fn(&Packet<'_>) -> Option<T>) -> Vec<T> {
    let port = line.spec.ports.rtp;
    let ours = sent
        .iter()
        .filter(|(way, data)| way.port == port && classify(data) == Class::Rtcp);
    let mut found = Vec::new();
    for (_, datagram) in ours {
        let plain = line.open(datagram);
        found.extend(rtcp::parse(&plain).filter_map(|packet| name(&packet.unwrap())));
    }
    found
}

/// A picture that is no key frame.
fn delta() -> Vec<u8> {
    let mut payload = key_frame(1);
    payload[1] |= 1;
    payload
}

/// Pictures without a key frame, for a second.
fn only_deltas(exchange: &mut Exchange, line: &mut PhoneLine) -> Sent {
    let mut sent = Sent::new();
    for _ in 0..20 {
        sent.extend(exchange.speak(line, VP8, &delta()));
        sent.extend(exchange.pass(ms(50)));
    }
    sent
}

/// A key frame is asked for by what the peer has agreed to, again while none comes; each FIR has a number of its own.
#[test]
fn key_frames_are_asked_for_by_what_is_agreed() {
    let (mut exchange, [mut one, _]) = call_by(PLI);
    let line = &mut one.lines[PICTURES];
    let sent = only_deltas(&mut exchange, line);
    let ssrc = line.ssrc;
    let wishes = told(line, &sent, |packet| match packet {
        Packet::Pli(pli) => Some(pli.media == ssrc),
        _ => None,
    });
    assert!(wishes.len() >= 2 && wishes.len() <= 5 && wishes.iter().all(|ours| *ours));

    let (mut exchange, [mut one, _]) = call_by(FIR);
    let line = &mut one.lines[PICTURES];
    let sent = only_deltas(&mut exchange, line);
    let wishes = told(line, &sent, |packet| match packet {
        Packet::Fir(fir) => fir
            .entries()
            .next()
            .map(|entry| (entry.ssrc, entry.sequence)),
        Packet::Pli(_) => panic!("it was not agreed"),
        _ => None,
    });
    let expected: Vec<_> = (0..wishes.len())
        .map(|number| (ssrc, number as u8))
        .collect();
    assert!(wishes == expected && wishes.len() >= 2, "{wishes:?}");

    let (mut exchange, [mut one, _]) = call_by(NOTHING);
    let line = &mut one.lines[PICTURES];
    let sent = only_deltas(&mut exchange, line);
    let by_rtcp = told(line, &sent, |packet| match packet {
        Packet::Fir(_) | Packet::Pli(_) => Some(()),
        _ => None,
    });
    let wanted = Event::KeyFrameWanted {
        leg: LegId(1),
        source: 1,
    };
    let beside = exchange
        .events
        .iter()
        .filter(|event| **event == wanted)
        .count();
    assert!(by_rtcp.is_empty() && (2..=5).contains(&beside), "{beside}");
}

/// Browsers are asked twice where much is lost, since they pass over the second. A peer on a line would heed it.
#[test]
fn where_much_is_lost_a_line_is_not_asked_twice() {
    let (mut exchange, [mut one, _]) = call_by(FIR);
    let line = &mut one.lines[PICTURES];
    let mut sent = Sent::new();
    for number in 0..40 {
        line.next += u64::from(number % 4 == 0);
        sent.extend(exchange.speak(line, VP8, &delta()));
        sent.extend(exchange.pass(ms(25)));
    }
    let wishes = told(line, &sent, |packet| match packet {
        Packet::Fir(_) => Some(()),
        _ => None,
    });
    assert!(
        (2..=4).contains(&wishes.len()),
        "{} in a second",
        wishes.len()
    );
}

/// A peer may ask by PLI, by FIR or beside RTCP: its sender is asked once each time.
#[test]
fn a_peer_may_ask_for_key_frames_as_it_likes() {
    let (mut exchange, [mut one, mut two]) = call_by(PLI);
    exchange.speak(&mut one.lines[PICTURES], VP8, &key_frame(1));
    let slot = two.lines[PICTURES].spec.slots[0].ssrc;
    let ask = |exchange: &mut Exchange, line: &mut PhoneLine, way: usize| {
        let mut compound = Vec::new();
        rtcp::write_receiver_report(&mut compound, 9, &[]);
        match way {
            0 => rtcp::write_pli(&mut compound, 9, slot),
            1 => rtcp::write_fir(&mut compound, 9, slot, 77),
            _ => {
                let want = WantKeyFrame {
                    leg: LegId(2),
                    slot: 1,
                };
                return exchange.command(Command::WantKeyFrame(want));
            }
        }
        let (port, from) = (line.spec.ports.rtp, line.from);
        let report = line.rtcp(compound);
        exchange.come(port, from, report)
    };
    for way in 0..3 {
        exchange.pass(ms(3_000));
        let sent = ask(&mut exchange, &mut two.lines[PICTURES], way);
        let asked = told(&mut one.lines[PICTURES], &sent, |packet| match packet {
            Packet::Pli(_) => Some(()),
            _ => None,
        });
        assert_eq!(asked.len(), 1, "way {way}");
        exchange.speak(&mut one.lines[PICTURES], VP8, &key_frame(2));
    }
    let want = WantKeyFrame {
        leg: LegId(2),
        slot: 9,
    };
    exchange.command(Command::WantKeyFrame(want));
    assert_eq!(refusal(&exchange), Some(Refusal::BadDescription));
}

/// Pictures of 460 kbit/s, or of four fifths of what is asked for if that is less, and what is told of the sender meanwhile.
fn stream(exchange: &mut Exchange, line: &mut PhoneLine, pictures: usize) -> Sent {
    let mut sent = Sent::new();
    for number in 0..pictures {
        let most = demanded(exchange).map_or(usize::MAX, |rate| rate as usize / 8 / 40 / 2);
        let payload = if number == 0 { key_frame(1) } else { delta() };
        let payload = [payload, vec![7; most.min(900)]].concat();
        for _ in 0..2 {
            sent.extend(exchange.speak(line, VP8, &payload));
        }
        sent.extend(exchange.pass(ms(33)));
    }
    sent
}

/// What the source is asked to send at the most, as told last.
fn demanded(exchange: &Exchange) -> Option<u64> {
    let mut demands = exchange.events.iter().filter_map(|event| match event {
        Event::Demand {
            leg: LegId(1),
            source: 1,
            encodings,
        } => Some(encodings[0].max_bitrate),
        _ => None,
    });
    demands.next_back().flatten()
}

/// A peer that asks for less by TMMBR is answered, and the sender is asked for no more than that; a sender without a page
/// is asked by TMMBR itself.
#[test]
fn a_request_for_less_reaches_the_sender() {
    let all = Feedback { tmmbr: true, ..PLI };
    let (mut exchange, [mut one, mut two]) = call_by(all);
    stream(&mut exchange, &mut one.lines[PICTURES], 60);
    let before = demanded(&exchange);
    assert!(before.is_none_or(|most| most > 1_000_000), "{before:?}");
    let line = &mut two.lines[PICTURES];
    let slot = line.spec.slots[0].ssrc;
    let mut compound = Vec::new();
    rtcp::write_receiver_report(&mut compound, 9, &[]);
    let limit = RateLimit {
        ssrc: slot,
        bitrate_bps: 256_000,
        overhead: 40,
    };
    rtcp::write_tmmbr(&mut compound, 9, limit);
    let (port, from) = (line.spec.ports.rtp, line.from);
    let report = line.rtcp(compound);
    let mut sent = exchange.come(port, from, report);
    let mut answers = sent.iter().filter(|(way, _)| way.port == port);
    let plain = line.open(&answers.next_back().expect("an answer").1);
    assert_eq!(
        (plain[0] & 31, plain[1], &plain[4..8]),
        (4, 205, &slot.to_be_bytes()[..])
    );
    assert_eq!(
        plain[12..16],
        9_u32.to_be_bytes(),
        "who has asked owns the limit"
    );
    sent.clear();
    sent.extend(stream(&mut exchange, &mut one.lines[PICTURES], 60));
    let asked = demanded(&exchange).expect("a limit");
    assert!((150_000..=256_000).contains(&asked), "{asked}");
    let limits = told(&mut one.lines[PICTURES], &sent, |packet| match packet {
        Packet::Tmmbr(request) => request.limits().next().map(|limit| limit.bitrate_bps),
        _ => None,
    });
    let last = *limits.last().expect("the sender is asked by RTCP, too");
    assert!(last.abs_diff(asked) < 10, "{last} {asked}");
}

/// A further description changes the most that a line is sent.
#[test]
fn another_description_limits_the_sender_from_then_on() {
    let (mut exchange, [mut one, two]) = call_with(MIXED, |phone| {
        phone.lines[PICTURES].spec.max_bitrate = Some(768_000);
    });
    stream(&mut exchange, &mut one.lines[PICTURES], 30);
    let spec = &two.lines[PICTURES].spec;
    exchange.command(Command::SetRemote(SetRemote {
        leg: LegId(two.leg),
        line: u8::try_from(PICTURES).expect("few lines"),
        remote: spec.remote,
        keys: None,
        ice: None,
        max_bitrate: Some(256_000),
    }));
    stream(&mut exchange, &mut one.lines[PICTURES], 60);
    let described = demanded(&exchange).expect("a limit");
    assert!(described <= 256_000, "{described}");
}

/// Reports of loss take the rate down, and the description is the most from the beginning.
#[test]
fn loss_and_descriptions_limit_the_sender() {
    let (mut exchange, [mut one, mut two]) = call_with(MIXED, |phone| {
        phone.lines[PICTURES].spec.max_bitrate = Some(768_000);
    });
    stream(&mut exchange, &mut one.lines[PICTURES], 30);
    let described = demanded(&exchange).expect("a limit");
    assert!((600_000..=768_000).contains(&described), "{described}");
    let slot = two.lines[PICTURES].spec.slots[0].ssrc;
    for round in 1..=6 {
        let sent = stream(&mut exchange, &mut one.lines[PICTURES], 40);
        let line = &mut two.lines[PICTURES];
        let mut media = sent
            .iter()
            .filter(|(way, data)| way.port == line.spec.ports.rtp && classify(data) == Class::Rtp);
        let (_, last) = media.next_back().expect("pictures");
        let block = ReportBlock {
            ssrc: slot,
            fraction_lost: 64,
            cumulative_lost: 20 * round,
            highest_sequence: u16::from_be_bytes([last[2], last[3]]).into(),
            jitter: 0,
            last_sender_report: 0,
            delay_since_last_sender_report: 0,
        };
        let mut compound = Vec::new();
        rtcp::write_receiver_report(&mut compound, 9, &[block]);
        let (port, from) = (line.spec.ports.rtp, line.from);
        let report = line.rtcp(compound);
        exchange.come(port, from, report);
    }
    stream(&mut exchange, &mut one.lines[PICTURES], 30);
    let less = demanded(&exchange).expect("a limit");
    assert!(less < described * 3 / 4, "{less} of {described}");
}

/// A leg that is taken away says goodbye on each line, with the streams that it was sent; behind a closed gate it is
/// silent.
#[test]
fn a_leg_that_goes_says_goodbye() {
    for open in [true, false] {
        let (mut exchange, [mut one, mut two]) = call_by(PLI);
        exchange.speak(&mut one.lines[PICTURES], VP8, &key_frame(1));
        exchange.command(Command::SetGate {
            leg: LegId(2),
            open,
        });
        let sent = exchange.command(Command::RemoveLeg { leg: LegId(2) });
        let line = &mut two.lines[PICTURES];
        let slot = line.spec.slots[0].ssrc;
        let goodbyes = told(line, &sent, |packet| match packet {
            Packet::Bye(bye) => Some(bye.ssrcs().collect::<Vec<_>>()),
            _ => None,
        });
        assert_eq!(goodbyes, if open { vec![vec![slot]] } else { vec![] });
    }
}
