//! What is missing of one incoming stream: when it is worth asking for, how often, and until when.

use crate::awaited::AWAITED_FOR;
use crate::time::Micros;

/// Losses remembered at once; the oldest are given up first.
pub const MOST: usize = 512;
/// Room for holes from the first one on.
const AT_FIRST: usize = 64;
/// How long a lost packet is worth waiting for: longer than any receiver's jitter buffer holds a picture up.
const GIVE_UP_AFTER: Micros = Micros::from_millis(1_000);
/// Reordering on real networks is nearly always over by then; asking sooner asks for what is under way. Where packets
/// overtake one another by more, the wait is what was seen, up to the latter.
const REORDER_WAIT: (Micros, Micros) = (Micros::from_millis(4), Micros::from_millis(60));
/// Between two requests for one packet at the least, even on a path with no round trip to speak of.
const MIN_RETRY: Micros = Micros::from_millis(25);
/// Requests for one packet.
const MAX_TRIES: u8 = 16;
/// What so many rounds of requests have not brought lies behind something that is full, or was never there: each further
/// round comes twice as late. Where a fifth is lost, one of some hundred packets needs more.
const ROUNDS: u8 = 4;
/// Where more than this share is lost, requests are lost, too: each is sent again so much later. Browsers answer a packet
/// once in a round trip, so that this costs nothing on the way up.
const LOSSY: f32 = 0.04;
const ECHO: Micros = Micros::from_millis(6);
/// Where more than this share is lost, a picture that does not go on is not waited for: its last packets may be lost, and
/// the next picture would show it only when it comes itself. So long at the least, at most, and in times of what lies
/// between two packets of one picture.
const TAILS: f32 = 0.01;
const TAIL_WAIT: (Micros, Micros) = (Micros::from_millis(10), Micros::from_millis(30));
const TAIL_TIMES: u64 = 3;
/// Requests for a packet that may never have been sent.
const TAIL_TRIES: u8 = 4;
/// Of so many packets that are awaited each is asked for again in time, since all answers may be lost. Of more than these
/// those alone that were overtaken by another answer: where none comes, they stand in a queue, which each further request
/// would make longer. Unless what is new has come on time for so long.
const FEW: usize = 6;
const ON_TIME_FOR: Micros = Micros::from_millis(500);
const NEVER: Micros = Micros(u64::MAX);
/// Where no more may be asked for now.
const PAUSE: Micros = Micros::from_millis(10);
/// Weight of one packet in the share that is lost.
const LOSS_WEIGHT: f32 = 1.0 / 128.0;

#[derive(Debug, Clone, Copy)]
struct Hole {
    sequence: u64,
    since: Micros,
    asked: Micros,
    tries: u8,
}

/// When to ask.
#[derive(Debug, Clone, Copy)]
struct Timing {
    wait: Micros,
    retry: Micros,
    echoes: bool,
}

impl Timing {
    /// Between a round of requests and the next.
    fn retry_after(self, rounds: u8) -> Micros {
        Micros(self.retry.0 << rounds.saturating_sub(ROUNDS))
    }
}

impl Hole {
    const fn new(now: Micros, sequence: u64) -> Self {
        Self {
            sequence,
            since: now,
            asked: Micros(0),
            tries: 0,
        }
    }

    /// When to ask for it or to give it up.
    fn next_at(&self, timing: Timing) -> Micros {
        let end = self.since + GIVE_UP_AFTER;
        self.due(timing).map_or(end, |at| at.min(end))
    }

    /// Its number, if it was asked for: what never was is not wanted.
    fn in_vain(&self) -> Option<u64> {
        (self.tries > 0).then_some(self.sequence)
    }

    fn ask(&mut self, now: Micros, out: &mut Vec<u16>) {
        self.tries += 1;
        self.asked = now;
        out.push(self.sequence as u16);
    }

    /// [`Self::due`] for a packet of which nobody knows whether it was sent. Where packets of one picture come far apart,
    /// the next picture tells as soon.
    fn due_of_tail(&self, timing: Timing) -> Option<Micros> {
        let may_ask = self.tries < TAIL_TRIES && timing.wait <= TAIL_WAIT.1;
        self.due(timing).filter(|_| may_ask)
    }

    /// When to ask for it, if that has not been done too often.
    fn due(&self, timing: Timing) -> Option<Micros> {
        let at = match self.tries {
            0 => self.since + timing.wait,
            tries if timing.echoes && tries % 2 == 1 => self.asked + ECHO,
            tries if timing.echoes => self.asked + timing.retry_after(tries / 2) - ECHO,
            tries => self.asked + timing.retry_after(tries),
        };
        (self.tries < MAX_TRIES).then_some(at)
    }
}

