//! Redundant audio data (RFC 2198): payloads of earlier packets before the payload of this one.

use crate::bytes::{u16_at, u8_at};
use crate::WireError;

/// Bytes of the header of one redundant block.
pub const HEADER_LEN: usize = 4;
/// Bytes of the header of the primary block.
pub const PRIMARY_HEADER_LEN: usize = 1;
/// Redundant blocks that are read from one payload; senders write one to three.
pub const MAX_REDUNDANT: usize = 16;
/// The largest timestamp offset: 14 bits (RFC 2198 section 3).
pub const MAX_OFFSET: u32 = 0x3FFF;
/// The largest redundant block: 10 bits of length.
pub const MAX_LEN: usize = 0x3FF;

const FOLLOWED: u8 = 0x80;

/// One redundant block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    /// Payload type of the block.
    pub payload_type: u8,
    /// How far the block's timestamp lies before that of the packet, in ticks of the packet's clock.
    pub timestamp_offset: u32,
    /// Its bytes.
    pub payload: &'a [u8],
}

/// A payload, taken apart. Its boundaries are known to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Red<'a> {
    /// Payload type of the primary block.
    pub payload_type: u8,
    /// The primary block; it may be empty.
    pub primary: &'a [u8],
    headers: &'a [u8],
    bodies: &'a [u8],
}

impl<'a> Red<'a> {
    /// Takes a payload apart.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if a header or a block overruns the payload, [`WireError::RedBlocks`] for more than
    /// [`MAX_REDUNDANT`] redundant ones.
    pub fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        let (mut at, mut sum) = (0, 0);
        while u8_at(payload, at)? & FOLLOWED != 0 {
            if at == MAX_REDUNDANT * HEADER_LEN {
                return Err(WireError::RedBlocks);
            }
            sum += usize::from(u16_at(payload, at + 2)?) & MAX_LEN;
            at += HEADER_LEN;
        }
        let (headers, rest) = payload.split_at(at);
        let (primary_header, rest) = rest.split_at(PRIMARY_HEADER_LEN);
        let (bodies, primary) = rest.split_at_checked(sum).ok_or(WireError::Truncated {
            needed: at + PRIMARY_HEADER_LEN + sum,
            available: payload.len(),
        })?;
        Ok(Self {
            payload_type: primary_header[0] & !FOLLOWED,
            primary,
            headers,
            bodies,
        })
    }

    /// The redundant blocks as they lie in the payload, the oldest first by custom.
    pub fn redundant(&self) -> impl Iterator<Item = Block<'a>> + 'a {
        let mut bodies = self.bodies;
        self.headers.chunks_exact(HEADER_LEN).map(move |header| {
            let numbers = u32::from_be_bytes([0, header[1], header[2], header[3]]);
            let (payload, rest) = bodies.split_at(numbers as usize & MAX_LEN);
            bodies = rest;
            Block {
                payload_type: header[0] & !FOLLOWED,
                timestamp_offset: numbers >> 10,
                payload,
            }
        })
    }
}

/// The header of a redundant block; `None` when offset or length do not fit their fields.
#[must_use]
pub const fn header(payload_type: u8, timestamp_offset: u32, len: usize) -> Option<[u8; 4]> {
    if timestamp_offset > MAX_OFFSET || len > MAX_LEN {
        return None;
    }
    let [_, high, middle, low] = (timestamp_offset << 10 | len as u32).to_be_bytes();
    Some([FOLLOWED | payload_type, high, middle, low])
}

/// The header of the primary block, which comes last.
#[must_use]
pub const fn primary_header(payload_type: u8) -> [u8; PRIMARY_HEADER_LEN] {
    [payload_type & !FOLLOWED]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn write(blocks: &[(u8, u32, Vec<u8>)], (payload_type, primary): (u8, &[u8])) -> Vec<u8> {
        let mut out = Vec::new();
        for (payload_type, offset, payload) in blocks {
            out.extend(header(*payload_type, *offset, payload.len()).unwrap());
        }
        out.extend(primary_header(payload_type));
        blocks.iter().for_each(|(.., payload)| out.extend(payload));
        out.extend(primary);
        out
    }

    /// The bytes of RFC 2198 section 4 in small: two blocks, offsets and lengths in their bits.
    #[test]
    fn reads_fields_where_the_rfc_has_them() {
        let payload = [0xEF, 0x0F, 0x00, 0x02, 0x6F, 1, 2, 3];
        let red = Red::parse(&payload).unwrap();
        assert_eq!((red.payload_type, red.primary), (111, &[3][..]));
        let blocks: Vec<_> = red.redundant().collect();
        assert_eq!(
            blocks,
            [Block {
                payload_type: 111,
                timestamp_offset: 960,
                payload: &[1, 2],
            }]
        );
    }

    /// A packet that carries nothing but its own payload is one byte longer.
    #[test]
    fn a_primary_alone_is_taken() {
        let red = Red::parse(&[111, 7, 8]).unwrap();
        assert_eq!((red.primary, red.redundant().count()), (&[7, 8][..], 0));
        assert_eq!(Red::parse(&[111]).unwrap().primary, [0_u8; 0]);
    }

    /// What overruns the payload, and headers without end, are errors.
    #[test]
    fn bad_boundaries_are_errors() {
        assert!(Red::parse(&[]).is_err());
        assert!(Red::parse(&[0xEF, 0, 4]).is_err());
        assert!(Red::parse(&[0xEF, 0, 4, 2, 111, 1]).is_err());
        let endless = [0xEF, 0, 4, 0].repeat(MAX_REDUNDANT + 1);
        assert_eq!(Red::parse(&endless), Err(WireError::RedBlocks));
    }

    /// Offsets and lengths that their fields cannot hold are not written.
    #[test]
    fn what_does_not_fit_is_not_written() {
        assert!(header(111, MAX_OFFSET, MAX_LEN).is_some());
        assert_eq!(header(111, MAX_OFFSET + 1, 1), None);
        assert_eq!(header(111, 1, MAX_LEN + 1), None);
    }

    proptest! {
        /// What was written is read back.
        #[test]
        fn reads_back_what_it_writes(
            blocks in prop::collection::vec(
                (0_u8..128, 0..=MAX_OFFSET, prop::collection::vec(any::<u8>(), 0..60)), 0..=MAX_REDUNDANT,
            ),
            payload_type in 0_u8..128,
            primary in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let payload = write(&blocks, (payload_type, &primary));
            let red = Red::parse(&payload).unwrap();
            prop_assert_eq!((red.payload_type, red.primary), (payload_type, &primary[..]));
            let read: Vec<_> = red
                .redundant()
                .map(|block| (block.payload_type, block.timestamp_offset, block.payload.to_vec()))
                .collect();
            prop_assert_eq!(read, blocks);
        }
    }
}
