//! A room of fifty, and a thousand legs that come and go: everybody hears everybody, and nothing stays behind.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use engine_core::api::LegId;
use engine_core::{Command, Micros};
use support::{ms, Counting, Path, PeerSpec, World};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Fifty send sound and picture, and each takes all the sound and nine pictures of the others.
#[test]
fn a_room_of_fifty_hears_itself() {
    let spec = PeerSpec {
        audio_slots: 49,
        video_slots: 9,
        ..PeerSpec::default()
    };
    let mut world = World::with_room(41, Path::with_delay(5), &[spec; 50]);
    for peer in &mut world.peers {
        peer.senders[0].interval = ms(60);
        peer.senders[1].interval = ms(200);
    }
    let mut feeds = Vec::new();
    for to in 0..50 {
        let others = (0..50).filter(|other| *other != to).enumerate();
        for (slot, other) in others {
            let slot = slot as u16;
            feeds.push(((to, slot), (other, 0)));
            if slot < 9 {
                feeds.push(((to, 49 + slot), (other, 1)));
            }
        }
    }
    world.set_feeds(&feeds);
    world.run(ms(700));
    for peer in &world.peers {
        assert!(peer
            .receivers
            .iter()
            .all(|receiver| receiver.got.len() >= 4));
        assert!(peer
            .receivers
            .iter()
            .all(|receiver| receiver.missing().is_empty()));
    }
}

/// Adds and removes `count` legs in rooms of four, each of which talks a little.
fn come_and_go(world: &mut World, count: usize) {
    for room in 0..count as u64 / 4 {
        let peers: Vec<usize> = (0..4)
            .map(|_| world.join(1 + room % 3, PeerSpec::default()))
            .collect();
        for peer in &peers {
            world.set_gate(*peer, true);
            let check = world.peers[*peer].check(true);
            world.inject_from(*peer, check);
        }
        talk(world, &peers);
        for peer in peers {
            let leg = LegId(world.peers[peer].leg);
            world.command(Command::RemoveLeg { leg });
        }
    }
    world.events.clear();
}

fn talk(world: &mut World, peers: &[usize]) {
    let room = engine_core::api::RoomId(world.peers[peers[0]].room);
    let leg = |at: usize| world.peers[peers[at % 4]].leg;
    let feeds = (0..4)
        .map(|at| support::feed((leg(at), 1), (leg(at + 1), 1)))
        .collect();
    world.command(Command::SetFeeds { room, feeds });
    for peer in peers {
        let now = world.now;
        for packet in world.peers[*peer].frame(now, 1) {
            world.inject_from(*peer, packet);
        }
    }
}

/// Bytes that the engine's own state holds: what is freed when the shard is dropped.
fn bytes_of_shard(world: &mut World) -> i64 {
    let before = Counting::live_bytes();
    let shard = std::mem::replace(&mut world.shard, engine_core::Shard::new(0));
    drop(shard);
    before - Counting::live_bytes()
}

/// After a thousand legs have come and gone the engine holds what it held after the first hundred, but for the
/// capacity of its tables.
#[test]
fn a_thousand_legs_leave_nothing_behind() {
    let sizes: Vec<i64> = [100, 1_000]
        .into_iter()
        .map(|count| {
            let mut world = World::new(42);
            come_and_go(&mut world, count);
            assert_eq!(world.snapshot().shards[0].legs, 0);
            assert!(
                world
                    .auditor
                    .sent
                    .values()
                    .map(|sent| sent.rtp)
                    .sum::<u64>()
                    >= count as u64 * 4
            );
            // Timers of the removed legs are still to run out.
            let mut outbox = engine_core::Outbox::default();
            let later = world.now + ms(60_000);
            world.shard.handle_timeout(later, &mut outbox);
            assert!(outbox.is_empty() && world.shard.poll_timeout().is_none());
            bytes_of_shard(&mut world)
        })
        .collect();
    assert!(sizes[1] <= sizes[0] + 64 * 1_024, "{sizes:?}");
}

/// A call on bad networks takes after a minute what it took after ten seconds: timers, holes and caches are bounded.
#[test]
fn a_long_call_does_not_grow() {
    let sizes: Vec<i64> = [10, 60]
        .into_iter()
        .map(|seconds| {
            let mut world = World::with_room(44, Path::lossy(0.1), &[PeerSpec::default(); 2]);
            world.set_feeds(&[((0, 1), (1, 1)), ((1, 1), (0, 1)), ((0, 0), (1, 0))]);
            world.run(ms(seconds * 1_000));
            bytes_of_shard(&mut world)
        })
        .collect();
    assert!(sizes[1] <= sizes[0] + 8 * 1_024, "{sizes:?}");
}

