//! RTCP both ways (RFC 3550, 4585, 5104): what receivers tell and ask, what we tell and ask. The table of packet
//! types stands in the README of the `wire` crate.

use crate::api::{Event, Kind, Site};
use crate::arrivals::Arrivals;
use crate::contain::strike;
use crate::encoding::Encoding;
use crate::leg::Leg;
use crate::outbox::Outbox;
use crate::shard::{Datagram, Shard};
use crate::time::Micros;
use engine_wire::rtcp::{self, Packet, ReportBlock};

/// Between two reports to one leg: often enough for a lip-sync clock and a quality bar, about 0.1 % of the bits.
const REPORT_INTERVAL: Micros = Micros::from_millis(1_000);
/// Reports fall due at multiples of this, so that those of many legs wake the thread once and not once each.
const REPORT_GRID: u64 = 10_000;
/// Between two reports to one leg at the least, however often its slots get another source.
const REPORT_PAUSE: Micros = Micros::from_millis(100);
/// How often a leg with holes is looked at.
const HOLE_INTERVAL: Micros = Micros::from_millis(10);
/// Report blocks that one packet can carry (RFC 3550: five bits).
const MAX_BLOCKS: usize = 31;
/// Sender reports in one datagram, so that it stays below 1,200 bytes.
const MAX_SENDER_REPORTS: usize = 16;
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
        let Some(leg) = self.legs[index as usize].as_deref_mut() else {
            return;
        };
        self.at_work = Some(leg.room);
        leg.row.datagrams_in += 1;
        let Some(inbound) = leg.inbound.as_mut() else {
            self.row.media_before_keys += 1;
            return;
        };
        let len = match inbound.unprotect_rtcp(datagram.data) {
            Ok(len) => len,
            Err(error) => return leg.count_srtp_error(&error),
        };
        leg.row.last_in_us = now.0;
        leg.ice.heed_media(datagram.from);
        if !leg.gate_open() {
            leg.row.gate_drops_in += 1;
            return;
        }
        for packet in rtcp::parse(&datagram.data[..len]) {
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
            }
            Packet::Sdes(_)
            | Packet::Bye(_)
            | Packet::Remb(_)
            | Packet::CongestionFeedback(_)
            | Packet::Other { .. } => {}
        }
    }

    fn handle_lost(&mut self, now: Micros, slot: (u32, usize), sequence: u16, out: &mut Outbox) {
        if let Some(leg) = self.leg_mut(slot.0) {
            leg.slots[slot.1].row.nacks += 1;
        }
        self.repair(now, slot, sequence, out);
    }

    fn handle_key_frame_wish(&mut self, now: Micros, index: u32, ssrc: u32, out: &mut Outbox) {
        let Some(leg) = self.leg_mut(index) else {
            return;
        };
        let Some(slot) = leg.slot_by_ssrc(ssrc) else {
            return;
        };
        let slot = &mut leg.slots[slot];
        slot.row.keyframe_requests += 1;
        let wished = slot.filling.as_ref().and_then(|filling| {
            let flows = filling.flowing.map(|stream| stream.encoding);
            let encoding = flows.or_else(|| filling.waits_for())?;
            Some((filling.leg, (filling.source, encoding)))
        });
        if let Some((leg, stream)) = wished {
            self.ask_key_frame(now, leg, stream, out);
        }
    }

    /// Asks for key frames on behalf of every slot of a leg that has not begun.
    pub(crate) fn ask_for_waiting_slots(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        let slots = self.leg(index).map_or(0, |leg| leg.slots.len());
        for slot in 0..slots {
            let waits = self.leg(index).and_then(|leg| {
                let slot = &leg.slots[slot];
                let filling = slot.filling.as_ref();
                let filling = filling.filter(|_| slot.spec.kind == Kind::Video)?;
                Some((filling.leg, (filling.source, filling.waits_for()?)))
            });
            if let Some((leg, stream)) = waits {
                self.ask_key_frame(now, leg, stream, out);
            }
        }
    }

    /// Asks a source for a key frame of one of its encodings, now or when the throttle of that allows.
    pub(crate) fn ask_key_frame(
        &mut self,
        now: Micros,
        index: u32,
        (source, encoding): (u16, u8),
        out: &mut Outbox,
    ) {
        let Some(leg) = self.leg_mut(index) else {
            return;
        };
        let can_ask = leg.media_address().is_some();
        let Some(source) = leg.sources.iter_mut().find(|s| s.spec.source == source) else {
            return;
        };
        let muted = source.muted;
        let Some(encoding) = source.encodings.get_mut(usize::from(encoding)) else {
            return;
        };
        let Some(ssrc) = encoding.ssrc.filter(|_| can_ask && !muted) else {
            encoding.key_frames.want_later();
            return;
        };
        if encoding.key_frames.want_now(now) {
            self.send_pli(now, index, ssrc, out);
        }
        self.wake_by(index, now + Micros::from_millis(250));
    }

    fn send_pli(&mut self, now: Micros, index: u32, media: u32, out: &mut Outbox) {
        let mut rtcp = std::mem::take(&mut self.scratch.rtcp);
        rtcp.clear();
        if let Some(leg) = self.leg_mut(index) {
            rtcp::write_pli(&mut rtcp, leg.reporting_ssrc(), media);
            leg.send_rtcp(now, &mut rtcp, out);
        }
        self.scratch.rtcp = rtcp;
    }

    /// What one leg needs from time to time.
    pub(crate) fn look_after(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        let armed = self.armed;
        let Some(leg) = self.legs[index as usize].as_deref_mut() else {
            return;
        };
        self.at_work = Some(leg.room);
        strike(armed, leg.room, Site::Timer);
        leg.wake = Micros(u64::MAX);
        if leg.ice.expire(now) {
            let leg = leg.id;
            self.events.push_back(Event::ConsentLost { leg });
        }
        let review = self.review_if_due(now, index, out);
        let demand = self.tell_demands(now, index);
        let next = if self.leg(index).is_some_and(|l| l.media_address().is_some()) {
            let link = self.serve_link(now, index, out);
            let due = self.send_due(now, index, out);
            link.map_or(due, |at| at.min(due))
        } else {
            now + REPORT_INTERVAL
        };
        let others = review.into_iter().chain(demand);
        let next = others.fold(next, Micros::min);
        self.wake_by(index, next);
    }

    fn send_due(&mut self, now: Micros, index: u32, out: &mut Outbox) -> Micros {
        let mut next = now + REPORT_INTERVAL;
        if self.leg(index).is_some_and(|leg| leg.report_at <= now) {
            self.send_reports(now, index, out);
            self.time_caches(now, index);
        }
        let mut rtcp = std::mem::take(&mut self.scratch.rtcp);
        let mut lost = std::mem::take(&mut self.scratch.lost);
        if let Some(leg) = self.leg_mut(index) {
            next = next.min(leg.report_at);
            rtcp.clear();
            leg.write_requests(now, &mut lost, &mut rtcp);
            leg.write_arrivals(now, &mut rtcp);
            leg.send_rtcp(now, &mut rtcp, out);
            next = leg.next_request(now).map_or(next, |at| next.min(at));
        }
        self.scratch.rtcp = rtcp;
        self.scratch.lost = lost;
        next
    }

    /// Sender and receiver reports in compound packets (RFC 3550 section 6.1).
    fn send_reports(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        let Some(mut leg) = self.legs[index as usize].take() else {
            return;
        };
        // A fifth of the interval either way, fixed for each leg, spreads the load of many legs (section 6.2).
        let spread = leg.id.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
        leg.reported = now;
        let due = now + Micros(800_000 + spread * 400_000 / (1 << 20));
        leg.report_at = Micros(due.0.next_multiple_of(REPORT_GRID));
        let mut rtcp = std::mem::take(&mut self.scratch.rtcp);
        let mut blocks = leg.report_blocks(now);
        let mut slots = 0..leg.slots.len();
        loop {
            rtcp.clear();
            let written = self.write_sender_reports(now, &leg, (&mut slots, &blocks), &mut rtcp);
            if written == 0 {
                if blocks.is_empty() {
                    break;
                }
                rtcp::write_receiver_report(&mut rtcp, leg.reporting_ssrc(), &blocks);
            }
            blocks.clear();
            rtcp::write_sdes_cname(&mut rtcp, leg.reporting_ssrc(), &leg.cname);
            leg.send_rtcp(now, &mut rtcp, out);
        }
        self.scratch.rtcp = rtcp;
        self.legs[index as usize] = Some(leg);
    }

    /// Another source has begun in a slot: the receiver needs its clock to bring sound and picture together.
    pub(crate) fn report_soon(&mut self, now: Micros, index: u32) {
        if let Some(leg) = self.leg_mut(index) {
            leg.report_at = leg.report_at.min(now.max(leg.reported + REPORT_PAUSE));
            let at = leg.report_at;
            self.wake_by(index, at);
        }
    }

    /// Lets each source of a leg be kept for as long as the slowest of its receivers can ask.
    fn time_caches(&mut self, now: Micros, index: u32) {
        let sources = self.leg(index).map_or(0, |leg| leg.sources.len());
        for position in 0..sources {
            if let Some(leg) = self.leg_mut(index) {
                let source = &mut leg.sources[position];
                let repairs = source.repairs();
                let encodings = source.encodings.iter_mut();
                encodings.for_each(|encoding| encoding.drop_idle_cache(now, repairs));
            }
            let slowest = self.leg(index).and_then(|leg| {
                let encodings = leg.sources[position].encodings.iter();
                let takers = encodings.flat_map(|encoding| &encoding.takers);
                let takers = takers.filter_map(|taker| self.leg(taker.leg));
                takers.map(Leg::reach_back).max()
            });
            if let (Some(slowest), Some(leg)) = (slowest, self.leg_mut(index)) {
                let encodings = leg.sources[position].encodings.iter_mut();
                encodings.for_each(|encoding| encoding.keep_for(slowest));
            }
        }
    }

    fn write_sender_reports(
        &self,
        now: Micros,
        leg: &Leg,
        (slots, blocks): (&mut std::ops::Range<usize>, &[ReportBlock]),
        rtcp: &mut Vec<u8>,
    ) -> usize {
        let mut written = 0;
        while written < MAX_SENDER_REPORTS {
            let Some(slot) = slots.next() else {
                break;
            };
            let slot = &leg.slots[slot];
            let Some(timestamp) = self.slot_clock(now, slot) else {
                continue;
            };
            let (packets, octets) = (slot.row.packets as u32, slot.row.bytes as u32);
            let blocks = if written == 0 { blocks } else { &[] };
            let ntp = now.to_ntp();
            rtcp::write_sender_report(
                rtcp,
                slot.spec.ssrc,
                ntp,
                timestamp,
                packets,
                octets,
                blocks,
            );
            written += 1;
        }
        written
    }

    /// The slot's RTP timestamp of this moment, by the sender's own clock, so that the streams of one person keep
    /// together at the receiver. Before the sender's first report, arrival has to do.
    fn slot_clock(&self, now: Micros, slot: &crate::slot::Slot) -> Option<u32> {
        let filling = slot.filling.as_ref()?;
        let stream = filling.flowing?;
        let leg = self.leg(filling.leg)?;
        let source = leg
            .sources
            .iter()
            .find(|s| s.spec.source == filling.source)?;
        let encoding = source.encodings.get(usize::from(stream.encoding))?;
        let by_report = encoding.sender_report.and_then(|report| {
            let moment = leg.local_time(report.ntp)?;
            Some((report.rtp, moment))
        });
        let (rtp, moment) = by_report.or(encoding.newest)?;
        let elapsed = now.0 as i64 - moment.0 as i64;
        let ticks = elapsed * i64::from(source.clock_rate()) / 1_000_000;
        slot.rewriter
            .current_timestamp(stream, rtp.wrapping_add(ticks as u32))
    }
}

