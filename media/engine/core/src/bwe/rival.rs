//! Whether somebody else fills the queue, such as a download in the same house.
//!
//! Who lowers the rate until the queue is gone gets nothing beside a sender that fills it until it overflows, and the queue
//! stays all the same. A link of one's own is told from that by what a lower rate does: its queue becomes shorter by as
//! much as is sent less, at the rate that the link has shown while the queue stood. Where it does not, though far less is
//! sent, others take the place. Then the queue is no reason to send less, and loss alone is; the share is half of what
//! was sent before they came, as of two who share a link. Whether raising the rate brings more to the receiver is tried
//! first: on a link that has become thinner still, it does not.
//!
//! Copa (Arun and Balakrishnan, NSDI 2018, section 2.2) has the idea of such a mode, and leaves it as this does: when the
//! queue was nearly empty.

use super::PacketResult;
use crate::time::Micros;

/// A stretch of packets, by when they were sent.
const WINDOW: Micros = Micros::from_millis(250);
const FEWEST: u32 = 6;
/// What is sent so soon after a queue was found tells of what was before.
const BEGINS: Micros = Micros::from_millis(300);
/// Each packet of a stretch waits at least so long, in us; the queue is gone when one waits no longer than that.
const STANDS_US: i64 = 45_000;
const GONE_US: i64 = 12_000;
/// Of what arrived while the queue stood: at so much less, a queue of one's own becomes shorter by half of the time.
const LESS: f64 = 0.5;
/// It does not if packets arrive in that share of the time in which they were sent.
const STAYS: f64 = 0.87;
/// Rivals are there when that is so for so long.
const LONG_ENOUGH: Micros = Micros::from_millis(500);
/// The rate that tries it, in times of the one before, and the share of it that must arrive.
const TRY: f64 = 2.0;
const FOLLOWS: f64 = 0.75;
/// Of what was sent before they came, and what is claimed beside them in any case, in bit/s.
const SHARE: f64 = 0.5;
const CLAIM: f64 = 300_000.0;
/// Until it is tried again when there was no rival, and when the path may have become longer meanwhile.
const REFUSED: Micros = Micros::from_secs(15);
const LONGEST: Micros = Micros::from_secs(60);
/// A queue that is back so soon is the same: a download leaves some room after each time that it has lost something.
const SAME: Micros = Micros::from_secs(5);

#[derive(Debug, Default)]
struct Window {
    /// Of the first and the last packet that arrived: when it was sent and when it arrived, in us.
    ends: Option<[(i64, i64); 2]>,
    /// Beside the first.
    bytes: f64,
    lost: f64,
    packets: u32,
    least_delay_us: i64,
}

impl Window {
    fn add(&mut self, result: &PacketResult) {
        let Some(arrived) = result.arrived_us else {
            self.lost += f64::from(result.bytes);
            return;
        };
        let point = (result.sent_at.0 as i64, arrived);
        let delay_us = arrived - point.0;
        self.packets += 1;
        let Some([_, last]) = &mut self.ends else {
            self.ends = Some([point; 2]);
            self.least_delay_us = delay_us;
            return;
        };
        *last = point;
        self.bytes += f64::from(result.bytes);
        self.least_delay_us = self.least_delay_us.min(delay_us);
    }

    /// Bit/s that were sent and that arrived, once there is enough to tell.
    fn rates(&self) -> Option<(f64, f64)> {
        let [first, last] = self.ends?;
        let (sent_us, came_us) = (last.0 - first.0, last.1 - first.1);
        let enough = self.packets >= FEWEST && sent_us >= WINDOW.0 as i64 && came_us > 0;
        enough.then(|| {
            let sent = (self.bytes + self.lost) * 8e6 / sent_us as f64;
            (sent, self.bytes * 8e6 / came_us as f64)
        })
    }
}

/// A queue that has stood since then.
#[derive(Debug, Clone, Copy)]
struct Standing {
    since: Micros,
    /// The delay without it, in us.
    base_us: i64,
    /// Bit/s before.
    before: f64,
    /// The most that has arrived of late.
    most: f64,
    /// For how long less was sent and the queue stayed.
    stayed: Micros,
}

/// Rivals are there.
#[derive(Debug, Clone, Copy)]
struct Beside {
    since: Micros,
    rate: f64,
    share: f64,
    /// Whether raising the rate has brought more to the receiver; None while that is not known.
    sure: Option<bool>,
}

/// What is known of others on the link.
#[derive(Debug, Default)]
pub(super) struct Rival {
    window: Window,
    /// What was sent before is not looked at.
    from: Micros,
    /// Bit/s that may be sent now.
    allowed: f64,
    standing: Option<Standing>,
    /// When the last one was gone, and what was sent before it, in bit/s.
    last: Option<(Micros, f64)>,
    beside: Option<Beside>,
    refused_until: Micros,
}

impl Rival {
    /// Whether the rate is not to go by the queue.
    pub(super) const fn is_there(&self) -> bool {
        self.beside.is_some()
    }

    /// The next result, in the order of numbers.
    pub(super) fn add(&mut self, result: &PacketResult) {
        let Some(mut standing) = self.standing else {
            return;
        };
        if result.was_lost || result.sent_at < self.from {
            return;
        }
        self.window.add(result);
        let Some((sent, came)) = self.window.rates() else {
            return;
        };
        let window = std::mem::take(&mut self.window);
        let waited_us = window.least_delay_us - standing.base_us;
        if waited_us < GONE_US {
            self.last = Some((result.sent_at, standing.before));
            self.standing = None;
        } else if let Some(beside) = &mut self.beside {
            beside.sure.get_or_insert(came >= FOLLOWS * sent);
        } else {
            standing.look(waited_us, (sent, came, self.allowed));
            self.standing = Some(standing);
        }
    }

