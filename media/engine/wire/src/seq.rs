//! Extending RTP's wrapping counters to ones that do not wrap (RFC 3550 appendix A.1, RFC 3711 section 3.3.1).

/// The number congruent to `value` modulo 2^16 that lies nearest to `reference`.
///
/// Half a cycle away counts as behind. Nothing lies below zero: where the nearest would, the answer is one cycle
/// up, so start a stream's `reference` one cycle high (as [`SequenceUnwrapper`] does) if packets from before its first
/// one may arrive.
#[must_use]
pub const fn extend(reference: u64, value: u16) -> u64 {
    let distance = value.wrapping_sub(reference as u16) as i16;
    match reference.checked_add_signed(distance as i64) {
        Some(extended) => extended,
        None => reference.wrapping_add(value.wrapping_sub(reference as u16) as u64),
    }
}

/// The number congruent to `value` modulo 2^32 that lies nearest to `reference`, by the rules of [`extend`].
///
/// Units are those of the stream's RTP clock.
#[must_use]
pub const fn extend_timestamp(reference: u64, value: u32) -> u64 {
    let distance = value.wrapping_sub(reference as u32) as i32;
    match reference.checked_add_signed(distance as i64) {
        Some(extended) => extended,
        None => reference.wrapping_add(value.wrapping_sub(reference as u32) as u64),
    }
}

/// Extends the sequence numbers of one stream against the highest seen so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SequenceUnwrapper {
    highest: Option<u64>,
}

impl SequenceUnwrapper {
    /// For a stream of which nothing was seen.
    #[must_use]
    pub const fn new() -> Self {
        Self { highest: None }
    }

    /// For a stream that goes on: `highest` is what [`Self::highest`] gave before.
    #[must_use]
    pub const fn resumed(highest: u64) -> Self {
        Self {
            highest: Some(highest),
        }
    }

    /// The extended number of a packet that arrived. The first one starts one cycle above zero, so that packets
    /// overtaken by it still get lower numbers.
    pub fn unwrap(&mut self, value: u16) -> u64 {
        let Some(highest) = self.highest else {
            let first = 0x1_0000 | u64::from(value);
            self.highest = Some(first);
            return first;
        };
        let extended = extend(highest, value);
        self.highest = Some(highest.max(extended));
        extended
    }

    /// The highest extended number so far.
    #[must_use]
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers on both sides of a wrap land in the right cycle.
    #[test]
    fn extends_over_the_wrap_both_ways() {
        assert_eq!(extend(0xFFFF, 0), 0x1_0000);
        assert_eq!(extend(0x1_0000, 0xFFFF), 0xFFFF);
        assert_eq!(extend_timestamp(0xFFFF_FFF0, 0x10), 0x1_0000_0010);
        assert_eq!(extend_timestamp(0x1_0000_0010, 0xFFFF_FFF0), 0xFFFF_FFF0);
    }

    /// Nothing goes below zero or above the top: the low bits stay those of the value.
    #[test]
    fn edges_of_u64_keep_congruence() {
        assert_eq!(extend(0, 0xFFFF), 0xFFFF);
        assert_eq!(extend_timestamp(5, u32::MAX), u64::from(u32::MAX));
        assert_eq!(extend(u64::MAX, 3) as u16, 3);
        assert_eq!(extend_timestamp(u64::MAX, 3) as u32, 3);
    }

    /// A packet that the stream's first one overtook gets a lower number than it.
    #[test]
    fn unwrapper_takes_packets_older_than_the_first() {
        let mut unwrapper = SequenceUnwrapper::new();
        let first = unwrapper.unwrap(1);
        assert_eq!(unwrapper.unwrap(0xFFFF), first - 2);
        assert_eq!(unwrapper.unwrap(2), first + 1);
        assert_eq!(unwrapper.highest(), Some(first + 1));
        assert_eq!(SequenceUnwrapper::resumed(first + 1), unwrapper);
    }

    proptest! {
        /// Within half a cycle of the reference, the extended number is the true one.
        #[test]
        fn recovers_every_number_within_half_a_cycle(reference in 0x1_0000_u64..1 << 48, distance in -0x8000_i64..0x8000) {
            let truth = reference.saturating_add_signed(distance);
            prop_assert_eq!(extend(reference, truth as u16), truth);
        }

        /// Within half a cycle of the reference, the extended timestamp is the true one.
        #[test]
        fn recovers_every_timestamp_within_half_a_cycle(
            reference in 1_u64 << 32..1 << 60, distance in -0x8000_0000_i64..0x8000_0000,
        ) {
            let truth = reference.saturating_add_signed(distance);
            prop_assert_eq!(extend_timestamp(reference, truth as u32), truth);
        }

        /// Whatever the reference, the low bits are those of the value.
        #[test]
        fn always_congruent(reference: u64, sequence: u16, timestamp: u32) {
            prop_assert_eq!(extend(reference, sequence) as u16, sequence);
            prop_assert_eq!(extend_timestamp(reference, timestamp) as u32, timestamp);
        }
    }
}
