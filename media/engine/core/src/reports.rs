//! RTCP that comes in (RFC 3550, 4585, 5104): what a leg tells of what it got, and asks for. What it is told and asked is
//! `upkeep.rs`; the table of packet types stands in the README of the `wire` crate.

use crate::api::Kind;
use crate::leg::Leg;
use crate::line::rate::Told;
use crate::outbox::Outbox;
use crate::shard::{Datagram, Shard};
use crate::time::Micros;
use engine_wire::rtcp::{self, Packet, ReportBlock};

/// A round trip beyond this is a confused peer, not a network.
const MAX_ROUND_TRIP_US: u64 = 20_000_000;

impl Shard {
    pub(crate) fn handle_rtcp(
        &mut self,
        now: Micros,
        datagram: &mut Datagram<'_>,
        out: &mut Outbox,
    ) {
        let Some(&index) = self.by_address.get(&datagram.from) else {
            self.row.media_unknown_address += 1;
            return;
        };
        let Some(len) = self.open_rtcp(now, index, datagram, out) else {
            return;
        };
        if let Some(leg) = self.leg_mut(index) {
            leg.ice.heed_media(datagram.from);
        }
        self.take_rtcp(now, index, &datagram.data[..len], out);
    }

    /// Decrypts a packet where it lies and gives its length; `None` for one that is not genuine.
    pub(crate) fn open_rtcp(
        &mut self,
        now: Micros,
        index: u32,
        datagram: &mut Datagram<'_>,
        out: &mut Outbox,
    ) -> Option<usize> {
        let leg = self.legs[index as usize].as_deref_mut()?;
        self.at_work = Some(leg.room);
        leg.row.datagrams_in += 1;
        let Some(inbound) = leg.inbound.as_mut() else {
            self.row.media_before_keys += 1;
            return None;
        };
        let len = match inbound.unprotect_rtcp(datagram.data) {
            Ok(len) => len,
            Err(error) => {
                leg.count_srtp_error(&error);
                return None;
            }
        };
        if leg.hear(now) {
            self.heed_return(now, index, out);
        }
        Some(len)
    }

    /// Heeds a genuine compound packet.
    pub(crate) fn take_rtcp(&mut self, now: Micros, index: u32, packet: &[u8], out: &mut Outbox) {
        let Some(leg) = self.leg_mut(index) else {
            return;
        };
        if !leg.gate_open() {
            leg.row.gate_drops_in += 1;
            return;
        }
        for packet in rtcp::parse(packet) {
            match packet {
                Ok(packet) => self.handle_rtcp_packet(now, index, &packet, out),
                Err(_) => self.count_malformed_rtcp(index),
            }
        }
    }

    fn count_malformed_rtcp(&mut self, index: u32) {
        if let Some(leg) = self.leg_mut(index) {
            leg.row.malformed_rtcp += 1;
        }
    }

    fn handle_rtcp_packet(
        &mut self,
        now: Micros,
        index: u32,
        packet: &Packet<'_>,
        out: &mut Outbox,
    ) {
        let Some(leg) = self.leg_mut(index) else {
            return;
        };
        match packet {
            Packet::SenderReport(report) => {
                leg.handle_sender_report(now, report.ssrc, report.ntp, report.rtp_timestamp);
                leg.handle_blocks(now, report.blocks());
            }
            Packet::ReceiverReport(report) => leg.handle_blocks(now, report.blocks()),
            Packet::Nack(nack) => {
                let Some(slot) = leg.slot_by_ssrc(nack.media) else {
                    return;
                };
                for sequence in nack.lost() {
                    self.handle_lost(now, (index, slot), sequence, out);
                }
            }
            Packet::Pli(pli) => self.handle_key_frame_wish(now, index, pli.media, out),
            Packet::Fir(fir) => {
                for entry in fir.entries() {
                    self.handle_key_frame_wish(now, index, entry.ssrc, out);
                }
            }
            Packet::TransportFeedback(feedback) => {
                if let Some(link) = leg.link.as_deref_mut() {
                    link.handle_feedback(now, feedback);
                    leg.heed_fates(now);
                }
                if let Some(told) = leg.told.as_deref_mut() {
                    told.handle_feedback(now, feedback, &mut leg.slots);
                }
                self.settle_requests(now, index, out);
                self.give_up_hope(now, index, out);
                self.heed_outage(now, index, out);
            }
            Packet::CongestionFeedback(feedback) => {
                if let Some(link) = leg.link.as_deref_mut() {
                    link.handle_congestion_feedback(now, feedback);
                    leg.heed_fates(now);
                }
                self.settle_requests(now, index, out);
                self.heed_outage(now, index, out);
            }
            Packet::Tmmbr(request) => self.heed_tmmbr(now, index, request, out),
            Packet::Remb(remb) => leg.heed_remb(now, remb),
            Packet::Sdes(_) | Packet::Bye(_) | Packet::Other { .. } => {}
        }
    }

