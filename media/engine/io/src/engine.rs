//! The engine as its control plane sees it.

use crate::clock::Clock;
use crate::events::{encode, EventQueue, EventSignal};
use crate::hook;
use crate::line_ports::{LineSockets, SharedPool};
use crate::ports::{LinePorts, Pool};
use crate::receive_drops::ReceiveDrops;
use crate::shard_thread::{ShardThread, ToShard};
use crate::socket::Socket;
use crate::worker::Worker;
use engine_core::api::{LegId, Refusal, Subject};
use engine_core::line::LineRow;
use engine_core::stats::{Delays, LegRow, ShardRow, Snapshot, StreamRow};
use engine_core::{Command, Event, Shard};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Commands that may wait for one shard. A join is about five.
const COMMAND_QUEUE: usize = 16_384;
/// Events that may wait for the control plane. DTLS datagrams are most of them, and those are sent again when lost.
const EVENT_QUEUE: usize = 65_536;

/// What the engine refuses, each with its word on the wire.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum EngineError {
    #[error("a socket could not be opened: {0}")]
    Socket(#[from] std::io::Error),
    #[error("the command is not of the schema: {0}")]
    Schema(#[from] rmp_serde::decode::Error),
    #[error("an event could not be written: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    #[error("the thread's queue is full")]
    Busy,
    #[error("the thread has stopped")]
    Stopped,
    #[error("the thread did not answer in time")]
    TimedOut,
    #[error("at least one thread is needed, a port for each shard, and other ports for lines")]
    Config,
    #[error("no pair of ports is free for a line")]
    NoPorts,
    #[error("a leg cannot move to a room of another thread")]
    OtherShard,
}

impl EngineError {
    /// A stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Socket(_) => "socket",
            Self::Schema(_) => "schema",
            Self::Encode(_) => "encode",
            Self::Busy => "busy",
            Self::Stopped => "stopped",
            Self::TimedOut => "timed_out",
            Self::Config => "config",
            Self::NoPorts => "no_ports",
            Self::OtherShard => "other_shard",
        }
    }
}

/// Where the shards listen.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Address to bind.
    pub ip: IpAddr,
    /// Port of the first shard, the others follow; 0 lets the system choose each.
    pub base_port: u16,
    /// Threads; a room lives on one.
    pub shards: u16,
    /// Takes `Command::Panic`, so that the shipped build can be tested.
    pub drills: bool,
    /// Ports for lines of legs of lines, in pairs; `None` for no such legs.
    pub lines: Option<LinePorts>,
}

impl Config {
    /// # Errors
    /// [`EngineError::Config`] for no shard, for ports past 65,535, and for ports of lines that shards have.
    fn check(&self) -> Result<(), EngineError> {
        let past_last = u32::from(self.base_port) + u32::from(self.shards);
        let own = u32::from(self.base_port)..=past_last.saturating_sub(1);
        let lines_fit = self
            .lines
            .is_none_or(|lines| lines.is_sound() && !lines.meets(&own));
        if self.shards == 0 || past_last > u32::from(u16::MAX) + 1 || !lines_fit {
            return Err(EngineError::Config);
        }
        Ok(())
    }
}

struct ShardHandle {
    worker: Worker<ToShard>,
    address: SocketAddr,
    /// The thread has ended without being told to.
    failed: Arc<AtomicBool>,
}

