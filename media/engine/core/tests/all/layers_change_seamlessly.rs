//! Encodings and temporal layers come and go in a slot, and the receiver sees one stream whose every picture it can
//! decode.

use crate::support;
use crate::support::{ms, Got, Path, PeerSpec, Picture, World};
use engine_core::api::{LegId, Wanted};
use engine_core::{Event, Micros};
use std::collections::HashSet;

const SENDER: PeerSpec = PeerSpec {
    simulcast: true,
    temporal: true,
    ..PeerSpec::BROWSER
};

/// Peer 0 watches the three encodings of peer 1 in its slot 1.
fn call(seed: u64, path: Path) -> World {
    let mut world = World::with_room(seed, path, &[PeerSpec::default(), SENDER]);
    // Somebody speaks: the sound of the silent is left out where hardly anything fits.
    world.peers[1].senders[0].level = 30;
    world.run(ms(2_500));
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
    world.run(ms(2_000));
    world
}

fn got(world: &World) -> Vec<Got> {
    world.peers[0].receivers[1].got.values().cloned().collect()
}

const fn encoding_of(packet: &Got) -> usize {
    (packet.tag.number >> 56) as usize
}

fn picture_of<'a>(world: &'a World, packet: &Got) -> &'a Picture {
    let log = &world.peers[1].senders[1 + encoding_of(packet)].log;
    log.iter()
        .find(|picture| picture.at == packet.tag.sent_at)
        .unwrap()
}

/// Packets by picture, in the order of their numbers.
fn pictures(packets: &[Got]) -> Vec<&[Got]> {
    let same =
        |a: &Got, b: &Got| a.tag.sent_at == b.tag.sent_at && encoding_of(a) == encoding_of(b);
    packets.chunk_by(same).collect()
}

/// Asserts that a decoder is never without what a picture refers to, and that ids and times go on.
fn assert_one_stream(world: &World) {
    let packets = got(world);
    for pair in packets.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1, "a hole");
    }
    let pictures = pictures(&packets);
    let mut decoded: HashSet<Micros> = HashSet::new();
    for (at, packets) in pictures.iter().enumerate() {
        let sent = picture_of(world, &packets[0]);
        let before = at.checked_sub(1).map(|at| &pictures[at][0]);
        let turns = before.is_none_or(|b| encoding_of(b) != encoding_of(&packets[0]));
        assert!(!turns || sent.key, "another encoding without a key frame");
        let interrupted = pictures
            .get(at + 1)
            .is_some_and(|next| encoding_of(&next[0]) != encoding_of(&packets[0]));
        if packets.len() < 4 && (interrupted || at + 1 == pictures.len()) {
            continue;
        }
        assert_eq!(packets.len(), 4, "a part of a picture");
        if sent.key {
            decoded.clear();
        }
        for needed in &sent.refers {
            assert!(
                decoded.contains(needed),
                "picture {at} refers to what was left out"
            );
        }
        decoded.insert(sent.at);
    }
    for pair in pictures.windows(2) {
        let (a, b) = (&pair[0][0], &pair[1][0]);
        let (ids_a, ids_b) = (a.pictures.unwrap(), b.pictures.unwrap());
        assert_eq!(ids_b.0, (ids_a.0 + 1) & 0x7fff, "a picture id is missing");
        let base = u8::from(picture_of(world, b).tid == 0);
        assert_eq!(ids_b.1, ids_a.1.wrapping_add(base), "TL0PICIDX");
        let ticks = b.timestamp.wrapping_sub(a.timestamp) as i32;
        assert!(ticks > 0, "time stood still");
        let passed = b.tag.sent_at.since(a.tag.sent_at).0 as f64 / 1e6;
        let error = f64::from(ticks) / 90_000.0 - passed;
        assert!(error.abs() < 0.002, "{ticks} ticks for {passed} s");
    }
}

/// Encodings in which pictures came since `since`, and how many of them.
fn recent(world: &World, since: Micros) -> Vec<usize> {
    let packets = got(world);
    let mut counts = vec![0; 3];
    for picture in pictures(&packets) {
        if picture[0].at >= since {
            counts[encoding_of(&picture[0])] += 1;
        }
    }
    counts
}

#[test]
fn a_link_that_changes_gets_what_it_carries_and_every_picture_can_be_decoded() {
    let mut world = call(1, Path::with_delay(15));
    let since = |world: &World| Micros(world.now.0 - 1_000_000);
    assert_eq!(recent(&world, since(&world))[..2], [0, 0]);
    // Bits a second; where that leads to, and how many of its pictures in a second.
    for (estimate, encoding, least, most) in [
        (Some(400_000), 0, 29, 31),
        (Some(250_000), 0, 14, 16),
        (Some(140_000), 0, 6, 9),
        (Some(5_000_000), 2, 29, 31),
        (Some(800_000), 1, 29, 31),
        (None, 2, 29, 31),
    ] {
        world.set_estimate(0, estimate);
        world.run(ms(6_000));
        let counts = recent(&world, since(&world));
        assert!(
            (least..=most).contains(&counts[encoding]),
            "{estimate:?}: {counts:?}"
        );
        assert_eq!(
            counts.iter().sum::<usize>(),
            counts[encoding],
            "{estimate:?}"
        );
    }
    assert_one_stream(&world);
    let row = world.slot_row(0, 1);
    assert_eq!((row.switches, row.layer_switches, row.layer), (1, 4, 3));
}

