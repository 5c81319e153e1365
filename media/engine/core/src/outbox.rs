//! Where packets are written on their way out: one arena, and the list of sends that cover it.
//!
//! Consecutive packets to one address and of one size are one send with UDP segmentation (GSO); the last may be
//! shorter. Nothing here is freed between batches, so that the steady state does not allocate.

use std::net::SocketAddr;
use std::ops::Range;

/// Segments that one send may carry. Linux takes 64 on every kernel that has UDP GSO.
const MAX_SEGMENTS: usize = 64;
/// An IPv4 datagram before segmentation cannot be longer than 64 KiB with its headers.
const MAX_SEND_BYTES: usize = 65_000;

/// The way of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// To whom.
    pub to: SocketAddr,
    /// From which of our ports: that of a line, or 0 for the one that all legs with ICE share.
    pub port: u16,
}

impl From<SocketAddr> for Way {
    fn from(to: SocketAddr) -> Self {
        Self { to, port: 0 }
    }
}

/// One call to the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// To whom.
    pub to: SocketAddr,
    /// From which of our ports, as in [`Way`].
    pub port: u16,
    /// Where the bytes lie in the arena.
    pub bytes: Range<usize>,
    /// Length of every segment but the last.
    pub segment_size: usize,
    /// How many datagrams this makes.
    pub segments: usize,
}

/// How far an outbox was filled at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    used: usize,
    sends: usize,
    last: (usize, usize),
}

/// The arena and its sends.
#[derive(Debug, Default)]
pub struct Outbox {
    arena: Vec<u8>,
    used: usize,
    sends: Vec<Transmit>,
}

impl Outbox {
    /// An outbox with room for `bytes` before it has to grow.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            arena: vec![0; bytes],
            used: 0,
            sends: Vec::with_capacity(1_024),
        }
    }

    /// Room for one packet of at most `max` bytes; [`commit`](Self::commit) makes it part of a send.
    pub fn room(&mut self, max: usize) -> &mut [u8] {
        let end = self.used + max;
        if self.arena.len() < end {
            self.arena.resize(end.next_power_of_two(), 0);
        }
        &mut self.arena[self.used..end]
    }

    /// The first `len` bytes of the last [`room`](Self::room) are a datagram on this way; an empty one is left out.
    pub fn commit(&mut self, way: impl Into<Way>, len: usize) {
        if len == 0 {
            return;
        }
        let way = way.into();
        let start = self.used;
        self.used += len;
        if let Some(last) = self.sends.last_mut() {
            if last.can_take(way, len) {
                last.bytes.end = self.used;
                last.segments += 1;
                return;
            }
        }
        self.sends.push(Transmit {
            to: way.to,
            port: way.port,
            bytes: start..self.used,
            segment_size: len,
            segments: 1,
        });
    }

    /// Copies a ready datagram in.
    pub fn push(&mut self, way: impl Into<Way>, datagram: &[u8]) {
        self.room(datagram.len())[..datagram.len()].copy_from_slice(datagram);
        self.commit(way, datagram.len());
    }

    /// Every send with its bytes, in order.
    pub fn sends(&self) -> impl Iterator<Item = (&Transmit, &[u8])> {
        self.sends.iter().map(|send| (send, self.bytes(send)))
    }

    /// The same in runs of neighbours that one call to the socket can take together.
    pub fn runs(&self) -> impl Iterator<Item = &[Transmit]> {
        self.sends.chunk_by(Transmit::is_like)
    }

    /// The bytes of one of its sends.
    pub fn bytes(&self, send: &Transmit) -> &[u8] {
        &self.arena[send.bytes.clone()]
    }

    /// Every datagram by itself, as a receiver sees them.
    pub fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        self.sends().flat_map(|(send, bytes)| {
            bytes
                .chunks(send.segment_size.max(1))
                .map(|datagram| (send.to, datagram))
        })
    }

    /// Where it stands now, for [`take_back`](Self::take_back).
    pub fn mark(&self) -> Mark {
        let last = self.sends.last();
        Mark {
            used: self.used,
            sends: self.sends.len(),
            last: last.map_or((0, 0), |send| (send.bytes.end, send.segments)),
        }
    }

    /// Forgets everything since the mark, also what was joined to a send from before it.
    pub fn take_back(&mut self, mark: Mark) {
        self.used = mark.used;
        self.sends.truncate(mark.sends);
        if let Some(last) = self.sends.last_mut() {
            (last.bytes.end, last.segments) = mark.last;
        }
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.sends.is_empty()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.used = 0;
        self.sends.clear();
    }
}

