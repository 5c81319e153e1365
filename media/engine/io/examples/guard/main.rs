//! Whether the packet path has become dearer, by instructions counted under valgrind: a shard without sockets, beside
//! a bare loop of open, copy and seal over the same bytes.
//!
//!     cargo run --release -p engine-io --example guard            # or make guard: compare with what is recorded
//!     cargo run --release -p engine-io --example guard -- record  # write down what there is now
//!
//!     cargo run --release -p engine-io --example guard -- reported # what it costs that receivers report on each packet
//!     cargo run --release -p engine-io --example guard -- legs     # what a packet misses of a cache with many legs
//!
//! What is compared is the ratio of the two, so that another compiler or another processor moves both. It fails when a
//! ratio is a tenth above the one recorded; after a change that is worth its price, record anew and say why.
#![allow(clippy::unwrap_used, reason = "a guard stops where it cannot measure")]

#[path = "../common/commands.rs"]
mod commands;
mod peers;
#[path = "../common/plan.rs"]
mod plan;
#[path = "../common/reporter.rs"]
mod reporter;
#[path = "../common/traffic.rs"]
#[allow(dead_code, reason = "the bench uses more of it")]
mod traffic;
mod work;

use plan::{Plan, Shape, HIGH};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

const DEARER: f64 = 1.10;
/// The second scenario once more, with receivers that report on each packet; links' rates have to grow first, which takes
/// valgrind longer than all others together.
const REPORTED: &str = "four-party-reported";
/// The same packets a second from few legs and from many.
const BY_LEGS: [&str; 2] = ["legs-12", "legs-1000"];
const SCENARIOS: [&str; 4] = [
    "fanout-20",
    "four-party",
    "nine-party-simulcast",
    "audio-only",
];

pub(crate) fn plan_of(scenario: &str) -> Plan {
    match scenario {
        "fanout-20" => Plan::fan_out(1, 20),
        "four-party" => Plan::mesh(2, 4, &[Shape::Opus, HIGH]),
        REPORTED => Plan {
            reported: true,
            ..Plan::mesh(1, 4, &[Shape::Opus, HIGH])
        },
        "legs-12" => of_rooms(3),
        "legs-1000" => of_rooms(250),
        "nine-party-simulcast" => Plan::simulcast(1, 9),
        "audio-only" => Plan::mesh(8, 4, &[Shape::Opus]),
        other => panic!("no scenario {other}"),
    }
}

/// Four-party rooms that send as much together, however many there are.
fn of_rooms(rooms: usize) -> Plan {
    Plan {
        period_percent: 600 * rooms as u64 / 250,
        ..Plan::mesh(rooms, 4, &[Shape::Opus, HIGH])
    }
}

fn recorded_at() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/guard/recorded.json")
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => told(&measure()),
        ["reported"] => {
            ratio(REPORTED);
            ExitCode::SUCCESS
        }
        ["legs"] => {
            BY_LEGS.into_iter().for_each(tell_misses);
            ExitCode::SUCCESS
        }
        ["record"] => {
            let text = serde_json::to_string_pretty(&measure()).unwrap();
            std::fs::write(recorded_at(), text + "\n").unwrap();
            ExitCode::SUCCESS
        }
        [subject, scenario] => {
            println!("{}", work::run(subject, &plan_of(scenario)));
            ExitCode::SUCCESS
        }
        _ => panic!("usage: guard [record | reported | legs | SUBJECT SCENARIO]"),
    }
}

fn measure() -> BTreeMap<String, f64> {
    let of = |scenario: &str| (scenario.to_owned(), ratio(scenario));
    SCENARIOS.into_iter().map(of).collect()
}

