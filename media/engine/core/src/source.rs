//! One thing that a leg sends, in one encoding or several.

use crate::api::{Codec, Format, Kind, LegId, SourceSpec};
use crate::demand::Demand;
use crate::encoding::Encoding;
use crate::keyframe::Trip;
use crate::rewrite::StreamKey;
use crate::stats::StreamRow;
use crate::time::Micros;

/// Encodings that one source may have; browsers send three at the most.
pub(crate) const MOST_ENCODINGS: usize = 4;

/// For no longer than this is a queue waited for.
const LONGEST_WAIT: Micros = Micros::from_millis(1_000);

/// What a payload type of a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    payload_type: u8,
    /// The payload type without redundancy.
    pub plain: u8,
    /// What it carries.
    pub codec: Codec,
    /// With redundancy (RFC 2198).
    pub is_red: bool,
}

/// State of one source. What every packet asks of the formats is kept here: they lie elsewhere, and are seldom near.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Source {
    /// Its RTP streams, lowest quality first.
    pub encodings: Vec<Encoding>,
    clock_rate: u32,
    /// A host's mute.
    pub muted: bool,
    repairs: bool,
    /// The payload type that came last.
    recent: Option<Heard>,
    /// As negotiated.
    pub spec: SourceSpec,
    /// What it has been asked to send.
    pub demand: Demand,
}

impl Source {
    /// A source that has sent nothing yet.
    pub fn new(spec: SourceSpec) -> Self {
        let clock_rate = spec.formats.first().map_or(90_000, |f| f.clock_rate);
        let row = |encoding: usize| StreamRow {
            index: u64::from(spec.source),
            encoding: encoding as u64,
            kind: u64::from(spec.kind == Kind::Video),
            ..StreamRow::default()
        };
        let encodings = spec.encodings.iter().enumerate();
        let takes_red = spec.formats.iter().any(|format| format.red_pt.is_some());
        let encodings =
            encodings.map(|(at, one)| Encoding::new(one, (clock_rate, takes_red), row(at)));
        Self {
            encodings: encodings.collect(),
            clock_rate,
            muted: false,
            repairs: spec.formats.iter().any(|format| format.nack),
            recent: None,
            demand: Demand::default(),
            spec,
        }
    }

    /// Brings the lines near that a packet of this encoding needs.
    pub fn touch(&self, encoding: usize) -> u64 {
        let encoding = self.encodings.get(encoding).map_or(0, Encoding::touch);
        u64::from(self.muted) ^ u64::from(self.spec.source) ^ encoding
    }

    /// Names the stream that an encoding is sent as now.
    pub fn stream(&self, leg: LegId, encoding: u8) -> Option<StreamKey> {
        let epoch = self.encodings.get(usize::from(encoding))?.epoch();
        Some(StreamKey {
            leg,
            source: self.spec.source,
            encoding,
            epoch,
        })
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

    /// The format that packets of this payload type carry with redundancy (RFC 2198).
    pub fn red_format(&self, payload_type: u8) -> Option<&Format> {
        let mut formats = self.spec.formats.iter();
        formats.find(|f| f.red_pt == Some(payload_type))
    }

    /// What a payload type of its packets is, but for retransmissions; `None` if it was not negotiated.
    pub fn hear(&mut self, payload_type: u8) -> Option<Heard> {
        let known = |heard: &Heard| heard.payload_type == payload_type;
        if !self.recent.as_ref().is_some_and(known) {
            let red = self.red_format(payload_type);
            let format = red.or_else(|| self.format(payload_type))?;
            self.recent = Some(Heard {
                payload_type,
                plain: format.pt,
                codec: format.codec,
                is_red: red.is_some(),
            });
        }
        self.recent
    }

    /// RTP clock in Hz.
    pub const fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// An SSRC that it sends with.
    pub fn any_ssrc(&self) -> Option<u32> {
        self.encodings.iter().find_map(|encoding| encoding.ssrc)
    }

    /// Whether its sender keeps to what it is told that its link carries.
    pub fn heeds_remb(&self) -> bool {
        self.spec.formats.iter().any(|f| f.remb)
    }

    /// Whether its sender wants to know when each packet arrived.
    pub fn wants_reports(&self) -> bool {
        self.spec.formats.iter().any(|f| f.transport_cc)
    }

    /// How much longer than usual what it sends is under way now.
    pub fn waits(&self, now: Micros) -> Micros {
        let sent = self.encodings.iter().filter(|one| one.is_active(now));
        let waits = sent.map(|one| one.register.transit().waits());
        waits.max().unwrap_or(Micros(0)).min(LONGEST_WAIT)
    }

    /// The way to its sender and back, which takes so long if nothing waits.
    pub fn trip(&self, now: Micros, round_trip: Micros) -> Trip {
        Trip {
            round_trip: round_trip + self.waits(now),
            loses: self.encodings.iter().any(|one| one.register.loses()),
        }
    }

    /// When to ask for a key frame of one of its encodings again.
    pub fn next_wish(&self, now: Micros, round_trip: Micros, is_line: bool) -> Option<Micros> {
        let trip = self.trip(now, round_trip).to_line(is_line);
        let asked = self.encodings.iter().filter(|one| one.may_be_asked(false));
        asked.filter_map(|one| one.key_frames.next_at(trip)).min()
    }

    /// Whether its packets are kept: to be sent again, or, of pictures, because they may have to wait for their turn.
    pub fn is_kept(&self) -> bool {
        self.repairs || self.spec.kind == Kind::Video
    }

    /// Whether retransmission was negotiated.
    pub const fn repairs(&self) -> bool {
        self.repairs
    }
}

/// The number by which a snapshot tells a codec; 0 is none.
pub(crate) const fn codec_number(codec: Codec) -> u64 {
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
        Codec::H261 => 10,
        Codec::H263 => 11,
        Codec::H263Plus => 12,
    }
}
