//! The engine as its control plane sees it.

use crate::clock::Clock;
use crate::events::{encode, EventQueue, EventSignal};
use crate::shard_thread::{ShardThread, ToShard};
use crate::socket::Socket;
use crate::worker::Worker;
use engine_core::api::{LegId, Refusal, Subject};
use engine_core::stats::{LegRow, ShardRow, Snapshot, StreamRow};
use engine_core::{Command, Event};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::sync::mpsc::{sync_channel, SyncSender};
use std::sync::{Mutex, MutexGuard, PoisonError};
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
    #[error("at least one thread is needed, and a port for each shard")]
    Config,
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
}

struct ShardHandle {
    worker: Worker<ToShard>,
    address: SocketAddr,
}

/// Running shards. Dropping it stops them.
pub struct Engine {
    shards: Vec<ShardHandle>,
    /// Which shard a leg lives on, learned from `AddLeg`.
    places: Mutex<HashMap<LegId, usize>>,
    events: EventQueue<Event>,
}

impl Engine {
    /// Binds the sockets and starts the threads.
    ///
    /// # Errors
    /// [`EngineError::Socket`] when a port is taken, [`EngineError::Config`] for no shard or ports past 65,535.
    pub fn start(config: Config) -> Result<Self, EngineError> {
        let past_last = u32::from(config.base_port) + u32::from(config.shards);
        if config.shards == 0 || past_last > u32::from(u16::MAX) + 1 {
            return Err(EngineError::Config);
        }
        let (queue, events, signal) = EventQueue::new(EVENT_QUEUE)?;
        let clock = Clock::start();
        let shards = (0..config.shards)
            .map(|index| start_shard(config, index, clock, events.clone(), signal.try_clone()?))
            .collect::<Result<Vec<_>, EngineError>>()?;
        Ok(Self {
            shards,
            places: Mutex::new(HashMap::new()),
            events: queue,
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

    /// Hands a command (MessagePack) to its shard.
    ///
    /// # Errors
    /// [`EngineError::Schema`] for what is not a command, [`EngineError::Busy`] when the queue is full. A command for
    /// a leg that does not exist is answered with an event.
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
        self.forget_refused(&taken);
        encode(&taken)
    }

    /// A leg that was not made has no place.
    fn forget_refused(&self, events: &[Event]) {
        for event in events {
            if let Event::CommandRefused { command, leg, code } = event {
                if command == "AddLeg" && *code != Refusal::DuplicateLeg {
                    lock(&self.places).remove(leg);
                }
            }
        }
    }

    /// Copies every counter out: three blocks of little-endian u64 (legs, streams, shards); see the column lists.
    ///
    /// # Errors
    /// [`EngineError::TimedOut`] when a shard is stuck, [`EngineError::Stopped`] when it has ended.
    pub fn snapshot(&self, timeout: Duration) -> Result<[Vec<u8>; 3], EngineError> {
        let mut blocks = [Vec::new(), Vec::new(), Vec::new()];
        let pending = self
            .shards
            .iter()
            .map(|shard| {
                let (reply, answer) = sync_channel(1);
                shard.worker.send(ToShard::Snapshot(reply)).map(|()| answer)
            })
            .collect::<Result<Vec<_>, _>>()?;
        for answer in pending {
            let snapshot = answer
                .recv_timeout(timeout)
                .map_err(|_| EngineError::TimedOut)?;
            write_blocks(&snapshot, &mut blocks);
        }
        Ok(blocks)
    }

    /// Column names of the three blocks of a snapshot.
    pub const fn columns() -> [&'static [&'static str]; 3] {
        [LegRow::COLUMNS, StreamRow::COLUMNS, ShardRow::COLUMNS]
    }

    /// Stops the threads and waits for them.
    pub fn stop(&self) {
        self.shards.iter().for_each(|shard| shard.worker.stop());
    }
}

fn start_shard(
    config: Config,
    index: u16,
    clock: Clock,
    events: SyncSender<Event>,
    signal: EventSignal,
) -> Result<ShardHandle, EngineError> {
    let port = match config.base_port {
        0 => 0,
        base => base + index,
    };
    let socket = Socket::bind(SocketAddr::new(config.ip, port))?;
    let address = socket.port.inner.local_addr()?;
    let (inbox, outbox) = sync_channel(COMMAND_QUEUE);
    let (thread, waker) =
        ShardThread::new(u64::from(index), (socket, clock), outbox, events, signal)?;
    let thread = std::thread::Builder::new()
        .name(format!("shard-{index}"))
        .spawn(move || thread.run())?;
    Ok(ShardHandle {
        worker: Worker::new(inbox, waker, Some(thread)),
        address,
    })
}

fn write_blocks(snapshot: &Snapshot, [legs, streams, shards]: &mut [Vec<u8>; 3]) {
    snapshot.legs.iter().for_each(|row| row.write(legs));
    snapshot.streams.iter().for_each(|row| row.write(streams));
    snapshot.shards.iter().for_each(|row| row.write(shards));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
