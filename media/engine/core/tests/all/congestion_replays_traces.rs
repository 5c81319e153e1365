//! Inputs of the estimator that were written down, put through it again.
//!
//! `tests/traces` holds what simulated links gave, each with the link in its head; what is recorded of real calls has the
//! same form and tells more, so that it is replayed to the bit (`links_are_recorded.rs`). `WRITE_TRACES=1 cargo test
//! -p engine-core --test all congestion_replays_traces` writes the simulated ones anew.

use crate::congestion::Setup;
use engine_core::bwe::trace::{parse, replay, Record};
use engine_core::bwe::Estimator;
use engine_core::Micros;
use std::fs;
use std::path::{Path, PathBuf};

const POLL: Micros = Micros::from_millis(25);
const START_BPS: u32 = 400_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces")
}

/// The simulated links whose traces are kept, with their heads.
fn kept() -> Vec<(&'static str, &'static str, Setup, u64)> {
    let setup = |name, rate, rtt| Setup {
        traced: true,
        video_bps: 700_000,
        ..Setup::new(name, rate, rtt, 300)
    };
    let mut step = setup("step", Some(600_000), 60);
    step.steps = vec![(4_000, step.there.limited(150_000, 300))];
    let mut lossy = setup("lossy", None, 60);
    lossy.there = lossy.there.losing(0.2);
    let mut shaky = setup("shaky", None, 60);
    shaky.there = shaky.there.shaking(30);
    vec![
        (
            "step.txt",
            "600 kbit/s, 150 kbit/s from 4 s on; round trip 60 ms, drop-tail queue of 300 ms",
            step,
            8_000,
        ),
        (
            "loss-20.txt",
            "free; round trip 60 ms, 20 % random loss on the way there",
            lossy,
            6_000,
        ),
        (
            "jitter-30.txt",
            "free; round trip 60 ms, uniform jitter of 30 ms on the way there, packets overtake",
            shaky,
            6_000,
        ),
    ]
}

/// Estimates by time in ms after the first record.
fn replayed(records: &[Record]) -> Vec<(u64, u32)> {
    let start = records[0].at();
    let mut estimator = Estimator::new(start, START_BPS);
    let mut estimates = Vec::new();
    replay(records, &mut estimator, POLL, |now, estimator| {
        estimates.push((now.since(start).0 / 1_000, estimator.estimate_bps()));
    });
    estimates
}

fn read(name: &str) -> Vec<Record> {
    let text = fs::read_to_string(folder().join(name)).expect("a kept trace");
    assert!(
        text.starts_with("# link: "),
        "{name} says which link it was"
    );
    parse(&text).expect("lines of a trace")
}

/// Written anew if that is asked for; a trace that is kept is read back as it was written.
#[test]
fn traces_are_read_as_written() {
    for (name, link, setup, millis) in kept() {
        let records = setup.run(millis).trace;
        let lines: Vec<_> = records.iter().map(Record::to_string).collect();
        let text = format!("# link: {link}\n{}\n", lines.join("\n"));
        assert_eq!(parse(&text), Ok(records));
        if std::env::var_os("WRITE_TRACES").is_some() {
            fs::create_dir_all(folder()).expect("a folder");
            fs::write(folder().join(name), text).expect("a written trace");
        }
    }
}

/// The same trace gives the same estimates, whenever it is replayed.
#[test]
fn a_replay_is_the_same_each_time() {
    let records = read("step.txt");
    assert_eq!(replayed(&records), replayed(&records));
}

#[test]
fn the_step_of_a_kept_trace_is_followed() {
    let estimates = replayed(&read("step.txt"));
    let at = |ms: u64| {
        estimates
            .iter()
            .find(|(at, _)| *at >= ms)
            .expect("long enough")
            .1
    };
    assert!(at(3_500) >= 450_000, "{}", at(3_500));
    let soon = estimates
        .iter()
        .filter(|(at, _)| (4_000..5_000).contains(at));
    assert!(soon.clone().any(|(_, bps)| *bps <= 150_000));
    let later = estimates.iter().filter(|(at, _)| *at >= 6_000);
    assert!(later.clone().all(|(_, bps)| *bps <= 250_000));
}

#[test]
fn loss_and_jitter_of_kept_traces_cost_no_rate() {
    for name in ["loss-20.txt", "jitter-30.txt"] {
        let estimates = replayed(&read(name));
        let late = estimates.iter().filter(|(at, _)| *at >= 4_000);
        let least = late.map(|(_, bps)| *bps).min().expect("long enough");
        assert!(least >= 600_000, "{name}: {least}");
    }
}
