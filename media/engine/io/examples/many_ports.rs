//! What ports of lines cost: CPU time of the shard's thread per packet that comes in and is dropped behind a closed gate,
//! with so many lines that are sent to in turn, and so many more whose ports are open and idle.
//!
//!     cargo run --release -p engine-io --example many_ports
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement, not a program"
)]

use engine_core::api::{Codec, EncodingSpec, Extensions, Format, Kind, LegId, RoomId, SourceSpec};
use engine_core::line::api::{AddLines, Feedback, LinePorts, LineSpec, Protection, Remote};
use engine_core::Command;
use engine_io::{Config, Engine, LinePorts as Range};
use engine_wire::rtp::FixedHeader;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PACKETS: u64 = 100_000;
const PATIENCE: Duration = Duration::from_secs(10);

fn main() {
    for (active, idle) in [(1, 0), (1, 400), (10, 0), (100, 0), (400, 0)] {
        let cost = measure(active, idle);
        println!("{active} lines in turn, {idle} idle: {cost:.2} us a packet");
    }
}

fn measure(active: u64, idle: u64) -> f64 {
    let config = Config {
        ip: HOME,
        base_port: 0,
        shards: 1,
        drills: false,
        lines: Some(Range {
            first: 42_000,
            last: 42_999,
        }),
    };
    let engine = Engine::start(config).unwrap();
    for _ in 0..idle {
        engine.open_ports(1).unwrap();
    }
    let ports: Vec<u16> = (0..active).map(|_| engine.open_ports(1).unwrap()).collect();
    let socket = UdpSocket::bind((HOME, 0)).unwrap();
    for (leg, port) in (1..).zip(&ports) {
        let command = Command::AddLines(line(leg, *port, &socket));
        engine
            .submit(&rmp_serde::to_vec_named(&command).unwrap())
            .unwrap();
    }
    let before = counters(&engine);
    for number in 0..PACKETS {
        let port = ports[(number % active) as usize];
        socket
            .send_to(&packet(number / active), (HOME, port))
            .unwrap();
        if number % 64 == 63 {
            // No faster than it is taken, so that nothing is lost and little waits.
            std::thread::sleep(Duration::from_micros(500));
        }
    }
    std::thread::sleep(Duration::from_millis(200));
    let after = counters(&engine);
    (after[1] - before[1]) as f64 / (after[0] - before[0]) as f64
}

/// Datagrams taken in, and CPU time.
fn counters(engine: &Engine) -> [u64; 2] {
    let blocks = engine.snapshot(PATIENCE).unwrap();
    ["datagrams_in", "cpu_us"].map(|name| {
        let names = Engine::columns()[2];
        let at = names.iter().position(|column| *column == name).unwrap() * 8;
        u64::from_le_bytes(blocks[2][at..at + 8].try_into().unwrap())
    })
}

fn packet(number: u64) -> Vec<u8> {
    let header = FixedHeader {
        marker: false,
        payload_type: 0,
        sequence: number as u16,
        timestamp: number as u32 * 160,
        ssrc: 7,
    };
    [&header.to_bytes()[..], &[0; 160]].concat()
}

fn line(leg: u64, port: u16, socket: &UdpSocket) -> AddLines {
    let pcmu = Format {
        pt: 0,
        codec: Codec::Pcmu,
        clock_rate: 8_000,
        rtx_pt: None,
        nack: false,
        pli: false,
        packetization_mode: None,
        profile: None,
        level_asymmetry: false,
        transport_cc: false,
        red_pt: None,
    };
    AddLines {
        leg: LegId(leg),
        room: RoomId(1),
        lines: vec![LineSpec {
            ports: LinePorts {
                rtp: port,
                rtcp: None,
            },
            remote: Remote {
                rtp: socket.local_addr().unwrap(),
                rtcp: None,
                learn: false,
            },
            protection: Protection::Plain,
            sources: vec![SourceSpec {
                source: 0,
                kind: Kind::Audio,
                mid: String::new(),
                encodings: vec![EncodingSpec::default()],
                formats: vec![pcmu],
            }],
            slots: Vec::new(),
            parameter_sets: Vec::new(),
            feedback: Feedback::default(),
            max_bitrate: None,
        }],
        extensions: Extensions::default(),
        cname: "many".into(),
        allow_plain: true,
    }
}
