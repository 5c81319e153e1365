//! One continuous stream in a slot, whoever is in it: SSRC, sequence, timestamp and picture ids.
//!
//! A switch of source opens a *segment*: a constant distance between the source's numbers and the slot's. Constant
//! distances keep the source's losses visible to the receiver (who then asks for them) and let a NACK be traced
//! back to the source's packet. Every output number belongs to one segment only, so that no number, and with it no
//! SRTP nonce, is ever used for two different packets.
//!
//! A packet that is left out, such as one of a temporal layer that the receiver does not get, opens a segment too,
//! whose numbers close over it. Of a picture that is left out no packet may come later: its id has gone to the next.

use crate::api::LegId;
use crate::time::Micros;

/// Segments remembered, so that NACKs and stragglers from before a switch still find their packet. Where every other
/// picture is left out, this many last a second.
const PAST_SEGMENTS: usize = 32;
/// Room for them from the first switch on: that of a slot in which nothing is left out.
const PAST_AT_FIRST: usize = 7;
/// Half a sender's clock rate: what two streams of one source may be apart without its clock being wrong.
const MOST_APART: Micros = Micros::from_millis(500);

/// One stream of one source; the epoch tells a restarted stream from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamKey {
    /// The sending leg.
    pub leg: LegId,
    /// Index of the source in it.
    pub source: u16,
    /// Which of the source's encodings, lowest quality first.
    pub encoding: u8,
    /// Counts the SSRCs that the encoding has had.
    pub epoch: u32,
}

impl StreamKey {
    /// Whether both are encodings of one source.
    pub fn is_beside(&self, other: &Self) -> bool {
        self.leg == other.leg && self.source == other.source
    }
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
    /// The first and the last of the pictures that were left out just before, by the source's ids.
    skipped: Option<(u16, u16)>,
}

impl Segment {
    fn has_skipped(&self, pictures: Option<PictureIds>) -> bool {
        let Some(((first, last), ids)) = self.skipped.zip(pictures) else {
            return false;
        };
        ids.picture.wrapping_sub(first) & 0x7fff <= last.wrapping_sub(first) & 0x7fff
    }

    /// This segment, begun anew behind a packet that has the number `out` here and is left out.
    fn behind(&self, sequence: u64, out: u64, picture: Option<u16>) -> Self {
        let goes_on = out == self.first_out;
        let before = self.skipped.filter(|_| goes_on);
        let is_new = picture.is_some_and(|p| self.skipped.is_none_or(|(_, last)| last != p));
        let skipped = match (before, picture) {
            (Some((first, last)), Some(p)) if (last + 1) & 0x7fff == p || last == p => {
                Some((first, p))
            }
            (_, Some(p)) => Some((p, p)),
            (before, None) => before,
        };
        Self {
            first_in: sequence + 1,
            first_out: out,
            picture_shift: self.picture_shift.wrapping_sub(u16::from(is_new)) & 0x7fff,
            skipped,
            ..*self
        }
    }

    fn holds(&self, stream: StreamKey, packet: Incoming) -> bool {
        self.stream == stream
            && self.first_in <= packet.sequence
            && !self.has_skipped(packet.pictures)
    }

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

/// The numbers of one slot. What every packet needs comes first, so that it lies on two cache lines of a slot.
#[derive(Debug)]
#[repr(C)]
pub struct Rewriter {
    current: Option<Segment>,
    next_out: u64,
    last: Outgoing,
    last_at: Option<Micros>,
    ssrc: u32,
    clock_rate: u32,
    /// Segments before the current one, oldest first.
    past: Vec<Segment>,
}

impl Rewriter {
    /// Bytes at the beginning that every packet needs.
    #[cfg(test)]
    pub(crate) const EVERY_PACKET: usize = std::mem::offset_of!(Self, past);

    /// A stream that starts at numbers derived from its SSRC. RFC 3711 wants the first sequence number in the lower
    /// half, so that an early loss cannot be taken for a roll-over.
    pub fn new(clock_rate: u32, ssrc: u32) -> Self {
        Self {
            current: None,
            next_out: u64::from(ssrc & 0x7fff),
            last: Outgoing {
                sequence: 0,
                timestamp: ssrc.rotate_left(13),
                pictures: None,
            },
            last_at: None,
            ssrc,
            clock_rate,
            past: Vec::new(),
        }
    }

