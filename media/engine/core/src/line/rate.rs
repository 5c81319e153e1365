//! How much a line may be sent whose receiver tells of no single packet: no more than its description and its own requests
//! say (RFC 5104 TMMBR, REMB), and what its reports of loss (RFC 3550) leave of that.
//!
//! Room systems sit on networks that were made for them, and are sent what was agreed from the first packet on. Loss is
//! answered by half as much less; without loss the rate comes back slowly, as far as it is used.

use crate::time::Micros;

/// What a line is sent at first, and at the most, where nothing is said: 720p of H.264.
const UNSAID: u64 = 2_000_000;
/// Loss alone takes no more than down to this.
const LEAST: u64 = 128_000;
/// Shares of loss, in thousandths: more is answered, and with less the rate may rise.
const BAD: u64 = 100;
const GOOD: u64 = 20;
/// Fewer packets say nothing of a share.
const ENOUGH: u64 = 20;
/// Between two steps: as long as browsers take to do what they are asked.
const PAUSE: Micros = Micros::from_millis(1_000);
/// A receiver repeats its REMB more often, or means it no longer.
const REMB_HOLDS: Micros = Micros::from_secs(10);

/// What a receiver has been sent and has lost, as counted since the beginning.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told {
    /// Packets of which it has told.
    pub packets: u64,
    /// Of these, the lost ones.
    pub lost: u64,
    /// Bytes of payload sent until now.
    pub bytes: u64,
}

/// The rate of one line.
#[derive(Debug)]
pub struct LineRate {
    described: u64,
    by_loss: u64,
    asked: Option<u64>,
    remb: Option<(u64, Micros)>,
    stepped: Micros,
    told: Told,
}

impl LineRate {
    /// The rate of a line whose description names the most that it takes, in bit/s.
    pub fn new(now: Micros, described: Option<u64>) -> Self {
        let described = described.unwrap_or(UNSAID);
        Self {
            described,
            by_loss: described,
            asked: None,
            remb: None,
            stepped: now,
            told: Told::default(),
        }
    }

    /// Another description of the same line: what loss has left of the old rate is left of the new one at the most.
    pub fn describe(&mut self, described: Option<u64>) {
        let described = described.unwrap_or(UNSAID);
        if self.by_loss == self.described {
            self.by_loss = described;
        }
        self.described = described;
        self.by_loss = self.by_loss.min(described);
    }

    /// Bit/s that the line may be sent.
    pub fn estimate(&self, now: Micros) -> u64 {
        let remb = self.remb.filter(|(_, at)| now.since(*at) < REMB_HOLDS);
        let asked = self.asked.into_iter().chain(remb.map(|(rate, _)| rate));
        asked.chain([self.described]).fold(self.by_loss, u64::min)
    }

    /// A request for no more than so much, which holds until the next one.
    pub fn handle_tmmbr(&mut self, bitrate: u64) {
        self.asked = Some(bitrate);
    }

    /// What the receiver estimates, which holds for a while.
    pub fn handle_remb(&mut self, now: Micros, bitrate: u64) {
        self.remb = Some((bitrate, now));
    }

