//! The two directions of a leg's SRTP session.

use crate::cbc::Cbc;
use crate::ctr_hmac::CtrHmac;
use crate::gcm::Gcm;
use crate::kdf::{Half, SessionKeys};
use crate::replay::{StreamState, Streams};
use crate::{Profile, SrtpError};

const RTP_FIXED_HEADER: usize = 12;
const RTCP_HEADER: usize = 8;
/// No UDP datagram is longer; it also keeps counter mode below its 2^16 blocks a packet.
const MAX_PACKET: usize = 65_535;
/// Packet indices have 48 bits (RFC 3711 section 3.3.1).
const RTP_INDEX_END: u64 = 1 << 48;
/// SRTCP indices have 31 bits (RFC 3711 section 3.4).
const RTCP_INDEX_END: u32 = 1 << 31;
const E_BIT: u32 = 1 << 31;

/// The keys of RTP or of RTCP in one direction.
enum Transform {
    Gcm(Gcm),
    CtrHmac(Box<CtrHmac>),
    Cbc(Box<Cbc>),
    Plain,
}

impl Transform {
    fn new(profile: Profile, master: &[u8], half: Half) -> Result<Self, SrtpError> {
        if !profile.proves() {
            return Self::unproved(profile, master, half);
        }
        let keys = SessionKeys::derive(profile, master, half)?;
        Ok(match profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => {
                Self::Gcm(Gcm::new(keys.cipher(), &keys.salt)?)
            }
            _ => {
                let tag = profile.rtp_overhead();
                let ctr = CtrHmac::new((keys.cipher(), &keys.auth), keys.salt, tag)?;
                Self::CtrHmac(Box::new(ctr))
            }
        })
    }

    fn unproved(profile: Profile, key: &[u8], half: Half) -> Result<Self, SrtpError> {
        if key.len() != profile.key_len() {
            return Err(SrtpError::KeyLength);
        }
        if key.is_empty() || matches!(half, Half::Rtcp) {
            return Ok(Self::Plain);
        }
        Ok(Self::Cbc(Box::new(Cbc::new(key)?)))
    }

    fn cbc(&mut self) -> Option<&mut Cbc> {
        match self {
            Self::Cbc(cbc) => Some(cbc),
            _ => None,
        }
    }

    fn change_key(&mut self, key: &[u8], told_by: Option<KeyType>) -> Result<(), SrtpError> {
        let cbc = self.cbc().ok_or(SrtpError::KeyLength)?;
        cbc.change(key, told_by)
    }
}

/// By which payload type on the wire a key of H.235.6 is told, and the type of the format that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyType {
    /// On the wire, below 128.
    pub wire: u8,
    /// Of the format.
    pub format: u8,
}

/// What [`Inbound::unprotect_rtp`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unprotected {
    /// Bytes of header and payload in the clear, from the start of the packet.
    pub len: usize,
    /// Roll-over counter in the upper 32 of 48 bits, sequence number in the lower 16.
    pub extended_sequence: u64,
}

/// The peer's keys: opens what it sends, and refuses replays. What RTP needs comes first.
#[repr(C)]
pub struct Inbound {
    profile: Profile,
    rtp: Transform,
    rtp_streams: Streams,
    rtcp: Transform,
    rtcp_streams: Streams,
}

impl Inbound {
    /// `master` is the peer's master key followed by its master salt (RFC 5764 section 4.2).
    ///
    /// # Errors
    /// [`SrtpError::KeyLength`] when `master` is not [`Profile::master_len`] bytes long.
    pub fn new(profile: Profile, master: &[u8]) -> Result<Self, SrtpError> {
        Ok(Self {
            profile,
            rtp: Transform::new(profile, master, Half::Rtp)?,
            rtp_streams: Streams::default(),
            rtcp: Transform::new(profile, master, Half::Rtcp)?,
            rtcp_streams: Streams::default(),
        })
    }

    /// Takes that many SSRCs in RTP and as many in RTCP, instead of [`MAX_STREAMS`](crate::MAX_STREAMS).
    #[must_use]
    pub const fn with_streams(mut self, most: usize) -> Self {
        self.rtp_streams.set_most(most);
        self.rtcp_streams.set_most(most);
        self
    }

