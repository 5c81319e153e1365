//! Packets out per CPU-second: the bridge, and a bare loop that only decrypts, encrypts and sends, in the same run.
//!
//!     cargo run --release -p engine-io --example bench_forward -- build/bench/forward.json [ROUNDS] [SECONDS]
//!
//! Eight rooms, in each one camera and twenty who watch it. A camera sends the next picture of six packets of 1,200
//! bytes (AES-128-GCM) as soon as its first watcher has the last one: the shard is never idle, nothing is lost on the
//! way in, and a send can join no more than the six packets of one picture, as in life. Rounds of the two subjects
//! alternate; both use the same sockets at both ends, and are measured by the CPU time of their one thread.
//!
//! The watchers' sockets are bound and but for the first of each room never read; once they are full the kernel drops
//! what arrives, in the sender's time. Two scenarios say what hangs on that: in `fanout-20` the kernel segments first,
//! as it must for a network card that cannot; in `fanout-20-offload` it drops a picture whole, as it hands it whole to
//! a card that can. The second leaves the least to the kernel and is the harder one for the bridge.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench measures real time, and stops where it cannot"
)]

mod bare_loop;
mod bridge;
mod cameras;
mod report;

use bare_loop::BareLoop;
use bridge::Bridge;
use cameras::{Cameras, Sinks};
use report::Round;
use std::time::Duration;

pub(crate) const ROOMS: usize = 8;
pub(crate) const WATCHERS: usize = 20;
/// Packets of one picture.
pub(crate) const PICTURE: usize = 6;
/// RTP packet before protection, in bytes.
pub(crate) const PACKET: usize = 1_200;
pub(crate) const PROFILE: engine_srtp::Profile = engine_srtp::Profile::AeadAes128Gcm;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .expect("usage: bench_forward FILE.json [ROUNDS] [SECONDS]");
    let mut number = |default| {
        arguments
            .next()
            .map_or(default, |text| text.parse().unwrap())
    };
    let (rounds, span) = (number(6), Duration::from_secs(number(3)));
    let scenarios = [
        ("fanout-20", Sinks::Segmented),
        ("fanout-20-offload", Sinks::Whole),
    ];
    let measured = scenarios.map(|(name, sinks)| (name, measure(name, sinks, rounds, span)));
    let report = report::json(&measured);
    std::fs::write(&path, &report).unwrap();
    println!("{report}");
}

/// Rounds of bridge and limit in turn, after a short one of each to get warm.
fn measure(name: &str, sinks: Sinks, rounds: u64, span: Duration) -> Vec<(Round, Round)> {
    let mut cameras = Cameras::new(sinks);
    let mut bridge = Bridge::start(&mut cameras);
    let mut limit = BareLoop::new(&cameras);
    bridge.round(&mut cameras, Duration::from_secs(1));
    limit = limit.round(&mut cameras, Duration::from_secs(1)).0;
    let mut measured = Vec::new();
    for _ in 0..rounds {
        let of_bridge = bridge.round(&mut cameras, span);
        let (again, of_limit) = limit.round(&mut cameras, span);
        limit = again;
        println!("{name}: bridge {of_bridge}; limit {of_limit}");
        measured.push((of_bridge, of_limit));
    }
    let lost: u64 = cameras.all.iter().map(|camera| camera.lost_pictures).sum();
    println!("{name}: {lost} pictures were late or lost on the way in");
    measured
}
