//! A datagram on its way in: whose it is, whether it is genuine, what it means for the source's register.

use crate::api::{Codec, Event, Kind, Site};
use crate::contain::strike;
use crate::forward::Ready;
use crate::ice::CheckRefused;
use crate::leg::Leg;
use crate::outbox::Outbox;
use crate::receive::Arrival;
use crate::shard::{Datagram, Shard};
use crate::source::{codec_number, Source};
use crate::time::Micros;
use engine_srtp::SrtpError;
use engine_wire::payload::{rtx, vp8};
use engine_wire::rtp::{audio_level, RtpHeader};
use engine_wire::stun::Message;
use std::net::SocketAddr;

/// How soon a hole in the numbers is looked at: when reordering would be over.
const LOOK_AT_HOLES: Micros = Micros::from_millis(10);

/// Which stream of the leg a packet belongs to.
#[derive(Debug, Clone, Copy)]
enum Stream {
    Media(usize),
    Repair(usize),
}

impl Shard {
    pub(crate) fn handle_rtp(&mut self, now: Micros, at: usize, datagram: &mut Datagram<'_>) {
        let Some(&index) = self.by_address.get(&datagram.from) else {
            self.row.media_unknown_address += 1;
            return;
        };
        let Ok(header) = RtpHeader::parse(datagram.data) else {
            self.row.rtp_malformed += 1;
            return;
        };
        let Some(leg) = self.legs[index as usize].as_deref_mut() else {
            return;
        };
        self.at_work = Some(leg.room);
        strike(self.armed, leg.room, Site::Datagram);
        leg.row.datagrams_in += 1;
        let Some(inbound) = leg.inbound.as_mut() else {
            self.row.media_before_keys += 1;
            return;
        };
        // Also behind a closed gate: the roll-over counter has to keep up while somebody waits for an hour.
        let plain = match inbound.unprotect_rtp(datagram.data, header.header_len) {
            Ok(plain) => plain,
            Err(error) => return leg.count_srtp_error(&error),
        };
        leg.row.last_in_us = now.0;
        let packet = &datagram.data[..plain.len];
        let Some(ready) = leg.register(now, &header, packet, plain.extended_sequence) else {
            return;
        };
        let ready = Ready {
            leg: index,
            at: at as u32,
            ..ready
        };
        let (level, has_holes) = (ready.level, ready.has_holes);
        let (id, room) = (leg.id, leg.room);
        if ready.redundant > 0 {
            let source = &mut leg.sources[usize::from(ready.source)];
            source.fill_holes(&ready, packet, &mut self.scratch.ready);
        }
        self.scratch.ready.push(ready);
        if let Some(dbov) = level {
            self.handle_level(now, room, id, dbov);
        }
        if has_holes {
            self.wake_by(index, now + LOOK_AT_HOLES);
        }
    }

    fn handle_level(
        &mut self,
        now: Micros,
        room: crate::api::RoomId,
        leg: crate::api::LegId,
        dbov: u8,
    ) {
        if let Some(members) = self.rooms.get_mut(&room) {
            if members.speakers.handle_level(now, leg, dbov) {
                let legs = members.speakers.order().to_vec();
                self.events.push_back(Event::Speakers { room, legs });
            }
        }
    }

    pub(crate) fn handle_stun(&mut self, now: Micros, datagram: &Datagram<'_>, out: &mut Outbox) {
        let Ok(message) = Message::parse(datagram.data) else {
            self.row.stun_malformed += 1;
            return;
        };
        let ufrag = message.username().and_then(|name| name.split_once(':'));
        let Some(&index) = ufrag.and_then(|(local, _)| self.by_ufrag.get(local)) else {
            self.row.stun_unknown_user += 1;
            return;
        };
        let Some(leg) = self.legs[index as usize].as_deref_mut() else {
            return;
        };
        self.at_work = Some(leg.room);
        self.scratch.reply.clear();
        let from = datagram.from;
        let checked = match leg
            .ice
            .handle_check(now, from, &message, &mut self.scratch.reply)
        {
            Ok(checked) => checked,
            Err(CheckRefused::NotARequest) => {
                self.row.stun_malformed += 1;
                return;
            }
            Err(CheckRefused::Unauthenticated) => {
                self.row.stun_unauthenticated += 1;
                return;
            }
        };
        leg.row.datagrams_in += 1;
        out.push(from, &self.scratch.reply);
        if let Some(forgotten) = checked.forgotten {
            self.by_address.remove(&forgotten);
        }
        if checked.new_address {
            self.claim_address(index, from);
        }
        if checked.connected {
            self.handle_connected(now, index, out);
        }
    }

