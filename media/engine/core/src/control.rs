//! Commands: legs come and go, gates move, slots get another source.

use crate::api::{Command, Event, IceParams, Kind, LegId, Refusal, RoomId, Site, Subject};
use crate::encoding::Taker;
use crate::ice::IceLite;
use crate::leg::Leg;
use crate::outbox::Outbox;
use crate::shard::Shard;
use crate::slot::Slot;
use crate::source::MOST_ENCODINGS;
use crate::time::Micros;
use engine_srtp::{Inbound, Outbound, Profile};
use engine_wire::demux::{classify, Class};
use rustc_hash::FxHashSet;
use serde_bytes::ByteBuf;

impl Shard {
    /// Carries a command out; one that cannot be is answered with [`Event::CommandRefused`].
    pub fn handle_command(&mut self, now: Micros, command: Command, out: &mut Outbox) {
        let (name, leg) = (command_name(&command), subject_leg(&command));
        let subject = command.subject();
        // Outside of what is guarded, since it is the thread that is to end.
        if let (
            true,
            Command::Panic {
                at: Site::Shard, ..
            },
        ) = (self.drills, &command)
        {
            panic!("a drill of the whole shard");
        }
        self.guarded(out, |shard, out| {
            shard.at_work = shard.room_of(subject);
            if let Err(code) = shard.carry_out(now, command, out) {
                shard.refuse(name, leg, code);
            }
        });
    }

    pub(crate) fn refuse(&mut self, command: &str, leg: LegId, code: Refusal) {
        self.row.commands_refused += 1;
        self.events.push_back(Event::CommandRefused {
            command: command.to_owned(),
            leg,
            code,
        });
    }

    fn carry_out(
        &mut self,
        now: Micros,
        command: Command,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        match command {
            Command::AddLeg {
                leg,
                room,
                ice,
                sources,
                slots,
                extensions,
                cname,
            } => self.add_leg(Leg::new(
                leg,
                room,
                IceLite::new(ice),
                (sources, slots),
                extensions,
                cname,
            )),
            Command::SetKeys {
                leg,
                profile,
                local,
                remote,
            } => self.set_keys(now, leg, &profile, (&local, &remote), out),
            Command::SendDtls { leg, datagrams } => self.send_dtls(leg, &datagrams, out),
            Command::SetGate { leg, open } => self.set_gate(now, leg, open, out),
            Command::SetFeeds { room, feeds } => {
                self.set_feeds(now, room, &feeds, out);
                Ok(())
            }
            Command::SetMuted { leg, source, muted } => {
                self.set_muted(now, leg, (source, muted), out)
            }
            Command::MoveLeg { leg, room } => self.move_leg(now, leg, room),
            Command::RestartIce { leg, ice } => self.restart_ice(leg, ice),
            Command::RemoveLeg { leg } => {
                self.say_goodbye(now, leg, out);
                self.remove_leg(now, leg)
            }
            Command::RecordLink { leg, seconds } => self.record_link(now, leg, seconds),
            Command::AddLines(add) => self.add_lines(now, add),
            Command::SetRemote(set) => self.set_remote(now, &set),
            Command::SetLineKeys(set) => self.set_line_keys(now, &set, out),
            Command::SetChannelKeys(set) => self.set_channel_keys(&set),
            Command::WantKeyFrame(want) => self.want_key_frame(now, want, out),
            Command::SendLineDtls(send) => {
                self.send_line_dtls(send.leg, send.line, &send.datagrams, out)
            }
            Command::Panic { room, at } => self.drill(room, at),
        }
    }

    /// A leg with ICE; what is asked of it has another name on lines.
    pub(crate) fn existing(&mut self, leg: LegId) -> Result<(u32, &mut Leg), Refusal> {
        let index = *self.by_id.get(&leg).ok_or(Refusal::UnknownLeg)?;
        let leg = self.leg_mut(index).ok_or(Refusal::UnknownLeg)?;
        if leg.line.is_some() {
            return Err(Refusal::BadDescription);
        }
        Ok((index, leg))
    }

