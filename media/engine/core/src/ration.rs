//! So much a second and no more.

use crate::time::Micros;

const WINDOW: Micros = Micros::from_secs(1);

/// Counts what was taken within a window.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ration {
    since: Micros,
    taken: u32,
}

impl Ration {
    /// Takes one, if fewer than `most` were taken in this second.
    pub fn take(&mut self, now: Micros, most: u32) -> bool {
        if now.since(self.since) >= WINDOW {
            (self.since, self.taken) = (now, 0);
        }
        self.taken = self.taken.saturating_add(1);
        self.taken <= most
    }
}
