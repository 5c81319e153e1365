//! Which earlier packets to carry again, from how the receiver's link loses.
//!
//! A packet that is lost is heard all the same if one of those that carry it arrives in time. In the model of
//! [`Loss`], with the distances in ascending order, the probability that it and all its carriers are lost is a product
//! with one factor for each step from a carrier to the next. Carriers that lie close together are lost together when
//! losses come in bursts, and carriers that lie far apart cost delay, since the receiver has to wait for them. What is
//! chosen has the least sum of the sound that is still lost, the bits, and the wait, each at a fixed price in lost sound.

use super::{Distances, MAX_COPIES, MAX_DISTANCE};
use crate::loss::Loss;
use crate::time::Micros;

/// What a copy of every packet is worth, as a share of sound that is lost.
const COPY_PRICE: f64 = 0.002;
/// What 20 ms more of delay are worth.
const DELAY_PRICE: f64 = 0.001;
/// A change has to gain as much, so that figures that waver do not make the distances waver.
const LEAST_GAIN: f64 = 0.000_5;
/// How long distances are kept before weaker ones may take their place.
const HOLD: Micros = Micros::from_secs(10);
/// How long a receiver is asked to wait after the last loss worth it: to and fro would be heard.
const WAIT_HOLD: Micros = Micros::from_secs(30);
/// On a link with room for so many copies, one is carried even while nothing is lost, for the first loss to find it.
const PLENTY: u64 = 8;
/// The longest wait that is asked of a receiver for the sake of carriers.
const LONGEST_WAIT: Micros = Micros::from_millis(120);
/// What a packet may be late on a good network, beside the wait for its carrier.
const SLACK_MS: u32 = 20;
/// Below this share of loss no receiver is asked to wait.
const NOTICEABLE: f64 = 0.005;

/// What one stream sends, and what there is to spare for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Time from a packet to the next.
    pub packet_time: Micros,
    /// Payload bytes of a packet.
    pub packet_bytes: usize,
    /// Bits a second that the link carries beside what has to be sent; `None` if nobody knows.
    pub spare_bps: Option<u64>,
}

impl Load {
    fn copy_bps(&self) -> u64 {
        let bits = (self.packet_bytes as u64 + 4) * 8;
        bits * 1_000_000 / self.packet_time.0.max(2_500)
    }

    /// Copies that the link carries.
    fn copies(&self) -> u64 {
        self.spare_bps
            .map_or(MAX_COPIES as u64, |spare| spare / self.copy_bps().max(1))
    }

    fn reach(&self) -> u8 {
        let packets = LONGEST_WAIT.0 / self.packet_time.0.max(1);
        packets.clamp(1, MAX_DISTANCE.into()) as u8
    }

    fn wait_price(&self, distances: Distances) -> f64 {
        let wait = u64::from(distances.farthest()) * self.packet_time.0;
        wait as f64 / 20_000.0 * DELAY_PRICE
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Plan {
    /// Which earlier packets each packet carries.
    pub distances: Distances,
    /// How long the receiver's jitter buffer should hold a packet, in milliseconds, for the carriers to be of use;
    /// 0 leaves it to the receiver.
    pub wanted_buffer_ms: u32,
}

/// The share of packets that are lost for good when each is carried again at these distances.
pub fn residual(loss: Loss, distances: Distances) -> f64 {
    let mut before = 0;
    distances.ascending().fold(loss.rate, |lost, distance| {
        let step = distance - std::mem::replace(&mut before, distance);
        lost * loss.again(step)
    })
}

fn price(loss: Loss, load: &Load, distances: Distances) -> f64 {
    residual(loss, distances) + distances.len() as f64 * COPY_PRICE + load.wait_price(distances)
}

/// The distances of the least price that the link carries.
fn best(loss: Loss, load: &Load) -> Distances {
    let copies = load.copies();
    let least = usize::from(load.spare_bps.is_some() && copies >= PLENTY);
    let sets = Distances::all(copies.min(MAX_COPIES as u64) as usize, load.reach());
    let priced = sets
        .filter(|set| set.len() >= least)
        .map(|set| (price(loss, load, set), set));
    priced
        .min_by(|(a, _), (b, _)| a.total_cmp(b))
        .map_or(Distances::NONE, |(_, set)| set)
}

/// The distances of one slot, and since when it has them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy {
    distances: Distances,
    since: Micros,
    lossy_at: Option<Micros>,
}

impl Policy {
    /// What is in force.
    pub const fn distances(&self) -> Distances {
        self.distances
    }

