//! RTP headers (RFC 3550 section 5), header extensions (RFC 8285) and the audio level (RFC 6464).

use std::ops::Range;

use crate::bytes::{u16_at, u32_at, u8_at};
use crate::WireError;

/// Bytes of the header before CSRCs and extension (RFC 3550 5.1).
pub const FIXED_HEADER_LEN: usize = 12;
/// Bytes of a header whose extension holds nothing but a transport-wide number.
pub const NUMBERED_HEADER_LEN: usize = FIXED_HEADER_LEN + 8;
/// Where such a header holds the number.
pub const NUMBER: Range<usize> = FIXED_HEADER_LEN + 5..FIXED_HEADER_LEN + 7;
const VERSION_2: u8 = 2 << 6;
const ONE_BYTE_PROFILE: u16 = 0xBEDE;
const TWO_BYTE_PROFILE: u16 = 0x1000;

/// Where a packet's header extension lies (RFC 3550 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtensionBlock {
    /// The 16 bits "defined by profile": 0xBEDE for one-byte elements, 0x1000..=0x100F for two-byte ones.
    pub profile: u16,
    /// Byte of the packet at which the elements start, after the four bytes of profile and length.
    pub start: usize,
    /// Byte of the packet after the last element: also where the payload starts.
    pub end: usize,
}

impl ExtensionBlock {
    /// The elements' bytes in the packet.
    #[must_use]
    pub const fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// What one RTP packet's header says. It borrows nothing, so the packet may be decrypted in place afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// The marker bit.
    pub marker: bool,
    /// Payload type, 0..=127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in the stream's clock.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// Bytes before the payload: fixed header, CSRCs and extension block.
    pub header_len: usize,
    /// The padding bit: the payload's last byte counts padding, once decrypted.
    pub has_padding: bool,
    /// The header extension, if the packet has one.
    pub extension: Option<ExtensionBlock>,
}

impl RtpHeader {
    /// Reads the header of `packet`, which may be encrypted: RTP headers are not (RFC 3711 3.1).
    ///
    /// # Errors
    /// [`WireError::Truncated`] or [`WireError::Version`].
    pub fn parse(packet: &[u8]) -> Result<Self, WireError> {
        let ssrc = u32_at(packet, 8)?;
        let flags = u8_at(packet, 0)?;
        if flags >> 6 != 2 {
            return Err(WireError::Version(flags >> 6));
        }
        let kind = u8_at(packet, 1)?;
        let mut header_len = FIXED_HEADER_LEN + 4 * usize::from(flags & 0x0F);
        let extension = if flags & 0x10 == 0 {
            None
        } else {
            Some(extension_block(packet, header_len)?)
        };
        if let Some(block) = extension {
            header_len = block.end;
        }
        if header_len > packet.len() {
            return Err(WireError::Truncated {
                needed: header_len,
                available: packet.len(),
            });
        }
        Ok(Self {
            marker: kind & 0x80 != 0,
            payload_type: kind & 0x7F,
            sequence: u16_at(packet, 2)?,
            timestamp: u32_at(packet, 4)?,
            ssrc,
            header_len,
            has_padding: flags & 0x20 != 0,
            extension,
        })
    }

    /// The value of the extension element with local identifier `id`, in either form of RFC 8285 section 4.
    ///
    /// `packet` is the one that was parsed. The first element with the id counts. Zero and, in the one-byte form, 15
    /// are no identifiers. In the two-byte form a value may be empty.
    #[must_use]
    pub fn extension_value<'a>(&self, packet: &'a [u8], id: u8) -> Option<&'a [u8]> {
        let block = self.extension?;
        let elements = Elements {
            rest: packet.get(block.range())?,
            two_byte: two_byte_form(block.profile)?,
        };
        elements
            .into_iter()
            .find(|(found, _)| *found == id)
            .map(|(_, value)| value)
    }

    /// Where the payload lies in a decrypted `packet`, its padding left out (RFC 3550 5.1).
    ///
    /// # Errors
    /// [`WireError::Padding`] if the padding count is zero or overruns the payload, [`WireError::Truncated`] if
    /// `packet` is shorter than the header that was parsed.
    pub fn payload_range(&self, packet: &[u8]) -> Result<Range<usize>, WireError> {
        let payload = packet.get(self.header_len..).ok_or(WireError::Truncated {
            needed: self.header_len,
            available: packet.len(),
        })?;
        let padding = match (self.has_padding, payload.last()) {
            (false, _) => 0,
            (true, None | Some(0)) => return Err(WireError::Padding),
            (true, Some(&count)) => usize::from(count),
        };
        let len = payload
            .len()
            .checked_sub(padding)
            .ok_or(WireError::Padding)?;
        Ok(self.header_len..self.header_len + len)
    }
}

