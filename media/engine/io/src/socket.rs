//! A UDP socket in batches: many datagrams a receive (recvmmsg and GRO), many a send (GSO).

use crate::many::send_many;
use engine_core::{Datagram, Outbox, Transmit as Send};
use mio::net::UdpSocket;
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState, BATCH_SIZE};
use std::collections::HashMap;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

/// Room for what the kernel may join into one receive.
const RECEIVE_BYTES: usize = 65_536;
/// Kernel buffers: 4 MiB are about 100 ms of what one core can forward.
const KERNEL_BUFFER: usize = 4 << 20;
/// The same for one line: a second of pictures at 2 Mbit/s.
const LINE_BUFFER: usize = 256 << 10;
/// Datagrams that are handed over together. The kernel may have joined two thousand into one receive; answered with a
/// fan-out of fifty before anything is sent, they would take a hundred megabytes.
const MOST_AT_ONCE: usize = 128;

/// A socket: what sends, and with [`Buffers`] receives.
pub struct Port {
    /// The socket itself, to be registered and asked for its address.
    pub inner: UdpSocket,
    state: UdpSocketState,
    /// The number by which the system's table of sockets knows it; held by nobody else, it tells that the port is open.
    pub(crate) inode: Arc<u64>,
}

/// Room for what comes in one receive, on any port.
pub struct Buffers {
    buffers: Vec<Box<[u8]>>,
    metas: Vec<RecvMeta>,
    /// Only its memory is kept between batches.
    datagrams: Vec<Datagram<'static>>,
    /// When the kernel took each of them, in microseconds of the system's clock; 0 if it does not say.
    stamps: Vec<u64>,
}

/// The ports of a shard: the one that all legs with ICE share, and those of lines.
pub(crate) struct Ports {
    pub(crate) shared: Port,
    pub(crate) lines: HashMap<u16, Port>,
}

/// All ports of a shard, with the buffers that each receives into in its turn.
pub(crate) struct Socket {
    pub(crate) ports: Ports,
    buffers: Buffers,
}

/// What happened to an outbox.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// What left.
    pub datagrams: u64,
    /// Sends, each of which the kernel cuts into datagrams; several go in one call. Those that it did not take count too.
    pub sends: u64,
    /// What the kernel did not take.
    pub drops: u64,
}

/// What one receive brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Nothing: the socket is empty, or has an error.
    Nothing,
    /// Less than fits: the socket is empty now.
    Last,
    /// As much as fits: there may be more.
    More,
}

impl Socket {
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            ports: Ports {
                shared: Port::bind(address)?,
                lines: HashMap::new(),
            },
            buffers: Buffers::default(),
        })
    }

    /// Receives what is there on one port and hands it over in parts, with the kernel's time stamp of each datagram. True when there
    /// may be more: fewer than were asked for are all that there were, and to ask again only to hear so costs as much as
    /// a third of a send.
    pub(crate) fn receive(
        &mut self,
        on: u16,
        mut take: impl FnMut(&Ports, &mut [Datagram<'_>], &[u64]),
    ) -> bool {
        let Self { ports, buffers } = self;
        let Some(port) = ports.get(on) else {
            return false;
        };
        let Ok(count) = buffers.fill(port) else {
            return false;
        };
        let (mut datagrams, stamps) = buffers.split(count);
        let parts = datagrams.chunks_mut(MOST_AT_ONCE);
        for (part, stamps) in parts.zip(stamps.chunks(MOST_AT_ONCE)) {
            take(ports, part, stamps);
        }
        self.buffers.datagrams = recycle(datagrams);
        count == BATCH_SIZE
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            buffers: (0..BATCH_SIZE)
                .map(|_| vec![0; RECEIVE_BYTES].into_boxed_slice())
                .collect(),
            metas: vec![RecvMeta::default(); BATCH_SIZE],
            datagrams: Vec::with_capacity(BATCH_SIZE * 4),
            stamps: Vec::with_capacity(BATCH_SIZE * 4),
        }
    }
}

