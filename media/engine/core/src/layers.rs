//! Which encoding and temporal layers flow into each slot: what the leg's link carries (`allocate`, `allocator`), of what
//! its sources send now; and what sources are asked to send in consequence (`demand`).

use crate::allocate::{Choice, Wish};
use crate::allocator::Allocator;
use crate::api::{Event, Kind, LegId, Wanted};
use crate::demand::in_steps;
use crate::encoding::{Encoding, Taker};
use crate::ladder::WITH_HEADERS;
use crate::leg::Leg;
use crate::link::Link;
use crate::outbox::Outbox;
use crate::shard::Shard;
use crate::slot::{Filling, Layer, Slot};
use crate::source::Source;
use crate::time::Micros;

/// How often a leg is looked at whose link, or whose sources' encodings, may change.
const REVIEW: Micros = Micros::from_millis(200);
/// Probes look for so much more than everything would take, in percent: what the allocator needs to go up, and as much
/// as estimates swing by.
const LOOKED_FOR: u64 = 130;
/// What an only encoding could send: what pages offer at the most.
const SINGLE_WANTED: u64 = 1_500_000;
/// An estimate that has fallen so far, in percent, is acted upon at once.
const FALLEN: u64 = 90;
/// What is held for longer is not waited for when a smaller picture takes its place.
const HELD_LONG: Micros = Micros::from_millis(100);
/// What a source is asked for at the least: below it there is no picture worth the name.
const LEAST_ASKED: u64 = 50_000;

/// What a leg knows about its share of things.
#[derive(Debug, Default)]
pub struct Layers {
    allocator: Option<Box<Allocator>>,
    /// Bits a second that the link to the leg carries, sound included; `None` where nobody has measured.
    pub estimate: Option<u64>,
    /// The estimate that was last acted upon.
    heeded: Option<u64>,
    review_at: Option<Micros>,
    decide_anew: bool,
}

impl Layers {
    /// Other sources fill the slots, or they matter otherwise than before.
    pub fn plan_changed(&mut self) {
        self.decide_anew = true;
    }
}

/// A slot under review.
struct Reviewed {
    slot: usize,
    wish: Wish,
    is_single: bool,
    /// What it would be sent over a link that carries everything.
    wanted: u64,
}

impl Reviewed {
    fn new(now: Micros, slot: usize, (source, filling): (&Source, &Filling), anew: bool) -> Self {
        let is_single = source.encodings.len() == 1;
        let claim = filling.terms.claim;
        let mut choices = source.choices(now, claim.height);
        let top = choices.last().map_or(0, |choice| choice.bitrate);
        // What an only encoding sends follows what was asked of it, and says nothing of what it could send.
        let wanted = top.max(if is_single { SINGLE_WANTED } else { 0 });
        let level = level_of(filling, &choices).filter(|_| !anew);
        if source.is_idle(now) {
            // It keeps its place, and takes no room from those who send.
            choices.truncate(level.map_or(choices.len(), |level| level.max(1)));
            choices.iter_mut().for_each(|choice| choice.bitrate = 0);
        }
        let wish = Wish {
            importance: claim.importance,
            choices,
            level,
        };
        Self {
            slot,
            wish,
            is_single,
            wanted,
        }
    }
}

impl Shard {
    /// Looks at what a leg is sent, if that is due; gives the time of the next look.
    pub(crate) fn review_if_due(
        &mut self,
        now: Micros,
        index: u32,
        out: &mut Outbox,
    ) -> Option<Micros> {
        let due = self.leg(index)?.layers.review_at?;
        if due <= now {
            self.review(now, index, out);
        }
        self.leg(index)?.layers.review_at
    }

    /// Takes over what congestion control says of the link to a leg.
    pub(crate) fn heed_link(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        let Some(leg) = self.leg_mut(index) else {
            return;
        };
        let Some(estimate) = leg
            .link
            .as_deref()
            .map(|link| u64::from(link.planned_bps(now)))
        else {
            return;
        };
        let heeded = leg.layers.heeded;
        leg.layers.estimate = Some(estimate);
        if let Some(arrivals) = leg.arrivals.as_deref_mut() {
            arrivals.set_way(estimate.min(u64::from(u32::MAX)) as u32);
        }
        self.fit_sound(now, index, estimate);
        if heeded.is_none_or(|heeded| estimate * 100 < heeded * FALLEN) {
            self.review(now, index, out);
        }
    }

    /// What the link to a leg carries now, in bits a second; `None` while nobody knows. Acted upon at once if it has
    /// become too little.
    pub fn set_estimate(
        &mut self,
        now: Micros,
        leg: LegId,
        estimate: Option<u64>,
        out: &mut Outbox,
    ) {
        let Some(&index) = self.by_id.get(&leg) else {
            return;
        };
        if let Some(leg) = self.leg_mut(index) {
            leg.layers.estimate = estimate;
        }
        self.fit_sound(now, index, estimate.unwrap_or(u64::MAX));
        self.review(now, index, out);
    }

