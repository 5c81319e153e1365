//! Faults of our own on real sockets and threads: a room that fails, and a thread that ends.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use engine_core::api::{LegId, Refusal, RoomId, Site};
use engine_core::{Command, Event};
use engine_io::Engine;
use support::{admit, column, feeds, start_with, submit, Listener, Peer, PATIENCE};

/// Two who hear each other in a room.
fn fill_room(engine: &Engine, listener: &mut Listener<'_>, room: u64, legs: [u64; 2]) -> [Peer; 2] {
    let peers = legs.map(|leg| Peer::join(engine, listener, leg, room));
    submit(engine, &feeds(room, legs[0], legs[1]));
    legs.iter().for_each(|leg| admit(engine, listener, *leg));
    peers
}

fn hear_each_other(peers: &mut [Peer; 2], round: u8) {
    peers[0].send_sound(&[round; 50]);
    assert_eq!(peers[1].receive_sound(), [round; 50]);
}

fn panic_of(room: u64, at: Site) -> Command {
    let room = RoomId(room);
    Command::Panic { room, at }
}

/// A room that fails while its packets are forwarded is told with the place in our code, its legs are unknown from
/// then on, and the room beside it on the same thread goes on.
#[test]
fn a_room_that_fails_ends_alone() {
    let engine = start_with(1, true);
    let mut listener = Listener::new(&engine);
    let mut failing = fill_room(&engine, &mut listener, 4, [1, 2]);
    let mut other = fill_room(&engine, &mut listener, 5, [3, 4]);
    hear_each_other(&mut failing, 1);
    hear_each_other(&mut other, 1);
    submit(&engine, &panic_of(4, Site::Forward));
    // Answered in the order of commands: the drill is ready when this comes back.
    engine.snapshot(PATIENCE).unwrap();
    failing[0].send_sound(&[2; 50]);
    let events = listener.until(|event| matches!(event, Event::RoomFailed { .. }));
    let Some(Event::RoomFailed { room, legs, place }) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!((*room, &legs[..]), (RoomId(4), &[LegId(1), LegId(2)][..]));
    assert!(place.starts_with("core/src/contain.rs:"), "{place}");
    for round in 2..20 {
        hear_each_other(&mut other, round);
    }
    submit(&engine, &Command::RemoveLeg { leg: LegId(1) });
    let events = listener.until(|event| matches!(event, Event::CommandRefused { .. }));
    let refused = Event::CommandRefused {
        command: "RemoveLeg".into(),
        leg: LegId(1),
        code: Refusal::UnknownLeg,
    };
    assert_eq!(events.last(), Some(&refused));
    let blocks = engine.snapshot(PATIENCE).unwrap();
    assert_eq!(column(&blocks, 2, 0, "panics"), 1);
    assert_eq!(column(&blocks, 2, 0, "legs"), 2);
}

/// A thread that ends by itself is told, shows in the counters and refuses commands; the other thread goes on.
#[test]
fn a_thread_that_ends_is_reported() {
    let engine = start_with(2, true);
    let mut listener = Listener::new(&engine);
    let _lost = fill_room(&engine, &mut listener, 4, [1, 2]);
    let mut other = fill_room(&engine, &mut listener, 5, [3, 4]);
    submit(&engine, &panic_of(4, Site::Shard));
    let events = listener.until(|event| matches!(event, Event::ShardStopped { .. }));
    let Some(Event::ShardStopped { shard: 0, place }) = events.last() else {
        panic!("{events:?}");
    };
    assert!(place.starts_with("core/src/control.rs:"), "{place}");
    hear_each_other(&mut other, 7);
    let blocks = engine.snapshot(PATIENCE).unwrap();
    let row = |name| [0, 1].map(|row| column(&blocks, 2, row, name));
    assert_eq!(
        (row("shard"), row("stopped"), row("legs")),
        ([0, 1], [1, 0], [0, 2])
    );
    let command = rmp_serde::to_vec_named(&panic_of(4, Site::Command)).unwrap();
    assert_eq!(engine.submit(&command).unwrap_err().code(), "stopped");
    engine.stop();
    assert_eq!(engine.snapshot(PATIENCE).unwrap_err().code(), "stopped");
}
