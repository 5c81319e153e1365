//! What robots cost: rooms of four on one thread of robots and one shard of the engine, each with a core to itself if
//! there are two. Prints counters of the last seconds.
//!
//!     cargo run --release -p engine-robot --example bench_robots -- ROBOTS [SECONDS] [CHECK_PERCENT]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on ends with the reason"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use engine_io::{Config, Engine};
use engine_robot::Robots;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use support::{opus_clip, vp8_clip, RobotSpec, World};

const ROOM_SIZE: u64 = 4;
const PATIENCE: Duration = Duration::from_secs(5);

fn main() {
    let mut args = std::env::args().skip(1);
    let mut number = |default: u64| args.next().map_or(default, |arg| arg.parse().unwrap());
    let (count, seconds, percent) = (number(100), number(10), number(10));
    let (ip, base_port, shards, drills) = (IpAddr::V4(Ipv4Addr::LOCALHOST), 0, 1, false);
    let engine = Engine::start(Config {
        ip,
        base_port,
        shards,
        drills,
    })
    .unwrap();
    let robots = Robots::start(1).unwrap();
    let spec = RobotSpec {
        check_percent: percent as u8,
        grace_ms: 1_000,
        ..RobotSpec::default()
    };
    fill(&engine, &robots, count, spec);
    std::thread::sleep(Duration::from_secs(4));
    // What the join cost is not what is measured.
    robots.reset_latency().unwrap();
    let before = look(&engine, &robots);
    std::thread::sleep(Duration::from_secs(seconds));
    let after = look(&engine, &robots);
    report(count, seconds, &before, &after);
}

fn fill(engine: &Engine, robots: &Robots, count: u64, spec: RobotSpec) {
    let submit = |command: &engine_robot::Command| {
        let bytes = rmp_serde::to_vec_named(command).unwrap();
        robots.submit(&bytes).unwrap();
    };
    let tell = |command: &engine_core::Command| {
        let bytes = rmp_serde::to_vec_named(command).unwrap();
        engine.submit(&bytes).unwrap();
    };
    submit(&opus_clip());
    submit(&vp8_clip(60));
    for room in 0..count / ROOM_SIZE {
        let world = World::sized_from(room, room * ROOM_SIZE + 1, ROOM_SIZE);
        for number in world.members() {
            world.leg_commands(number, spec).iter().for_each(tell);
            let commands = world.client_commands(number, spec, engine.addresses()[0]);
            commands.iter().for_each(&submit);
        }
        tell(&world.feeds(&world.whole_plan()));
        std::thread::sleep(Duration::from_millis(5));
    }
}

struct Look {
    robots: [Vec<u8>; 5],
    engine_cpu: u64,
}

fn look(engine: &Engine, robots: &Robots) -> Look {
    let blocks = engine.snapshot(PATIENCE).unwrap();
    let names = Engine::columns()[2];
    let at = names.iter().position(|name| *name == "cpu_us").unwrap();
    Look {
        robots: robots.snapshot(PATIENCE).unwrap(),
        engine_cpu: word(&blocks[2], at),
    }
}

fn word(block: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(block[8 * at..8 * at + 8].try_into().unwrap())
}

impl Look {
    /// The sum of a column, or its maximum.
    fn sum(&self, block: usize, name: &str) -> u64 {
        self.column(block, name).sum()
    }

    fn column<'a>(&'a self, block: usize, name: &str) -> impl Iterator<Item = u64> + 'a {
        let names = Robots::columns()[block];
        let at = names.iter().position(|column| *column == name).unwrap();
        let rows = self.robots[block].chunks_exact(8 * names.len());
        rows.map(move |row| word(row, at))
    }
}

fn report(count: u64, seconds: u64, before: &Look, after: &Look) {
    let grown = |block, name: &str| {
        (after.sum(block, name) - before.sum(block, name)) as f64 / seconds as f64
    };
    let cpu = grown(3, "cpu_us") / 1e6;
    let engine = (after.engine_cpu - before.engine_cpu) as f64 / 1e6 / seconds as f64;
    println!("{count} robots: {cpu:.2} cores of robots, {engine:.2} cores of the engine");
    println!("{:.0} robots on one core", count as f64 / cpu);
    for name in ["datagrams_out", "sends", "datagrams_in", "receives"] {
        println!("{name}: {:.0}/s", grown(3, name));
    }
    let bits = 8.0 * grown(2, "bytes") / count as f64;
    println!("payload taken by a robot: {:.0} kbit/s", bits / 1e3);
    for name in [
        "lost",
        "checked",
        "content_failures",
        "wrong_source",
        "repaired",
    ] {
        println!("{name}: {:.1}/s", grown(2, name));
    }
    let late = after.column(1, "late_us_max").max().unwrap_or(0);
    println!(
        "latest packet since the start: {late} us, drops {}",
        after.sum(3, "send_drops")
    );
    let counts = after.robots[4].chunks_exact(8).map(|bytes| word(bytes, 0));
    let counts: Vec<u64> = counts.collect();
    let (audio, video) = counts.split_at(counts.len() / 2);
    for (name, counts) in [("sound", audio), ("pictures", video)] {
        let quantile = |q| quantile(counts, q);
        println!(
            "forwarding of {name}: half below {} us, 99 % below {} us",
            quantile(0.5),
            quantile(0.99)
        );
    }
}

fn quantile(counts: &[u64], q: f64) -> u64 {
    let bounds = engine_core::histogram::Histogram::bounds();
    let wanted = counts.iter().sum::<u64>() as f64 * q;
    let mut seen = 0;
    let found = counts.iter().zip(bounds).find(|(count, _)| {
        seen += **count;
        seen as f64 >= wanted
    });
    found.map_or(0, |(_, bound)| bound)
}
