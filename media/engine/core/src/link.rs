//! The way to one receiver that reports on each packet: what its link carries, and when each packet may leave.
//!
//! `bwe` tells the rate and `pacer` holds pictures to it; here both meet the leg. A packet that is held is a number of
//! its slot, no more: when its turn comes it is written from the source's retransmission cache, by the same way as a
//! retransmission, and asks the gate again.

use crate::backlog::Backlog;
use crate::bwe::trace::Record;
use crate::bwe::{Estimator, Fate, Kind, THIN_BPS};
use crate::copies::{Copies, Room};
use crate::pacer::{Pacer, Urgency};
use crate::recording::Tape;
use crate::stats::LegRow;
use crate::time::Micros;
use engine_wire::rtcp::{CongestionFeedback, TransportFeedback};
use engine_wire::rtp::FixedHeader;
use std::collections::VecDeque;
use std::num::NonZeroU16;

/// First guess: what carries sound and a small picture, on which the first probes build.
const START_BPS: u32 = 400_000;
/// Between two looks at the estimate.
const POLL: Micros = Micros::from_millis(25);
/// And where nothing has been sent for a while.
const POLL_IDLE: Micros = Micros::from_millis(200);
/// Without packets for so long a link is idle.
const IDLE: Micros = Micros::from_millis(500);
/// Bytes of IP and UDP around each packet (IPv4; four fifths of IPv6's, which errs on the careful side).
const BELOW: usize = 28;

/// Reports that tell what is lost: those of half a second.
const KNOWN_BY: u64 = 10;
/// Who asks for packets so soon after the last ones may lose a repair as well, which costs another round trip that pictures
/// do not wait for: it goes more than once. A loss by itself is an accident.
const OFTEN: Micros = Micros::from_secs(3);
/// Where more than this share is lost, the second is often lost, too: there is a third.
const LOSSY: f64 = 0.05;
/// The others so much later: a burst of losses that took the first is over then.
const REPEAT_AFTER: Micros = Micros::from_millis(10);
/// Those that wait at most; more are not begun.
const REPEATS: usize = 64;
/// What is held for less than that is not waiting.
const ROOM: Micros = Micros::from_millis(10);
/// Packets whose names are kept: half a second of 8 Mbit/s.
const NAMES: usize = 512;

/// SSRC and sequence number of a packet.
pub type Name = (u32, u16);

/// A packet that waits for its turn: a slot of the leg and the extended number that the packet has there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Position of the slot in the leg.
    pub slot: u16,
    /// Extended sequence number in the slot.
    pub sequence: u64,
    /// It left before and is to be sent again.
    pub again: bool,
}

impl Held {
    /// A new packet.
    pub const fn new(slot: u16, sequence: u64) -> Self {
        Self {
            slot,
            sequence,
            again: false,
        }
    }

    /// One that the receiver has asked for again.
    pub const fn again(slot: u16, sequence: u64) -> Self {
        Self {
            slot,
            sequence,
            again: true,
        }
    }
}

/// Congestion control and pacing towards one leg.
#[derive(Debug)]
pub struct Link {
    /// Identifier of the transport-wide number's header extension; none for a receiver that reports by RFC 8888.
    extension: Option<u8>,
    estimator: Estimator,
    pacer: Pacer<Held>,
    /// Repairs to be offered once more at that time, with their bytes.
    repeats: VecDeque<(Micros, usize, Held)>,
    repaired_at: Micros,
    copies: Copies<Held>,
    wanted_bps: u32,
    poll_at: Micros,
    last_sent: Micros,
    padding_out: u64,
    reports_in: u64,
    names: Box<[Name; NAMES]>,
    /// What goes into the estimator, if that is asked for.
    tape: Tape,
    next_name: u16,
}

impl Link {
    /// A link of which nothing is known yet; `extension` is the negotiated identifier, 1 to 14, if there is one, and `first`
    /// the number of its first packet, where an earlier link to the same peer ended ([`next_number`](Self::next_number)).
    pub fn new(now: Micros, extension: Option<u8>, first: u16) -> Self {
        Self {
            extension,
            estimator: Estimator::new(now, START_BPS).numbering_from(first),
            pacer: Pacer::new(now, START_BPS),
            repeats: VecDeque::new(),
            repaired_at: now,
            copies: Copies::new(now),
            wanted_bps: 0,
            poll_at: now,
            last_sent: now,
            padding_out: 0,
            reports_in: 0,
            names: Box::new([(0, 0); NAMES]),
            tape: Tape::default(),
            next_name: first,
        }
    }

