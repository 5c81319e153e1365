//! Generic NACK: packets to send again (RFC 4585 section 6.2.1).

use super::TRANSPORT_FEEDBACK;
use crate::bytes::{u32_at, words};
use crate::WireError;

pub(super) const FORMAT: u8 = 1;
/// Entries that the writer puts in one packet: about 1,000 bytes, so that a packet fits any path.
const MAX_ENTRIES: usize = 250;
/// Packets after the first that one entry's mask can tell of.
const MASK_BITS: u16 = 16;

/// Packets that a receiver lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nack<'a> {
    /// Who asks.
    pub sender: u32,
    /// The stream.
    pub media: u32,
    entries: &'a [u8],
}

impl<'a> Nack<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let entries = body.get(8..).unwrap_or_default();
        Ok(Self {
            sender: u32_at(body, 0)?,
            media: u32_at(body, 4)?,
            entries,
        })
    }

    /// The sequence numbers asked for, in the order written; a packet may be named more than once.
    pub fn lost(&self) -> impl Iterator<Item = u16> + 'a {
        words(self.entries).flat_map(|entry| {
            let (first, mask) = ((entry >> 16) as u16, entry as u16);
            let masked = (0..MASK_BITS).filter(move |bit| mask >> bit & 1 != 0);
            std::iter::once(first).chain(masked.map(move |bit| first.wrapping_add(bit + 1)))
        })
    }
}

/// Appends a request for `lost`, sorted by age (a wrap from 65535 to 0 is in order); nothing if it is empty.
///
/// Any order is right, but a sorted one gives the fewest entries. More than one packet is written if one would grow
/// beyond a path's size.
pub fn write_nack(out: &mut Vec<u8>, sender: u32, media: u32, lost: &[u16]) {
    let mut rest = lost;
    while !rest.is_empty() {
        let start = super::begin(out, FORMAT, TRANSPORT_FEEDBACK);
        super::put_u32(out, sender);
        super::put_u32(out, media);
        for _ in 0..MAX_ENTRIES {
            let Some((entry, more)) = next_entry(rest) else {
                break;
            };
            super::put_u32(out, entry);
            rest = more;
        }
        super::finish(out, start);
    }
}

/// One entry (PID and BLP) for the first number and those after it within reach, and the numbers left.
fn next_entry(lost: &[u16]) -> Option<(u32, &[u16])> {
    let (&first, mut rest) = lost.split_first()?;
    let mut mask = 0_u16;
    while let [next, more @ ..] = rest {
        match next.wrapping_sub(first) {
            0 => {}
            distance @ 1..=MASK_BITS => mask |= 1 << (distance - 1),
            _ => break,
        }
        rest = more;
    }
    Some((u32::from(first) << 16 | u32::from(mask), rest))
}
