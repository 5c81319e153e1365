//! Legs that come, prove their password, are let in, talk, and go again, over real sockets; and what is left of them.

use crate::allocations::Counting;
use crate::commands::{add_leg, set_feeds, set_keys, write_check};
use crate::plan::{peer_key, Plan, Shape, PROFILE};
use crate::traffic::{Burst, Track};
use engine_core::api::{LegId, RoomId};
use engine_core::{Command, Event};
use engine_io::{Config, Engine};
use engine_srtp::Outbound;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Rooms of four that are there at once.
const ROOMS: usize = 16;
/// Packets that everybody sends.
const SOUNDS: usize = 3;

/// What tables may grow by. A hundred thousand legs that left a byte each would be more.
const TABLES: i64 = 24 << 10;

/// What the process and the engine hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) heap_bytes: i64,
    pub(crate) descriptors: usize,
    pub(crate) legs: u64,
    pub(crate) rooms: u64,
    pub(crate) addresses: u64,
    pub(crate) timers: u64,
}

impl Held {
    /// Tables of the engine may have doubled since, according to how fast legs came; nothing else may be more.
    pub(crate) fn is_no_more_than(&self, before: &Self) -> bool {
        let more = self.heap_bytes - before.heap_bytes;
        let rest = Self {
            heap_bytes: before.heap_bytes,
            ..*self
        };
        rest == *before && more < TABLES
    }
}

pub(crate) struct Turnover {
    engine: Engine,
    address: SocketAddr,
    sockets: Vec<UdpSocket>,
    plan: Plan,
    /// Legs that have come and gone.
    pub(crate) gone: u64,
    burst: Burst,
}

impl Turnover {
    pub(crate) fn new() -> Self {
        let config = Config {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            base_port: 0,
            shards: 1,
            drills: false,
            lines: None,
        };
        let engine = Engine::start(config).unwrap();
        let plan = Plan::mesh(ROOMS, 4, &[Shape::Opus]);
        let socket = |_| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        };
        Self {
            address: engine.addresses()[0],
            engine,
            sockets: (0..plan.legs()).map(socket).collect(),
            plan,
            gone: 0,
            burst: Burst::new(),
        }
    }

    /// Lets at least this many come and go.
    pub(crate) fn run(&mut self, legs: u64) {
        let end = self.gone + legs;
        while self.gone < end {
            self.come();
            self.talk();
            self.go();
        }
    }

    fn submit(&self, command: Command) {
        let command = renamed(command, self.gone);
        self.engine
            .submit(&rmp_serde::to_vec_named(&command).unwrap())
            .unwrap();
    }

    fn come(&mut self) {
        for (leg, seat) in self.plan.seats.iter().enumerate() {
            self.submit(add_leg(leg, seat, false));
            self.submit(set_keys(leg));
            let leg = LegId(leg as u64);
            self.submit(Command::SetGate { leg, open: true });
        }
        (0..ROOMS).for_each(|room| self.submit(set_feeds(&self.plan, room)));
        // The answer comes after everything that was asked before.
        self.engine.snapshot(PATIENCE).unwrap();
        let mut check = Vec::new();
        for (leg, socket) in self.sockets.iter().enumerate() {
            write_check(&mut check, leg);
            socket.send_to(&check, self.address).unwrap();
        }
        self.receive(1, |first, _| first < 4);
    }

    /// Everybody hears everything that the three others send.
    fn talk(&mut self) {
        for (leg, socket) in self.sockets.iter().enumerate() {
            let outbound = Outbound::new(PROFILE, &peer_key(leg)).unwrap();
            let mut track = Track::new(leg, 0, Shape::Opus);
            for _ in 0..SOUNDS {
                track.write_frame(0, &outbound, &mut self.burst);
                for packet in self.burst.packets() {
                    socket.send_to(packet, self.address).unwrap();
                }
            }
        }
        self.receive(3 * SOUNDS, |first, second| {
            first >> 6 == 2 && !(192..224).contains(&second)
        });
    }

    /// Waits for so many datagrams of a kind at every socket.
    fn receive(&self, count: usize, is_wanted: impl Fn(u8, u8) -> bool) {
        let mut datagram = [0; 2_048];
        for socket in &self.sockets {
            let mut seen = 0;
            while seen < count {
                socket.recv(&mut datagram).expect("nothing came");
                seen += usize::from(is_wanted(datagram[0], datagram[1]));
            }
        }
    }

    fn go(&mut self) {
        let legs = self.plan.legs() as u64;
        (0..legs).for_each(|leg| self.submit(Command::RemoveLeg { leg: LegId(leg) }));
        let mut removed = 0;
        while removed < legs {
            removed += self.removed();
        }
        self.gone += legs;
    }

    /// How many have been told to be gone. An event follows the answer to its command by a turn of the thread.
    fn removed(&self) -> u64 {
        self.engine.snapshot(PATIENCE).unwrap();
        let mut removed = 0;
        for event in self.engine.drain_events(100_000).unwrap() {
            match rmp_serde::from_slice(&event).unwrap() {
                Event::LegRemoved { .. } => removed += 1,
                Event::CommandRefused { command, code, .. } => panic!("{command}: {code:?}"),
                _ => {}
            }
        }
        removed
    }

    pub(crate) fn held(&self) -> Held {
        let blocks = self.engine.snapshot(PATIENCE).unwrap();
        let column = |name| {
            let at = Engine::columns()[2]
                .iter()
                .position(|column| *column == name);
            let at = 8 * at.unwrap();
            u64::from_le_bytes(blocks[2][at..at + 8].try_into().unwrap())
        };
        let [legs, rooms, addresses, timers] = ["legs", "rooms", "addresses", "timers"].map(column);
        drop(blocks);
        Held {
            heap_bytes: Counting::process_bytes(),
            descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count(),
            legs,
            rooms,
            addresses,
            timers,
        }
    }

    /// What is held once the timers of those who have gone have run out, which is a matter of a second.
    pub(crate) fn settle(&self) -> Held {
        for _ in 0..2_000 {
            let held = self.held();
            if held.timers == 0 {
                return held;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("timers stay: {:?}", self.held());
    }
}

/// Ids are never used twice while an engine runs.
fn renamed(mut command: Command, shift: u64) -> Command {
    match &mut command {
        Command::AddLeg { leg, room, .. } => (leg.0, room.0) = (leg.0 + shift, room.0 + shift),
        Command::SetKeys { leg, .. }
        | Command::SetGate { leg, .. }
        | Command::RemoveLeg { leg } => {
            leg.0 += shift;
        }
        Command::SetFeeds { room, feeds } => {
            *room = RoomId(room.0 + shift);
            for feed in feeds {
                feed.leg.0 += shift;
                feed.from.iter_mut().for_each(|from| from.leg.0 += shift);
            }
        }
        _ => {}
    }
    command
}
