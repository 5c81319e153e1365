//! Packets out of a source's cache: those that a receiver lost, those that waited for their turn, and those that are sent
//! once more to probe a link. All ask again whether they may be sent, and to whom.

use crate::api::{Codec, Format, Site};
use crate::bwe;
use crate::cache::Cached;
use crate::contain::strike;
use crate::exit::{Exit, Frame, Payload};
use crate::keyframe::Stream;
use crate::leg::Leg;
use crate::link::{Held, Link};
use crate::outbox::Outbox;
use crate::ready::picture_ids;
use crate::rewrite::{Outgoing, StreamKey};
use crate::shard::Shard;
use crate::slot::{PayloadMap, Slot};
use crate::time::Micros;
use engine_wire::payload::vp8;
use engine_wire::rtp::FixedHeader;

/// Packets of late that a probe sends once more, one after the other.
const PADDING_BACK: u64 = 16;
/// On a shorter way an answer to a request comes as soon as a copy: round trip from which on there are copies, and below which
/// there are none any more.
const COPIED_FROM: (Micros, Micros) = (Micros::from_millis(28), Micros::from_millis(22));

/// A packet as it stands in the cache, with what it becomes in the slot.
struct Kept<'a> {
    map: PayloadMap,
    marker: bool,
    key_frame: bool,
    numbers: Outgoing,
    payload: Payload<'a>,
}

impl Shard {
    /// Sends a packet again that the receiver of a slot lost (RFC 4588).
    pub(crate) fn repair(
        &mut self,
        now: Micros,
        (index, position): (u32, usize),
        sequence: u16,
        out: &mut Outbox,
    ) {
        // The leg is taken out for the time, since packet and receiver belong to two legs.
        let Some(mut leg) = self.legs[index as usize].take() else {
            return;
        };
        let mut gone = None;
        if self
            .repair_on(now, &mut leg, position, sequence, out)
            .is_none()
        {
            let slot = &mut leg.slots[position];
            slot.row.rtx_misses += 1;
            gone = self.gone(slot, sequence);
        }
        strike(self.armed, leg.room, Site::Repair);
        self.legs[index as usize] = Some(leg);
        self.wake_for_link(now, index);
        if let Some(stream) = gone {
            self.ask_instead(now, (index, position), stream, out);
        }
    }

    /// Sends what a receiver had asked for, and what its last report calls lost.
    pub(crate) fn settle_requests(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        let mut again = std::mem::take(&mut self.scratch.again);
        again.clear();
        if let Some(leg) = self.leg_mut(index) {
            leg.settle_requests(now, &mut again);
        }
        for (slot, sequence) in again.drain(..) {
            self.repair(now, (index, slot), sequence, out);
        }
        self.scratch.again = again;
    }

    /// Whose packet it was, if it belongs to what is shown and can never be sent again: only a key frame helps then, and
    /// waiting until the receiver gives up by itself would freeze the picture for as long.
    fn gone(&self, slot: &Slot, sequence: u16) -> Option<Stream> {
        let trace = slot.rewriter.trace(sequence)?;
        let stream = slot.is_repairable(sequence).then_some(trace.stream)?;
        let filling = slot.filling.as_ref()?;
        let is_shown = filling.flowing == Some(stream) && slot.sends == bwe::Kind::Video;
        slot.spec.rtx_ssrc.filter(|_| is_shown)?;
        let leg = self.leg(filling.leg)?;
        let source = leg
            .sources
            .iter()
            .find(|of| of.spec.source == stream.source)?;
        let encoding = source.encodings.get(usize::from(stream.encoding))?;
        let may_come = encoding.register.is_missing(trace.sequence);
        let is_kept = encoding.cache.as_ref()?.get(trace.sequence).is_some();
        let of = (filling.leg, (stream.source, stream.encoding));
        (!may_come && !is_kept).then_some(of)
    }

    fn repair_on(
        &self,
        now: Micros,
        leg: &mut Leg,
        slot: usize,
        sequence: u16,
        out: &mut Outbox,
    ) -> Option<()> {
        let round_trip = leg.round_trip();
        let (mut exit, slots) = leg.exit(now)?;
        let number = slot as u16;
        let slot = &mut slots[slot];
        slot.spec
            .rtx_ssrc
            .filter(|_| slot.is_repairable(sequence))?;
        let kept = self.kept(slot, sequence)?;
        let sequence = kept.numbers.sequence;
        if slot.was_repaired(now, sequence, round_trip + exit.repair_delay()) {
            return Some(());
        }
        let doubt = slot.asked.doubt.get_or_insert_default();
        if slot.numbered && !doubt.ask(now, sequence as u16) {
            return Some(());
        }
        let is_first = slot.take_repair_budget(now, sequence)?;
        // Until the receiver tells what became of it.
        slot.row.recovered += u64::from(is_first && !slot.is_told);
        let (len, held) = (kept.payload.bytes.len(), Held::again(number, sequence));
        if exit.may_repair(slot, len, held) {
            exit.again(out, slot, &kept, bwe::Kind::Repair)?;
            exit.repair_later(slot, len, held);
        }
        Some(())
    }

