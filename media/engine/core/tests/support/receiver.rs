//! One slot as its receiver sees it: what came, what is missing, how it was.

use super::{opus, FecDecoder, Tag};
use engine_core::api::{Codec, Kind, SlotSpec};
use engine_core::Micros;
use engine_wire::payload::red::Red;
use engine_wire::payload::{rtx, vp8};
use engine_wire::rtcp::{ReportBlock, SenderReport};
use engine_wire::rtp::RtpHeader;
use std::collections::BTreeMap;

/// One packet that came.
#[derive(Debug, Clone)]
pub struct Got {
    pub sequence: u64,
    pub timestamp: u32,
    pub payload_type: u8,
    pub marker: bool,
    pub tag: Tag,
    /// Picture id and TL0PICIDX.
    pub pictures: Option<(u16, u8)>,
    pub key_frame: bool,
    pub at: Micros,
    pub repaired: bool,
}

#[derive(Debug)]
struct Hole {
    since: Micros,
    asked: Option<Micros>,
}

#[derive(Debug)]
pub struct Receiver {
    pub spec: SlotSpec,
    pub got: BTreeMap<u64, Got>,
    pub duplicates: u64,
    pub asked: u64,
    /// NTP and RTP timestamp of the last sender report, and when it came.
    pub report: Option<(u64, u32, Micros)>,
    /// When each packet of a sender came first, itself or carried by a later one: its leg, source and number.
    pub heard: BTreeMap<(u64, u16, u64), Micros>,
    /// Words of silence: when each came, its number and its timestamp.
    pub silences: Vec<(Micros, u64, u32)>,
    /// Packets that came with redundancy in them.
    pub red_packets: u64,
    pub fec: FecDecoder,
    /// Packets that complaints have been about.
    pub complained: u32,
    /// How long it is between two requests for one packet, and after how long it is given up.
    pub asks: (Micros, Micros),
    holes: BTreeMap<u64, Hole>,
    received: u64,
    /// Packets of media with padding behind the payload.
    pub padded: u64,
    at_last_report: (u64, u64),
    jitter: f64,
    last_transit: Option<(u32, f64)>,
}

impl Receiver {
    pub fn new(spec: SlotSpec) -> Self {
        Self {
            spec,
            got: BTreeMap::new(),
            duplicates: 0,
            asked: 0,
            report: None,
            heard: BTreeMap::new(),
            silences: Vec::new(),
            red_packets: 0,
            fec: FecDecoder::default(),
            complained: 0,
            asks: (Micros::from_millis(60), Micros::from_millis(1_000)),
            holes: BTreeMap::new(),
            received: 0,
            padded: 0,
            at_last_report: (0, 0),
            jitter: 0.0,
            last_transit: None,
        }
    }

    pub fn highest(&self) -> Option<u64> {
        let got = self.got.last_key_value().map(|(sequence, _)| *sequence);
        got.max(self.silences.last().map(|(_, sequence, _)| *sequence))
    }

    /// Numbers between the first and the last that never came.
    pub fn missing(&self) -> Vec<u64> {
        let (Some(first), Some(last)) = (self.got.first_key_value(), self.highest()) else {
            return Vec::new();
        };
        (*first.0..last)
            .filter(|number| !self.got.contains_key(number))
            .filter(|number| !self.silences.iter().any(|(_, said, _)| said == number))
            .collect()
    }

    pub fn handle_media(&mut self, now: Micros, header: &RtpHeader, packet: &[u8], sequence: u64) {
        self.received += 1;
        self.padded += u64::from(header.has_padding);
        self.measure(now, header.timestamp);
        let mut payload = &packet[header.payload_range(packet).unwrap()];
        if self.spec.kind == Kind::Audio && payload == [opus::FIRST_BYTE] {
            self.silences.push((now, sequence, header.timestamp));
            self.heed_holes(now, sequence);
            return;
        }
        let inner = &self.spec.formats[0];
        if inner.red_pt == Some(header.payload_type) {
            let red = Red::parse(payload).unwrap();
            assert_eq!(red.payload_type, inner.pt);
            payload = red.primary;
            self.red_packets += 1;
            for block in red.redundant() {
                assert_eq!(block.payload_type, red.payload_type);
                self.hear(now, &Tag::read(block.payload).unwrap());
            }
        }
        self.take(now, header, payload, sequence, false);
        if self.spec.fec.is_some() {
            let mended = self.fec.handle_media(sequence, packet);
            self.take_mended(now, mended);
        }
    }

    pub fn handle_fec(&mut self, now: Micros, payload: &[u8]) {
        let mended = self.fec.handle_repair(payload);
        self.take_mended(now, mended);
    }

    fn take_mended(&mut self, now: Micros, mended: Vec<(u64, Vec<u8>)>) {
        for (sequence, packet) in mended {
            let header = RtpHeader::parse(&packet).unwrap();
            self.take(now, &header, &packet[header.header_len..], sequence, true);
        }
    }

    fn hear(&mut self, now: Micros, tag: &Tag) {
        let key = (tag.leg, tag.source, tag.number);
        self.heard.entry(key).or_insert(now);
    }

    pub fn handle_repair(&mut self, now: Micros, header: &RtpHeader, payload: &[u8]) {
        let original = rtx::original_sequence(payload).unwrap();
        // A probe may come before the first packet that it says again.
        let Some(reference) = self.highest() else {
            return;
        };
        let sequence = engine_wire::seq::extend(reference, original);
        self.take(now, header, &payload[rtx::HEADER_LEN..], sequence, true);
    }

