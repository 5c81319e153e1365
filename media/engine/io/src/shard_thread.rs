//! The loop of one shard: commands, packets, timers, events; and nothing that can block but the wait for them.

use crate::clock::Clock;
use crate::events::EventSignal;
use crate::hook;
use crate::line_ports::LineSockets;
use crate::socket::{Port, Ports, Sent, Socket};
use crate::worker::{thread_cpu_micros, Stop};
use engine_core::stats::{ShardRow, Snapshot};
use engine_core::{Command, Event, Micros, Outbox, Shard};
use mio::{Events, Interest, Poll, Token, Waker};
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::time::Duration;

const SOCKET: Token = Token(0);
pub(crate) const WAKER: Token = Token(1);
/// Receives before commands and timers get their turn.
const RECEIVES_A_TURN: usize = 8;
/// Ports that may be ready at once; others get the next turn.
const READY_A_TURN: usize = 64;
/// Commands before packets get theirs.
const COMMANDS_A_TURN: usize = 64;
const OUTBOX_BYTES: usize = 4 << 20;

/// What a shard's thread is told.
pub(crate) enum ToShard {
    Command(Box<Command>),
    Snapshot(SyncSender<Snapshot>),
    OpenPorts(u16, Box<[Port; 2]>),
    ClosePorts(u16),
    Stop,
}

impl Stop for ToShard {
    fn stop() -> Self {
        Self::Stop
    }
}

/// Why a shard's loop came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Told,
    PollFailed,
}

pub(crate) struct ShardThread {
    pub(crate) shard: Shard,
    pub(crate) socket: Socket,
    pub(crate) poll: Poll,
    pub(crate) clock: Clock,
    pub(crate) inbox: Receiver<ToShard>,
    pub(crate) events: SyncSender<Event>,
    pub(crate) signal: EventSignal,
    pub(crate) lines: LineSockets,
    outbox: Outbox,
}

