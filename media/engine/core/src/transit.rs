//! How long the packets of one stream are under way: how much that varies (RFC 3550 section 6.4.1), and how it grows.

use crate::time::Micros;

/// The RTP clock of video (RFC 3551 section 4); no audio has it.
const VIDEO_CLOCK: u32 = 90_000;
/// What each time since the first packet is told above, so that those of packets that were faster than it have no sign.
pub const ABOVE: Micros = Micros::from_secs(10);
/// With each time the least of late comes nearer to it by this part of what it is more: the path may be another one, and
/// there are senders whose clock is slower than time.
const FORGOTTEN: i64 = 16;
/// No queue makes more in a row late: a clock that goes wrong does.
const LATE: u32 = 75;

/// Times under way of one SSRC. Clocks of sender and bridge have nothing to do with each other, so that only
/// differences mean anything.
#[derive(Debug)]
#[repr(C)]
pub struct Transit {
    /// RFC 3550 A.8 keeps sixteen times the jitter so that integer division does not lose it.
    jitter_x16: u64,
    last: Option<i32>,
    last_timestamp: u32,
    clock_rate: u32,
    /// All differences in ticks, and how many: their mean over any interval is the jitter in it.
    changes: (u64, u64),
    /// How much longer than the first packet the last one took, in ticks.
    longer: i64,
    /// The same of each, `ABOVE` more, together.
    all_longer: u64,
    /// The least of `longer` of late.
    least: i64,
    /// So many in a row were much longer than that.
    late: u32,
    frames: u64,
}

