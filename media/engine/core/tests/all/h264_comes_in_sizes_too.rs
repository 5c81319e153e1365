//! H.264 in several encodings, of which packets do not tell the temporal layer: a receiver gets the size that its link carries, as
//! one stream that turns from one to another only where a decoder can begin, and what nobody takes is not asked for.

use crate::support::browser::{run, shown, times_of, SENDS, TAKES};
use crate::support::{ms, Got, Path, PeerSpec, Picture, World};
use engine_core::api::LegId;
use engine_core::{Event, Micros};

const SENDER: PeerSpec = PeerSpec {
    h264: true,
    temporal: false,
    ..SENDS
};
/// A browser that reports on each packet.
const BROWSER: PeerSpec = PeerSpec {
    h264: true,
    ..TAKES
};
/// Somebody of whose link the engine is told.
const TOLD: PeerSpec = PeerSpec {
    reports_each: false,
    ..BROWSER
};
const GOOD: Path = Path::with_delay(20);

/// Peer 0 watches peer 1, which sends 0.16, 0.6 and 1.6 Mbit/s at 25 pictures a second.
fn call(seed: u64, watcher: PeerSpec) -> World {
    let mut world = World::with_room(seed, GOOD, &[watcher, SENDER]);
    world.peers[0].senders[1].on = false;
    world.peers[1].keys_together = true;
    world.peers[1].senders[0].level = 30;
    let encodings = world.peers[1].senders[1..].iter_mut();
    for (sender, size) in encodings.zip([(1, 800), (3, 1_000), (8, 1_000)]) {
        (sender.interval, sender.key_times) = (ms(40), 5);
        (sender.packets_per_frame, sender.payload_len) = size;
    }
    run(&mut world, ms(1_500));
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
    run(&mut world, ms(5_000));
    world
}

fn encoding_of(packet: &Got) -> usize {
    (packet.tag.number >> 56) as usize
}

fn picture_of<'a>(world: &'a World, packet: &Got) -> &'a Picture {
    let log = &world.peers[1].senders[1 + encoding_of(packet)].log;
    let at = log.binary_search_by_key(&packet.tag.sent_at, |picture| picture.at);
    &log[at.unwrap()]
}

/// Packets by picture, in the order of their numbers.
fn pictures(world: &World) -> Vec<Vec<&Got>> {
    let packets: Vec<&Got> = world.peers[0].receivers[1].got.values().collect();
    let same =
        |a: &&Got, b: &&Got| a.tag.sent_at == b.tag.sent_at && encoding_of(a) == encoding_of(b);
    packets.chunk_by(same).map(<[_]>::to_vec).collect()
}

/// What was asked of the sender last.
fn told(world: &World) -> Vec<bool> {
    let mut events = world.events.iter().rev();
    let found = events.find_map(|(_, event)| match event {
        Event::Demand {
            leg: LegId(2),
            encodings,
            ..
        } => Some(encodings.iter().map(|one| one.active).collect()),
        _ => None,
    });
    found.unwrap()
}

/// Pictures of each encoding that could be shown since a time.
fn since(world: &World, from: Micros) -> [usize; 3] {
    let times = times_of(world, (0, 1), 1);
    let of = |encoding| {
        let of_late = times.iter().filter(|(at, _)| *at >= from);
        of_late
            .filter(|(_, of)| usize::from(of.1) == encoding)
            .count()
    };
    [of(0), of(1), of(2)]
}

/// Between one picture and the next no time is lost or won, and only a key frame follows one of another encoding. Gives the
/// encodings in their order.
fn assert_goes_on(world: &World) -> Vec<usize> {
    let pictures = pictures(world);
    for pair in pictures.windows(2) {
        let (a, b) = (pair[0][0], pair[1][0]);
        let ticks = b.timestamp.wrapping_sub(a.timestamp) as i32;
        assert!(ticks > 0, "time stood still");
        let passed = b.tag.sent_at.since(a.tag.sent_at).0 as f64 / 1e6;
        let error = f64::from(ticks) / 90_000.0 - passed;
        assert!(error.abs() < 0.002, "{ticks} ticks for {passed} s");
        let turns = encoding_of(a) != encoding_of(b);
        assert!(!turns || picture_of(world, b).key, "no key frame");
        assert!(!turns || b.key_frame, "where no decoder can begin");
    }
    let mut encodings: Vec<usize> = pictures.iter().map(|one| encoding_of(one[0])).collect();
    encodings.dedup();
    encodings
}

