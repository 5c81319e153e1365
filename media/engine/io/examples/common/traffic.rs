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
/// What a browser puts into one packet at the most.
const MOST_PAYLOAD: u64 = 1_170;
/// Packets of a stream's beginning.
const BEGINNING: u64 = 64;

/// One stream of one leg.
pub(crate) struct Track {
    pub(crate) shape: Shape,
    ssrc: u32,
    sequence: u64,
    frame: u64,
    key_due: bool,
}

/// Packets that leave together.
pub(crate) struct Burst {
    bytes: Vec<u8>,
    size: usize,
    pub(crate) packets: u64,
    /// Those of each call to the socket, all of one size but for the last, which may be shorter: where the first begins,
    /// and how long it is.
    calls: Vec<(usize, usize)>,
}

impl Burst {
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0xcd; 32_768],
            size: 0,
            packets: 0,
            calls: Vec::new(),
        }
    }

    /// The packets of each call, and the length of each but the last.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (&[u8], usize)> {
        let ends = self.calls.iter().skip(1).map(|(start, _)| *start);
        let ends = ends.chain([self.size]);
        let calls = self.calls.iter().zip(ends);
        calls.map(|((start, len), end)| (&self.bytes[*start..end], *len))
    }

    /// Each packet by itself.
    pub(crate) fn packets(&self) -> impl Iterator<Item = &[u8]> {
        self.calls().flat_map(|(bytes, len)| bytes.chunks(len))
    }
}

/// Payload lengths of a frame's packets: the first ones', a byte more from some packet on, and the last one's.
struct Lengths {
    packets: u64,
    first: usize,
    /// From this packet on they are a byte longer.
    longer_from: u64,
    last: usize,
}

impl Lengths {
    /// Packets of one length and a last one of its own.
    const fn of(packets: u64, first: usize, last: usize) -> Self {
        Self {
            packets,
            first,
            longer_from: packets,
            last,
        }
    }

    /// So many bytes in packets that are about equal.
    const fn alike(bytes: u64) -> Self {
        let packets = bytes.div_ceil(MOST_PAYLOAD);
        let first = (bytes / packets) as usize;
        let longer_from = packets - bytes % packets;
        let last = if longer_from < packets {
            first + 1
        } else {
            first
        };
        Self {
            packets,
            first,
            longer_from,
            last,
        }
    }

    const fn at(&self, packet: u64) -> usize {
        if packet + 1 == self.packets {
            self.last
        } else if packet >= self.longer_from {
            self.first + 1
        } else {
            self.first
        }
    }
}

impl Track {
    pub(crate) fn new(leg: usize, source: usize, shape: Shape) -> Self {
        let ssrc = ssrc_in(leg, source);
        Self {
            shape,
            ssrc,
            sequence: 1,
            key_due: false,
            // Key frames of different legs fall on different moments.
            frame: scatter(u64::from(ssrc)) % 300 + 1,
        }
    }

    fn lengths(&self) -> Lengths {
        let dice = scatter(self.frame << 20 ^ u64::from(self.ssrc));
        match self.shape {
            Shape::Group => Lengths::of(6, 1_200 - HEADER, 1_200 - HEADER),
            Shape::Opus => {
                let len = 60 + (dice % 71) as usize;
                Lengths::of(1, len, len)
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
                Lengths::of(packets, full as usize, last as usize)
            }
            Shape::Alike => Lengths::alike(2_000 + dice % 3_000),
        }
    }

    /// The next picture says that it is a key frame: the sender was away, and whoever watches begins anew.
    pub(crate) const fn begin_anew(&mut self) {
        self.key_due = true;
    }

    /// The next frame, protected, as one burst.
    pub(crate) fn write_frame(&mut self, now_us: u64, outbound: &Outbound, burst: &mut Burst) {
        let lengths = self.lengths();
        let overhead = PROFILE.rtp_overhead();
        burst.calls.clear();
        let mut used = 0;
        for at in 0..lengths.packets {
            let len = HEADER + lengths.at(at);
            let is_last = at + 1 == lengths.packets;
            let packet = &mut burst.bytes[used..used + len + overhead];
            self.write_packet(now_us, (at == 0, is_last), &mut packet[..len]);
            let sealed = outbound
                .protect_rtp(packet, len, HEADER, self.sequence)
                .unwrap();
            if burst.calls.last().is_none_or(|(_, len)| *len < sealed) {
                burst.calls.push((used, sealed));
            }
            used += sealed;
            self.sequence += 1;
        }
        self.frame += 1;
        self.key_due = false;
        burst.size = used;
        burst.packets = lengths.packets;
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
            let every = if self.shape == Shape::Alike { 25 } else { 300 };
            let is_key = begins || self.key_due || self.frame.is_multiple_of(every);
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
