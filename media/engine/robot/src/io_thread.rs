//! The loop of one thread: commands, packets of every robot's socket, timers, events; and nothing that can block but
//! the wait for them.

use crate::api::{ClientSpec, Command, Event, Refusal};
use crate::clip::Clip;
use crate::fleet::{Change, Fleet};
use crate::stats::Snapshot;
use engine_core::Outbox;
use engine_io::clock::{Clock, Stamps};
use engine_io::events::EventSignal;
use engine_io::socket::{Buffers, Port, Received};
use engine_io::worker::{thread_cpu_micros, Stop};
use mio::{Events, Interest, Poll, Token, Waker};
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::sync::Arc;
use std::time::Duration;

const WAKER: Token = Token(usize::MAX);
/// Sockets that are told to be readable at once.
const READY: usize = 1_024;
/// Sockets that are read before timers get their turn: a millisecond or two of work.
const SOCKETS_A_TURN: usize = 32;
/// Commands before packets get theirs.
const COMMANDS_A_TURN: usize = 64;
const OUTBOX_BYTES: usize = 1 << 20;
/// What comes is looked for so often, instead of being woken by each packet: whoever sends pays for waking, and on one
/// machine that is the bridge, which wakes nobody over a network. Arrival is the kernel's time stamp all the same.
const REST: Duration = Duration::from_millis(1);

/// What a thread is told.
pub(crate) enum ToThread {
    Command(Box<Command>),
    Clip(u64, Result<Arc<Clip>, Refusal>),
    Snapshot(SyncSender<Snapshot>),
    ResetLatency,
    Stop,
}

impl Stop for ToThread {
    fn stop() -> Self {
        Self::Stop
    }
}

pub(crate) struct IoThread {
    fleet: Fleet,
    /// The socket of each robot, at its place.
    ports: Vec<Option<Port>>,
    buffers: Buffers,
    poll: Poll,
    clock: Clock,
    inbox: Receiver<ToThread>,
    events: SyncSender<Event>,
    signal: EventSignal,
    outbox: Outbox,
    /// Places whose sockets may have more.
    unread: Vec<usize>,
    first: bool,
}

