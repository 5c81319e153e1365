//! A datagram on its way into a robot.

use crate::api::Event;
use crate::client::{Client, Context, Stream};
use crate::ice::Heard;
use crate::receiver::{Arrived, Beginning, KEY_FRAME_PATIENCE};
use crate::reports::LOOK_PAUSE;
use engine_core::leg::DTLS_PER_SECOND;
use engine_core::Micros;
use engine_wire::demux::{classify, Class};
use engine_wire::rtp::RtpHeader;
use engine_wire::stun::Message;
use std::net::SocketAddr;

impl Client {
    /// Takes a datagram in, which arrived at `at` by the kernel's clock.
    pub(crate) fn handle_datagram(
        &mut self,
        cx: &mut Context<'_>,
        at: Micros,
        from: SocketAddr,
        data: &mut [u8],
    ) {
        if from != self.ice.remote() {
            self.row.strangers += 1;
            return;
        }
        match classify(data) {
            Class::Rtp => self.handle_rtp(cx, at, data),
            Class::Rtcp => self.handle_rtcp(cx, at, data),
            Class::Stun => self.handle_stun(cx, from, data),
            Class::Dtls => self.handle_dtls(cx, data),
            Class::Unknown => self.row.unclassified += 1,
        }
    }

    fn handle_stun(&mut self, cx: &mut Context<'_>, from: SocketAddr, data: &[u8]) {
        let Ok(message) = Message::parse(data) else {
            self.row.stun_foreign += 1;
            return;
        };
        let reply = &mut cx.scratch.bytes;
        reply.clear();
        let random = &mut self.random;
        match self.ice.handle(cx.now, from, &message, random, reply) {
            Heard::Answer { first, round_trip } => {
                self.row.checks_answered += 1;
                self.row.rtt_us = round_trip.0.max(1);
                if first {
                    let client = self.id;
                    cx.events.push_back(Event::ClientConnected { client });
                    self.begin_media(cx.now);
                }
            }
            Heard::Check => {
                self.row.checks_received += 1;
                cx.out.push(from, reply);
            }
            Heard::Refused | Heard::Foreign => self.row.stun_foreign += 1,
        }
    }

    fn handle_dtls(&mut self, cx: &mut Context<'_>, data: &[u8]) {
        if self.dtls_ration.take(cx.now, DTLS_PER_SECOND) {
            let (client, data) = (self.id, data.to_vec());
            cx.events.push_back(Event::ClientDtls { client, data });
        } else {
            self.row.dtls_drops += 1;
        }
    }

    fn handle_rtp(&mut self, cx: &mut Context<'_>, at: Micros, data: &mut [u8]) {
        let Ok(header) = RtpHeader::parse(data) else {
            self.row.malformed += 1;
            return;
        };
        self.note_transport_number(cx.now, at, &header, data);
        let Some(stream) = self.find_stream(&header, data) else {
            self.row.unknown_streams += 1;
            return;
        };
        let Some(inbound) = self.inbound.as_mut() else {
            self.row.before_keys += 1;
            return;
        };
        let receiver = &mut self.receivers[stream.receiver];
        let mut packet = Arrived {
            at,
            header,
            data,
            inbound,
            check_percent: self.check_percent,
            latency: cx.latency,
        };
        if stream.repair {
            return receiver.handle_repair(&mut packet);
        }
        let beginning = receiver.handle_media(&mut packet);
        if beginning == Beginning::First {
            cx.events.push_back(Event::FirstMedia {
                client: self.id,
                receiver: receiver.spec.receiver,
                at_us: at,
            });
        }
        if beginning != Beginning::No {
            self.look_at = self.look_at.min(cx.now + KEY_FRAME_PATIENCE);
        }
        if let Some(at) = receiver.next_at() {
            self.look_at = self.look_at.min(at.max(cx.now + LOOK_PAUSE));
        }
    }

    fn note_transport_number(&mut self, now: Micros, at: Micros, header: &RtpHeader, data: &[u8]) {
        if let Some((id, arrivals)) = &mut self.twcc_in {
            let number = header
                .extension_value(data, *id)
                .and_then(|value| value.first_chunk::<2>());
            if let Some(number) = number {
                arrivals.note(now, at, u16::from_be_bytes(*number));
            }
        }
    }

    fn find_stream(&mut self, header: &RtpHeader, data: &[u8]) -> Option<Stream> {
        let known = self.streams.get(&header.ssrc).copied();
        known.or_else(|| self.learn_stream(header, data))
    }

    /// An SSRC that the description did not name: its media identification tells (RFC 8843 section 9.2), and without
    /// one a payload type that only one unbound receiver has.
    fn learn_stream(&mut self, header: &RtpHeader, data: &[u8]) -> Option<Stream> {
        let pt = header.payload_type;
        let mid = self.mid_ext.and_then(|id| header.extension_value(data, id));
        let mut found = None;
        for (position, receiver) in self.receivers.iter().enumerate() {
            let repair = receiver.rtx_format(pt).is_some();
            let bound = if repair {
                receiver.rtx_ssrc.is_some()
            } else {
                receiver.ssrc.is_some()
            };
            let named = mid.map_or(!bound, |mid| receiver.spec.mid.as_bytes() == mid);
            if !named || !(repair || receiver.format(pt).is_some()) {
                continue;
            }
            if found.is_some() {
                return None;
            }
            found = Some(Stream {
                receiver: position,
                repair,
            });
        }
        let stream = found?;
        self.bind_stream(stream, header.ssrc);
        Some(stream)
    }

    fn bind_stream(&mut self, stream: Stream, ssrc: u32) {
        let receiver = &mut self.receivers[stream.receiver];
        let before = if stream.repair {
            receiver.rtx_ssrc.replace(ssrc)
        } else {
            let before = receiver.ssrc;
            receiver.bind(ssrc);
            before
        };
        if let Some(before) = before {
            self.streams.remove(&before);
            if let Some(inbound) = &mut self.inbound {
                inbound.forget(before);
            }
        }
        self.streams.insert(ssrc, stream);
    }
}
