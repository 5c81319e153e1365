//! One stream that a robot takes: its order, its loss, and whether it is what it should be.

use crate::api::{ReceiverSpec, ANY_SOURCE};
use crate::marker::Marker;
use crate::pictures::{Part, Pictures, Verdict};
use crate::stats::{Latency, ReceiverRow};
use engine_core::api::{Format, Kind};
use engine_core::encoding::SenderReportSeen;
use engine_core::keyframe::{KeyFrameRequests, Trip};
use engine_core::pressure::Pressure;
use engine_core::random::mix;
use engine_core::receive::{Arrival, ReceiveRegister};
use engine_core::Micros;
use engine_srtp::{Inbound, SrtpError};
use engine_wire::payload::rtx;
use engine_wire::rtcp::ReportBlock;
use engine_wire::rtp::RtpHeader;

/// Numbers are counted from one cycle up, so that what was sent before the first packet that arrived lies below it.
const FIRST_CYCLE: u64 = 1 << 16;
/// A bridge begins with a key frame, or has asked for one by itself; a receiver that has waited that long asks.
pub(crate) const KEY_FRAME_PATIENCE: Micros = Micros::from_millis(300);
/// The longest round trip to a bridge and on to a sender that an answer is waited for.
const FARTHEST: Trip = Trip {
    round_trip: Micros::from_millis(350),
    loses: false,
};

/// A media packet with what is needed to take it in.
pub(crate) struct Arrived<'a> {
    pub(crate) at: Micros,
    pub(crate) header: RtpHeader,
    /// The whole packet, encrypted.
    pub(crate) data: &'a mut [u8],
    pub(crate) inbound: &'a mut Inbound,
    pub(crate) check_percent: u8,
    pub(crate) latency: &'a mut Latency,
}

/// What took too long or came too early: packets that may turn out to be right within the time of grace.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    since: Micros,
    source: Option<u64>,
    wrong: u64,
    unexpected: u64,
}

/// Whether a packet is the first of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    No,
    /// Of another SSRC than before.
    Again,
    /// Of the receiver.
    First,
}

/// State of one receiver.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) spec: ReceiverSpec,
    pub(crate) row: ReceiverRow,
    pub(crate) ssrc: Option<u32>,
    pub(crate) rtx_ssrc: Option<u32>,
    register: ReceiveRegister,
    /// When the first packet of this SSRC arrived.
    began: Option<Micros>,
    expects: Option<u64>,
    /// Who was expected before, and until when that is allowed.
    expected_before: (Option<u64>, Micros),
    grace: Micros,
    held: Held,
    pictures: Pictures,
    key_frames: KeyFrameRequests,
    sender_report: Option<SenderReportSeen>,
    lost_seen: u64,
}

impl Receiver {
    pub(crate) fn new(spec: ReceiverSpec, grace: Micros) -> Self {
        let clock_rate = spec.formats.first().map_or(90_000, |f| f.clock_rate);
        Self {
            row: ReceiverRow {
                receiver: spec.receiver.into(),
                kind: u64::from(spec.kind == Kind::Video),
                ..ReceiverRow::default()
            },
            ssrc: spec.ssrc,
            rtx_ssrc: spec.rtx_ssrc,
            register: ReceiveRegister::new(clock_rate),
            began: None,
            expects: spec.expects,
            expected_before: (None, Micros(0)),
            grace,
            held: Held::default(),
            pictures: Pictures::default(),
            key_frames: KeyFrameRequests::default(),
            sender_report: None,
            lost_seen: 0,
            spec,
        }
    }

    pub(crate) fn format(&self, payload_type: u8) -> Option<&Format> {
        self.spec.formats.iter().find(|f| f.pt == payload_type)
    }

    pub(crate) fn rtx_format(&self, payload_type: u8) -> Option<&Format> {
        let mut formats = self.spec.formats.iter();
        formats.find(|f| f.rtx_pt == Some(payload_type))
    }