    /// Identifier of the header extension.
    pub const fn extension(&self) -> Option<u8> {
        self.extension
    }

    /// Brings the lines near that the next packet needs.
    pub fn touch(&self) -> u64 {
        self.last_sent.0 ^ self.pacer.held_bytes() ^ self.estimator.touch()
    }

    /// The transport-wide number of the next packet.
    pub const fn next_number(&self) -> u16 {
        self.estimator.next_number()
    }

    /// Enters a packet of that many bytes of UDP payload, and gives its transport-wide number.
    pub fn note_sent(
        &mut self,
        now: Micros,
        bytes: usize,
        kind: Kind,
        header: &FixedHeader,
    ) -> u16 {
        self.last_sent = now;
        self.copies.note_sent(now, bytes + BELOW);
        let number = self.estimator.note_sent(now, bytes + BELOW, kind);
        self.note_name(number, header);
        self.tape.note_sent(now, (number, bytes + BELOW, kind));
        number
    }

    /// Which packet had this transport-wide number, if that was not long ago.
    pub fn name(&self, number: u16) -> Option<Name> {
        let back = usize::from(self.next_name.wrapping_sub(number));
        (1..=NAMES)
            .contains(&back)
            .then(|| self.names[usize::from(number) % NAMES])
    }

    /// The same for a receiver that reports by RFC 8888.
    pub fn note_sent_as(&mut self, now: Micros, bytes: usize, kind: Kind, header: &FixedHeader) {
        self.last_sent = now;
        let bytes = bytes + BELOW;
        self.copies.note_sent(now, bytes);
        let number = self
            .estimator
            .note_sent_as(now, bytes, kind, header.ssrc, header.sequence);
        self.note_name(number, header);
        self.tape.note_sent(now, (number, bytes, kind));
    }

    fn note_name(&mut self, number: u16, header: &FixedHeader) {
        self.names[usize::from(number) % NAMES] = (header.ssrc, header.sequence);
        self.next_name = number.wrapping_add(1);
    }

    /// Sound leaves at once, and takes from what pictures may use.
    pub fn note_unpaced(&mut self, now: Micros, bytes: usize) {
        self.pacer.note_sent(now, bytes + BELOW);
    }

    /// Whether a packet may leave now. If not, it is held, or counted as refused.
    pub fn offer(&mut self, now: Micros, urgency: Urgency, bytes: usize, held: Held) -> bool {
        let leaves = self.pacer.offer(now, urgency, bytes + BELOW, held);
        if leaves && urgency == Urgency::Picture {
            self.copies.note_picture(now, held);
        }
        leaves
    }

    /// A repair has left; where repairs are often asked for and nothing waits, it is offered again in a moment.
    pub fn repeat(&mut self, now: Micros, bytes: usize, held: Held) {
        let before = std::mem::replace(&mut self.repaired_at, now);
        let has_room = self.pacer.delay() < ROOM && !self.is_full();
        let is_lossy = self.estimator.state().inherent_loss > LOSSY;
        let times = if is_lossy { 2 } else { 1 };
        if has_room && now.since(before) < OFTEN && self.repeats.len() + times <= REPEATS {
            let repeat = (now + REPEAT_AFTER, bytes, held);
            self.repeats.extend(std::iter::repeat_n(repeat, times));
        }
    }

    /// The next held packet whose turn it is.
    pub fn next_held(&mut self, now: Micros) -> Option<Held> {
        while let Some((_, bytes, held)) =
            self.repeats.front().filter(|(at, ..)| *at <= now).copied()
        {
            self.repeats.pop_front();
            if self.offer(now, Urgency::Repair, bytes, held) {
                return Some(held);
            }
        }
        let held = self.pacer.next(now)?;
        Some(self.leaves(now, held))
    }

    /// Whether pictures may be sent twice, as far as the bridge and the way are concerned.
    pub const fn allow_copies(&mut self, are_allowed: bool) {
        self.copies.allow(are_allowed);
    }

    /// Whether they may.
    pub const fn are_copies_allowed(&self) -> bool {
        self.copies.are_allowed()
    }

