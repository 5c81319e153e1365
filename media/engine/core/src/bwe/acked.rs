//! How much arrives, by the receiver's clock.
//!
//! Each packet adds its bytes and the time since the packet before it; where reports were lost in between, neither
//! counts, so that a hole in the reports is no dent in the rate.

use super::PacketResult;

/// What is averaged over when the link is full: three pictures of 25 a second and more, and short enough to see a
/// link that has just become thin.
const SHORT_US: i64 = 200_000;
/// What is averaged over otherwise: a picture or two more or less make no difference.
const LONG_US: i64 = 600_000;
const SPAN_US: i64 = 25_000;
const SPANS: usize = 32;
/// No rate is told of less than this.
const ENOUGH_US: i64 = 120_000;
/// A pause longer than this is one of the sender's, or an outage: no time in which anything could have arrived.
const PAUSE_US: i64 = 1_000_000;

#[derive(Debug, Clone, Copy, Default)]
struct Span {
    us: i64,
    bytes: i64,
}

/// The rate at which packets arrive.
#[derive(Debug, Default)]
pub(super) struct Acked {
    spans: [Span; SPANS],
    at: usize,
    last: Option<(u64, i64)>,
}

impl Acked {
    /// Takes the next result, in the order of numbers.
    pub(super) fn add(&mut self, result: &PacketResult) {
        let Some((number, at)) = self.last else {
            self.last = result.arrived_us.map(|at| (result.number, at));
            return;
        };
        let hole = result.number > number + 1;
        let Some(arrived) = result.arrived_us else {
            // Known to be lost: no hole in what we know.
            self.last = Some((number.max(result.number), at));
            return;
        };
        let waited = arrived - at;
        self.last = Some((number.max(result.number), at.max(arrived)));
        if hole || waited > PAUSE_US {
            self.last = Some((number.max(result.number), arrived));
            return;
        }
        let span = &mut self.spans[self.at];
        span.us += waited.max(0);
        span.bytes += i64::from(result.bytes);
        if span.us >= SPAN_US {
            self.at = (self.at + 1) % SPANS;
            self.spans[self.at] = Span::default();
        }
    }

    /// Bit/s over the last fifth of a second.
    pub(super) fn recent(&self) -> Option<f64> {
        self.over(SHORT_US)
    }

    /// Bit/s over more than half a second.
    pub(super) fn steady(&self) -> Option<f64> {
        self.over(LONG_US)
    }

    fn over(&self, us: i64) -> Option<f64> {
        let mut sum = Span::default();
        for back in 0..SPANS {
            let span = self.spans[(self.at + SPANS - back) % SPANS];
            sum.us += span.us;
            sum.bytes += span.bytes;
            if sum.us >= us {
                break;
            }
        }
        (sum.us >= ENOUGH_US).then(|| sum.bytes as f64 * 8e6 / sum.us as f64)
    }

    /// Starts anew, after an outage.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::result;
    use super::*;

    #[test]
    fn the_rate_is_that_of_arrival_whatever_reports_are_missing() {
        let mut acked = Acked::default();
        for at in 0..200_u64 {
            // Every third report of ten packets is missing.
            if at / 10 % 3 != 1 {
                acked.add(&result(at, at * 10, 1_250, Some(at as i64 * 10_000)));
            }
        }
        let rate = acked.steady().unwrap();
        assert!((rate - 1e6).abs() < 1e4, "{rate}");
    }

    #[test]
    fn lost_packets_lower_it() {
        let mut acked = Acked::default();
        for at in 0..200_u64 {
            let arrived = (at % 5 != 0).then_some(at as i64 * 10_000);
            acked.add(&result(at, at * 10, 1_250, arrived));
        }
        let rate = acked.steady().unwrap();
        assert!((rate - 0.8e6).abs() < 2e4, "{rate}");
    }

    #[test]
    fn a_link_that_has_become_thin_is_seen_in_a_fifth_of_a_second() {
        let mut acked = Acked::default();
        let mut at = 0;
        for number in 0..400_u64 {
            at += if number < 350 { 5_000 } else { 33_333 };
            acked.add(&result(number, number * 5, 1_250, Some(at)));
        }
        assert!(acked.recent().unwrap() < 310e3);
    }
}
