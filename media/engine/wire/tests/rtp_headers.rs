//! RTP headers, header extensions and padding.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

use engine_wire::rtp::{audio_level, AudioLevel, ExtensionBlock, FixedHeader, RtpHeader};
use engine_wire::WireError;
use proptest::prelude::*;

const FIXED: [u8; 12] = [
    0x80, 0xEF, 0x12, 0x34, 0, 0, 0x03, 0xC0, 0xCA, 0xFE, 0xF0, 0x0D,
];

fn packet(flags: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = [&FIXED[..], rest].concat();
    packet[0] |= flags;
    packet
}

fn value(packet: &[u8], id: u8) -> Option<&[u8]> {
    RtpHeader::parse(packet)
        .unwrap()
        .extension_value(packet, id)
}

/// Every field of a fixed header is read.
#[test]
fn reads_the_fixed_header() {
    let expected = RtpHeader {
        marker: true,
        payload_type: 111,
        sequence: 0x1234,
        timestamp: 960,
        ssrc: 0xCAFE_F00D,
        header_len: 12,
        has_padding: false,
        extension: None,
    };
    assert_eq!(RtpHeader::parse(&FIXED), Ok(expected));
}

/// Contributing sources come between the fixed header and the extension, and both count as header.
#[test]
fn counts_sources_and_extension_as_header() {
    let packet = packet(
        0x12,
        &[
            1, 1, 1, 1, 2, 2, 2, 2, 0xBE, 0xDE, 0, 1, 0x10, 0x85, 0, 0, 0x78,
        ],
    );
    let header = RtpHeader::parse(&packet).unwrap();
    assert_eq!(header.header_len, 28);
    assert_eq!(
        header.extension,
        Some(ExtensionBlock {
            profile: 0xBEDE,
            start: 24,
            end: 28
        })
    );
    assert_eq!(header.payload_range(&packet), Ok(28..29));
    assert_eq!(header.extension_value(&packet, 1), Some(&[0x85][..]));
}

/// Headers that are cut off, and other versions, are errors.
#[test]
fn refuses_what_is_cut_off_or_of_another_version() {
    let whole = packet(0x11, &[1, 1, 1, 1, 0xBE, 0xDE, 0, 1, 0x10, 0x85, 0, 0]);
    for len in 0..whole.len() {
        let result = RtpHeader::parse(&whole[..len]);
        assert!(
            matches!(result, Err(WireError::Truncated { available, .. }) if available == len),
            "{len}: {result:?}"
        );
    }
    let mut version_one = FIXED;
    version_one[0] = 0x40;
    assert_eq!(RtpHeader::parse(&version_one), Err(WireError::Version(1)));
}

/// One-byte elements are found behind others and behind padding bytes; lengths count from one.
#[test]
fn finds_one_byte_elements() {
    let packet = packet(
        0x10,
        &[
            0xBE, 0xDE, 0, 3, 0x10, 0x85, 0, 0, 0x31, 7, 8, 0, 0xE0, 9, 0, 0,
        ],
    );
    assert_eq!(value(&packet, 1), Some(&[0x85][..]));
    assert_eq!(value(&packet, 3), Some(&[7, 8][..]));
    assert_eq!(value(&packet, 14), Some(&[9][..]));
    assert_eq!(value(&packet, 2), None);
    assert_eq!(value(&packet, 0), None);
}

/// In the one-byte form the identifier 15 stops the reading, whatever comes after it.
#[test]
fn fifteen_stops_one_byte_elements() {
    let packet = packet(
        0x10,
        &[0xBE, 0xDE, 0, 2, 0x20, 5, 0xF0, 6, 0x10, 0x85, 0, 0],
    );
    assert_eq!(value(&packet, 2), Some(&[5][..]));
    assert_eq!(value(&packet, 15), None);
    assert_eq!(value(&packet, 1), None);
}

