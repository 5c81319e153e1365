//! Round trips of every shape, and arbitrary bytes against every entrance.

mod support;

use engine_srtp::{Profile, SrtpError};
use proptest::prelude::*;
use support::{pair, protect_control, protect_header, rtcp};

fn any_profile() -> impl Strategy<Value = Profile> {
    prop::sample::select(Profile::ALL.to_vec())
}

/// A plain packet with CSRCs, an extension block and a payload, and the length of its header.
fn shaped(csrcs: usize, words: Option<usize>, payload: &[u8], extended: u64) -> (Vec<u8>, usize) {
    let mut packet = support::rtp(0x00c0_ffee, extended as u16, &[]);
    packet[0] |= csrcs as u8;
    packet.extend((0..csrcs * 4).map(|byte| byte as u8));
    if let Some(words) = words {
        packet[0] |= 0x10;
        packet.extend([0xbe, 0xde, 0, words as u8]);
        packet.extend((0..words * 4).map(|byte| 0xf0 ^ byte as u8));
    }
    let header_len = packet.len();
    packet.extend(payload);
    (packet, header_len)
}

proptest! {
    /// What is protected opens to the same bytes; the header is in the clear all the way.
    #[test]
    fn media_packets_survive_the_round_trip(
        profile in any_profile(),
        csrcs in 0usize..=15,
        words in prop::option::of(0usize..40),
        payload in prop::collection::vec(any::<u8>(), 0..1_500),
        extended in 0u64..65_536,
    ) {
        let (outbound, mut inbound) = pair(profile);
        let (plain, header_len) = shaped(csrcs, words, &payload, extended);
        let mut packet = protect_header(&outbound, &plain, header_len, extended).unwrap();
        prop_assert_eq!(&packet[..header_len], &plain[..header_len]);
        if payload.len() >= 16 {
            prop_assert_ne!(&packet[header_len..plain.len()], &plain[header_len..]);
        }
        let opened = inbound.unprotect_rtp(&mut packet, header_len).unwrap();
        prop_assert_eq!(opened.extended_sequence, extended);
        prop_assert_eq!(&packet[..opened.len], &plain[..]);
    }

    /// Control packets of all sizes survive the round trip.
    #[test]
    fn control_packets_survive_the_round_trip(profile in any_profile(), words in 0usize..250) {
        let (mut outbound, mut inbound) = pair(profile);
        let plain = rtcp(0xfeed_f00d, words);
        let mut packet = protect_control(&mut outbound, &plain);
        let len = inbound.unprotect_rtcp(&mut packet).unwrap();
        prop_assert_eq!(&packet[..len], &plain[..]);
    }

    /// Arbitrary bytes are refused without a panic and leave no stream behind.
    #[test]
    fn arbitrary_bytes_are_refused(
        profile in any_profile(),
        mut bytes in prop::collection::vec(any::<u8>(), 0..120),
        version in any::<bool>(),
        header_len in prop_oneof![0usize..140, Just(usize::MAX)],
    ) {
        let (_, mut inbound) = pair(profile);
        if let (true, Some(first)) = (version, bytes.first_mut()) {
            *first = 0x80 | (*first & 0x3f);
        }
        prop_assert!(inbound.unprotect_rtp(&mut bytes.clone(), header_len).is_err());
        prop_assert!(inbound.unprotect_rtcp(&mut bytes).is_err());
        prop_assert_eq!(inbound.rtp_streams().count() + inbound.rtcp_streams().count(), 0);
    }

    /// Arbitrary calls to protect end in a packet that opens, or in an error, never in a panic.
    #[test]
    fn arbitrary_calls_to_protect_are_safe(
        profile in any_profile(),
        mut buffer in prop::collection::vec(any::<u8>(), 0..120),
        plain_len in prop_oneof![0usize..140, Just(usize::MAX)],
        header_len in prop_oneof![0usize..140, Just(usize::MAX)],
        cycle in any::<u64>(),
    ) {
        let (mut outbound, mut inbound) = pair(profile);
        let sequence = match buffer[..] {
            [_, _, high, low, ..] => u16::from_be_bytes([high, low]),
            _ => 0,
        };
        let extended = (cycle << 16) | u64::from(sequence);
        let mut control = buffer.clone();
        let protected = outbound.protect_rtp(&mut buffer, plain_len, header_len, extended);
        if let Ok(len) = protected {
            let opened = inbound.unprotect_rtp(&mut buffer[..len], header_len);
            let other_cycle = extended >= 1 << 16;
            match opened {
                Ok(opened) => prop_assert_eq!(opened.extended_sequence, extended),
                Err(error) => prop_assert!(other_cycle && error == SrtpError::Authentication),
            }
        }
        let plain = control.clone();
        if outbound.protect_rtcp(&mut control).is_ok() {
            prop_assert_eq!(inbound.unprotect_rtcp(&mut control), Ok(plain.len()));
            prop_assert_eq!(&control[..plain.len()], &plain[..]);
        }
    }
}
