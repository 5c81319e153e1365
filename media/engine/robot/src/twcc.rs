//! Which packets arrived when, by their transport-wide numbers, until that is reported
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use engine_core::Micros;
use engine_wire::{rtcp, seq};

/// Between two reports, as browsers have it.
const INTERVAL: Micros = Micros::from_millis(100);
/// Arrivals that wait for a report; with that many one is due.
const MOST: usize = 250;
/// Numbers are counted from one cycle up, so that stragglers lie below the first one.
const FIRST_CYCLE: u64 = 1 << 16;

/// What has arrived since the last report.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// Extended number and arrival in microseconds, by number.
    waiting: Vec<(u64, u64)>,
    highest: Option<u64>,
    /// The number after the last that was reported.
    base: u64,
    reports: u8,
    due: Option<Micros>,
}

impl Arrivals {
    /// Notes a packet. Gives when the next report is due.
    pub(crate) fn note(&mut self, now: Micros, at: Micros, number: u16) -> Option<Micros> {
        let number = match self.highest {
            Some(highest) => seq::extend(highest, number),
            None => FIRST_CYCLE | u64::from(number),
        };
        self.highest = self.highest.max(Some(number));
        if let Err(place) = self.waiting.binary_search_by_key(&number, |(n, _)| *n) {
            if self.waiting.len() < MOST {
                self.waiting.insert(place, (number, at.0));
            }
        }
        let due = self.due.get_or_insert(now + INTERVAL);
        if self.waiting.len() >= MOST {
            *due = now;
        }
        self.due
    }

    /// Writes a report if it is due, on media of that SSRC; false if it is not.
    pub(crate) fn poll(
        &mut self,
        now: Micros,
        (own, media): (u32, u32),
        rtcp: &mut Vec<u8>,
    ) -> bool {
        if self.due.is_none_or(|due| due > now) {
            return false;
        }
        let Some((first, _)) = self.waiting.first() else {
            self.due = None;
            return false;
        };
        // From the end of the last report on, so that what is lost between two is told; a straggler begins earlier, and
        // after a jump the numbers in between were never used.
        let base = if self.base < *first && first - self.base < MOST as u64 {
            self.base
        } else {
            *first
        };
        let ends = (own, media);
        let held =
            rtcp::write_transport_feedback(rtcp, ends, self.reports, base, &self.waiting).max(1);
        self.base = self.base.max(self.waiting[held - 1].0 + 1);
        self.waiting.drain(..held);
        self.reports = self.reports.wrapping_add(1);
        // What did not fit goes at once.
        self.due = (!self.waiting.is_empty()).then_some(now);
        true
    }

    pub(crate) fn next_at(&self) -> Option<Micros> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_wire::rtcp::Packet;

    fn at(millis: u64) -> Micros {
        Micros::from_millis(5_000_000 + millis)
    }

    fn report(arrivals: &mut Arrivals, now: Micros) -> Option<Vec<(u16, bool)>> {
        let mut rtcp = Vec::new();
        arrivals.poll(now, (1, 2), &mut rtcp).then(|| {
            let Some(Ok(Packet::TransportFeedback(feedback))) = rtcp::parse(&rtcp).next() else {
                panic!("no feedback");
            };
            let lines = feedback.packets();
            lines.map(|p| (p.sequence, p.at_us.is_some())).collect()
        })
    }

    /// Reports come every 100 ms as long as packets do, and tell of those that are missing between two reports.
    #[test]
    fn every_number_is_reported() {
        let mut arrivals = Arrivals::default();
        for (millis, number) in [(0, 65_534), (10, 65_535), (30, 1)] {
            arrivals.note(at(millis), at(millis), number);
        }
        assert_eq!(report(&mut arrivals, at(99)), None);
        let first = [(65_534, true), (65_535, true), (0, false), (1, true)];
        assert_eq!(report(&mut arrivals, at(100)), Some(first.to_vec()));
        assert_eq!(
            (report(&mut arrivals, at(300)), arrivals.next_at()),
            (None, None)
        );
        arrivals.note(at(400), at(400), 4);
        arrivals.note(at(410), at(410), 4);
        let second = [(2, false), (3, false), (4, true)];
        assert_eq!(report(&mut arrivals, at(500)), Some(second.to_vec()));
        arrivals.note(at(510), at(510), 2);
        let straggler = [(2, true)];
        assert_eq!(report(&mut arrivals, at(700)), Some(straggler.to_vec()));
    }

    /// A flood makes reports at once, of bounded memory; a jump makes none of a thousand numbers.
    #[test]
    fn a_flood_is_reported_at_once() {
        let mut arrivals = Arrivals::default();
        for number in 0..600 {
            arrivals.note(at(1), at(1), number);
        }
        assert_eq!(arrivals.next_at(), Some(at(1)));
        assert_eq!(
            report(&mut arrivals, at(1)).map(|lines| lines.len()),
            Some(MOST)
        );
        arrivals.note(at(2), at(2), 20_000);
        assert_eq!(report(&mut arrivals, at(102)), Some(vec![(20_000, true)]));
    }
}
