//! Sound towards a link that hardly carries it: of whoever does not speak a word of silence is sent now and then, as their
//! own encoder would with discontinuous transmission (RFC 7587 section 3.1.3). The receiver's decoder makes the noise of
//! the room go on, which is no loss and sounds like none; nothing is decoded here, and nobody else notices.
//!
//! What is silence, the sender's level says of each packet before it is forwarded (RFC 6464). The threshold is far below
//! speech, below a whisper too: a noisy room is sent as it is. Where a level is missing, or a packet is not one frame of Opus,
//! it is sent. A voice that begins is sent with its first packet, and takes along what was left out just before where the
//! receiver takes redundancy.
//!
//! Numbers have no hole for what is left out, and timestamps go on as they do at the sender.

use crate::api::{Codec, Kind};
use crate::leg::Leg;
use crate::ready::Ready;
use crate::red::Distances;
use crate::rewrite::StreamKey;
use crate::slot::Slot;
use crate::time::Micros;

/// At this level or louder, in dB below full scale, somebody may be speaking. Speech into a microphone is at 15 to 45, a
/// whisper at 45 to 65; rooms behind a browser's noise suppression are at 75 to 127.
const FAINT: u8 = 70;
/// Everything is sent for so long after the last packet that was as loud: speech has pauses, and soft ends.
const HANGOVER: Micros = Micros::from_millis(1_500);
/// Between two words of silence: what encoders do.
const WORD: Micros = Micros::from_millis(400);
/// The first byte of a packet of one frame; alone it says that there is none (RFC 6716 section 3.2.1).
const FRAMES: u8 = 0b11;

/// The silence in one slot of sound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quiet {
    wanted: bool,
    /// When somebody may have spoken last.
    heard: Micros,
    /// When a word of silence was sent last.
    told: Micros,
    /// The first packet that this silence has left out.
    from: Option<u64>,
    /// The same of a silence that has ended, and the packet that ended it.
    ended: Option<(u64, u64)>,
    /// How many packets were left out.
    left_out: u64,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Sent,
    Word,
    LeftOut,
}

impl Quiet {
    const fn new(now: Micros) -> Self {
        Self {
            wanted: true,
            heard: now,
            told: now,
            from: None,
            ended: None,
            left_out: 0,
        }
    }

    /// Whether a silence is being left out.
    pub(crate) const fn is_silent(&self) -> bool {
        self.from.is_some()
    }

    fn judge(&mut self, now: Micros, (sequence, may_be_voice): (u64, bool)) -> Fate {
        if may_be_voice || !self.wanted {
            self.heard = now;
        }
        if now.since(self.heard) < HANGOVER {
            if let Some(from) = self.from.take() {
                self.ended = Some((from, sequence));
            }
            return Fate::Sent;
        }
        if self.from.is_some() && now.since(self.told) < WORD {
            return Fate::LeftOut;
        }
        self.from.get_or_insert(sequence);
        self.told = now;
        Fate::Word
    }
}

impl Slot {
    /// How many bytes of a packet of sound leave: all, its first alone as a word of silence, or `None` if it is left out.
    pub(crate) fn audible(
        &mut self,
        now: Micros,
        (stream, ready): (StreamKey, &Ready),
        (codec, payload): (Codec, &[u8]),
    ) -> Option<usize> {
        let whole = Some(payload.len());
        // What comes late has its number already.
        let is_ahead = |slot: &Self| slot.rewriter.is_ahead(stream, ready.sequence);
        if self.quiet.is_none() || !is_ahead(self) {
            return whole;
        }
        let Some(quiet) = self.quiet.as_deref_mut() else {
            return whole;
        };
        let can_be_silence =
            codec == Codec::Opus && payload.first().is_some_and(|byte| byte & FRAMES == 0);
        // Redundancy has no level; what it brings belongs to the packets around it.
        let is_loud = ready.level.map_or(!ready.recovered, |level| level <= FAINT);
        match quiet.judge(now, (ready.sequence, is_loud || !can_be_silence)) {
            Fate::Sent => whole,
            Fate::Word => Some(1),
            Fate::LeftOut => {
                quiet.left_out += 1;
                None
            }
        }
    }

