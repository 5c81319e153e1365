//! STUN messages: the test vectors of RFC 5769, the writers, and malformed input.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

use std::net::SocketAddr;

use engine_wire::stun::{self, Message, MessageClass, BINDING};
use engine_wire::WireError;
use proptest::prelude::*;

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const TRANSACTION: [u8; 12] = [
    0xB7, 0xE7, 0xA7, 0x01, 0xBC, 0x34, 0xD6, 0x86, 0xFA, 0x87, 0xDF, 0xAE,
];

/// RFC 5769 2.1.
const SAMPLE_REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae\
    802200105354554e207465737420636c69656e74\
    002400046e0001ff80290008932ff9b151263b36\
    000600096576746a3a68367659202020\
    000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2\
    80280004e57a3bcf";

/// RFC 5769 2.2.
const SAMPLE_IPV4_RESPONSE: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae\
    8022000b7465737420766563746f7220\
    002000080001a147e112a643\
    000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7\
    80280004c07d4c96";

/// RFC 5769 2.3.
const SAMPLE_IPV6_RESPONSE: &str = "010100482112a442b7e7a701bc34d686fa87dfae\
    8022000b7465737420766563746f7220\
    002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9\
    00080014a382954e4be67bf11784c97c8292c275bfe3ed41\
    80280004c8fb0b4c";

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// A message of the sample transaction with these attributes, without integrity and fingerprint.
fn message_with(attributes: &[u8]) -> Vec<u8> {
    let mut message = bytes("000100002112a442b7e7a701bc34d686fa87dfae");
    message[3] = attributes.len() as u8;
    [message, attributes.to_vec()].concat()
}

fn request() -> Vec<u8> {
    let mut out = Vec::new();
    stun::write_binding_request(
        &mut out,
        &TRANSACTION,
        "here:there",
        b"key",
        0x6E00_01FF,
        Some(7),
        true,
    );
    out
}

/// The sample request's fields are read and both its checks hold.
#[test]
fn sample_request_of_rfc_5769() {
    let datagram = bytes(SAMPLE_REQUEST);
    let message = Message::parse(&datagram).unwrap();
    assert_eq!(
        (message.class, message.method),
        (MessageClass::Request, BINDING)
    );
    assert_eq!(message.transaction, TRANSACTION);
    assert_eq!(message.username(), Some("evtj:h6vY"));
    assert_eq!(message.priority, Some(0x6E00_01FF));
    assert_eq!(message.controlled, Some(0x932F_F9B1_5126_3B36));
    assert_eq!(message.controlling, None);
    assert!(!message.use_candidate);
    assert!(message.unknown_required().is_empty());
    assert!(message.has_fingerprint() && message.verify_fingerprint());
    assert!(message.verify_integrity(PASSWORD));
    assert!(!message.verify_integrity(b"another"));
}

/// The sample answers over IPv4 and IPv6 are read and their checks hold.
#[test]
fn sample_responses_of_rfc_5769() {
    for (hex, mapped) in [
        (SAMPLE_IPV4_RESPONSE, "192.0.2.1:32853"),
        (
            SAMPLE_IPV6_RESPONSE,
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
        ),
    ] {
        let datagram = bytes(hex);
        let message = Message::parse(&datagram).unwrap();
        assert_eq!(message.class, MessageClass::Success);
        assert_eq!(message.mapped, Some(mapped.parse().unwrap()));
        assert!(message.verify_integrity(PASSWORD) && message.verify_fingerprint());
    }
}

/// A changed bit anywhere breaks a check or the reading, and one before the integrity breaks that.
#[test]
fn every_bit_is_guarded() {
    let datagram = request();
    for bit in 0..datagram.len() * 8 {
        let mut changed = datagram.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Ok(message) = Message::parse(&changed) {
            assert!(!message.verify_fingerprint(), "bit {bit}");
            assert!(
                bit / 8 >= datagram.len() - 8 || !message.verify_integrity(b"key"),
                "bit {bit}"
            );
        }
    }
}

