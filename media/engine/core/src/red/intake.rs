//! Taking RED from a sender apart as it comes in: the primary block goes on as the packet, and redundant blocks as the
//! packets that they are, where those are missing.

use crate::encoding::Encoding;
use crate::ready::Ready;
use crate::receive::Arrival;

use engine_wire::payload::red::Red;

impl Encoding {
    /// The packet without its redundancy; nothing comes back, counted, for what is no RED or carries another format.
    pub(crate) fn take_primary(&mut self, ready: Ready, packet: &[u8]) -> Option<Ready> {
        self.row.red_packets += 1;
        let parsed = Red::parse(&packet[ready.payload.clone()]);
        let Some(red) = parsed
            .ok()
            .filter(|red| red.payload_type == ready.payload_type)
        else {
            self.row.red_malformed += 1;
            return None;
        };
        // The primary block is what is left at the end.
        let redundant = ready.payload.len() - red.primary.len();
        Some(Ready {
            payload: ready.payload.start + redundant..ready.payload.end,
            redundant: redundant as u16,
            ..ready
        })
    }

    /// Adds the redundant blocks of a packet that has passed gate and mute, as far as they fill holes. The register
    /// knows of no hole from before gate and mute let anything pass, so that nothing from then comes in here either.
    pub(crate) fn fill_holes(&mut self, ready: &Ready, packet: &[u8], out: &mut Vec<Ready>) {
        if !self.register.has_missing() {
            return;
        }
        let start = ready.payload.start - usize::from(ready.redundant);
        let Ok(red) = Red::parse(&packet[start..ready.payload.end]) else {
            return;
        };
        let mut at = ready.payload.start - red.redundant().map(|b| b.payload.len()).sum::<usize>();
        for block in red.redundant() {
            let payload = at..at + block.payload.len();
            at = payload.end;
            let timestamp = ready.timestamp.wrapping_sub(block.timestamp_offset);
            let fits = block.payload_type == ready.payload_type && !payload.is_empty();
            let number = self
                .timeline
                .as_ref()
                .and_then(|timeline| timeline.number_of(timestamp));
            let Some(sequence) = number.filter(|_| fits) else {
                continue;
            };
            if self.register.handle_redundancy(sequence) == Arrival::Late {
                if let Some(timeline) = self.timeline.as_mut() {
                    timeline.note(sequence, timestamp);
                }
                out.push(Ready {
                    sequence,
                    timestamp,
                    payload,
                    marker: false,
                    redundant: 0,
                    recovered: true,
                    ..ready.clone()
                });
            }
        }
    }
}