impl Buffers {
    /// Receives what is there and hands over each datagram with the kernel's time stamp of its arrival.
    pub fn receive(
        &mut self,
        port: &Port,
        mut take: impl FnMut(Option<Duration>, SocketAddr, &mut [u8]),
    ) -> Received {
        let Ok(count) = self.fill(port) else {
            return Received::Nothing;
        };
        for (buffer, meta) in self.buffers.iter_mut().zip(&self.metas[..count]) {
            let parts = buffer[..meta.len].chunks_mut(meta.stride.max(1));
            parts.for_each(|data| take(meta.timestamp, meta.addr, data));
        }
        if count == BATCH_SIZE {
            Received::More
        } else {
            Received::Last
        }
    }

    /// One call to the socket; gives how many of the buffers it filled.
    fn fill(&mut self, port: &Port) -> io::Result<usize> {
        let mut slices = self.buffers.iter_mut().map(|b| IoSliceMut::new(b));
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| slices.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
        let socket = UdpSockRef::from(&port.inner);
        port.state.recv(socket, &mut slices, &mut self.metas)
    }

    /// The datagrams of the first `count` buffers, in memory that is given back afterwards, and their time stamps.
    fn split(&mut self, count: usize) -> (Vec<Datagram<'_>>, &[u64]) {
        let mut datagrams = recycle(std::mem::take(&mut self.datagrams));
        self.stamps.clear();
        for (buffer, meta) in self.buffers.iter_mut().zip(&self.metas[..count]) {
            let stamp = meta.timestamp.map_or(0, |at| at.as_micros() as u64);
            let parts = buffer[..meta.len].chunks_mut(meta.stride.max(1));
            datagrams.extend(parts.map(|data| Datagram {
                from: meta.addr,
                data,
            }));
            self.stamps.resize(datagrams.len(), stamp);
        }
        (datagrams, &self.stamps)
    }
}

impl Ports {
    fn get(&self, number: u16) -> Option<&Port> {
        match number {
            0 => Some(&self.shared),
            number => self.lines.get(&number),
        }
    }

    /// Sends everything in the outbox, each from its port; what leaves from a port that is closed by now is dropped.
    pub(crate) fn send(&self, outbox: &Outbox) -> Sent {
        let mut sent = Sent::default();
        for run in outbox.runs() {
            match self.get(run[0].port) {
                Some(port) => port.send_run(run, outbox, &mut sent),
                None => sent.drops += datagrams(run),
            }
        }
        sent
    }
}

impl Port {
    /// Opens a socket with large kernel buffers.
    ///
    /// # Errors
    /// What the system says.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::bind_with(address, KERNEL_BUFFER)
    }

    /// Opens a socket for one line.
    pub(crate) fn bind_line(address: SocketAddr) -> io::Result<Self> {
        Self::bind_with(address, LINE_BUFFER)
    }

    fn bind_with(address: SocketAddr, buffer: usize) -> io::Result<Self> {
        let inner = UdpSocket::bind(address)?;
        let state = UdpSocketState::new(UdpSockRef::from(&inner))?;
        // A smaller limit of the system is not an error; the drop counters will tell.
        let _ = state.set_send_buffer_size(UdpSockRef::from(&inner), buffer);
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&inner), buffer);
        let inode = Arc::new(rustix::fs::fstat(&inner)?.st_ino);
        Ok(Self {
            inner,
            state,
            inode,
        })
    }

    /// Sends everything in the outbox. What the kernel does not take is dropped, as a network would: media that is
    /// late is worth nothing, and waiting here would hold up every other room.
    pub fn send(&self, outbox: &Outbox) -> Sent {
        let mut sent = Sent::default();
        for run in outbox.runs() {
            self.send_run(run, outbox, &mut sent);
        }
        sent
    }

    fn send_run(&self, mut run: &[Send], outbox: &Outbox, sent: &mut Sent) {
        let may_join = self.state.max_gso_segments() > 1;
        while let [first, others @ ..] = run {
            if others.is_empty() || !may_join {
                self.send_one(first, outbox.bytes(first), sent);
                run = others;
                continue;
            }
            match send_many(self.inner.as_raw_fd(), run, outbox) {
                Ok(many) => {
                    let (gone, rest) = run.split_at(many.max(1));
                    sent.sends += many as u64;
                    sent.datagrams += datagrams(gone);
                    run = rest;
                }
                Err(error) => {
                    if error.kind() == io::ErrorKind::WouldBlock {
                        sent.drops += datagrams(slice::from_ref(first));
                    } else {
                        // By itself it goes as the library knows to send it on this system.
                        self.send_one(first, outbox.bytes(first), sent);
                    }
                    run = others;
                }
            }
        }
    }

    fn send_one(&self, send: &Send, bytes: &[u8], sent: &mut Sent) {
        let most = self.state.max_gso_segments().max(1);
        for part in bytes.chunks(send.segment_size * most) {
            let segments = part.len().div_ceil(send.segment_size) as u64;
            let transmit = Transmit {
                destination: send.to,
                ecn: None,
                contents: part,
                segment_size: (segments > 1).then_some(send.segment_size),
                src_ip: None,
            };
            sent.sends += 1;
            match self
                .state
                .try_send(UdpSockRef::from(&self.inner), &transmit)
            {
                Ok(()) => sent.datagrams += segments,
                Err(_) => sent.drops += segments,
            }
        }
    }
}

