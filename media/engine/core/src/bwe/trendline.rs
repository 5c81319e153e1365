//! Whether the queue of the link grows: the trend of one-way delay over groups of packets, against a threshold that
//! adapts (draft-ietf-rmcat-gcc-02 section 5; the filter is the least-squares line that later replaced its Kalman
//! filter, over the same quantities).

/// Packets sent within so much of the first of their group are one group (section 5.2).
const GROUP_US: i64 = 5_000;
/// Groups that the line is laid through: at 25 pictures and 50 packets of sound a second, a fifth of a second.
const GROUPS: usize = 16;
/// The share of the old value in the smoothed delay.
const SMOOTHING: f64 = 0.85;
/// Slopes are scaled to what the thresholds of section 5.4 are about: milliseconds over 60 groups, four times.
const GAIN: f64 = 4.0;
const SCALE_GROUPS: f64 = 60.0;
const FIRST_THRESHOLD: f64 = 12.5;
/// Bounds of the threshold (section 5.4).
const THRESHOLD: (f64, f64) = (6.0, 600.0);
/// How fast the threshold rises to, and falls to, what is seen, for each millisecond (section 5.4).
const RISE: f64 = 0.0087;
const FALL: f64 = 0.039;
/// Trends that overshoot the threshold by more than this do not move it: a queue, not noise.
const NO_NOISE: f64 = 15.0;
/// A trend must stay over the threshold so long (section 5.4).
const OVER_MS: f64 = 10.0;

/// How much one group counts in the mean variation of the delay; the first ones count more.
const VARIATION_WEIGHT: f64 = 0.05;

/// What the trend says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Trend {
    /// The queue neither grows nor shrinks.
    #[default]
    Level,
    /// It grows.
    Growing,
    /// It shrinks.
    Shrinking,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent_us: i64,
    last_sent_us: i64,
    last_arrived_us: i64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Point {
    at_ms: f64,
    delay_ms: f64,
}

/// The filter and its threshold.
#[derive(Debug)]
pub(super) struct Trendline {
    group: Option<Group>,
    before: Option<Group>,
    origin_us: i64,
    accumulated_ms: f64,
    smoothed_ms: f64,
    points: [Point; GROUPS],
    count: usize,
    threshold: f64,
    last_threshold_ms: Option<f64>,
    last_slope: f64,
    over_ms: f64,
    over_count: u32,
    /// How many groups the variation is known from.
    groups: u32,
    /// Mean of what the delay differs by from group to group, in ms.
    pub(super) variation_ms: f64,
    pub(super) trend: Trend,
}

impl Default for Trendline {
    fn default() -> Self {
        Self {
            group: None,
            before: None,
            origin_us: 0,
            accumulated_ms: 0.0,
            smoothed_ms: 0.0,
            points: [Point::default(); GROUPS],
            count: 0,
            threshold: FIRST_THRESHOLD,
            last_threshold_ms: None,
            last_slope: 0.0,
            over_ms: 0.0,
            over_count: 0,
            groups: 0,
            variation_ms: 0.0,
            trend: Trend::Level,
        }
    }
}

impl Trendline {
    /// A packet that arrived, in the order of sending.
    pub(super) fn add(&mut self, sent_us: i64, arrived_us: i64) {
        let Some(group) = &mut self.group else {
            self.begin(sent_us, arrived_us);
            return;
        };
        if sent_us < group.first_sent_us {
            return;
        }
        if sent_us - group.first_sent_us <= GROUP_US {
            group.last_sent_us = group.last_sent_us.max(sent_us);
            group.last_arrived_us = group.last_arrived_us.max(arrived_us);
            return;
        }
        let done = *group;
        if let Some(before) = self.before {
            let sent_ms = (done.last_sent_us - before.last_sent_us) as f64 / 1e3;
            let arrived_ms = (done.last_arrived_us - before.last_arrived_us) as f64 / 1e3;
            self.update(sent_ms, arrived_ms - sent_ms, done.last_arrived_us);
        }
        self.before = Some(done);
        self.begin(sent_us, arrived_us);
    }

    /// Forgets the packets, not the threshold: after an outage.
    pub(super) fn reset(&mut self) {
        *self = Self {
            threshold: self.threshold,
            groups: self.groups,
            variation_ms: self.variation_ms,
            ..Self::default()
        };
    }

