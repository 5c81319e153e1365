//! What a leg is told and asked from time to time (RFC 3550, 4585, 5104): sender and receiver reports, NACKs, requests for
//! key frames, and reports on each packet. What it tells and asks is `reports.rs`.

use crate::api::{Event, Site};
use crate::arrivals::Arrivals;
use crate::bwe;
use crate::contain::strike;
use crate::encoding::{Encoding, Taker};
use crate::leg::Leg;
use crate::outbox::{Outbox, Way};
use crate::pressure::Pressure;
use crate::shard::Shard;
use crate::time::Micros;
use engine_wire::rtcp::{self, ReportBlock};

/// Between two reports to one leg: often enough for a lip-sync clock and a quality bar, about 0.1 % of the bits.
const REPORT_INTERVAL: Micros = Micros::from_millis(1_000);
/// Reports fall due at multiples of this, so that those of many legs wake the thread once and not once each.
const REPORT_GRID: u64 = 10_000;
/// Between two reports to one leg at the least, however often its slots get another source.
const REPORT_PAUSE: Micros = Micros::from_millis(100);
/// Reports may leave this much before they are due where that spares a send.
const RIDE: Micros = Micros::from_millis(60);
/// Between two looks at a leg: requests that are due within it go together.
const LOOK_PAUSE: Micros = Micros::from_millis(2);
/// Report blocks that one packet can carry (RFC 3550: five bits).
const MAX_BLOCKS: usize = 31;
/// Sender reports in one datagram, so that it stays below 1,200 bytes.
const MAX_SENDER_REPORTS: usize = 16;

impl Shard {
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
        let digit = if self.leg(index).is_some_and(|leg| leg.line.is_some()) {
            self.expire_line(now, index);
            self.fit_line(now, index, out);
            self.look_for_digit(now, index)
        } else {
            None
        };
        self.tell_recorded(now, index);
        let review = self.review_if_due(now, index, out);
        let demand = self.tell_demands(now, index);
        let next = if self.leg(index).is_some_and(|l| l.media_address().is_some()) {
            let link = self.serve_link(now, index, out);
            let due = self.send_due(now, index, out);
            link.map_or(due, |at| at.min(due))
        } else {
            now + REPORT_INTERVAL
        };
        let others = review.into_iter().chain(demand).chain(digit);
        let next = others.fold(next, Micros::min);
        self.wake_by(index, next);
    }

    fn send_due(&mut self, now: Micros, index: u32, out: &mut Outbox) -> Micros {
        let mut next = now + REPORT_INTERVAL;
        if self.leg(index).is_some_and(|leg| leg.report_at <= now) {
            self.report(now, index, out);
        }
        let mut rtcp = std::mem::take(&mut self.scratch.rtcp);
        let mut lost = std::mem::take(&mut self.scratch.lost);
        let (came, pressure) = (self.row.datagrams_in, &mut self.pressure);
        if let Some(leg) = self.legs[index as usize].as_deref_mut() {
            next = next.min(leg.report_at);
            rtcp.clear();
            let most = pressure.may_ask(came);
            let asked = leg.write_requests(now, most, pressure, (&mut lost, &mut rtcp));
            pressure.note_asked(asked, came);
            leg.write_arrivals(now, &mut rtcp);
            leg.send_rtcp(now, &mut rtcp, out);
            next = leg.next_request(now).map_or(next, |at| next.min(at));
        }
        self.scratch.rtcp = rtcp;
        self.scratch.lost = lost;
        self.ask_beside_rtcp(index);
        next
    }

    /// Sound is about to leave for a leg. Reports that fall due soon go first: what is written for one address in a row, the
    /// last part being the shortest, is one send.
    pub(crate) fn report_before_sound(&mut self, now: Micros, taker: Taker, out: &mut Outbox) {
        let rides = self.leg(taker.leg).is_some_and(|leg| {
            let slot = &leg.slots[usize::from(taker.slot)];
            let is_due = leg.report_at <= now + RIDE && now >= leg.reported + REPORT_PAUSE;
            is_due && slot.sends == bwe::Kind::Audio && leg.rtcp_way() == leg.media_way()
        });
        if rides {
            self.report(now, taker.leg, out);
        }
    }

    fn report(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        self.send_reports(now, index, out);
        self.time_caches(now, index);
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
        self.touch_reported(&leg);
        let mut rtcp = std::mem::take(&mut self.scratch.rtcp);
        let mut blocks = std::mem::take(&mut self.scratch.blocks);
        leg.report_blocks(now, &mut blocks);
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
        (self.scratch.rtcp, self.scratch.blocks) = (rtcp, blocks);
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
                let is_kept = source.is_kept();
                let encodings = source.encodings.iter_mut();
                encodings.for_each(|encoding| encoding.drop_idle_cache(now, is_kept));
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
                slot.rewriter.ssrc(),
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
    /// together at the receiver.
    fn slot_clock(&self, now: Micros, slot: &crate::slot::Slot) -> Option<u32> {
        let filling = slot.filling.as_ref()?;
        let stream = filling.flowing?;
        let leg = self.leg(filling.leg)?;
        let source = leg
            .sources
            .iter()
            .find(|s| s.spec.source == filling.source)?;
        let encoding = source.encodings.get(usize::from(stream.encoding))?;
        let clock_rate = source.clock_rate();
        let (rtp, moment) = encoding.clock(clock_rate, |ntp| leg.local_time(ntp))?;
        let ticks = moment.ticks_until(now, clock_rate);
        slot.rewriter
            .current_timestamp(stream, rtp.wrapping_add(ticks as u32))
    }
}