#[test]
fn on_a_link_for_sound_only_the_picture_goes_and_comes_back() {
    let mut world = call(2, Path::with_delay(15));
    world.set_estimate(0, Some(60_000));
    world.run(ms(3_000));
    let off = world.now;
    world.run(ms(3_000));
    assert_eq!(recent(&world, off), [0, 0, 0]);
    // On so thin a link two sounds are one packet.
    let heard = world.peers[0].receivers[0].heard.values();
    assert!(heard.filter(|at| **at >= off).count() > 140);
    world.set_estimate(0, Some(5_000_000));
    let back = world.now;
    world.run(ms(5_000));
    assert!(recent(&world, back)[2] > 60);
}

#[test]
fn an_encoding_that_its_sender_pauses_gives_way_and_comes_back() {
    let mut world = call(3, Path::with_delay(15));
    // Each time it is left alone for longer: four seconds from when it has stopped, then fifteen. Then it has to keep up for
    // a second.
    for alone in [5_000, 16_000] {
        world.peers[1].senders[3].on = false;
        let paused = world.now;
        world.run(ms(3_000));
        assert!(
            recent(&world, paused)[1] > 45,
            "{:?}",
            recent(&world, paused)
        );
        world.peers[1].senders[3].on = true;
        world.peers[1].senders[3].next_at = world.now;
        world.run(ms(alone - 2_200));
        let resumed = world.now;
        world.run(ms(2_000));
        assert!(
            recent(&world, resumed)[2] > 45,
            "{:?}",
            recent(&world, resumed)
        );
    }
}

/// Loss takes requests, key frames and everything else; the audit of nonces looks on.
#[test]
fn under_loss_switches_end_where_they_should_and_no_number_is_used_twice() {
    for seed in 0..12 {
        let mut world = call(
            100 + seed,
            Path {
                loss: support::Loss::Random(0.1),
                ..Path::with_delay(40)
            },
        );
        for estimate in [
            Some(400_000),
            Some(5_000_000),
            Some(200_000),
            Some(5_000_000),
            Some(800_000),
        ] {
            world.set_estimate(0, estimate);
            world.run(ms(4_000));
        }
        let clean = Path::with_delay(40);
        for peer in &mut world.peers {
            (peer.up, peer.down) = (clean, clean);
        }
        world.run(ms(2_000));
        let since = world.now;
        world.run(ms(1_000));
        assert!(
            recent(&world, since)[1] >= 28,
            "{seed}: {:?}",
            recent(&world, since)
        );
        assert_eq!(
            world.peers[0].receivers[1]
                .missing()
                .iter()
                .filter(|n| {
                    let packets = &world.peers[0].receivers[1].got;
                    packets
                        .range(..**n)
                        .next_back()
                        .is_some_and(|(_, p)| p.at > since)
                })
                .count(),
            0
        );
    }
}

/// When the camera of peer 1 was told something, and which encodings are to be sent.
fn told(at: Micros, event: &Event) -> Option<(Micros, Vec<bool>)> {
    match event {
        Event::Demand {
            leg: LegId(2),
            source: 1,
            encodings,
        } => {
            let active = |one: &Wanted| one.active;
            Some((at, encodings.iter().map(active).collect()))
        }
        _ => None,
    }
}

#[test]
fn a_source_is_told_what_anybody_takes() {
    let mut world = call(4, Path::with_delay(15));
    world.set_estimate(0, Some(800_000));
    world.run(ms(3_000));
    let told = |world: &World| -> Vec<(Micros, Vec<bool>)> {
        let events = world.events.iter();
        events.filter_map(|(at, event)| told(*at, event)).collect()
    };
    assert_eq!(told(&world).last().unwrap().1, [true, true, false]);
    world.set_estimate(0, None);
    world.run(ms(3_000));
    let told = told(&world);
    assert_eq!(told.last().unwrap().1, [true, false, true]);
    assert!(told
        .windows(2)
        .all(|pair| pair[1].0.since(pair[0].0) >= ms(500)));
}

/// What nobody takes is not asked for: encodings that wait for no one see no key frame request.
#[test]
fn encodings_that_nobody_takes_are_left_alone() {
    let world = call(5, Path::with_delay(15));
    let plis: Vec<usize> = (1..4)
        .map(|at| world.peers[1].senders[at].plis.len())
        .collect();
    assert_eq!(plis, [0, 0, 1]);
    let rows = world.snapshot().streams;
    let own = rows
        .iter()
        .filter(|row| row.leg == 2 && row.direction == 0 && row.index == 1);
    let packets: Vec<u64> = own.map(|row| row.packets).collect();
    assert_eq!(packets.len(), 3);
    assert!(packets.iter().all(|packets| *packets > 300));
}

/// Who was gone sends all encodings for a moment, until told that none is taken: a slot that begins with one of them then
/// waits for a picture of it, which comes only if it goes on.
#[test]
fn what_a_slot_begins_with_is_asked_for_at_once() {
    let mut world = call(6, Path::with_delay(15));
    let on = |world: &mut World, on: bool| {
        let senders = world.peers[1].senders.iter_mut();
        senders.for_each(|sender| sender.on = on);
    };
    on(&mut world, false);
    world.run(ms(8_000));
    world.set_feeds(&[]);
    world.run(ms(2_000));
    let told = |world: &World| {
        world
            .events
            .iter()
            .rev()
            .find_map(|(at, event)| told(*at, event))
    };
    assert_eq!(told(&world).unwrap().1, [true, false, false]);
    on(&mut world, true);
    world.run(ms(200));
    let back = world.now;
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
    world.run(ms(10));
    let plis = &world.peers[1].senders[3].plis;
    assert!(plis.iter().all(|pli| *pli < back), "not there yet");
    assert_eq!(told(&world).unwrap(), (back, vec![true, false, true]));
}