    /// The profile that the keys are for.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Says by which payload type the key of H.235.6 is told; of no effect on other profiles.
    #[must_use]
    pub fn told_by(mut self, told_by: Option<KeyType>) -> Self {
        self.rtp
            .cbc()
            .into_iter()
            .for_each(|cbc| cbc.set_type(told_by));
        self
    }

    /// Goes on with another key of H.235.6. Packets of the one before still open, as long as their payload type tells it:
    /// without a type for the new one there is none of the old.
    ///
    /// # Errors
    /// [`SrtpError::KeyLength`] for a key of another length than the profile's, and for profiles whose keys never change.
    pub fn change_key(&mut self, key: &[u8], told_by: Option<KeyType>) -> Result<(), SrtpError> {
        if key.len() != self.profile.key_len() {
            return Err(SrtpError::KeyLength);
        }
        self.rtp.change_key(key, told_by)
    }

    /// Of H.235.6, chooses the key by the payload type of a packet from the peer, and puts the type of its format there; of no
    /// effect on other profiles. To be called before the header is read, and opened next.
    pub fn choose_key(&mut self, packet: &mut [u8]) {
        self.rtp
            .cbc()
            .into_iter()
            .for_each(|cbc| cbc.choose(packet));
    }

    /// Brings the memory near that the next RTP packet of this SSRC needs, for callers with many sessions; the value is of
    /// no use.
    #[must_use]
    pub fn touch(&self, ssrc: u32) -> u64 {
        self.rtp_streams.touch(ssrc)
    }

    /// Checks and decrypts an SRTP packet in place; of a plain one only the number is looked at.
    ///
    /// `header_len` counts the fixed header, the CSRCs and the extension block, in bytes. Nothing is
    /// remembered of a packet that fails; its payload bytes are then undefined.
    ///
    /// # Errors
    /// [`SrtpError::TooShort`], `TooLong`, `BadHeader`, `Replay`, `TooOld`, `StreamLimit`,
    /// `KeyExhausted`, `Authentication` or `NoWholeBlocks`.
    #[inline]
    pub fn unprotect_rtp(
        &mut self,
        packet: &mut [u8],
        header_len: usize,
    ) -> Result<Unprotected, SrtpError> {
        let tag_len = self.profile.rtp_tag();
        let plain_len = packet.len().checked_sub(tag_len);
        let plain_len = plain_len.ok_or(SrtpError::TooShort)?;
        let (ssrc, sequence) = rtp_identity(packet, plain_len, header_len)?;
        let candidate = self.rtp_streams.rtp_candidate(ssrc, sequence)?;
        let index = candidate.index;
        if index >= RTP_INDEX_END {
            return Err(SrtpError::KeyExhausted);
        }
        match &self.rtp {
            Transform::Gcm(gcm) => gcm.open_rtp(packet, header_len, ssrc, index)?,
            Transform::CtrHmac(ctr) => ctr.open_rtp(packet, header_len, ssrc, index)?,
            Transform::Cbc(cbc) => cbc.open_rtp(packet, header_len)?,
            Transform::Plain => {}
        }
        self.rtp_streams.commit(ssrc, candidate);
        Ok(Unprotected {
            len: plain_len,
            extended_sequence: index,
        })
    }