    /// A packet that a slot was given, as it left or is to leave; `None` when it is no longer to be had.
    fn kept<'a>(&'a self, slot: &Slot, sequence: u16) -> Option<Kept<'a>> {
        let trace = slot.rewriter.trace(sequence)?;
        // What filled the slot before is no longer anyone's to ask for, and nothing that is shown now needs it.
        let filling = slot.filling.as_ref()?;
        filling.flowing.filter(|s| s.is_beside(&trace.stream))?;
        let (cached, format) = self.cached(trace.stream, trace.sequence)?;
        let map = slot.map_format(format)?;
        let descriptor = (map.codec == Codec::Vp8)
            .then(|| vp8::Descriptor::parse(cached.payload).ok())
            .flatten();
        let pictures = descriptor.as_ref().map(picture_ids);
        Some(Kept {
            map,
            marker: cached.marker,
            key_frame: descriptor.is_some_and(|d| d.is_key_frame),
            numbers: trace.outgoing(cached.timestamp, pictures)?,
            payload: Payload {
                vp8: descriptor,
                ..Payload::plain(cached.payload)
            },
        })
    }

    /// What the link of one leg is due: packets that were held, and what a probe lacks. Gives when to come again.
    pub(crate) fn serve_link(
        &mut self,
        now: Micros,
        index: u32,
        out: &mut Outbox,
    ) -> Option<Micros> {
        // The leg is taken out for the time, since packets and receiver belong to different legs.
        let mut leg = self.legs[index as usize].take()?;
        let next = self.serve(now, &mut leg, out);
        self.legs[index as usize] = Some(leg);
        self.heed_link(now, index, out);
        next
    }

    /// Sees to it that what is held leaves when its turn comes.
    pub(crate) fn wake_for_link(&mut self, now: Micros, index: u32) {
        let link = self.leg(index).and_then(|leg| leg.link.as_deref());
        if let Some(at) = link.map(|link| link.next_at(now)) {
            self.wake_by(index, at);
        }
    }

    fn serve(&self, now: Micros, leg: &mut Leg, out: &mut Outbox) -> Option<Micros> {
        while let Some(held) = leg.link.as_mut()?.next_held(now) {
            self.release(now, leg, held, out);
        }
        let may = self.pressure.is_well(now) && leg.gains_by_copies();
        leg.link.as_mut()?.allow_copies(may);
        while let Some(copy) = leg.link.as_mut()?.next_copy(now) {
            if let Some(sent) = self.release(now, leg, copy, out) {
                leg.row.copies_out += 1;
                leg.row.copied_bytes_out += sent as u64;
            }
        }
        let mut padding = leg.link.as_mut()?.handle_timeout(now);
        while padding > 0 {
            let Some((held, bytes)) = leg.link.as_mut()?.next_for_probe(now) else {
                break;
            };
            self.release(now, leg, held, out);
            padding = padding.saturating_sub(bytes);
        }
        let mut back = 0;
        while padding > 0 {
            let Some(sent) = self.pad(now, leg, (back, padding), out) else {
                break;
            };
            leg.link.as_mut()?.note_padding(now, sent);
            padding = padding.saturating_sub(sent);
            back += 1;
        }
        Some(leg.link.as_ref()?.next_at(now))
    }

    /// Sends a packet whose turn has come, unless what fills its slot has changed. Gives the bytes that leave.
    fn release(&self, now: Micros, leg: &mut Leg, held: Held, out: &mut Outbox) -> Option<usize> {
        let (mut exit, slots) = leg.exit(now)?;
        let slot = slots.get_mut(usize::from(held.slot))?;
        let kept = self.kept(slot, held.sequence as u16)?;
        if kept.numbers.sequence != held.sequence {
            return None;
        }
        if held.again {
            return exit.again(out, slot, &kept, bwe::Kind::Repair);
        }
        let frame = slot.frame(kept.map.to, kept.marker, kept.numbers);
        let sent = exit.media(out, frame, kept.numbers, kept.payload, slot.fec_mut());
        slot.count_sent(kept.payload.bytes.len(), kept.key_frame, kept.map);
        slot.write_fec(now, kept.marker, (&mut exit, out));
        Some(sent)
    }

    /// Sends something for a probe: a packet of late once more, since that may mend a loss, or padding where there is
    /// none. `back` counts from the newest packet, `lacking` is in bytes. On a thin link it is padding alone, since a packet
    /// of a picture takes long there. Gives the bytes sent; `None` if the leg has nothing to pad with.
    fn pad(
        &self,
        now: Micros,
        leg: &mut Leg,
        (back, lacking): (u64, usize),
        out: &mut Outbox,
    ) -> Option<usize> {
        let is_thin = leg.link.as_deref()?.is_thin();
        let (mut exit, slots) = leg.exit(now)?;
        let repairs = |slot: &&mut Slot| slot.numbered && slot.spec.rtx_ssrc.is_some();
        let slot = slots.iter_mut().find(repairs)?;
        let newest = slot.rewriter.next_sequence().wrapping_sub(1);
        let kept = self.kept(slot, newest.wrapping_sub(back % PADDING_BACK) as u16);
        let sent = match kept.filter(|kept| kept.map.rtx.is_some() && !is_thin) {
            Some(kept) => exit.again(out, slot, &kept, bwe::Kind::Padding)?,
            None => exit.pad(out, slot, lacking)?,
        };
        Some(sent).filter(|bytes| *bytes > 0)
    }

    /// A packet of a source that is still let through.
    fn cached(&self, stream: StreamKey, sequence: u64) -> Option<(Cached<'_>, &Format)> {
        let leg = self.leg(self.sender_of(stream.leg, stream.source)?)?;
        let mut sources = leg.sources.iter();
        let source = sources.find(|source| source.spec.source == stream.source)?;
        let may_pass = leg.gate_open() && !source.muted;
        let encoding = source.encodings.get(usize::from(stream.encoding))?;
        let encoding = Some(encoding).filter(|encoding| encoding.epoch() == stream.epoch)?;
        let cache = encoding.cache.as_deref().filter(|_| may_pass)?;
        let cached = cache.get(sequence)?;
        Some((cached, source.format(cached.payload_type)?))
    }
}