/// The packets that are missing, in their order.
#[derive(Debug)]
pub struct Missing {
    holes: Vec<Hole>,
    /// How long a hole is given to be filled by itself.
    reorder_wait: Micros,
    round_trip: Micros,
    /// How long an answer stands in a queue, whether what is new stands in none, and when it did last.
    queue: Micros,
    is_on_time: bool,
    late: Option<Micros>,
    /// Share of packets that were missing of late, 0 to 1.
    loss: f32,
    /// The next packet of a picture that has begun and not ended.
    tail: Option<Hole>,
    /// What lies between two packets of one picture.
    spacing: Micros,
    /// Nothing is due before. Too early where what was due has come meanwhile.
    next: Micros,
    /// So many packets may be asked for and not have come at once.
    most_awaited: usize,
    /// The last request that was answered: when, and for which packet.
    answered: (Micros, u64),
    /// Since when many are awaited and no answer has come; `NEVER` where few are.
    stuck_since: Micros,
    answers: u64,
    /// A key frame begins here, and needs nothing that was sent before.
    begins: u64,
    /// The newest packet that was asked for in vain.
    gave_up: Option<u64>,
}

impl Default for Missing {
    fn default() -> Self {
        Self {
            holes: Vec::new(),
            reorder_wait: REORDER_WAIT.0,
            round_trip: Micros(0),
            queue: Micros(0),
            is_on_time: false,
            late: None,
            loss: 0.0,
            tail: None,
            spacing: TAIL_WAIT.0,
            next: NEVER,
            most_awaited: usize::MAX,
            answered: (Micros(0), 0),
            stuck_since: NEVER,
            answers: 0,
            begins: 0,
            gave_up: None,
        }
    }
}

impl Missing {
    /// Brings the lines near that the next packet needs.
    pub fn touch(&self) -> u64 {
        let tail = self.tail.as_ref().map_or(0, |tail| tail.sequence);
        u64::from(self.loss.to_bits()) ^ tail ^ self.spacing.0
    }

    /// Notes a packet that is ahead of all others, and those between that have not come.
    pub fn note(&mut self, now: Micros, between: std::ops::Range<u64>) {
        let count = (between.end - between.start) as usize;
        self.loss = (self.loss + (count as f32 - self.loss) * LOSS_WEIGHT).clamp(0.0, 1.0);
        if count == 0 {
            self.tail = None;
            return;
        }
        let tail = self.tail.take();
        // Also here, since nobody collects the requests of a stream that is not repaired.
        let old = |hole: &&Hole| now.since(hole.since) >= GIVE_UP_AFTER;
        let given_up = self.holes.iter().take_while(old).count();
        self.drop_oldest(given_up);
        if self.holes.capacity() == 0 {
            self.holes.reserve_exact(AT_FIRST);
        }
        let room = MOST.saturating_sub(self.holes.len());
        if count > room {
            self.drop_oldest((count - room).min(self.holes.len()));
        }
        let first = self.holes.len();
        self.holes.extend(between.map(|sequence| {
            tail.filter(|tail| tail.sequence == sequence)
                .unwrap_or_else(|| Hole::new(now, sequence))
        }));
        let timing = self.timing();
        let new = self.holes[first..].iter().map(|hole| hole.next_at(timing));
        self.next = new.fold(self.next, Micros::min);
    }

    /// The newest packet, which is the `next` but one, belongs to a picture that goes on, or ends it.
    pub fn expect(&mut self, now: Micros, next: u64, goes_on: bool) {
        if self.loss <= TAILS {
            return;
        }
        self.tail = goes_on.then(|| Hole::new(now, next));
        let timing = self.tail_timing();
        let at = self.tail.and_then(|tail| tail.due_of_tail(timing));
        self.next = at.map_or(self.next, |at| at.min(self.next));
    }

    /// A packet has come of a picture whose packet before it came at `before`.
    pub fn learn_spacing(&mut self, now: Micros, before: Micros) {
        self.spacing = Micros((self.spacing.0 * 7 + now.since(before).0) / 8);
    }

