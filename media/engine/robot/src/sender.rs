//! One stream that a robot sends: a clip over and over, on its own clock, and again what was lost.

use crate::api::{Pacing, SenderSpec};
use crate::clip::{Clip, Ids};
use crate::history::{History, Sent};
use crate::marker::Marker;
use crate::packet::{self, Extensions, Numbers};
use crate::stats::SenderRow;
use engine_core::api::Kind;
use engine_core::random::Random;
use engine_core::{Micros, Outbox};
use engine_srtp::Outbound;
use engine_wire::rtp::FixedHeader;
use std::net::SocketAddr;
use std::sync::Arc;

/// A sender that is later than this leaves the time out, as a camera would that stood still.
const MAX_LATE: Micros = Micros::from_millis(250);
/// Key frames on request are not closer together.
const MIN_KEY_INTERVAL: Micros = Micros::from_millis(100);
/// Retransmissions in one window of [`REPAIR_WINDOW`]; asking for more is answered with no more.
const REPAIRS: u32 = 128;
const REPAIR_WINDOW: Micros = Micros::from_millis(100);
/// A packet is not sent again twice within this.
const MIN_REPAIR_INTERVAL: Micros = Micros::from_millis(5);
const NEVER: Micros = Micros(u64::MAX);

/// Where packets go, and what numbers all senders of a robot share.
pub(crate) struct Way<'a> {
    pub(crate) outbound: &'a Outbound,
    pub(crate) to: SocketAddr,
    pub(crate) twcc: &'a mut u16,
    pub(crate) out: &'a mut Outbox,
}

/// RTP time: at `at` the stream's clock shows `ticks`.
#[derive(Debug, Clone, Copy)]
struct Clock {
    at: Micros,
    ticks: u64,
    rate: u64,
}

impl Clock {
    const fn ticks_at(&self, now: Micros) -> u64 {
        self.ticks + now.since(self.at).0 * self.rate / 1_000_000
    }

    const fn moment(&self, ticks: u64) -> Micros {
        let ahead = ticks.saturating_sub(self.ticks);
        Micros(self.at.0 + ahead * 1_000_000 / self.rate)
    }
}

/// State of one sender.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) spec: SenderSpec,
    pub(crate) row: SenderRow,
    clip: Arc<Clip>,
    source: u64,
    extensions: Extensions,
    history: Option<History>,
    playing: bool,
    clock: Clock,
    timestamp_base: u32,
    /// The picture that is being sent or is next, its time on the stream's clock, and its next packet.
    picture: usize,
    ticks: u64,
    packet: usize,
    /// The time of the picture before.
    last_ticks: u64,
    ids: Ids,
    sequence: u64,
    rtx_sequence: u64,
    key_wanted: bool,
    last_key: Option<Micros>,
    last_fir: Option<u8>,
    repairs: (Micros, u32),
    octets: u64,
}

impl Sender {
    /// Begins as soon as there is a way; numbers start at random (RFC 3550 section 5.1), sequence numbers in the lower
    /// half so that an early loss is no roll-over (RFC 3711 section 3.3.1).
    pub(crate) fn new(spec: SenderSpec, source: u64, clip: Arc<Clip>, random: &mut Random) -> Self {
        let start = spec.start_frame as usize % clip.len();
        let picture = match clip.kind() {
            Kind::Audio => start,
            Kind::Video => clip.key_from(start),
        };
        let may_repair = spec.nack || spec.rtx_pt.is_some();
        Self {
            row: SenderRow {
                sender: spec.sender.into(),
                ..SenderRow::default()
            },
            source,
            extensions: Extensions::new(&spec),
            history: may_repair.then(History::new),
            playing: true,
            clock: Clock {
                at: NEVER,
                ticks: 0,
                rate: clip.clock_rate().into(),
            },
            timestamp_base: random.next() as u32,
            picture,
            ticks: 0,
            packet: 0,
            last_ticks: 0,
            ids: Ids {
                picture: random.next() as u16 & 0x7fff,
                tl0: random.next() as u8,
            },
            sequence: random.below(1 << 15),
            rtx_sequence: random.below(1 << 15),
            key_wanted: false,
            last_key: None,
            last_fir: None,
            repairs: (Micros(0), 0),
            octets: 0,
            clip,
            spec,
        }
    }