    fn add_leg(&mut self, leg: Leg) -> Result<(), Refusal> {
        if self.by_id.contains_key(&leg.id) {
            return Err(Refusal::DuplicateLeg);
        }
        if self.by_ufrag.contains_key(leg.ice.local_ufrag()) {
            return Err(Refusal::DuplicateUfrag);
        }
        if !are_sound(std::slice::from_ref(&leg)) {
            return Err(Refusal::BadDescription);
        }
        let (id, ufrag) = (leg.id, leg.ice.local_ufrag().to_owned());
        let index = self.insert(leg);
        self.by_id.insert(id, index);
        self.by_ufrag.insert(ufrag, index);
        Ok(())
    }

    /// Gives a leg a place, and makes it one of its room.
    pub(crate) fn insert(&mut self, leg: Leg) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.legs.push(None);
            self.legs.len() as u32 - 1
        });
        let room = self.rooms.entry(leg.room).or_default();
        room.legs.push(index);
        self.legs[index as usize] = Some(Box::new(leg));
        index
    }

    fn set_keys(
        &mut self,
        now: Micros,
        leg: LegId,
        profile: &str,
        (local, remote): (&[u8], &[u8]),
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let profile = Profile::from_name(profile).ok_or(Refusal::BadKeys)?;
        let outbound = Outbound::new(profile, local).map_err(|_| Refusal::BadKeys)?;
        let inbound = Inbound::new(profile, remote).map_err(|_| Refusal::BadKeys)?;
        let (index, leg) = self.existing(leg)?;
        if leg.outbound.is_some() {
            return Err(Refusal::AlreadyKeyed);
        }
        leg.outbound = Some(outbound);
        leg.inbound = Some(inbound);
        self.ask_for_waiting_slots(now, index, out);
        Ok(())
    }

    /// This way leads past the gate, so that nothing but DTLS may take it.
    fn send_dtls(
        &mut self,
        leg: LegId,
        datagrams: &[ByteBuf],
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let (_, leg) = self.existing(leg)?;
        let is_dtls = |datagram: &&ByteBuf| classify(datagram) == Class::Dtls;
        if datagrams.iter().filter(is_dtls).count() < datagrams.len() {
            return Err(Refusal::BadDescription);
        }
        if let Some(to) = leg.ice.selected() {
            datagrams.iter().for_each(|datagram| out.push(to, datagram));
        }
        Ok(())
    }

    fn set_gate(
        &mut self,
        now: Micros,
        id: LegId,
        open: bool,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let places = self.places_of(id)?;
        let mut last_out_us = Micros(0);
        let mut moved = Vec::with_capacity(places.len());
        for index in &places {
            if !open {
                self.end_recording(*index);
            }
            let leg = self.leg_mut(*index).ok_or(Refusal::UnknownLeg)?;
            moved.push(leg.gate_open() != open);
            leg.set_gate(now, open);
            last_out_us = last_out_us.max(Micros(leg.row.last_out_us));
        }
        self.events.push_back(Event::GateChanged {
            leg: id,
            open,
            at_us: now,
            last_out_us,
        });
        for (index, moved) in places.into_iter().zip(moved) {
            self.heed_gate(now, (index, id), (open, moved), out);
        }
        Ok(())
    }

    fn heed_gate(
        &mut self,
        now: Micros,
        (index, id): (u32, LegId),
        (open, moved): (bool, bool),
        out: &mut Outbox,
    ) {
        if open && moved {
            self.ask_for_waiting_slots(now, index, out);
            self.ask_for_own_takers(now, index, out);
            self.wake_by(index, now);
        }
        if !open {
            self.close_slots(index);
            let room = self.leg(index).map(|leg| leg.room);
            room.into_iter()
                .for_each(|room| self.forget_speaker(room, id));
        }
    }

    /// Asks a leg for a key frame of each of its sources that somebody takes.
    fn ask_for_own_takers(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        let sources = self.leg(index).map_or(0, |leg| leg.sources.len());
        for position in 0..sources {
            self.ask_for_takers(now, (index, position), out);
        }
    }

    /// Asks for a key frame of each encoding of a source that somebody takes.
    fn ask_for_takers(&mut self, now: Micros, (index, position): (u32, usize), out: &mut Outbox) {
        for encoding in 0..MOST_ENCODINGS as u8 {
            let taken = self.leg(index).and_then(|leg| {
                let source = &leg.sources[position];
                let one = source.encodings.get(usize::from(encoding))?;
                (source.spec.kind == Kind::Video && one.may_be_asked(source.muted))
                    .then_some(source.spec.source)
            });
            if let Some(source) = taken {
                self.ask_key_frame(now, index, (source, encoding), out);
            }
        }
    }

    /// Whoever comes back through the gate begins with a key frame, as does everyone who sees them.
    fn close_slots(&mut self, index: u32) {
        let Some(leg) = self.leg_mut(index) else {
            return;
        };
        leg.slots.iter_mut().for_each(Slot::pause);
        let encodings = leg.sources.iter().flat_map(|source| &source.encodings);
        let takers: Vec<Taker> = encodings.flat_map(|e| e.takers.iter().copied()).collect();
        self.pause_takers(&takers);
    }

    fn pause_takers(&mut self, takers: &[Taker]) {
        for taker in takers {
            if let Some(leg) = self.leg_mut(taker.leg) {
                leg.slots[usize::from(taker.slot)].pause();
            }
        }
    }

    pub(crate) fn forget_speaker(&mut self, room: RoomId, leg: LegId) {
        let Some(members) = self.rooms.get_mut(&room) else {
            return;
        };
        if members.speakers.remove(leg) {
            let legs = members.speakers.order().to_vec();
            self.events.push_back(Event::Speakers { room, legs });
        }
    }

    fn set_muted(
        &mut self,
        now: Micros,
        id: LegId,
        (number, muted): (u16, bool),
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        self.places_of(id)?;
        let index = self.sender_of(id, number);
        let index = index.ok_or(Refusal::BadDescription)?;
        let leg = self.leg_mut(index).ok_or(Refusal::UnknownLeg)?;
        let mut sources = leg.sources.iter();
        let position = sources.position(|s| s.spec.source == number);
        let position = position.ok_or(Refusal::BadDescription)?;
        let source = &mut leg.sources[position];
        if source.muted == muted {
            return Ok(());
        }
        source.muted = muted;
        let encodings = source.encodings.iter_mut();
        encodings.for_each(|encoding| encoding.register.forget_missing());
        let takers = source.encodings.iter().flat_map(|e| e.takers.iter());
        let takers: Vec<Taker> = takers.copied().collect();
        self.pause_takers(&takers);
        self.ask_for_takers(now, (index, position), out);
        Ok(())
    }

    fn restart_ice(&mut self, leg: LegId, ice: IceParams) -> Result<(), Refusal> {
        let (index, leg) = self.existing(leg)?;
        let before = leg.ice.local_ufrag().to_owned();
        let now = ice.local_ufrag.clone();
        if now != before && self.by_ufrag.contains_key(&now) {
            return Err(Refusal::DuplicateUfrag);
        }
        self.by_ufrag.remove(&before);
        self.by_ufrag.insert(now, index);
        if let Some(leg) = self.leg_mut(index) {
            leg.ice.restart(ice);
        }
        Ok(())
    }

    fn remove_leg(&mut self, now: Micros, id: LegId) -> Result<(), Refusal> {
        let (mut last_in_us, mut last_out_us) = (Micros(0), Micros(0));
        for index in self.places_of(id)? {
            self.end_recording(index);
            let leg = self.legs[index as usize]
                .take()
                .ok_or(Refusal::UnknownLeg)?;
            last_in_us = last_in_us.max(Micros(leg.row.last_in_us));
            last_out_us = last_out_us.max(Micros(leg.row.last_out_us));
            self.forget(&leg, index);
        }
        self.by_id.remove(&id);
        if self.lines.remove(&id).is_some() {
            self.free_ports();
        }
        self.events.push_back(Event::LegRemoved {
            leg: id,
            at_us: now,
            last_in_us,
            last_out_us,
        });
        Ok(())
    }

    /// Forgets what leads to a leg that is gone.
    fn forget(&mut self, leg: &Leg, index: u32) {
        if leg.line.is_none() {
            self.by_ufrag.remove(leg.ice.local_ufrag());
        }
        for address in leg.ice.addresses() {
            if self.by_address.get(address) == Some(&index) {
                self.by_address.remove(address);
            }
        }
        self.unlink(leg.room, index);
        self.free.push(index);
        self.forget_speaker(leg.room, leg.id);
        if self.rooms.get(&leg.room).is_some_and(|r| r.legs.is_empty()) {
            self.rooms.remove(&leg.room);
        }
    }

    /// Takes a leg that is gone out of its room, of every slot that it filled and every source that it took.
    fn unlink(&mut self, room: RoomId, index: u32) {
        let Some(members) = self.rooms.get_mut(&room) else {
            return;
        };
        members.legs.retain(|other| *other != index);
        for other in members.legs.clone() {
            let Some(leg) = self.leg_mut(other) else {
                continue;
            };
            for slot in &mut leg.slots {
                if slot.filling.as_ref().is_some_and(|f| f.leg == index) {
                    slot.filling = None;
                }
            }
            for encoding in leg.sources.iter_mut().flat_map(|s| &mut s.encodings) {
                encoding.takers.retain(|taker| taker.leg != index);
            }
        }
    }
}

