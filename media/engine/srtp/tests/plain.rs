//! Plain RTP: what is counted all the same, and what no name leads to.

mod support;

use engine_srtp::{Inbound, Outbound, Profile, SrtpError};
use support::{pair, rtcp, rtp};

/// Packets leave as they are, arrive once each, and their numbers go on past the end of 16 bits.
#[test]
fn plain_packets_are_numbered_and_taken_once() {
    let (outbound, mut inbound) = pair(Profile::Plain);
    let mut taken = Vec::new();
    for number in 65_530..65_545_u64 {
        let plain = rtp(7, number as u16, b"sound");
        let mut packet = plain.clone();
        let len = outbound.protect_rtp(&mut packet, plain.len(), 12, number);
        assert_eq!((len, &packet), (Ok(plain.len()), &plain));
        taken.push(inbound.unprotect_rtp(&mut packet, 12).unwrap());
        assert_eq!(packet, plain);
        let again = inbound.unprotect_rtp(&mut packet, 12);
        assert_eq!(again, Err(SrtpError::Replay));
    }
    let numbers: Vec<u64> = taken.iter().map(|one| one.extended_sequence).collect();
    assert_eq!(numbers, (65_530..65_545).collect::<Vec<_>>());
}

/// Control packets have no number of ours: each is taken as it comes.
#[test]
fn plain_control_packets_pass_unchanged() {
    let (mut outbound, mut inbound) = pair(Profile::Plain);
    let plain = rtcp(9, 6);
    let mut packet = plain.clone();
    outbound.protect_rtcp(&mut packet).unwrap();
    assert_eq!(packet, plain);
    assert_eq!(inbound.unprotect_rtcp(&mut packet), Ok(plain.len()));
    assert_eq!(
        inbound.unprotect_rtcp(&mut [0x80, 201, 0]),
        Err(SrtpError::TooShort)
    );
    let mut other = plain;
    other[0] = 0x40;
    assert_eq!(
        inbound.unprotect_rtcp(&mut other),
        Err(SrtpError::BadHeader)
    );
}

/// No handshake can agree on it, and a key for it is a mistake.
#[test]
fn plain_is_had_only_by_asking_for_it() {
    assert!(Profile::ALL.iter().all(|profile| profile.proves()));
    for name in ["", "NULL", "NONE", "PLAIN"] {
        assert_eq!(Profile::from_name(name), None);
    }
    let key = [1; 30];
    assert!(Outbound::new(Profile::Plain, &key).is_err());
    assert!(Inbound::new(Profile::Plain, &key).is_err());
    assert!(Inbound::new(Profile::AesCm128HmacSha1_80, &[]).is_err());
}
