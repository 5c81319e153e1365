//! When what a receiver's link carries is divided anew: down soon, up only where there has been room for a while, and later each
//! time that a climb has to be taken back. A change of size costs a key frame, and pictures that change all the time are worse
//! than small ones.

use crate::allocate::{allocate, are_same_size, sum, Wish};
use crate::time::Micros;

/// Going up takes this much more than what would be sent, in percent: rates of pictures and estimates of links swing. To
/// another encoding, and to more temporal layers of the same.
const MARGIN: (u64, u64) = (115, 103);
/// What is sent may exceed the estimate by this much, in percent, before it is too much: where another size takes its place or
/// none, and where fewer temporal layers do, which would be missing for half a minute. Until then the pacer leaves out single
/// pictures of the highest.
const TOLERANCE: (u64, u64) = (105, 130);
/// For how long it may be too much before temporal layers of an only picture are taken back, and then its lowest layer, if that
/// is at most so many percent of the estimate: what the pacer holds is then bearable. Of several pictures it cannot leave out
/// enough.
const PATIENCE: Micros = Micros::from_millis(2_500);
const LOWEST: u64 = 200;
/// For how long there has to be room before another size, and before more of the same or a picture that was off.
const ROOM_FOR: (Micros, Micros) = (Micros::from_millis(2_000), Micros::from_millis(1_000));
/// A climb that has to be taken back within this time has failed.
const FAILED_WITHIN: Micros = Micros::from_secs(30);
/// An estimate below this share of what it was of late, in percent, is one of another link.
const SAME_LINK: u64 = 60;
/// Falls within this time of a change belong to it: it takes as long until the new link is known, or a new picture's rate.
const CHANGES_FOR: Micros = Micros::from_millis(4_000);
/// A part of each estimate, as a power of two, goes into what is usual: three seconds of reviews.
const USUAL_SHIFT: u32 = 4;
/// How long nothing goes up after something went down, and the longest after climbs that failed one upon the other. A
/// picture that was put off comes back sooner, unless it had just come back: an estimate falls below what the link carries
/// until the queue there is gone.
const HOLD: (Micros, Micros) = (Micros::from_secs(30), Micros::from_secs(240));
/// The same when the link has become another, or there is another picture to send: what fits is found soon.
const CHANGED_HOLD: Micros = Micros::from_millis(1_500);
/// An estimate this much above that of the last fall, in percent, is another link: nothing is held back on it.
const ANOTHER_LINK: u64 = 200;

/// Keeps what was decided until there is reason to decide otherwise.
#[derive(Debug, Default)]
pub struct Allocator {
    /// What is too much waits in a pacer, and sound does not wait for it. Elsewhere it is taken back at once.
    pub is_paced: bool,
    room_since: Option<Micros>,
    short_since: Option<Micros>,
    climbed: Option<Micros>,
    /// What the link carried of late.
    usual: Option<u64>,
    /// When it became another, and when somebody's pictures began.
    changed: Option<Micros>,
    began: Option<Micros>,
    /// How many have their place and send nothing.
    idle: usize,
    fell: Option<Fall>,
}

#[derive(Debug, Clone, Copy)]
struct Fall {
    at: Micros,
    estimate: u64,
    hold: Micros,
    /// It took back a climb.
    failed: bool,
}

impl Allocator {
    /// The level of each slot now. `estimate`: bits a second for pictures; `None`: no limit is known.
    pub fn decide(&mut self, now: Micros, estimate: Option<u64>, wishes: &[Wish]) -> Vec<usize> {
        let Some(estimate) = estimate else {
            self.forget();
            return wishes.iter().map(Wish::top).collect();
        };
        let idle = wishes.iter().filter(|wish| wish.is_idle()).count();
        if std::mem::replace(&mut self.idle, idle) > idle {
            self.began = Some(now);
        }
        let decided = wishes.iter().map(|wish| wish.level);
        let Some(current) = decided.collect::<Option<Vec<usize>>>() else {
            // Somebody is new, or matters more than before: everyone's share is another.
            self.forget();
            self.began = self.usual.map(|_| now);
            return allocate(estimate, wishes);
        };
        if is_short(estimate, wishes, &current) {
            return self.take_back(now, estimate, wishes, current);
        }
        self.short_since = None;
        let usual = self.usual.get_or_insert(estimate);
        *usual = (*usual * ((1 << USUAL_SHIFT) - 1) + estimate) >> USUAL_SHIFT;
        self.rise(now, estimate, wishes, current)
    }

