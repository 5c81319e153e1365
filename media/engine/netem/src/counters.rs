//! What a link did: the truth that measurements are held against.

use serde::Serialize;

/// Since the link was made. Every packet pushed is in one of `lost_*`, arrived, or still under way.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counters {
    /// Packets that went in.
    pub pushed: u64,
    /// Bytes that went in.
    pub pushed_bytes: u64,
    /// Packets that came out, copies left out.
    pub arrived: u64,
    /// Bytes that came out, copies left out.
    pub arrived_bytes: u64,
    /// Lost at random.
    pub lost_random: u64,
    /// Lost in bursts.
    pub lost_burst: u64,
    /// No room in the queue.
    pub lost_queue: u64,
    /// More than the policer let pass.
    pub lost_policer: u64,
    /// Sent or waiting during an outage.
    pub lost_outage: u64,
    /// Runs of consecutive packets that were lost, whatever the cause.
    pub runs: u64,
    /// Copies that came out beside their packet.
    pub duplicated: u64,
    /// Packets that came out after one that was sent later, copies left out.
    pub reordered: u64,
    /// The most bytes that waited at once.
    pub queue_bytes_max: u64,
    /// From going in to coming out, copies left out.
    pub delays: Delays,
}

impl Counters {
    /// Packets lost, for whatever cause.
    pub const fn lost(&self) -> u64 {
        self.lost_random + self.lost_burst + self.lost_queue + self.lost_policer + self.lost_outage
    }

    /// Share of the packets that went in, 0 to 1.
    pub fn loss_share(&self) -> f64 {
        self.lost() as f64 / self.pushed.max(1) as f64
    }

    /// Packets in a run of losses, on average; 0 without loss.
    pub fn mean_run(&self) -> f64 {
        self.lost() as f64 / self.runs.max(1) as f64
    }
}

const BUCKETS: usize = 1_000;

/// A distribution of delays, in classes of a millisecond up to a second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delays {
    /// How many.
    pub count: u64,
    /// Their sum, in microseconds.
    pub sum_us: u64,
    /// The shortest; `u64::MAX` when there was none.
    pub min_us: u64,
    /// The longest.
    pub max_us: u64,
    /// Sum of the differences between each delay and the one before it in the order of arrival, without sign.
    pub steps_us: u64,
    #[serde(skip)]
    last_us: Option<u64>,
    #[serde(skip)]
    buckets: Vec<u64>,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            count: 0,
            sum_us: 0,
            min_us: u64::MAX,
            max_us: 0,
            steps_us: 0,
            last_us: None,
            buckets: vec![0; BUCKETS + 1],
        }
    }
}

impl Delays {
    pub(crate) fn note(&mut self, delay_us: u64) {
        self.count += 1;
        self.sum_us += delay_us;
        self.min_us = self.min_us.min(delay_us);
        self.max_us = self.max_us.max(delay_us);
        self.steps_us += self.last_us.map_or(0, |last| last.abs_diff(delay_us));
        self.last_us = Some(delay_us);
        self.buckets[(delay_us as usize / 1_000).min(BUCKETS)] += 1;
    }

    /// In microseconds; 0 when there was none.
    pub const fn mean_us(&self) -> u64 {
        self.sum_us / if self.count == 0 { 1 } else { self.count }
    }

    /// What the interarrival jitter of RFC 3550 section 6.4.1 comes to when nothing else varies, in microseconds.
    pub const fn jitter_us(&self) -> u64 {
        self.steps_us / if self.count < 2 { 1 } else { self.count - 1 }
    }

    /// The delay that this share (0 to 1) of packets did not exceed, in whole milliseconds rounded up; a second and
    /// more is told as the longest. 0 when there was none.
    pub fn percentile_ms(&self, share: f64) -> u64 {
        let wanted = (share * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let class = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        match class {
            Some(class) if class < BUCKETS => class as u64 + 1,
            Some(_) => self.max_us.div_ceil(1_000),
            None => 0,
        }
    }
}