    /// The next copy of a packet that left a moment ago (`copies`). It takes nothing from what pictures may use: the link
    /// carries more than they need.
    pub fn next_copy(&mut self, now: Micros) -> Option<Held> {
        let has_room = self.pacer.held_bytes() == 0;
        let copy = self.copies.next(now, has_room)?;
        Some(Held {
            again: true,
            ..copy
        })
    }

    fn leaves(&mut self, now: Micros, held: Held) -> Held {
        if !held.again {
            self.copies.note_picture(now, held);
        }
        held
    }

    /// The next held packet, which a probe sends, and its bytes on the wire.
    pub fn next_for_probe(&mut self, now: Micros) -> Option<(Held, usize)> {
        let (held, bytes) = self.pacer.next_for_probe(now)?;
        Some((self.leaves(now, held), bytes))
    }

    /// Forgets what is held for a slot that shows something else now.
    pub fn forget_slot(&mut self, slot: u16) {
        self.pacer.retain(|held| held.slot != slot);
        self.repeats.retain(|(.., held)| held.slot != slot);
        self.copies.retain(|held| held.slot != slot);
    }

    /// How long what is held will take.
    pub fn delay(&self) -> Micros {
        self.pacer.delay()
    }

    /// The same of what is sent again.
    pub fn repair_delay(&self) -> Micros {
        self.pacer.repair_delay()
    }

    /// How long a packet that is held now waits at the most, from when it came, if the rate stays as it is.
    pub fn waits(&self, now: Micros) -> Micros {
        self.pacer.oldest(now) + self.pacer.delay()
    }

    /// What to make of the time that it takes at the rate that the link carries.
    pub fn backlog(&self, now: Micros) -> Backlog {
        // A queue in the link that is being drained makes everything slow for a moment only.
        Backlog::of(self.pacer.delay_at(self.planned_bps(now)))
    }

    /// A report of the receiver.
    pub fn handle_feedback(&mut self, now: Micros, feedback: &TransportFeedback<'_>) {
        self.reports_in += 1;
        let tape = &mut self.tape;
        self.estimator
            .on_feedback_seen(now, feedback, |line| tape.note_fed(now, line));
        self.heed_report(now);
    }

    /// The same by RFC 8888.
    pub fn handle_congestion_feedback(&mut self, now: Micros, feedback: &CongestionFeedback<'_>) {
        self.reports_in += 1;
        let tape = &mut self.tape;
        self.estimator
            .on_congestion_feedback_seen(now, feedback, |line| tape.note_fed(now, line));
        self.heed_report(now);
    }

    fn heed_report(&mut self, now: Micros) {
        let estimator = &self.estimator;
        self.tape.note(|| Record::Reported {
            at: now,
            bps: estimator.estimate_bps(),
        });
        self.note_fates(now);
        self.apply(now);
    }

    /// What the last report has told of packets.
    pub fn fates(&self) -> &[Fate] {
        self.estimator.fates()
    }

    /// The leg is heard of again after it was away for a moment. Gives whether nothing was heard of what was sent to it.
    pub fn hear(&mut self, now: Micros) -> bool {
        let is_silent = self.estimator.state().silent;
        if is_silent {
            self.tape.note(|| Record::Heard { at: now });
            self.estimator.hear(now);
            self.apply(now);
        }
        is_silent
    }

    /// How long nothing was heard before the last report, if that was an outage.
    pub const fn outage(&self) -> Option<Micros> {
        self.estimator.outage()
    }

    /// Whether the link carries hardly more than sound.
    pub fn is_thin(&self) -> bool {
        f64::from(self.estimate_bps()) < THIN_BPS
    }

    /// Whether a queue stands in the link.
    pub const fn is_full(&self) -> bool {
        self.estimator.is_draining()
    }

    /// Whether less is sent for a while than was planned.
    pub const fn is_trying(&self) -> bool {
        self.estimator.is_trying()
    }

    /// Whether hardly anything was told of it yet.
    pub const fn is_unknown(&self) -> bool {
        self.reports_in < KNOWN_BY
    }

    /// Share of packets lost of late, 0 to 1.
    pub fn loss(&self) -> f64 {
        self.estimator.state().loss
    }

    /// Bit/s that would be sent if the link carried it: what probes look for.
    pub fn set_wanted(&mut self, bps: u32) {
        self.wanted_bps = bps;
    }

