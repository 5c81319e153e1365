//! Who speaks, from the audio levels that the senders put into header extensions (RFC 6464).
//!
//! Two questions with two speeds: *who has just begun to speak* (soon enough that no first word is lost where there
//! are more people than audio slots), and *who leads* (slow enough that a cough does not move the picture).

use crate::api::LegId;
use crate::time::Micros;

/// Louder than this counts as speech; levels run from 0 (loudest) to 127 dB below full scale.
const SPEECH_DBOV: u8 = 55;
/// Share of the newest packet in the running loudness, in 256ths: with packets of 20 ms about 150 ms of memory.
const SMOOTHING: u32 = 32;
/// Running loudness at which somebody counts as speaking: about 60 ms of speech.
const ONSET: u32 = 12 * 256;
/// The leader keeps the lead against an interruption shorter than this.
const LEAD_AFTER: Micros = Micros::from_millis(600);
/// Without a packet for this long nobody is speaking, whatever came last (DTX, a lost link).
const STALE_AFTER: Micros = Micros::from_millis(400);

#[derive(Debug, Clone, Copy)]
struct Voice {
    leg: LegId,
    loudness: u32,
    heard: Micros,
    speaking_since: Option<Micros>,
}

/// The voices of one room.
#[derive(Debug, Default)]
pub struct Speakers {
    voices: Vec<Voice>,
    order: Vec<LegId>,
}

impl Speakers {
    /// Takes the level of one packet in. True when the order changed.
    pub fn handle_level(&mut self, now: Micros, leg: LegId, dbov: u8) -> bool {
        let loudness = u32::from(SPEECH_DBOV.saturating_sub(dbov)) * 256;
        let voice = self.voice(leg, now);
        let faded = now.since(voice.heard) > STALE_AFTER;
        let before = if faded { 0 } else { voice.loudness };
        voice.loudness = (before * (256 - SMOOTHING) + loudness * SMOOTHING) / 256;
        voice.heard = now;
        let speaking = voice.loudness >= ONSET;
        voice.speaking_since = match (speaking, voice.speaking_since) {
            (true, Some(since)) if !faded => Some(since),
            (true, _) => Some(now),
            (false, _) => None,
        };
        let since = voice.speaking_since;
        since.is_some_and(|since| self.rank(now, leg, since))
    }

    /// Forgets a leg. True when the order changed.
    pub fn remove(&mut self, leg: LegId) -> bool {
        self.voices.retain(|voice| voice.leg != leg);
        let before = self.order.len();
        self.order.retain(|other| *other != leg);
        before != self.order.len()
    }

    /// Everyone who has spoken, the leader first, then by how recently they began.
    pub fn order(&self) -> &[LegId] {
        &self.order
    }

    fn voice(&mut self, leg: LegId, now: Micros) -> &mut Voice {
        let at = self.voices.iter().position(|v| v.leg == leg);
        let at = at.unwrap_or_else(|| {
            self.voices.push(Voice {
                leg,
                loudness: 0,
                heard: now,
                speaking_since: None,
            });
            self.voices.len() - 1
        });
        &mut self.voices[at]
    }

    /// Second place at once; first place when the leader is silent or has been spoken over for long enough.
    fn rank(&mut self, now: Micros, leg: LegId, since: Micros) -> bool {
        let place = self.order.iter().position(|other| *other == leg);
        if place == Some(0) {
            return false;
        }
        let leads = !self.leader_speaks(now) || now.since(since) >= LEAD_AFTER && self.louder(leg);
        let target = usize::from(!leads).min(self.order.len());
        if place == Some(target) || (!leads && self.is_ranked_speaker(now, place)) {
            return false;
        }
        if let Some(place) = place {
            self.order.remove(place);
        }
        self.order.insert(target.min(self.order.len()), leg);
        true
    }

    /// Two who interrupt a leader together must not swap second place with every packet.
    fn is_ranked_speaker(&self, now: Micros, place: Option<usize>) -> bool {
        place.is_some_and(|place| {
            self.order[1..place]
                .iter()
                .all(|other| self.speaks(now, *other))
        })
    }

    fn leader_speaks(&self, now: Micros) -> bool {
        self.order
            .first()
            .is_some_and(|leader| self.speaks(now, *leader))
    }

    fn speaks(&self, now: Micros, leg: LegId) -> bool {
        self.voices.iter().any(|v| {
            v.leg == leg && v.speaking_since.is_some() && now.since(v.heard) <= STALE_AFTER
        })
    }

    fn louder(&self, leg: LegId) -> bool {
        let loudness = |leg| {
            let voice = self.voices.iter().find(|v| Some(v.leg) == leg);
            voice.map_or(0, |v| v.loudness)
        };
        loudness(Some(leg)) > loudness(self.order.first().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: LegId = LegId(1);
    const B: LegId = LegId(2);
    const C: LegId = LegId(3);

    struct Talk {
        speakers: Speakers,
        now: Micros,
        changes: usize,
    }

    impl Talk {
        fn new() -> Self {
            Self {
                speakers: Speakers::default(),
                now: Micros::from_secs(5),
                changes: 0,
            }
        }

        fn for_millis(&mut self, millis: u64, levels: &[(LegId, u8)]) -> &[LegId] {
            for _ in 0..millis / 20 {
                self.now = self.now + Micros::from_millis(20);
                for (leg, level) in levels {
                    self.changes += usize::from(self.speakers.handle_level(self.now, *leg, *level));
                }
            }
            self.speakers.order()
        }
    }

    #[test]
    fn a_voice_is_noticed_within_a_tenth_of_a_second_and_noise_never() {
        let mut talk = Talk::new();
        assert!(talk.for_millis(2_000, &[(A, 70)]).is_empty());
        assert_eq!(talk.for_millis(100, &[(A, 20)]), [A]);
    }

    #[test]
    fn a_cough_does_not_take_the_lead_and_an_answer_does() {
        let mut talk = Talk::new();
        talk.for_millis(1_000, &[(A, 25), (B, 80)]);
        assert_eq!(talk.for_millis(200, &[(A, 25), (B, 15)]), [A, B]);
        talk.for_millis(500, &[(A, 25), (B, 80)]);
        assert_eq!(talk.for_millis(700, &[(A, 80), (B, 25)]), [B, A]);
    }

    #[test]
    fn somebody_new_comes_right_behind_the_leader() {
        let mut talk = Talk::new();
        talk.for_millis(500, &[(B, 25)]);
        talk.for_millis(1_500, &[(A, 20), (B, 90)]);
        assert_eq!(talk.for_millis(100, &[(A, 20), (C, 25)]), [A, C, B]);
    }

    #[test]
    fn people_who_talk_at_once_do_not_make_the_order_flap() {
        let mut talk = Talk::new();
        talk.for_millis(10_000, &[(A, 25), (B, 25), (C, 25)]);
        assert!(talk.changes <= 6, "{} changes in 10 s", talk.changes);
    }

    #[test]
    fn a_removed_leg_is_in_no_list() {
        let mut talk = Talk::new();
        talk.for_millis(500, &[(A, 25)]);
        assert!(talk.speakers.remove(A));
        assert!(talk.speakers.order().is_empty());
        assert!(!talk.speakers.remove(A));
    }
}