    /// The peer sends under another SSRC from now on: everything counted by number starts anew.
    pub(crate) fn bind(&mut self, ssrc: u32) {
        if self.ssrc.is_some_and(|known| known != ssrc) {
            self.row.restarts += 1;
            let missing = self.register.lost() - self.register.recovered() as i64;
            self.row.lost += missing.max(0).unsigned_abs();
            self.row.expected += self.register.expected();
            let clock_rate = self.spec.formats.first().map_or(90_000, |f| f.clock_rate);
            self.register = ReceiveRegister::new(clock_rate);
            self.sender_report = None;
            self.pictures.clear();
            self.lost_seen = 0;
            self.began = None;
        }
        self.ssrc = Some(ssrc);
    }

    /// Takes a packet in.
    pub(crate) fn handle_media(&mut self, packet: &mut Arrived<'_>) -> Beginning {
        let header = packet.header;
        let Some(codec) = self.format(header.payload_type).map(|f| f.codec) else {
            return Beginning::No;
        };
        let sequence = match self.began {
            Some(_) => self.register.extend(header.sequence),
            None => FIRST_CYCLE | u64::from(header.sequence),
        };
        let checks = self.checks(&header, packet.check_percent);
        let begins = self.began.is_none() && self.spec.kind == Kind::Video;
        let mut plain = None;
        if checks || begins || self.awaits_key_frame() {
            match packet.inbound.unprotect_rtp(packet.data, header.header_len) {
                Ok(opened) => plain = header.payload_range(&packet.data[..opened.len]).ok(),
                Err(error) => {
                    self.count_failure(&error);
                    return Beginning::No;
                }
            }
        }
        let (beginning, place) = self.enter(packet, sequence);
        if let (Some(range), Some(repaired)) = (plain, place) {
            let part = Part {
                codec,
                sequence,
                timestamp: header.timestamp,
                last: header.marker,
                payload: &packet.data[range],
            };
            self.look_inside(packet.at, &part, checks, repaired, packet.latency);
        }
        beginning
    }

    /// Enters a packet into the register. Gives nothing for a duplicate, else whether it is a repair.
    fn enter(&mut self, packet: &Arrived<'_>, sequence: u64) -> (Beginning, Option<bool>) {
        let (at, header) = (packet.at, &packet.header);
        let asked = self.began.is_some() && self.register.is_requested(sequence);
        let arrival = self.register.handle_packet(at, sequence, header.timestamp);
        match arrival {
            Arrival::Duplicate => {
                self.row.duplicates += 1;
                return (Beginning::No, None);
            }
            Arrival::Late if asked => self.row.repaired += 1,
            Arrival::Late => self.row.reordered += 1,
            Arrival::Newest => {}
        }
        let overhead = header.header_len + packet.inbound.profile().rtp_overhead();
        self.row.packets += 1;
        self.row.bytes += packet.data.len().saturating_sub(overhead) as u64;
        self.row.last_us = at.0;
        if self.expects.is_none() && !self.allowed_before(at, None) {
            self.hold(at, None);
        }
        (self.begin(at), Some(asked))
    }

    /// What it means for the stream that a packet has arrived.
    fn begin(&mut self, at: Micros) -> Beginning {
        if self.began.is_some() {
            return Beginning::No;
        }
        self.began = Some(at);
        if self.spec.kind == Kind::Video {
            self.key_frames.want_later();
        }
        if self.row.first_us == 0 {
            self.row.first_us = at.0;
            Beginning::First
        } else {
            Beginning::Again
        }
    }

    /// Takes a retransmission in (RFC 4588), which is always decrypted: only inside does it say what it repairs.
    pub(crate) fn handle_repair(&mut self, packet: &mut Arrived<'_>) {
        let header = packet.header;
        let Some(codec) = self.rtx_format(header.payload_type).map(|f| f.codec) else {
            return;
        };
        let opened = match packet.inbound.unprotect_rtp(packet.data, header.header_len) {
            Ok(opened) => opened,
            Err(error) => return self.count_failure(&error),
        };
        let plain = &packet.data[..opened.len];
        // Senders probe for bandwidth with padding on this stream; that carries nothing.
        let Some((payload, original)) = header
            .payload_range(plain)
            .ok()
            .map(|range| &plain[range])
            .and_then(|payload| Some((payload, rtx::original_sequence(payload).ok()?)))
        else {
            return;
        };
        if self.began.is_none() {
            return;
        }
        let sequence = self.register.extend(original);
        if self.register.handle_retransmission(packet.at, sequence) != Arrival::Late {
            self.row.duplicates += 1;
            return;
        }
        self.row.repaired += 1;
        self.row.last_us = packet.at.0;
        let media = RtpHeader {
            ssrc: self.ssrc.unwrap_or(header.ssrc),
            ..header
        };
        let checks = self.checks(&media, packet.check_percent);
        let part = Part {
            codec,
            sequence,
            timestamp: header.timestamp,
            last: header.marker,
            payload: &payload[rtx::HEADER_LEN..],
        };
        self.look_inside(packet.at, &part, checks, true, packet.latency);
    }