/// Whether indices, SSRCs and payload types of a leg, or of the lines of one, are each used once.
pub(crate) fn are_sound(legs: &[Leg]) -> bool {
    let mut ssrcs = FxHashSet::default();
    let mut indices = FxHashSet::default();
    let mut slots = legs.iter().flat_map(|leg| &leg.slots);
    let slots_ok = slots.all(|slot| {
        indices.insert(slot.spec.slot)
            && ssrcs.insert(slot.spec.ssrc)
            && slot.spec.rtx_ssrc.is_none_or(|ssrc| ssrcs.insert(ssrc))
            && slot.spec.fec.is_none_or(|fec| ssrcs.insert(fec.ssrc))
            && !slot.spec.formats.is_empty()
    });
    ssrcs.clear();
    indices.clear();
    let mut sources = legs.iter().flat_map(|leg| &leg.sources);
    let sources_ok = sources.all(|source| {
        let spec = &source.spec;
        let encodings = spec.encodings.iter();
        let mut named = encodings.flat_map(|encoding| [encoding.ssrc, encoding.rtx_ssrc]);
        indices.insert(spec.source)
            && (1..=MOST_ENCODINGS).contains(&spec.encodings.len())
            && named.all(|ssrc| ssrc.is_none_or(|ssrc| ssrcs.insert(ssrc)))
            && !spec.formats.is_empty()
            && spec
                .formats
                .iter()
                .all(|f| fits_kind(spec.kind, f.clock_rate))
    });
    slots_ok && sources_ok
}

