//! How a receiver's link loses packets: how many, and how many in a row.
//!
//! The model is Gilbert's chain of two states (Gilbert 1960): in one everything arrives, in the other nothing does. Two
//! numbers tell all of it: the share of packets that are lost, and how many are lost in a row on the average.

use crate::time::Micros;

/// Weight of one packet in what is known of the last second or two: loss that begins is seen at once.
const FAST: f64 = 1.0 / 64.0;
/// Weight of one packet in what is known of the last ten seconds or twenty.
const SLOW: f64 = 1.0 / 512.0;
/// Bursts of one packet that are taken for seen before anything was, so that the first losses do not mean much.
const PRIOR: f64 = 0.002;
/// Losses in a row where only the share is reported: networks that lose seldom lose singly.
const USUAL_BURST: f64 = 1.5;
/// For how long reports are passed over after a pattern, of which they are a summary.
const PATTERNS_HOLD: Micros = Micros::from_secs(10);

/// Loss as a chain of two states.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    /// Share of packets that are lost, 0 to 1.
    pub rate: f64,
    /// Packets lost in a row on the average, 1 or more.
    pub burst: f64,
}

impl Loss {
    /// Nothing is lost.
    pub const NONE: Self = Self {
        rate: 0.0,
        burst: 1.0,
    };

    /// The probability that a packet is lost when the one `steps` before it was.
    pub fn again(self, steps: u8) -> f64 {
        // The second eigenvalue of the chain; below zero, losses would avoid one another.
        let memory = 1.0 - 1.0 / (self.burst.max(1.0) * (1.0 - self.rate).max(0.01));
        self.rate + (1.0 - self.rate) * memory.clamp(0.0, 1.0).powi(i32::from(steps))
    }
}

/// Averages with one forgetting.
#[derive(Debug, Clone, Copy, Default)]
struct Average {
    lost: f64,
    /// Losses after a packet that was not lost.
    begun: f64,
}

impl Average {
    fn add(&mut self, weight: f64, lost: f64, begun: f64) {
        self.lost += weight * (lost - self.lost);
        self.begun += weight * (begun - self.begun);
    }
}

/// What is known of one stream's loss on the way to its receiver.
#[derive(Debug, Clone, Copy, Default)]
pub struct LossMeter {
    fast: Average,
    slow: Average,
    last_was_lost: bool,
    pattern_at: Option<Micros>,
}

impl LossMeter {
    /// The fate of the next packet in the order of sending, from transport-wide feedback.
    pub fn handle_packet(&mut self, now: Micros, lost: bool) {
        let begins = lost && !self.last_was_lost;
        let (lost_now, begun) = (f64::from(u8::from(lost)), f64::from(u8::from(begins)));
        self.fast.add(FAST, lost_now, begun);
        self.slow.add(SLOW, lost_now, begun);
        self.last_was_lost = lost;
        self.pattern_at = Some(now);
    }

    /// A packet that was called lost has come after all: others had overtaken it.
    pub fn take_back(&mut self) {
        for (average, weight) in [(&mut self.fast, FAST), (&mut self.slow, SLOW)] {
            average.lost = (average.lost - weight).max(0.0);
            average.begun = (average.begun - weight).max(0.0);
        }
    }

    /// A receiver report about `packets` packets, `fraction` 256ths of which were lost (RFC 3550 section 6.4.1). It
    /// counts only where there are no patterns.
    pub fn handle_report(&mut self, now: Micros, fraction: u8, packets: u64) {
        let has_pattern = |at: Micros| now.since(at) < PATTERNS_HOLD;
        if self.pattern_at.is_some_and(has_pattern) {
            return;
        }
        let lost = f64::from(fraction) / 256.0;
        let weight = |one: f64| 1.0 - (1.0 - one).powi(packets.min(10_000) as i32);
        self.fast.add(weight(FAST), lost, lost / USUAL_BURST);
        self.slow.add(weight(SLOW), lost, lost / USUAL_BURST);
    }

    /// What to expect: at once more when loss begins, and less only when it has been away for some time.
    pub fn loss(&self) -> Loss {
        Loss {
            rate: self.fast.lost.max(self.slow.lost).clamp(0.0, 0.9),
            burst: ((self.slow.lost + PRIOR) / (self.slow.begun + PRIOR)).max(1.0),
        }
    }
}

#[cfg(test)]
pub(crate) mod model {
    use super::Loss;
    use crate::random::Random;

    /// A link that loses as the model says, seeded.
    pub(crate) struct Gilbert {
        loss: Loss,
        bad: bool,
        random: Random,
    }

