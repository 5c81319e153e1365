//! What a network loses is asked for and sent again, on both halves of the way. The harness asserts along the way that
//! no SSRC and number goes out twice, retransmissions included.

use crate::support::{ms, Loss, Path, PeerSpec, World};
use engine_core::Micros;

/// A sender (0) and a receiver (1); then both networks are changed.
fn call(seed: u64, up: Path, down: Path) -> World {
    let mut world = World::with_room(seed, Path::with_delay(20), &[PeerSpec::default(); 2]);
    world.set_feeds(&[((1, 0), (0, 0)), ((1, 1), (0, 1))]);
    world.run(ms(500));
    (world.peers[0].up, world.peers[1].down) = (up, down);
    world
}

/// Lets the sender stop and the last repairs arrive.
fn settle(world: &mut World) {
    world.peers[0]
        .senders
        .iter_mut()
        .for_each(|sender| sender.on = false);
    world.peers[0].up = Path::with_delay(20);
    world.peers[1].down = Path::with_delay(20);
    world.run(ms(1_500));
}

/// With a tenth of all packets lost each way, media, requests and repairs alike, the receiver has all but one in a
/// thousand of the video's packets in the end.
#[test]
fn a_tenth_lost_each_way_is_repaired() {
    for seed in 1..=3 {
        let lossy = Path::lossy(0.1);
        let mut world = call(seed, lossy, lossy);
        (world.peers[0].down, world.peers[1].up) = (lossy, lossy);
        world.run(ms(20_000));
        settle(&mut world);
        let video = &world.peers[1].receivers[1];
        let (missing, got) = (video.missing().len(), video.got.len());
        assert!(got > 2_000, "seed {seed}: {got} packets");
        assert!(
            missing * 1_000 <= got,
            "seed {seed}: {missing} of {got} missing"
        );
        let repaired = video.got.values().filter(|got| got.repaired).count();
        assert!(repaired * 20 > got, "seed {seed}: {repaired} repaired");
    }
}

/// What is lost on the way in is asked of the sender, and reaches the receiver although it never asked twice.
#[test]
fn holes_on_the_way_in_are_asked_of_the_sender() {
    let mut world = call(4, Path::lossy(0.1), Path::with_delay(20));
    world.run(ms(5_000));
    settle(&mut world);
    let row = world.source_row(0, 1);
    assert!(row.lost > 40, "{} lost", row.lost);
    assert_eq!(row.recovered, row.lost);
    assert!(row.rtx_packets >= row.recovered);
    assert!(world.peers[0].senders[1].nacked >= row.recovered);
    assert_eq!(world.peers[1].receivers[1].missing(), [0_u64; 0]);
}

/// What its sender cannot send again is given up after a second, and then a key frame is asked for: who takes it still hopes for
/// what is lost, and would ask for one only after seconds.
#[test]
fn what_no_request_brings_is_followed_by_a_key_frame() {
    let mut world = call(5, Path::with_delay(20), Path::with_delay(20));
    world.run(ms(1_000));
    (world.peers[0].repairs, world.peers[1].repairs) = (false, false);
    let (ssrc, mut left) = (world.peers[0].senders[1].ssrc.to_be_bytes(), 1);
    world.net.takes = Some(Box::new(move |_, data| {
        let is_lost = left > 0 && data[8..12] == ssrc;
        left -= u32::from(is_lost);
        is_lost
    }));
    let lost_at = world.now;
    world.run(ms(3_000));
    let sender = &world.peers[0].senders[1];
    let asked: Vec<Micros> = sender.plis.iter().map(|at| at.since(lost_at)).collect();
    let late = asked.iter().filter(|at| **at > ms(0)).collect::<Vec<_>>();
    assert!(
        late.len() == 1 && (ms(1_000)..ms(1_150)).contains(late[0]),
        "{late:?}"
    );
}

