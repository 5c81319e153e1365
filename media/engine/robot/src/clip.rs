//! Pre-encoded material that robots send over and over, made ready once for all of them.

use crate::api::{Frame, Refusal};
use crate::marker::{self, Marker};
use crate::opus;
use engine_core::api::{Codec, Kind};
use engine_wire::crc::{combine, crc32};
use engine_wire::payload::vp8::Descriptor;
use std::ops::Range;

/// Bytes of a payload before its mark; with mark, header and SRTP tag a packet stays below 1,280 bytes on the wire.
pub const MAX_PAYLOAD: usize = 1_180;
/// Packets of one picture.
const MAX_PACKETS: usize = 1_000;
const H264_DELIMITER: u8 = 9;

/// One packet as it is sent, but for what changes from one turn to the next.
#[derive(Debug)]
struct Packet {
    bytes: Range<usize>,
    /// VP8 only.
    descriptor: Option<Descriptor>,
    carries_marker: bool,
}

/// A picture, or a packet of sound.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) ticks: u32,
    pub(crate) key: bool,
    pub(crate) level: u8,
    /// Whether lower pictures of VP8's time scale depend on it: TL0PICIDX counts it (RFC 7741 section 4.2).
    pub(crate) base_layer: bool,
    crc: u32,
    packets: Range<usize>,
}

/// Picture ids of VP8 that take the place of the clip's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) picture: u16,
    pub(crate) tl0: u8,
}

/// The material.
#[derive(Debug)]
pub struct Clip {
    codec: Codec,
    clock_rate: u32,
    pictures: Vec<Picture>,
    packets: Vec<Packet>,
    bytes: Vec<u8>,
}

impl Clip {
    /// Makes the material ready.
    ///
    /// # Errors
    /// [`Refusal::BadClip`] for a codec that has no place for marks, for frames without payload or length, and for
    /// pictures that do not begin with a key frame.
    pub fn new(codec: Codec, clock_rate: u32, frames: &[Frame]) -> Result<Self, Refusal> {
        let mut clip = Self {
            codec,
            clock_rate,
            pictures: Vec::with_capacity(frames.len()),
            packets: Vec::new(),
            bytes: Vec::new(),
        };
        let decodable = codec == Codec::Opus || frames.first().is_some_and(|frame| frame.key);
        if frames.is_empty() || clock_rate == 0 || !decodable {
            return Err(Refusal::BadClip);
        }
        for frame in frames {
            clip.add(frame).ok_or(Refusal::BadClip)?;
        }
        Ok(clip)
    }

    fn add(&mut self, frame: &Frame) -> Option<()> {
        let payloads = &frame.payloads;
        let fits = |payload: &serde_bytes::ByteBuf| (1..=MAX_PAYLOAD).contains(&payload.len());
        let sound = frame.ticks > 0
            && (1..=MAX_PACKETS).contains(&payloads.len())
            && payloads.iter().all(fits);
        if !sound {
            return None;
        }
        let first = self.packets.len();
        let (crc, base_layer) = match self.codec {
            Codec::Opus => (self.add_opus(payloads)?, true),
            Codec::Vp8 => self.add_vp8(payloads)?,
            Codec::H264 => (self.add_h264(payloads)?, true),
            _ => return None,
        };
        self.pictures.push(Picture {
            ticks: frame.ticks,
            key: frame.key || self.codec == Codec::Opus,
            level: frame.level,
            base_layer,
            crc,
            packets: first..self.packets.len(),
        });
        Some(())
    }

    fn add_opus(&mut self, payloads: &[serde_bytes::ByteBuf]) -> Option<u32> {
        let [payload] = payloads else {
            return None;
        };
        let packet = opus::with_room(payload)?;
        self.push(&packet, None, true);
        Some(crc32(&packet[..packet.len() - marker::LEN]))
    }

