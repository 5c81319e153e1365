//! Everyone at the far end: an address for each leg, what they send, and when. Runs on one thread, beside the one that is
//! measured.

use crate::commands::write_check;
use crate::plan::{peer_key, ssrc_out, Plan, Shape, PROFILE};
use crate::probe::{Checked, Probe, SUBJECTS};
use crate::reporter::Reporter;
use crate::traffic::{Burst, Track};
use engine_core::Micros;
use engine_srtp::Outbound;
use engine_wire::rtcp::{self, ReportBlock};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Between two STUN checks of a leg at the pace of life: browsers repeat theirs about this often (RFC 7675).
const CHECK_US: u64 = 2_500_000;
/// The same between two receiver reports.
const REPORT_US: u64 = 1_000_000;
/// And between two reports on each packet, where there are such: as Chromium sends them with some room.
const FEEDBACK_US: u64 = 62_500;

/// Sockets of all legs but the probes; where nobody reports on each packet, nobody reads there. However many legs there are,
/// these stay as near to the processor: a call that sends does the kernel's part of receiving on loopback, too, and a server's
/// receivers have their sockets elsewhere.
const SHARED_SOCKETS: usize = 8;
/// The address of the first leg; loopback has sixteen million.
const FIRST: u32 = u32::from_be_bytes([127, 1, 0, 0]);

struct Line {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// One leg's address, and the socket behind it.
pub(crate) struct Person {
    line: Rc<Line>,
    address: SocketAddr,
}

/// Whose address it is.
pub(crate) fn leg_at(address: SocketAddr) -> usize {
    match address.ip() {
        IpAddr::V4(ip) => u32::from(ip).wrapping_sub(FIRST) as usize,
        IpAddr::V6(_) => usize::MAX,
    }
}

impl Line {
    fn new(ip: Ipv4Addr, room: usize) -> Rc<Self> {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).unwrap();
        state
            .set_recv_buffer_size(UdpSockRef::from(&socket), room)
            .unwrap();
        Rc::new(Self { socket, state })
    }
}

impl Person {
    fn new(line: Rc<Line>, ip: Ipv4Addr) -> Self {
        let port = line.socket.local_addr().unwrap().port();
        let address = SocketAddr::from((ip, port));
        Self { line, address }
    }

    /// The socket of a reader, who has one alone.
    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.line.socket
    }

    /// Sends one datagram, or several of this length in one call.
    fn send(&self, to: SocketAddr, contents: &[u8], segment_size: Option<usize>) {
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents,
            segment_size,
            src_ip: Some(self.address.ip()),
        };
        let Line { socket, state } = &*self.line;
        state.try_send(UdpSockRef::from(socket), &transmit).unwrap();
    }
}

pub(crate) struct Crowd {
    pub(crate) people: Vec<Person>,
    probes: Vec<Probe>,
    /// Of each leg, on what came from each subject; empty where nobody reports on each packet.
    reporters: Vec<[Reporter; SUBJECTS]>,
    shared: Vec<Rc<Line>>,
    buffer: Vec<u8>,
    /// From just before a frame is sent to the arrival of each of its packets at a probe, in microseconds.
    pub(crate) delays_us: Vec<u32>,
    pub(crate) checked: Checked,
    /// Where the bare loop sends from; whoever else does is the bridge.
    pub(crate) limit: Option<SocketAddr>,
}

/// What one leg sends with.
struct Voice {
    outbound: Outbound,
    tracks: Vec<Track>,
}

/// What all legs send to one subject: numbers go on from round to round.
pub(crate) struct Voices {
    all: Vec<Voice>,
    /// Whether checks and reports are sent too; a bare loop has no use for them.
    pub(crate) with_control: bool,
    burst: Burst,
    control: Vec<u8>,
    /// RTP packets that ought to leave for them: one for each taker.
    pub(crate) wanted: u64,
    takers: Vec<Vec<u64>>,
    period_percent: u64,
    reported: bool,
    pub(crate) late_us: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Frame(usize),
    Check,
    Report,
    Feedback,
}

type Due = Reverse<(u64, usize, Act)>;

fn wall_us() -> u64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    wall.as_micros() as u64
}

/// What tells the bridge the round trip: of its first stream to this leg, as if its last report had come just now.
fn just_heard(leg: usize) -> ReportBlock {
    ReportBlock {
        ssrc: ssrc_out(leg, 0),
        fraction_lost: 0,
        cumulative_lost: 0,
        highest_sequence: 0,
        jitter: 0,
        last_sender_report: Micros(wall_us()).to_ntp_middle(),
        delay_since_last_sender_report: 0,
    }
}

