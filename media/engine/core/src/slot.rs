//! One thing that a leg can take, and what fills it now.

use crate::api::{Codec, Format, Kind, SlotSpec};
use crate::backlog::Backlog;
use crate::bwe;
use crate::doubt::Doubt;
use crate::joining::Joining;
use crate::keyframe::Patience;
use crate::quiet::Quiet;
use crate::rates::LAYERS;
use crate::redundancy::Redundancy;
use crate::rewrite::{PictureIds, Rewriter, StreamKey};
use crate::stats::StreamRow;
use crate::time::Micros;
use engine_wire::payload::vp8;

/// Retransmissions remembered, so that one packet is not sent again twice within a round trip.
const RECENT: usize = 32;
/// Retransmissions to one slot within [`BUDGET_WINDOW`]. Far above what a burst of loss needs; without it one
/// datagram of requests would be answered with half a megabyte, as often as it is sent.
const REPAIR_BUDGET: u32 = 128;
/// Between two key frames that a slot has asked for since a packet of it was gone.
const GIVE_UP_PAUSE: Micros = Micros::from_millis(1_000);
const BUDGET_WINDOW: Micros = Micros::from_millis(100);

/// What of a source flows into a slot: an encoding, and its temporal layers up to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layer {
    /// Which encoding, lowest quality first.
    pub encoding: u8,
    /// The highest temporal layer.
    pub temporal: u8,
}

impl Layer {
    /// Every temporal layer of an encoding.
    pub const fn all_of(encoding: u8) -> Self {
        let temporal = (LAYERS - 1) as u8;
        Self { encoding, temporal }
    }
}

/// How much a slot matters to its receiver, as the control plane says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// 0 is the most important.
    pub importance: u8,
    /// The most lines that can be shown.
    pub height: Option<u16>,
}

/// Payload type of the source's leg, and what it becomes on the slot's leg.
#[derive(Debug, Clone, Copy)]
pub struct PayloadMap {
    /// On the source's leg.
    pub from: u8,
    /// On the slot's leg.
    pub to: u8,
    /// Retransmissions on the slot's leg.
    pub rtx: Option<u8>,
    /// The same with redundancy (RFC 2198) on the slot's leg.
    pub red: Option<u8>,
    /// What it carries.
    pub codec: Codec,
}

/// Who is in the slot.
#[derive(Debug, Clone)]
#[repr(C)]
pub struct Filling {
    /// Position of the source's leg in the shard.
    pub leg: u32,
    /// Index of the source in its leg.
    pub source: u16,
    /// The one of `payloads` that was used last.
    recent: Option<PayloadMap>,
    /// The stream that the segment now open belongs to; `None` until its first packet, or key frame, passes.
    pub flowing: Option<StreamKey>,
    /// What is to flow; `None` when the picture is left out, since the link is too thin for it, or the shard does not keep up.
    pub target: Option<Layer>,
    /// The highest temporal layer that passes now.
    passing: u8,
    /// What a packet hardly ever asks for.
    pub terms: Box<Terms>,
}

/// What was agreed and decided about a source in a slot.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What would flow if its source sent it.
    pub wish: Option<Layer>,
    /// The encoding that is to be sent as well, while what would flow does not come.
    pub spare: Option<u8>,
    /// Bits a second that the link has for an only encoding; `None` without a limit.
    pub share: Option<u64>,
    /// Left out for a while, since the shard does not keep up: see `relief.rs`.
    pub rests: bool,
    /// Who yields last on a thin link, and the most lines that the receiver can show.
    pub claim: Claim,
    /// Formats that both sides have.
    payloads: Vec<PayloadMap>,
}

impl Filling {
    /// Whether packets of this encoding are of use here.
    pub fn takes(&self, encoding: u8) -> bool {
        let flows = self
            .flowing
            .is_some_and(|stream| stream.encoding == encoding);
        flows || self.target.is_some_and(|layer| layer.encoding == encoding)
    }

    /// The encoding of which a key frame is waited for.
    pub fn waits_for(&self) -> Option<u8> {
        let target = self.target?.encoding;
        let flows = self.flowing.is_some_and(|stream| stream.encoding == target);
        (!flows).then_some(target)
    }

