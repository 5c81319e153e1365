//! One continuous stream in a slot, whoever is in it: SSRC, sequence, timestamp and picture ids.
//!
//! A switch of source opens a *segment*: a constant distance between the source's numbers and the slot's. Constant
//! distances keep the source's losses visible to the receiver (who then asks for them) and let a NACK be traced
//! back to the source's packet. Every output number belongs to one segment only, so that no number, and with it no
//! SRTP nonce, is ever used for two different packets.

use crate::api::LegId;
use crate::time::Micros;

/// Segments remembered, so that NACKs and stragglers from before a switch still find their packet.
const SEGMENTS: usize = 8;

/// One stream of one source; the epoch tells a restarted stream from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamKey {
    /// The sending leg.
    pub leg: LegId,
    /// Index of the source in it.
    pub source: u16,
    /// Counts the SSRCs that the source has had.
    pub epoch: u32,
}

/// VP8 continuity values of a packet (RFC 7741): picture id and temporal-layer-zero index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PictureIds {
    /// 15 bits; a 7-bit id is carried in the low bits.
    pub picture: u16,
    /// TL0PICIDX.
    pub tl0: u8,
}

/// What the rewriter needs to know of an incoming packet.
#[derive(Debug, Clone, Copy)]
pub struct Incoming {
    /// Extended sequence number.
    pub sequence: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// VP8 only.
    pub pictures: Option<PictureIds>,
}

/// The numbers that a packet gets in the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// Extended sequence number; the upper part is the SRTP roll-over counter.
    pub sequence: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// VP8 only.
    pub pictures: Option<PictureIds>,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    stream: StreamKey,
    first_in: u64,
    first_out: u64,
    /// First output number that belongs to the next segment.
    end_out: u64,
    timestamp_shift: u32,
    picture_shift: u16,
    tl0_shift: u8,
}

impl Segment {
    fn map_sequence(&self, sequence: u64) -> Option<u64> {
        let out = self.first_out + sequence.checked_sub(self.first_in)?;
        (out < self.end_out).then_some(out)
    }

    fn map(&self, packet: Incoming) -> Option<Outgoing> {
        Some(Outgoing {
            sequence: self.map_sequence(packet.sequence)?,
            timestamp: packet.timestamp.wrapping_add(self.timestamp_shift),
            pictures: packet.pictures.map(|ids| self.map_pictures(ids)),
        })
    }

    fn map_pictures(&self, ids: PictureIds) -> PictureIds {
        PictureIds {
            picture: ids.picture.wrapping_add(self.picture_shift) & 0x7fff,
            tl0: ids.tl0.wrapping_add(self.tl0_shift),
        }
    }
}

/// The numbers of one slot.
#[derive(Debug)]
pub struct Rewriter {
    clock_rate: u32,
    /// Oldest first; the last is the current one.
    segments: Vec<Segment>,
    first_out: u64,
    next_out: u64,
    last: Outgoing,
    last_at: Option<Micros>,
}

impl Rewriter {
    /// A stream that starts at numbers derived from `seed`. RFC 3711 wants the first sequence number in the lower
    /// half, so that an early loss cannot be taken for a roll-over.
    pub fn new(clock_rate: u32, seed: u32) -> Self {
        Self {
            clock_rate,
            segments: Vec::with_capacity(SEGMENTS),
            first_out: u64::from(seed & 0x7fff),
            next_out: u64::from(seed & 0x7fff),
            last: Outgoing {
                sequence: 0,
                timestamp: seed.rotate_left(13),
                pictures: None,
            },
            last_at: None,
        }
    }

    /// Lets `stream` go on in the slot, from this packet on.
    pub fn switch(&mut self, now: Micros, stream: StreamKey, packet: Incoming) {
        let ids = packet.pictures.unwrap_or_default();
        let last_ids = self.last.pictures.unwrap_or_default();
        let gap = self
            .last_at
            .map_or(0, |at| now.since(at).to_ticks(self.clock_rate).max(1));
        let timestamp = self.last.timestamp.wrapping_add(gap as u32);
        self.begin(Segment {
            stream,
            first_in: packet.sequence,
            first_out: self.next_out,
            end_out: u64::MAX,
            timestamp_shift: timestamp.wrapping_sub(packet.timestamp),
            picture_shift: (last_ids.picture + 1).wrapping_sub(ids.picture) & 0x7fff,
            tl0_shift: last_ids.tl0.wrapping_add(1).wrapping_sub(ids.tl0),
        });
    }

