//! How long a receiver waits before it reports.

use super::LARGEST_CHANGE_US;

/// How long it is from an arrival to the next report, which comes at a time of its own: where packets are further apart,
/// because of loss too, it comes longer after the last of them. On average that is half of a gap, and a longer gap is more
/// likely to be the one.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// Sums of late of gaps and of their squares, in us.
    all: f64,
    squares: f64,
}

impl Gaps {
    /// How much older ones count with each that comes.
    const KEPT: f64 = 0.995;

    /// From one arrival to the next, of which the same report tells: between two there may have been one that was lost.
    pub(super) fn add(&mut self, us: i64) {
        let gap = us.clamp(0, LARGEST_CHANGE_US) as f64;
        self.all = self.all * Self::KEPT + gap;
        self.squares = self.squares * Self::KEPT + gap * gap;
    }

    pub(super) fn until_report_us(&self) -> i64 {
        (self.squares / (2.0 * self.all.max(1.0))) as i64
    }
}
