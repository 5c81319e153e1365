//! FlexFEC in the form that Chromium takes: draft-ietf-payload-flexible-fec-scheme-03 section 4.2 with a flexible mask
//! (R and F clear) over the packets of one SSRC.
//!
//! A repair payload is a header and the exclusive or of the protected packets' bytes after their first 12. The header
//! holds the exclusive or of their first two bytes, of their lengths without those 12 bytes, and of their timestamps;
//! which packets they are says a number to count from and a mask of 15, 46 or 109 bits, each part of which begins with
//! a bit that is set on the last part.

use crate::bytes::{array, u16_at, u32_at, u64_at, u8_at};
use crate::WireError;

/// Bytes of a protected packet that the header stands for; the rest is in the repair payload.
pub const PROTECTED_HEAD: usize = 12;
/// How many numbers a mask spans at most.
pub const MAX_SPAN: u32 = 109;
/// Bytes of the longest header.
pub const MAX_HEADER_LEN: usize = 32;

const MASK_AT: usize = 18;
/// Bits of the mask that end with each of its parts, and the bytes of header up to there.
const PARTS: [(u32, usize); 3] = [(15, 20), (46, 24), (MAX_SPAN, MAX_HEADER_LEN)];

/// What a repair payload says before its bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    /// Exclusive or of the packets' first bytes, without the version.
    pub flags: u8,
    /// Exclusive or of their second bytes: marker and payload type.
    pub kind: u8,
    /// Exclusive or of their lengths, less [`PROTECTED_HEAD`].
    pub length: u16,
    /// Exclusive or of their timestamps.
    pub timestamp: u32,
    /// Whose packets they are.
    pub ssrc: u32,
    /// The sequence number that bit 0 of the mask stands for.
    pub base: u16,
    /// Bit `i` is set when the packet with the number `base + i` is protected.
    pub mask: u128,
}

impl Header {
    /// Reads a repair payload; what comes with the header is its length, where the repair bytes begin.
    ///
    /// # Errors
    /// [`WireError::Truncated`], or [`WireError::FlexFecForm`] for retransmissions, fixed masks, several SSRCs, and
    /// masks that do not end or name nothing.
    pub fn parse(payload: &[u8]) -> Result<(Self, usize), WireError> {
        let flags = u8_at(payload, 0)?;
        if flags & 0xC0 != 0 || u8_at(payload, 8)? != 1 {
            return Err(WireError::FlexFecForm);
        }
        let (mask, len) = read_mask(payload)?;
        let header = Self {
            flags,
            kind: u8_at(payload, 1)?,
            length: u16_at(payload, 2)?,
            timestamp: u32_at(payload, 4)?,
            ssrc: u32_at(payload, 12)?,
            base: u16_at(payload, 16)?,
            mask,
        };
        Ok((header, len))
    }

    /// Bytes that the header takes; `None` when its mask is empty or spans too much.
    #[must_use]
    pub fn header_len(&self) -> Option<usize> {
        let span = u128::BITS - self.mask.leading_zeros();
        let part = PARTS.iter().find(|(bits, _)| span <= *bits);
        part.map(|(_, len)| *len).filter(|_| self.mask != 0)
    }

    /// Writes the header to the first bytes of `out`, and gives their number.
    ///
    /// # Errors
    /// [`WireError::FlexFecForm`] for a mask that cannot be written, [`WireError::Truncated`] if there is no room.
    pub fn write(&self, out: &mut [u8]) -> Result<usize, WireError> {
        let len = self.header_len().ok_or(WireError::FlexFecForm)?;
        let available = out.len();
        let out = out.get_mut(..len).ok_or(WireError::Truncated {
            needed: len,
            available,
        })?;
        out[0] = self.flags & 0x3F;
        out[1] = self.kind;
        out[2..4].copy_from_slice(&self.length.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&[1, 0, 0, 0]);
        out[12..16].copy_from_slice(&self.ssrc.to_be_bytes());
        out[16..MASK_AT].copy_from_slice(&self.base.to_be_bytes());
        let mut from = 0;
        for (until, end) in PARTS.into_iter().filter(|(_, end)| *end <= len) {
            // The first bit of a part is the one for the lowest number.
            let part = (self.mask >> from).reverse_bits() >> (u128::BITS - (until - from));
            let last = u128::from(end == len) << (until - from);
            let bytes = (part | last).to_be_bytes();
            let width = (until - from + 1) as usize / 8;
            out[end - width..end].copy_from_slice(&bytes[bytes.len() - width..]);
            from = until;
        }
        Ok(len)
    }

    /// The protected numbers, ascending from the base.
    pub fn numbers(&self) -> impl Iterator<Item = u16> {
        let (base, mask) = (self.base, self.mask);
        let set = move |at: &u32| mask >> at & 1 != 0;
        (0..MAX_SPAN)
            .filter(set)
            .map(move |at| base.wrapping_add(at as u16))
    }
}

