//! How much of a stream may be asked for again and not have come yet. Where a link has become thin, most of what is sent on it
//! is lost, and all of that asked for at once: browsers send what is asked for before anything new, so that a sender of
//! 1 Mbit/s on a link of 300 kbit/s sent nothing but the pictures of its first half second for the next two. What comes shows
//! what the link carries; with each packet that is there again another one may be asked for.

use crate::time::Micros;

/// So many packets at the least, and half as many more as came in a span.
const LEAST: u64 = 8;
const SPAN: Micros = Micros::from_millis(200);
/// Where nothing was missing for so long, the link is taken for one on which so many come in a span, as of 1 Mbit/s.
const LONG: Micros = Micros::from_millis(1_000);
const USUAL: u64 = 24;
/// What was asked for so long ago, and has not come although later answers have, is not on its way.
pub(crate) const AWAITED_FOR: Micros = Micros::from_millis(300);

/// Of so many packets in a span at the least more than half were lost, in so many spans one after the other: a link that has
/// become much thinner than what is sent on it. So is one on which so many answers come in a span and nothing new. An outage
/// is over with the first packet that comes.
const TELLING: u64 = 8;
const SWAMPED: u32 = 2;
const ANSWERS: u64 = 2;

/// Of a stream in all: packets that were received, that were sent before the newest, and that came because of a request.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    /// Those that came by themselves.
    pub received: u64,
    /// Those of which is known that they were sent.
    pub sent: u64,
    /// Answers.
    pub answers: u64,
}

/// How many packets of a stream come in a span.
#[derive(Debug, Default)]
pub struct Awaited {
    since: Micros,
    before: Counts,
    came: u64,
    swamped: u32,
    /// Nothing is asked for before more is known.
    holds: bool,
}

impl Awaited {
    /// How many packets may be awaited at once; to be asked while some are missing. Where the newest `is_late`, they were lost
    /// because a queue is full: nothing is known of what the link carries, nothing is asked for in the first span as long as
    /// that lasts, and half of it tells that the link carries much less than what is sent.
    pub fn most(&mut self, now: Micros, counts: Counts, is_late: bool) -> usize {
        let span = now.since(self.since);
        if span >= LONG {
            *self = Self::since(now, counts, is_late);
        } else if span >= SPAN {
            let is_swamped = self.is_much_lost(counts) || self.has_only_answers(counts);
            self.swamped = if is_swamped { self.swamped + 1 } else { 0 };
            let came = counts.received.saturating_sub(self.before.received);
            self.came = came * SPAN.0 / span.0;
            self.holds = false;
            (self.since, self.before) = (now, counts);
        } else if is_late && span.0 >= SPAN.0 / 2 && self.is_much_lost(counts) {
            self.swamped = SWAMPED;
        }
        self.holds &= is_late;
        if self.holds {
            return 0;
        }
        (LEAST + self.came / 2) as usize
    }

    /// Nothing is known of the time before.
    const fn since(now: Micros, counts: Counts, is_late: bool) -> Self {
        Self {
            since: now,
            before: counts,
            came: USUAL,
            swamped: 0,
            holds: is_late,
        }
    }

    fn is_much_lost(&self, counts: Counts) -> bool {
        let came = counts.received.saturating_sub(self.before.received);
        let due = counts.sent.saturating_sub(self.before.sent);
        due >= TELLING && came * 2 < due
    }

    fn has_only_answers(&self, counts: Counts) -> bool {
        counts.sent <= self.before.sent && counts.answers >= self.before.answers + ANSWERS
    }

    /// Whether more than half has been lost for some time.
    pub fn is_swamped(&self, now: Micros) -> bool {
        self.swamped >= SWAMPED && now.since(self.since) < LONG
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Micros {
        Micros::from_millis(1_000_000 + millis)
    }

    #[test]
    fn half_as_many_may_be_awaited_as_come_and_some_more() {
        let mut awaited = Awaited::default();
        let mut most = |millis, received| {
            let counts = Counts {
                received,
                sent: received,
                answers: 0,
            };
            awaited.most(at(millis), counts, false)
        };
        assert_eq!(most(0, 0), 20);
        assert_eq!(most(100, 10), 20, "a span is not over");
        assert_eq!(most(200, 20), 18);
        assert_eq!(most(10_200, 1_020), 20, "what came long ago tells nothing");
        assert_eq!(most(10_400, 1_024), 10);
        assert_eq!(most(10_600, 1_024), 8);
        assert_eq!(most(10_800, 3), 8, "another stream");
    }

    fn swamped(
        awaited: &mut Awaited,
        millis: u64,
        (received, sent, answers): (u64, u64, u64),
    ) -> bool {
        let counts = Counts {
            received,
            sent,
            answers,
        };
        awaited.most(at(millis), counts, false);
        awaited.is_swamped(at(millis))
    }

    #[test]
    fn where_only_answers_come_nothing_new_has_room() {
        let mut awaited = Awaited::default();
        let mut look = |millis, counts| swamped(&mut awaited, millis, counts);
        assert!(!look(0, (100, 100, 0)));
        assert!(!look(200, (104, 120, 1)));
        assert!(look(400, (104, 120, 5)));
        assert!(!look(600, (124, 140, 9)), "an outage is over");
        assert!(!look(800, (124, 140, 10)), "nothing comes at all");
    }

    #[test]
    fn one_bad_moment_is_not_a_link_that_has_become_thin() {
        let mut awaited = Awaited::default();
        let mut look = |millis, received, sent| swamped(&mut awaited, millis, (received, sent, 0));
        assert!(!look(0, 100, 100));
        assert!(!look(200, 109, 120));
        assert!(!look(400, 120, 140));
        assert!(!look(600, 129, 160));
        assert!(look(800, 138, 180));
        assert!(!look(1_000, 150, 200));
        assert!(!look(1_200, 153, 207));
        assert!(!look(1_400, 156, 214), "of a few nothing can be said");
    }

    #[test]
    fn what_is_lost_because_a_queue_is_full_is_not_asked_for_before_more_is_known() {
        let counts = |received, sent| Counts {
            received,
            sent,
            answers: 0,
        };
        let mut full = Awaited::default();
        assert_eq!(full.most(at(0), counts(100, 101), true), 0);
        assert_eq!(full.most(at(90), counts(103, 110), true), 0);
        assert!(!full.is_swamped(at(90)));
        assert_eq!(full.most(at(110), counts(104, 113), true), 0);
        assert!(full.is_swamped(at(110)));

        let mut slow = Awaited::default();
        assert_eq!(slow.most(at(0), counts(100, 101), true), 0);
        assert_eq!(slow.most(at(150), counts(113, 115), true), 0);
        assert_eq!(slow.most(at(200), counts(118, 120), true), 17);
        assert!(!slow.is_swamped(at(200)));

        let mut stalled = Awaited::default();
        assert_eq!(stalled.most(at(0), counts(100, 101), true), 0);
        assert_eq!(stalled.most(at(20), counts(103, 104), false), 20);

        let mut lossy = Awaited::default();
        lossy.most(at(0), counts(100, 101), false);
        lossy.most(at(110), counts(104, 113), false);
        assert!(
            !lossy.is_swamped(at(110)),
            "without a queue that takes longer"
        );
    }
}