    fn take(
        &mut self,
        now: Micros,
        header: &RtpHeader,
        payload: &[u8],
        sequence: u64,
        repaired: bool,
    ) {
        self.heed_holes(now, sequence);
        let codec = self.spec.formats[0].codec;
        let is_video = self.spec.kind == Kind::Video;
        let descriptor = vp8::Descriptor::parse(payload);
        let pictures = descriptor.ok().filter(|_| codec == Codec::Vp8);
        let got = Got {
            sequence,
            timestamp: header.timestamp,
            payload_type: header.payload_type,
            marker: header.marker,
            tag: Tag::read(payload).unwrap(),
            pictures: pictures.and_then(|d| Some((d.picture_id?, d.tl0_pic_idx?))),
            key_frame: is_video && codec.starts_key_frame(payload),
            at: now,
            repaired,
        };
        if !is_video {
            for frame in opus::frames(payload) {
                self.hear(now, &Tag::read(frame).unwrap());
            }
        }
        self.hear(now, &got.tag);
        // What comes a second time changes nothing.
        if let Some(before) = self.got.get(&sequence) {
            assert_eq!(before.tag, got.tag, "one number, two packets");
            self.duplicates += 1;
            return;
        }
        self.got.insert(sequence, got);
    }

    fn heed_holes(&mut self, now: Micros, sequence: u64) {
        if let Some(highest) = self.highest() {
            for number in highest + 1..sequence {
                let hole = Hole {
                    since: now,
                    asked: None,
                };
                self.holes.insert(number, hole);
            }
        }
        self.holes.remove(&sequence);
    }

    /// RFC 3550 A.8 in real numbers, by the first packet of each timestamp.
    fn measure(&mut self, now: Micros, timestamp: u32) {
        let rate = f64::from(self.spec.formats[0].clock_rate);
        let ticks = (now.0 % 1_000_000_000_000) as f64 * rate / 1e6;
        if let Some((last_timestamp, last_arrival)) = self.last_transit {
            if last_timestamp == timestamp {
                return;
            }
            let step = f64::from(timestamp.wrapping_sub(last_timestamp) as i32);
            let change = (ticks - last_arrival - step).abs();
            self.jitter += (change - self.jitter) / 16.0;
        }
        self.last_transit = Some((timestamp, ticks));
    }

    /// Asks as Chromium does on a way with this round trip: once in that time, ten times.
    pub fn ask_as_chromium(&mut self, round_trip: Micros) {
        self.asks = (round_trip, Micros(round_trip.0 * 10));
    }

    /// What to ask for now: holes older than reordering, and again.
    pub fn collect_nacks(&mut self, now: Micros) -> Vec<u16> {
        let (every, lasting) = self.asks;
        self.holes.retain(|_, hole| now.since(hole.since) < lasting);
        let mut due = Vec::new();
        for (sequence, hole) in &mut self.holes {
            let last = hole.asked.map_or(hole.since, |asked| asked + every);
            if now >= last + Micros::from_millis(10) {
                hole.asked = Some(now);
                due.push(*sequence as u16);
            }
        }
        self.asked += due.len() as u64;
        due
    }

    pub fn handle_sender_report(&mut self, now: Micros, report: &SenderReport<'_>) {
        self.report = Some((report.ntp, report.rtp_timestamp, now));
    }

    pub fn report_block(&mut self, now: Micros) -> Option<ReportBlock> {
        let first = *self.got.first_key_value()?.0;
        let highest = self.highest()?;
        let expected = highest - first + 1;
        let (expected_before, received_before) = self.at_last_report;
        let expected_now = expected - expected_before;
        let lost_now = expected_now.saturating_sub(self.received - received_before);
        self.at_last_report = (expected, self.received);
        let (last, delay) = self.report.map_or((0, 0), |(ntp, _, at)| {
            (
                (ntp >> 16) as u32,
                (now.since(at).0 * 65_536 / 1_000_000) as u32,
            )
        });
        Some(ReportBlock {
            ssrc: self.spec.ssrc,
            fraction_lost: (lost_now * 256)
                .checked_div(expected_now)
                .unwrap_or(0)
                .min(255) as u8,
            cumulative_lost: (expected as i64 - self.received as i64) as i32,
            highest_sequence: highest as u32,
            jitter: self.jitter as u32,
            last_sender_report: last,
            delay_since_last_sender_report: delay,
        })
    }

    /// Interarrival jitter in microseconds.
    pub fn jitter_us(&self) -> f64 {
        self.jitter * 1e6 / f64::from(self.spec.formats[0].clock_rate)
    }

    pub fn received(&self) -> u64 {
        self.received
    }

    /// The wall-clock moment, in microseconds since 1970, that the last sender report gives to an RTP timestamp.
    pub fn wall_clock(&self, timestamp: u32) -> Option<f64> {
        let (ntp, rtp, _) = self.report?;
        let moment = engine_core::time::ntp_to_micros(ntp)?.0 as f64;
        let ticks = f64::from(timestamp.wrapping_sub(rtp) as i32);
        Some(moment + ticks * 1e6 / f64::from(self.spec.formats[0].clock_rate))
    }
}