    fn handle_lost(&mut self, now: Micros, slot: (u32, usize), sequence: u16, out: &mut Outbox) {
        if let Some(leg) = self.leg_mut(slot.0) {
            let of = &mut leg.slots[slot.1];
            of.row.nacks += 1;
            let told = leg
                .told
                .as_deref_mut()
                .filter(|_| of.spec.kind == Kind::Video);
            if let (Some(told), Ok(number)) = (told, u8::try_from(slot.1)) {
                told.hoped_mut().note_asked(now, number, sequence);
            }
        }
        self.repair(now, slot, sequence, out);
    }
}

impl Leg {
    pub(crate) fn slot_by_ssrc(&self, ssrc: u32) -> Option<usize> {
        self.slots.iter().position(|slot| slot.spec.ssrc == ssrc)
    }

    fn handle_sender_report(&mut self, now: Micros, ssrc: u32, ntp: u64, rtp: u32) {
        let mut encodings = self.sources.iter_mut().flat_map(|s| &mut s.encodings);
        let encoding = encodings.find(|encoding| encoding.ssrc == Some(ssrc));
        if let Some(encoding) = encoding {
            encoding.sender_report = Some(crate::encoding::SenderReportSeen { ntp, rtp, at: now });
            self.handle_sender_clock(now, ntp);
        }
    }

    fn handle_blocks(&mut self, now: Micros, blocks: impl Iterator<Item = ReportBlock>) {
        for block in blocks {
            let Some(position) = self.slot_by_ssrc(block.ssrc) else {
                continue;
            };
            let rtt = round_trip(now, &block);
            let slot = &mut self.slots[position];
            let (packets, lost) = slot.enter_report(&block);
            if let Some(told) = self.told.as_deref_mut() {
                told.handle_report(position, packets, lost);
            }
            if let Some(line) = self.line.as_deref_mut() {
                let bytes = slot.row.bytes;
                line.heed_report(
                    now,
                    Told {
                        packets,
                        lost,
                        bytes,
                    },
                );
            }
            if let Some(rtt) = rtt {
                slot.row.rtt_us = rtt;
                self.row.rtt_us = rtt;
                self.row.rtt_sum_us += rtt;
                self.row.rtts += 1;
            }
            let (sent, round_trip) = ((slot.row.packets, slot.row.bytes), self.round_trip());
            let slot = &mut self.slots[position];
            if let Some(redundancy) = &mut slot.redundancy {
                redundancy.handle_report(now, &block, sent);
                redundancy.decide(now, round_trip);
                slot.row.wanted_buffer_ms = redundancy.wanted_buffer_ms().into();
            }
        }
    }
}

impl crate::slot::Slot {
    /// What a receiver says of this slot. A hole that came from the sender's side is none of this receiver's losses:
    /// the numbers of the slot that no packet had are taken off. Gives the packets of which it tells, and those lost.
    fn enter_report(&mut self, block: &ReportBlock) -> (u64, u64) {
        let clock_rate = self.spec.formats.first().map_or(90_000, |f| f.clock_rate);
        let next = self.rewriter.next_sequence();
        let reached = engine_wire::seq::extend(next, block.highest_sequence as u16) + 1;
        let under_way = next.saturating_sub(reached);
        let never_sent = self.rewriter.given_out().saturating_sub(self.row.packets);
        let lost = u64::from(block.cumulative_lost.max(0).unsigned_abs());
        let row = &mut self.row;
        let packets = row.packets.saturating_sub(under_way);
        let lost = lost.saturating_sub(never_sent);
        if !self.is_told {
            row.expected = row.expected.max(packets);
            // A straggler can take a loss back, and a hole that is filled late can look like one: neither for long.
            row.lost = row.lost.max(lost);
        }
        row.fraction_lost = block.fraction_lost.into();
        row.jitter_us = u64::from(block.jitter) * 1_000_000 / u64::from(clock_rate.max(1));
        (packets, lost)
    }
}

/// Round trip in microseconds from a report block (RFC 3550 section 6.4.1).
fn round_trip(now: Micros, block: &ReportBlock) -> Option<u64> {
    if block.last_sender_report == 0 {
        return None;
    }
    let ticks = now
        .to_ntp_middle()
        .wrapping_sub(block.last_sender_report)
        .wrapping_sub(block.delay_since_last_sender_report);
    // Rounding of both clocks can make a loopback's round trip come out just below zero.
    let ticks = if ticks > u32::MAX - 65 { 0 } else { ticks };
    let micros = u64::from(ticks) * 1_000_000 / 65_536;
    (micros <= MAX_ROUND_TRIP_US).then_some(micros.max(1))
}
