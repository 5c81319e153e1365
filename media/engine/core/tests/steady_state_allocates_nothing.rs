//! Once warm, packets pass without a single call to the allocator: reception, forwarding, reports that come in,
//! requests and their answers.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use engine_core::{Datagram, Micros, Outbox, Shard};
use std::net::SocketAddr;
use support::phone::{call, key_frame, H235, MIXED, PCMU, PICTURES, PLAIN, SOUND, VP8};
use support::{allocations_of, ms, Counting, Path, PeerSpec, World};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

type Batch = Vec<(SocketAddr, Vec<u8>)>;

/// One talks to five, whose links lose so much on so long a way that sound carries redundancy and pictures repair
/// packets; what the sender sends carries redundancy, too.
fn warm_room() -> World {
    let spec = PeerSpec {
        sends_red: true,
        takes_red: true,
        takes_fec: true,
        ..PeerSpec::default()
    };
    let mut world = World::with_room(31, Path::with_delay(1), &[spec; 6]);
    world.peers[0].senders[0].red = vec![1, 2];
    let feeds: Vec<_> = (1..6)
        .flat_map(|to| [((to, 0), (0, 0)), ((to, 1), (0, 1))])
        .collect();
    world.set_feeds(&feeds);
    world.run(ms(5_000));
    for peer in 1..6 {
        for slot in [0, 1] {
            let now = world.now;
            let complaint = world.peers[peer].complaint(now, slot, (20, ms(200)));
            world.inject_from(peer, complaint);
        }
        world.peers[peer].sends_reports = false;
    }
    world.run(ms(1_000));
    world
}

fn pass(shard: &mut Shard, now: Micros, batch: &mut Batch, outbox: &mut Outbox) {
    let mut datagrams = [const { None }; 16];
    for (place, (from, data)) in datagrams.iter_mut().zip(batch.iter_mut()) {
        *place = Some(Datagram { from: *from, data });
    }
    for datagram in datagrams.iter_mut().flatten() {
        shard.handle_batch(now, std::slice::from_mut(datagram), outbox);
    }
}

/// Media of 300 pictures and their sound, with RTCP of the receivers in between.
fn media(world: &mut World) -> Vec<Batch> {
    let mut batches = Vec::new();
    for round in 0..300 {
        let now = world.now + ms(33 * round);
        let mut batch: Batch = Vec::new();
        let sender = &mut world.peers[0];
        let frames = [sender.frame(now, 1), sender.frame(now, 0)];
        batch.extend(
            frames
                .into_iter()
                .flatten()
                .map(|data| (sender.address, data)),
        );
        let receiver = &mut world.peers[1 + round as usize % 5];
        let newest = receiver.receivers[1].highest().unwrap() as u16;
        batch.push((
            receiver.address,
            receiver.nack(1, &[newest, newest.wrapping_sub(3)]),
        ));
        batches.push(batch);
    }
    batches
}

/// After the warm-up, 300 rounds of media, NACKs and their repairs make no allocation at all.
#[test]
fn packets_pass_without_allocation() {
    let mut world = warm_room();
    let mut batches = media(&mut world);
    let mut outbox = Outbox::with_capacity(1 << 20);
    let (first, rest) = batches.split_at_mut(20);
    for (round, batch) in (0..).zip(first) {
        let now = world.now + ms(33 * round);
        pass(&mut world.shard, now, batch, &mut outbox);
        outbox.clear();
    }
    let mut sent = 0;
    let count = allocations_of(|| {
        for (round, batch) in (20..).zip(rest) {
            let now = world.now + ms(33 * round);
            pass(&mut world.shard, now, batch, &mut outbox);
            sent += outbox.sends().map(|(send, _)| send.segments).sum::<usize>();
            outbox.clear();
        }
    });
    assert_eq!(count, 0);
    assert!(sent >= 280 * 5 * 5, "{sent} packets went out");
    for peer in 1..6 {
        assert!(world.slot_row(peer, 0).red_packets > 280);
        assert!(world.slot_row(peer, 1).fec_packets > 100);
    }
}

/// A whole batch at once, as it comes from the socket, passes without allocation, too.
#[test]
fn a_large_batch_passes_without_allocation() {
    let mut world = warm_room();
    let mut outbox = Outbox::with_capacity(1 << 20);
    let mut counts = Vec::new();
    // Until the cache holds as much as comes now, eight times what came before.
    for round in 0..26 {
        let now = world.now + ms(33 * round);
        let address = world.peers[0].address;
        let mut packets: Vec<_> = (0..8).flat_map(|_| world.peers[0].frame(now, 1)).collect();
        let mut batch: Vec<_> = packets
            .iter_mut()
            .map(|data| Datagram {
                from: address,
                data,
            })
            .collect();
        let shard = &mut world.shard;
        counts.push(allocations_of(|| {
            shard.handle_batch(now, &mut batch, &mut outbox);
        }));
        outbox.clear();
    }
    assert_eq!(counts[20..], [0; 6]);
}

/// Packets on lines of legs without ICE pass without allocation, too, plain or protected, and so do keys that are pressed
/// but for the event of each.
#[test]
fn packets_on_lines_pass_without_allocation() {
    for suites in [MIXED, PLAIN, H235] {
        let (mut exchange, [mut one, two]) = call(suites);
        let mut packets = Vec::new();
        for round in 0..1_000_u16 {
            for (line, pt) in [(SOUND, PCMU), (PICTURES, VP8)] {
                let line = &mut one.lines[line];
                let packet = line.packet(pt, &key_frame(round as u8));
                packets.push((line.spec.ports.rtp, line.from, packet));
            }
        }
        let mut outbox = Outbox::with_capacity(1 << 16);
        let (now, shard) = (exchange.now, &mut exchange.shard);
        let (first, rest) = packets.split_at_mut(1_000);
        let mut forwarded = 0;
        let mut pass = |at: usize, (port, from, data): &mut (u16, SocketAddr, Vec<u8>)| {
            let mut batch = [Datagram { from: *from, data }];
            let now = now + ms(20 * at as u64);
            shard.handle_batch_on(now, *port, &mut batch, &mut outbox);
            let to = two.lines[SOUND].from.ip();
            forwarded += outbox
                .sends()
                .filter(|(send, _)| send.to.ip() == to)
                .count();
            outbox.clear();
        };
        first
            .iter_mut()
            .enumerate()
            .for_each(|(at, packet)| pass(at, packet));
        let count = allocations_of(|| {
            for (at, packet) in (1_000..).zip(rest) {
                pass(at, packet);
            }
        });
        assert_eq!((count, forwarded), (0, 2_000));
    }
}

/// Timers allocate only for reports: once a second and leg, not with every packet.
#[test]
fn timers_allocate_for_reports_only() {
    let mut world = warm_room();
    let mut outbox = Outbox::with_capacity(1 << 20);
    let start = world.now;
    let mut calls = 0;
    let count = allocations_of(|| {
        for step in 0..2_000 {
            world
                .shard
                .handle_timeout(start + ms(step * 5), &mut outbox);
            calls += u64::from(!outbox.is_empty());
            outbox.clear();
        }
    });
    assert!(calls > 20, "{calls}");
    assert!(count <= 2 * 6 * 13, "{count} in ten seconds for six legs");
}
