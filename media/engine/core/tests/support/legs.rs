//! Descriptions of legs as the control plane would hand them over.

use engine_core::api::{
    Codec, EncodingSpec, Extensions, FecSpec, Feed, Format, IceParams, Kind, LegId, SlotSpec,
    SourceRef, SourceSpec,
};

pub const MID_ID: u8 = 4;
pub const AUDIO_LEVEL_ID: u8 = 1;
pub const FEC_PT: u8 = 49;
pub const RID_ID: u8 = 5;
pub const REPAIRED_RID_ID: u8 = 6;
/// The transport-wide number in packets of the engine.
pub const NUMBER_ID: u8 = 9;
/// Names of simulcast encodings, lowest quality first.
pub const RIDS: [&str; 3] = ["q", "h", "f"];

/// One end of a feed: a peer, and the index of its slot or source.
pub type End = (usize, u16);

/// What a peer sends and takes. Source 0 is sound, source 1 pictures; slots are the audio ones, then the video ones.
#[derive(Debug, Clone, Copy)]
pub struct PeerSpec {
    pub audio: bool,
    pub video: bool,
    pub audio_slots: u16,
    pub video_slots: u16,
    /// Whether the description names the SSRCs; otherwise the media identification has to.
    pub names_ssrcs: bool,
    /// Sends sound with redundancy (RFC 2198) on offer.
    pub sends_red: bool,
    /// Takes sound with redundancy.
    pub takes_red: bool,
    /// Takes FlexFEC for pictures.
    pub takes_fec: bool,
    /// Three encodings of the pictures, told apart by their names alone.
    pub simulcast: bool,
    /// Three temporal layers in each.
    pub temporal: bool,
    /// Pictures are H.264, of which packets do not tell their layer, and not VP8.
    pub h264: bool,
    pub profile: &'static str,
    /// Distance of the peer's wall clock from ours, in microseconds.
    pub clock_offset: i64,
    /// Reports when each packet to it arrived (transport-wide congestion control).
    pub reports_each: bool,
    /// The same by RFC 8888.
    pub reports_by_sequence: bool,
    /// Has agreed to NACK and retransmissions of pictures.
    pub can_ask: bool,
    /// Numbers what it sends (transport-wide congestion control), and keeps to what it is told of its link.
    pub heeds_remb: bool,
}

impl Default for PeerSpec {
    fn default() -> Self {
        Self::BROWSER
    }
}

impl PeerSpec {
    /// Sound and pictures both ways, by plain means.
    pub const BROWSER: Self = Self {
        audio: true,
        video: true,
        audio_slots: 1,
        video_slots: 1,
        names_ssrcs: true,
        sends_red: false,
        takes_red: false,
        takes_fec: false,
        simulcast: false,
        temporal: false,
        h264: false,
        profile: "AEAD_AES_128_GCM",
        clock_offset: 0,
        reports_each: false,
        reports_by_sequence: false,
        can_ask: true,
        heeds_remb: false,
    };
}

impl PeerSpec {
    pub fn sources(&self, leg: u64) -> Vec<SourceSpec> {
        let base = ssrc_base(leg);
        let named = |ssrc| self.names_ssrcs.then_some(ssrc);
        let mut sources = Vec::new();
        if self.audio {
            sources.push(SourceSpec {
                source: 0,
                kind: Kind::Audio,
                mid: "0".into(),
                encodings: vec![EncodingSpec {
                    ssrc: named(base + 1),
                    ..EncodingSpec::default()
                }],
                formats: vec![opus(leg, self.sends_red), telephone_event()],
            });
        }
        if self.video {
            sources.push(SourceSpec {
                source: 1,
                kind: Kind::Video,
                mid: "1".into(),
                encodings: self.encodings(base),
                formats: vec![self.pictures(leg)],
            });
        }
        let formats = sources.iter_mut().flat_map(|source| &mut source.formats);
        formats.for_each(|format| {
            format.nack &= self.can_ask;
            (format.transport_cc, format.remb) = (self.heeds_remb, self.heeds_remb);
        });
        sources
    }

    fn pictures(&self, leg: u64) -> Format {
        if self.h264 {
            h264(leg)
        } else {
            vp8(leg)
        }
    }

    fn encodings(&self, base: u32) -> Vec<EncodingSpec> {
        if self.simulcast {
            let named = RIDS.map(|rid| EncodingSpec {
                rid: Some(rid.into()),
                ..EncodingSpec::default()
            });
            return named.to_vec();
        }
        let named = |ssrc| self.names_ssrcs.then_some(ssrc);
        vec![EncodingSpec {
            rid: None,
            ssrc: named(base + 2),
            rtx_ssrc: named(base + 3),
        }]
    }

