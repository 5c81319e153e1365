//! Pictures sent twice where packets are lost and the link has room: a copy of each packet goes a moment later, so that
//! hardly a picture waits for a round trip until it is whole.
//!
//! A request is answered all the same: the copy may be lost as well, and who waited for it would lose the round trip that
//! it is to save. Copies take only what is left over: they do not wait for their turn, and nothing waits for them.

use crate::time::Micros;
use std::collections::VecDeque;

/// For so long after a loss.
const LOSSY_FOR: Micros = Micros::from_secs(2);
/// While more of what reports call lost is taken back, packets overtake one another, and a copy mends nothing.
const ORDERLY: f32 = 0.2;
/// Weight of one packet in that share.
const WEIGHT: f32 = 1.0 / 16.0;
/// A burst of losses that took the packet is over then, and the next picture has not begun.
const AFTER: Micros = Micros::from_millis(20);
/// Only where the link carries so many times what is wanted: with less room, copies of a part only fill it.
const ROOM: u32 = 2;
/// All together takes this share of what the link carries at most, so that no queue comes of it.
const SHARE: f64 = 0.9;
/// What is left over may be saved up for so long: one picture of 25 a second.
const SAVED: Micros = Micros::from_millis(40);
/// A large picture is not owed for longer than this.
const OWED: Micros = Micros::from_millis(200);
/// Copies that wait for their time at most; further packets have none.
const MOST: usize = 128;

/// The copies towards one receiver. `T` tells where a packet is to be had.
#[derive(Debug)]
pub struct Copies<T> {
    is_on: bool,
    is_allowed: bool,
    /// When a report called a packet lost, and which share of what reports say so of is taken back.
    lost_at: Option<Micros>,
    taken_back: f32,
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

    /// Whether copies would be of use now, if the link carries them.
    pub fn are_wanted(&self, now: Micros) -> bool {
        let is_lossy = self.lost_at.is_some_and(|at| now.since(at) < LOSSY_FOR);
        is_lossy && self.is_allowed && self.taken_back < ORDERLY
    }

    /// A report calls a packet lost, or takes it back that it was.
    pub fn note_fate(&mut self, now: Micros, lost: bool, late: bool) {
        if lost || late {
            let so = f32::from(u8::from(late));
            self.taken_back += WEIGHT * (so - self.taken_back);
            self.lost_at = if lost { Some(now) } else { self.lost_at };
        }
    }

    /// Decides anew by what the link carries, in bit/s (`None` where it is full, or drops what comes too fast), and by what
    /// would be sent over it if it carried that.
    pub fn decide(&mut self, now: Micros, bps: Option<u32>, wanted_bps: u32) {
        self.pass_time(now);
        let has_room = bps.is_some_and(|bps| bps / ROOM >= wanted_bps);
        self.is_on = has_room && self.are_wanted(now);
        self.rate = f64::from(bps.unwrap_or(0)) * SHARE / 8e6;
        if !self.is_on {
            self.waiting.clear();
        }
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

    const WIDE: Option<u32> = Some(4_000_000);

    fn at(millis: u64) -> Micros {
        Micros::from_millis(1_000_000 + millis)
    }

    /// What is copied of five packets of 1,000 bytes each 40 ms, for a second from that time on, at such a rate.
    fn copied(copies: &mut Copies<u64>, from: u64, bps: Option<u32>) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        for ms in from..from + 1_000 {
            copies.decide(at(ms), bps, 1_000_000);
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
        copies.note_fate(at(1_000), true, false);
        let found = copied(&mut copies, 1_000, WIDE);
        assert!(found.len() >= 124);
        assert!(found.iter().all(|(ms, packet)| *ms == packet / 10 + 20));
    }

    #[test]
    fn they_end_when_nothing_is_lost_any_more() {
        let mut copies = Copies::new(at(0));
        copies.note_fate(at(0), true, false);
        let found: Vec<_> = (0..4)
            .map(|s| copied(&mut copies, s * 1_000, WIDE).len())
            .collect();
        assert!(found[0] >= 124 && found[1..] == [125, 0, 0], "{found:?}");
    }

    #[test]
    fn they_go_where_the_link_has_room_for_all_of_them() {
        for (bps, all) in [
            (Some(2_400_000), true),
            (Some(1_900_000), false),
            (None, false),
        ] {
            let mut copies = Copies::new(at(0));
            copies.note_fate(at(0), true, false);
            let found = copied(&mut copies, 0, bps).len();
            assert!(
                if all { found >= 120 } else { found == 0 },
                "{bps:?}: {found}"
            );
        }
    }

    #[test]
    fn they_take_what_is_left_over() {
        let mut copies = Copies::new(at(0));
        copies.note_fate(at(0), true, false);
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
        copies.note_fate(at(0), true, false);
        copies.allow(false);
        assert!(!copies.are_wanted(at(0)));
        assert_eq!(copied(&mut copies, 0, WIDE), []);
    }

    #[test]
    fn none_go_where_packets_only_overtake_one_another() {
        let mut copies = Copies::new(at(0));
        for ms in 0..40 {
            copies.note_fate(at(ms), true, false);
            copies.note_fate(at(ms), false, true);
        }
        assert_eq!(copied(&mut copies, 40, WIDE), []);
    }

    #[test]
    fn what_has_no_time_or_no_room_waits_for_nothing() {
        let mut copies = Copies::new(at(0));
        copies.note_fate(at(0), true, false);
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
}
