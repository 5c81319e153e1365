//! Legs without ICE on real sockets: their ports are opened, used and closed.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use engine_core::api::{
    Codec, EncodingSpec, Extensions, Format, Kind, LegId, RoomId, SlotSpec, SourceSpec,
};
use engine_core::line::api::{AddLines, Feedback, LinePorts, LineSpec, Protection, Remote};
use engine_core::{Command, Event};
use engine_io::{Config, Engine, LinePorts as Range};
use engine_wire::rtp::FixedHeader;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use support::{admit, column, engine_with, feeds, submit, Listener, PATIENCE};

const ROOM: u64 = 5;

struct Phone {
    leg: u64,
    port: u16,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    next: u16,
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn pcmu() -> Format {
    Format {
        pt: 0,
        codec: Codec::Pcmu,
        clock_rate: 8_000,
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
    }
}

impl Phone {
    fn call(engine: &Engine, leg: u64) -> Self {
        let port = engine.open_ports(ROOM).unwrap();
        let (rtp, rtcp) = (socket(), socket());
        let line = LineSpec {
            ports: LinePorts {
                rtp: port,
                rtcp: Some(port + 1),
            },
            remote: Remote {
                rtp: rtp.local_addr().unwrap(),
                rtcp: Some(rtcp.local_addr().unwrap()),
                learn: false,
            },
            protection: Protection::Plain,
            ice: None,
            feedback: Feedback {
                pli: true,
                ..Feedback::default()
            },
            parameter_sets: Vec::new(),
            max_bitrate: None,

            sources: vec![SourceSpec {
                source: 0,
                kind: Kind::Audio,
                mid: String::new(),
                encodings: vec![EncodingSpec::default()],
                formats: vec![pcmu()],
            }],
            slots: vec![SlotSpec {
                slot: 0,
                kind: Kind::Audio,
                ssrc: 70 + leg as u32,
                rtx_ssrc: None,
                formats: vec![pcmu()],
                fec: None,
                ccfb: false,
                max_ptime_ms: None,
            }],
        };
        submit(
            engine,
            &Command::AddLines(AddLines {
                leg: LegId(leg),
                room: RoomId(ROOM),
                lines: vec![line],
                extensions: Extensions::default(),
                cname: "phone".into(),
                allow_plain: true,
            }),
        );
        let next = 0;
        Self {
            leg,
            port,
            rtp,
            rtcp,
            next,
        }
    }

    fn send(&mut self, payload: &[u8]) {
        let header = FixedHeader {
            marker: false,
            payload_type: 0,
            sequence: self.next,
            timestamp: u32::from(self.next) * 160,
            ssrc: self.leg as u32,
        };
        let packet = [&header.to_bytes()[..], payload].concat();
        self.next += 1;
        self.rtp
            .send_to(&packet, (Ipv4Addr::LOCALHOST, self.port))
            .unwrap();
    }
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2_048];
    let (len, from) = socket.recv_from(&mut buffer).expect("nothing came");
    (buffer[..len].to_vec(), from)
}

/// Sound goes out from the port of the line, reports from the next; when the legs go, the ports are closed.
#[test]
fn two_phones_hear_each_other_and_their_ports_are_closed() {
    let (engine, range) = engine_with(2);
    let mut listener = Listener::new(&engine);
    let mut phones = [1, 2].map(|leg| Phone::call(&engine, leg));
    assert_eq!(engine.open_ports(ROOM).unwrap_err().code(), "no_ports");
    submit(&engine, &feeds(ROOM, 1, 2));
    for leg in [1, 2] {
        admit(&engine, &mut listener, leg);
    }
    for round in 0..200_u8 {
        phones[0].send(&[round; 160]);
        let (packet, from) = receive(&phones[1].rtp);
        assert_eq!(
            (from.port(), &packet[12..]),
            (phones[1].port, &[round; 160][..])
        );
        phones[1].send(&[round; 80]);
        assert_eq!(receive(&phones[0].rtp).0[12..], [round; 80]);
    }
    let (report, from) = receive(&phones[1].rtcp);
    assert_eq!((report[1], from.port()), (200, phones[1].port + 1));
    let blocks = engine.snapshot(PATIENCE).unwrap();
    for row in 0..2 {
        assert_eq!(column(&blocks, 3, row, "cipher_in"), 1);
        assert_eq!(column(&blocks, 3, row, "found"), 1);
    }
    for leg in [1, 2] {
        submit(&engine, &Command::RemoveLeg { leg: LegId(leg) });
        listener.until(|event| matches!(event, Event::LegRemoved { .. }));
    }
    // The thread closes them before it takes the next command.
    engine.snapshot(PATIENCE).unwrap();
    for port in range.first..=range.last {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
    assert_eq!(
        engine.open_ports(ROOM).unwrap_err().code(),
        "no_ports",
        "they rest"
    );
}

/// Ports that no leg has come to use are closed when asked for; those of a leg are not.
#[test]
fn unused_ports_are_closed_and_used_ones_stay() {
    let (engine, _) = engine_with(2);
    let mut listener = Listener::new(&engine);
    let phone = Phone::call(&engine, 1);
    let unused = engine.open_ports(ROOM).unwrap();
    for port in [phone.port, unused] {
        engine.close_ports(ROOM, port).unwrap();
    }
    admit(&engine, &mut listener, 1);
    engine.snapshot(PATIENCE).unwrap();
    UdpSocket::bind((Ipv4Addr::LOCALHOST, unused)).unwrap();
    assert!(UdpSocket::bind((Ipv4Addr::LOCALHOST, phone.port)).is_err());
}

/// A pair of which others on the machine have a port is passed over.
#[test]
fn ports_that_others_have_are_passed_over() {
    let (engine, range) = engine_with(3);
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, range.first + 1)).unwrap();
    let opened = [0, 0].map(|_| engine.open_ports(ROOM).unwrap());
    assert_eq!(opened, [range.first + 2, range.first + 4]);
    drop(taken);
    engine.stop();
    for port in range.first..=range.last {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
}

/// Ranges that make no sense, or that meet the shards' own ports, are refused at the start.
#[test]
fn senseless_ranges_are_refused() {
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for (base_port, first, last) in [
        (0, 0, 10),
        (0, 11, 12),
        (9_000, 9_001, 9_010),
        (9_000, 8_990, 9_000),
    ] {
        let config = Config {
            ip,
            base_port,
            shards: 2,
            drills: false,
            lines: Some(Range { first, last }),
        };
        assert_eq!(Engine::start(config).err().unwrap().code(), "config");
    }
}