    fn add_vp8(&mut self, payloads: &[serde_bytes::ByteBuf]) -> Option<(u32, bool)> {
        let (mut crc, mut base_layer) = (0, true);
        for (at, payload) in payloads.iter().enumerate() {
            let descriptor = Descriptor::parse(payload).ok()?;
            let starts = descriptor.start_of_partition && descriptor.partition_index == 0;
            if starts != (at == 0) {
                return None;
            }
            let data = payload.get(descriptor.header_len..)?;
            crc = combine(crc, crc32(data), data.len());
            base_layer = descriptor.temporal.is_none_or(|layer| layer.tid == 0);
            let last = at + 1 == payloads.len();
            self.push(payload, Some(descriptor), last);
            if last {
                self.reserve_marker();
            }
        }
        Some((crc, base_layer))
    }

    fn add_h264(&mut self, payloads: &[serde_bytes::ByteBuf]) -> Option<u32> {
        // A delimiter has to come first (ITU-T H.264 7.4.1.2.3), and our own unit does.
        if payloads.first()?.first()? & 0x1f == H264_DELIMITER {
            return None;
        }
        self.push(&[0; marker::SEI_LEN], None, true);
        let mut crc = 0;
        for payload in payloads {
            crc = combine(crc, crc32(payload), payload.len());
            self.push(payload, None, false);
        }
        Some(crc)
    }

    fn push(&mut self, payload: &[u8], descriptor: Option<Descriptor>, carries_marker: bool) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        self.packets.push(Packet {
            bytes: start..self.bytes.len(),
            descriptor,
            carries_marker,
        });
    }

    fn reserve_marker(&mut self) {
        self.bytes.resize(self.bytes.len() + marker::LEN, 0);
        if let Some(packet) = self.packets.last_mut() {
            packet.bytes.end = self.bytes.len();
        }
    }

    /// Sound or pictures.
    pub fn kind(&self) -> Kind {
        match self.codec {
            Codec::Opus => Kind::Audio,
            _ => Kind::Video,
        }
    }

    /// RTP clock in Hz.
    pub const fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// Pictures, or packets of sound.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    /// Never true: an empty clip is refused.
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    pub(crate) fn picture(&self, at: usize) -> &Picture {
        &self.pictures[at]
    }

    /// The first key frame from `at` on, around the end; material begins with one.
    pub(crate) fn key_from(&self, at: usize) -> usize {
        let keys = |range: Range<usize>| range.into_iter().find(|at| self.pictures[*at].key);
        keys(at.min(self.len())..self.len()).unwrap_or(0)
    }

    pub(crate) fn packets_of(&self, picture: usize) -> usize {
        self.pictures[picture].packets.len()
    }

    /// Bytes of a packet's payload.
    pub(crate) fn payload_len(&self, picture: usize, packet: usize) -> usize {
        self.packet(picture, packet).bytes.len()
    }

    fn packet(&self, picture: usize, packet: usize) -> &Packet {
        &self.packets[self.pictures[picture].packets.start + packet]
    }

    /// Writes a payload to the start of `out`. The mark's checksum is the picture's own.
    pub(crate) fn write(
        &self,
        (picture, packet): (usize, usize),
        ids: Ids,
        marker: Marker,
        out: &mut [u8],
    ) {
        let crc = self.pictures[picture].crc;
        let packet = self.packet(picture, packet);
        let out = &mut out[..packet.bytes.len()];
        out.copy_from_slice(&self.bytes[packet.bytes.clone()]);
        if let Some(descriptor) = &packet.descriptor {
            descriptor.rewrite(out, ids.picture, ids.tl0);
        }
        if !packet.carries_marker {
            return;
        }
        let marker = Marker { crc, ..marker };
        if self.codec == Codec::H264 {
            out.copy_from_slice(&marker.to_sei());
        } else {
            let at = out.len() - marker::LEN;
            out[at..].copy_from_slice(&marker.to_bytes());
        }
    }
}