    /// Down, at once or where there has been too little for a while.
    fn take_back(
        &mut self,
        now: Micros,
        estimate: u64,
        wishes: &[Wish],
        current: Vec<usize>,
    ) -> Vec<usize> {
        self.room_since = None;
        let since = *self.short_since.get_or_insert(now);
        let is_over = now.since(since) >= PATIENCE;
        let only = only(wishes, &current).filter(|_| self.is_paced);
        let less = only.map_or_else(
            || lowered(&allocate(estimate, wishes), &current),
            |at| {
                let may_stay = !is_over || current[at] > 1;
                let budget = with_lowest(estimate, &wishes[at], may_stay);
                let mut less = current.clone();
                less[at] = allocate(budget, &wishes[at..=at])[0].min(current[at]);
                less
            },
        );
        let may_dip = only.is_some() && !is_over && are_same_size(wishes, &less, &current);
        if may_dip || less == current {
            return current;
        }
        self.fall((since, now), estimate);
        less
    }

    /// What was too much or too little until now is so no longer, as where there is no limit.
    pub fn forget(&mut self) {
        (self.room_since, self.short_since) = (None, None);
    }

    /// Up, where there has been room for a while.
    fn rise(
        &mut self,
        now: Micros,
        estimate: u64,
        wishes: &[Wish],
        current: Vec<usize>,
    ) -> Vec<usize> {
        let could = self.could(estimate, wishes, &current);
        let mut pairs = could.iter().zip(&current);
        let is_more = pairs.clone().any(|(could, has)| could > has);
        let comes_back = pairs.any(|(could, has)| *has == 0 && *could > 0);
        let may_be_held = !comes_back || self.has_failed();
        if !is_more || may_be_held && self.is_held(now, estimate) {
            self.room_since = None;
            return current;
        }
        let is_quick = comes_back || are_same_size(wishes, &could, &current);
        let wait = if is_quick { ROOM_FOR.1 } else { ROOM_FOR.0 };
        let since = *self.room_since.get_or_insert(now);
        if now.since(since) < wait {
            return current;
        }
        self.room_since = None;
        self.climbed = Some(now);
        could
    }

    /// What would fit. More pictures of the same size may come and go at any time; another size costs a key frame.
    fn could(&self, estimate: u64, wishes: &[Wish], current: &[usize]) -> Vec<usize> {
        let could = allocate(estimate * 100 / MARGIN.1, wishes);
        if are_same_size(wishes, &could, current) {
            return could;
        }
        allocate(estimate * 100 / MARGIN.0, wishes)
    }

    /// Notes that less is sent from now on. What has happened `since` there is too little was the cause.
    fn fall(&mut self, (since, now): (Micros, Micros), estimate: u64) {
        let has_changed = self.link_has_changed(since, estimate) || self.has_begun(since);
        let failed = !has_changed
            && self
                .climbed
                .is_some_and(|at| since.since(at) < FAILED_WITHIN);
        let hold = match self.fell.filter(|_| failed) {
            _ if has_changed => CHANGED_HOLD,
            Some(fall) => Micros(fall.hold.0 * 2).clamp(HOLD.0, HOLD.1),
            None if failed => Micros(HOLD.0 .0 * 2),
            None => HOLD.0,
        };
        (self.room_since, self.short_since, self.climbed) = (None, None, None);
        self.fell = Some(Fall {
            at: now,
            estimate,
            hold,
            failed,
        });
    }

