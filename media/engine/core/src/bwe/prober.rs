//! Short clusters at a higher rate, which show whether more would fit.

use super::PacketResult;
use crate::time::Micros;

/// A cluster lasts at least so long, and takes at least so many packets: shorter ones measure the timer.
const DURATION: Micros = Micros::from_millis(25);
const PACKETS: u32 = 5;
/// Under jitter a cluster must be longer than what it would else measure; more than this would fill queues.
const DURATION_MOST: Micros = Micros::from_millis(100);
/// A cluster that could not be sent in this time is given up.
const GIVE_UP: Micros = Micros::from_millis(500);
/// Reports that have not come after this time beside the round trip do not come.
const LATE: Micros = Micros::from_millis(500);
/// The queue that a cluster makes is gone after that time beside the round trip.
const FELT: Micros = Micros::from_millis(150);
/// The share of a cluster that must have arrived, after the inherent loss.
const ARRIVED: f64 = 0.7;
/// Arrival slower than this share of the sending rate: the link was full.
const FULL: f64 = 0.9;
/// Of what a full link showed (a cluster overlaps with what was sent before).
const FULL_SHARE: f64 = 0.95;
/// Clusters whose results are waited for.
const PENDING: usize = 3;

/// What a cluster has shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Probed {
    /// Bit/s that fit.
    pub(super) bps: f64,
    /// The link carried all that it was sent.
    pub(super) all: bool,
}

#[derive(Debug, Clone, Copy)]
struct Cluster {
    id: u8,
    bps: f64,
    began: Option<Micros>,
    ended: Option<Micros>,
    duration: Micros,
    sent: Sums,
    /// The same with each packet's own bytes, to be held against `arrived`.
    sent_whole: Sums,
    reported: u32,
    reported_bytes: f64,
    arrived_bytes: f64,
    arrived: Sums,
}

/// Of a straight line through (bytes so far, time), by least squares.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    origin: i64,
    bytes: f64,
}

impl Sums {
    /// A packet that makes it `bytes` so far, at a time in microseconds.
    fn add(&mut self, bytes: f64, at_us: i64) {
        if self.n == 0.0 {
            self.origin = at_us;
        }
        self.bytes = bytes;
        let (x, y) = (bytes, (at_us - self.origin) as f64);
        self.n += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
    }

    /// Bit/s of the line; no faster than a clock of 250 us can tell.
    fn rate(&self) -> Option<f64> {
        let spread = self.n * self.xx - self.x * self.x;
        if self.n < 3.0 || spread <= 0.0 {
            return None;
        }
        let us_per_byte = (self.n * self.xy - self.x * self.y) / spread;
        (us_per_byte > 0.02).then(|| 8e6 / us_per_byte)
    }
}

/// The clusters.
#[derive(Debug, Default)]
pub(super) struct Prober {
    /// The first one is being sent, or is the next to be; the others wait for it.
    planned: [Option<Cluster>; 2],
    pending: [Option<Cluster>; PENDING],
    last_id: u8,
    /// When the last one was sent.
    ended: Option<Micros>,
}

impl Prober {
    /// Plans a cluster, to be sent as soon as the last is done. `variation` is that of the delay between packets.
    pub(super) fn plan(&mut self, bps: f64, variation: Micros) {
        let Some(place) = self.planned.iter_mut().find(|place| place.is_none()) else {
            return;
        };
        self.last_id = self.last_id % u8::MAX + 1;
        let longer = Micros(variation.0 * 5 / 2).min(DURATION_MOST);
        *place = Some(Cluster {
            id: self.last_id,
            bps,
            began: None,
            ended: None,
            duration: DURATION.max(longer),
            sent: Sums::default(),
            sent_whole: Sums::default(),
            reported: 0,
            reported_bytes: 0.0,
            arrived_bytes: 0.0,
            arrived: Sums::default(),
        });
    }

    /// Whether a cluster is on its way, or the queue that it made may still be.
    pub(super) fn is_felt(&self, now: Micros, rtt: Micros) -> bool {
        self.planned[0].is_some_and(|cluster| cluster.began.is_some())
            || self.pending.iter().any(Option::is_some)
            || self.ended.is_some_and(|at| now.since(at) < rtt + FELT)
    }

