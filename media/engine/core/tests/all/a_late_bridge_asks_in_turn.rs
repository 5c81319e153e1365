//! Where the bridge's own receive buffer has overflowed, every stream has holes and everybody wants a key frame. Asked for at
//! once, these would fill it again.

use crate::support::{ms, Path, PeerSpec, World};

const PEERS: usize = 24;

/// Each takes the pictures of the next.
fn ring() -> World {
    let mut world = World::with_room(1, Path::with_delay(20), &[PeerSpec::default(); PEERS]);
    let feeds: Vec<_> = (0..PEERS)
        .map(|peer| ((peer, 1), ((peer + 1) % PEERS, 1)))
        .collect();
    world.set_feeds(&feeds);
    world.run(ms(3_000));
    world
        .peers
        .iter_mut()
        .for_each(|peer| peer.senders[1].plis.clear());
    world
}

fn all_ask(world: &mut World) {
    for peer in 0..PEERS {
        let wish = world.peers[peer].pli(1);
        world.send_up(peer, vec![wish]);
    }
}

/// How often each was asked.
fn asked(world: &World) -> Vec<usize> {
    let of = |peer: &crate::support::Peer| peer.senders[1].plis.len();
    world.peers.iter().map(of).collect()
}

#[test]
fn while_it_is_late_few_are_asked_and_then_everyone_in_turn() {
    let mut world = ring();
    let late_for = |world: &mut World, tenths: u64| {
        for _ in 0..tenths {
            world.shard.pressure_mut().note_wait(world.now, ms(20));
            all_ask(world);
            world.run(ms(100));
        }
    };
    late_for(&mut world, 10);
    let first = asked(&world);
    let sum: usize = first.iter().sum();
    assert!((6..=11).contains(&sum), "{first:?}");
    // Nobody has a second turn before everyone had one, however long it lasts.
    late_for(&mut world, 10);
    let second = asked(&world);
    assert!(second.iter().all(|times| *times <= 1), "{second:?}");
    assert!(second.iter().sum::<usize>() > sum, "{second:?}");
    world.shard.pressure_mut().note_wait(world.now, ms(0));
    world.run(ms(400));
    let third = asked(&world);
    assert!(third.iter().all(|times| *times >= 1), "{third:?}");
}

#[test]
fn who_is_not_late_asks_everyone_at_once() {
    let mut world = ring();
    all_ask(&mut world);
    world.run(ms(60));
    assert_eq!(asked(&world), vec![1; PEERS]);
}
