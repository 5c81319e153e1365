//! The one clock of the engine.

use engine_core::Micros;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall-clock time at the start, carried on by the monotonic clock: a stepped system clock moves nothing here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    epoch: Micros,
}

impl Clock {
    #[allow(clippy::disallowed_methods)] // the IO crate is where time comes from
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            started: Instant::now(),
            epoch: Micros(wall.as_micros() as u64),
        }
    }

    /// The system's clock in microseconds since 1970, as the kernel stamps what it receives. It may be set at any time:
    /// only for the difference to such a stamp of a moment ago.
    #[allow(clippy::disallowed_methods)] // as above
    pub(crate) fn system_now() -> u64 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        wall.unwrap_or_default().as_micros() as u64
    }

    pub(crate) fn now(&self) -> Micros {
        self.epoch + Micros(self.started.elapsed().as_micros() as u64)
    }
}
