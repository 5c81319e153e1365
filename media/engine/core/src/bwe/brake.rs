//! Pictures wait for a moment where packets are overdue: a link that has become thin is known for one only after a fifth of
//! a second, in which a call of 1 Mbit/s puts more into its queue than a thin link carries in half a second, before sound.
//!
//! What a report does not tell of yet says as much as what it tells: where the newest packet in it has waited, and those sent
//! after it should be there as well, the queue grows. One such report is too little to lower a rate, which takes seconds to
//! come back, and enough for pictures to wait until the next, which costs a picture 50 ms.

use crate::time::Micros;

/// The newest packet has waited so much longer than its own bytes take, beside twice what jitter makes it seem to.
const WAITED_US: f64 = 20_000.0;
/// And what was sent after it is overdue by so much, beside jitter: a packet of sound comes every 20 ms.
const OVERDUE_US: f64 = 25_000.0;
/// It holds until a report shows otherwise, and for so many that do not: by then the rate is another, or the queue is not
/// ours. What arrives beside a download while little is sent would pass for all that the link carries.
const REPORTS: u32 = 2;
/// And so long at most: a link that carries hardly more than sound brings a report with each large packet.
const MOST: Micros = Micros::from_millis(300);
/// Not again so soon: what others do to a link must not stop pictures, nor a path that has become longer.
const REST: Micros = Micros::from_secs(5);

/// What is seen when a report has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// How much longer than the least the newest packet has taken, without what its own bytes take, in us.
    pub(super) waited: f64,
    /// How long the oldest packet has been out that no report has told of.
    pub(super) oldest: Micros,
    pub(super) rtt_least: Micros,
    /// What jitter makes packets seem to wait, in us.
    pub(super) noise: f64,
}

impl Seen {
    fn is_late(&self) -> bool {
        let overdue = self.oldest.since(self.rtt_least).0 as f64;
        self.waited > WAITED_US + 2.0 * self.noise && overdue > OVERDUE_US + self.noise
    }
}

/// Whether pictures wait.
#[derive(Debug, Default)]
pub(super) struct Brake {
    since: Option<Micros>,
    reports: u32,
    released: Option<Micros>,
}

impl Brake {
    /// A report has come.
    pub(super) fn report(&mut self, now: Micros, seen: &Seen) {
        self.reports += 1;
        match (self.since, seen.is_late()) {
            (None, true) if self.released.is_none_or(|at| now.since(at) >= REST) => {
                (self.since, self.reports) = (Some(now), 0);
            }
            (Some(_), late) if !late || self.reports >= REPORTS => self.release(now),
            _ => {}
        }
    }

    /// Time passes.
    pub(super) fn poll(&mut self, now: Micros) {
        if self.since.is_some_and(|since| now.since(since) >= MOST) {
            self.release(now);
        }
    }

    /// Pictures go on, whatever is seen: the network was away, or somebody else fills it.
    pub(super) fn release(&mut self, now: Micros) {
        (self.since, self.released) = (None, Some(now));
    }

    /// Whether pictures are to wait.
    pub(super) const fn is_on(&self) -> bool {
        self.since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Micros {
        Micros::from_millis(70_000 + millis)
    }

    fn seen(waited_ms: u64, overdue_ms: u64, noise_ms: u64) -> Seen {
        Seen {
            waited: waited_ms as f64 * 1e3,
            oldest: Micros::from_millis(40 + overdue_ms),
            rtt_least: Micros::from_millis(40),
            noise: noise_ms as f64 * 1e3,
        }
    }

    #[test]
    fn what_has_waited_is_not_enough_nor_what_is_overdue_alone() {
        for (late, expected) in [
            (seen(30, 40, 0), true),
            (seen(30, 20, 0), false),
            (seen(10, 40, 0), false),
            // The same under jitter is nothing.
            (seen(30, 40, 8), false),
            (seen(60, 60, 8), true),
        ] {
            let mut brake = Brake::default();
            brake.report(at(0), &late);
            assert_eq!(brake.is_on(), expected, "{late:?}");
        }
    }

    #[test]
    fn it_ends_with_a_good_report_or_after_some_bad_ones_and_rests_then() {
        let (late, good) = (seen(50, 50, 0), seen(0, 10, 0));
        let mut brake = Brake::default();
        let mut on_after = |millis, report| {
            brake.report(at(millis), report);
            brake.is_on()
        };
        assert!(on_after(0, &late));
        assert!(!on_after(50, &good));
        assert!(!on_after(2_000, &late));
        assert!(on_after(6_000, &late));
        assert!(on_after(6_060, &late));
        assert!(!on_after(6_120, &late));
        assert!(!on_after(6_180, &late));
        assert!(on_after(11_200, &late));
        brake.poll(at(11_490));
        assert!(brake.is_on());
        brake.poll(at(11_500));
        assert!(!brake.is_on());
    }
}
