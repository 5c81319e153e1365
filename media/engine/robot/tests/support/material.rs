//! Clips that look encoded as far as anybody looks who does not decode.

use engine_core::api::{Codec, Format};
use engine_core::random::Random;
use engine_robot::api::Frame;
use engine_robot::Command;
use serde_bytes::ByteBuf;

pub const AUDIO: u64 = 1;
pub const VIDEO: u64 = 2;
pub const MID_ID: u8 = 4;
pub const LEVEL_ID: u8 = 1;
pub const TWCC_ID: u8 = 3;

const SOUND: Format = Format {
    pt: 111,
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
    red_pt: None,
};

pub fn opus_format() -> Format {
    SOUND
}

pub fn video_format(codec: Codec, rtx: bool, nack: bool) -> Format {
    Format {
        pt: 96,
        codec,
        clock_rate: 90_000,
        rtx_pt: rtx.then_some(97),
        nack,
        pli: true,
        packetization_mode: (codec == Codec::H264).then_some(1),
        ..SOUND
    }
}

fn frame(ticks: u32, key: bool, payloads: Vec<Vec<u8>>) -> Frame {
    let payloads = payloads.into_iter().map(ByteBuf::from).collect();
    let level = 30;
    Frame {
        ticks,
        key,
        payloads,
        level,
    }
}

/// Sound of 20 ms a packet, codes 0 and 3 (RFC 6716 section 3.2).
pub fn opus_clip() -> Command {
    let mut random = Random::new(5);
    let packet = |at: usize| {
        let head: &[u8] = if at.is_multiple_of(2) {
            &[0x78]
        } else {
            &[0x7b, 0x01]
        };
        let len = 40 + random.below(80) as usize;
        frame(960, true, vec![[head, &random.bytes(len)].concat()])
    };
    Command::AddClip {
        clip: AUDIO,
        codec: Codec::Opus,
        clock_rate: 48_000,
        frames: (0..50).map(packet).collect(),
    }
}

/// Thirty pictures a second of 1 to 4 packets; every `key_every`th is a key frame, the first included.
pub fn vp8_clip(key_every: usize) -> Command {
    let mut random = Random::new(6);
    let mut picture = |at: usize| {
        let packets = 1 + random.below(4) as usize;
        let payloads = (0..packets).map(|packet| {
            let mut payload = vec![0x80, 0xc0, 0x80, at as u8, at as u8];
            if packet == 0 {
                payload[0] |= 0x10;
                let key: &[u8] = &[0x10, 2, 0, 0x9d, 1, 0x2a, 0x80, 2, 0xe0, 1];
                let delta: &[u8] = &[0x11, 2, 0];
                let is_key = at.is_multiple_of(key_every);
                payload.extend_from_slice(if is_key { key } else { delta });
            }
            payload.extend(random.bytes(300));
            payload
        });
        let payloads = payloads.collect();
        frame(3_000, at.is_multiple_of(key_every), payloads)
    };
    Command::AddClip {
        clip: VIDEO,
        codec: Codec::Vp8,
        clock_rate: 90_000,
        frames: (0..120).map(&mut picture).collect(),
    }
}

/// Twenty-five pictures a second: parameter sets and an IDR slice in fragments, then slices.
pub fn h264_clip() -> Command {
    let mut random = Random::new(7);
    let mut picture = |at: usize| {
        let key = at.is_multiple_of(25);
        let slice = |head: &[u8], random: &mut Random| [head, &random.bytes(400)].concat();
        let payloads = if key {
            vec![
                vec![0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0x11],
                slice(&[0x7c, 0x85, 0x88], &mut random),
                slice(&[0x7c, 0x45], &mut random),
            ]
        } else {
            vec![slice(&[0x41, 0x9a], &mut random)]
        };
        frame(3_600, key, payloads)
    };
    Command::AddClip {
        clip: VIDEO,
        codec: Codec::H264,
        clock_rate: 90_000,
        frames: (0..100).map(&mut picture).collect(),
    }
}