    pub fn slots(&self, leg: u64) -> Vec<SlotSpec> {
        let base = ssrc_base(leg) + 1_000;
        let audio = (0..self.audio_slots).map(|slot| SlotSpec {
            slot,
            kind: Kind::Audio,
            ssrc: base + u32::from(slot),
            rtx_ssrc: None,
            formats: vec![opus(leg, self.takes_red)],
            fec: None,
            ccfb: self.reports_by_sequence,
            max_ptime_ms: None,
        });
        let video = (0..self.video_slots).map(|slot| SlotSpec {
            slot: self.audio_slots + slot,
            kind: Kind::Video,
            ssrc: base + 500 + u32::from(slot),
            rtx_ssrc: Some(base + 5_000 + u32::from(slot)),
            formats: vec![self.pictures(leg)],
            fec: self.takes_fec.then_some(FecSpec {
                pt: FEC_PT,
                ssrc: base + 8_000 + u32::from(slot),
            }),
            ccfb: self.reports_by_sequence,
            max_ptime_ms: None,
        });
        let mut slots: Vec<SlotSpec> = audio.chain(video).collect();
        let formats = slots.iter_mut().flat_map(|slot| &mut slot.formats);
        for format in formats {
            format.transport_cc = self.reports_each;
            format.nack &= self.can_ask;
            format.rtx_pt = format.rtx_pt.filter(|_| self.can_ask);
        }
        slots
    }

    pub fn extensions(&self) -> Extensions {
        Extensions {
            mid: Some(MID_ID),
            audio_level: Some(AUDIO_LEVEL_ID),
            transport_cc: (self.reports_each || self.heeds_remb).then_some(NUMBER_ID),
            rid: Some(RID_ID),
            repaired_rid: Some(REPAIRED_RID_ID),
        }
    }
}

/// Spread over the whole range, so that sequence numbers and timestamps start anywhere.
pub const fn ssrc_base(leg: u64) -> u32 {
    ((leg as u32).wrapping_mul(0x9e37_79b1) & 0xffff_0000) | 0x10
}

pub fn ice(leg: u64, generation: u32) -> IceParams {
    IceParams {
        local_ufrag: format!("here{leg}g{generation}"),
        local_pwd: format!("password-of-leg-{leg}-generation-{generation}"),
    }
}

/// Payload types differ between legs, as they do between browsers.
pub fn opus(leg: u64, red: bool) -> Format {
    Format {
        pt: if leg.is_multiple_of(2) { 111 } else { 109 },
        codec: Codec::Opus,
        clock_rate: 48_000,
        rtx_pt: None,
        nack: false,
        pli: false,
        packetization_mode: None,
        profile: None,
        level_asymmetry: false,
        lines: None,
        interval: None,
        transport_cc: false,
        remb: false,
        red_pt: red.then_some(if leg.is_multiple_of(2) { 63 } else { 112 }),
    }
}

/// Sent by everyone and taken by nobody here.
pub fn telephone_event() -> Format {
    Format {
        pt: 101,
        codec: Codec::TelephoneEvent,
        clock_rate: 48_000,
        rtx_pt: None,
        nack: false,
        pli: false,
        packetization_mode: None,
        profile: None,
        level_asymmetry: false,
        lines: None,
        interval: None,
        transport_cc: false,
        remb: false,
        red_pt: None,
    }
}

pub fn vp8(leg: u64) -> Format {
    let pt = if leg.is_multiple_of(2) { 96 } else { 120 };
    Format {
        pt,
        codec: Codec::Vp8,
        clock_rate: 90_000,
        rtx_pt: Some(pt + 1),
        nack: true,
        pli: true,
        packetization_mode: None,
        profile: None,
        level_asymmetry: false,
        lines: None,
        interval: None,
        transport_cc: false,
        remb: false,
        red_pt: None,
    }
}

/// Constrained baseline, in packets that may be parts of a unit.
pub fn h264(leg: u64) -> Format {
    let pt = if leg.is_multiple_of(2) { 102 } else { 125 };
    Format {
        pt,
        codec: Codec::H264,
        rtx_pt: Some(pt + 1),
        packetization_mode: Some(1),
        profile: Some(0x42_e0_1f),
        level_asymmetry: true,
        ..vp8(leg)
    }
}

/// Source `from.1` of leg `from.0` into slot `to.1` of leg `to.0`.
pub fn feed(to: (u64, u16), from: (u64, u16)) -> Feed {
    Feed {
        leg: LegId(to.0),
        slot: to.1,
        from: Some(SourceRef {
            leg: LegId(from.0),
            source: from.1,
        }),
        importance: Feed::of_others(),
        height: None,
    }
}
