//! Packets of a stretch of time, those that were lost, and whether two stretches differ by more than chance.
//!
//! Losses come in runs (Gilbert's model): each packet draws for itself whether a run begins with it, and each lost one
//! whether it goes on. So beginnings and goings-on are counts of independent draws, whatever the length of runs, where
//! shares of lost packets vary the more the longer they are.

use crate::time::Micros;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stretch {
    /// When its first packet was sent.
    pub(super) began: Micros,
    pub(super) packets: f64,
    pub(super) lost: f64,
    /// Of lost packets in a row.
    pub(super) runs: f64,
}

impl Stretch {
    /// The next packet; `begins` if it is the first of a run of lost ones.
    pub(super) fn add(&mut self, lost: bool, begins: bool) {
        self.packets += 1.0;
        self.lost += f64::from(u8::from(lost));
        self.runs += f64::from(u8::from(begins));
    }

    /// One that was called lost has come.
    pub(super) fn take_back(&mut self) {
        self.lost = (self.lost - 1.0).max(0.0);
        self.runs = self.runs.min(self.lost);
    }

    /// Lost packets, 0 to 1.
    pub(super) fn share(self) -> f64 {
        self.lost / self.packets.max(1.0)
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            packets: self.packets + other.packets,
            lost: self.lost + other.lost,
            runs: self.runs + other.runs,
            ..other
        }
    }

    /// The same, but counting less.
    pub(super) fn faded(self, by: f64) -> Self {
        Self {
            packets: self.packets * by,
            lost: self.lost * by,
            runs: self.runs * by,
            ..self
        }
    }

    /// Runs that would have come in `other` if both were alike.
    pub(super) fn runs_due(self, other: Self) -> f64 {
        self.runs * other.chances() / self.chances()
    }

    /// How much more likely it is that less is lost here than in `other` than that both are alike: the logarithm of the
    /// ratio of likelihoods, negative if more is.
    pub(super) fn less_than(self, other: Self) -> f64 {
        let begins = fewer((self.runs, self.chances()), (other.runs, other.chances()));
        let goes_on = |stretch: Self| (stretch.lost - stretch.runs, stretch.lost);
        begins + fewer(goes_on(self), goes_on(other))
    }

    /// Packets with which a run could have begun, or nearly: those that came.
    fn chances(self) -> f64 {
        (self.packets - self.lost).max(1.0)
    }
}

/// The same for draws: each is how many hit, and of how many.
fn fewer((here, of): (f64, f64), (there, of_there): (f64, f64)) -> f64 {
    let (hits, draws) = (here + there, of + of_there);
    if hits <= 0.0 || of <= 0.0 || of_there <= 0.0 {
        return 0.0;
    }
    let (share, due) = (here / hits, of / draws);
    let size = hits * (term(share, due) + term(1.0 - share, 1.0 - due));
    size.copysign(due - share)
}

fn term(share: f64, due: f64) -> f64 {
    if share > 0.0 {
        share * (share / due).ln()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(packets: f64, lost: f64, runs: f64) -> Stretch {
        Stretch {
            packets,
            lost,
            runs,
            ..Stretch::default()
        }
    }

    #[test]
    fn what_is_alike_is_no_evidence() {
        assert!(of(200.0, 20.0, 5.0).less_than(of(100.0, 10.0, 2.5)).abs() < 1e-9);
        assert!(of(200.0, 0.0, 0.0).less_than(of(100.0, 0.0, 0.0)).abs() < 1e-9);
        assert!(of(0.0, 0.0, 0.0).less_than(of(100.0, 9.0, 3.0)).abs() < 1.0);
    }

    #[test]
    fn long_runs_tell_less_than_single_losses() {
        // As much is lost, in two runs and in ten: that both fell by chance into the first half happens once in four.
        let none = of(100.0, 0.0, 0.0);
        let (long, single) = (
            none.less_than(of(100.0, 10.0, 2.0)),
            none.less_than(of(100.0, 10.0, 10.0)),
        );
        assert!((1.0..2.0).contains(&long), "{long}");
        assert!(single > 6.0, "{single}");
    }

    #[test]
    fn shorter_runs_are_evidence_too_and_more_is_against_it() {
        let (longer, shorter) = (of(120.0, 30.0, 10.0), of(100.0, 10.0, 10.0));
        assert!(shorter.less_than(longer) > 3.9);
        assert!(longer.less_than(shorter) < -3.9);
    }

    #[test]
    fn what_came_late_was_not_lost() {
        let mut stretch = Stretch::default();
        stretch.add(true, true);
        stretch.add(false, false);
        stretch.take_back();
        stretch.take_back();
        assert_eq!(
            (stretch.packets, stretch.lost, stretch.runs),
            (2.0, 0.0, 0.0)
        );
    }
}