    /// SSRC of the stream.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Lets `stream` go on in the slot, from this packet on. `same_moment` is this packet's timestamp as the stream
    /// that is in the slot would have it, where the sender's reports tell it (two encodings of one source have one
    /// clock and different offsets); else the time that has passed has to do.
    pub fn switch(
        &mut self,
        now: Micros,
        stream: StreamKey,
        packet: Incoming,
        same_moment: Option<u32>,
    ) {
        let ids = packet.pictures.unwrap_or_default();
        let last_ids = self.last.pictures.unwrap_or_default();
        let gap =
            self.last_at
                .map_or(0, |at| now.since(at).to_ticks(self.clock_rate).max(1)) as u32;
        let gap = self.gap_by_reports(same_moment, gap).unwrap_or(gap);
        let timestamp = self.last.timestamp.wrapping_add(gap);
        // Packets that may still take the numbers below have pictures of their own.
        let reserved = (self.first_free() - self.next_out) as u16;
        let picture = last_ids.picture.wrapping_add(1 + reserved);
        self.begin(Segment {
            stream,
            first_in: packet.sequence,
            first_out: self.first_free(),
            end_out: u64::MAX,
            timestamp_shift: timestamp.wrapping_sub(packet.timestamp),
            picture_shift: picture.wrapping_sub(ids.picture) & 0x7fff,
            tl0_shift: last_ids.tl0.wrapping_add(1).wrapping_sub(ids.tl0),
            skipped: None,
        });
    }

    /// Ticks from the last packet to one that is said to be of this moment: at least one, since a timestamp that went
    /// back, or stood still over a switch, would be another picture of the same time. `None` for what cannot be.
    fn gap_by_reports(&self, same_moment: Option<u32>, gap_by_arrival: u32) -> Option<u32> {
        let shift = self.current.as_ref()?.timestamp_shift;
        let timestamp = same_moment?.wrapping_add(shift);
        let gap = timestamp.wrapping_sub(self.last.timestamp) as i32;
        let apart = gap.wrapping_sub(gap_by_arrival as i32).unsigned_abs();
        let most = MOST_APART.to_ticks(self.clock_rate) as u32;
        (apart <= most).then_some(gap.max(1) as u32)
    }

    /// The first number that belongs to nobody: packets under way may still take those below it.
    fn first_free(&self) -> u64 {
        let current = self.current.as_ref();
        current.map_or(self.next_out, |current| {
            current.first_out.max(self.next_out)
        })
    }

    /// The stream that is in the slot, or was last.
    pub fn current_stream(&self) -> Option<StreamKey> {
        self.current.map(|current| current.stream)
    }

    fn begin(&mut self, segment: Segment) {
        let end_out = segment.first_out;
        let Some(ended) = self.current.replace(segment) else {
            return;
        };
        if self.past.len() == PAST_SEGMENTS {
            self.past.remove(0);
        }
        if self.past.capacity() == 0 {
            self.past.reserve_exact(PAST_AT_FIRST);
        }
        self.past.push(Segment { end_out, ..ended });
    }

    /// Newest first.
    fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.current.iter().chain(self.past.iter().rev())
    }

    /// The numbers of a packet of `stream`; `None` when it is from before the stream's turn.
    pub fn map(&mut self, now: Micros, stream: StreamKey, packet: Incoming) -> Option<Outgoing> {
        let out = match &self.current {
            Some(current) if current.holds(stream, packet) => current.map(packet)?,
            _ => self.map_straggler(stream, packet)?,
        };
        if out.sequence >= self.next_out {
            self.next_out = out.sequence + 1;
            self.last = out;
            self.last_at = Some(now);
        }
        Some(out)
    }

    /// A packet of an earlier segment, unless it is of a picture that was left out at either end.
    #[cold]
    fn map_straggler(&self, stream: StreamKey, packet: Incoming) -> Option<Outgoing> {
        let mut next: Option<&Segment> = None;
        for segment in self.segments() {
            if segment.stream == stream && segment.first_in <= packet.sequence {
                let next = next.filter(|next| next.stream == stream);
                let mut ends = [Some(segment), next].into_iter().flatten();
                let is_left_out = ends.any(|end| end.has_skipped(packet.pictures));
                return (!is_left_out).then(|| segment.map(packet)).flatten();
            }
            next = Some(segment);
        }
        None
    }

    /// Whether nothing from this packet on has come yet: one that is left out can be closed over.
    pub fn is_ahead(&self, stream: StreamKey, sequence: u64) -> bool {
        self.current.as_ref().is_some_and(|current| {
            let out = current.map_sequence(sequence);
            current.stream == stream && out.is_some_and(|out| out >= self.next_out)
        })
    }