    impl Gilbert {
        pub(crate) fn new(seed: u64, loss: Loss) -> Self {
            let random = Random::new(seed);
            let bad = false;
            Self { loss, bad, random }
        }

        /// Losses that come independently have bursts, too.
        pub(crate) fn random(seed: u64, rate: f64) -> Self {
            let burst = 1.0 / (1.0 - rate);
            Self::new(seed, Loss { rate, burst })
        }

        pub(crate) fn loses(&mut self) -> bool {
            let ends = 1.0 / self.loss.burst;
            let begins = ends * self.loss.rate / (1.0 - self.loss.rate);
            let turns = if self.bad { ends } else { begins };
            self.bad ^= self.random.chance(turns);
            self.bad
        }
    }
}

#[cfg(test)]
mod tests {
    use super::model::Gilbert;
    use super::*;
    use proptest::prelude::*;

    fn at(packet: u64) -> Micros {
        Micros::from_millis(50_000 + 20 * packet)
    }

    fn measured(link: &mut Gilbert, packets: u64) -> LossMeter {
        let mut meter = LossMeter::default();
        for packet in 0..packets {
            meter.handle_packet(at(packet), link.loses());
        }
        meter
    }

    #[test]
    fn nothing_lost_is_no_loss() {
        assert_eq!(LossMeter::default().loss(), Loss::NONE);
        let meter = measured(&mut Gilbert::random(1, 0.0), 1_000);
        assert_eq!(meter.loss(), Loss::NONE);
    }

    #[test]
    fn loss_that_begins_is_seen_within_a_second_and_forgotten_within_a_minute() {
        let mut meter = measured(&mut Gilbert::random(2, 0.0), 1_000);
        let mut link = Gilbert::random(2, 0.1);
        (1_000..1_050).for_each(|packet| meter.handle_packet(at(packet), link.loses()));
        assert!(meter.loss().rate > 0.04, "{:?}", meter.loss());
        (1_050..4_000).for_each(|packet| meter.handle_packet(at(packet), false));
        assert!(meter.loss().rate < 0.001, "{:?}", meter.loss());
    }

    #[test]
    fn what_was_only_overtaken_is_no_loss() {
        let mut meter = LossMeter::default();
        for packet in 0..2_000 {
            meter.handle_packet(at(packet), packet % 10 == 0);
            if packet % 10 == 5 {
                meter.take_back();
            }
        }
        assert!(meter.loss().rate < 0.02, "{:?}", meter.loss());
    }

    #[test]
    fn reports_are_enough_and_patterns_go_before_them() {
        let mut meter = LossMeter::default();
        (0..20).for_each(|second| meter.handle_report(at(50 * second), 26, 50));
        let loss = meter.loss();
        assert!((0.08..0.13).contains(&loss.rate), "{loss:?}");
        assert!((1.3..1.6).contains(&loss.burst), "{loss:?}");
        let mut meter = measured(&mut Gilbert::random(3, 0.0), 100);
        meter.handle_report(at(101), 255, 50);
        assert_eq!(meter.loss(), Loss::NONE);
        meter.handle_report(at(700), 255, 50);
        assert!(meter.loss().rate > 0.4);
    }

    #[test]
    fn the_chain_remembers_as_much_as_its_bursts_are_long() {
        let single = Loss {
            rate: 0.1,
            burst: 1.0,
        };
        assert!((single.again(1) - 0.1).abs() < 1e-9);
        let bursts = Loss {
            rate: 0.05,
            burst: 4.0,
        };
        assert!((bursts.again(1) - 0.75).abs() < 1e-9);
        assert!((bursts.again(40) - 0.05).abs() < 1e-3);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Share and length of bursts are found within what so many packets allow.
        #[test]
        fn finds_the_numbers_of_the_link(seed: u64, rate in 0.05_f64..0.2, burst in 1.3_f64..4.0) {
            let mut meter = measured(&mut Gilbert::new(seed, Loss { rate, burst }), 0);
            let mut link = Gilbert::new(seed, Loss { rate, burst });
            let mut sum = (0.0, 0.0, 0.0);
            for packet in 0..40_000 {
                meter.handle_packet(at(packet), link.loses());
                let loss = meter.loss();
                sum = (sum.0 + meter.slow.lost, sum.1 + loss.burst, sum.2 + 1.0);
            }
            let (mean_rate, mean_burst) = (sum.0 / sum.2, sum.1 / sum.2);
            prop_assert!((mean_rate / rate - 1.0).abs() < 0.25, "{mean_rate}");
            prop_assert!((mean_burst / burst - 1.0).abs() < 0.35, "{mean_burst}");
        }
    }
}
