//! The limit: no more than has to be done for a packet to come in once and go out to everyone who takes it. It keeps no
//! registers and no cache, answers nobody, asks no gate, and knows where everything goes by tables that are laid out
//! before it starts.

use crate::crowd::{leg_at, Crowd};
use crate::numbered::{Link, Opened};
use crate::plan::{own_key, peer_key, ssrc_out, Plan, PROFILE};
use engine_srtp::{Inbound, Outbound};
use engine_wire::rtp::RtpHeader;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState, BATCH_SIZE};
use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The segments of one send lie together; a send is no longer than this.
const ARENA: usize = 65_536;

pub(crate) struct Receiver {
    pub(crate) to: SocketAddr,
    /// Whose keys.
    pub(crate) leg: usize,
    pub(crate) ssrc: u32,
    pub(crate) next: u64,
}

/// What a bare loop has done so far.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) packets_out: AtomicU64,
    /// Its number for the operating system, which keeps its time: reading the clock would cost more than it may.
    thread: AtomicU64,
    stop: AtomicBool,
}

pub(crate) struct Limit {
    pub(crate) address: SocketAddr,
    pub(crate) done: Arc<Done>,
    thread: Option<JoinHandle<()>>,
}

pub(crate) struct Loop {
    pub(crate) socket: UdpSocket,
    pub(crate) state: UdpSocketState,
    poll: Poll,
    pub(crate) inbound: Vec<Inbound>,
    pub(crate) outbound: Vec<Outbound>,
    /// By leg and source.
    pub(crate) receivers: Vec<Vec<Vec<Receiver>>>,
    /// By leg; none where nobody reports on each packet.
    pub(crate) links: Vec<Link>,
    pub(crate) opened: Vec<Opened>,
    pub(crate) buffers: Vec<Box<[u8]>>,
    pub(crate) arena: Vec<u8>,
    pub(crate) done: Arc<Done>,
}

impl Limit {
    pub(crate) fn start(plan: &Plan, crowd: &Crowd) -> Self {
        let (done, worker) = (Arc::new(Done::default()), Loop::new(plan, crowd));
        let address = worker.socket.local_addr().unwrap();
        let worker = Loop {
            done: Arc::clone(&done),
            ..worker
        };
        Self {
            address,
            done,
            thread: Some(std::thread::spawn(move || worker.run())),
        }
    }
}