fn datagrams(sends: &[Send]) -> u64 {
    sends.iter().map(|send| send.segments as u64).sum()
}

/// Empties a vector and lets it hold borrows of another lifetime; the standard library reuses the memory.
fn recycle<'a, 'b>(mut datagrams: Vec<Datagram<'a>>) -> Vec<Datagram<'b>> {
    datagrams.clear();
    datagrams
        .into_iter()
        .map(|datagram| Datagram {
            from: datagram.from,
            data: &mut [],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recycling_keeps_the_memory() {
        let mut first: Vec<Datagram<'_>> = Vec::with_capacity(100);
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        first.push(Datagram {
            from: address,
            data: &mut [],
        });
        let (before, capacity) = (first.as_ptr() as usize, first.capacity());
        let second: Vec<Datagram<'_>> = recycle(first);
        assert_eq!(
            (second.as_ptr() as usize, second.capacity()),
            (before, capacity)
        );
        assert!(second.is_empty());
    }

    /// Runs of any length reach everyone, in the order of each, and one that the kernel refuses takes no other with it.
    #[test]
    fn many_are_sent_in_one_call_and_one_that_is_refused_by_itself() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let sender = Port::bind(any).unwrap();
        let receivers: Vec<UdpSocket> = (0..40).map(|_| UdpSocket::bind(any).unwrap()).collect();
        let refused = SocketAddr::from(([255, 255, 255, 255], 9));
        let mut outbox = Outbox::with_capacity(1 << 16);
        for turn in 0..3_u8 {
            for (number, receiver) in receivers.iter().enumerate() {
                let to = receiver.local_addr().unwrap();
                let parts = if turn == 1 { 2 } else { 1 };
                (0..parts).for_each(|part| outbox.push(to, &[turn, part, number as u8]));
                if number == 7 {
                    outbox.push(refused, &[turn; 3]);
                }
            }
        }
        let sent = sender.send(&outbox);
        assert_eq!((sent.datagrams, sent.sends, sent.drops), (160, 123, 3));
        for (number, receiver) in receivers.iter().enumerate() {
            let number = number as u8;
            let expected =
                [[0, 0], [1, 0], [1, 1], [2, 0]].map(|[turn, part]| [turn, part, number]);
            let mut buffer = [0; 8];
            let came = expected.map(|_| {
                let len = receiver.recv(&mut buffer).unwrap();
                <[u8; 3]>::try_from(&buffer[..len]).unwrap()
            });
            assert_eq!(came, expected);
        }
    }

    #[test]
    fn what_is_sent_in_segments_arrives_as_datagrams() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (sender, mut receiver) = (Socket::bind(any).unwrap(), Socket::bind(any).unwrap());
        let to = receiver.ports.shared.inner.local_addr().unwrap();
        let mut outbox = Outbox::with_capacity(1 << 16);
        for (fill, len) in [(1, 1_000), (2, 1_000), (3, 400), (4, 900)] {
            outbox.push(to, &vec![fill; len]);
        }
        let sent = sender.ports.send(&outbox);
        assert_eq!((sent.datagrams, sent.sends, sent.drops), (4, 2, 0));
        let mut arrived = Vec::new();
        while arrived.len() < 4 {
            receiver.receive(0, |_, batch, stamps| {
                assert!(stamps.len() == batch.len() && stamps.iter().all(|stamp| *stamp > 0));
                arrived.extend(batch.iter().map(|d| (d.data[0], d.data.len())));
            });
        }
        assert_eq!(arrived, [(1, 1_000), (2, 1_000), (3, 400), (4, 900)]);
    }
}