    /// The encoding of which a key frame helps its receiver. Who turns to a smaller one is not helped by the larger, whose
    /// sender has no room for it.
    pub fn needed(&self) -> Option<u8> {
        let flows = self.flowing.map(|stream| stream.encoding);
        flows.into_iter().chain(self.waits_for()).min()
    }

    /// Lets a stream begin, if its packet can stand first and it is what is wanted, or nothing else flows.
    pub fn turn_to(&mut self, stream: StreamKey, may_begin: bool) -> bool {
        let is_wanted = match (self.target, self.flowing) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(target), Some(flows)) => {
                target.encoding == stream.encoding || flows.encoding == stream.encoding
            }
        };
        if may_begin && is_wanted {
            self.flowing = Some(stream);
            return true;
        }
        if self
            .flowing
            .is_some_and(|flows| flows.encoding == stream.encoding)
        {
            // The sender began again.
            self.flowing = None;
        }
        false
    }

    /// Whether a packet that begins a picture, or goes on after other pictures, is of a temporal layer that passes.
    /// Down at once; up where the picture refers to nothing that was left out. While packets for a thin link pile up,
    /// what no other picture refers to is left out whatever is wished for.
    fn passes(
        &mut self,
        stream: StreamKey,
        descriptor: &vp8::Descriptor,
        backlog: Backlog,
    ) -> bool {
        let Some(temporal) = descriptor.temporal else {
            return true;
        };
        let own = self
            .target
            .filter(|layer| layer.encoding == stream.encoding);
        // Until a smaller encoding begins, the larger one sends no more than it must.
        let falls = self
            .target
            .is_some_and(|layer| layer.encoding < stream.encoding);
        let waiting = if falls { 0 } else { self.passing };
        let top = own.map_or(waiting, |layer| layer.temporal);
        let top = if backlog == Backlog::Short { top } else { 0 };
        if descriptor.is_key_frame {
            self.passing = top;
        }
        self.passing = self.passing.min(top);
        if temporal.tid == self.passing + 1 && temporal.tid <= top && temporal.layer_sync {
            self.passing = temporal.tid;
        }
        temporal.tid <= self.passing
    }

    /// What becomes of a payload type of the source; `None` when the receiver does not take it.
    pub fn map(&mut self, payload_type: u8) -> Option<PayloadMap> {
        if self.recent.is_none_or(|map| map.from != payload_type) {
            let mut maps = self.terms.payloads.iter();
            self.recent = maps.find(|map| map.from == payload_type).copied();
        }
        self.recent
    }
}

/// State of one slot. A thread has thousands of them, and the next packet for one comes when it has long left the
/// nearer caches: what every packet needs lies on four lines in a row, and what few need behind them or elsewhere.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Slot {
    /// Who is in it.
    pub filling: Option<Filling>,
    /// Output numbers; they outlive every change of source.
    pub rewriter: Rewriter,
    /// Whether the receiver reports on each of its packets.
    pub numbered: bool,
    /// Whether reports on each packet have told of it, so that receiver reports need not.
    pub is_told: bool,
    /// What congestion control calls its packets.
    pub sends: bwe::Kind,
    /// Whether each two packets of sound leave as one.
    pub(crate) joining: Joining,
    /// What is left out while nobody speaks, once the link was tight for sound.
    pub(crate) quiet: Option<Box<Quiet>>,
    /// What mends losses without being asked for, where the receiver takes it.
    pub redundancy: Option<Box<Redundancy>>,
    /// Counters.
    pub row: StreamRow,
    /// Extended sequence number of the next retransmission (its own stream, RFC 4588).
    pub rtx_next: u64,
    /// As negotiated.
    pub spec: Box<SlotSpec>,
    /// What its losses have led to.
    pub asked: Box<Asked>,
}

/// What a slot's receiver has asked for of late.
#[derive(Debug)]
pub struct Asked {
    /// Numbers, and when they were sent again; of [`RECENT`] places, once there was a repair.
    repairs: Vec<(u64, Micros)>,
    window: Micros,
    spent: u32,
    gave_up: Micros,
    /// Nothing before this number is sent again: it was given up for something smaller.
    from: u64,
    /// How often it may have key frames that others get too.
    pub patience: Patience,
    /// Whether its requests are to be believed; once it has made one.
    pub doubt: Option<Box<Doubt>>,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            repairs: Vec::new(),
            window: Micros(0),
            spent: 0,
            gave_up: Micros(0),
            from: 0,
            patience: Patience::default(),
            doubt: None,
        }
    }
}