    /// Decides anew what flows into each slot of a leg.
    pub(crate) fn review(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        let Some(leg) = self.leg(index) else {
            return;
        };
        let estimate = leg.layers.estimate;
        self.note_stops(now, index);
        let Some(leg) = self.leg(index) else {
            return;
        };
        let (reviewed, has_choice) = self.reviewed(now, leg);
        let sound = self.sound_of(now, leg);
        let budget = estimate.map(|estimate| estimate.saturating_sub(sound));
        let Some(leg) = self.leg_mut(index) else {
            return;
        };
        let needed = (estimate.is_some() || has_choice) && !reviewed.is_empty();
        leg.layers.decide_anew = false;
        leg.layers.heeded = estimate;
        leg.layers.review_at = needed.then_some(now + REVIEW);
        if !needed {
            leg.layers.allocator.as_deref_mut().map(Allocator::forget);
            return;
        }
        let wanted: u64 = reviewed.iter().map(|one| one.wanted).sum();
        if let Some(link) = leg.link.as_deref_mut() {
            let wanted = sound + wanted * LOOKED_FOR / 100;
            link.set_wanted(wanted.min(u64::from(u32::MAX)) as u32);
        }
        let wishes: Vec<Wish> = reviewed.iter().map(|one| one.wish.clone()).collect();
        let allocator = leg.layers.allocator.get_or_insert_default();
        allocator.is_paced = leg.link.is_some();
        allocator.is_slowed = leg.link.as_deref().is_some_and(Link::is_trying);
        let levels = allocator.decide(now, budget, &wishes);
        let shares = budget.map(|budget| shares(budget, &reviewed, &levels));
        for (at, (one, level)) in reviewed.iter().zip(levels).enumerate() {
            let wish = level.checked_sub(1).and_then(|at| one.wish.choices.get(at));
            let share = shares.as_ref().and_then(|shares| shares[at]);
            let taker = Taker {
                leg: index,
                slot: one.slot as u16,
            };
            self.set_wish(now, taker, (wish.map(|choice| choice.layer), share), out);
        }
        self.wake_by(index, now + REVIEW);
    }

    /// The slots of a leg in which there are pictures, and whether any of their sources has several encodings.
    fn reviewed(&self, now: Micros, leg: &Leg) -> (Vec<Reviewed>, bool) {
        let mut reviewed = Vec::new();
        let mut has_choice = false;
        for (slot, of) in leg.slots.iter().enumerate() {
            let Some(filling) = of.filling.as_ref().filter(|_| of.spec.kind == Kind::Video) else {
                continue;
            };
            let Some(source) = self.source_of(filling) else {
                continue;
            };
            has_choice |= source.encodings.len() > 1;
            let anew = leg.layers.decide_anew;
            reviewed.push(Reviewed::new(now, slot, (source, filling), anew));
        }
        (reviewed, has_choice)
    }

    pub(crate) fn source_of(&self, filling: &Filling) -> Option<&Source> {
        let mut sources = self.leg(filling.leg)?.sources.iter();
        sources.find(|source| source.spec.source == filling.source)
    }

    /// Lets a slot be sent what was decided, or what comes nearest of what is sent now.
    fn set_wish(
        &mut self,
        now: Micros,
        taker: Taker,
        (wish, share): (Option<Layer>, Option<u64>),
        out: &mut Outbox,
    ) {
        let Some(filling) = self.filling_mut(taker) else {
            return;
        };
        let (sender, number) = (filling.leg, filling.source);
        let is_news =
            (filling.terms.wish, filling.terms.share.map(in_steps)) != (wish, share.map(in_steps));
        (filling.terms.wish, filling.terms.share) = (wish, share);
        self.aim(now, taker, out);
        if self.spare_changed(now, taker) || is_news {
            self.demand_changed(now, sender, number);
        }
    }

    /// Turns a slot towards what was decided for it, unless its picture rests.
    pub(crate) fn aim(&mut self, now: Micros, taker: Taker, out: &mut Outbox) {
        let Some(filling) = self.filling(taker) else {
            return;
        };
        let (sender, number) = (filling.leg, filling.source);
        let before = filling.target;
        let wish = filling.terms.wish.filter(|_| !filling.terms.rests);
        let target = wish.zip(self.source_of(filling));
        let target = target.map(|(wish, source)| source.nearest(now, wish));
        if target.map(|layer| layer.encoding) < before.map(|layer| layer.encoding) {
            self.clear_way(taker);
        }
        if let Some(filling) = self.filling_mut(taker) {
            filling.target = target;
            if target.is_none() {
                filling.flowing = None;
            }
        }
        if before.map(|layer| layer.encoding) != target.map(|layer| layer.encoding) {
            self.list(taker);
            let waits = self.filling(taker).and_then(Filling::waits_for);
            if let Some(encoding) = waits {
                self.ask_for(now, taker, (sender, (number, encoding)), out);
            }
        }
        if before != target {
            self.demand_changed(now, sender, number);
        }
    }

