//! The engine itself, set up from a plan as Python would set it up.

use crate::commands::{add_leg, set_feeds, set_keys};
use crate::crowd::Crowd;
use crate::plan::Plan;
use engine_core::api::LegId;
use engine_core::Command;
use engine_io::{Config, Engine, EngineError};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Bridge {
    pub(crate) engine: Engine,
    addresses: Vec<SocketAddr>,
    shards: usize,
}

/// Sums over all legs and shards since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) packets_out: u64,
    pub(crate) cpu_us: u64,
    pub(crate) drops: u64,
}

impl Bridge {
    /// Shards without any leg.
    pub(crate) fn empty(shards: u16) -> Self {
        let config = Config {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            base_port: 0,
            shards,
            drills: false,
            lines: None,
        };
        let engine = Engine::start(config).unwrap();
        Self {
            addresses: engine.addresses(),
            engine,
            shards: usize::from(shards),
        }
    }

    pub(crate) fn start(plan: &Plan, crowd: &Crowd, shards: u16) -> Self {
        let bridge = Self::empty(shards);
        bridge.join(plan, crowd);
        bridge
    }

    /// Adds every leg, lets it in and fills its slots.
    pub(crate) fn join(&self, plan: &Plan, crowd: &Crowd) {
        for (leg, seat) in plan.seats.iter().enumerate() {
            self.submit(&add_leg(leg, seat, plan.reported));
            self.submit(&set_keys(leg));
            let leg = LegId(leg as u64);
            self.submit(&Command::SetGate { leg, open: true });
        }
        for room in 0..plan.rooms {
            self.submit(&set_feeds(plan, room));
        }
        self.check_all(plan, crowd);
    }

    /// The queue of a shard is bounded, and a bench may fill it faster than Python ever could.
    pub(crate) fn submit(&self, command: &Command) {
        let command = rmp_serde::to_vec_named(command).unwrap();
        while let Err(error) = self.engine.submit(&command) {
            assert!(matches!(error, EngineError::Busy), "{error}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn address(&self, plan: &Plan, leg: usize) -> SocketAddr {
        self.addresses[plan.seats[leg].room % self.shards]
    }

    /// Consent lasts thirty seconds, so every round begins with a check of each leg.
    pub(crate) fn check_all(&self, plan: &Plan, crowd: &Crowd) {
        let start = Instant::now();
        loop {
            for leg in 0..plan.legs() {
                crowd.check(leg, self.address(plan, leg));
            }
            while self.engine.drain_events(10_000).unwrap().len() == 10_000 {}
            let connected: u64 = self.column(0, "connected").iter().sum();
            if connected == plan.legs() as u64 {
                break;
            }
            // A check may have overtaken the command that makes its leg.
            assert!(start.elapsed() < PATIENCE, "not every leg connects");
        }
    }

    pub(crate) fn column(&self, block: usize, name: &str) -> Vec<u64> {
        let blocks = self.engine.snapshot(PATIENCE).unwrap();
        column(&blocks, block, name)
    }

    /// How many datagrams were forwarded after how long, by the engine's own clock: in the buckets of its histogram.
    pub(crate) fn delays(&self) -> Vec<u64> {
        let blocks = self.engine.snapshot(PATIENCE).unwrap();
        let row = blocks[4].chunks_exact(8);
        let values = row.map(|value| u64::from_le_bytes(value.try_into().unwrap()));
        // One shard: its index, impossible delays, their sum, then the buckets.
        values.skip(3).collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        let blocks = self.engine.snapshot(PATIENCE).unwrap();
        let sum = |block, name| column(&blocks, block, name).iter().sum();
        Counts {
            packets_out: sum(0, "rtp_out"),
            cpu_us: sum(2, "cpu_us"),
            drops: sum(2, "send_drops"),
        }
    }
}

fn column(blocks: &[Vec<u8>], block: usize, name: &str) -> Vec<u64> {
    let names = Engine::columns()[block];
    let at = names.iter().position(|column| *column == name).unwrap();
    let rows = blocks[block].chunks_exact(8 * names.len());
    rows.map(|row| u64::from_le_bytes(row[at * 8..at * 8 + 8].try_into().unwrap()))
        .collect()
}
