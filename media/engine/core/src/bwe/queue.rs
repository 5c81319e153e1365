//! How long packets wait in the link: the lower envelope of their one-way delay over the least of the last seconds.
//!
//! Jitter delays each packet by itself, a queue delays all of them. The least delay of ten packets in a row is
//! therefore close to the base under any jitter, and as far above it as the queue is long when there is one. This is
//! what tells 30 ms of jitter from a full link, which a trend over every packet cannot.

use crate::time::Micros;

/// A stretch of the envelope: so many packets at least, over so long at least.
const PACKETS: u32 = 8;
const STRETCH_US: i64 = 40_000;
/// The base is looked for in the last ten seconds. Longer, and clocks that run apart or another path would stand as a
/// queue; shorter, and a queue that never empties would pass for the base.
const BASE_SPAN_US: i64 = 1_000_000;
const BASE_SPANS: usize = 10;
/// So many packets are enough to see a queue that is longer than jitter makes it, by so many times its variation and
/// at least so much: a link that has become thin delivers eight packets only in a quarter of a second.
const FEW: usize = 4;
const FEW_NOISE: f64 = 4.0;
const FEW_LEAST_US: f64 = 40_000.0;
/// The envelope of jitter that keeps its order (a shared radio) is not level: how much of each difference counts, and
/// what is no noise but a queue.
const NOISE_WEIGHT: f64 = 0.04;
const NOISE_MOST_US: i64 = 40_000;
const NONE: i64 = i64::MAX;

/// The envelope and its base.
#[derive(Debug)]
pub(super) struct QueueDelay {
    current: i64,
    packets: u32,
    since_us: i64,
    /// The two last whole stretches, the newer first.
    past: [i64; 2],
    /// Mean of what two stretches in a row differ by, in us.
    noise: f64,
    /// How many stretches that is known from.
    stretches: u32,
    few: [i64; FEW],
    few_at: usize,
    /// The least of each span, and of all of them.
    base: [i64; BASE_SPANS],
    least: i64,
    base_at: usize,
    base_since_us: i64,
}

impl Default for QueueDelay {
    fn default() -> Self {
        Self {
            current: NONE,
            packets: 0,
            since_us: i64::MIN / 2,
            past: [NONE; 2],
            noise: 0.0,
            stretches: 0,
            few: [i64::MIN; FEW],
            few_at: 0,
            base: [NONE; BASE_SPANS],
            least: NONE,
            base_at: 0,
            base_since_us: i64::MIN / 2,
        }
    }
}

impl QueueDelay {
    /// A packet that arrived, in the order of sending.
    pub(super) fn add(&mut self, sent_us: i64, arrived_us: i64) {
        let delay = arrived_us.wrapping_sub(sent_us);
        if self.packets >= PACKETS && sent_us - self.since_us >= STRETCH_US {
            if self.past[0] != NONE {
                let differ = (self.current - self.past[0]).abs().min(NOISE_MOST_US);
                self.stretches = self.stretches.saturating_add(1);
                let weight = NOISE_WEIGHT.max(1.0 / f64::from(self.stretches));
                self.noise += weight * (differ as f64 - self.noise);
            }
            self.past = [self.current, self.past[0]];
            (self.current, self.packets) = (NONE, 0);
        }
        if self.packets == 0 {
            self.since_us = sent_us;
        }
        self.current = self.current.min(delay);
        self.packets += 1;
        self.few[self.few_at] = delay;
        self.few_at = (self.few_at + 1) % FEW;
        if sent_us - self.base_since_us >= BASE_SPAN_US {
            self.base_at = (self.base_at + 1) % BASE_SPANS;
            self.base[self.base_at] = NONE;
            self.base_since_us = sent_us;
            self.least = self.base.iter().copied().min().unwrap_or(NONE);
        }
        self.base[self.base_at] = self.base[self.base_at].min(delay);
        self.least = self.least.min(delay);
    }

    /// The least delay of late, in us, between two clocks that have nothing in common.
    pub(super) const fn base(&self) -> i64 {
        self.least
    }

    /// How long the queue is, in microseconds: ten packets in a row have waited so long, or a few so much longer than
    /// they would by the variation of the delay (in ms).
    pub(super) fn queue(&self, variation_ms: f64) -> Micros {
        let noise = FEW_LEAST_US.max(FEW_NOISE * 1e3 * variation_ms) as i64;
        let few = self
            .few
            .iter()
            .min()
            .map_or(NONE, |few| few.saturating_sub(noise));
        self.enveloped().max(self.above_base(few))
    }

    fn enveloped(&self) -> Micros {
        let envelope = if self.packets >= PACKETS {
            self.current
        } else {
            self.current.min(self.past[0])
        };
        self.above_base(envelope)
    }

    /// What the envelope varies by without a queue, in us.
    pub(super) const fn noise(&self) -> f64 {
        self.noise
    }

    /// Whether it was longer in the stretch before.
    pub(super) fn is_falling(&self) -> bool {
        self.past[0] != NONE && self.enveloped() < self.above_base(self.past[1].min(self.past[0]))
    }

    /// How much longer than the least a packet took, in microseconds.
    pub(super) fn waited(&self, sent_us: i64, arrived_us: i64) -> u64 {
        self.above_base(arrived_us.wrapping_sub(sent_us)).0
    }

    fn above_base(&self, envelope: i64) -> Micros {
        if envelope == NONE {
            return Micros(0);
        }
        Micros(envelope.saturating_sub(self.least).max(0) as u64)
    }

    /// What is the least delay now is the base from here on: the path has become longer.
    pub(super) fn rebase(&mut self) {
        let envelope = self.current.min(self.past[0]);
        if envelope != NONE {
            self.base = [NONE; BASE_SPANS];
            self.base[self.base_at] = envelope;
            self.least = envelope;
        }
    }

    /// Forgets the envelope, not the base: after an outage.
    pub(super) fn reset(&mut self) {
        *self = Self {
            noise: self.noise,
            stretches: self.stretches,
            base: self.base,
            least: self.least,
            base_at: self.base_at,
            base_since_us: self.base_since_us,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn jitter_is_no_queue() {
        let (mut queue, mut random) = (QueueDelay::default(), Random::new(3));
        let mut sum = 0;
        for at in 0..5_000 {
            queue.add(
                at * 6_000,
                at * 6_000 + 20_000 + random.below(30_000) as i64,
            );
            sum += queue.queue(10.0).0;
        }
        assert!(sum / 5_000 < 4_000, "{}", sum / 5_000);
    }

    #[test]
    fn a_queue_under_jitter_is_seen_as_long_as_it_is() {
        let (mut queue, mut random) = (QueueDelay::default(), Random::new(4));
        for at in 0..300 {
            let waits = if at < 200 { 0 } else { 100_000 };
            queue.add(at * 6_000, at * 6_000 + waits + random.below(30_000) as i64);
        }
        let seen = queue.queue(10.0).0;
        assert!((98_000..115_000).contains(&seen), "{seen}");
    }

    #[test]
    fn the_base_follows_a_longer_path_after_ten_seconds() {
        let mut queue = QueueDelay::default();
        for at in 0..3_000 {
            let path = if at < 500 { 20_000 } else { 70_000 };
            queue.add(at * 10_000, at * 10_000 + path);
            match at {
                600 => assert_eq!(queue.queue(10.0), Micros(50_000)),
                2_000 => assert_eq!(queue.queue(10.0), Micros(0)),
                _ => {}
            }
        }
    }
}