impl ShardHandle {
    /// Asks for the counters; `None` when the thread has failed and has none any more.
    fn ask(&self) -> Result<Option<Receiver<Snapshot>>, EngineError> {
        let (reply, answer) = sync_channel(1);
        match self.worker.send(ToShard::Snapshot(reply)) {
            Ok(()) => Ok(Some(answer)),
            Err(EngineError::Stopped) if self.has_failed() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}

/// Running shards. Dropping it stops them.
pub struct Engine {
    shards: Vec<ShardHandle>,
    /// Which shard a leg lives on, learned from `AddLeg`.
    places: Mutex<HashMap<LegId, usize>>,
    events: EventQueue<Event>,
    ip: IpAddr,
    pool: SharedPool,
    receive_drops: ReceiveDrops,
}

impl Engine {
    /// Binds the sockets and starts the threads.
    ///
    /// # Errors
    /// [`EngineError::Socket`] when a port is taken, [`EngineError::Config`] for no shard or ports past 65,535.
    pub fn start(config: Config) -> Result<Self, EngineError> {
        config.check()?;
        hook::install();
        let (queue, events, signal) = EventQueue::new(EVENT_QUEUE)?;
        let clock = Clock::start();
        let pool = SharedPool::new(Pool::new(config.lines), clock);
        let receive_drops = ReceiveDrops::start(config.shards)?;
        let shards = (0..config.shards)
            .map(|index| {
                let around = (clock, LineSockets::new(pool.clone()), &receive_drops);
                start_shard(config, index, around, events.clone(), signal.try_clone()?)
            })
            .collect::<Result<Vec<_>, EngineError>>()?;
        Ok(Self {
            shards,
            places: Mutex::new(HashMap::new()),
            events: queue,
            ip: config.ip,
            pool,
            receive_drops,
        })
    }

    /// Where each shard listens.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shards.iter().map(|shard| shard.address).collect()
    }

    /// The shard on which a room lives.
    pub fn shard_of(&self, room: u64) -> usize {
        (room % self.shards.len() as u64) as usize
    }

    /// Opens two ports for a line of a room, and gives the even one, for RTP; the next is for RTCP. They are closed with
    /// the leg that uses them, or by [`close_ports`](Self::close_ports).
    ///
    /// # Errors
    /// [`EngineError::NoPorts`] when none is free, [`EngineError::Socket`] when others have too many of them,
    /// [`EngineError::Busy`] when the queue is full.
    pub fn open_ports(&self, room: u64) -> Result<u16, EngineError> {
        self.open_ports_at(self.ip, room)
    }

    /// The same on this machine's own address, 127.0.0.1, where nobody else can reach them.
    ///
    /// # Errors
    /// As [`open_ports`](Self::open_ports).
    pub fn open_local_ports(&self, room: u64) -> Result<u16, EngineError> {
        self.open_ports_at(IpAddr::V4(Ipv4Addr::LOCALHOST), room)
    }

    fn open_ports_at(&self, ip: IpAddr, room: u64) -> Result<u16, EngineError> {
        let (first, pair) = self.pool.open(ip)?;
        let shard = self.shard_of(room);
        for port in &pair {
            self.receive_drops.watch(shard, port);
        }
        let open = ToShard::OpenPorts(first, Box::new(pair));
        let sent = self.shards[shard].worker.send(open);
        if sent.is_err() {
            self.pool.give_back(first);
        }
        sent.map(|()| first)
    }

    /// Closes two ports that no leg has come to use; of no effect on those that one has.
    ///
    /// # Errors
    /// [`EngineError::Busy`] when the queue is full.
    pub fn close_ports(&self, room: u64, first: u16) -> Result<(), EngineError> {
        let shard = &self.shards[self.shard_of(room)];
        shard.worker.send(ToShard::ClosePorts(first))
    }

    /// Hands a command (MessagePack) to its shard.
    ///
    /// # Errors
    /// [`EngineError::Schema`] for what is not a command, [`EngineError::Busy`] when the queue is full,
    /// [`EngineError::OtherShard`] for a move to another thread. A command for a leg that does not exist is answered with
    /// an event.
    pub fn submit(&self, command: &[u8]) -> Result<(), EngineError> {
        let command: Command = rmp_serde::from_slice(command)?;
        let (subject, removes) = (
            command.subject(),
            matches!(command, Command::RemoveLeg { .. }),
        );
        let mut places = lock(&self.places);
        let shard = match subject {
            // A leg that exists goes to where it is, so that the shard can refuse the second one.
            Subject::NewLeg(leg, room) => {
                places.get(&leg).copied().unwrap_or(self.shard_of(room.0))
            }
            Subject::Room(room) => self.shard_of(room.0),
            Subject::Leg(leg) => places.get(&leg).copied().unwrap_or(0),
        };
        if let Command::MoveLeg { leg, room } = &command {
            let is_elsewhere = |place: &usize| *place != self.shard_of(room.0);
            if places.get(leg).is_some_and(is_elsewhere) {
                return Err(EngineError::OtherShard);
            }
        }
        self.shards[shard]
            .worker
            .send(ToShard::Command(Box::new(command)))?;
        // Only now: a removal that the queue refused will be tried again, and has to find its shard then.
        match subject {
            Subject::NewLeg(leg, _) => places.insert(leg, shard),
            Subject::Leg(leg) if removes => places.remove(&leg),
            Subject::Leg(_) | Subject::Room(_) => None,
        };
        Ok(())
    }

    /// Readable when there are events.
    pub const fn events_fd(&self) -> RawFd {
        self.events.fd()
    }

    /// Takes up to `most` events out, each as MessagePack. A caller that got as many as it asked for asks again at
    /// once: the descriptor speaks up for new events only.
    ///
    /// # Errors
    /// [`EngineError::Encode`] if an event cannot be written, which would be a bug.
    pub fn drain_events(&self, most: usize) -> Result<Vec<Vec<u8>>, EngineError> {
        let taken = self.events.take(most);
        self.forget_gone(&taken);
        encode(&taken)
    }

    /// A leg that was not made, or went with its room, has no place.
    fn forget_gone(&self, events: &[Event]) {
        for event in events {
            match event {
                Event::CommandRefused { command, leg, code }
                    if command == "AddLeg" && *code != Refusal::DuplicateLeg =>
                {
                    lock(&self.places).remove(leg);
                }
                Event::RoomFailed { legs, .. } => {
                    let mut places = lock(&self.places);
                    for leg in legs {
                        places.remove(leg);
                    }
                }
                Event::ShardStopped { shard, .. } => {
                    lock(&self.places).retain(|_, place| *place as u64 != *shard);
                }
                _ => {}
            }
        }
    }

    /// Copies every counter out: five blocks of little-endian u64. Legs, streams, shards and lines have the columns of the
    /// lists. A row of the last, forwarding delays, is a shard's index, how many were impossible, the sum of the
    /// others in microseconds, and the counts of [`Histogram`](engine_core::Histogram).
    ///
    /// # Errors
    /// [`EngineError::TimedOut`] when a shard is stuck, [`EngineError::Stopped`] when the engine has been stopped. A
    /// shard that failed has a row in which only `stopped` is set.
    pub fn snapshot(&self, timeout: Duration) -> Result<[Vec<u8>; 5], EngineError> {
        let mut blocks = [const { Vec::new() }; 5];
        self.receive_drops.read_soon();
        let pending = self
            .shards
            .iter()
            .map(ShardHandle::ask)
            .collect::<Result<Vec<_>, _>>()?;
        for (index, (shard, answer)) in self.shards.iter().zip(pending).enumerate() {
            let snapshot = answer.map(|answer| answer.recv_timeout(timeout));
            let snapshot = match snapshot {
                Some(Ok(snapshot)) => self.with_receive_drops(snapshot, index),
                Some(Err(_)) if !shard.has_failed() => return Err(EngineError::TimedOut),
                _ => of_failed_shard(index),
            };
            write_blocks(&snapshot, &mut blocks);
        }
        Ok(blocks)
    }

    fn with_receive_drops(&self, mut snapshot: Snapshot, shard: usize) -> Snapshot {
        for row in &mut snapshot.shards {
            row.receive_drops = self.receive_drops.of(shard);
        }
        snapshot
    }

    /// Column names of all blocks of a snapshot but the last.
    pub const fn columns() -> [&'static [&'static str]; 4] {
        [
            LegRow::COLUMNS,
            StreamRow::COLUMNS,
            ShardRow::COLUMNS,
            LineRow::COLUMNS,
        ]
    }

