//! Figures over rounds, in the form that all benchmarks of the project share.

use std::fmt::{self, Display, Formatter};
use std::process::Command;

const NOTES: &str = "Eight rooms on one shard, in each one source (a camera) and 20 slots; groups of six packets of \
1,200 B of RTP, AEAD_AES_128_GCM, VP8 with NACK, closed loop with one picture of each camera under way. CPU time is \
user and system time of the one thread that does the work. Both subjects send to the same loopback sockets, of which \
all but the first of each room are bound and never read: what arrives there is dropped in the sender's time. In \
fanout-20 the kernel segments before it drops, as for a network card without segmentation offload; in \
fanout-20-offload it drops whole pictures, as for a card with it, which leaves the least to the kernel. \
The limit is a bare loop over the same srtp crate: receive with GRO, decrypt once, copy, rewrite, encrypt and send \
with GSO to each of 20.";

/// What one subject did in one round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) packets: u64,
    pub(crate) cpu_us: u64,
    pub(crate) wall_us: u64,
}

impl Round {
    fn per_cpu_second(&self) -> f64 {
        self.packets as f64 * 1e6 / self.cpu_us as f64
    }

    fn busy_percent(&self) -> f64 {
        self.cpu_us as f64 * 100.0 / self.wall_us as f64
    }
}

impl Display for Round {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let (rate, busy) = (self.per_cpu_second(), self.busy_percent());
        write!(out, "{rate:.0} packets per CPU-second, {busy:.0} % busy")
    }
}

/// Median, least and most.
struct Figure {
    median: f64,
    least: f64,
    most: f64,
}

impl Figure {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Self {
            median: (low + high) / 2.0,
            least: values[0],
            most: values[values.len() - 1],
        }
    }
}

/// The report. `ratio_to_limit` is that of the two subjects within a round, so that what slows the machine down for a
/// while slows both.
pub(crate) fn json(measured: &[(&str, Vec<(Round, Round)>)]) -> String {
    let subjects = measured
        .iter()
        .flat_map(|(name, rounds)| subjects(name, rounds));
    let scenarios: Vec<String> = subjects.collect();
    let text = quoted(NOTES);
    format!(
        "{{\"benchmark\": \"forward\", \"commit\": {}, \"machine\": {}, \"rounds\": {}, \"notes\": {text}, \
         \"scenarios\": [\n  {}\n]}}\n",
        quoted(&commit()),
        machine(),
        measured[0].1.len(),
        scenarios.join(",\n  "),
    )
}

fn subjects(name: &str, rounds: &[(Round, Round)]) -> [String; 2] {
    let ratio = |(bridge, limit): &(Round, Round)| bridge.per_cpu_second() / limit.per_cpu_second();
    let ratios = rounds.iter().map(ratio);
    let bridge = scenario((name, "bridge"), rounds.iter().map(|r| r.0), ratios);
    let limit = scenario(
        (name, "limit"),
        rounds.iter().map(|r| r.1),
        rounds.iter().map(|_| 1.0),
    );
    [bridge, limit]
}

fn scenario(
    (name, subject): (&str, &str),
    rounds: impl Iterator<Item = Round> + Clone,
    ratios: impl Iterator<Item = f64>,
) -> String {
    let figures = [
        (
            "packets_out_per_cpu_second",
            Figure::of(rounds.clone().map(|r| r.per_cpu_second())),
            0,
        ),
        (
            "cpu_us_per_packet_out",
            Figure::of(rounds.clone().map(|r| 1e6 / r.per_cpu_second())),
            4,
        ),
        ("ratio_to_limit", Figure::of(ratios), 4),
        (
            "cpu_busy_percent",
            Figure::of(rounds.map(|r| r.busy_percent())),
            1,
        ),
    ];
    let medians = figures
        .iter()
        .map(|(name, f, digits)| format!("\"{name}\": {:.digits$}", f.median));
    let spreads = figures.iter().map(|(name, f, digits)| {
        format!(
            "\"{name}\": {{\"min\": {:.digits$}, \"max\": {:.digits$}}}",
            f.least, f.most
        )
    });
    let medians: Vec<String> = medians.collect();
    let spreads: Vec<String> = spreads.collect();
    format!(
        "{{\"name\": \"{name}\", \"subject\": \"{subject}\", \"figures\": {{{}}}, \"spread\": {{{}}}}}",
        medians.join(", "),
        spreads.join(", "),
    )
}

fn commit() -> String {
    let git = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .output();
    let name = git.ok().filter(|output| output.status.success());
    name.map_or_else(
        || "unknown".into(),
        |output| String::from_utf8_lossy(&output.stdout).trim().into(),
    )
}

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split_once(": "))
        .map_or("unknown", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{{\"cpu\": {}, \"cores\": {cores}, \"kernel\": {}}}",
        quoted(model),
        quoted(kernel.trim()),
    )
}

fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|c| match c {
            '"' | '\\' => vec!['\\', c],
            c if c.is_control() => vec![' '],
            c => vec![c],
        })
        .collect();
    format!("\"{escaped}\"")
}
