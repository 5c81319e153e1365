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
/// For how long another size is left alone, if what is sent is at most so many percent of the estimate: the key frame with which
/// another size begins makes a queue, and what the link carries is known when it has been probed after that. The pacer leaves
/// out single pictures until then.
const SETTLES_FOR: Micros = Micros::from_millis(3_000);
const SETTLES: u64 = 150;
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
    /// Less leaves just now than the estimate says, so that the key frame of another size would take long.
    pub is_slowed: bool,
    room_since: Option<Micros>,
    short_since: Option<Micros>,
    climbed: Option<Micros>,
    /// The same to another size.
    turned: Option<Micros>,
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
        if self.settles(now, estimate, sum(wishes, &current)) {
            let is_short = is_short(estimate, wishes, &current);
            let since = self.short_since.unwrap_or(now);
            (self.room_since, self.short_since) = (None, is_short.then_some(since));
            return current;
        }
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
        let is_slowed = self.is_slowed && !comes_back;
        if !is_more || is_slowed || may_be_held && self.is_held(now, estimate) {
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
        if !are_same_size(wishes, &could, &current) {
            self.turned = Some(now);
        }
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
        (self.room_since, self.short_since) = (None, None);
        (self.climbed, self.turned) = (None, None);
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

    /// Whether what was turned to lately may be bearable yet, as what the pacer holds is until then.
    fn settles(&self, now: Micros, estimate: u64, sent: u64) -> bool {
        let is_new = self.turned.is_some_and(|at| now.since(at) < SETTLES_FOR);
        self.is_paced && is_new && sent * 100 <= estimate * SETTLES
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
mod tests;
