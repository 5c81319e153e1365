//! Sound towards a link that hardly carries it: two packets of Opus leave as one, since a fifth and more of such a link
//! goes into headers. It costs one packet's time of delay, no decoding, and nobody else notices.
//!
//! The first of two is not kept: when the second comes, it is read from the source's cache, where it lies for redundancy
//! as well. Which of two is the first is told by its number, so that there is nothing to remember, and a packet that is
//! lost on its way to us takes at most its fellow with it; so does one of another kind, such as another bandwidth. What
//! is no single frame of Opus waits for nothing.

use crate::api::{Codec, Kind, SlotSpec};
use crate::cache::PacketCache;
use crate::leg::Leg;
use crate::ready::Ready;
use crate::slot::Slot;
use engine_wire::payload::opus::Pair;

/// Two packets of the time that every browser's have.
const BOTH_MS: u16 = 40;

/// Whether the packets of one slot become one of each two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joining {
    wanted: bool,
    /// The first packet of the source that waits for its fellow, or [`NONE`].
    from: u64,
}

/// No packet's number.
const NONE: u64 = u64::MAX;

impl Default for Joining {
    fn default() -> Self {
        Self {
            wanted: false,
            from: NONE,
        }
    }
}

impl Joining {
    /// Whether packets join, or may soon.
    pub(crate) const fn is_on(&self) -> bool {
        self.wanted || self.from != NONE
    }

    /// Another stream begins in the slot, with numbers of its own.
    pub(crate) const fn restart(&mut self) {
        self.from = NONE;
    }

    /// Whether a packet of these numbers and bytes waits for the one behind it. Changes begin with one that is the first of
    /// two.
    pub(crate) fn waits(&mut self, sequence: u64, (codec, payload): (Codec, &[u8])) -> bool {
        let is_first = sequence.is_multiple_of(2);
        if is_first && !self.wanted {
            self.from = NONE;
        } else if is_first && self.from == NONE {
            self.from = sequence;
        }
        is_first && self.from != NONE && codec == Codec::Opus && Pair::may_begin(payload)
    }

    /// The packet that has waited for this one, if there is any.
    const fn fellow(&self, sequence: u64) -> Option<u64> {
        if sequence > self.from && !sequence.is_multiple_of(2) {
            Some(sequence - 1)
        } else {
            None
        }
    }
}

impl Slot {
    /// Both packets that leave when this one does, and how much earlier the first was, in ticks of the clock.
    pub(crate) fn joined<'a>(
        &self,
        (ready, codec): (&Ready, Codec),
        (earlier, payload): (Option<&'a PacketCache>, &'a [u8]),
    ) -> Option<(Pair<'a>, u32)> {
        let earlier = earlier.filter(|_| codec == Codec::Opus && payload.len() > 1);
        let fellow = earlier?.get(self.joining.fellow(ready.sequence)?)?;
        let same = fellow.payload_type == ready.payload_type;
        let pair = Pair::of(fellow.payload, payload).filter(|_| same)?;
        Some((pair, ready.timestamp.wrapping_sub(fellow.timestamp)))
    }
}

fn takes_two(spec: &SlotSpec) -> bool {
    spec.formats.iter().any(|f| f.codec == Codec::Opus)
        && spec.max_ptime_ms.is_none_or(|most| most >= BOTH_MS)
}

impl Leg {
    /// Lets each two packets leave as one, or no longer.
    pub(crate) fn join_sound(&mut self, wanted: bool) {
        let of_sound = |slot: &&mut Slot| slot.spec.kind == Kind::Audio;
        for slot in self.slots.iter_mut().filter(of_sound) {
            slot.joining.wanted = wanted && takes_two(&slot.spec);
        }
    }

    /// Whether packets are to join.
    pub(crate) fn joins_sound(&self) -> bool {
        self.slots.iter().any(|slot| slot.joining.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_FRAME: &[u8] = &[0b0100_1000, 1, 2];
    const TWO_FRAMES: &[u8] = &[0b0100_1001, 1, 2];

    #[test]
    fn only_single_frames_of_opus_wait_and_changes_begin_with_the_first_of_two() {
        let mut joining = Joining {
            wanted: true,
            ..Joining::default()
        };
        let opus = (Codec::Opus, ONE_FRAME);
        assert!(!joining.waits(7, opus));
        assert_eq!(joining.fellow(7), None);
        assert!(joining.waits(8, opus) && !joining.waits(9, opus));
        assert_eq!(joining.fellow(9), Some(8));
        assert!(!joining.waits(10, (Codec::Opus, TWO_FRAMES)));
        assert!(!joining.waits(12, (Codec::TelephoneEvent, ONE_FRAME)));
        joining.wanted = false;
        assert_eq!(joining.fellow(13), Some(12));
        assert!(!joining.waits(14, opus) && !joining.is_on());
    }

    #[test]
    fn a_receiver_of_short_packets_gets_none_of_two() {
        let spec = |codec, max_ptime_ms| SlotSpec {
            slot: 0,
            kind: Kind::Audio,
            ssrc: 1,
            rtx_ssrc: None,
            formats: vec![crate::slot::tests::format(111, codec)],
            fec: None,
            ccfb: false,
            max_ptime_ms,
        };
        for (most, takes) in [(None, true), (Some(40), true), (Some(20), false)] {
            assert_eq!(takes_two(&spec(Codec::Opus, most)), takes);
        }
        assert!(!takes_two(&spec(Codec::TelephoneEvent, None)));
    }
}
