//! Recent packets of one source in clear, kept once for all receivers, from which lost ones are sent again.
//!
//! A cache is as large as what the source has sent within the time in which a receiver can still ask. It grows at once
//! when more comes, by an eighth more than is needed, and shrinks when ten seconds have needed less than half; between
//! that nothing is allocated.

use crate::time::Micros;

/// Whatever a source sends, it is given no more than this: a second of 4 Mbit/s.
const MOST: Size = Size {
    bytes: 512 * 1024,
    entries: 1_024,
};
/// How long a cache stays larger than what was needed.
const SHRINK_AFTER: Micros = Micros::from_secs(10);
/// Parts in which the time that is kept is counted.
const PARTS: usize = 8;
/// Sizes are multiples of this, so that small changes are none.
const STEP: usize = 2 * 1024;
/// A packet that does not fit before the end of the ring begins at its start, and leaves as much as this unused.
const LOST_AT_END: usize = 1_500;

/// What a cache can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Bytes of payload.
    pub bytes: usize,
    /// Packets that can be named at once, a power of two.
    pub entries: usize,
}

impl Size {
    /// The least for pictures: a small stream is kept for longer than it need be.
    pub const VIDEO: Self = Self {
        bytes: 16 * 1024,
        entries: 128,
    };
    /// The least for sound: a third of a second of what Opus sends for music.
    pub const AUDIO: Self = Self {
        bytes: STEP,
        entries: 32,
    };

