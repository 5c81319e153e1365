//! The packets of one stream: sizes and contents are the same in every run. A payload ends with its stream's SSRC, its
//! sequence number, both of 32 bits, and the moment of sending, in microseconds of the wall clock; before that and behind
//! VP8's descriptor it is one byte, over and over, that hangs on both.

use crate::plan::{ssrc_in, Shape, PROFILE};
use engine_srtp::Outbound;
use engine_wire::rtp::FixedHeader;

const HEADER: usize = 12;
/// Payload types of the two codecs.
pub(crate) const OPUS: u8 = 111;
pub(crate) const VP8: u8 = 96;
/// What a payload ends with.
pub(crate) const TAIL: usize = 16;
/// VP8's descriptor and the byte behind it.
pub(crate) const VP8_HEAD: usize = 6;
/// Packets of a stream's beginning.
const BEGINNING: u64 = 64;

/// One stream of one leg.
pub(crate) struct Track {
    pub(crate) shape: Shape,
    ssrc: u32,
    sequence: u64,
    frame: u64,
}

/// Packets that leave in one call: all of one size but for the last, which may be shorter.
pub(crate) struct Burst {
    pub(crate) bytes: Vec<u8>,
    pub(crate) size: usize,
    pub(crate) packets: u64,
}

impl Burst {
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0xcd; 32_768],
            size: 0,
            packets: 0,
        }
    }

    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[..self.size]
    }
}

impl Track {
    pub(crate) fn new(leg: usize, source: usize, shape: Shape) -> Self {
        let ssrc = ssrc_in(leg, source);
        Self {
            shape,
            ssrc,
            sequence: 1,
            // Key frames of different legs fall on different moments.
            frame: scatter(u64::from(ssrc)) % 300 + 1,
        }
    }

    /// Payload lengths of the next frame: how many of the first length, and the last one's.
    fn lengths(&self) -> (u64, usize, usize) {
        let dice = scatter(self.frame << 20 ^ u64::from(self.ssrc));
        match self.shape {
            Shape::Group => (6, 1_200 - HEADER, 1_200 - HEADER),
            Shape::Opus => {
                let len = 60 + (dice % 71) as usize;
                (1, len, len)
            }
            Shape::Camera {
                least,
                most,
                bytes,
                key,
            } => {
                let packets = match (self.frame % 300, self.frame % 16) {
                    (0, _) => key,
                    (_, 0) => key * 3 / 4,
                    _ => least + dice % (most - least + 1),
                };
                let full = bytes - 80 + (dice >> 16) % 160;
                let last = full / 4 + (dice >> 32) % (full * 3 / 4);
                (packets, full as usize, last as usize)
            }
        }
    }

    /// The next frame, protected, as one burst; the segment size.
    pub(crate) fn write_frame(
        &mut self,
        now_us: u64,
        outbound: &Outbound,
        burst: &mut Burst,
    ) -> usize {
        let (packets, full, last) = self.lengths();
        let overhead = PROFILE.rtp_overhead();
        let mut used = 0;
        for at in 0..packets {
            let is_last = at + 1 == packets;
            let len = HEADER + if is_last { last } else { full };
            let packet = &mut burst.bytes[used..used + len + overhead];
            self.write_packet(now_us, (at == 0, is_last), &mut packet[..len]);
            used += outbound
                .protect_rtp(packet, len, HEADER, self.sequence)
                .unwrap();
            self.sequence += 1;
        }
        self.frame += 1;
        burst.size = used;
        burst.packets = packets;
        if packets == 1 {
            used
        } else {
            HEADER + full + overhead
        }
    }

    /// VP8 with a long picture id and TL0PICIDX (RFC 7741).
    fn write_packet(&self, now_us: u64, (first, last): (bool, bool), packet: &mut [u8]) {
        let is_video = self.shape != Shape::Opus;
        let ticks = if is_video { 3_000 } else { 960 };
        let header = FixedHeader {
            marker: last && is_video,
            payload_type: if is_video { VP8 } else { OPUS },
            sequence: self.sequence as u16,
            timestamp: (self.frame * ticks) as u32,
            ssrc: self.ssrc,
        };
        header.write(packet);
        let body = &mut packet[HEADER..];
        let (body, tail) = body.split_at_mut(body.len() - TAIL);
        let head = if is_video { VP8_HEAD } else { 0 };
        body[head..].fill(filling(self.ssrc, self.sequence as u32));
        tail[..4].copy_from_slice(&self.ssrc.to_le_bytes());
        tail[4..8].copy_from_slice(&(self.sequence as u32).to_le_bytes());
        tail[8..].copy_from_slice(&now_us.to_le_bytes());
        if is_video {
            let start = if first { 0x90 } else { 0x80 };
            let id = self.frame as u16 | 0x8000;
            let picture = [start, 0xc0, (id >> 8) as u8, id as u8, self.frame as u8];
            body[..5].copy_from_slice(&picture);
            // The first pictures all say that they are key frames, so that every slot begins within the warm-up; a
            // group of the closed loop always does.
            let begins = self.shape == Shape::Group || self.sequence < BEGINNING;
            let is_key = begins || self.frame.is_multiple_of(300);
            body[5] = 0x10 | u8::from(!is_key);
        }
    }
}

/// What a payload is filled with.
pub(crate) const fn filling(ssrc: u32, sequence: u32) -> u8 {
    scatter((ssrc as u64) << 32 | sequence as u64) as u8
}

/// Scrambles a number (the finalizer of SplitMix64): sizes that look random and are the same in every run.
pub(crate) const fn scatter(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
