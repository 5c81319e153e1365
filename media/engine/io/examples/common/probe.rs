//! Legs that read what they are sent, as a receiver would: whether each packet opens, is of the stream that fills its slot,
//! follows the one before it, and holds what was sent.

use crate::commands::REPAIRS;
use crate::plan::{own_key, ssrc_in, ssrc_out, Plan, Shape, PROFILE};
use crate::traffic::{filling, TAIL, VP8_HEAD};
use engine_srtp::Inbound;
use engine_wire::rtp::RtpHeader;

/// Those who send to a probe, each with numbers of its own: the bridge, and the bare loop.
pub(crate) const SUBJECTS: usize = 2;

pub(crate) struct Probe {
    pub(crate) leg: usize,
    inbound: [Inbound; SUBJECTS],
    slots: Vec<Slot>,
}

/// What fills a slot, and the last number that came of it from each subject.
struct Slot {
    source: u32,
    head: usize,
    last: [Option<u32>; SUBJECTS],
}

/// What probes have found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Checked {
    pub(crate) packets: u64,
    /// Left out between two that came.
    pub(crate) missing: u64,
}

impl Probe {
    pub(crate) fn new(plan: &Plan, leg: usize) -> Self {
        let inbound = || Inbound::new(PROFILE, &own_key(leg)).unwrap();
        let slots = plan.seats[leg].takes.iter().map(|take| Slot {
            source: ssrc_in(take.leg, take.source),
            head: match plan.seats[take.leg].sends[take.source] {
                Shape::Opus => 0,
                _ => VP8_HEAD,
            },
            last: [None; SUBJECTS],
        });
        Self {
            leg,
            inbound: [inbound(), inbound()],
            slots: slots.collect(),
        }
    }

    /// When a media packet was sent, in microseconds; nothing for reports, answers to checks, and what probes the link.
    ///
    /// # Panics
    ///
    /// When it is not what this leg is to get.
    pub(crate) fn take(
        &mut self,
        subject: usize,
        packet: &mut [u8],
        checked: &mut Checked,
    ) -> Option<u64> {
        if packet[0] >> 6 != 2 || (192..224).contains(&packet[1]) {
            return None;
        }
        let header = RtpHeader::parse(packet).unwrap();
        if header.ssrc & REPAIRS != 0 {
            return None;
        }
        let opened = self.inbound[subject].unprotect_rtp(packet, header.header_len);
        let len = opened.expect("a packet that does not open").len;
        let slot = (header.ssrc - ssrc_out(self.leg, 0)) as usize;
        let slot = self.slots.get_mut(slot).expect("a stream of no slot");
        let payload = &packet[header.payload_range(&packet[..len]).unwrap()];
        let (body, tail) = payload.split_at(payload.len() - TAIL);
        let number = |at| u32::from_le_bytes(tail[at..at + 4].try_into().unwrap());
        let (source, sequence) = (number(0), number(4));
        assert_eq!(source, slot.source, "a packet of another stream");
        let byte = filling(source, sequence);
        let is_whole = body[slot.head..].iter().all(|found| *found == byte);
        assert!(is_whole, "a payload that is not what was sent");
        if let Some(last) = slot.last[subject].replace(sequence) {
            assert!(sequence > last, "a packet twice, or too late");
            checked.missing += u64::from(sequence - last - 1);
        }
        checked.packets += 1;
        Some(u64::from_le_bytes(tail[8..].try_into().unwrap()))
    }
}
