//! One stream that a peer sends: packets that say where they come from, and their retransmission.

use super::legs::{AUDIO_LEVEL_ID, MID_ID, NUMBER_ID, REPAIRED_RID_ID, RID_ID};
use super::{h264, opus, Random};
use engine_core::api::{Codec, Format, Kind, LegId, SourceRef, SourceSpec};
use engine_core::Micros;
use engine_wire::payload::red;
use engine_wire::rtp::FixedHeader;
use std::collections::BTreeMap;

/// The last bytes of every payload: whose packet it is, and its place in the order of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    pub leg: u64,
    pub source: u16,
    pub number: u64,
    pub sent_at: Micros,
}

impl Tag {
    pub const LEN: usize = 26;

    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.leg.to_be_bytes());
        out.extend_from_slice(&self.source.to_be_bytes());
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.sent_at.0.to_be_bytes());
    }

    pub fn read(payload: &[u8]) -> Option<Self> {
        let tag = payload.last_chunk::<{ Self::LEN }>()?;
        let number = |at: usize| u64::from_be_bytes(tag[at..at + 8].try_into().unwrap());
        Some(Self {
            leg: number(0),
            source: u16::from_be_bytes([tag[8], tag[9]]),
            number: number(10),
            sent_at: Micros(number(18)),
        })
    }

    pub const fn source_ref(&self) -> SourceRef {
        SourceRef {
            leg: LegId(self.leg),
            source: self.source,
        }
    }
}

/// In the place of a level: packets do not tell it.
pub const NO_LEVEL: u8 = u8::MAX;

/// A packet before protection.
#[derive(Debug, Clone)]
pub struct Plain {
    pub bytes: Vec<u8>,
    pub header_len: usize,
    pub sequence: u64,
}

/// A picture as it was sent: its moment names it.
#[derive(Debug, Clone)]
pub struct Picture {
    pub at: Micros,
    pub key: bool,
    pub tid: u8,
    pub sync: bool,
    pub packets: usize,
    /// Pictures that it refers to.
    pub refers: Vec<Micros>,
}

#[derive(Debug)]
pub struct Sender {
    pub leg: u64,
    pub spec: SourceSpec,
    pub ssrc: u32,
    pub rtx_ssrc: u32,
    pub on: bool,
    /// Sends sound with redundancy at these distances; plain if there are none.
    pub red: Vec<u8>,
    pub interval: Micros,
    pub next_at: Micros,
    /// What it sends was made so long ago.
    pub lag: Micros,
    pub packets_per_frame: usize,
    /// How many times as many packets a key frame has.
    pub key_times: usize,
    pub payload_len: usize,
    /// -dBov, as RFC 6464 has it, or [`NO_LEVEL`].
    pub level: u8,
    pub key_frame_due: bool,
    pub key_frames: Vec<Micros>,
    /// When key frames were asked for.
    pub plis: Vec<Micros>,
    /// The last of those that was served.
    pub served: Option<Micros>,
    /// Packets asked for again, and how many of them were still known.
    pub nacked: u64,
    pub packets: u64,
    pub octets: u64,
    /// The stream's next extended sequence number.
    pub sequence: u64,
    /// Which of the source's encodings this is.
    pub encoding: u8,
    /// Pictures are in three temporal layers.
    pub temporal: bool,
    /// All packets of a picture but the last are so much shorter than that.
    pub uneven: usize,
    /// Every picture that was sent.
    pub log: Vec<Picture>,
    rtx_sequence: u64,
    timestamp_base: u32,
    started: Option<Micros>,
    /// When each packet was sent, by its number.
    sent: Vec<Micros>,
    picture: u16,
    tl0: u8,
    number: u64,
    history: BTreeMap<u64, (Plain, FixedHeader)>,
    /// Payloads of sound without redundancy, with their timestamps.
    sounds: BTreeMap<u64, (u32, Vec<u8>)>,
}

impl Sender {
    pub fn new(
        leg: u64,
        spec: SourceSpec,
        (ssrc, rtx_ssrc): (u32, u32),
        random: &mut Random,
    ) -> Self {
        let interval = match spec.kind {
            Kind::Audio => Micros::from_millis(20),
            Kind::Video => Micros(33_333),
        };
        Self {
            leg,
            ssrc,
            rtx_ssrc,
            on: true,
            red: Vec::new(),
            interval,
            next_at: Micros(0),
            lag: Micros(0),
            packets_per_frame: if spec.kind == Kind::Audio { 1 } else { 4 },
            key_times: 1,
            payload_len: if spec.kind == Kind::Audio { 80 } else { 300 },
            level: 127,
            key_frame_due: true,
            key_frames: Vec::new(),
            plis: Vec::new(),
            served: None,
            nacked: 0,
            packets: 0,
            octets: 0,
            sequence: random.below(1 << 15),
            encoding: 0,
            temporal: false,
            uneven: 0,
            log: Vec::new(),
            rtx_sequence: random.below(1 << 15),
            timestamp_base: random.next() as u32,
            started: None,
            sent: Vec::new(),
            picture: random.below(1 << 15) as u16,
            tl0: random.next() as u8,
            number: 0,
            history: BTreeMap::new(),
            sounds: BTreeMap::new(),
            spec,
        }
    }

