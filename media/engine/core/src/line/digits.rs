//! Keys that somebody presses on a telephone (RFC 4733): each is told once, when it is over or its packets stop.
//!
//! An event is known by the timestamp of its packets, which is that of its beginning. Its end is sent three times, and may
//! be lost all the same. What is longer than 16 bits of ticks goes on under another timestamp, as many ticks later as the
//! part before lasted.

use crate::ration::Ration;
use crate::time::Micros;
use engine_wire::payload::telephone_event::TelephoneEvent;

/// Events are repeated every 50 ms at the latest (section 2.5.1.2): after so long without one, its end is lost.
pub const LOST: Micros = Micros::from_millis(250);
/// No packet is overtaken by others for longer.
const OVERTAKEN: Micros = Micros::from_secs(1);
/// Nobody presses more keys in a second.
const MOST: u32 = 20;

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digit {
    /// `0` to `9`, `*`, `#`, `A` to `D`.
    pub key: char,
    /// For how long.
    pub duration_ms: u32,
}

#[derive(Debug, Clone, Copy)]
struct Pressed {
    key: char,
    timestamp: u32,
    /// Ticks of the parts before this one.
    before: u64,
    duration: u16,
    heard: Micros,
    is_told: bool,
}

/// The keys of one line.
#[derive(Debug, Default)]
pub struct Digits {
    last: Option<Pressed>,
    clock_rate: u32,
    ration: Ration,
}

impl Digits {
    /// Takes a packet of an event and calls `tell` with each key that is over by it: the one before, if its end was lost,
    /// and its own.
    pub fn take(
        &mut self,
        now: Micros,
        (timestamp, clock_rate): (u32, u32),
        payload: &[u8],
        mut tell: impl FnMut(Digit),
    ) {
        let Ok(event) = TelephoneEvent::parse(payload) else {
            return;
        };
        let Some(key) = event.key() else {
            return;
        };
        self.clock_rate = clock_rate;
        match &mut self.last {
            Some(last) if last.timestamp == timestamp => {
                if last.key != key {
                    return;
                }
                last.duration = last.duration.max(event.duration);
                last.heard = now;
            }
            Some(last) if last.came_after(timestamp, now) => return,
            Some(last) if last.goes_on(key, timestamp) => {
                last.before += u64::from(last.duration);
                (last.timestamp, last.duration, last.heard) = (timestamp, event.duration, now);
            }
            _ => {
                self.finish(now, &mut tell);
                self.last = Some(Pressed {
                    key,
                    timestamp,
                    before: 0,
                    duration: event.duration,
                    heard: now,
                    is_told: false,
                });
            }
        }
        if event.end {
            self.finish(now, &mut tell);
        }
    }

    /// Tells of a key whose packets have stopped.
    pub fn handle_timeout(&mut self, now: Micros, mut tell: impl FnMut(Digit)) {
        if self.next_at().is_some_and(|at| at <= now) {
            self.finish(now, &mut tell);
        }
    }

    /// When to come again, if a key is held.
    pub fn next_at(&self) -> Option<Micros> {
        let held = self.last.filter(|last| !last.is_told);
        held.map(|last| last.heard + LOST)
    }

    fn finish(&mut self, now: Micros, tell: &mut impl FnMut(Digit)) {
        let Some(last) = self.last.as_mut().filter(|last| !last.is_told) else {
            return;
        };
        last.is_told = true;
        let ticks = last.before + u64::from(last.duration);
        let millis = ticks * 1_000 / u64::from(self.clock_rate.max(1));
        if self.ration.take(now, MOST) {
            tell(Digit {
                key: last.key,
                duration_ms: u32::try_from(millis).unwrap_or(u32::MAX),
            });
        }
    }
}

impl Pressed {
    /// Whether a packet is of an event before this one, and has only been overtaken. A sender that begins again has other
    /// timestamps.
    fn came_after(&self, timestamp: u32, now: Micros) -> bool {
        is_before(timestamp, self.timestamp) && now.since(self.heard) < OVERTAKEN
    }

    /// Whether a packet is of a further part of the same event.
    fn goes_on(&self, key: char, timestamp: u32) -> bool {
        let next = self.timestamp.wrapping_add(self.duration.into());
        !self.is_told && self.duration == u16::MAX && self.key == key && timestamp == next
    }
}

