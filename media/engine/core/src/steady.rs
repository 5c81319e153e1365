//! Whether a sender keeps an encoding up. One whose own link has become thin stops the larger pictures and goes on with the
//! smaller, says so to nobody, and tries again a moment later: who looked at the larger would see a picture that stands
//! still, again and again. So what stops while a smaller one goes on is left alone for a while, longer each time; and so is
//! what the link has swallowed more than half of, which its sender will stop in a moment.

use crate::api::{Kind, Wanted};
use crate::encoding::{Encoding, Taker};
use crate::shard::Shard;
use crate::slot::Layer;
use crate::source::Source;
use crate::time::Micros;

/// What did not come for so long while a smaller one did has stopped, and for so many of its pictures: encoders leave single
/// ones out, and some in a row.
const STOPPED_AFTER: Micros = Micros::from_millis(250);
const PICTURES: u64 = 5;
/// Of pictures (RFC 7741 section 4.1, RFC 6184 section 5.1).
const TICKS_A_MS: u64 = 90;
/// A pause after which an encoding begins anew: nothing may be said of the others before it has come for some time.
pub(crate) const BEGINS_AFTER: Micros = Micros::from_millis(150);
/// The newest picture of the smaller one is no older: else all have stopped.
const GOES_ON: Micros = Micros::from_millis(150);
/// For how long an encoding is left alone that has stopped once, and again each time.
const LEFT_ALONE: [Micros; 5] = [
    Micros::from_secs(4),
    Micros::from_secs(15),
    Micros::from_secs(30),
    Micros::from_secs(60),
    Micros::from_secs(120),
];
/// For how long the sender of one for which there was no room, and who knows that, is not told to stop it: it would begin all
/// the others anew for that, and key frames have no room on its link before then.
const UNTOLD: Micros = Micros::from_millis(1_500);
/// What did not stop for so long after it was left alone is as good as new.
const FORGOTTEN_AFTER: Micros = Micros::from_secs(60);

/// Of so many pictures of the smallest two thirds have to come of the larger: else the smallest is the better picture, since
/// what moves matters more than what is sharp. Counted over such spans at the least and at the most; looked at more often, or
/// nothing is known.
const COUNTED: (Micros, Micros) = (Micros::from_millis(1_000), Micros::from_millis(5_000));
const COUNTABLE: u64 = 8;
const LOOKED: Micros = Micros::from_millis(1_000);

/// Since when pictures are counted, how many there were then of an encoding and of the smallest, and the last look.
#[derive(Debug, Default)]
struct Count {
    since: Micros,
    own: u64,
    smallest: u64,
    looked: Micros,
}

impl Count {
    const fn new(now: Micros, own: u64, smallest: u64) -> Self {
        Self {
            since: now,
            own,
            smallest,
            looked: now,
        }
    }
}

/// How one encoding was kept up.
#[derive(Debug, Default)]
pub struct Steady {
    stopped: Option<Micros>,
    times: usize,
    until: Micros,
    /// The same without a stop.
    rests_until: Micros,
    untold_until: Micros,
    count: Count,
    /// It has to keep up with the smaller ones before it is shown again.
    has_to_prove: bool,
}

impl Steady {
    /// Whether it has stopped since it came last, at `newest`.
    pub fn has_stopped(&self, newest: Micros) -> bool {
        self.stopped.is_some_and(|at| newest <= at)
    }

    /// Whether it is left alone.
    pub fn is_left_alone(&self, now: Micros) -> bool {
        now < self.until.max(self.rests_until)
    }

    /// Whether it may be shown: one that has stopped has to come for a while first.
    pub fn may_show(&self) -> bool {
        !self.has_to_prove
    }

    /// Takes in how many pictures there have been of it and of the smallest. Gives whether it keeps up, once in a span.
    fn count(&mut self, now: Micros, own: u64, smallest: u64) -> Option<bool> {
        let count = &mut self.count;
        if now.since(count.looked) > LOOKED {
            *count = Count::new(now, own, smallest);
        }
        count.looked = now;
        let span = now.since(count.since);
        let came = smallest.saturating_sub(count.smallest);
        if span < COUNTED.0 || came < COUNTABLE && span < COUNTED.1 {
            return None;
        }
        let before = std::mem::replace(count, Count::new(now, own, smallest));
        Some(own.saturating_sub(before.own) * 3 >= came * 2)
    }

