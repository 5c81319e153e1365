//! The whole engine on real sockets and threads, driven with bytes as Python drives it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use engine_core::api::{LegId, Refusal};
use engine_core::{Command, Event};
use engine_io::{Config, Engine, Histogram};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use support::{add_leg, admit, column, feeds, start, submit, Listener, Peer, PATIENCE};

/// Two peers connect, are admitted and hear each other; removal is told with the moment of the last packet.
#[test]
fn two_peers_hear_each_other() {
    let engine = start(1);
    let mut listener = Listener::new(&engine);
    let mut peers = [1, 2].map(|leg| Peer::join(&engine, &mut listener, leg, 5));
    submit(&engine, &feeds(5, 1, 2));
    for leg in [1, 2] {
        admit(&engine, &mut listener, leg);
    }
    for round in 0..20_u8 {
        peers[0].send_sound(&[round; 50]);
        assert_eq!(peers[1].receive_sound(), [round; 50]);
        peers[1].send_sound(&[round; 90]);
        assert_eq!(peers[0].receive_sound(), [round; 90]);
    }
    submit(&engine, &Command::RemoveLeg { leg: LegId(1) });
    let events = listener.until(|event| matches!(event, Event::LegRemoved { .. }));
    let Some(Event::LegRemoved {
        leg,
        at_us,
        last_in_us,
        last_out_us,
    }) = events.last()
    else {
        panic!("{events:?}");
    };
    assert_eq!(*leg, LegId(1));
    assert!(last_in_us.0 > 0 && last_out_us.0 > 0 && last_in_us <= at_us && last_out_us <= at_us);
}

/// DTLS goes up as an event and comes down as datagrams, before any gate is open.
#[test]
fn dtls_passes_both_ways() {
    let engine = start(1);
    let mut listener = Listener::new(&engine);
    let peer = Peer::join(&engine, &mut listener, 1, 5);
    let hello = [22, 254, 253, 9, 9, 9];
    peer.send(&hello);
    let events = listener.until(|event| matches!(event, Event::Dtls { .. }));
    let expected = Event::Dtls {
        leg: LegId(1),
        data: hello.to_vec(),
    };
    assert_eq!(events.last(), Some(&expected));
    let flight = [vec![22, 1], vec![22, 2, 3]];
    let datagrams = flight.map(|datagram| datagram.into()).to_vec();
    submit(
        &engine,
        &Command::SendDtls {
            leg: LegId(1),
            datagrams,
        },
    );
    assert_eq!(peer.receive(), [22, 1]);
    assert_eq!(peer.receive(), [22, 2, 3]);
}

/// A snapshot has whole rows under the named columns, of every shard.
#[test]
fn a_snapshot_tells_what_happened() {
    let engine = start(2);
    let mut listener = Listener::new(&engine);
    let mut first = Peer::join(&engine, &mut listener, 1, 4);
    let _second = Peer::join(&engine, &mut listener, 2, 5);
    admit(&engine, &mut listener, 1);
    first.send_sound(&[1; 33]);
    first.send(&[255; 40]);
    first.send(&[22, 254, 253]);
    listener.until(|event| matches!(event, Event::Dtls { .. }));
    let blocks = engine.snapshot(PATIENCE).unwrap();
    let rows: Vec<usize> = (0..3)
        .map(|at| blocks[at].len() / 8 / Engine::columns()[at].len())
        .collect();
    assert_eq!(rows, [2, 4, 2]);
    assert!((0..3).all(|at| blocks[at].len() == rows[at] * 8 * Engine::columns()[at].len()));
    assert_eq!(column(&blocks, 0, 0, "leg"), 1);
    assert_eq!(column(&blocks, 0, 0, "gate_open"), 1);
    assert_eq!(column(&blocks, 0, 1, "gate_open"), 0);
    assert_eq!(column(&blocks, 1, 0, "packets"), 1);
    assert_eq!(column(&blocks, 1, 0, "bytes"), 33);
    assert_eq!(column(&blocks, 2, 0, "unclassified"), 1);
    assert_eq!(column(&blocks, 2, 1, "legs"), 1);
    assert!(column(&blocks, 2, 0, "cpu_us") > 0);
}