    /// A receiver report.
    pub fn handle_report(&mut self, now: Micros, told: Told) {
        let packets = told.packets.saturating_sub(self.told.packets);
        let since = now.since(self.stepped);
        if since < PAUSE || packets < ENOUGH {
            return;
        }
        let lost = told.lost.saturating_sub(self.told.lost).min(packets);
        let bits = told.bytes.saturating_sub(self.told.bytes) * 8;
        let sent = bits * 1_000_000 / since.0;
        (self.stepped, self.told) = (now, told);
        let thousandths = lost * 1_000 / packets;
        if thousandths > BAD {
            // What was not sent was not lost either: the way down begins where the sender is.
            let from = self.by_loss.min(sent.max(LEAST) * 3 / 2);
            let less = from - from * thousandths / 2_000;
            self.by_loss = less.max(LEAST.min(self.described));
        } else if thousandths < GOOD && sent * 2 > self.by_loss {
            self.by_loss = (self.by_loss * 108 / 100).min(self.described);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Micros {
        Micros::from_secs(1_000 + seconds)
    }

    /// A rate after reports once a second, each of 100 packets with so many lost, while as much is sent as may be.
    fn after(rate: &mut LineRate, seconds: std::ops::Range<u64>, lost: u64) -> u64 {
        for second in seconds {
            let bytes = rate.told.bytes + rate.estimate(at(second)) / 8;
            let told = Told {
                packets: rate.told.packets + 100,
                lost: rate.told.lost + lost,
                bytes,
            };
            rate.handle_report(at(second), told);
        }
        rate.estimate(at(1))
    }

    #[test]
    fn another_description_holds_at_once_and_gives_back_what_no_loss_has_taken() {
        let mut rate = LineRate::new(at(0), Some(1_000_000));
        rate.describe(Some(300_000));
        assert_eq!(rate.estimate(at(1)), 300_000);
        rate.describe(None);
        assert_eq!(rate.estimate(at(1)), UNSAID);
        let lossy = after(&mut rate, 1..4, 40);
        assert!(lossy < 1_500_000, "{lossy}");
        rate.describe(Some(4_000_000));
        assert_eq!(rate.estimate(at(1)), lossy);
    }

    #[test]
    fn what_was_agreed_is_sent_and_no_more() {
        assert_eq!(LineRate::new(at(0), None).estimate(at(0)), UNSAID);
        let mut rate = LineRate::new(at(0), Some(768_000));
        assert_eq!(after(&mut rate, 1..60, 0), 768_000);
        assert_eq!(after(&mut rate, 60..70, 5), 768_000, "some loss is borne");
    }

    #[test]
    fn loss_takes_half_of_its_share_and_calm_gives_it_back() {
        let mut rate = LineRate::new(at(0), Some(1_000_000));
        assert_eq!(after(&mut rate, 1..2, 20), 900_000);
        let low = after(&mut rate, 2..60, 30);
        assert_eq!(low, LEAST);
        let back = after(&mut rate, 60..63, 0);
        assert!(back > low && back < low * 13 / 10, "{back}");
        assert_eq!(after(&mut rate, 63..120, 0), 1_000_000);
    }

    #[test]
    fn a_line_that_may_have_little_has_no_more_for_its_losses() {
        let mut rate = LineRate::new(at(0), Some(64_000));
        assert_eq!(after(&mut rate, 1..60, 50), 64_000);
    }

    #[test]
    fn what_is_not_used_does_not_rise() {
        let mut rate = LineRate::new(at(0), Some(1_000_000));
        after(&mut rate, 1..10, 30);
        let low = rate.estimate(at(1));
        for second in 10..100 {
            let told = Told {
                packets: rate.told.packets + 100,
                bytes: rate.told.bytes + 1_000,
                ..rate.told
            };
            rate.handle_report(at(second), told);
        }
        assert_eq!(rate.estimate(at(1)), low);
    }

    #[test]
    fn what_the_receiver_asks_for_holds() {
        let mut rate = LineRate::new(at(0), Some(1_000_000));
        rate.handle_tmmbr(400_000);
        rate.handle_remb(at(0), 300_000);
        assert_eq!(rate.estimate(at(9)), 300_000);
        assert_eq!(
            rate.estimate(at(10)),
            400_000,
            "the estimate was not repeated"
        );
        rate.handle_tmmbr(5_000_000);
        assert_eq!(rate.estimate(at(10)), 1_000_000);
        rate.handle_tmmbr(0);
        assert_eq!(rate.estimate(at(10)), 0);
    }

    #[test]
    fn reports_that_say_nothing_change_nothing() {
        let mut rate = LineRate::new(at(0), Some(1_000_000));
        let told = |packets, lost| Told {
            packets,
            lost,
            bytes: 0,
        };
        rate.handle_report(at(1), told(ENOUGH - 1, 19));
        rate.handle_report(at(0), told(1_000, 900));
        rate.handle_report(at(5), told(0, 0));
        assert_eq!(rate.estimate(at(5)), 1_000_000);
        rate.handle_report(at(6), told(100, u64::MAX));
        assert!(rate.estimate(at(6)) < 1_000_000);
    }
}
