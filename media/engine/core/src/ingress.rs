//! A datagram on its way in: whose it is, whether it is genuine, what it means for the source's register.

use crate::api::{Codec, Event, Kind, Site};
use crate::contain::strike;
use crate::encoding::Encoding;
use crate::ice::{self, CheckRefused};
use crate::leg::Leg;
use crate::line;
use crate::outbox::Outbox;
use crate::ready::Ready;
use crate::receive::Arrival;
use crate::shard::{Datagram, Shard};
use crate::source::{codec_number, Source};
use crate::time::Micros;
use engine_srtp::{SrtpError, Unprotected};
use engine_wire::payload::{rtx, vp8};
use engine_wire::rtp::{audio_level, RtpHeader};
use engine_wire::stun::Message;
use std::net::SocketAddr;

/// What of a key frame counts in the rate of its encoding: it comes once in a while, and what follows it is no larger.
const KEY_FRAME_SHARE: usize = 4;

impl Shard {
    pub(crate) fn handle_rtp(
        &mut self,
        now: Micros,
        at: usize,
        datagram: &mut Datagram<'_>,
        out: &mut Outbox,
    ) {
        let Some(&index) = self.by_address.get(&datagram.from) else {
            self.row.media_unknown_address += 1;
            return;
        };
        let Ok(header) = RtpHeader::parse(datagram.data) else {
            self.row.rtp_malformed += 1;
            return;
        };
        let Some(plain) = self.open_rtp(now, index, &header, datagram, out) else {
            return;
        };
        if let Some(leg) = self.legs[index as usize].as_deref_mut() {
            leg.ice.heed_media(datagram.from);
        }
        self.take_rtp(now, (index, at), (&header, plain), datagram, out);
    }

    /// Decrypts a packet where it lies; `None` for one that is not genuine.
    #[inline]
    pub(crate) fn open_rtp(
        &mut self,
        now: Micros,
        index: u32,
        header: &RtpHeader,
        datagram: &mut Datagram<'_>,
        out: &mut Outbox,
    ) -> Option<Unprotected> {
        let leg = self.legs[index as usize].as_deref_mut()?;
        self.at_work = Some(leg.room);
        strike(self.armed, leg.room, Site::Datagram);
        leg.row.datagrams_in += 1;
        let Some(inbound) = leg.inbound.as_mut() else {
            self.row.media_before_keys += 1;
            return None;
        };
        // Also behind a closed gate: the roll-over counter has to keep up while somebody waits for an hour.
        let plain = match inbound.unprotect_rtp(datagram.data, header.header_len) {
            Ok(plain) => plain,
            Err(error) => {
                leg.count_srtp_error(&error);
                return None;
            }
        };
        if leg.hear(now) {
            self.heed_return(now, index, out);
        }
        Some(plain)
    }

