//! What comes in on a line's own ports.

use super::api::Key;
use super::digits::Digit;
use super::whereabouts::Proof;
use super::{Side, SILENCE};
use crate::api::{Codec, Event, LegId};
use crate::ice::CheckRefused;
use crate::leg::Leg;
use crate::outbox::Outbox;
use crate::shard::{Datagram, Shard};
use crate::slot::Slot;
use crate::time::Micros;
use engine_wire::demux::{classify, Class};
use engine_wire::rtp::RtpHeader;
use engine_wire::stun::{Message, MessageClass};
use std::net::SocketAddr;

impl Shard {
    /// Takes a batch of datagrams in that came to one port of a line, and writes what follows from it into `out`.
    pub fn handle_batch_on(
        &mut self,
        now: Micros,
        port: u16,
        batch: &mut [Datagram<'_>],
        out: &mut Outbox,
    ) {
        for (at, datagram) in batch.iter_mut().enumerate() {
            self.row.datagrams_in += 1;
            self.row.bytes_in += datagram.data.len() as u64;
            self.guarded(out, |shard, out| {
                let Some(&(index, side)) = shard.by_port.get(&port) else {
                    shard.row.media_unknown_address += 1;
                    return;
                };
                match (classify(datagram.data), side) {
                    (Class::Rtp, Side::Rtp) => {
                        shard.handle_line_rtp(now, (index, at), datagram, out);
                    }
                    (Class::Rtcp, _) => shard.handle_line_rtcp(now, (index, side), datagram, out),
                    (Class::Dtls, Side::Rtp) => shard.handle_line_dtls(now, index, datagram),
                    (Class::Stun, _) => {
                        shard.handle_line_check(now, (index, side), datagram, out);
                    }
                    _ => shard.count_misplaced(index),
                }
            });
        }
        self.forward_ready(now, batch, out);
    }

    fn count_misplaced(&mut self, index: u32) {
        let line = self.leg_mut(index).and_then(|leg| leg.line.as_deref_mut());
        line.into_iter().for_each(|line| line.misplaced += 1);
    }

    fn handle_line_rtp(
        &mut self,
        now: Micros,
        (index, at): (u32, usize),
        datagram: &mut Datagram<'_>,
        out: &mut Outbox,
    ) {
        if !self.may_come(now, index, (Side::Rtp, datagram.from), Class::Rtp) {
            return;
        }
        if let Some(leg) = self.leg_mut(index) {
            leg.choose_key(datagram.data);
        }
        let Ok(header) = RtpHeader::parse(datagram.data) else {
            self.row.rtp_malformed += 1;
            return;
        };
        if !self.leg(index).is_some_and(|leg| leg.knows(&header)) {
            // Noise must not be taken for the peer.
            return self.count_misplaced(index);
        }
        let Some(plain) = self.open_rtp(now, index, &header, datagram, out) else {
            return;
        };
        self.heed_line(now, index, (Side::Rtp, datagram.from), out);
        self.heed_digit(now, index, &header, &datagram.data[..plain.len]);
        self.take_rtp(now, (index, at), (&header, plain), datagram, out);
    }

    /// Keys count behind a closed gate, too: a PIN is asked for before anybody is let in.
    fn heed_digit(&mut self, now: Micros, index: u32, header: &RtpHeader, packet: &[u8]) {
        let events = &mut self.events;
        let Some(leg) = self.legs[index as usize].as_deref_mut() else {
            return;
        };
        let mut formats = leg.sources.iter().flat_map(|source| &source.spec.formats);
        let format = formats.find(|format| format.pt == header.payload_type);
        let format = format.filter(|format| format.codec == Codec::TelephoneEvent);
        let (Some(format), Some(line)) = (format, leg.line.as_deref_mut()) else {
            return;
        };
        let Ok(payload) = header.payload_range(packet) else {
            return;
        };
        let begun = (header.timestamp, format.clock_rate);
        let tell = |digit| events.push_back(digit_event(leg.id, digit));
        line.digits.take(now, begun, &packet[payload], tell);
        if let Some(at) = line.digits.next_at() {
            self.wake_by(index, at);
        }
    }

    /// Tells of a key whose packets have stopped, and gives when to come again.
    pub(crate) fn look_for_digit(&mut self, now: Micros, index: u32) -> Option<Micros> {
        let events = &mut self.events;
        let leg = self.legs[index as usize].as_deref_mut()?;
        let line = leg.line.as_deref_mut()?;
        let tell = |digit| events.push_back(digit_event(leg.id, digit));
        line.digits.handle_timeout(now, tell);
        line.digits.next_at()
    }

    fn handle_line_rtcp(
        &mut self,
        now: Micros,
        (index, side): (u32, Side),
        datagram: &mut Datagram<'_>,
        out: &mut Outbox,
    ) {
        if !self.may_come(now, index, (side, datagram.from), Class::Rtcp) {
            return;
        }
        let Some(len) = self.open_rtcp(now, index, datagram, out) else {
            return;
        };
        self.heed_line(now, index, (side, datagram.from), out);
        self.take_rtcp(now, index, &datagram.data[..len], out);
        self.fit_line(now, index, out);
    }

    /// A check (RFC 8445 section 7.3) proves who sent it. An indication keeps translators open, and asks nothing
    /// (section 11).
    fn handle_line_check(
        &mut self,
        now: Micros,
        (index, side): (u32, Side),
        datagram: &Datagram<'_>,
        out: &mut Outbox,
    ) {
        let Some(leg) = self.legs[index as usize].as_deref_mut() else {
            return;
        };
        self.at_work = Some(leg.room);
        let Some(line) = leg.line.as_deref_mut().filter(|line| line.has_ice) else {
            return self.count_misplaced(index);
        };
        let Ok(message) = Message::parse(datagram.data) else {
            self.row.stun_malformed += 1;
            return;
        };
        if message.class == MessageClass::Indication {
            return;
        }
        let (from, reply) = (datagram.from, &mut self.scratch.reply);
        reply.clear();
        match leg.ice.answer(from, &message, reply) {
            Ok(nominates) => {
                leg.row.datagrams_in += 1;
                out.push(line.way_back(side, from), reply);
                if nominates.is_some_and(|nominates| line.check(now, (side, from), nominates)) {
                    self.point_line(now, index, out);
                }
            }
            Err(CheckRefused::NotARequest) => self.row.stun_malformed += 1,
            Err(CheckRefused::Unauthenticated) => self.row.stun_unauthenticated += 1,
        }
    }

    /// Datagrams of a handshake prove nothing here, so that they are answered like plain media.
    fn handle_line_dtls(&mut self, now: Micros, index: u32, datagram: &Datagram<'_>) {
        let Some(leg) = self.legs[index as usize].as_deref_mut() else {
            return;
        };
        self.at_work = Some(leg.room);
        let Some(line) = leg.line.as_deref_mut() else {
            return;
        };
        if !line.by_handshake {
            line.misplaced += 1;
            return;
        }
        let from = datagram.from;
        let is_known = line.handshake_from == Some(from);
        if !is_known && !line.may_come(now, (Side::Rtp, from), (Class::Dtls, Proof::Address)) {
            return;
        }
        line.handshake_from.get_or_insert(from);
        let line = line.number;
        leg.row.datagrams_in += 1;
        if leg.take_dtls_budget(now) {
            let (leg, data) = (leg.id, datagram.data.to_vec());
            let event = Event::LineDtls { leg, line, data };
            self.events.push_back(event);
        } else {
            leg.row.dtls_drops += 1;
        }
    }

    fn may_come(
        &mut self,
        now: Micros,
        index: u32,
        from: (Side, SocketAddr),
        class: Class,
    ) -> bool {
        let Some(leg) = self.legs[index as usize].as_deref_mut() else {
            return false;
        };
        self.at_work = Some(leg.room);
        let proof = leg.proof();
        let line = leg.line.as_deref_mut();
        line.is_some_and(|line| line.may_come(now, from, (class, proof)))
    }

    /// A genuine packet has come: whoever was not there before is sent to from now on.
    fn heed_line(
        &mut self,
        now: Micros,
        index: u32,
        (side, from): (Side, SocketAddr),
        out: &mut Outbox,
    ) {
        let Some(leg) = self.leg_mut(index) else {
            return;
        };
        let Some(line) = leg.line.as_deref_mut() else {
            return;
        };
        if line.came_from(side, from) {
            self.point_line(now, index, out);
        }
    }

    /// Sends to where the peer of a line is now.
    fn point_line(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        let Some(leg) = self.leg_mut(index) else {
            return;
        };
        let Some(line) = leg.line.as_deref_mut() else {
            return;
        };
        let to = line.to();
        let (name, line) = (leg.id, line.number);
        if leg.ice.selected() != to {
            // What was sent elsewhere meanwhile is gone: each slot begins again.
            leg.slots.iter_mut().for_each(Slot::pause);
        }
        leg.ice.point_at(to);
        if to.is_none() {
            return;
        }
        let event = Event::LineConnected { leg: name, line };
        self.events.push_back(event);
        // What it owes by now, such as a request that had to wait for the first SSRC.
        self.wake_by(index, now);
        self.ask_for_waiting_slots(now, index, out);
    }

    /// Stops what is sent on a line when nothing has been heard of its leg for too long, or of itself where it may be that
    /// somebody else is at its address.
    pub(crate) fn expire_line(&mut self, now: Micros, index: u32) {
        let Some(leg) = self.leg(index) else {
            return;
        };
        let lines = self.lines.get(&leg.id).into_iter().flatten();
        let lines = lines.filter_map(|other| self.leg(*other));
        let heard = lines.clone().filter_map(Leg::heard);
        let is_over = heard.max().is_some_and(|at| now.since(at) >= SILENCE);
        let proven = lines.filter_map(|other| other.line.as_deref()?.rtp.found_at());
        let line = leg.line.as_deref();
        let is_hearsay = line.is_some_and(|line| line.is_hearsay(now, proven));
        let name = leg.id;
        if let Some(leg) = self.leg_mut(index).filter(|_| is_hearsay) {
            leg.ice.point_at(None);
        }
        let Some(leg) = self.leg_mut(index).filter(|_| is_over) else {
            return;
        };
        leg.ice.point_at(None);
        let line = leg.line.as_deref_mut().filter(|line| !line.is_silent);
        let is_first = line.is_some_and(|line| {
            line.is_silent = true;
            line.number == 0
        });
        if is_first {
            self.events.push_back(Event::ConsentLost { leg: name });
        }
    }
}

const fn digit_event(leg: LegId, digit: Digit) -> Event {
    Event::Digit {
        leg,
        key: Key(digit.key),
        duration_ms: digit.duration_ms,
    }
}

impl Leg {
    /// Whether the line has the payload type of a packet.
    fn knows(&self, header: &RtpHeader) -> bool {
        let pt = header.payload_type;
        let mut sources = self.sources.iter();
        sources.any(|of| {
            let format = of.format(pt).or_else(|| of.rtx_format(pt));
            format.or_else(|| of.red_format(pt)).is_some()
        })
    }

    /// When the line was last heard of, or described.
    fn heard(&self) -> Option<Micros> {
        let line = self.line.as_deref()?;
        Some(line.since.max(Micros(self.row.last_in_us)))
    }
}
