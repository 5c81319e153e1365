//! Redundancy for sound (RFC 2198), both ways.
//!
//! Towards a receiver, each packet carries earlier ones again, at distances that suit the loss which this receiver
//! reports: [`policy`] decides them, [`form`] writes the payload. From a sender, redundant blocks that fill holes are
//! found by [`split`] and then forwarded like packets that came late; what goes out is formed anew for each receiver.

pub mod form;
mod intake;
pub mod policy;
pub mod split;

/// The most packets back from which a payload is carried: at 20 ms each this costs 120 ms of delay.
pub const MAX_DISTANCE: u8 = 6;
/// The most payloads carried besides a packet's own.
pub const MAX_COPIES: usize = 3;

/// Which earlier packets a packet carries, as a set of distances from 1 to [`MAX_DISTANCE`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Distances(u8);

impl Distances {
    /// No redundancy.
    pub const NONE: Self = Self(0);
    /// The packet before.
    pub const ONE: Self = Self(1);

    /// The set of these distances; those that are too far are left out.
    pub fn of(distances: &[u8]) -> Self {
        let fit = distances.iter().filter(|d| (1..=MAX_DISTANCE).contains(*d));
        Self(fit.fold(0, |bits, distance| bits | 1 << (distance - 1)))
    }

    /// Every set of at most `copies` distances up to `reach`, the empty one first.
    pub fn all(copies: usize, reach: u8) -> impl Iterator<Item = Self> {
        let sets = (0..1_u8 << reach.min(MAX_DISTANCE)).map(Self);
        sets.filter(move |set| set.len() <= copies.min(MAX_COPIES))
    }

    /// How many there are.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The largest; 0 if there is none.
    pub const fn farthest(self) -> u8 {
        (u8::BITS - self.0.leading_zeros()) as u8
    }

    /// From the smallest to the largest.
    pub fn ascending(self) -> impl DoubleEndedIterator<Item = u8> {
        (1..=MAX_DISTANCE).filter(move |distance| self.0 >> (distance - 1) & 1 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_knows_what_is_in_it() {
        let set = Distances::of(&[5, 1, 3, 9]);
        assert_eq!(set.ascending().collect::<Vec<_>>(), [1, 3, 5]);
        assert_eq!((set.len(), set.farthest(), set.is_empty()), (3, 5, false));
        assert_eq!(
            (Distances::NONE.farthest(), Distances::ONE.farthest()),
            (0, 1)
        );
        // One of none, six of one, fifteen of two, twenty of three.
        assert_eq!(Distances::all(3, 6).count(), 42);
        assert_eq!(Distances::all(2, 2).count(), 4);
    }
}