impl Slot {
    /// An empty slot.
    pub fn new(spec: SlotSpec) -> Self {
        let clock_rate = spec.formats.first().map_or(90_000, |f| f.clock_rate);
        Self {
            rewriter: Rewriter::new(clock_rate, spec.ssrc),
            rtx_next: u64::from(spec.ssrc >> 17),
            filling: None,
            redundancy: Redundancy::for_slot(&spec),
            row: StreamRow {
                index: u64::from(spec.slot),
                kind: u64::from(spec.kind == Kind::Video),
                direction: 1,
                ..StreamRow::default()
            },
            is_told: false,
            numbered: spec.ccfb || spec.formats.iter().any(|format| format.transport_cc),
            sends: match spec.kind {
                Kind::Audio => bwe::Kind::Audio,
                Kind::Video => bwe::Kind::Video,
            },
            asked: Box::default(),
            joining: Joining::default(),
            quiet: None,
            spec: Box::new(spec),
        }
    }

    /// Puts a source in, which has to begin here with a packet, or key frame, that can stand first.
    pub fn fill(
        &mut self,
        (leg, source): (u32, u16),
        formats: &[Format],
        (target, claim): (Layer, Claim),
    ) {
        self.filling = Some(Filling {
            leg,
            source,
            recent: None,
            flowing: None,
            target: Some(target),
            passing: target.temporal,
            terms: Box::new(Terms {
                wish: Some(target),
                share: None,
                spare: None,
                rests: false,
                claim,
                payloads: self.common_formats(formats),
            }),
        });
    }

    /// The formats in which a source can be forwarded here unchanged.
    pub fn common_formats(&self, source: &[Format]) -> Vec<PayloadMap> {
        let maps = source.iter().filter_map(|from| self.map_format(from));
        maps.collect()
    }

    /// What a format of a source becomes here; `None` when the receiver does not take it.
    pub fn map_format(&self, from: &Format) -> Option<PayloadMap> {
        let mut formats = self.spec.formats.iter();
        let to = formats.find(|to| to.takes(from))?;
        Some(PayloadMap {
            from: from.pt,
            to: to.pt,
            rtx: to.rtx_pt,
            red: to.red_pt,
            codec: to.codec,
        })
    }

    /// Whether a packet was sent again within the round trip: a second request then is for the same loss.
    pub fn was_repaired(&self, now: Micros, sequence: u64, round_trip: Micros) -> bool {
        let place = self.asked.repairs.get(sequence as usize % RECENT);
        place.is_some_and(|(repaired, at)| {
            *repaired == sequence && now.since(*at) < round_trip.max(Micros::from_millis(10))
        })
    }

    /// Notes that a packet is sent again, and tells whether for the first time; `None` when there have been too many.
    pub fn take_repair_budget(&mut self, now: Micros, sequence: u64) -> Option<bool> {
        if now.since(self.asked.window) >= BUDGET_WINDOW {
            (self.asked.window, self.asked.spent) = (now, 0);
        }
        let spent = &mut self.asked.spent;
        *spent = Some(*spent + 1).filter(|spent| *spent <= REPAIR_BUDGET)?;
        let repairs = &mut self.asked.repairs;
        if repairs.is_empty() {
            repairs.reserve_exact(RECENT);
            repairs.resize(RECENT, (u64::MAX, Micros(0)));
        }
        let before = std::mem::replace(&mut repairs[sequence as usize % RECENT], (sequence, now));
        Some(before.0 != sequence)
    }

    /// Counters with what is computed on demand.
    pub fn snapshot(&self) -> StreamRow {
        let flowing = self.filling.as_ref().and_then(|filling| filling.flowing);
        StreamRow {
            layer: flowing.map_or(0, |stream| u64::from(stream.encoding) + 1),
            ..self.row
        }
    }

    /// Brings the lines near that a packet to this slot needs.
    pub fn touch(&self) -> u64 {
        let source = self.filling.as_ref().map_or(0, |f| u64::from(f.source));
        source ^ self.rewriter.touch() ^ self.row.packets
    }

    /// Whether a key frame may be asked for because a packet is gone: one bad link must not make all see key frames only.
    pub fn may_give_up(&self, now: Micros) -> bool {
        now.since(self.asked.gave_up) >= GIVE_UP_PAUSE
    }

