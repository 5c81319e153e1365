//! Counts of durations in log-linear buckets: exact up to 15 us, then sixteen buckets to every power of two.

/// Buckets to a power of two: a quantile is off by 1/16 at most.
const STEPS: u64 = 16;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Values from 2^26 us (67 s) on share the last bucket.
const TOP_BIT: u32 = 26;
/// Buckets of a histogram.
pub const BUCKETS: usize = ((TOP_BIT - STEP_BITS + 1) as u64 * STEPS) as usize + 1;

/// How many durations fell into each bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
        }
    }
}

impl Histogram {
    /// Counts one duration in microseconds.
    pub fn record(&mut self, us: u64) {
        self.record_many(us, 1);
    }

    /// Counts the same duration several times.
    pub fn record_many(&mut self, us: u64, times: u64) {
        self.counts[bucket(us)] += times;
    }

    /// One count a bucket, in the order of [`Self::bounds`].
    pub fn counts(&self) -> &[u64] {
        self.counts.as_slice()
    }

    /// The largest duration, in microseconds, that each bucket takes; the last takes everything above.
    pub fn bounds() -> Vec<u64> {
        (0..BUCKETS).map(upper).collect()
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts()) {
            *mine += theirs;
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.counts.fill(0);
    }
}

const fn bucket(us: u64) -> usize {
    if us < STEPS {
        return us as usize;
    }
    let top = us.ilog2();
    if top >= TOP_BIT {
        return BUCKETS - 1;
    }
    let shift = top - STEP_BITS;
    ((shift as u64 + 1) * STEPS + ((us >> shift) - STEPS)) as usize
}

const fn upper(bucket: usize) -> u64 {
    let (octave, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    if bucket == BUCKETS - 1 {
        u64::MAX
    } else if octave == 0 {
        step
    } else {
        ((STEPS + step + 1) << (octave - 1)) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bounds grow, and each is the last value of its bucket.
    #[test]
    fn bounds_are_where_buckets_end() {
        let bounds = Histogram::bounds();
        assert_eq!(bounds.len(), BUCKETS);
        assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]));
        for (at, bound) in bounds.iter().enumerate().take(BUCKETS - 1) {
            assert_eq!((bucket(*bound), bucket(bound + 1)), (at, at + 1));
        }
    }

    proptest! {
        /// A bucket's bound is above what it counts by a sixteenth at most.
        #[test]
        fn a_bucket_is_narrow(us in 0_u64..1 << 26) {
            let bound = upper(bucket(us));
            prop_assert!(us <= bound && bound - us <= us / 16);
        }
    }

    /// What was recorded in two is in their sum, and the longest durations are in the last bucket.
    #[test]
    fn merging_adds() {
        let (mut a, mut b) = (Histogram::default(), Histogram::default());
        a.record(3);
        b.record_many(3, 2);
        b.record(u64::MAX);
        a.merge(&b);
        assert_eq!((a.counts()[3], a.counts()[BUCKETS - 1]), (3, 1));
        a.clear();
        assert_eq!(a, Histogram::default());
    }
}