impl Done {
    /// User and system time of the loop's thread: the first figure of its line in schedstat, in nanoseconds.
    pub(crate) fn cpu_us(&self) -> u64 {
        let thread = self.thread.load(Ordering::Relaxed);
        let path = format!("/proc/self/task/{thread}/schedstat");
        let text = std::fs::read_to_string(path).unwrap();
        let nanos: u64 = text.split(' ').next().unwrap().parse().unwrap();
        nanos / 1_000
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        self.done.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn receivers(plan: &Plan, crowd: &Crowd) -> Vec<Vec<Vec<Receiver>>> {
    let empty = |seat: &crate::plan::Seat| seat.sends.iter().map(|_| Vec::new()).collect();
    let mut all: Vec<Vec<Vec<Receiver>>> = plan.seats.iter().map(empty).collect();
    for (leg, seat) in plan.seats.iter().enumerate() {
        for (slot, take) in seat.takes.iter().enumerate() {
            all[take.leg][take.source].push(Receiver {
                to: crowd.address(leg),
                leg,
                ssrc: ssrc_out(leg, slot),
                next: 1,
            });
        }
    }
    all
}

impl Loop {
    fn new(plan: &Plan, crowd: &Crowd) -> Self {
        let mut socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).unwrap();
        state
            .set_send_buffer_size(UdpSockRef::from(&socket), 4 << 20)
            .unwrap();
        state
            .set_recv_buffer_size(UdpSockRef::from(&socket), 4 << 20)
            .unwrap();
        let poll = Poll::new().unwrap();
        let registry = poll.registry();
        registry
            .register(&mut socket, Token(0), Interest::READABLE)
            .unwrap();
        let legs = 0..plan.legs();
        Self {
            socket,
            state,
            poll,
            inbound: legs
                .clone()
                .map(|leg| Inbound::new(PROFILE, &peer_key(leg)).unwrap())
                .collect(),
            outbound: legs
                .map(|leg| Outbound::new(PROFILE, &own_key(leg)).unwrap())
                .collect(),
            receivers: receivers(plan, crowd),
            links: (0..if plan.reported { plan.legs() } else { 0 })
                .map(|_| Link::new())
                .collect(),
            opened: Vec::new(),
            buffers: (0..BATCH_SIZE)
                .map(|_| vec![0; 65_536].into_boxed_slice())
                .collect(),
            arena: vec![0; ARENA],
            done: Arc::default(),
        }
    }

    fn run(mut self) {
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        self.done.thread.store(thread as u64, Ordering::Relaxed);
        let mut ready = Events::with_capacity(4);
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let start = Instant::now();
        while !self.done.stop.load(Ordering::Relaxed) {
            self.poll
                .poll(&mut ready, Some(Duration::from_millis(20)))
                .unwrap();
            // Fewer than were asked for are all that there were.
            let mut more = true;
            while more {
                let count = self.receive(&mut metas);
                more = count == BATCH_SIZE;
                if !self.links.is_empty() {
                    self.forward_joined(&metas[..count], start);
                    continue;
                }
                for (at, meta) in metas[..count].iter().enumerate() {
                    self.forward(at, meta);
                }
            }
        }
    }

    fn receive(&mut self, metas: &mut [RecvMeta]) -> usize {
        let mut slices = self
            .buffers
            .iter_mut()
            .map(|buffer| IoSliceMut::new(buffer));
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| slices.next().unwrap());
        let socket = UdpSockRef::from(&self.socket);
        self.state.recv(socket, &mut slices, metas).unwrap_or(0)
    }

    /// What the kernel joined into one receive is packets of one stream, for nobody sends two in one call here.
    fn forward(&mut self, at: usize, meta: &RecvMeta) {
        let leg = leg_at(meta.addr);
        let Some(inbound) = self.inbound.get_mut(leg) else {
            return;
        };
        let (mut lens, mut packets) = ([0_usize; 64], 0);
        let mut source = 0;
        for (packet, len) in self.buffers[at][..meta.len]
            .chunks_mut(meta.stride)
            .zip(&mut lens)
        {
            let header = RtpHeader::parse(packet).unwrap();
            source = usize::from(header.ssrc as u8);
            *len = inbound
                .unprotect_rtp(packet, header.header_len)
                .unwrap()
                .len;
            packets += 1;
        }
        let receivers = &mut self.receivers[leg][source];
        count(&self.done.packets_out, packets * receivers.len() as u64);
        for receiver in receivers {
            let mut used = 0;
            let packets = self.buffers[at][..meta.len].chunks(meta.stride);
            for (packet, len) in packets.zip(lens) {
                let outbound = &self.outbound[receiver.leg];
                used += receiver.write(outbound, &packet[..len], &mut self.arena[used..]);
            }
            let transmit = Transmit {
                destination: receiver.to,
                ecn: None,
                contents: &self.arena[..used],
                segment_size: (used > meta.stride).then_some(meta.stride),
                src_ip: None,
            };
            let socket = UdpSockRef::from(&self.socket);
            self.state.try_send(socket, &transmit).unwrap();
        }
    }
}

/// One writer: no need of a locked addition.
pub(crate) fn count(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}

impl Receiver {
    /// Copies the packet, puts number and SSRC in, encrypts.
    fn write(&mut self, outbound: &Outbound, packet: &[u8], place: &mut [u8]) -> usize {
        place[..packet.len()].copy_from_slice(packet);
        place[2..4].copy_from_slice(&(self.next as u16).to_be_bytes());
        place[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        self.next += 1;
        outbound
            .protect_rtp(place, packet.len(), 12, self.next - 1)
            .unwrap()
    }
}
