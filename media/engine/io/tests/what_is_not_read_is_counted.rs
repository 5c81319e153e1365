//! A shard that is sent more than it can read tells how much of it the kernel dropped, and its neighbour nothing of it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use engine_io::Engine;
use std::net::{Ipv4Addr, UdpSocket};
use std::thread::sleep;
use std::time::Duration;
use support::{column, engine_with, start, Listener, Peer, PATIENCE};

/// More than its buffer may hold, each of which costs the shard more than it costs us to send.
const BURST: u64 = 30_000;
const BURSTS: u64 = 50;
/// More than the smaller buffer of a line may hold, and what the shard turns away at once.
const JUNK: (u64, [u8; 40]) = (5_000, [255; 40]);
/// Far more than a reading takes.
const LOOKS: u32 = 2_000;

fn of_shard(engine: &Engine, shard: usize) -> (u64, u64) {
    let blocks = engine.snapshot(PATIENCE).unwrap();
    let told = |name| column(&blocks, 2, shard, name);
    (told("datagrams_in"), told("receive_drops"))
}

/// Sends connectivity checks until some were dropped; gives how many.
fn flood(engine: &Engine, peer: &Peer) -> u64 {
    let (check, shard) = (peer.a_check(), engine.shard_of(peer.room));
    for bursts in 1..=BURSTS {
        (0..BURST).for_each(|_| peer.send(&check));
        if of_shard(engine, shard).1 > 0 {
            return bursts * BURST;
        }
    }
    panic!("all was read in time");
}

/// What came and what was dropped since `before` came, as soon as that is all of what was sent, or more.
fn all_told(engine: &Engine, shard: usize, before: u64, sent: u64) -> (u64, u64) {
    for _ in 0..LOOKS {
        let (came, dropped) = of_shard(engine, shard);
        if came - before + dropped >= sent {
            return (came - before, dropped);
        }
        sleep(Duration::from_millis(5));
    }
    panic!("less was told than was sent");
}

/// What came and what was dropped are together what was sent, to the datagram.
#[test]
fn what_a_shard_has_no_time_to_read_is_counted() {
    let engine = start(2);
    let mut listener = Listener::new(&engine);
    let peers = [1, 2].map(|leg| Peer::join(&engine, &mut listener, leg, leg));
    let busy = engine.shard_of(peers[0].room);
    let (before, none) = of_shard(&engine, busy);
    assert_eq!(none, 0);
    let sent = flood(&engine, &peers[0]);
    let (came, dropped) = all_told(&engine, busy, before, sent);
    assert_eq!(came + dropped, sent);
    // Nor does a later reading find more.
    (0..3).for_each(|_| {
        sleep(Duration::from_millis(20));
        assert_eq!(of_shard(&engine, busy), (before + came, dropped));
    });
    assert_eq!(of_shard(&engine, 1 - busy).1, 0);
}

/// Ports of lines are among those of their shard, and what was dropped there stays when they are closed.
#[test]
fn what_was_dropped_at_the_ports_of_a_line_is_told_when_they_are_gone() {
    let (engine, _) = engine_with(1);
    let mut listener = Listener::new(&engine);
    let peer = Peer::join(&engine, &mut listener, 1, 1);
    let (check, shard) = (peer.a_check(), engine.shard_of(peer.room));
    let line = engine.open_ports(peer.room).unwrap();
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (before, _) = of_shard(&engine, shard);
    let mut lost_on_line = 0;
    for bursts in 1..=BURSTS {
        (0..BURST).for_each(|_| peer.send(&check));
        (0..JUNK.0).for_each(|_| {
            let to = (Ipv4Addr::LOCALHOST, line + 1);
            stranger.send_to(&JUNK.1, to).unwrap();
        });
        let sent = bursts * (BURST + JUNK.0);
        let (came, dropped) = all_told(&engine, shard, before, sent);
        assert_eq!(came + dropped, sent);
        let blocks = engine.snapshot(PATIENCE).unwrap();
        lost_on_line = bursts * JUNK.0 - column(&blocks, 2, shard, "media_unknown_address");
        if lost_on_line > 0 {
            break;
        }
    }
    assert!(lost_on_line > 0, "all was read in time");
    let told = of_shard(&engine, shard);
    engine.close_ports(peer.room, line).unwrap();
    (0..3).for_each(|_| {
        assert_eq!(of_shard(&engine, shard), told);
        sleep(Duration::from_millis(20));
    });
    UdpSocket::bind((Ipv4Addr::LOCALHOST, line + 1)).unwrap();
}
