//! Parameter sets of H.264 before key frames. Without them nobody can decode, and a sender may leave them out: whoever has
//! them from the description (`sprop-parameter-sets`, RFC 6184 section 8.1), or was there when they came once, needs no
//! more. Whoever comes later does, so that they are kept here and sent ahead of a key frame that comes without.

use crate::exit::{Exit, Payload};
use crate::outbox::Outbox;
use crate::rewrite::{Outgoing, StreamKey};
use crate::slot::{PayloadMap, Slot};
use engine_wire::payload::h264;

/// Bytes that are kept of one encoding: real sets take about forty together, and the whole fits one packet.
const MOST: usize = 600;

/// The newest parameter sets of an encoding, as one aggregation packet.
#[derive(Debug)]
pub(crate) struct ParameterSets {
    packet: Vec<u8>,
    has_picture_set: bool,
    /// Timestamp of the picture with which they came, or were found to be missing, last; none once that has ended.
    of: Option<u32>,
}

impl Default for ParameterSets {
    fn default() -> Self {
        let mut packet = Vec::with_capacity(MOST);
        packet.push(h264::AGGREGATE);
        Self {
            packet,
            has_picture_set: false,
            of: None,
        }
    }
}

impl ParameterSets {
    /// Those of a description.
    pub(crate) fn given<'a>(units: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut sets = Self::default();
        units.for_each(|unit| sets.keep(unit));
        sets
    }

    /// Learns from a packet; true when it begins a key frame that has come without.
    pub(crate) fn heed(&mut self, timestamp: u32, payload: &[u8]) -> bool {
        let is_new = self.of != Some(timestamp);
        let has_sequence_set = h264::units(payload).any(h264::is_sequence_set);
        if has_sequence_set && is_new {
            self.packet.truncate(1);
            self.has_picture_set = false;
        }
        h264::units(payload).for_each(|unit| self.keep(unit));
        let begins = h264::starts_picture(payload) && h264::is_key_frame(payload);
        if has_sequence_set || begins {
            self.of = Some(timestamp);
        }
        begins && is_new && !has_sequence_set && self.has_picture_set
    }

    /// What comes next is of another picture, even under the same timestamp.
    pub(crate) fn end_picture(&mut self) {
        self.of = None;
    }

    fn keep(&mut self, unit: &[u8]) {
        let is_picture_set = h264::is_picture_set(unit);
        let has_sequence_set = self.packet.len() > 1;
        let may = h264::is_sequence_set(unit) || (is_picture_set && has_sequence_set);
        let fits = self.packet.len() + 2 + unit.len() <= MOST;
        let is_known = self.units().any(|known| known == unit);
        if may && fits && !is_known {
            let len = (unit.len() as u16).to_be_bytes();
            self.packet.extend_from_slice(&len);
            self.packet.extend_from_slice(unit);
            self.has_picture_set |= is_picture_set;
        }
    }

    fn units(&self) -> impl Iterator<Item = &[u8]> {
        h264::units(&self.packet)
    }

    /// How many packets they take: each a packet of its own where nothing may be aggregated.
    fn count(&self, may_aggregate: bool) -> usize {
        if may_aggregate {
            1
        } else {
            self.units().count()
        }
    }
}