    fn for_load(load: Load, least: Self) -> Self {
        let bytes = load.bytes + load.bytes / 8 + LOST_AT_END;
        let packets = load.packets + load.packets / 8;
        Self {
            bytes: bytes.next_multiple_of(STEP).clamp(least.bytes, MOST.bytes),
            entries: packets
                .next_power_of_two()
                .clamp(least.entries, MOST.entries),
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Load {
    bytes: usize,
    packets: usize,
}

impl Load {
    const fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.packets += other.packets;
    }

    const fn subtract(&mut self, other: Self) {
        self.bytes -= other.bytes;
        self.packets -= other.packets;
    }

    fn raise_to(&mut self, other: Self) {
        self.bytes = self.bytes.max(other.bytes);
        self.packets = self.packets.max(other.packets);
    }
}

/// What has come within the time that is to be kept.
#[derive(Debug, Default)]
struct Window {
    parts: [Load; PARTS],
    part: usize,
    part_since: Micros,
    sum: Load,
    peak: Load,
    peak_since: Micros,
}

impl Window {
    fn add(&mut self, now: Micros, horizon: Micros, load: Load) {
        let span = Micros(horizon.0 / PARTS as u64);
        if now.since(self.part_since) > horizon + horizon {
            (self.parts, self.sum) = Default::default();
            self.part_since = now;
        }
        while now.since(self.part_since) >= span {
            self.part = (self.part + 1) % PARTS;
            self.sum.subtract(self.parts[self.part]);
            self.parts[self.part] = Load::default();
            self.part_since = self.part_since + span;
        }
        self.parts[self.part].add(load);
        self.sum.add(load);
        self.peak.raise_to(self.sum);
    }

    /// The most that was needed at once since the last time that this gave something.
    fn past_peak(&mut self, now: Micros) -> Option<Load> {
        if now.since(self.peak_since) < SHRINK_AFTER {
            return None;
        }
        self.peak_since = now;
        Some(std::mem::replace(&mut self.peak, self.sum))
    }
}

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

/// A ring of bytes with an index by sequence number.
#[derive(Debug)]
pub struct PacketCache {
    bytes: Box<[u8]>,
    written: u64,
    entries: Box<[Entry]>,
    least: Size,
    window: Window,
}

impl PacketCache {
    /// An empty cache that never gets smaller than `least`.
    pub fn new(least: Size) -> Self {
        Self {
            bytes: vec![0; least.bytes].into_boxed_slice(),
            written: 0,
            entries: vec![EMPTY; least.entries].into_boxed_slice(),
            least,
            window: Window::default(),
        }
    }

    /// What it can hold now.
    pub fn size(&self) -> Size {
        Size {
            bytes: self.bytes.len(),
            entries: self.entries.len(),
        }
    }

    /// Before packets are put in: notes how much comes, of which `horizon` is to be kept, and sees to the size.
    pub fn make_room(&mut self, now: Micros, horizon: Micros, bytes: usize, packets: usize) {
        self.window.add(now, horizon, Load { bytes, packets });
        let (has, sum) = (self.size(), self.window.sum);
        let is_short = sum.bytes + LOST_AT_END > has.bytes || sum.packets > has.entries;
        if is_short && has != MOST {
            let needed = Size::for_load(sum, self.least);
            self.resize(Size {
                bytes: needed.bytes.max(has.bytes),
                entries: needed.entries.max(has.entries),
            });
        } else if let Some(peak) = self.window.past_peak(now) {
            let needed = Size::for_load(peak, self.least);
            if needed.bytes * 2 <= has.bytes {
                self.resize(needed);
            }
        }
    }

    /// Another size, and in it the newest of what is there.
    fn resize(&mut self, size: Size) {
        if size == self.size() {
            return;
        }
        let mut resized = Self {
            bytes: vec![0; size.bytes].into_boxed_slice(),
            written: 0,
            entries: vec![EMPTY; size.entries].into_boxed_slice(),
            least: self.least,
            window: std::mem::take(&mut self.window),
        };
        let mut kept = self.entries.to_vec();
        kept.sort_unstable_by_key(|entry| entry.start);
        for entry in kept {
            if let Some(packet) = self.get(entry.sequence) {
                resized.insert(entry.sequence, packet);
            }
        }
        *self = resized;
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
        let place = self.place(sequence);
        self.entries[place] = Entry {
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
        let entry = &self.entries[self.place(sequence)];
        let capacity = self.bytes.len() as u64;
        let overwritten = self.written.saturating_sub(entry.start) > capacity;
        if entry.sequence != sequence || sequence == EMPTY.sequence || overwritten {
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

    const fn place(&self, sequence: u64) -> usize {
        sequence as usize & (self.entries.len() - 1)
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

    const HORIZON: Micros = Micros::from_millis(300);

    const fn of(bytes: usize, entries: usize) -> Size {
        Size { bytes, entries }
    }

    /// A stream of `rate` packets a second for some seconds; gives the next number.
    fn stream(cache: &mut PacketCache, from: (u64, u64), rate: u64, len: usize, secs: u64) -> u64 {
        let (second, first) = from;
        for number in 0..rate * secs {
            let now = Micros::from_secs(second) + Micros(number * 1_000_000 / rate);
            cache.make_room(now, HORIZON, len, 1);
            let sequence = first + number;
            cache.insert(sequence, packet(&vec![sequence as u8; len]));
        }
        first + rate * secs
    }

    #[test]
    fn what_can_be_asked_for_is_there_at_any_rate() {
        for (rate, len) in [
            (50, 80),
            (140, 1_100),
            (400, 1_100),
            (900, 1_150),
            (1_500, 60),
        ] {
            let mut cache = PacketCache::new(Size::AUDIO);
            let next = stream(&mut cache, (1, 0), rate, len, 3);
            let kept = rate * 290 / 1_000;
            assert!((next - kept..next).all(|sequence| cache.get(sequence).is_some()));
            let size = cache.size();
            let most = (len * rate as usize * 3 / 10) * 3 / 2 + 6 * 1_024;
            assert!(size.bytes <= most, "{rate} of {len}: {size:?}");
        }
    }

    #[test]
    fn nothing_makes_a_cache_larger_than_its_bound() {
        let mut cache = PacketCache::new(Size::VIDEO);
        stream(&mut cache, (1, 0), 20_000, 1_200, 1);
        assert_eq!(cache.size(), MOST);
    }

    #[test]
    fn a_cache_shrinks_when_less_has_come_for_a_while_and_keeps_the_newest() {
        let mut cache = PacketCache::new(Size::AUDIO);
        let next = stream(&mut cache, (1, 0), 400, 1_100, 5);
        let large = cache.size();
        let next = stream(&mut cache, (6, next), 50, 80, 9);
        assert_eq!(cache.size(), large);
        let next = stream(&mut cache, (15, next), 50, 80, 20);
        assert_eq!(cache.size(), of(4_096, 32));
        assert!((next - 15..next).all(|sequence| cache.get(sequence).is_some()));
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_was_put_in(lens in prop::collection::vec(0_usize..300, 1..600)) {
            let mut cache = PacketCache::new(of(4_096, 256));
            for (sequence, len) in lens.iter().enumerate() {
                let payload = vec![sequence as u8; *len];
                cache.insert(sequence as u64, packet(&payload));
            }
            cache.resize(of(9_000, 512));
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
        let mut cache = PacketCache::new(of(10_000, 256));
        for sequence in 0..100_u64 {
            cache.insert(sequence, packet(&[sequence as u8; 1_000]));
        }
        assert!((91..100).all(|sequence| cache.get(sequence).is_some()));
        assert!((0..90).all(|sequence| cache.get(sequence).is_none()));
    }

    #[test]
    fn a_packet_larger_than_the_cache_is_left_out() {
        let mut cache = PacketCache::new(of(10, 16));
        cache.insert(1, packet(&[1; 11]));
        assert!(cache.get(1).is_none());
    }
}
