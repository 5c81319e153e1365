//! The rate: up while the link is clear, down when its queue grows (draft-ietf-rmcat-gcc-02 section 5.5).

use crate::time::Micros;

/// Of what arrives when the link is full (section 5.5, beta).
const DECREASE: f64 = 0.85;
/// Growth in a second far from any known capacity. The draft has 1.08, for detectors that see a queue later.
const FAR: f64 = 1.15;
/// Growth in a second near the known capacity: from 0.85 of it back to all of it in four seconds.
const NEAR: f64 = 0.04;
/// At least this much a second, in bit/s, so that a thin link is not found out about for ever.
const NEAR_LEAST: f64 = 6_000.0;
/// What may be known to fit beyond what arrives (section 5.5): 1.5 times and 10 kbit/s.
const LIMIT: (f64, f64) = (1.5, 10_000.0);
/// While a queue is drained, the rate is such that it would be empty after so long.
const DRAIN_S: f64 = 0.35;
/// The least share of the capacity while draining.
const DRAIN_LEAST: f64 = 0.1;
/// Draining ends after that long in any case: the path may just have become longer.
const DRAIN_MOST: Micros = Micros::from_millis(2_500);
/// A queue that differs by less than this share of what was sent less is none: the path is longer now.
const DRAINED: f64 = 0.15;
/// It is judged when so much should be gone, in us and in packets of full size: less is noise.
const DRAIN_JUDGED_US: f64 = 80_000.0;
const DRAIN_JUDGED_BYTES: f64 = 3.0 * 1_200.0;
/// What is sent so soon after the rate was lowered may still make the queue longer.
const DRAIN_BEGINS: Micros = Micros::from_millis(50);
/// Not more often than this, lest a queue that others fill be followed up without end.
const DRAIN_JUDGED_AGAIN: Micros = Micros::from_secs(4);
/// Between two decreases beside the round trip: what a report needs to tell of the first.
const REACTION: Micros = Micros::from_millis(150);
/// What is assumed of a link of which nothing is known any more.
pub(super) const START: f64 = 300_000.0;
/// Nothing is gained by an estimate below that: sound goes on whatever it says.
pub(super) const FLOOR: f64 = 30_000.0;
/// What four senders of pictures in full height take; a probe gone wrong shall not say more.
const CEILING: f64 = 20_000_000.0;

/// What is seen of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// No queue to speak of.
    Clear,
    /// A queue that grows, or a long one that stays.
    Congested,
    /// A queue that becomes shorter.
    Draining,
}

/// What the rate is decided from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input {
    pub(super) sight: Sight,
    pub(super) queue: Micros,
    pub(super) rtt: Micros,
    /// The least round trip of late, and bytes that no report has told of.
    pub(super) rtt_least: Micros,
    pub(super) in_flight: u64,
    /// Bit/s that arrive, counting what was lost without the rate being the reason: at once, and over longer.
    pub(super) recent: Option<f64>,
    pub(super) steady: Option<f64>,
    /// The rate stays as it is, for a reason of its own.
    pub(super) hold: bool,
}

/// Mean and deviation of what the link carried when it was full.
#[derive(Debug, Clone, Copy)]
struct Capacity {
    mean: f64,
    /// Variance as a share of the mean.
    spread: f64,
}

impl Capacity {
    const fn new(bps: f64) -> Self {
        Self {
            mean: bps,
            spread: 0.4,
        }
    }

    fn note(&mut self, bps: f64, weight: f64) {
        let error = bps - self.mean;
        self.mean += weight * error;
        let sample = error * error / self.mean.max(1.0) / 1_000.0;
        self.spread = ((1.0 - weight) * self.spread + weight * sample).clamp(0.4, 2.5);
    }

    /// Three deviations about the mean.
    fn bounds(&self) -> (f64, f64) {
        let deviation = (self.spread * self.mean * 1_000.0).sqrt();
        (self.mean - 3.0 * deviation, self.mean + 3.0 * deviation)
    }
}

/// A queue that is being drained.
#[derive(Debug, Clone, Copy)]
struct Drain {
    since: Micros,
    /// Bit/s that were sent before.
    before: f64,
    /// Bit/s that arrived when it began.
    carried: f64,
    longest: Micros,
    /// When the last packet was sent of those that were sent since and reported on, and the bytes of all of them.
    sent_until: Micros,
    bytes: u64,
}

/// The state of the rate.
#[derive(Debug)]
pub(super) struct Aimd {
    rate: f64,
    capacity: Option<Capacity>,
    drain: Option<Drain>,
    judged: Option<Micros>,
    queue: Micros,
    last_update: Micros,
    last_decrease: Option<Micros>,
}

impl Aimd {
    pub(super) const fn new(now: Micros, bps: f64) -> Self {
        Self {
            rate: bps,
            capacity: None,
            drain: None,
            judged: None,
            queue: Micros(0),
            last_update: now,
            last_decrease: None,
        }
    }

