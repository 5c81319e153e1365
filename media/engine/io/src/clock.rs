//! The one clock of the engine.

use engine_core::Micros;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A packet that waited longer in the kernel than this was stamped by a clock that was then set.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Wall-clock time at the start, carried on by the monotonic clock: a stepped system clock moves nothing here.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    epoch: Micros,
}

impl Clock {
    /// A clock that shows the system's time now.
    #[allow(clippy::disallowed_methods)] // the IO crate is where time comes from
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            epoch: Micros(wall().as_micros() as u64),
        }
    }

    /// The time.
    pub fn now(&self) -> Micros {
        self.epoch + Micros(self.started.elapsed().as_micros() as u64)
    }

    /// Both clocks now, to tell the age of what the kernel has stamped.
    pub fn stamps(&self) -> Stamps {
        Stamps {
            now: self.now(),
            wall: wall(),
        }
    }
}

/// What this clock and the system's showed at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Stamps {
    /// That moment on this clock.
    pub now: Micros,
    wall: Duration,
}

impl Stamps {
    /// When it was on our clock that the system's showed `stamp` (SO_TIMESTAMPNS), a short while ago; now, if there is
    /// no stamp or a senseless one.
    pub fn arrival(&self, stamp: Option<Duration>) -> Micros {
        let waited = stamp
            .and_then(|stamp| self.wall.checked_sub(stamp))
            .filter(|waited| *waited <= LONGEST_WAIT)
            .unwrap_or_default();
        self.now - Micros(waited.as_micros() as u64)
    }
}

#[allow(clippy::disallowed_methods)] // as above
fn wall() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stamp lies as far back on our clock as on the system's; without a stamp, or with a senseless one, it is now.
    #[test]
    fn stamps_of_the_kernel_are_moved_to_our_clock() {
        let stamps = Clock::start().stamps();
        let stamp = stamps.wall.checked_sub(Duration::from_secs(3));
        let back = stamps.now.since(stamps.arrival(stamp));
        assert_eq!(back, Micros::from_secs(3));
        for stamp in [None, Some(Duration::from_secs(5)), Some(stamps.wall * 2)] {
            assert_eq!(stamps.arrival(stamp), stamps.now);
        }
    }
}
