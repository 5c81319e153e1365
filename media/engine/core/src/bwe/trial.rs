//! A trial of a lower rate: whether less is lost at it than before, by more than chance.

use super::stretch::Stretch;
use crate::time::Micros;

/// Of what should arrive more if the rate is the reason, this share must.
pub(super) const SUCCESS: f64 = 0.3;
/// And it must be so much likelier than that all was chance: the logarithm of 50, or of 36 times as much where one stretch led
/// to the trial, which was picked from as many (ten seconds and more) for being the worst.
pub(super) const CLEARLY: f64 = 3.9;
pub(super) const CLEARLY_FROM_ONE: f64 = 7.5;
/// Until that is so the trial goes on, unless so many runs of lost packets should have come if the rate made no difference,
/// or more by as much as there is evidence that it does.
const ENOUGH_RUNS: f64 = 8.0;
/// Loss that is so far above the inherent one is not taken for that at once, and loss above this never: no link that loses
/// more than half is of use for sound.
const FAR: f64 = 0.25;
pub(super) const INHERENT_MOST: f64 = 0.45;

#[derive(Debug, Clone, Copy)]
pub(super) struct Trial {
    pub(super) since: Micros,
    /// Bit/s that it allows, which is what arrived.
    pub(super) bps: f64,
    /// The loss that led to it, and the rate at which it came.
    pub(super) before: Stretch,
    pub(super) above: f64,
    /// It is a second one.
    pub(super) again: bool,
    /// The evidence that it takes.
    pub(super) takes: f64,
    pub(super) seen: Stretch,
}

/// What a trial has shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shown {
    /// Nothing yet.
    Open,
    /// The rate is the reason.
    Rate,
    /// Too much is lost still.
    Much,
    /// It makes no difference: so much is the link's own.
    Own(f64),
}

impl Trial {
    /// What it has shown at this rate, after enough packets; `inherent` is the loss that is known to be the link's own.
    pub(super) fn shown(&self, inherent: f64, rate: f64) -> Shown {
        let (before, after) = (self.before.share(), self.seen.share());
        // Of a full link as much more arrives as less is sent, until only the inherent loss is left.
        let survived = (1.0 - before).max(0.01);
        let hoped = ((1.0 - inherent) / survived).min(self.above / rate);
        let helps = (1.0 - after) / survived >= 1.0 + SUCCESS * (hoped - 1.0);
        let evidence = self.seen.less_than(self.before);
        let is_open = self.before.runs_due(self.seen) < ENOUGH_RUNS * evidence.max(1.0);
        if helps && evidence >= self.takes {
            Shown::Rate
        } else if helps && is_open {
            Shown::Open
        } else if after > INHERENT_MOST || (after > inherent + FAR && !self.again) {
            Shown::Much
        } else {
            Shown::Own(self.before.and(self.seen).share().min(INHERENT_MOST))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 800e3;

    fn of(packets: f64, lost: f64, runs: f64) -> Stretch {
        Stretch {
            packets,
            lost,
            runs,
            ..Stretch::default()
        }
    }

    fn shown(before: Stretch, seen: Stretch) -> Shown {
        let trial = Trial {
            since: Micros(0),
            bps: RATE,
            before,
            above: 1e6,
            again: false,
            takes: CLEARLY,
            seen,
        };
        trial.shown(0.0, RATE)
    }

    #[test]
    fn single_losses_that_stop_are_the_rates() {
        let before = of(150.0, 15.0, 14.0);
        assert_eq!(shown(before, of(150.0, 1.0, 1.0)), Shown::Rate);
    }

    #[test]
    fn that_no_burst_comes_tells_nothing_until_several_should_have() {
        let before = of(240.0, 16.0, 4.0);
        assert_eq!(shown(before, of(240.0, 0.0, 0.0)), Shown::Open);
        assert_eq!(shown(before, of(440.0, 0.0, 0.0)), Shown::Rate);
        assert_eq!(
            shown(before, of(480.0, 16.0, 4.0)),
            Shown::Own(32.0 / 720.0)
        );
    }

    #[test]
    fn what_is_lost_as_before_is_the_links_own_and_much_is_tried_again() {
        let before = of(150.0, 15.0, 14.0);
        assert_eq!(shown(before, of(150.0, 15.0, 13.0)), Shown::Own(0.1));
        let before = of(100.0, 60.0, 25.0);
        assert_eq!(shown(before, of(100.0, 50.0, 24.0)), Shown::Much);
    }
}
