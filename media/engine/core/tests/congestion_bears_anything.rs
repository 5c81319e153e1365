//! Whatever reports say, in whatever order, the estimator bears it, and once warm it allocates nothing.

#[path = "support/allocations.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with tests that use more of it"
)]
mod allocations;

use allocations::{allocations_of, Counting};
use engine_core::bwe::{Estimator, Kind};
use engine_core::pacer::{Pacer, Urgency};
use engine_core::Micros;
use engine_wire::rtcp::{self, Arrival, Packet, PacketReport};
use proptest::prelude::*;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn at(micros: u64) -> Micros {
    Micros(1_795_000_000_000_000 + micros)
}

#[derive(Debug, Clone)]
enum Step {
    Send(usize),
    Wait(u64),
    Poll(u32),
    Pad,
    Report(Vec<(u16, Option<i64>)>),
}

fn step() -> impl Strategy<Value = Step> {
    let line = (
        any::<u16>(),
        prop::option::of(any::<i64>().prop_map(|at| at >> 8)),
    );
    let near = (0_u16..400, prop::option::of(0_i64..5_000_000));
    prop_oneof![
        (0_usize..70_000).prop_map(Step::Send),
        (40_usize..1_300).prop_map(Step::Send),
        (0_u64..200_000).prop_map(Step::Wait),
        (0_u64..20_000_000_000).prop_map(Step::Wait),
        any::<u32>().prop_map(Step::Poll),
        Just(Step::Pad),
        prop::collection::vec(line, 0..50).prop_map(Step::Report),
        prop::collection::vec(near, 0..200).prop_map(Step::Report),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Reports twice, late, out of order, with any times, on numbers that were never sent: the estimate stays a number
    /// between its bounds, and padding is never asked for without end.
    #[test]
    fn any_reports_are_borne(steps in prop::collection::vec(step(), 0..120)) {
        let mut now = at(0);
        let mut estimator = Estimator::new(now, 400_000);
        for step in steps {
            match step {
                Step::Send(bytes) => { estimator.note_sent(now, bytes, Kind::Video); }
                Step::Wait(micros) => now = now + Micros(micros),
                Step::Poll(wanted) => estimator.poll(now, wanted),
                Step::Pad => prop_assert!(estimator.padding(now) < 1_500_000),
                Step::Report(lines) => estimator.on_arrivals(now, lines.into_iter()),
            }
            let state = estimator.state();
            prop_assert!((30_000..=20_000_000).contains(&state.estimate_bps), "{state:?}");
            prop_assert!((0.0..=1.0).contains(&state.loss) && (0.0..=0.45).contains(&state.inherent_loss));
        }
    }
}

/// Twenty milliseconds of sound and pictures, a report every 100 ms.
fn run(
    estimator: &mut Estimator,
    pacer: &mut Pacer<u32>,
    reports: &[Vec<u8>],
    rounds: std::ops::Range<u64>,
) {
    for round in rounds {
        let now = at(round * 20_000);
        estimator.note_sent(now, 146, Kind::Audio);
        pacer.note_sent(now, 146);
        for packet in 0..2 {
            if pacer.offer(now, Urgency::Picture, 1_200, packet) {
                estimator.note_sent(now, 1_200, Kind::Video);
            }
        }
        while pacer.next(now).is_some() {
            estimator.note_sent(now, 1_200, Kind::Video);
        }
        estimator.poll(now, 2_000_000);
        if estimator.padding(now) > 0 {
            estimator.note_sent(now, 200, Kind::Padding);
        }
        let (bps, smooth) = estimator.pace();
        pacer.set_rate(now, bps, smooth);
        for packet in rtcp::parse(&reports[round as usize]) {
            if let Ok(Packet::TransportFeedback(feedback)) = packet {
                estimator.on_feedback(now, &feedback);
            }
        }
    }
}

#[test]
fn warm_congestion_control_allocates_nothing() {
    let reports: Vec<Vec<u8>> = (0..2_000_u64)
        .map(|round| {
            let mut report = Vec::new();
            if round % 5 == 4 {
                let base = (1 << 16) + (round - 4) * 3;
                let arrivals: Vec<_> = (base..base + 15)
                    .map(|n| (n, (n - (1 << 16)) * 6_667 + 40_000))
                    .collect();
                rtcp::write_transport_feedback(&mut report, (1, 2), 0, base, &arrivals);
            }
            report
        })
        .collect();
    let mut estimator = Estimator::new(at(0), 400_000);
    let mut pacer = Pacer::new(at(0), 400_000);
    // What is held grows to its bound, and keeps that memory.
    for packet in 0..600 {
        pacer.offer(at(0), Urgency::Picture, 1_200, packet);
    }
    pacer.retain(|_| false);
    run(&mut estimator, &mut pacer, &reports, 0..500);
    let count = allocations_of(|| run(&mut estimator, &mut pacer, &reports, 500..2_000));
    assert_eq!(count, 0);
    assert!(size_of::<Estimator>() < 4_096, "{}", size_of::<Estimator>());
}

/// Both forms of feedback on the same packets lead to the same estimate, to the grain of their clocks.
#[test]
fn both_forms_of_feedback_say_the_same() {
    let mut both = [
        Estimator::new(at(0), 400_000),
        Estimator::new(at(0), 400_000),
    ];
    let mut sent = Vec::new();
    for round in 0..600_u64 {
        let now = at(round * 10_000);
        let (ssrc, sequence) = ((round % 2) as u32, (65_000 + round / 2) as u16);
        let number = both[0].note_sent(now, 1_000, Kind::Video);
        both[1].note_sent_as(now, 1_000, Kind::Video, ssrc, sequence);
        sent.push((round, number, ssrc, sequence));
        for estimator in &mut both {
            estimator.poll(now, 1_000_000);
        }
        if round % 10 != 9 {
            continue;
        }
        let first = sent[0].0;
        // A base of 40 ms, everything in order, one in seven lost.
        let arrivals: Vec<_> = sent
            .iter()
            .filter(|s| s.0 % 7 != 0)
            .map(|s| ((1 << 16) + s.0, 1_000_000 + s.0 * 10_000 + 40_000))
            .collect();
        let mut out = Vec::new();
        rtcp::write_transport_feedback(&mut out, (1, 2), 0, (1 << 16) + first, &arrivals);
        // 64 s of 65,536ths, so that the offsets are whole milliseconds and a little.
        let report_us = 1_000_000 + round * 10_000 + 60_000;
        let streams: Vec<(u32, u16, Vec<_>)> = [0, 1]
            .map(|ssrc| {
                let packets: Vec<_> = sent.iter().filter(|s| s.2 == ssrc).collect();
                let told = packets.iter().map(|s| {
                    let age = report_us - (1_000_000 + s.0 * 10_000 + 40_000);
                    let arrival = if s.0 % 7 == 0 {
                        Arrival::Missing
                    } else {
                        Arrival::Before((age * 1_024 / 1_000_000) as u16)
                    };
                    PacketReport { arrival, ecn: 0 }
                });
                (ssrc, packets[0].3, told.collect())
            })
            .into();
        let borrowed: Vec<_> = streams
            .iter()
            .map(|(ssrc, first, told)| (*ssrc, *first, &told[..]))
            .collect();
        rtcp::write_congestion_feedback(
            &mut out,
            1,
            (report_us * 65_536 / 1_000_000) as u32,
            &borrowed,
        );
        sent.clear();
        for packet in rtcp::parse(&out) {
            match packet {
                Ok(Packet::TransportFeedback(feedback)) => both[0].on_feedback(now, &feedback),
                Ok(Packet::CongestionFeedback(feedback)) => {
                    both[1].on_congestion_feedback(now, &feedback);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let [one, other] = both.map(|estimator| estimator.state());
    let differ = f64::from(one.estimate_bps) / f64::from(other.estimate_bps);
    assert!((0.9..1.1).contains(&differ), "{one:?} {other:?}");
    assert!((one.loss - other.loss).abs() < 0.05 && one.rtt == other.rtt);
    assert!((0.05..0.3).contains(&one.loss));
}
