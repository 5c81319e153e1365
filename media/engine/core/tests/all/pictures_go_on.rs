//! Over links that lose, delay and reorder, requests and answers included, pictures go on: no stream sticks, and how long
//! a picture may stand has bounds. Every picture refers to the one before it, so that nothing can be passed over.

use crate::support::{ms, Jitter, Loss, Path, PeerSpec, Random, World};
use engine_core::Micros;

/// A receiver that has no picture yet for so long, or no new one for so long, asks for a key frame, and again after as long:
/// as Chromium does.
const PATIENCE: (Micros, Micros) = (ms(200), ms(3_000));
const LOOK: Micros = ms(100);

/// A sender (0) and a receiver (1) of pictures alone.
const PICTURES: PeerSpec = PeerSpec {
    audio: false,
    audio_slots: 0,
    ..PeerSpec::BROWSER
};

/// When the receiver had a whole picture that it could decode, in the order of time.
fn shown(world: &World) -> Vec<Micros> {
    let (sender, receiver) = (&world.peers[0].senders[0], &world.peers[1].receivers[0]);
    let count = sender.packets_per_frame as u64;
    let came = |packet: u64| receiver.heard.get(&(1, 1, packet)).copied();
    let mut before = None;
    let mut shown = Vec::new();
    for (number, picture) in (0..).zip(&sender.log) {
        let packets = (number * count..(number + 1) * count).map(came);
        let whole = packets.collect::<Option<Vec<_>>>();
        let whole = whole.and_then(|times| times.into_iter().max());
        let needed = if picture.key { whole } else { before };
        before = whole.zip(needed).map(|(whole, needed)| whole.max(needed));
        shown.extend(before);
    }
    shown.sort_unstable();
    shown
}

/// Runs while the receiver asks for key frames as a browser does when it has nothing to show; gives the longest time
/// without a new picture.
fn watch(world: &mut World, span: Micros) -> Micros {
    let (start, mut asked) = (world.now, world.now);
    while world.now < start + span {
        world.run(LOOK);
        let last = shown(world).last().copied();
        let patience = last.map_or(PATIENCE.0, |_| PATIENCE.1);
        if world.now.since(last.unwrap_or(start).max(asked)) >= patience {
            asked = world.now;
            let pli = world.peers[1].pli(0);
            world.send_up(1, vec![pli]);
        }
    }
    let mut times = shown(world);
    times.insert(0, start);
    times.push(world.now);
    times.retain(|at| *at >= start);
    let gaps = times.windows(2).map(|pair| pair[1].since(pair[0]));
    gaps.max().unwrap_or(span)
}

/// A call over these links from the beginning, or after half a second on good ones.
fn call(seed: u64, path: Path, from_the_beginning: bool) -> World {
    let good = Path::with_delay(20);
    let first = if from_the_beginning { path } else { good };
    let mut world = World::with_room(seed, first, &[PICTURES; 2]);
    world.run(ms(500));
    world.set_feeds(&[((1, 0), (0, 1))]);
    world.run(if from_the_beginning { ms(0) } else { ms(500) });
    for peer in &mut world.peers {
        (peer.up, peer.down) = (path, path);
    }
    world
}

/// What each of the four ways is like: loss by itself or in runs, sometimes jitter that reorders, and of the round trip
/// between the two a quarter.
fn some_path(random: &mut Random, most_loss: f64, (least, most): (u64, u64)) -> Path {
    let share = random.below(1_000) as f64 / 1e3 * most_loss;
    let loss = match random.below(3) {
        0 => Loss::Bursts { share, mean: 4.0 },
        _ => Loss::Random(share),
    };
    let jitter = match random.below(3) {
        0 => Jitter::UniformUs(random.below(30_000)),
        _ => Jitter::Off,
    };
    Path {
        loss,
        jitter,
        ..Path::with_delay((least + random.below(most - least + 1)) / 4)
    }
}

fn sweep(seeds: std::ops::Range<u64>, (most_loss, trips): (f64, (u64, u64)), bound: Micros) {
    for seed in seeds {
        let path = some_path(&mut Random::new(seed), most_loss, trips);
        let mut world = call(seed, path, seed % 2 == 0);
        let longest = watch(&mut world, ms(4_000));
        assert!(longest < bound, "seed {seed}: {longest:?} with {path:?}");
    }
}

#[test]
fn up_to_five_percent_and_a_round_trip_of_100_ms_no_picture_stands_for_half_a_second() {
    sweep(0..40, (0.05, (20, 100)), ms(500));
}

#[test]
fn up_to_thirty_percent_and_300_ms_no_picture_stands_for_two_seconds() {
    sweep(100..140, (0.3, (20, 300)), ms(2_000));
}