    fn link_has_changed(&mut self, now: Micros, estimate: u64) -> bool {
        if self
            .usual
            .is_some_and(|usual| estimate * 100 < usual * SAME_LINK)
        {
            (self.usual, self.changed) = (Some(estimate), Some(now));
        }
        self.changed.is_some_and(|at| now.since(at) < CHANGES_FOR)
    }

    /// Whether there is more to send than a moment ago, which is no fault of the link's: what comes of a camera is known when
    /// it has sent for a second or two.
    fn has_begun(&self, now: Micros) -> bool {
        self.began.is_some_and(|at| now.since(at) < CHANGES_FOR)
    }

    fn has_failed(&self) -> bool {
        self.fell.is_some_and(|fall| fall.failed)
    }

    fn is_held(&self, now: Micros, estimate: u64) -> bool {
        self.fell.is_some_and(|fall| {
            let another_link = estimate * 100 >= fall.estimate * ANOTHER_LINK;
            now.since(fall.at) < fall.hold && !another_link
        })
    }
}

/// Whether less has to be sent.
fn is_short(estimate: u64, wishes: &[Wish], current: &[usize]) -> bool {
    let sent = sum(wishes, current) * 100;
    let costs_size = || !are_same_size(wishes, &allocate(estimate, wishes), current);
    sent > estimate * TOLERANCE.1 || (sent > estimate * TOLERANCE.0 && costs_size())
}

/// Nobody goes up with what the others give up.
fn lowered(could: &[usize], current: &[usize]) -> Vec<usize> {
    let pairs = could.iter().zip(current);
    pairs.map(|(could, has)| *could.min(has)).collect()
}

/// Whose picture is the only one that is sent.
fn only(wishes: &[Wish], current: &[usize]) -> Option<usize> {
    let pairs = wishes.iter().zip(current).enumerate();
    let mut sent = pairs.filter(|(_, (wish, level))| wish.bitrate(**level) > 0);
    let (only, _) = sent.next()?;
    sent.next().is_none().then_some(only)
}

