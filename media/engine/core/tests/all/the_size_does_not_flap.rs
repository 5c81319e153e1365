//! On a link that stays as it is, pictures stay as they are: several share what it carries, and none changes its size or the
//! number of its pictures again and again because another one swings.

use crate::support::browser::{as_chromium, run, times_of, Time, SENDS, TAKES};
use crate::support::{ms, Path, PeerSpec, World};
use engine_core::Micros;

/// Until then a call looks for what its link carries.
const SETTLES: Micros = ms(10_000);
const MINUTE: Micros = ms(60_000);
/// Changes in a minute that nobody minds.
const FEW: usize = 2;

/// A receiver of so many senders, each in a slot of its own, of whom one speaks.
fn call(seed: u64, senders: u16, path: Path) -> World {
    let takes = PeerSpec {
        audio_slots: senders,
        video_slots: senders,
        video: false,
        ..TAKES
    };
    let specs = [&[takes][..], &vec![SENDS; senders.into()]].concat();
    let mut world = World::with_room(seed, Path::with_delay(20), &specs);
    world.peers[0].down = path;
    world.peers[1].senders[0].level = 30;
    world.peers[0].senders[0].on = false;
    for peer in 1..specs.len() {
        as_chromium(&mut world, peer);
        world.peers[peer].senders[0].on = peer == 1;
        // No two cameras are in step.
        let first = world.now + Micros(world.random.below(40_000));
        let pictures = world.peers[peer].senders[1..].iter_mut();
        pictures.for_each(|sender| sender.next_at = first);
    }
    run(&mut world, ms(1_500));
    let feeds = (0..senders).flat_map(|at| {
        let from = usize::from(at) + 1;
        [((0, at), (from, 0)), ((0, senders + at), (from, 1))]
    });
    world.set_feeds(&feeds.collect::<Vec<_>>());
    world
}

/// What a slot showed, second by second: the highest encoding, and the highest temporal layer of it; none without a picture.
fn seconds(world: &World, times: &[Time], sender: usize, from: Micros) -> Vec<Option<(u8, u8)>> {
    let layer = |of: &(Micros, u8)| {
        let log = &world.peers[sender].senders[1 + usize::from(of.1)].log;
        let at = log.binary_search_by_key(&of.0, |picture| picture.at);
        log[at.unwrap()].tid
    };
    let mut seconds = vec![None; (world.now.since(from).0 / 1_000_000) as usize];
    for (at, of) in times.iter().filter(|(at, _)| *at >= from) {
        let second = seconds.get_mut((at.since(from).0 / 1_000_000) as usize);
        let now = Some((of.1, layer(of)));
        second
            .into_iter()
            .for_each(|second| *second = now.max(*second));
    }
    seconds
}

/// How often a slot changed its encoding, and how often its temporal layers or whether there is a picture.
fn changes(world: &World, (slot, sender): (usize, usize), from: Micros) -> (usize, usize) {
    let times = times_of(world, (0, slot), sender);
    let encodings = times.iter().filter(|(at, _)| *at >= from);
    let encodings: Vec<u8> = encodings.map(|(_, of)| of.1).collect();
    let sizes = encodings.windows(2).filter(|pair| pair[0] != pair[1]);
    let layers = seconds(world, &times, sender, from);
    let layers = layers.windows(2).filter(|pair| match (pair[0], pair[1]) {
        (Some(before), Some(after)) => before.0 == after.0 && before.1 != after.1,
        (before, after) => before != after,
    });
    (sizes.count(), layers.count())
}

/// Looks at a minute of a call; gives the share of it in percent that each slot showed the larger encoding.
fn look(seed: u64, (senders, path): (u16, Path), most_layers: usize) -> Vec<usize> {
    let mut world = call(seed, senders, path);
    let from = world.now + SETTLES;
    run(&mut world, SETTLES + MINUTE);
    let look_at = |sender: usize| {
        let slot = usize::from(senders) + sender - 1;
        let (sizes, layers) = changes(&world, (slot, sender), from);
        let what = format!("seed {seed}, {sender} of {senders}, {path:?}");
        assert!(sizes <= FEW, "{what}: {sizes} changes of size");
        assert!(layers <= most_layers, "{what}: {layers} changes of layers");
        let seconds = seconds(&world, &times_of(&world, (0, slot), sender), sender, from);
        let larger = seconds.iter().flatten().filter(|(size, _)| *size > 0);
        larger.count() * 100 / seconds.len()
    };
    (1..=usize::from(senders)).map(look_at).collect()
}

const fn carries(bps: u64) -> Path {
    Path::with_delay(20).limited(bps, 300)
}

#[test]
fn where_all_fits_all_are_large_and_stay_so() {
    assert_eq!(look(1, (2, carries(4_000_000)), 0), [100, 100]);
}

/// Somebody is shown large, and it is the same one all the time.
#[test]
fn where_one_large_picture_fits_it_is_the_same_one() {
    let mut larger = look(2, (2, carries(2_000_000)), 0);
    larger.sort_unstable();
    assert_eq!(larger, [0, 100]);
}

/// The key frame with which a large picture begins makes a queue, and an estimate that falls below what is sent: that costs
/// neither it nor another try.
#[test]
fn where_a_large_picture_just_fits_its_own_key_frame_does_not_cost_it() {
    for seed in 3..6 {
        for (senders, bps) in [(1, 1_240_000), (2, 1_540_000), (3, 1_820_000)] {
            let mut larger = look(seed, (senders, carries(bps)), 0);
            larger.sort_unstable();
            assert_eq!(larger.pop(), Some(100), "{senders} on {bps}");
            assert!(larger.iter().all(|share| *share == 0), "{larger:?}");
        }
    }
}

/// A large picture hardly fits.
#[test]
fn what_has_been_tried_in_vain_is_not_tried_all_the_time() {
    for seed in 3..6 {
        for (senders, bps) in [(1, 1_140_000), (2, 1_470_000), (3, 1_670_000)] {
            look(seed, (senders, carries(bps)), FEW);
        }
    }
}

#[test]
fn where_small_pictures_fit_they_keep_all_their_layers() {
    assert_eq!(look(5, (3, carries(900_000)), 0), [0; 3]);
}

/// Layers are tried more often than sizes, since that costs no key frame. Which packets are lost is chance: the mean of some
/// calls counts, and none of them may be much worse.
#[test]
fn where_hardly_anything_fits_and_some_is_lost_hardly_anything_changes() {
    let thin = carries(300_000).losing(0.02);
    let mut all = Vec::new();
    for (seed, senders) in (1..=5).flat_map(|seed| [(seed, 2), (seed, 3)]) {
        let mut world = call(seed, senders, thin);
        let from = world.now + SETTLES;
        run(&mut world, SETTLES + MINUTE);
        for sender in 1..=usize::from(senders) {
            let slot = usize::from(senders) + sender - 1;
            let (sizes, layers) = changes(&world, (slot, sender), from);
            assert_eq!(sizes, 0, "seed {seed}, {sender} of {senders}");
            all.push(layers);
        }
    }
    assert!(all.iter().sum::<usize>() <= 3 * all.len(), "{all:?}");
    assert!(all.iter().all(|layers| *layers <= 3 * FEW), "{all:?}");
}