    pub fn format(&self) -> &Format {
        &self.spec.formats[0]
    }

    pub fn timestamp(&self, now: Micros) -> u32 {
        let elapsed = now.since(self.started.unwrap_or(now) + self.lag);
        let ticks = u128::from(elapsed.0) * u128::from(self.format().clock_rate) / 1_000_000;
        self.timestamp_base.wrapping_add(ticks as u32)
    }

    /// When the packet with this number was sent.
    pub fn sent_at(&self, number: u64) -> Micros {
        self.sent[number as usize]
    }

    /// The sender begins again under another SSRC, wherever its numbers stand.
    pub fn restart(&mut self, ssrc: u32, sequence: u64) {
        self.ssrc = ssrc;
        self.sequence = sequence;
        self.history.clear();
        self.key_frame_due = true;
    }

    /// The packets of the picture or the sound of this moment.
    pub fn frame(&mut self, now: Micros) -> Vec<Plain> {
        self.started.get_or_insert(now);
        let key = std::mem::take(&mut self.key_frame_due);
        self.picture = (self.picture + 1) & 0x7fff;
        let picture = self.next_picture(now, key);
        self.tl0 = self.tl0.wrapping_add(u8::from(picture.tid == 0));
        self.log.push(picture);
        if key && self.spec.kind == Kind::Video {
            self.key_frames.push(now);
        }
        let count = self.count(key);
        (0..count)
            .map(|at| self.packet(now, key, (at, count)))
            .collect()
    }

    fn count(&self, key: bool) -> usize {
        let times = if key { self.key_times } else { 1 };
        let sets = if key && self.is_h264() { h264::SETS } else { 0 };
        self.packets_per_frame * times + sets
    }

    fn is_h264(&self) -> bool {
        self.format().codec == Codec::H264
    }

    /// Where the picture stands in the pattern 0, 2, 1, 2, which a key frame begins anew; the second and third of each
    /// four refer to the base layer alone.
    fn next_picture(&self, now: Micros, key: bool) -> Picture {
        let since_key = self.log.iter().rev().take_while(|p| !p.key).count();
        let place = if key { 0 } else { (since_key + 1) % 4 };
        let (tid, sync) = [(0, false), (2, true), (1, true), (2, false)][place];
        let (tid, sync) = if self.temporal {
            (tid, sync)
        } else {
            (0, false)
        };
        let last = |tid: u8| self.log.iter().rev().find(|p| p.tid == tid).map(|p| p.at);
        let refers = match (key, place) {
            (true, _) => Vec::new(),
            (false, 3) if self.temporal => [last(0), last(1)].into_iter().flatten().collect(),
            _ => last(0).into_iter().collect(),
        };
        Picture {
            at: now,
            key,
            tid,
            sync,
            packets: self.count(key),
            refers,
        }
    }

    fn packet(&mut self, now: Micros, key: bool, (at, count): (usize, usize)) -> Plain {
        let mut header = FixedHeader {
            marker: self.spec.kind == Kind::Video && at + 1 == count,
            payload_type: self.format().pt,
            sequence: self.sequence as u16,
            timestamp: self.timestamp(now),
            ssrc: self.ssrc,
        };
        let mut payload = match self.spec.kind {
            Kind::Audio => vec![opus::FIRST_BYTE],
            Kind::Video if self.is_h264() => h264::head(self.encoding, key, (at, count)),
            Kind::Video => self.vp8_head(key, at == 0),
        };
        let shorter = if at + 1 < count { self.uneven } else { 0 };
        let is_set = key && self.is_h264() && at < h264::SETS;
        let len = if is_set {
            0
        } else {
            self.payload_len - shorter
        };
        payload.resize(len.max(Tag::LEN + payload.len()) - Tag::LEN, 0xab);
        let tag = Tag {
            leg: self.leg,
            source: self.spec.source,
            number: u64::from(self.encoding) << 56 | self.number,
            sent_at: now,
        };
        tag.write(&mut payload);
        if !self.red.is_empty() {
            payload = self.with_redundancy(&mut header, payload);
        }
        let plain = self.assemble(&header, &payload, RID_ID);
        self.history.insert(self.sequence, (plain.clone(), header));
        if self.history.len() > 600 {
            self.history.pop_first();
        }
        self.number += 1;
        self.sent.push(now);
        self.sequence += 1;
        self.packets += 1;
        self.octets += payload.len() as u64;
        plain
    }

