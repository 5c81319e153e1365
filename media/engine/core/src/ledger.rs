//! What became of each packet of one incoming stream, counted once that is settled.
//!
//! A hole in the sequence is no loss yet: the packet may be under way, in another order. So a number is judged when the
//! stream has gone on for [`SETTLED_AFTER`] beyond it, and what was counted is never taken back: a figure taken between
//! a packet and the straggler before it is as true as any other. A retransmission (RFC 4588) does not make a lost packet
//! a received one; it makes it a recovered one.

use crate::time::Micros;

/// Packets of which the fate may be open at once: a second of a fast stream.
const WINDOW: u64 = 1024;
/// Half the time for which a number waits at the least. Reordering on real networks is over long before.
const SETTLED_AFTER: Micros = Micros::from_millis(125);

/// A stream from which nothing came for so long has stopped, or lost all of it.
const STOPPED: Micros = Micros::from_millis(1_000);
/// With fewer numbers a second left out in that time it had stopped: what it lost last was lost before, and nobody can tell
/// when.
const GOES_ON: u64 = 5;

/// Counts since the stream began. Each only grows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Fates {
    /// Numbers that are settled.
    pub expected: u64,
    /// Of these, the ones that never came by themselves.
    pub lost: u64,
    /// Of the lost ones, those that a retransmission brought, or that came much too late.
    pub recovered: u64,
    /// Runs of lost packets without a received one in between.
    pub bursts: u64,
}

/// See the module.
#[derive(Debug)]
#[repr(C)]
pub struct Ledger {
    /// The first number that is not settled.
    next: u64,
    /// The highest number at two moments: what is below the older one has waited long enough.
    marks: [(Micros, u64); 2],
    highest: u64,
    in_burst: bool,
    fates: Fates,
    received: Flags,
    repaired: Flags,
}

impl Ledger {
    /// A stream that begins with the packet of this number.
    pub fn new(now: Micros, first: u64) -> Self {
        let mut ledger = Self {
            received: Flags::default(),
            repaired: Flags::default(),
            next: first,
            marks: [(now, first); 2],
            highest: first,
            in_burst: false,
            fates: Fates::default(),
        };
        ledger.received.set(first);
        ledger
    }

    /// Brings the lines near that a packet of this number needs.
    pub fn touch(&self, sequence: u64) -> u64 {
        self.next ^ self.marks[1].1 ^ u64::from(self.received.has(sequence))
    }

    /// A packet that came by itself, ahead of the others or behind them.
    pub fn receive(&mut self, now: Micros, sequence: u64, highest: u64) {
        if self.has_stopped(now, sequence) {
            self.go_on(now, sequence);
            return;
        }
        self.highest = self.highest.max(sequence);
        if sequence >= self.next {
            self.make_room(sequence);
            self.received.set(sequence);
        }
        if now.since(self.marks[1].0) >= SETTLED_AFTER {
            self.settle_below(self.marks[0].1);
            self.marks = [self.marks[1], (now, highest)];
        }
    }

    /// A lost packet that came after all, by retransmission or long after it was given up.
    pub fn recover(&mut self, sequence: u64) {
        if sequence < self.next {
            self.fates.recovered += u64::from(self.fates.recovered < self.fates.lost);
        } else {
            self.make_room(sequence);
            self.repaired.set(sequence);
        }
    }

    /// The sender jumped over numbers that it never sent: what follows `last` begins at `sequence`.
    pub fn jump(&mut self, now: Micros, last: u64, sequence: u64) {
        self.settle_below(last + 1);
        self.begin(now, sequence);
    }

    const fn has_stopped(&self, now: Micros, sequence: u64) -> bool {
        let away = now.since(self.marks[1].0);
        let left_out = sequence.saturating_sub(self.highest);
        away.0 >= STOPPED.0 && left_out * 1_000_000 < GOES_ON * away.0
    }

