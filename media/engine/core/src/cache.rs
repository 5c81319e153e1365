//! Recent packets of one source in clear, kept once for all receivers, from which lost ones are sent again.

/// Packets that a cache can name at once, a power of two.
const ENTRIES: usize = 256;

#[derive(Debug, Clone, Copy)]
struct Entry {
    sequence: u64,
    /// Position in the endless stream of bytes, of which the ring holds the last part.
    start: u64,
    len: u16,
    marker: bool,
    payload_type: u8,
    timestamp: u32,
}

const EMPTY: Entry = Entry {
    sequence: u64::MAX,
    start: 0,
    len: 0,
    marker: false,
    payload_type: 0,
    timestamp: 0,
};

/// A packet as it came from the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cached<'a> {
    /// Marker bit.
    pub marker: bool,
    /// Payload type on the source's leg.
    pub payload_type: u8,
    /// The source's timestamp.
    pub timestamp: u32,
    /// Payload without padding.
    pub payload: &'a [u8],
}

/// A ring of bytes with an index by sequence number. Nothing is allocated after `new`.
#[derive(Debug)]
pub struct PacketCache {
    bytes: Box<[u8]>,
    written: u64,
    entries: Box<[Entry]>,
}

impl PacketCache {
    /// A cache over `capacity` bytes of payload.
    pub fn new(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity].into_boxed_slice(),
            written: 0,
            entries: vec![EMPTY; ENTRIES].into_boxed_slice(),
        }
    }

    /// Keeps a packet; the oldest give way.
    pub fn insert(&mut self, sequence: u64, packet: Cached<'_>) {
        let (capacity, len) = (self.bytes.len() as u64, packet.payload.len() as u64);
        if len > capacity || len > u64::from(u16::MAX) {
            return;
        }
        let mut start = self.written;
        if start % capacity + len > capacity {
            start += capacity - start % capacity;
        }
        let offset = (start % capacity) as usize;
        self.bytes[offset..offset + packet.payload.len()].copy_from_slice(packet.payload);
        self.written = start + len;
        self.entries[sequence as usize % ENTRIES] = Entry {
            sequence,
            start,
            len: packet.payload.len() as u16,
            marker: packet.marker,
            payload_type: packet.payload_type,
            timestamp: packet.timestamp,
        };
    }

    /// Forgets every packet, keeps the memory.
    pub fn clear(&mut self) {
        self.entries.fill(EMPTY);
    }

    /// The packet with this extended sequence number, if it is still here.
    pub fn get(&self, sequence: u64) -> Option<Cached<'_>> {
        let entry = &self.entries[sequence as usize % ENTRIES];
        let capacity = self.bytes.len() as u64;
        let overwritten = self.written.saturating_sub(entry.start) > capacity;
        if entry.sequence != sequence || overwritten {
            return None;
        }
        let offset = (entry.start % capacity) as usize;
        Some(Cached {
            marker: entry.marker,
            payload_type: entry.payload_type,
            timestamp: entry.timestamp,
            payload: &self.bytes[offset..offset + usize::from(entry.len)],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(payload: &[u8]) -> Cached<'_> {
        Cached {
            marker: true,
            payload_type: 96,
            timestamp: 7,
            payload,
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_was_put_in(lens in prop::collection::vec(0_usize..300, 1..600)) {
            let mut cache = PacketCache::new(4_096);
            for (sequence, len) in lens.iter().enumerate() {
                let payload = vec![sequence as u8; *len];
                cache.insert(sequence as u64, packet(&payload));
            }
            let last = lens.len() - 1;
            prop_assert!(cache.get(last as u64).is_some());
            prop_assert!(cache.get(lens.len() as u64).is_none());
            for (sequence, len) in lens.iter().enumerate() {
                if let Some(found) = cache.get(sequence as u64) {
                    let expected = vec![sequence as u8; *len];
                    prop_assert_eq!(found.payload, expected.as_slice());
                }
            }
        }
    }

    #[test]
    fn the_last_packets_that_fit_are_all_there() {
        let mut cache = PacketCache::new(10_000);
        for sequence in 0..100_u64 {
            cache.insert(sequence, packet(&[sequence as u8; 1_000]));
        }
        assert!((91..100).all(|sequence| cache.get(sequence).is_some()));
        assert!((0..90).all(|sequence| cache.get(sequence).is_none()));
    }

    #[test]
    fn a_packet_larger_than_the_cache_is_left_out() {
        let mut cache = PacketCache::new(10);
        cache.insert(1, packet(&[1; 11]));
        assert!(cache.get(1).is_none());
    }
}
