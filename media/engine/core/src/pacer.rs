//! Evens out what one receiver is sent, so that a key frame does not fill the queue of a thin link, in which sound would
//! wait behind it.
//!
//! Two budgets must last for a packet to leave. The *burst* budget allows a picture of usual size to leave within a few
//! milliseconds. The *long* budget runs at little more than the estimate, and is what bounds the queue that a large
//! picture makes in the link. Sound leaves at once whatever the budgets say, and takes from both. Repairs go before new
//! pictures, and new pictures in their order.
//!
//! Packets are held as references of the caller's own type; while the budgets last and nothing is held, none is.

use crate::time::Micros;
use std::collections::VecDeque;

/// The burst budget in times of the estimate: a picture leaves in half of the time until the next.
const BURST_RATE: f64 = 1.8;
/// The same towards a link that has hardly a queue, and drops what comes faster than it carries.
const SMOOTH_RATE: f64 = 1.15;
/// How much it saves up: the timer comes every millisecond at best, often later.
const BURST: Micros = Micros::from_millis(5);
/// The long budget: what is held must become less, so a little more than the estimate.
const LONG_RATE: f64 = 1.1;
/// How much that saves up, and with it how long a queue in the link may become: one picture of 25 a second.
const LONG: Micros = Micros::from_millis(40);
/// Either budget may save up so much at any rate: less than two packets would make a timer of each packet.
const LEAST: f64 = 2_500.0;
/// Unless that takes longer: sound would wait behind it.
const LEAST_SPAN: Micros = Micros::from_millis(50);
/// A budget that sound has overdrawn is not owed for longer than this: pictures must go on.
const DEBT: Micros = Micros::from_millis(100);
/// But always for one packet: on a very thin link, that one takes longer.
const ONE_PACKET: f64 = 1_500.0;
/// Packets held longer are dropped: the call has moved on, and a key frame that takes longer would better be a smaller one.
const HELD_LONGEST: Micros = Micros::from_secs(2);
/// Packets held at most: a key frame of 60 kB of four sources each, and more.
const HELD_MOST: usize = 512;

/// What a packet that is held is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// A packet that was sent before, or other repair.
    Repair,
    /// Part of a new picture.
    Picture,
}

/// Counts of a pacer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PacerCounts {
    /// Packets that left at once.
    pub passed: u64,
    /// Packets that were held.
    pub held: u64,
    /// Packets that were refused since too much was held already.
    pub refused: u64,
    /// Packets that were dropped since they were held too long.
    pub expired: u64,
}

#[derive(Debug, Clone, Copy)]
struct Held<T> {
    since: Micros,
    bytes: u32,
    item: T,
}

/// What follows from the rate alone is kept with it: each packet asks.
#[derive(Debug, Clone, Copy)]
struct Budget {
    span: Micros,
    bytes: f64,
    /// Bytes a microsecond.
    rate: f64,
    /// What it may save up.
    most: f64,
    /// And owe.
    debt: f64,
}

impl Budget {
    fn new(span: Micros, (bytes_per_us, times): (f64, f64)) -> Self {
        let mut budget = Self {
            span,
            bytes: LEAST,
            rate: 0.0,
            most: 0.0,
            debt: 0.0,
        };
        budget.set_rate(bytes_per_us, times, LEAST);
        budget
    }

    /// It grows with so many times the estimate, and may save up `least` bytes at any rate.
    fn set_rate(&mut self, bytes_per_us: f64, times: f64, least: f64) {
        let least = least.min(bytes_per_us * LEAST_SPAN.0 as f64);
        self.rate = bytes_per_us * times;
        self.most = (self.rate * self.span.0 as f64).max(least);
        self.debt = (self.rate * DEBT.0 as f64).max(ONE_PACKET);
    }

    fn grow(&mut self, us: u64) {
        let bytes = self.bytes + self.rate * us as f64;
        self.bytes = bytes.min(self.most).max(-self.debt);
    }

    /// Microseconds until something is left.
    fn wait(&self) -> u64 {
        let lacking = (1.0 - self.bytes).max(0.0);
        (lacking / self.rate).ceil() as u64
    }
}

