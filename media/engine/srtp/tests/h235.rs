//! H.235.6: vectors, what peers may send, keys that change, and what no packet can do.

mod support;

use engine_srtp::{Inbound, KeyType, Outbound, Profile, SrtpError};
use proptest::prelude::*;
use support::{pair, protect_header, rtcp, rtp};

const HEADER: usize = 12;

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| std::str::from_utf8(pair).expect("hex"));
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).expect("hex"))
        .collect()
}

/// A packet with number and time stamp as given.
fn packet(sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = rtp(7, sequence, payload);
    packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
    packet
}

fn open(inbound: &mut Inbound, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut packet = packet.to_vec();
    let opened = inbound.unprotect_rtp(&mut packet, HEADER)?;
    packet.truncate(opened.len);
    Ok(packet)
}

/// A payload as a reader of RTP finds it.
fn payload(packet: &[u8]) -> &[u8] {
    let padding = if packet[0] & 0x20 == 0 {
        0
    } else {
        usize::from(packet[packet.len() - 1])
    };
    packet
        .get(HEADER..packet.len().saturating_sub(padding))
        .unwrap_or_default()
}

/// The same as OpenSSL makes of it, with and without padding, with keys of 128 and 256 bits.
#[test]
fn packets_are_those_that_another_library_makes() {
    let text: Vec<u8> = (0xa0..0xc0).collect();
    for (profile, whole, padded) in [
        (
            Profile::H235Aes128Cbc,
            "d42f1525404ada500d5da5707d6b8d03e4f145bd2ad31ac04187792ee34867fa",
            "d42f1525404ada500d5da5707d6b8d037f14748ca99b5d7215a1e90fa72f1d40",
        ),
        (
            Profile::H235Aes256Cbc,
            "9f4ece40b77e9e0709a98531007eabcc30e5b5935ba48cf26cfeb19d7df6f976",
            "9f4ece40b77e9e0709a98531007eabcceb67f71e49d4f224999cecde135da810",
        ),
    ] {
        let key: Vec<u8> = (0..profile.key_len() as u8).collect();
        let outbound = Outbound::new(profile, &key).expect("a good key");
        let mut inbound = Inbound::new(profile, &key).expect("a good key");
        for (number, len, first, expected) in
            [(0x1234, 32, 0x80, whole), (0x1234, 20, 0xa0, padded)]
        {
            let plain = packet(number, 0x89ab_cdef, &text[..len]);
            let sealed = protect_header(&outbound, &plain, HEADER, number.into()).expect("sealed");
            assert_eq!((sealed[0], &sealed[1..HEADER]), (first, &plain[1..HEADER]));
            assert_eq!(sealed[HEADER..], bytes(expected));
            let opened = open(&mut inbound, &sealed);
            assert_eq!(opened.as_deref().map(payload), Ok(&text[..len]));
            inbound.forget(7);
        }
    }
}

/// The vectors of RFC 3962 appendix B, whose initial value is zero; exact blocks, which it swaps too, peers leave alone.
#[test]
fn stolen_cipher_text_is_read() {
    let text = b"I would like the General Gau's Chicken, please, and wonton soup.";
    let mut inbound =
        Inbound::new(Profile::H235Aes128Cbc, b"chicken teriyaki").expect("a good key");
    for sealed in [
        "c6353568f2bf8cb4d8a580362da7ff7f97",
        "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5",
        "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e39312523a78662d5be7fcbcc98ebf5",
    ] {
        let sealed = bytes(sealed);
        let opened = open(&mut inbound, &packet(0, 0, &sealed)).expect("opened");
        assert_eq!(opened[HEADER..], text[..sealed.len()]);
        inbound.forget(7);
    }
}

/// Control packets are as they were, in both directions.
#[test]
fn control_packets_are_not_encrypted() {
    let (mut outbound, mut inbound) = pair(Profile::H235Aes128Cbc);
    let plain = rtcp(9, 6);
    let mut packet = plain.clone();
    outbound.protect_rtcp(&mut packet).expect("passed");
    assert_eq!(packet, plain);
    assert_eq!(inbound.unprotect_rtcp(&mut packet), Ok(plain.len()));
}

/// What is no whole number of blocks, and cannot have been stolen from, was never made; a copy is taken once.
#[test]
fn what_nobody_makes_is_refused_and_copies_are() {
    let (outbound, mut inbound) = pair(Profile::H235Aes128Cbc);
    let short = open(&mut inbound, &packet(1, 1, &[1; 15]));
    assert_eq!(short, Err(SrtpError::NoWholeBlocks));
    let mut padded = packet(2, 1, &[1; 31]);
    padded[0] |= 0x20;
    assert_eq!(open(&mut inbound, &padded), Err(SrtpError::NoWholeBlocks));
    assert_eq!(
        open(&mut inbound, &packet(3, 1, &[])),
        Ok(packet(3, 1, &[]))
    );
    let sealed = protect_header(&outbound, &packet(4, 1, &[1; 31]), HEADER, 4).expect("sealed");
    assert!(open(&mut inbound, &sealed).is_ok());
    assert_eq!(open(&mut inbound, &sealed), Err(SrtpError::Replay));
}