    /// Whether nothing is being probed.
    pub(super) fn is_idle(&self) -> bool {
        self.planned[0].is_none() && self.pending.iter().all(Option::is_none)
    }

    /// Gives up what is planned.
    pub(super) fn cancel(&mut self) {
        self.planned = [None; 2];
    }

    /// The cluster that a packet sent now belongs to, 0 if none.
    pub(super) fn cluster(&self) -> u8 {
        self.planned[0].map_or(0, |cluster| cluster.id)
    }

    /// Bytes of padding that a cluster lacks now.
    pub(super) fn padding(&mut self, now: Micros) -> usize {
        let Some(cluster) = &mut self.planned[0] else {
            return 0;
        };
        let began = *cluster.began.get_or_insert(now);
        if now.since(began) > GIVE_UP {
            self.planned = [self.planned[1].take(), None];
            return 0;
        }
        let step = now.since(began).0 as f64 / 8e6 * cluster.bps;
        // As much as should have left by the next millisecond, which is when the timer comes again.
        let ahead = cluster.bps / 8_000.0;
        (step + ahead - cluster.sent.bytes).max(0.0) as usize
    }

    /// When to ask for padding again.
    pub(super) fn next_at(&self, now: Micros) -> Option<Micros> {
        let cluster = self.planned[0].as_ref()?;
        let Some(began) = cluster.began else {
            return Some(now);
        };
        let at = began + Micros((cluster.sent.bytes * 8e6 / cluster.bps) as u64);
        Some(at.max(now + Micros::from_millis(1)))
    }

    /// A packet was sent.
    pub(super) fn note_sent(&mut self, now: Micros, bytes: usize) {
        let Some(cluster) = &mut self.planned[0] else {
            return;
        };
        let began = *cluster.began.get_or_insert(now);
        // The line is one of bytes before each packet: the last one's do not count.
        let before = cluster.sent.bytes;
        cluster.sent.add(before, now.0 as i64);
        cluster.sent.bytes = before + bytes as f64;
        cluster.sent_whole.add(cluster.sent.bytes, now.0 as i64);
        let wanted = cluster.bps * cluster.duration.0 as f64 / 8e6;
        if cluster.sent.bytes >= wanted && cluster.sent.n as u32 >= PACKETS {
            cluster.ended = Some(now.max(began));
            self.ended = cluster.ended;
            let done = self.planned[0].take();
            self.planned = [self.planned[1].take(), None];
            let place = self.pending.iter().position(Option::is_none).unwrap_or(0);
            self.pending[place] = done;
        }
    }

    /// What a report says of a packet, in the order of numbers.
    pub(super) fn add(&mut self, result: &PacketResult) {
        let mut clusters = self.pending.iter_mut().chain(&mut self.planned).flatten();
        let Some(cluster) = clusters.find(|cluster| cluster.id == result.cluster) else {
            return;
        };
        if result.was_lost {
            cluster.arrived_bytes += f64::from(result.bytes);
            return;
        }
        cluster.reported += 1;
        cluster.reported_bytes += f64::from(result.bytes);
        if let Some(at) = result.arrived_us {
            // A link that is full takes for each packet the time of that packet's own bytes.
            cluster.arrived.add(cluster.reported_bytes, at);
            cluster.arrived_bytes += f64::from(result.bytes);
        }
    }

    /// The next result, if one is there; `inherent` is the loss that has nothing to do with the rate.
    pub(super) fn take(&mut self, now: Micros, rtt: Micros, inherent: f64) -> Option<Probed> {
        for place in &mut self.pending {
            let Some(cluster) = place else { continue };
            let late = cluster.ended.is_some_and(|at| now.since(at) > rtt + LATE);
            if f64::from(cluster.reported) < cluster.sent.n && !late {
                continue;
            }
            let result = cluster.result(inherent);
            *place = None;
            if result.is_some() {
                return result;
            }
        }
        None
    }
}

