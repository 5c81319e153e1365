//! What a link carries while it is busy: the rate at which packets leave a queue, however little was sent before.
//!
//! A probe, or one large picture, fills a queue for a moment on a link that is else half empty. What arrives over a
//! longer time then tells how little is sent; what arrives from one packet that has waited to the next tells the link.

use crate::time::Micros;

/// A packet has waited when it was delayed by so much more than its own bytes take.
const WAITED_US: f64 = 10_000.0;
/// A stretch tells something after so many bytes and so long; then the next one begins, since the link may change.
const BYTES: u64 = 2_500;
const SPAN_US: i64 = 40_000;
/// For how long it does.
const FRESH: Micros = Micros::from_millis(300);

/// The present stretch of packets that have waited, and what the last one told.
#[derive(Debug, Default)]
pub(super) struct Busy {
    /// Arrival of its first packet and of its last, and the bytes of all but the first.
    stretch: Option<(i64, i64, u64)>,
    told: Option<(f64, Micros)>,
}

impl Busy {
    /// A packet that arrived, in the order of sending: its arrival and how much longer than the least it took, both in
    /// us of the receiver's clock; `bps` is what the link is believed to carry.
    pub(super) fn add(&mut self, now: Micros, (arrived, waited): (i64, u64), bytes: u32, bps: f64) {
        let own = f64::from(bytes) * 8e6 / bps.max(1.0);
        if (waited as f64) < own + WAITED_US {
            self.stretch = None;
            return;
        }
        let Some((since, last, sum)) = &mut self.stretch else {
            self.stretch = Some((arrived, arrived, 0));
            return;
        };
        (*last, *sum) = (arrived.max(*last), *sum + u64::from(bytes));
        if *sum >= BYTES && *last - *since >= SPAN_US {
            self.told = Self::rate_of(self.stretch).map(|rate| (rate, now));
            self.stretch = Some((arrived, arrived, 0));
        }
    }

    fn rate_of(stretch: Option<(i64, i64, u64)>) -> Option<f64> {
        let (since, last, sum) = stretch?;
        (last - since >= SPAN_US).then(|| sum as f64 * 8e6 / (last - since) as f64)
    }

    /// Bit/s, if a stretch has told of late; less if the present one is about to tell less.
    pub(super) fn rate(&self, now: Micros) -> Option<f64> {
        let (told, _) = self.told.filter(|(_, at)| now.since(*at) < FRESH)?;
        Some(Self::rate_of(self.stretch).map_or(told, |rate| rate.min(told)))
    }

    /// Forgets everything: another link may be there, or the queue is full all the time, so that what arrives is what the
    /// link carries.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of (sent at ms, bytes) over a link of so many bit/s; gives what is told.
    fn told(bps: f64, packets: &[(u64, u32)]) -> Option<f64> {
        let (mut busy, mut free) = (Busy::default(), 0.0_f64);
        let mut now = Micros(0);
        for (sent, bytes) in packets {
            let sent = *sent as f64 * 1e3;
            free = free.max(sent) + f64::from(*bytes) * 8e6 / bps;
            now = Micros(free as u64 + 20_000);
            busy.add(now, (free as i64, (free - sent) as u64), *bytes, bps);
        }
        busy.rate(now)
    }

    #[test]
    fn a_burst_on_an_idle_link_tells_what_it_carries() {
        let mut packets: Vec<_> = (0..10).map(|at| (at * 20, 150)).collect();
        packets.extend([(200, 1_000); 6]);
        let rate = told(300_000.0, &packets).unwrap();
        assert!((280_000.0..320_000.0).contains(&rate), "{rate}");
    }

    #[test]
    fn what_does_not_wait_tells_nothing() {
        let packets: Vec<_> = (0..50).map(|at| (at * 40, 1_000)).collect();
        assert_eq!(told(300_000.0, &packets), None);
    }
}
