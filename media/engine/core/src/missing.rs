//! What is missing of one incoming stream: when it is worth asking for, how often, and until when.

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
    /// Share of packets that were missing of late, 0 to 1.
    loss: f32,
    /// The next packet of a picture that has begun and not ended.
    tail: Option<Hole>,
    /// What lies between two packets of one picture.
    spacing: Micros,
    /// Nothing is due before. Too early where what was due has come meanwhile.
    next: Micros,
}

impl Default for Missing {
    fn default() -> Self {
        Self {
            holes: Vec::new(),
            reorder_wait: REORDER_WAIT.0,
            round_trip: Micros(0),
            loss: 0.0,
            tail: None,
            spacing: TAIL_WAIT.0,
            next: NEVER,
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
        self.holes.drain(..given_up);
        if self.holes.capacity() == 0 {
            self.holes.reserve_exact(AT_FIRST);
        }
        let room = MOST.saturating_sub(self.holes.len());
        if count > room {
            self.holes.drain(..(count - room).min(self.holes.len()));
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

    fn find(&self, sequence: u64) -> Option<usize> {
        let at = self
            .holes
            .binary_search_by_key(&sequence, |hole| hole.sequence);
        at.ok()
    }

    /// Writes the sequence numbers to ask for now into `out`, ascending and up to `most`, and gives up what is too old.
    pub fn collect(&mut self, now: Micros, round_trip: Micros, most: usize, out: &mut Vec<u16>) {
        self.round_trip = round_trip;
        if now < self.next {
            return;
        }
        let timing = self.timing();
        let mut next = NEVER;
        self.holes.retain_mut(|hole| {
            if now.since(hole.since) >= GIVE_UP_AFTER {
                return false;
            }
            if out.len() < most && hole.due(timing).is_some_and(|at| at <= now) {
                hole.ask(now, out);
            }
            next = next.min(hole.next_at(timing));
            true
        });
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
        let retry = Micros(self.round_trip.0 + self.round_trip.0 / 8).max(MIN_RETRY);
        Timing {
            wait: self.reorder_wait,
            retry,
            echoes: self.loss > LOSSY,
        }
    }

    /// Gives up everything.
    pub fn clear(&mut self) {
        self.holes.clear();
        self.tail = None;
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
mod tests {
    use super::*;
    use crate::random::Random;

    const TRIP: Micros = Micros::from_millis(40);

    fn at(millis: u64) -> Micros {
        Micros::from_millis(1_000_000 + millis)
    }

    /// Packets every 8 ms, each with its delay in ms, or lost; gives what was asked for, and when, in ms.
    fn run(packets: u64, delay: impl Fn(u64) -> Option<u64>) -> Vec<(u64, u64)> {
        let arrivals =
            (0..packets).filter_map(|number| Some((number * 8 + delay(number)?, number)));
        let mut arrivals: Vec<(u64, u64)> = arrivals.collect();
        arrivals.sort_unstable();
        let (mut missing, mut highest, mut asked) = (Missing::default(), None, Vec::new());
        let mut arrivals = arrivals.into_iter().peekable();
        for millis in 0..packets * 8 {
            while let Some((_, number)) = arrivals.next_if(|(time, _)| *time <= millis) {
                match highest {
                    Some(high) if number < high => {
                        missing.take_late(at(millis), number);
                    }
                    _ => {
                        missing.note(at(millis), highest.map_or(number, |high| high + 1)..number);
                        highest = Some(number);
                    }
                }
            }
            let mut out = Vec::new();
            if missing.next_at().is_some_and(|next| next <= at(millis)) {
                missing.collect(at(millis), TRIP, usize::MAX, &mut out);
            }
            asked.extend(out.into_iter().map(|number| (u64::from(number), millis)));
        }
        asked
    }

    #[test]
    fn a_lost_packet_is_asked_for_at_once_and_again_after_a_round_trip() {
        let asked = run(100, |number| (number != 50).then_some(20));
        let times: Vec<u64> = asked.iter().map(|(_, millis)| *millis).collect();
        // The next packet shows the hole at 428 ms.
        assert_eq!(times[..3], [432, 477, 522]);
        assert!(asked.iter().all(|(number, _)| *number == 50));
    }

    #[test]
    fn what_nobody_answers_is_asked_for_less_and_less_and_given_up() {
        let asked = run(200, |number| (number != 50).then_some(20));
        let times: Vec<u64> = asked.iter().map(|(_, millis)| *millis).collect();
        assert_eq!(times, [432, 477, 522, 567, 612, 702, 882, 1_242]);
    }

    #[test]
    fn what_may_not_be_asked_for_now_is_looked_at_in_a_while() {
        let mut missing = Missing::default();
        let mut out = Vec::new();
        missing.note(at(0), 100..104);
        missing.collect(at(4), TRIP, 2, &mut out);
        assert_eq!(out, [100, 101]);
        assert_eq!(missing.next_at(), Some(at(14)));
        missing.collect(at(14), TRIP, usize::MAX, &mut out);
        assert_eq!(out, [100, 101, 102, 103]);
        missing.collect(at(1_000), TRIP, 0, &mut out);
        assert_eq!((missing.len(), missing.next_at()), (0, None));
    }

    /// Pictures of four packets every 40 ms, 3 ms apart; the last one of each tenth is lost.
    fn run_pictures(apart: u64) -> Vec<(u64, u64)> {
        let (mut missing, mut asked) = (Missing::default(), Vec::new());
        let (mut newest, mut came) = (None, Micros(0));
        for millis in 0..4_000_u64 {
            let (picture, within) = (millis / 40, millis % 40);
            let number = picture * 4 + within / apart;
            let comes = within % apart == 0 && within < 4 * apart && number % 40 != 39;
            if comes {
                missing.note(
                    at(millis),
                    newest.map_or(number, |newest| newest + 1)..number,
                );
                if within > 0 {
                    missing.learn_spacing(at(millis), came);
                }
                missing.expect(at(millis), number + 1, number % 4 != 3);
                (newest, came) = (Some(number), at(millis));
            }
            let mut out = Vec::new();
            if missing.next_at().is_some_and(|next| next <= at(millis)) {
                missing.collect(at(millis), TRIP, usize::MAX, &mut out);
            }
            let after = |number: u16| (u64::from(number), millis - picture * 40);
            asked.extend(out.into_iter().map(after));
        }
        asked.retain(|(number, _)| *number > 120);
        asked
    }

    #[test]
    fn the_last_packet_of_a_picture_is_asked_for_before_the_next_picture_comes() {
        let asked = run_pictures(3);
        assert!(
            asked.iter().all(|(number, _)| number % 40 == 39),
            "{asked:?}"
        );
        let first = asked.iter().find(|(number, _)| *number == 159);
        // 10 ms after the one before it.
        assert_eq!(first, Some(&(159, 16)));
    }

    #[test]
    fn where_packets_of_a_picture_come_far_apart_nothing_is_asked_for_that_is_under_way() {
        let asked = run_pictures(10);
        assert!(
            asked.iter().all(|(number, _)| number % 40 == 39),
            "{asked:?}"
        );
    }

    #[test]
    fn where_much_is_lost_each_request_goes_twice() {
        let asked = run(200, |number| (number % 10 != 0).then_some(20));
        let last: Vec<u64> = asked
            .iter()
            .filter(|(n, _)| *n == 150)
            .map(|(_, at)| *at)
            .collect();
        assert_eq!(last[..4], [1_232, 1_238, 1_277, 1_283]);
    }

    #[test]
    fn packets_that_overtake_one_another_are_hardly_asked_for() {
        let delays: Vec<u64> = {
            let mut random = Random::new(3);
            (0..2_000).map(|_| 20 + random.next() % 31).collect()
        };
        let asked = run(2_000, |number| Some(delays[number as usize]));
        let after = asked.iter().filter(|(number, _)| *number > 500).count();
        assert!(after < 60, "{after} of 1500");
        let lossy = run(2_000, |number| {
            (number != 1_500).then_some(delays[number as usize])
        });
        let first = lossy
            .iter()
            .find(|(number, _)| *number == 1_500)
            .map(|(_, at)| *at);
        assert!(
            first.is_some_and(|at| at < 12_000 + 20 + 8 + 60),
            "{first:?}"
        );
    }
}