fn read_mask(payload: &[u8]) -> Result<(u128, usize), WireError> {
    let parts = [
        u64::from(u16_at(payload, MASK_AT)?) << 48,
        u32_at(payload, 20).map_or(0, |part| u64::from(part) << 32),
        u64_at(payload, 24).unwrap_or(0),
    ];
    let (mut mask, mut from) = (0_u128, 0);
    for (part, (until, end)) in parts.into_iter().zip(PARTS) {
        // Also when the part before it asked for more than there is.
        array::<1>(payload, end - 1)?;
        let bits = u128::from((part << 1).reverse_bits()) & ((1 << (until - from)) - 1);
        mask |= bits << from;
        if part >> 63 != 0 {
            return (mask != 0)
                .then_some((mask, end))
                .ok_or(WireError::FlexFecForm);
        }
        from = until;
    }
    Err(WireError::FlexFecForm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each field at its place, as the draft's figure has it.
    #[test]
    fn writes_fields_where_the_draft_has_them() {
        let header = Header {
            flags: 0x10,
            kind: 0xE0,
            length: 0x0102,
            timestamp: 0x0304_0506,
            ssrc: 0xCAFE_F00D,
            base: 0xFFFE,
            mask: 0b101,
        };
        let mut out = [0xAA; 21];
        assert_eq!(header.write(&mut out), Ok(20));
        assert_eq!(
            out,
            [
                0x10, 0xE0, 1, 2, 3, 4, 5, 6, 1, 0, 0, 0, 0xCA, 0xFE, 0xF0, 0x0D, 0xFF, 0xFE, 0xD0,
                0, 0xAA
            ]
        );
        assert_eq!(header.numbers().collect::<Vec<_>>(), [0xFFFE, 0]);
    }

    /// The first bit of each part of the mask, and the last one of all.
    #[test]
    fn bits_of_the_mask_lie_behind_the_ends_of_its_parts() {
        let bytes = |mask: u128| {
            let mut out = [0; MAX_HEADER_LEN];
            let header = Header {
                mask,
                ..Header::default()
            };
            let len = header.write(&mut out).unwrap();
            out[MASK_AT..len].to_vec()
        };
        assert_eq!(bytes(1 << 14), [0x80, 1]);
        assert_eq!(bytes(1 << 15), [0, 0, 0xC0, 0, 0, 0]);
        assert_eq!(bytes(1 << 45), [0, 0, 0x80, 0, 0, 1]);
        assert_eq!(
            bytes(1 << 46 | 1),
            [0x40, 0, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(bytes(1 << 108)[13], 1);
    }

    /// Retransmissions, fixed masks, several SSRCs, masks of nothing and masks without end are not taken.
    #[test]
    fn other_forms_are_errors() {
        let mut good = [0; 32];
        (good[8], good[18], good[19]) = (1, 0x80, 1);
        assert!(Header::parse(&good).is_ok());
        let changed = |at: usize, to: u8| {
            let mut bytes = good;
            bytes[at] = to;
            Header::parse(&bytes)
        };
        for (at, to) in [(0, 0x80), (0, 0x40), (8, 0), (8, 2), (19, 0), (18, 0)] {
            assert_eq!(changed(at, to), Err(WireError::FlexFecForm));
        }
        assert!(matches!(
            Header::parse(&good[..19]),
            Err(WireError::Truncated { .. })
        ));
        let out = &mut [0; 32];
        let empty = Header::default();
        assert_eq!(empty.write(out), Err(WireError::FlexFecForm));
        let wide = Header {
            mask: 1 << 109,
            ..empty
        };
        assert_eq!(wide.write(out), Err(WireError::FlexFecForm));
    }

    proptest! {
        /// What was written is read back, whatever the width of the mask.
        #[test]
        fn reads_back_what_it_writes(
            (flags, kind, length) in (0_u8..0x40, any::<u8>(), any::<u16>()),
            (timestamp, ssrc, base) in any::<(u32, u32, u16)>(),
            (mask, width) in (any::<u128>(), 1..=MAX_SPAN),
        ) {
            let mask = mask & ((1 << width) - 1) | 1 << (width - 1);
            let header = Header { flags, kind, length, timestamp, ssrc, base, mask };
            let mut out = [0; MAX_HEADER_LEN];
            let len = header.write(&mut out).unwrap();
            prop_assert_eq!(Header::parse(&out[..len]), Ok((header, len)));
            prop_assert!(Header::parse(&out[..len - 1]).is_err());
            prop_assert_eq!(header.numbers().count(), mask.count_ones() as usize);
        }
    }
}
