//! Who shows a picture in so many lines gets the smallest encoding that has as many, of VP8 and of H.264: more is of no use,
//! and would take what others need. What nobody shows is not asked for.

use crate::support::browser::{run, times_of, SENDS, TAKES};
use crate::support::{feed, ms, Path, PeerSpec, World};
use engine_core::api::{Command, RoomId};
use engine_core::Micros;

/// Encodings of 180, 360 and 720 lines.
const SENDERS: [PeerSpec; 2] = [
    SENDS,
    PeerSpec {
        h264: true,
        temporal: false,
        ..SENDS
    },
];

fn call(seed: u64, sender: PeerSpec) -> World {
    let takes = PeerSpec {
        h264: sender.h264,
        ..TAKES
    };
    let mut world = World::with_room(seed, Path::with_delay(20), &[takes, sender]);
    world.peers[0].senders[1].on = false;
    world.peers[1].keys_together = sender.h264;
    let encodings = world.peers[1].senders[1..].iter_mut();
    for (sender, size) in encodings.zip([(1, 800), (3, 1_000), (8, 1_000)]) {
        (sender.interval, sender.key_times) = (ms(40), 5);
        (sender.packets_per_frame, sender.payload_len) = size;
    }
    run(&mut world, ms(1_500));
    world
}

/// The slot is shown in so many lines from now on.
fn show(world: &mut World, height: Option<u16>) {
    let (to, from) = (world.peers[0].leg, world.peers[1].leg);
    let mut picture = feed((to, 1), (from, 1));
    picture.height = height;
    let feeds = vec![feed((to, 0), (from, 0)), picture];
    let room = RoomId(1);
    world.command(Command::SetFeeds { room, feeds });
}

/// The encodings that were shown since.
fn shown(world: &World, from: Micros) -> Vec<u8> {
    let times = times_of(world, (0, 1), 1);
    let late = times.iter().filter(|(at, _)| *at >= from);
    let mut encodings: Vec<u8> = late.map(|(_, of)| of.1).collect();
    encodings.dedup();
    encodings
}

#[test]
fn the_smallest_that_has_as_many_lines_is_sent() {
    for sender in SENDERS {
        let mut world = call(1, sender);
        for (height, expected) in [
            (None, 2),
            (Some(360), 1),
            (Some(90), 0),
            (Some(180), 0),
            (Some(181), 1),
            (Some(720), 2),
            (Some(1_080), 2),
            (Some(300), 1),
        ] {
            show(&mut world, height);
            run(&mut world, ms(6_000));
            let found = shown(&world, world.now - ms(2_000));
            assert_eq!(found, [expected], "{height:?} of {:?}", sender.h264);
        }
    }
}

/// A small one does not begin large.
#[test]
fn what_is_shown_small_begins_small() {
    for sender in SENDERS {
        let mut world = call(2, sender);
        let begins = world.now;
        show(&mut world, Some(180));
        run(&mut world, ms(4_000));
        assert_eq!(shown(&world, begins), [0], "{:?}", sender.h264);
        let larger = world.peers[1].senders[2..].iter();
        assert!(larger.into_iter().all(|sender| !sender.on));
    }
}
