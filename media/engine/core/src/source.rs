//! One thing that a leg sends, and who takes it.

use crate::api::{Codec, Format, Kind, LegId, SourceSpec};
use crate::cache::{PacketCache, Size};
use crate::keyframe::KeyFrameRequests;
use crate::receive::ReceiveRegister;
use crate::rewrite::StreamKey;
use crate::stats::StreamRow;
use crate::time::Micros;

/// Round trips within which a receiver asks for what it misses, and once more if that was lost.
const ROUND_TRIPS_KEPT: u64 = 3;
/// The least and the most time for which payload is kept; a receiver has given a picture up after the latter.
const KEPT: (Micros, Micros) = (Micros::from_millis(250), Micros::from_millis(1_000));

/// The sender's own clock for this stream (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy)]
pub struct SenderReportSeen {
    /// NTP timestamp of the report.
    pub ntp: u64,
    /// RTP timestamp of the same moment.
    pub rtp: u32,
    /// When it arrived here.
    pub at: Micros,
}

/// A slot that takes this source: position of its leg in the shard, and its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taker {
    /// Position of the leg in the shard.
    pub leg: u32,
    /// Index of the slot in the leg.
    pub slot: u16,
}

/// State of one source.
#[derive(Debug)]
pub struct Source {
    /// As negotiated.
    pub spec: SourceSpec,
    /// SSRC that it sends with now, once known.
    pub ssrc: Option<u32>,
    /// SSRC of its retransmissions, once known.
    pub rtx_ssrc: Option<u32>,
    /// Order and loss.
    pub register: ReceiveRegister,
    /// Recent packets, made with the first packet of a source whose receivers may ask again.
    pub cache: Option<PacketCache>,
    /// Key frame throttle.
    pub key_frames: KeyFrameRequests,
    /// Slots fed from here.
    pub takers: Vec<Taker>,
    /// A host's mute.
    pub muted: bool,
    /// Last report of the sender.
    pub sender_report: Option<SenderReportSeen>,
    /// Timestamp and arrival of the newest packet.
    pub newest: Option<(u32, Micros)>,
    /// Counters.
    pub row: StreamRow,
    epoch: u32,
    kept_for: Micros,
}

impl Source {
    /// A source that has sent nothing yet.
    pub fn new(spec: SourceSpec) -> Self {
        let clock_rate = spec.formats.first().map_or(90_000, |f| f.clock_rate);
        Self {
            ssrc: spec.ssrc,
            rtx_ssrc: spec.rtx_ssrc,
            register: ReceiveRegister::new(clock_rate),
            cache: None,
            key_frames: KeyFrameRequests::default(),
            takers: Vec::new(),
            muted: false,
            sender_report: None,
            newest: None,
            row: StreamRow {
                index: u64::from(spec.source),
                kind: u64::from(spec.kind == Kind::Video),
                ..StreamRow::default()
            },
            epoch: 0,
            kept_for: KEPT.0,
            spec,
        }
    }

    /// Names the stream that the source sends now.
    pub fn stream(&self, leg: LegId) -> StreamKey {
        StreamKey {
            leg,
            source: self.spec.source,
            epoch: self.epoch,
        }
    }

    /// Counts the SSRCs that the source has had.
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether a key frame would reach anybody.
    pub fn may_be_asked(&self) -> bool {
        !self.muted && !self.takers.is_empty()
    }

    /// The negotiated format of a payload type.
    pub fn format(&self, payload_type: u8) -> Option<&Format> {
        self.spec.formats.iter().find(|f| f.pt == payload_type)
    }

    /// The format whose retransmissions have this payload type.
    pub fn rtx_format(&self, payload_type: u8) -> Option<&Format> {
        self.spec
            .formats
            .iter()
            .find(|f| f.rtx_pt == Some(payload_type))
    }

    /// The sender began again under another SSRC: everything counted by sequence number starts anew.
    pub fn restart(&mut self, ssrc: u32) {
        if self.ssrc.is_some_and(|known| known != ssrc) {
            self.epoch += 1;
            self.row = self.snapshot();
            self.register = ReceiveRegister::new(self.clock_rate());
            self.sender_report = None;
            self.newest = None;
            if let Some(cache) = &mut self.cache {
                cache.clear();
            }
        }
        self.ssrc = Some(ssrc);
    }

    /// RTP clock in Hz.
    pub fn clock_rate(&self) -> u32 {
        self.spec.formats.first().map_or(90_000, |f| f.clock_rate)
    }

    /// Whether retransmission was negotiated.
    pub fn repairs(&self) -> bool {
        self.spec.formats.iter().any(|f| f.nack)
    }

    /// The cache, made on first use.
    pub fn cache_mut(&mut self) -> &mut PacketCache {
        let least = match self.spec.kind {
            Kind::Audio => Size::AUDIO,
            Kind::Video => Size::VIDEO,
        };
        self.cache.get_or_insert_with(|| PacketCache::new(least))
    }

    /// How long payload is to be kept for those who ask again.
    pub const fn kept_for(&self) -> Micros {
        self.kept_for
    }

    /// Keeps payload for as long as the slowest of its receivers can ask.
    pub fn keep_for(&mut self, slowest_round_trip: Micros) {
        let wanted = Micros(slowest_round_trip.0 * ROUND_TRIPS_KEPT);
        self.kept_for = wanted.clamp(KEPT.0, KEPT.1);
    }

    /// Counters with what is computed on demand.
    pub fn snapshot(&self) -> StreamRow {
        let fates = self.register.fates();
        let (changes_us, changes) = self.register.transit_changes();
        StreamRow {
            expected: self.row.expected + fates.expected,
            lost: self.row.lost + fates.lost,
            recovered: self.row.recovered + fates.recovered,
            bursts: self.row.bursts + fates.bursts,
            frames: self.row.frames + self.register.frames(),
            transit_changes_us: self.row.transit_changes_us + changes_us,
            transit_changes: self.row.transit_changes + changes,
            jitter_us: self.register.jitter_micros(),
            keyframe_requests: self.key_frames.sent(),
            ..self.row
        }
    }
}

/// The number by which a snapshot tells a codec; 0 is none.
pub const fn codec_number(codec: Codec) -> u64 {
    match codec {
        Codec::Opus => 1,
        Codec::G722 => 2,
        Codec::Pcmu => 3,
        Codec::Pcma => 4,
        Codec::TelephoneEvent => 5,
        Codec::Vp8 => 6,
        Codec::Vp9 => 7,
        Codec::H264 => 8,
        Codec::Av1 => 9,
    }
}
