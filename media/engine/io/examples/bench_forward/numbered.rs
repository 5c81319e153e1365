//! The limit where receivers report on each packet: numbers, when what was sent, and what the reports say of it. Nothing is
//! concluded from that, and nothing waits. Packets of one stream that came one after the other leave together, made one size
//! as the bridge makes them.

use crate::commands::NUMBER_ID;
use crate::crowd::leg_at;
use crate::limit::{count, Loop, Receiver, ROOM};
use engine_srtp::{Inbound, Outbound};
use engine_wire::rtcp::{self, Packet};
use engine_wire::rtp::{FixedHeader, RtpHeader, FIXED_HEADER_LEN, NUMBERED_HEADER_LEN};
use quinn_udp::RecvMeta;
use std::ops::Range;
use std::time::Instant;

/// Packets whose fate may be open.
const KEPT: usize = 1_024;
const PADDING_BIT: u8 = 0x20;
/// A packet that is shorter than the next by no more than this is made as long.
const UNEVEN: usize = 8;

#[derive(Clone, Copy, Default)]
#[allow(dead_code, reason = "writing it down is what has to be done at least")]
struct Sent {
    at_us: u32,
    bytes: u16,
    arrived: bool,
}

/// What is known of the packets to one leg.
pub(crate) struct Link {
    next: u16,
    sent: Box<[Sent; KEPT]>,
}

/// A packet that was opened: which buffer it lies in, and where; and how long it is to become.
pub(crate) struct Opened {
    buffer: usize,
    plain: Range<usize>,
    padded: usize,
}

impl Link {
    pub(crate) fn new() -> Self {
        Self {
            next: 0,
            sent: Box::new([Sent::default(); KEPT]),
        }
    }

    /// What reports could be held against, if anything were concluded of them.
    fn note_sent(&mut self, at_us: u32, bytes: usize) -> u16 {
        let number = self.next;
        self.sent[usize::from(number) % KEPT] = Sent {
            at_us,
            bytes: bytes as u16,
            arrived: false,
        };
        self.next = number.wrapping_add(1);
        number
    }

    fn take_report(&mut self, inbound: &mut Inbound, datagram: &mut [u8]) {
        let len = inbound.unprotect_rtcp(datagram).unwrap();
        for packet in rtcp::parse(&datagram[..len]) {
            if let Ok(Packet::TransportFeedback(feedback)) = packet {
                for arrival in feedback.packets() {
                    let sent = &mut self.sent[usize::from(arrival.sequence) % KEPT];
                    sent.arrived |= arrival.at_us.is_some();
                }
            }
        }
    }
}

const fn is_report(datagram: &[u8]) -> bool {
    matches!(datagram[1], 192..=223)
}

impl Loop {
    /// Everything that one receive has brought.
    pub(crate) fn forward_joined(&mut self, metas: &[RecvMeta], start: Instant) {
        let now_us = start.elapsed().as_micros() as u32;
        let mut at = 0;
        while at < metas.len() {
            let leg = leg_at(metas[at].addr);
            if is_report(&self.buffers[at]) {
                let datagram = &mut self.buffers[at][..metas[at].len];
                self.links[leg].take_report(&mut self.inbound[leg], datagram);
                at += 1;
                continue;
            }
            let stream = self.stream(at);
            let more = metas[at..].iter().enumerate().take_while(|(more, meta)| {
                leg_at(meta.addr) == leg && self.stream(at + more) == stream
            });
            let end = at + more.count();
            self.open(leg, at..end, metas);
            self.send_joined(now_us, leg, usize::from(stream[3]));
            at = end;
        }
    }

    /// The SSRC of what lies in a buffer; nothing's, if it is a report.
    fn stream(&self, at: usize) -> [u8; 4] {
        let datagram = &self.buffers[at];
        if is_report(datagram) {
            return [0; 4];
        }
        [datagram[8], datagram[9], datagram[10], datagram[11]]
    }

    fn open(&mut self, leg: usize, run: Range<usize>, metas: &[RecvMeta]) {
        self.opened.clear();
        for buffer in run {
            let meta = &metas[buffer];
            let packets = self.buffers[buffer][..meta.len].chunks_mut(meta.stride);
            for (number, packet) in packets.enumerate() {
                let header = RtpHeader::parse(packet).unwrap();
                let opened = self.inbound[leg].unprotect_rtp(packet, header.header_len);
                let (start, len) = (number * meta.stride, opened.unwrap().len);
                self.opened.push(Opened {
                    buffer,
                    plain: start..start + len,
                    padded: len,
                });
            }
        }
        let mut next = 0;
        for opened in self.opened.iter_mut().rev() {
            let lacks = usize::saturating_sub(next, opened.padded);
            opened.padded += if lacks <= UNEVEN { lacks } else { 0 };
            next = opened.padded;
        }
    }

    fn send_joined(&mut self, now_us: u32, leg: usize, source: usize) {
        let receivers = self.receivers[leg][source].len();
        let packets = self.opened.len() * receivers;
        count(&self.done.packets_out, packets as u64);
        for taker in 0..receivers {
            let receiver = &mut self.receivers[leg][source][taker];
            let outbound = &self.outbound[receiver.leg];
            let link = &mut self.links[receiver.leg];
            for opened in &self.opened {
                let packet = &self.buffers[opened.buffer][opened.plain.clone()];
                let number = link.note_sent(now_us, packet.len());
                let place = self.out.room(opened.padded + ROOM);
                let len = receiver.write_numbered(outbound, (packet, opened.padded), number, place);
                self.out.commit(receiver.to, len);
                self.used += len;
            }
            self.send_if_full();
        }
    }
}

impl Receiver {
    /// Copies the packet, puts numbers and SSRC in, makes it longer, encrypts.
    fn write_numbered(
        &mut self,
        outbound: &Outbound,
        (packet, padded): (&[u8], usize),
        number: u16,
        place: &mut [u8],
    ) -> usize {
        let header = RtpHeader::parse(packet).unwrap();
        let own = FixedHeader {
            marker: header.marker,
            payload_type: header.payload_type,
            sequence: self.next as u16,
            timestamp: header.timestamp,
            ssrc: self.ssrc,
        };
        own.write_numbered(place, NUMBER_ID, number);
        let end = NUMBERED_HEADER_LEN + packet.len() - FIXED_HEADER_LEN;
        place[NUMBERED_HEADER_LEN..end].copy_from_slice(&packet[FIXED_HEADER_LEN..]);
        let padding = padded - packet.len();
        if padding > 0 {
            place[0] |= PADDING_BIT;
            place[end..end + padding].fill(0);
            place[end + padding - 1] = padding as u8;
        }
        self.next += 1;
        let len = end + padding;
        let sealed = outbound.protect_rtp(place, len, NUMBERED_HEADER_LEN, self.next - 1);
        sealed.unwrap()
    }
}
