//! Every leg of the rooms that live on one thread: who they are, where their packets come from, and when to look
//! after them. What is done with a datagram stands in `ingress` and `forward`, RTCP in `reports`, commands in
//! `control`.

use crate::api::{Event, LegId, RoomId};
use crate::contain::{Armed, Locate};
use crate::leg::Leg;
use crate::line::Side;
use crate::outbox::Outbox;
use crate::pieces::Spare;
use crate::pressure::Pressure;
use crate::ready::Ready;
use crate::speaker::Speakers;
use crate::stats::{Delays, ShardRow, Snapshot};
use crate::time::Micros;
use engine_wire::demux::{classify, Class};
use engine_wire::rtcp::ReportBlock;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;

/// Room for entries of the timer that is always kept.
const WAKES_KEPT: usize = 128;

/// A datagram as it came from the socket; it is decrypted where it lies.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Sender.
    pub from: SocketAddr,
    /// UDP payload.
    pub data: &'a mut [u8],
}

/// The legs of one room, and who speaks there.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) legs: Vec<u32>,
    pub(crate) speakers: Speakers,
}

/// Buffers that are filled and emptied with every batch.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) ready: Vec<Ready>,
    pub(crate) forwarded: Vec<u32>,
    pub(crate) rtcp: Vec<u8>,
    pub(crate) blocks: Vec<ReportBlock>,
    pub(crate) reply: Vec<u8>,
    pub(crate) lost: Vec<u16>,
    pub(crate) again: Vec<(usize, u16)>,
}

/// The state machine of one thread. See the crate's text for what goes in and what comes out.
#[derive(Default)]
pub struct Shard {
    /// A leg is boxed so that an empty place costs a word, and taking one out to work on two is a move of a pointer.
    pub(crate) legs: Vec<Option<Box<Leg>>>,
    pub(crate) free: Vec<u32>,
    pub(crate) by_id: FxHashMap<LegId, u32>,
    /// Keyed by what strangers send, hence a hash that they cannot aim at.
    pub(crate) by_ufrag: HashMap<String, u32>,
    /// Holds only addresses that proved a password, so that a fast hash is safe.
    pub(crate) by_address: FxHashMap<SocketAddr, u32>,
    /// Where the lines of each leg that has them are, in their order.
    pub(crate) lines: FxHashMap<LegId, Vec<u32>>,
    /// Which line has a port.
    pub(crate) by_port: FxHashMap<u16, (u32, Side)>,
    pub(crate) freed_ports: Vec<u16>,
    pub(crate) rooms: FxHashMap<RoomId, Room>,
    pub(crate) wakes: BinaryHeap<Reverse<(Micros, u32)>>,
    pub(crate) events: VecDeque<Event>,
    pub(crate) row: ShardRow,
    pub(crate) delays: Delays,
    pub(crate) scratch: Scratch,
    pub(crate) pressure: Pressure,
    /// What caches are made of.
    pub(crate) spare: Spare,
    /// For whom the present unit of work is, once that is known.
    pub(crate) at_work: Option<RoomId>,
    pub(crate) drills: bool,
    pub(crate) armed: Armed,
    pub(crate) locate: Option<Locate>,
}

impl Shard {
    /// An empty shard.
    pub fn new(index: u64) -> Self {
        Self {
            row: ShardRow {
                shard: index,
                ..ShardRow::default()
            },
            ..Self::default()
        }
    }

    /// Takes a batch of datagrams in and writes what follows from it into `out`.
    pub fn handle_batch(&mut self, now: Micros, batch: &mut [Datagram<'_>], out: &mut Outbox) {
        self.touch_senders(batch);
        for (at, datagram) in batch.iter_mut().enumerate() {
            self.row.datagrams_in += 1;
            self.row.bytes_in += datagram.data.len() as u64;
            self.guarded(out, |shard, out| match classify(datagram.data) {
                Class::Rtp => shard.handle_rtp(now, at, datagram, out),
                Class::Rtcp => shard.handle_rtcp(now, datagram, out),
                Class::Stun => shard.handle_stun(now, datagram, out),
                Class::Dtls => shard.handle_dtls(now, datagram),
                Class::Unknown => shard.row.unclassified += 1,
            });
        }
        self.forward_ready(now, batch, out);
    }

    /// Positions in the last batch of the datagrams of which at least one slot was sent a copy.
    pub fn forwarded(&self) -> &[u32] {
        &self.scratch.forwarded
    }

    /// The delays that the IO around the shard measures.
    pub fn delays_mut(&mut self) -> &mut Delays {
        &mut self.delays
    }

    /// What the IO around the shard sees of its having kept up.
    pub fn pressure_mut(&mut self) -> &mut Pressure {
        &mut self.pressure
    }

    /// Does what is due: reports, requests, consent.
    pub fn handle_timeout(&mut self, now: Micros, out: &mut Outbox) {
        self.relieve(now, out);
        while let Some(Reverse((at, index))) = self.wakes.peek().copied() {
            if at > now {
                break;
            }
            self.wakes.pop();
            // An entry that the leg no longer goes by was overtaken by an earlier one.
            if self.leg(index).is_some_and(|leg| leg.wake == at) {
                self.guarded(out, |shard, out| shard.look_after(now, index, out));
            }
        }
        // A storm of joins leaves more entries than legs, until they have run out.
        let needed = WAKES_KEPT.max(self.wakes.len());
        if self.wakes.capacity() > 8 * needed {
            self.wakes.shrink_to(2 * needed);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Option<Micros> {
        self.wakes.peek().map(|Reverse((at, _))| *at)
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Counters of the IO around the shard, added to its own.
    pub fn row_mut(&mut self) -> &mut ShardRow {
        &mut self.row
    }

    /// Copies every counter out.
    pub fn snapshot(&self, into: &mut Snapshot) {
        for leg in self.legs.iter().flatten() {
            into.legs.extend(self.leg_row(leg));
            into.lines.extend(leg.line_row());
            let sources = leg.sources.iter().flat_map(|source| &source.encodings);
            let sources = sources.map(crate::encoding::Encoding::snapshot);
            let slots = leg.slots.iter().map(crate::slot::Slot::snapshot);
            into.streams.extend(sources.chain(slots).map(|mut row| {
                (row.leg, row.room) = (leg.id.0, leg.room.0);
                row
            }));
        }
        into.delays.push((self.row.shard, self.delays));
        into.shards.push(ShardRow {
            legs: self.by_id.len() as u64,
            rooms: self.rooms.len() as u64,
            addresses: self.by_address.len() as u64,
            timers: self.wakes.len() as u64,
            ..self.row
        });
    }

    pub(crate) fn leg(&self, index: u32) -> Option<&Leg> {
        self.legs.get(index as usize)?.as_deref()
    }

    pub(crate) fn leg_mut(&mut self, index: u32) -> Option<&mut Leg> {
        self.legs.get_mut(index as usize)?.as_deref_mut()
    }

    /// Sees to it that the leg is looked after at `at`, or sooner if that is planned already.
    pub(crate) fn wake_by(&mut self, index: u32, at: Micros) {
        if let Some(leg) = self.legs[index as usize].as_deref_mut() {
            if leg.wake > at {
                leg.wake = at;
                self.wakes.push(Reverse((at, index)));
            }
        }
    }
}