/// A request that was written is read back, appended to whatever was in the buffer.
#[test]
fn requests_are_read_back() {
    let mut out = vec![0xAA];
    stun::write_binding_request(
        &mut out,
        &TRANSACTION,
        "here:there",
        b"key",
        5,
        Some(7),
        true,
    );
    assert_eq!(out[0], 0xAA);
    let message = Message::parse(&out[1..]).unwrap();
    assert_eq!(
        (message.class, message.method, message.transaction),
        (MessageClass::Request, BINDING, TRANSACTION)
    );
    assert_eq!(message.username(), Some("here:there"));
    assert_eq!(
        (message.priority, message.controlling, message.controlled),
        (Some(5), Some(7), None)
    );
    assert!(
        message.use_candidate && message.verify_integrity(b"key") && message.verify_fingerprint()
    );
}

/// A request without a role or a nomination has neither attribute.
#[test]
fn role_and_nomination_are_optional() {
    let mut out = Vec::new();
    stun::write_binding_request(&mut out, &TRANSACTION, "a:b", b"key", 5, None, false);
    let message = Message::parse(&out).unwrap();
    assert_eq!((message.controlling, message.use_candidate), (None, false));
}

/// Errors carry their code, with integrity when there is a key and without when there is none.
#[test]
fn errors_are_read_back() {
    for (code, key) in [(487, Some(&b"key"[..])), (400, None), (699, None)] {
        let mut out = Vec::new();
        stun::write_binding_error(&mut out, &TRANSACTION, code, "why", key);
        let message = Message::parse(&out).unwrap();
        assert_eq!(
            (message.class, message.error_code),
            (MessageClass::Error, Some(code))
        );
        assert_eq!(message.has_integrity(), key.is_some());
        assert!(message.verify_fingerprint());
        assert_eq!(message.verify_integrity(b"key"), key.is_some());
    }
}

/// A reason is cut to 127 characters, so that the message stays small.
#[test]
fn long_reasons_are_cut() {
    let mut out = Vec::new();
    stun::write_binding_error(&mut out, &TRANSACTION, 400, &"\u{E6}".repeat(1_000), None);
    assert_eq!(out.len(), 20 + 4 + (4 + 254_usize).next_multiple_of(4) + 8);
    assert_eq!(Message::parse(&out).unwrap().error_code, Some(400));
}

/// Unknown attributes that must be understood are gathered once each and to a bound; optional ones are not.
#[test]
fn unknown_attributes_are_gathered() {
    let mut attributes = vec![0x7F, 1, 0, 0, 0x7F, 1, 0, 0, 0xC0, 1, 0, 0];
    assert_eq!(
        Message::parse(&message_with(&attributes))
            .unwrap()
            .unknown_required(),
        [0x7F01]
    );
    attributes.extend((2..20).flat_map(|kind| [0x7F, kind, 0, 0]));
    let datagram = message_with(&attributes);
    let message = Message::parse(&datagram).unwrap();
    assert_eq!(
        message.unknown_required(),
        [0x7F01, 0x7F02, 0x7F03, 0x7F04, 0x7F05, 0x7F06, 0x7F07, 0x7F08]
    );
    let mut out = Vec::new();
    stun::write_unknown_attributes(
        &mut out,
        &TRANSACTION,
        &[0x7F01, 0x7F02, 0x7F03],
        Some(b"key"),
    );
    let answer = Message::parse(&out).unwrap();
    assert_eq!(answer.error_code, Some(420));
    assert!(answer.verify_integrity(b"key"));
    assert!(out
        .windows(10)
        .any(|bytes| bytes == [0, 0x0A, 0, 6, 0x7F, 1, 0x7F, 2, 0x7F, 3]));
}

/// Attributes that a peer may send and we make nothing of are not complained of, though they must be understood.
#[test]
fn known_attributes_are_not_unknown() {
    for kind in [0x01, 0x0A, 0x14, 0x15, 0x1C] {
        let datagram = message_with(&[0, kind, 0, 0, 0x7F, kind, 0, 0]);
        let message = Message::parse(&datagram).unwrap();
        assert_eq!(message.unknown_required(), [0x7F00 | u16::from(kind)]);
    }
}

