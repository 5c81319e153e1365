//! Sound towards a link that hardly carries it: two packets of Opus leave as one, since a fifth and more of such a link
//! goes into headers. It costs one packet's time of delay, no decoding, and nobody else notices.
//!
//! The first of two is not kept: when the second comes, it is read from the source's cache, where it lies for redundancy
//! as well. Which of two is the first is told by its number, so that there is nothing to remember, and a packet that is
//! lost on its way to us takes at most its fellow with it; so does one of another kind, such as another bandwidth. What
//! is no single frame of Opus waits for nothing.

use crate::api::{Codec, Kind, SlotSpec};
use crate::cache::PacketCache;
use crate::forward::Ready;
use crate::leg::Leg;
use crate::shard::Shard;
use crate::slot::Slot;
use crate::time::Micros;
use engine_wire::payload::opus::Pair;

/// Two become one when the link carries less than so much more than sound takes, in percent, and no longer when it
/// carries so much.
const TIGHT: u64 = 125;
const WIDE: u64 = 250;
/// No call has so many voices that a better link than this were tight for them; nothing needs to be added up there.
const NEVER_TIGHT: u64 = 500_000;

/// Two packets of the time that every browser's have.
const BOTH_MS: u16 = 40;

/// Whether the packets of one slot become one of each two.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Joining {
    wanted: bool,
    /// The first packet of the source that waits for its fellow.
    from: Option<u64>,
}

impl Joining {
    /// Whether packets join, or may soon.
    pub(crate) const fn is_on(&self) -> bool {
        self.wanted || self.from.is_some()
    }

    /// Another stream begins in the slot, with numbers of its own.
    pub(crate) const fn restart(&mut self) {
        self.from = None;
    }

    /// Whether a packet of these numbers and bytes waits for the one behind it. Changes begin with one that is the first of
    /// two.
    pub(crate) fn waits(&mut self, sequence: u64, (codec, payload): (Codec, &[u8])) -> bool {
        let is_first = sequence.is_multiple_of(2);
        if is_first && !self.wanted {
            self.from = None;
        } else if is_first && self.from.is_none() {
            self.from = Some(sequence);
        }
        is_first && self.from.is_some() && codec == Codec::Opus && Pair::may_begin(payload)
    }

    /// The packet that has waited for this one, if there is any.
    const fn fellow(&self, sequence: u64) -> Option<u64> {
        match self.from {
            Some(from) if sequence > from && !sequence.is_multiple_of(2) => Some(sequence - 1),
            _ => None,
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
        let earlier = earlier.filter(|_| codec == Codec::Opus);
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
    fn join_sound(&mut self, wanted: bool) {
        let of_sound = |slot: &&mut Slot| slot.spec.kind == Kind::Audio;
        for slot in self.slots.iter_mut().filter(of_sound) {
            slot.joining.wanted = wanted && takes_two(&slot.spec);
        }
    }

    fn joins_sound(&self) -> bool {
        self.slots.iter().any(|slot| slot.joining.wanted)
    }
}

impl Shard {
    /// Lets sound to a leg take less where the link is tight for it.
    pub(crate) fn fit_sound(&mut self, now: Micros, index: u32, estimate: u64) {
        let Some(leg) = self.leg(index) else { return };
        let joins = leg.joins_sound();
        if estimate > NEVER_TIGHT && !joins {
            return;
        }
        let sound = self.sound_of(now, leg);
        let share = if joins { WIDE } else { TIGHT };
        let wanted = estimate < NEVER_TIGHT && estimate * 100 < sound * share;
        if wanted != joins {
            if let Some(leg) = self.leg_mut(index) {
                leg.join_sound(wanted);
            }
        }
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
            from: None,
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
