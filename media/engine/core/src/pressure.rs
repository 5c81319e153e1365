//! Whether the shard keeps up, and what it may ask for. What a full receive buffer has dropped looks like a loss of the
//! network, and all that is asked for again comes on top of what filled the buffer: a bridge that was held up for a
//! moment would keep itself full for seconds.

use crate::relief::Relief;
use crate::time::Micros;

/// Whoever's packets wait longer than this in our own buffer is asked for nothing: what is missing may be among them, and
/// the answer would wait, too. It is far above what a thread with work to do takes for a round.
const LATE: Micros = Micros::from_millis(10);
/// Requests for packets at once, by all legs. Further ones have to wait for packets to come, one for each: no link on which
/// anybody understands anybody loses as much as it brings.
const AT_ONCE: u64 = 256;
/// Who was late within this time is not over it yet: the pictures of all legs are broken, and if all were asked for anew
/// at once, those would be the next that is too much.
const CONVALESCENCE: Micros = Micros::from_secs(1);
/// Between two requests for a key frame meanwhile, by all legs. A key frame is tens of packets for each who takes it: a
/// hundred a second are a small part of what a shard carries, and a full one has all its pictures back within seconds.
const PICTURE_PAUSE: Micros = Micros::from_millis(10);
/// The same while it is late. Who is late for long would otherwise show still pictures for as long.
const LATE_PAUSE: Micros = Micros::from_millis(100);

/// A place in the line of those who want a key frame, and when to look whether it has come up.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    place: u64,
    /// Not before this.
    pub(crate) look_at: Micros,
}

/// What the shard has of time, seen by its receive buffer.
#[derive(Debug, Default)]
pub struct Pressure {
    waited: Micros,
    relief: Relief,
    /// When it was late for the last time.
    late_at: Option<Micros>,
    /// Places given in the line for key frames, how many have come up, and when the last did.
    places: u64,
    served: u64,
    served_at: Micros,
    /// How many datagrams will have come when there is one for each request.
    even_at: u64,
}

impl Pressure {
    /// What was read last had waited for so long; zero where nothing waits any more.
    pub fn note_wait(&mut self, now: Micros, waited: Micros) {
        self.waited = waited;
        self.relief.note_wait(now, waited);
        if waited >= LATE {
            if self.is_well(now) {
                // Who stood in line the last time has gone since.
                self.served = self.places;
            }
            self.late_at = Some(now);
        }
    }

    /// Whether it keeps up, and has for a while.
    pub(crate) fn is_well(&self, now: Micros) -> bool {
        self.late_at.is_none_or(|at| now.since(at) >= CONVALESCENCE)
    }

    /// Somebody wants a key frame now: `None` if it may be asked for. Where the shard is late or has just been, each stands in
    /// line, and comes again with its turn; nobody has a second one before all who came earlier had theirs.
    pub(crate) fn turn(&mut self, now: Micros, had: Option<Turn>) -> Option<Turn> {
        if self.is_well(now) {
            return None;
        }
        let place = had.map_or(self.places, |turn| turn.place);
        self.places = self.places.max(place + 1);
        let pause = if self.waited >= LATE {
            LATE_PAUSE
        } else {
            PICTURE_PAUSE
        };
        if self.served <= place && now.since(self.served_at) >= pause {
            self.served += 1;
            self.served_at = now;
        }
        let ahead = (place + 1).saturating_sub(self.served);
        (ahead > 0).then(|| Turn {
            place,
            look_at: now + Micros(PICTURE_PAUSE.0 * ahead),
        })
    }

    /// Whether to go through the pictures now, which part of them is to rest, and the time since the last look.
    pub(crate) fn poll_relief(&mut self, now: Micros) -> Option<(u32, Micros)> {
        self.relief.poll(now)
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
        pressure.note_wait(Micros(0), LATE);
        assert_eq!(pressure.may_ask(1_000), 0);
        pressure.note_wait(Micros(0), Micros(LATE.0 - 1));
        assert_eq!(pressure.may_ask(1_000), 256);
    }
}
