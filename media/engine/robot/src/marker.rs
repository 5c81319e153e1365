//! The mark that a sender leaves in its media: whose it is, the how-manieth, when it left, and a checksum. It sits where
//! a decoder passes over it, so that a browser could still decode what robots send:
//!
//! - Opus: in the padding of a code 3 packet (RFC 6716 section 3.2.5), in every packet;
//! - VP8: behind the last partition, of which a decoder reads what it needs (RFC 6386 section 9.5), in the last packet
//!   of each picture;
//! - H.264: an SEI message of user data (ITU-T H.264 D.1.7) as the first packet of each picture.

use engine_core::Micros;

/// Bytes of a mark at the end of a payload.
pub const LEN: usize = 32;
const MAGIC: [u8; 4] = *b"bjM1";

/// Type SEI without reference, payload type 5 (unregistered user data), length, and our UUID without a zero byte.
const SEI_HEAD: [u8; 19] = [
    6,
    5,
    16 + SEI_BODY as u8,
    0x5e,
    0x1f,
    0xa2,
    0x9c,
    0x77,
    0x31,
    0x4b,
    0xd6,
    0x8a,
    0x13,
    0xc4,
    0x6d,
    0x29,
    0xb7,
    0x50,
    0xe8,
];
/// Seven bits to a byte with the highest set: no start code can be imitated, so that nothing has to be escaped.
const SEI_BODY: usize = (LEN * 8).div_ceil(7);
/// Bytes of the SEI unit.
pub const SEI_LEN: usize = SEI_HEAD.len() + SEI_BODY + 1;
/// The bit that ends a raw byte sequence payload.
const SEI_END: u8 = 0x80;

/// One mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    /// Whose media this is: [`source_id`](crate::api::source_id).
    pub source: u64,
    /// Counts the sender's marks.
    pub sequence: u64,
    /// When the packet was made.
    pub sent_at: Micros,
    /// CRC-32 of the picture's payload bytes without payload descriptors and mark.
    pub crc: u32,
}

impl Marker {
    /// The bytes at the end of a payload.
    pub fn to_bytes(self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        bytes[..8].copy_from_slice(&self.source.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.sent_at.0.to_be_bytes());
        bytes[24..28].copy_from_slice(&self.crc.to_be_bytes());
        bytes[28..].copy_from_slice(&MAGIC);
        bytes
    }

    /// Reads the mark at the end of a payload; none if there is none.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let bytes = payload.last_chunk::<LEN>()?;
        let number = |at: usize| {
            let word = bytes[at..at + 8].iter();
            word.fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        let tail = number(24);
        (tail as u32 == u32::from_be_bytes(MAGIC)).then(|| Self {
            source: number(0),
            sequence: number(8),
            sent_at: Micros(number(16)),
            crc: (tail >> 32) as u32,
        })
    }

    /// The SEI unit that carries this mark.
    pub fn to_sei(self) -> [u8; SEI_LEN] {
        let mut unit = [SEI_END; SEI_LEN];
        unit[..SEI_HEAD.len()].copy_from_slice(&SEI_HEAD);
        let bytes = self.to_bytes();
        let body = &mut unit[SEI_HEAD.len()..][..SEI_BODY];
        for (at, place) in body.iter_mut().enumerate() {
            let (byte, shift) = (at * 7 / 8, at * 7 % 8);
            let word = u16::from(bytes[byte]) << 8 | u16::from(*bytes.get(byte + 1).unwrap_or(&0));
            *place = 0x80 | (word << shift >> 9) as u8;
        }
        unit
    }

    /// Reads the mark in an SEI unit of ours; none for any other unit.
    pub fn read_sei(unit: &[u8]) -> Option<Self> {
        let rest = unit.strip_prefix(&SEI_HEAD)?;
        let body = rest.first_chunk::<SEI_BODY>()?;
        let mut bytes = [0_u8; LEN];
        for (at, place) in bytes.iter_mut().enumerate() {
            let (first, shift) = (at * 8 / 7, at * 8 % 7);
            let word = u16::from(body[first] & 0x7f) << 7 | u16::from(body[first + 1] & 0x7f);
            *place = (word << shift >> 6) as u8;
        }
        Self::read(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Both forms give back what was put in, and an SEI unit holds nothing that looks like a start code.
        #[test]
        fn marks_are_read_as_written(source: u64, sequence: u64, at: u64, crc: u32) {
            let marker = Marker { source, sequence, sent_at: Micros(at), crc };
            prop_assert_eq!(Marker::read(&marker.to_bytes()), Some(marker));
            let unit = marker.to_sei();
            prop_assert_eq!(Marker::read_sei(&unit), Some(marker));
            prop_assert!(unit.iter().all(|byte| *byte != 0));
        }

        /// Any bytes are read without harm, and are no mark without the magic number.
        #[test]
        fn other_bytes_are_no_mark(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let marked = bytes.len() >= LEN && bytes.ends_with(&MAGIC);
            prop_assert_eq!(Marker::read(&bytes).is_some(), marked);
            prop_assert!(Marker::read_sei(&bytes).is_none());
        }
    }
}
