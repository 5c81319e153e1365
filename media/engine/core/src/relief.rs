//! What a shard does that is late and stays late: it lets pictures rest, the less important first, until it keeps up with the
//! others. Without that the kernel decides what is lost, out of everything, sound included; each picture then has holes, each
//! hole is asked for by all who see it, in vain since nobody here has what fills it, and the requests are the next that is too
//! much: it was seen to go on for a quarter of a minute at a load that is carried without loss otherwise.

use crate::api::{Kind, RoomId};
use crate::encoding::Taker;
use crate::outbox::Outbox;
use crate::shard::Shard;
use crate::slot::Filling;
use crate::time::Micros;
use std::cmp::Reverse;

/// Whose packets wait for so long in our own buffer is late. Nobody hears less, and nothing is lost; where the buffer is full it
/// is twice as long.
const LATE: Micros = Micros::from_millis(50);
/// So long without a break, before the first pictures rest, and before more do. A thread that was stopped for a moment has read
/// what came meanwhile by then; and what waits already takes a while to become less.
const LATE_FOR: (Micros, Micros) = (Micros::from_millis(300), Micros::from_millis(600));
/// Of so many parts of all pictures the latter begin to rest at once. They come back by one: each needs a key frame, which is
/// tens of packets for everyone who takes it, and an eighth of all at once would be the next that is too much.
const PARTS: (u32, u32) = (64, 8);
/// What waits has to become less by a quarter in that time, or more pictures rest.
const FALLS: (u64, u64) = (3, 4);
/// Between being late and the first pictures that come back. Twice as long each time that it was too soon, up to the latter.
const HOLD: (Micros, Micros) = (Micros::from_secs(2), Micros::from_secs(64));
/// The next follow after this part of it, if it is not late meanwhile.
const NEXT: u64 = 16;
/// Late within this time of pictures that came back: it was too soon.
const TOO_SOON: Micros = Micros::from_secs(5);
/// How often to look at who matters, while some rest.
const LOOK: Micros = Micros::from_secs(1);

/// How many parts of the pictures rest. Pure: `now` rises from call to call.
#[derive(Debug)]
pub(crate) struct Relief {
    parts: u32,
    /// Late without a break since then, or since the last look at whether that becomes less.
    late_since: Option<Micros>,
    waited: Micros,
    waited_then: Micros,
    /// When it was late for the last time, or when pictures last came back.
    waits_since: Micros,
    came_back: Option<Micros>,
    hold: Micros,
    looked: Micros,
}

impl Default for Relief {
    fn default() -> Self {
        Self {
            parts: 0,
            late_since: None,
            waited: Micros(0),
            waited_then: Micros(0),
            waits_since: Micros(0),
            came_back: None,
            hold: HOLD.0,
            looked: Micros(0),
        }
    }
}

impl Relief {
    /// What was read last had waited for so long; zero where nothing waits any more.
    pub(crate) fn note_wait(&mut self, now: Micros, waited: Micros) {
        self.waited = waited;
        if waited < LATE {
            self.late_since = None;
            return;
        }
        self.late_since.get_or_insert(now);
        self.waits_since = now;
    }

    /// Whether to go through the pictures now: how many of [`PARTS`] are to rest, and the time since the last look.
    pub(crate) fn poll(&mut self, now: Micros) -> Option<(u32, Micros)> {
        let before = self.parts;
        if self.is_late(now) {
            self.late_since = Some(now);
            let falls = self.waited.0 * FALLS.1 <= self.waited_then.0 * FALLS.0;
            self.waited_then = self.waited;
            if self.parts == 0 || !falls {
                self.rest_more(now);
            }
        } else if self.parts > 0 && now.since(self.waits_since) >= self.wait_to_come_back() {
            self.parts -= 1;
            self.waits_since = now;
            self.came_back = Some(now);
        }
        let is_due = self.parts != before || (self.parts > 0 && now.since(self.looked) >= LOOK);
        is_due.then(|| {
            let before = std::mem::replace(&mut self.looked, now);
            (self.parts, now.since(before))
        })
    }

    fn is_late(&self, now: Micros) -> bool {
        let span = if self.parts == 0 {
            LATE_FOR.0
        } else {
            LATE_FOR.1
        };
        self.late_since
            .is_some_and(|since| now.since(since) >= span)
    }

    fn wait_to_come_back(&self) -> Micros {
        let parts = if self.came_back.is_some() { NEXT } else { 1 };
        Micros(self.hold.0 / parts)
    }

    fn rest_more(&mut self, now: Micros) {
        let since = self.came_back.map(|at| now.since(at));
        self.hold = match since {
            Some(since) if since < TOO_SOON => HOLD.1.min(self.hold + self.hold),
            // One failure counts once, however many parts it takes.
            _ if self.parts > 0 => self.hold,
            Some(since) if since < HOLD.1 => self.hold,
            _ => HOLD.0,
        };
        self.came_back = None;
        self.parts = PARTS.0.min(self.parts + PARTS.1);
    }
}

/// A picture on its way to somebody, in the order in which they rest: what matters less first, and among equals by a number
/// of its source that tells nothing of rooms, so that each room loses about as much, and one key frame serves all.
type Picture = (Reverse<u8>, u32, Taker, RoomId);