/// A leg of a four-party call with a small camera takes little of our own memory (aws-lc's key schedules, about 2 kB,
/// come on top).
#[test]
fn a_leg_is_small() {
    let spec = PeerSpec {
        audio_slots: 3,
        video_slots: 3,
        ..PeerSpec::default()
    };
    let mut world = World::with_room(43, Path::with_delay(1), &[spec; 4]);
    let others = |to: usize| (0..4).filter(move |other| *other != to).enumerate();
    let mut feeds = Vec::new();
    for to in 0..4 {
        for (slot, other) in others(to) {
            feeds.push(((to, slot as u16), (other, 0)));
            feeds.push(((to, 3 + slot as u16), (other, 1)));
        }
    }
    world.set_feeds(&feeds);
    world.run(ms(3_000));
    let bytes = bytes_of_shard(&mut world) / 4;
    assert!((20_000..50_000).contains(&bytes), "{bytes} bytes a leg");
}

/// A thousand legs in rooms of four, each with a camera at 1.2 Mbit/s and sound, their caches full: what a leg takes.
#[test]
fn a_thousand_legs_take_less_than_a_hundred_kilobytes_each() {
    let spec = PeerSpec {
        audio_slots: 3,
        video_slots: 3,
        ..PeerSpec::default()
    };
    let mut world = World::new(45);
    for room in 0..250 {
        fill_room(&mut world, room, spec);
    }
    let mut outbox = engine_core::Outbox::with_capacity(1 << 20);
    for picture in 0..14 {
        let now = world.now + Micros(picture * 33_333);
        for peer in &mut world.peers {
            let mut packets = peer.frame(now, 1);
            packets.extend(peer.frame(now, 0));
            let from = peer.address;
            let batch = packets
                .iter_mut()
                .map(|data| engine_core::Datagram { from, data });
            let mut batch: Vec<_> = batch.collect();
            world.shard.handle_batch(now, &mut batch, &mut outbox);
            outbox.clear();
        }
        world.shard.handle_timeout(now, &mut outbox);
        outbox.clear();
    }
    let cameras = world.snapshot().streams;
    let forwarded = cameras
        .iter()
        .filter(|row| row.direction == 1 && row.kind == 1);
    assert!(forwarded.clone().count() == 3_000 && forwarded.clone().all(|row| row.packets >= 60));
    let bytes = bytes_of_shard(&mut world) / 1_000;
    println!("{bytes} bytes a leg");
    assert!((50_000..100_000).contains(&bytes), "{bytes} bytes a leg");
}

/// What a leg of a page takes before anything flows: eight slots for voices, nine for pictures, three encodings, and all
/// that mends losses agreed.
#[test]
fn a_page_that_is_silent_takes_little() {
    let spec = PeerSpec {
        audio_slots: 8,
        video_slots: 9,
        sends_red: true,
        takes_red: true,
        takes_fec: true,
        simulcast: true,
        reports_each: true,
        ..PeerSpec::default()
    };
    let mut world = World::new(46);
    for room in 0..50 {
        fill_room(&mut world, room, spec);
    }
    let bytes = bytes_of_shard(&mut world) / 200;
    println!("{bytes} bytes a leg");
    assert!((20_000..50_000).contains(&bytes), "{bytes} bytes a leg");
}

/// Four who see and hear each other, connected and admitted, with cameras at 1.2 Mbit/s.
fn fill_room(world: &mut World, room: u64, spec: PeerSpec) {
    let peers: Vec<usize> = (0..4).map(|_| world.join(room, spec)).collect();
    let mut feeds = Vec::new();
    for (at, peer) in peers.iter().enumerate() {
        world.set_gate(*peer, true);
        let check = world.peers[*peer].check(true);
        world.inject_from(*peer, check);
        let camera = &mut world.peers[*peer].senders[1];
        (camera.packets_per_frame, camera.payload_len) = (5, 1_000);
        for slot in 0..3 {
            let other = peers[(at + 1 + usize::from(slot)) % 4];
            feeds.push(((*peer, slot), (other, 0)));
            feeds.push(((*peer, spec.audio_slots + slot), (other, 1)));
        }
    }
    world.set_feeds_of(room, &feeds);
}
