//! One thing that a leg can take, and what fills it now.

use crate::api::{Codec, Format, Kind, SlotSpec};
use crate::bwe;
use crate::rewrite::Rewriter;
use crate::rewrite::StreamKey;
use crate::stats::StreamRow;
use crate::time::Micros;

/// Retransmissions remembered, so that one packet is not sent again twice within a round trip.
const RECENT_REPAIRS: usize = 32;
/// Retransmissions to one slot within [`BUDGET_WINDOW`]. Far above what a burst of loss needs; without it one
/// datagram of requests would be answered with half a megabyte, as often as it is sent.
const REPAIR_BUDGET: u32 = 128;
const BUDGET_WINDOW: Micros = Micros::from_millis(100);

/// Payload type of the source's leg, and what it becomes on the slot's leg.
#[derive(Debug, Clone, Copy)]
pub struct PayloadMap {
    /// On the source's leg.
    pub from: u8,
    /// On the slot's leg.
    pub to: u8,
    /// Retransmissions on the slot's leg.
    pub rtx: Option<u8>,
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
    /// Formats that both sides have.
    payloads: Vec<PayloadMap>,
}

impl Filling {
    /// What becomes of a payload type of the source; `None` when the receiver does not take it.
    pub fn map(&mut self, payload_type: u8) -> Option<PayloadMap> {
        if self.recent.is_none_or(|map| map.from != payload_type) {
            let mut maps = self.payloads.iter();
            self.recent = maps.find(|map| map.from == payload_type).copied();
        }
        self.recent
    }
}

/// State of one slot. A thread has thousands of them, and the next packet for one comes when it has long left the
/// nearer caches: what every packet needs lies on four lines, and what few need elsewhere.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Slot {
    /// Who is in it.
    pub filling: Option<Filling>,
    /// Output numbers; they outlive every change of source.
    pub rewriter: Rewriter,
    /// Extended sequence number of the next retransmission (its own stream, RFC 4588).
    pub rtx_next: u64,
    repair_window: Micros,
    repairs_spent: u32,
    /// Whether its packets carry transport-wide numbers, on which the receiver reports.
    pub numbered: bool,
    /// What congestion control calls its packets.
    pub sends: bwe::Kind,
    /// Counters.
    pub row: StreamRow,
    /// As negotiated.
    pub spec: SlotSpec,
    repairs: Box<[(u64, Micros); RECENT_REPAIRS]>,
}

impl Slot {
    /// An empty slot.
    pub fn new(spec: SlotSpec) -> Self {
        let clock_rate = spec.formats.first().map_or(90_000, |f| f.clock_rate);
        Self {
            rewriter: Rewriter::new(clock_rate, spec.ssrc),
            rtx_next: u64::from(spec.ssrc >> 17),
            filling: None,
            row: StreamRow {
                index: u64::from(spec.slot),
                kind: u64::from(spec.kind == Kind::Video),
                direction: 1,
                ..StreamRow::default()
            },
            repair_window: Micros(0),
            repairs_spent: 0,
            numbered: spec.formats.iter().any(|format| format.transport_cc),
            sends: match spec.kind {
                Kind::Audio => bwe::Kind::Audio,
                Kind::Video => bwe::Kind::Video,
            },
            repairs: Box::new([(u64::MAX, Micros(0)); RECENT_REPAIRS]),
            spec,
        }
    }

    /// Puts a source in, which has to begin here with a packet, or key frame, that can stand first.
    pub fn fill(&mut self, (leg, source): (u32, u16), formats: &[Format]) {
        self.filling = Some(Filling {
            leg,
            source,
            recent: None,
            flowing: None,
            payloads: self.common_formats(formats),
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
            codec: to.codec,
        })
    }

    /// Whether a packet was sent again within the round trip: a second request then is for the same loss.
    pub fn was_repaired(&self, now: Micros, sequence: u64, round_trip: Micros) -> bool {
        let (repaired, at) = self.repairs[sequence as usize % RECENT_REPAIRS];
        repaired == sequence && now.since(at) < round_trip.max(Micros::from_millis(10))
    }

    /// Notes that a packet is sent again; `None` when there have been too many.
    pub fn take_repair_budget(&mut self, now: Micros, sequence: u64) -> Option<()> {
        if now.since(self.repair_window) >= BUDGET_WINDOW {
            (self.repair_window, self.repairs_spent) = (now, 0);
        }
        let spent = &mut self.repairs_spent;
        *spent = Some(*spent + 1).filter(|spent| *spent <= REPAIR_BUDGET)?;
        self.repairs[sequence as usize % RECENT_REPAIRS] = (sequence, now);
        Some(())
    }

    /// Brings the lines near that a packet to this slot needs.
    pub fn touch(&self) -> u64 {
        let source = self.filling.as_ref().map_or(0, |f| u64::from(f.source));
        source ^ self.rewriter.touch() ^ self.row.packets
    }

    /// Lets the slot begin again: with a key frame, and without a hole.
    pub fn pause(&mut self) {
        if let Some(filling) = &mut self.filling {
            filling.flowing = None;
        }
    }

    /// Whether the segment now open belongs to this stream.
    pub fn is_flowing(&self, stream: StreamKey) -> bool {
        let filling = self.filling.as_ref();
        filling.is_some_and(|f| f.flowing == Some(stream))
    }

    /// Nothing has come through yet from whoever is in the slot.
    pub fn is_waiting(&self) -> bool {
        self.filling.as_ref().is_some_and(|f| f.flowing.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::{offset_of, size_of};

    #[test]
    fn what_every_packet_needs_lies_on_four_cache_lines() {
        let (numbers, counters) = (offset_of!(Slot, rewriter), offset_of!(Slot, row));
        let touched = [
            offset_of!(Slot, filling),
            offset_of!(Slot, filling) + offset_of!(Filling, payloads) - 1,
            numbers,
            numbers + Rewriter::EVERY_PACKET - 1,
            counters + offset_of!(StreamRow, codec),
            counters + offset_of!(StreamRow, packets),
            counters + offset_of!(StreamRow, bytes),
        ];
        let mut lines = touched.map(|offset| offset / 64).to_vec();
        lines.dedup();
        assert!(lines.len() <= 4, "{lines:?} by {touched:?}");
        assert!(size_of::<Slot>() <= 8 * 64, "{}", size_of::<Slot>());
    }

    fn format(pt: u8, codec: Codec) -> Format {
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
            transport_cc: false,
            red_pt: None,
        }
    }

    #[test]
    fn payload_types_that_take_turns_keep_their_maps() {
        let both = |opus, event| {
            let formats = [(opus, Codec::Opus), (event, Codec::TelephoneEvent)];
            formats.map(|(pt, codec)| format(pt, codec)).to_vec()
        };
        let mut slot = Slot::new(SlotSpec {
            slot: 0,
            kind: Kind::Audio,
            ssrc: 1,
            rtx_ssrc: None,
            formats: both(111, 126),
            fec: None,
        });
        slot.fill((3, 0), &both(96, 101));
        let filling = slot.filling.as_mut().unwrap();
        let becomes = [96, 101, 96, 97, 101, 101].map(|pt| filling.map(pt).map(|map| map.to));
        let expected = [Some(111), Some(126), Some(111), None, Some(126), Some(126)];
        assert_eq!(becomes, expected);
    }
}
