//! What sound takes of the link to a leg, and what is done where that is much of it: first the sound of the silent is left
//! out (`quiet`), then each two packets leave as one (`joining`).

use crate::api::Kind;
use crate::leg::Leg;
use crate::shard::Shard;
use crate::slot::Slot;
use crate::time::Micros;

/// Headers and tags of a stream of sound, in bits a second.
const AROUND: u64 = 26_000;
/// Something is done when the link carries less than so many percent of what sound takes, and no longer when it carries so
/// many.
type Bounds = (u64, u64);
/// Silence costs nobody anything to leave out.
const QUIET: Bounds = (300, 400);
/// Two packets as one take 20 ms more, and what is lost of one voice cannot be carried by later packets then. Several
/// voices leave pictures too little sooner.
const JOINED: Bounds = (125, 250);
const JOINED_IN_COMPANY: Bounds = (250, 350);
/// A link that loses more needs its redundancy.
const MUCH_LOSS: f64 = 0.01;
/// So many voices are more than one at a time.
const COMPANY: usize = 2;
/// No room has so many voices that a better link than this were tight for them; nothing needs to be added up there.
const NEVER_TIGHT: u64 = 1_500_000;

impl Shard {
    /// Lets sound to a leg take less where the link is tight for it.
    pub(crate) fn fit_sound(&mut self, now: Micros, index: u32, estimate: u64) {
        let Some(leg) = self.leg(index) else { return };
        let (quiet, joined) = (leg.leaves_silence_out(), leg.joins_sound());
        if estimate > NEVER_TIGHT && !quiet && !joined {
            return;
        }
        let open = self.open_microphones(now, leg).map(|(_, rate)| rate);
        let (count, sum) = open.fold((0, 0), |(n, sum), rate| (n + 1, sum + rate + AROUND));
        let loses = leg.slots.iter().any(|slot| slot.loss() >= MUCH_LOSS);
        let bounds = if count >= COMPANY && !loses {
            JOINED_IN_COMPANY
        } else {
            JOINED
        };
        let is_tight = |(on, off): Bounds, is: bool| {
            estimate < NEVER_TIGHT && estimate * 100 < sum * if is { off } else { on }
        };
        let wanted = (is_tight(QUIET, quiet), is_tight(bounds, joined));
        if wanted == (quiet, joined) {
            return;
        }
        if let Some(leg) = self.leg_mut(index) {
            leg.leave_silence_out(now, wanted.0);
            leg.join_sound(wanted.1);
        }
    }

    /// Bits a second of sound to a leg. Of those who are silent, one may speak at any time without that pictures change.
    pub(crate) fn sound_of(&self, now: Micros, leg: &Leg) -> u64 {
        let open = self.open_microphones(now, leg).map(|(slot, rate)| {
            let times = 1 + slot.distances().ascending().count() as u64;
            let joined = slot.joining.is_on();
            let headers = if joined { AROUND / 2 } else { AROUND };
            (rate * times + headers, slot.is_silent())
        });
        let (spoken, most) = open.fold((0, 0), |(spoken, most), (rate, is_silent)| {
            let spoken = if is_silent { spoken } else { spoken + rate };
            (spoken, rate.max(most))
        });
        spoken.max(most)
    }

    /// The slots of a leg for which sound comes now, with what it takes without headers, in bits a second.
    fn open_microphones<'a>(
        &'a self,
        now: Micros,
        leg: &'a Leg,
    ) -> impl Iterator<Item = (&'a Slot, u64)> {
        let slots = leg.slots.iter();
        let slots = slots.filter(|slot| slot.spec.kind == Kind::Audio);
        slots.filter_map(move |slot| {
            let source = self.source_of(slot.filling.as_ref()?)?;
            let mut encodings = source.encodings.iter();
            let active = encodings.find(|encoding| encoding.is_active(now))?;
            Some((slot, active.rates.up_to(0)))
        })
    }
}
