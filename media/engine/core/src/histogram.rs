//! Delays in microseconds, counted in buckets whose width grows with their value: exact below 8 us, then eight buckets
//! for each power of two up to 1.05 s, so that a bucket is never wider than an eighth of what is in it. Recording one is
//! a shift and an addition.

/// Buckets of each power of two, as a power of two.
const STEPS_LOG: u32 = 3;
const STEPS: usize = 1 << STEPS_LOG;
/// Delays from 2^20 us on are all in the last bucket.
const MAX_LOG: u32 = 20;
/// How many buckets there are, the last for everything from 1.05 s on.
pub const BUCKETS: usize = STEPS * (MAX_LOG - STEPS_LOG + 1) as usize + 1;

/// Counts of delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS],
    sum_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: [0; BUCKETS],
            sum_us: 0,
        }
    }
}

impl Histogram {
    /// Counts one delay of `us` microseconds.
    pub const fn record(&mut self, us: u64) {
        self.record_many(us, 1);
    }

    /// Counts `times` delays of `us` microseconds.
    pub const fn record_many(&mut self, us: u64, times: u64) {
        self.counts[bucket(us)] += times;
        self.sum_us = self.sum_us.saturating_add(us.saturating_mul(times));
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    /// The counts, in the order of [`bounds`](Self::bounds).
    pub const fn counts(&self) -> &[u64; BUCKETS] {
        &self.counts
    }

    /// All delays together, in microseconds.
    pub const fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// The delay in microseconds that each bucket stays below; `u64::MAX` for the last.
    pub fn bounds() -> [u64; BUCKETS] {
        std::array::from_fn(|at| {
            let (power, step) = (at / STEPS, (at % STEPS) as u64);
            match power {
                _ if at == BUCKETS - 1 => u64::MAX,
                0 => step + 1,
                _ => (STEPS as u64 + step + 1) << (power - 1),
            }
        })
    }
}

const fn bucket(us: u64) -> usize {
    if us < STEPS as u64 {
        return us as usize;
    }
    let log = us.ilog2();
    if log >= MAX_LOG {
        return BUCKETS - 1;
    }
    let step = (us >> (log - STEPS_LOG)) as usize & (STEPS - 1);
    (log - STEPS_LOG + 1) as usize * STEPS + step
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bounds_grow_and_are_no_wider_than_an_eighth() {
        let bounds = Histogram::bounds();
        assert_eq!(bounds[..9], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(bounds[BUCKETS - 2], 1 << MAX_LOG);
        for pair in bounds[..BUCKETS - 1].windows(2) {
            let width = pair[1] - pair[0];
            assert!(width >= 1 && width <= (pair[0] / 8).max(1), "{pair:?}");
        }
    }

    proptest! {
        #[test]
        fn a_delay_is_counted_in_its_bucket(us in 0_u64..2_000_000, times in 1_u64..9) {
            let mut histogram = Histogram::default();
            histogram.record_many(us, times);
            let bounds = Histogram::bounds();
            let at = bounds.iter().position(|bound| us < *bound).unwrap();
            prop_assert_eq!(histogram.counts()[at], times);
            prop_assert_eq!(histogram.counts().iter().sum::<u64>(), times);
        }
    }

    #[test]
    fn merging_adds() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        one.record(5);
        other.record(5);
        other.record(2_000_000);
        one.merge(&other);
        assert_eq!((one.counts()[5], one.counts()[BUCKETS - 1]), (2, 1));
        assert_eq!(one.sum_us(), 2_000_010);
    }
}
