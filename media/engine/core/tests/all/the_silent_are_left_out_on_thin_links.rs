//! Several open microphones on a link that hardly carries them: who does not speak costs next to nothing, who begins to is
//! heard from the first packet on, and nobody takes what is left out for a loss.

use crate::support::sender::NO_LEVEL;
use crate::support::{ms, Path, PeerSpec, World};
use engine_core::api::{Command, LegId};
use engine_core::Micros;

const SPEAKS: u8 = 30;
const WHISPERS: u8 = 66;
const SILENT: u8 = 90;
/// What two voices fill a good deal of, and so much that each two packets become one.
const TIGHT: u64 = 320_000;
const TIGHTER: u64 = 200_000;

const HEARS: PeerSpec = PeerSpec {
    audio_slots: 2,
    takes_red: true,
    ..PeerSpec::BROWSER
};

/// Peer 0 hears peers 1 and 2, of whom the second is at this level; seconds have passed on a link of that estimate.
fn call(hears: PeerSpec, level: u8, estimate: u64) -> World {
    call_on(Path::with_delay(20), hears, level, estimate)
}

fn call_on(path: Path, hears: PeerSpec, level: u8, estimate: u64) -> World {
    let voice = PeerSpec {
        video: false,
        ..PeerSpec::BROWSER
    };
    let mut world = World::with_room(1, path, &[hears, voice, voice]);
    for (peer, level) in [(1, SPEAKS), (2, level)] {
        world.peers[peer].senders[0].level = level;
    }
    world.run(ms(1_000));
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (2, 0))]);
    world.run(ms(2_000));
    world.set_estimate(0, Some(estimate));
    world.run(ms(6_000));
    world
}

/// Packets of the second voice that were sent to the receiver since a time, or carried there by later ones.
fn heard(world: &World, since: Micros) -> usize {
    let heard = world.auditor.forwarded.values();
    let of_second = heard.zip(world.auditor.forwarded.keys());
    let of_second = of_second.filter(|(_, key)| key.1 == world.peers[2].leg);
    of_second
        .flat_map(|(numbers, _)| numbers.values())
        .filter(|at| **at >= since)
        .count()
}

#[test]
fn silence_is_a_word_now_and_then_and_no_loss() {
    let mut world = call(HEARS, SILENT, TIGHT);
    let since = world.now;
    let counted = |world: &World| [world.leg_row(0).silences, world.slot_row(0, 1).packets];
    let before = counted(&world);
    world.run(ms(10_000));
    assert_eq!(heard(&world, since), 0);
    let after = counted(&world);
    let [left_out, sent] = [0, 1].map(|at| after[at] - before[at]);
    assert!((474..=476).contains(&left_out), "{left_out}");
    assert_eq!(left_out + sent, 500);
    let slot = &world.peers[0].receivers[1];
    let words: Vec<_> = slot.silences.iter().filter(|one| one.0 > since).collect();
    assert!((24..=26).contains(&words.len()), "{}", words.len());
    for pair in words.windows(2) {
        assert_eq!(pair[1].1, pair[0].1 + 1, "a hole");
        let ticks = pair[1].2.wrapping_sub(pair[0].2);
        assert_eq!(u64::from(ticks), 48 * pair[1].0.since(pair[0].0).0 / 1_000);
    }
    let row = world.slot_row(0, 1);
    assert_eq!((row.lost, slot.missing().len()), (0, 0));
    let blocks = &world.peers[0].receivers;
    assert!(blocks.iter().all(|slot| slot.missing().is_empty()));
}

#[test]
fn who_begins_to_speak_is_heard_from_a_little_before_the_first_packet_on() {
    for (takes_red, level, estimate, lead) in [
        (true, SPEAKS, TIGHT, 3..=3),
        (false, SPEAKS, TIGHT, 0..=0),
        (true, WHISPERS, TIGHTER, 0..=1),
    ] {
        let mut world = call(PeerSpec { takes_red, ..HEARS }, SILENT, estimate);
        world.run(ms(1_010));
        let began = world.now;
        world.peers[2].senders[0].level = level;
        world.run(ms(500));
        world.peers[2].senders[0].level = SILENT;
        world.run(ms(1_000));
        // A whole hangover after the last loud packet, and 60 ms before the first where something can carry it.
        assert!(heard(&world, began) >= 73, "{}", heard(&world, began));
        let before = heard(&world, began - ms(62)) - heard(&world, began);
        assert!(lead.contains(&before), "{before} of {lead:?}");
        let slot = &world.peers[0].receivers[1];
        assert!(slot.missing().is_empty());
        world.run(ms(2_000));
        let since = world.now;
        world.run(ms(2_000));
        assert_eq!(heard(&world, since), 0);
    }
}

#[test]
fn what_may_be_a_voice_and_what_nobody_knows_of_is_sent() {
    for level in [WHISPERS, NO_LEVEL] {
        let mut world = call(HEARS, level, TIGHT);
        let since = world.now;
        world.run(ms(5_000));
        assert!(heard(&world, since) >= 247, "{level}");
    }
}

#[test]
fn on_a_link_with_room_the_silent_are_sent_too_and_again_as_soon_as_there_is() {
    let mut world = call(HEARS, SILENT, 600_000);
    let since = world.now;
    world.run(ms(2_000));
    assert!(heard(&world, since) >= 97);
    world.set_estimate(0, Some(TIGHT));
    world.run(ms(4_000));
    let since = world.now;
    world.run(ms(1_000));
    assert_eq!(heard(&world, since), 0);
    world.set_estimate(0, Some(600_000));
    world.run(ms(1_000));
    assert!(heard(&world, since + ms(1_000)) >= 47);
}

/// Nobody is let hear what was said before they might, or by whom they might not: every packet is held against that.
#[test]
fn who_begins_to_speak_takes_nothing_along_from_before_a_pause() {
    let mute = |world: &mut World, muted| {
        let (leg, source) = (LegId(3), 0);
        world.command(Command::SetMuted { leg, source, muted });
    };
    let fill = |world: &mut World, filled: bool| {
        world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (2, 0))][..1 + usize::from(filled)]);
    };
    type Pause<'a> = &'a dyn Fn(&mut World, bool);
    let pauses: [Pause<'_>; 4] = [
        &|world, on| world.set_gate(0, on),
        &|world, on| world.set_gate(2, on),
        &|world, on| mute(world, !on),
        &|world, on| fill(world, on),
    ];
    for pause in pauses {
        for lasts in [0, 10, 30] {
            let mut world = call_on(Path::PERFECT, HEARS, SILENT, TIGHT);
            world.auditor.instant = true;
            world.run(ms(110));
            pause(&mut world, false);
            world.run(ms(lasts));
            pause(&mut world, true);
            let since = world.now;
            world.peers[2].senders[0].level = SPEAKS;
            world.run(ms(500));
            assert!(heard(&world, since) >= 24);
        }
    }
}