fn extension_block(packet: &[u8], at: usize) -> Result<ExtensionBlock, WireError> {
    let profile = u16_at(packet, at)?;
    let start = at + 4;
    let end = start + 4 * usize::from(u16_at(packet, at + 2)?);
    Ok(ExtensionBlock {
        profile,
        start,
        end,
    })
}

/// Whether a profile means two-byte elements; none if it means neither form (RFC 8285 4.2, 4.3).
const fn two_byte_form(profile: u16) -> Option<bool> {
    match (profile, profile & 0xFFF0) {
        (ONE_BYTE_PROFILE, _) => Some(false),
        (_, TWO_BYTE_PROFILE) => Some(true),
        _ => None,
    }
}

/// The elements of an extension block: identifier and value, until the end or the first one that does not fit.
struct Elements<'a> {
    rest: &'a [u8],
    two_byte: bool,
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while let [0, rest @ ..] = self.rest {
            self.rest = rest;
        }
        let (id, len, rest) = match (self.two_byte, self.rest) {
            (true, [id, len, rest @ ..]) => (*id, usize::from(*len), rest),
            (false, [head, rest @ ..]) => (head >> 4, usize::from(head & 0x0F) + 1, rest),
            _ => return None,
        };
        // One-byte form: 15 stops the reading, and an id of 0 with a length is neither padding nor an element.
        let stop = !self.two_byte && matches!(id, 0 | 15);
        let (value, rest) = rest.split_at_checked(len).filter(|_| !stop)?;
        self.rest = rest;
        Some((id, value))
    }
}

/// The 12 bytes that start a packet which the engine sends: no CSRC, no padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedHeader {
    /// The marker bit.
    pub marker: bool,
    /// Payload type; only the low seven bits are written.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in the stream's clock.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
}

impl FixedHeader {
    /// The header's bytes (RFC 3550 5.1).
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; FIXED_HEADER_LEN] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [r0, r1, r2, r3] = self.ssrc.to_be_bytes();
        let kind = (self.marker as u8) << 7 | self.payload_type & 0x7F;
        [VERSION_2, kind, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3]
    }

    /// Writes the header to the first 12 bytes of `out` and leaves the rest.
    ///
    /// # Panics
    /// If `out` is shorter than that, which is the caller's mistake and not a packet's.
    pub fn write(&self, out: &mut [u8]) {
        out[..FIXED_HEADER_LEN].copy_from_slice(&self.to_bytes());
    }

    /// Writes the header and, in the one-byte form (RFC 8285 4.2), an extension with a transport-wide number
    /// (draft-holmer-rmcat-transport-wide-cc-extensions-01 2) to the first 20 bytes of `out`. `id` is 1..=14.
    ///
    /// # Panics
    /// If `out` is shorter than that, which is the caller's mistake and not a packet's.
    pub fn write_numbered(&self, out: &mut [u8], id: u8, number: u16) {
        self.write(out);
        out[0] |= 0x10;
        let [p0, p1] = ONE_BYTE_PROFILE.to_be_bytes();
        let [n0, n1] = number.to_be_bytes();
        let extension = [p0, p1, 0, 1, id << 4 | 1, n0, n1, 0];
        out[FIXED_HEADER_LEN..NUMBERED_HEADER_LEN].copy_from_slice(&extension);
    }
}

/// How loud a packet's audio is (RFC 6464 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioLevel {
    /// The sender takes it for voice.
    pub voice: bool,
    /// The level as -dBov: 0 is the loudest, 127 is silence.
    pub dbov: u8,
}

/// Reads the value of an `urn:ietf:params:rtp-hdrext:ssrc-audio-level` element; none if it is empty.
#[must_use]
pub fn audio_level(value: &[u8]) -> Option<AudioLevel> {
    value.first().map(|byte| AudioLevel {
        voice: byte & 0x80 != 0,
        dbov: byte & 0x7F,
    })
}