    /// After a stop: what was not settled before it never will be.
    fn go_on(&mut self, now: Micros, sequence: u64) {
        for number in self.next..=self.highest.min(self.next + WINDOW) {
            self.received.take(number);
            self.repaired.take(number);
        }
        self.in_burst = false;
        self.begin(now, sequence.max(self.next));
    }

    fn begin(&mut self, now: Micros, sequence: u64) {
        (self.next, self.highest) = (sequence, sequence);
        self.marks = [(now, sequence); 2];
        self.received.set(sequence);
    }

    /// Whether a retransmission brought this number, which is not settled, and the packet itself has not come.
    pub const fn was_only_repaired(&self, sequence: u64) -> bool {
        self.repaired.has(sequence) && !self.received.has(sequence)
    }

    /// Whether the fate of this number is counted already.
    pub const fn is_settled(&self, sequence: u64) -> bool {
        sequence < self.next
    }

    /// The counts so far.
    pub const fn fates(&self) -> Fates {
        self.fates
    }

    fn make_room(&mut self, sequence: u64) {
        if sequence - self.next >= WINDOW {
            self.settle_below(sequence + 1 - WINDOW);
        }
    }

    fn settle_below(&mut self, end: u64) {
        while self.next < end {
            let came = self.received.take(self.next);
            let repaired = self.repaired.take(self.next);
            self.fates.expected += 1;
            if !came {
                self.fates.lost += 1;
                self.fates.recovered += u64::from(repaired);
                self.fates.bursts += u64::from(!self.in_burst);
            }
            self.in_burst = !came;
            self.next += 1;
        }
    }
}

/// A flag for each number of the window.
#[derive(Debug, Default)]
struct Flags([u64; WINDOW as usize / 64]);

impl Flags {
    fn set(&mut self, sequence: u64) {
        let at = (sequence % WINDOW) as usize;
        self.0[at / 64] |= 1 << (at % 64);
    }

    const fn has(&self, sequence: u64) -> bool {
        let at = (sequence % WINDOW) as usize;
        self.0[at / 64] & (1 << (at % 64)) != 0
    }

