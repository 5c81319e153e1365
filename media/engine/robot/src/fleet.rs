//! The robots of one thread: where each is, and which is to be looked after next.

use crate::api::{ClientId, Event};
use crate::client::{Client, Context, Scratch};
use crate::clip::Clip;
use crate::stats::{Latency, SenderRow, Snapshot, ThreadRow};
use engine_core::random::Random;
use engine_core::{Micros, Outbox};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

/// What a command changed for whoever keeps the sockets: robots have places, which are given out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A robot has this place now.
    Added(usize),
    /// The robot of this place is gone.
    Removed(usize),
    /// The robot of this place may have something to send.
    Touched(usize),
    /// Nothing.
    None,
}

/// The state machine of one thread. See the crate's text for what goes in and what comes out.
pub struct Fleet {
    pub(crate) clips: FxHashMap<u64, Arc<Clip>>,
    pub(crate) clients: Vec<Option<Box<Client>>>,
    pub(crate) free: Vec<usize>,
    pub(crate) by_id: FxHashMap<ClientId, usize>,
    wakes: BinaryHeap<Reverse<(Micros, usize)>>,
    pub(crate) events: VecDeque<Event>,
    pub(crate) row: ThreadRow,
    pub(crate) random: Random,
    latency: Latency,
    scratch: Scratch,
}

impl Fleet {
    /// No robots yet. The same seed and calls give the same bytes.
    pub fn new(index: u64, seed: u64) -> Self {
        Self {
            clips: FxHashMap::default(),
            clients: Vec::new(),
            free: Vec::new(),
            by_id: FxHashMap::default(),
            wakes: BinaryHeap::new(),
            events: VecDeque::new(),
            row: ThreadRow {
                thread: index,
                ..ThreadRow::default()
            },
            random: Random::new(seed),
            latency: Latency::default(),
            scratch: Scratch::default(),
        }
    }

    /// Takes in a datagram for the robot of this place. `at` is when it arrived, which may be before `now`.
    pub fn handle_datagram(
        &mut self,
        now: Micros,
        place: usize,
        (at, from, data): (Micros, SocketAddr, &mut [u8]),
        out: &mut Outbox,
    ) {
        self.row.datagrams_in += 1;
        self.row.bytes_in += data.len() as u64;
        self.with_client(now, place, out, |client, cx| {
            client.handle_datagram(cx, at, from, data);
            client.next_at()
        });
    }

    /// The place of a robot that is to be looked after now, if there is one.
    pub fn poll_due(&mut self, now: Micros) -> Option<usize> {
        while let Some(Reverse((at, place))) = self.wakes.peek().copied() {
            if at > now {
                break;
            }
            self.wakes.pop();
            // An entry that the robot no longer goes by was overtaken by an earlier one.
            if self.client(place).is_some_and(|client| client.wake == at) {
                self.row.late_us_max = self.row.late_us_max.max(now.since(at).0);
                return Some(place);
            }
        }
        None
    }

    /// Does what is due at one robot: media, checks, reports, requests.
    pub fn handle_timeout(&mut self, now: Micros, place: usize, out: &mut Outbox) {
        if let Some(client) = self.client_mut(place) {
            client.wake = Micros(u64::MAX);
        }
        self.with_client(now, place, out, Client::handle_timeout);
    }

    /// Calls `work` with a robot and what it needs; the time that comes back is when to look after it.
    pub(crate) fn with_client(
        &mut self,
        now: Micros,
        place: usize,
        out: &mut Outbox,
        work: impl FnOnce(&mut Client, &mut Context<'_>) -> Micros,
    ) {
        let Some(client) = self.clients.get_mut(place).and_then(Option::as_deref_mut) else {
            return;
        };
        let mut cx = Context {
            now,
            out,
            events: &mut self.events,
            latency: &mut self.latency,
            scratch: &mut self.scratch,
        };
        let at = work(client, &mut cx);
        if at < client.wake {
            client.wake = at;
            self.wakes.push(Reverse((at, place)));
        }
    }

    /// When to call [`poll_due`](Self::poll_due) next.
    pub fn poll_timeout(&self) -> Option<Micros> {
        self.wakes.peek().map(|Reverse((at, _))| *at)
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Counters of the IO around the fleet, added to its own.
    pub fn row_mut(&mut self) -> &mut ThreadRow {
        &mut self.row
    }

    /// The socket of this place did not take that many datagrams.
    pub fn count_drops(&mut self, place: usize, drops: u64) {
        if let Some(client) = self.client_mut(place) {
            let at = client.last_sender;
            if let Some(sender) = client.senders.get_mut(at) {
                sender.row.send_drops += drops;
            }
        }
    }

    /// Forgets the latencies that were measured.
    pub fn reset_latency(&mut self) {
        self.latency.clear();
    }

    /// Copies every counter out.
    pub fn snapshot(&self, now: Micros, into: &mut Snapshot) {
        for client in self.clients.iter().flatten() {
            let id = client.id.0;
            into.clients.push(client.snapshot());
            let senders = client.senders.iter().map(|sender| SenderRow {
                client: id,
                ..sender.row
            });
            into.senders.extend(senders);
            let receivers = client.receivers.iter();
            into.receivers.extend(receivers.map(|receiver| {
                let mut row = receiver.snapshot(now);
                row.client = id;
                row
            }));
        }
        into.threads.push(ThreadRow {
            clients: self.by_id.len() as u64,
            ..self.row
        });
        into.latency.merge(&self.latency);
    }

    pub(crate) fn client(&self, place: usize) -> Option<&Client> {
        self.clients.get(place)?.as_deref()
    }

    pub(crate) fn client_mut(&mut self, place: usize) -> Option<&mut Client> {
        self.clients.get_mut(place)?.as_deref_mut()
    }
}