/// In the one-byte form an identifier of zero that has a length is no padding and stops the reading.
#[test]
fn zero_with_a_length_stops_one_byte_elements() {
    let packet = packet(0x10, &[0xBE, 0xDE, 0, 2, 0x01, 5, 5, 0x10, 0x85, 0, 0, 0]);
    assert_eq!(value(&packet, 1), None);
}

/// Two-byte elements may be empty and may have identifiers from 15 on; the profile's low bits do not matter.
#[test]
fn finds_two_byte_elements() {
    for low in [0x00, 0x0F] {
        let packet = packet(
            0x10,
            &[0x10, low, 0, 3, 1, 1, 0x85, 0, 15, 0, 200, 3, 1, 2, 3, 0],
        );
        assert_eq!(value(&packet, 1), Some(&[0x85][..]));
        assert_eq!(value(&packet, 15), Some(&[][..]));
        assert_eq!(value(&packet, 200), Some(&[1, 2, 3][..]));
        assert_eq!(value(&packet, 2), None);
    }
}

/// An element that overruns its block is not taken from the payload behind it.
#[test]
fn elements_do_not_reach_into_the_payload() {
    assert_eq!(
        value(&packet(0x10, &[0xBE, 0xDE, 0, 1, 0x13, 1, 2, 3, 4, 5]), 1),
        None
    );
    assert_eq!(
        value(&packet(0x10, &[0x10, 0, 0, 1, 1, 3, 2, 3, 4, 5]), 1),
        None
    );
}

/// Other profiles hold no elements, but are skipped as header.
#[test]
fn other_profiles_hold_no_elements() {
    let packet = packet(0x10, &[0x12, 0x34, 0, 1, 0x10, 0x85, 0, 0, 0x78]);
    assert_eq!(RtpHeader::parse(&packet).unwrap().header_len, 20);
    assert_eq!(value(&packet, 1), None);
}

/// Padding is left out, up to all of the payload; a count that does not fit is an error.
#[test]
fn leaves_padding_out() {
    for (rest, expected) in [
        (&[0x78, 0, 2][..], Ok(12..13)),
        (&[0, 0, 3], Ok(12..12)),
        (&[0, 0, 4], Err(WireError::Padding)),
        (&[0, 0, 0], Err(WireError::Padding)),
        (&[], Err(WireError::Padding)),
    ] {
        let packet = packet(0x20, rest);
        assert_eq!(
            RtpHeader::parse(&packet).unwrap().payload_range(&packet),
            expected,
            "{rest:?}"
        );
    }
}

/// A packet cut after its header was read gives an error, not a panic.
#[test]
fn payload_of_a_cut_packet_is_an_error() {
    let header = RtpHeader::parse(&FIXED).unwrap();
    assert_eq!(
        header.payload_range(&FIXED[..5]),
        Err(WireError::Truncated {
            needed: 12,
            available: 5
        })
    );
}

/// RFC 6464's byte is split into voice and level.
#[test]
fn reads_audio_levels() {
    assert_eq!(
        audio_level(&[0x85]),
        Some(AudioLevel {
            voice: true,
            dbov: 5
        })
    );
    assert_eq!(
        audio_level(&[0x7F, 0]),
        Some(AudioLevel {
            voice: false,
            dbov: 127
        })
    );
    assert_eq!(audio_level(&[]), None);
}

proptest! {
    /// What is written is read back, and bytes behind the header stay.
    #[test]
    fn reads_back_what_it_writes(marker: bool, payload_type in 0_u8..128, sequence: u16, timestamp: u32, ssrc: u32) {
        let mut out = [0xAA; 14];
        FixedHeader { marker, payload_type, sequence, timestamp, ssrc }.write(&mut out);
        let expected = RtpHeader {
            marker, payload_type, sequence, timestamp, ssrc, header_len: 12, has_padding: false, extension: None,
        };
        prop_assert_eq!(RtpHeader::parse(&out), Ok(expected));
        prop_assert_eq!(&out[12..], &[0xAA; 2]);
    }
}