impl Cluster {
    fn result(&self, inherent: f64) -> Option<Probed> {
        let share = self.arrived_bytes / self.reported_bytes.max(1.0) / (1.0 - inherent);
        if share < ARRIVED || f64::from(self.reported) < 0.8 * self.sent.n {
            return None;
        }
        let sent = self.sent.rate()?.min(self.bps * 1.2);
        // A whole cluster may arrive at once; that is no slower than it was sent.
        let whole = self.sent_whole.rate()?;
        let arrived = self.arrived.rate().unwrap_or(whole) * share.min(1.0);
        let all = arrived >= FULL * whole;
        let bps = if all {
            sent * (arrived / whole).min(1.0)
        } else {
            FULL_SHARE * arrived.min(sent)
        };
        Some(Probed { bps, all })
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::result;
    use super::*;

    fn at(micros: u64) -> Micros {
        Micros(1_000_000 + micros)
    }

    /// Sends the next cluster in packets of that size; gives its packets as (sent, bytes, cluster).
    fn send(prober: &mut Prober, bytes: usize) -> Vec<(Micros, u32, u8)> {
        let mut sent = Vec::new();
        for tick in 0..1_000 {
            let now = at(tick * 1_000);
            let mut lacking = prober.padding(now) as i64;
            while lacking > 0 && prober.cluster() != 0 {
                sent.push((now, bytes as u32, prober.cluster()));
                prober.note_sent(now, bytes);
                lacking -= bytes as i64;
            }
            if prober.cluster() == 0 {
                break;
            }
        }
        sent
    }

    /// Reports the packets as they come out of a link that carries so many bit/s.
    fn report(
        prober: &mut Prober,
        sent: &[(Micros, u32, u8)],
        bps: f64,
        lost: impl Fn(usize) -> bool,
    ) -> Option<Probed> {
        let mut free = 0.0_f64;
        for (place, (sent_at, bytes, cluster)) in sent.iter().enumerate() {
            free = free.max(sent_at.0 as f64) + f64::from(*bytes) * 8e6 / bps;
            let arrived = (!lost(place)).then_some(free as i64);
            let packet = PacketResult {
                sent_at: *sent_at,
                cluster: *cluster,
                ..result(place as u64, 0, *bytes, arrived)
            };
            prober.add(&packet);
        }
        prober.take(at(200_000), Micros(50_000), 0.0)
    }

    #[test]
    fn a_link_with_room_carries_the_cluster() {
        let mut prober = Prober::default();
        prober.plan(2e6, Micros(0));
        let sent = send(&mut prober, 400);
        let bytes: u32 = sent.iter().map(|(_, bytes, _)| bytes).sum();
        assert!((6_000..8_000).contains(&bytes), "{bytes}");
        let probed = report(&mut prober, &sent, 1e8, |_| false).unwrap();
        assert!(
            probed.all && (1.7e6..2.4e6).contains(&probed.bps),
            "{probed:?}"
        );
        assert!(prober.is_idle());
    }

    #[test]
    fn a_thinner_link_shows_what_it_carries() {
        let mut prober = Prober::default();
        prober.plan(2e6, Micros(0));
        let sent = send(&mut prober, 400);
        let probed = report(&mut prober, &sent, 8e5, |_| false).unwrap();
        assert!(
            !probed.all && (7e5..8.2e5).contains(&probed.bps),
            "{probed:?}"
        );
    }

    #[test]
    fn a_cluster_of_which_half_is_lost_shows_nothing() {
        let mut prober = Prober::default();
        prober.plan(2e6, Micros(0));
        let sent = send(&mut prober, 400);
        assert_eq!(
            report(&mut prober, &sent, 1e8, |place| place % 2 == 0),
            None
        );
        assert!(prober.is_idle());
    }

    #[test]
    fn clusters_follow_each_other_and_what_cannot_be_sent_is_given_up() {
        let mut prober = Prober::default();
        prober.plan(1e6, Micros(0));
        prober.plan(2e6, Micros(0));
        prober.plan(3e6, Micros(0));
        assert_eq!(prober.cluster(), 1);
        assert!(prober.padding(at(0)) > 0);
        assert_eq!(prober.padding(at(600_000)), 0);
        assert_eq!(prober.cluster(), 2);
        prober.cancel();
        assert!(prober.is_idle() && prober.next_at(at(0)).is_none());
    }

    #[test]
    fn reports_that_do_not_come_end_it() {
        let mut prober = Prober::default();
        prober.plan(2e6, Micros(0));
        send(&mut prober, 400);
        assert!(!prober.is_idle() && prober.is_felt(at(0), Micros(0)));
        assert_eq!(prober.take(at(900_000), Micros(50_000), 0.0), None);
        assert!(prober.is_idle());
    }
}