impl IoThread {
    pub(crate) fn new(
        (index, seed): (u16, u64),
        clock: Clock,
        (inbox, events, signal): (Receiver<ToThread>, SyncSender<Event>, EventSignal),
    ) -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let thread = Self {
            fleet: Fleet::new(index.into(), seed),
            ports: Vec::new(),
            buffers: Buffers::default(),
            poll,
            clock,
            inbox,
            events,
            signal,
            outbox: Outbox::with_capacity(OUTBOX_BYTES),
            unread: Vec::with_capacity(READY),
            first: index == 0,
        };
        Ok((thread, waker))
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        let mut ready = Events::with_capacity(READY);
        let mut more = false;
        loop {
            let timeout = if more || !self.unread.is_empty() {
                Some(Duration::ZERO)
            } else {
                self.rest()
            };
            if let Err(error) = self.poll.poll(&mut ready, timeout) {
                if error.kind() != io::ErrorKind::Interrupted {
                    return;
                }
            }
            let Some(more_commands) = self.take_commands() else {
                return;
            };
            more = more_commands;
            self.take_packets(&ready);
            self.do_due();
            self.tell();
        }
    }

    /// Waits a moment where there are robots, and says how long to wait for the first to come.
    fn rest(&self) -> Option<Duration> {
        let at = self.fleet.poll_timeout()?;
        let left = Duration::from_micros(at.since(self.clock.now()).0);
        std::thread::sleep(left.min(REST));
        Some(Duration::ZERO)
    }

    /// `None` when told to stop; otherwise whether there may be more.
    fn take_commands(&mut self) -> Option<bool> {
        for _ in 0..COMMANDS_A_TURN {
            match self.inbox.try_recv() {
                Ok(ToThread::Command(command)) => self.carry_out(*command),
                Ok(ToThread::Clip(name, clip)) => self.take_clip(name, clip),
                Ok(ToThread::Snapshot(reply)) => self.answer(&reply),
                Ok(ToThread::ResetLatency) => self.fleet.reset_latency(),
                Ok(ToThread::Stop) | Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => return Some(false),
            }
        }
        Some(true)
    }

    fn take_clip(&mut self, name: u64, clip: Result<Arc<Clip>, Refusal>) {
        let added = clip.and_then(|clip| self.fleet.add_clip(name, clip));
        // Every thread says the same.
        if let Some(code) = added.err().filter(|_| self.first) {
            self.fleet.refuse("AddClip", crate::api::ClientId(0), code);
        }
    }

    fn answer(&mut self, reply: &SyncSender<Snapshot>) {
        let mut snapshot = Snapshot::default();
        self.fleet.row_mut().cpu_us = thread_cpu_micros();
        self.fleet.snapshot(self.clock.now(), &mut snapshot);
        // Whoever asked may have stopped waiting.
        let _ = reply.try_send(snapshot);
    }

    fn carry_out(&mut self, command: Command) {
        let port = match &command {
            Command::AddClient(spec) => match open(spec) {
                Ok(port) => Some(port),
                Err(code) => return self.fleet.refuse("AddClient", spec.client, code),
            },
            _ => None,
        };
        let now = self.clock.now();
        match self.fleet.handle_command(now, command, &mut self.outbox) {
            Change::Added(place) => self.settle(place, port),
            Change::Removed(place) => self.forget(place),
            Change::Touched(place) => self.flush(place),
            Change::None => {}
        }
    }

    fn settle(&mut self, place: usize, port: Option<Port>) {
        let Some(mut port) = port else {
            return;
        };
        let registered =
            self.poll
                .registry()
                .register(&mut port.inner, Token(place), Interest::READABLE);
        if self.ports.len() <= place {
            self.ports.resize_with(place + 1, || None);
        }
        // A socket that cannot be watched hears nothing; its robot's consent runs out.
        self.ports[place] = registered.is_ok().then_some(port);
        self.flush(place);
    }

    fn forget(&mut self, place: usize) {
        if let Some(mut port) = self.ports.get_mut(place).and_then(Option::take) {
            let _ = self.poll.registry().deregister(&mut port.inner);
        }
        self.unread.retain(|unread| *unread != place);
    }

    fn take_packets(&mut self, ready: &Events) {
        let unread = std::mem::take(&mut self.unread);
        let told = ready.iter().map(|event| event.token());
        let told = told.filter(|token| *token != WAKER).map(|token| token.0);
        for (count, place) in unread.iter().copied().chain(told).enumerate() {
            if count % SOCKETS_A_TURN == SOCKETS_A_TURN - 1 {
                self.do_due();
            }
            self.receive(place);
        }
    }

    fn receive(&mut self, place: usize) {
        let Some(port) = self.ports.get(place).and_then(Option::as_ref) else {
            return;
        };
        let (fleet, outbox, clock) = (&mut self.fleet, &mut self.outbox, &self.clock);
        let mut stamps: Option<Stamps> = None;
        let received = self.buffers.receive(port, |stamp, from, data| {
            let stamps = stamps.get_or_insert_with(|| clock.stamps());
            let at = stamps.arrival(stamp);
            fleet.handle_datagram(stamps.now, place, (at, from, data), outbox);
        });
        fleet.row_mut().receives += 1;
        if received == Received::More && !self.unread.contains(&place) {
            self.unread.push(place);
        }
        self.flush(place);
    }

    /// Each robot's own moment is taken just before it sends: marks say when.
    fn do_due(&mut self) {
        let until = self.clock.now();
        while let Some(place) = self.fleet.poll_due(until) {
            let now = self.clock.now();
            self.fleet.handle_timeout(now, place, &mut self.outbox);
            self.flush(place);
        }
    }

    fn flush(&mut self, place: usize) {
        if self.outbox.is_empty() {
            return;
        }
        if let Some(port) = self.ports.get(place).and_then(Option::as_ref) {
            let sent = port.send(&self.outbox);
            let row = self.fleet.row_mut();
            row.datagrams_out += sent.datagrams;
            row.sends += sent.sends;
            row.send_drops += sent.drops;
            if sent.drops > 0 {
                self.fleet.count_drops(place, sent.drops);
            }
        }
        self.outbox.clear();
    }

    fn tell(&mut self) {
        let mut any = false;
        while let Some(event) = self.fleet.poll_event() {
            any = true;
            if self.events.try_send(event).is_err() {
                self.fleet.row_mut().event_drops += 1;
            }
        }
        if any {
            self.signal.raise();
        }
    }
}

fn open(spec: &ClientSpec) -> Result<Port, Refusal> {
    let (_, bind) = spec.addresses()?;
    Port::bind(bind).map_err(|_| Refusal::Socket)
}