    fn begin(&mut self, sent_us: i64, arrived_us: i64) {
        self.group = Some(Group {
            first_sent_us: sent_us,
            last_sent_us: sent_us,
            last_arrived_us: arrived_us,
        });
    }

    fn update(&mut self, sent_ms: f64, variation_ms: f64, arrived_us: i64) {
        if self.count == 0 {
            self.origin_us = arrived_us;
        }
        self.groups = self.groups.saturating_add(1);
        let weight = VARIATION_WEIGHT.max(1.0 / f64::from(self.groups));
        self.variation_ms += weight * (variation_ms.abs() - self.variation_ms);
        self.accumulated_ms += variation_ms;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.accumulated_ms;
        let at_ms = (arrived_us - self.origin_us) as f64 / 1e3;
        self.points[self.count % GROUPS] = Point {
            at_ms,
            delay_ms: self.smoothed_ms,
        };
        self.count += 1;
        let Some(slope) = self.slope() else { return };
        let scaled = slope * GAIN * SCALE_GROUPS.min(self.count as f64);
        self.judge(scaled, slope, sent_ms);
        self.adapt(scaled, at_ms);
    }

    /// Milliseconds of delay for each millisecond of time, by least squares.
    fn slope(&self) -> Option<f64> {
        if self.count < GROUPS {
            return None;
        }
        let n = GROUPS as f64;
        let mean_at = self.points.iter().map(|p| p.at_ms).sum::<f64>() / n;
        let mean_delay = self.points.iter().map(|p| p.delay_ms).sum::<f64>() / n;
        let (mut above, mut below) = (0.0, 0.0);
        for point in &self.points {
            let at = point.at_ms - mean_at;
            above += at * (point.delay_ms - mean_delay);
            below += at * at;
        }
        (below > 0.0).then(|| above / below)
    }

    fn judge(&mut self, scaled: f64, slope: f64, sent_ms: f64) {
        if scaled > self.threshold {
            self.over_ms += sent_ms;
            self.over_count += 1;
            if self.over_ms > OVER_MS && self.over_count > 1 && slope >= self.last_slope {
                self.trend = Trend::Growing;
            }
        } else {
            (self.over_ms, self.over_count) = (0.0, 0);
            let shrinks = scaled < -self.threshold;
            self.trend = if shrinks {
                Trend::Shrinking
            } else {
                Trend::Level
            };
        }
        self.last_slope = slope;
    }

    fn adapt(&mut self, scaled: f64, at_ms: f64) {
        let elapsed = at_ms - self.last_threshold_ms.unwrap_or(at_ms);
        self.last_threshold_ms = Some(at_ms);
        let beyond = scaled.abs() - self.threshold;
        if beyond > NO_NOISE {
            return;
        }
        let speed = if beyond < 0.0 { FALL } else { RISE };
        let change = speed * beyond * elapsed.clamp(0.0, 100.0);
        self.threshold = (self.threshold + change).clamp(THRESHOLD.0, THRESHOLD.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Packets every 10 ms, each delayed by what `delay_us` says of its number.
    fn trends(packets: i64, mut delay_us: impl FnMut(i64) -> i64) -> Vec<Trend> {
        let mut line = Trendline::default();
        let mut trends = Vec::new();
        for at in 0..packets {
            line.add(at * 10_000, at * 10_000 + delay_us(at));
            trends.push(line.trend);
        }
        trends
    }

    #[test]
    fn a_level_delay_has_no_trend() {
        assert!(trends(500, |_| 20_000).iter().all(|t| *t == Trend::Level));
    }

    #[test]
    fn a_growing_queue_is_seen_and_a_shrinking_one_is_none() {
        let seen = trends(200, |at| (at - 100).max(0) * 1_000);
        let first = seen.iter().position(|t| *t == Trend::Growing).unwrap();
        assert!((101..125).contains(&first), "{first}");
        let seen = trends(200, |at| 200_000 - (at - 100).max(0) * 1_000);
        assert!(!seen.contains(&Trend::Growing) && seen.contains(&Trend::Shrinking));
    }

    #[test]
    fn the_threshold_grows_with_the_noise() {
        let mut random = Random::new(5);
        let seen = trends(6_000, |_| random.below(10_000) as i64);
        let late = seen[1_000..].iter().filter(|t| **t == Trend::Growing);
        assert!(late.count() < 250);
    }
}
