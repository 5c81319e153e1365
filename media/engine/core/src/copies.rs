//! Pictures sent twice where packets are lost and the link has room: a copy of each packet goes a moment later, so that
//! hardly a picture waits for a round trip until it is whole.
//!
//! A request is answered all the same: the copy may be lost as well, and who waited for it would lose the round trip that
//! it is to save. Copies take what is left over: they do not wait for their turn, and no other packet waits for them.

use crate::bwe::{Fate, Kind};
use crate::time::Micros;
use std::collections::VecDeque;

/// For so long after a loss.
const LOSSY_FOR: Micros = Micros::from_secs(2);
/// And after a picture: there is nothing to copy else, and no reason to look for room.
const SEEN_FOR: Micros = Micros::from_secs(2);
/// While more of what reports call lost is taken back, packets overtake one another, and a copy mends nothing.
const ORDERLY: f32 = 0.2;
/// Weight of one packet in that share.
const WEIGHT: f32 = 1.0 / 16.0;
/// A burst of losses that took the packet is over then, and of 25 pictures a second the next has not begun.
const AFTER: Micros = Micros::from_millis(20);
/// Where the link carries so many times what is wanted. With less room, copies of a part only fill it.
const ROOM: f64 = 2.0;
/// Until that is known, which takes some reports, copies of a part go for so long where it carries so many times that.
const TRIED: (Micros, f64) = (Micros::from_secs(3), 1.2);
/// Copies go while all that is sent is less than this share of what the link carries.
const SHARE: f64 = 0.9;
/// What is left over may be saved up for so long: one picture of 25 a second.
const SAVED: Micros = Micros::from_millis(40);
/// A large picture is not owed for longer than this.
const OWED: Micros = Micros::from_millis(200);
/// Copies that wait for their time at most; further packets have none.
const MOST: usize = 128;
/// No copies for so long after they went and the link was found to drop what comes too fast, or to have no room for all, at
/// first and at most, twice as long each time: what lets a probe through may not carry as much for long. A queue says so by
/// itself: the rate is what drained it from then on.
const BARRED: (Micros, Micros) = (Micros::from_secs(5), Micros::from_secs(160));
/// Nor is that remembered for longer than this.
const REMEMBERED: Micros = Micros::from_secs(120);

/// What is known of a link's room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// So many bit/s.
    Carries(u32),
    /// Too little to speak of, a queue that is being drained, or something that is being found out.
    Unknown,
    /// It drops what comes too fast.
    Dropping,
}

impl Room {
    const fn bps(self) -> f64 {
        match self {
            Self::Carries(bps) => bps as f64,
            Self::Unknown | Self::Dropping => 0.0,
        }
    }
}

/// The copies towards one receiver. `T` tells where a packet is to be had.
#[derive(Debug)]
pub struct Copies<T> {
    is_on: bool,
    is_allowed: bool,
    /// When a report called a packet lost, and which share of what reports say so of is taken back.
    lost_at: Option<Micros>,
    taken_back: f32,
    picture_at: Option<Micros>,
    /// Since when copies of a part have gone.
    tried_at: Option<Micros>,
    barred_until: Micros,
    barred_for: Micros,
    waiting: VecDeque<(Micros, T)>,
    /// Bytes a microsecond, and bytes that are left over.
    rate: f64,
    left: f64,
    at: Micros,
}

impl<T> Copies<T> {
    /// None, until something is lost.
    pub const fn new(now: Micros) -> Self {
        Self {
            is_on: false,
            is_allowed: true,
            lost_at: None,
            taken_back: 0.0,
            picture_at: None,
            tried_at: None,
            barred_until: now,
            barred_for: BARRED.0,
            waiting: VecDeque::new(),
            rate: 0.0,
            left: 0.0,
            at: now,
        }
    }

    /// Whether pictures may be sent twice, as far as the bridge and the way are concerned.
    pub const fn allow(&mut self, is_allowed: bool) {
        self.is_allowed = is_allowed;
    }

    /// Whether they may.
    pub const fn are_allowed(&self) -> bool {
        self.is_allowed
    }

    /// Whether copies would be of use now, if the link carries them.
    pub fn are_wanted(&self, now: Micros) -> bool {
        let is_within = |at: Option<Micros>, span| at.is_some_and(|at| now.since(at) < span);
        let is_useful = is_within(self.lost_at, LOSSY_FOR) && is_within(self.picture_at, SEEN_FOR);
        let may = self.is_allowed && now >= self.barred_until;
        is_useful && may && self.taken_back < ORDERLY
    }

    /// What a report says of a packet. What a probe loses is its own doing.
    pub fn note_fate(&mut self, now: Micros, fate: &Fate) {
        if fate.kind != Kind::Padding && (fate.lost || fate.late) {
            let so = f32::from(u8::from(fate.late));
            self.taken_back += WEIGHT * (so - self.taken_back);
            self.lost_at = if fate.lost { Some(now) } else { self.lost_at };
        }
    }

