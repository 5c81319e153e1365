//! What the control plane would tell the engine about a plan, and what a leg's peer would prove its password with.

use crate::plan::{own_key, peer_key, ssrc_in, ssrc_out, Plan, Seat, PROFILE};
use crate::traffic::{OPUS, VP8};
use engine_core::api::{
    Codec, EncodingSpec, Extensions, Feed, Format, IceParams, Kind, LegId, RoomId, SlotSpec,
    SourceRef, SourceSpec,
};
use engine_core::Command;
use engine_wire::stun;

/// Identifier of the header extension with the transport-wide number.
pub(crate) const NUMBER_ID: u8 = 3;
/// What a slot's SSRC of retransmissions has that its own has not.
pub(crate) const REPAIRS: u32 = 0x4000_0000;
const PASSWORD: &str = "a-password-of-the-bench";

/// An ICE check of this leg's peer, which nominates.
pub(crate) fn write_check(out: &mut Vec<u8>, leg: usize) {
    out.clear();
    let (user, key) = (format!("leg{leg}:peer"), PASSWORD.as_bytes());
    stun::write_binding_request(out, &[3; 12], &user, key, 1, Some(1), true);
}

pub(crate) fn set_keys(leg: usize) -> Command {
    Command::SetKeys {
        leg: LegId(leg as u64),
        profile: PROFILE.name().into(),
        local: own_key(leg),
        remote: peer_key(leg),
    }
}

pub(crate) fn set_feeds(plan: &Plan, room: usize) -> Command {
    let feeds = plan.legs_of(room).flat_map(|leg| {
        let takes = plan.seats[leg].takes.iter().enumerate();
        takes.map(move |(slot, take)| Feed {
            leg: LegId(leg as u64),
            slot: slot as u16,
            from: Some(SourceRef {
                leg: LegId(take.leg as u64),
                source: take.source as u16,
            }),
            importance: Feed::of_others(),
            height: None,
        })
    });
    Command::SetFeeds {
        room: RoomId(room as u64),
        feeds: feeds.collect(),
    }
}

fn format(kind: Kind, reported: bool) -> Format {
    let is_video = kind == Kind::Video;
    Format {
        pt: if is_video { VP8 } else { OPUS },
        codec: if is_video { Codec::Vp8 } else { Codec::Opus },
        clock_rate: if is_video { 90_000 } else { 48_000 },
        rtx_pt: is_video.then_some(97),
        nack: is_video,
        pli: is_video,
        packetization_mode: None,
        profile: None,
        level_asymmetry: false,
        lines: None,
        interval: None,
        transport_cc: reported,
        remb: false,
        red_pt: None,
    }
}

/// With `reported`, its peer reports on each packet that it gets.
pub(crate) fn add_leg(leg: usize, seat: &Seat, reported: bool) -> Command {
    let source = |(number, shape): (usize, &crate::plan::Shape)| SourceSpec {
        source: number as u16,
        kind: shape.kind(),
        mid: number.to_string(),
        encodings: vec![EncodingSpec {
            ssrc: Some(ssrc_in(leg, number)),
            ..EncodingSpec::default()
        }],
        formats: vec![format(shape.kind(), false)],
    };
    let slot = |(number, take): (usize, &crate::plan::Take)| SlotSpec {
        slot: number as u16,
        kind: take.kind,
        ssrc: ssrc_out(leg, number),
        rtx_ssrc: Some(ssrc_out(leg, number) | REPAIRS),
        formats: vec![format(take.kind, reported)],
        fec: None,
        ccfb: false,
        max_ptime_ms: None,
    };
    Command::AddLeg {
        leg: LegId(leg as u64),
        room: RoomId(seat.room as u64),
        ice: IceParams {
            local_ufrag: format!("leg{leg}"),
            local_pwd: PASSWORD.into(),
        },
        sources: seat.sends.iter().enumerate().map(source).collect(),
        slots: seat.takes.iter().enumerate().map(slot).collect(),
        extensions: Extensions {
            transport_cc: reported.then_some(NUMBER_ID),
            ..Extensions::default()
        },
        cname: "bench".into(),
    }
}
