//! RTCP of a robot, both ways (RFC 3550, 4585, 5104).

use crate::client::{Client, Context};
use engine_core::Micros;
use engine_wire::rtcp::{self, Packet};

const REPORT_INTERVAL: Micros = Micros::from_millis(1_000);
/// Sender reports in one datagram, so that it stays below 1,200 bytes.
const MAX_SENDER_REPORTS: usize = 16;
/// Report blocks in one receiver report (RFC 3550: five bits).
const MAX_BLOCKS: usize = 31;
/// Requests are sent when a compound has grown to this.
const FULL_COMPOUND: usize = 1_000;
/// Between two looks at what is missing, as in browsers.
pub(crate) const LOOK_PAUSE: Micros = Micros::from_millis(20);
const NEVER: Micros = Micros(u64::MAX);

impl Client {
    pub(crate) fn handle_rtcp(&mut self, cx: &mut Context<'_>, at: Micros, data: &mut [u8]) {
        let Some(inbound) = self.inbound.as_mut() else {
            self.row.before_keys += 1;
            return;
        };
        let Ok(len) = inbound.unprotect_rtcp(data) else {
            self.row.rtcp_failures += 1;
            return;
        };
        for packet in rtcp::parse(&data[..len]) {
            match packet {
                Ok(packet) => self.handle_rtcp_packet(cx, at, &packet),
                Err(_) => self.row.malformed += 1,
            }
        }
    }

    fn handle_rtcp_packet(&mut self, cx: &mut Context<'_>, at: Micros, packet: &Packet<'_>) {
        let now = cx.now;
        match packet {
            Packet::SenderReport(report) => {
                self.row.reports_in += 1;
                if let Some(stream) = self.streams.get(&report.ssrc) {
                    let receiver = &mut self.receivers[stream.receiver];
                    receiver.handle_sender_report(at, report.ntp, report.rtp_timestamp);
                }
            }
            Packet::ReceiverReport(_) => self.row.reports_in += 1,
            Packet::Nack(nack) => self.with_sender(cx, nack.media, |sender, way| {
                nack.lost()
                    .for_each(|sequence| sender.repair(now, sequence, way));
            }),
            Packet::Pli(pli) => {
                self.with_sender(cx, pli.media, |sender, _| sender.want_key_frame());
            }
            Packet::Fir(fir) => {
                for entry in fir.entries() {
                    self.with_sender(cx, entry.ssrc, |sender, _| {
                        sender.want_key_frame_once(entry.sequence);
                    });
                }
            }
            Packet::TransportFeedback(_) => self.row.twcc_in += 1,
            Packet::Sdes(_)
            | Packet::Bye(_)
            | Packet::Remb(_)
            | Packet::Tmmbr(_)
            | Packet::CongestionFeedback(_)
            | Packet::Other { .. } => {}
        }
    }

    /// Requests for lost packets and key frames.
    pub(crate) fn look_after_receivers(&mut self, cx: &mut Context<'_>) {
        let (own, round_trip, now) = (self.reporting_ssrc(), self.round_trip(), cx.now);
        let mut rtcp = std::mem::take(&mut cx.scratch.bytes);
        let mut lost = std::mem::take(&mut cx.scratch.lost);
        rtcp.clear();
        self.look_at = NEVER;
        for at in 0..self.receivers.len() {
            let receiver = &mut self.receivers[at];
            let Some(ssrc) = receiver.ssrc else {
                continue;
            };
            lost.clear();
            receiver.collect_nacks(now, round_trip, &mut lost);
            rtcp::write_nack(&mut rtcp, own, ssrc, &lost);
            if receiver.poll_key_frame(now) {
                rtcp::write_pli(&mut rtcp, own, ssrc);
            }
            let next = receiver.next_at().unwrap_or(NEVER);
            self.look_at = self.look_at.min(next.max(now + LOOK_PAUSE));
            if rtcp.len() > FULL_COMPOUND {
                self.send_rtcp(cx, &mut rtcp);
            }
        }
        self.send_rtcp(cx, &mut rtcp);
        cx.scratch.bytes = rtcp;
        cx.scratch.lost = lost;
    }

    /// Sender and receiver reports with the canonical name, in compound packets (RFC 3550 section 6.1).
    pub(crate) fn send_reports(&mut self, cx: &mut Context<'_>) {
        let spread = self.random.below(400_000);
        self.report_at = cx.now + Micros(REPORT_INTERVAL.0 - 200_000 + spread);
        let mut rtcp = std::mem::take(&mut cx.scratch.bytes);
        let mut blocks = std::mem::take(&mut cx.scratch.blocks);
        blocks.clear();
        let receivers = self.receivers.iter_mut();
        blocks.extend(receivers.filter_map(|receiver| receiver.report_block(cx.now)));
        rtcp.clear();
        for first in (0..self.senders.len()).step_by(MAX_SENDER_REPORTS) {
            self.write_sender_reports(cx.now, first, &mut rtcp);
            self.send_rtcp(cx, &mut rtcp);
        }
        for blocks in blocks.chunks(MAX_BLOCKS) {
            let own = self.reporting_ssrc();
            rtcp::write_receiver_report(&mut rtcp, own, blocks);
            rtcp::write_sdes_cname(&mut rtcp, own, &self.cname);
            self.send_rtcp(cx, &mut rtcp);
        }
        cx.scratch.bytes = rtcp;
        cx.scratch.blocks = blocks;
    }

    /// When each packet arrived, for a peer that controls congestion by that.
    pub(crate) fn send_transport_feedback(&mut self, cx: &mut Context<'_>) {
        let own = self.reporting_ssrc();
        let media = self.receivers.iter().find_map(|receiver| receiver.ssrc);
        let mut rtcp = std::mem::take(&mut cx.scratch.bytes);
        rtcp.clear();
        if let Some((_, arrivals)) = &mut self.twcc_in {
            let ends = (own, media.unwrap_or(own));
            while rtcp.len() < FULL_COMPOUND && arrivals.poll(cx.now, ends, &mut rtcp) {
                self.row.twcc_out += 1;
            }
        }
        self.send_rtcp(cx, &mut rtcp);
        cx.scratch.bytes = rtcp;
    }

    fn write_sender_reports(&self, now: Micros, first: usize, rtcp: &mut Vec<u8>) {
        for sender in self.senders.iter().skip(first).take(MAX_SENDER_REPORTS) {
            if let Some((timestamp, packets, octets)) = sender.report(now) {
                let (ssrc, ntp) = (sender.spec.ssrc, now.to_ntp());
                rtcp::write_sender_report(rtcp, ssrc, ntp, timestamp, packets, octets, &[]);
                rtcp::write_sdes_cname(rtcp, ssrc, &self.cname);
            }
        }
    }

    /// Protects and sends a compound, and empties it.
    fn send_rtcp(&mut self, cx: &mut Context<'_>, rtcp: &mut Vec<u8>) {
        let (Some(to), Some(outbound)) = (self.ice.selected(), self.outbound.as_mut()) else {
            return rtcp.clear();
        };
        if !rtcp.is_empty() && outbound.protect_rtcp(rtcp).is_ok() {
            cx.out.push(to, rtcp);
        }
        rtcp.clear();
    }
}
