//! Writes a payload with redundancy from what the source's cache holds: no packet is kept for it.

use super::{Distances, MAX_COPIES};
use crate::cache::PacketCache;
use engine_wire::payload::red;

/// Payloads up to this are Opus' word for silence (RFC 7587 section 3.1.3): their loss is not heard.
const SILENCE: usize = 2;
/// Bytes of the largest payload with redundancy, so that header, extension and tag stay below 1,200 with it.
const MOST: usize = 1_150;

/// A packet that is about to leave, in the source's numbers.
#[derive(Debug, Clone, Copy)]
pub struct Leaving {
    /// Extended sequence number.
    pub sequence: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Payload type.
    pub payload_type: u8,
    /// Bytes of its payload.
    pub len: usize,
}

/// Earlier payloads that a packet carries.
#[derive(Debug, Clone, Copy, Default)]
pub struct Carried<'a> {
    /// Timestamp offset and payload, the oldest first.
    blocks: [(u32, &'a [u8]); MAX_COPIES],
    count: usize,
}

impl<'a> Carried<'a> {
    /// What of the packets at these distances can be carried. Left out is what was sent before `first`, is no longer
    /// in the cache, is of another payload type or silence, or is too old or too large for its field or the packet.
    pub fn gather(
        cache: &'a PacketCache,
        packet: Leaving,
        distances: Distances,
        first: u64,
    ) -> Self {
        let mut carried = Self::default();
        let mut room = MOST.saturating_sub(packet.len + red::PRIMARY_HEADER_LEN);
        for distance in distances.ascending().rev().take(MAX_COPIES) {
            let sequence = packet.sequence.checked_sub(distance.into());
            let Some(cached) = sequence
                .filter(|sequence| *sequence >= first)
                .and_then(|sequence| cache.get(sequence))
            else {
                continue;
            };
            let offset = packet.timestamp.wrapping_sub(cached.timestamp);
            let len = cached.payload.len();
            let fits = (1..=red::MAX_OFFSET).contains(&offset)
                && (SILENCE + 1..=red::MAX_LEN).contains(&len)
                && red::HEADER_LEN + len <= room;
            if fits && cached.payload_type == packet.payload_type {
                room -= red::HEADER_LEN + len;
                carried.blocks[carried.count] = (offset, cached.payload);
                carried.count += 1;
            }
        }
        carried
    }

    /// Whether there is nothing, so that the packet may as well leave as it is.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn blocks(&self) -> &[(u32, &'a [u8])] {
        &self.blocks[..self.count]
    }

    /// Bytes that come before the packet's own payload.
    pub fn len(&self) -> usize {
        let blocks = self.blocks().iter();
        let sum: usize = blocks.map(|(_, p)| red::HEADER_LEN + p.len()).sum();
        sum + red::PRIMARY_HEADER_LEN
    }

    /// Writes what comes before the packet's own payload to the first [`len`](Self::len) bytes of `out`.
    ///
    /// # Panics
    /// If there is no room for it, which is the caller's mistake and not a packet's.
    pub fn write(&self, payload_type: u8, out: &mut [u8]) {
        let (headers, mut bodies) =
            out[..self.len()].split_at_mut(self.count * red::HEADER_LEN + red::PRIMARY_HEADER_LEN);
        for ((offset, payload), place) in self.blocks().iter().zip(headers.chunks_mut(4)) {
            if let Some(header) = red::header(payload_type, *offset, payload.len()) {
                place.copy_from_slice(&header);
            }
            let body = bodies.split_off_mut(..payload.len()).unwrap_or_default();
            body.copy_from_slice(payload);
        }
        headers[self.count * red::HEADER_LEN..].copy_from_slice(&red::primary_header(payload_type));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Cached, Size};
    use crate::pieces::Spare;
    use engine_wire::payload::red::Red;

    const OPUS: u8 = 111;

    fn cache_of(packets: &[(u64, u32, u8, usize)]) -> PacketCache {
        let mut cache = PacketCache::new(Size::VIDEO);
        for (sequence, timestamp, payload_type, len) in packets {
            let payload = vec![*sequence as u8; *len];
            let packet = Cached {
                marker: false,
                payload_type: *payload_type,
                timestamp: *timestamp,
                payload: &payload,
            };
            cache.insert(*sequence, packet, &mut Spare::default());
        }
        cache
    }

    fn speech() -> PacketCache {
        let packet = |at: u64| (100 + at, at as u32 * 960, OPUS, 80 + at as usize);
        cache_of(&(0..10).map(packet).collect::<Vec<_>>())
    }

    const fn leaving(sequence: u64, timestamp: u32, len: usize) -> Leaving {
        Leaving {
            sequence,
            timestamp,
            payload_type: OPUS,
            len,
        }
    }

    /// Offset, first byte and length of each block that a packet carries.
    fn carried(
        cache: &PacketCache,
        packet: Leaving,
        distances: &[u8],
        first: u64,
    ) -> Vec<(u32, u8, usize)> {
        let carried = Carried::gather(cache, packet, Distances::of(distances), first);
        let mut payload = vec![0xEE; carried.len() + packet.len];
        carried.write(96, &mut payload);
        let red = Red::parse(&payload).unwrap();
        assert_eq!(
            (red.payload_type, red.primary),
            (96, &vec![0xEE; packet.len][..])
        );
        assert_eq!(carried.is_empty(), red.redundant().count() == 0);
        let blocks = red.redundant().map(|block| {
            assert_eq!(block.payload_type, 96);
            (
                block.timestamp_offset,
                block.payload[0],
                block.payload.len(),
            )
        });
        blocks.collect()
    }

    #[test]
    fn carries_what_was_sent_at_the_distances_oldest_first() {
        let packet = leaving(109, 9 * 960, 89);
        assert_eq!(
            carried(&speech(), packet, &[1, 3], 0),
            [(3 * 960, 106, 86), (960, 108, 88)]
        );
        assert_eq!(carried(&speech(), packet, &[], 0), []);
    }

    #[test]
    fn nothing_from_before_the_slots_turn_is_carried() {
        let packet = leaving(109, 9 * 960, 89);
        assert_eq!(carried(&speech(), packet, &[1, 2], 108), [(960, 108, 88)]);
        assert_eq!(carried(&speech(), packet, &[1, 2], 109), []);
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let cache = cache_of(&[
            (1, 0, OPUS, 80),
            (2, 10_000, OPUS, 2),
            (3, 10_960, 101, 80),
            (4, 11_920, OPUS, 1_024),
            (5, 12_880, OPUS, 700),
            (6, 13_840, OPUS, 400),
        ]);
        // Silence, another type, too long for its field.
        assert_eq!(carried(&cache, leaving(5, 12_880, 80), &[1, 2, 3], 0), []);
        // Too old for its field.
        assert_eq!(carried(&cache, leaving(7, 16_384, 80), &[6], 0), []);
        assert_eq!(carried(&cache, leaving(7, 16_383, 80), &[6], 0).len(), 1);
        // Together too large for the packet: the one that would overflow it is left out.
        assert_eq!(
            carried(&cache, leaving(7, 14_800, 80), &[1, 2], 0),
            [(1_920, 5, 700)]
        );
        assert_eq!(carried(&cache, leaving(7, 14_800, 1_200), &[1, 2], 0), []);
    }

    #[test]
    fn timestamps_and_numbers_may_wrap() {
        let cache = cache_of(&[(0xFFFF, u32::MAX - 959, OPUS, 50)]);
        assert_eq!(
            carried(&cache, leaving(0x1_0000, 0, 50), &[1], 0),
            [(960, 0xFF, 50)]
        );
        assert_eq!(carried(&cache, leaving(2, 0, 50), &[6], 0), []);
    }
}
