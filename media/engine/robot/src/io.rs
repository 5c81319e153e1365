//! Robots on threads, as their driver sees them: bytes in, bytes out.

use crate::api::{Command, Event, Refusal};
use crate::clip::Clip;
use crate::io_thread::{IoThread, ToThread};
use crate::stats::{ClientRow, ReceiverRow, SenderRow, Snapshot, ThreadRow};
use engine_core::histogram::Histogram;
use engine_io::clock::Clock;
use engine_io::events::{encode, EventQueue};
use engine_io::worker::Worker;
use engine_io::EngineError;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::RawFd;
use std::sync::mpsc::sync_channel;
use std::sync::Arc;
use std::time::Duration;

/// Commands that may wait for one thread; a join is about five.
const COMMAND_QUEUE: usize = 65_536;
/// Events that may wait for the driver. DTLS datagrams are most of them, and those are sent again when lost.
const EVENT_QUEUE: usize = 65_536;

/// Running threads. Dropping it stops them.
pub struct Robots {
    threads: Vec<Worker<ToThread>>,
    events: EventQueue<Event>,
}

impl Robots {
    /// Starts that many threads. A robot lives on the one that its id gives, modulo their number.
    ///
    /// # Errors
    /// [`EngineError::Config`] for none, [`EngineError::Socket`] when the system has no descriptor left.
    pub fn start(threads: u16) -> Result<Self, EngineError> {
        if threads == 0 {
            return Err(EngineError::Config);
        }
        let (queue, events, signal) = EventQueue::new(EVENT_QUEUE)?;
        let clock = Clock::start();
        let start = |index: u16| {
            let (inbox, outbox) = sync_channel(COMMAND_QUEUE);
            let ends = (outbox, events.clone(), signal.try_clone()?);
            // The standard library's source of chance: different for each process and thread.
            let seed = RandomState::new().build_hasher().finish();
            let (thread, waker) = IoThread::new((index, seed), clock, ends)?;
            let thread = std::thread::Builder::new()
                .name(format!("robots-{index}"))
                .spawn(move || thread.run())?;
            Ok(Worker::new(inbox, waker, Some(thread)))
        };
        Ok(Self {
            threads: (0..threads)
                .map(start)
                .collect::<Result<_, EngineError>>()?,
            events: queue,
        })
    }

    /// Hands a command (MessagePack) to the thread that it is for, a clip to all of them.
    ///
    /// # Errors
    /// [`EngineError::Schema`] for what is not a command, [`EngineError::Busy`] when a queue is full. What cannot be
    /// carried out is answered with an event.
    pub fn submit(&self, command: &[u8]) -> Result<(), EngineError> {
        match rmp_serde::from_slice(command)? {
            Command::AddClip {
                clip,
                codec,
                clock_rate,
                frames,
            } => {
                let ready = Clip::new(codec, clock_rate, &frames).map(Arc::new);
                self.share(clip, &ready)
            }
            command => {
                let (_, client) = command.subject();
                let at = (client.0 % self.threads.len() as u64) as usize;
                self.threads[at].send(ToThread::Command(Box::new(command)))
            }
        }
    }

    fn share(&self, clip: u64, ready: &Result<Arc<Clip>, Refusal>) -> Result<(), EngineError> {
        for thread in &self.threads {
            thread.send(ToThread::Clip(clip, ready.clone()))?;
        }
        Ok(())
    }

    /// Readable when there are events.
    pub const fn events_fd(&self) -> RawFd {
        self.events.fd()
    }

    /// Takes up to `most` events out, each as MessagePack; see [`EventQueue::take`].
    ///
    /// # Errors
    /// [`EngineError::Encode`] if an event cannot be written, which would be a bug.
    pub fn drain_events(&self, most: usize) -> Result<Vec<Vec<u8>>, EngineError> {
        encode(&self.events.take(most))
    }

    /// Copies every counter out: five blocks of little-endian u64 (robots, senders, receivers, threads; the counts of
    /// both latency histograms, sound first). The column lists are in [`Self::columns`].
    ///
    /// # Errors
    /// [`EngineError::TimedOut`] when a thread is stuck, [`EngineError::Stopped`] when it has ended.
    pub fn snapshot(&self, timeout: Duration) -> Result<[Vec<u8>; 5], EngineError> {
        let ask = |thread: &Worker<ToThread>| {
            let (reply, answer) = sync_channel(1);
            thread.send(ToThread::Snapshot(reply)).map(|()| answer)
        };
        let answers: Vec<_> = self.threads.iter().map(ask).collect::<Result<_, _>>()?;
        let mut whole = Snapshot::default();
        for answer in answers {
            let part = answer.recv_timeout(timeout);
            whole.add(part.map_err(|_| EngineError::TimedOut)?);
        }
        Ok(whole.to_blocks())
    }

    /// Forgets the latencies that were measured.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub fn reset_latency(&self) -> Result<(), EngineError> {
        let mut threads = self.threads.iter();
        threads.try_for_each(|thread| thread.send(ToThread::ResetLatency))
    }

    /// Column names of the first four blocks of a snapshot.
    pub const fn columns() -> [&'static [&'static str]; 4] {
        [
            ClientRow::COLUMNS,
            SenderRow::COLUMNS,
            ReceiverRow::COLUMNS,
            ThreadRow::COLUMNS,
        ]
    }

    /// The largest duration in microseconds that each bucket of a latency histogram takes.
    pub fn latency_bounds() -> Vec<u64> {
        Histogram::bounds()
    }

    /// Stops the threads and waits for them.
    pub fn stop(&self) {
        self.threads.iter().for_each(Worker::stop);
    }
}

impl Snapshot {
    fn add(&mut self, part: Self) {
        self.clients.extend(part.clients);
        self.senders.extend(part.senders);
        self.receivers.extend(part.receivers);
        self.threads.extend(part.threads);
        self.latency.merge(&part.latency);
    }

    fn to_blocks(&self) -> [Vec<u8>; 5] {
        let mut blocks: [Vec<u8>; 5] = Default::default();
        let [clients, senders, receivers, threads, latency] = &mut blocks;
        self.clients.iter().for_each(|row| row.write(clients));
        self.senders.iter().for_each(|row| row.write(senders));
        self.receivers.iter().for_each(|row| row.write(receivers));
        self.threads.iter().for_each(|row| row.write(threads));
        let histograms = [&self.latency.audio, &self.latency.video];
        let counts = histograms.into_iter().flat_map(Histogram::counts);
        counts.for_each(|count| latency.extend_from_slice(&count.to_le_bytes()));
        blocks
    }
}