/// The pacer of one receiver. `T` tells where a packet is to be had when its turn comes.
#[derive(Debug)]
pub struct Pacer<T> {
    bytes_per_us: f64,
    burst: Budget,
    long: Budget,
    last: Micros,
    repairs: VecDeque<Held<T>>,
    pictures: VecDeque<Held<T>>,
    held_bytes: u64,
    /// Those of repairs among them.
    repair_bytes: u64,
    counts: PacerCounts,
}

impl<T: Copy> Pacer<T> {
    /// A pacer for so many bit/s.
    pub fn new(now: Micros, bps: u32) -> Self {
        let bytes_per_us = per_us(bps);
        Self {
            bytes_per_us,
            burst: Budget::new(BURST, (bytes_per_us, BURST_RATE)),
            long: Budget::new(LONG, (bytes_per_us, LONG_RATE)),
            last: now,
            repairs: VecDeque::new(),
            pictures: VecDeque::new(),
            held_bytes: 0,
            repair_bytes: 0,
            counts: PacerCounts::default(),
        }
    }

    /// The estimate has changed. `smooth` is for a link that has hardly a queue: pictures then take all the time until
    /// the next.
    pub fn set_rate(&mut self, now: Micros, bps: u32, smooth: bool) {
        self.pass_time(now);
        self.bytes_per_us = per_us(bps);
        let (times, least) = if smooth {
            (SMOOTH_RATE, 1.0)
        } else {
            (BURST_RATE, LEAST)
        };
        self.burst.set_rate(self.bytes_per_us, times, least);
        self.long.set_rate(self.bytes_per_us, LONG_RATE, LEAST);
    }

    /// A packet that does not ask was sent: sound, or padding of a probe.
    pub fn note_sent(&mut self, now: Micros, bytes: usize) {
        self.pass_time(now);
        self.burst.bytes -= bytes as f64;
        self.long.bytes -= bytes as f64;
    }

    /// True: the packet may leave now, and its bytes are entered. False: it is held, or was refused.
    pub fn offer(&mut self, now: Micros, urgency: Urgency, bytes: usize, item: T) -> bool {
        self.pass_time(now);
        let first = match urgency {
            Urgency::Repair => self.repairs.is_empty(),
            Urgency::Picture => self.repairs.is_empty() && self.pictures.is_empty(),
        };
        if first && self.lasts() {
            self.note_sent(now, bytes);
            self.counts.passed += 1;
            return true;
        }
        if self.repairs.len() + self.pictures.len() >= HELD_MOST {
            self.counts.refused += 1;
            return false;
        }
        let bytes = bytes.min(usize::from(u16::MAX)) as u32;
        let queue = match urgency {
            Urgency::Repair => {
                self.repair_bytes += u64::from(bytes);
                &mut self.repairs
            }
            Urgency::Picture => &mut self.pictures,
        };
        queue.push_back(Held {
            since: now,
            bytes,
            item,
        });
        self.held_bytes += u64::from(bytes);
        self.counts.held += 1;
        false
    }

    /// The next packet that may leave now, with its bytes entered.
    pub fn next(&mut self, now: Micros) -> Option<T> {
        self.pass_time(now);
        while self.lasts() {
            let held = self.take_first()?;
            if now.since(held.since) > HELD_LONGEST {
                self.counts.expired += 1;
                continue;
            }
            self.note_sent(now, held.bytes as usize);
            return Some(held.item);
        }
        None
    }

    /// The next packet, whatever the budgets say: a probe sends what waits rather than padding. Gives its bytes too.
    pub fn next_for_probe(&mut self, now: Micros) -> Option<(T, usize)> {
        self.pass_time(now);
        let held = self.take_first()?;
        self.note_sent(now, held.bytes as usize);
        Some((held.item, held.bytes as usize))
    }

    fn take_first(&mut self) -> Option<Held<T>> {
        let repair = self.repairs.pop_front();
        self.repair_bytes -= repair.map_or(0, |held| u64::from(held.bytes));
        let held = repair.or_else(|| self.pictures.pop_front())?;
        self.held_bytes -= u64::from(held.bytes);
        Some(held)
    }

    /// When to call [`next`](Self::next) again, if something is held.
    pub fn next_at(&self) -> Option<Micros> {
        if self.held_bytes == 0 {
            return None;
        }
        let wait = [self.burst, self.long].map(|budget| budget.wait());
        Some(self.last + Micros(wait[0].max(wait[1])))
    }

