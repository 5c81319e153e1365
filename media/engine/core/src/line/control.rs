//! Commands to legs of lines, and what it takes that their lines are one leg to everybody else.

use super::api::{AddLines, Keys, LineSpec, Protection, SetLineKeys, SetRemote};
use super::{Line, Side, MOST_LINES};
use crate::api::{LegId, Refusal};
use crate::control::are_sound;
use crate::ice::IceLite;
use crate::leg::Leg;
use crate::outbox::{Outbox, Way};
use crate::parameters::ParameterSets;
use crate::shard::Shard;
use crate::slot::Slot;
use crate::time::Micros;
use engine_srtp::{Inbound, Outbound, Profile};
use engine_wire::demux::{classify, Class};
use serde_bytes::ByteBuf;

/// How long a line waits until it is looked after for the first time.
const FIRST_LOOK: Micros = Micros::from_secs(1);

impl Shard {
    pub(crate) fn add_lines(&mut self, now: Micros, add: AddLines) -> Result<(), Refusal> {
        if self.by_id.contains_key(&add.leg) {
            return Err(Refusal::DuplicateLeg);
        }
        if !(1..=MOST_LINES).contains(&add.lines.len()) {
            return Err(Refusal::BadDescription);
        }
        self.check_ports(&add.lines)?;
        let mut legs = Vec::with_capacity(add.lines.len());
        for (number, spec) in (0_u8..).zip(&add.lines) {
            legs.push(Leg::of_line(now, &add, (number, spec))?);
        }
        if !are_sound(&legs) {
            return Err(Refusal::BadDescription);
        }
        let places: Vec<u32> = legs.into_iter().map(|leg| self.insert(leg)).collect();
        for (index, spec) in places.iter().zip(&add.lines) {
            self.by_port.insert(spec.ports.rtp, (*index, Side::Rtp));
            if let Some(port) = spec.ports.rtcp {
                self.by_port.insert(port, (*index, Side::Rtcp));
            }
            self.wake_by(*index, now + FIRST_LOOK);
        }
        self.by_id.insert(add.leg, places[0]);
        self.lines.insert(add.leg, places);
        Ok(())
    }

    fn check_ports(&self, lines: &[LineSpec]) -> Result<(), Refusal> {
        let ports = lines
            .iter()
            .flat_map(|line| [Some(line.ports.rtp), line.ports.rtcp]);
        let mut ports: Vec<u16> = ports.flatten().collect();
        ports.sort_unstable();
        let is_used = |port: &u16| self.by_port.contains_key(port);
        let twice = ports.windows(2).any(|pair| pair[0] == pair[1]);
        if twice || ports[0] == 0 || ports.iter().any(is_used) {
            return Err(Refusal::DuplicatePort);
        }
        Ok(())
    }

    pub(super) fn line_mut(&mut self, leg: LegId, line: u8) -> Result<(u32, &mut Leg), Refusal> {
        let places = self.lines.get(&leg).ok_or(Refusal::UnknownLeg)?;
        let index = places.get(usize::from(line)).copied();
        let index = index.ok_or(Refusal::BadDescription)?;
        let leg = self.leg_mut(index).ok_or(Refusal::UnknownLeg)?;
        Ok((index, leg))
    }

    pub(crate) fn set_remote(&mut self, now: Micros, set: &SetRemote) -> Result<(), Refusal> {
        let (_, leg) = self.line_mut(set.leg, set.line)?;
        if let Some(keys) = &set.keys {
            // Nothing that we send hangs on these keys, so that a new one, be it an old one again, repeats no nonce.
            let profile = leg.inbound.as_ref().map(Inbound::profile);
            let profile = profile.ok_or(Refusal::BadKeys)?;
            if profile.hides() && !profile.proves() {
                return Err(Refusal::BadKeys);
            }
            leg.inbound = Some(keys.inbound()?);
        }
        let Some(line) = leg.line.as_deref_mut() else {
            return Err(Refusal::UnknownLeg);
        };
        if let Some(ice) = &set.ice {
            if !line.has_ice {
                return Err(Refusal::BadDescription);
            }
            leg.ice.restart(ice.clone());
        }
        line.announce(now, &set.remote);
        if let Some(rate) = &mut line.rate {
            rate.describe(set.max_bitrate);
        }
        let to = line.to();
        if leg.ice.selected() != to {
            leg.ice.point_at(to);
            leg.slots.iter_mut().for_each(Slot::pause);
        }
        Ok(())
    }

    pub(crate) fn set_line_keys(
        &mut self,
        now: Micros,
        set: &SetLineKeys,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let (index, leg) = self.line_mut(set.leg, set.line)?;
        if leg.outbound.is_some() {
            return Err(Refusal::AlreadyKeyed);
        }
        let by_handshake = leg.line.as_deref().is_some_and(|line| line.by_handshake);
        if !by_handshake {
            return Err(Refusal::BadKeys);
        }
        let (inbound, outbound) = (set.remote.inbound()?, set.local.outbound()?);
        (leg.inbound, leg.outbound) = (Some(inbound), Some(outbound));
        self.ask_for_waiting_slots(now, index, out);
        Ok(())
    }

