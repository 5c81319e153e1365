//! What a link is like.

use serde::{Deserialize, Serialize};

/// One direction of a link. As JSON, fields that are left out have the value of [`Profile::PERFECT`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Bit/s; without it there is no queue either. 0 counts as 1.
    pub rate_bps: Option<u64>,
    /// How much waits for the rate before more is dropped.
    pub queue: Queue,
    /// Of every packet, in microseconds.
    pub delay_us: u64,
    /// Added to the delay, each packet for itself.
    pub jitter: Jitter,
    /// Nobody overtakes: a packet waits for those before it, which makes the delay longer than asked for.
    pub keep_order: bool,
    /// Beside the rate, or in its place: what is too much is dropped at once, and nothing waits.
    pub policer: Option<Policer>,
    /// What never arrives although there was room.
    pub loss: Loss,
    /// Share of packets, 0 to 1, that arrive twice.
    pub duplicate: f64,
    /// An outage: nothing gets in, and what waits in the queue is gone. What travels already arrives.
    pub down: bool,
}

/// The length of a drop-tail queue, the packet that is being sent included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// In bytes.
    Bytes(u64),
    /// As many bytes as the rate carries in this many milliseconds, at least one packet of 1,500 bytes.
    Millis(u64),
}

/// A token bucket, as providers use it to hold a line to what was paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policer {
    /// What may pass in the long run; 0 counts as 1.
    pub rate_bps: u64,
    /// What may pass at once after a rest.
    pub burst_bytes: u64,
}

/// Delay that differs from packet to packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// None.
    Off,
    /// Even between 0 and this many microseconds.
    UniformUs(u64),
    /// Normal about the delay, with this deviation in microseconds; no delay is below 0.
    NormalUs(u64),
}

/// Loss that has nothing to do with the rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// None.
    Off,
    /// This share of packets, 0 to 1, each for itself.
    Random(f64),
    /// In runs, of geometric length: a Gilbert-Elliott model that loses all in its bad state and nothing in its good one.
    Bursts {
        /// Share of packets, 0 to 1 (left out).
        share: f64,
        /// Mean length of a run, in packets; at least 1.
        mean: f64,
    },
}

impl Default for Profile {
    fn default() -> Self {
        Self::PERFECT
    }
}

impl Profile {
    /// Everything arrives at once.
    pub const PERFECT: Self = Self {
        rate_bps: None,
        queue: Queue::Millis(300),
        delay_us: 0,
        jitter: Jitter::Off,
        keep_order: false,
        policer: None,
        loss: Loss::Off,
        duplicate: 0.0,
        down: false,
    };

    /// Nothing but distance.
    pub const fn with_delay(millis: u64) -> Self {
        Self {
            delay_us: millis * 1_000,
            ..Self::PERFECT
        }
    }

    /// A bad mobile connection: 20 ms, 6 ms of jitter in any order, some duplicates, and this share lost.
    pub const fn lossy(share: f64) -> Self {
        Self {
            jitter: Jitter::UniformUs(6_000),
            duplicate: 0.01,
            ..Self::with_delay(20).losing(share)
        }
    }

    /// The same link, but this share is lost at random.
    pub const fn losing(self, share: f64) -> Self {
        Self {
            loss: Loss::Random(share),
            ..self
        }
    }

    /// The same link, but this share is lost, in runs of this mean length.
    pub const fn losing_in_bursts(self, share: f64, mean: f64) -> Self {
        Self {
            loss: Loss::Bursts { share, mean },
            ..self
        }
    }

    /// The same link, but that thin, with a queue of so many milliseconds.
    pub const fn limited(self, rate_bps: u64, queue_millis: u64) -> Self {
        Self {
            rate_bps: Some(rate_bps),
            queue: Queue::Millis(queue_millis),
            ..self
        }
    }

    /// The same link, but what is more than that is dropped, after so many bytes that may pass at once.
    pub const fn policed(self, rate_bps: u64, burst_bytes: u64) -> Self {
        Self {
            policer: Some(Policer {
                rate_bps,
                burst_bytes,
            }),
            ..self
        }
    }

    /// The same link, but delays are up to this much longer.
    pub const fn shaking(self, up_to_millis: u64) -> Self {
        Self {
            jitter: Jitter::UniformUs(up_to_millis * 1_000),
            ..self
        }
    }

    /// The same link during an outage.
    pub const fn broken(self) -> Self {
        Self { down: true, ..self }
    }

    /// How many bytes may wait.
    pub(crate) fn queue_bytes(&self) -> u64 {
        match (self.queue, self.rate_bps) {
            (Queue::Bytes(bytes), _) => bytes,
            (Queue::Millis(millis), Some(rate)) => (rate.saturating_mul(millis) / 8_000).max(1_500),
            (Queue::Millis(_), None) => u64::MAX,
        }
    }
}
