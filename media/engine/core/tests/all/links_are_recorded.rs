//! What goes into the estimate of a real link is written down on request, and a replay of that says what the link said.

use crate::support::browser::{as_chromium, run, SENDS, TAKES};
use crate::support::{ms, Path, PeerSpec, World};
use engine_core::api::{LegId, Refusal};
use engine_core::bwe::trace::{parse, retrace, Record, Retraced};
use engine_core::bwe::Kind;
use engine_core::{Command, Event, Micros};

const LOOKS: LegId = LegId(1);
const BY_SEQUENCE: PeerSpec = PeerSpec {
    reports_by_sequence: true,
    reports_each: false,
    ..TAKES
};
/// So closely the live estimate is looked at.
const STEP: Micros = Micros(200);

/// A link that is too thin, loses, shakes and is away for a moment.
fn bad() -> Path {
    Path::with_delay(40)
        .limited(600_000, 300)
        .losing(0.04)
        .shaking(12)
}

fn record(world: &mut World, seconds: u16) {
    world.command(Command::RecordLink {
        leg: LOOKS,
        seconds,
    });
}

/// Somebody who looks over such a link, and somebody who is seen; the gate of the first is still closed.
fn waiting(seed: u64, looks: PeerSpec, down: Path) -> World {
    let mut world = World::new(seed);
    for spec in [looks, SENDS] {
        let peer = world.join(1, spec);
        (world.peers[peer].up, world.peers[peer].down) = (Path::with_delay(20), down);
    }
    world.set_gate(1, true);
    as_chromium(&mut world, 1);
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
    run(&mut world, ms(1_000));
    world
}

fn traces(world: &World) -> Vec<&str> {
    let told = world.events.iter().filter_map(|(_, event)| match event {
        Event::LinkRecorded { leg: LOOKS, trace } => Some(trace.as_str()),
        _ => None,
    });
    told.collect()
}

fn refusals(world: &World) -> Vec<Refusal> {
    let told = world.events.iter().filter_map(|(_, event)| match event {
        Event::CommandRefused { command, code, .. } if command == "RecordLink" => Some(*code),
        _ => None,
    });
    told.collect()
}

/// What the operator would see: the estimate after each moment in which reports came, and how many came by then.
#[derive(Debug, Clone, Copy)]
struct Seen {
    until: Micros,
    reports: u64,
    bps: u64,
}

/// Runs on for so long, and looks at the estimate all the time.
fn watched(world: &mut World, lasts: Micros, seen: &mut Vec<Seen>) {
    let end = world.now + lasts;
    while world.now < end {
        let before = world.leg_row(0).feedback_in;
        world.run(STEP);
        let row = world.leg_row(0);
        if row.feedback_in > before {
            seen.push(Seen {
                until: world.now,
                reports: row.feedback_in,
                bps: row.estimate_bps,
            });
        }
    }
}

/// A call over the bad link, which is away for 1.2 s in the middle, and thinner from then on.
fn watch(world: &mut World) -> Vec<Seen> {
    let mut seen = Vec::new();
    watched(world, ms(8_000), &mut seen);
    let good = (world.peers[0].up, world.peers[0].down);
    (world.peers[0].up, world.peers[0].down) = (good.0.broken(), good.1.broken());
    watched(world, ms(1_200), &mut seen);
    let thinner = good.1.limited(250_000, 300);
    (world.peers[0].up, world.peers[0].down) = (good.0, thinner);
    watched(world, ms(10_000), &mut seen);
    seen
}

