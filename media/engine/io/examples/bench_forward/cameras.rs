//! Cameras and those who watch them: sockets, keys, and a thread's worth of sending.

use crate::{PACKET, PICTURE, PROFILE, ROOMS, WATCHERS};
use engine_srtp::Outbound;
use engine_wire::rtp::FixedHeader;
use mio::{Events, Interest, Poll, Token};
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

/// A picture whose first copy does not come back within this is taken for lost.
const LOST_AFTER: Duration = Duration::from_millis(200);
pub(crate) const PAYLOAD_TYPE: u8 = 96;

/// What the kernel does with a picture that comes to a watcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sinks {
    /// Cuts it into packets, whether or not there is room for them.
    Segmented,
    /// Takes it as one piece (UDP_GRO).
    Whole,
}

pub(crate) struct Camera {
    pub(crate) socket: UdpSocket,
    pub(crate) watchers: Vec<UdpSocket>,
    state: UdpSocketState,
    outbound: Outbound,
    ssrc: u32,
    sequence: u64,
    /// Packets of the picture under way that its first watcher has not got yet, and when it was sent.
    awaited: usize,
    sent_at: Instant,
    pub(crate) lost_pictures: u64,
}

pub(crate) struct Cameras {
    pub(crate) all: Vec<Camera>,
    poll: Poll,
}

/// What a leg's peer encrypts with, by the leg's number; what it decrypts with is never needed here.
pub(crate) fn key(number: usize) -> Vec<u8> {
    let mut key = vec![0x5a; PROFILE.master_len()];
    key[..8].copy_from_slice(&(number as u64).to_le_bytes());
    key
}

pub(crate) const fn ssrc(room: usize) -> u32 {
    0x1000 + room as u32
}

fn bind() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

impl Cameras {
    pub(crate) fn new(sinks: Sinks) -> Self {
        let poll = Poll::new().unwrap();
        let camera = |room| {
            let socket = bind();
            Camera {
                state: UdpSocketState::new(UdpSockRef::from(&socket)).unwrap(),
                socket,
                watchers: (0..WATCHERS).map(|_| bind()).collect(),
                outbound: Outbound::new(PROFILE, &key(room)).unwrap(),
                ssrc: ssrc(room),
                sequence: 1,
                awaited: 0,
                sent_at: Instant::now(),
                lost_pictures: 0,
            }
        };
        let all: Vec<Camera> = (0..ROOMS).map(camera).collect();
        let watchers = all.iter().flat_map(|camera| &camera.watchers);
        for watcher in watchers.filter(|_| sinks == Sinks::Whole) {
            UdpSocketState::new(UdpSockRef::from(watcher)).unwrap();
        }
        for (room, camera) in all.iter().enumerate() {
            let fd: RawFd = camera.watchers[0].as_raw_fd();
            let mut source = mio::unix::SourceFd(&fd);
            poll.registry()
                .register(&mut source, Token(room), Interest::READABLE)
                .unwrap();
        }
        Self { all, poll }
    }

    /// Keeps one picture of each camera under way for this long.
    pub(crate) fn run(&mut self, to: SocketAddr, span: Duration) {
        let (start, mut ready) = (Instant::now(), Events::with_capacity(ROOMS));
        for camera in &mut self.all {
            camera.begin();
        }
        while start.elapsed() < span {
            for camera in &mut self.all {
                camera.take_in();
                if camera.awaited == 0 || camera.sent_at.elapsed() > LOST_AFTER {
                    camera.send_picture(to);
                }
            }
            self.poll.poll(&mut ready, Some(LOST_AFTER)).unwrap();
        }
        self.wait_for_the_last(&mut ready);
    }

    fn wait_for_the_last(&mut self, ready: &mut Events) {
        let end = Instant::now() + LOST_AFTER;
        while self.all.iter().any(|camera| camera.awaited > 0) && Instant::now() < end {
            self.poll.poll(ready, Some(LOST_AFTER)).unwrap();
            self.all.iter_mut().for_each(Camera::take_in);
        }
    }
}

impl Camera {
    fn begin(&mut self) {
        let mut sink = [0; 2_048];
        while self.watchers[0].recv(&mut sink).is_ok() {}
        self.awaited = 0;
    }

    fn take_in(&mut self) {
        let mut sink = [0; 16_384];
        while let Ok(len) = self.watchers[0].recv(&mut sink) {
            // One packet or several in one piece; reports and answers to checks are shorter.
            self.awaited = self.awaited.saturating_sub(len / PACKET);
        }
    }

    fn send_picture(&mut self, to: SocketAddr) {
        self.lost_pictures += u64::from(self.awaited > 0);
        let size = PACKET + PROFILE.rtp_overhead();
        let mut picture = vec![0xcd; PICTURE * size];
        for (at, packet) in picture.chunks_mut(size).enumerate() {
            self.write_packet(at, packet);
        }
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents: &picture,
            segment_size: Some(size),
            src_ip: None,
        };
        self.state
            .try_send(UdpSockRef::from(&self.socket), &transmit)
            .unwrap();
        (self.awaited, self.sent_at) = (PICTURE, Instant::now());
    }

    /// VP8 with a long picture id and TL0PICIDX (RFC 7741). Every picture says that it is a key frame, so that
    /// watching may begin with any.
    fn write_packet(&mut self, at: usize, packet: &mut [u8]) {
        let picture = self.sequence / PICTURE as u64;
        let header = FixedHeader {
            marker: at + 1 == PICTURE,
            payload_type: PAYLOAD_TYPE,
            sequence: self.sequence as u16,
            timestamp: (picture * 3_000) as u32,
            ssrc: self.ssrc,
        };
        header.write(packet);
        let first = if at == 0 { 0x90 } else { 0x80 };
        let id = picture as u16 | 0x8000;
        packet[12..17].copy_from_slice(&[first, 0xc0, (id >> 8) as u8, id as u8, picture as u8]);
        packet[17] = 0x10;
        self.outbound
            .protect_rtp(packet, PACKET, 12, self.sequence)
            .unwrap();
        self.sequence += 1;
    }
}