/// Nothing behind MESSAGE-INTEGRITY counts, since it is not covered; nothing may follow FINGERPRINT.
#[test]
fn attributes_behind_the_integrity_do_not_count() {
    let integrity = [&[0, 8, 0, 20][..], &[0; 20]].concat();
    let use_candidate = [0, 0x25, 0, 0];
    let behind = message_with(&[&integrity[..], &use_candidate].concat());
    assert!(!Message::parse(&behind).unwrap().use_candidate);
    let fingerprint = [0x80, 0x28, 0, 4, 0, 0, 0, 0];
    let last = message_with(&[&fingerprint[..], &use_candidate].concat());
    assert_eq!(Message::parse(&last), Err(WireError::StunAttribute(0x0025)));
}

/// The first attribute of a type counts.
#[test]
fn repeated_attributes_do_not_count() {
    let datagram = message_with(&[0, 0x24, 0, 4, 0, 0, 0, 1, 0, 0x24, 0, 4, 0, 0, 0, 2]);
    assert_eq!(Message::parse(&datagram).unwrap().priority, Some(1));
}

/// Attributes with a wrong size or form are errors that name them.
#[test]
fn malformed_attributes_are_errors() {
    for (attribute, kind) in [
        (&[0, 0x24, 0, 2, 0, 0, 0, 0][..], 0x0024),
        (&[0, 6, 0, 4, 0xFF, 0xFF, 0xFF, 0xFF], 0x0006),
        (&[0, 6, 0, 5, b'a', b':', b'b', b'c'], 0x0006),
        (&[0, 8, 0, 4, 0, 0, 0, 0], 0x0008),
        (&[0x80, 0x2A, 0, 4, 0, 0, 0, 0], 0x802A),
        (&[0x80, 0x28, 0, 0], 0x8028),
        (&[0, 9, 0, 4, 0, 0, 7, 0], 0x0009),
        (&[0, 0x20, 0, 8, 0, 2, 0, 0, 0, 0, 0, 0], 0x0020),
    ] {
        assert_eq!(
            Message::parse(&message_with(attribute)),
            Err(WireError::StunAttribute(kind)),
            "{attribute:x?}"
        );
    }
}

/// Datagrams that are no STUN, or whose length field disagrees, are errors.
#[test]
fn wrong_headers_are_errors() {
    let datagram = request();
    let available = datagram.len();
    assert_eq!(
        Message::parse(&datagram[..19]),
        Err(WireError::Truncated {
            needed: 20,
            available: 19
        })
    );
    let mut cookie = datagram.clone();
    cookie[4] = 0;
    assert_eq!(Message::parse(&cookie), Err(WireError::NotStun));
    let mut channel = datagram.clone();
    channel[0] = 0x40;
    assert_eq!(Message::parse(&channel), Err(WireError::NotStun));
    let declared = available - 20;
    let longer = [&datagram[..], &[0; 4]].concat();
    assert_eq!(
        Message::parse(&longer),
        Err(WireError::StunLength {
            declared,
            available: available + 4
        })
    );
    let odd = message_with(&[0; 3]);
    assert_eq!(
        Message::parse(&odd),
        Err(WireError::StunLength {
            declared: 3,
            available: 23
        })
    );
}

proptest! {
    /// Any address comes back from an answer, which only its own key verifies.
    #[test]
    fn successes_are_read_back(mapped: SocketAddr, transaction: [u8; 12], key in prop::collection::vec(any::<u8>(), 1..40)) {
        let mut out = Vec::new();
        stun::write_binding_success(&mut out, &transaction, mapped, &key);
        let message = Message::parse(&out).unwrap();
        prop_assert_eq!(message.class, MessageClass::Success);
        prop_assert_eq!(message.transaction, transaction);
        prop_assert_eq!(message.mapped.map(|address| (address.ip(), address.port())), Some((mapped.ip(), mapped.port())));
        prop_assert!(message.verify_integrity(&key) && message.verify_fingerprint());
        let other: Vec<u8> = key.iter().map(|byte| !byte).collect();
        prop_assert!(!message.verify_integrity(&other));
    }
}