    /// Decides anew; cheap enough for every report of the receiver. Stronger protection comes at once, weaker after
    /// [`HOLD`], and whatever the link no longer carries is given up at once.
    pub fn decide(&mut self, now: Micros, loss: Loss, load: &Load) -> Plan {
        if loss.rate >= NOTICEABLE {
            self.lossy_at = Some(now);
        }
        let wanted = best(loss, load);
        if wanted != self.distances && self.may_change(now, wanted, loss, load) {
            (self.distances, self.since) = (wanted, now);
        }
        let lossy = self.lossy_at.is_some_and(|at| now.since(at) < WAIT_HOLD);
        Plan {
            distances: self.distances,
            wanted_buffer_ms: if lossy {
                wanted_buffer_ms(self.distances, load)
            } else {
                0
            },
        }
    }

    fn may_change(&self, now: Micros, wanted: Distances, loss: Loss, load: &Load) -> bool {
        let current = self.distances;
        let gain = price(loss, load, current) - price(loss, load, wanted);
        let too_much = current.len() as u64 > load.copies() || current.farthest() > load.reach();
        let stronger = residual(loss, wanted) < residual(loss, current);
        // What was carried for the first loss to find it is too dear once the link has become thin.
        let lost = self.lossy_at.is_some_and(|at| now.since(at) < HOLD);
        let needless = !lost && load.copies() < PLENTY;
        let due = stronger || needless || now.since(self.since) >= HOLD;
        // From nothing to the one that is carried for the first loss there is no gain yet.
        too_much || current.is_empty() || (due && gain > LEAST_GAIN)
    }
}

fn wanted_buffer_ms(distances: Distances, load: &Load) -> u32 {
    if distances.is_empty() {
        return 0;
    }
    let wait = u64::from(distances.farthest()) * load.packet_time.0;
    (wait / 1_000) as u32 + SLACK_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::model::Gilbert;
    use crate::loss::LossMeter;
    use proptest::prelude::*;

    const SPEECH: Load = Load {
        packet_time: Micros::from_millis(20),
        packet_bytes: 80,
        spare_bps: None,
    };

    const fn random(rate: f64) -> Loss {
        Loss { rate, burst: 1.0 }
    }

    fn spare(bps: u64) -> Load {
        Load {
            spare_bps: Some(bps),
            ..SPEECH
        }
    }

    fn at(millis: u64) -> Micros {
        Micros::from_millis(100_000 + millis)
    }

    /// The share of packets that neither come themselves nor in one of their carriers.
    fn simulated(mut link: Gilbert, distances: Distances, packets: usize) -> f64 {
        let lost: Vec<bool> = (0..packets).map(|_| link.loses()).collect();
        let all = usize::from(MAX_DISTANCE);
        let gone = (0..packets - all).filter(|at| {
            let carried = |distance: u8| !lost[at + usize::from(distance)];
            lost[*at] && !distances.ascending().any(carried)
        });
        gone.count() as f64 / (packets - all) as f64
    }

    #[test]
    fn the_distances_for_usual_links() {
        let chosen = |loss| best(loss, &SPEECH);
        assert_eq!(chosen(Loss::NONE), Distances::NONE);
        assert_eq!(chosen(random(0.02)), Distances::ONE);
        assert_eq!(chosen(random(0.1)), Distances::of(&[1, 2]));
        assert_eq!(chosen(random(0.2)), Distances::of(&[1, 2, 3]));
        let bursts = Loss {
            rate: 0.05,
            burst: 4.0,
        };
        assert!(chosen(bursts).farthest() >= 4, "{:?}", chosen(bursts));
        assert!(residual(bursts, chosen(bursts)) < 0.012);
    }

    #[test]
    fn a_thin_link_carries_none_and_a_wide_one_always_one() {
        assert_eq!(best(random(0.1), &spare(20_000)), Distances::NONE);
        assert_eq!(best(random(0.1), &spare(40_000)), Distances::ONE);
        assert_eq!(best(Loss::NONE, &spare(100_000)), Distances::NONE);
        assert_eq!(best(Loss::NONE, &spare(1_000_000)), Distances::ONE);
    }

    #[test]
    fn packets_that_last_long_reach_less_far() {
        let load = Load {
            packet_time: Micros::from_millis(60),
            ..SPEECH
        };
        let loss = Loss {
            rate: 0.1,
            burst: 4.0,
        };
        assert_eq!(best(loss, &load).farthest(), 2);
    }

    #[test]
    fn protection_comes_at_once_and_goes_after_ten_seconds() {
        let mut policy = Policy::default();
        let mut decide = |millis, loss, load: &Load| policy.decide(at(millis), loss, load);
        assert_eq!(decide(0, Loss::NONE, &SPEECH), Plan::default());
        let plan = decide(1_000, random(0.1), &SPEECH);
        assert_eq!(plan.distances, Distances::of(&[1, 2]));
        assert_eq!(plan.wanted_buffer_ms, 60);
        assert_eq!(decide(10_000, Loss::NONE, &SPEECH), plan);
        assert_eq!(decide(11_000, Loss::NONE, &SPEECH), Plan::default());
        assert_eq!(decide(11_100, random(0.2), &SPEECH).distances.len(), 3);
        let plan = decide(11_200, random(0.2), &spare(10_000));
        assert_eq!(plan, Plan::default());
    }

    #[test]
    fn loss_that_wavers_changes_nothing() {
        let mut policy = Policy::default();
        let first = policy.decide(at(0), random(0.1), &SPEECH).distances;
        for step in 1..300 {
            let rate = if step % 2 == 0 { 0.085 } else { 0.115 };
            let plan = policy.decide(at(step * 1_000), random(rate), &SPEECH);
            assert_eq!(plan.distances, first);
        }
    }

    /// The share of sound that is lost in the 30 s after a link goes bad, when each packet's fate is known 100 ms later,
    /// as by transport-wide feedback.
    fn lost_from_the_onset(mut link: Gilbert) -> f64 {
        const PACKETS: usize = 1_500;
        let lost: Vec<bool> = (0..PACKETS).map(|_| link.loses()).collect();
        let (mut meter, mut policy) = (LossMeter::default(), Policy::default());
        let mut carries = vec![Distances::NONE; PACKETS];
        for (packet, carried) in carries.iter_mut().enumerate() {
            let now = at(20 * packet as u64);
            if let Some(known) = packet.checked_sub(5) {
                meter.handle_packet(now, lost[known]);
            }
            if packet % 13 == 0 {
                policy.decide(now, meter.loss(), &SPEECH);
            }
            *carried = policy.distances();
        }
        let all = usize::from(MAX_DISTANCE);
        let is_carried = |at: usize, distance: usize| {
            let there = carries[at + distance].ascending();
            !lost[at + distance] && there.map(usize::from).any(|d| d == distance)
        };
        let gone = (0..PACKETS - all)
            .filter(|at| lost[*at] && !(1..=all).any(|distance| is_carried(*at, distance)));
        gone.count() as f64 / (PACKETS - all) as f64
    }

    #[test]
    fn little_is_lost_from_the_onset_where_every_fate_is_known() {
        for (rate, burst, most) in [
            (0.02, 1.02, 0.002_5),
            (0.1, 1.11, 0.008),
            (0.2, 1.25, 0.015),
            (0.05, 4.0, 0.018),
        ] {
            let seeds = 0..40;
            let links = seeds.map(|seed| Gilbert::new(seed, Loss { rate, burst }));
            let mean = links.map(lost_from_the_onset).sum::<f64>() / 40.0;
            eprintln!("{rate} in bursts of {burst}: {:.2} % lost", mean * 100.0);
            assert!(mean < most, "{rate} in bursts of {burst}: {mean}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// What the model expects is what a simulated link does.
        #[test]
        fn the_residual_is_that_of_a_simulated_link(
            seed: u64, rate in 0.02_f64..0.25, burst in 1.35_f64..6.0, set in 0_usize..42,
        ) {
            let distances = Distances::all(3, 6).nth(set).unwrap();
            let loss = Loss { rate, burst };
            let expected = residual(loss, distances);
            let seen = simulated(Gilbert::new(seed, loss), distances, 200_000);
            prop_assert!((seen - expected).abs() < 0.002 + 0.15 * expected, "{seen} for {expected}");
        }

        /// Whatever the link does, the distances that a meter's figures lead to mend at least a third of what is lost,
        /// and nearly everything where losses are single. On the mean of some links: what a meter has seen of rare bursts
        /// is chance.
        #[test]
        fn what_is_chosen_lowers_the_loss(
            seed: u32, rate in 0.02_f64..0.25, burst in 1.0_f64..6.0,
        ) {
            let loss = Loss { rate, burst: burst.max(1.0 / (1.0 - rate)) };
            let (mut bare, mut left) = (0.0, 0.0);
            for seed in (0..8).map(|n| u64::from(seed) * 16 + n) {
                let (mut link, mut meter) = (Gilbert::new(seed, loss), LossMeter::default());
                (0..2_000).for_each(|packet| meter.handle_packet(at(20 * packet), link.loses()));
                let plan = Policy::default().decide(at(40_000), meter.loss(), &SPEECH);
                bare += simulated(Gilbert::new(seed + 8, loss), Distances::NONE, 10_000);
                left += simulated(Gilbert::new(seed + 8, loss), plan.distances, 10_000);
            }
            prop_assert!(left < bare * 0.65, "{left} of {bare}");
            prop_assert!(burst > 1.0 / (1.0 - rate) || left < bare * 0.15, "{left} of {bare}");
        }
    }
}