    /// Another stream begins in the slot.
    pub(crate) fn end_silence(&mut self, now: Micros) {
        if let Some(quiet) = self.quiet.as_deref_mut() {
            (quiet.heard, quiet.from, quiet.ended) = (now, None, None);
        }
    }

    /// What a voice that begins with this packet takes along: the distances, and the first packet that may be taken.
    pub(crate) fn lead(&self, sequence: u64) -> Option<(Distances, u64)> {
        let (first, ended_by) = self.quiet.as_deref()?.ended?;
        (ended_by == sequence).then(|| (Distances::of(&[1, 2, 3]), first))
    }

    /// Whether nothing but words of silence is sent here now.
    pub(crate) fn is_silent(&self) -> bool {
        self.quiet.as_deref().is_some_and(Quiet::is_silent)
    }
}

impl Leg {
    /// Leaves the sound of the silent out, or no longer.
    pub(crate) fn leave_silence_out(&mut self, now: Micros, wanted: bool) {
        let of_sound = |slot: &&mut Slot| slot.spec.kind == Kind::Audio;
        for slot in self.slots.iter_mut().filter(of_sound) {
            match slot.quiet.as_deref_mut() {
                Some(quiet) => quiet.wanted = wanted,
                None if wanted => slot.quiet = Some(Box::new(Quiet::new(now))),
                None => {}
            }
        }
    }

    /// Packets of the silent that were left out so far.
    pub(crate) fn silences(&self) -> u64 {
        let quiets = self.slots.iter().filter_map(|slot| slot.quiet.as_deref());
        quiets.map(|quiet| quiet.left_out).sum()
    }

    /// Whether the sound of the silent is left out.
    pub(crate) fn leaves_silence_out(&self) -> bool {
        let mut quiets = self.slots.iter().filter_map(|slot| slot.quiet.as_deref());
        quiets.any(|quiet| quiet.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Micros {
        Micros::from_millis(70_000 + millis)
    }

    /// What becomes of packets of 20 ms, the first of which has this number.
    fn judged(quiet: &mut Quiet, first: u64, loud: &[bool]) -> Vec<Fate> {
        let packets = (first..).zip(loud);
        let judged = packets.map(|(number, loud)| quiet.judge(at(number * 20), (number, *loud)));
        judged.collect()
    }

    #[test]
    fn silence_is_left_out_after_a_while_but_for_a_word_now_and_then() {
        let mut quiet = Quiet::new(at(0));
        let fates = judged(&mut quiet, 0, &[false; 200]);
        let words: Vec<usize> = (0..200).filter(|at| fates[*at] == Fate::Word).collect();
        assert_eq!(words, [75, 95, 115, 135, 155, 175, 195]);
        assert!(fates[..75].iter().all(|fate| *fate == Fate::Sent));
        let left_out = fates.iter().filter(|fate| **fate == Fate::LeftOut);
        assert_eq!(left_out.count(), 200 - 75 - 7);
        assert!(quiet.is_silent());
    }

    #[test]
    fn a_voice_is_sent_from_its_first_packet_on_and_through_its_pauses() {
        let mut quiet = Quiet::new(at(0));
        judged(&mut quiet, 0, &[false; 100]);
        let mut speech = vec![false; 76];
        speech[0] = true;
        let fates = judged(&mut quiet, 100, &speech);
        assert!(fates[..75].iter().all(|fate| *fate == Fate::Sent));
        assert_eq!(fates[75], Fate::Word);
        let mut quiet = Quiet::new(at(0));
        judged(&mut quiet, 0, &[false; 100]);
        judged(&mut quiet, 100, &[true]);
        assert_eq!(quiet.ended, Some((75, 100)));
    }

    #[test]
    fn on_a_link_with_room_again_everything_is_sent_at_once() {
        let mut quiet = Quiet::new(at(0));
        judged(&mut quiet, 0, &[false; 100]);
        quiet.wanted = false;
        assert_eq!(judged(&mut quiet, 100, &[false; 3]), [Fate::Sent; 3]);
        assert!(!quiet.is_silent());
    }
}
