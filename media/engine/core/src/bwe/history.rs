//! What was sent under which transport-wide number, until a report tells what became of it.

use super::{Kind, PacketResult};
use crate::time::Micros;
use engine_wire::seq;

/// Entries of a fresh ring: half a second of a small call.
const LEAST: usize = 256;
/// More is never kept (48 kB): a second of 5 Mbit/s takes 600.
const MOST: usize = 4_096;
/// A ring grows rather than forget a packet younger than this: the longest round trip and interval of reports that
/// we serve, twice. Reports on older ones tell of an outage, and no rate is learnt from them.
const KEEP: Micros = Micros::from_secs(1);
/// Times are kept in 32 bits of microseconds; after a silence of half their cycle nothing old is of use.
const FORGET: Micros = Micros::from_secs(2_000);
/// Numbers start one cycle up, so that a report may name one below the first.
const FIRST: u64 = 1 << 16;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Unknown,
    Lost,
    Arrived,
}

/// Twelve bytes; the number is the place in the ring.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    sent_us: u32,
    bytes: u16,
    kind: Kind,
    cluster: u8,
    fate: Fate,
}

/// A ring of sent packets. It grows to what is in flight and then allocates no more.
#[derive(Debug)]
pub struct SentHistory {
    ring: Vec<Entry>,
    /// The number of the next packet.
    next: u64,
    /// The oldest number that is kept.
    oldest: u64,
    last_sent: Micros,
    /// The number after the highest that a report has named.
    reported_to: u64,
    in_flight: u64,
}

impl Default for SentHistory {
    fn default() -> Self {
        Self {
            ring: vec![Entry::default(); LEAST],
            next: FIRST,
            oldest: FIRST,
            last_sent: Micros(0),
            reported_to: FIRST,
            in_flight: 0,
        }
    }
}

impl SentHistory {
    /// An empty one whose first number is this.
    pub fn beginning_at(first: u16) -> Self {
        let first = FIRST + u64::from(first);
        Self {
            next: first,
            oldest: first,
            reported_to: first,
            ..Self::default()
        }
    }

    /// Enters a packet of that many bytes and gives its number. `cluster` is the probe that it is a part of, 0 if none.
    pub fn note_sent(&mut self, now: Micros, bytes: usize, kind: Kind, cluster: u8) -> u16 {
        if now.since(self.last_sent) > FORGET {
            self.skip_to(self.next);
            self.oldest = self.next;
        }
        self.last_sent = self.last_sent.max(now);
        self.make_room();
        let number = self.next;
        let bytes = bytes.min(usize::from(u16::MAX)) as u16;
        let place = self.place(number);
        self.ring[place] = Entry {
            sent_us: now.0 as u32,
            bytes,
            kind,
            cluster,
            fate: Fate::Unknown,
        };
        self.next += 1;
        self.in_flight += u64::from(bytes);
        number as u16
    }

    /// Brings the line near on which the next packet is entered.
    pub fn touch(&self) -> u64 {
        u64::from(self.ring[self.place(self.next)].sent_us)
    }

    /// What a report says of a number: `arrived` is in microseconds of the receiver's clock, none if the packet is
    /// missing. `None` for what was never sent, is too old, or says nothing new.
    pub fn report(&mut self, number: u16, arrived: Option<i64>) -> Option<PacketResult> {
        let number = seq::extend(self.next, number);
        if number < self.oldest || number >= self.next {
            return None;
        }
        let place = self.place(number);
        let entry = self.ring[place];
        let fate = if arrived.is_some() {
            Fate::Arrived
        } else {
            Fate::Lost
        };
        // A report that begins before the one before it may call missing what has arrived.
        if entry.fate == fate || entry.fate == Fate::Arrived {
            return None;
        }
        self.ring[place].fate = fate;
        if number >= self.reported_to {
            self.skip_to(number + 1);
        }
        Some(PacketResult {
            number,
            sent_at: self.sent_at(entry),
            bytes: u32::from(entry.bytes),
            kind: entry.kind,
            cluster: entry.cluster,
            arrived_us: arrived,
            was_lost: entry.fate == Fate::Lost,
        })
    }

    /// The number that the next packet gets.
    pub const fn next_number(&self) -> u16 {
        self.next as u16
    }

    /// Bytes sent after the last packet that a report has named.
    pub const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// When the oldest packet left that no report has reached, if there is one that is still kept.
    pub fn oldest_unreported(&self) -> Option<Micros> {
        let number = self.reported_to.max(self.oldest);
        (number < self.next).then(|| self.sent_at(self.ring[self.place(number)]))
    }

    /// Bytes of memory behind it.
    pub fn memory(&self) -> usize {
        self.ring.capacity() * size_of::<Entry>()
    }

    fn skip_to(&mut self, number: u64) {
        for passed in self.reported_to.max(self.oldest)..number {
            let bytes = self.ring[self.place(passed)].bytes;
            self.in_flight -= u64::from(bytes).min(self.in_flight);
        }
        self.reported_to = number;
    }

