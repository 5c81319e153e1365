//! The limit: no more than has to be done for a packet to come in once and go out twenty times. It keeps no registers
//! and no cache, answers nobody, and knows its few rooms by a list.

use crate::cameras::{key, Cameras};
use crate::report::Round;
use crate::{PICTURE, PROFILE, ROOMS, WATCHERS};
use engine_srtp::{Inbound, Outbound};
use engine_wire::rtp::RtpHeader;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState, BATCH_SIZE};
use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

struct Watcher {
    to: SocketAddr,
    outbound: Outbound,
    ssrc: u32,
    next: u64,
}

struct Room {
    camera: SocketAddr,
    inbound: Inbound,
    watchers: Vec<Watcher>,
}

pub(crate) struct BareLoop {
    socket: UdpSocket,
    state: UdpSocketState,
    poll: Poll,
    rooms: Vec<Room>,
    buffers: Vec<Box<[u8]>>,
    arena: Vec<u8>,
    packets: u64,
}

impl BareLoop {
    pub(crate) fn new(cameras: &Cameras) -> Self {
        let mut socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).unwrap();
        let poll = Poll::new().unwrap();
        poll.registry()
            .register(&mut socket, Token(0), Interest::READABLE)
            .unwrap();
        let rooms = cameras.all.iter().enumerate().map(|(number, camera)| Room {
            camera: camera.socket.local_addr().unwrap(),
            inbound: Inbound::new(PROFILE, &key(number)).unwrap(),
            watchers: camera
                .watchers
                .iter()
                .enumerate()
                .map(|(at, socket)| Watcher {
                    to: socket.local_addr().unwrap(),
                    outbound: Outbound::new(PROFILE, &key(200_000 + number * WATCHERS + at))
                        .unwrap(),
                    ssrc: 0x30_0000 + at as u32,
                    next: 1,
                })
                .collect(),
        });
        let rooms: Vec<Room> = rooms.collect();
        assert_eq!(rooms.len(), ROOMS);
        Self {
            socket,
            state,
            poll,
            rooms,
            buffers: (0..BATCH_SIZE)
                .map(|_| vec![0; 65_536].into_boxed_slice())
                .collect(),
            arena: vec![0; 65_536],
            packets: 0,
        }
    }

    /// Runs on a thread of its own while the cameras send. The state comes back for the next round.
    pub(crate) fn round(mut self, cameras: &mut Cameras, span: Duration) -> (Self, Round) {
        let to = self.socket.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (told, start) = (Arc::clone(&stop), Instant::now());
        let thread = std::thread::spawn(move || {
            let packets = self.packets;
            self.run(&told);
            let done = self.packets - packets;
            (self, done, thread_cpu_us())
        });
        cameras.run(to, span);
        stop.store(true, Ordering::Relaxed);
        let wall_us = start.elapsed().as_micros() as u64;
        let (again, packets, cpu_us) = thread.join().unwrap();
        let round = Round {
            packets,
            cpu_us,
            wall_us,
        };
        (again, round)
    }

    fn run(&mut self, stop: &AtomicBool) {
        let mut ready = Events::with_capacity(4);
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        while !stop.load(Ordering::Relaxed) {
            self.poll
                .poll(&mut ready, Some(Duration::from_millis(20)))
                .unwrap();
            while let Some(count) = self.receive(&mut metas) {
                for (at, meta) in metas[..count].iter().enumerate() {
                    self.forward(at, meta);
                }
            }
        }
    }

    fn receive(&mut self, metas: &mut [RecvMeta]) -> Option<usize> {
        let mut slices = self
            .buffers
            .iter_mut()
            .map(|buffer| IoSliceMut::new(buffer));
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| slices.next().unwrap());
        self.state
            .recv(UdpSockRef::from(&self.socket), &mut slices, metas)
            .ok()
    }

    /// One receive is one picture of one camera.
    fn forward(&mut self, at: usize, meta: &RecvMeta) {
        let Some(room) = self.rooms.iter_mut().find(|room| room.camera == meta.addr) else {
            return;
        };
        let mut lens = [0; PICTURE];
        for (packet, len) in self.buffers[at][..meta.len]
            .chunks_mut(meta.stride)
            .zip(&mut lens)
        {
            let header = RtpHeader::parse(packet).unwrap();
            *len = room
                .inbound
                .unprotect_rtp(packet, header.header_len)
                .unwrap()
                .len;
        }
        for watcher in &mut room.watchers {
            let mut used = 0;
            let packets = self.buffers[at][..meta.len].chunks(meta.stride);
            for (packet, len) in packets.zip(lens) {
                let place = &mut self.arena[used..used + meta.stride];
                used += watcher.write(&packet[..len], place);
                self.packets += 1;
            }
            let transmit = Transmit {
                destination: watcher.to,
                ecn: None,
                contents: &self.arena[..used],
                segment_size: Some(meta.stride),
                src_ip: None,
            };
            self.state
                .try_send(UdpSockRef::from(&self.socket), &transmit)
                .unwrap();
        }
    }
}

impl Watcher {
    /// Copies the packet, puts number and SSRC in, encrypts.
    fn write(&mut self, packet: &[u8], place: &mut [u8]) -> usize {
        place[..packet.len()].copy_from_slice(packet);
        place[2..4].copy_from_slice(&(self.next as u16).to_be_bytes());
        place[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        self.next += 1;
        self.outbound
            .protect_rtp(place, packet.len(), 12, self.next - 1)
            .unwrap()
    }
}

fn thread_cpu_us() -> u64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    spent.tv_sec as u64 * 1_000_000 + spent.tv_nsec as u64 / 1_000
}