impl Transit {
    /// Of a stream with this RTP clock in Hz, of which nothing has come.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            jitter_x16: 0,
            last: None,
            last_timestamp: 0,
            clock_rate: clock_rate.max(1),
            changes: (0, 0),
            longer: 0,
            all_longer: 0,
            least: 0,
            late: 0,
            frames: 0,
        }
    }

    /// Brings the lines near that the next packet needs.
    pub fn touch(&self) -> u64 {
        self.jitter_x16 ^ u64::from(self.last_timestamp)
    }

    /// Takes a packet in, `is_late` if later ones came before it.
    ///
    /// RFC 3550 A.8, once a timestamp: the packets of one picture leave together and say nothing about the network.
    /// Nor does a straggler of an earlier picture, while each packet of sound is one of its own.
    pub fn measure(&mut self, now: Micros, timestamp: u32, is_late: bool) {
        let is_straggler = is_late && self.clock_rate == VIDEO_CLOCK;
        if is_straggler || (self.last.is_some() && timestamp == self.last_timestamp) {
            return;
        }
        self.frames += 1;
        let transit = (now.to_ticks(self.clock_rate) as u32).wrapping_sub(timestamp) as i32;
        if let Some(last) = self.last {
            self.enter(transit.wrapping_sub(last));
        }
        self.last = Some(transit);
        self.last_timestamp = timestamp;
    }

    fn enter(&mut self, difference: i32) {
        let change = difference.unsigned_abs();
        self.jitter_x16 = self.jitter_x16 + u64::from(change) - ((self.jitter_x16 + 8) >> 4);
        // A clock that was set, or a sender that began anew, is no jitter of the network, and no delay either.
        if change < self.clock_rate {
            self.changes.0 += u64::from(change);
            self.changes.1 += 1;
            self.longer += i64::from(difference);
            let more = self.longer - self.least;
            self.least += more.min(more / FORGOTTEN);
            let is_late = (self.longer - self.least) * 10 >= i64::from(self.clock_rate);
            self.late = if is_late {
                self.late.saturating_add(1)
            } else {
                0
            };
            let above = ABOVE.to_ticks(self.clock_rate) as i64;
            self.all_longer += (above + self.longer).max(0).unsigned_abs();
        }
    }

    /// Interarrival jitter (RFC 3550 A.8) in ticks.
    pub const fn jitter_ticks(&self) -> u32 {
        (self.jitter_x16 >> 4) as u32
    }

    /// The same in microseconds.
    pub fn jitter_micros(&self) -> u64 {
        self.micros(self.jitter_x16 >> 4)
    }

    /// Differences of transit (RFC 3550 section 6.4.1) in microseconds together, and their number.
    pub fn changes(&self) -> (u64, u64) {
        (self.micros(self.changes.0), self.changes.1)
    }

    /// How many microseconds longer than the first each packet took, `ABOVE` more, together; as many as `changes`.
    pub fn all_longer_micros(&self) -> u64 {
        self.micros(self.all_longer)
    }

    /// Whether the last packet stood in a queue: it was under way for a tenth of a second longer than the fastest of late.
    pub fn is_late(&self) -> bool {
        (1..=LATE).contains(&self.late)
    }

    /// How much longer the last packet was under way than the fastest of late.
    pub fn waits(&self) -> Micros {
        let is_slow = self.late > LATE;
        let ticks = if is_slow { 0 } else { self.longer - self.least };
        Micros(self.micros(ticks.unsigned_abs()))
    }

    /// Pictures, or packets of sound: different timestamps.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    fn micros(&self, ticks: u64) -> u64 {
        let rate = u64::from(self.clock_rate);
        ticks / rate * 1_000_000 + ticks % rate * 1_000_000 / rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of sound each 20 ms, each `delay` ms under way.
    fn sound(transit: &mut Transit, delays: impl IntoIterator<Item = (u64, u64)>) {
        for (number, delay) in delays {
            let now = Micros::from_millis(1_000_000 + number * 20 + delay);
            transit.measure(now, (number * 960) as u32, false);
        }
    }

    #[test]
    fn a_steady_stream_has_no_jitter_and_an_unsteady_one_has_what_was_put_in() {
        let mut steady = Transit::new(48_000);
        sound(&mut steady, (0..500).map(|number| (number, 30)));
        assert_eq!(steady.jitter_micros(), 0);
        let mut unsteady = Transit::new(48_000);
        sound(
            &mut unsteady,
            (0..2_000).map(|number| (number, 10 * (number % 2))),
        );
        let millis = unsteady.jitter_micros() / 1_000;
        assert!((9..=10).contains(&millis), "{millis}");
    }

    /// How much longer than the first packet those since the last look took on the average, in ms.
    fn longer(transit: &Transit, before: &mut (u64, u64)) -> f64 {
        let now = (transit.all_longer_micros(), transit.changes().1);
        let each = (now.0 - before.0) as f64 / (now.1 - before.1) as f64;
        *before = now;
        (each - ABOVE.0 as f64) / 1_000.0
    }

    #[test]
    fn a_queue_that_grows_and_goes_is_told_and_a_clock_that_is_set_is_not() {
        let (mut transit, mut before) = (Transit::new(48_000), (0, 0));
        sound(&mut transit, (0..50).map(|number| (number, 30)));
        assert!(longer(&transit, &mut before).abs() < 0.1);
        sound(&mut transit, (50..100).map(|number| (number, 330)));
        assert!((longer(&transit, &mut before) - 300.0).abs() < 0.1);
        sound(&mut transit, (100..150).map(|number| (number, 5)));
        assert!((longer(&transit, &mut before) + 25.0).abs() < 0.1);
        // An hour later by the sender's clock: the next one tells nothing, those after it go on from there.
        let set = (150..200).map(|number| (number, 5 + 3_600_000));
        sound(&mut transit, set);
        assert!((longer(&transit, &mut before) + 25.0).abs() < 0.1);
    }

    #[test]
    fn what_stands_in_a_queue_is_late_and_what_takes_another_path_is_not_for_long() {
        let mut transit = Transit::new(48_000);
        let mut is_late = |numbers: std::ops::Range<u64>, delay: &dyn Fn(u64) -> u64| {
            sound(&mut transit, numbers.map(|number| (number, delay(number))));
            transit.is_late()
        };
        assert!(!is_late(0..50, &|number| 30 + number % 2));
        let filling = |number: u64| 30 + (number - 50) * 14;
        assert!(!is_late(50..57, &filling) && is_late(57..70, &filling));
        assert!(!is_late(70..71, &|_| 40));
        assert!(is_late(71..75, &|_| 330) && !is_late(75..100, &|_| 330));
        assert!(!is_late(100..110, &|_| 30));
        // A clock that is a tenth too slow.
        assert!(!is_late(110..300, &|number| 30 + (number - 110) * 2));
        // One that counts pictures, of which half as many come as it believes.
        let counts = |number: u64| 410 + (number - 300) * 20;
        assert!(is_late(300..340, &counts) && !is_late(340..500, &counts));
    }
}
