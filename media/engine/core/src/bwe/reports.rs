//! Reports of both kinds, as one list of numbers and times.

use super::Estimator;
use crate::time::Micros;
use engine_wire::rtcp::{Arrival, CongestionFeedback, TransportFeedback};
use std::cmp::Reverse;

/// A packet's transport-wide number, and when it arrived, in microseconds of the receiver's clock, if it did.
pub type Line = (u16, Option<i64>);

impl Estimator {
    /// A transport-wide report.
    pub fn on_feedback(&mut self, now: Micros, feedback: &TransportFeedback<'_>) {
        self.on_feedback_seen(now, feedback, |_| ());
    }

    /// The same; `see` is shown each line, as [`on_arrivals`](Self::on_arrivals) takes it.
    pub fn on_feedback_seen(
        &mut self,
        now: Micros,
        feedback: &TransportFeedback<'_>,
        mut see: impl FnMut(Line),
    ) {
        let wrapped = i64::from(feedback.reference);
        // Times of the report run from its own reference, which wraps after 12 days.
        let shift = (self.reference.unwrap(wrapped) - wrapped) * 64_000;
        let lines = feedback.packets();
        let lines = lines.map(|line| (line.sequence, line.at_us.map(|at| at + shift)));
        self.on_arrivals(now, lines.inspect(|line| see(*line)));
    }

    /// A report of RFC 8888. Packets that were not entered by [`note_sent_as`](Self::note_sent_as) are passed over.
    pub fn on_congestion_feedback(&mut self, now: Micros, feedback: &CongestionFeedback<'_>) {
        self.on_congestion_feedback_seen(now, feedback, |_| ());
    }

    /// The same; `see` is shown each line, as [`on_arrivals`](Self::on_arrivals) takes it.
    pub fn on_congestion_feedback_seen(
        &mut self,
        now: Micros,
        feedback: &CongestionFeedback<'_>,
        mut see: impl FnMut(Line),
    ) {
        // The time is in 65,536ths of a second, offsets in 1,024ths.
        let ticks = self.timestamp.unwrap(i64::from(feedback.timestamp as i32));
        let mut lines = std::mem::take(&mut self.lines);
        lines.clear();
        for stream in feedback.streams() {
            lines.extend(stream.packets().filter_map(|(sequence, packet)| {
                let number = self.streams.find(stream.ssrc, sequence)?;
                let ticks = match packet.arrival {
                    Arrival::Missing => return Some((number, None)),
                    Arrival::Before(offset) => ticks - i64::from(offset) * 64,
                    Arrival::After => ticks,
                    Arrival::LongBefore => return None,
                };
                Some((number, Some(ticks * 15_625 / 1_024)))
            }));
        }
        // Streams follow each other in a report; age tells the order of sending over the wrap.
        let next = self.history.next_number();
        lines.sort_unstable_by_key(|(number, _)| Reverse(next.wrapping_sub(*number)));
        self.on_arrivals(now, lines.iter().copied().inspect(|line| see(*line)));
        self.lines = lines;
    }
}
