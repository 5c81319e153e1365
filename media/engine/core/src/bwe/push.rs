//! A trial of a higher rate, which costs nobody a picture: whether more is lost than before when more is sent than there is.
//!
//! A full link without a queue loses all that comes on top; a link that loses by itself loses the share of it that it lost
//! before. What is sent on top are packets of late once more, which mend losses while that is tried.

use super::stretch::Stretch;
use super::trial::{INHERENT_MOST, SUCCESS};
use crate::time::Micros;

/// Times what is sent, at least and at most.
const MORE: (f64, f64) = (1.2, 1.6);
/// With less than that more was not sent, such as to a receiver that takes nothing a second time: nothing was tried.
const TRIED: f64 = 1.1;
/// It ends after that, in case that nothing is heard of it.
const LONGEST: Micros = Micros::from_secs(4);
/// Nothing is made up for that could not be sent for longer than this, such as behind a large picture.
const BEHIND: Micros = Micros::from_millis(50);
/// Less than that waits for more: a full link drops small packets more seldom, and packets are what is counted.
const WHOLE: f64 = 1_000.0;
/// Between two looks at what lacks.
const STEP: Micros = Micros::from_millis(5);

/// One such trial.
#[derive(Debug, Clone, Copy)]
pub(super) struct Push {
    since: Micros,
    before: Stretch,
    seen: Stretch,
    /// What was sent before, in bytes a microsecond, and what is to be sent now.
    before_per_us: f64,
    bytes_per_us: f64,
    /// All that was sent since.
    bytes: f64,
    due_at: Micros,
    /// Bytes of what was due then; below zero after a large picture.
    lacking: f64,
}

impl Push {
    /// After a loss of `before` at `sent` bit/s, of which more are allowed; `None` where there is hardly room for more.
    pub(super) fn new(now: Micros, before: Stretch, (sent, allowed): (f64, f64)) -> Option<Self> {
        let times = (allowed / sent).min(MORE.1);
        (times >= MORE.0).then_some(Self {
            since: now,
            before,
            seen: Stretch::default(),
            before_per_us: sent / 8e6,
            bytes_per_us: sent * times / 8e6,
            bytes: 0.0,
            due_at: now,
            lacking: 0.0,
        })
    }

    /// A packet of whatever kind was sent.
    pub(super) fn note_sent(&mut self, bytes: usize) {
        self.bytes += bytes as f64;
        self.lacking -= bytes as f64;
    }

    /// Bytes that lack now.
    pub(super) fn padding(&mut self, now: Micros) -> usize {
        let passed = now.since(self.due_at).0 as f64;
        self.due_at = now;
        let most = self.bytes_per_us * BEHIND.0 as f64;
        self.lacking = (self.lacking + self.bytes_per_us * passed).min(most);
        if self.lacking < WHOLE {
            return 0;
        }
        self.lacking as usize
    }

    /// When to ask again.
    pub(super) fn next_at(&self, now: Micros) -> Micros {
        let wait = (WHOLE - self.lacking).max(0.0) / self.bytes_per_us;
        now + STEP.max(Micros(wait as u64))
    }

    /// What came of packets since; gives how many that are by now.
    pub(super) fn add(&mut self, stretch: Stretch) -> f64 {
        if stretch.began >= self.since {
            self.seen = self.seen.and(stretch);
        }
        self.seen.packets
    }

    /// The loss before it.
    pub(super) const fn before(&self) -> Stretch {
        self.before
    }

    /// All that was lost before and since, 0 to 1.
    pub(super) fn share(&self) -> f64 {
        self.before.and(self.seen).share().min(INHERENT_MOST)
    }

    /// Whether it has gone on for too long.
    pub(super) fn is_over(&self, now: Micros) -> bool {
        now.since(self.since) >= LONGEST
    }

    /// Whether less has to be tried, too: clearly less arrives of what is sent than before, or no more was sent.
    pub(super) fn does_harm(&self, now: Micros) -> bool {
        let usual = self.before_per_us * now.since(self.since).0 as f64;
        let times = self.bytes / usual.max(1.0);
        let (before, after) = (self.before.share(), self.seen.share());
        let arrives = (1.0 - after) / (1.0 - before).max(0.01);
        let is_less = arrives <= 1.0 - SUCCESS * (1.0 - 1.0 / times.max(TRIED));
        times < TRIED || is_less || after > INHERENT_MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Micros = Micros::from_secs(1);

    fn of(packets: f64, lost: f64) -> Stretch {
        Stretch {
            began: START,
            packets,
            lost,
            runs: lost,
        }
    }

    fn push() -> Push {
        Push::new(START, of(150.0, 15.0), (1e6, 1.5e6)).unwrap_or_else(|| panic!("room"))
    }

    #[test]
    fn it_takes_room() {
        assert!(Push::new(START, of(150.0, 15.0), (1e6, 1.15e6)).is_none());
        assert!(Push::new(START, of(150.0, 15.0), (1e6, 1.25e6)).is_some());
    }

    #[test]
    fn what_lacks_is_sent_in_whole_packets_and_never_made_up_for_at_once() {
        let mut push = push();
        assert_eq!(push.padding(START + Micros::from_millis(5)), 0);
        assert_eq!(push.padding(START + Micros::from_millis(10)), 1_875);
        push.note_sent(1_200);
        push.note_sent(5_000);
        assert_eq!(push.padding(START + Micros::from_millis(20)), 0);
        // 3,450 bytes of a picture are ahead of their time by 18.4 ms, and a packet takes 5.3.
        let next = push.next_at(START + Micros::from_millis(20)).since(START);
        assert!((Micros(36_000)..Micros(39_000)).contains(&next), "{next:?}");
        assert_eq!(push.padding(START + Micros::from_secs(1)), 9_375);
    }

    /// After a second, in which so many bytes were sent, and 160 packets of which so many were lost.
    fn after(bytes: usize, lost: f64) -> Push {
        let mut push = push();
        push.note_sent(bytes);
        assert_eq!(push.add(of(160.0, lost)), 160.0);
        push
    }

    #[test]
    fn what_comes_on_top_is_lost_on_a_full_link_alone() {
        let now = START + Micros::from_secs(1);
        let own = after(187_500, 19.0);
        assert!(!own.does_harm(now));
        assert!((own.share() - 34.0 / 310.0).abs() < 1e-9);
        assert!(after(187_500, 64.0).does_harm(now));
    }

    #[test]
    fn where_no_more_could_be_sent_nothing_was_tried() {
        assert!(after(130_000, 0.0).does_harm(START + Micros::from_secs(1)));
        assert!(!after(140_000, 0.0).does_harm(START + Micros::from_secs(1)));
    }

    #[test]
    fn what_left_before_tells_nothing() {
        let mut push = push();
        let earlier = Stretch {
            began: Micros(1),
            ..of(100.0, 50.0)
        };
        assert_eq!(push.add(earlier), 0.0);
    }
}