    /// Forgets what is held and not wanted any more, such as the pictures of a slot that shows another source now.
    pub fn retain(&mut self, mut wanted: impl FnMut(&T) -> bool) {
        self.repairs.retain(|held| wanted(&held.item));
        self.pictures.retain(|held| wanted(&held.item));
        let sum = |queue: &VecDeque<Held<T>>| queue.iter().map(|held| u64::from(held.bytes)).sum();
        self.repair_bytes = sum(&self.repairs);
        let pictures: u64 = sum(&self.pictures);
        self.held_bytes = self.repair_bytes + pictures;
    }

    /// How long it takes until what is held now has left.
    pub fn delay(&self) -> Micros {
        Micros((self.held_bytes as f64 / (self.bytes_per_us * LONG_RATE)) as u64)
    }

    /// The same of the repairs, which go first.
    pub fn repair_delay(&self) -> Micros {
        Micros((self.repair_bytes as f64 / (self.bytes_per_us * LONG_RATE)) as u64)
    }

    /// How long it would take at another rate, in bit/s.
    pub fn delay_at(&self, bps: u32) -> Micros {
        Micros((self.held_bytes as f64 / per_us(bps)) as u64)
    }

    /// How long the oldest picture has been held.
    pub fn oldest(&self, now: Micros) -> Micros {
        self.pictures
            .front()
            .map_or(Micros(0), |held| now.since(held.since))
    }

    /// Bytes held.
    pub const fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    /// What it has done so far.
    pub const fn counts(&self) -> PacerCounts {
        self.counts
    }

    fn lasts(&self) -> bool {
        self.burst.bytes > 0.0 && self.long.bytes > 0.0
    }

    fn pass_time(&mut self, now: Micros) {
        let us = now.since(self.last).0;
        self.last = self.last.max(now);
        self.burst.grow(us);
        self.long.grow(us);
    }
}