/// Nothing is missing of a picture, but of one that gave way to another size while it came; the last packet of each is marked.
fn assert_whole(world: &World) {
    let pictures = pictures(world);
    assert_eq!(world.peers[0].receivers[1].missing(), [0; 0], "a hole");
    for pair in pictures.windows(2) {
        let (packets, next) = (&pair[0], &pair[1]);
        let is_whole = packets.len() == picture_of(world, packets[0]).packets;
        let gives_way = encoding_of(packets[0]) != encoding_of(next[0]);
        assert!(is_whole || gives_way, "a part of a picture");
        let marked = packets.iter().filter(|packet| packet.marker).count();
        assert_eq!(marked, usize::from(is_whole));
    }
}

/// Where numbers are left out of what was sent to peer 0: the one before, and the one after.
fn left_out(world: &World) -> Vec<(u64, u64)> {
    let ssrc = world.peers[0].receivers[1].spec.ssrc;
    let numbers = world.auditor.numbers(LegId(1), ssrc);
    assert!(numbers.len() > 1_000);
    let pairs = numbers.windows(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(|(a, b)| a + 1 != *b).collect()
}

/// The only packets that were numbered and never sent are those of a larger picture that waited when a smaller one took its
/// place.
fn assert_left_out_for_a_smaller_one(world: &World) {
    let got = &world.peers[0].receivers[1].got;
    for (before, after) in left_out(world) {
        let before = got.range(..=before).next_back().unwrap().1;
        let after = got.range(after..).next().unwrap().1;
        assert!(
            encoding_of(before) > encoding_of(after),
            "{before:?} {after:?}"
        );
    }
}

#[test]
fn a_link_that_changes_gets_the_size_that_it_carries_in_one_stream() {
    let mut world = call(1, TOLD);
    // When a packet arrives says little of when it was sent.
    world.peers[1].up = Path {
        keep_order: true,
        ..GOOD.shaking(30)
    };
    for (estimate, encoding, asked) in [
        (None, 2, [true, false, true]),
        (Some(400_000), 0, [true, false, false]),
        (Some(5_000_000), 2, [true, false, true]),
        (Some(1_000_000), 1, [true, true, false]),
        (None, 2, [true, false, true]),
    ] {
        world.set_estimate(0, estimate);
        run(&mut world, ms(5_000));
        let counts = since(&world, world.now - ms(1_000));
        let all: usize = counts.iter().sum();
        assert_eq!(counts[encoding], all, "{estimate:?} {counts:?}");
        assert!((23..=27).contains(&all), "{estimate:?} {counts:?}");
        assert_eq!(told(&world), asked, "{estimate:?}");
    }
    // The middle one has to wake first, and meanwhile there is the smallest.
    assert_eq!(assert_goes_on(&world), [2, 0, 2, 0, 1, 2]);
    assert_whole(&world);
    assert_eq!(left_out(&world), []);
}

/// Whenever in a picture its link falls.
#[test]
fn a_browser_whose_link_becomes_thin_gets_the_small_one_and_the_large_one_again_with_the_link() {
    for part in 0..3 {
        let mut world = call(2, BROWSER);
        run(&mut world, ms(20 * part));
        let before = since(&world, world.now - ms(1_000));
        assert_eq!(before[..2], [0, 0], "{part}");
        assert_eq!(told(&world), [true, false, true], "{part}");
        let fall = world.now;
        world.peers[0].down = GOOD.limited(400_000, 300);
        run(&mut world, ms(9_000));
        assert!(shown(&world, fall, world.now).longest < ms(700), "{part}");
        let thin = shown(&world, fall + ms(1_000), world.now);
        assert!(
            thin.fps > 24.0 && thin.longest < ms(150),
            "{part}: {thin:?}"
        );
        assert_eq!(since(&world, fall + ms(1_000))[1..], [0, 0], "{part}");
        assert_eq!(told(&world), [true, false, false], "{part}");
        world.peers[0].down = GOOD;
        run(&mut world, ms(5_000));
        let again = since(&world, world.now - ms(1_000));
        assert!(again[2] >= 24, "{part}: {again:?}");
        assert_eq!(told(&world), [true, false, true], "{part}");
        assert_eq!(assert_goes_on(&world).as_slice()[1..], [2, 0, 2], "{part}");
        assert_left_out_for_a_smaller_one(&world);
    }
}