    /// It has stopped, as it was to.
    fn pause(&mut self, now: Micros) {
        self.stopped = Some(now);
    }

    /// There is no room for it, as its sender knows. That may be over soon, and is not held against it.
    pub fn rest(&mut self, now: Micros, was_sent: bool) {
        self.stopped = Some(now);
        self.has_to_prove |= was_sent;
        self.rests_until = now + LEFT_ALONE[0];
        self.untold_until = now + UNTOLD;
    }

    /// Until when its sender is not told to stop it.
    pub fn untold_until(&self, now: Micros) -> Option<Micros> {
        (now < self.untold_until).then_some(self.untold_until)
    }

    /// It has stopped, and is left alone from now on.
    fn stop(&mut self, now: Micros) {
        if self.until.0 != 0 && now.since(self.until) >= FORGOTTEN_AFTER {
            self.times = 0;
        }
        self.stopped = Some(now);
        self.has_to_prove = true;
        self.until = now + LEFT_ALONE[self.times];
        self.times = (self.times + 1).min(LEFT_ALONE.len() - 1);
    }
}

impl Source {
    /// Whether a larger encoding that somebody takes seems to have stopped, now that there is a packet of this one.
    pub(crate) fn sees_a_stop(&self, now: Micros, number: usize) -> bool {
        let (smaller, larger) = self.encodings.split_at(number + 1);
        let stops = |one: &Encoding| {
            let last = one.newest.map_or(now, |(_, at)| at);
            let patience =
                |smaller: &Encoding| now.since(last.max(smaller.began)) >= patience(smaller);
            !one.takers.is_empty() && one.is_active(now) && smaller.last().is_some_and(patience)
        };
        larger.iter().any(stops) || self.is_swamped(now, number)
    }

    /// Whether so much is lost of an encoding that somebody takes that its sender will stop it, with a smaller one to go on.
    fn is_swamped(&self, now: Micros, number: usize) -> bool {
        let one = &self.encodings[number];
        let mut smaller = self.encodings[..number].iter();
        !one.takers.is_empty()
            && one.register.is_swamped(now)
            && self.demand.asks_for(now, number)
            && smaller.any(|one| one.is_active(now))
    }

    /// Notes whether an encoding that somebody takes has stopped while a smaller one goes on, and those between with it.
    pub(crate) fn note_stop(&mut self, now: Micros, number: u8) {
        for at in (1..=usize::from(number)).rev() {
            let is_asked = self.demand.asks_for(now, at);
            self.note_stop_of(now, at, is_asked);
        }
    }

    /// What has just been asked for may not have begun yet, and what is not was stopped by us: that is held against nobody.
    fn note_stop_of(&mut self, now: Micros, number: usize, is_asked: bool) {
        let is_swamped = self.is_swamped(now, number);
        let falls_behind = self.falls_behind(now, number);
        let (smaller, others) = self.encodings.split_at_mut(number);
        let Some(encoding) = others.first_mut().filter(|one| one.is_active(now)) else {
            return;
        };
        let last = encoding.newest.map_or(Micros(0), |(_, at)| at);
        let has_stopped = smaller.iter().any(|one| goes_on(one, now, last));
        let is_new = !encoding.steady.is_left_alone(now);
        if is_new && (is_asked && (has_stopped || falls_behind) || is_swamped) {
            encoding.steady.stop(now);
            encoding.register.forget_missing();
            encoding.key_frames.satisfied();
            // Whoever turns to one of these begins with a key frame.
            let others = smaller.iter_mut().filter(|one| one.takers.is_empty());
            others.for_each(|one| one.register.forget_missing());
        } else if has_stopped {
            encoding.steady.pause(now);
        }
    }

