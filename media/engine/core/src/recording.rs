//! What goes into the estimator of one leg's link, written down for a while as a trace (`bwe::trace`), so that what was seen
//! in a call can be replayed, and become a test. Of the call it holds times, numbers, sizes and kinds of packets; nothing of
//! what they carried, or of whom it was with.

use crate::api::{Event, LegId, Refusal};
use crate::bwe::trace::Record;
use crate::bwe::{Kind, Line};
use crate::leg::Leg;
use crate::shard::Shard;
use crate::time::Micros;
use std::fmt::Write;
use std::num::NonZeroU16;

/// The longest that a link is recorded, in seconds.
pub const LONGEST_SECONDS: u16 = 60;
/// The most lines: a minute at 4 Mbit/s.
const MOST_LINES: u32 = 1 << 16;

/// The head of one that has everything from the first packet on.
const WHOLE: &str = "# from the beginning of the link\n";
/// And of any other.
const PARTLY: &str =
    "# from the middle of a call: what was known of the link by then is not told\n";

/// A trace that is being written.
#[derive(Debug)]
pub struct Recording {
    text: String,
    began: Micros,
    until: Micros,
    left: u32,
    /// Length of the text up to the end of the last whole report.
    whole: usize,
    /// The receiver's clock at the first arrival that it told.
    clock: Option<i64>,
}

impl Recording {
    /// Of a link whose next packet has the number `first`; `bps` is what an estimator begins with that replays it.
    pub fn new(now: Micros, lasts: Micros, (bps, first): (u32, u16), is_whole: bool) -> Self {
        let mut recording = Self {
            text: String::from(if is_whole { WHOLE } else { PARTLY }),
            began: now,
            until: now + lasts,
            left: MOST_LINES,
            whole: 0,
            clock: None,
        };
        let at = now;
        recording.note(Record::Begun { at, bps, first });
        recording
    }

    /// Writes a line, unless there were too many.
    #[cold]
    pub fn note(&mut self, record: Record) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let record = record.moved_by(self.began);
        let is_whole = !matches!(record, Record::Fed { .. });
        // A string takes all that there is memory for.
        let _ = writeln!(self.text, "{record}");
        if is_whole {
            self.whole = self.text.len();
        }
    }

    /// Writes what a report says of a packet.
    #[cold]
    pub fn note_fed(&mut self, at: Micros, (number, arrived): Line) {
        let clock = self.clock.or(arrived);
        self.clock = clock;
        let arrived_us = arrived.map(|at| at.wrapping_sub(clock.unwrap_or(0)));
        self.note(Record::Fed {
            at,
            number,
            arrived_us,
        });
    }

    /// Whether it is full, or has lasted for as long as was asked for.
    pub fn is_over(&self, now: Micros) -> bool {
        self.left == 0 || now >= self.until
    }

    /// The text, without what there is of a report that is not whole.
    pub fn finish(mut self) -> String {
        self.text.truncate(self.whole);
        self.text
    }
}

/// Where a link writes to, if that is asked for.
#[derive(Debug, Default)]
pub struct Tape(Option<Box<Recording>>);

impl Tape {
    /// One that is on, for so long; the rest as for [`Recording::new`].
    pub fn new(now: Micros, lasts: Micros, begins: (u32, u16), is_whole: bool) -> Self {
        let recording = Recording::new(now, lasts, begins, is_whole);
        Self(Some(Box::new(recording)))
    }

    /// Writes down what goes into the estimator.
    #[inline]
    pub fn note(&mut self, record: impl FnOnce() -> Record) {
        if let Some(recording) = self.0.as_deref_mut() {
            recording.note(record());
        }
    }

    /// Writes down a packet that was sent: its transport-wide number, its bytes on the wire, and what it was.
    #[inline]
    pub fn note_sent(&mut self, at: Micros, (number, bytes, kind): (u16, usize, Kind)) {
        self.note(|| Record::Sent {
            at,
            number,
            bytes: bytes as u32,
            kind,
        });
    }

    /// Writes down what a report says of a packet.
    #[inline]
    pub fn note_fed(&mut self, at: Micros, line: Line) {
        if let Some(recording) = self.0.as_deref_mut() {
            recording.note_fed(at, line);
        }
    }

    /// Whether anything is written down.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether all that was to be written down is.
    pub fn is_over(&self, now: Micros) -> bool {
        let recording = self.0.as_deref();
        recording.is_some_and(|recording| recording.is_over(now))
    }

    /// What was written down; nothing is from now on.
    pub fn take(&mut self) -> Option<String> {
        Some(self.0.take()?.finish())
    }
}

impl Shard {
    /// Begins to record a leg's link; one whose gate is closed from when it opens, which is the whole of its link.
    pub(crate) fn record_link(
        &mut self,
        now: Micros,
        id: LegId,
        seconds: u16,
    ) -> Result<(), Refusal> {
        let seconds = NonZeroU16::new(seconds).filter(|seconds| seconds.get() <= LONGEST_SECONDS);
        let seconds = seconds.ok_or(Refusal::BadDescription)?;
        let (index, leg) = self.existing(id).map_err(|code| match code {
            // A leg of lines.
            Refusal::BadDescription => Refusal::NothingToRecord,
            code => code,
        })?;
        leg.record(now, seconds)?;
        self.wake_by(index, now);
        Ok(())
    }