/// Whether a timestamp is older, around the end of its 32 bits.
const fn is_before(timestamp: u32, other: u32) -> bool {
    timestamp.wrapping_sub(other) > u32::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CLOCK: u32 = 8_000;

    fn at(millis: u64) -> Micros {
        Micros::from_secs(1_000) + Micros::from_millis(millis)
    }

    fn packet(event: u8, end: bool, duration: u16) -> [u8; 4] {
        let [high, low] = duration.to_be_bytes();
        [event, u8::from(end) << 7 | 10, high, low]
    }

    /// Packets (ms, timestamp, event, end, duration) and the keys that come of them, with a look every 10 ms.
    fn keys(packets: &[(u64, u32, u8, bool, u16)]) -> Vec<(char, u32)> {
        let (mut digits, mut told) = (Digits::default(), Vec::new());
        let mut packets = packets.iter().peekable();
        for millis in (0..20_000).step_by(10) {
            while let Some((_, timestamp, event, end, duration)) =
                packets.next_if(|packet| packet.0 <= millis)
            {
                let payload = packet(*event, *end, *duration);
                digits.take(at(millis), (*timestamp, CLOCK), &payload, |digit| {
                    told.push(digit);
                });
            }
            digits.handle_timeout(at(millis), |digit| told.push(digit));
        }
        told.iter()
            .map(|digit| (digit.key, digit.duration_ms))
            .collect()
    }

    #[test]
    fn a_key_is_told_once_in_spite_of_three_ends() {
        let whole = [
            (0, 1_000, 5, false, 160),
            (20, 1_000, 5, false, 320),
            (40, 1_000, 5, true, 800),
            (60, 1_000, 5, true, 800),
            (80, 1_000, 5, true, 800),
        ];
        assert_eq!(keys(&whole), [('5', 100)]);
        assert_eq!(keys(&whole[3..]), [('5', 100)], "of which only an end came");
        let twice = whole.map(|(at, timestamp, ..)| (at + 200, timestamp + 1_600, 5, true, 80));
        assert_eq!(keys(&[whole, twice].concat()), [('5', 100), ('5', 10)]);
    }

    #[test]
    fn a_key_whose_ends_are_lost_is_told_by_what_follows_or_by_silence() {
        let begun = [(0, 1_000, 11, false, 160), (20, 1_000, 11, false, 320)];
        assert_eq!(keys(&begun), [('#', 40)]);
        let next = (40, 3_000, 1, true, 400);
        assert_eq!(keys(&[begun[0], begun[1], next]), [('#', 40), ('1', 50)]);
        let late_end = (900, 1_000, 11, true, 8_000);
        assert_eq!(keys(&[begun[0], late_end]), [('#', 20)], "not twice");
        let overtaken = [begun[0], next, (60, 1_000, 11, true, 8_000)];
        assert_eq!(keys(&overtaken), [('#', 20), ('1', 50)]);
        let began_again = [begun[0], (3_000, 7, 2, true, 80)];
        assert_eq!(keys(&began_again), [('#', 20), ('2', 10)]);
    }

    #[test]
    fn a_key_that_is_held_for_long_is_one_key() {
        let mut packets = Vec::new();
        for part in 0..2_u32 {
            for step in 1..=8_u32 {
                let duration = (step * 8_192).min(65_535) as u16;
                let millis = u64::from(part * 8 + step) * 200;
                let timestamp = 0xffff_0000_u32.wrapping_add(part * 65_535);
                packets.push((millis, timestamp, 3, part == 1 && step == 8, duration));
            }
        }
        // Each 200 ms a packet is later than the RFC allows, but not lost.
        assert_eq!(keys(&packets), [('3', 2 * 65_535 / 8)]);
    }

    #[test]
    fn what_is_no_key_is_passed_over() {
        assert_eq!(keys(&[(0, 1, 16, true, 80), (20, 2, 32, true, 80)]), []);
        let mut digits = Digits::default();
        digits.take(at(0), (0, CLOCK), &[1, 2, 3], |_| {
            panic!("too short for a key")
        });
        assert_eq!(digits.next_at(), None);
    }

    #[test]
    fn nobody_presses_a_hundred_keys_a_second() {
        let packets: Vec<_> = (0..100)
            .map(|n| (u64::from(n), n * 10, 7, true, 8))
            .collect();
        assert_eq!(keys(&packets).len(), MOST as usize);
    }

    proptest! {
        /// Whatever is lost or doubled of calm typing: every key of which anything came is told once, and in order.
        #[test]
        fn each_key_is_told_once(
            typed in prop::collection::vec((0u8..16, prop::collection::vec(0u8..3, 7)), 0..12),
        ) {
            let (mut packets, mut expected) = (Vec::new(), Vec::new());
            for (place, (event, copies)) in (0_u32..).zip(&typed) {
                for (step, copies) in (0_u16..).zip(copies) {
                    let millis = u64::from(place) * 400 + u64::from(step) * 20;
                    let one = (millis, place * 3_200, *event, step >= 4, 160 * (step.min(4) + 1));
                    packets.extend(std::iter::repeat_n(one, usize::from(*copies)));
                }
                if copies.iter().any(|copies| *copies > 0) {
                    expected.push("0123456789*#ABCD".chars().nth(usize::from(*event)).unwrap());
                }
            }
            let told: Vec<char> = keys(&packets).into_iter().map(|(key, _)| key).collect();
            prop_assert_eq!(told, expected);
        }

        /// Any packets whatever: no more keys than timestamps, and no panic.
        #[test]
        fn any_packets_are_borne(
            packets in prop::collection::vec((0u64..2_000, any::<u32>(), any::<[u8; 4]>()), 0..50),
        ) {
            let mut packets = packets;
            packets.sort_unstable();
            let (mut digits, mut told) = (Digits::default(), 0);
            for (millis, timestamp, payload) in &packets {
                digits.handle_timeout(at(*millis), |_| told += 1);
                digits.take(at(*millis), (*timestamp, CLOCK), payload, |_| told += 1);
            }
            let distinct: std::collections::HashSet<u32> = packets.iter().map(|p| p.1).collect();
            prop_assert!(told <= distinct.len());
        }
    }
}