fn per_us(bps: u32) -> f64 {
    f64::from(bps.max(1_000)) / 8e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(millis: u64) -> Micros {
        Micros::from_millis(1_000 + millis)
    }

    /// Runs until nothing is held; gives (ms, item) of everything that left.
    fn drain(pacer: &mut Pacer<u32>) -> Vec<(u64, u32)> {
        let mut left = Vec::new();
        while let Some(at) = pacer.next_at() {
            while let Some(item) = pacer.next(at) {
                left.push((at.since(ms(0)).0 / 1_000, item));
            }
            if let Some(next) = pacer.next_at() {
                assert!(next > at, "no progress at {at:?}");
            }
        }
        left
    }

    #[test]
    fn what_fits_passes() {
        let mut pacer = Pacer::new(ms(0), 1_000_000);
        for at in 0..1_000 {
            let item = at as u32;
            assert!(pacer.offer(ms(at * 10), Urgency::Picture, 1_200, item));
        }
        assert_eq!((pacer.counts().passed, pacer.next_at()), (1_000, None));
    }

    #[test]
    fn a_key_frame_on_a_thin_link_is_spread_and_sound_passes_it() {
        let mut pacer = Pacer::new(ms(0), 300_000);
        let mut passed = 0;
        for item in 0..50 {
            passed += usize::from(pacer.offer(ms(0), Urgency::Picture, 1_200, item));
        }
        assert!(passed <= 3, "{passed}");
        assert!((1_300..1_500).contains(&(pacer.delay().0 / 1_000)));
        assert!(pacer.offer(ms(0), Urgency::Repair, 1_200, 99) || pacer.held_bytes > 0);
        let left = drain(&mut pacer);
        // The queue of the link: what has left and not been carried at 300 kbit/s.
        let mut sent = passed as u64 * 1_200;
        for (at, _) in &left {
            sent += 1_200;
            let carried = (at + 1) * 300 / 8;
            assert!(
                sent <= carried * 11 / 10 + 3_700,
                "{sent} bytes after {at} ms"
            );
        }
        assert!((1_200..1_500).contains(&left.last().unwrap().0));
    }

    #[test]
    fn what_was_held_too_long_is_dropped() {
        let mut pacer = Pacer::new(ms(0), 100_000);
        for item in 0..50 {
            pacer.offer(ms(0), Urgency::Picture, 1_200, item);
        }
        let left = drain(&mut pacer);
        assert!(left.last().unwrap().0 <= 2_000);
        assert!(pacer.counts().expired > 0);
    }

    #[test]
    fn repairs_go_first_and_pictures_in_order() {
        let mut pacer = Pacer::new(ms(0), 300_000);
        for item in 0..10 {
            pacer.offer(ms(0), Urgency::Picture, 1_200, item);
        }
        let first_held = pacer.counts().passed as u32;
        pacer.offer(ms(1), Urgency::Repair, 1_200, 100);
        pacer.offer(ms(1), Urgency::Repair, 1_200, 101);
        let items: Vec<_> = drain(&mut pacer)
            .into_iter()
            .map(|(_, item)| item)
            .collect();
        let expected: Vec<_> = [100, 101].into_iter().chain(first_held..10).collect();
        assert_eq!(items, expected);
    }

    #[test]
    fn sound_does_not_stop_pictures_for_ever() {
        let mut pacer = Pacer::new(ms(0), 40_000);
        let mut left = 0;
        for at in 0..1_000 {
            // 48 kbit/s of sound with an estimate of 40.
            pacer.note_sent(ms(at * 20), 120);
            if at % 50 == 0 {
                pacer.offer(ms(at * 20), Urgency::Picture, 500, 1);
            }
            while pacer.next(ms(at * 20)).is_some() {
                left += 1;
            }
        }
        assert_eq!(left, 0, "{:?}", pacer.counts());
        assert!(pacer.held_bytes() <= 20 * 500);
    }

    #[test]
    fn too_much_is_refused_and_what_is_not_wanted_forgotten() {
        let mut pacer = Pacer::new(ms(0), 100_000);
        for item in 0..1_000 {
            pacer.offer(ms(0), Urgency::Picture, 1_200, item % 2);
        }
        let counts = pacer.counts();
        assert_eq!(counts.held, HELD_MOST as u64);
        assert_eq!(counts.passed + counts.held + counts.refused, 1_000);
        let before = pacer.held_bytes();
        pacer.retain(|item| *item == 0);
        assert_eq!(pacer.held_bytes(), before / 2);
    }

    proptest! {
        /// Over any second no more leaves than the long budget and what it had saved up, and everything is accounted for.
        #[test]
        fn the_rate_is_kept(
            bps in 60_000_u32..5_000_000,
            packets in prop::collection::vec((0_u64..20_000, 60_usize..1_300, any::<bool>()), 1..300),
        ) {
            let mut pacer = Pacer::new(ms(0), bps);
            let (mut now, mut sent) = (ms(0), Vec::new());
            let sizes: Vec<_> = packets.iter().map(|(_, bytes, _)| *bytes).collect();
            for (item, (gap, bytes, repair)) in packets.iter().enumerate() {
                let until = now + Micros(*gap);
                while let Some(at) = pacer.next_at().filter(|at| *at <= until) {
                    while let Some(item) = pacer.next(at) { sent.push((at, sizes[item])); }
                }
                now = until;
                let urgency = if *repair { Urgency::Repair } else { Urgency::Picture };
                if pacer.offer(now, urgency, *bytes, item) { sent.push((now, *bytes)); }
            }
            while let Some(at) = pacer.next_at() {
                while let Some(item) = pacer.next(at) { sent.push((at, sizes[item])); }
            }
            let most = f64::from(bps) / 8.0 * LONG_RATE;
            for (first, (start, _)) in sent.iter().enumerate() {
                let within = sent[first..].iter().take_while(|(at, _)| at.since(*start).0 <= 1_000_000);
                let bytes: usize = within.map(|(_, bytes)| bytes).sum();
                let saved = (most * 0.04).max(LEAST);
                prop_assert!((bytes as f64) <= most + saved + 1_300.0, "{bytes} {most}");
            }
            let counts = pacer.counts();
            prop_assert_eq!(sent.len() as u64 + counts.refused + counts.expired, packets.len() as u64);
            prop_assert_eq!(pacer.held_bytes(), 0);
        }
    }
}