    fn begin(&mut self, segment: Segment) {
        if let Some(current) = self.segments.last_mut() {
            current.end_out = segment.first_out;
        }
        if self.segments.len() == SEGMENTS {
            self.segments.remove(0);
        }
        self.segments.push(segment);
    }

    /// The numbers of a packet of `stream`; `None` when it is from before the stream's turn.
    pub fn map(&mut self, now: Micros, stream: StreamKey, packet: Incoming) -> Option<Outgoing> {
        let out = self.segment_for(stream, packet.sequence)?.map(packet)?;
        if out.sequence >= self.next_out {
            self.next_out = out.sequence + 1;
            self.last = out;
            self.last_at = Some(now);
        }
        Some(out)
    }

    fn segment_for(&self, stream: StreamKey, sequence: u64) -> Option<&Segment> {
        self.segments
            .iter()
            .rev()
            .find(|s| s.stream == stream && s.first_in <= sequence)
    }

    /// Leaves out the packet with this number, which carries no media, without a hole in the slot. Only the next
    /// number in line can be closed over; any other stays a hole, which costs the receiver one needless NACK.
    pub fn skip(&mut self, stream: StreamKey, sequence: u64) {
        let Some(current) = self.segments.last().copied() else {
            return;
        };
        let next_in_line = current.map_sequence(sequence) == Some(self.next_out);
        if current.stream == stream && next_in_line {
            self.begin(Segment {
                first_in: sequence + 1,
                first_out: self.next_out,
                ..current
            });
        }
    }

    /// Which packet went out under this number, and the numbers it had; for retransmission.
    pub fn trace(&self, sequence: u16) -> Option<Trace> {
        let out = engine_wire::seq::extend(self.next_out.saturating_sub(1), sequence);
        let segment = self
            .segments
            .iter()
            .rev()
            .find(|s| s.first_out <= out && out < s.end_out && out < self.next_out)?;
        Some(Trace {
            stream: segment.stream,
            sequence: segment.first_in + (out - segment.first_out),
            segment: *segment,
        })
    }

    /// Output timestamp that belongs to a timestamp of the stream now in the slot.
    pub fn current_timestamp(&self, stream: StreamKey, timestamp: u32) -> Option<u32> {
        let current = self.segments.last()?;
        (current.stream == stream).then(|| timestamp.wrapping_add(current.timestamp_shift))
    }

    /// Numbers up to the newest, holes included.
    pub const fn given_out(&self) -> u64 {
        self.next_out - self.first_out
    }

    /// Extended sequence number that the next new packet gets.
    pub fn next_sequence(&self) -> u64 {
        self.next_out
    }
}

/// Where a packet of the slot came from.
#[derive(Debug, Clone, Copy)]
pub struct Trace {
    /// Whose packet it was.
    pub stream: StreamKey,
    /// Its extended sequence number there.
    pub sequence: u64,
    segment: Segment,
}