    const fn place(&self, number: u64) -> usize {
        // The length is a power of two.
        number as usize & (self.ring.len() - 1)
    }

    fn sent_at(&self, entry: Entry) -> Micros {
        let age = (self.last_sent.0 as u32).wrapping_sub(entry.sent_us);
        self.last_sent - Micros(u64::from(age))
    }

    /// Takes the place of the oldest, or a larger ring.
    fn make_room(&mut self) {
        let len = self.ring.len();
        if self.next - self.oldest < len as u64 {
            return;
        }
        let oldest = self.ring[self.place(self.oldest)];
        if len < MOST && self.last_sent.since(self.sent_at(oldest)) < KEEP {
            self.grow();
            return;
        }
        if self.reported_to <= self.oldest {
            self.skip_to(self.oldest + 1);
        }
        self.oldest += 1;
    }

    fn grow(&mut self) {
        let mut larger = vec![Entry::default(); self.ring.len() * 2];
        let mask = larger.len() - 1;
        for number in self.oldest..self.next {
            larger[number as usize & mask] = self.ring[self.place(number)];
        }
        self.ring = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(millis: u64) -> Micros {
        Micros::from_millis(1_795_000_000_000 + millis)
    }

    #[test]
    fn a_packet_is_told_of_once_and_a_late_one_again() {
        let mut history = SentHistory::default();
        let first = history.note_sent(ms(0), 1_200, Kind::Video, 0);
        let second = history.note_sent(ms(5), 100, Kind::Audio, 0);
        assert_eq!(history.in_flight(), 1_300);
        assert_eq!(history.oldest_unreported(), Some(ms(0)));
        let lost = history.report(first, None).unwrap();
        assert_eq!((lost.sent_at, lost.bytes), (ms(0), 1_200));
        assert_eq!(history.report(first, None), None);
        assert_eq!(history.oldest_unreported(), Some(ms(5)));
        let late = history.report(first, Some(7)).unwrap();
        assert!(late.was_lost && late.arrived_us == Some(7));
        assert_eq!(history.report(first, Some(7)), None);
        assert_eq!(history.report(first, None), None);
        assert!(!history.report(second, Some(9)).unwrap().was_lost);
        assert_eq!(history.in_flight(), 0);
        assert_eq!(history.oldest_unreported(), None);
    }

    #[test]
    fn what_was_never_sent_is_nothing() {
        let mut history = SentHistory::default();
        assert_eq!(history.report(0, Some(1)), None);
        let number = history.note_sent(ms(0), 100, Kind::Audio, 0);
        for wrong in [1, 2, 1_000, 40_000, 65_535] {
            assert_eq!(history.report(number.wrapping_add(wrong), Some(1)), None);
        }
    }

    #[test]
    fn memory_follows_the_flight_and_ends() {
        let mut history = SentHistory::default();
        for at in 0..20_000 {
            history.note_sent(ms(at * 20), 100, Kind::Audio, 0);
        }
        assert_eq!(history.memory(), LEAST * 12);
        for at in 0..20_000 {
            history.note_sent(Micros(ms(400_000).0 + at * 2_000), 1_200, Kind::Video, 0);
        }
        assert_eq!(history.memory(), 512 * 12);
        for at in 0..20_000 {
            history.note_sent(Micros(ms(500_000).0 + at * 10), 1_200, Kind::Video, 0);
        }
        assert_eq!(history.memory(), MOST * 12);
        assert_eq!(history.in_flight(), MOST as u64 * 1_200);
    }

    #[test]
    fn a_long_silence_makes_no_old_packet_young() {
        let mut history = SentHistory::default();
        let old = history.note_sent(ms(0), 1_200, Kind::Video, 0);
        history.note_sent(ms(0) + Micros(u64::from(u32::MAX)), 100, Kind::Audio, 0);
        assert_eq!(history.report(old, Some(3)), None);
        assert_eq!(history.in_flight(), 100);
    }

    proptest! {
        /// Over wraps and growth each packet is found as it was sent, as long as it is kept.
        #[test]
        fn packets_are_found_as_sent(
            steps in prop::collection::vec((0_u64..3_000, 1_usize..1_400, 0_usize..600), 1..400),
            rounds in 1_usize..40,
        ) {
            let mut history = SentHistory::default();
            let (mut now, mut sent) = (ms(0), Vec::new());
            for _ in 0..rounds {
                for (gap, bytes, back) in &steps {
                    now = now + Micros(*gap);
                    let number = history.note_sent(now, *bytes, Kind::Video, 0);
                    sent.push((number, now, *bytes as u32));
                    let Some(at) = sent.len().checked_sub(back + 1) else { continue };
                    if let Some(result) = history.report(sent[at].0, Some(1)) {
                        prop_assert_eq!((result.sent_at, result.bytes), (sent[at].1, sent[at].2));
                    }
                }
                if sent.len() > 70_000 { break; }
            }
        }
    }
}