    /// A packet that others have overtaken; false if it was not missing. What comes half a round trip after it was asked
    /// for may be the answer, where retransmissions have no stream of their own, and tells nothing of the order.
    pub fn take_late(&mut self, now: Micros, sequence: u64) -> bool {
        self.note_answer(now, sequence);
        let Some(hole) = self.take(sequence) else {
            return false;
        };
        let half = Micros(self.round_trip.0 / 2);
        if hole.tries == 0 || now.since(hole.asked) < half {
            self.loss = (self.loss - LOSS_WEIGHT).max(0.0);
            self.learn_order(now.since(hole.since).0);
        }
        true
    }

    /// A packet that a repair has brought; false if it was not missing.
    pub fn take_repaired(&mut self, sequence: u64) -> bool {
        let is_tail = |tail: Hole| tail.tries > 0 && tail.sequence == sequence;
        if self.tail.is_some_and(is_tail) {
            self.tail = None;
            return true;
        }
        let was_missing = self.take(sequence).is_some();
        if was_missing {
            self.reorder_wait = REORDER_WAIT.0.max(Micros(self.reorder_wait.0 * 15 / 16));
        }
        was_missing
    }

    /// The wait comes near the longest that overtaken packets take.
    fn learn_order(&mut self, took: u64) {
        let wait = self.reorder_wait.0;
        let wait = if took > wait {
            wait + (took - wait) / 2
        } else {
            wait - (wait - took) / 64
        };
        self.reorder_wait = Micros(wait).clamp(REORDER_WAIT.0, REORDER_WAIT.1);
    }

    fn take(&mut self, sequence: u64) -> Option<Hole> {
        self.find(sequence).map(|at| self.holes.remove(at))
    }

    /// A packet comes that may have been asked for.
    pub fn note_answer(&mut self, now: Micros, sequence: u64) {
        let asked = self.find(sequence).map(|at| self.holes[at]);
        if let Some(hole) = asked.filter(|hole| hole.tries > 0) {
            self.answered = self.answered.max((hole.asked, sequence));
            self.stuck_since = now;
            self.answers += 1;
        }
    }

    /// How many packets have come that were asked for.
    pub const fn answers(&self) -> u64 {
        self.answers
    }

    fn find(&self, sequence: u64) -> Option<usize> {
        let at = self
            .holes
            .binary_search_by_key(&sequence, |hole| hole.sequence);
        at.ok()
    }

    /// Whether there may be something to ask for.
    pub fn is_due(&self, now: Micros) -> bool {
        now >= self.next
    }

    /// Lets so many packets be awaited at once from now on.
    pub const fn await_at_most(&mut self, packets: usize) {
        self.most_awaited = packets;
    }

    /// Packets that were asked for and may be on their way: since a moment ago, or behind those that have come.
    fn awaited(&self, now: Micros) -> usize {
        let waits = |hole: &&Hole| {
            let is_new = now.since(hole.asked) < AWAITED_FOR;
            hole.tries > 0 && (is_new || (hole.asked, hole.sequence) > self.answered)
        };
        self.holes.iter().filter(waits).count()
    }

    /// Only what was asked for before that is asked for again; `None` for all.
    fn answered_before(&mut self, now: Micros, awaited: usize) -> Option<(Micros, u64)> {
        let was_late = |late: Micros| now.since(late) < ON_TIME_FOR;
        if awaited <= FEW || self.is_on_time && !self.late.is_some_and(was_late) {
            self.stuck_since = NEVER;
            return None;
        }
        let since = self.stuck_since.min(now);
        let stuck = now.since(since) >= AWAITED_FOR;
        self.stuck_since = if stuck { now } else { since };
        (!stuck).then_some(self.answered)
    }

    /// Writes the sequence numbers to ask for now into `out`, ascending and up to `most`, and gives up what is too old.
    pub fn collect(&mut self, now: Micros, round_trip: Micros, most: usize, out: &mut Vec<u16>) {
        self.round_trip = round_trip;
        if !self.is_due(now) {
            return;
        }
        let waits = |tail: &Hole| now.since(tail.since) < GIVE_UP_AFTER;
        self.tail = self.tail.filter(waits);
        let timing = self.timing();
        let mut next = NEVER;
        let awaited = self.awaited(now);
        let mut room = self.most_awaited.saturating_sub(awaited);
        let answered = self.answered_before(now, awaited);
        let mut gave_up = self.gave_up;
        self.holes.retain_mut(|hole| {
            if now.since(hole.since) >= GIVE_UP_AFTER {
                gave_up = gave_up.max(hole.in_vain());
                return false;
            }
            let may_ask = out.len() < most
                && match hole.tries {
                    0 => room > 0,
                    tries if timing.echoes && tries % 2 == 1 => true,
                    _ => answered.is_none_or(|answered| (hole.asked, hole.sequence) < answered),
                };
            if may_ask && hole.due(timing).is_some_and(|at| at <= now) {
                room = room.saturating_sub(usize::from(hole.tries == 0));
                hole.ask(now, out);
            }
            next = next.min(hole.next_at(timing));
            true
        });
        self.gave_up = gave_up;
        let tail_timing = self.tail_timing();
        if let Some(tail) = &mut self.tail {
            let due = tail.due_of_tail(tail_timing);
            if out.len() < most && due.is_some_and(|at| at <= now) {
                tail.ask(now, out);
            }
            next = next.min(tail.due_of_tail(tail_timing).unwrap_or(NEVER));
        }
        // Whatever is due still may not be asked for.
        self.next = if next <= now { now + PAUSE } else { next };
    }