    /// The way is there: the first picture is due now.
    pub(crate) fn begin(&mut self, now: Micros) {
        if self.playing {
            self.restart_clock(now);
        }
    }

    /// Goes on, or pauses between two pictures.
    pub(crate) fn play(&mut self, now: Micros, on: bool, has_way: bool) {
        if on && !self.playing && has_way {
            self.restart_clock(now);
        }
        self.playing = on;
    }

    /// The stream's clock goes on, and the next picture is due now.
    fn restart_clock(&mut self, now: Micros) {
        let ticks = if self.clock.at == NEVER {
            0
        } else {
            self.clock.ticks_at(now).max(self.ticks)
        };
        self.clock = Clock {
            at: now,
            ticks,
            ..self.clock
        };
        if self.packet == 0 {
            self.ticks = ticks;
        }
    }

    /// When there is something to send.
    pub(crate) fn next_at(&self) -> Micros {
        let idle = self.clock.at == NEVER || (!self.playing && self.packet == 0);
        if idle {
            return NEVER;
        }
        let due = self.due();
        match self.key_due().filter(|_| self.packet == 0) {
            Some(key) => due.min(key),
            None => due,
        }
    }

    /// When the next packet is due by the schedule.
    fn due(&self) -> Micros {
        let start = self.clock.moment(self.ticks);
        if self.packet == 0 || self.spec.pacing == Pacing::Burst {
            return start;
        }
        let lasts = u64::from(self.clip.picture(self.picture).ticks);
        let packets = self.clip.packets_of(self.picture) as u64;
        let ticks = lasts * self.packet as u64 / packets;
        start + Micros(ticks * 1_000_000 / self.clock.rate)
    }

    fn key_due(&self) -> Option<Micros> {
        let free = |last: Micros| last + MIN_KEY_INTERVAL;
        self.key_wanted
            .then(|| self.last_key.map_or(self.clock.at, free))
    }

    /// Sends what is due.
    pub(crate) fn poll(&mut self, now: Micros, way: &mut Way<'_>) {
        while self.next_at() <= now {
            if self.packet == 0 {
                self.begin_picture(now);
            }
            let late = now.since(self.due());
            self.row.late_us_max = self.row.late_us_max.max(late.0);
            self.send_packet(now, way);
        }
    }

    fn begin_picture(&mut self, now: Micros) {
        let too_late = now.since(self.due()) > MAX_LATE;
        if too_late {
            self.row.late_us_max = self.row.late_us_max.max(now.since(self.due()).0);
            self.row.late_resets += 1;
            self.restart_clock(now);
        }
        if self.key_due().is_some_and(|at| at <= now) {
            self.key_wanted = false;
            if self.due() > now {
                // Before its time: the clock is set so that the picture's time is now.
                self.ticks = self.clock.ticks_at(now).max(self.last_ticks + 1);
                self.clock = Clock {
                    at: now,
                    ticks: self.ticks,
                    ..self.clock
                };
            }
            self.picture = self.clip.key_from(self.picture);
        }
        let picture = self.clip.picture(self.picture);
        if picture.key {
            self.last_key = Some(now);
        }
        self.ids.picture = (self.ids.picture + 1) & 0x7fff;
        self.ids.tl0 = self.ids.tl0.wrapping_add(picture.base_layer.into());
    }

    fn send_packet(&mut self, now: Micros, way: &mut Way<'_>) {
        let sent = Sent {
            sequence: self.sequence,
            timestamp: self.timestamp_base.wrapping_add(self.ticks as u32),
            picture: self.picture as u32,
            packet: self.packet as u16,
            twcc: self.next_twcc(way),
            ids: self.ids,
            mark: self.row.pictures,
            at: now,
            again: Micros(0),
        };
        self.write(&sent, None, way);
        let len = self.clip.payload_len(self.picture, self.packet) as u64;
        self.row.packets += 1;
        self.row.bytes += len;
        self.octets += len;
        self.sequence += 1;
        if let Some(history) = &mut self.history {
            history.note(sent);
        }
        self.packet += 1;
        if self.packet == self.clip.packets_of(self.picture) {
            self.end_picture();
        }
    }

