//! When to ask a source for a key frame: once for everyone who waits, not once for each.

use crate::time::Micros;

/// Encoders answer a request within about 60 ms; a second one inside this time only costs bits.
const MIN_INTERVAL: Micros = Micros::from_millis(250);
/// The request or the picture may be lost: ask again while somebody still waits.
const RETRY: Micros = Micros::from_millis(500);

/// Throttle and memory of one source's key frame requests.
#[derive(Debug, Default)]
pub struct KeyFrameRequests {
    wanted: bool,
    /// A wish came since the last request, held back by the throttle only.
    fresh: bool,
    last_sent: Option<Micros>,
    sent: u64,
}

impl KeyFrameRequests {
    /// Somebody needs a key frame from a source that cannot be asked yet; `poll` brings it when it can.
    pub fn want_later(&mut self) {
        self.wanted = true;
        self.fresh = true;
    }

    /// Whether somebody waits for a key frame that was asked for, or will be.
    pub const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// A key frame came, or nobody waits any more.
    pub fn satisfied(&mut self) {
        self.wanted = false;
    }

    /// Whether to repeat a request now; the caller then sends it.
    pub fn poll(&mut self, now: Micros) -> bool {
        let due = self.next_at().is_some_and(|at| at <= now);
        if due {
            self.mark_sent(now);
        }
        due
    }

    /// When to poll again, if a key frame is wanted.
    pub fn next_at(&self) -> Option<Micros> {
        let wait = if self.fresh { MIN_INTERVAL } else { RETRY };
        self.wanted
            .then(|| self.last_sent.map_or(Micros(0), |sent| sent + wait))
    }

    /// Somebody needs a key frame. True when the request may go at once; the caller then sends it. A fresh need is
    /// served sooner than a retry: only the throttle holds it back, and then `poll` brings it.
    pub fn want_now(&mut self, now: Micros) -> bool {
        self.wanted = true;
        let free = self
            .last_sent
            .is_none_or(|sent| now.since(sent) >= MIN_INTERVAL);
        if free {
            self.mark_sent(now);
        } else {
            self.fresh = true;
        }
        free
    }

    fn mark_sent(&mut self, now: Micros) {
        self.last_sent = Some(now);
        self.fresh = false;
        self.sent += 1;
    }

    /// Requests sent so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_wishes_make_one_request_and_an_unanswered_one_is_repeated() {
        let mut requests = KeyFrameRequests::default();
        let at = |millis: u64| Micros::from_millis(10_000 + millis);
        assert!(requests.want_now(at(0)));
        assert!(!requests.want_now(at(1)));
        assert!(!requests.poll(at(100)));
        assert!(requests.poll(at(250)));
        assert!(!requests.poll(at(501)));
        assert!(requests.poll(at(750)));
        requests.satisfied();
        assert!(!requests.poll(at(5_000)));
        assert_eq!(requests.sent(), 3);
        assert!(requests.want_now(at(6_000)));
    }
}