    /// Checks and decrypts an SRTCP packet in place; returns the length of the plain compound.
    ///
    /// # Errors
    /// [`SrtpError::TooShort`], `TooLong`, `BadHeader`, `Unencrypted`, `Replay`, `TooOld`,
    /// `StreamLimit` or `Authentication`.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let plain_len = packet.len().checked_sub(self.profile.rtcp_overhead());
        let plain_len = plain_len.ok_or(SrtpError::TooShort)?;
        let ssrc = rtcp_sender(packet, plain_len)?;
        // The word of E bit and index comes last in GCM, and before the tag in counter mode.
        let word_at = match self.rtcp {
            Transform::Gcm(_) => packet.len() - 4,
            Transform::CtrHmac(_) => plain_len,
            // Without a word there is no index to know a replay by.
            Transform::Cbc(_) | Transform::Plain => return Ok(plain_len),
        };
        let word = be_u32(packet, word_at);
        if word & E_BIT == 0 {
            return Err(SrtpError::Unencrypted);
        }
        let index = u64::from(word & !E_BIT);
        let candidate = self.rtcp_streams.rtcp_candidate(ssrc, index)?;
        match &self.rtcp {
            Transform::Gcm(gcm) => gcm.open_rtcp(packet, ssrc, word)?,
            Transform::CtrHmac(ctr) => ctr.open_rtcp(packet, ssrc, word)?,
            Transform::Cbc(_) | Transform::Plain => {}
        }
        self.rtcp_streams.commit(ssrc, candidate);
        Ok(plain_len)
    }

    /// What a standby needs to go on with the RTP streams.
    pub fn rtp_streams(&self) -> impl Iterator<Item = StreamState> + '_ {
        self.rtp_streams.iter()
    }

    /// What a standby needs to go on with the RTCP streams.
    pub fn rtcp_streams(&self) -> impl Iterator<Item = StreamState> + '_ {
        self.rtcp_streams.iter()
    }

    /// Takes in a state that [`Inbound::rtp_streams`] gave, of a session with the same keys.
    ///
    /// # Errors
    /// [`SrtpError::StreamLimit`] when the SSRC is one too many; `KeyExhausted` when the highest
    /// index has more than 48 bits.
    pub fn restore_rtp(&mut self, state: StreamState) -> Result<(), SrtpError> {
        if state.highest >= RTP_INDEX_END {
            return Err(SrtpError::KeyExhausted);
        }
        self.rtp_streams.restore(state)
    }

    /// Takes in a state that [`Inbound::rtcp_streams`] gave, of a session with the same keys.
    ///
    /// # Errors
    /// [`SrtpError::StreamLimit`] when the SSRC is one too many; `KeyExhausted` when the highest
    /// index has more than 31 bits.
    pub fn restore_rtcp(&mut self, state: StreamState) -> Result<(), SrtpError> {
        if state.highest >= u64::from(RTCP_INDEX_END) {
            return Err(SrtpError::KeyExhausted);
        }
        self.rtcp_streams.restore(state)
    }

    /// Drops what is known of an SSRC, to make room; says whether there was anything.
    ///
    /// Its old packets could then be replayed, so forget only an SSRC whose packets are dropped.
    pub fn forget(&mut self, ssrc: u32) -> bool {
        let rtp = self.rtp_streams.forget(ssrc);
        let rtcp = self.rtcp_streams.forget(ssrc);
        rtp || rtcp
    }
}

/// Our keys: protects what we send. What RTP needs comes first, so that it lies on one cache line.
#[repr(C)]
pub struct Outbound {
    profile: Profile,
    rtp: Transform,
    rtcp: Transform,
    next_rtcp_index: u32,
}

impl Outbound {
    /// `master` is our master key followed by our master salt (RFC 5764 section 4.2).
    ///
    /// # Errors
    /// [`SrtpError::KeyLength`] when `master` is not [`Profile::master_len`] bytes long.
    pub fn new(profile: Profile, master: &[u8]) -> Result<Self, SrtpError> {
        Ok(Self {
            profile,
            rtp: Transform::new(profile, master, Half::Rtp)?,
            rtcp: Transform::new(profile, master, Half::Rtcp)?,
            next_rtcp_index: 0,
        })
    }

    /// The profile that the keys are for.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Says by which payload type the key of H.235.6 is told; of no effect on other profiles.
    #[must_use]
    pub fn told_by(mut self, told_by: Option<KeyType>) -> Self {
        self.rtp
            .cbc()
            .into_iter()
            .for_each(|cbc| cbc.set_type(told_by));
        self
    }

    /// Goes on with another key of H.235.6, whose type the packets of its format then have.
    ///
    /// # Errors
    /// [`SrtpError::KeyLength`] for a key of another length than the profile's, and for profiles whose keys never change.
    pub fn change_key(&mut self, key: &[u8], told_by: Option<KeyType>) -> Result<(), SrtpError> {
        if key.len() != self.profile.key_len() {
            return Err(SrtpError::KeyLength);
        }
        self.rtp.change_key(key, told_by)
    }

