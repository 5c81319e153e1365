//! Peers, network and engine on one virtual clock.

use super::legs::{feed, End};
use super::{Auditor, Model, Net, Path, Peer, PeerSpec, Random};
use engine_core::api::{Feed, LegId, RoomId};
use engine_core::stats::{LegRow, Snapshot, StreamRow};
use engine_core::{Command, Datagram, Event, Micros, Outbox, Shard};
use engine_wire::demux::{classify, Class};
use std::collections::HashMap;
use std::net::SocketAddr;

/// A moment of our days, since what overflows only there must be found here.
pub const START: Micros = Micros(1_795_000_000_000_000);

pub const fn ms(millis: u64) -> Micros {
    Micros::from_millis(millis)
}

pub struct World {
    pub now: Micros,
    pub shard: Shard,
    pub net: Net,
    pub peers: Vec<Peer>,
    pub events: Vec<(Micros, Event)>,
    pub model: Model,
    pub auditor: Auditor,
    pub random: Random,
    pub engine_address: SocketAddr,
    /// Until then the engine's thread has no processor: what comes waits unread, and is read in its order.
    pub busy_until: Micros,
    /// Calls to the socket, and those of them that carry several packets.
    pub calls: [u64; 2],
    unread: Vec<(SocketAddr, Vec<u8>)>,
    /// Somebody has asked the engine to fail; else it must not.
    drilled: bool,
    addresses: HashMap<SocketAddr, LegId>,
    outbox: Outbox,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            now: START,
            shard: Shard::new(0),
            net: Net::new(random.next()),
            peers: Vec::new(),
            events: Vec::new(),
            model: Model::default(),
            auditor: Auditor::default(),
            random,
            engine_address: SocketAddr::from(([10, 0, 0, 1], 40_000)),
            busy_until: START,
            calls: [0; 2],
            unread: Vec::new(),
            drilled: false,
            addresses: HashMap::new(),
            outbox: Outbox::with_capacity(1 << 16),
        }
    }

    /// A room with everyone admitted, connected and warm. Legs are 1, 2, ... in the order of `specs`.
    pub fn with_room(seed: u64, path: Path, specs: &[PeerSpec]) -> Self {
        let mut world = Self::new(seed);
        for spec in specs {
            let peer = world.join(1, *spec);
            world.peers[peer].up = path;
            world.peers[peer].down = path;
            world.set_gate(peer, true);
        }
        world
    }

    /// A leg with keys that has begun its checks; its gate is closed.
    pub fn join(&mut self, room: u64, spec: PeerSpec) -> usize {
        let leg = self.peers.len() as u64 + 1;
        let address = SocketAddr::from(([10, 0, 1, leg as u8], 20_000 + (leg >> 8) as u16));
        let peer = Peer::new(leg, room, spec, address, &mut self.random);
        self.auditor.set_keys(LegId(leg), peer.auditor_keys());
        self.addresses.insert(address, LegId(leg));
        let (add, keys) = (peer.add_leg(), peer.set_keys());
        self.peers.push(peer);
        self.command(add);
        self.command(keys);
        self.peers.len() - 1
    }

    /// The peer goes on from another address, where its checks start at once.
    pub fn move_peer(&mut self, peer: usize, address: SocketAddr) {
        let leg = LegId(self.peers[peer].leg);
        self.addresses.insert(address, leg);
        self.peers[peer].address = address;
        let now = self.now;
        self.peers[peer].check_again(now);
    }

    /// A check of this peer is about to arrive from there: what goes there from now on is for this peer.
    pub fn prove_address(&mut self, peer: usize, address: SocketAddr) {
        let leg = LegId(self.peers[peer].leg);
        if self.model.exists(leg) {
            self.addresses.insert(address, leg);
        }
    }

    pub fn set_gate(&mut self, peer: usize, open: bool) {
        let leg = LegId(self.peers[peer].leg);
        self.command(Command::SetGate { leg, open });
    }

    /// The plan of room 1: (peer, slot) from (peer, source).
    pub fn set_feeds(&mut self, feeds: &[(End, End)]) {
        self.set_feeds_of(1, feeds);
    }

    pub fn set_feeds_of(&mut self, room: u64, feeds: &[(End, End)]) {
        let leg = |peer: usize| self.peers[peer].leg;
        let feeds: Vec<Feed> = feeds
            .iter()
            .map(|(to, from)| feed((leg(to.0), to.1), (leg(from.0), from.1)))
            .collect();
        let room = RoomId(room);
        self.command(Command::SetFeeds { room, feeds });
    }

    /// What the engine is to believe that the link to a peer carries, in bits a second.
    pub fn set_estimate(&mut self, peer: usize, estimate: Option<u64>) {
        let leg = LegId(self.peers[peer].leg);
        self.shard
            .set_estimate(self.now, leg, estimate, &mut self.outbox);
        self.carry_away();
    }

    pub fn command(&mut self, command: Command) {
        self.model.apply(self.now, &command);
        self.drilled |= matches!(command, Command::Panic { .. });
        self.shard
            .handle_command(self.now, command, &mut self.outbox);
        self.carry_away();
    }

    /// Datagrams from anywhere, in one batch, at once.
    pub fn inject(&mut self, datagrams: &mut [(SocketAddr, Vec<u8>)]) {
        let mut batch: Vec<Datagram<'_>> = datagrams
            .iter_mut()
            .map(|(from, data)| Datagram { from: *from, data })
            .collect();
        self.shard
            .handle_batch(self.now, &mut batch, &mut self.outbox);
        self.carry_away();
    }

    pub fn inject_from(&mut self, peer: usize, datagram: Vec<u8>) {
        let from = self.peers[peer].address;
        self.inject(&mut [(from, datagram)]);
    }

    pub fn run(&mut self, span: Micros) {
        let end = self.now + span;
        while let Some(next) = self.next_at().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    fn next_at(&self) -> Option<Micros> {
        let peers = self.peers.iter().map(Peer::next_at);
        let reads = (!self.unread.is_empty()).then_some(self.busy_until);
        let acts = self.shard.poll_timeout();
        let acts = acts.map(|at| at.max(self.busy_until));
        let engine = [self.net.next_at(), acts, reads];
        peers.chain(engine.into_iter().flatten()).min()
    }

    fn step(&mut self) {
        let now = self.now;
        let (mine, theirs): (Vec<_>, Vec<_>) = self
            .net
            .arrived(now)
            .into_iter()
            .partition(|packet| packet.to == self.engine_address);
        self.unread
            .extend(mine.into_iter().map(|p| (p.from, p.data)));
        if now >= self.busy_until {
            let batch = std::mem::take(&mut self.unread);
            self.deliver(batch);
            self.shard.handle_timeout(now, &mut self.outbox);
            self.carry_away();
        }
        for packet in theirs {
            let peer = self.peers.iter().position(|peer| peer.address == packet.to);
            if let Some(peer) = peer {
                let out = self.peers[peer].handle_datagram(now, &packet.data);
                self.send_up(peer, out);
            }
        }
        for peer in 0..self.peers.len() {
            if self.peers[peer].next_at() <= now {
                let out = self.peers[peer].handle_timeout(now);
                self.send_up(peer, out);
            }
        }
    }

    /// Hands over what has arrived as one batch; one by one where a check may give an address to another leg.
    fn deliver(&mut self, mut batch: Vec<(SocketAddr, Vec<u8>)>) {
        if batch.iter().all(|(_, data)| classify(data) != Class::Stun) {
            return self.inject(&mut batch);
        }
        for datagram in &mut batch {
            let peer = self
                .peers
                .iter()
                .position(|peer| peer.address == datagram.0);
            if let Some(peer) = peer.filter(|_| classify(&datagram.1) == Class::Stun) {
                self.prove_address(peer, datagram.0);
            }
            self.inject(std::slice::from_mut(datagram));
        }
    }

    pub fn send_up(&mut self, peer: usize, datagrams: Vec<Vec<u8>>) {
        let Peer { address, up, .. } = self.peers[peer];
        for datagram in datagrams {
            self.net
                .send(self.now, up, (address, self.engine_address), &datagram);
        }
    }

    /// Everything that the engine wants sent is opened and checked, then put on the network.
    fn carry_away(&mut self) {
        for (send, _) in self.outbox.sends() {
            self.calls[0] += 1;
            self.calls[1] += u64::from(send.segments > 1);
        }
        for (to, datagram) in self.outbox.datagrams() {
            let Some(leg) = self.addresses.get(&to) else {
                continue;
            };
            self.auditor.check(&self.model, *leg, datagram);
            if self.auditor.any_payload {
                continue;
            }
            let peer = self.peers.iter().find(|peer| peer.leg == leg.0);
            let path = peer.map_or(Path::PERFECT, |peer| peer.down);
            self.net
                .send(self.now, path, (self.engine_address, to), datagram);
        }
        self.outbox.clear();
        // The engine survives its own faults, so that they have to be looked for.
        assert!(
            self.drilled || self.shard.row_mut().panics == 0,
            "a fault of the engine's own"
        );
        while let Some(event) = self.shard.poll_event() {
            if let Event::RoomFailed { legs, .. } = &event {
                legs.iter().for_each(|leg| self.model.remove(*leg));
            }
            self.events.push((self.now, event));
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        self.shard.snapshot(&mut snapshot);
        snapshot
    }

    pub fn leg_row(&self, peer: usize) -> LegRow {
        let leg = self.peers[peer].leg;
        let rows = self.snapshot().legs;
        *rows
            .iter()
            .find(|row| row.leg == leg)
            .expect("the leg is there")
    }

    pub fn source_row(&self, peer: usize, source: u64) -> StreamRow {
        self.stream_row(peer, 0, source)
    }

    pub fn slot_row(&self, peer: usize, slot: u64) -> StreamRow {
        self.stream_row(peer, 1, slot)
    }

    fn stream_row(&self, peer: usize, direction: u64, index: u64) -> StreamRow {
        let key = (self.peers[peer].leg, direction, index);
        let rows = self.snapshot().streams;
        let row = rows
            .iter()
            .find(|row| (row.leg, row.direction, row.index) == key);
        *row.expect("the stream is there")
    }
}
