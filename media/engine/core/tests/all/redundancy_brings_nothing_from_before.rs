//! A packet that carries earlier ones brings none from before the gate opened, the mute ended or the slot was filled,
//! on the way in or out. The harness holds every payload against the moment at which it became allowed
//! (`Auditor::instant`: the network here takes no time); these tests see to it that there is something to hold back.

use crate::support::{ms, Path, PeerSpec, World};
use engine_core::api::LegId;
use engine_core::Command;

const RED: PeerSpec = PeerSpec {
    video: false,
    video_slots: 0,
    sends_red: true,
    takes_red: true,
    ..PeerSpec::BROWSER
};

/// Peer 0 sends sound with redundancy to peer 1, by hand; both are admitted.
fn call() -> World {
    let mut world = World::with_room(1, Path::PERFECT, &[RED; 2]);
    world.auditor.instant = true;
    for peer in &mut world.peers {
        peer.senders[0].on = false;
        peer.senders[0].red = vec![1, 2];
    }
    world.set_feeds(&[((1, 0), (0, 0))]);
    world.run(ms(400));
    world
}

/// The sound of this moment, which the network may lose; then 20 ms pass. Its number comes back.
fn sound(world: &mut World, arrives: bool) -> u64 {
    let now = world.now;
    let number = world.peers[0].senders[0].packets;
    for packet in world.peers[0].frame(now, 0) {
        if arrives {
            world.inject_from(0, packet);
        }
    }
    world.run(ms(20));
    number
}

fn hears(world: &World, number: u64) -> bool {
    world.peers[1].receivers[0]
        .heard
        .contains_key(&(1, 0, number))
}

/// The receiver says that it loses much, and then gets packets that carry earlier ones.
fn carry(world: &mut World) {
    sound(world, true);
    let now = world.now;
    let complaint = world.peers[1].complaint(now, 0, (250, ms(20)));
    world.inject_from(1, complaint);
    for _ in 0..5 {
        sound(world, true);
    }
    assert!(world.slot_row(1, 0).red_packets >= 2);
}

/// Two sounds before, of which the second is lost, `act`, then two losses that are each followed by a sound that
/// carries it: what was lost before stays lost, what was lost after is heard.
fn lost_around(world: &mut World, act: impl Fn(&mut World)) {
    sound(world, true);
    let before = sound(world, false);
    act(world);
    let first = sound(world, true);
    assert!(!hears(world, before), "{before} is from before");
    assert!(hears(world, first));
    let after = sound(world, false);
    sound(world, true);
    assert!(hears(world, after), "{after} was carried");
}

/// What a sender lost while it was not admitted does not come in with what it sends afterwards.
#[test]
fn not_from_before_the_senders_gate_opened() {
    let mut world = call();
    world.set_gate(0, false);
    lost_around(&mut world, |world| world.set_gate(0, true));
    assert_eq!(world.source_row(0, 0).red_recovered, 1);
}

/// Nor what it lost while a host had muted it.
#[test]
fn not_from_before_the_mute_ended() {
    let mut world = call();
    let mute = |world: &mut World, muted| {
        let (leg, source) = (LegId(1), 0);
        world.command(Command::SetMuted { leg, source, muted });
    };
    mute(&mut world, true);
    lost_around(&mut world, |world| mute(world, false));
}

/// Who is admitted hears nothing from before, neither what comes in late nor what the engine carries.
#[test]
fn not_from_before_the_receivers_gate_opened() {
    let mut world = call();
    carry(&mut world);
    world.set_gate(1, false);
    let carrying = world.slot_row(1, 0).red_packets;
    lost_around(&mut world, |world| world.set_gate(1, true));
    assert!(world.slot_row(1, 0).red_packets > carrying);
}

/// A slot that is filled anew carries nothing from before either.
#[test]
fn not_from_before_the_slot_was_filled() {
    let mut world = call();
    carry(&mut world);
    world.set_feeds(&[]);
    lost_around(&mut world, |world| world.set_feeds(&[((1, 0), (0, 0))]));
}

/// The first of two sounds that become one waits for the second. If somebody may no longer be heard, or the receiver may no
/// longer hear, between the two, it is not heard, and no other takes it along later.
#[test]
fn what_waited_for_its_fellow_is_not_heard_after_a_pause() {
    let mute = |world: &mut World, muted| {
        let (leg, source) = (LegId(1), 0);
        world.command(Command::SetMuted { leg, source, muted });
    };
    let fill = |world: &mut World, filled: bool| {
        world.set_feeds(&[((1, 0), (0, 0))][..usize::from(filled)]);
    };
    type Pause<'a> = &'a dyn Fn(&mut World, bool);
    let pauses: [Pause<'_>; 4] = [
        &|world, on| world.set_gate(0, on),
        &|world, on| mute(world, !on),
        &|world, on| world.set_gate(1, on),
        &|world, on| fill(world, on),
    ];
    for (at, pause) in pauses.iter().enumerate() {
        for between in [0, 1] {
            let mut world = call();
            for _ in 0..6 {
                sound(&mut world, true);
            }
            world.set_estimate(1, Some(10_000));
            let joined = |world: &World| world.peers[1].receivers[0].got.len();
            let (mut waited, mut before) = (0, joined(&world));
            // Until one has waited.
            for _ in 0..6 {
                waited = sound(&mut world, true);
                if std::mem::replace(&mut before, joined(&world)) == before
                    && !hears(&world, waited)
                {
                    break;
                }
            }
            assert!(!hears(&world, waited), "pause {at}: nothing waits");
            pause(&mut world, false);
            for _ in 0..between {
                sound(&mut world, true);
            }
            pause(&mut world, true);
            for _ in 0..6 {
                sound(&mut world, true);
            }
            assert!(!hears(&world, waited), "pause {at}, {between} between");
            assert!(hears(&world, waited + 4), "pause {at}: goes on");
        }
    }
}
