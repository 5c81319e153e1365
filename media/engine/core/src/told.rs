//! What became of each packet to a receiver that reports on each: loss, runs of it and jitter, slot by slot, half a second
//! after the fact. Its receiver reports say less and later, those about sound alone every five seconds.
//!
//! A report that is lost leaves packets of which nothing was told. They are counted when the next receiver report has told
//! how many of them were lost, so that the count is whole in the end.
//!
//! What was sent again is told of as well, under a number of its own: a lost packet is recovered when that came, not when it
//! left. Where nobody tells of it, it is taken to have come, unless it was sent once more: who has it does not ask.
//!
//! Jitter is that of RFC 3550 section 6.4.1 with the times at which packets left here in the place of their timestamps. So
//! it is this link's alone, while a receiver's own figure has that of the sender's link in it.

mod gaps;
mod marks;

use crate::hoped::Hoped;
use crate::slot::Slot;
use crate::stats::StreamRow;
use crate::time::Micros;
use engine_wire::rtcp::TransportFeedback;
use engine_wire::seq;
use gaps::Gaps;
use marks::{Mark, Marks};

/// Packets of which the fate may be open at once, a power of two: a second of 8 Mbit/s.
const KEPT: usize = 1_024;
/// Room for them at first: half a second of a small call.
const AT_FIRST: usize = 256;
/// Half the time for which a packet that was called missing waits at the least: reports take back what came late.
const SETTLED_AFTER: Micros = Micros::from_millis(125);
/// Of sound alone reports are this far apart or more. One of them is wait enough then: it has told of what came late.
const SELDOM: Micros = Micros::from_millis(200);
/// What leaves within so short a time is one picture, and says of the link what its first packet says.
const ONE_PICTURE_US: i64 = 5_000;
/// A larger change of transit is no jitter: an outage, or a clock that was set.
const LARGEST_CHANGE_US: i64 = 1_000_000;
/// Times in reports are of 24 bits of 64 ms.
const CYCLE_US: i64 = 64_000 << 24;
/// Numbers start one cycle up, so that a report may name one below the first.
const FIRST: u64 = 1 << 16;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Not a packet of a slot, or settled.
    #[default]
    Nothing,
    Unknown,
    Missing,
    Arrived,
}

#[derive(Debug, Default, Clone, Copy)]
struct Entry {
    sent_us: u32,
    number: u16,
    /// That of RTP; of what is sent again, that which it had at first.
    sequence: u16,
    stream: u8,
    fate: Fate,
    is_again: bool,
}

/// The stream of one slot; `last` is when a packet left and arrived, each on its own clock.
#[derive(Debug)]
struct Stream {
    ssrc: u32,
    rtx_ssrc: Option<u32>,
    has_pictures: bool,
    last: Option<(u32, i64)>,
    in_burst: bool,
    /// Packets that are settled, since the slot began.
    settled: u64,
    /// Of these, those of which nothing was told and which are not counted; and of those again the ones that were sent again.
    unknown: u64,
    unknown_again: u64,
    /// The number of the last that is settled.
    last_settled: Option<u16>,
    /// Since something was lost or sent again.
    marks: Option<Box<Marks>>,
    /// So many packets, and how many of them a receiver report called lost, until they are settled.
    report: Option<(u64, u64)>,
}

impl Stream {
    /// Counts what became of the next packet. True if it was lost and has not come since.
    fn settle(&mut self, sequence: u16, fate: Fate, row: &mut StreamRow) -> bool {
        let mut is_gone = false;
        let lost = fate == Fate::Missing;
        if fate == Fate::Unknown {
            self.pass(sequence);
        } else {
            self.settled += 1;
            self.go_on_to(sequence);
            if lost && self.rtx_ssrc.is_some() {
                self.marks.get_or_insert_with(|| Box::new(Marks::new()));
            }
            let marks = self.marks.as_deref_mut();
            let is_brought = marks.is_some_and(|marks| marks.settle(sequence, fate));
            row.expected += 1;
            row.lost += u64::from(lost);
            row.recovered += u64::from(lost && is_brought);
            row.bursts += u64::from(lost && !self.in_burst);
            self.in_burst = lost;
            is_gone = lost && !is_brought;
        }
        if let Some((_, lost)) = self.report.take_if(|(packets, _)| *packets <= self.settled) {
            let unknown = std::mem::take(&mut self.unknown);
            let lost = lost.saturating_sub(row.lost).min(unknown);
            row.expected += unknown;
            row.lost += lost;
            row.recovered += std::mem::take(&mut self.unknown_again).min(lost);
        }
        is_gone
    }

