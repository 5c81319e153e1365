//! A network in a heap: each way from one address to another is a link of its own, which does what its path says.

use super::Random;
use engine_core::Micros;
use engine_netem::{Fate, Link};
use engine_wire::demux::{classify, Class};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

/// One direction of one peer's connection.
pub use engine_netem::{Jitter, Loss, Profile as Path};

/// What a datagram takes on the wire beside its payload: headers of IPv4 and UDP.
const HEADERS: usize = 28;

pub type Way = (SocketAddr, SocketAddr);
/// Whether a packet of this way is lost, whatever the link does.
pub type Takes = Box<dyn FnMut(Way, &[u8]) -> bool>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InFlight {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub data: Vec<u8>,
}

pub struct Net {
    random: Random,
    links: BTreeMap<Way, Link<Vec<u8>>>,
    /// RTP packets lost, by receiver and SSRC.
    pub lost: HashMap<(SocketAddr, u32), u64>,
    /// What is lost besides.
    pub takes: Option<Takes>,
}

impl Net {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            links: BTreeMap::new(),
            lost: HashMap::new(),
            takes: None,
        }
    }

    pub fn send(&mut self, now: Micros, path: Path, way: Way, data: &[u8]) {
        if self.takes.as_mut().is_some_and(|takes| takes(way, data)) {
            return;
        }
        let random = &mut self.random;
        let link = self
            .links
            .entry(way)
            .or_insert_with(|| Link::new(path, random.next()));
        if *link.profile() != path {
            link.set_profile(now.0, path);
        }
        let fate = link.push(now.0, data.len() + HEADERS, data.to_vec());
        if matches!(fate, Fate::Lost(_)) && classify(data) == Class::Rtp {
            let ssrc = u32::from_be_bytes(data[8..12].try_into().unwrap());
            *self.lost.entry((way.1, ssrc)).or_default() += 1;
        }
    }

    /// The link of this way, once something was sent on it: what it did, and plans for it.
    pub fn link(&mut self, way: Way) -> Option<&mut Link<Vec<u8>>> {
        self.links.get_mut(&way)
    }

    pub fn next_at(&self) -> Option<Micros> {
        self.links
            .values()
            .filter_map(Link::next_at)
            .min()
            .map(Micros)
    }

    /// Everything that has arrived by now, in order.
    pub fn arrived(&mut self, now: Micros) -> Vec<InFlight> {
        let mut arrived = Vec::new();
        while let Some(at) = self.next_at().filter(|at| *at <= now) {
            for (&(from, to), link) in &mut self.links {
                while let Some(data) = link.pop(at.0) {
                    arrived.push(InFlight { from, to, data });
                }
            }
        }
        arrived
    }
}
