//! A shard that stays late sends fewer pictures, those that matter less left out first, and each that it still sends is whole.
//! Sound goes on, and when it keeps up again all pictures come back.

use crate::support::{feed, ms, Path, PeerSpec, World};
use engine_core::api::{Command, RoomId};
use engine_core::stats::{ShardRow, Snapshot};
use engine_core::Micros;

const PEERS: usize = 16;
/// Their pictures matter most to those who see them.
const SPEAKERS: usize = 4;

/// Each hears and sees the next.
fn ring() -> World {
    let mut world = World::with_room(1, Path::with_delay(20), &[PeerSpec::default(); PEERS]);
    let leg = |world: &World, peer: usize| world.peers[peer % PEERS].leg;
    let mut feeds = Vec::new();
    for peer in 0..PEERS {
        let ends = (leg(&world, peer), leg(&world, peer + 1));
        feeds.push(feed((ends.0, 0), (ends.1, 0)));
        feeds.push(feed((ends.0, 1), (ends.1, 1)));
        if peer < SPEAKERS {
            feeds.last_mut().unwrap().importance = 0;
        }
    }
    let room = RoomId(1);
    world.command(Command::SetFeeds { room, feeds });
    world.run(ms(3_000));
    world
}

fn go_on(world: &mut World, span: Micros, waited: Micros) {
    for _ in 0..span.0 / 10_000 {
        world.shard.pressure_mut().note_wait(world.now, waited);
        world.run(ms(10));
    }
}

/// Who gets no more packets of a slot.
fn without(world: &mut World, slot: usize, waited: Micros) -> Vec<usize> {
    let start = world.now + ms(50);
    go_on(world, ms(150), waited);
    let still = |peer: &usize| {
        let last = world.peers[*peer].receivers[slot].got.last_key_value();
        last.is_none_or(|(_, got)| got.at < start)
    };
    (0..PEERS).filter(still).collect()
}

fn row(world: &World) -> ShardRow {
    let mut snapshot = Snapshot::default();
    world.shard.snapshot(&mut snapshot);
    snapshot.shards[0]
}

#[test]
fn who_stays_late_sends_fewer_pictures_and_all_of_the_sound() {
    let mut world = ring();
    go_on(&mut world, ms(1_000), ms(50));
    let resting = without(&mut world, 1, ms(50));
    // Two eighths, neither of them a speaker's.
    assert_eq!(resting.len(), PEERS / 4, "{resting:?}");
    assert!(resting.iter().all(|peer| *peer >= SPEAKERS), "{resting:?}");
    assert_eq!(row(&world).pictures_resting, resting.len() as u64);
    assert_eq!(without(&mut world, 0, ms(50)), Vec::<usize>::new());
    // Those that matter most rest last.
    go_on(&mut world, ms(1_600), ms(50));
    let resting = without(&mut world, 1, ms(50));
    assert!(resting.len() > PEERS / 2, "{resting:?}");
    assert!(resting.iter().all(|peer| *peer >= SPEAKERS), "{resting:?}");
    go_on(&mut world, ms(3_000), ms(50));
    let resting = without(&mut world, 1, ms(50));
    assert_eq!(resting.len(), PEERS);
    // Two after 300 ms and two more each 600 ms, seen after 6.2 s: 60.8 s, of which the last look is a second old at the most.
    let seconds = row(&world).pictures_rested_us as f64 / 1e6;
    assert!((44.8..60.9).contains(&seconds), "{seconds}");
    assert_eq!(without(&mut world, 0, ms(50)), Vec::<usize>::new());
}

#[test]
fn who_keeps_up_again_has_all_pictures_back_and_none_has_a_hole() {
    let mut world = ring();
    go_on(&mut world, ms(2_200), ms(50));
    let resting = without(&mut world, 1, ms(0));
    assert_eq!(resting.len(), PEERS / 2, "{resting:?}");
    go_on(&mut world, ms(9_000), ms(0));
    assert_eq!(without(&mut world, 1, ms(0)), Vec::<usize>::new());
    assert_eq!(row(&world).pictures_resting, 0);
    for peer in 0..PEERS {
        let slots = &world.peers[peer].receivers;
        assert_eq!(slots[0].missing(), Vec::<u64>::new(), "sound of {peer}");
        assert_eq!(slots[1].missing(), Vec::<u64>::new(), "picture of {peer}");
        let got: Vec<_> = slots[1].got.values().collect();
        let begins = got
            .windows(2)
            .filter(|two| two[1].at.since(two[0].at) > ms(400));
        let begins: Vec<_> = begins.map(|two| two[1].key_frame).collect();
        let expected = if resting.contains(&peer) {
            vec![true]
        } else {
            vec![]
        };
        assert_eq!(begins, expected, "{peer} after a rest");
    }
}

#[test]
fn who_was_stopped_for_a_moment_leaves_nothing_out() {
    let mut world = ring();
    go_on(&mut world, ms(250), ms(600));
    assert_eq!(without(&mut world, 1, ms(0)), Vec::<usize>::new());
    assert_eq!(row(&world).pictures_rested_us, 0);
}

#[test]
fn who_matters_now_is_seen_within_a_second() {
    let mut world = ring();
    go_on(&mut world, ms(1_000), ms(50));
    let resting = without(&mut world, 1, ms(0));
    // They speak now.
    let leg = |world: &World, peer: usize| world.peers[peer % PEERS].leg;
    let feeds = (0..PEERS).flat_map(|peer| {
        let ends = (leg(&world, peer), leg(&world, peer + 1));
        let mut picture = feed((ends.0, 1), (ends.1, 1));
        if resting.contains(&peer) {
            picture.importance = 0;
        }
        [feed((ends.0, 0), (ends.1, 0)), picture]
    });
    let (room, feeds) = (RoomId(1), feeds.collect());
    world.command(Command::SetFeeds { room, feeds });
    go_on(&mut world, ms(1_000), ms(0));
    let now = without(&mut world, 1, ms(0));
    assert_eq!(now.len(), resting.len());
    assert!(
        now.iter().all(|peer| !resting.contains(peer)),
        "{resting:?} {now:?}"
    );
}

#[test]
fn a_camera_that_was_off_when_pictures_came_back_is_seen_when_it_is_on_again() {
    let mut world = ring();
    go_on(&mut world, ms(2_200), ms(50));
    let resting = without(&mut world, 1, ms(50));
    let camera = |world: &mut World, on: bool| {
        for peer in &mut world.peers {
            peer.senders[1].on = on;
        }
    };
    camera(&mut world, false);
    go_on(&mut world, ms(15_000), ms(0));
    camera(&mut world, true);
    go_on(&mut world, ms(1_000), ms(0));
    assert!(!resting.is_empty());
    assert_eq!(without(&mut world, 1, ms(0)), Vec::<usize>::new());
}