    /// When there may be something to ask for or to give up.
    pub fn next_at(&self) -> Option<Micros> {
        (!self.is_empty() && self.next < NEVER).then_some(self.next)
    }

    fn tail_timing(&self) -> Timing {
        let wait = Micros(self.spacing.0 * TAIL_TIMES).max(TAIL_WAIT.0);
        let wait = wait.max(self.reorder_wait);
        Timing {
            wait,
            ..self.timing()
        }
    }

    fn timing(&self) -> Timing {
        // A round trip, and what it varies by: sooner, a browser would take it for an echo, and where a third is lost
        // pictures stand longer.
        let retry = Micros(self.round_trip.0 + self.round_trip.0 / 8).max(MIN_RETRY) + self.queue;
        Timing {
            wait: self.reorder_wait,
            retry,
            echoes: self.loses(),
        }
    }

    /// Whether so much is lost that requests are lost, too.
    pub fn loses(&self) -> bool {
        self.loss > LOSSY
    }

    /// What is sent now stands in a queue for so long, or in none if it comes on time: what was asked for a round trip ago
    /// and has not come is lost then.
    pub fn set_queue(&mut self, now: Micros, queue: Micros, is_on_time: bool) {
        (self.queue, self.is_on_time) = (queue, is_on_time);
        if !is_on_time {
            self.late = Some(now);
        }
    }

    /// Gives up everything.
    pub fn clear(&mut self) {
        self.holes.clear();
        self.tail = None;
        self.gave_up = None;
    }

    /// Gives up what was sent before this packet.
    pub fn forget_before(&mut self, sequence: u64) {
        self.holes.retain(|hole| hole.sequence >= sequence);
    }

    /// A key frame begins with this packet.
    pub fn begin_with_key_frame(&mut self, sequence: u64) {
        self.begins = self.begins.max(sequence);
    }

    /// Whether a key frame has begun after this packet.
    pub const fn has_begun_since(&self, sequence: u64) -> bool {
        sequence < self.begins
    }

    /// Whether something was asked for in vain that was sent after the last key frame began: nearly always there is no picture
    /// without it. Until it is [forgotten](Self::forget_given_up).
    pub fn has_given_up(&self) -> bool {
        self.gave_up
            .is_some_and(|sequence| !self.has_begun_since(sequence))
    }

    /// Somebody has seen to it.
    pub const fn forget_given_up(&mut self) {
        self.gave_up = None;
    }

    fn drop_oldest(&mut self, count: usize) {
        let old = self.holes.drain(..count).filter_map(|hole| hole.in_vain());
        self.gave_up = self.gave_up.max(old.max());
    }

    /// Whether nothing is missing that is not given up, nor awaited.
    pub fn is_empty(&self) -> bool {
        self.holes.is_empty() && self.tail.is_none()
    }

    /// Packets that are missing, given up or not.
    pub fn len(&self) -> usize {
        self.holes.len()
    }

    /// Whether this packet may still come.
    pub fn has(&self, sequence: u64) -> bool {
        self.find(sequence).is_some()
    }

    /// Whether this packet is missing and was asked for.
    pub fn was_asked(&self, sequence: u64) -> bool {
        self.find(sequence)
            .is_some_and(|at| self.holes[at].tries > 0)
    }

    /// Packets that are missing and not given up.
    pub fn pending(&self, now: Micros) -> u64 {
        let waits = |hole: &&Hole| now.since(hole.since) < GIVE_UP_AFTER;
        self.holes.iter().filter(waits).count() as u64
    }
}

#[cfg(test)]
mod tests;
