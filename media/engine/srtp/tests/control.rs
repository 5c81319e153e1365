//! SRTCP: indices, replays, the E bit, and a reference packet.

mod support;

use engine_srtp::{Inbound, Outbound, Profile, SrtpError, StreamState};
use support::{master, pair, protect_control, rtcp};

const SSRC: u32 = 0x1234_5678;

/// Opens a copy and gives the plain packet.
fn open(inbound: &mut Inbound, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut packet = packet.to_vec();
    let len = inbound.unprotect_rtcp(&mut packet)?;
    packet.truncate(len);
    Ok(packet)
}

/// Bytes that come after the word of E bit and index.
fn after_word(profile: Profile) -> usize {
    match profile {
        Profile::AesCm128HmacSha1_80 | Profile::AesCm128HmacSha1_32 => 10,
        _ => 0,
    }
}

/// The word of E bit and index of a protected packet.
fn word(profile: Profile, packet: &[u8]) -> u32 {
    let end = packet.len() - after_word(profile);
    let word = packet[..end].last_chunk().expect("longer than a word");
    u32::from_be_bytes(*word)
}

/// Packets carry the E bit and rising indices, open once each, and in any order.
#[test]
fn control_packets_open_once_each_in_any_order() {
    for profile in Profile::ALL {
        let (mut outbound, mut inbound) = pair(profile);
        let plain = rtcp(SSRC, 6);
        let packets: Vec<_> = (0..20)
            .map(|_| protect_control(&mut outbound, &plain))
            .collect();
        for (index, packet) in (0..).zip(&packets) {
            assert_eq!(word(profile, packet), 0x8000_0000 | index);
            assert_eq!(packet.len(), plain.len() + profile.rtcp_overhead());
            assert_eq!(packet[..8], plain[..8]);
            assert_ne!(packet[8..plain.len()], plain[8..]);
        }
        for packet in packets.iter().rev() {
            assert_eq!(open(&mut inbound, packet).as_ref(), Ok(&plain));
            assert_eq!(open(&mut inbound, packet), Err(SrtpError::Replay));
        }
    }
}

/// A change of any byte is refused and leaves no trace, and the true packet still opens.
#[test]
fn forged_control_packets_leave_the_state_untouched() {
    for profile in Profile::ALL {
        let (mut outbound, mut inbound) = pair(profile);
        let packet = protect_control(&mut outbound, &rtcp(SSRC, 3));
        for at in 0..packet.len() {
            let mut forged = packet.clone();
            forged[at] ^= 0x10;
            assert!(inbound.unprotect_rtcp(&mut forged).is_err(), "byte {at}");
            assert_eq!(inbound.rtcp_streams().count(), 0, "byte {at}");
        }
        assert_eq!(open(&mut inbound, &packet), Ok(rtcp(SSRC, 3)));
    }
}

/// A packet with the E bit clear is refused for that, before its tag is looked at.
#[test]
fn unencrypted_control_packets_are_refused() {
    for profile in Profile::ALL {
        let (mut outbound, mut inbound) = pair(profile);
        let mut packet = protect_control(&mut outbound, &rtcp(SSRC, 3));
        let end = packet.len() - after_word(profile);
        packet[end - 4] &= 0x7f;
        assert_eq!(open(&mut inbound, &packet), Err(SrtpError::Unencrypted));
    }
}

/// A control packet of another version or of more than 64 KiB is refused before any cryptography, both ways.
#[test]
fn misshapen_control_packets_are_refused() {
    for profile in Profile::ALL {
        let (mut outbound, mut inbound) = pair(profile);
        let mut other = rtcp(SSRC, 3);
        other[0] = 0x40;
        assert_eq!(outbound.protect_rtcp(&mut other), Err(SrtpError::BadHeader));
        let mut long = rtcp(SSRC, 3);
        long.resize(65_536, 0);
        assert_eq!(outbound.protect_rtcp(&mut long), Err(SrtpError::TooLong));
        assert_eq!(outbound.next_rtcp_index(), 0, "no index was spent");

        let good = protect_control(&mut outbound, &rtcp(SSRC, 3));
        let mut other = good.clone();
        other[0] = 0x40;
        assert_eq!(open(&mut inbound, &other), Err(SrtpError::BadHeader));
        let mut long = good;
        long.resize(65_536, 0xFF);
        assert_eq!(open(&mut inbound, &long), Err(SrtpError::TooLong));
        assert_eq!(inbound.rtcp_streams().count(), 0);
    }
}

