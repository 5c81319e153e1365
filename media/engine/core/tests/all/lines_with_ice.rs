//! Lines whose peer speaks ICE (RFC 8445): where it is its checks show, and nothing else does.

use crate::support::ms;
use crate::support::phone::{
    call_with, of_class, refusal, Exchange, Phone, Sent, Suites, MIXED, PCMU, PICTURES, PLAIN,
    SOUND,
};
use engine_core::api::{IceParams, LegId, Refusal};
use engine_core::line::api::SetRemote;
use engine_core::line::whereabouts::TRIALS;
use engine_core::line::SILENCE;
use engine_core::{Command, Event};
use engine_wire::demux::Class;
use engine_wire::stun::{self, Message, MessageClass};
use std::net::SocketAddr;

const PASSWORD: &str = "the-password-of-a-line";
const ANOTHER: &str = "another-password-of-it";

fn ice(password: &str) -> IceParams {
    IceParams {
        local_ufrag: "line".into(),
        local_pwd: password.into(),
    }
}

/// Both phones speak ICE on both of their lines.
fn with_ice(suites: Suites) -> (Exchange, [Phone; 2]) {
    call_with(suites, |phone| {
        for line in &mut phone.lines {
            line.spec.ice = Some(ice(PASSWORD));
        }
    })
}

fn elsewhere(last: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, last], 4_000))
}

fn request(password: &str, nominates: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let key = password.as_bytes();
    stun::write_binding_request(
        &mut out,
        &[7; 12],
        "line:theirs",
        key,
        1,
        Some(5),
        nominates,
    );
    out
}

fn check(exchange: &mut Exchange, port: u16, from: SocketAddr, nominates: bool) -> Sent {
    exchange.come(port, from, request(PASSWORD, nominates))
}

/// Every port of a phone is checked and nominated, from where its description says that it is.
fn connect(exchange: &mut Exchange, phone: &Phone) {
    for line in &phone.lines {
        check(exchange, line.spec.ports.rtp, line.from, true);
        if let Some(port) = line.spec.ports.rtcp {
            check(exchange, port, line.from_rtcp, true);
        }
    }
}

fn connected(exchange: &Exchange) -> Vec<(u64, u8)> {
    let lines = exchange.events.iter().filter_map(|event| match event {
        Event::LineConnected { leg, line } => Some((leg.0, *line)),
        _ => None,
    });
    lines.collect()
}

#[test]
fn nothing_is_sent_before_each_port_was_checked() {
    let (mut exchange, [mut one, two]) = with_ice(MIXED);
    connect(&mut exchange, &one);
    assert_eq!(connected(&exchange), [(1, 0), (1, 1)]);
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert!(sent.is_empty(), "nobody knows where the other is: {sent:?}");
    let line = &two.lines[SOUND].spec.ports;
    let sent = check(&mut exchange, line.rtp, two.lines[SOUND].from, true);
    let (way, answer) = &sent[0];
    assert_eq!((way.to, way.port), (two.lines[SOUND].from, line.rtp));
    let answer = Message::parse(answer).unwrap();
    assert_eq!(answer.class, MessageClass::Success);
    assert_eq!(answer.mapped, Some(two.lines[SOUND].from));
    assert!(answer.verify_integrity(PASSWORD.as_bytes()) && answer.verify_fingerprint());
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert!(sent.is_empty(), "its port for RTCP is to be checked, too");
    let (port, from) = (line.rtcp.unwrap(), two.lines[SOUND].from_rtcp);
    let sent = check(&mut exchange, port, from, true);
    assert_eq!((sent[0].0.to, sent[0].0.port), (from, port));
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert_eq!(sent[0].0.to, two.lines[SOUND].from);
    assert_eq!(connected(&exchange), [(1, 0), (1, 1), (2, 0)]);
}

/// What the description says does not count, the right keys neither: only a check from there does.
#[test]
fn media_is_taken_from_where_checks_came_from() {
    for suites in [PLAIN, MIXED] {
        let (mut exchange, [mut one, two]) = with_ice(suites);
        connect(&mut exchange, &two);
        let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
        assert!(sent.is_empty(), "{sent:?}");
        assert_eq!(exchange.line_row(1, 0).wrong_source, 1);
        connect(&mut exchange, &one);
        let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
        assert_eq!(sent[0].0.to, two.lines[SOUND].from);
        let port = one.lines[SOUND].spec.ports.rtp;
        let packet = one.lines[SOUND].packet(PCMU, &[1; 160]);
        assert!(exchange.come(port, elsewhere(1), packet).is_empty());
        assert_eq!(exchange.line_row(1, 0).wrong_source, 2);
        check(&mut exchange, port, elsewhere(1), false);
        let packet = one.lines[SOUND].packet(PCMU, &[1; 160]);
        assert_eq!(exchange.come(port, elsewhere(1), packet).len(), 1);
    }
}