impl Leg {
    fn slot_by_ssrc(&self, ssrc: u32) -> Option<usize> {
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
            slot.enter_report(&block);
            if let Some(rtt) = rtt {
                slot.row.rtt_us = rtt;
                self.row.rtt_us = rtt;
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

    fn report_blocks(&mut self, now: Micros) -> Vec<ReportBlock> {
        let encodings = self.sources.iter_mut().flat_map(|s| &mut s.encodings);
        let heard = encodings.filter(|encoding| encoding.register.expected() > 0);
        heard
            .take(MAX_BLOCKS)
            .filter_map(|encoding| encoding.report_block(now))
            .collect()
    }

    /// NACKs and repeated key frame requests that are due.
    fn write_requests(&mut self, now: Micros, lost: &mut Vec<u16>, rtcp: &mut Vec<u8>) {
        let (own, round_trip) = (self.reporting_ssrc(), self.round_trip());
        for source in &mut self.sources {
            let (repairs, muted) = (source.repairs(), source.muted);
            for encoding in &mut source.encodings {
                let Some(ssrc) = encoding.ssrc else {
                    continue;
                };
                if repairs {
                    lost.clear();
                    let register = &mut encoding.register;
                    register.collect_nacks(now, round_trip, lost);
                    if !lost.is_empty() {
                        encoding.row.nacks += lost.len() as u64;
                        rtcp::write_nack(rtcp, own, ssrc, lost);
                    }
                }
                if encoding.may_be_asked(muted) && encoding.key_frames.poll(now) {
                    rtcp::write_pli(rtcp, own, ssrc);
                }
            }
        }
    }

    /// What arrived of late, for a sender that numbers its packets.
    fn write_arrivals(&mut self, now: Micros, rtcp: &mut Vec<u8>) {
        let ssrcs = (
            self.reporting_ssrc(),
            self.sources
                .iter()
                .find_map(crate::source::Source::any_ssrc),
        );
        let (Some(arrivals), (own, Some(media))) = (self.arrivals.as_deref_mut(), ssrcs) else {
            return;
        };
        if arrivals.write(now, (own, media), rtcp) {
            self.row.feedback_out += 1;
        }
    }

    fn next_request(&self, now: Micros) -> Option<Micros> {
        let repaired = self.sources.iter().filter(|source| source.repairs());
        let holes = repaired
            .flat_map(|source| &source.encodings)
            .any(|encoding| encoding.register.has_missing());
        let asked = self.sources.iter().filter(|source| !source.muted);
        let wishes = asked
            .flat_map(|source| &source.encodings)
            .filter(|encoding| encoding.may_be_asked(false))
            .filter_map(|encoding| encoding.key_frames.next_at())
            .min();
        let report = self.arrivals.as_deref().and_then(Arrivals::next_at);
        let at = [holes.then_some(now + HOLE_INTERVAL), wishes, report];
        at.into_iter()
            .flatten()
            .min()
            .map(|at| at.max(now + Micros::from_millis(5)))
    }

    /// Protects and sends a compound packet; nothing leaves for a leg whose gate is closed.
    fn send_rtcp(&mut self, now: Micros, rtcp: &mut Vec<u8>, out: &mut Outbox) {
        let Some(to) = self.media_address().filter(|_| !rtcp.is_empty()) else {
            return;
        };
        let Some(outbound) = self.outbound.as_mut() else {
            return;
        };
        if outbound.protect_rtcp(rtcp).is_ok() {
            out.push(to, rtcp);
            self.row.rtcp_out += 1;
            self.row.bytes_out += rtcp.len() as u64;
            self.row.last_out_us = now.0;
        }
    }
}

impl crate::slot::Slot {
    /// What a receiver says of this slot. A hole that came from the sender's side is none of this receiver's losses:
    /// the numbers of the slot that no packet had are taken off.
    fn enter_report(&mut self, block: &ReportBlock) {
        let clock_rate = self.spec.formats.first().map_or(90_000, |f| f.clock_rate);
        let next = self.rewriter.next_sequence();
        let reached = engine_wire::seq::extend(next, block.highest_sequence as u16) + 1;
        let under_way = next.saturating_sub(reached);
        let never_sent = self.rewriter.given_out().saturating_sub(self.row.packets);
        let lost = u64::from(block.cumulative_lost.max(0).unsigned_abs());
        let row = &mut self.row;
        row.expected = row.expected.max(row.packets.saturating_sub(under_way));
        // A straggler can take a loss back, and a hole that is filled late can look like one: neither for long.
        row.lost = row.lost.max(lost.saturating_sub(never_sent));
        row.fraction_lost = block.fraction_lost.into();
        row.jitter_us = u64::from(block.jitter) * 1_000_000 / u64::from(clock_rate.max(1));
    }
}

impl Encoding {
    fn report_block(&mut self, now: Micros) -> Option<ReportBlock> {
        let ssrc = self.ssrc?;
        let reception = self.register.report();
        self.row.fraction_lost = reception.fraction_lost.into();
        let (last, delay) = self.sender_report.map_or((0, 0), |report| {
            let delay = now.since(report.at).0 * 65_536 / 1_000_000;
            ((report.ntp >> 16) as u32, delay as u32)
        });
        Some(ReportBlock {
            ssrc,
            fraction_lost: reception.fraction_lost,
            cumulative_lost: reception.cumulative_lost,
            highest_sequence: reception.highest_sequence,
            jitter: reception.jitter_ticks,
            last_sender_report: last,
            delay_since_last_sender_report: delay,
        })
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
