//! Time as an argument: microseconds since the Unix epoch, monotonic within one run of the engine.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};

/// Seconds between the NTP epoch (1900) and the Unix epoch (1970).
const NTP_UNIX_OFFSET: u64 = 2_208_988_800;
const MICROS_PER_SECOND: u64 = 1_000_000;

/// A point in time, or a span of it, in microseconds.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Micros(pub u64);

impl Micros {
    /// A span of whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000)
    }

    /// A span of whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * MICROS_PER_SECOND)
    }

    /// The span from `earlier` to here; zero when `earlier` lies ahead.
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// The 64-bit NTP timestamp of this moment (RFC 3550 section 4).
    pub const fn to_ntp(self) -> u64 {
        let seconds = self.0 / MICROS_PER_SECOND + NTP_UNIX_OFFSET;
        let fraction = ((self.0 % MICROS_PER_SECOND) << 32) / MICROS_PER_SECOND;
        (seconds << 32) | fraction
    }

    /// The middle 32 bits of the NTP timestamp, as LSR carries it (RFC 3550 section 6.4.1).
    pub const fn to_ntp_middle(self) -> u32 {
        (self.to_ntp() >> 16) as u32
    }

    /// This span in ticks of an RTP clock. Seconds and their rest by themselves: a moment of our days times 90,000
    /// does not fit in 64 bits.
    pub const fn to_ticks(self, clock_rate: u32) -> u64 {
        let rate = clock_rate as u64;
        self.0 / MICROS_PER_SECOND * rate + self.0 % MICROS_PER_SECOND * rate / MICROS_PER_SECOND
    }

    /// Ticks of a clock with this rate from this moment until another one; below 0 where that was before.
    pub fn ticks_until(self, other: Self, clock_rate: u32) -> i64 {
        let micros = i128::from(other.0) - i128::from(self.0);
        let ticks = micros * i128::from(clock_rate) / i128::from(MICROS_PER_SECOND);
        // A hostile report may name any year.
        ticks.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }
}

/// Microseconds since the Unix epoch of an NTP timestamp; `None` before 1970.
pub const fn ntp_to_micros(ntp: u64) -> Option<Micros> {
    let Some(seconds) = (ntp >> 32).checked_sub(NTP_UNIX_OFFSET) else {
        return None;
    };
    let fraction = ((ntp & 0xffff_ffff) * MICROS_PER_SECOND) >> 32;
    Some(Micros(seconds * MICROS_PER_SECOND + fraction))
}

impl Add for Micros {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Micros {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.since(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_round_trips_to_the_microsecond() {
        let now = Micros(1_795_000_000_123_456);
        let back = ntp_to_micros(now.to_ntp()).unwrap();
        assert!(now.since(back).0 <= 1);
    }

    #[test]
    fn ticks_follow_the_clock_rate() {
        assert_eq!(Micros::from_millis(20).to_ticks(48_000), 960);
        assert_eq!(Micros::from_secs(3_600).to_ticks(90_000), 324_000_000);
        let today = Micros(1_795_000_000_500_000);
        assert_eq!(today.to_ticks(90_000), 161_550_000_045_000);
    }
}
