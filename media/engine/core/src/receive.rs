//! What has arrived of one incoming stream: order, loss, jitter, and what is worth asking for again.

use crate::awaited::{Awaited, Counts};
use crate::ledger::{Fates, Ledger};
use crate::missing::Missing;
use crate::time::Micros;
use crate::transit::Transit;

/// A sequence number further ahead than this is not a loss to repair: whoever waited for so much has given up.
const MAX_GAP: u64 = 512;
/// One further ahead than this is a jump of the sender and no loss at all (RFC 3550 A.1, MAX_DROPOUT).
const MAX_DROPOUT: u64 = 3_000;

/// What an arriving packet is to its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Ahead of everything so far.
    Newest,
    /// Fills a hole.
    Late,
    /// Seen before, or given up.
    Duplicate,
}

impl Arrival {
    const fn of_late(was_missing: bool) -> Self {
        if was_missing {
            Self::Late
        } else {
            Self::Duplicate
        }
    }
}

/// The figures of one report block (RFC 3550 section 6.4.1), but for LSR and DLSR.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reception {
    /// Lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Lost since the stream began, saturated to 24 bits; duplicates can make it negative.
    pub cumulative_lost: i32,
    /// Highest sequence number with its cycles.
    pub highest_sequence: u32,
    /// Interarrival jitter in RTP ticks.
    pub jitter_ticks: u32,
}

/// Order, loss and jitter of one SSRC. What every packet needs comes first.
#[derive(Debug)]
#[repr(C)]
pub struct ReceiveRegister {
    first: Option<u64>,
    highest: u64,
    received: u64,
    transit: Transit,
    /// What comes next begins anew: the gap before it is nobody's to fill.
    begins_anew: bool,
    /// Until then nothing is asked for before the next key frame has begun.
    awaits_key_frame: Option<Micros>,
    /// Timestamp of the newest picture, if its last packet has not come, and when the one before that came.
    open: Option<(u32, Micros)>,
    missing: Missing,
    awaited: Awaited,
    ledger: Option<Ledger>,
    recovered: u64,
    by_redundancy: u64,
    expected_at_report: u64,
    received_at_report: u64,
}

/// What takes no longer than this more than the fastest of late stands in no queue to speak of.
const ON_TIME: Micros = Micros::from_millis(40);

