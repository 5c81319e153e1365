//! Who may get whose packets, said as simply as it can be: this is what the engine is held against.

use engine_core::api::{Command, Kind, LegId, RoomId, SourceRef};
use engine_core::Micros;
use std::collections::{HashMap, HashSet};

#[derive(Debug)]
struct Slot {
    kind: Kind,
    ssrc: u32,
    rtx: Option<u32>,
    fec: Option<u32>,
    /// Payload type of sound with redundancy.
    red_pt: Option<u8>,
}

/// What an SSRC that a leg is sent carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Media,
    Retransmission,
    Fec,
}

impl Slot {
    fn role(&self, ssrc: u32) -> Option<Role> {
        let roles = [
            (Some(self.ssrc), Role::Media),
            (self.rtx, Role::Retransmission),
            (self.fec, Role::Fec),
        ];
        let mut ours = roles.into_iter().filter(|(own, _)| *own == Some(ssrc));
        ours.next().map(|(_, role)| role)
    }
}

#[derive(Debug)]
struct Known {
    room: RoomId,
    open: bool,
    sources: HashMap<u16, Kind>,
    slots: HashMap<u16, Slot>,
}

#[derive(Debug, Default)]
pub struct Model {
    legs: HashMap<LegId, Known>,
    feeds: HashMap<(LegId, u16), SourceRef>,
    muted: HashSet<(LegId, u16)>,
    /// When each thing that holds packets up last gave way.
    since: HashMap<Barrier, Micros>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Barrier {
    Gate(LegId),
    Mute(LegId, u16),
    Feed(LegId, u16),
}

impl Model {
    pub fn apply(&mut self, now: Micros, command: &Command) {
        match command {
            Command::AddLeg {
                leg,
                room,
                sources,
                slots,
                ..
            } => {
                let slots = slots.iter().map(|s| {
                    let slot = Slot {
                        kind: s.kind,
                        ssrc: s.ssrc,
                        rtx: s.rtx_ssrc,
                        fec: s.fec.map(|fec| fec.ssrc),
                        red_pt: s.formats[0].red_pt,
                    };
                    (s.slot, slot)
                });
                self.legs.entry(*leg).or_insert_with(|| Known {
                    room: *room,
                    open: false,
                    sources: sources.iter().map(|s| (s.source, s.kind)).collect(),
                    slots: slots.collect(),
                });
            }
            Command::SetGate { leg, open } => {
                if let Some(known) = self.legs.get_mut(leg) {
                    if *open && !known.open {
                        self.since.insert(Barrier::Gate(*leg), now);
                    }
                    known.open = *open;
                }
            }
            Command::SetFeeds { room, feeds } => {
                let legs = &self.legs;
                let before = self.feeds.clone();
                self.feeds.retain(|(leg, _), _| legs[leg].room != *room);
                for feed in feeds {
                    let Some(from) = feed.from else { continue };
                    if self.is_sound(*room, feed.leg, feed.slot, from) {
                        let slot = (feed.leg, feed.slot);
                        self.feeds.insert(slot, from);
                        if before.get(&slot) != Some(&from) {
                            self.since.insert(Barrier::Feed(slot.0, slot.1), now);
                        }
                    }
                }
            }
            Command::SetMuted { leg, source, muted } => {
                let key = (*leg, *source);
                if *muted {
                    self.muted.insert(key);
                } else if self.muted.remove(&key) {
                    self.since.insert(Barrier::Mute(*leg, *source), now);
                }
            }
            Command::MoveLeg { leg, room } => {
                let known = self.legs.get_mut(leg);
                let moves = known.filter(|known| !known.open && known.room != *room);
                if let Some(known) = moves {
                    known.room = *room;
                    self.part(*leg);
                }
            }
            Command::RemoveLeg { leg } => self.remove(*leg),
            _ => {}
        }
    }

    pub fn remove(&mut self, leg: LegId) {
        self.legs.remove(&leg);
        self.part(leg);
        self.muted.retain(|(muted, _)| *muted != leg);
    }

    fn part(&mut self, leg: LegId) {
        self.feeds
            .retain(|(to, _), from| *to != leg && from.leg != leg);
    }

    fn is_sound(&self, room: RoomId, to: LegId, slot: u16, from: SourceRef) -> bool {
        let (Some(taker), Some(giver)) = (self.legs.get(&to), self.legs.get(&from.leg)) else {
            return false;
        };
        let (Some(slot), Some(source)) = (taker.slots.get(&slot), giver.sources.get(&from.source))
        else {
            return false;
        };
        to != from.leg && taker.room == room && giver.room == room && slot.kind == *source
    }

    pub fn exists(&self, leg: LegId) -> bool {
        self.legs.contains_key(&leg)
    }

    pub fn is_open(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|known| known.open)
    }

    /// What an SSRC of one of the leg's slots carries, and the slot's payload type of sound with redundancy.
    pub fn kind_of(&self, source: SourceRef) -> Option<Kind> {
        let known = self.legs.get(&source.leg)?;
        known.sources.get(&source.source).copied()
    }

    pub fn role(&self, leg: LegId, ssrc: u32) -> Option<(Role, Option<u8>)> {
        let mut slots = self.legs.get(&leg)?.slots.values();
        slots.find_map(|slot| Some((slot.role(ssrc)?, slot.red_pt)))
    }

    /// Panics unless `to` may be sent media on that SSRC now; gives the only source that it may be from, and since when.
    pub fn assert_may_get(&self, to: LegId, ssrc: u32) -> (SourceRef, Micros) {
        let known = self.legs.get(&to);
        let known = known.unwrap_or_else(|| panic!("{to:?} is gone and was sent media"));
        assert!(known.open, "{to:?} was sent media behind a closed gate");
        let mut slots = known.slots.iter();
        let slot = slots.find(|(_, slot)| slot.role(ssrc).is_some());
        let (slot, _) =
            slot.unwrap_or_else(|| panic!("{to:?} was sent media on no slot of its own"));
        let planned = self.feeds.get(&(to, *slot)).copied();
        let planned = planned.unwrap_or_else(|| panic!("{to:?} was sent media in an empty slot"));
        assert!(
            self.is_open(planned.leg),
            "{to:?} was sent media of {planned:?}, whose gate is closed"
        );
        let muted = self.muted.contains(&(planned.leg, planned.source));
        assert!(!muted, "{planned:?} is muted");
        let barriers = [
            Barrier::Gate(to),
            Barrier::Gate(planned.leg),
            Barrier::Mute(planned.leg, planned.source),
            Barrier::Feed(to, *slot),
        ];
        let gave_way = barriers
            .iter()
            .filter_map(|barrier| self.since.get(barrier));
        (planned, gave_way.max().copied().unwrap_or_default())
    }
}