    /// A picture that has become too large for its link makes way at once: what is held of it, and what more of it would
    /// come, would only keep the smaller one from beginning.
    fn clear_way(&mut self, taker: Taker) {
        let Some(leg) = self.leg_mut(taker.leg) else {
            return;
        };
        let link = leg.link.as_deref_mut();
        let is_in_the_way = |link: &&mut Link| link.is_full() || link.delay() > HELD_LONG;
        if let Some(link) = link.filter(is_in_the_way) {
            link.forget_slot(taker.slot);
            leg.slots[usize::from(taker.slot)].pause();
        }
    }

    pub(crate) fn filling(&self, taker: Taker) -> Option<&Filling> {
        let slot = self.leg(taker.leg)?.slots.get(usize::from(taker.slot))?;
        slot.filling.as_ref()
    }

    pub(crate) fn filling_mut(&mut self, taker: Taker) -> Option<&mut Filling> {
        let slot = self
            .leg_mut(taker.leg)?
            .slots
            .get_mut(usize::from(taker.slot))?;
        slot.filling.as_mut()
    }

    /// Puts a slot into the lists of those encodings whose packets are of use to it, and takes it out of the others.
    fn list(&mut self, taker: Taker) {
        let Some(filling) = self.filling(taker) else {
            return;
        };
        let (sender, number) = (filling.leg, filling.source);
        let takes: [bool; crate::source::MOST_ENCODINGS] =
            std::array::from_fn(|encoding| filling.takes(encoding as u8));
        let Some(leg) = self.leg_mut(sender) else {
            return;
        };
        let source = leg
            .sources
            .iter_mut()
            .find(|source| source.spec.source == number);
        let encodings = source.into_iter().flat_map(|source| &mut source.encodings);
        for (encoding, takes) in encodings.zip(takes) {
            match encoding.takers.iter().position(|other| *other == taker) {
                Some(at) if !takes => {
                    encoding.takers.swap_remove(at);
                }
                None if takes => encoding.takers.push(taker),
                _ => {}
            }
        }
    }

    /// After slots have turned to an encoding: they need nothing of the one before any more.
    pub(crate) fn list_anew(&mut self, now: Micros, (index, position, number): (u32, usize, u8)) {
        let taker = |shard: &Self, at: usize| {
            let source = shard.leg(index)?.sources.get(position)?;
            source
                .encodings
                .get(usize::from(number))?
                .takers
                .get(at)
                .copied()
        };
        let mut at = 0;
        while let Some(one) = taker(self, at) {
            self.list(one);
            // Taken out of this list, another one stands in its place.
            at += usize::from(taker(self, at) == Some(one));
        }
        let source = self.leg(index).map(|leg| leg.sources[position].spec.source);
        if let Some(source) = source {
            self.demand_changed(now, index, source);
        }
    }

    /// An encoding has begun, come back, stopped or been given up: what its source's takers wish for may be another one now.
    pub(crate) fn encoding_woke(
        &mut self,
        now: Micros,
        (index, position): (u32, usize),
        out: &mut Outbox,
    ) {
        let Some(leg) = self.leg(index) else {
            return;
        };
        let encodings = leg.sources[position].encodings.iter();
        let takers = encodings.flat_map(|encoding| encoding.takers.iter());
        let mut legs: Vec<u32> = takers.map(|taker| taker.leg).collect();
        legs.sort_unstable();
        legs.dedup();
        for leg in legs {
            self.review(now, leg, out);
        }
    }

    /// Has it looked at whether a source is still asked for the right things.
    pub(crate) fn demand_changed(&mut self, now: Micros, index: u32, source: u16) {
        let Some(leg) = self.leg_mut(index) else {
            return;
        };
        let source = leg.sources.iter_mut().find(|s| s.spec.source == source);
        let at = source.and_then(|source| {
            source.demand.due = source.spec.kind == Kind::Video;
            source.demand.next_at()
        });
        if let Some(at) = at {
            self.wake_by(index, at.max(now));
        }
    }

