//! Lines that H.235.6 hides: who is heard on them, what becomes of their keys, and what is said of them.

use crate::support;
use crate::support::phone::{
    call, call_with, key_frame, of_class, refusal, Exchange, Phone, EVENT, H235, MIXED, PCMU,
    PICTURES, SOUND, VP8,
};
use engine_core::api::{LegId, Refusal};
use engine_core::line::api::{
    ChannelKey, Keys, Protection, SetChannelKeys, SetLineKeys, SetRemote,
};
use engine_core::line::Cipher;
use engine_core::Command;
use engine_srtp::{Inbound, KeyType, Outbound, Profile};
use engine_wire::demux::Class;
use std::net::SocketAddr;

const NEW_TYPE: u8 = 121;

fn key(fill: u8, payload_type: Option<u8>) -> ChannelKey {
    ChannelKey {
        profile: Profile::H235Aes128Cbc.name().into(),
        key: vec![fill; 16],
        payload_type,
    }
}

/// Somebody with keys of SRTP and a room system of H.323 see and hear each other, whatever the length of a packet.
#[test]
fn both_ends_are_understood_beside_srtp() {
    let (mut exchange, [mut one, mut two]) = call_with(H235, |phone| {
        if phone.leg == 2 {
            *phone = Phone::new(2, MIXED);
        }
    });
    for (line, pt, payload) in [
        (SOUND, PCMU, vec![7; 160]),
        (SOUND, PCMU, vec![8; 161]),
        (PICTURES, VP8, key_frame(9)),
    ] {
        for (from, to) in [(0, 1), (1, 0)] {
            let phones = [&mut one, &mut two];
            let sent = exchange.speak(&mut phones[from].lines[line], pt, &payload);
            let media = of_class(&sent, Class::Rtp);
            let (way, datagram) = media[0];
            let phones = [&mut one, &mut two];
            let line = &mut phones[to].lines[line];
            assert_eq!((media.len(), way.to), (1, line.from));
            assert!(!datagram.windows(16).any(|part| part == &payload[12..28]));
            assert_eq!(line.open(datagram), payload);
        }
    }
}

/// Reports are not hidden (H.235.6), and keys that are pressed are read under their own payload type.
#[test]
fn reports_are_plain_and_pressed_keys_are_read() {
    let (mut exchange, [mut one, _]) = call(H235);
    exchange.speak(&mut one.lines[SOUND], PCMU, &[0; 160]);
    let reports = exchange.pass(support::ms(6_000));
    let reports = of_class(&reports, Class::Rtcp);
    assert!(reports
        .iter()
        .any(|(_, report)| report.windows(5).any(|part| part == b"phone")));
    one.lines[SOUND].timestamp = Some(9_600);
    for volume in [0x0a, 0x8a, 0x8a] {
        exchange.speak(&mut one.lines[SOUND], EVENT, &[5, volume, 0x03, 0x20]);
    }
    let pressed = exchange
        .events
        .iter()
        .filter(|event| format!("{event:?}").contains("Digit"));
    assert_eq!(pressed.count(), 1);
}

/// Nothing is proved by what opens: whoever is not where the peer is said to be is not heard, and nothing twice.
#[test]
fn strangers_are_not_heard_and_copies_are_dropped() {
    let (mut exchange, [mut one, _]) = call(H235);
    let line = &mut one.lines[SOUND];
    let (port, from) = (line.spec.ports.rtp, line.from);
    let packet = line.packet(PCMU, &[1; 160]);
    let stranger = SocketAddr::from(([203, 0, 113, 9], 9));
    assert!(exchange.come(port, stranger, packet.clone()).is_empty());
    assert_eq!(exchange.line_row(1, 0).wrong_source, 1);
    assert_eq!(
        of_class(&exchange.come(port, from, packet.clone()), Class::Rtp).len(),
        1
    );
    assert!(exchange.come(port, from, packet).is_empty());
    assert_eq!(exchange.leg_row(1).replays, 1);
    let noise = exchange.come(
        port,
        from,
        vec![0x80, PCMU, 9, 9, 0, 0, 0, 0, 0, 0, 0, 9, 1],
    );
    assert!(noise.is_empty());
    assert_eq!(exchange.leg_row(1).srtp_failures, 1);
}

/// A key follows another, told by the payload type of its packets: what was on its way under the one before is still heard.
#[test]
fn keys_change_within_a_call() {
    let (mut exchange, [mut one, mut two]) = call(H235);
    let told_by = Some(KeyType {
        wire: NEW_TYPE,
        format: PCMU,
    });
    exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    exchange.speak(&mut two.lines[SOUND], PCMU, &[2; 160]);
    let on_its_way = one.lines[SOUND].packet(PCMU, b"of before, and later than it");
    exchange.command(Command::SetChannelKeys(SetChannelKeys {
        leg: LegId(1),
        line: SOUND as u8,
        local: Some(key(2, Some(NEW_TYPE))),
        remote: Some(key(1, Some(NEW_TYPE))),
    }));
    assert_eq!(refusal(&exchange), None);
    let line = &mut one.lines[SOUND];
    let (port, from) = (line.spec.ports.rtp, line.from);
    line.outbound.change_key(&[1; 16], told_by).unwrap();
    line.inbound = Inbound::new(Profile::H235Aes128Cbc, &[2; 16]).unwrap();
    let after = line.packet(PCMU, b"of after the change");
    assert_eq!(after[1] & 0x7f, NEW_TYPE);
    for (packet, said) in [
        (after, &b"of after the change"[..]),
        (on_its_way, b"of before, and later than it"),
    ] {
        let sent = exchange.come(port, from, packet);
        let media = of_class(&sent, Class::Rtp);
        assert_eq!(two.lines[SOUND].open(&media[0].1), said);
    }
    let sent = exchange.speak(&mut two.lines[SOUND], PCMU, b"the way back");
    let media = of_class(&sent, Class::Rtp);
    assert_eq!(media[0].1[1] & 0x7f, NEW_TYPE);
    assert_eq!(one.lines[SOUND].open(&media[0].1), b"the way back");
}

