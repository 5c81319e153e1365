//! The clocks of receivers, made to run on.

/// A counter of `BITS` bits in a report, unwrapped: the first one counts as it is, each further one is taken as the
/// nearest to the one before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Unwrapper<const BITS: u32> {
    last: Option<i64>,
}

impl<const BITS: u32> Unwrapper<BITS> {
    pub(super) const fn unwrap(&mut self, value: i64) -> i64 {
        let Some(last) = self.last else {
            self.last = Some(value);
            return value;
        };
        let unused = 64 - BITS;
        let step = (value.wrapping_sub(last) << unused) >> unused;
        let unwrapped = last + step;
        self.last = Some(unwrapped);
        unwrapped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_run_on_over_their_wrap_both_ways() {
        let mut clock = Unwrapper::<24>::default();
        let top = (1 << 23) - 2;
        assert_eq!(clock.unwrap(top), top);
        assert_eq!(clock.unwrap(-(1 << 23) + 3), top + 5);
        assert_eq!(clock.unwrap(top - 1), top - 1);
        assert_eq!(clock.unwrap(top + 9 - (1 << 24)), top + 9);
    }
}