/// Instructions of the bridge in those of the bare loop.
fn ratio(scenario: &str) -> f64 {
    let count = |subject| run(subject, scenario).instructions;
    let prepare = count("prepare");
    let before = if plan_of(scenario).reported {
        count("warm")
    } else {
        prepare
    };
    let (bridge, limit) = (count("bridge") - before, count("limit") - prepare);
    let ratio = (bridge / limit * 1e3).round() / 1e3;
    println!("{scenario}: {ratio} (bridge {bridge:.0} instructions, bare loop {limit:.0})");
    ratio
}

/// What a packet out reads that is not in a cache as large as the second one of a core.
fn tell_misses(scenario: &str) {
    let [prepare, warm, bridge, limit] =
        ["prepare", "warm", "bridge", "limit"].map(|subject| run(subject, scenario));
    for (subject, run, before) in [("bridge", &bridge, &warm), ("bare loop", &limit, &prepare)] {
        let packets = run.sent
            - if subject == "bridge" {
                before.sent
            } else {
                0.0
            };
        let misses = (run.misses - before.misses) / packets;
        let instructions = (run.instructions - before.instructions) / packets;
        println!(
            "{scenario}, {subject}: {misses:.2} misses a packet, {instructions:.0} instructions"
        );
    }
}

/// What one run of this program has come to under valgrind.
struct Run {
    instructions: f64,
    /// Reads that a cache of 1 MB does not answer.
    misses: f64,
    /// Packets out.
    sent: f64,
}

fn run(subject: &str, scenario: &str) -> Run {
    // A model of caches takes twice the time.
    let by_legs = BY_LEGS.contains(&scenario);
    let sim = if by_legs { "yes" } else { "no" };
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cachegrind-out-file=/dev/null"])
        .arg(format!("--cache-sim={sim}"))
        .args(["--D1=32768,8,64", "--I1=32768,8,64", "--LL=1048576,16,64"])
        .arg(std::env::current_exe().unwrap())
        .args([subject, scenario])
        .output()
        .expect("valgrind is needed: apt-get install valgrind");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let line = |name| told.lines().find_map(|line| line.split_once(name));
    let number = |text: &str| text.replace(',', "").parse().unwrap();
    let (_, instructions) = line("I   refs:").expect("valgrind counts");
    // All, then of these "(N rd + N wr)".
    let reads = |text: &str| {
        text.split(['(', ' '])
            .filter(|word| !word.is_empty())
            .nth(1)
            .map(number)
    };
    Run {
        instructions: number(instructions.trim()),
        misses: line("LLd misses:")
            .and_then(|(_, text)| reads(text))
            .unwrap_or_default(),
        sent: String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse()
            .unwrap(),
    }
}

fn told(now: &BTreeMap<String, f64>) -> ExitCode {
    let text = std::fs::read_to_string(recorded_at()).unwrap();
    let recorded = serde_json::from_str(&text).unwrap();
    let found = compare(now, &recorded);
    found.iter().for_each(|line| println!("{line}"));
    if found.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is wrong, in words: a scenario that has become dearer, or that nobody has recorded.
fn compare(now: &BTreeMap<String, f64>, recorded: &BTreeMap<String, f64>) -> Vec<String> {
    let wrong = |(scenario, now): (&String, &f64)| match recorded.get(scenario) {
        None => Some(format!("{scenario} is not recorded: guard -- record")),
        Some(then) if *now > then * DEARER => Some(format!(
            "{scenario} has become dearer: {now} times a bare loop, and {then} when it was recorded"
        )),
        Some(_) => None,
    };
    now.iter().filter_map(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_dearer_fails_and_less_does_not() {
        let of = |ratio: f64| BTreeMap::from([("four-party".to_owned(), ratio)]);
        let recorded = of(1.4);
        assert!(compare(&of(1.4 * 1.09), &recorded).is_empty());
        assert!(compare(&of(0.7), &recorded).is_empty());
        assert_eq!(compare(&of(1.4 * 1.11), &recorded).len(), 1);
        assert_eq!(compare(&of(1.4), &BTreeMap::new()).len(), 1);
    }
}
