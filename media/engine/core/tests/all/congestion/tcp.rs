//! A download beside the call: one TCP connection that always has more to send, with CUBIC (RFC 9438).

use std::collections::VecDeque;

/// On the wire, of a full segment.
pub(crate) const SEGMENT_BYTES: usize = 1_500;
const BETA: f64 = 0.7;
const C: f64 = 0.4;

/// Times are microseconds.
#[derive(Debug)]
pub(crate) struct Tcp {
    window: f64,
    threshold: f64,
    /// The window at the last loss, and when that was.
    most: f64,
    cut_us: u64,
    in_flight: u32,
    sent: u64,
    /// Losses among what was sent before this are the same one.
    recovers_at: u64,
    /// When acknowledgements come, and when it is known that a segment is lost.
    acks: VecDeque<u64>,
    losses: VecDeque<(u64, u64)>,
}

impl Tcp {
    pub(crate) fn new() -> Self {
        Self {
            window: 10.0,
            threshold: f64::INFINITY,
            most: 0.0,
            cut_us: 0,
            in_flight: 0,
            sent: 0,
            recovers_at: 0,
            acks: VecDeque::new(),
            losses: VecDeque::new(),
        }
    }

    /// The number of a segment that may leave now.
    pub(crate) fn next(&mut self) -> Option<u64> {
        (f64::from(self.in_flight) < self.window).then(|| {
            self.in_flight += 1;
            self.sent += 1;
            self.sent
        })
    }

    /// A segment has arrived; the sender learns of it at that time.
    pub(crate) fn arrives(&mut self, known_us: u64) {
        self.acks.push_back(known_us);
    }

    /// A segment is lost; the sender learns of it at that time.
    pub(crate) fn loses(&mut self, known_us: u64, segment: u64) {
        self.losses.push_back((known_us, segment));
    }

    pub(crate) fn tick(&mut self, now_us: u64) {
        while self.acks.front().is_some_and(|at| *at <= now_us) {
            self.acks.pop_front();
            self.in_flight -= 1;
            self.grow(now_us);
        }
        while let Some((_, segment)) = self.losses.front().copied().filter(|(at, _)| *at <= now_us)
        {
            self.losses.pop_front();
            self.in_flight -= 1;
            if segment > self.recovers_at {
                self.cut(now_us);
            }
        }
    }

    fn grow(&mut self, now_us: u64) {
        if self.window < self.threshold {
            self.window += 1.0;
            return;
        }
        let since = now_us.saturating_sub(self.cut_us) as f64 / 1e6;
        let back = (self.most * (1.0 - BETA) / C).cbrt();
        let target = C * (since - back).powi(3) + self.most;
        self.window += ((target - self.window) / self.window).clamp(0.01, 0.5);
    }

    fn cut(&mut self, now_us: u64) {
        self.most = self.window;
        self.window = (self.window * BETA).max(2.0);
        self.threshold = self.window;
        self.cut_us = now_us;
        self.recovers_at = self.sent;
    }
}