    /// Whether the picture or packet is one of those that are verified: the same answer for all packets of a picture,
    /// in whatever order they come.
    fn checks(&self, header: &RtpHeader, percent: u8) -> bool {
        let draw = mix(u64::from(header.ssrc) << 32 | u64::from(header.timestamp)) % 100;
        draw < u64::from(percent)
    }

    fn count_failure(&mut self, error: &SrtpError) {
        match error {
            SrtpError::Replay | SrtpError::TooOld => self.row.duplicates += 1,
            _ => self.row.auth_failures += 1,
        }
    }

    fn look_inside(
        &mut self,
        at: Micros,
        part: &Part<'_>,
        checks: bool,
        repaired: bool,
        latency: &mut Latency,
    ) {
        let key = part.codec.starts_key_frame(part.payload);
        if key {
            self.row.keyframes += 1;
            self.key_frames.satisfied();
        }
        if !checks || part.payload.is_empty() {
            return;
        }
        let (marker, verdict) = self.pictures.take(part);
        if let Some(marker) = marker.filter(|_| !repaired) {
            let histogram = match self.spec.kind {
                Kind::Audio => &mut latency.audio,
                Kind::Video => &mut latency.video,
            };
            histogram.record(at.since(marker.sent_at).0);
        }
        if let Some(verdict) = verdict {
            self.judge(at, verdict);
        }
    }

    fn judge(&mut self, at: Micros, verdict: Verdict) {
        match verdict {
            Verdict::Good(marker) => {
                self.row.checked += 1;
                self.judge_source(at, marker);
            }
            Verdict::Corrupt(marker) => {
                self.row.content_failures += 1;
                self.judge_source(at, marker);
            }
            // Where anybody's media may come, it may come from a browser.
            Verdict::Unmarked => {
                self.row.content_failures += u64::from(self.expects != Some(ANY_SOURCE));
            }
        }
    }

    fn judge_source(&mut self, at: Micros, marker: Marker) {
        self.row.source = marker.source;
        let right = self.expects == Some(ANY_SOURCE) || self.expects == Some(marker.source);
        // Whoever comes where nobody may is counted by packets.
        if !right && self.expects.is_some() && !self.allowed_before(at, Some(marker.source)) {
            self.hold(at, Some(marker.source));
        }
    }

    fn allowed_before(&self, at: Micros, source: Option<u64>) -> bool {
        let (before, until) = self.expected_before;
        let fits =
            before == Some(ANY_SOURCE) || source.map_or(before.is_some(), |s| before == Some(s));
        at < until && fits
    }

    /// Something came that is not expected, or not yet.
    fn hold(&mut self, at: Micros, source: Option<u64>) {
        if at.since(self.held.since) > self.grace {
            self.settle_held();
            self.held.since = at;
        }
        match source {
            Some(_) => self.held.wrong += 1,
            None => self.held.unexpected += 1,
        }
        self.held.source = source.or(self.held.source);
        if self.grace == Micros(0) {
            self.settle_held();
        }
    }

    fn settle_held(&mut self) {
        self.row.wrong_source += self.held.wrong;
        self.row.unexpected += self.held.unexpected;
        self.held = Held::default();
    }

