//! The engine as its control plane sees it.

use crate::clock::Clock;
use crate::hook;
use crate::shard_thread::{EventSignal, ShardThread, ToShard};
use crate::socket::Socket;
use engine_core::api::{LegId, Refusal, Subject};
use engine_core::stats::{Delays, LegRow, ShardRow, Snapshot, StreamRow};
use engine_core::{Command, Event, Shard};
use mio::Waker;
use std::collections::HashMap;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
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
    #[error("the shard's queue is full")]
    Busy,
    #[error("the shard has stopped")]
    Stopped,
    #[error("the shard did not answer in time")]
    TimedOut,
    #[error("at least one shard is needed, and a port for each")]
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
    /// Takes `Command::Panic`, so that the shipped build can be tested.
    pub drills: bool,
}

struct ShardHandle {
    inbox: SyncSender<ToShard>,
    waker: Waker,
    address: SocketAddr,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The thread has ended without being told to.
    failed: Arc<AtomicBool>,
}

impl ShardHandle {
    /// Asks for the counters; `None` when the thread has failed and has none any more.
    fn ask(&self) -> Result<Option<Receiver<Snapshot>>, EngineError> {
        let (reply, answer) = sync_channel(1);
        match self.send(ToShard::Snapshot(reply)) {
            Ok(()) => Ok(Some(answer)),
            Err(EngineError::Stopped) if self.has_failed() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    fn send(&self, message: ToShard) -> Result<(), EngineError> {
        self.inbox.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => EngineError::Busy,
            TrySendError::Disconnected(_) => EngineError::Stopped,
        })?;
        self.waker.wake().map_err(EngineError::Socket)
    }