    fn go_on_to(&mut self, sequence: u16) {
        let is_newer = |last: u16| sequence.wrapping_sub(last) as i16 > 0;
        if self.last_settled.is_none_or(is_newer) {
            self.last_settled = Some(sequence);
        }
    }

    /// Of the next packet nothing was told.
    fn pass(&mut self, sequence: u16) {
        self.settled += 1;
        self.unknown += 1;
        self.go_on_to(sequence);
        let marks = self.marks.as_deref_mut();
        let is_brought = marks.is_some_and(|marks| marks.settle(sequence, Fate::Unknown));
        self.unknown_again += u64::from(is_brought);
    }

    /// Counts what became of a packet that was sent again.
    fn settle_again(&mut self, sequence: u16, fate: Fate, row: &mut StreamRow) {
        let (marks, settled) = (self.marks.as_deref_mut(), self.last_settled);
        match marks.map(|marks| marks.settle_again(settled, sequence, fate)) {
            Some(Mark::Lost) => row.recovered += 1,
            Some(Mark::Unknown) => self.unknown_again += 1,
            _ => {}
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Told {
    /// By number. It doubles rather than forget a packet of which nobody has told, up to [`KEPT`].
    ring: Box<[Entry]>,
    next: u64,
    /// The first number that is not settled.
    settled: u64,
    reported_to: u64,
    /// How far reports went at two moments: what is below the older one has waited long enough.
    marks: [(Micros, u64); 2],
    streams: Vec<Stream>,
    /// The stream of the last packet, which is mostly that of the next.
    recent: usize,
    /// What a report calls arrived for the first time, and when.
    arrived: Vec<(i64, Entry)>,
    delays: Delays,
    gaps: Gaps,
    hoped: Hoped,
}

/// What packets took to their receiver, and its report back to here, as if each had been reported on when the last of them
/// arrived: the way there is that of all packets, and a queue delays the last of a picture more than the first. That is
/// a round trip and what little else the receiver waits; round trips by receiver reports are exact, and come seldom.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// All together, in microseconds.
    pub sum_us: u64,
    /// The number of packets.
    pub count: u64,
}

impl Told {
    /// For the slots of a leg, in their order; `first` is the number of the next packet.
    pub fn new(now: Micros, slots: &[Slot], first: u16) -> Self {
        let first = FIRST + u64::from(first);
        let streams = slots.iter().take(usize::from(u8::MAX)).map(|slot| Stream {
            ssrc: slot.spec.ssrc,
            rtx_ssrc: slot.spec.rtx_ssrc,
            has_pictures: slot.row.kind != 0,
            last: None,
            in_burst: false,
            settled: slot.row.packets,
            unknown: 0,
            unknown_again: 0,
            last_settled: None,
            marks: None,
            report: None,
        });
        Self {
            ring: vec![Entry::default(); AT_FIRST].into_boxed_slice(),
            next: first,
            settled: first,
            reported_to: first,
            marks: [(now, first); 2],
            streams: streams.collect(),
            recent: 0,
            arrived: Vec::with_capacity(64),
            delays: Delays::default(),
            gaps: Gaps::default(),
            hoped: Hoped::default(),
        }
    }

    /// Brings the lines near on which the next packet is entered.
    pub fn touch(&self) -> u64 {
        let recent = self.streams.get(self.recent).map_or(0, |s| s.ssrc);
        u64::from(self.ring[self.place(self.next)].sent_us ^ recent)
    }

    /// A packet of this stream leaves under this transport-wide number, and that of RTP. Padding is passed over, and what is
    /// sent again is told by [`Self::note_again`].
    pub fn note_sent(&mut self, now: Micros, number: u16, (ssrc, sequence): (u32, u16)) {
        let extended = seq::extend(self.next, number);
        self.next = extended + 1;
        let is_recent = self
            .streams
            .get(self.recent)
            .is_some_and(|s| s.ssrc == ssrc);
        if !is_recent {
            let Some(found) = self.streams.iter().position(|s| s.ssrc == ssrc) else {
                return;
            };
            self.recent = found;
        }
        self.enter(now, (self.recent, sequence), false);
    }

    /// What left last is this packet once more, on the stream of retransmissions (RFC 4588).
    pub fn note_again(&mut self, now: Micros, rtx_ssrc: u32, sequence: u16) {
        let mut streams = self.streams.iter();
        let Some(found) = streams.position(|s| s.rtx_ssrc == Some(rtx_ssrc)) else {
            return;
        };
        let marks = &mut self.streams[found].marks;
        let marks = marks.get_or_insert_with(|| Box::new(Marks::new()));
        marks.send(sequence);
        self.enter(now, (found, sequence), true);
    }

    /// Enters what left last.
    fn enter(&mut self, now: Micros, (stream, sequence): (usize, u16), is_again: bool) {
        let number = self.next - 1;
        self.settled = self.settled.max(self.next.saturating_sub(KEPT as u64));
        let entry = Entry {
            sent_us: now.0 as u32,
            number: number as u16,
            sequence,
            stream: stream as u8,
            fate: Fate::Unknown,
            is_again,
        };
        if self.ring[self.place(number)].fate != Fate::Nothing && self.ring.len() < KEPT {
            self.grow();
        }
        let place = self.place(number);
        let before = std::mem::replace(&mut self.ring[place], entry);
        if before.fate == Fate::Nothing || before.is_again && before.fate == Fate::Arrived {
            return;
        }
        // Its place is taken before anybody told of it.
        if let Some(stream) = self.streams.get_mut(usize::from(before.stream)) {
            match (&mut stream.marks, before.is_again) {
                (Some(marks), true) => {
                    marks.settle_again(None, before.sequence, Fate::Missing);
                }
                _ => stream.pass(before.sequence),
            }
        }
    }

    const fn place(&self, number: u64) -> usize {
        number as usize & (self.ring.len() - 1)
    }

    fn grow(&mut self) {
        let larger = vec![Entry::default(); self.ring.len() * 2].into_boxed_slice();
        let open = std::mem::replace(&mut self.ring, larger).into_vec();
        for entry in open.into_iter().filter(|e| e.fate != Fate::Nothing) {
            let place = self.place(entry.number.into());
            self.ring[place] = entry;
        }
    }

    /// A receiver report about the slot at this place: of its first `packets`, so many were lost.
    pub fn handle_report(&mut self, place: usize, packets: u64, lost: u64) {
        if let Some(stream) = self.streams.get_mut(place) {
            // One that is still waited for comes first, or none would ever be reached.
            stream.report.get_or_insert((packets, lost));
        }
    }

    /// How long reports took.
    pub const fn delays(&self) -> Delays {
        self.delays
    }

    /// Whether a packet of the slot at this place was sent, or sent again, and it is not settled yet what became of that.
    pub fn awaits(&self, slot: u8, sequence: u16) -> bool {
        let Some(stream) = self.streams.get(usize::from(slot)) else {
            return false;
        };
        let is_newer = |last: u16| sequence.wrapping_sub(last) as i16 > 0;
        let marks = stream.marks.as_deref();
        stream.last_settled.is_none_or(is_newer) || marks.is_some_and(|of| of.is_open(sequence))
    }

    /// What was lost of pictures and has not come since.
    pub const fn hoped_mut(&mut self) -> &mut Hoped {
        &mut self.hoped
    }

    /// A report; what it settles goes into the counters of `slots`, which are those that this was made for.
    pub fn handle_feedback(
        &mut self,
        now: Micros,
        feedback: &TransportFeedback<'_>,
        slots: &mut [Slot],
    ) {
        self.arrived.clear();
        for line in feedback.packets() {
            self.note_line(now, (line.sequence, line.at_us), slots);
        }
        let mut arrived = std::mem::take(&mut self.arrived);
        arrived.sort_unstable_by_key(|(at, entry)| (*at, entry.sent_us));
        self.measure_delay(now, &arrived);
        for (at, entry) in &arrived {
            self.measure_jitter(*at, entry, slots);
        }
        self.arrived = arrived;
        let waited = now.since(self.marks[1].0);
        if waited >= SETTLED_AFTER {
            let [long_ago, before] = self.marks;
            let (_, settled) = if waited >= SELDOM { before } else { long_ago };
            self.settle_below(now, settled, slots);
            self.marks = [self.marks[1], (now, self.reported_to)];
        }
    }

    /// Of what a report that comes now calls arrived, in the order of arrival.
    fn measure_delay(&mut self, now: Micros, arrived: &[(i64, Entry)]) {
        let Some((last, _)) = arrived.last() else {
            return;
        };
        for pair in arrived.windows(2) {
            self.gaps.add(pair[1].0 - pair[0].0);
        }
        let waits = self.gaps.until_report_us();
        for (at, entry) in arrived {
            let age = i64::from((now.0 as u32).wrapping_sub(entry.sent_us));
            self.delays.sum_us += (age - (last - at) - waits).max(0).unsigned_abs();
            self.delays.count += 1;
        }
    }

    fn note_line(&mut self, now: Micros, (number, at_us): (u16, Option<i64>), slots: &mut [Slot]) {
        let extended = seq::extend(self.next, number);
        if !(self.settled..self.next).contains(&extended) {
            return;
        }
        self.reported_to = self.reported_to.max(extended + 1);
        let place = self.place(extended);
        let entry = &mut self.ring[place];
        if entry.number != number {
            return;
        }
        match (entry.fate, at_us) {
            (Fate::Unknown | Fate::Missing, Some(at)) => {
                entry.fate = Fate::Arrived;
                let entry = *entry;
                self.hoped.take(now, entry.stream, entry.sequence);
                if entry.is_again {
                    self.settle_again(&entry, slots);
                } else {
                    self.arrived.push((at, entry));
                }
            }
            (Fate::Unknown, None) => entry.fate = Fate::Missing,
            _ => {}
        }
    }

    fn settle_again(&mut self, entry: &Entry, slots: &mut [Slot]) {
        let place = usize::from(entry.stream);
        if let (Some(stream), Some(slot)) = (self.streams.get_mut(place), slots.get_mut(place)) {
            stream.settle_again(entry.sequence, entry.fate, &mut slot.row);
            if entry.fate == Fate::Unknown {
                self.hoped.guess(entry.stream, entry.sequence);
            }
        }
    }

    fn measure_jitter(&mut self, at: i64, entry: &Entry, slots: &mut [Slot]) {
        let place = usize::from(entry.stream);
        let (Some(stream), Some(slot)) = (self.streams.get_mut(place), slots.get_mut(place)) else {
            return;
        };
        let Some((last_sent, last_at)) = stream.last else {
            stream.last = Some((entry.sent_us, at));
            return;
        };
        let sent = i64::from(entry.sent_us.wrapping_sub(last_sent) as i32);
        if stream.has_pictures && sent < ONE_PICTURE_US {
            return;
        }
        stream.last = Some((entry.sent_us, at));
        let passed = (at - last_at + CYCLE_US / 2).rem_euclid(CYCLE_US) - CYCLE_US / 2;
        let change = (passed - sent).abs();
        if change < LARGEST_CHANGE_US {
            slot.row.transit_changes_us += change.unsigned_abs();
            slot.row.transit_changes += 1;
        }
    }

    fn settle_below(&mut self, now: Micros, end: u64, slots: &mut [Slot]) {
        for number in self.settled..end {
            let place = self.place(number);
            let entry = &mut self.ring[place];
            if entry.number != number as u16 || entry.fate == Fate::Nothing {
                continue;
            }
            let entry = std::mem::take(entry);
            if entry.is_again {
                // What came was counted when it did.
                if entry.fate != Fate::Arrived {
                    self.settle_again(&entry, slots);
                }
                continue;
            }
            let place = usize::from(entry.stream);
            let (Some(stream), Some(slot)) = (self.streams.get_mut(place), slots.get_mut(place))
            else {
                continue;
            };
            slot.is_told |= entry.fate != Fate::Unknown;
            let is_gone = stream.settle(entry.sequence, entry.fate, &mut slot.row);
            if is_gone && stream.has_pictures {
                self.hoped.note_lost(now, entry.stream, entry.sequence);
            }
        }
        self.settled = self.settled.max(end);
    }
}

#[cfg(test)]
mod tests;