/// A bridge whose own receive buffer is full asks nobody to send again: what is missing waits there, or was dropped there.
/// When it has caught up, what is missing is asked for, as much at a time as has come of late.
#[test]
fn a_bridge_that_is_late_asks_for_nothing() {
    let mut world = call(10, Path::with_delay(5), Path::with_delay(20));
    world.peers[0].senders[1].packets_per_frame = 40;
    world.run(ms(500));
    world.shard.pressure_mut().note_wait(world.now, ms(11));
    world.peers[0].up = Path {
        loss: Loss::Random(0.7),
        ..Path::with_delay(5)
    };
    world.run(ms(350));
    world.peers[0].up = Path::with_delay(5);
    world.run(ms(50));
    let missing = |world: &World| world.peers[1].receivers[1].missing().len();
    let lost = missing(&world);
    assert!(lost > 250, "{lost} lost");
    assert_eq!(world.source_row(0, 1).nacks, 0);
    world.shard.pressure_mut().note_wait(world.now, ms(0));
    world.run(ms(11));
    let asked = world.source_row(0, 1).nacks;
    assert!((20..200).contains(&asked), "{asked} asked for at once");
    world.run(ms(1_000));
    let left = missing(&world);
    assert!(left * 10 < lost, "{left} of {lost} missing");
}

/// What is lost on the way out is sent again from the engine's memory; the sender never hears of it.
#[test]
fn holes_on_the_way_out_are_answered_from_the_cache() {
    let mut world = call(5, Path::with_delay(20), Path::lossy(0.1));
    world.run(ms(5_000));
    settle(&mut world);
    assert_eq!(world.peers[0].senders[1].nacked, 0);
    let video = &world.peers[1].receivers[1];
    assert_eq!(video.missing(), [0_u64; 0]);
    let row = world.slot_row(1, 1);
    assert!(row.rtx_packets > 40 && row.nacks >= row.rtx_packets);
    assert_eq!(row.rtx_misses, 0);
    assert!(video.got.values().all(|got| got.tag.leg == 1));
}

/// Sound is not asked for again: it was not negotiated, and it would come too late.
#[test]
fn sound_is_not_asked_for() {
    let mut world = call(6, Path::lossy(0.1), Path::with_delay(20));
    world.run(ms(3_000));
    assert!(world.source_row(0, 0).lost > 5);
    assert_eq!(world.source_row(0, 0).nacks, 0);
    assert_eq!(world.peers[0].senders[0].nacked, 0);
}

/// A second request inside a round trip is for the same loss and is not answered again.
#[test]
fn one_loss_is_repaired_once_a_round_trip() {
    let mut world = call(7, Path::PERFECT, Path::PERFECT);
    world.run(ms(2_500));
    let newest = world.peers[1].receivers[1].highest().unwrap() as u16;
    for _ in 0..5 {
        let nack = world.peers[1].nack(1, &[newest]);
        world.inject_from(1, nack);
    }
    assert_eq!(world.slot_row(1, 1).rtx_packets, 1);
    world.run(ms(300));
    let nack = world.peers[1].nack(1, &[newest]);
    world.inject_from(1, nack);
    assert_eq!(world.slot_row(1, 1).rtx_packets, 2);
}

const SEES: PeerSpec = PeerSpec {
    audio: false,
    audio_slots: 0,
    reports_each: true,
    ..PeerSpec::BROWSER
};

/// Somebody whose link reports on each packet, and who sees pictures.
fn call_with_reports(seed: u64) -> World {
    let mut world = World::with_room(seed, Path::with_delay(10), &[SEES; 2]);
    world.set_feeds(&[((1, 0), (0, 1))]);
    world.run(ms(5_000));
    world
}

/// A repair may be lost as well, and goes again soon after where packets are asked for again and again: where a tenth is
/// lost, hardly any needs another round trip.
#[test]
fn repairs_go_again_where_they_may_be_lost() {
    let mut world = call_with_reports(14);
    world.peers[1].down.loss = Loss::Random(0.1);
    world.run(ms(30_000));
    let got = world.peers[1].receivers[0].got.values();
    let repaired = got.filter(|got| got.repaired);
    let delays: Vec<_> = repaired.map(|got| got.at.since(got.tag.sent_at)).collect();
    let late = delays.iter().filter(|delay| **delay > ms(110)).count();
    assert!(delays.len() > 150, "{} repaired", delays.len());
    assert!(late * 100 < delays.len(), "{late} of {}", delays.len());
}

