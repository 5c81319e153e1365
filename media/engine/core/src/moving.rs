//! A leg in another room: who waits is spoken to in a room of their own, and goes from there to where they are let in.

use crate::api::{LegId, Refusal, RoomId};
use crate::encoding::Taker;
use crate::leg::Leg;
use crate::shard::Shard;
use crate::time::Micros;

impl Shard {
    /// Takes a leg out of its room and into another one of this shard. All feeds to it and from it end, and its gate
    /// has to be closed: nothing flows before a plan of the new room and whoever opens the gate say so.
    pub(crate) fn move_leg(&mut self, now: Micros, id: LegId, room: RoomId) -> Result<(), Refusal> {
        let places = self.places_of(id)?;
        if self.legs_at(&places).any(Leg::gate_open) {
            return Err(Refusal::GateOpen);
        }
        let Some(before) = self.legs_at(&places).next().map(|leg| leg.room) else {
            return Err(Refusal::UnknownLeg);
        };
        if before == room {
            return Ok(());
        }
        for index in &places {
            self.end_feeds(now, before, *index);
        }
        self.leave(before, (&places, id));
        self.rooms.entry(room).or_default().legs.extend(&places);
        for index in places {
            if let Some(leg) = self.leg_mut(index) {
                leg.room = room;
            }
        }
        Ok(())
    }

    fn legs_at<'a>(&'a self, places: &'a [u32]) -> impl Iterator<Item = &'a Leg> {
        places.iter().filter_map(|index| self.leg(*index))
    }

    /// Empties the leg's slots, and those of others that it fills.
    fn end_feeds(&mut self, now: Micros, room: RoomId, index: u32) {
        let members = self.rooms.get(&room).map(|members| members.legs.clone());
        for other in members.unwrap_or_default() {
            let slots = self.leg(other).map_or(0, |leg| leg.slots.len());
            for slot in 0..slots as u16 {
                let filled = self.leg(other).and_then(|leg| {
                    let filling = leg.slots[usize::from(slot)].filling.as_ref()?;
                    Some(filling.leg)
                });
                if other == index || filled == Some(index) {
                    self.empty_slot(now, Taker { leg: other, slot });
                }
            }
        }
    }

    fn leave(&mut self, room: RoomId, (places, id): (&[u32], LegId)) {
        self.forget_speaker(room, id);
        let Some(members) = self.rooms.get_mut(&room) else {
            return;
        };
        members.legs.retain(|index| !places.contains(index));
        if members.legs.is_empty() {
            self.rooms.remove(&room);
        }
    }
}
