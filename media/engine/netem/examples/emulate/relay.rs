//! Packets from one device to the other, each way through a link.

use crate::streams::Streams;
use engine_netem::{Counters, Fate, Link, Profile};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// More than any MTU of a TUN device here.
const PACKET: usize = 4_096;
/// So many packets of one way before the other has its turn.
const BATCH: usize = 64;

/// New profiles for one way or both; `a_to_b` is what comes out of the first device.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    a_to_b: Option<Profile>,
    b_to_a: Option<Profile>,
}

impl Change {
    pub(crate) const fn is_empty(&self) -> bool {
        self.a_to_b.is_none() && self.b_to_a.is_none()
    }
}

/// The truth so far.
#[derive(Debug, Serialize)]
pub(crate) struct Account<'a> {
    /// Microseconds since the start.
    at_us: u64,
    a_to_b: Way<'a>,
    b_to_a: Way<'a>,
    /// The longest time that a packet left after it was due, since the last account; the mean since the start.
    late_us_max: u64,
    late_us_mean: u64,
    /// Packets that a device did not take.
    refused: u64,
}

/// One way: all of it, and stream by stream.
#[derive(Debug, Serialize)]
struct Way<'a> {
    #[serde(flatten)]
    all: &'a Counters,
    streams: &'a Streams,
}

/// A packet on its way.
#[derive(Debug, Clone)]
struct Parcel {
    bytes: Vec<u8>,
    taken_us: u64,
    /// Its stream's place.
    stream: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct Relay<'fd> {
    devices: [BorrowedFd<'fd>; 2],
    /// From the device of the same place to the other.
    links: [Link<Parcel>; 2],
    streams: [Streams; 2],
    spare: Vec<Vec<u8>>,
    late_us_max: u64,
    late_us_sum: u64,
    sent: u64,
    refused: u64,
}

impl<'fd> Relay<'fd> {
    pub(crate) fn new(a: BorrowedFd<'fd>, b: BorrowedFd<'fd>, seed: u64) -> Self {
        Self {
            devices: [a, b],
            links: [seed, !seed].map(|seed| Link::new(Profile::PERFECT, seed)),
            streams: [Streams::default(), Streams::default()],
            spare: Vec::new(),
            late_us_max: 0,
            late_us_sum: 0,
            sent: 0,
            refused: 0,
        }
    }

    pub(crate) const fn devices(&self) -> [BorrowedFd<'fd>; 2] {
        self.devices
    }

    pub(crate) fn next_at(&self) -> Option<u64> {
        self.links.iter().filter_map(Link::next_at).min()
    }

    pub(crate) fn change(&mut self, now_us: u64, change: &Change) {
        for (link, profile) in self.links.iter_mut().zip([change.a_to_b, change.b_to_a]) {
            if let Some(profile) = profile {
                link.set_profile(now_us, profile);
            }
        }
    }

    pub(crate) fn counters(&mut self, now_us: u64) -> Account<'_> {
        let late_us_max = std::mem::take(&mut self.late_us_max);
        let way = |way: usize| Way {
            all: self.links[way].counters(),
            streams: &self.streams[way],
        };
        Account {
            at_us: now_us,
            a_to_b: way(0),
            b_to_a: way(1),
            late_us_max,
            late_us_mean: self.late_us_sum / self.sent.max(1),
            refused: self.refused,
        }
    }

    /// Takes what the devices have and gives them what is due. The clock is read for each packet: one that comes while others
    /// are taken would otherwise count as having come with the first of them, and leave as much too soon.
    pub(crate) fn carry(&mut self, now_us: impl Fn() -> u64) -> rustix::io::Result<()> {
        for way in 0..2 {
            self.take(way, &now_us)?;
        }
        for way in 0..2 {
            self.give(way, now_us())?;
        }
        Ok(())
    }

    fn take(&mut self, way: usize, now_us: impl Fn() -> u64) -> rustix::io::Result<()> {
        for _ in 0..BATCH {
            let mut packet = self.spare.pop().unwrap_or_default();
            packet.resize(PACKET, 0);
            match rustix::io::read(self.devices[way], &mut packet) {
                Ok(len) => {
                    packet.truncate(len);
                    self.push(way, now_us(), packet);
                }
                Err(Errno::AGAIN | Errno::INTR) => {
                    self.spare.push(packet);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn push(&mut self, way: usize, now_us: u64, bytes: Vec<u8>) {
        let (len, stream) = (bytes.len(), self.streams[way].place_of(&bytes));
        let parcel = Parcel {
            taken_us: now_us,
            stream: stream.map(|(place, _)| place),
            bytes,
        };
        let fate = self.links[way].push(now_us, len, parcel);
        if let Some(stream) = stream {
            self.streams[way].note_pushed(now_us, stream, fate != Fate::Taken);
        }
    }

    fn give(&mut self, way: usize, now_us: u64) -> rustix::io::Result<()> {
        while let Some(due_us) = self.links[way].next_at().filter(|at| *at <= now_us) {
            let Some(parcel) = self.links[way].pop(now_us) else {
                continue;
            };
            if let Some(place) = parcel.stream {
                self.streams[way].note_arrived(place, now_us - parcel.taken_us);
            }
            let packet = parcel.bytes;
            self.late_us_max = self.late_us_max.max(now_us - due_us);
            self.late_us_sum += now_us - due_us;
            self.sent += 1;
            match rustix::io::write(self.devices[1 - way], &packet) {
                Ok(_) => {}
                // The device is down, or has no room: what a network card would drop, too.
                Err(Errno::AGAIN | Errno::INTR | Errno::IO | Errno::NOBUFS | Errno::INVAL) => {
                    self.refused += 1;
                }
                Err(error) => return Err(error),
            }
            self.spare.push(packet);
        }
        Ok(())
    }
}