    /// The address now belongs to this leg, whoever had it before: the check proved the password.
    fn claim_address(&mut self, index: u32, address: SocketAddr) {
        let before = self.by_address.get(&address).copied();
        if let Some(before) = before.filter(|before| *before != index) {
            if let Some(leg) = self.leg_mut(before) {
                leg.ice.forget_address(address);
            }
        }
        self.by_address.insert(address, index);
    }

    fn handle_connected(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        if let Some(leg) = self.leg(index) {
            let leg = leg.id;
            self.events.push_back(Event::IceConnected { leg });
        }
        if let Some(leg) = self.leg_mut(index) {
            // After a time without a path, what was sent meanwhile is gone: each slot begins again.
            leg.slots.iter_mut().for_each(crate::slot::Slot::pause);
        }
        self.wake_by(index, now + Micros::from_secs(1));
        self.ask_for_waiting_slots(now, index, out);
    }

    pub(crate) fn handle_dtls(&mut self, now: Micros, datagram: &Datagram<'_>) {
        let Some(&index) = self.by_address.get(&datagram.from) else {
            self.row.dtls_unknown_address += 1;
            return;
        };
        let Some(leg) = self.legs[index as usize].as_deref_mut() else {
            return;
        };
        self.at_work = Some(leg.room);
        leg.row.datagrams_in += 1;
        if leg.take_dtls_budget(now) {
            let (leg, data) = (leg.id, datagram.data.to_vec());
            self.events.push_back(Event::Dtls { leg, data });
        } else {
            leg.row.dtls_drops += 1;
        }
    }
}

impl Leg {
    pub(crate) fn count_srtp_error(&mut self, error: &SrtpError) {
        match error {
            SrtpError::Replay | SrtpError::TooOld => self.row.replays += 1,
            _ => self.row.srtp_failures += 1,
        }
    }

    /// Enters a genuine packet into its source's register. What comes back is to be forwarded; nothing comes back
    /// for duplicates, and for whatever the gate or a host's mute holds up.
    fn register(
        &mut self,
        now: Micros,
        header: &RtpHeader,
        packet: &[u8],
        sequence: u64,
    ) -> Option<Ready> {
        let stream = self.find_stream(header, packet);
        let (position, repair) = match stream {
            Some(Stream::Media(position)) => (position, false),
            Some(Stream::Repair(position)) => (position, true),
            None => {
                self.row.unknown_streams += 1;
                return None;
            }
        };
        let gate_open = self.gate_open();
        let source = &mut self.sources[position];
        let ready = if repair {
            source.take_repair(header, packet)
        } else {
            source.take_packet(now, header, packet, sequence)
        };
        if !gate_open {
            self.row.gate_drops_in += 1;
            return None;
        }
        if source.muted {
            self.row.muted_drops += 1;
            return None;
        }
        let id = self
            .extensions
            .audio_level
            .filter(|_| source.spec.kind == Kind::Audio);
        let level = id.and_then(|id| header.extension_value(packet, id));
        let mut ready = ready?;
        ready.level = level.and_then(audio_level).map(|level| level.dbov);
        ready.has_holes = source.repairs() && source.register.has_missing();
        ready.source = position as u16;
        ready.epoch = source.epoch();
        Some(ready)
    }

