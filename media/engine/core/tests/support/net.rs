//! A network in a heap: what is sent comes out later, twice, in another order, or never.

use super::Random;
use engine_core::Micros;
use engine_wire::demux::{classify, Class};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;

/// One direction of one peer's connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Path {
    pub delay: Micros,
    /// Added at random, each packet for itself, which also puts packets in another order.
    pub jitter: Micros,
    pub loss: f64,
    /// Packets lost in a row on the average; below 1 each is lost for itself.
    pub burst: f64,
    pub duplicate: f64,
}

impl Path {
    pub const PERFECT: Self = Self::with_delay(0);

    pub const fn with_delay(millis: u64) -> Self {
        Self {
            delay: Micros::from_millis(millis),
            jitter: Micros(0),
            loss: 0.0,
            burst: 0.0,
            duplicate: 0.0,
        }
    }

    /// A bad mobile connection.
    pub const fn lossy(loss: f64) -> Self {
        Self {
            delay: Micros::from_millis(20),
            jitter: Micros::from_millis(6),
            loss,
            burst: 0.0,
            duplicate: 0.01,
        }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InFlight {
    pub at: Micros,
    order: u64,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub data: Vec<u8>,
}

#[derive(Debug)]
pub struct Net {
    random: Random,
    queue: BinaryHeap<Reverse<InFlight>>,
    order: u64,
    bursts: HashMap<(SocketAddr, SocketAddr), Gilbert>,
    /// RTP packets lost, by receiver and SSRC.
    pub lost: HashMap<(SocketAddr, u32), u64>,
}

impl Net {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            queue: BinaryHeap::new(),
            order: 0,
            bursts: HashMap::new(),
            lost: HashMap::new(),
        }
    }

    pub fn send(
        &mut self,
        now: Micros,
        path: Path,
        (from, to): (SocketAddr, SocketAddr),
        data: &[u8],
    ) {
        if self.loses(path, (from, to)) {
            if classify(data) == Class::Rtp {
                let ssrc = u32::from_be_bytes(data[8..12].try_into().unwrap());
                *self.lost.entry((to, ssrc)).or_default() += 1;
            }
            return;
        }
        let copies = 1 + u64::from(self.random.chance(path.duplicate));
        for _ in 0..copies {
            let jitter = Micros(self.random.below(path.jitter.0 + 1));
            self.order += 1;
            self.queue.push(Reverse(InFlight {
                at: now + path.delay + jitter,
                order: self.order,
                from,
                to,
                data: data.to_vec(),
            }));
        }
    }

    fn loses(&mut self, path: Path, ends: (SocketAddr, SocketAddr)) -> bool {
        if path.burst < 1.0 {
            return self.random.chance(path.loss);
        }
        let seed = self.random.clone().next();
        let link = self.bursts.entry(ends);
        let link = link.or_insert_with(|| Gilbert::new(seed, path.loss, path.burst));
        link.set(path.loss, path.burst);
        link.loses()
    }

    pub fn next_at(&self) -> Option<Micros> {
        self.queue.peek().map(|Reverse(next)| next.at)
    }

    /// Everything that has arrived by now, in order.
    pub fn arrived(&mut self, now: Micros) -> Vec<InFlight> {
        let mut arrived = Vec::new();
        while self.next_at().is_some_and(|at| at <= now) {
            arrived.extend(self.queue.pop().map(|Reverse(packet)| packet));
        }
        arrived
    }
}

/// Losses in bursts (Gilbert): in one state everything arrives, in the other nothing.
#[derive(Debug, Clone)]
pub struct Gilbert {
    begins: f64,
    ends: f64,
    bad: bool,
    random: Random,
}

impl Gilbert {
    /// Loses `rate` of all packets, `burst` in a row on the average.
    pub fn new(seed: u64, rate: f64, burst: f64) -> Self {
        let mut link = Self {
            begins: 0.0,
            ends: 0.0,
            bad: false,
            random: Random::new(seed),
        };
        link.set(rate, burst);
        link
    }

    pub fn set(&mut self, rate: f64, burst: f64) {
        (self.begins, self.ends) = (rate / burst / (1.0 - rate), 1.0 / burst);
    }

    pub fn loses(&mut self) -> bool {
        let turns = if self.bad { self.ends } else { self.begins };
        self.bad ^= self.random.chance(turns);
        self.bad
    }
}