/// A leg's name is its own on the whole engine: a second leg of that name in a room of another shard is refused, and
/// the first one goes on.
#[test]
fn a_leg_is_one_leg_on_all_shards() {
    let engine = start(2);
    let mut listener = Listener::new(&engine);
    let mut peer = Peer::join(&engine, &mut listener, 1, 4);
    submit(&engine, &add_leg(1, 5));
    let events = listener.until(|event| matches!(event, Event::CommandRefused { .. }));
    let refused = Event::CommandRefused {
        command: "AddLeg".into(),
        leg: LegId(1),
        code: Refusal::DuplicateLeg,
    };
    assert_eq!(events.last(), Some(&refused));
    peer.send_sound(&[0; 10]);
    admit(&engine, &mut listener, 1);
}

/// Bytes that are no command are refused with a word and a sentence, and the engine goes on.
#[test]
fn what_is_no_command_is_refused() {
    let engine = start(1);
    let unknown = rmp_serde::to_vec_named(&[("type", "OpenEverything")]).unwrap();
    for bytes in [&b""[..], &[0xc1], &[0x81, 0xa4], &unknown] {
        assert_eq!(engine.submit(bytes).unwrap_err().code(), "schema");
    }
    let mut listener = Listener::new(&engine);
    Peer::join(&engine, &mut listener, 1, 1);
}

/// Stopping joins the threads: the ports are free, commands are refused, a second stop does nothing.
#[test]
fn stopping_ends_the_threads() {
    let engine = start(2);
    let addresses = engine.addresses();
    engine.stop();
    for address in addresses {
        UdpSocket::bind(address).unwrap();
    }
    let command = rmp_serde::to_vec_named(&add_leg(1, 1)).unwrap();
    assert_eq!(engine.submit(&command).unwrap_err().code(), "stopped");
    assert_eq!(engine.snapshot(PATIENCE).unwrap_err().code(), "stopped");
    engine.stop();
}

/// An engine of which one port is taken does not start, and leaves no thread and no port behind.
#[test]
fn a_taken_port_fails_the_start_cleanly() {
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (base_port, taken) = neighbours(ip);
    let config = Config {
        ip,
        base_port,
        shards: 2,
        drills: false,
        lines: None,
    };
    let error = Engine::start(config).err().unwrap();
    assert_eq!(error.code(), "socket");
    UdpSocket::bind((ip, base_port)).unwrap();
    drop(taken);
}

/// A free port and a socket that holds the next one.
fn neighbours(ip: IpAddr) -> (u16, UdpSocket) {
    loop {
        let first = UdpSocket::bind((ip, 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        if let Some(Ok(second)) = port.checked_add(1).map(|next| UdpSocket::bind((ip, next))) {
            return (port, second);
        }
    }
}

/// No shards, or ports past the last, are a mistake of the configuration, not a panic.
#[test]
fn senseless_configurations_are_refused() {
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for (base_port, shards) in [(0, 0), (9_000, 0), (65_535, 2)] {
        let config = Config {
            ip,
            base_port,
            shards,
            drills: false,
            lines: None,
        };
        assert_eq!(Engine::start(config).err().unwrap().code(), "config");
    }
}

/// What is forwarded is measured from the kernel's time stamp on, once a datagram however many take it; what nobody takes
/// is not measured.
#[test]
fn forwarding_delay_is_measured() {
    let engine = start(1);
    let mut listener = Listener::new(&engine);
    let mut peers = [1, 2].map(|leg| Peer::join(&engine, &mut listener, leg, 5));
    for leg in [1, 2] {
        admit(&engine, &mut listener, leg);
    }
    peers[0].send_sound(&[0; 50]);
    while column(&engine.snapshot(PATIENCE).unwrap(), 1, 0, "packets") == 0 {}
    submit(&engine, &feeds(5, 1, 2));
    engine.snapshot(PATIENCE).unwrap();
    for round in 1..=20_u8 {
        peers[0].send_sound(&[round; 50]);
        assert_eq!(peers[1].receive_sound(), [round; 50]);
    }
    let blocks = engine.snapshot(PATIENCE).unwrap();
    let numbers: Vec<u64> = blocks[4]
        .chunks_exact(8)
        .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    assert_eq!(numbers.len(), 3 + Histogram::bounds().len());
    let (head, counts) = numbers.split_at(3);
    let measured = counts.iter().sum::<u64>() + head[1];
    assert_eq!((head[0], measured), (0, 20), "{numbers:?}");
}