impl Crowd {
    /// Sockets take a group of packets in one piece. Where nobody reports on each packet, all but those of readers and
    /// probes drop what comes: their buffers are full with the first packet.
    pub(crate) fn new(plan: &Plan, readers: &[usize], probes: &[usize]) -> Self {
        let room = if plan.reported { 4 << 20 } else { 1 };
        let shared: Vec<_> = (0..SHARED_SOCKETS)
            .map(|_| Line::new(Ipv4Addr::UNSPECIFIED, room))
            .collect();
        let person = |leg| {
            let ip = Ipv4Addr::from(FIRST + leg as u32);
            let is_read = readers.contains(&leg) || probes.contains(&leg);
            let line = if is_read {
                Line::new(ip, 4 << 20)
            } else {
                Rc::clone(&shared[leg % SHARED_SOCKETS])
            };
            Person::new(line, ip)
        };
        Self {
            people: (0..plan.legs()).map(person).collect(),
            probes: probes.iter().map(|leg| Probe::new(plan, *leg)).collect(),
            reporters: (0..if plan.reported { plan.legs() } else { 0 })
                .map(|_| [Reporter::new(), Reporter::new()])
                .collect(),
            shared,
            buffer: vec![0; 65_536],
            delays_us: Vec::new(),
            checked: Checked::default(),
            limit: None,
        }
    }

    pub(crate) fn address(&self, leg: usize) -> SocketAddr {
        self.people[leg].address
    }

    /// Sends what everybody has to send, each frame at its time.
    pub(crate) fn run(
        &mut self,
        voices: &mut Voices,
        to: impl Fn(usize) -> SocketAddr,
        span: Duration,
    ) {
        let (start, end) = (Instant::now(), span.as_micros() as u64);
        if voices.reported {
            let tracks = voices.all.iter_mut().flat_map(|voice| &mut voice.tracks);
            tracks.for_each(Track::begin_anew);
        }
        let mut queue = voices.schedule();
        while let Some(Reverse((due, leg, act))) = queue.pop() {
            if due >= end {
                break;
            }
            self.wait_until(start, due);
            voices.late_us = voices
                .late_us
                .max((start.elapsed().as_micros() as u64).saturating_sub(due));
            let reporters = self.reporters.get_mut(leg);
            let period = voices.act(&self.people[leg], to(leg), (leg, act), reporters);
            queue.push(Reverse((due + period, leg, act)));
        }
        self.read();
    }

    fn wait_until(&mut self, start: Instant, due: u64) {
        let now = start.elapsed().as_micros() as u64;
        if due > now + 20 {
            self.read();
            let now = start.elapsed().as_micros() as u64;
            std::thread::sleep(Duration::from_micros(due.saturating_sub(now)));
        }
    }

    /// Arrival is the kernel's time stamp, so that it does not matter when this comes round to reading.
    pub(crate) fn read(&mut self) {
        self.read_probes();
        if !self.reporters.is_empty() {
            self.read_shared();
        }
    }

    fn read_shared(&mut self) {
        let mut meta = [RecvMeta::default()];
        for line in &self.shared {
            loop {
                let mut slices = [IoSliceMut::new(&mut self.buffer)];
                let socket = UdpSockRef::from(&line.socket);
                if line.state.recv(socket, &mut slices, &mut meta).is_err() {
                    break;
                }
                let leg = leg_at(SocketAddr::from((meta[0].dst_ip.unwrap(), 0)));
                let subject = usize::from(self.limit == Some(meta[0].addr));
                let arrived = meta[0].timestamp.unwrap().as_micros() as u64;
                for packet in self.buffer[..meta[0].len].chunks(meta[0].stride) {
                    self.reporters[leg][subject].note(packet, arrived);
                }
            }
        }
    }

    fn read_probes(&mut self) {
        for probe in &mut self.probes {
            let Line { socket, state } = &*self.people[probe.leg].line;
            let mut meta = [RecvMeta::default()];
            loop {
                let mut slices = [IoSliceMut::new(&mut self.buffer)];
                let socket = UdpSockRef::from(socket);
                if state.recv(socket, &mut slices, &mut meta).is_err() {
                    break;
                }
                let arrived = meta[0].timestamp.unwrap().as_micros() as u64;
                let subject = usize::from(self.limit == Some(meta[0].addr));
                for packet in self.buffer[..meta[0].len].chunks_mut(meta[0].stride) {
                    if let Some(reporters) = self.reporters.get_mut(probe.leg) {
                        reporters[subject].note(packet, arrived);
                    }
                    if let Some(sent) = probe.take(subject, packet, &mut self.checked) {
                        self.delays_us.push(arrived.saturating_sub(sent) as u32);
                    }
                }
            }
        }
    }

