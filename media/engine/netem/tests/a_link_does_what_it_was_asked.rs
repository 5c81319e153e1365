//! What was asked for is what happens, and the counters tell it.
#![allow(missing_docs, clippy::unwrap_used)]

use engine_netem::{Cause, Fate, Jitter, Link, Loss, Policer, Profile, Queue};
use proptest::prelude::*;

const MS: u64 = 1_000;
const SECOND: u64 = 1_000_000;
/// Today, in microseconds: what overflows only there must be found here.
const START: u64 = 1_795_000_000_000_000;

/// Sends so many packets of 1,000 bytes, one each `gap_us`; gives (number, time of arrival) in the order of arrival.
fn drive(link: &mut Link<u64>, packets: u64, gap_us: u64) -> Vec<(u64, u64)> {
    let mut arrived = Vec::new();
    for number in 0..packets {
        let now = START + number * gap_us;
        collect(link, now, &mut arrived);
        link.push(now, 1_000, number);
    }
    collect(link, u64::MAX, &mut arrived);
    arrived
}

/// Everything up to `end`, each at the time that the link named.
fn collect(link: &mut Link<u64>, end: u64, arrived: &mut Vec<(u64, u64)>) {
    while let Some(at) = link.next_at().filter(|at| *at <= end) {
        while let Some(number) = link.pop(at) {
            arrived.push((number, at));
        }
    }
}

fn near(found: f64, wanted: f64, tolerance: f64) {
    assert!(
        (found - wanted).abs() <= tolerance,
        "{found} is not {wanted} give or take {tolerance}"
    );
}

#[test]
fn a_perfect_link_delivers_at_once_and_in_order() {
    let mut link = Link::new(Profile::PERFECT, 1);
    let arrived = drive(&mut link, 100, MS);
    let wanted: Vec<_> = (0..100).map(|n| (n, START + n * MS)).collect();
    assert_eq!(arrived, wanted);
    assert_eq!(link.counters().arrived_bytes, 100_000);
}

#[test]
fn random_loss_has_its_share_and_no_memory() {
    for share in [0.02, 0.1, 0.3] {
        let mut link = Link::new(Profile::with_delay(20).losing(share), 2);
        let arrived = drive(&mut link, 100_000, MS);
        let counters = link.counters();
        near(counters.loss_share(), share, 0.004);
        near(counters.mean_run(), 1.0 / (1.0 - share), 0.02);
        assert_eq!(counters.lost_random + arrived.len() as u64, 100_000);
    }
}

#[test]
fn bursts_have_their_share_and_mean_length() {
    for (share, mean) in [(0.05, 4.0), (0.02, 10.0), (0.3, 1.5)] {
        let profile = Profile::PERFECT.losing_in_bursts(share, mean);
        let mut link = Link::new(profile, 3);
        drive(&mut link, 400_000, MS);
        near(link.counters().loss_share(), share, share * 0.06);
        near(link.counters().mean_run(), mean, mean * 0.06);
        assert_eq!(link.counters().lost(), link.counters().lost_burst);
    }
}

#[test]
fn the_fate_is_told_at_once_and_comes_true() {
    let profile = Profile::with_delay(5).losing(0.2).limited(1_000_000, 50);
    let mut link = Link::new(profile, 4);
    let mut taken = Vec::new();
    let mut causes = Vec::new();
    for number in 0..2_000 {
        match link.push(START + number * 7 * MS, 1_000, number) {
            Fate::Taken => taken.push(number),
            Fate::Lost(cause) => causes.push(cause),
        }
    }
    let mut arrived = Vec::new();
    collect(&mut link, u64::MAX, &mut arrived);
    arrived.sort_unstable();
    assert_eq!(arrived.iter().map(|(n, _)| *n).collect::<Vec<_>>(), taken);
    let of = |wanted| causes.iter().filter(|cause| **cause == wanted).count() as u64;
    assert_eq!(of(Cause::Random), link.counters().lost_random);
    assert_eq!(of(Cause::Queue), link.counters().lost_queue);
}

#[test]
fn uniform_jitter_is_even_and_changes_the_order() {
    let mut link = Link::new(Profile::with_delay(20).shaking(30), 5);
    let arrived = drive(&mut link, 50_000, 10 * MS);
    let counters = link.counters();
    near(counters.delays.mean_us() as f64, 35_000.0, 200.0);
    assert!((20_000..20_100).contains(&counters.delays.min_us));
    assert!((49_900..=50_000).contains(&counters.delays.max_us));
    near(counters.delays.percentile_ms(0.5) as f64, 35.0, 1.0);
    let turned = arrived
        .windows(2)
        .filter(|pair| pair[0].0 > pair[1].0)
        .count();
    assert!(turned > 5_000 && counters.reordered > 5_000);
}

