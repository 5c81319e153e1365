//! A fault of our own in the work for one room ends that room: at once, wholly, and at no cost to any other.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use engine_core::api::{LegId, Refusal, RoomId, Site};
use engine_core::{Command, Event};
use support::{ms, Counting, PeerSpec, World};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SITES: [Site; 5] = [
    Site::Command,
    Site::Datagram,
    Site::Forward,
    Site::Repair,
    Site::Timer,
];

/// Two in a room who see and hear each other.
fn fill_room(world: &mut World, room: u64) -> [usize; 2] {
    let [a, b] = [(); 2].map(|()| world.join(room, PeerSpec::default()));
    for peer in [a, b] {
        world.set_gate(peer, true);
    }
    let both = |to, from| [((to, 0), (from, 0)), ((to, 1), (from, 1))];
    world.set_feeds_of(room, &[both(a, b), both(b, a)].concat());
    [a, b]
}

/// Peers 0 and 1 in room 1, peers 2 and 3 in room 2, all warm.
fn two_rooms(seed: u64) -> World {
    let mut world = World::new(seed);
    world.shard.allow_drills();
    fill_room(&mut world, 1);
    fill_room(&mut world, 2);
    world.run(ms(1_500));
    world
}

/// Lets room 1 fail in work of this kind, and sees to it that there is such work.
fn fail(world: &mut World, room: u64, peer: usize, at: Site) {
    world.command(Command::Panic {
        room: RoomId(room),
        at,
    });
    if at == Site::Repair {
        let newest = world.peers[peer].receivers[1].highest().unwrap() as u16;
        let nack = world.peers[peer].nack(1, &[newest]);
        world.inject_from(peer, nack);
    }
    if at == Site::Timer {
        world.run(ms(1_300));
    }
}

fn failures(world: &World) -> Vec<(RoomId, Vec<LegId>)> {
    let events = world.events.iter();
    events
        .filter_map(|(_, event)| match event {
            Event::RoomFailed { room, legs, .. } => Some((*room, legs.clone())),
            _ => None,
        })
        .collect()
}

fn sent_to(world: &World, leg: u64) -> (u64, u64, u64) {
    let sent = world.auditor.sent[&LegId(leg)];
    (sent.rtp, sent.rtcp, sent.other)
}

/// Wherever it fails, the room's legs are gone, nothing more is sent to them, and what is asked of them is refused.
#[test]
fn the_room_ends_wherever_it_fails() {
    for (seed, at) in (1..).zip(SITES) {
        let mut world = two_rooms(seed);
        fail(&mut world, 1, 1, at);
        world.run(ms(100));
        assert_eq!(
            failures(&world),
            [(RoomId(1), vec![LegId(1), LegId(2)])],
            "{at:?}"
        );
        let before = [1, 2].map(|leg| sent_to(&world, leg));
        world.run(ms(4_000));
        assert_eq!(before, [1, 2].map(|leg| sent_to(&world, leg)), "{at:?}");
        let row = world.snapshot().shards[0];
        assert_eq!((row.panics, row.legs), (1, 2), "{at:?}");
        assert_eq!(world.snapshot().legs.len(), 2);
        let leg = LegId(1);
        for command in [
            Command::SetGate { leg, open: true },
            Command::RemoveLeg { leg },
        ] {
            world.command(command);
            let (_, refused) = world.events.last().unwrap();
            let unknown = Refusal::UnknownLeg;
            assert!(
                matches!(refused, Event::CommandRefused { leg: LegId(1), code, .. } if *code == unknown)
            );
        }
    }
}

/// Wherever it fails, the other room loses not one packet, and goes on at its pace.
#[test]
fn the_other_room_loses_nothing() {
    for (seed, at) in (11..).zip(SITES) {
        let mut world = two_rooms(seed);
        let before = [2, 3].map(|peer| world.peers[peer].receivers.each_got());
        fail(&mut world, 1, 1, at);
        world.run(ms(3_000));
        assert_eq!(failures(&world).len(), 1, "{at:?}");
        for (peer, before) in [2, 3].into_iter().zip(before) {
            let receivers = &world.peers[peer].receivers;
            assert!(receivers.iter().all(|r| r.missing().is_empty()), "{at:?}");
            let more: Vec<usize> = (receivers.each_got().iter().zip(&before))
                .map(|(after, before)| after - before)
                .collect();
            assert!(more[0] >= 149 && more[1] >= 4 * 89, "{at:?}: {more:?}");
        }
    }
}

trait EachGot {
    fn each_got(&self) -> Vec<usize>;
}

impl EachGot for Vec<support::Receiver> {
    fn each_got(&self) -> Vec<usize> {
        self.iter().map(|receiver| receiver.got.len()).collect()
    }
}

