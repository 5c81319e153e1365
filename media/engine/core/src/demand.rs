//! What a source is asked to send: the encodings that somebody takes, and no more of an only one than anybody can take.

use crate::api::Wanted;
use crate::time::Micros;

/// Between two words to one source at the least.
const PAUSE: Micros = Micros::from_millis(500);
/// A source does what it is told within this time; until then, what it will send is known better than what it sends.
const OBEYED_WITHIN: Micros = Micros::from_millis(2_000);

/// What a source was told last, and whether to look whether that still holds.
#[derive(Debug, Default)]
pub struct Demand {
    told: Vec<Wanted>,
    told_at: Option<Micros>,
    /// Since when each is asked for, of those that are.
    since: Vec<Micros>,
    /// Who takes what may have changed.
    pub due: bool,
    /// When to look in any case.
    pub later: Option<Micros>,
}

impl Demand {
    /// When to look, if anything may have changed.
    pub fn next_at(&self) -> Option<Micros> {
        let at = self.told_at.map_or(Micros(0), |at| at + PAUSE);
        let later = self.later.map(|later| later.max(at));
        self.due.then_some(at).into_iter().chain(later).min()
    }

    /// Notes what is wanted now. True when the source is to be told; a source that was told nothing sends everything.
    pub fn update(&mut self, now: Micros, wanted: &[Wanted]) -> bool {
        self.due = false;
        let everything = Wanted {
            active: true,
            max_bitrate: None,
        };
        let is_news = if self.told.is_empty() {
            wanted.iter().any(|one| *one != everything)
        } else {
            self.told != wanted
        };
        if is_news {
            self.since.resize(wanted.len(), Micros(0));
            for (number, (since, one)) in self.since.iter_mut().zip(wanted).enumerate() {
                if one.active && self.told.get(number).is_some_and(|before| !before.active) {
                    *since = now;
                }
            }
            self.told = wanted.to_vec();
            self.told_at = Some(now);
        }
        is_news
    }

    /// Whether an encoding is asked for.
    pub fn asks(&self, encoding: usize) -> bool {
        self.told.get(encoding).is_none_or(|one| one.active)
    }

    /// Whether an encoding has been asked for, for long enough that its source sends it if it can.
    pub fn asks_for(&self, now: Micros, encoding: usize) -> bool {
        let since = self.since.get(encoding).copied().unwrap_or(Micros(0));
        self.asks(encoding) && now.since(since) >= OBEYED_WITHIN
    }

    /// The bit rate to which an only encoding is on its way down, if it was told just now.
    pub fn coming(&self, now: Micros) -> Option<u64> {
        let just_now = self.told_at.is_some_and(|at| now.since(at) < OBEYED_WITHIN);
        self.told.first().filter(|_| just_now)?.max_bitrate
    }
}

/// A bit rate in steps of an eighth, downwards, so that a swinging estimate is no news each time.
pub const fn in_steps(bitrate: u64) -> u64 {
    match bitrate.checked_ilog2() {
        Some(bits) if bits > 3 => bitrate >> (bits - 3) << (bits - 3),
        _ => bitrate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_news_is_told_and_not_too_often() {
        let (all, less) = (
            Wanted {
                active: true,
                max_bitrate: None,
            },
            Wanted {
                active: true,
                max_bitrate: Some(250_000),
            },
        );
        let mut demand = Demand::default();
        let at = |millis: u64| Micros::from_millis(10_000 + millis);
        assert!(!demand.update(at(0), &[all]));
        assert!(demand.update(at(10), &[less]));
        assert_eq!(demand.coming(at(20)), Some(250_000));
        assert!(!demand.update(at(20), &[less]));
        demand.due = true;
        assert_eq!(demand.next_at(), Some(at(510)));
        assert!(demand.update(at(510), &[all]));
        assert_eq!(demand.coming(at(520)), None);
        assert!(demand.asks_for(at(520), 0), "it was all the time");
        assert!(demand.update(
            at(3_000),
            &[Wanted {
                active: false,
                ..all
            }]
        ));
        assert!(!demand.asks_for(at(9_000), 0));
        assert!(demand.update(at(10_000), &[less]));
        assert!(!demand.asks_for(at(11_990), 0) && demand.asks_for(at(12_000), 0));
    }

    #[test]
    fn steps_are_an_eighth_at_the_most() {
        for rate in [1, 7, 8, 1_000, 299_999, 1_234_567] {
            let step = in_steps(rate);
            assert!(step <= rate && (rate - step) * 8 <= rate, "{rate} {step}");
        }
    }
}