    /// Bit/s that may be sent now.
    pub(super) fn rate(&self) -> f64 {
        match (self.drain, self.capacity) {
            (Some(_), Some(capacity)) => {
                let queue = self.queue.0 as f64 / 1e6;
                let share = (DECREASE - queue / DRAIN_S).max(DRAIN_LEAST);
                self.rate.min(capacity.mean * share).max(FLOOR)
            }
            _ => self.rate,
        }
    }

    /// Bit/s once the queue is drained.
    pub(super) const fn target(&self) -> f64 {
        self.rate
    }

    /// Whether a queue is being drained.
    pub(super) const fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    /// When the link was last found full.
    pub(super) const fn last_decrease(&self) -> Option<Micros> {
        self.last_decrease
    }

    /// Time passes, or a report has come. True if the queue that was to be drained turns out to be none: what is the least
    /// delay now is then the base.
    pub(super) fn update(&mut self, now: Micros, input: &Input) -> bool {
        let elapsed = now.since(self.last_update).0.min(200_000);
        self.last_update = now;
        self.queue = input.queue.min(self.standing(input));
        if let (Some(_), Some(capacity), Some(recent)) =
            (self.drain, &mut self.capacity, input.recent)
        {
            // As long as there is a queue, what arrives is what the link carries.
            if input.sight != Sight::Clear {
                capacity.note(recent, 0.3);
                self.rate = self.rate.min(DECREASE * capacity.mean).max(FLOOR);
            }
        }
        match input.sight {
            Sight::Congested => self.decrease(now, input),
            Sight::Draining => {}
            Sight::Clear => {
                self.drain = None;
                if !input.hold {
                    self.increase(elapsed as f64 / 1e6, input);
                }
            }
        }
        self.judge_drain(now, input)
    }

    /// The queue as it must be by now: what is told of it is as old as it was long.
    fn standing(&self, input: &Input) -> Micros {
        let carries = self.capacity.map_or(self.rate, |capacity| capacity.mean);
        let us = input.in_flight as f64 * 8e6 / carries.max(FLOOR);
        Micros((us as u64).saturating_sub(input.rtt_least.0))
    }

    fn judge_drain(&mut self, now: Micros, input: &Input) -> bool {
        let Some(drain) = &mut self.drain else {
            return false;
        };
        if now.since(drain.since) > DRAIN_MOST {
            self.drain = None;
            return false;
        }
        let sent_us = drain.sent_until.since(drain.since);
        drain.longest = drain.longest.max(input.queue);
        if sent_us < DRAIN_BEGINS {
            drain.carried = input.recent.unwrap_or(drain.carried);
            return false;
        }
        let us_per_byte = 8e6 / drain.carried.max(1.0);
        let expected = sent_us.0 as f64 - drain.bytes as f64 * us_per_byte;
        let enough = DRAIN_JUDGED_US.max(DRAIN_JUDGED_BYTES * us_per_byte);
        let differs = drain.longest.0.abs_diff(input.queue.0) as f64;
        let again = self
            .judged
            .is_none_or(|at| now.since(at) > DRAIN_JUDGED_AGAIN);
        if expected < enough || differs > DRAINED * expected || !again {
            return false;
        }
        let before = drain.before.min(drain.carried);
        self.judged = Some(now);
        self.set(before);
        true
    }

    fn decrease(&mut self, now: Micros, input: &Input) {
        let wait = input.rtt + REACTION;
        if self.last_decrease.is_some_and(|at| now.since(at) < wait) {
            return;
        }
        self.last_decrease = Some(now);
        self.drain.get_or_insert(Drain {
            since: now,
            before: self.rate,
            carried: input.recent.unwrap_or(self.rate),
            longest: input.queue,
            sent_until: now,
            bytes: 0,
        });
        let Some(arriving) = input.recent else {
            self.rate = (self.rate * DECREASE).max(FLOOR);
            return;
        };
        match &mut self.capacity {
            Some(capacity) if arriving >= capacity.bounds().0 => capacity.note(arriving, 0.2),
            other => *other = Some(Capacity::new(arriving)),
        }
        self.rate = self.rate.min(DECREASE * arriving).max(FLOOR);
    }

    fn increase(&mut self, elapsed: f64, input: &Input) {
        let Some(arriving) = input.steady else { return };
        let limit = arriving * LIMIT.0 + LIMIT.1;
        if self.rate >= limit {
            return;
        }
        if self
            .capacity
            .is_some_and(|capacity| arriving > capacity.bounds().1)
        {
            self.capacity = None;
        }
        let near = self.capacity.is_some_and(|capacity| {
            let (low, high) = capacity.bounds();
            (low.min(capacity.mean * DECREASE * 0.95)..=high).contains(&self.rate)
        });
        let grown = if near {
            self.rate + (self.rate * NEAR).max(NEAR_LEAST) * elapsed
        } else {
            self.rate * FAR.powf(elapsed)
        };
        self.rate = grown.min(limit).min(CEILING);
    }