    /// Tells what was recorded of a leg, once that is over.
    pub(crate) fn tell_recorded(&mut self, now: Micros, index: u32) {
        let link = self.leg(index).and_then(|leg| leg.link.as_deref());
        if link.is_some_and(|link| link.tape().is_over(now)) {
            self.end_recording(index);
        }
    }

    /// The link of a leg goes, or its recording is over.
    pub(crate) fn end_recording(&mut self, index: u32) {
        let told = self.leg_mut(index).and_then(Leg::recorded);
        self.events.extend(told);
    }
}

impl Leg {
    fn record(&mut self, now: Micros, seconds: NonZeroU16) -> Result<(), Refusal> {
        let may_wait = !self.gate_open() && self.would_be_told();
        match self.link.as_deref_mut() {
            Some(link) if link.tape().is_on() => return Err(Refusal::AlreadyRecording),
            Some(link) => link.record(now, seconds, false),
            None if !may_wait => return Err(Refusal::NothingToRecord),
            None if self.to_record.is_some() => return Err(Refusal::AlreadyRecording),
            None => self.to_record = Some(seconds),
        }
        Ok(())
    }

    /// What was recorded of it until now, if anything was.
    pub(crate) fn recorded(&mut self) -> Option<Event> {
        let trace = self.link.as_deref_mut()?.tape_mut().take()?;
        Some(Event::LinkRecorded {
            leg: self.id,
            trace,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bwe::trace::{parse, retrace};
    use crate::link::Link;
    use engine_wire::rtcp::{self, Packet};
    use engine_wire::rtp::FixedHeader;

    const START: Micros = Micros::from_secs(1_795_000_000);

    fn recording() -> Recording {
        Recording::new(START, Micros::from_secs(2), (400_000, 7), true)
    }

    #[test]
    fn times_are_told_from_its_own_beginning_alone() {
        let mut recording = recording();
        let at = START + Micros(30);
        recording.note_fed(at, (9, None));
        recording.note_fed(at, (7, Some(777_000_000)));
        recording.note_fed(at, (8, Some(776_999_990)));
        recording.note(Record::Reported { at, bps: 1 });
        let lines = "b 0 400000 7\nf 30 9 -\nf 30 7 0\nf 30 8 -10\ne 30 1\n";
        assert_eq!(recording.finish(), format!("{WHOLE}{lines}"));
    }

    #[test]
    fn it_ends_by_its_time_and_by_its_length_and_half_a_report_is_none() {
        let mut recording = recording();
        let at = START + Micros::from_millis(1_999);
        assert!(!recording.is_over(at) && recording.is_over(START + Micros::from_secs(2)));
        for bps in 2..MOST_LINES {
            recording.note(Record::Polled { at, wanted: 0, bps });
        }
        assert!(!recording.is_over(at));
        recording.note_fed(at, (7, Some(1)));
        assert!(recording.is_over(at));
        recording.note(Record::Reported { at, bps: 1 });
        let records = parse(&recording.finish()).unwrap();
        assert_eq!(records.len() as u32, MOST_LINES - 1);
        assert!(matches!(records.last(), Some(Record::Polled { .. })));
    }

    /// A report on packets that arrived as they were sent, 40 ms later.
    fn report(link: &mut Link, now: Micros, sent: &[(u16, Micros)]) {
        let arrived =
            |(number, at): &(u16, Micros)| (u64::from(*number), at.since(START).0 + 40_000);
        let arrivals: Vec<_> = sent.iter().map(arrived).collect();
        let mut rtcp = Vec::new();
        rtcp::write_transport_feedback(&mut rtcp, (1, 2), 0, arrivals[0].0, &arrivals);
        for packet in rtcp::parse(&rtcp) {
            if let Ok(Packet::TransportFeedback(feedback)) = packet {
                link.handle_feedback(now, &feedback);
            }
        }
    }

    /// A probe that has nothing to send is given up when it is asked for the second time: what leaves then is the next one's.
    #[test]
    fn what_a_probe_was_asked_for_counts() {
        let header = FixedHeader {
            marker: false,
            payload_type: 96,
            sequence: 0,
            timestamp: 0,
            ssrc: 1,
        };
        let mut link = Link::new(START, Some(5), 0);
        link.record(START, NonZeroU16::MIN.saturating_add(9), true);
        link.set_wanted(4_000_000);
        for ms in 0..650 {
            link.handle_timeout(START + Micros::from_millis(ms));
        }
        let times = (0..8).map(|packet| START + Micros(650_000 + packet * 3_000));
        let send = |at| (link.note_sent(at, 1_172, Kind::Video, &header), at);
        let sent: Vec<_> = times.map(send).collect();
        report(&mut link, START + Micros::from_millis(850), &sent);
        let records = parse(&link.tape_mut().take().unwrap()).unwrap();
        let last = |records: &[Record]| *retrace(records).last().unwrap();
        let told = last(&records);
        assert!(told.recorded_bps > 2_000_000, "{told:?}");
        assert_eq!(told.replayed_bps, told.recorded_bps);
        let is_kept = |of: &&Record| !matches!(of, Record::Asked { .. });
        let unasked: Vec<Record> = records.iter().filter(is_kept).copied().collect();
        assert!(last(&unasked).replayed_bps < told.recorded_bps);
    }
}