    /// Leaves everything as it was asked for while there is one that its sender has just stopped by itself; gives when to look
    /// again.
    pub(crate) fn leave_untold(&self, now: Micros, wanted: &mut [Wanted]) -> Option<Micros> {
        let untold = |of: &Encoding| of.steady.untold_until(now);
        let until = self.encodings.iter().filter_map(untold).max()?;
        for (number, one) in wanted.iter_mut().enumerate() {
            one.active = self.demand.asks(number);
        }
        Some(until)
    }

    /// Whether an encoding has too few pictures beside the smallest, which is always asked for. Counted from when it comes.
    fn falls_behind(&mut self, now: Micros, number: usize) -> bool {
        let [smallest, others @ ..] = &mut self.encodings[..] else {
            return false;
        };
        let Some(encoding) = number.checked_sub(1).and_then(|at| others.get_mut(at)) else {
            return false;
        };
        let pictures = |one: &Encoding| one.register.transit().frames();
        let (own, smallest) = (pictures(encoding), pictures(smallest));
        if !encoding.is_active(now) || encoding.steady.is_left_alone(now) {
            encoding.steady.count = Count::default();
            return false;
        }
        let keeps_up = encoding.steady.count(now, own, smallest);
        let is_whole = !encoding.register.is_swamped(now);
        encoding.steady.has_to_prove &= keeps_up != Some(true) || !is_whole;
        keeps_up == Some(false)
    }

    /// The smallest encoding that is sent and not left alone. Of larger ones that are, nothing is asked for again: it would be
    /// sent before what is new of this one.
    pub(crate) fn smallest_sent(&self, now: Micros) -> usize {
        let is_sent = |one: &Encoding| one.is_active(now) && !one.steady.is_left_alone(now);
        let found = self.encodings.iter().position(is_sent);
        found.unwrap_or(self.encodings.len())
    }

    /// Whether an encoding is sent now, not left alone, and has kept up since it stopped last.
    pub(crate) fn is_kept_up(&self, now: Micros, number: u8) -> bool {
        let encoding = self.encodings.get(usize::from(number));
        let is_kept_up = |one: &Encoding| one.steady.may_show() && !one.steady.is_left_alone(now);
        encoding.is_some_and(|one| one.is_active(now) && is_kept_up(one))
    }

    /// The next smaller encoding that is not left alone.
    fn next_below(&self, now: Micros, encoding: u8) -> Option<u8> {
        let free = |number: &u8| {
            let one = self.encodings.get(usize::from(*number));
            one.is_some_and(|one| !one.steady.is_left_alone(now))
        };
        (0..encoding).rev().find(free)
    }
}

impl Shard {
    /// Decides what a slot's source is to send as well: the next smaller encoding, while what is wished for does not come. True
    /// when that is another one than before.
    pub(crate) fn spare_changed(&mut self, now: Micros, taker: Taker) -> bool {
        let Some(filling) = self.filling(taker) else {
            return false;
        };
        let (wish, target) = (filling.terms.wish, filling.target);
        let is_less = |wish: &Layer| target.is_some_and(|target| target.encoding < wish.encoding);
        let spare = wish.filter(is_less).and_then(|wish| {
            let source = self.source_of(filling)?;
            source.next_below(now, wish.encoding)
        });
        self.filling_mut(taker)
            .is_some_and(|filling| std::mem::replace(&mut filling.terms.spare, spare) != spare)
    }

    /// Notes which of the encodings that a leg is sent have stopped.
    pub(crate) fn note_stops(&mut self, now: Micros, index: u32) {
        let slots = self.leg(index).map_or(0, |leg| leg.slots.len());
        for slot in 0..slots {
            let taken = self.leg(index).and_then(|leg| {
                let of = &leg.slots[slot];
                let filling = of
                    .filling
                    .as_ref()
                    .filter(|_| of.spec.kind == Kind::Video)?;
                let flows = filling.flowing.map(|stream| stream.encoding);
                let aims = [filling.target, filling.terms.wish];
                let aims = aims.into_iter().flatten().map(|layer| layer.encoding);
                let largest = aims.chain(flows).max().filter(|largest| *largest > 0)?;
                Some((filling.leg, filling.source, largest))
            });
            let Some((sender, number, encoding)) = taken else {
                continue;
            };
            let sources = self.leg_mut(sender).map(|leg| leg.sources.iter_mut());
            let mut sources = sources.into_iter().flatten();
            if let Some(source) = sources.find(|source| source.spec.source == number) {
                source.note_stop(now, encoding);
            }
        }
    }
}