impl Trace {
    /// The numbers that the packet had in the slot.
    pub fn outgoing(&self, timestamp: u32, pictures: Option<PictureIds>) -> Option<Outgoing> {
        self.segment.map(Incoming {
            sequence: self.sequence,
            timestamp,
            pictures,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    const fn stream(leg: u64) -> StreamKey {
        StreamKey {
            leg: LegId(leg),
            source: 1,
            epoch: 0,
        }
    }

    fn packet(sequence: u64) -> Incoming {
        Incoming {
            sequence,
            timestamp: (sequence * 3_000) as u32,
            pictures: Some(PictureIds {
                picture: (sequence & 0x7fff) as u16,
                tl0: sequence as u8,
            }),
        }
    }

    fn at(millis: u64) -> Micros {
        Micros::from_millis(50_000 + millis)
    }

    #[test]
    fn a_switch_continues_every_counter() {
        let mut rewriter = Rewriter::new(90_000, 0x1234_5678);
        rewriter.switch(at(0), stream(1), packet(70_000));
        let a = rewriter.map(at(0), stream(1), packet(70_000)).unwrap();
        let b = rewriter.map(at(33), stream(1), packet(70_001)).unwrap();
        assert_eq!(b.sequence, a.sequence + 1);
        assert_eq!(b.timestamp.wrapping_sub(a.timestamp), 3_000);
        rewriter.switch(at(66), stream(2), packet(5));
        let c = rewriter.map(at(66), stream(2), packet(5)).unwrap();
        assert_eq!(c.sequence, b.sequence + 1);
        assert_eq!(c.timestamp.wrapping_sub(b.timestamp), 33 * 90);
        let (b, c) = (b.pictures.unwrap(), c.pictures.unwrap());
        assert_eq!(c.picture, (b.picture + 1) & 0x7fff);
        assert_eq!(c.tl0, b.tl0.wrapping_add(1));
    }

    #[test]
    fn packets_from_before_the_turn_are_left_out_and_stragglers_keep_their_numbers() {
        let mut rewriter = Rewriter::new(90_000, 9);
        rewriter.switch(at(0), stream(1), packet(100));
        assert!(rewriter.map(at(0), stream(1), packet(99)).is_none());
        let first = rewriter.map(at(0), stream(1), packet(100)).unwrap();
        let third = rewriter.map(at(0), stream(1), packet(102)).unwrap();
        let second = rewriter.map(at(0), stream(1), packet(101)).unwrap();
        assert_eq!(second.sequence, first.sequence + 1);
        assert_eq!(third.sequence, first.sequence + 2);
    }

    #[test]
    fn a_skipped_packet_leaves_no_hole() {
        let mut rewriter = Rewriter::new(90_000, 9);
        rewriter.switch(at(0), stream(1), packet(100));
        let first = rewriter.map(at(0), stream(1), packet(100)).unwrap();
        rewriter.skip(stream(1), 101);
        let next = rewriter.map(at(0), stream(1), packet(102)).unwrap();
        assert_eq!(next.sequence, first.sequence + 1);
        let trace = rewriter.trace(next.sequence as u16).unwrap();
        assert_eq!(trace.sequence, 102);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Switch(u64),
        Packets(u64),
        Late(u64),
        Skip,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0_u64..3).prop_map(Step::Switch),
            (1_u64..20).prop_map(Step::Packets),
            (1_u64..30).prop_map(Step::Late),
            Just(Step::Skip),
        ];
        prop::collection::vec(step, 1..120)
    }

    proptest! {
        /// The property on which AES-GCM's safety rests.
        #[test]
        fn no_output_number_is_given_to_two_packets(steps in steps()) {
            let mut rewriter = Rewriter::new(90_000, 0xffff_ffff);
            let mut next_in = [65_000_u64, 10, 3_000_000];
            let mut current = 0_usize;
            let mut used: HashMap<u64, (u64, u64)> = HashMap::new();
            rewriter.switch(at(0), stream(0), packet(next_in[0]));
            for (time, step) in steps.into_iter().enumerate() {
                let now = at(time as u64);
                let mut send = |rewriter: &mut Rewriter, leg: u64, sequence: u64| {
                    if let Some(out) = rewriter.map(now, stream(leg), packet(sequence)) {
                        let owner = used.entry(out.sequence).or_insert((leg, sequence));
                        assert_eq!(*owner, (leg, sequence));
                        let trace = rewriter.trace(out.sequence as u16).unwrap();
                        assert_eq!((trace.stream.leg.0, trace.sequence), (leg, sequence));
                    }
                };
                match step {
                    Step::Switch(to) => {
                        current = to as usize;
                        rewriter.switch(now, stream(to), packet(next_in[current]));
                    }
                    Step::Packets(count) => for _ in 0..count {
                        send(&mut rewriter, current as u64, next_in[current]);
                        next_in[current] += 1;
                    },
                    Step::Late(back) => {
                        let sequence = next_in[current].saturating_sub(back);
                        send(&mut rewriter, current as u64, sequence);
                    }
                    Step::Skip => {
                        rewriter.skip(stream(current as u64), next_in[current]);
                        next_in[current] += 1;
                    }
                }
            }
        }
    }
}