    /// Decides anew by the link's room, and by what would be sent over it in bit/s if it carried that.
    pub fn decide(&mut self, now: Micros, room: Room, wanted_bps: u32) {
        self.pass_time(now);
        let (bps, wanted) = (room.bps(), f64::from(wanted_bps));
        if self.is_on && room == Room::Dropping {
            self.bar(now);
        } else if now.since(self.barred_until) > REMEMBERED {
            self.barred_for = BARRED.0;
        }
        let may = bps > 0.0 && self.are_wanted(now);
        let has_room = bps >= ROOM * wanted;
        self.is_on = may && (has_room || (bps >= TRIED.1 * wanted && self.tries(now)));
        self.tried_at = self.tried_at.filter(|_| !has_room);
        self.rate = bps * SHARE / 8e6;
        if !self.is_on {
            self.waiting.clear();
        }
    }

    /// Whether copies of a part may go while it is found out whether all may.
    fn tries(&mut self, now: Micros) -> bool {
        let since = *self.tried_at.get_or_insert(now);
        let is_over = now.since(since) > TRIED.0;
        if is_over {
            self.bar(now);
        }
        !is_over
    }

    fn bar(&mut self, now: Micros) {
        self.tried_at = None;
        self.barred_until = now + self.barred_for;
        self.barred_for = Micros(self.barred_for.0 * 2).min(BARRED.1);
    }

    /// Something of that many bytes was sent.
    pub fn note_sent(&mut self, now: Micros, bytes: usize) {
        if self.is_on {
            self.pass_time(now);
            self.left -= bytes as f64;
        }
    }

    /// A packet of a picture has left.
    pub fn note_picture(&mut self, now: Micros, packet: T) {
        self.picture_at = Some(now);
        if self.is_on && self.waiting.len() < MOST {
            self.waiting.push_back((now + AFTER, packet));
        }
    }

    /// The next copy whose time has come, if there is room for it; those for which there is none are left out.
    pub fn next(&mut self, now: Micros, has_room: bool) -> Option<T> {
        while self.next_at().is_some_and(|at| at <= now) {
            let (_, packet) = self.waiting.pop_front()?;
            self.pass_time(now);
            if has_room && self.left > 0.0 {
                return Some(packet);
            }
        }
        None
    }

    /// When the next copy is due.
    pub fn next_at(&self) -> Option<Micros> {
        self.waiting.front().map(|(at, _)| *at)
    }

    /// Forgets packets that are not wanted any more.
    pub fn retain(&mut self, wanted: impl Fn(&T) -> bool) {
        self.waiting.retain(|(_, packet)| wanted(packet));
    }