/// The estimates that stand in the trace are those that were seen from outside.
fn assert_as_seen(records: &[Record], start: Micros, seen: &[Seen]) {
    let (mut told, mut from, mut compared) = (0, Micros(0), 0);
    for one in seen {
        let within = |at: Micros| at > from && at <= one.until.since(start);
        let reports = records.iter().filter_map(|record| match record {
            Record::Reported { at, bps } if within(*at) => Some(u64::from(*bps)),
            _ => None,
        });
        let reports: Vec<u64> = reports.collect();
        told += reports.len() as u64;
        assert_eq!(told, one.reports, "{one:?}");
        from = one.until.since(start);
        // In between the link may have looked at its estimate once more.
        let near = |at: Micros| at.0 + STEP.0 > from.0 && at <= from;
        let polled = records
            .iter()
            .any(|record| matches!(record, Record::Polled { at, .. } if near(*at)));
        if !polled {
            compared += 1;
            assert_eq!(reports.last(), Some(&one.bps), "{one:?}");
        }
    }
    assert!(
        compared * 10 > seen.len() * 8,
        "{compared} of {}",
        seen.len()
    );
}

fn assert_rich(records: &[Record]) {
    let kinds = [Kind::Audio, Kind::Video, Kind::Repair, Kind::Padding];
    let has = |is: &dyn Fn(&Record) -> bool| records.iter().any(is);
    for one in kinds {
        assert!(
            has(&|of| matches!(of, Record::Sent { kind, .. } if *kind == one)),
            "{one:?}"
        );
    }
    assert!(has(&|of| matches!(of, Record::Asked { .. })));
    assert!(has(&|of| matches!(of, Record::Heard { .. })));
    assert!(has(&|of| matches!(
        of,
        Record::Fed {
            arrived_us: None,
            ..
        }
    )));
}

/// A replay says the same all the time.
fn assert_replayed(records: &[Record]) -> Vec<Retraced> {
    let retraced = retrace(records);
    let is_told = |of: &&Record| matches!(of, Record::Reported { .. } | Record::Polled { .. });
    assert_eq!(retraced.len(), records.iter().filter(is_told).count());
    for one in &retraced {
        assert_eq!(one.replayed_bps, one.recorded_bps, "{one:?}");
    }
    retraced
}

/// The promise of the whole: the inputs of a call give the estimates of the call, at every report.
#[test]
fn a_replay_says_at_every_report_what_the_link_said() {
    for (seed, looks) in [(3, TAKES), (4, BY_SEQUENCE), (5, TAKES)] {
        let mut world = waiting(seed, looks, bad());
        record(&mut world, 19);
        let start = world.now;
        world.set_gate(0, true);
        let mut seen = watch(&mut world);
        let text = traces(&world)[0];
        let records = parse(text).unwrap();
        assert_eq!(
            records[0],
            Record::Begun {
                at: Micros(0),
                bps: 400_000,
                first: 0
            }
        );
        assert_rich(&records);
        seen.retain(|one| one.until.since(start) <= ms(19_000));
        assert_as_seen(&records, start, &seen);
        let retraced = assert_replayed(&records);
        let estimates = retraced.iter().map(|one| one.recorded_bps);
        let (least, most) = (estimates.clone().min(), estimates.max());
        assert!(
            most.unwrap() > least.unwrap() * 3 / 2,
            "{least:?} to {most:?}"
        );
    }
}

/// On links with room, where pictures go twice, and on those where probes come to nothing since there is nothing to fill them.
#[test]
fn a_replay_says_it_on_links_that_are_probed() {
    let asks_not = PeerSpec {
        can_ask: false,
        ..TAKES
    };
    for (seed, looks) in [(6, TAKES), (7, asks_not), (8, asks_not)] {
        let free = Path::with_delay(40);
        let mut world = waiting(seed, looks, free);
        record(&mut world, 30);
        world.set_gate(0, true);
        run(&mut world, ms(8_000));
        for (rate, loss) in [(900_000, 0.0), (3_000_000, 0.06), (350_000, 0.02)] {
            world.peers[0].down = free.limited(rate, 200).losing(loss);
            run(&mut world, ms(6_000));
            // The camera stops for a moment: a probe that has begun lacks what it was to consist of.
            let was = [1, 2].map(|at| std::mem::take(&mut world.peers[1].senders[at].on));
            run(&mut world, ms(1_000));
            for (at, was) in [1, 2].into_iter().zip(was) {
                world.peers[1].senders[at].on |= was;
            }
        }
        run(&mut world, ms(2_000));
        let told = world.leg_row(0);
        assert!(told.copies_out > 0 || !looks.can_ask, "{told:?}");
        assert_replayed(&parse(traces(&world)[0]).unwrap());
    }
}