/// No handshake or description of SRTP can agree on it, and its keys have one length.
#[test]
fn it_is_had_only_by_asking_for_it() {
    for profile in Profile::H235 {
        assert!(profile.hides() && !profile.proves());
        assert_eq!(Profile::from_name(profile.name()), None);
        assert_eq!(Profile::from_h235_name(profile.name()), Some(profile));
        for len in [0, 15, 17, 31, 33] {
            assert!(Outbound::new(profile, &vec![1; len]).is_err());
            assert!(Inbound::new(profile, &vec![1; len]).is_err());
        }
    }
    assert_eq!(Profile::from_h235_name("AEAD_AES_128_GCM"), None);
    let (mut outbound, mut inbound) = pair(Profile::AeadAes128Gcm);
    assert!(outbound.change_key(&[1; 16], None).is_err());
    assert!(inbound.change_key(&[1; 16], None).is_err());
}

/// What comes as one payload type and leaves as another.
fn typed(mut packet: Vec<u8>, payload_type: u8) -> Vec<u8> {
    packet[1] = payload_type;
    packet
}

/// A new key is told by the type of its packets: what was sent before opens also after, pressed keys go with what they come
/// among, and each type becomes that of the format.
#[test]
fn keys_are_told_by_payload_types() {
    let profile = Profile::H235Aes128Cbc;
    let told_by = |wire| Some(KeyType { wire, format: 96 });
    let mut outbound = Outbound::new(profile, &[1; 16]).expect("a good key");
    let mut inbound = Inbound::new(profile, &[1; 16]).expect("a good key");
    let mut sent = Vec::new();
    let mut send = |outbound: &Outbound, payload_type: u8| {
        let plain = typed(packet(sent.len() as u16, 5, b"what was said"), payload_type);
        sent.push(protect_header(outbound, &plain, HEADER, sent.len() as u64).expect("sealed"));
    };
    send(&outbound, 96);
    send(&outbound, 101);
    outbound
        .change_key(&[2; 16], told_by(121))
        .expect("changed");
    send(&outbound, 96);
    send(&outbound, 101);
    outbound
        .change_key(&[3; 16], told_by(122))
        .expect("changed");
    send(&outbound, 96);
    let types: Vec<u8> = sent.iter().map(|packet| packet[1]).collect();
    assert_eq!(types, [96, 101, 121, 101, 122]);
    let take = |inbound: &mut Inbound, at: usize| {
        let mut packet = sent[at].clone();
        inbound.choose_key(&mut packet);
        inbound.forget(7);
        open(inbound, &packet).map(|packet| (packet[1], payload(&packet).to_vec()))
    };
    let said = |payload_type| Ok((payload_type, b"what was said".to_vec()));
    assert_eq!(take(&mut inbound, 1), said(101));
    inbound.change_key(&[2; 16], told_by(121)).expect("changed");
    for (at, payload_type) in [(0, 96), (1, 101), (2, 96), (3, 101), (0, 96), (1, 101)] {
        assert_eq!(take(&mut inbound, at), said(payload_type), "packet {at}");
    }
    inbound.change_key(&[3; 16], told_by(122)).expect("changed");
    for (at, payload_type) in [(2, 96), (3, 101), (4, 96)] {
        assert_eq!(take(&mut inbound, at), said(payload_type), "packet {at}");
    }
    assert_ne!(take(&mut inbound, 0), said(96), "two keys back is too far");
}

proptest! {
    /// Whatever is sent is what is read, never longer than a block more, under one key and no other.
    #[test]
    fn what_is_sent_is_what_is_read(
        key in any::<[u8; 16]>(),
        sequence: u16,
        timestamp: u32,
        text in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let profile = Profile::H235Aes128Cbc;
        let outbound = Outbound::new(profile, &key).expect("a good key");
        let plain = packet(sequence, timestamp, &text);
        let sealed = protect_header(&outbound, &plain, HEADER, sequence.into()).expect("sealed");
        prop_assert!(sealed.len() < plain.len() + 16 && (sealed.len() - HEADER).is_multiple_of(16));
        let mut inbound = Inbound::new(profile, &key).expect("a good key");
        let opened = open(&mut inbound, &sealed).expect("opened");
        prop_assert_eq!(payload(&opened), &text[..]);
        let mut other = key;
        other[0] ^= 1;
        let mut stranger = Inbound::new(profile, &other).expect("a good key");
        let opened = open(&mut stranger, &sealed).expect("nothing is proved");
        prop_assert!(text.len() < 16 || opened[HEADER..HEADER + 16] != text[..16]);
    }

    /// Padding that is there already stays a part of what is taken off at the other end.
    #[test]
    fn padding_goes_on_top_of_padding(text in prop::collection::vec(any::<u8>(), 0..40), padding in 1..=200_u8) {
        let (outbound, mut inbound) = pair(Profile::H235Aes256Cbc);
        let mut plain = packet(1, 1, &text);
        plain[0] |= 0x20;
        plain.extend(vec![0; usize::from(padding) - 1]);
        plain.push(padding);
        let sealed = protect_header(&outbound, &plain, HEADER, 1).expect("sealed");
        let opened = open(&mut inbound, &sealed).expect("opened");
        prop_assert_eq!(payload(&opened), &text[..]);
    }

    /// No packet breaks anything, whatever it says of itself.
    #[test]
    fn any_packet_is_taken_or_refused(
        data in prop::collection::vec(any::<u8>(), 0..120),
        header_len in 0..140_usize,
    ) {
        let (_, mut inbound) = pair(Profile::H235Aes128Cbc);
        let type_of = KeyType { wire: 121, format: 96 };
        inbound.change_key(&[3; 16], Some(type_of)).expect("changed");
        let mut packet = data.clone();
        inbound.choose_key(&mut packet);
        if let Ok(opened) = inbound.unprotect_rtp(&mut packet, header_len) {
            prop_assert_eq!(opened.len, data.len());
        }
    }
}