    fn end_picture(&mut self) {
        self.row.pictures += 1;
        self.last_ticks = self.ticks;
        self.ticks += u64::from(self.clip.picture(self.picture).ticks);
        self.picture = (self.picture + 1) % self.clip.len();
        self.packet = 0;
    }

    fn next_twcc(&self, way: &mut Way<'_>) -> u16 {
        let number = *way.twcc;
        *way.twcc = number.wrapping_add(self.extensions.has_twcc().into());
        number
    }

    /// Writes a packet of the clip, the same each time, or as a retransmission with this sequence number.
    fn write(&self, sent: &Sent, rtx: Option<(u64, u16)>, way: &mut Way<'_>) {
        let (picture, packet) = (sent.picture as usize, usize::from(sent.packet));
        let last = packet + 1 == self.clip.packets_of(picture);
        let (extended_sequence, twcc) = rtx.unwrap_or((sent.sequence, sent.twcc));
        let stream = rtx.and(self.spec.rtx_pt.zip(self.spec.rtx_ssrc));
        let (payload_type, ssrc) = stream.unwrap_or((self.spec.pt, self.spec.ssrc));
        let numbers = Numbers {
            header: FixedHeader {
                marker: last && self.clip.kind() == Kind::Video,
                payload_type,
                sequence: extended_sequence as u16,
                timestamp: sent.timestamp,
                ssrc,
            },
            extended_sequence,
            level: self.clip.picture(picture).level,
            twcc,
            original: rtx.map(|_| sent.sequence as u16),
        };
        let marker = Marker {
            source: self.source,
            sequence: sent.mark,
            sent_at: sent.at,
            crc: 0,
        };
        let len = self.clip.payload_len(picture, packet);
        let (path, clip) = ((way.outbound, way.to), &self.clip);
        packet::write(&numbers, &self.extensions, len, path, way.out, |room| {
            clip.write((picture, packet), sent.ids, marker, room);
        });
    }

    /// Answers a request for a packet (RFC 4585 section 6.2.1): on the retransmission stream where there is one
    /// (RFC 4588), else the same bytes again.
    pub(crate) fn repair(&mut self, now: Micros, sequence: u16, way: &mut Way<'_>) {
        self.row.nacks += 1;
        if now.since(self.repairs.0) >= REPAIR_WINDOW {
            self.repairs = (now, 0);
        }
        let sent = self.history.as_mut().and_then(|h| h.find(sequence));
        let fresh = |sent: &&mut Sent| now.since(sent.again) >= MIN_REPAIR_INTERVAL;
        let Some(sent) = sent.filter(fresh).filter(|_| self.repairs.1 < REPAIRS) else {
            self.row.rtx_misses += 1;
            return;
        };
        sent.again = now;
        let sent = *sent;
        self.repairs.1 += 1;
        self.row.rtx_packets += 1;
        if self.spec.rtx_pt.zip(self.spec.rtx_ssrc).is_none() {
            return self.write(&sent, None, way);
        }
        let number = self.rtx_sequence;
        self.rtx_sequence += 1;
        let twcc = self.next_twcc(way);
        self.write(&sent, Some((number, twcc)), way);
    }

    /// The peer cannot decode: the next picture is a key frame, and comes at once.
    pub(crate) fn want_key_frame(&mut self) {
        self.row.keyframe_requests += 1;
        self.key_wanted = self.clip.kind() == Kind::Video;
    }

    /// As [`Self::want_key_frame`], but for a repetition of a request that was heard (RFC 5104 section 4.3.1.2).
    pub(crate) fn want_key_frame_once(&mut self, request: u8) {
        if self.last_fir != Some(request) {
            self.last_fir = Some(request);
            self.want_key_frame();
        }
    }

    /// RTP timestamp of this moment, and packets and octets so far, for a sender report; none before the first packet.
    pub(crate) fn report(&self, now: Micros) -> Option<(u32, u32, u32)> {
        let ticks = self.clock.ticks_at(now) as u32;
        let timestamp = self.timestamp_base.wrapping_add(ticks);
        let counts = (self.row.packets as u32, self.octets as u32);
        (self.row.packets > 0).then_some((timestamp, counts.0, counts.1))
    }
}
