//! What to hold of a link from which nothing is heard.

use crate::time::Micros;

/// Nothing is heard for that long beside the round trip: an outage, or reports that are lost.
const NOTICED: Micros = Micros::from_millis(250);
/// For that long the rate holds: short outages are common, and say nothing of the rate.
const HOLD: Micros = Micros::from_millis(1_000);
/// Then it halves this often.
const HALVING: Micros = Micros::from_secs(1);
/// After a longer silence it is another link.
const FORGOTTEN: Micros = Micros::from_secs(10);
/// How much of the rate from before comes back, by how long it was silent.
const SHORT: Micros = Micros::from_secs(2);
const BACK: (f64, f64) = (1.0, 0.85);

/// A gap between two reports that is longer than two usual ones by this is an outage too, of a fifth of a second.
const GAP: Micros = Micros::from_millis(100);
/// Between two reports, as long as no two have come.
const USUAL: Micros = Micros::from_millis(100);

/// Watches the time between reports.
#[derive(Debug)]
pub(super) struct Silence {
    last_report: Option<Micros>,
    usual: Micros,
    /// Since when packets are out that nothing was heard of.
    since: Option<Micros>,
    rate_before: f64,
    /// When the peer itself was last heard of again.
    heard: Micros,
}

impl Default for Silence {
    fn default() -> Self {
        Self {
            last_report: None,
            usual: USUAL,
            since: None,
            rate_before: 0.0,
            heard: Micros(0),
        }
    }
}

/// An outage that has ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ended {
    /// The rate to go on with, in bit/s; none if the rate of before means nothing any more.
    pub(super) rate: Option<f64>,
    /// From the last report before it to the first after it.
    pub(super) lasted: Micros,
}

impl Silence {
    /// Time passes: `oldest` is when the oldest packet left of which no report tells. Gives the share of the rate that
    /// may be sent.
    pub(super) fn poll(
        &mut self,
        now: Micros,
        oldest: Option<Micros>,
        rtt: Micros,
        rate: f64,
    ) -> f64 {
        let (Some(last), Some(oldest)) = (self.last_report, oldest) else {
            return 1.0;
        };
        let began = last.max(oldest);
        let silent = now.since(began);
        if silent < rtt + NOTICED {
            return 1.0;
        }
        if self.since.is_none() {
            self.since = Some(began);
            self.rate_before = rate;
        }
        let beyond = silent.min(now.since(self.heard)).since(rtt + HOLD);
        if beyond.0 == 0 {
            return 1.0;
        }
        0.5_f64.powi((beyond.0 / HALVING.0).min(10) as i32 + 1)
    }

    /// A report has come; `oldest` and `rate` as for [`poll`](Self::poll).
    pub(super) fn report(
        &mut self,
        now: Micros,
        oldest: Option<Micros>,
        rate: f64,
    ) -> Option<Ended> {
        let last = self.last_report.replace(now)?;
        let gap = now.since(last);
        let long = gap > Micros(self.usual.0 * 2) + GAP;
        if !long {
            self.usual = Micros((self.usual.0 * 7 + gap.0) / 8);
        }
        let began = match self.since.take() {
            Some(began) => began,
            // What was sent before the last report should long have been told of.
            None if long && oldest.is_some_and(|at| at <= last) => {
                self.rate_before = rate;
                last
            }
            None => return None,
        };
        let lasted = now.since(began);
        let share = if lasted < SHORT { BACK.0 } else { BACK.1 };
        let rate = (lasted < FORGOTTEN).then_some(self.rate_before * share);
        Some(Ended { rate, lasted })
    }

    /// The peer is heard of again; a report of what it gets will follow, and until then the rate is as before.
    pub(super) fn hear(&mut self, now: Micros) {
        self.heard = now;
    }

    /// Whether what was sent before can be expected to be sent on: nothing points to another link yet.
    pub(super) fn may_pass(&self, now: Micros) -> bool {
        self.since.is_none_or(|since| now.since(since) < FORGOTTEN)
    }

    /// Whether nothing is heard.
    pub(super) const fn is_silent(&self) -> bool {
        self.since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Micros {
        Micros::from_millis(1_000 + millis)
    }

    #[test]
    fn the_rate_holds_then_halves_and_comes_back() {
        let mut silence = Silence::default();
        let rtt = Micros::from_millis(100);
        assert_eq!(silence.poll(ms(0), None, rtt, 1e6), 1.0);
        silence.report(ms(0), None, 1e6);
        let mut poll = |at| silence.poll(ms(at), Some(ms(10)), rtt, 1e6);
        assert_eq!(
            [
                poll(300),
                poll(1_100),
                poll(1_200),
                poll(2_200),
                poll(3_300)
            ],
            [1.0, 1.0, 0.5, 0.25, 0.125]
        );
        assert!(silence.is_silent());
        assert_eq!(
            [9_900, 10_010].map(|at| silence.may_pass(ms(at))),
            [true, false]
        );
        let ended = silence.report(ms(3_410), Some(ms(10)), 1e5).unwrap();
        assert_eq!(
            (ended.rate, ended.lasted),
            (Some(0.85e6), Micros::from_millis(3_400))
        );
        assert_eq!(silence.report(ms(3_450), None, 1e6), None);
    }

    #[test]
    fn who_sends_nothing_waits_for_nothing() {
        let mut silence = Silence::default();
        silence.report(ms(0), None, 1e6);
        assert_eq!(silence.poll(ms(60_000), None, ms(0), 1e6), 1.0);
        assert_eq!(
            silence.poll(ms(60_000), Some(ms(59_900)), Micros(0), 1e6),
            1.0
        );
        assert_eq!(silence.report(ms(60_100), Some(ms(60_000)), 1e6), None);
    }

    #[test]
    fn a_fifth_of_a_second_is_an_outage() {
        let mut silence = Silence::default();
        for at in 0..20 {
            assert_eq!(silence.report(ms(at * 50), Some(ms(at * 45)), 1e6), None);
        }
        let ended = silence.report(ms(950 + 250), Some(ms(940)), 7e5).unwrap();
        assert_eq!(
            (ended.rate, ended.lasted),
            (Some(7e5), Micros::from_millis(250))
        );
    }
}