    /// Protects the `plain_len` bytes at the start of `buffer` in place; returns the new length, which may be less than the
    /// most that the profile adds.
    ///
    /// `header_len` is as in [`Inbound::unprotect_rtp`]. The upper 32 of the 48 bits of
    /// `extended_sequence` are the roll-over counter; the lower 16 must be those in the header. The
    /// caller must never use one SSRC and extended sequence number for two different packets: with
    /// GCM that gives the authentication key away (RFC 7714 section 10.1).
    ///
    /// # Errors
    /// [`SrtpError::TooShort`] when `buffer` lacks room for [`Profile::rtp_overhead`], `TooLong`,
    /// `BadHeader`, or `KeyExhausted` from 2^48 on.
    #[inline]
    pub fn protect_rtp(
        &self,
        buffer: &mut [u8],
        plain_len: usize,
        header_len: usize,
        extended_sequence: u64,
    ) -> Result<usize, SrtpError> {
        let protected_len = plain_len.saturating_add(self.profile.rtp_overhead());
        let packet = buffer.get_mut(..protected_len);
        let packet = packet.ok_or(SrtpError::TooShort)?;
        let (ssrc, sequence) = rtp_identity(packet, plain_len, header_len)?;
        if sequence != extended_sequence as u16 {
            return Err(SrtpError::BadHeader);
        }
        if extended_sequence >= RTP_INDEX_END {
            return Err(SrtpError::KeyExhausted);
        }
        match &self.rtp {
            Transform::Gcm(gcm) => gcm.seal_rtp(packet, header_len, ssrc, extended_sequence)?,
            Transform::CtrHmac(ctr) => ctr.seal_rtp(packet, header_len, ssrc, extended_sequence)?,
            Transform::Cbc(cbc) => return cbc.seal_rtp(packet, plain_len, header_len),
            Transform::Plain => {}
        }
        Ok(protected_len)
    }

    /// Protects a compound RTCP packet in place, with the next SRTCP index and the E bit set.
    ///
    /// The vector grows by [`Profile::rtcp_overhead`]; a reused one with capacity does not allocate.
    ///
    /// # Errors
    /// [`SrtpError::TooShort`], `TooLong`, `BadHeader`, or `KeyExhausted` after 2^31 packets. The
    /// packet is then as it was.
    pub fn protect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        let ssrc = rtcp_sender(packet, packet.len())?;
        let index = self.next_rtcp_index;
        if index >= RTCP_INDEX_END {
            return Err(SrtpError::KeyExhausted);
        }
        self.next_rtcp_index += 1;
        packet.resize(packet.len() + self.profile.rtcp_overhead(), 0);
        let word = E_BIT | index;
        match &self.rtcp {
            Transform::Gcm(gcm) => gcm.seal_rtcp(packet, ssrc, word),
            Transform::CtrHmac(ctr) => ctr.seal_rtcp(packet, ssrc, word),
            Transform::Cbc(_) | Transform::Plain => Ok(()),
        }
    }

    /// The SRTCP index of the next packet: all that a standby needs beside the keys.
    #[must_use]
    pub const fn next_rtcp_index(&self) -> u32 {
        self.next_rtcp_index
    }

    /// Goes on from an index that [`Outbound::next_rtcp_index`] gave, or from a later one.
    ///
    /// An index below the present one is ignored, since reuse would repeat key stream.
    pub fn skip_rtcp_to(&mut self, index: u32) {
        self.next_rtcp_index = self.next_rtcp_index.max(index);
    }
}

/// SSRC and sequence number, after checks of length and version.
#[inline(always)]
fn rtp_identity(
    packet: &[u8],
    plain_len: usize,
    header_len: usize,
) -> Result<(u32, u16), SrtpError> {
    if plain_len < RTP_FIXED_HEADER {
        return Err(SrtpError::TooShort);
    }
    if packet.len() > MAX_PACKET {
        return Err(SrtpError::TooLong);
    }
    if packet[0] >> 6 != 2 || header_len < RTP_FIXED_HEADER || header_len > plain_len {
        return Err(SrtpError::BadHeader);
    }
    let sequence = u16::from_be_bytes([packet[2], packet[3]]);
    Ok((be_u32(packet, 8), sequence))
}

/// The sender's SSRC, after checks of length and version.
#[inline]
fn rtcp_sender(packet: &[u8], plain_len: usize) -> Result<u32, SrtpError> {
    if plain_len < RTCP_HEADER {
        return Err(SrtpError::TooShort);
    }
    if packet.len() > MAX_PACKET {
        return Err(SrtpError::TooLong);
    }
    if packet[0] >> 6 != 2 {
        return Err(SrtpError::BadHeader);
    }
    Ok(be_u32(packet, 4))
}

/// Four bytes in network order; the caller has checked the length.
#[inline]
fn be_u32(packet: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]])
}