#[test]
fn normal_jitter_has_its_deviation() {
    let profile = Profile {
        jitter: Jitter::NormalUs(5_000),
        ..Profile::with_delay(40)
    };
    let mut link = Link::new(profile, 6);
    // So far apart that nobody overtakes, so that steps between neighbours are those of independent draws.
    drive(&mut link, 50_000, 100 * MS);
    let delays = &link.counters().delays;
    near(delays.mean_us() as f64, 40_000.0, 100.0);
    near(
        delays.jitter_us() as f64,
        2.0 * 5_000.0 / std::f64::consts::PI.sqrt(),
        100.0,
    );
    assert_eq!(link.counters().reordered, 0);
}

#[test]
fn where_order_is_kept_nobody_overtakes() {
    let profile = Profile {
        keep_order: true,
        ..Profile::with_delay(20).shaking(30)
    };
    let mut link = Link::new(profile, 7);
    let arrived = drive(&mut link, 5_000, MS);
    assert!(arrived.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(link.counters().reordered, 0);
}

#[test]
fn duplicates_come_beside_their_packets() {
    let profile = Profile {
        duplicate: 0.1,
        ..Profile::with_delay(20)
    };
    let mut link = Link::new(profile, 8);
    let arrived = drive(&mut link, 20_000, MS);
    assert_eq!(link.counters().arrived, 20_000);
    near(link.counters().duplicated as f64, 2_000.0, 150.0);
    assert_eq!(arrived.len() as u64, 20_000 + link.counters().duplicated);
}

#[test]
fn the_rate_is_kept_and_the_queue_drops_its_tail() {
    // 1 Mbit/s into 300 kbit/s with 200 ms of queue.
    let mut link = Link::new(Profile::with_delay(20).limited(300_000, 200), 9);
    let arrived = drive(&mut link, 1_250, 8 * MS);
    let counters = link.counters();
    let span = arrived.last().unwrap().1 - arrived[0].1;
    near(
        counters.arrived_bytes as f64 * 8.0 * 1e6 / span as f64,
        300_000.0,
        1_000.0,
    );
    // What waits is at most 200 ms, the packet that is being sent included.
    assert!(counters.delays.max_us <= 220_000 && counters.delays.max_us > 200_000);
    assert!(counters.queue_bytes_max <= 7_500);
    near(counters.loss_share(), 0.69, 0.02);
    assert_eq!(counters.lost(), counters.lost_queue);
}

#[test]
fn a_policer_passes_a_burst_and_then_its_rate_and_delays_nothing() {
    // 1 Mbit/s into 300 kbit/s, after 30 kB at once.
    let mut link = Link::new(Profile::with_delay(20).policed(300_000, 30_000), 9);
    let arrived = drive(&mut link, 1_250, 8 * MS);
    let counters = link.counters();
    assert_eq!(counters.lost(), counters.lost_policer);
    assert_eq!(
        (counters.delays.min_us, counters.delays.max_us),
        (20_000, 20_000)
    );
    // The bucket empties at 700 kbit/s.
    let first = counters.arrived_bytes as f64 * 8.0;
    near(first, 240_000.0 + 300_000.0 * 10.0, 10_000.0);
    let whole = arrived
        .windows(2)
        .take_while(|two| two[1].0 == two[0].0 + 1);
    near(whole.count() as f64, 42.0, 2.0);
}

#[test]
fn a_link_with_room_adds_no_more_than_the_time_on_the_wire() {
    let mut link = Link::new(Profile::PERFECT.limited(8_000_000, 100), 10);
    let arrived = drive(&mut link, 100, 2 * MS);
    let late = |(number, at): &(u64, u64)| at - (START + number * 2 * MS);
    assert!(arrived.iter().all(|packet| late(packet) == MS));
}

#[test]
fn a_change_of_rate_meets_the_packets_that_wait() {
    let profile = Profile {
        queue: Queue::Bytes(1_000_000),
        ..Profile::PERFECT.limited(800_000, 0)
    };
    let mut link = Link::new(profile, 11);
    for number in 0..4 {
        link.push(START, 1_000, number);
    }
    // A packet takes 10 ms. At 15 ms the second is half sent; at an eighth of the rate the rest of it takes 40 ms.
    link.set_profile(START + 15 * MS, profile.limited(100_000, 1_000));
    // And back again, when the third has 20 ms of its 80 left: 2.5 ms at the first rate.
    link.plan(START + 115 * MS, profile);
    let mut arrived = Vec::new();
    collect(&mut link, u64::MAX, &mut arrived);
    let times: Vec<u64> = arrived.iter().map(|(_, at)| at - START).collect();
    assert_eq!(times, [10 * MS, 55 * MS, 117_500, 127_500]);
}

#[test]
fn plans_come_true_at_their_time() {
    let good = Profile::with_delay(10);
    let mut link = Link::new(good, 12);
    link.plan(START + SECOND, good.broken());
    link.plan(START + 2 * SECOND, good);
    let arrived = drive(&mut link, 3_000, MS);
    assert_eq!(link.counters().lost_outage, 1_000);
    // What travelled already arrives.
    assert!(arrived.contains(&(999, START + 999 * MS + 10 * MS)));
    assert!(!arrived
        .iter()
        .any(|(number, _)| (1_000..2_000).contains(number)));
    assert!(arrived.iter().any(|(number, _)| *number == 2_000));
}

#[test]
fn an_outage_takes_what_waits_in_the_queue() {
    let mut link = Link::new(Profile::PERFECT.limited(80_000, 10_000), 13);
    for number in 0..10 {
        assert_eq!(link.push(START, 1_000, number), Fate::Taken);
    }
    link.set_profile(START + 150 * MS, link.profile().broken());
    let mut arrived = Vec::new();
    collect(&mut link, u64::MAX, &mut arrived);
    assert_eq!(arrived, [(0, START + 100 * MS)]);
    assert_eq!(link.counters().lost_outage, 9);
    assert_eq!(link.queued_bytes(), 0);
}

#[test]
fn one_seed_is_one_link_and_loss_is_the_same_with_other_jitter() {
    let lost = |profile, seed| {
        let mut link = Link::new(profile, seed);
        let fates = (0..1_000).map(|n| link.push(START + n * MS, 100, n));
        fates.collect::<Vec<_>>()
    };
    let profile = Profile::lossy(0.1);
    assert_eq!(lost(profile, 14), lost(profile, 14));
    assert_ne!(lost(profile, 14), lost(profile, 15));
    assert_eq!(lost(profile, 14), lost(profile.shaking(100), 14));
}

#[test]
fn a_profile_comes_from_json_and_knows_its_fields() {
    let text = r#"{"rate_bps": 300000, "queue": {"bytes": 20000}, "delay_us": 20000, "jitter": {"uniform_us": 30000},
        "loss": {"bursts": {"share": 0.05, "mean": 4}}}"#;
    let profile: Profile = serde_json::from_str(text).unwrap();
    let wanted = Profile {
        queue: Queue::Bytes(20_000),
        ..Profile::with_delay(20)
            .limited(300_000, 0)
            .shaking(30)
            .losing_in_bursts(0.05, 4.0)
    };
    assert_eq!(profile, wanted);
    let random: Profile = serde_json::from_str(r#"{"loss": {"random": 0.1}}"#).unwrap();
    assert_eq!(random, Profile::PERFECT.losing(0.1));
    assert!(serde_json::from_str::<Profile>(r#"{"los": "off"}"#).is_err());
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let loss = prop_oneof![
        Just(Loss::Off),
        any::<f64>().prop_map(Loss::Random),
        (any::<f64>(), any::<f64>()).prop_map(|(share, mean)| Loss::Bursts { share, mean }),
        (0.0..1.0).prop_map(Loss::Random),
    ];
    let queue = prop_oneof![
        any::<u64>().prop_map(Queue::Bytes),
        any::<u64>().prop_map(Queue::Millis)
    ];
    let jitter = prop_oneof![
        Just(Jitter::Off),
        (0..SECOND).prop_map(Jitter::UniformUs),
        (0..SECOND).prop_map(Jitter::NormalUs),
    ];
    let rate = prop_oneof![
        Just(None),
        any::<u64>().prop_map(Some),
        (0..10_000_000_u64).prop_map(Some)
    ];
    let policer = (any::<u64>(), any::<u64>()).prop_map(|(rate_bps, burst_bytes)| Policer {
        rate_bps,
        burst_bytes,
    });
    (
        loss,
        queue,
        jitter,
        rate,
        0..SECOND,
        any::<[bool; 2]>(),
        any::<f64>(),
        proptest::option::of(policer),
    )
        .prop_map(
            |(loss, queue, jitter, rate_bps, delay_us, [keep_order, down], duplicate, policer)| {
                Profile {
                    rate_bps,
                    queue,
                    delay_us,
                    jitter,
                    keep_order,
                    policer,
                    loss,
                    duplicate,
                    down,
                }
            },
        )
}

proptest! {
    /// Whatever the profiles, and however they change: every packet is lost, has arrived, or is under way, and none
    /// comes out before it could.
    #[test]
    fn no_packet_is_made_up_or_forgotten(
        profiles in proptest::collection::vec((0..SECOND, any_profile()), 1..8),
        packets in proptest::collection::vec((0..20 * MS, 0..2_000_usize), 1..200),
        seed: u64,
    ) {
        let mut link = Link::new(Profile::PERFECT, seed);
        let mut at = START;
        for (after, profile) in profiles {
            at += after;
            link.plan(at, profile);
        }
        let (mut now, mut arrived, mut sent) = (START, Vec::new(), Vec::new());
        for (number, (gap, bytes)) in packets.into_iter().enumerate() {
            now += gap;
            collect(&mut link, now, &mut arrived);
            sent.push(now);
            link.push(now, bytes, number as u64);
        }
        collect(&mut link, now + 60 * SECOND, &mut arrived);
        link.set_profile(now.max(at) + 60 * SECOND, Profile::PERFECT);
        collect(&mut link, u64::MAX, &mut arrived);
        let counters = link.counters();
        prop_assert_eq!(counters.arrived + counters.lost(), counters.pushed);
        prop_assert_eq!(counters.arrived + counters.duplicated, arrived.len() as u64);
        prop_assert!(arrived.iter().all(|(number, at)| *at >= sent[*number as usize]));
        prop_assert!(arrived.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        prop_assert_eq!(link.next_at(), None);
    }
}