/// A loss by itself is an accident, and so is the next one much later: the repair goes once.
#[test]
fn a_repair_goes_once_where_little_is_lost() {
    let mut world = call_with_reports(15);
    for _ in 0..3 {
        let before = world.slot_row(1, 0).rtx_packets;
        let newest = world.peers[1].receivers[0].highest().unwrap() as u16;
        let nack = world.peers[1].nack(0, &[newest]);
        world.inject_from(1, nack);
        world.run(ms(100));
        assert_eq!(world.slot_row(1, 0).rtx_packets, before + 1);
        world.run(ms(3_000));
    }
}

/// A flood of requests is answered with no more than a burst of loss would need.
#[test]
fn a_flood_of_requests_is_bounded() {
    let mut world = call(8, Path::PERFECT, Path::PERFECT);
    world.peers[0].senders[1].packets_per_frame = 30;
    world.run(ms(4_000));
    let newest = world.peers[1].receivers[1].highest().unwrap() as u16;
    let all: Vec<u16> = (0..400).map(|back| newest.wrapping_sub(back)).collect();
    for _ in 0..50 {
        let nack = world.peers[1].nack(1, &all);
        world.inject_from(1, nack);
    }
    let row = world.slot_row(1, 1);
    assert_eq!(row.rtx_packets, 128);
    assert_eq!(row.nacks, 50 * 400);
    assert!(row.rtx_misses > 0);
}

/// Numbers that were never sent are counted as missed and answered with nothing.
#[test]
fn what_was_never_sent_cannot_be_fetched() {
    let mut world = call(9, Path::PERFECT, Path::PERFECT);
    world.run(ms(1_000));
    let newest = world.peers[1].receivers[1].highest().unwrap() as u16;
    let future: Vec<u16> = (1..50).map(|ahead| newest.wrapping_add(ahead)).collect();
    let nack = world.peers[1].nack(1, &future);
    world.inject_from(1, nack);
    let row = world.slot_row(1, 1);
    assert_eq!((row.rtx_packets, row.rtx_misses), (0, 49));
}

/// Every profile carries media and its repair.
#[test]
fn every_profile_carries_a_call() {
    for profile in [
        "AEAD_AES_128_GCM",
        "AEAD_AES_256_GCM",
        "AES_CM_128_HMAC_SHA1_80",
    ] {
        let spec = PeerSpec {
            profile,
            ..PeerSpec::default()
        };
        let mut world = World::with_room(10, Path::lossy(0.05), &[spec, PeerSpec::default()]);
        world.set_feeds(&[((1, 1), (0, 1)), ((0, 1), (1, 1))]);
        world.run(ms(4_000));
        settle(&mut world);
        assert!(world.peers[1].receivers[1].got.len() > 350, "{profile}");
        assert!(world.peers[0].receivers[1].got.len() > 350, "{profile}");
    }
}

/// At a high rate and with a long round trip, what was lost is still there when it is asked for, and asked for again.
#[test]
fn a_fast_stream_on_a_long_way_is_repaired() {
    for (seed, delay) in [(12, 20), (13, 130)] {
        let mut world = call(seed, Path::with_delay(20), Path::with_delay(delay));
        world.peers[1].up = Path::with_delay(delay);
        let sender = &mut world.peers[0].senders[1];
        (sender.packets_per_frame, sender.payload_len) = (11, 1_100);
        world.run(ms(4_000));
        world.peers[1].down.loss = Loss::Random(0.03);
        world.run(ms(6_000));
        world.peers[0].senders[1].on = false;
        world.peers[1].down.loss = Loss::Random(0.0);
        world.run(ms(1_500));
        let row = world.slot_row(1, 1);
        assert!(row.rtx_packets > 40, "{delay} ms: {row:?}");
        assert_eq!(row.rtx_misses, 0, "{delay} ms");
        let (video, first) = (&world.peers[1].receivers[1], ms(3_000));
        let start = world.now.since(ms(11_500) - first);
        let recent = video.got.values().filter(|got| got.at >= start).count();
        assert!(recent > 2_200, "{recent}");
        assert_eq!(video.missing(), [0_u64; 0], "{delay} ms");
    }
}