impl Leg {
    /// Whether a copy of a picture's packet can be sent, and is there before an answer to a request.
    fn gains_by_copies(&self) -> bool {
        let has_some = self.link.as_deref().is_some_and(Link::are_copies_allowed);
        let least = if has_some {
            COPIED_FROM.1
        } else {
            COPIED_FROM.0
        };
        let takes = |slot: &Slot| slot.numbered && slot.spec.rtx_ssrc.is_some();
        self.round_trip() >= least && self.slots.iter().any(takes)
    }

    /// Holds what the link's last report tells against what its slots have asked for, and adds what is to be sent again.
    fn settle_requests(&mut self, now: Micros, again: &mut Vec<(usize, u16)>) {
        let Some(link) = self.link.as_deref() else {
            return;
        };
        let fates = link.fates().iter();
        for fate in fates.filter(|fate| fate.kind == bwe::Kind::Video) {
            let Some((ssrc, sequence)) = link.name(fate.number) else {
                continue;
            };
            let slots = self.slots.iter_mut().enumerate();
            let mut slots = slots.filter(|(_, slot)| slot.spec.ssrc == ssrc);
            if let Some((at, slot)) = slots.next() {
                if slot.settle(now, sequence, (fate.lost, fate.late)) {
                    again.push((at, sequence));
                }
            }
        }
    }
}

impl Slot {
    /// What a report says of a packet of the slot (lost, or taken back that it was); true if it is to be sent again.
    fn settle(&mut self, now: Micros, sequence: u16, said: (bool, bool)) -> bool {
        let doubt = &mut self.asked.doubt;
        match doubt {
            None if !said.0 => false,
            _ => doubt.get_or_insert_default().settle(now, sequence, said),
        }
    }
}

impl Exit<'_> {
    /// Sends a packet of the slot once more, on the stream of retransmissions (RFC 4588).
    fn again(
        &mut self,
        out: &mut Outbox,
        slot: &mut Slot,
        kept: &Kept<'_>,
        kind: bwe::Kind,
    ) -> Option<usize> {
        let payload_type = kept.map.rtx?;
        let (mut frame, sequence) = slot.repair_frame(payload_type, kind)?;
        frame.header.marker = kept.marker;
        frame.header.timestamp = kept.numbers.timestamp;
        slot.row.rtx_packets += 1;
        Some(self.repair(out, frame, (sequence, kept.numbers), kept.payload))
    }

    /// Sends padding alone on the stream of retransmissions.
    fn pad(&mut self, out: &mut Outbox, slot: &mut Slot, bytes: usize) -> Option<usize> {
        let payload_type = slot.spec.formats.iter().find_map(|format| format.rtx_pt)?;
        let (frame, sequence) = slot.repair_frame(payload_type, bwe::Kind::Padding)?;
        Some(self.padding(out, frame, (sequence, bytes)))
    }
}

impl Slot {
    /// Header and number of the next packet of retransmissions; each number is given once.
    fn repair_frame(&mut self, payload_type: u8, kind: bwe::Kind) -> Option<(Frame, u64)> {
        let sequence = self.rtx_next;
        let header = FixedHeader {
            marker: false,
            payload_type,
            sequence: sequence as u16,
            timestamp: 0,
            ssrc: self.spec.rtx_ssrc?,
        };
        self.rtx_next += 1;
        let numbered = self.numbered;
        Some((
            Frame {
                kind,
                header,
                numbered,
            },
            sequence,
        ))
    }
}