    fn pass_time(&mut self, now: Micros) {
        let us = now.since(self.at).0 as f64;
        self.at = self.at.max(now);
        let most = self.rate * SAVED.0 as f64;
        let least = -self.rate * OWED.0 as f64;
        self.left = (self.left + self.rate * us).clamp(least, most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Room = Room::Carries(4_000_000);
    const LOST: Fate = Fate {
        number: 1,
        kind: Kind::Video,
        lost: true,
        late: false,
    };

    fn at(millis: u64) -> Micros {
        Micros::from_millis(1_000_000 + millis)
    }

    /// What is copied of five packets of 1,000 bytes each 40 ms, for a second from that time on, at such a rate.
    fn copied(copies: &mut Copies<u64>, from: u64, room: Room) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        for ms in from..from + 1_000 {
            copies.decide(at(ms), room, 1_000_000);
            while let Some(packet) = copies.next(at(ms), true) {
                copies.note_sent(at(ms), 1_000);
                found.push((ms, packet));
            }
            if ms % 40 == 0 {
                for part in 0..5 {
                    copies.note_sent(at(ms), 1_000);
                    copies.note_picture(at(ms), ms * 10 + part);
                }
            }
        }
        found
    }

    #[test]
    fn after_a_loss_each_packet_goes_once_more_a_moment_later() {
        let mut copies = Copies::new(at(0));
        assert_eq!(copied(&mut copies, 0, WIDE), []);
        copies.note_fate(at(1_000), &LOST);
        let found = copied(&mut copies, 1_000, WIDE);
        assert!(found.len() >= 120);
        assert!(found.iter().all(|(ms, packet)| *ms == packet / 10 + 20));
    }

    #[test]
    fn they_end_when_nothing_is_lost_any_more() {
        let mut copies = Copies::new(at(0));
        copies.note_fate(at(0), &LOST);
        let found: Vec<_> = (0..4)
            .map(|s| copied(&mut copies, s * 1_000, WIDE).len())
            .collect();
        assert!(found[0] >= 120 && found[1..] == [125, 0, 0], "{found:?}");
    }

    #[test]
    fn they_go_where_the_link_has_room_for_all_of_them() {
        let rooms = [
            (Room::Carries(2_400_000), true),
            (Room::Carries(1_150_000), false),
            (Room::Unknown, false),
        ];
        for (room, all) in rooms {
            let mut copies = Copies::new(at(0));
            copies.note_fate(at(0), &LOST);
            let found = copied(&mut copies, 0, room).len();
            assert!(
                if all { found >= 120 } else { found == 0 },
                "{room:?}: {found}"
            );
        }
    }

    #[test]
    fn they_take_what_is_left_over() {
        let mut copies = Copies::new(at(0));
        copies.note_fate(at(0), &LOST);
        let mut found = 0;
        for ms in 0..1_000 {
            copies.decide(at(ms), WIDE, 1_000_000);
            // Of 450 bytes a millisecond, repairs of something else take 350.
            copies.note_sent(at(ms), 350);
            copies.note_picture(at(ms), ms);
            while copies.next(at(ms), true).is_some() {
                copies.note_sent(at(ms), 1_000);
                found += 1;
            }
        }
        assert!((90..=120).contains(&found), "{found}");
    }

    #[test]
    fn none_go_where_they_are_not_allowed() {
        let mut copies = Copies::new(at(0));
        copies.note_fate(at(0), &LOST);
        copies.allow(false);
        assert!(!copies.are_wanted(at(0)));
        assert_eq!(copied(&mut copies, 0, WIDE), []);
    }

    #[test]
    fn none_go_where_packets_only_overtake_one_another() {
        let mut copies = Copies::new(at(0));
        for ms in 0..40 {
            copies.note_fate(at(ms), &LOST);
            let late = Fate {
                lost: false,
                late: true,
                ..LOST
            };
            copies.note_fate(at(ms), &late);
        }
        assert_eq!(copied(&mut copies, 40, WIDE), []);
    }

    #[test]
    fn what_has_no_time_or_no_room_waits_for_nothing() {
        let mut copies = Copies::new(at(0));
        copies.note_fate(at(0), &LOST);
        copies.note_picture(at(0), 0);
        copies.decide(at(0), WIDE, 0);
        copies.decide(at(40), WIDE, 0);
        for packet in 0..200 {
            copies.note_picture(at(40), packet);
        }
        assert_eq!(copies.waiting.len(), MOST);
        copies.retain(|packet| packet % 2 == 0);
        assert_eq!(copies.waiting.len(), MOST / 2);
        assert_eq!(copies.next(at(59), true), None);
        assert_eq!(copies.next(at(60), true), Some(0));
        assert_eq!((copies.next(at(60), false), copies.next_at()), (None, None));
    }

    #[test]
    fn a_part_goes_until_it_is_known_whether_there_is_room_for_all() {
        let narrow = Room::Carries(1_500_000);
        let mut copies = Copies::new(at(0));
        let mut found = Vec::new();
        for second in 0..20 {
            copies.note_fate(at(second * 1_000), &LOST);
            copies.note_fate(at(second * 1_000 + 500), &LOST);
            found.push(copied(&mut copies, second * 1_000, narrow).len());
        }
        // Three seconds, then five and ten without.
        let tries = |part: &[usize]| part.iter().all(|count| (10..=60).contains(count));
        assert!(tries(&found[..3]) && tries(&found[9..11]), "{found:?}");
        assert!(
            found[4..8]
                .iter()
                .chain(&found[12..])
                .all(|count| *count == 0),
            "{found:?}"
        );
    }

    #[test]
    fn a_link_that_they_have_filled_is_spared_for_longer_each_time() {
        let mut copies = Copies::new(at(0));
        let (mut now, mut pauses) = (0, Vec::new());
        for _ in 0..7 {
            let began = now;
            while !copies.is_on {
                copies.note_fate(at(now), &LOST);
                copies.note_picture(at(now), now);
                copies.decide(at(now), WIDE, 1_000_000);
                now += 100;
            }
            pauses.push((now - began) / 1_000);
            copies.decide(at(now), Room::Dropping, 1_000_000);
        }
        assert_eq!(pauses, [0, 5, 10, 20, 40, 80, 160]);
        // While there were none, that was somebody else.
        let until = copies.barred_until;
        copies.decide(at(now), Room::Dropping, 1_000_000);
        assert_eq!(copies.barred_until, until);
        copies.decide(until + REMEMBERED + Micros(1), Room::Unknown, 1_000_000);
        assert_eq!(copies.barred_for, BARRED.0);
    }

    #[test]
    fn a_probe_that_is_lost_and_a_call_without_pictures_ask_for_none() {
        let mut copies = Copies::new(at(0));
        copies.note_picture(at(0), 1);
        let probe = Fate {
            kind: Kind::Padding,
            ..LOST
        };
        copies.note_fate(at(0), &probe);
        assert!(!copies.are_wanted(at(0)));
        copies.note_fate(at(0), &LOST);
        assert!(copies.are_wanted(at(0)));
        copies.note_fate(at(2_500), &LOST);
        assert!(!copies.are_wanted(at(2_500)));
    }
}
