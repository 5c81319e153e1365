//! A peer on a real socket, and the engine as its control plane uses it: bytes in, bytes out.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test file uses a part of this, and a failed unwrap fails its test"
)]

use engine_core::api::{
    Codec, EncodingSpec, Extensions, Feed, Format, IceParams, Kind, LegId, RoomId, SlotSpec,
    SourceRef, SourceSpec,
};
use engine_core::{Command, Event};
use engine_io::{Config, Engine, LinePorts};
use engine_srtp::{Inbound, Outbound, Profile};
use engine_wire::rtp::{FixedHeader, RtpHeader};
use engine_wire::stun;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Longer than anything here takes; who waits that long has failed.
pub const PATIENCE: Duration = Duration::from_secs(10);
const PROFILE: Profile = Profile::AeadAes128Gcm;

pub fn start(shards: u16) -> Engine {
    start_with(shards, false)
}

pub fn start_with(shards: u16, drills: bool) -> Engine {
    let config = Config {
        ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        base_port: 0,
        shards,
        drills,
        lines: None,
    };
    Engine::start(config).unwrap()
}

/// An engine with so many pairs of ports for lines, in a range of which nobody here uses a port now.
pub fn engine_with(pairs: u16) -> (Engine, LinePorts) {
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    loop {
        let probe = UdpSocket::bind((ip, 0)).unwrap();
        let first = probe.local_addr().unwrap().port().next_multiple_of(2);
        let Some(last) = first.checked_add(2 * pairs - 1) else {
            continue;
        };
        drop(probe);
        if (first..=last).any(|port| UdpSocket::bind((ip, port)).is_err()) {
            continue;
        }
        let lines = LinePorts { first, last };
        let config = Config {
            ip,
            base_port: 0,
            shards: 2,
            drills: false,
            lines: Some(lines),
        };
        return (Engine::start(config).unwrap(), lines);
    }
}

pub fn submit(engine: &Engine, command: &Command) {
    engine
        .submit(&rmp_serde::to_vec_named(command).unwrap())
        .unwrap();
}

/// Waits on the engine's descriptor, as an event loop does.
pub struct Listener<'a> {
    engine: &'a Engine,
    poll: Poll,
}

impl<'a> Listener<'a> {
    pub fn new(engine: &'a Engine) -> Self {
        let poll = Poll::new().unwrap();
        let fd = engine.events_fd();
        let mut source = SourceFd(&fd);
        poll.registry()
            .register(&mut source, Token(0), Interest::READABLE)
            .unwrap();
        Self { engine, poll }
    }

    /// Events up to the first that fits, which comes last.
    pub fn until(&mut self, mut fits: impl FnMut(&Event) -> bool) -> Vec<Event> {
        let (mut seen, mut ready) = (Vec::new(), Events::with_capacity(4));
        loop {
            self.poll.poll(&mut ready, Some(PATIENCE)).unwrap();
            assert!(!ready.is_empty(), "nothing came after {seen:?}");
            for event in self.engine.drain_events(1_000).unwrap() {
                let event: Event = rmp_serde::from_slice(&event).unwrap();
                let found = fits(&event);
                seen.push(event);
                if found {
                    return seen;
                }
            }
        }
    }
}

pub struct Peer {
    pub leg: u64,
    pub room: u64,
    pub socket: UdpSocket,
    pub inbound: Inbound,
    outbound: Outbound,
    engine: SocketAddr,
    sequence: u64,
}

impl Peer {
    /// A leg with keys, connected; its gate is closed.
    pub fn join(engine: &Engine, listener: &mut Listener<'_>, leg: u64, room: u64) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let keys = [leg as u8, leg as u8 ^ 0x80].map(|fill| vec![fill; PROFILE.master_len()]);
        let peer = Self {
            leg,
            room,
            socket,
            inbound: Inbound::new(PROFILE, &keys[0]).unwrap(),
            outbound: Outbound::new(PROFILE, &keys[1]).unwrap(),
            engine: engine.addresses()[engine.shard_of(room)],
            sequence: 100,
        };
        submit(engine, &add_leg(leg, room));
        let [local, remote] = keys;
        let set_keys = Command::SetKeys {
            leg: LegId(leg),
            profile: PROFILE.name().into(),
            local,
            remote,
        };
        submit(engine, &set_keys);
        peer.check();
        listener.until(|event| *event == Event::IceConnected { leg: LegId(leg) });
        peer
    }