    /// Time passes; gives the bytes that a probe lacks now.
    pub fn handle_timeout(&mut self, now: Micros) -> usize {
        if self.poll_at <= now {
            // Copies are of use, too, if the link carries them.
            let times = if self.copies.are_wanted(now) { 2 } else { 1 };
            let wanted = self.wanted_bps.saturating_mul(times);
            self.estimator.poll(now, wanted);
            let estimator = &self.estimator;
            self.tape.note(|| Record::Polled {
                at: now,
                wanted,
                bps: estimator.estimate_bps(),
            });
            self.apply(now);
            let idle = now.since(self.last_sent) > IDLE;
            self.poll_at = now + if idle { POLL_IDLE } else { POLL };
        }
        // Without a probe or a trial the question changes nothing.
        if self.tape.is_on() && self.estimator.next_padding_at(now).is_some() {
            self.tape.note(|| Record::Asked { at: now });
        }
        self.estimator.padding(now)
    }

    /// A packet of a probe was sent, of that many bytes of UDP payload.
    pub fn note_padding(&mut self, now: Micros, bytes: usize) {
        self.padding_out += bytes as u64;
        self.pacer.note_sent(now, bytes + BELOW);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and [`next_held`](Self::next_held) next.
    pub fn next_at(&self, now: Micros) -> Micros {
        let repeat = self.repeats.front().map(|(at, ..)| *at);
        let others = [
            self.pacer.next_at(),
            self.estimator.next_padding_at(now),
            repeat,
            self.copies.next_at(),
        ];
        others.into_iter().flatten().fold(self.poll_at, Micros::min)
    }

    /// Writes down what goes into the estimator from now on, for so many seconds. `is_new` tells that nothing has yet.
    pub fn record(&mut self, now: Micros, seconds: NonZeroU16, is_new: bool) {
        let lasts = Micros::from_secs(seconds.get().into());
        // What is to be expected of the link: the rate itself is lower while a queue is drained.
        let begins = (self.planned_bps(now), self.next_number());
        self.tape = Tape::new(now, lasts, begins, is_new);
    }

    /// What is being written down.
    pub const fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The same, to be taken.
    pub const fn tape_mut(&mut self) -> &mut Tape {
        &mut self.tape
    }

    /// Bit/s that the link carries, sound and everything else together, with the headers below.
    pub fn estimate_bps(&self) -> u32 {
        self.estimator.estimate_bps()
    }

    /// Bit/s to choose pictures by: a queue that is being drained is gone before a smaller picture has begun.
    pub fn planned_bps(&self, now: Micros) -> u32 {
        self.estimator.planned_bps(now)
    }

    /// The row of counters with what is known of the link.
    pub fn enter(&self, row: LegRow) -> LegRow {
        let (state, pacer) = (self.estimator.state(), self.pacer.counts());
        LegRow {
            feedback_in: self.reports_in,
            estimate_bps: state.estimate_bps.into(),
            wanted_bps: self.wanted_bps.into(),
            link_queue_us: state.queue.0,
            link_loss_ppm: (state.loss * 1e6) as u64,
            paced: pacer.held,
            pacer_drops: pacer.refused + pacer.expired,
            padding_out: self.padding_out,
            ..row
        }
    }

    /// What was lost in an outage, or by a link that is full, copies would not have saved.
    fn note_fates(&mut self, now: Micros) {
        if self.is_full() || self.outage().is_some() {
            return;
        }
        for fate in self.estimator.fates() {
            self.copies.note_fate(now, fate);
        }
    }

    fn room(&self, bps: u32, smooth: bool) -> Room {
        let is_silent = self.estimator.state().silent;
        if self.estimator.is_kept_down() {
            Room::Dropping
        } else if smooth || self.is_full() || self.is_thin() || is_silent {
            Room::Unknown
        } else {
            Room::Carries(bps)
        }
    }

    fn apply(&mut self, now: Micros) {
        let (bps, smooth) = self.estimator.pace();
        self.pacer.set_rate(now, bps, smooth);
        let room = self.room(bps, smooth);
        self.copies.decide(now, room, self.wanted_bps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[test]
    fn whether_a_link_is_recorded_stands_beside_what_each_packet_needs() {
        let apart = offset_of!(Link, tape).abs_diff(offset_of!(Link, last_sent));
        assert!(apart <= 32, "{apart} bytes");
    }
}
