//! How long it takes until a report tells of a packet.

use crate::time::Micros;

/// Until anything is measured.
const FIRST: Micros = Micros::from_millis(200);
/// Nothing longer is believed.
const LONGEST: Micros = Micros::from_secs(2);
/// How long the least one counts.
const SPAN: Micros = Micros::from_secs(10);

/// Smoothed, and the least of late.
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    smoothed: Option<Micros>,
    /// And when it was seen.
    least: Option<(Micros, Micros)>,
}

impl RoundTrip {
    /// The time from sending the last packet that a report names to the report.
    pub(super) fn note(&mut self, now: Micros, sample: Micros) {
        let sample = sample.min(LONGEST);
        let is_less = |(least, at): (Micros, Micros)| sample <= least || now.since(at) > SPAN;
        if self.least.is_none_or(is_less) {
            self.least = Some((sample, now));
        }
        let smoothed = |before: Micros| Micros((before.0 * 7 + sample.0) / 8);
        self.smoothed = Some(self.smoothed.map_or(sample, smoothed));
    }

    pub(super) fn smoothed(&self) -> Micros {
        self.smoothed.unwrap_or(FIRST)
    }

    pub(super) fn least(&self) -> Micros {
        self.least.map_or(FIRST, |(least, _)| least)
    }
}
