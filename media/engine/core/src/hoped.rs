//! What a receiver has lost of a picture and has not got since: after a while it is not hoped for any more.
//!
//! Browsers ask ten times, one round trip apart, and not again; what they do not get then stands between them and every later
//! picture, and they wish for a key frame three seconds later. Where answers wait for their turn on a thin link, or most of
//! them are lost, ten times are soon over. Reports on each packet tell here what came, so that a key frame is asked for sooner.

use crate::api::Kind;
use crate::backlog::Backlog;
use crate::encoding::Taker;
use crate::keyframe::Stream;
use crate::leg::Leg;
use crate::link::Link;
use crate::outbox::Outbox;
use crate::shard::Shard;
use crate::slot::Slot;
use crate::time::Micros;

/// How long a packet is hoped for, beside a round trip, once its loss is settled or it was asked for last: browsers ask again
/// within a round trip. What was sent and is not settled yet is waited for besides.
const HOPED_FOR: Micros = Micros::from_millis(300);
/// A receiver that has asked for so many round trips, and for so long, may have given up. Else what was sent again, and of
/// which nothing is told, has come if it does not ask once more; and where there are repair packets, they have mended it.
const ASKS_FOR: (u64, Micros) = (7, Micros::from_millis(250));
/// For how long it is remembered that one has come: what its receiver asked before that is under way.
const REMEMBERED: Micros = Micros::from_millis(1_000);
/// So many at once; of more, the first stand for all.
const MOST: usize = 64;

/// A packet that was lost: its slot's place, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lost {
    slot: u8,
    sequence: u16,
    /// When it was noted first and last, or came.
    first: Micros,
    since: Micros,
    /// Whether it has come.
    came: Came,
    /// Later pictures need it; not known at first.
    is_needed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    No,
    /// Nothing is told of what was sent again, and its receiver has not asked since.
    AsItSeems,
    Yes,
}

/// What the receivers of one leg have lost and not got since.
#[derive(Debug, Default)]
pub struct Hoped(Vec<Lost>);

impl Hoped {
    /// A packet of this slot was lost, as reports say.
    pub fn note_lost(&mut self, now: Micros, slot: u8, sequence: u16) {
        if self.find(slot, sequence).is_some() {
            return;
        }
        let lost = Lost {
            slot,
            sequence,
            first: now,
            since: now,
            came: Came::No,
            is_needed: false,
        };
        if self.0.len() < MOST {
            self.0.push(lost);
        } else if let Some(other) = self.0.iter_mut().find(|of| of.came == Came::Yes) {
            *other = lost;
        }
    }

    /// The receiver asks for it.
    pub fn note_asked(&mut self, now: Micros, slot: u8, sequence: u16) {
        self.note_lost(now, slot, sequence);
        let known = self.find(slot, sequence);
        if let Some(known) = known.filter(|known| known.came != Came::Yes) {
            (known.since, known.came) = (now, Came::No);
        }
    }

    fn find(&mut self, slot: u8, sequence: u16) -> Option<&mut Lost> {
        let mut all = self.0.iter_mut();
        all.find(|lost| (lost.slot, lost.sequence) == (slot, sequence))
    }

    /// It has come after all.
    pub fn take(&mut self, now: Micros, slot: u8, sequence: u16) {
        if let Some(known) = self.find(slot, sequence) {
            (known.since, known.came) = (now, Came::Yes);
        }
    }

    /// Nothing was told of what was sent again.
    pub fn guess(&mut self, slot: u8, sequence: u16) {
        let known = self.find(slot, sequence);
        if let Some(known) = known.filter(|known| known.came == Came::No) {
            known.came = Came::AsItSeems;
        }
    }
}

impl Lost {
    /// Whether a receiver with this round trip may have asked for it as often as it does.
    fn was_asked_in_vain(&self, round_trip: Micros) -> bool {
        let long = Micros(round_trip.0 * ASKS_FOR.0).max(ASKS_FOR.1);
        self.came != Came::Yes && self.since.since(self.first) >= long
    }

    /// Whether it is worth nothing any more to know of it.
    fn is_over(&self, now: Micros, round_trip: Micros) -> bool {
        match self.came {
            Came::No => false,
            Came::AsItSeems => !self.was_asked_in_vain(round_trip),
            Came::Yes => now.since(self.since) >= REMEMBERED,
        }
    }
}