    /// One ICE check, which nominates.
    pub(crate) fn check(&self, leg: usize, to: SocketAddr) {
        let mut check = Vec::new();
        write_check(&mut check, leg);
        self.people[leg].send(to, &check, None);
    }
}

impl Voices {
    pub(crate) fn new(plan: &Plan, with_control: bool) -> Self {
        let voice = |(leg, seat): (usize, &crate::plan::Seat)| Voice {
            outbound: Outbound::new(PROFILE, &peer_key(leg)).unwrap(),
            tracks: seat
                .sends
                .iter()
                .enumerate()
                .map(|(source, shape)| Track::new(leg, source, *shape))
                .collect(),
        };
        let mut takers: Vec<Vec<u64>> = plan.seats.iter().map(|s| vec![0; s.sends.len()]).collect();
        for take in plan.seats.iter().flat_map(|seat| &seat.takes) {
            takers[take.leg][take.source] += 1;
        }
        Self {
            all: plan.seats.iter().enumerate().map(voice).collect(),
            with_control,
            burst: Burst::new(),
            control: Vec::new(),
            wanted: 0,
            takers,
            period_percent: plan.period_percent,
            reported: plan.reported,
            late_us: 0,
        }
    }

    /// Everybody's first moments, spread over the period of each.
    fn schedule(&self) -> BinaryHeap<Due> {
        let mut queue = BinaryHeap::new();
        for (leg, voice) in self.all.iter().enumerate() {
            let offset = |period: u64, salt: usize| {
                crate::traffic::scatter((leg * 16 + salt) as u64) % period
            };
            for (at, track) in voice.tracks.iter().enumerate() {
                queue.push(Reverse((
                    offset(self.period_us(track.shape), at),
                    leg,
                    Act::Frame(at),
                )));
            }
            if self.reported {
                let at = offset(self.paced_us(FEEDBACK_US), 13);
                queue.push(Reverse((at, leg, Act::Feedback)));
            }
            if self.with_control {
                let [check, report] = [CHECK_US, REPORT_US].map(|us| self.paced_us(us));
                queue.push(Reverse((offset(check, 14), leg, Act::Check)));
                queue.push(Reverse((offset(report, 15), leg, Act::Report)));
            }
        }
        queue
    }

    const fn period_us(&self, shape: Shape) -> u64 {
        self.paced_us(shape.period_us())
    }

    /// Checks and reports keep pace with the media: left at the pace of life, they would be the more of what a packet costs
    /// the slower the media are.
    const fn paced_us(&self, of_life_us: u64) -> u64 {
        of_life_us * self.period_percent / 100
    }

    /// Does one thing, and says after how many microseconds it is due again.
    fn act(
        &mut self,
        person: &Person,
        to: SocketAddr,
        (leg, act): (usize, Act),
        reporters: Option<&mut [Reporter; SUBJECTS]>,
    ) -> u64 {
        match act {
            Act::Frame(at) => {
                self.send_frame(person, to, leg, at);
                self.period_us(self.all[leg].tracks[at].shape)
            }
            Act::Check => {
                write_check(&mut self.control, leg);
                person.send(to, &self.control, None);
                self.paced_us(CHECK_US)
            }
            Act::Report => {
                self.control.clear();
                rtcp::write_receiver_report(&mut self.control, 1, &[just_heard(leg)]);
                let outbound = &mut self.all[leg].outbound;
                outbound.protect_rtcp(&mut self.control).unwrap();
                person.send(to, &self.control, None);
                self.paced_us(REPORT_US)
            }
            Act::Feedback => {
                let reporter = reporters.map(|reporters| &mut reporters[self.subject()]);
                let report = reporter.and_then(|reporter| reporter.report(ssrc_out(leg, 0)));
                if let Some(mut report) = report {
                    self.all[leg].outbound.protect_rtcp(&mut report).unwrap();
                    person.send(to, &report, None);
                }
                self.paced_us(FEEDBACK_US)
            }
        }
    }

    /// Which of the two they talk to: the bridge, or the bare loop.
    fn subject(&self) -> usize {
        usize::from(!self.with_control)
    }

    pub(crate) fn send_frame(&mut self, person: &Person, to: SocketAddr, leg: usize, at: usize) {
        let voice = &mut self.all[leg];
        let track = &mut voice.tracks[at];
        track.write_frame(wall_us(), &voice.outbound, &mut self.burst);
        for (packets, len) in self.burst.calls() {
            person.send(to, packets, (packets.len() > len).then_some(len));
        }
        self.wanted += self.burst.packets * self.takers[leg][at];
    }

    pub(crate) fn is_closed_loop(&self) -> bool {
        self.all[0].tracks[0].shape == Shape::Group
    }
}
