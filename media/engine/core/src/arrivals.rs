//! Which packets of one sender arrived when, by their transport-wide numbers, and the reports on them
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01), by which the sender knows what its link carries.
//!
//! Each number is reported once at the most, arrived or missing; a packet that comes after it was reported missing takes the
//! next report back to its number, so that what lies behind is reported again, truly.
//!
//! What a report tells lost of a stream behind the last packet of it that has come, browsers send again unasked, and before
//! anything new. Where a sender's link has become thin, that is most of what its larger pictures were, and nobody waits for
//! them any more: reports then end with a packet of the larger pictures, and what came after it is told by the next.

use crate::fall::Fall;
use crate::time::Micros;
use engine_wire::{rtcp, seq};

/// Between two reports: browsers expect 50 to 250 ms.
const INTERVAL: (Micros, Micros) = (Micros::from_millis(50), Micros::from_millis(250));
/// Reports take this share at most of the rate that comes in, and of what the way back carries.
const SHARE: f64 = 0.05;
/// What a report takes on the wire: addresses, ports and tag, its header, and some lines.
const REPORT_BYTES: f64 = 100.0;
/// Numbers that are remembered, a power of two: half a second of 8 Mbit/s.
const KEPT: u64 = 512;
/// With so many numbers unreported a report is due at once.
const MANY: u64 = 200;
/// A jump ahead by more is no loss but another numbering; nothing is told of the numbers between.
const JUMP: u64 = 4 * KEPT;
/// After so long without any packet the sender's network was away, not full. Of what it took nothing is told, or senders
/// would take it for loss by their rate, and send hardly a picture in the first seconds after it.
const AWAY: Micros = Micros::from_millis(400);
/// For how long reports end with a packet of the larger pictures after the last that came late, and by how much longer such a
/// packet is waited for.
const MARKED_FOR: Micros = Micros::from_millis(300);
const WAITED_FOR: Micros = Micros::from_millis(100);
/// Numbers start one cycle up, so that the first packet may be overtaken.
const FIRST_CYCLE: u64 = 1 << 16;
/// A report holds at most so many arrivals.
const LINES: usize = 256;

/// The reports to one sender.
#[derive(Debug)]
pub struct Arrivals {
    /// Arrival by number, in microseconds from `origin`; 0 if it did not arrive.
    ring: Box<[u32; KEPT as usize]>,
    origin: Micros,
    /// The last arrival, and its number.
    heard: Micros,
    last: u64,
    /// With what reports are to end: the last packet of the larger pictures that came late.
    mark: Option<(u64, Micros)>,
    /// A report that is due waits for that.
    waits: bool,
    /// The number after the highest that arrived; none has before it is set.
    end: Option<u64>,
    /// The first number that the next report tells of.
    base: u64,
    /// Bytes since the last report.
    bytes: u64,
    reported_at: Micros,
    due: Option<Micros>,
    interval: Micros,
    way_bps: u32,
    reports: u8,
    too_late: u64,
    /// Whether the sender's link has become thin.
    pub fall: Fall,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self {
            ring: Box::new([0; KEPT as usize]),
            origin: Micros(0),
            heard: Micros(0),
            last: 0,
            mark: None,
            waits: false,
            end: None,
            base: 0,
            bytes: 0,
            reported_at: Micros(0),
            due: None,
            interval: INTERVAL.0,
            way_bps: u32::MAX,
            reports: 0,
            too_late: 0,
            fall: Fall::default(),
        }
    }
}

impl Arrivals {
    /// To a sender that `heeds_remb`, or not.
    pub fn new(heeds_remb: bool) -> Self {
        Self {
            fall: Fall::new(heeds_remb),
            ..Self::default()
        }
    }

    /// A packet of that many bytes arrived at `now` with that number.
    pub fn note(&mut self, now: Micros, number: u16, bytes: usize) {
        let end = match self.end {
            Some(end) => end,
            None => self.restart(now, FIRST_CYCLE | u64::from(number)),
        };
        let mut number = seq::extend(end, number);
        let away = number > end && now.since(self.heard) >= AWAY;
        if now.since(self.origin).0 > u64::from(u32::MAX / 2) || number > end + JUMP || away {
            number |= FIRST_CYCLE;
            self.restart(now, number);
        }
        (self.heard, self.last) = (now, number);
        self.fall.note(now, bytes);
        self.bytes += bytes as u64;
        if number + KEPT <= self.end.unwrap_or(0) {
            self.too_late += 1;
            return;
        }
        self.reach(number);
        let place = &mut self.ring[(number % KEPT) as usize];
        if *place == 0 {
            *place = now.since(self.origin).0 as u32;
            self.base = self.base.min(number);
            let due = *self.due.get_or_insert(now + self.interval);
            let many = self.end.unwrap_or(0) - self.base >= MANY;
            self.due = Some(if many { now } else { due });
        }
    }