impl Shard {
    /// Lets as many pictures rest as have to, and no others.
    pub(crate) fn relieve(&mut self, now: Micros, out: &mut Outbox) {
        let Some((parts, since)) = self.pressure.poll_relief(now) else {
            return;
        };
        self.row.pictures_rested_us += self.row.pictures_resting * since.0;
        let mut pictures = self.pictures(now);
        pictures.sort_unstable_by_key(|(matters, number, taker, _)| {
            (*matters, *number, taker.leg, taker.slot)
        });
        let resting = pictures.len() * parts as usize / PARTS.0 as usize;
        for (at, (_, _, taker, room)) in pictures.into_iter().enumerate() {
            self.guarded(out, |shard, out| {
                shard.at_work = Some(room);
                shard.let_rest(now, taker, at < resting, out);
            });
        }
        self.row.pictures_resting = resting as u64;
    }

    /// All that flow, or would. Cameras that are off count for nothing, unless they rest: they have to come back.
    fn pictures(&self, now: Micros) -> Vec<Picture> {
        let mut pictures = Vec::new();
        for (index, leg) in (0_u32..).zip(&self.legs) {
            let Some(leg) = leg else {
                continue;
            };
            for (number, slot) in (0_u16..).zip(&leg.slots) {
                let counts = |filling: &&Filling| {
                    let source = self.source_of(filling);
                    let is_sent = source.is_some_and(|source| !source.is_idle(now));
                    slot.spec.kind == Kind::Video && (is_sent || filling.terms.rests)
                };
                let Some(filling) = slot.filling.as_ref().filter(counts) else {
                    continue;
                };
                let taker = Taker {
                    leg: index,
                    slot: number,
                };
                let matters = Reverse(filling.terms.claim.importance);
                pictures.push((matters, scatter(filling.leg), taker, leg.room));
            }
        }
        pictures
    }

    fn let_rest(&mut self, now: Micros, taker: Taker, rests: bool, out: &mut Outbox) {
        let Some(filling) = self.filling_mut(taker) else {
            return;
        };
        if filling.terms.rests == rests {
            return;
        }
        filling.terms.rests = rests;
        self.aim(now, taker, out);
    }
}

/// Neighbours far apart (a multiplicative hash: Knuth, The Art of Computer Programming 6.4).
const fn scatter(number: u32) -> u32 {
    number.wrapping_mul(0x9e37_79b1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Micros {
        Micros::from_millis(millis)
    }

    /// Late, or not, for so long, looked at every ten milliseconds. Gives what was to rest at the end.
    fn go(relief: &mut Relief, (from, until): (u64, u64), waited: u64) -> u32 {
        for now in (from..until).step_by(10) {
            relief.note_wait(at(now), at(waited));
            relief.poll(at(now));
        }
        relief.parts
    }

    #[test]
    fn who_was_stopped_for_a_moment_lets_nothing_rest() {
        let mut relief = Relief::default();
        assert_eq!(go(&mut relief, (0, 290), 700), 0);
        assert_eq!(go(&mut relief, (290, 300), 0), 0);
        assert_eq!(go(&mut relief, (300, 590), 700), 0);
    }

    #[test]
    fn pictures_rest_by_eighths_while_it_is_late_and_come_back_by_and_by() {
        let mut relief = Relief::default();
        assert_eq!(go(&mut relief, (0, 310), 100), 8);
        assert_eq!(go(&mut relief, (310, 890), 100), 8);
        assert_eq!(go(&mut relief, (890, 910), 100), 16);
        assert_eq!(go(&mut relief, (910, 10_000), 100), 64);
        assert_eq!(go(&mut relief, (10_000, 11_900), 0), 64);
        assert_eq!(go(&mut relief, (11_900, 12_000), 0), 63);
        assert_eq!(go(&mut relief, (12_000, 12_600), 0), 59);
        assert_eq!(go(&mut relief, (12_600, 21_000), 0), 0);
    }

    #[test]
    fn who_catches_up_lets_no_more_rest() {
        let mut relief = Relief::default();
        assert_eq!(go(&mut relief, (0, 310), 200), 8);
        assert_eq!(go(&mut relief, (310, 910), 140), 8);
        assert_eq!(go(&mut relief, (910, 1_510), 100), 8);
        assert_eq!(go(&mut relief, (1_510, 2_110), 90), 16);
    }

    #[test]
    fn what_came_back_too_soon_waits_twice_as_long() {
        let mut relief = Relief::default();
        assert_eq!(go(&mut relief, (0, 310), 100), 8);
        assert_eq!(go(&mut relief, (310, 2_400), 0), 7);
        assert_eq!(go(&mut relief, (2_400, 3_010), 100), 15);
        assert_eq!(go(&mut relief, (3_010, 6_900), 0), 15);
        assert_eq!(go(&mut relief, (6_900, 7_100), 0), 14);
        assert_eq!(go(&mut relief, (7_100, 12_000), 0), 0);
        // After a minute that is forgotten.
        assert_eq!(go(&mut relief, (12_000, 80_000), 0), 0);
        assert_eq!(go(&mut relief, (80_000, 80_310), 100), 8);
        assert_eq!(go(&mut relief, (80_310, 82_400), 0), 7);
    }

    #[test]
    fn while_some_rest_it_is_looked_every_second_who_matters() {
        let mut relief = Relief::default();
        go(&mut relief, (0, 310), 100);
        let looks = (310..2_200).step_by(10).filter(|now| {
            relief.note_wait(at(*now), at(0));
            relief.poll(at(*now)).is_some()
        });
        assert_eq!(looks.count(), 1);
    }
}