/// RTP's video clock is 90 kHz for every codec here, and no sound has it.
const fn fits_kind(kind: Kind, clock_rate: u32) -> bool {
    match kind {
        Kind::Video => clock_rate == 90_000,
        Kind::Audio => clock_rate >= 8_000 && clock_rate <= 48_000,
    }
}

const fn command_name(command: &Command) -> &'static str {
    match command {
        Command::AddLeg { .. } => "AddLeg",
        Command::SetKeys { .. } => "SetKeys",
        Command::SendDtls { .. } => "SendDtls",
        Command::SetGate { .. } => "SetGate",
        Command::SetFeeds { .. } => "SetFeeds",
        Command::SetMuted { .. } => "SetMuted",
        Command::MoveLeg { .. } => "MoveLeg",
        Command::RestartIce { .. } => "RestartIce",
        Command::RemoveLeg { .. } => "RemoveLeg",
        Command::RecordLink { .. } => "RecordLink",
        Command::AddLines(_) => "AddLines",
        Command::SetRemote(_) => "SetRemote",
        Command::SetLineKeys(_) => "SetLineKeys",
        Command::SetChannelKeys(_) => "SetChannelKeys",
        Command::SendLineDtls(_) => "SendLineDtls",
        Command::WantKeyFrame(_) => "WantKeyFrame",
        Command::Panic { .. } => "Panic",
    }
}

const fn subject_leg(command: &Command) -> LegId {
    match command.subject() {
        Subject::NewLeg(leg, _) | Subject::Leg(leg) => leg,
        Subject::Room(_) => LegId(0),
    }
}