/// How far a replay is off, as a share, in the mean over a part of it.
fn off(retraced: &[Retraced], from: Micros, to: Micros) -> f64 {
    let part = retraced.iter().filter(|one| (from..to).contains(&one.at));
    let shares: Vec<f64> = part
        .map(|one| (f64::from(one.replayed_bps) / f64::from(one.recorded_bps) - 1.0).abs())
        .collect();
    shares.iter().sum::<f64>() / shares.len() as f64
}

/// What was known of the link before is not recorded; it is learnt again from what is.
#[test]
fn a_recording_from_the_middle_of_a_call_comes_near() {
    for seed in 1..5 {
        let mut world = waiting(seed, TAKES, bad());
        world.set_gate(0, true);
        run(&mut world, ms(10_000));
        record(&mut world, 20);
        run(&mut world, ms(21_000));
        let text = traces(&world)[0];
        assert!(text.starts_with("# from the middle of a call"));
        let retraced = retrace(&parse(text).unwrap());
        let off = off(&retraced, ms(5_000), ms(20_000));
        assert!(off < 0.25, "{off:.3} off with seed {seed}");
    }
}

#[test]
fn it_is_told_once_when_the_time_is_over_the_gate_closes_or_the_leg_goes() {
    let mut world = waiting(1, TAKES, bad());
    world.set_gate(0, true);
    record(&mut world, 2);
    run(&mut world, ms(1_900));
    assert!(traces(&world).is_empty());
    run(&mut world, ms(1_100));
    assert_eq!(traces(&world).len(), 1);
    record(&mut world, 60);
    run(&mut world, ms(500));
    world.set_gate(0, false);
    assert_eq!(traces(&world).len(), 2);
    record(&mut world, 60);
    world.set_gate(0, true);
    run(&mut world, ms(500));
    world.command(Command::RemoveLeg { leg: LOOKS });
    assert_eq!(traces(&world).len(), 3);
    let is_last = matches!(
        world.events.last(),
        Some((_, Event::LegRemoved { leg: LOOKS, .. }))
    );
    assert!(is_last);
    for trace in traces(&world) {
        assert!(parse(trace).unwrap().len() > 20);
    }
}

#[test]
fn what_cannot_be_recorded_is_refused() {
    let mut world = waiting(1, TAKES, bad());
    record(&mut world, 5);
    record(&mut world, 5);
    world.set_gate(0, true);
    for seconds in [5, 0, 61] {
        record(&mut world, seconds);
    }
    let badly = Refusal::BadDescription;
    let again = Refusal::AlreadyRecording;
    assert_eq!(refusals(&world), [again, again, badly, badly]);
    let mut world = waiting(1, PeerSpec::BROWSER, bad());
    world.set_gate(0, true);
    record(&mut world, 5);
    assert_eq!(refusals(&world), [Refusal::NothingToRecord]);
}

/// Times count from the beginning, and nothing of a packet but its number, size and kind is there.
#[test]
fn nothing_of_the_call_is_told_but_times_numbers_sizes_and_kinds() {
    let mut world = waiting(1, TAKES, bad());
    world.set_gate(0, true);
    record(&mut world, 3);
    run(&mut world, ms(4_000));
    let text = traces(&world)[0];
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("# "));
    for line in lines {
        let record: Record = line.parse().unwrap();
        assert!(record.at() <= ms(3_200), "{line}");
        assert_eq!(record.to_string(), line);
        if let Record::Fed {
            arrived_us: Some(at),
            ..
        } = record
        {
            assert!(at.abs() < 4_000_000, "{line}");
        }
    }
}