    /// Puts packets of ours before the newest one of `stream`, which has just been given `numbers`: they take its numbers and
    /// the following ones. Gives the numbers that it has then; `None` for one that others have overtaken.
    pub fn put_before(
        &mut self,
        (stream, sequence): (StreamKey, u64),
        numbers: Outgoing,
        count: u64,
    ) -> Option<Outgoing> {
        let is_newest = numbers.sequence + 1 == self.next_out;
        let current = self.current.filter(|c| is_newest && c.stream == stream)?;
        let moved = Outgoing {
            sequence: numbers.sequence + count,
            ..numbers
        };
        let segment = Segment {
            first_in: sequence,
            first_out: moved.sequence,
            ..current
        };
        if current.first_out == numbers.sequence {
            self.current = Some(segment);
        } else {
            self.begin(segment);
            // The numbers in between are no packet's of the stream.
            if let Some(before) = self.past.last_mut() {
                before.end_out = numbers.sequence;
            }
        }
        (self.next_out, self.last) = (moved.sequence + 1, moved);
        Some(moved)
    }

    /// Leaves out a packet that is [ahead](Self::is_ahead), without a hole in the numbers; with `picture`, that of a
    /// packet whose whole picture is left out, without a hole in the picture ids either. Any other packet stays a hole,
    /// which costs the receiver needless NACKs.
    pub fn skip(&mut self, stream: StreamKey, sequence: u64, picture: Option<u16>) {
        let Some(current) = self.current.filter(|_| self.is_ahead(stream, sequence)) else {
            return;
        };
        let Some(out) = current.map_sequence(sequence) else {
            return;
        };
        let segment = current.behind(sequence, out, picture);
        if out == current.first_out {
            // Nothing of the segment now open has been given out, nor can be.
            self.current = Some(segment);
        } else {
            self.begin(segment);
        }
    }

    /// Whether packets of this picture have been left out, so that no more of them may come.
    pub fn has_skipped(&self, pictures: PictureIds) -> bool {
        let current = self.current.as_ref();
        current.is_some_and(|current| current.has_skipped(Some(pictures)))
    }

    /// Whether packets of this picture of the stream now in the slot were the last to be given numbers.
    pub fn is_within(&self, stream: StreamKey, pictures: PictureIds) -> bool {
        let Some(current) = self.current.as_ref().filter(|c| c.stream == stream) else {
            return false;
        };
        let sent = self.last.pictures.map(|ids| ids.picture);
        sent == Some(current.map_pictures(pictures).picture) && !current.has_skipped(Some(pictures))
    }

    /// Which packet went out under this number, and the numbers it had; for retransmission.
    pub fn trace(&self, sequence: u16) -> Option<Trace> {
        let out = engine_wire::seq::extend(self.next_out.saturating_sub(1), sequence);
        let mut next: Option<&Segment> = None;
        for segment in self.segments().filter(|_| out < self.next_out) {
            if segment.first_out <= out && out < segment.end_out {
                return Some(Trace {
                    stream: segment.stream,
                    sequence: segment.first_in + (out - segment.first_out),
                    skipped_behind: next
                        .filter(|next| next.stream == segment.stream)
                        .and_then(|next| next.skipped),
                    segment: *segment,
                });
            }
            next = Some(segment);
        }
        None
    }

    /// Output timestamp that belongs to a timestamp of the stream now in the slot.
    pub fn current_timestamp(&self, stream: StreamKey, timestamp: u32) -> Option<u32> {
        let current = self.current.as_ref()?;
        (current.stream == stream).then(|| timestamp.wrapping_add(current.timestamp_shift))
    }

    /// The first packet of the stream's turn, if it is the stream's turn: earlier ones are not for this slot.
    pub fn first_of_turn(&self, stream: StreamKey) -> Option<u64> {
        let current = self.current.as_ref()?;
        (current.stream == stream).then_some(current.first_in)
    }

    /// Numbers up to the newest, holes included.
    pub const fn given_out(&self) -> u64 {
        self.next_out - (self.ssrc & 0x7fff) as u64
    }

    /// Brings the lines near that a packet needs.
    pub fn touch(&self) -> u64 {
        let begun = self.current.as_ref().map_or(0, |current| current.first_in);
        begun ^ self.next_out ^ u64::from(self.ssrc)
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
    skipped_behind: Option<(u16, u16)>,
}

impl Trace {
    /// The numbers that the packet had in the slot; `None` if it is of a picture that was left out there.
    pub fn outgoing(&self, timestamp: u32, pictures: Option<PictureIds>) -> Option<Outgoing> {
        let next = Segment {
            skipped: self.skipped_behind,
            ..self.segment
        };
        if self.segment.has_skipped(pictures) || next.has_skipped(pictures) {
            return None;
        }
        self.segment.map(Incoming {
            sequence: self.sequence,
            timestamp,
            pictures,
        })
    }
}

#[cfg(test)]
mod tests;