impl ReceiveRegister {
    /// An empty register for a stream with this RTP clock in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            first: None,
            highest: 0,
            received: 0,
            recovered: 0,
            by_redundancy: 0,
            begins_anew: false,
            awaits_key_frame: None,
            transit: Transit::new(clock_rate),
            ledger: None,
            expected_at_report: 0,
            received_at_report: 0,
            missing: Missing::default(),
            awaited: Awaited::default(),
            open: None,
        }
    }

    /// Brings the lines near that the next packet needs.
    pub fn touch(&self) -> u64 {
        let ledger = self
            .ledger
            .as_ref()
            .map_or(0, |ledger| ledger.touch(self.highest + 1));
        let behind = u64::from(self.begins_anew) ^ self.missing.touch();
        self.highest ^ self.transit.touch() ^ behind ^ ledger
    }

    /// Brings the lines near that a report needs.
    pub fn touch_report(&self) -> u64 {
        self.expected_at_report ^ self.highest ^ self.transit.touch()
    }

    /// Takes a packet in. `sequence` is extended by its roll-overs.
    pub fn handle_packet(&mut self, now: Micros, sequence: u64, timestamp: u32) -> Arrival {
        let arrival = self.place(now, sequence);
        let was_repaired = self.enter(now, sequence, arrival);
        if arrival != Arrival::Duplicate {
            self.received += 1;
            self.transit
                .measure(now, timestamp, arrival == Arrival::Late);
        } else if was_repaired {
            self.transit.measure(now, timestamp, true);
        }
        arrival
    }

    /// Into the ledger too, which knows more than `arrival` tells: the original of a packet that was asked for in vain,
    /// or that a later one carried, comes after its repair, and was not lost. Gives whether this is one.
    fn enter(&mut self, now: Micros, sequence: u64, arrival: Arrival) -> bool {
        let highest = self.highest;
        let ledger = self
            .ledger
            .get_or_insert_with(|| Ledger::new(now, sequence));
        if ledger.is_settled(sequence) {
            if arrival == Arrival::Late {
                ledger.recover(sequence);
            }
            return false;
        }
        let was_repaired = arrival == Arrival::Duplicate && ledger.was_only_repaired(sequence);
        if was_repaired {
            self.received += 1;
            self.recovered = self.recovered.saturating_sub(1);
        }
        ledger.receive(now, sequence, highest);
        was_repaired
    }

    /// Takes a retransmission in (RFC 4588); it counts as recovered, not as received.
    pub fn handle_retransmission(&mut self, now: Micros, sequence: u64) -> Arrival {
        self.missing.note_answer(now, sequence);
        self.recover(sequence)
    }

    fn recover(&mut self, sequence: u64) -> Arrival {
        let arrival = Arrival::of_late(self.missing.take_repaired(sequence));
        if arrival == Arrival::Late {
            // The last packet of a picture, of which no later one had told.
            self.highest = self.highest.max(sequence);
            self.recovered += 1;
            if let Some(ledger) = &mut self.ledger {
                ledger.recover(sequence);
            }
        }
        arrival
    }

    /// Takes a packet in that came as redundancy in a later one (RFC 2198), if it is still missing; it counts as
    /// recovered, too.
    pub fn handle_redundancy(&mut self, sequence: u64) -> Arrival {
        let arrival = self.recover(sequence);
        if arrival == Arrival::Late {
            self.by_redundancy += 1;
        }
        arrival
    }

    /// A packet of a picture came, itself or again; `ends` if it is the picture's last one.
    pub fn follow(&mut self, now: Micros, (sequence, timestamp): (u64, u32), ends: bool) {
        if sequence != self.highest {
            return;
        }
        if let Some((_, before)) = self.open.filter(|open| open.0 == timestamp) {
            self.missing.learn_spacing(now, before);
        }
        self.open = (!ends).then_some((timestamp, now));
        self.missing.expect(now, sequence + 1, !ends);
    }

    /// Packets between the newest so far and this one.
    pub fn gap_before(&self, sequence: u64) -> u64 {
        let next = self.first.map_or(sequence, |_| self.highest + 1);
        sequence.saturating_sub(next)
    }

    /// Extends a 16-bit sequence number to the one nearest the highest seen.
    pub fn extend(&self, sequence: u16) -> u64 {
        engine_wire::seq::extend(self.highest, sequence)
    }

    fn place(&mut self, now: Micros, sequence: u64) -> Arrival {
        if self.first.is_none() {
            self.first = Some(sequence);
            self.highest = sequence;
            self.begins_anew = false;
            return Arrival::Newest;
        }
        if sequence <= self.highest {
            return Arrival::of_late(self.missing.take_late(now, sequence));
        }
        let begins_anew = std::mem::take(&mut self.begins_anew);
        let gap = sequence - self.highest;
        if begins_anew || gap > MAX_GAP {
            self.missing.clear();
        } else {
            self.missing.note(now, self.highest + 1..sequence);
        }
        if gap > MAX_DROPOUT {
            self.jump(now, sequence);
        }
        self.highest = sequence;
        Arrival::Newest
    }

    fn jump(&mut self, now: Micros, sequence: u64) {
        self.first = self
            .first
            .map(|first| first + (sequence - self.highest - 1));
        if let Some(ledger) = &mut self.ledger {
            ledger.jump(now, self.highest, sequence);
        }
    }

    /// Writes the sequence numbers to ask for now into `out`, ascending and up to `most`, and gives up what is too old.
    pub fn collect_nacks(
        &mut self,
        now: Micros,
        round_trip: Micros,
        most: usize,
        out: &mut Vec<u16>,
    ) {
        let awaits = self.awaits_key_frame.is_some_and(|until| now < until);
        let most = if awaits { 0 } else { most };
        if most > 0 && self.missing.is_due(now) {
            let counts = Counts {
                received: self.received,
                sent: self.expected(),
                answers: self.missing.answers(),
            };
            let most = self.awaited.most(now, counts, self.transit.is_late());
            self.missing.await_at_most(most);
            let is_late = self.transit.is_late();
            let waits = self.transit.waits();
            let queue = if is_late { waits } else { Micros(0) };
            self.missing.set_queue(now, queue, waits < ON_TIME);
        }
        self.missing.collect(now, round_trip, most, out);
    }

    /// Whether something is given up without which no picture can be shown before a key frame. Not while what comes is late: a
    /// queue is full then, which a key frame would make longer.
    pub fn has_given_up(&self) -> bool {
        self.missing.has_given_up() && !self.transit.is_late()
    }

    /// Somebody has seen to what was given up.
    pub const fn forget_given_up(&mut self) {
        self.missing.forget_given_up();
    }

    /// Whether more than half has been lost for some time: no repair makes up for that, and all of it would stand in the way
    /// of what is sent anew.
    pub fn is_swamped(&self, now: Micros) -> bool {
        self.awaited.is_swamped(now)
    }

    /// When there may be something to ask for or to give up.
    pub fn next_nack_at(&self) -> Option<Micros> {
        self.missing.next_at()
    }

    /// Gives up everything that is missing, and everything that will turn out to be with the next packet: what was sent
    /// behind a closed gate, or while muted, is not to be fetched, and of what was lost between the last packet before
    /// and the first one after, nobody knows when it was sent.
    pub fn forget_missing(&mut self) {
        self.awaited = Awaited::default();
        self.missing.clear();
        self.begins_anew = true;
    }

    /// Gives up everything, and asks for nothing before the next key frame has begun, which nobody needs. If that has not by
    /// then, its beginning may be what is missing.
    pub fn await_key_frame(&mut self, until: Micros) {
        self.forget_missing();
        self.awaits_key_frame = Some(until);
    }

    /// A key frame begins with this packet.
    pub fn begin_with_key_frame(&mut self, sequence: u64) {
        self.missing.begin_with_key_frame(sequence);
        if self.awaits_key_frame.take().is_some() {
            self.missing.forget_before(sequence);
        }
    }

    /// Whether any packet is missing and not yet given up.
    pub fn has_missing(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Whether this packet may still come.
    pub fn is_missing(&self, sequence: u64) -> bool {
        self.missing.has(sequence)
    }

    /// Whether a key frame has begun after this packet.
    pub const fn has_begun_since(&self, sequence: u64) -> bool {
        self.missing.has_begun_since(sequence)
    }

    /// Whether so much is lost that requests are lost, too.
    pub fn loses(&self) -> bool {
        self.missing.loses()
    }

    /// Whether this packet is missing and was asked for again.
    pub fn is_requested(&self, sequence: u64) -> bool {
        self.missing.was_asked(sequence)
    }

    /// Packets that are missing and may still come: neither reordering nor repair is over for them.
    pub fn pending(&self, now: Micros) -> u64 {
        self.missing.pending(now)
    }

    /// The figures for a report block; the interval since the last call ends here.
    pub fn report(&mut self) -> Reception {
        let expected = self.expected();
        let expected_now = expected.saturating_sub(self.expected_at_report);
        let received_now = self.received.saturating_sub(self.received_at_report);
        self.expected_at_report = expected;
        self.received_at_report = self.received;
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = (lost_now * 256).checked_div(expected_now).unwrap_or(0);
        Reception {
            fraction_lost: fraction.min(255) as u8,
            cumulative_lost: self.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: self.highest as u32,
            jitter_ticks: self.transit.jitter_ticks(),
        }
    }

    /// Packets that the sender sent, by its sequence numbers.
    pub fn expected(&self) -> u64 {
        self.first.map_or(0, |first| self.highest - first + 1)
    }

    /// Packets lost before any repair; negative when the network duplicates.
    pub fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }

    /// Lost packets that a retransmission or redundancy brought.
    pub fn recovered(&self) -> u64 {
        self.recovered
    }

    /// Lost packets that redundancy brought.
    pub fn by_redundancy(&self) -> u64 {
        self.by_redundancy
    }

    /// What became of the packets, as far as that is settled: what a figure for people is made of. `expected` and
    /// `lost`, which reports to the sender are made of, are of this very moment.
    pub fn fates(&self) -> Fates {
        self.ledger
            .as_ref()
            .map_or_else(Fates::default, Ledger::fates)
    }

    /// How long packets are under way, as far as differences tell.
    pub const fn transit(&self) -> &Transit {
        &self.transit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::missing;

    fn at(millis: u64) -> Micros {
        Micros::from_millis(1_000_000 + millis)
    }

    fn feed(register: &mut ReceiveRegister, sequences: impl IntoIterator<Item = u64>) {
        for sequence in sequences {
            register.handle_packet(at(sequence * 20), sequence, (sequence * 960) as u32);
        }
    }

    #[test]
    fn loss_is_expected_minus_received_and_the_fraction_covers_the_interval() {
        let mut register = ReceiveRegister::new(48_000);
        feed(&mut register, (100..200).filter(|s| s % 10 != 5));
        let first = register.report();
        assert_eq!(first.cumulative_lost, 10);
        assert_eq!(u32::from(first.fraction_lost), 10 * 256 / 100);
        feed(&mut register, 200..300);
        let second = register.report();
        assert_eq!(second.cumulative_lost, 10);
        assert_eq!(second.fraction_lost, 0);
        assert_eq!(second.highest_sequence, 299);
    }

    #[test]
    fn what_redundancy_brought_before_its_original_is_jitter_all_the_same() {
        let mut register = ReceiveRegister::new(48_000);
        let mut packet = |number: u64, millis| {
            register.handle_packet(at(millis), number, (number * 960) as u32);
            if number == 3 {
                register.handle_redundancy(2);
            }
        };
        for (number, millis) in [(0, 0), (1, 20), (3, 60), (2, 64), (4, 80)] {
            packet(number, millis);
        }
        // 24 ms more than the one before it in the order of arrival, and less than that after it.
        assert_eq!(register.transit().changes(), (48_000, 4));
        assert_eq!((register.lost(), register.recovered()), (0, 0));
    }

    #[test]
    fn a_hole_is_asked_for_after_reordering_then_again_after_a_round_trip_then_given_up() {
        let mut register = ReceiveRegister::new(90_000);
        let rtt = Micros::from_millis(80);
        register.handle_packet(at(0), 10, 0);
        register.handle_packet(at(0), 13, 0);
        let ask = |register: &mut ReceiveRegister, millis| {
            let mut out = Vec::new();
            register.collect_nacks(at(millis), rtt, usize::MAX, &mut out);
            out
        };
        assert_eq!(ask(&mut register, 1), [0_u16; 0]);
        assert_eq!(ask(&mut register, 10), [11, 12]);
        assert_eq!(ask(&mut register, 60), [0_u16; 0]);
        assert_eq!(register.handle_retransmission(at(100), 11), Arrival::Late);
        assert_eq!(
            register.handle_retransmission(at(101), 11),
            Arrival::Duplicate
        );
        assert_eq!(ask(&mut register, 111), [12]);
        assert_eq!(ask(&mut register, 1_000), [0_u16; 0]);
        assert!(!register.has_missing());
        assert_eq!(register.handle_packet(at(1_001), 12, 0), Arrival::Duplicate);
        assert_eq!(register.recovered(), 1);
    }

    #[test]
    fn what_was_lost_around_a_pause_is_not_fetched() {
        let mut register = ReceiveRegister::new(48_000);
        feed(&mut register, [1, 3, 5]);
        register.forget_missing();
        // From before: it does not end the pause.
        assert_eq!(register.handle_packet(at(110), 4, 0), Arrival::Duplicate);
        feed(&mut register, [8]);
        assert!(!register.has_missing());
        assert_eq!(register.handle_redundancy(7), Arrival::Duplicate);
        feed(&mut register, [10]);
        assert_eq!(register.handle_redundancy(9), Arrival::Late);
        assert_eq!((register.recovered(), register.by_redundancy()), (1, 1));
        assert_eq!(register.lost(), 5);
    }

    #[test]
    fn a_jump_of_the_sender_is_not_a_thousand_losses_to_repair() {
        let mut register = ReceiveRegister::new(90_000);
        register.handle_packet(at(0), 1, 0);
        assert_eq!(register.handle_packet(at(1), 5_000, 0), Arrival::Newest);
        assert!(!register.has_missing());
    }

    #[test]
    fn losses_of_a_stream_that_nobody_repairs_are_given_up() {
        let mut register = ReceiveRegister::new(48_000);
        for packet in 0..10_000_u64 {
            register.handle_packet(at(packet * 40), packet * 2, 0);
        }
        assert!(register.missing.len() <= 26, "{}", register.missing.len());
    }

    #[test]
    fn memory_of_losses_is_bounded() {
        let mut register = ReceiveRegister::new(90_000);
        for packet in 0..1_000_u64 {
            register.handle_packet(at(packet), packet * 400, 0);
        }
        assert!(register.missing.len() <= missing::MOST);
        let mut out = Vec::new();
        register.collect_nacks(at(1_020), Micros(0), usize::MAX, &mut out);
        assert!(out.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