    /// Stops the threads and waits for them.
    pub fn stop(&self) {
        self.shards.iter().for_each(|shard| shard.worker.stop());
        self.receive_drops.stop();
    }
}

fn start_shard(
    config: Config,
    index: u16,
    (clock, lines, receive_drops): (Clock, LineSockets, &ReceiveDrops),
    events: SyncSender<Event>,
    signal: EventSignal,
) -> Result<ShardHandle, EngineError> {
    let port = match config.base_port {
        0 => 0,
        base => base + index,
    };
    let socket = Socket::bind(SocketAddr::new(config.ip, port))?;
    let address = socket.ports.shared.inner.local_addr()?;
    receive_drops.watch(usize::from(index), &socket.ports.shared);
    let (inbox, outbox) = sync_channel(COMMAND_QUEUE);
    let mut shard = Shard::new(u64::from(index));
    if config.drills {
        shard.allow_drills();
    }
    let (thread, waker) = ShardThread::new(shard, (socket, clock, lines), outbox, events, signal)?;
    let failed = Arc::new(AtomicBool::new(false));
    let notes = Arc::clone(&failed);
    let thread = std::thread::Builder::new()
        .name(format!("shard-{index}"))
        .spawn(move || thread.run_watched(&notes))?;
    Ok(ShardHandle {
        worker: Worker::new(inbox, waker, Some(thread)),
        address,
        failed,
    })
}

fn of_failed_shard(index: usize) -> Snapshot {
    let row = ShardRow {
        shard: index as u64,
        stopped: 1,
        ..ShardRow::default()
    };
    Snapshot {
        shards: vec![row],
        delays: vec![(index as u64, Delays::default())],
        ..Snapshot::default()
    }
}

fn write_blocks(snapshot: &Snapshot, [legs, streams, shards, lines, delays]: &mut [Vec<u8>; 5]) {
    snapshot.legs.iter().for_each(|row| row.write(legs));
    snapshot.streams.iter().for_each(|row| row.write(streams));
    snapshot.shards.iter().for_each(|row| row.write(shards));
    snapshot.lines.iter().for_each(|row| row.write(lines));
    for (shard, of_shard) in &snapshot.delays {
        of_shard.write(*shard, delays);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