    /// This way leads past the gate, so that nothing but DTLS may take it.
    pub(crate) fn send_line_dtls(
        &mut self,
        leg: LegId,
        line: u8,
        datagrams: &[ByteBuf],
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let (_, leg) = self.line_mut(leg, line)?;
        let line = leg.line.as_deref().ok_or(Refusal::UnknownLeg)?;
        let is_dtls = |datagram: &ByteBuf| classify(datagram) == Class::Dtls;
        if !line.by_handshake || !datagrams.iter().all(is_dtls) {
            return Err(Refusal::BadDescription);
        }
        let way = Way {
            to: line.handshake_from.unwrap_or_else(|| line.rtp.to()),
            port: line.ports.rtp,
        };
        datagrams
            .iter()
            .for_each(|datagram| out.push(way, datagram));
        Ok(())
    }

    /// Positions of all legs of this name: one, or one for each line.
    pub(crate) fn places_of(&self, leg: LegId) -> Result<Vec<u32>, Refusal> {
        let first = *self.by_id.get(&leg).ok_or(Refusal::UnknownLeg)?;
        let lines = self.lines.get(&leg);
        Ok(lines.map_or_else(|| vec![first], Clone::clone))
    }

    /// Position of the leg that has this source.
    pub(crate) fn sender_of(&self, leg: LegId, source: u16) -> Option<u32> {
        let has = |leg: &Leg| leg.sources.iter().any(|of| of.spec.source == source);
        self.place_where(leg, has)
    }

    /// Position of the leg that has this slot.
    pub(crate) fn receiver_of(&self, leg: LegId, slot: u16) -> Option<u32> {
        let has = |leg: &Leg| leg.slots.iter().any(|of| of.spec.slot == slot);
        self.place_where(leg, has)
    }

    fn place_where(&self, leg: LegId, has: impl Fn(&Leg) -> bool) -> Option<u32> {
        let first = *self.by_id.get(&leg)?;
        let found = self.leg(first).is_some_and(&has);
        let others = self.lines.get(&leg).filter(|_| !found);
        let mut others = others.into_iter().flatten().copied();
        let other = others.find(|index| self.leg(*index).is_some_and(&has));
        other.or_else(|| found.then_some(first))
    }

    /// Forgets what leads to a line that is gone, and gives its ports back.
    pub(crate) fn free_ports(&mut self) {
        let (legs, freed) = (&self.legs, &mut self.freed_ports);
        self.by_port.retain(|port, (index, side)| {
            let stays = legs[*index as usize].is_some();
            if !stays && *side == Side::Rtp {
                freed.push(*port);
            }
            stays
        });
    }

    /// The next RTP port that no line has any more, of which the IO may dispose together with that of RTCP.
    pub fn poll_freed_port(&mut self) -> Option<u16> {
        self.freed_ports.pop()
    }

    /// Whether a line has this port.
    pub fn has_port(&self, port: u16) -> bool {
        self.by_port.contains_key(&port)
    }
}

impl Leg {
    fn of_line(
        now: Micros,
        add: &AddLines,
        (number, spec): (u8, &LineSpec),
    ) -> Result<Self, Refusal> {
        let media = (spec.sources.clone(), spec.slots.clone());
        let ice = spec.ice.clone();
        let ice = ice.map_or_else(IceLite::without_checks, IceLite::new);
        let mut leg = Self::new(
            add.leg,
            add.room,
            ice,
            media,
            add.extensions,
            add.cname.clone(),
        );
        match &spec.protection {
            Protection::Plain if !add.allow_plain => return Err(Refusal::PlainNotAllowed),
            Protection::Plain => {
                leg.inbound = Inbound::new(Profile::Plain, &[]).ok();
                leg.outbound = Outbound::new(Profile::Plain, &[]).ok();
            }
            Protection::Sdes { local, remote } => {
                leg.inbound = Some(remote.inbound()?);
                leg.outbound = Some(local.outbound()?);
            }
            Protection::H235 { local, remote } => leg.open_channel(local, remote)?,
            Protection::Dtls => {}
        }
        if !spec.parameter_sets.is_empty() {
            for encoding in leg
                .sources
                .iter_mut()
                .flat_map(|source| &mut source.encodings)
            {
                let sets = spec.parameter_sets.iter().map(|set| &set[..]);
                encoding.parameters = Some(Box::new(ParameterSets::given(sets)));
            }
        }
        leg.port = spec.ports.rtp;
        let line = Line::new(now, number, spec);
        leg.ice.point_at(line.to());
        leg.line = Some(Box::new(line));
        Ok(leg)
    }
}

impl Keys {
    fn profile(&self) -> Result<Profile, Refusal> {
        Profile::from_name(&self.profile).ok_or(Refusal::BadKeys)
    }

    fn inbound(&self) -> Result<Inbound, Refusal> {
        Inbound::new(self.profile()?, &self.master).map_err(|_| Refusal::BadKeys)
    }

    fn outbound(&self) -> Result<Outbound, Refusal> {
        Outbound::new(self.profile()?, &self.master).map_err(|_| Refusal::BadKeys)
    }
}
