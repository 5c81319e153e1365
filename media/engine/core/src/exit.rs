//! The last step of a packet: header, payload and tag into the place from which the kernel takes it, and its number
//! into the books of congestion control.

use crate::backlog::Backlog;
use crate::bwe;
use crate::fec::{FecSender, Lane};
use crate::leg::Leg;
use crate::link::{Held, Link};
use crate::outbox::{Outbox, Way};
use crate::pacer::Urgency;
use crate::red::form::Carried;
use crate::rewrite::Outgoing;
use crate::slot::Slot;
use crate::stats::LegRow;
use crate::time::Micros;
use crate::told::Told;
use engine_srtp::Outbound;
use engine_wire::payload::opus::Pair;
use engine_wire::payload::{rtx, vp8};
use engine_wire::rtp::{FixedHeader, FIXED_HEADER_LEN, NUMBER, NUMBERED_HEADER_LEN};
use std::ops::Range;

/// Bytes of padding in one packet at least and at most: the count that stands in the last of them has eight bits (RFC
/// 3550 section 5.1).
const PADDING: (usize, usize) = (40, 255);

const PADDING_BIT: u8 = 0x20;

/// What stands around a payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) kind: bwe::Kind,
    pub(crate) header: FixedHeader,
    /// Whether the receiver reports on packets of this stream.
    pub(crate) numbered: bool,
}

/// A payload as the source sent it, with its descriptor where the picture ids have to be written anew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payload<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) vp8: Option<vp8::Descriptor>,
    /// Bytes of padding behind it, where its receiver reports on each packet: those are browsers, which pass over it.
    pub(crate) padding: u8,
}

impl<'a> Payload<'a> {
    /// It leaves as it is.
    pub(crate) const fn plain(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            vp8: None,
            padding: 0,
        }
    }
}

/// The way out to one leg: it exists only while media may be sent there.
pub(crate) struct Exit<'a> {
    now: Micros,
    way: Way,
    outbound: &'a mut Outbound,
    row: &'a mut LegRow,
    link: Option<&'a mut Link>,
    told: Option<&'a mut Told>,
}

impl Leg {
    /// The way out and what is to be sent on it; `None` while the gate is closed, or nobody is there.
    pub(crate) fn exit(&mut self, now: Micros) -> Option<(Exit<'_>, &mut [Slot])> {
        let way = self.media_way()?;
        let exit = Exit {
            now,
            way,
            outbound: self.outbound.as_mut()?,
            row: &mut self.row,
            link: self.link.as_deref_mut(),
            told: self.told.as_deref_mut(),
        };
        Some((exit, &mut self.slots))
    }
}