#[test]
fn a_nomination_moves_the_way_and_a_wrong_password_nothing() {
    let (mut exchange, [mut one, two]) = with_ice(PLAIN);
    connect(&mut exchange, &one);
    connect(&mut exchange, &two);
    let port = two.lines[SOUND].spec.ports.rtp;
    for bad in [request(ANOTHER, true), request("", true)] {
        assert!(exchange.come(port, elsewhere(1), bad).is_empty());
    }
    check(&mut exchange, port, elsewhere(2), false);
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert_eq!(sent[0].0.to, two.lines[SOUND].from);
    check(&mut exchange, port, elsewhere(2), true);
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert_eq!(sent[0].0.to, elsewhere(2));
    let snapshot = exchange.snapshot();
    let refused: u64 = snapshot
        .shards
        .iter()
        .map(|row| row.stun_unauthenticated)
        .sum();
    assert_eq!(refused, 2);
    // A keep-alive asks nothing (RFC 8445 section 11), and what is no message is counted.
    let mut indication = request(PASSWORD, false);
    indication[1] = 0x11;
    assert!(exchange.come(port, elsewhere(2), indication).is_empty());
    let mut cut = request(PASSWORD, true);
    cut.truncate(40);
    assert!(exchange.come(port, elsewhere(2), cut).is_empty());
    let malformed: u64 = exchange
        .snapshot()
        .shards
        .iter()
        .map(|row| row.stun_malformed)
        .sum();
    assert_eq!(malformed, 1);
}

/// Many addresses from which checks come are no way to have the one forgotten that is used.
#[test]
fn addresses_are_bounded_and_the_used_one_stays() {
    let (mut exchange, [mut one, two]) = with_ice(PLAIN);
    connect(&mut exchange, &one);
    connect(&mut exchange, &two);
    let port = one.lines[SOUND].spec.ports.rtp;
    for last in 0..40 {
        check(&mut exchange, port, elsewhere(last), false);
    }
    assert_eq!(
        exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]).len(),
        1
    );
    let packet = one.lines[SOUND].packet(PCMU, &[1; 160]);
    assert!(exchange.come(port, elsewhere(3), packet).is_empty());
}

/// A peer that nominates now this and now that address is followed so often, and not for each of its checks.
#[test]
fn nominations_are_rationed() {
    let (mut exchange, [one, _]) = with_ice(PLAIN);
    connect(&mut exchange, &one);
    let (port, before) = (one.lines[SOUND].spec.ports.rtp, connected(&exchange).len());
    for at in 0..200 {
        check(&mut exchange, port, elsewhere(at % 2), true);
    }
    let told = connected(&exchange).len() - before;
    assert!((2..=TRIALS as usize).contains(&told), "{told}");
    exchange.pass(ms(1_500));
    check(&mut exchange, port, elsewhere(7), true);
    assert_eq!(connected(&exchange).len(), before + told + 1);
}

#[test]
fn a_restart_takes_new_credentials_and_keeps_the_way() {
    let (mut exchange, [mut one, two]) = with_ice(MIXED);
    connect(&mut exchange, &one);
    connect(&mut exchange, &two);
    let restart = |line: u8, ice| {
        let remote = two.lines[SOUND].spec.remote;
        Command::SetRemote(SetRemote {
            leg: LegId(2),
            line,
            remote,
            keys: None,
            ice,
            max_bitrate: None,
        })
    };
    exchange.command(restart(0, Some(ice(ANOTHER))));
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert_eq!(sent[0].0.to, two.lines[SOUND].from);
    let port = two.lines[SOUND].spec.ports.rtp;
    assert!(check(&mut exchange, port, elsewhere(1), true).is_empty());
    assert_eq!(
        exchange
            .come(port, elsewhere(1), request(ANOTHER, true))
            .len(),
        1
    );
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert_eq!(sent[0].0.to, elsewhere(1));
    assert_eq!(refusal(&exchange), None);
    let (mut bare, _) = call_with(PLAIN, |_| {});
    bare.command(restart(0, Some(ice(ANOTHER))));
    assert_eq!(refusal(&bare), Some(Refusal::BadDescription));
}

/// Checks are signs of life; without any, and without media, nothing is sent any more.
#[test]
fn checks_keep_a_line_alive() {
    let (mut exchange, [mut one, two]) = with_ice(PLAIN);
    connect(&mut exchange, &one);
    connect(&mut exchange, &two);
    for _ in 0..4 {
        exchange.pass(ms(15_000));
        connect(&mut exchange, &two);
    }
    // Each time on both ports of the line.
    assert_eq!(exchange.line_row(2, SOUND as u64).checks, 10);
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert_eq!(of_class(&sent, Class::Rtp).len(), 1);
    exchange.pass(SILENCE + ms(2_000));
    let lost = Event::ConsentLost { leg: LegId(2) };
    assert!(exchange.events.contains(&lost));
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert!(of_class(&sent, Class::Rtp).is_empty());
    let port = two.lines[SOUND].spec.ports.rtp;
    check(&mut exchange, port, two.lines[SOUND].from, false);
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert_eq!(of_class(&sent, Class::Rtp).len(), 1);
    assert!(exchange.line_row(2, PICTURES as u64).found == 0);
}