/// A line that is open stands for all, and one with SRTP is not made worse than it is by the numbers.
#[test]
fn the_truth_about_protection_can_be_read() {
    let hidden = Cipher::H235Aes128Cbc as u64;
    let mut exchange = Exchange::default();
    let mut add = Phone::new(1, MIXED).add(1);
    add.lines[1].protection = Protection::H235 {
        local: key(1, None),
        remote: key(2, None),
    };
    exchange.command(Command::AddLines(add.clone()));
    let row = exchange.leg_row(1);
    assert_eq!((row.cipher_in, row.cipher_out), (hidden, hidden));
    assert_eq!((row.secured, row.by_handshake), (1, 0));
    let mut exchange = Exchange::default();
    add.lines[0].protection = Protection::Plain;
    exchange.command(Command::AddLines(add));
    let row = exchange.leg_row(1);
    assert_eq!((row.cipher_in, row.secured), (Cipher::Plain as u64, 0));
}

/// Neither kind of key is taken for the other, and none of the wrong length; what stands goes on.
#[test]
fn keys_that_do_not_fit_are_refused() {
    let named = |profile: &str, len: usize| ChannelKey {
        profile: profile.into(),
        key: vec![1; len],
        payload_type: None,
    };
    for bad in [
        named("AEAD_AES_128_GCM", 28),
        named("H235_AES_128_CBC", 15),
        named("H235_AES_128_CBC", 32),
        named("", 16),
        ChannelKey {
            payload_type: Some(128),
            ..key(1, None)
        },
    ] {
        for pair in [(bad.clone(), key(1, None)), (key(1, None), bad)] {
            let mut exchange = Exchange::default();
            let mut add = Phone::new(1, H235).add(1);
            add.lines[0].protection = Protection::H235 {
                local: pair.0,
                remote: pair.1,
            };
            exchange.command(Command::AddLines(add));
            assert_eq!(refusal(&exchange), Some(Refusal::BadKeys));
        }
    }
    let keys = |profile: &str, len| Keys {
        profile: profile.into(),
        master: vec![1; len],
    };
    let mut exchange = Exchange::default();
    let mut add = Phone::new(1, MIXED).add(1);
    let hidden = keys("H235_AES_128_CBC", 16);
    add.lines[0].protection = Protection::Sdes {
        local: hidden.clone(),
        remote: hidden.clone(),
    };
    exchange.command(Command::AddLines(add));
    assert_eq!(refusal(&exchange), Some(Refusal::BadKeys));
    let (mut exchange, [mut one, _]) = call(H235);
    let remote = one.lines[SOUND].spec.remote;
    let change = |local, remote| {
        Command::SetChannelKeys(SetChannelKeys {
            leg: LegId(1),
            line: 0,
            local,
            remote,
        })
    };
    let gcm = keys("AEAD_AES_128_GCM", 28);
    for command in [
        change(Some(key(1, None)), Some(named("H235_AES_256_CBC", 32))),
        change(Some(named("AEAD_AES_128_GCM", 28)), None),
        Command::SetRemote(SetRemote {
            leg: LegId(1),
            line: 0,
            remote,
            keys: Some(gcm.clone()),
            ice: None,
            max_bitrate: None,
        }),
    ] {
        exchange.events.clear();
        exchange.command(command);
        assert_eq!(refusal(&exchange), Some(Refusal::BadKeys));
    }
    exchange.events.clear();
    let by_handshake = SetLineKeys {
        leg: LegId(1),
        line: 0,
        local: gcm.clone(),
        remote: gcm,
    };
    exchange.command(Command::SetLineKeys(by_handshake));
    assert!(refusal(&exchange).is_some());
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    assert_eq!(of_class(&sent, Class::Rtp).len(), 1);
    let (mut exchange, _) = call(MIXED);
    exchange.command(change(None, Some(key(1, None))));
    assert_eq!(refusal(&exchange), Some(Refusal::BadKeys));
}

/// What is sent before a peer has its key can be read by nobody: not by one who knows only what the peer will have.
#[test]
fn a_key_may_come_later() {
    let (mut exchange, [mut one, mut two]) = call(H235);
    exchange.command(Command::SetChannelKeys(SetChannelKeys {
        leg: LegId(1),
        line: SOUND as u8,
        local: None,
        remote: Some(key(5, None)),
    }));
    one.lines[SOUND].outbound = Outbound::new(Profile::H235Aes128Cbc, &[5; 16]).unwrap();
    let sent = exchange.speak(&mut one.lines[SOUND], PCMU, &[1; 160]);
    let media = of_class(&sent, Class::Rtp);
    assert_eq!(two.lines[SOUND].open(&media[0].1), [1; 160]);
}
