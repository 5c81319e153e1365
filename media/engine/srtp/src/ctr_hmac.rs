//! AES counter mode with HMAC-SHA1 for RTP and RTCP (RFC 3711 sections 4.1.1 and 4.2.1).

use aws_lc_rs::cipher::EncryptingKey;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use zeroize::Zeroize;

use crate::kdf::{apply_key_stream, counter_mode_key, SALT_LEN};
use crate::SrtpError;

/// Bytes of tag on every RTCP packet.
const RTCP_TAG_LEN: usize = 10;
/// Bytes of an RTCP packet that stay in the clear: the first word and the sender's SSRC.
const RTCP_HEADER_LEN: usize = 8;

/// The session keys and salt of one direction of RTP or RTCP.
///
/// aws-lc wipes both key schedules when they are freed; the salt is wiped here.
pub(crate) struct CtrHmac {
    cipher: EncryptingKey,
    auth: hmac::Key,
    salt: [u8; SALT_LEN],
    /// Bytes of tag on an RTP packet: 10 or 4.
    rtp_tag_len: usize,
}

impl Drop for CtrHmac {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}

impl CtrHmac {
    pub(crate) fn new(
        (cipher, auth): (&[u8], &[u8]),
        salt: [u8; SALT_LEN],
        rtp_tag_len: usize,
    ) -> Result<Self, SrtpError> {
        Ok(Self {
            rtp_tag_len,
            cipher: counter_mode_key(cipher)?,
            auth: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth),
            salt,
        })
    }

    /// Encrypts in place; the last bytes of `packet` receive the tag.
    pub(crate) fn seal_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), SrtpError> {
        let (text, room) = packet.split_at_mut(packet.len() - self.rtp_tag_len);
        self.crypt(&mut text[header_len..], ssrc, index)?;
        let tag = self.tag(text, &roll_over(index));
        room.copy_from_slice(&tag.as_ref()[..self.rtp_tag_len]);
        Ok(())
    }

    /// Checks the tag in the last bytes, then decrypts the payload before it.
    pub(crate) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), SrtpError> {
        let (text, tag) = packet.split_at_mut(packet.len() - self.rtp_tag_len);
        verify(&self.tag(text, &roll_over(index)), tag)?;
        self.crypt(&mut text[header_len..], ssrc, index)
    }

    /// Encrypts in place; the last 14 bytes of `packet` receive `word` (E bit, index) and the tag.
    pub(crate) fn seal_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        word: u32,
    ) -> Result<(), SrtpError> {
        let (signed, room) = packet.split_at_mut(packet.len() - RTCP_TAG_LEN);
        let (text, trailer) = signed.split_at_mut(signed.len() - 4);
        trailer.copy_from_slice(&word.to_be_bytes());
        self.crypt(&mut text[RTCP_HEADER_LEN..], ssrc, rtcp_index(word))?;
        let tag = self.tag(signed, &[]);
        room.copy_from_slice(&tag.as_ref()[..RTCP_TAG_LEN]);
        Ok(())
    }

    /// Checks and decrypts a packet that ends with `word` and tag.
    pub(crate) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        word: u32,
    ) -> Result<(), SrtpError> {
        let (signed, tag) = packet.split_at_mut(packet.len() - RTCP_TAG_LEN);
        verify(&self.tag(signed, &[]), tag)?;
        let end = signed.len() - 4;
        self.crypt(&mut signed[RTCP_HEADER_LEN..end], ssrc, rtcp_index(word))
    }

    /// RFC 3711 section 4.1.1: the first counter block is the salt XOR SSRC and index, then 00 00.
    #[inline]
    fn crypt(&self, data: &mut [u8], ssrc: u32, index: u64) -> Result<(), SrtpError> {
        let mut block = [0; 16];
        block[4..8].copy_from_slice(&ssrc.to_be_bytes());
        block[8..14].copy_from_slice(&index.to_be_bytes()[2..]);
        for (byte, salt) in block.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        apply_key_stream(&self.cipher, &block, data)
    }

    #[inline]
    fn tag(&self, text: &[u8], suffix: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.auth);
        context.update(text);
        if !suffix.is_empty() {
            context.update(suffix);
        }
        context.sign()
    }
}

/// RFC 3711 section 4.2: the roll-over counter is signed though it is not sent.
#[inline]
const fn roll_over(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

#[inline]
const fn rtcp_index(word: u32) -> u64 {
    (word & 0x7fff_ffff) as u64
}

#[inline]
fn verify(computed: &hmac::Tag, received: &[u8]) -> Result<(), SrtpError> {
    verify_slices_are_equal(&computed.as_ref()[..received.len()], received)
        .map_err(|_| SrtpError::Authentication)
}