    pub fn send(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.engine).unwrap();
    }

    pub fn receive(&self) -> Vec<u8> {
        let mut buffer = [0; 2_048];
        let (len, from) = self.socket.recv_from(&mut buffer).expect("nothing came");
        assert_eq!(from, self.engine);
        buffer[..len].to_vec()
    }

    /// A connectivity check, which the engine verifies and answers.
    pub fn a_check(&self) -> Vec<u8> {
        let mut check = Vec::new();
        let user = format!("here{}:there", self.leg);
        stun::write_binding_request(
            &mut check,
            &[1; 12],
            &user,
            PASSWORD.as_bytes(),
            1,
            Some(1),
            true,
        );
        check
    }

    fn check(&self) {
        self.send(&self.a_check());
        let answer = self.receive();
        let answer = stun::Message::parse(&answer).unwrap();
        assert!(answer.verify_integrity(PASSWORD.as_bytes()));
        assert_eq!(answer.mapped, Some(self.socket.local_addr().unwrap()));
    }

    pub fn send_sound(&mut self, payload: &[u8]) {
        let header = FixedHeader {
            marker: false,
            payload_type: 111,
            sequence: self.sequence as u16,
            timestamp: (self.sequence * 960) as u32,
            ssrc: 7,
        };
        let mut packet = header.to_bytes().to_vec();
        packet.extend_from_slice(payload);
        let plain = packet.len();
        packet.resize(plain + PROFILE.rtp_overhead(), 0);
        self.outbound
            .protect_rtp(&mut packet, plain, 12, self.sequence)
            .unwrap();
        self.sequence += 1;
        self.send(&packet);
    }

    /// The payload of the next RTP packet; everything else is passed over.
    pub fn receive_sound(&mut self) -> Vec<u8> {
        loop {
            let mut packet = self.receive();
            if packet[1] & 0x7f != 111 {
                continue;
            }
            let header = RtpHeader::parse(&packet).unwrap();
            let opened = self
                .inbound
                .unprotect_rtp(&mut packet, header.header_len)
                .unwrap();
            return packet[header.header_len..opened.len].to_vec();
        }
    }
}

const PASSWORD: &str = "a-password-of-loopback";

pub fn add_leg(leg: u64, room: u64) -> Command {
    let opus = Format {
        pt: 111,
        codec: Codec::Opus,
        clock_rate: 48_000,
        rtx_pt: None,
        nack: false,
        pli: false,
        packetization_mode: None,
        profile: None,
        level_asymmetry: false,
        lines: None,
        interval: None,
        transport_cc: false,
        remb: false,
        red_pt: None,
    };
    Command::AddLeg {
        leg: LegId(leg),
        room: RoomId(room),
        ice: IceParams {
            local_ufrag: format!("here{leg}"),
            local_pwd: PASSWORD.into(),
        },
        sources: vec![SourceSpec {
            source: 0,
            kind: Kind::Audio,
            mid: "0".into(),
            encodings: vec![EncodingSpec {
                ssrc: Some(7),
                ..EncodingSpec::default()
            }],
            formats: vec![opus.clone()],
        }],
        slots: vec![SlotSpec {
            slot: 0,
            kind: Kind::Audio,
            ssrc: 1_000 + leg as u32,
            rtx_ssrc: None,
            formats: vec![opus],
            fec: None,
            ccfb: false,
            max_ptime_ms: None,
        }],
        extensions: Extensions::default(),
        cname: "loopback".into(),
    }
}

/// Opens a gate and waits until it is open.
pub fn admit(engine: &Engine, listener: &mut Listener<'_>, leg: u64) {
    submit(
        engine,
        &Command::SetGate {
            leg: LegId(leg),
            open: true,
        },
    );
    listener.until(|event| matches!(event, Event::GateChanged { open: true, .. }));
}

/// Each of two legs hears the other.
pub fn feeds(room: u64, a: u64, b: u64) -> Command {
    let feed = |to, from| Feed {
        leg: LegId(to),
        slot: 0,
        from: Some(SourceRef {
            leg: LegId(from),
            source: 0,
        }),
        importance: Feed::of_others(),
        height: None,
    };
    Command::SetFeeds {
        room: RoomId(room),
        feeds: vec![feed(a, b), feed(b, a)],
    }
}

/// The value of a column in a row of a block of a snapshot.
pub fn column(blocks: &[Vec<u8>; 5], block: usize, row: usize, name: &str) -> u64 {
    let names = Engine::columns()[block];
    let at = names.iter().position(|column| *column == name).unwrap();
    let start = (row * names.len() + at) * 8;
    u64::from_le_bytes(blocks[block][start..start + 8].try_into().unwrap())
}
