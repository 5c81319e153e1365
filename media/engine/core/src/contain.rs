//! A fault in the work for one room ends that room and touches no other.
//!
//! Each datagram, forwarded group, timer and command is a unit of work. A panic in one is caught here: what the unit
//! has put into the outbox is taken back, and the room that it was for is dropped whole, because nobody knows in which
//! of its legs the work stopped. A leg that was taken out for the time is gone with the unwinding; its tables are
//! found by its place and not by itself.

use crate::api::{Event, LegId, Refusal, RoomId, Site, Subject};
use crate::outbox::Outbox;
use crate::shard::Shard;
use rustc_hash::FxHashSet;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Where the last panic of this thread was, as `file:line`; the core cannot know by itself.
pub type Locate = fn() -> String;

/// What a drill has prepared: the room, and the kind of work in which it fails next.
pub(crate) type Armed = Option<(RoomId, Site)>;

/// Fails if a drill has asked for it.
#[inline]
pub(crate) fn strike(armed: Armed, room: RoomId, site: Site) {
    assert!(armed != Some((room, site)), "a drill");
}

impl Shard {
    /// Takes drills, which make a room fail on purpose.
    pub fn allow_drills(&mut self) {
        self.drills = true;
    }

    /// Lets failures be told with the place in the code where they happened.
    pub fn set_locate(&mut self, locate: Locate) {
        self.locate = Some(locate);
    }

    /// Does one unit of work. If it panics, the room that it was for ends; one for no room is only counted.
    pub(crate) fn guarded(&mut self, out: &mut Outbox, work: impl FnOnce(&mut Self, &mut Outbox)) {
        self.at_work = None;
        let mark = out.mark();
        if catch_unwind(AssertUnwindSafe(|| work(self, out))).is_err() {
            out.take_back(mark);
            self.contain();
        }
    }

    fn contain(&mut self) {
        self.row.panics += 1;
        self.armed = None;
        // What is ready to be forwarded stays: it is other rooms' too, and packets of legs that are gone go nowhere.
        self.scratch.rtcp.clear();
        self.scratch.reply.clear();
        self.scratch.lost.clear();
        if let Some(room) = self.at_work.take() {
            let legs = self.drop_room(room);
            let place = self.locate.map_or_else(String::new, |locate| locate());
            self.events
                .push_back(Event::RoomFailed { room, legs, place });
        }
    }

    /// Forgets a room's legs and everything that is found by them, whatever state they are in.
    fn drop_room(&mut self, room: RoomId) -> Vec<LegId> {
        let members = self.rooms.remove(&room).map(|members| members.legs);
        let mut dropped: FxHashSet<u32> = members.into_iter().flatten().collect();
        let mut gone: FxHashSet<LegId> = FxHashSet::default();
        for (index, place) in (0_u32..).zip(&mut self.legs) {
            // Not only the members: a leg may have been on its way into the room.
            if let Some(leg) = place.take_if(|leg| leg.room == room) {
                dropped.insert(index);
                gone.insert(leg.id);
            }
        }
        let stays = |index: &u32| !dropped.contains(index);
        let named = self.by_id.iter().filter(|(_, index)| !stays(index));
        gone.extend(named.map(|(leg, _)| *leg));
        self.by_id.retain(|_, index| stays(index));
        self.by_ufrag.retain(|_, index| stays(index));
        self.by_address.retain(|_, index| stays(index));
        self.lines.retain(|leg, _| !gone.contains(leg));
        self.wakes.retain(|wake| stays(&wake.0 .1));
        let empty = (0_u32..).zip(&self.legs).filter(|(_, leg)| leg.is_none());
        self.free = empty.map(|(index, _)| index).collect();
        self.free_ports();
        let mut gone: Vec<LegId> = gone.into_iter().collect();
        gone.sort_unstable();
        gone
    }

    /// The room that a command is for, if there is one.
    pub(crate) fn room_of(&self, subject: Subject) -> Option<RoomId> {
        match subject {
            Subject::NewLeg(_, room) => Some(room),
            Subject::Room(room) => self.rooms.contains_key(&room).then_some(room),
            Subject::Leg(leg) => Some(self.leg(*self.by_id.get(&leg)?)?.room),
        }
    }

    pub(crate) fn drill(&mut self, room: RoomId, site: Site) -> Result<(), Refusal> {
        if !self.drills {
            return Err(Refusal::NotAllowed);
        }
        self.armed = Some((room, site));
        strike(self.armed, room, Site::Command);
        Ok(())
    }
}
