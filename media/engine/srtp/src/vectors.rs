//! Published test vectors: RFC 3711 appendix B and RFC 7714 sections 16 and 17.
//!
//! They give session keys, not master keys, so they are checked below the public API.

use crate::ctr_hmac::CtrHmac;
use crate::gcm::Gcm;
use crate::kdf::{apply_key_stream, counter_mode_key, Half, SessionKeys};
use crate::{Profile, SrtpError};

const GCM_SALT: &str = "51756964 2070726f 2071756f";
const RTP_SSRC: u32 = 0x5501_a0b2;
const RTP_INDEX: u64 = 0xf17b;
const RTP_PLAIN: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
    69736120 696e2070 61727465 73207472 6573";
const RTP_AES_128: &str = "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
    0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce";
const RTP_AES_256: &str = "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238
    9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13";

const RTCP_SSRC: u32 = 0x4d61_7273;
const RTCP_WORD: u32 = 0x8000_05d4;
const RTCP_PLAIN: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
    deadbeef deadbeef deadbeef deadbeef deadbeef";
const RTCP_AES_128: &str = "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
    c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";
const RTCP_AES_256: &str = "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50
    a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn gcm(key_len: u8) -> Gcm {
    let key: Vec<u8> = (0..key_len).collect();
    Gcm::new(&key, &bytes(GCM_SALT)).unwrap()
}

fn check_gcm_rtp(gcm: &Gcm, protected: &str) {
    let (plain, protected) = (bytes(RTP_PLAIN), bytes(protected));
    let mut packet = plain.clone();
    packet.resize(plain.len() + 16, 0);
    gcm.seal_rtp(&mut packet, 12, RTP_SSRC, RTP_INDEX).unwrap();
    assert_eq!(packet, protected);
    gcm.open_rtp(&mut packet, 12, RTP_SSRC, RTP_INDEX).unwrap();
    assert_eq!(packet[..plain.len()], plain);
}

fn check_gcm_rtcp(gcm: &Gcm, protected: &str) {
    let (plain, protected) = (bytes(RTCP_PLAIN), bytes(protected));
    let mut packet = plain.clone();
    packet.resize(plain.len() + 20, 0);
    gcm.seal_rtcp(&mut packet, RTCP_SSRC, RTCP_WORD).unwrap();
    assert_eq!(packet, protected);
    gcm.open_rtcp(&mut packet, RTCP_SSRC, RTCP_WORD).unwrap();
    assert_eq!(packet[..plain.len()], plain);
}

/// RFC 7714 sections 16.1.1 and 16.1.2.
#[test]
fn srtp_with_aes_128_gcm_matches_the_rfc() {
    check_gcm_rtp(&gcm(16), RTP_AES_128);
}

/// RFC 7714 sections 16.2.1 and 16.2.2.
#[test]
fn srtp_with_aes_256_gcm_matches_the_rfc() {
    check_gcm_rtp(&gcm(32), RTP_AES_256);
}

/// RFC 7714 section 17.1.
#[test]
fn srtcp_with_aes_128_gcm_matches_the_rfc() {
    check_gcm_rtcp(&gcm(16), RTCP_AES_128);
}

/// RFC 7714 section 17.2.
#[test]
fn srtcp_with_aes_256_gcm_matches_the_rfc() {
    check_gcm_rtcp(&gcm(32), RTCP_AES_256);
}

/// RFC 3711 appendix B.2: the first and the last three blocks of a full key stream.
#[test]
fn the_counter_mode_key_stream_matches_the_rfc() {
    let key = counter_mode_key(&bytes("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
    let mut stream = vec![0; 0xff02 * 16];
    let block = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
    apply_key_stream(&key, block[..].try_into().unwrap(), &mut stream).unwrap();
    let first = "E03EAD0935C95E80E166B16DD92B4EB4
        D23513162B02D0F72A43A2FE4A5F97AB
        41E95B3BB0A2E8DD477901E4FCA894C0";
    let last = "EC8CDF7398607CB0F2D21675EA9EA1E4
        362B7C3C6773516318A077D7FC5073AE
        6A2CC3787889374FBEB4C81B17BA6C44";
    assert_eq!(stream[..48], bytes(first));
    assert_eq!(stream[0xfeff * 16..], bytes(last));
}

/// RFC 3711 appendix B.3; of the 94 bytes of authentication key, HMAC-SHA1 takes the first 20.
#[test]
fn the_derived_session_keys_match_the_rfc() {
    let master = bytes("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
    let keys = SessionKeys::derive(Profile::AesCm128HmacSha1_80, &master, Half::Rtp).unwrap();
    assert_eq!(keys.cipher(), bytes("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(keys.salt[..], bytes("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(
        keys.auth[..],
        bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
    );
}

/// RFC 3711 section 4.2 signs the roll-over counter too, so another one must not open the packet.
#[test]
fn a_counter_mode_tag_covers_the_roll_over_counter() {
    let ctr = CtrHmac::new((&[0x2b; 16], &[7; 20]), [9; 14], 10).unwrap();
    let mut packet = bytes(RTP_PLAIN);
    packet.resize(packet.len() + 10, 0);
    ctr.seal_rtp(&mut packet, 12, RTP_SSRC, RTP_INDEX).unwrap();
    let mut other_cycle = packet.clone();
    let refused = ctr.open_rtp(&mut other_cycle, 12, RTP_SSRC, RTP_INDEX + (1 << 16));
    assert_eq!(refused, Err(SrtpError::Authentication));
    assert_eq!(other_cycle, packet, "a refused packet is not decrypted");
}