    /// The rate was lowered for a queue. `base_us` is the delay without it, `before` what was sent until then, in bit/s.
    pub(super) fn found_full(&mut self, now: Micros, base_us: i64, before: f64) {
        if self.standing.is_none() && now >= self.refused_until {
            let last = self.last.filter(|(at, _)| now.since(*at) < SAME);
            self.standing = Some(Standing {
                since: now,
                base_us,
                before: last.map_or(before, |(_, bps)| before.max(bps)),
                most: 0.0,
                stayed: Micros(0),
            });
            self.look_from(now + BEGINS);
        }
    }

    /// Time passes; `allowed` is what may be sent now, in bit/s. Gives the rate to go on with, where the queue is no matter.
    pub(super) fn update(&mut self, now: Micros, allowed: f64) -> Option<f64> {
        self.allowed = allowed;
        if let Some(beside) = self.beside {
            return Some(self.go_on(now, beside));
        }
        let standing = self.standing?;
        if standing.stayed >= LONG_ENOUGH {
            return Some(self.begin(now, standing));
        }
        if now.since(standing.since) > LONGEST {
            self.standing = None;
        }
        None
    }

    fn look_from(&mut self, at: Micros) {
        self.from = at;
        self.window = Window::default();
    }

    fn begin(&mut self, now: Micros, standing: Standing) -> f64 {
        let share = (standing.before * SHARE).max(CLAIM);
        let rate = (self.allowed * TRY).min(share);
        self.beside = Some(Beside {
            since: now,
            rate,
            share,
            sure: None,
        });
        self.look_from(now);
        rate
    }

    fn go_on(&mut self, now: Micros, mut beside: Beside) -> f64 {
        match beside.sure {
            Some(true) => beside.rate = beside.share,
            Some(false) => {
                beside.rate /= TRY;
                self.refused_until = now + REFUSED;
            }
            None => {}
        }
        let over = beside.sure == Some(false) || now.since(beside.since) > LONGEST;
        if over || self.standing.is_none() {
            (self.beside, self.standing) = (None, None);
        } else {
            self.beside = Some(beside);
        }
        beside.rate
    }

    /// Another link may be there.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

impl Standing {
    /// A stretch of packets that waited at least so long: bit/s that were sent, that arrived, and that might be sent.
    fn look(&mut self, waited_us: i64, (sent, came, allowed): (f64, f64, f64)) {
        self.most = self.most.max(came);
        let is_less = sent.max(allowed) <= LESS * self.most;
        if sent < STAYS * came {
            self.stayed = Micros(0);
        } else if is_less && waited_us >= STANDS_US {
            self.stayed = Micros(self.stayed.0 + WINDOW.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::result;
    use super::*;

    const DELAY_US: i64 = 20_000;

    /// A link that carries `carries` bit/s alone, or whose queue somebody else keeps at 200 ms; of what may be sent,
    /// `wanted` is. Gives for each tenth of a second what the rival's watch says, after the queue was found at 0.
    fn run(
        allowed: impl Fn(u64) -> f64,
        carries: impl Fn(u64) -> f64,
        shared: bool,
    ) -> Vec<Option<f64>> {
        let (mut rival, mut free_us, mut number) = (Rival::default(), 200_000.0, 0);
        let (mut given, mut credit, mut said) = (None, 0.0, Vec::new());
        rival.found_full(Micros(0), DELAY_US, 1e6);
        for ms in 0..6_000 {
            let rate = given.unwrap_or_else(|| allowed(ms));
            credit += rate / 8_000.0;
            while credit >= 400.0 {
                credit -= 400.0;
                number += 1;
                let sent_us = (ms * 1_000) as f64;
                free_us = if shared {
                    sent_us + 200_000.0
                } else {
                    sent_us.max(free_us) + 3.2e9 / carries(ms)
                };
                rival.add(&result(number, ms, 400, Some(free_us as i64 + DELAY_US)));
            }
            given = rival.update(Micros::from_millis(ms), rate);
            if ms % 100 == 0 {
                said.push(given);
            }
        }
        said
    }

    #[test]
    fn a_queue_that_others_keep_full_is_shared() {
        let said = run(|ms| if ms < 700 { 500e3 } else { 150e3 }, |_| 1e6, true);
        assert_eq!(said[10], None);
        assert!(said.contains(&Some(300e3)), "twice as much first: {said:?}");
        assert_eq!(said[59], Some(500e3), "half of what was sent before");
    }

    #[test]
    fn a_queue_of_ones_own_becomes_shorter() {
        let said = run(|ms| if ms < 700 { 300e3 } else { 100e3 }, |_| 300e3, false);
        assert!(said.iter().all(Option::is_none), "{said:?}");
    }

    #[test]
    fn who_sends_little_of_his_own_accord_has_no_rival() {
        // May send all that it did before, and the way has become longer.
        let mut rival = Rival::default();
        rival.found_full(Micros(0), DELAY_US, 1e6);
        for ms in (0..6_000).step_by(20) {
            let arrives = (ms * 1_000 + 90_000) as i64;
            let bytes = if ms < 1_000 { 2_500 } else { 150 };
            rival.add(&result(ms, ms, bytes, Some(arrives)));
            assert_eq!(rival.update(Micros::from_millis(ms), 1e6), None);
        }
    }

    #[test]
    fn a_link_that_becomes_thinner_still_is_not_taken_for_a_shared_one_for_long() {
        let carries = |ms| if ms < 1_500 { 400e3 } else { 100e3 };
        let said = run(|ms| if ms < 1_000 { 390e3 } else { 110e3 }, carries, false);
        let tried = said.iter().flatten().count();
        assert!(tried <= 15, "{said:?}");
        assert_eq!(said[59], None);
    }
}
