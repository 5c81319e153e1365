//! Recent packets of one source in clear, kept once for all receivers, from which lost ones are sent again.
//!
//! A cache holds what the source has sent within the time in which somebody may still want it, and up to a piece more: those
//! who ask again, and those to whom it goes when its turn comes, on a link that has just become thin. What is older goes at
//! once to the next source that needs a piece: pictures are large now of one and now of another, and each would otherwise
//! hold what it needs at the worst. Pieces of one size fit for everyone, and nothing is copied for the sake of another size.

use crate::pieces::{Piece, Spare, VIDEO_PIECE};
use crate::time::Micros;
use std::collections::VecDeque;

/// Whatever a source sends, no more than this is kept: a second of 4 Mbit/s.
const MOST: Size = Size {
    bytes: 512 * 1024,
    entries: 1_024,
};
/// How long an index stays as large as was needed once.
const SHRINK_AFTER: Micros = Micros::from_secs(10);
/// Parts in which what comes is counted; all but one make up the time that is kept.
const PARTS: usize = 16;

/// What a cache can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Bytes of payload.
    pub bytes: usize,
    /// Packets that can be named at once, a power of two.
    pub entries: usize,
}

impl Size {
    /// The least for pictures: five of the largest packets that there are, or as many as fit of smaller ones.
    pub const VIDEO: Self = Self {
        bytes: 6_000,
        entries: 64,
    };
    /// The least for sound: a third of a second of what Opus sends for music.
    pub const AUDIO: Self = Self {
        bytes: 1024,
        entries: 32,
    };

