//! One thing that a leg can take, and what fills it now.

use crate::api::{Codec, Format, Kind, SlotSpec};
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
pub struct Filling {
    /// Position of the source's leg in the shard.
    pub leg: u32,
    /// The stream that the segment now open belongs to; `None` until its first packet, or key frame, passes.
    pub flowing: Option<StreamKey>,
    /// Index of the source in its leg.
    pub source: u16,
    /// Formats that both sides have.
    pub payloads: Vec<PayloadMap>,
}

/// State of one slot.
#[derive(Debug)]
pub struct Slot {
    /// As negotiated.
    pub spec: SlotSpec,
    /// Output numbers; they outlive every change of source.
    pub rewriter: Rewriter,
    /// Extended sequence number of the next retransmission (its own stream, RFC 4588).
    pub rtx_next: u64,
    /// Who is in it.
    pub filling: Option<Filling>,
    /// Counters.
    pub row: StreamRow,
    repairs: [(u64, Micros); RECENT_REPAIRS],
    repair_window: (Micros, u32),
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
            repairs: [(u64::MAX, Micros(0)); RECENT_REPAIRS],
            repair_window: (Micros(0), 0),
            spec,
        }
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
        if now.since(self.repair_window.0) >= BUDGET_WINDOW {
            self.repair_window = (now, 0);
        }
        let spent = &mut self.repair_window.1;
        *spent = Some(*spent + 1).filter(|spent| *spent <= REPAIR_BUDGET)?;
        let before = &mut self.repairs[sequence as usize % RECENT_REPAIRS];
        self.row.recovered += u64::from(before.0 != sequence);
        *before = (sequence, now);
        Some(())
    }

    /// Lets the slot begin again: with a key frame, and without a hole.
    pub fn pause(&mut self) {
        if let Some(filling) = &mut self.filling {
            filling.flowing = None;
        }
    }

    /// Nothing has come through yet from whoever is in the slot.
    pub fn is_waiting(&self) -> bool {
        self.filling.as_ref().is_some_and(|f| f.flowing.is_none())
    }
}