    fn find_stream(&mut self, header: &RtpHeader, packet: &[u8]) -> Option<Stream> {
        for (position, source) in self.sources.iter().enumerate() {
            if source.ssrc == Some(header.ssrc) {
                return Some(Stream::Media(position));
            }
            if source.rtx_ssrc == Some(header.ssrc) {
                return Some(Stream::Repair(position));
            }
        }
        self.learn_stream(header, packet)
    }

    /// An SSRC that the description did not name: its media identification tells (RFC 8843 section 9.2), and where
    /// that was not negotiated, a payload type that only one source has.
    fn learn_stream(&mut self, header: &RtpHeader, packet: &[u8]) -> Option<Stream> {
        let mid = self
            .extensions
            .mid
            .and_then(|id| header.extension_value(packet, id));
        let pt = header.payload_type;
        let fits = |source: &Source| match mid {
            Some(mid) => source.spec.mid.as_bytes() == mid,
            None => source.ssrc.is_none(),
        };
        let knows = |s: &Source| {
            s.format(pt).is_some() || s.rtx_format(pt).is_some() || s.red_format(pt).is_some()
        };
        let mut candidates = self
            .sources
            .iter_mut()
            .enumerate()
            .filter(|(_, source)| fits(source) && knows(source));
        let (position, source) = candidates.next()?;
        if candidates.next().is_some() {
            return None;
        }
        if source.rtx_format(pt).is_some() {
            source.rtx_ssrc = Some(header.ssrc);
            return Some(Stream::Repair(position));
        }
        source.restart(header.ssrc);
        Some(Stream::Media(position))
    }
}

impl Source {
    fn take_packet(
        &mut self,
        now: Micros,
        header: &RtpHeader,
        packet: &[u8],
        sequence: u64,
    ) -> Option<Ready> {
        let red = self.red_format(header.payload_type);
        let format = red.or_else(|| self.format(header.payload_type))?;
        let (codec, payload_type, is_red) = (format.codec, format.pt, red.is_some());
        let payload = header.payload_range(packet).ok()?;
        let arrival = self.register.handle_packet(now, sequence, header.timestamp);
        if arrival == Arrival::Duplicate {
            return None;
        }
        if arrival == Arrival::Newest {
            self.newest = Some((header.timestamp, now));
        }
        self.row.packets += 1;
        self.row.bytes += payload.len() as u64;
        self.row.codec = codec_number(codec);
        let ready = Ready {
            payload_type,
            ..Ready::new(header, sequence, payload)
        };
        let ready = if is_red {
            self.take_primary(ready, packet)?
        } else {
            ready
        };
        if let Some(timeline) = self.timeline_mut() {
            timeline.note(sequence, header.timestamp);
        }
        Some(self.look_inside(ready, codec, packet))
    }

    /// A retransmission (RFC 4588): worth something only while its original is missing.
    fn take_repair(&mut self, header: &RtpHeader, packet: &[u8]) -> Option<Ready> {
        let format = self.rtx_format(header.payload_type)?;
        let (codec, payload_type) = (format.codec, format.pt);
        let payload = header.payload_range(packet).ok()?;
        // Senders probe for bandwidth with padding on this stream; that carries nothing.
        let original = rtx::original_sequence(&packet[payload.clone()]).ok()?;
        self.row.rtx_packets += 1;
        let sequence = self.register.extend(original);
        if self.register.handle_retransmission(sequence) == Arrival::Duplicate {
            return None;
        }
        let ready = Ready {
            payload_type,
            ..Ready::new(header, sequence, payload.start + 2..payload.end)
        };
        Some(self.look_inside(ready, codec, packet))
    }

    fn look_inside(&mut self, mut ready: Ready, codec: Codec, packet: &[u8]) -> Ready {
        let payload = &packet[ready.payload.clone()];
        ready.key_frame = match codec {
            Codec::Vp8 => {
                ready.vp8 = vp8::Descriptor::parse(payload).ok();
                ready.vp8.is_some_and(|d| d.is_key_frame)
            }
            other => other.starts_key_frame(payload),
        };
        ready
    }
}
