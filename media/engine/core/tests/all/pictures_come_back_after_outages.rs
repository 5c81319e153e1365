//! A network that was away for a moment or for seconds, again and again: each time the picture is there as soon as a key
//! frame can be, whether the one who looks was away or the one who sends.

use crate::support::browser::{as_chromium, run, times, SENDS, TAKES};
use crate::support::{ms, Path, World};

/// A report that tells of the network, a request, a picture, and the way of each.
const BACK: u64 = 270;
/// The key frame takes a few pictures' time on the link.
const HOLE: u64 = 200;

/// Lets the network of one be away, and looks at what the receiver shows from its return on.
fn away(world: &mut World, who: usize, (lasts, good): (u64, Path)) {
    let peer = &mut world.peers[who];
    (peer.up, peer.down) = (good.broken(), good.broken());
    run(world, ms(lasts));
    let peer = &mut world.peers[who];
    (peer.up, peer.down) = (good, good);
    let back = world.now;
    run(world, ms(4_000));
    let shown = times(world);
    let shown: Vec<u64> = shown
        .iter()
        .filter(|(at, _)| *at > back)
        .map(|(at, _)| at.since(back).0 / 1_000)
        .collect();
    let what = format!("{lasts} ms without the network of {who}");
    assert!(shown[0] <= BACK, "{what}: back after {}", shown[0]);
    let hole = shown.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(hole.unwrap() <= HOLE, "{what}: {hole:?}");
}

#[test]
fn an_outage_is_over_when_the_network_is_back() {
    for (seed, lasts) in [(1, 500), (2, 1_000), (3, 2_000), (4, 3_000)] {
        for who in [0, 1] {
            let good = Path::with_delay(20);
            let mut world = World::with_room(seed, good, &[TAKES, SENDS]);
            as_chromium(&mut world, 1);
            run(&mut world, ms(1_500));
            world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
            run(&mut world, ms(4_000));
            for _ in 0..3 {
                away(&mut world, who, (lasts, good));
            }
        }
    }
}
