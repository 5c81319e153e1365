//! After an outage of somebody's link pictures begin anew, those that they take and those that they send. A key frame is
//! there sooner than all that was lost, of which not everything is kept, and what waits to be sent from the time of the
//! outage, or is asked for, would only come before it.

use crate::bwe;
use crate::encoding::{Encoding, Taker};
use crate::keyframe::Stream;
use crate::leg::Leg;
use crate::outbox::Outbox;
use crate::shard::Shard;
use crate::time::Micros;
use std::net::SocketAddr;

/// What is lost in a shorter one is sent again as soon as a key frame would be there, and costs the others nothing.
const BEYOND_REPAIR: Micros = Micros::from_millis(400);

/// What tells later of an outage that was dealt with is of the same one.
const SAME: Micros = Micros::from_millis(1_000);

impl Shard {
    /// A leg is heard of again. What it gets it will tell in a moment; its pictures need not wait for that.
    pub(crate) fn heed_return(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        let link = self.leg_mut(index).and_then(|leg| leg.link.as_deref_mut());
        if link.is_some_and(|link| link.hear(now)) {
            self.begin_all_anew(now, index, out);
        }
    }

    /// A leg has proved another address. One that was not heard of any more has moved there: it is sent to at once, two
    /// round trips before it nominates that path or media have come from there.
    pub(crate) fn heed_move(&mut self, now: Micros, index: u32, to: SocketAddr, out: &mut Outbox) {
        let Some(leg) = self.leg_mut(index).filter(|leg| leg.is_away(now)) else {
            return;
        };
        leg.ice.select(to);
        leg.returned = now;
        if let Some(link) = leg.link.as_deref_mut() {
            link.hear(now);
        }
        self.begin_all_anew(now, index, out);
    }

    /// Sees to the pictures of a leg whose last report was the first after an outage, if it was heard of all the time.
    pub(crate) fn heed_outage(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        if self.leg(index).is_some_and(|leg| leg.was_deaf(now)) {
            self.begin_all_anew(now, index, out);
        }
    }

    fn begin_all_anew(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        let slots = self.leg(index).map_or(0, |leg| leg.slots.len());
        for slot in 0..slots {
            let taker = Taker {
                leg: index,
                slot: slot as u16,
            };
            let shown = self.leg(index).and_then(|leg| leg.shown(slot));
            if shown.is_some_and(|stream| self.ask_for(now, taker, stream, out)) {
                self.begin_anew(taker);
            }
        }
    }

    /// Sees to those who take a stream whose sender was away.
    pub(crate) fn heed_outage_of_source(
        &mut self,
        now: Micros,
        (index, (source, encoding)): Stream,
        out: &mut Outbox,
    ) {
        let taker = |shard: &Self, at: usize| {
            let mut sources = shard.leg(index)?.sources.iter();
            let source = sources.find(|of| of.spec.source == source)?;
            let encoding = source.encodings.get(usize::from(encoding))?;
            encoding.takers.get(at).copied()
        };
        let mut at = 0;
        while let Some(one) = taker(self, at) {
            let flows = self
                .leg(one.leg)
                .and_then(|leg| leg.shown(usize::from(one.slot)));
            if flows == Some((index, (source, encoding))) {
                self.begin_anew(one);
            }
            at += 1;
        }
        if at > 0 {
            self.ask_key_frame(now, index, (source, encoding), out);
        }
    }

    fn begin_anew(&mut self, taker: Taker) {
        let Some(leg) = self.leg_mut(taker.leg) else {
            return;
        };
        if let Some(link) = leg.link.as_deref_mut() {
            link.forget_slot(taker.slot);
        }
        leg.slots[usize::from(taker.slot)].pause();
    }
}

impl Encoding {
    /// Whether a packet is the first that shows what was lost while its leg was away, until `returned`; it is not asked
    /// for then.
    pub(crate) fn ends_outage(&mut self, returned: Micros, sequence: u64) -> bool {
        let before = self
            .newest
            .is_some_and(|(_, at)| at + BEYOND_REPAIR <= returned);
        let ends = before && self.register.gap_before(sequence) > 0;
        if ends {
            self.register.forget_missing();
        }
        ends
    }
}

impl Leg {
    /// Media or reports of the leg have come; true if it was away before.
    pub(crate) fn hear(&mut self, now: Micros) -> bool {
        let returns = self.is_away(now) && now.since(self.returned) > SAME;
        if returns {
            self.returned = now;
        }
        self.row.last_in_us = now.0;
        returns
    }

    fn is_away(&self, now: Micros) -> bool {
        now.since(Micros(self.row.last_in_us)) >= BEYOND_REPAIR
    }

    fn was_deaf(&self, now: Micros) -> bool {
        let outage = self.link.as_deref().and_then(|link| link.outage());
        outage.is_some_and(|lasted| lasted >= BEYOND_REPAIR) && now.since(self.returned) > SAME
    }

    /// The stream of pictures that flows into a slot, or is to begin there.
    fn shown(&self, slot: usize) -> Option<Stream> {
        let slot = self.slots.get(slot)?;
        let filling = slot
            .filling
            .as_ref()
            .filter(|_| slot.sends == bwe::Kind::Video)?;
        let flows = filling.flowing.map(|stream| stream.encoding);
        let encoding = flows.or_else(|| filling.waits_for())?;
        Some((filling.leg, (filling.source, encoding)))
    }
}