    fn take(&mut self, sequence: u64) -> bool {
        let at = (sequence % WINDOW) as usize;
        let was = self.has(sequence);
        self.0[at / 64] &= !(1 << (at % 64));
        was
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn at(millis: u64) -> Micros {
        Micros::from_millis(1_000 + millis)
    }

    /// Every 20 ms a number, in order, but for those that do not come; then nothing more is open.
    fn run(lost: &BTreeSet<u64>, numbers: u64) -> Fates {
        let mut ledger = Ledger::new(at(0), 0);
        for number in (1..numbers + 40).filter(|number| !lost.contains(number)) {
            ledger.receive(at(number * 20), number, number);
        }
        ledger.fates()
    }

    #[test]
    fn runs_of_lost_packets_are_bursts() {
        let fates = run(&[5, 6, 7, 20, 30, 31].into(), 100);
        assert_eq!((fates.lost, fates.bursts), (6, 3));
    }

    #[test]
    fn another_order_is_no_loss() {
        let mut ledger = Ledger::new(at(0), 0);
        for pair in 0..200_u64 {
            let (first, second) = (pair * 2 + 2, pair * 2 + 1);
            ledger.receive(at(pair * 40), first, first);
            assert_eq!(ledger.fates().lost, 0, "the second is under way");
            ledger.receive(at(pair * 40 + 60), second, first);
        }
        assert_eq!(ledger.fates().lost, 0);
        assert!(ledger.fates().expected > 380);
    }

    #[test]
    fn a_repair_leaves_the_loss_where_it_was() {
        let mut ledger = Ledger::new(at(0), 0);
        for number in 1..400_u64 {
            if number % 10 == 5 {
                continue;
            }
            ledger.receive(at(number * 20), number, number);
            if number % 10 == 8 {
                ledger.recover(number - 3);
            }
        }
        let fates = ledger.fates();
        assert!(fates.lost >= 37, "{fates:?}");
        assert_eq!(fates.recovered, fates.lost);
        assert_eq!(fates.bursts, fates.lost);
    }

    #[test]
    fn what_only_came_late_was_not_lost_though_it_was_repaired_too() {
        let mut ledger = Ledger::new(at(0), 0);
        ledger.receive(at(20), 2, 2);
        ledger.recover(1);
        ledger.receive(at(60), 1, 2);
        for number in 3..40 {
            ledger.receive(at(number * 20), number, number);
        }
        assert_eq!((ledger.fates().lost, ledger.fates().recovered), (0, 0));
    }

    #[test]
    fn a_repair_after_the_judgement_is_counted_once() {
        let mut ledger = Ledger::new(at(0), 0);
        for number in (2..60).filter(|number| *number != 5) {
            ledger.receive(at(number * 20), number, number);
        }
        assert!(ledger.is_settled(5));
        ledger.recover(5);
        assert_eq!((ledger.fates().lost, ledger.fates().recovered), (2, 1));
    }

    #[test]
    fn what_was_lost_before_a_stop_is_not_told_of_after_it() {
        let mut ledger = Ledger::new(at(0), 0);
        for number in (1..100).filter(|number| *number < 95 || number % 2 == 1) {
            ledger.receive(at(number * 20), number, number);
        }
        let before = ledger.fates();
        for number in 103..150 {
            ledger.receive(at(30_000 + number * 20), number, number);
        }
        assert_eq!(ledger.fates().lost, before.lost);
        assert!(ledger.fates().expected > before.expected + 20);
    }

    #[test]
    fn what_an_outage_takes_is_lost() {
        let mut ledger = Ledger::new(at(0), 0);
        for number in (1..400).filter(|number| !(100..250).contains(number)) {
            ledger.receive(at(number * 20), number, number);
        }
        assert_eq!((ledger.fates().lost, ledger.fates().bursts), (150, 1));
    }

    #[test]
    fn a_jump_of_the_sender_is_no_loss() {
        let mut ledger = Ledger::new(at(0), 0);
        ledger.receive(at(20), 1, 1);
        ledger.jump(at(40), 1, 9_000);
        for number in 9_001..9_100 {
            ledger.receive(at((number - 8_998) * 20), number, number);
        }
        assert_eq!(ledger.fates().lost, 0);
    }

    proptest! {
        #[test]
        fn what_is_settled_is_exact(lost in prop::collection::btree_set(1_u64..3_000, 0..600)) {
            let fates = run(&lost, 3_000);
            let runs = lost.iter().filter(|number| !lost.contains(&(*number - 1))).count() as u64;
            prop_assert_eq!(fates.lost, lost.len() as u64);
            prop_assert_eq!(fates.bursts, runs);
            prop_assert!(fates.expected >= 3_000);
        }

        #[test]
        fn counts_never_fall_and_never_contradict(
            steps in prop::collection::vec((0_u64..3_000, 0_u64..80, any::<bool>()), 1..400)
        ) {
            let mut ledger = Ledger::new(at(0), 5);
            let (mut highest, mut now) = (5, 0);
            for (ahead, pause, repaired) in steps {
                let number = (highest + ahead / 20).saturating_sub(70).max(1);
                now += pause;
                let before = ledger.fates();
                if repaired {
                    ledger.recover(number.min(highest));
                } else {
                    highest = highest.max(number);
                    ledger.receive(at(now), number, highest);
                }
                let after = ledger.fates();
                prop_assert!(after.expected >= before.expected && after.lost >= before.lost);
                prop_assert!(after.recovered >= before.recovered && after.bursts >= before.bursts);
                prop_assert!(after.recovered <= after.lost && after.lost <= after.expected);
                prop_assert!(after.bursts <= after.lost);
            }
        }
    }
}