impl ShardThread {
    pub(crate) fn new(
        mut shard: Shard,
        (mut socket, clock, lines): (Socket, Clock, LineSockets),
        inbox: Receiver<ToShard>,
        events: SyncSender<Event>,
        signal: EventSignal,
    ) -> io::Result<(Self, Waker)> {
        shard.set_locate(hook::place);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut socket.ports.shared.inner, SOCKET, Interest::READABLE)?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let thread = Self {
            shard,
            socket,
            poll,
            clock,
            inbox,
            events,
            signal,
            lines,
            outbox: Outbox::with_capacity(OUTBOX_BYTES),
        };
        Ok((thread, waker))
    }

    /// Runs until told to stop. An end for any other reason, be it a panic, is noted in `failed` and told.
    pub(crate) fn run_watched(mut self, failed: &AtomicBool) {
        hook::watch_this_thread();
        let ended = catch_unwind(AssertUnwindSafe(|| self.run()));
        if ended.is_ok_and(|why| why == End::Told) {
            return;
        }
        failed.store(true, Ordering::Release);
        let (shard, place) = (self.shard.row_mut().shard, hook::place());
        // The flag is what counts: it stays, where an event may find its queue full.
        let _ = self.events.try_send(Event::ShardStopped { shard, place });
        self.signal.raise();
    }

    fn run(&mut self) -> End {
        let mut ready = Events::with_capacity(READY_A_TURN);
        let mut more = false;
        loop {
            let timeout = if more {
                Some(Duration::ZERO)
            } else {
                self.timeout()
            };
            if let Err(error) = self.poll.poll(&mut ready, timeout) {
                if error.kind() != io::ErrorKind::Interrupted {
                    return End::PollFailed;
                }
            }
            self.lines
                .note_ready(ready.iter().map(|event| event.token()));
            let Some(more_commands) = self.take_commands() else {
                return End::Told;
            };
            let more_packets = self.take_packets();
            let now = self.clock.now();
            if !more_packets {
                self.shard.pressure_mut().note_wait(now, Micros(0));
            }
            more = more_packets | more_commands;
            self.shard.handle_timeout(now, &mut self.outbox);
            self.flush();
            self.dispose();
            self.tell();
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let at = self.shard.poll_timeout()?;
        Some(Duration::from_micros(at.since(self.clock.now()).0))
    }

    /// `None` when told to stop; otherwise whether there may be more.
    fn take_commands(&mut self) -> Option<bool> {
        for _ in 0..COMMANDS_A_TURN {
            match self.inbox.try_recv() {
                Ok(ToShard::Command(command)) => {
                    let now = self.clock.now();
                    self.shard.handle_command(now, *command, &mut self.outbox);
                }
                Ok(ToShard::Snapshot(reply)) => {
                    let mut snapshot = Snapshot::default();
                    self.shard.row_mut().cpu_us = thread_cpu_micros();
                    self.shard.snapshot(&mut snapshot);
                    // Whoever asked may have stopped waiting.
                    let _ = reply.try_send(snapshot);
                }
                Ok(ToShard::OpenPorts(first, pair)) => self.open_ports(first, *pair),
                Ok(ToShard::ClosePorts(first)) => self.close_unused(first),
                Ok(ToShard::Stop) | Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {
                    self.flush();
                    return Some(false);
                }
            }
        }
        self.flush();
        Some(true)
    }

    /// True when a socket may have more.
    fn take_packets(&mut self) -> bool {
        let mut more = self.take_from(0);
        for _ in 0..self.lines.ready() {
            if let Some(port) = self.lines.next_ready() {
                if self.take_from(port) {
                    self.lines.come_again(port);
                    more = true;
                }
            }
        }
        more
    }

    fn take_from(&mut self, port: u16) -> bool {
        for _ in 0..RECEIVES_A_TURN {
            let (shard, outbox, clock) = (&mut self.shard, &mut self.outbox, &self.clock);
            let more = self.socket.receive(port, |ports, batch, stamps| {
                let now = clock.now();
                match port {
                    0 => shard.handle_batch(now, batch, outbox),
                    port => shard.handle_batch_on(now, port, batch, outbox),
                }
                flush(shard, ports, outbox);
                measure(now, shard, stamps);
            });
            if !more {
                return false;
            }
        }
        true
    }

    fn flush(&mut self) {
        flush(&mut self.shard, &self.socket.ports, &mut self.outbox);
    }

    fn tell(&mut self) {
        let mut any = false;
        while let Some(event) = self.shard.poll_event() {
            any = true;
            if self.events.try_send(event).is_err() {
                self.shard.row_mut().event_drops += 1;
            }
        }
        if any {
            self.signal.raise();
        }
    }
}

fn flush(shard: &mut Shard, ports: &Ports, outbox: &mut Outbox) {
    if outbox.is_empty() {
        return;
    }
    count(shard.row_mut(), ports.send(outbox));
    outbox.clear();
}

/// Enters how long those of a batch took that were forwarded, all of whose copies have been sent now.
fn measure(now: Micros, shard: &mut Shard, stamps: &[u64]) {
    if shard.forwarded().is_empty() {
        return;
    }
    let sent = Clock::system_now();
    // Datagrams that the kernel joined have one stamp, and are neighbours here.
    let (mut stamp, mut datagrams) = (0, 0);
    for at in 0..shard.forwarded().len() {
        let next = stamps[shard.forwarded()[at] as usize];
        if next != stamp {
            shard.delays_mut().record(stamp, sent, datagrams);
            (stamp, datagrams) = (next, 0);
        }
        datagrams += 1;
    }
    shard.delays_mut().record(stamp, sent, datagrams);
    // Wrong where the clock was set meanwhile, until nothing waits.
    let waited = sent.saturating_sub(stamp);
    shard.pressure_mut().note_wait(now, Micros(waited));
}

fn count(row: &mut ShardRow, sent: Sent) {
    row.datagrams_out += sent.datagrams;
    row.sends += sent.sends;
    row.send_drops += sent.drops;
}
