//! Whether the shard keeps up, and what it may ask for. What a full receive buffer has dropped looks like a loss of the
//! network, and all that is asked for again comes on top of what filled the buffer: a bridge that was held up for a
//! moment would keep itself full for seconds.

use crate::time::Micros;

/// Whoever's packets wait longer than this in our own buffer is asked for nothing: what is missing may be among them, and
/// the answer would wait, too. It is far above what a thread with work to do takes for a round.
const LATE: Micros = Micros::from_millis(10);
/// Requests for packets at once, by all legs. Further ones have to wait for packets to come, one for each: no link on which
/// anybody understands anybody loses as much as it brings.
const AT_ONCE: u64 = 256;

/// What the shard has of time, seen by its receive buffer.
#[derive(Debug, Default)]
pub struct Pressure {
    waited: Micros,
    /// How many datagrams will have come when there is one for each request.
    even_at: u64,
}

impl Pressure {
    /// What was read last had waited for so long; zero where nothing waits any more.
    pub fn note_wait(&mut self, waited: Micros) {
        self.waited = waited;
    }

    /// How many packets may be asked for when so many datagrams have come.
    pub(crate) fn may_ask(&self, came: u64) -> usize {
        if self.waited >= LATE {
            return 0;
        }
        AT_ONCE.saturating_sub(self.even_at.saturating_sub(came)) as usize
    }

    /// So many packets were asked for.
    pub(crate) fn note_asked(&mut self, packets: usize, came: u64) {
        self.even_at = self.even_at.max(came) + packets as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_may_be_asked_for_at_once_and_then_one_for_each_that_comes() {
        let mut pressure = Pressure::default();
        assert_eq!(pressure.may_ask(1_000), 256);
        pressure.note_asked(256, 1_000);
        assert_eq!(pressure.may_ask(1_000), 0);
        assert_eq!(pressure.may_ask(1_010), 10);
        pressure.note_asked(10, 1_010);
        assert_eq!(pressure.may_ask(1_010), 0);
        assert_eq!(pressure.may_ask(5_000), 256);
    }

    #[test]
    fn who_is_late_may_ask_for_nothing() {
        let mut pressure = Pressure::default();
        pressure.note_wait(LATE);
        assert_eq!(pressure.may_ask(1_000), 0);
        pressure.note_wait(Micros(LATE.0 - 1));
        assert_eq!(pressure.may_ask(1_000), 256);
    }
}