/// The estimate, or what the lowest layer takes if it `may_stay` and that is not much more: where a picture was off, it takes a
/// second and a key frame until there is one again. What has one size and rate only cannot be sent any smaller.
fn with_lowest(estimate: u64, wish: &Wish, may_stay: bool) -> u64 {
    let may_stay = may_stay && wish.top() > 1;
    let lowest = if may_stay { wish.bitrate(1) } else { 0 };
    estimate.max(lowest.min(estimate * LOWEST / 100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocate::tests::simulcast;
    use crate::random::Random;

    const STEP: Micros = Micros::from_millis(200);

    fn paced() -> Allocator {
        Allocator {
            is_paced: true,
            ..Allocator::default()
        }
    }

    /// Runs a trace of estimates, one each 200 ms; gives when what was decided changed.
    fn changes(trace: impl Iterator<Item = u64>, wishes: &mut [Wish]) -> Vec<Micros> {
        let (mut allocator, mut now) = (paced(), Micros::from_secs(1_000));
        let mut changes = Vec::new();
        for estimate in trace {
            let levels = allocator.decide(now, Some(estimate), wishes);
            for (wish, level) in wishes.iter_mut().zip(levels) {
                if wish
                    .level
                    .replace(level)
                    .is_some_and(|before| before != level)
                {
                    changes.push(now);
                }
            }
            now = now + STEP;
        }
        changes
    }

    #[test]
    fn a_noisy_but_steady_link_sees_at_most_two_changes_a_minute() {
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mean = 100_000 + random.below(3_000_000);
            let swing = 5 + random.below(25);
            let noise = std::iter::repeat_with(|| {
                let percent = 100 - swing + random.below(2 * swing + 1);
                mean * percent / 100
            });
            let found = changes(noise.take(5 * 600), &mut [simulcast(0)]);
            for at in &found {
                let minute = found
                    .iter()
                    .filter(|b| *b >= at && b.since(*at) < Micros::from_secs(60));
                let settled = at.since(Micros::from_secs(1_000)) > Micros::from_secs(60);
                assert!(!settled || minute.count() <= 2, "{seed}: {found:?}");
            }
        }
    }

    #[test]
    fn what_is_too_much_goes_at_once_and_a_link_that_is_back_is_used_within_five_seconds() {
        // The lowest layer takes 60,000.
        for (thin, expected) in [
            (20_000, &[5_000, 16_000][..]),
            (40_000, &[5_000, 7_800, 16_000]),
        ] {
            let trace = [(2_000_000, 25), (thin, 50), (2_000_000, 50)];
            let trace = trace
                .into_iter()
                .flat_map(|(rate, steps)| std::iter::repeat_n(rate, steps));
            let mut one = [simulcast(0)];
            let found = changes(trace, &mut one);
            let start = Micros::from_secs(1_000);
            let after: Vec<u64> = found.iter().map(|at| at.since(start).0 / 1_000).collect();
            assert_eq!(after, expected);
            assert_eq!(one[0].level, Some(5));
        }
    }

    /// Who looks at one in full size when the camera of another begins, which was off, soon sees both as well as fits. What
    /// one sends alone may become too much as well: that would become so again.
    #[test]
    fn a_camera_that_begins_on_a_full_link_is_no_fall_of_the_link() {
        for (before, expected) in [(0, 4), (1_000, 3)] {
            let mut wishes = [simulcast(0), simulcast(0)];
            (wishes[0].level, wishes[1].level) = (Some(5), Some(3));
            wishes[1].choices.truncate(3);
            let of_camera = wishes[1].choices.iter_mut();
            of_camera.for_each(|choice| choice.bitrate = before);
            let mut allocator = paced();
            allocator.decide(Micros::from_secs(1_000), Some(1_520_000), &wishes);
            wishes[1].choices = simulcast(0).choices;
            for step in 0..30 {
                let now = Micros(Micros::from_secs(1_010).0 + STEP.0 * step);
                let levels = allocator.decide(now, Some(1_520_000), &wishes);
                let pairs = wishes.iter_mut().zip(levels);
                pairs.for_each(|(wish, level)| wish.level = Some(level));
            }
            let levels = wishes.each_ref().map(|wish| wish.level);
            assert_eq!(levels, [Some(4), Some(expected)]);
        }
    }

    #[test]
    fn an_estimate_that_dips_costs_neither_layers_nor_the_picture_but_the_size_at_once() {
        let at = |level| Wish {
            level: Some(level),
            ..simulcast(0)
        };
        let levels = |of: &[Wish], estimate| paced().decide(Micros(0), Some(estimate), of);
        for (level, estimate, expected) in [
            (3, 110_000, 3),
            (4, 470_000, 3),
            (3, 31_000, 3),
            (1, 31_000, 1),
            (4, 31_000, 1),
            (3, 29_000, 0),
            (1, 29_000, 0),
        ] {
            assert_eq!(levels(&[at(level)], estimate), [expected]);
        }
        assert_ne!(levels(&[at(3), at(3)], 220_000), [3, 3]);
        // A camera that is off keeps its place, and costs nothing.
        let mut off = at(5);
        off.choices.iter_mut().for_each(|choice| choice.bitrate = 0);
        assert_eq!(levels(&[at(3), off], 110_000)[0], 3);
        let mut allocator = paced();
        for (millis, estimate, expected) in [
            (0, 110_000, 3),
            (2_400, 110_000, 3),
            (2_600, 120_000, 3),
            (2_800, 110_000, 3),
            (5_200, 110_000, 3),
            (5_300, 110_000, 2),
        ] {
            let now = Micros::from_millis(millis);
            assert_eq!(allocator.decide(now, Some(estimate), &[at(3)]), [expected]);
        }
        let levels = follow(
            3,
            &[
                (Some(60_000), 1_000),
                (Some(50_000), 2_480),
                (Some(50_000), 100),
            ],
        );
        assert_eq!(levels, [Some(1), Some(1), Some(0)]);
    }

    /// What one picture of so many choices has after each of these estimates and times in ms.
    fn follow(choices: usize, steps: &[(Option<u64>, u64)]) -> Vec<Option<usize>> {
        let (mut allocator, mut now) = (paced(), Micros::from_secs(1_000));
        let mut one = [simulcast(0)];
        one[0].choices.truncate(choices);
        let after = steps.iter().map(|(estimate, millis)| {
            let end = now + Micros::from_millis(*millis);
            while now < end {
                let levels = allocator.decide(now, *estimate, &one);
                one[0].level = levels.first().copied();
                now = now + Micros::from_millis(20);
            }
            one[0].level
        });
        after.collect()
    }

    #[test]
    fn layers_need_little_room_for_a_second_and_sizes_more_for_two() {
        for (before, estimate, wait, expected) in [
            (100_000, 154_000, 1_060, None),
            (100_000, 155_000, 980, None),
            (100_000, 155_000, 1_060, Some(3)),
            (200_000, 574_000, 2_060, None),
            (200_000, 576_000, 1_980, None),
            (200_000, 576_000, 2_060, Some(4)),
        ] {
            let levels = follow(5, &[(Some(before), 1_000), (Some(estimate), wait)]);
            assert_eq!(levels[1], expected.or(levels[0]), "{estimate}, {wait} ms");
        }
    }

    /// Each has its own time.
    #[test]
    fn the_lowest_layer_goes_after_the_others() {
        let steps = [
            (160_000, 1_000),
            (50_000, 2_480),
            (50_000, 100),
            (50_000, 2_400),
            (50_000, 100),
        ];
        let levels = follow(3, &steps.map(|(estimate, millis)| (Some(estimate), millis)));
        assert!(levels.into_iter().flatten().eq([3, 3, 1, 1, 0]));
    }

    /// A camera that is off, and had no place before, changes nothing either.
    #[test]
    fn nothing_is_kept_longer_without_a_pacer_nor_of_one_size_nor_beside_an_idle_one() {
        let lasts = |allocator: &mut Allocator, wishes: &mut [Wish]| {
            for step in 0..50 {
                let now = Micros(Micros::from_secs(1_000).0 + STEP.0 * step);
                let levels = allocator.decide(now, Some(50_000), wishes);
                wishes[0].level = levels.first().copied();
                if wishes[0].level == Some(0) {
                    return step;
                }
            }
            50
        };
        let at = |level, choices| {
            let mut wish = simulcast(0);
            (wish.level, wish.importance) = (Some(level), 1);
            wish.choices.truncate(choices);
            wish
        };
        let mut idle = at(0, 1);
        (idle.choices[0].bitrate, idle.importance) = (0, 0);
        assert_eq!(lasts(&mut Allocator::default(), &mut [at(1, 3)]), 0);
        assert_eq!(lasts(&mut paced(), &mut [at(1, 1)]), 0);
        assert_eq!(lasts(&mut paced(), &mut [at(1, 3)]), 13);
        assert_eq!(lasts(&mut paced(), &mut [at(1, 3), idle.clone()]), 13);
        // It costs something now, and is not sent for all that.
        idle.choices[0].bitrate = 20_000;
        assert_eq!(lasts(&mut paced(), &mut [at(1, 3), idle]), 13);
    }

    /// A shortage that ended with the estimate does not go on with the next one.
    #[test]
    fn a_dip_begins_anew_after_a_time_without_an_estimate() {
        let dip = (Some(110_000), 2_000);
        let steps = [(Some(160_000), 1_000), dip, (None, 1_000), dip, dip];
        let levels = follow(3, &steps).into_iter().flatten();
        assert!(levels.eq([3, 3, 3, 3, 2]));
    }

    #[test]
    fn without_an_estimate_everyone_gets_everything() {
        let wishes = [simulcast(0), simulcast(3)];
        let levels = paced().decide(Micros(0), None, &wishes);
        assert_eq!(levels, [5, 5]);
    }
}