    fn for_load(load: Load, least: Self) -> Self {
        Self {
            bytes: (load.bytes as usize).clamp(least.bytes, MOST.bytes),
            entries: (load.packets as usize)
                .next_power_of_two()
                .clamp(least.entries, MOST.entries),
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Load {
    bytes: u32,
    packets: u32,
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
#[repr(C)]
struct Window {
    part: usize,
    part_since: Micros,
    sum: Load,
    peak: Load,
    peak_since: Micros,
    parts: [Load; PARTS],
}

impl Window {
    fn add(&mut self, now: Micros, horizon: Micros, load: Load) {
        let span = Micros(horizon.0 / (PARTS as u64 - 1));
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

/// Where a packet lies: in the piece of that number, of which those that are gone have smaller ones. Numbers are their lower
/// bits: the index names 1,024 packets at most, which follow one another, and a cache has some 200 pieces.
#[derive(Debug, Clone, Copy)]
struct Entry {
    sequence: u32,
    timestamp: u32,
    piece: u16,
    start: u16,
    len: u16,
    marker: bool,
    payload_type: u8,
}

/// What no packet has: that many bytes do not fit into a datagram.
const NO_PACKET: u16 = u16::MAX;

const EMPTY: Entry = Entry {
    sequence: 0,
    timestamp: 0,
    piece: 0,
    start: 0,
    len: NO_PACKET,
    marker: false,
    payload_type: 0,
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

/// The last packets in pieces, with an index by sequence number. What every packet needs comes first.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct PacketCache {
    /// The piece that is being filled; without bytes before the first packet.
    newest: Piece,
    /// Bytes of packets in all pieces.
    stored: usize,
    entries: Box<[Entry]>,
    /// The number of the oldest piece.
    first: u16,
    /// The others, oldest first.
    older: VecDeque<Piece>,
    window: Window,
    least: Size,
}

impl PacketCache {
    /// An empty cache that keeps no less than `least`, however little comes.
    pub fn new(least: Size) -> Self {
        Self {
            newest: Piece::default(),
            stored: 0,
            entries: vec![EMPTY; least.entries].into_boxed_slice(),
            first: 0,
            older: VecDeque::with_capacity(2),
            window: Window::default(),
            least,
        }
    }

    /// Brings the lines near that the next packets need. Nothing waits for those that are only written.
    pub fn touch(&self) -> u64 {
        let window = self.window.sum.bytes ^ self.window.parts[self.window.part].bytes;
        self.newest.filled as u64 ^ u64::from(window)
    }

    /// What it takes now.
    pub fn size(&self) -> Size {
        Size {
            bytes: self.pieces().map(|piece| piece.bytes.len()).sum(),
            entries: self.entries.len(),
        }
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.older.iter().chain([&self.newest])
    }

    /// Before packets are put in: notes how much comes, of which `horizon` is to be kept, and sees to the index.
    pub fn make_room(&mut self, now: Micros, horizon: Micros, bytes: usize, packets: usize) {
        let load = Load {
            bytes: bytes as u32,
            packets: packets as u32,
        };
        self.window.add(now, horizon, load);
        if self.window.sum.packets as usize > self.entries.len() {
            let needed = Size::for_load(self.window.sum, self.least);
            self.index_anew(needed.entries);
        } else if let Some(peak) = self.window.past_peak(now) {
            let needed = Size::for_load(peak, self.least).entries;
            if needed * 2 <= self.entries.len() {
                self.index_anew(needed);
            }
        }
    }

    /// Another number of entries, and in them the newest of what is there.
    fn index_anew(&mut self, entries: usize) {
        let anew = vec![EMPTY; entries].into_boxed_slice();
        let kept = std::mem::replace(&mut self.entries, anew).into_vec();
        let mut kept: Vec<_> = kept
            .iter()
            .filter(|entry| self.piece(entry).is_some())
            .collect();
        // As they lie, which is as they came.
        kept.sort_unstable_by_key(|entry| (entry.piece.wrapping_sub(self.first), entry.start));
        for entry in kept {
            let place = self.place(entry.sequence.into());
            self.entries[place] = *entry;
        }
    }

    fn can_spare_oldest(&self, needed: usize) -> bool {
        let oldest = self.older.front().map_or(usize::MAX, |piece| piece.filled);
        self.stored
            .checked_sub(oldest)
            .is_some_and(|rest| rest >= needed)
    }

    fn take_oldest(&mut self) -> Option<Piece> {
        let piece = self.older.pop_front()?;
        self.first = self.first.wrapping_add(1);
        self.stored -= piece.filled;
        Some(piece)
    }

    /// Begins a piece, the oldest if it is not needed any more; whatever else is not goes to other sources.
    fn begin_piece(&mut self, len: usize, spare: &mut Spare) {
        let needed = Size::for_load(self.window.sum, self.least).bytes;
        let mut usable: Option<Piece> = None;
        while self.can_spare_oldest(needed) {
            let oldest = self.take_oldest().filter(|piece| piece.bytes.len() >= len);
            let before = std::mem::replace(&mut usable, oldest);
            before.into_iter().for_each(|piece| spare.keep(piece));
        }
        let mut piece =
            usable.unwrap_or_else(|| spare.take(self.least.bytes.min(VIDEO_PIECE).max(len)));
        piece.filled = 0;
        let full = std::mem::replace(&mut self.newest, piece);
        if full.filled > 0 {
            self.older.push_back(full);
        }
    }

    /// Keeps a packet; the oldest give way.
    pub fn insert(&mut self, sequence: u64, packet: Cached<'_>, spare: &mut Spare) {
        let len = u16::try_from(packet.payload.len()).unwrap_or(NO_PACKET);
        if len == NO_PACKET {
            return;
        }
        let bytes = usize::from(len);
        if !self.newest.has_room(bytes) {
            self.begin_piece(bytes, spare);
        }
        let piece = &mut self.newest;
        let start = piece.filled;
        piece.bytes[start..start + bytes].copy_from_slice(packet.payload);
        piece.filled += bytes;
        self.stored += bytes;
        let place = self.place(sequence);
        self.entries[place] = Entry {
            sequence: sequence as u32,
            piece: self.first.wrapping_add(self.older.len() as u16),
            timestamp: packet.timestamp,
            // A piece of more than 64 KiB holds one packet.
            start: start as u16,
            len,
            marker: packet.marker,
            payload_type: packet.payload_type,
        };
    }

    /// Forgets every packet, keeps the memory.
    pub fn clear(&mut self) {
        self.entries.fill(EMPTY);
    }

    /// The packet with this extended sequence number, if it is still here.
    pub fn get(&self, sequence: u64) -> Option<Cached<'_>> {
        let entry = &self.entries[self.place(sequence)];
        let piece = Some(entry).filter(|entry| entry.sequence == sequence as u32);
        let piece = piece.and_then(|entry| self.piece(entry))?;
        let start = usize::from(entry.start);
        Some(Cached {
            marker: entry.marker,
            payload_type: entry.payload_type,
            timestamp: entry.timestamp,
            payload: piece.bytes.get(start..start + usize::from(entry.len))?,
        })
    }

    /// The piece in which a packet lies, if it is still here.
    fn piece(&self, entry: &Entry) -> Option<&Piece> {
        let position = usize::from(entry.piece.wrapping_sub(self.first));
        let piece = match self.older.get(position) {
            None if position == self.older.len() => Some(&self.newest),
            older => older,
        };
        piece.filter(|_| entry.len != NO_PACKET)
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
            let payload = vec![sequence as u8; len];
            cache.insert(sequence, packet(&payload), &mut Spare::default());
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
        // What is kept, the piece that is being filled, and what is left over at the ends.
        let most = MOST.bytes + MOST.bytes / 6 + Size::VIDEO.bytes;
        let size = cache.size();
        assert!((MOST.bytes..most).contains(&size.bytes), "{size:?}");
        assert_eq!(size.entries, MOST.entries);
    }

    #[test]
    fn a_cache_shrinks_when_less_comes_its_index_after_a_while_and_keeps_the_newest() {
        let mut cache = PacketCache::new(Size::AUDIO);
        let next = stream(&mut cache, (1, 0), 400, 1_100, 5);
        let large = cache.size();
        let next = stream(&mut cache, (6, next), 50, 80, 9);
        let later = cache.size();
        assert!(later.bytes <= 4_096, "{later:?}");
        assert_eq!(later.entries, large.entries);
        let next = stream(&mut cache, (15, next), 50, 80, 20);
        let small = cache.size();
        assert!(small.bytes <= 4_096 && small.entries == 32, "{small:?}");
        assert!((next - 15..next).all(|sequence| cache.get(sequence).is_some()));
    }

    #[test]
    fn what_one_source_needs_no_more_another_gets() {
        let (mut one, mut other) = (PacketCache::new(Size::VIDEO), PacketCache::new(Size::VIDEO));
        let mut spare = Spare::default();
        let mut send =
            |cache: &mut PacketCache, from: u64, numbers: std::ops::Range<u64>, len: usize| {
                for number in numbers.clone() {
                    let now =
                        Micros::from_secs(1) + Micros::from_millis(from + number - numbers.start);
                    cache.make_room(now, HORIZON, len, 1);
                    cache.insert(number, packet(&vec![number as u8; len]), &mut spare);
                }
                spare.count()
            };
        let before = send(&mut one, 0, 0..200, 1_200);
        let left = send(&mut one, 200, 200..20_800, 100);
        let pieces = |cache: &PacketCache| cache.size().bytes / Size::VIDEO.bytes;
        assert!(left >= before + 85, "{left} {before}");
        assert!(pieces(&one) <= 15, "{:?}", one.size());
        assert_eq!(send(&mut other, 20_800, 0..30, 1_200), left - 15);
        let found = one.get(20_799).map(|found| found.payload.to_vec());
        assert_eq!(found, Some(vec![20_799_u64 as u8; 100]));
        assert!((0..30).all(|number| other
            .get(number)
            .is_some_and(|found| found.payload[0] == number as u8)));
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_was_put_in(lens in prop::collection::vec(0_usize..300, 1..600)) {
            let mut cache = PacketCache::new(of(1_024, 256));
            for (sequence, len) in lens.iter().enumerate() {
                let payload = vec![sequence as u8; *len];
                cache.insert(sequence as u64, packet(&payload), &mut Spare::default());
            }
            cache.index_anew(512);
            let last = lens.len() - 1;
            prop_assert!(cache.get(last as u64).is_some());
            prop_assert!(cache.get(lens.len() as u64).is_none());
            for (sequence, len) in lens.iter().enumerate() {
                if let Some(found) = cache.get(sequence as u64) {
                    let expected = vec![sequence as u8; *len];
                    prop_assert_eq!(found.payload, expected.as_slice());
                }
            }
            cache.index_anew(256);
            prop_assert!(cache.get(last as u64).is_some());
        }

        /// The newest packets, as many as have the least number of bytes, are there whatever their sizes.
        #[test]
        fn the_last_packets_that_fit_are_all_there(lens in prop::collection::vec(0_usize..1_500, 1..300)) {
            let mut cache = PacketCache::new(of(2_048, 512));
            for (sequence, len) in lens.iter().enumerate() {
                let payload = vec![sequence as u8; *len];
                cache.insert(sequence as u64, packet(&payload), &mut Spare::default());
            }
            let mut bytes = 0;
            for (sequence, len) in lens.iter().enumerate().rev() {
                bytes += len;
                if bytes > 2_048 {
                    break;
                }
                prop_assert!(cache.get(sequence as u64).is_some());
            }
            prop_assert!(cache.size().bytes <= 5 * 2_048);
        }
    }

    #[test]
    fn a_packet_larger_than_a_piece_gets_one_of_its_own_and_no_larger_one_is_taken() {
        let mut cache = PacketCache::new(of(10, 16));
        let spare = &mut Spare::default();
        cache.insert(1, packet(&[1; 11]), spare);
        cache.insert(2, packet(&vec![2; 65_534]), spare);
        cache.insert(3, packet(&vec![3; 65_535]), spare);
        let lens = [1, 2, 3].map(|sequence| cache.get(sequence).map(|found| found.payload.len()));
        assert_eq!(lens, [Some(11), Some(65_534), None]);
    }
}
