//! What an engine and robots are told of each other: the descriptions of legs and clients.

use super::material::{opus_format, video_format, AUDIO, LEVEL_ID, MID_ID, TWCC_ID, VIDEO};
use super::world::{World, PROFILE};
use engine_core::api::{
    Codec, EncodingSpec, Extensions, IceParams, Kind, LegId, SlotSpec, SourceSpec,
};
use engine_core::random::Random;
use engine_robot::api::{
    source_id, ClientIce, ClientId, ClientSpec, Pacing, ReceiverSpec, SenderSpec,
};
use engine_robot::Command;
use std::net::SocketAddr;

/// How a robot is made.
#[derive(Debug, Clone, Copy)]
pub struct RobotSpec {
    pub codec: Codec,
    pub rtx: bool,
    pub nack: bool,
    pub check_percent: u8,
    pub pacing: Pacing,
    pub grace_ms: u32,
}

impl Default for RobotSpec {
    fn default() -> Self {
        Self {
            codec: Codec::Vp8,
            rtx: true,
            nack: true,
            check_percent: 100,
            pacing: Pacing::Burst,
            grace_ms: 0,
        }
    }
}

impl World {
    pub fn add_leg(&self, number: u64, spec: RobotSpec) -> engine_core::Command {
        let source = |source: u16, kind, format| SourceSpec {
            source,
            kind,
            mid: source.to_string(),
            encodings: vec![EncodingSpec::default()],
            formats: vec![format],
        };
        let slot = |slot: u16| SlotSpec {
            slot,
            kind: if slot.is_multiple_of(2) {
                Kind::Audio
            } else {
                Kind::Video
            },
            ssrc: slot_ssrc(number, slot),
            rtx_ssrc: (spec.rtx && slot % 2 == 1).then(|| slot_ssrc(number, slot) + 500),
            formats: vec![if slot.is_multiple_of(2) {
                opus_format()
            } else {
                video_format(spec.codec, spec.rtx, spec.nack)
            }],
            fec: None,
            ccfb: false,
            max_ptime_ms: None,
        };
        let slots = 2 * (self.size.max(1) as u16 - 1);
        engine_core::Command::AddLeg {
            leg: LegId(number),
            room: self.room,
            ice: IceParams {
                local_ufrag: format!("leg{number}"),
                local_pwd: format!("password-of-leg-{number:06}"),
            },
            sources: vec![
                source(0, Kind::Audio, opus_format()),
                source(
                    1,
                    Kind::Video,
                    video_format(spec.codec, spec.rtx, spec.nack),
                ),
            ],
            slots: (0..slots).map(slot).collect(),
            extensions: Extensions {
                mid: Some(MID_ID),
                audio_level: Some(LEVEL_ID),
                ..Extensions::default()
            },
            cname: "bridge".into(),
        }
    }

    pub fn add_client(&self, number: u64, spec: RobotSpec, remote: SocketAddr) -> Command {
        let others = self.others(number).enumerate();
        let receivers = others.flat_map(|(at, other)| {
            [0, 1].map(|source| receiver(number, 2 * at as u16 + source, other, spec))
        });
        Command::AddClient(ClientSpec {
            client: ClientId(number),
            remote: (remote.ip().to_string(), remote.port()),
            bind: if remote.ip().is_loopback() {
                "127.0.0.1"
            } else {
                "10.0.1.1"
            }
            .into(),
            ice: ClientIce {
                local_ufrag: "robot".into(),
                local_pwd: "password-of-the-robot-22".into(),
                remote_ufrag: format!("leg{number}"),
                remote_pwd: format!("password-of-leg-{number:06}"),
            },
            senders: vec![sender(number, 0, spec), sender(number, 1, spec)],
            receivers: receivers.collect(),
            cname: format!("robot-{number}"),
            mid_ext: None,
            twcc_ext: None,
            check_percent: spec.check_percent,
            grace_ms: spec.grace_ms,
        })
    }
}

/// What the engine sends a robot with, and what the robot sends with.
pub fn keys_of(number: u64) -> [Vec<u8>; 2] {
    [1, 2].map(|half| {
        let mut random = Random::new(number << 8 | half);
        random.bytes(PROFILE.master_len())
    })
}

fn slot_ssrc(leg: u64, slot: u16) -> u32 {
    leg as u32 * 1_000 + u32::from(slot)
}

fn sender(number: u64, sender: u16, spec: RobotSpec) -> SenderSpec {
    let pictures = sender == 1;
    let rtx = pictures && spec.rtx;
    let ssrc = (number as u32) << 24 | u32::from(sender);
    SenderSpec {
        sender,
        clip: if pictures { VIDEO } else { AUDIO },
        start_frame: 7,
        ssrc,
        rtx_ssrc: rtx.then_some(ssrc + 100),
        pt: if pictures { 96 } else { 111 },
        rtx_pt: rtx.then_some(97),
        mid: sender.to_string(),
        mid_ext: Some(MID_ID),
        audio_level_ext: (!pictures).then_some(LEVEL_ID),
        twcc_ext: Some(TWCC_ID),
        nack: pictures && spec.nack,
        pacing: spec.pacing,
    }
}

fn receiver(number: u64, receiver: u16, other: u64, spec: RobotSpec) -> ReceiverSpec {
    let pictures = receiver % 2 == 1;
    ReceiverSpec {
        receiver,
        kind: if pictures { Kind::Video } else { Kind::Audio },
        mid: (10 + receiver).to_string(),
        ssrc: Some(slot_ssrc(number, receiver)),
        rtx_ssrc: (pictures && spec.rtx).then(|| slot_ssrc(number, receiver) + 500),
        formats: vec![if pictures {
            video_format(spec.codec, spec.rtx, spec.nack)
        } else {
            opus_format()
        }],
        nack: pictures && spec.nack,
        expects: Some(source_id(ClientId(other), receiver % 2)),
    }
}