/// Both sides can be taken over: indices go on, and what was received stays received.
#[test]
fn a_standby_takes_over_the_control_stream() {
    for profile in Profile::ALL {
        let (mut outbound, mut inbound) = pair(profile);
        let seen = protect_control(&mut outbound, &rtcp(SSRC, 2));
        assert!(open(&mut inbound, &seen).is_ok());

        let mut sender = Outbound::new(profile, &master(profile)).unwrap();
        sender.skip_rtcp_to(outbound.next_rtcp_index());
        let mut receiver = Inbound::new(profile, &master(profile)).unwrap();
        for state in inbound.rtcp_streams() {
            receiver.restore_rtcp(state).unwrap();
        }
        assert_eq!(open(&mut receiver, &seen), Err(SrtpError::Replay));
        let next = protect_control(&mut sender, &rtcp(SSRC, 2));
        assert_eq!(word(profile, &next), 0x8000_0001);
        assert_eq!(open(&mut receiver, &next), Ok(rtcp(SSRC, 2)));
        sender.skip_rtcp_to(0);
        assert_eq!(sender.next_rtcp_index(), 2, "an index is never used again");
    }
}

/// After the index 2^31 - 1 nothing more is sent, and the refused packet is left as it was.
#[test]
fn the_control_index_never_wraps() {
    let (mut outbound, mut inbound) = pair(Profile::AeadAes128Gcm);
    outbound.skip_rtcp_to((1 << 31) - 1);
    let last = protect_control(&mut outbound, &rtcp(SSRC, 1));
    assert_eq!(word(Profile::AeadAes128Gcm, &last), u32::MAX);
    assert!(open(&mut inbound, &last).is_ok());
    let mut beyond = rtcp(SSRC, 1);
    assert_eq!(
        outbound.protect_rtcp(&mut beyond),
        Err(SrtpError::KeyExhausted)
    );
    assert_eq!(beyond, rtcp(SSRC, 1));
}

/// The window of 1024 indices holds for control packets too.
#[test]
fn old_control_packets_are_refused() {
    let (mut outbound, mut inbound) = pair(Profile::AesCm128HmacSha1_80);
    let old = protect_control(&mut outbound, &rtcp(SSRC, 1));
    let state = StreamState {
        ssrc: SSRC,
        highest: 1024,
        window: [0; 16],
    };
    inbound.restore_rtcp(state).unwrap();
    assert_eq!(open(&mut inbound, &old), Err(SrtpError::TooOld));
}

/// The reference packets that libsrtp's own driver checks, from the RFC 3711 B.3 master key.
#[test]
fn the_reference_packets_of_libsrtp_match() {
    let master = [
        0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f, 0xa3, 0x2c, 0x06, 0xde, 0x41,
        0x39, 0x0e, 0xc6, 0x75, 0xad, 0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6,
    ];
    let mut outbound = Outbound::new(Profile::AesCm128HmacSha1_80, &master).unwrap();
    let mut media = [0xab; 38];
    media[..12].copy_from_slice(&0x800f_1234_deca_fbad_cafe_babe_u128.to_be_bytes()[4..]);
    outbound.protect_rtp(&mut media, 28, 12, 0x1234).unwrap();
    let media_end = [
        0x4e55_dc4c_e799_78d8_u64,
        0x8ca4_d215_949d_2402,
        0xb78d_6acc_99ea_179b,
    ];
    assert_eq!(media[12..36], media_end.map(u64::to_be_bytes).concat());
    assert_eq!(media[36..], [0x8d, 0xbb]);

    outbound.skip_rtcp_to(1);
    let mut control = vec![0xab; 24];
    control[..8].copy_from_slice(&0x81c8_000b_cafe_babe_u64.to_be_bytes());
    outbound.protect_rtcp(&mut control).unwrap();
    let control_end = [
        0x7128_035b_e487_b9bd_u64,
        0xbef8_9041_f977_a5a8,
        0x8000_0001_993e_08cd,
    ];
    assert_eq!(control[8..32], control_end.map(u64::to_be_bytes).concat());
    assert_eq!(control[32..], [0x54, 0xd6, 0xc1, 0x23, 0x07, 0x98]);
}