impl Exit<'_> {
    /// Whether a new packet of the slot may leave now. Pictures may have to wait; sound never does.
    pub(crate) fn may_leave(&mut self, slot: &Slot, payload: usize, held: Held) -> bool {
        let (now, bytes) = (self.now, payload + self.around());
        let Some(link) = self.link.as_deref_mut() else {
            return true;
        };
        if slot.numbered && slot.sends == bwe::Kind::Video {
            return link.offer(now, Urgency::Picture, bytes, held);
        }
        link.note_unpaced(now, bytes);
        true
    }

    /// How much pictures of the slot would have to wait for.
    pub(crate) fn backlog(&self, slot: &Slot) -> Backlog {
        let paced = slot.numbered && slot.sends == bwe::Kind::Video;
        let link = self.link.as_deref().filter(|_| paced);
        link.map_or(Backlog::Short, |link| link.backlog(self.now))
    }

    /// How long what is held to be sent again takes to leave.
    pub(crate) fn repair_delay(&self) -> Micros {
        self.link.as_deref().map_or(Micros(0), Link::repair_delay)
    }

    /// How long what leaves last of that will have waited by then.
    pub(crate) fn waits(&self) -> Micros {
        let link = self.link.as_deref();
        link.map_or(Micros(0), |link| link.waits(self.now))
    }

    /// Gives up what is held for the slot, which goes on with a key frame.
    pub(crate) fn begin_anew(&mut self, slot: &mut Slot, number: u16) {
        if let Some(link) = self.link.as_deref_mut() {
            link.forget_slot(number);
        }
        slot.pause();
    }

    /// Whether a packet of the slot may be sent again now.
    pub(crate) fn may_repair(&mut self, slot: &Slot, payload: usize, held: Held) -> bool {
        let (now, bytes) = (self.now, payload + self.around());
        let link = self.link.as_deref_mut().filter(|_| slot.numbered);
        link.is_none_or(|link| link.offer(now, Urgency::Repair, bytes, held))
    }

    /// It was sent again, and is once more in a moment where that may be lost as well.
    pub(crate) fn repair_later(&mut self, slot: &Slot, payload: usize, held: Held) {
        let (now, bytes) = (self.now, payload + self.around());
        if let Some(link) = self.link.as_deref_mut().filter(|_| slot.numbered) {
            link.repeat(now, bytes, held);
        }
    }

    /// Bytes that a packet has beside its payload.
    const fn around(&self) -> usize {
        NUMBERED_HEADER_LEN + self.outbound.profile().rtp_overhead()
    }

    /// Sends a packet of a slot as its source sent it, but for header and picture ids; repair packets protect it as it
    /// leaves. Gives the bytes that leave, 0 if the key is spent.
    ///
    /// What is protected has no padding: a retransmission leaves it away (RFC 4588 section 4), and would no longer be the
    /// packet of which the repair packet was made.
    pub(crate) fn media(
        &mut self,
        out: &mut Outbox,
        frame: Frame,
        numbers: Outgoing,
        payload: Payload<'_>,
        fec: Option<&mut FecSender>,
    ) -> usize {
        let (now, len) = (self.now, payload.bytes.len());
        let padding = match fec.is_none() && frame.numbered && self.link.is_some() {
            true => payload.padding,
            false => 0,
        };
        let all = len + usize::from(padding);
        self.send(out, frame, numbers.sequence, all, |room, start| {
            fill(&mut room[start..start + len], payload, numbers);
            pad(room, padding);
            if let Some(fec) = fec {
                fec.protect(now, numbers.sequence, room, number_within(start));
            }
        })
    }

    /// Sends a packet of sound that carries earlier ones (RFC 2198), all of payload type `inner`.
    pub(crate) fn sound(
        &mut self,
        out: &mut Outbox,
        frame: Frame,
        numbers: Outgoing,
        (carried, inner, payload): (&Carried<'_>, u8, &[u8]),
    ) -> usize {
        let len = carried.len() + payload.len();
        self.send(out, frame, numbers.sequence, len, |room, start| {
            let (earlier, last) = room[start..].split_at_mut(carried.len());
            carried.write(inner, earlier);
            last.copy_from_slice(payload);
        })
    }

    /// Sends two packets of sound as one, under the second's number.
    pub(crate) fn both(
        &mut self,
        out: &mut Outbox,
        frame: Frame,
        numbers: Outgoing,
        pair: &Pair<'_>,
    ) -> usize {
        self.send(out, frame, numbers.sequence, pair.len(), |room, start| {
            pair.write(&mut room[start..]);
        })
    }

    /// Sends a repair packet for pictures, on a stream of its own.
    pub(crate) fn fec(
        &mut self,
        out: &mut Outbox,
        frame: Frame,
        sequence: u64,
        lane: &Lane,
    ) -> usize {
        let len = self.send(out, frame, sequence, lane.len(), |room, start| {
            lane.write(&mut room[start..]);
        });
        if let Some(link) = self.link.as_deref_mut() {
            link.note_unpaced(self.now, len);
        }
        len
    }

    /// Sends a packet again on the stream of retransmissions (RFC 4588), under that stream's own number.
    pub(crate) fn repair(
        &mut self,
        out: &mut Outbox,
        frame: Frame,
        (rtx_sequence, numbers): (u64, Outgoing),
        payload: Payload<'_>,
    ) -> usize {
        let len = 2 + payload.bytes.len();
        let sequence = numbers.sequence as u16;
        let sent = self.send(out, frame, rtx_sequence, len, |room, start| {
            let (original, rest) = room[start..].split_at_mut(2);
            // Two bytes are what it needs.
            let _ = rtx::write_original_sequence(original, sequence);
            fill(rest, payload, numbers);
        });
        let told = self.told.as_deref_mut();
        if let Some(told) = told.filter(|_| sent > 0 && frame.numbered) {
            told.note_again(self.now, frame.header.ssrc, sequence);
        }
        sent
    }

    /// Sends a packet of padding alone, which receivers pass over.
    pub(crate) fn padding(
        &mut self,
        out: &mut Outbox,
        frame: Frame,
        (sequence, bytes): (u64, usize),
    ) -> usize {
        let bytes = bytes.clamp(PADDING.0, PADDING.1);
        self.send(out, frame, sequence, bytes, |room, _| {
            pad(room, bytes as u8);
        })
    }

    fn send(
        &mut self,
        out: &mut Outbox,
        frame: Frame,
        sequence: u64,
        payload: usize,
        write: impl FnOnce(&mut [u8], usize),
    ) -> usize {
        let overhead = self.outbound.profile().rtp_overhead();
        let link = self.link.as_deref_mut().filter(|_| frame.numbered);
        let extension = link.as_ref().and_then(|link| link.extension());
        let start = match extension {
            Some(_) => NUMBERED_HEADER_LEN,
            None => FIXED_HEADER_LEN,
        };
        let plain = start + payload;
        let room = out.room(plain + overhead);
        let (now, bytes) = (self.now, plain + overhead);
        match (link, extension) {
            (Some(link), Some(id)) => {
                let number = link.note_sent(now, bytes, frame.kind, &frame.header);
                frame.header.write_numbered(room, id, number);
                if let Some(told) = self.told.as_deref_mut() {
                    told.note_sent(now, number, (frame.header.ssrc, sequence as u16));
                }
            }
            (Some(link), None) => {
                link.note_sent_as(now, bytes, frame.kind, &frame.header);
                frame.header.write(room);
            }
            (None, _) => frame.header.write(room),
        }
        write(&mut room[..plain], start);
        let Ok(len) = self.outbound.protect_rtp(room, plain, start, sequence) else {
            return 0;
        };
        out.commit(self.way, len);
        self.row.count_rtp(self.now, len);
        len
    }
}

/// Where the transport-wide number lies in a packet whose payload begins at `start`: a receiver's FEC counts it as zero.
const fn number_within(start: usize) -> Range<usize> {
    if start == NUMBERED_HEADER_LEN {
        NUMBER
    } else {
        0..0
    }
}

/// Makes the last bytes of a packet padding, if it is to have any.
fn pad(packet: &mut [u8], bytes: u8) {
    if bytes > 0 {
        let start = packet.len() - usize::from(bytes);
        packet[start..].fill(0);
        packet[0] |= PADDING_BIT;
        packet[packet.len() - 1] = bytes;
    }
}

fn fill(room: &mut [u8], payload: Payload<'_>, numbers: Outgoing) {
    room.copy_from_slice(payload.bytes);
    if let (Some(descriptor), Some(ids)) = (payload.vp8, numbers.pictures) {
        descriptor.rewrite(room, ids.picture, ids.tl0);
    }
}

impl LegRow {
    fn count_rtp(&mut self, now: Micros, bytes: usize) {
        if bytes > 0 {
            self.rtp_out += 1;
            self.bytes_out += bytes as u64;
            self.last_out_us = now.0;
        }
    }
}
