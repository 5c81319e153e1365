//! Who may get whose packets, said as simply as it can be: this is what the engine is held against.

use engine_core::api::{Command, Kind, LegId, RoomId, SourceRef};
use std::collections::{HashMap, HashSet};

#[derive(Debug)]
struct Known {
    room: RoomId,
    open: bool,
    sources: HashMap<u16, Kind>,
    slots: HashMap<u16, (Kind, u32, Option<u32>)>,
}

#[derive(Debug, Default)]
pub struct Model {
    legs: HashMap<LegId, Known>,
    feeds: HashMap<(LegId, u16), SourceRef>,
    muted: HashSet<(LegId, u16)>,
}

impl Model {
    pub fn apply(&mut self, command: &Command) {
        match command {
            Command::AddLeg {
                leg,
                room,
                sources,
                slots,
                ..
            } => {
                let slots = slots.iter().map(|s| (s.slot, (s.kind, s.ssrc, s.rtx_ssrc)));
                self.legs.entry(*leg).or_insert_with(|| Known {
                    room: *room,
                    open: false,
                    sources: sources.iter().map(|s| (s.source, s.kind)).collect(),
                    slots: slots.collect(),
                });
            }
            Command::SetGate { leg, open } => {
                if let Some(known) = self.legs.get_mut(leg) {
                    known.open = *open;
                }
            }
            Command::SetFeeds { room, feeds } => {
                let legs = &self.legs;
                self.feeds.retain(|(leg, _), _| legs[leg].room != *room);
                for feed in feeds {
                    let Some(from) = feed.from else { continue };
                    if self.is_sound(*room, feed.leg, feed.slot, from) {
                        self.feeds.insert((feed.leg, feed.slot), from);
                    }
                }
            }
            Command::SetMuted { leg, source, muted } => {
                let key = (*leg, *source);
                let _ = if *muted {
                    self.muted.insert(key)
                } else {
                    self.muted.remove(&key)
                };
            }
            Command::RemoveLeg { leg } => self.remove(*leg),
            _ => {}
        }
    }

    pub fn remove(&mut self, leg: LegId) {
        self.legs.remove(&leg);
        self.feeds
            .retain(|(to, _), from| *to != leg && from.leg != leg);
        self.muted.retain(|(muted, _)| *muted != leg);
    }

    fn is_sound(&self, room: RoomId, to: LegId, slot: u16, from: SourceRef) -> bool {
        let (Some(taker), Some(giver)) = (self.legs.get(&to), self.legs.get(&from.leg)) else {
            return false;
        };
        let (Some(slot), Some(source)) = (taker.slots.get(&slot), giver.sources.get(&from.source))
        else {
            return false;
        };
        to != from.leg && taker.room == room && giver.room == room && slot.0 == *source
    }

    pub fn exists(&self, leg: LegId) -> bool {
        self.legs.contains_key(&leg)
    }

    pub fn is_open(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|known| known.open)
    }

    /// Whether an SSRC is that of a slot's media, and not of its retransmissions.
    pub fn is_media_ssrc(&self, leg: LegId, ssrc: u32) -> bool {
        let known = self.legs.get(&leg);
        known.is_some_and(|known| known.slots.values().any(|(_, media, _)| *media == ssrc))
    }

    /// Panics unless `to` may be sent media on that SSRC now; gives the only source that it may be from.
    pub fn assert_may_get(&self, to: LegId, ssrc: u32) -> SourceRef {
        let known = self.legs.get(&to);
        let known = known.unwrap_or_else(|| panic!("{to:?} is gone and was sent media"));
        assert!(known.open, "{to:?} was sent media behind a closed gate");
        let is_ours =
            |(_, media, rtx): (Kind, u32, Option<u32>)| media == ssrc || rtx == Some(ssrc);
        let slot = known.slots.iter().find(|(_, slot)| is_ours(**slot));
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
        planned
    }
}