/// Whether pictures have come for some time of late since `last`.
fn goes_on(smaller: &Encoding, now: Micros, last: Micros) -> bool {
    smaller.newest.is_some_and(|(_, at)| {
        now.since(at) < GOES_ON && at.since(last.max(smaller.began)) >= patience(smaller)
    })
}

/// How long nothing may come of a larger encoding: some pictures in a row may be left out.
fn patience(smaller: &Encoding) -> Micros {
    STOPPED_AFTER.max(Micros(
        u64::from(smaller.interval) * PICTURES * 1_000 / TICKS_A_MS,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stops_is_left_alone_longer_each_time_and_forgiven_after_a_while() {
        let mut steady = Steady::default();
        let mut now = Micros::from_secs(1_000);
        let mut alone = |steady: &mut Steady, after: u64| {
            now = now + Micros::from_secs(after);
            steady.stop(now);
            let seconds = 1..200;
            let is_free = |second: &u64| !steady.is_left_alone(now + Micros::from_secs(*second));
            seconds.into_iter().find(is_free)
        };
        for (after, seconds) in [(0, 4), (10, 15), (20, 30), (35, 60), (70, 120), (130, 120)] {
            assert_eq!(alone(&mut steady, after), Some(seconds));
        }
        assert_eq!(alone(&mut steady, 181), Some(4));
    }

    /// A rest is no stop: what stops after it is left alone as if there had been none.
    #[test]
    fn what_rests_is_left_alone_for_a_while_and_nothing_is_held_against_it() {
        let at = |seconds: u64| Micros::from_secs(1_000 + seconds);
        let mut steady = Steady::default();
        steady.stop(at(0));
        steady.stop(at(10));
        for second in [70, 75, 80] {
            steady.rest(at(second), true);
            assert!(steady.is_left_alone(at(second + 3)) && !steady.is_left_alone(at(second + 4)));
            assert!(!steady.may_show() && steady.untold_until(at(second + 1)).is_some());
            assert_eq!(steady.untold_until(at(second + 2)), None);
        }
        steady.stop(at(100));
        assert!(!steady.is_left_alone(at(104)));
        let mut unseen = Steady::default();
        unseen.rest(at(0), false);
        assert!(unseen.may_show());
    }

    #[test]
    fn one_that_comes_again_has_not_stopped() {
        let mut steady = Steady::default();
        let at = Micros::from_secs(1_000);
        assert!(!steady.has_stopped(at));
        steady.stop(at);
        assert!(steady.has_stopped(at) && steady.has_stopped(Micros::from_secs(999)));
        assert!(!steady.has_stopped(Micros(at.0 + 1)));
    }

    #[test]
    fn two_thirds_of_the_pictures_are_enough_and_few_are_counted_for_longer() {
        let mut steady = Steady::default();
        let mut count = |millis: u64, own, smallest| {
            steady.count(Micros::from_millis(1_000_000 + millis), own, smallest)
        };
        assert_eq!(count(0, 0, 0), None, "nothing was counted before");
        assert_eq!(count(900, 25, 25), None);
        assert_eq!(count(1_000, 17, 25), Some(true));
        assert_eq!(count(2_000, 33, 50), Some(false));
        assert_eq!(count(3_000, 38, 55), None);
        assert_eq!(count(3_600, 41, 58), Some(true), "eight of eight");
        assert_eq!(count(5_000, 41, 100), None, "nobody looked");
        for (second, expected) in [
            (6, None),
            (7, None),
            (8, None),
            (9, None),
            (10, Some(false)),
        ] {
            assert_eq!(count(second * 1_000, 41, 100 + second / 10), expected);
        }
    }
}