    /// Tells the sources of a leg what is wanted of them, where that is due; gives the time of the next look.
    pub(crate) fn tell_demands(&mut self, now: Micros, index: u32) -> Option<Micros> {
        let sources = self.leg(index).map_or(0, |leg| leg.sources.len());
        let mut next = None;
        for position in 0..sources {
            let due = self.leg(index)?.sources[position].demand.next_at();
            if due.is_some_and(|at| at <= now) {
                self.tell_demand(now, (index, position));
            }
            let again = self.leg(index)?.sources[position].demand.next_at();
            let again = again.filter(|at| *at > now);
            next = next.into_iter().chain(again).min();
        }
        next
    }

    fn tell_demand(&mut self, now: Micros, (index, position): (u32, usize)) {
        let Some(mut encodings) = self.wanted(index, position) else {
            return;
        };
        let Some(leg) = self.leg_mut(index) else {
            return;
        };
        let id = leg.id;
        let source = &mut leg.sources[position];
        let later = source.leave_untold(now, &mut encodings);
        let number = source.spec.source;
        let is_news = source.demand.update(now, &encodings);
        source.demand.later = later;
        if is_news {
            if let (Some(line), Some(first)) = (leg.line.as_deref_mut(), encodings.first()) {
                line.limit(first.max_bitrate);
            }
            self.events.push_back(Event::Demand {
                leg: id,
                source: number,
                encodings,
            });
        }
    }

    /// What anybody wants of a source. Its lowest encoding is never paused: whoever comes next sees a picture at once.
    fn wanted(&self, index: u32, position: usize) -> Option<Vec<Wanted>> {
        let leg = self.leg(index)?;
        let source = leg.sources.get(position)?;
        let paused = Wanted {
            active: false,
            max_bitrate: None,
        };
        let mut wanted = vec![paused; source.encodings.len()];
        wanted.first_mut()?.active = true;
        let members = self.rooms.get(&leg.room)?.legs.iter();
        let slots = members
            .filter_map(|member| self.leg(*member))
            .flat_map(|leg| &leg.slots);
        let fillings = slots.filter_map(|slot: &Slot| slot.filling.as_ref());
        let (mut most, mut taken) = (Some(0), false);
        for filling in fillings.filter(|f| f.leg == index && f.source == source.spec.source) {
            let flows = filling.flowing.map(|stream| stream.encoding);
            let wish = filling.terms.wish.filter(|_| !filling.terms.rests);
            let layers = [wish, filling.target].map(|layer| layer.map(|l| l.encoding));
            for encoding in layers
                .into_iter()
                .chain([flows, filling.terms.spare])
                .flatten()
            {
                wanted.get_mut(usize::from(encoding))?.active = true;
            }
            taken = true;
            most = most
                .zip(filling.terms.share)
                .map(|(most, share): (u64, u64)| most.max(share));
        }
        // Whether there are larger ones shows when the largest that is known is wanted.
        let known = source.encodings.iter().rposition(Encoding::was_seen);
        let known = known.unwrap_or(0);
        let is_wanted = wanted[known].active;
        wanted[known + 1..]
            .iter_mut()
            .for_each(|one| one.active = is_wanted);
        if let ([only], true) = (&mut wanted[..], taken) {
            only.max_bitrate = most.map(|most| in_steps(most).max(LEAST_ASKED));
        }
        Some(wanted)
    }
}

/// The level at which a slot stands; `None` if nothing has been decided, or what was is no choice any more.
fn level_of(filling: &Filling, choices: &[Choice]) -> Option<usize> {
    let Some(wish) = filling.terms.wish else {
        return Some(0);
    };
    let same = choices.iter().position(|choice| choice.layer == wish);
    // Where an encoding is left alone: no reason to decide anew for everybody.
    let smaller = || {
        choices
            .iter()
            .rposition(|choice| choice.layer.encoding < wish.encoding)
    };
    same.or_else(smaller).map(|at| at + 1)
}

/// What each slot with an only encoding could take: what those with several leave, by importance. It does not hang on
/// what such a source sends now, or two of them would chase each other.
fn shares(budget: u64, reviewed: &[Reviewed], levels: &[usize]) -> Vec<Option<u64>> {
    let weight = |one: &Reviewed| 4 - u64::from(one.wish.importance.min(3));
    let singles = reviewed.iter().filter(|one| one.is_single);
    let weights: u64 = singles.map(weight).sum();
    let several = reviewed
        .iter()
        .zip(levels)
        .filter(|(one, _)| !one.is_single);
    let taken: u64 = several.map(|(one, level)| one.wish.bitrate(*level)).sum();
    let left = budget.saturating_sub(taken) * 100 / WITH_HEADERS;
    let share = |one: &Reviewed| one.is_single.then(|| left * weight(one) / weights.max(1));
    reviewed.iter().map(share).collect()
}