    /// The last packet is one of the larger pictures, and stood in a queue.
    pub fn end_here(&mut self, now: Micros) {
        self.mark = Some((self.last, now));
        if std::mem::take(&mut self.waits) {
            self.due = Some(now);
        }
    }

    /// The way that reports take carries so many bit/s.
    pub fn set_way(&mut self, bps: u32) {
        self.way_bps = bps;
    }

    /// When a report is due, if one is to be expected.
    pub const fn next_at(&self) -> Option<Micros> {
        self.due
    }

    /// Appends a report if it is due: `own` is the SSRC that reports, `media` any of the sender's. False if none was.
    pub fn write(&mut self, now: Micros, (own, media): (u32, u32), rtcp: &mut Vec<u8>) -> bool {
        let Some(end) = self.end_of_report(now) else {
            return false;
        };
        let mut lines = [(0, 0); LINES];
        let mut count = 0;
        let arrived = (self.base..end).filter_map(|number| {
            let at = self.ring[(number % KEPT) as usize];
            (at != 0).then_some((number, self.origin.0 + u64::from(at)))
        });
        for (line, found) in lines.iter_mut().zip(arrived) {
            *line = found;
            count += 1;
        }
        let lines = &lines[..count];
        let held =
            rtcp::write_transport_feedback(rtcp, (own, media), self.reports, self.base, lines);
        self.base = match lines.get(held.wrapping_sub(1)) {
            Some((last, _)) => last + 1,
            None => end,
        };
        self.reports = self.reports.wrapping_add(1);
        self.adapt(now);
        // What did not fit goes at once.
        let rest = (self.end > Some(end)).then_some(now + self.interval);
        self.due = if held < count { Some(now) } else { rest };
        held > 0
    }

    /// Up to which number a report tells, if it is due.
    fn end_of_report(&mut self, now: Micros) -> Option<u64> {
        let (end, due) = (self.end?, self.due?);
        if due > now {
            return None;
        }
        self.waits = false;
        let is_recent = |mark: &(u64, Micros)| now.since(mark.1) < MARKED_FOR;
        let is_few = end - self.base < MANY;
        let Some((number, _)) = self.mark.filter(|mark| is_few && is_recent(mark)) else {
            return Some(end);
        };
        if (self.base..end).contains(&number) {
            return Some(number + 1);
        }
        let latest = self.reported_at + self.interval + WAITED_FOR;
        self.waits = now < latest;
        if self.waits {
            self.due = Some(latest);
            return None;
        }
        if !self.fall.is_recent(now) {
            return Some(end);
        }
        // They have stopped: of what was lost of them last nothing is told, or it would all be sent again.
        self.base = end;
        (self.due, self.mark) = (None, None);
        self.adapt(now);
        None
    }

    /// Packets that came too late for any report.
    pub const fn too_late(&self) -> u64 {
        self.too_late
    }

    /// Begins with `number`, at `now`.
    fn restart(&mut self, now: Micros, number: u64) -> u64 {
        self.ring.fill(0);
        self.origin = now - Micros(1);
        (self.end, self.base) = (Some(number), number);
        (self.due, self.mark, self.waits) = (None, None, false);
        number
    }

    /// Makes room up to `number`.
    fn reach(&mut self, number: u64) {
        let end = self.end.unwrap_or(number);
        if number < end {
            return;
        }
        for passed in end.max((number + 1).saturating_sub(KEPT))..=number {
            self.ring[(passed % KEPT) as usize] = 0;
        }
        self.end = Some(number + 1);
        self.base = self.base.max((number + 1).saturating_sub(KEPT));
    }

