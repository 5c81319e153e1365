//! Which UDP ports lines get: pairs, that of RTP even and that of RTCP the next one (RFC 3550 section 11).
//!
//! A pair that comes back rests for a while, so that what is still under way to its last user does not reach the next; and
//! the one that has rested longest goes first.

use engine_core::Micros;
use std::collections::{HashSet, VecDeque};
use std::ops::RangeInclusive;

/// Longer than a peer takes to notice that its call is over: SIP repeats a BYE for 32 s (RFC 3261 timer F).
pub(crate) const REST: Micros = Micros::from_secs(32);

/// The ports that lines may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinePorts {
    /// The first port.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

impl LinePorts {
    fn pairs(self) -> impl Iterator<Item = u16> {
        let even = self.first.next_multiple_of(2)..=self.last.saturating_sub(1);
        even.step_by(2)
    }

    /// Whether there is a pair, and no port that nobody can have.
    pub(crate) fn is_sound(self) -> bool {
        self.first > 0 && self.first < u16::MAX && self.pairs().next().is_some()
    }

    /// Whether any of these ports is in use for something else.
    pub(crate) fn meets(self, other: &RangeInclusive<u32>) -> bool {
        *other.start() <= u32::from(self.last) && u32::from(self.first) <= *other.end()
    }
}

/// The pairs, by their even ports.
#[derive(Debug)]
pub(crate) struct Pool {
    fresh: VecDeque<u16>,
    resting: VecDeque<(Micros, u16)>,
    lent: HashSet<u16>,
}

impl Pool {
    pub(crate) fn new(ports: Option<LinePorts>) -> Self {
        Self {
            fresh: ports.into_iter().flat_map(LinePorts::pairs).collect(),
            resting: VecDeque::new(),
            lent: HashSet::new(),
        }
    }

    /// A pair that nobody has; `None` when all are lent or rest.
    pub(crate) fn lend(&mut self, now: Micros) -> Option<u16> {
        while self.resting.front().is_some_and(|(until, _)| *until <= now) {
            self.fresh
                .extend(self.resting.pop_front().map(|(_, port)| port));
        }
        let port = self.fresh.pop_front()?;
        self.lent.insert(port);
        Some(port)
    }

    /// Takes a pair back, once.
    pub(crate) fn give_back(&mut self, now: Micros, port: u16) {
        if self.lent.remove(&port) {
            self.resting.push_back((now + REST, port));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Micros {
        Micros::from_secs(seconds)
    }

    #[test]
    fn pairs_lie_within_and_begin_even() {
        let pairs = |first, last| LinePorts { first, last }.pairs().collect::<Vec<_>>();
        assert_eq!(pairs(9, 15), [10, 12, 14]);
        assert_eq!(pairs(10, 14), [10, 12]);
        assert_eq!(pairs(65_532, 65_535), [65_532, 65_534]);
        for (first, last) in [(0, 10), (11, 12), (12, 12), (65_535, 65_535), (20, 10)] {
            assert!(!LinePorts { first, last }.is_sound(), "{first} {last}");
        }
    }

    #[test]
    fn a_pair_is_lent_once_and_rests_before_it_is_lent_again() {
        let mut pool = Pool::new(Some(LinePorts {
            first: 10,
            last: 13,
        }));
        assert_eq!(
            [pool.lend(seconds(0)), pool.lend(seconds(0))],
            [Some(10), Some(12)]
        );
        assert_eq!(pool.lend(seconds(0)), None);
        pool.give_back(seconds(5), 12);
        pool.give_back(seconds(6), 10);
        pool.give_back(seconds(7), 10);
        pool.give_back(seconds(7), 99);
        assert_eq!(pool.lend(seconds(36)), None);
        assert_eq!(pool.lend(seconds(37)), Some(12));
        assert_eq!(pool.lend(seconds(37)), None);
        assert_eq!(pool.lend(seconds(99)), Some(10));
        assert_eq!(pool.lend(seconds(999)), None);
        assert_eq!(Pool::new(None).lend(seconds(0)), None);
    }
}