impl Transmit {
    /// Whether it leaves from the same port, and is cut into segments of the same size, or is whole as well.
    fn is_like(&self, other: &Self) -> bool {
        let cut = |send: &Self| (send.segments > 1).then_some(send.segment_size);
        self.port == other.port && cut(self) == cut(other)
    }

    fn can_take(&self, way: Way, len: usize) -> bool {
        let last_is_full = self.bytes.len() == self.segment_size * self.segments;
        self.to == way.to
            && self.port == way.port
            && last_is_full
            && len <= self.segment_size
            && self.segments < MAX_SEGMENTS
            && self.bytes.len() + len <= MAX_SEND_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn equal_sizes_to_one_address_are_one_send_and_a_shorter_one_ends_it() {
        let mut out = Outbox::with_capacity(16);
        for (port, len) in [(1, 100), (1, 100), (1, 60), (1, 60), (2, 60), (2, 80)] {
            out.push(to(port), &vec![7; len]);
        }
        let shapes: Vec<_> = out
            .sends()
            .map(|(s, b)| (s.to.port(), s.segment_size, s.segments, b.len()))
            .collect();
        assert_eq!(
            shapes,
            [
                (1, 100, 3, 260),
                (1, 60, 1, 60),
                (2, 60, 1, 60),
                (2, 80, 1, 80)
            ]
        );
        assert_eq!(out.datagrams().count(), 6);
        out.clear();
        assert!(out.is_empty());
    }

    #[test]
    fn neighbours_of_one_port_that_are_cut_alike_are_a_run() {
        let mut out = Outbox::with_capacity(16);
        let sends = [
            (1, 0, 50),
            (2, 0, 70),
            (3, 0, 60),
            (3, 0, 60),
            (4, 0, 60),
            (4, 0, 60),
            (5, 7, 60),
        ];
        for (peer, port, len) in sends {
            let way = Way { to: to(peer), port };
            out.push(way, &vec![1; len]);
        }
        let peers = |run: &[Transmit]| run.iter().map(|send| send.to.port()).collect::<Vec<_>>();
        let runs: Vec<_> = out.runs().map(peers).collect();
        assert_eq!(runs, [vec![1, 2], vec![3, 4], vec![5]]);
    }

    #[test]
    fn what_leaves_from_another_port_is_another_send() {
        let mut out = Outbox::with_capacity(16);
        for port in [0, 7, 7, 8] {
            out.push(Way { to: to(1), port }, &[1; 50]);
        }
        let shapes: Vec<_> = out.sends().map(|(s, _)| (s.port, s.segments)).collect();
        assert_eq!(shapes, [(0, 1), (7, 2), (8, 1)]);
    }

    #[test]
    fn what_is_taken_back_leaves_the_rest_as_it_was() {
        let mut out = Outbox::with_capacity(16);
        out.push(to(1), &[1; 100]);
        let mark = out.mark();
        let before: Vec<Transmit> = out.sends().map(|(send, _)| send.clone()).collect();
        for (port, len) in [(1, 100), (1, 40), (2, 300)] {
            out.push(to(port), &vec![2; len]);
        }
        out.take_back(mark);
        let after: Vec<Transmit> = out.sends().map(|(send, _)| send.clone()).collect();
        assert_eq!(before, after);
        out.push(to(1), &[3; 100]);
        let datagrams: Vec<_> = out.datagrams().collect();
        assert_eq!(datagrams, [(to(1), &[1; 100][..]), (to(1), &[3; 100][..])]);
    }

    #[test]
    fn an_empty_datagram_is_left_out() {
        let mut out = Outbox::with_capacity(16);
        out.push(to(1), &[]);
        assert!(out.is_empty());
    }

    #[test]
    fn a_send_never_exceeds_what_the_kernel_takes() {
        let mut out = Outbox::with_capacity(0);
        for _ in 0..200 {
            out.push(to(1), &[1; 1_200]);
        }
        assert!(out
            .sends()
            .all(|(s, b)| s.segments <= 64 && b.len() <= 65_000));
        assert_eq!(out.datagrams().count(), 200);
    }
}