    /// Reports as often as their share of what comes in allows.
    fn adapt(&mut self, now: Micros) {
        let elapsed = now.since(self.reported_at).0.clamp(1_000, 1_000_000);
        let bytes_per_us = (self.bytes as f64 / elapsed as f64).max(1e-6);
        let bytes_per_us = bytes_per_us.min(f64::from(self.way_bps) / 8e6);
        let us = (REPORT_BYTES / (SHARE * bytes_per_us)).min(1e9) as u64;
        // Half of the way each time: one picture more or less is no other rate.
        let next = self.interval.0.midpoint(us);
        self.interval = Micros(next).clamp(INTERVAL.0, INTERVAL.1);
        (self.bytes, self.reported_at) = (0, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_wire::rtcp::Packet;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn at(millis: u64) -> Micros {
        Micros::from_millis(1_795_000_000_000 + millis)
    }

    fn report(arrivals: &mut Arrivals, now: Micros) -> Option<Vec<(u16, bool)>> {
        let mut rtcp = Vec::new();
        arrivals.write(now, (1, 2), &mut rtcp).then(|| {
            let Some(Ok(Packet::TransportFeedback(feedback))) = rtcp::parse(&rtcp).next() else {
                panic!("no feedback");
            };
            let lines = feedback.packets();
            lines.map(|p| (p.sequence, p.at_us.is_some())).collect()
        })
    }

    /// A megabit a second that comes in is reported on less often where the way back is thin.
    #[test]
    fn reports_take_their_share_of_the_way_back() {
        let reports_on = |way: u32| {
            let mut arrivals = Arrivals::default();
            arrivals.set_way(way);
            let due = (0..10_000_u64).filter(|millis| {
                arrivals.note(at(*millis), *millis as u16, 125);
                report(&mut arrivals, at(*millis)).is_some()
            });
            due.count()
        };
        assert!((180..=200).contains(&reports_on(10_000_000)));
        assert!((40..=60).contains(&reports_on(60_000)));
    }

    #[test]
    fn every_number_is_reported_once() {
        let mut arrivals = Arrivals::default();
        for (millis, number) in [(0, 65_534), (10, 65_535), (30, 1), (31, 1)] {
            arrivals.note(at(millis), number, 1_200);
        }
        assert_eq!(report(&mut arrivals, at(49)), None);
        let first = [(65_534, true), (65_535, true), (0, false), (1, true)];
        assert_eq!(report(&mut arrivals, at(50)), Some(first.to_vec()));
        assert_eq!(report(&mut arrivals, at(300)), None);
        assert_eq!(arrivals.next_at(), None);
        arrivals.note(at(400), 4, 1_200);
        let second = [(2, false), (3, false), (4, true)];
        assert_eq!(report(&mut arrivals, at(900)), Some(second.to_vec()));
    }

    #[test]
    fn of_what_an_outage_took_nothing_is_told() {
        let mut arrivals = Arrivals::default();
        arrivals.note(at(0), 10, 1_200);
        assert_eq!(report(&mut arrivals, at(50)), Some(vec![(10, true)]));
        for (millis, number) in [(450, 60), (455, 62), (460, 59)] {
            arrivals.note(at(millis), number, 1_200);
        }
        let told = [(59, true), (60, true), (61, false), (62, true)];
        assert_eq!(report(&mut arrivals, at(700)), Some(told.to_vec()));
        arrivals.note(at(1_100), 63, 1_200);
        assert_eq!(report(&mut arrivals, at(1_350)), Some(vec![(63, true)]));
    }

    #[test]
    fn a_late_packet_takes_the_report_back_and_nothing_is_called_missing_that_arrived() {
        let mut arrivals = Arrivals::default();
        for number in [10, 11, 13, 14] {
            arrivals.note(at(0), number, 1_200);
        }
        assert!(report(&mut arrivals, at(50)).is_some());
        arrivals.note(at(60), 12, 1_200);
        arrivals.note(at(61), 15, 1_200);
        let again = [(12, true), (13, true), (14, true), (15, true)];
        assert_eq!(report(&mut arrivals, at(400)), Some(again.to_vec()));
    }

    #[test]
    fn what_is_far_behind_is_counted_and_what_is_far_ahead_begins_anew() {
        let mut arrivals = Arrivals::default();
        for number in 0..600 {
            arrivals.note(at(1), number, 1_200);
        }
        arrivals.note(at(2), 3, 1_200);
        assert_eq!(arrivals.too_late(), 1);
        assert_eq!(arrivals.next_at(), Some(at(1)));
        assert!(report(&mut arrivals, at(2)).unwrap().len() <= LINES);
        arrivals.note(at(3), 20_000, 1_200);
        assert_eq!(report(&mut arrivals, at(500)), Some(vec![(20_000, true)]));
    }

    #[test]
    fn reports_are_a_twentieth_of_what_comes_in() {
        for (bytes, step, expected) in [(1_200, 10, 50), (120, 20, 250), (250, 20, 160)] {
            let mut arrivals = Arrivals::default();
            let (mut reports, mut out) = (0, Vec::new());
            for round in 0..1_000_u64 {
                let now = at(round * step);
                arrivals.note(now, round as u16, bytes);
                reports += u64::from(arrivals.write(now, (1, 2), &mut out));
                out.clear();
            }
            let interval = 1_000 * step / reports;
            // A report waits for a packet to come after the one before.
            let right = expected..=expected + 2 * step;
            assert!(right.contains(&interval), "{interval} for {bytes}");
        }
    }

    /// Else all of it would be sent again; what comes afterwards is told.
    #[test]
    fn of_the_end_of_pictures_that_stop_in_a_fall_nothing_is_told() {
        for has_fallen in [false, true] {
            let mut arrivals = Arrivals::new(true);
            let mut told = Vec::new();
            for milli in 0..3_000 {
                let is_lost = milli % 30 == 0 && milli < 2_200;
                if milli % 10 == 0 && !is_lost {
                    arrivals.note(at(milli), (milli / 10) as u16, 1_000);
                }
                if milli == 2_000 {
                    arrivals.end_here(at(milli));
                    if has_fallen {
                        arrivals.fall.tell(at(milli), 100_000);
                    }
                }
                told.extend(report(&mut arrivals, at(milli)).into_iter().flatten());
            }
            let lost = |number: u16| told.contains(&(number, false));
            assert!(lost(198) && told.contains(&(200, true)));
            assert_eq!((lost(204), lost(207)), (!has_fallen, !has_fallen));
            assert!((225..290).all(|number| told.contains(&(number, true))));
        }
    }

    /// Nothing is behind the packet with which a report is to end; one that does not come is not waited for long.
    #[test]
    fn reports_end_with_what_is_marked_and_the_next_tells_the_rest() {
        const NONE: u64 = u64::MAX;
        let mut arrivals = Arrivals::default();
        let mut told = |millis: std::ops::Range<u64>, marked: u64| {
            let mut reports = Vec::new();
            for milli in millis {
                if milli % 10 == 0 {
                    arrivals.note(at(milli), (milli / 10) as u16, 1_000);
                }
                if milli == marked {
                    arrivals.end_here(at(milli));
                }
                let lines = report(&mut arrivals, at(milli));
                reports.extend(lines.map(|lines| (milli, lines.last().unwrap().0)));
            }
            reports
        };
        assert_eq!(told(0..2_000, NONE).last(), Some(&(1_990, 199)));
        assert_eq!(told(2_000..2_100, 2_040), [(2_050, 204)]);
        assert_eq!(
            told(2_100..2_150, 2_140),
            [(2_140, 214)],
            "as soon as it is there"
        );
        assert_eq!(told(2_150..2_400, NONE), [(2_290, 229)], "or after a while");
        assert_eq!(
            told(2_400..2_500, NONE),
            [(2_440, 244)],
            "when it is long ago"
        );
    }

    proptest! {
        /// In any order, with duplicates and holes: a number is told with the time at which it first came, never as missing
        /// once it has come, and all that is not too late is told in the end.
        #[test]
        fn reports_are_true(
            start: u16,
            packets in prop::collection::vec((0_u64..4_000, 0_usize..30, any::<bool>(), any::<bool>()), 1..500),
        ) {
            let mut arrivals = Arrivals::default();
            let (mut now, mut truth, mut told) = (at(0), BTreeMap::new(), BTreeMap::new());
            let numbers = (0..packets.len()).map(|n| start.wrapping_add(n as u16));
            let mut numbers: Vec<_> = numbers.collect();
            for (place, (_, further, ..)) in packets.iter().enumerate() {
                let other = (place + further).min(numbers.len() - 1);
                numbers.swap(place, other);
            }
            let mut read = |arrivals: &mut Arrivals, now, truth: &BTreeMap<u16, Micros>| {
                let mut out = Vec::new();
                if arrivals.write(now, (1, 2), &mut out) {
                    let Some(Ok(Packet::TransportFeedback(feedback))) = rtcp::parse(&out).next() else {
                        panic!("no feedback");
                    };
                    for line in feedback.packets() {
                        assert_eq!(line.at_us.is_some(), truth.contains_key(&line.sequence));
                        if let Some(at_us) = line.at_us { told.insert(line.sequence, at_us); }
                    }
                }
            };
            for ((gap, _, lost, ends), number) in packets.iter().zip(numbers) {
                now = now + Micros(*gap);
                if !lost {
                    truth.entry(number).or_insert(now);
                    arrivals.note(now, number, 1_000);
                    if *ends {
                        arrivals.end_here(now);
                    }
                }
                read(&mut arrivals, now, &truth);
            }
            for _ in 0..4 {
                now = now + Micros::from_millis(250);
                read(&mut arrivals, now, &truth);
            }
            prop_assert_eq!(arrivals.too_late(), 0);
            // The reference time is of 24 bits.
            let cycle = 64_000 << 24;
            let expected = truth.into_iter().map(|(n, at)| (n, (at.0 / 250 * 250) as i64 % cycle));
            let told = told.into_iter().map(|(n, at)| (n, at.rem_euclid(cycle)));
            prop_assert_eq!(told.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    }
}