    /// Enters a genuine packet where it belongs.
    #[inline]
    pub(crate) fn take_rtp(
        &mut self,
        now: Micros,
        (index, at): (u32, usize),
        (header, plain): (&RtpHeader, Unprotected),
        datagram: &Datagram<'_>,
        out: &mut Outbox,
    ) {
        let Some(leg) = self.legs[index as usize].as_deref_mut() else {
            return;
        };
        let packet = &datagram.data[..plain.len];
        let report = leg.note_arrival(now, header, packet);
        let Some(ready) = leg.register(now, header, packet, plain.extended_sequence) else {
            return;
        };
        let ready = Ready {
            leg: index,
            at: at as u32,
            ..ready
        };
        let marked = report.and_then(|_| leg.mark_report(now, header.ssrc, &ready));
        let report = marked.or(report);
        // While this shard is late, everything seems to be.
        let has_fallen = self.pressure.is_well(now) && leg.heed_fall(now, &ready);
        let (level, after_outage) = (ready.level, ready.after_outage);
        let number = leg.sources[usize::from(ready.source)].spec.source;
        let stream = (index, (number, ready.encoding));
        let asks_at = ready.has_holes.then(|| {
            let source = &leg.sources[usize::from(ready.source)];
            source.encodings[usize::from(ready.encoding)]
                .register
                .next_nack_at()
        });
        let (id, room) = (leg.id, leg.room);
        if ready.redundant > 0 {
            let source = &mut leg.sources[usize::from(ready.source)];
            let encoding = &mut source.encodings[usize::from(ready.encoding)];
            encoding.fill_holes(&ready, packet, &mut self.scratch.ready);
        }
        self.scratch.ready.push(ready);
        if after_outage {
            self.heed_outage_of_source(now, stream, out);
        }
        if let Some(dbov) = level {
            self.handle_level(now, room, id, dbov);
        }
        if has_fallen {
            self.turn_from_what_fell(now, index, out);
        }
        for at in asks_at.flatten().into_iter().chain(report) {
            self.wake_by(index, at);
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
        let name = message.username().and_then(ice::named);
        let Some(&index) = name.and_then(|name| self.by_ufrag.get(name)) else {
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
        } else if checked.new_address {
            self.heed_move(now, index, from, out);
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

    /// Enters a packet into what is reported to its sender; gives when the next report is due.
    fn note_arrival(&mut self, now: Micros, header: &RtpHeader, packet: &[u8]) -> Option<Micros> {
        let arrivals = self.arrivals.as_deref_mut()?;
        let value = header.extension_value(packet, self.extensions.transport_cc?)?;
        let number = u16::from_be_bytes(value.try_into().ok()?);
        arrivals.note(now, number, packet.len());
        arrivals.next_at()
    }

    /// Has the next report end with this packet, if it is one of larger pictures and its sender's link is full; gives when
    /// that report is due.
    fn mark_report(&mut self, now: Micros, ssrc: u32, ready: &Ready) -> Option<Micros> {
        let encodings = &self.sources[usize::from(ready.source)].encodings;
        let encoding = &encodings[usize::from(ready.encoding)];
        let is_larger = ready.encoding > 0 && encoding.ssrc == Some(ssrc);
        if !is_larger || !encoding.register.transit().is_late() {
            return None;
        }
        let arrivals = self.arrivals.as_deref_mut()?;
        arrivals.end_here(now);
        arrivals.next_at()
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
        let Some(stream) = self.find_stream(now, header, packet) else {
            self.row.unknown_streams += 1;
            return None;
        };
        let (gate_open, returned) = (self.gate_open(), self.returned);
        let source = &mut self.sources[stream.source];
        let after_outage = !stream.is_repair
            && source.spec.kind == Kind::Video
            && source.encodings[stream.encoding].ends_outage(returned, sequence);
        let ready = if stream.is_repair {
            source.take_repair(now, stream.encoding, (header, packet))
        } else {
            source.take_packet(now, stream.encoding, (header, packet), sequence)
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
        if self.line.is_some() && source.spec.kind == Kind::Audio {
            let format = source.format(ready.payload_type);
            let payload = &packet[ready.payload.clone()];
            ready.level = format.and_then(|format| line::level::level(format.codec, payload));
        }
        let repairs = source.repairs();
        let encoding = &mut source.encodings[stream.encoding];
        if repairs && source.spec.kind == Kind::Video {
            let of = (ready.sequence, ready.timestamp);
            encoding.register.follow(now, of, ready.marker);
        }
        ready.has_holes = repairs && encoding.register.has_missing();
        ready.after_outage = after_outage;
        ready.source = stream.source as u16;
        ready.encoding = stream.encoding as u8;
        ready.epoch = encoding.epoch();
        Some(ready)
    }
}

impl Source {
    fn take_packet(
        &mut self,
        now: Micros,
        encoding: usize,
        (header, packet): (&RtpHeader, &[u8]),
        sequence: u64,
    ) -> Option<Ready> {
        let heard = self.hear(header.payload_type)?;
        let payload = header.payload_range(packet).ok()?;
        let has_several = self.encodings.len() > 1;
        let sees_a_stop = has_several && self.sees_a_stop(now, encoding);
        let encoding = &mut self.encodings[encoding];
        let register = &mut encoding.register;
        let arrival = register.handle_packet(now, sequence, header.timestamp);
        if arrival == Arrival::Duplicate {
            return None;
        }
        let mut ready = Ready {
            payload_type: heard.plain,
            ..Ready::new(header, sequence, payload)
        };
        if arrival == Arrival::Newest {
            ready.wakes = sees_a_stop || has_several && !encoding.is_active(now);
            encoding.note_newest(now, header.timestamp);
        }
        encoding.row.packets += 1;
        encoding.row.bytes += ready.payload.len() as u64;
        encoding.row.codec = codec_number(heard.codec);
        if heard.is_red {
            ready = encoding.take_primary(ready, packet)?;
        }
        if let Some(timeline) = &mut encoding.timeline {
            timeline.note(sequence, header.timestamp);
        }
        Some(encoding.look_inside(now, ready, (heard.codec, packet)))
    }

    /// A retransmission (RFC 4588): worth something only while its original is missing.
    fn take_repair(
        &mut self,
        now: Micros,
        encoding: usize,
        (header, packet): (&RtpHeader, &[u8]),
    ) -> Option<Ready> {
        let format = self.rtx_format(header.payload_type)?;
        let (codec, payload_type) = (format.codec, format.pt);
        let payload = header.payload_range(packet).ok()?;
        // Senders probe for bandwidth with padding on this stream; that carries nothing.
        let original = rtx::original_sequence(&packet[payload.clone()]).ok()?;
        let encoding = &mut self.encodings[encoding];
        encoding.row.rtx_packets += 1;
        let sequence = encoding.register.extend(original);
        if encoding.register.handle_retransmission(now, sequence) == Arrival::Duplicate {
            return None;
        }
        let ready = Ready {
            payload_type,
            ..Ready::new(header, sequence, payload.start + 2..payload.end)
        };
        Some(encoding.look_inside(now, ready, (codec, packet)))
    }
}

impl Encoding {
    fn look_inside(
        &mut self,
        now: Micros,
        mut ready: Ready,
        (codec, packet): (Codec, &[u8]),
    ) -> Ready {
        let payload = &packet[ready.payload.clone()];
        self.height = codec.height(payload).unwrap_or(self.height);
        ready.key_frame = match codec {
            Codec::Vp8 => {
                ready.vp8 = vp8::Descriptor::parse(payload).ok();
                let size = ready.vp8.and_then(|d| d.key_frame_size);
                self.height = size.map_or(self.height, |(_, height)| height);
                ready.vp8.is_some_and(|d| d.is_key_frame)
            }
            Codec::H264 => {
                let sets = self.parameters.get_or_insert_default();
                ready.lacks_parameters = sets.heed(ready.timestamp, payload);
                // Parameter sets and the first slice may be packets of their own: what begins behind the first of them is
                // never whole, and no number is missing that would tell its receiver.
                codec.starts_key_frame(payload) && self.key_frame != Some(ready.timestamp)
            }
            other => other.starts_key_frame(payload),
        };
        let temporal = ready.vp8.and_then(|d| d.temporal);
        let layer = temporal.map_or(0, |temporal| temporal.tid);
        if ready.key_frame {
            self.register.begin_with_key_frame(ready.sequence);
            self.key_frame = Some(ready.timestamp);
        }
        let of_key_frame = self.key_frame == Some(ready.timestamp);
        let times = if of_key_frame { KEY_FRAME_SHARE } else { 1 };
        self.rates.add(now, layer, ready.payload.len() / times);
        if ready.marker {
            // The next picture may have the same timestamp: baresip gives one to all of a still picture.
            self.key_frame = None;
            self.parameters
                .iter_mut()
                .for_each(|sets| sets.end_picture());
        }
        ready
    }
}
