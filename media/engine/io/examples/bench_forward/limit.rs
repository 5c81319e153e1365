//! The limit: no more than has to be done for a packet to come in once and go out to everyone who takes it. It keeps no
//! registers and no cache, answers nobody, asks no gate, and knows where everything goes by tables that are laid out
//! before it starts.

use crate::crowd::{leg_at, Crowd};
use crate::numbered::{Link, Opened};
use crate::plan::{own_key, peer_key, ssrc_out, Plan, PROFILE};
use engine_core::Outbox;
use engine_io::socket::Port;
use engine_srtp::{Inbound, Outbound};
use engine_wire::rtp::RtpHeader;
use mio::{Events, Interest, Poll, Token};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState, BATCH_SIZE};
use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a packet may grow by: the other header and the tag.
pub(crate) const ROOM: usize = 64;
/// So many bytes are sent together, which stay in the nearest cache but one meanwhile; more where one receiver takes more.
const TOGETHER: usize = 65_536;

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
    port: Port,
    /// For what comes; the port has its own for what leaves.
    state: UdpSocketState,
    poll: Poll,
    pub(crate) inbound: Vec<Inbound>,
    pub(crate) outbound: Vec<Outbound>,
    /// By leg and source.
    pub(crate) receivers: Vec<Vec<Vec<Receiver>>>,
    /// By leg; none where nobody reports on each packet.
    pub(crate) links: Vec<Link>,
    pub(crate) opened: Vec<Opened>,
    pub(crate) buffers: Vec<Box<[u8]>>,
    pub(crate) out: Outbox,
    /// Bytes in it.
    pub(crate) used: usize,
    pub(crate) done: Arc<Done>,
}

impl Limit {
    pub(crate) fn start(plan: &Plan, crowd: &Crowd) -> Self {
        let (done, worker) = (Arc::new(Done::default()), Loop::new(plan, crowd));
        let address = worker.port.inner.local_addr().unwrap();
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
        let mut port = Port::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let state = UdpSocketState::new(UdpSockRef::from(&port.inner)).unwrap();
        let poll = Poll::new().unwrap();
        let registry = poll.registry();
        registry
            .register(&mut port.inner, Token(0), Interest::READABLE)
            .unwrap();
        let legs = 0..plan.legs();
        Self {
            port,
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
            out: Outbox::with_capacity(TOGETHER * 2),
            used: 0,
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
                if self.links.is_empty() {
                    for (at, meta) in metas[..count].iter().enumerate() {
                        self.forward(at, meta);
                    }
                } else {
                    self.forward_joined(&metas[..count], start);
                }
                self.send();
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
        let socket = UdpSockRef::from(&self.port.inner);
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
        let receivers = self.receivers[leg][source].len();
        count(&self.done.packets_out, packets * receivers as u64);
        for taker in 0..receivers {
            let receiver = &mut self.receivers[leg][source][taker];
            let outbound = &self.outbound[receiver.leg];
            let packets = self.buffers[at][..meta.len].chunks(meta.stride);
            for (packet, len) in packets.zip(lens) {
                let place = self.out.room(len + ROOM);
                let len = receiver.write(outbound, &packet[..len], place);
                self.out.commit(receiver.to, len);
                self.used += len;
            }
            self.send_if_full();
        }
    }

    /// What lies ready goes, to many receivers in one call to the kernel.
    fn send(&mut self) {
        let sent = self.port.send(&self.out);
        assert_eq!(sent.drops, 0);
        self.out.clear();
        self.used = 0;
    }

    pub(crate) fn send_if_full(&mut self) {
        if self.used >= TOGETHER {
            self.send();
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
