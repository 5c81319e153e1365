//! Packets and sessions for the tests.
#![allow(dead_code, unreachable_pub)]

use engine_srtp::{Inbound, Outbound, Profile, SrtpError};

/// A master key and salt that differ in every byte.
pub fn master(profile: Profile) -> Vec<u8> {
    (0..profile.master_len())
        .map(|byte| byte as u8 ^ 0x5a)
        .collect()
}

/// Our side and the peer's, with the same keys.
pub fn pair(profile: Profile) -> (Outbound, Inbound) {
    let master = master(profile);
    let outbound = Outbound::new(profile, &master).expect("a good key");
    let inbound = Inbound::new(profile, &master).expect("a good key");
    (outbound, inbound)
}

/// A plain RTP packet with the fixed header only.
pub fn rtp(ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend(0x1122_3344_u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A plain receiver report without blocks, and some padding words of an APP packet.
pub fn rtcp(ssrc: u32, words: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, (1 + words) as u8];
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..words * 4).map(|byte| byte as u8));
    packet
}

/// Protects a plain packet with a header of `header_len` bytes.
pub fn protect_header(
    outbound: &Outbound,
    plain: &[u8],
    header_len: usize,
    extended: u64,
) -> Result<Vec<u8>, SrtpError> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + outbound.profile().rtp_overhead(), 0);
    let len = outbound.protect_rtp(&mut buffer, plain.len(), header_len, extended)?;
    buffer.truncate(len);
    Ok(buffer)
}

/// The protected packet of `ssrc` with the extended sequence number, which is also its payload.
pub fn sent(outbound: &Outbound, ssrc: u32, extended: u64) -> Vec<u8> {
    let plain = rtp(ssrc, extended as u16, &extended.to_be_bytes());
    protect_header(outbound, &plain, 12, extended).expect("a good packet")
}

/// Unprotects a copy and checks that the payload is what [`sent`] put in.
pub fn receive(inbound: &mut Inbound, packet: &[u8]) -> Result<u64, SrtpError> {
    let mut packet = packet.to_vec();
    let opened = inbound.unprotect_rtp(&mut packet, 12)?;
    let payload = &packet[12..opened.len];
    assert_eq!(payload, opened.extended_sequence.to_be_bytes());
    Ok(opened.extended_sequence)
}

/// Protects a control packet.
pub fn protect_control(outbound: &mut Outbound, plain: &[u8]) -> Vec<u8> {
    let mut packet = plain.to_vec();
    outbound.protect_rtcp(&mut packet).expect("a good packet");
    packet
}