/// In one batch, what came before and after the packet that fails is forwarded if it is another room's.
#[test]
fn the_rest_of_the_batch_is_forwarded() {
    for at in [Site::Datagram, Site::Forward] {
        let mut world = two_rooms(21);
        let now = world.now;
        let mut batch = Vec::new();
        let mut numbers = Vec::new();
        for peer in [2, 0, 3, 0, 2] {
            let address = world.peers[peer].address;
            if peer != 0 {
                numbers.push((peer, world.peers[peer].senders[1].packets));
            }
            let frame = world.peers[peer].frame(now, 1);
            batch.extend(frame.into_iter().map(|data| (address, data)));
        }
        world.command(Command::Panic {
            room: RoomId(1),
            at,
        });
        let before = [1, 2].map(|leg| sent_to(&world, leg));
        world.inject(&mut batch);
        assert_eq!(failures(&world).len(), 1);
        assert_eq!(before, [1, 2].map(|leg| sent_to(&world, leg)), "{at:?}");
        for (peer, first) in numbers {
            let (from, to) = (peer as u64 + 1, if peer == 2 { 4 } else { 3 });
            let forwarded = &world.auditor.forwarded[&(LegId(to), from, 1)];
            assert!((first..first + 4).all(|number| forwarded.contains_key(&number)));
        }
    }
}

/// A retransmission that was written when the room failed does not leave.
#[test]
fn what_the_failed_work_wrote_does_not_leave() {
    let mut world = two_rooms(22);
    let before = sent_to(&world, 2);
    fail(&mut world, 1, 1, Site::Repair);
    assert_eq!(failures(&world).len(), 1);
    assert_eq!(before, sent_to(&world, 2));
}

/// The same room can be filled again, with new legs.
#[test]
fn the_room_can_be_made_anew() {
    for (seed, at) in (31..).zip(SITES) {
        let mut world = two_rooms(seed);
        fail(&mut world, 1, 1, at);
        world.run(ms(200));
        let anew = fill_room(&mut world, 1);
        world.run(ms(1_000));
        for peer in anew {
            let got = world.peers[peer].receivers.each_got();
            assert!(got[0] > 40 && got[1] > 100, "{at:?}: {got:?}");
        }
    }
}

/// A failure in the work for no room is counted, and nobody hears of it.
#[test]
fn a_failure_for_no_room_ends_nothing() {
    let mut world = two_rooms(41);
    fail(&mut world, 99, 1, Site::Command);
    world.run(ms(1_000));
    assert!(failures(&world).is_empty());
    let row = world.snapshot().shards[0];
    assert_eq!((row.panics, row.legs), (1, 4));
    assert!((0..4).all(|peer| world.peers[peer].receivers[1].missing().is_empty()));
}

/// An engine that was not started for drills refuses them by name.
#[test]
fn drills_are_refused_where_they_are_not_meant() {
    let mut world = World::new(42);
    fill_room(&mut world, 1);
    for at in [Site::Command, Site::Timer, Site::Shard] {
        let room = RoomId(1);
        world.command(Command::Panic { room, at });
        let refused = Event::CommandRefused {
            command: "Panic".into(),
            leg: LegId(0),
            code: Refusal::NotAllowed,
        };
        assert_eq!(world.events.last().unwrap().1, refused);
    }
    world.run(ms(1_500));
    assert_eq!(world.snapshot().shards[0].panics, 0);
    assert_eq!(world.snapshot().shards[0].legs, 2);
}

/// Bytes that the engine holds after this many failures, once everyone is gone.
fn bytes_after(failures: u64, at: Site) -> i64 {
    let mut world = World::new(51);
    world.shard.allow_drills();
    for _ in 0..failures {
        let [a, b] = fill_room(&mut world, 1);
        for peer in [a, b] {
            let check = world.peers[peer].check(true);
            world.inject_from(peer, check);
        }
        for _ in 0..2 {
            let now = world.now;
            for packet in world.peers[a].frame(now, 1) {
                world.inject_from(a, packet);
            }
        }
        world.run(ms(40));
        fail(&mut world, 1, b, at);
        let now = world.now;
        for packet in world.peers[a].frame(now, 0) {
            world.inject_from(a, packet);
        }
        for peer in [a, b] {
            world.peers[peer].fall_silent();
        }
    }
    assert_eq!(world.snapshot().shards[0].panics, failures);
    assert!(world.shard.poll_timeout().is_none());
    let before = Counting::live_bytes();
    drop(std::mem::replace(
        &mut world.shard,
        engine_core::Shard::new(0),
    ));
    before - Counting::live_bytes()
}

/// A leg that was taken out of its place when the room failed does not stay behind, nor does any other.
#[test]
fn failed_rooms_leave_nothing_behind() {
    for at in [Site::Repair, Site::Forward, Site::Command] {
        let (few, many) = (bytes_after(4, at), bytes_after(40, at));
        assert!(many <= few + 1_024, "{at:?}: {few}, {many}");
    }
}