    /// The payload of a RED packet: those at the distances, then this one.
    fn with_redundancy(&mut self, header: &mut FixedHeader, payload: Vec<u8>) -> Vec<u8> {
        let inner = std::mem::replace(&mut header.payload_type, self.format().red_pt.unwrap());
        let (mut out, mut bodies) = (Vec::new(), Vec::new());
        for distance in self.red.iter().rev() {
            let sequence = self.sequence.checked_sub(u64::from(*distance));
            let earlier = sequence.and_then(|sequence| self.sounds.get(&sequence));
            let block = earlier.and_then(|(timestamp, earlier)| {
                let offset = header.timestamp.wrapping_sub(*timestamp);
                Some((red::header(inner, offset, earlier.len())?, earlier))
            });
            if let Some((header, earlier)) = block {
                out.extend(header);
                bodies.extend_from_slice(earlier);
            }
        }
        out.extend(red::primary_header(inner));
        out.extend(bodies);
        out.extend_from_slice(&payload);
        self.sounds
            .insert(self.sequence, (header.timestamp, payload));
        if self.sounds.len() > 16 {
            self.sounds.pop_first();
        }
        out
    }

    /// Descriptor with a long picture id and TL0PICIDX (RFC 7741), and the start of the payload header.
    fn vp8_head(&self, key: bool, first: bool) -> Vec<u8> {
        let [high, low] = self.picture.to_be_bytes();
        let mut head = vec![0x80, 0xc0, high | 0x80, low, self.tl0];
        if let Some(picture) = self.log.last().filter(|_| self.temporal) {
            head[1] |= 0x20;
            head.push(picture.tid << 6 | u8::from(picture.sync) << 5);
        }
        if first {
            head[0] |= 0x10;
            let [low, high] = (180_u16 << self.encoding).to_le_bytes();
            let tag: &[u8] = if key {
                &[0x10, 2, 0, 0x9d, 1, 0x2a, 0x80, 2, low, high]
            } else {
                &[0x11, 2, 0]
            };
            head.extend_from_slice(tag);
        }
        head
    }

    /// A packet without media, as browsers send to fill the line.
    pub fn padding(&mut self, now: Micros) -> Plain {
        let header = FixedHeader {
            marker: false,
            payload_type: self.format().pt,
            sequence: self.sequence as u16,
            timestamp: self.timestamp(now),
            ssrc: self.ssrc,
        };
        let mut plain = self.assemble(&header, &[0, 0, 0, 4], RID_ID);
        plain.bytes[0] |= 0x20;
        self.sequence += 1;
        plain
    }

    /// A packet in the last of the source's formats, whatever that is.
    pub fn in_last_format(&mut self, now: Micros) -> Plain {
        let mut plain = self.packet(now, false, (0, 1));
        let format = self.spec.formats.last().unwrap();
        plain.bytes[1] = plain.bytes[1] & 0x80 | format.pt;
        plain
    }

    /// Header with extensions, then the payload.
    fn assemble(&self, header: &FixedHeader, payload: &[u8], rid_id: u8) -> Plain {
        let mut bytes = header.to_bytes().to_vec();
        bytes[0] |= 0x10;
        let rid = self.spec.encodings[usize::from(self.encoding)].rid.as_ref();
        let numbered = self.spec.formats.iter().any(|format| format.transport_cc);
        let words = 1 + u8::from(rid.is_some()) + u8::from(numbered);
        bytes.extend_from_slice(&[0xbe, 0xde, 0, words]);
        let mid = self.spec.mid.as_bytes()[0];
        // An element of identifier 0 is padding.
        let level = match self.level {
            NO_LEVEL => [0, 0],
            level => [AUDIO_LEVEL_ID << 4, level],
        };
        bytes.extend_from_slice(&[MID_ID << 4, mid, level[0], level[1]]);
        if let Some(rid) = rid {
            bytes.extend_from_slice(&[rid_id << 4, rid.as_bytes()[0], 0, 0]);
        }
        if numbered {
            // The number is that of the moment at which the packet leaves.
            bytes.extend_from_slice(&[0, NUMBER_ID << 4 | 1, 0, 0]);
        }
        let header_len = bytes.len();
        bytes.extend_from_slice(payload);
        Plain {
            bytes,
            header_len,
            sequence: u64::from(header.sequence) | (self.sequence & !0xffff),
        }
    }

    /// The packet with this number again, in the retransmission stream (RFC 4588).
    pub fn retransmit(&mut self, sequence: u16) -> Option<Plain> {
        self.nacked += 1;
        let number = engine_wire::seq::extend(self.sequence, sequence);
        let (original, header) = self.history.get(&number)?;
        let header = FixedHeader {
            payload_type: self.format().rtx_pt?,
            ssrc: self.rtx_ssrc,
            sequence: self.rtx_sequence as u16,
            ..*header
        };
        let mut payload = sequence.to_be_bytes().to_vec();
        payload.extend_from_slice(&original.bytes[original.header_len..]);
        let plain = Plain {
            sequence: self.rtx_sequence,
            ..self.assemble(&header, &payload, REPAIRED_RID_ID)
        };
        self.rtx_sequence += 1;
        Some(plain)
    }
}