    /// A packet has been reported on, arrived or not.
    pub(super) fn note_reported(&mut self, sent_at: Micros, bytes: u32) {
        if let Some(drain) = self.drain.as_mut().filter(|drain| sent_at > drain.since) {
            drain.sent_until = drain.sent_until.max(sent_at);
            drain.bytes += u64::from(bytes);
        }
    }

    /// A probe has shown that so much fits.
    pub(super) fn probed(&mut self, bps: f64) {
        if self.drain.is_some() || bps <= self.rate {
            return;
        }
        if self
            .capacity
            .is_some_and(|capacity| bps > capacity.bounds().1)
        {
            self.capacity = None;
        }
        self.rate = bps.min(CEILING);
    }

    /// While others fill the link, and when they have gone: what it carries is not known by what arrives.
    pub(super) fn share(&mut self, now: Micros, bps: f64) {
        self.set(bps);
        self.capacity = None;
        self.last_update = now;
    }

    /// After an outage.
    pub(super) fn set(&mut self, bps: f64) {
        self.rate = bps.clamp(FLOOR, CEILING);
        self.drain = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn at(millis: u64) -> Micros {
        Micros::from_millis(1_000 + millis)
    }

    fn input(sight: Sight, queue_ms: u64, arriving: f64) -> Input {
        Input {
            sight,
            queue: Micros::from_millis(queue_ms),
            rtt: Micros::from_millis(50),
            rtt_least: Micros::from_millis(50),
            in_flight: u64::MAX / 16,
            recent: Some(arriving),
            steady: Some(arriving),
            hold: false,
        }
    }

    #[test]
    fn the_rate_grows_to_half_more_than_what_arrives() {
        let mut aimd = Aimd::new(at(0), 400_000.0);
        for step in 1..400 {
            aimd.update(at(step * 25), &input(Sight::Clear, 0, 300_000.0));
        }
        assert_eq!(aimd.rate(), 460_000.0);
    }

    #[test]
    fn congestion_lowers_it_below_what_arrives_and_by_the_queue() {
        let mut aimd = Aimd::new(at(0), 2e6);
        aimd.update(at(10), &input(Sight::Congested, 200, 300_000.0));
        assert!(aimd.rate() <= 0.3 * 300_000.0 && aimd.is_draining());
        assert_eq!(aimd.target(), 255_000.0);
        aimd.update(at(400), &input(Sight::Clear, 5, 280_000.0));
        assert!((254_000.0..262_000.0).contains(&aimd.rate()));
    }

    #[test]
    fn near_the_known_capacity_it_grows_slowly() {
        let mut aimd = Aimd::new(at(0), 1e6);
        aimd.update(at(10), &input(Sight::Congested, 30, 1e6));
        aimd.update(at(200), &input(Sight::Clear, 5, 850_000.0));
        let before = aimd.rate();
        for step in 1..=40 {
            aimd.update(at(200 + step * 25), &input(Sight::Clear, 5, 850_000.0));
        }
        let grown = aimd.rate() / before;
        assert!((1.03..1.05).contains(&grown), "{grown}");
    }

    /// A queue that stays as it is although little is sent is the length of the path.
    #[test]
    fn a_longer_path_gives_the_rate_back() {
        let mut aimd = Aimd::new(at(0), 1e6);
        let mut told = None;
        for step in 0..60 {
            let now = at(step * 25);
            let sight = if step % 10 == 0 {
                Sight::Congested
            } else {
                Sight::Draining
            };
            aimd.note_reported(now - Micros::from_millis(60), 300);
            if aimd.update(now, &input(sight, 100, 1e6)) {
                told = Some(step * 25);
                break;
            }
        }
        assert!(told.is_some_and(|ms| ms < 500), "{told:?}");
        assert_eq!((aimd.rate(), aimd.is_draining()), (1e6, false));
    }

    /// A queue that shrinks as it should is one.
    #[test]
    fn a_queue_that_is_drained_is_no_longer_path() {
        let mut aimd = Aimd::new(at(0), 1e6);
        for step in 0..20_u64 {
            let now = at(step * 25);
            aimd.note_reported(now - Micros::from_millis(60), 300);
            let drained = (step * 25).saturating_sub(110) * 9 / 10;
            let now_input = input(Sight::Draining, 400 - drained, 1e6);
            let first = Input {
                sight: Sight::Congested,
                ..now_input
            };
            assert!(!aimd.update(now, if step == 0 { &first } else { &now_input }));
        }
        assert!(aimd.is_draining());
        aimd.update(at(30 * SECOND / 1_000), &input(Sight::Draining, 60, 1e6));
        assert!(!aimd.is_draining());
    }

    #[test]
    fn a_probe_raises_it_and_nothing_below_the_rate_does() {
        let mut aimd = Aimd::new(at(0), 400_000.0);
        aimd.probed(300_000.0);
        assert_eq!(aimd.rate(), 400_000.0);
        aimd.probed(900_000.0);
        assert_eq!(aimd.rate(), 900_000.0);
        aimd.set(1.0);
        assert_eq!(aimd.rate(), FLOOR);
    }
}
