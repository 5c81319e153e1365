//! The plan of a room: which source fills which slot, and how much that matters.

use crate::api::{Feed, LegId, Refusal, RoomId, SourceRef};
use crate::encoding::Taker;
use crate::outbox::Outbox;
use crate::shard::Shard;
use crate::slot::Claim;
use crate::time::Micros;
use rustc_hash::FxHashMap;

/// What is to fill each slot.
type Wanted = FxHashMap<(LegId, u16), (SourceRef, Claim)>;

impl Shard {
    pub(crate) fn set_feeds(
        &mut self,
        now: Micros,
        room: RoomId,
        feeds: &[Feed],
        out: &mut Outbox,
    ) {
        let Some(members) = self.rooms.get(&room) else {
            return;
        };
        let members = members.legs.clone();
        let mut wanted = Wanted::default();
        for feed in feeds {
            let Some(from) = feed.from else {
                continue;
            };
            if self.can_feed(room, feed, from) {
                let claim = Claim {
                    importance: feed.importance,
                    height: feed.height,
                };
                wanted.insert((feed.leg, feed.slot), (from, claim));
            } else {
                self.refuse("SetFeeds", feed.leg, Refusal::BadDescription);
            }
        }
        for index in members {
            let slots = self.leg(index).map_or(0, |leg| leg.slots.len());
            for slot in 0..slots {
                self.fill(now, (index, slot), &wanted);
            }
            self.review(now, index, out);
            self.ask_for_waiting_slots(now, index, out);
        }
    }

    fn can_feed(&self, room: RoomId, feed: &Feed, from: SourceRef) -> bool {
        let to = self.receiver_of(feed.leg, feed.slot);
        let sender = self.sender_of(from.leg, from.source);
        let find = |place: Option<u32>| place.and_then(|index| self.leg(index));
        let (Some(to), Some(sender)) = (find(to), find(sender)) else {
            return false;
        };
        let slot = to.slots.iter().find(|s| s.spec.slot == feed.slot);
        let source = sender.sources.iter().find(|s| s.spec.source == from.source);
        let (Some(slot), Some(source)) = (slot, source) else {
            return false;
        };
        to.room == room
            && sender.room == room
            && feed.leg != from.leg
            && slot.spec.kind == source.spec.kind
            && !slot.common_formats(&source.spec.formats).is_empty()
    }

    /// Brings one slot in line with the plan; a slot that is right already is not touched.
    fn fill(&mut self, now: Micros, (index, slot): (u32, usize), wanted: &Wanted) {
        let Some(leg) = self.leg(index) else {
            return;
        };
        let current = leg.slots[slot].filling.as_ref().and_then(|filling| {
            let leg = self.leg(filling.leg)?.id;
            let source = filling.source;
            Some(SourceRef { leg, source })
        });
        let number = leg.slots[slot].spec.slot;
        let next = wanted.get(&(leg.id, number)).copied();
        if current == next.map(|(from, _)| from) {
            self.claim(index, slot, next.map(|(_, claim)| claim));
            return;
        }
        let taker = Taker {
            leg: index,
            slot: slot as u16,
        };
        self.empty_slot(now, taker);
        if let Some((from, claim)) = next {
            self.fill_slot(now, taker, from, claim);
        }
    }

    /// The same source as before, which may matter more or less now.
    fn claim(&mut self, index: u32, slot: usize, claim: Option<Claim>) {
        let Some((leg, claim)) = self.leg_mut(index).zip(claim) else {
            return;
        };
        let filling = leg.slots[slot].filling.as_mut();
        if let Some(filling) = filling.filter(|filling| filling.terms.claim != claim) {
            filling.terms.claim = claim;
            leg.layers.plan_changed();
        }
    }

    pub(crate) fn empty_slot(&mut self, now: Micros, taker: Taker) {
        let filling = self
            .leg_mut(taker.leg)
            .and_then(|leg| leg.slots[usize::from(taker.slot)].filling.take());
        let Some(filling) = filling else {
            return;
        };
        self.demand_changed(now, filling.leg, filling.source);
        if let Some(leg) = self.leg_mut(taker.leg) {
            leg.layers.plan_changed();
        }
        let Some(leg) = self.leg_mut(filling.leg) else {
            return;
        };
        for encoding in leg.sources.iter_mut().flat_map(|s| &mut s.encodings) {
            encoding.takers.retain(|other| *other != taker);
        }
    }

    fn fill_slot(&mut self, now: Micros, taker: Taker, from: SourceRef, claim: Claim) {
        let Some(sender) = self.sender_of(from.leg, from.source) else {
            return;
        };
        let Some(mut leg) = self.legs[taker.leg as usize].take() else {
            return;
        };
        let source = self.leg_mut(sender).and_then(|leg| {
            leg.sources
                .iter_mut()
                .find(|source| source.spec.source == from.source)
        });
        if let Some(source) = source {
            let slot = &mut leg.slots[usize::from(taker.slot)];
            let layer = source.begins_with(now, claim.height);
            slot.fill((sender, from.source), &source.spec.formats, (layer, claim));
            let encoding = source.encodings.get_mut(usize::from(layer.encoding));
            if let Some(encoding) = encoding {
                encoding.takers.push(taker);
            }
            leg.layers.plan_changed();
        }
        self.legs[taker.leg as usize] = Some(leg);
        // Where a review finds that what it begins with is right, it has nothing to tell.
        self.demand_changed(now, sender, from.source);
    }
}
