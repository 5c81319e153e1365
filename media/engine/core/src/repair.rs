//! Packets that a receiver lost, sent again from the source's cache (RFC 4588).

use crate::api::{Codec, Format, Site};
use crate::cache::Cached;
use crate::contain::strike;
use crate::exit::Exit;
use crate::forward::picture_ids;
use crate::leg::Leg;
use crate::outbox::Outbox;
use crate::rewrite::StreamKey;
use crate::shard::Shard;
use crate::time::Micros;
use engine_wire::payload::vp8;
use engine_wire::rtp::FixedHeader;

impl Shard {
    /// Sends a packet again that the receiver of a slot lost (RFC 4588).
    pub(crate) fn repair(
        &mut self,
        now: Micros,
        (index, slot): (u32, usize),
        sequence: u16,
        out: &mut Outbox,
    ) {
        // The leg is taken out for the time, since packet and receiver belong to two legs.
        let Some(mut leg) = self.legs[index as usize].take() else {
            return;
        };
        if self.repair_on(now, &mut leg, slot, sequence, out).is_none() {
            leg.slots[slot].row.rtx_misses += 1;
        }
        strike(self.armed, leg.room, Site::Repair);
        self.legs[index as usize] = Some(leg);
    }

    fn repair_on(
        &self,
        now: Micros,
        leg: &mut Leg,
        slot: usize,
        sequence: u16,
        out: &mut Outbox,
    ) -> Option<()> {
        let to = leg.media_address()?;
        let round_trip = leg.round_trip();
        let slot = &mut leg.slots[slot];
        let rtx_ssrc = slot.spec.rtx_ssrc?;
        let trace = slot.rewriter.trace(sequence)?;
        // What filled the slot before is no longer anyone's to ask for, and nothing that is shown now needs it.
        slot.filling
            .as_ref()?
            .flowing
            .filter(|s| *s == trace.stream)?;
        let (cached, format) = self.cached(trace.stream, trace.sequence)?;
        let map = slot.map_format(format)?;
        let rtx_pt = map.rtx?;
        let descriptor = (map.codec == Codec::Vp8)
            .then(|| vp8::Descriptor::parse(cached.payload).ok())
            .flatten();
        let pictures = descriptor.as_ref().map(picture_ids);
        let numbers = trace.outgoing(cached.timestamp, pictures)?;
        if slot.was_repaired(now, numbers.sequence, round_trip) {
            return Some(());
        }
        slot.take_repair_budget(now, numbers.sequence)?;
        let header = FixedHeader {
            ssrc: rtx_ssrc,
            sequence: slot.rtx_next as u16,
            ..slot.header(rtx_pt, cached.marker, numbers)
        };
        let outbound = leg.outbound.as_mut()?;
        let rtx_sequence = slot.rtx_next;
        slot.rtx_next += 1;
        slot.row.rtx_packets += 1;
        let parts = (cached.payload, descriptor);
        let mut exit = Exit { out, outbound, to };
        let sent = exit.write_retransmission(header, (rtx_sequence, numbers), parts);
        leg.row.count_rtp(now, sent);
        Some(())
    }

    /// A packet of a source that is still let through.
    fn cached(&self, stream: StreamKey, sequence: u64) -> Option<(Cached<'_>, &Format)> {
        let leg = self.leg(*self.by_id.get(&stream.leg)?)?;
        let source = leg
            .sources
            .iter()
            .find(|source| source.spec.source == stream.source)?;
        let may_pass = leg.gate_open() && !source.muted;
        let encoding = source.encodings.get(usize::from(stream.encoding))?;
        let encoding = Some(encoding).filter(|encoding| encoding.epoch() == stream.epoch)?;
        let cached = encoding
            .cache
            .as_ref()
            .filter(|_| may_pass)?
            .get(sequence)?;
        Some((cached, source.format(cached.payload_type)?))
    }
}