    /// One was asked for.
    pub const fn give_up(&mut self, now: Micros) {
        self.asked.gave_up = now;
    }

    /// Lets the slot begin again: with a key frame, and without a hole.
    pub fn pause(&mut self) {
        if let Some(filling) = &mut self.filling {
            filling.flowing = None;
        }
        self.asked.from = self.rewriter.next_sequence();
    }

    /// Whether a packet of this number may be sent again.
    pub fn is_repairable(&self, sequence: u16) -> bool {
        let newest = self.rewriter.next_sequence().saturating_sub(1);
        engine_wire::seq::extend(newest, sequence) >= self.asked.from
    }

    /// Whether the segment now open belongs to this stream.
    pub fn is_flowing(&self, stream: StreamKey) -> bool {
        let filling = self.filling.as_ref();
        filling.is_some_and(|f| f.flowing == Some(stream))
    }

    /// The encoding of whoever is in the slot of which a key frame, or first packet, is waited for.
    pub fn waits_for(&self) -> Option<u8> {
        self.filling.as_ref()?.waits_for()
    }

    /// Whether a packet of the stream that flows is of a temporal layer that is left out here.
    pub fn leaves_out(
        &mut self,
        (stream, sequence): (StreamKey, u64),
        descriptor: &vp8::Descriptor,
        backlog: Backlog,
    ) -> bool {
        let (Some(picture), Some(_)) = (descriptor.picture_id, descriptor.temporal) else {
            return false;
        };
        let pictures = PictureIds { picture, tl0: 0 };
        if self.rewriter.has_skipped(pictures) {
            return true;
        }
        // What comes late has its number already, and a picture that was begun is finished.
        if !self.rewriter.is_ahead(stream, sequence) || self.rewriter.is_within(stream, pictures) {
            return false;
        }
        let filling = self.filling.as_mut();
        filling.is_some_and(|filling| !filling.passes(stream, descriptor, backlog))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::mem::{offset_of, size_of};

    #[test]
    fn what_every_packet_needs_lies_on_four_cache_lines() {
        let (numbers, counters) = (offset_of!(Slot, rewriter), offset_of!(Slot, row));
        let touched = [
            offset_of!(Slot, filling),
            offset_of!(Slot, filling) + offset_of!(Filling, terms) - 1,
            numbers,
            numbers + Rewriter::EVERY_PACKET - 1,
            counters + offset_of!(StreamRow, codec),
            counters + offset_of!(StreamRow, packets),
            counters + offset_of!(StreamRow, bytes),
            offset_of!(Slot, redundancy),
            offset_of!(Slot, numbered),
            offset_of!(Slot, sends),
            offset_of!(Slot, quiet),
            offset_of!(Slot, joining),
            offset_of!(Slot, joining) + size_of::<Joining>() - 1,
        ];
        let mut lines = touched.map(|offset| offset / 64).to_vec();
        lines.sort_unstable();
        lines.dedup();
        assert!(lines.last() == Some(&3), "{lines:?} by {touched:?}");
        assert!(size_of::<Slot>() <= 8 * 64, "{}", size_of::<Slot>());
    }

    pub(crate) fn format(pt: u8, codec: Codec) -> Format {
        Format {
            pt,
            codec,
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
        }
    }

    #[test]
    fn payload_types_that_take_turns_keep_their_maps() {
        let both = |opus, other| {
            let formats = [(opus, Codec::Opus), (other, Codec::G722)];
            formats.map(|(pt, codec)| format(pt, codec)).to_vec()
        };
        let mut slot = Slot::new(SlotSpec {
            slot: 0,
            kind: Kind::Audio,
            ssrc: 1,
            rtx_ssrc: None,
            formats: both(111, 126),
            fec: None,
            ccfb: false,
            max_ptime_ms: None,
        });
        let claim = Claim {
            importance: 3,
            height: None,
        };
        slot.fill((3, 0), &both(96, 101), (Layer::all_of(0), claim));
        let filling = slot.filling.as_mut().unwrap();
        let becomes = [96, 101, 96, 97, 101, 101].map(|pt| filling.map(pt).map(|map| map.to));
        let expected = [Some(111), Some(126), Some(111), None, Some(126), Some(126)];
        assert_eq!(becomes, expected);
    }
}
