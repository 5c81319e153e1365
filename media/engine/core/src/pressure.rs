//! Whether the shard keeps up, and what it may ask for. What a full receive buffer has dropped looks like a loss of the network,
//! and all that is asked for again comes on top of what filled the buffer: a bridge that was held up for a moment would
//! keep itself full for seconds.

use crate::time::Micros;

/// Whoever's packets wait longer than this in our own buffer is asked for nothing: what is missing may be among them, and
/// the answer would wait, too. It is far above what a thread with work to do takes for a round.
const LATE: Micros = Micros::from_millis(10);
/// Requests for packets at once, by all legs. Further ones have to wait for packets to come, one for each: no link on which
/// anybody understands anybody loses as much as it brings.
const AT_ONCE: usize = 256;

/// What the shard has of time, seen by its receive buffer.
#[derive(Debug)]
pub struct Pressure {
    waited: Micros,
    left: usize,
}

impl Default for Pressure {
    fn default() -> Self {
        Self {
            waited: Micros(0),
            left: AT_ONCE,
        }
    }
}

impl Pressure {
    /// What was read last had waited for so long; zero where nothing waits any more.
    pub fn note_wait(&mut self, waited: Micros) {
        self.waited = waited;
    }

    /// So many datagrams have come.
    pub(crate) fn note_arrivals(&mut self, datagrams: usize) {
        self.left = AT_ONCE.min(self.left + datagrams);
    }

    /// How many packets may be asked for now.
    pub(crate) fn may_ask(&self) -> usize {
        if self.waited < LATE {
            self.left
        } else {
            0
        }
    }

    /// So many were asked for.
    pub(crate) fn note_asked(&mut self, packets: usize) {
        self.left = self.left.saturating_sub(packets);
    }
}
