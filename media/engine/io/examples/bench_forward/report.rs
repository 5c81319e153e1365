//! Figures over rounds, in the form that all benchmarks of the project share.

use crate::origin::{commit, machine};
use serde_json::{json, Map, Value};

const NOTES: &str = "CPU time is user and system time of the one thread that does the work, by the operating system, \
per RTP packet that leaves. Bridge and limit take turns on the same sockets; ratio_to_limit is that of the two within \
one pair of rounds, limit over bridge. The limit is a bare loop over the same srtp crate: receive a batch with \
recvmmsg and GRO, decrypt once, and for each receiver copy, renumber, encrypt and send with GSO; no registers, caches, \
gates, reports or checks. Where everything goes is laid out in tables before, the packets of one send lie in one small \
buffer that stays in the cache, and the socket is not asked again when it gave fewer than were asked for: of the \
variants tried the cheapest. Connecting a socket to each receiver would save another tenth of a small send, but such \
sockets take the receiver's packets away from the shared one, so it is not taken for a limit of a forwarder. \
fanout-20: eight rooms, in each one sender of groups of six packets of 1,200 B and 20 slots, closed loop, one group of \
each sender under way. The others are open loops at the pace of life: senders on the other core, one call with \
segmentation for a picture, as many rooms as keep the bridge at about 65 % of its core. four-party: 30 pictures a \
second of 4 to 12 packets, about 1.5 Mbit/s, and 50 Opus packets a second of 60 to 130 B from each, to everyone else. \
nine-party-simulcast: three encodings from each; each takes the high one of one other and the low one of the rest. \
audio-only: rooms of four. consultation-reported: rooms of four, 25 pictures a second of 3,500 B (700 kbit/s), cut as \
libwebrtc cuts them, into packets a byte apart, which therefore leave their sender in two calls; and every receiver reads \
what it is sent and reports each 62.5 ms on each packet, as browsers do, to both: the limit numbers what it sends, writes \
down when, reads the reports and concludes nothing; it makes packets of one picture one size, as the bridge does, and sends \
at once what the bridge may hold for a moment. The bridge also answers an ICE check of each leg every 2.5 s and takes a \
receiver report every second; the limit is sent neither. Legs have addresses of their own on eight sockets, but for the \
probes. All receivers' sockets take what comes in one piece (UDP_GRO), as a network card with segmentation offload would, and \
drop it at once in the sender's time, since their buffers are full, where nobody reports: both \
subjects pay for that alike. AEAD_AES_128_GCM throughout, VP8 with NACK. lost_on_the_way_in_percent is what was to \
leave and did not; a pair of rounds with more than 0.1 % in either does not count. \
checked_percent: so many of the packets, those of one leg in 32 or more, are opened at their receiver, and their stream, number and \
payload held against what was sent; what is wrong ends the bench. same-load-a-room-legs-N: \
four-party rooms with every stream six times slower, so that one core carries a thousand legs; few legs mean that \
every packet wakes the thread. same-load-in-all-legs-N: as many packets a second from however many legs. In both, the peers' checks and reports are slower or \
faster by as much as the media, so that a packet has as many of them with however many legs, while the bridge's own \
reports keep their second; \
bridge and limit take their turns with each number of legs in one lap; dearer_than_fewest_legs_percent is within a lap, \
and laps with losses do not count. SCENARIO-memory, in a process of its own with pages of 4 kB, \
is what many rooms at full pace take more \
than few, by leg, with full caches, their round trips known; memory_bytes_per_leg is the larger of allocated and \
resident bytes, and the latter have the keys in them, too. shards: ever more four-party rooms, as long as no more than \
1 % of the packets are lost on the way in, and what was sent with the most of them; with two shards senders and \
receivers share the two cores. Latency is from just before the sender's call, its encryption included, to the kernel's \
time stamp at the receiver, at parts of the capacity found with one shard; senders_late_ms_max tells how far the \
senders fell behind: what they then send at once waits for itself, and the tail of the latency shows it. inside_latency is the \
engine's own, from the kernel's time stamp on arrival to the call that sends on, of the legs that are forwarded at all.";

/// Median, least and most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    least: f64,
    most: f64,
}

impl Figure {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Self {
            median: (low + high) / 2.0,
            least: values[0],
            most: values[values.len() - 1],
        }
    }

    pub(crate) const fn exactly(value: f64) -> Self {
        Self {
            median: value,
            least: value,
            most: value,
        }
    }
}

pub(crate) struct Report {
    rounds: usize,
    scenarios: Vec<Value>,
    /// How far rounds of the limit, which always does the same, lay apart at the worst.
    noise_percent: f64,
    left_out: Vec<String>,
}

impl Report {
    pub(crate) const fn new(rounds: usize) -> Self {
        Self {
            rounds,
            scenarios: Vec::new(),
            noise_percent: 0.0,
            left_out: Vec::new(),
        }
    }

    pub(crate) fn note_noise(&mut self, of_limit: Figure) {
        let noise = (of_limit.most - of_limit.least) / of_limit.median * 100.0;
        self.noise_percent = self.noise_percent.max(noise);
    }

    /// Every round of it lost packets.
    pub(crate) fn leave_out(&mut self, name: &str) {
        eprintln!("{name} could not be measured: the machine was too busy with something else");
        self.left_out.push(name.into());
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.left_out.is_empty()
    }

    /// What so many rounds of a subject have come to.
    pub(crate) fn add(
        &mut self,
        name: &str,
        subject: &str,
        rounds: usize,
        figures: &[(&str, Figure)],
    ) {
        let (mut medians, mut spreads) = (Map::new(), Map::new());
        for (figure, values) in figures {
            medians.insert((*figure).into(), rounded(values.median));
            if values.least < values.most {
                let (min, max) = (rounded(values.least), rounded(values.most));
                spreads.insert((*figure).into(), json!({ "min": min, "max": max }));
            }
        }
        self.scenarios.push(json!({
            "name": name, "subject": subject, "rounds": rounds, "figures": medians, "spread": spreads,
        }));
    }

    pub(crate) fn json(&self) -> String {
        let report = json!({
            "benchmark": "forward",
            "commit": commit(),
            "machine": machine(),
            "tunables": std::env::var("GLIBC_TUNABLES").unwrap_or_default(),
            "rounds": self.rounds,
            "noise_percent": rounded(self.noise_percent),
            "left_out": self.left_out,
            "notes": NOTES,
            "scenarios": self.scenarios,
        });
        format!("{report:#}\n")
    }
}

/// Four digits are more than any of this is good for.
fn rounded(value: f64) -> Value {
    let digits = 10_f64.powi(4 - value.abs().max(1e-9).log10().ceil() as i32);
    let rounded = (value * digits).round() / digits;
    if value.abs() >= 1_000.0 {
        json!(value.round() as i64)
    } else {
        json!(rounded)
    }
}