impl Slot {
    /// Sends parameter sets ahead of a key frame of `stream` that has come without. Gives the numbers that the key frame
    /// has then; of one that has been overtaken they stay as they are.
    pub(crate) fn send_parameters(
        &mut self,
        (stream, sequence): (StreamKey, u64),
        sets: &ParameterSets,
        (map, numbers): (PayloadMap, Outgoing),
        (exit, out): (&mut Exit<'_>, &mut Outbox),
    ) -> Outgoing {
        let formats = &self.spec.formats;
        let format = formats.iter().find(|format| format.pt == map.to);
        let may_aggregate = format.is_some_and(|format| format.packetization_mode == Some(1));
        let count = sets.count(may_aggregate);
        let moved = self
            .rewriter
            .put_before((stream, sequence), numbers, count as u64);
        let Some(moved) = moved else {
            return numbers;
        };
        let whole = may_aggregate.then_some(&sets.packet[..]);
        let single = sets.units().filter(|_| !may_aggregate);
        for (ahead, payload) in (0..).zip(whole.into_iter().chain(single)) {
            let numbers = Outgoing {
                sequence: numbers.sequence + ahead,
                ..numbers
            };
            let frame = self.frame(map.to, false, numbers);
            if exit.media(out, frame, numbers, Payload::plain(payload), None) > 0 {
                self.count_sent(payload.len(), false, map);
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPS: &[u8] = &[0x67, 0x42, 0xe0, 0x1f];
    const PPS: &[u8] = &[0x68, 0xce];
    const OTHER_SPS: &[u8] = &[0x67, 0x42, 0xe0, 0x0a];
    const IDR: &[u8] = &[0x65, 0x88, 1, 2];
    const LATER_SLICE: &[u8] = &[0x65, 0x08, 1, 2];
    const FIRST_FRAGMENT: &[u8] = &[0x7c, 0x85, 0x88];
    const DELTA: &[u8] = &[0x41, 0x9a];

    fn aggregate(units: &[&[u8]]) -> Vec<u8> {
        let mut packet = vec![h264::AGGREGATE];
        for unit in units {
            packet.extend((unit.len() as u16).to_be_bytes());
            packet.extend(*unit);
        }
        packet
    }

    fn kept(sets: &ParameterSets) -> Vec<&[u8]> {
        sets.units().collect()
    }

    #[test]
    fn sets_are_missed_only_of_key_frames_that_come_without() {
        let mut sets = ParameterSets::default();
        assert!(!sets.heed(0, IDR), "there are none");
        assert!(!sets.heed(1, SPS) && !sets.heed(1, PPS) && !sets.heed(1, IDR));
        assert!(!sets.heed(2, DELTA));
        assert!(sets.heed(3, IDR));
        assert!(
            !sets.heed(3, LATER_SLICE) && !sets.heed(3, IDR),
            "once a picture"
        );
        sets.end_picture();
        assert!(sets.heed(3, IDR), "another one of the same timestamp");
        assert!(sets.heed(4, FIRST_FRAGMENT));
        assert!(!sets.heed(5, &aggregate(&[SPS, PPS, IDR])));
        assert_eq!(kept(&sets), [SPS, PPS]);
    }

    #[test]
    fn the_newest_sets_are_kept_and_each_once() {
        let mut sets = ParameterSets::given([PPS, SPS, PPS, IDR, PPS].into_iter());
        assert_eq!(
            kept(&sets),
            [SPS, PPS],
            "one that refers to none is of no use"
        );
        assert!(sets.heed(9, IDR));
        assert!(!sets.heed(10, &aggregate(&[OTHER_SPS])));
        assert_eq!(kept(&sets), [OTHER_SPS]);
        assert!(!sets.heed(11, IDR), "half of them is worse than none");
        assert!(!sets.heed(12, PPS) && sets.heed(13, IDR));
        let large = [&[0x68][..], &[7; MOST]].concat();
        sets.heed(14, &large);
        assert_eq!(kept(&sets), [OTHER_SPS, PPS]);
    }

    proptest! {
        /// Whatever comes, what is kept are parameter sets, the first that of a sequence, and it fits a packet.
        #[test]
        fn any_payloads_are_borne(
            payloads in prop::collection::vec((0u32..4, prop::collection::vec(any::<u8>(), 0..300)), 0..30),
            kinds in prop::collection::vec(prop::sample::select(vec![0x67u8, 0x68, 0x78, 0x65, 0x7c]), 30),
        ) {
            let mut sets = ParameterSets::default();
            for ((timestamp, mut payload), kind) in payloads.into_iter().zip(kinds) {
                if let Some(first) = payload.first_mut() {
                    *first = kind;
                }
                sets.heed(timestamp, &payload);
                prop_assert!(sets.packet.len() <= MOST && sets.packet.capacity() == MOST);
                let units = kept(&sets);
                prop_assert!(units.first().is_none_or(|unit| h264::is_sequence_set(unit)));
                prop_assert!(units.iter().all(|u| h264::is_sequence_set(u) || h264::is_picture_set(u)));
            }
        }
    }
}