impl Leg {
    fn report_blocks(&mut self, now: Micros, into: &mut Vec<ReportBlock>) {
        let encodings = self.sources.iter_mut().flat_map(|s| &mut s.encodings);
        let heard = encodings.filter(|encoding| encoding.register.expected() > 0);
        let blocks = heard.take(MAX_BLOCKS);
        into.extend(blocks.filter_map(|encoding| encoding.report_block(now)));
    }

    /// NACKs and repeated key frame requests that are due. Gives for how many packets it asks, which are `most` at most.
    fn write_requests(
        &mut self,
        now: Micros,
        most: usize,
        pressure: &mut Pressure,
        (lost, rtcp): (&mut Vec<u16>, &mut Vec<u8>),
    ) -> usize {
        let (own, round_trip) = (self.reporting_ssrc(), self.round_trip());
        let mut asked = 0;
        let mut line = self.line.as_deref_mut();
        for source in &mut self.sources {
            let (repairs, muted) = (source.repairs(), source.muted);
            let trip = source.trip(now, round_trip).to_line(line.is_some());
            let smallest = source.smallest_sent(now);
            for (number, encoding) in source.encodings.iter_mut().enumerate() {
                let Some(ssrc) = encoding.ssrc else {
                    continue;
                };
                let rests = number > smallest && encoding.steady.is_left_alone(now);
                if repairs {
                    lost.clear();
                    let register = &mut encoding.register;
                    let most = if rests { 0 } else { most - asked };
                    register.collect_nacks(now, round_trip, most, lost);
                    asked += lost.len();
                    if !lost.is_empty() {
                        encoding.row.nacks += lost.len() as u64;
                        rtcp::write_nack(rtcp, own, ssrc, lost);
                    }
                    if !rests {
                        encoding.heed_given_up(now);
                    }
                }
                if encoding.may_be_asked(muted) && encoding.key_frames.poll(now, trip, pressure) {
                    match line.as_deref_mut() {
                        None => rtcp::write_pli(rtcp, own, ssrc),
                        Some(line) => line.ask(own, (source.spec.source, ssrc), rtcp),
                    }
                }
            }
        }
        asked
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
        arrivals.fall.write(now, (own, media), rtcp);
        if arrivals.write(now, (own, media), rtcp) {
            self.row.feedback_out += 1;
        }
    }

    fn next_request(&self, now: Micros) -> Option<Micros> {
        let repaired = self.sources.iter().filter(|source| source.repairs());
        let holes = repaired
            .flat_map(|source| &source.encodings)
            .filter_map(|encoding| encoding.register.next_nack_at())
            .min();
        let round_trip = self.round_trip();
        let asked = self.sources.iter().filter(|source| !source.muted);
        let wishes = asked
            .filter_map(|source| source.next_wish(now, round_trip, self.line.is_some()))
            .min();
        let report = self.arrivals.as_deref().and_then(Arrivals::next_at);
        let fall = self.arrivals.as_deref().and_then(|of| of.fall.next_at());
        let at = [holes, wishes, report, fall].into_iter().flatten().min();
        at.map(|at| at.max(now + LOOK_PAUSE))
    }

    fn rtcp_way(&self) -> Option<Way> {
        let way = self.media_way()?;
        let line = self.line.as_deref();
        Some(line.map_or(way, |line| line.rtcp_way(way)))
    }

    /// Protects and sends a compound packet; nothing leaves for a leg whose gate is closed.
    pub(crate) fn send_rtcp(&mut self, now: Micros, rtcp: &mut Vec<u8>, out: &mut Outbox) {
        let Some(way) = self.rtcp_way().filter(|_| !rtcp.is_empty()) else {
            return;
        };
        let Some(outbound) = self.outbound.as_mut() else {
            return;
        };
        if outbound.protect_rtcp(rtcp).is_ok() {
            out.push(way, rtcp);
            self.row.rtcp_out += 1;
            self.row.bytes_out += rtcp.len() as u64;
            self.row.last_out_us = now.0;
        }
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
