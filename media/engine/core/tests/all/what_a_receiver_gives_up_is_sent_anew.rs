//! A packet of which nothing ever arrives, however often it is sent again: browsers ask for it ten times and then wait for
//! three seconds. The bridge knows from their reports that it did not come, and asks for a key frame.

use crate::support::browser::{as_chromium, run, shown, Shown, SENDS, TAKES};
use crate::support::{ms, Path, PeerSpec, World};
use engine_core::Micros;
use engine_srtp::Inbound;
use engine_wire::demux::{classify, Class};
use engine_wire::payload::{rtx, vp8};
use engine_wire::rtp::RtpHeader;

const TRIP: Micros = ms(40);

/// Peer 0 watches peer 1 and never wishes for a key frame.
fn call(seed: u64) -> World {
    call_of(seed, TAKES, Path::with_delay(20))
}

fn call_of(seed: u64, takes: PeerSpec, path: Path) -> World {
    let mut world = World::with_room(seed, path, &[takes, SENDS]);
    as_chromium(&mut world, 1);
    world.peers[0].receivers[1].ask_as_chromium(TRIP);
    run(&mut world, ms(500));
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
    run(&mut world, ms(6_000));
    world
}

/// Loses the next packet of this temporal layer on its way to the receiver, each time that it comes by.
fn lose_one(world: &mut World, layer: u8) {
    let peer = &world.peers[0];
    let way = (world.engine_address, peer.address);
    let mut opener = peer.auditor_keys();
    let slot = &peer.receivers[1].spec;
    let (media, again) = (slot.ssrc, slot.rtx_ssrc.unwrap());
    let mut chosen = None;
    world.net.takes = Some(Box::new(move |on, data| {
        let opened = (on == way && classify(data) == Class::Rtp).then(|| open(&mut opener, data));
        let Some((header, payload)) = opened.flatten() else {
            return false;
        };
        if header.ssrc == again {
            return rtx::original_sequence(&payload).ok() == chosen;
        }
        let descriptor = vp8::Descriptor::parse(&payload).ok();
        let is_of_layer = descriptor.is_some_and(|of| of.temporal.is_some_and(|t| t.tid == layer));
        if header.ssrc == media && chosen.is_none() && is_of_layer {
            chosen = Some(header.sequence);
        }
        header.ssrc == media && chosen == Some(header.sequence)
    }));
}

fn open(opener: &mut Inbound, data: &[u8]) -> Option<(RtpHeader, Vec<u8>)> {
    let mut data = data.to_vec();
    let header = RtpHeader::parse(&data).ok()?;
    let opened = opener.unprotect_rtp(&mut data, header.header_len).ok()?;
    let payload = data[header.header_len..opened.len].to_vec();
    Some((header, payload))
}

fn key_frames(world: &World) -> usize {
    let encodings = world.peers[1].senders[1..].iter();
    encodings.map(|sender| sender.key_frames.len()).sum()
}

/// Key frames that the loss of one packet of this layer costs, and what is shown in the three seconds from then on.
fn without_one(seed: u64, layer: u8) -> (usize, Shown) {
    let mut world = call(seed);
    let (before, start) = (key_frames(&world), world.now);
    lose_one(&mut world, layer);
    run(&mut world, ms(3_000));
    (key_frames(&world) - before, shown(&world, start, world.now))
}

#[test]
fn what_later_pictures_need_is_asked_for_as_a_key_frame() {
    for seed in 1..5 {
        let (keys, seen) = without_one(seed, 0);
        assert_eq!(keys, 1, "{seed}");
        assert!(seen.longest < ms(1_200), "{seed}: {seen:?}");
    }
}

#[test]
fn what_they_do_not_need_costs_none() {
    for seed in 1..5 {
        let (keys, seen) = without_one(seed, 2);
        assert_eq!(keys, 0, "{seed}");
        assert!(seen.longest < ms(200), "{seed}: {seen:?}");
    }
}

/// Requests, answers and reports are lost like all else, and what the sender's link lost comes late: what came is hardly ever
/// taken for lost.
#[test]
fn what_is_mended_costs_hardly_any() {
    for peer in [0, 1] {
        let mut sum = 0;
        for (seed, loss) in [(1, 0.05), (2, 0.1), (3, 0.2)] {
            let mut world = call(seed);
            let before = key_frames(&world);
            let lossy = Path::with_delay(20).losing(loss);
            (world.peers[peer].up, world.peers[peer].down) = (lossy, lossy);
            run(&mut world, ms(20_000));
            sum += key_frames(&world) - before;
        }
        assert!(sum <= 4, "{sum} key frames in a minute of {peer}");
    }
}

/// What repair packets have mended is not asked for, and no report tells of it. Here nothing is brought otherwise.
#[test]
fn nor_does_what_repair_packets_mend() {
    let takes = PeerSpec {
        takes_fec: true,
        ..TAKES
    };
    let path = Path::with_delay(70);
    let mut world = call_of(1, takes, path);
    world.peers[0].down = path.losing(0.1);
    run(&mut world, ms(3_000));
    world.peers[0].repairs = false;
    let again = world.peers[0].receivers[1].spec.rtx_ssrc.unwrap();
    world.net.takes = Some(Box::new(move |_, data| {
        data.get(8..12) == Some(&again.to_be_bytes()[..])
    }));
    let (before, sent) = (key_frames(&world), world.slot_row(0, 1).fec_packets);
    run(&mut world, ms(10_000));
    assert!(world.slot_row(0, 1).fec_packets > sent + 100);
    let keys = key_frames(&world) - before;
    assert!(keys <= 1, "{keys} key frames in ten seconds");
}