    /// Whose media may arrive from now on. What came shortly before was the new source's, if it is known whose it was.
    pub(crate) fn expect(&mut self, now: Micros, source: Option<u64>) {
        let early = source.is_some()
            && now.since(self.held.since) <= self.grace
            && (source == Some(ANY_SOURCE) || self.held.source.is_none_or(|s| Some(s) == source));
        if early {
            self.held = Held::default();
        } else {
            self.settle_held();
        }
        self.expected_before = (self.expects, now + self.grace);
        self.expects = source;
    }

    fn awaits_key_frame(&self) -> bool {
        self.spec.kind == Kind::Video && self.key_frames.is_wanted()
    }

    fn can_ask_key_frame(&self) -> bool {
        self.spec.kind == Kind::Video && self.spec.formats.iter().any(|format| format.pli)
    }

    /// Writes the numbers to ask for now (RFC 4585 section 6.2.1) into `lost`.
    pub(crate) fn collect_nacks(&mut self, now: Micros, round_trip: Micros, lost: &mut Vec<u16>) {
        self.register
            .collect_nacks(now, round_trip, usize::MAX, lost);
        if !self.spec.nack {
            lost.clear();
        }
        self.row.nacks += lost.len() as u64;
    }

    /// Whether a key frame is to be asked for now: none has come yet, or something was lost for good.
    pub(crate) fn poll_key_frame(&mut self, now: Micros) -> bool {
        let Some(began) = self.began.filter(|_| self.can_ask_key_frame()) else {
            return false;
        };
        let lost = self.lost(now);
        if lost > self.lost_seen {
            self.lost_seen = lost;
            self.key_frames.want_later();
        }
        // A client asks when it wants to: it looks after its own pictures only.
        let at_ease = &mut Pressure::default();
        now.since(began) >= KEY_FRAME_PATIENCE && self.key_frames.poll(now, FARTHEST, at_ease)
    }

    /// When there may be something to ask for.
    pub(crate) fn next_at(&self) -> Option<Micros> {
        let start = self.began.unwrap_or_default() + KEY_FRAME_PATIENCE;
        let key_frame = self
            .key_frames
            .next_at(FARTHEST)
            .filter(|_| self.can_ask_key_frame())
            .map(|at| at.max(start));
        let holes = self.register.next_nack_at();
        holes.into_iter().chain(key_frame).min()
    }

    pub(crate) fn handle_sender_report(&mut self, at: Micros, ntp: u64, rtp: u32) {
        self.sender_report = Some(SenderReportSeen { ntp, rtp, at });
    }

    pub(crate) fn report_block(&mut self, now: Micros) -> Option<ReportBlock> {
        let ssrc = self.ssrc.filter(|_| self.began.is_some())?;
        let reception = self.register.report();
        let (last, delay) = self.sender_report.map_or((0, 0), |report| {
            let delay = now.since(report.at).0 * 65_536 / 1_000_000;
            ((report.ntp >> 16) as u32, delay as u32)
        });
        Some(ReportBlock {
            ssrc,
            fraction_lost: reception.fraction_lost,
            cumulative_lost: reception.cumulative_lost,
            highest_sequence: reception.highest_sequence.wrapping_sub(FIRST_CYCLE as u32),
            jitter: reception.jitter_ticks,
            last_sender_report: last,
            delay_since_last_sender_report: delay,
        })
    }

    /// Packets that never came and for which neither reordering nor repair is still to be waited.
    fn lost(&self, now: Micros) -> u64 {
        let missing = self.register.lost() - self.register.recovered() as i64;
        missing
            .max(0)
            .unsigned_abs()
            .saturating_sub(self.register.pending(now))
    }

    /// Counters with what is computed on demand.
    pub(crate) fn snapshot(&self, now: Micros) -> ReceiverRow {
        let held = if now.since(self.held.since) > self.grace {
            self.held
        } else {
            Held::default()
        };
        ReceiverRow {
            expected: self.row.expected + self.register.expected(),
            lost: self.row.lost + self.lost(now),
            jitter_us: self.register.transit().jitter_micros(),
            keyframe_requests: self.key_frames.sent(),
            wrong_source: self.row.wrong_source + held.wrong,
            unexpected: self.row.unexpected + held.unexpected,
            ..self.row
        }
    }
}