impl Shard {
    /// Asks for a key frame where a receiver will not get what it needs to go on.
    pub(crate) fn give_up_hope(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        let told = self.leg_mut(index).and_then(|leg| leg.told.as_deref_mut());
        let hoped = told.map(|told| std::mem::take(told.hoped_mut()));
        let Some(mut hoped) = hoped.filter(|hoped| !hoped.0.is_empty()) else {
            return;
        };
        // What is asked for now would wait behind all that.
        let link = self.leg(index).and_then(|leg| leg.link.as_deref());
        let has_room = |link: &Link| !link.is_full() && link.backlog(now) == Backlog::Short;
        let may_ask = link.is_some_and(has_room);
        let round_trip = self.leg(index).map_or(Micros(0), Leg::round_trip);
        let mut gone = None;
        hoped.0.retain_mut(|lost| {
            let Some(stream) = self.stream_that_needs(index, lost) else {
                return false;
            };
            lost.is_needed = true;
            if lost.is_over(now, round_trip) {
                return false;
            }
            let told = self.leg(index).and_then(|leg| leg.told.as_deref());
            let is_awaited = told.is_some_and(|told| told.awaits(lost.slot, lost.sequence));
            let is_hoped_for = now.since(lost.since) < HOPED_FOR + round_trip;
            let may_be_mended =
                self.has_repair_packets(index, lost.slot) && !lost.was_asked_in_vain(round_trip);
            let is_open = is_awaited || is_hoped_for || may_be_mended;
            if may_ask && lost.came != Came::Yes && !is_open {
                gone = Some((lost.slot, stream));
            }
            true
        });
        let leg = self.leg_mut(index);
        let Some(told) = leg.and_then(|leg| leg.told.as_deref_mut()) else {
            return;
        };
        *told.hoped_mut() = hoped;
        if let Some((slot, stream)) = gone {
            self.ask_instead(now, (index, slot.into()), stream, out);
        }
    }

    /// Asks for a key frame in the place of a packet that will never come, if the slot has not done so just now.
    pub(crate) fn ask_instead(
        &mut self,
        now: Micros,
        (index, slot): (u32, usize),
        stream: Stream,
        out: &mut Outbox,
    ) {
        let of = self.leg(index).and_then(|leg| leg.slots.get(slot));
        let taker = Taker {
            leg: index,
            slot: slot as u16,
        };
        let may_ask = of.is_some_and(|slot| slot.may_give_up(now));
        if may_ask && self.ask_for(now, taker, stream, out) {
            let leg = self.leg_mut(index);
            let of = leg.and_then(|leg| leg.slots.get_mut(slot));
            of.into_iter().for_each(|slot| slot.give_up(now));
        }
    }

    fn has_repair_packets(&self, index: u32, slot: u8) -> bool {
        let leg = self.leg(index);
        let of = leg.and_then(|leg| leg.slots.get(usize::from(slot)));
        of.is_some_and(Slot::has_repair_packets)
    }

    /// Whose packet it was, if what is shown goes on from it: no key frame has begun since, and it is of the lowest temporal
    /// layer, or of a codec other than VP8. That is looked up while the packet is kept.
    fn stream_that_needs(&self, index: u32, lost: &Lost) -> Option<Stream> {
        let slot = self.leg(index)?.slots.get(usize::from(lost.slot))?;
        let is_open = slot.spec.kind == Kind::Video && slot.is_repairable(lost.sequence);
        let trace = slot.rewriter.trace(lost.sequence).filter(|_| is_open)?;
        let stream = trace.stream;
        let filling = slot.filling.as_ref()?;
        filling.flowing.filter(|flows| *flows == stream)?;
        let sources = &self.leg(filling.leg)?.sources;
        let source = sources.iter().find(|of| of.spec.source == stream.source)?;
        let encoding = source.encodings.get(usize::from(stream.encoding))?;
        let is_behind = encoding.register.has_begun_since(trace.sequence);
        let is_needed = || encoding.holds_base(trace.sequence);
        let is_needed = !is_behind && (lost.is_needed || is_needed());
        is_needed.then_some((filling.leg, (stream.source, stream.encoding)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIP: Micros = Micros::from_millis(40);

    fn at(millis: u64) -> Micros {
        Micros::from_millis(10_000 + millis)
    }

    /// Asked for at these times, and guessed to have come after each; whether it is still open.
    fn is_open(asked: &[u64]) -> bool {
        let mut hoped = Hoped::default();
        hoped.note_lost(at(0), 1, 7);
        for millis in asked {
            hoped.note_asked(at(*millis), 1, 7);
            hoped.guess(1, 7);
        }
        let lost = hoped.find(1, 7).unwrap();
        !lost.is_over(at(500), TRIP)
    }

    #[test]
    fn what_is_not_asked_for_again_has_come_unless_it_was_asked_for_long() {
        assert!(is_open(&[]), "nothing was sent again");
        assert!(!is_open(&[40]) && !is_open(&[40, 90, 140, 270]));
        assert!(is_open(&[40, 90, 140, 290]));
    }

    #[test]
    fn what_has_come_is_remembered_though_it_is_asked_for_once_more() {
        let mut hoped = Hoped::default();
        hoped.note_asked(at(0), 1, 7);
        hoped.take(at(1_500), 1, 7);
        hoped.note_asked(at(1_550), 1, 7);
        let lost = hoped.find(1, 7).unwrap();
        assert_eq!(lost.came, Came::Yes);
        assert!(!lost.is_over(at(2_400), TRIP) && lost.is_over(at(2_500), TRIP));
    }

    #[test]
    fn what_has_come_makes_room_and_what_has_not_stays() {
        let mut hoped = Hoped::default();
        let all = 0..MOST as u16;
        all.clone()
            .for_each(|number| hoped.note_lost(at(0), 1, number));
        hoped.note_lost(at(0), 1, 1_000);
        assert!(hoped.find(1, 1_000).is_none());
        hoped.take(at(10), 1, 3);
        hoped.note_lost(at(20), 1, 1_000);
        assert!(hoped.find(1, 1_000).is_some() && hoped.find(1, 3).is_none());
        assert_eq!(hoped.0.len(), MOST);
    }
}