    fn stop(&self) {
        while matches!(self.send(ToShard::Stop), Err(EngineError::Busy)) {
            std::thread::yield_now();
        }
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for ShardHandle {
    fn drop(&mut self) {
        self.stop();
    }
}

struct EventReader {
    queue: Receiver<Event>,
    stream: UnixStream,
}

/// Running shards. Dropping it stops them.
pub struct Engine {
    shards: Vec<ShardHandle>,
    /// Which shard a leg lives on, learned from `AddLeg`.
    places: Mutex<HashMap<LegId, usize>>,
    events: Mutex<EventReader>,
    events_fd: RawFd,
    raised: Arc<AtomicBool>,
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
        hook::install();
        let (events, queue) = sync_channel(EVENT_QUEUE);
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        let raised = Arc::new(AtomicBool::new(false));
        let clock = Clock::start();
        let shards = (0..config.shards)
            .map(|index| {
                let signal = EventSignal {
                    stream: writer.try_clone()?,
                    raised: Arc::clone(&raised),
                };
                start_shard(config, index, clock, events.clone(), signal)
            })
            .collect::<Result<Vec<_>, EngineError>>()?;
        Ok(Self {
            shards,
            places: Mutex::new(HashMap::new()),
            events_fd: reader.as_raw_fd(),
            events: Mutex::new(EventReader {
                queue,
                stream: reader,
            }),
            raised,
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
        self.shards[shard].send(ToShard::Command(Box::new(command)))?;
        // Only now: a removal that the queue refused will be tried again, and has to find its shard then.
        match subject {
            Subject::NewLeg(leg, _) => places.insert(leg, shard),
            Subject::Leg(leg) if removes => places.remove(&leg),
            Subject::Leg(_) | Subject::Room(_) => None,
        };
        Ok(())
    }

    /// Readable when there are events.
    pub fn events_fd(&self) -> RawFd {
        self.events_fd
    }

    /// Takes up to `most` events out, each as MessagePack. A caller that got as many as it asked for asks again at
    /// once: the descriptor speaks up for new events only.
    ///
    /// # Errors
    /// [`EngineError::Encode`] if an event cannot be written, which would be a bug.
    pub fn drain_events(&self, most: usize) -> Result<Vec<Vec<u8>>, EngineError> {
        let mut reader = lock(&self.events);
        let mut sink = [0; 64];
        while matches!(reader.stream.read(&mut sink), Ok(1..)) {}
        // Lowered before the queue is read: an event that comes in between raises it again.
        self.raised.store(false, Ordering::Release);
        let taken: Vec<Event> = reader.queue.try_iter().take(most).collect();
        self.forget_gone(&taken);
        let encode = |event: &Event| rmp_serde::to_vec_named(event).map_err(EngineError::from);
        taken.iter().map(encode).collect()
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

    /// Copies every counter out: four blocks of little-endian u64. Legs, streams and shards have the columns of the
    /// lists. A row of the fourth, forwarding delays, is a shard's index, how many were impossible, the sum of the
    /// others in microseconds, and the counts of [`Histogram`](engine_core::Histogram).
    ///
    /// # Errors
    /// [`EngineError::TimedOut`] when a shard is stuck, [`EngineError::Stopped`] when the engine has been stopped. A
    /// shard that failed has a row in which only `stopped` is set.
    pub fn snapshot(&self, timeout: Duration) -> Result<[Vec<u8>; 4], EngineError> {
        let mut blocks = [const { Vec::new() }; 4];
        let pending = self
            .shards
            .iter()
            .map(ShardHandle::ask)
            .collect::<Result<Vec<_>, _>>()?;
        for (index, (shard, answer)) in self.shards.iter().zip(pending).enumerate() {
            let snapshot = answer.map(|answer| answer.recv_timeout(timeout));
            let snapshot = match snapshot {
                Some(Ok(snapshot)) => snapshot,
                Some(Err(_)) if !shard.has_failed() => return Err(EngineError::TimedOut),
                _ => of_failed_shard(index),
            };
            write_blocks(&snapshot, &mut blocks);
        }
        Ok(blocks)
    }

    /// Column names of the first three blocks of a snapshot.
    pub const fn columns() -> [&'static [&'static str]; 3] {
        [LegRow::COLUMNS, StreamRow::COLUMNS, ShardRow::COLUMNS]
    }

    /// Stops the threads and waits for them.
    pub fn stop(&self) {
        self.shards.iter().for_each(ShardHandle::stop);
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
    let mut shard = Shard::new(u64::from(index));
    if config.drills {
        shard.allow_drills();
    }
    let (thread, waker) = ShardThread::new(shard, (socket, clock), outbox, events, signal)?;
    let failed = Arc::new(AtomicBool::new(false));
    let notes = Arc::clone(&failed);
    let thread = std::thread::Builder::new()
        .name(format!("shard-{index}"))
        .spawn(move || thread.run_watched(&notes))?;
    Ok(ShardHandle {
        inbox,
        waker,
        address,
        thread: Mutex::new(Some(thread)),
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

fn write_blocks(snapshot: &Snapshot, [legs, streams, shards, delays]: &mut [Vec<u8>; 4]) {
    snapshot.legs.iter().for_each(|row| row.write(legs));
    snapshot.streams.iter().for_each(|row| row.write(streams));
    snapshot.shards.iter().for_each(|row| row.write(shards));
    for (shard, of_shard) in &snapshot.delays {
        of_shard.write(*shard, delays);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Poll, Token};

    /// A full queue and a thread that has ended are told apart, and neither blocks.
    #[test]
    fn a_full_queue_refuses_and_an_ended_thread_says_so() {
        let poll = Poll::new().unwrap();
        let (inbox, outbox) = sync_channel(1);
        let handle = ShardHandle {
            inbox,
            waker: Waker::new(poll.registry(), Token(0)).unwrap(),
            address: SocketAddr::from(([127, 0, 0, 1], 1)),
            thread: Mutex::new(None),
            failed: Arc::default(),
        };
        let (reply, _answer) = sync_channel(1);
        assert!(handle.send(ToShard::Snapshot(reply)).is_ok());
        assert_eq!(handle.send(ToShard::Stop).unwrap_err().code(), "busy");
        drop(outbox);
        assert_eq!(handle.send(ToShard::Stop).unwrap_err().code(), "stopped");
    }
}
