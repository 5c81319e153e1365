//! Whose link is bad, or becomes so, is alone with it: who looks at the same pictures sees and hears what they would without
//! them, and so does who looks at somebody else's. Each call is made twice, with and without the bad link, and the two are the
//! same until that begins.

use crate::support::browser::{as_chromium, run, shown_of, times_of, SENDS, TAKES};
use crate::support::{ms, Path, PeerSpec, World};
use engine_core::api::LegId;
use engine_core::{Event, Micros};
use std::collections::BTreeMap;

/// Who takes no pictures and sends none.
const HEARS: PeerSpec = PeerSpec {
    video: false,
    video_slots: 0,
    ..TAKES
};
/// A good link is no wire: key frames for others have to fit it.
const GOOD: Path = Path::with_delay(20).limited(4_000_000, 200);
/// A link is bad for so long, but for an outage; and what is looked at, so that its end is, too.
const BAD: u64 = 8_000;
const LOOKED_AT: u64 = 12_000;
/// So much longer may a picture stand than it does without the bad link.
const LONGER: Micros = ms(80);
/// And so much later may sound come, which waits behind a picture on the link.
const LATER: Micros = ms(25);
/// So many key frames does one in trouble cost the others in that time at the most, who asks each second.
const KEY_FRAMES: usize = 8;

/// What a link is for a while, and for how long, in ms.
type Trouble = (&'static str, Path, u64);

const TROUBLES: [Trouble; 6] = [
    ("10 % lost", GOOD.losing(0.1), BAD),
    ("10 % lost in bursts", GOOD.losing_in_bursts(0.1, 5.0), BAD),
    ("300 kbit/s", GOOD.limited(300_000, 300), BAD),
    ("60 kbit/s", GOOD.limited(60_000, 300), BAD),
    ("30 ms of jitter", GOOD.shaking(30), BAD),
    ("an outage", GOOD.broken(), 2_000),
];

/// What one showed and heard of a sender since a time.
#[derive(Debug)]
struct Seen {
    /// Pictures of each encoding.
    pictures: [usize; 2],
    longest: Micros,
    /// When each packet of sound came.
    sound: BTreeMap<u64, Micros>,
}

/// `slots` are that for sound and, for who has one, that for pictures.
fn seen(
    world: &World,
    (peer, slots): (usize, (usize, Option<usize>)),
    sender: usize,
    since: Micros,
) -> Seen {
    let times = slots.1.map(|slot| times_of(world, (peer, slot), sender));
    let times = times.unwrap_or_default();
    let of = |encoding: u8| {
        let of_late = times.iter().filter(|(at, _)| *at >= since);
        of_late.filter(|(_, of)| of.1 == encoding).count()
    };
    let until = world.now - ms(500);
    let sent_at = |number: u64| world.peers[sender].senders[0].sent_at(number);
    let heard = &world.peers[peer].receivers[slots.0].heard;
    let heard = heard.iter().filter(|((leg, source, number), _)| {
        let is_sound = (*leg, *source) == (world.peers[sender].leg, 0);
        is_sound && (since..until).contains(&sent_at(*number))
    });
    Seen {
        pictures: [of(0), of(1)],
        longest: shown_of(&times, since, world.now).longest,
        sound: heard.map(|((.., number), at)| (*number, *at)).collect(),
    }
}

/// What is seen with a bad link beside is what was seen without.
fn assert_the_same(what: &str, with: &Seen, without: &Seen) {
    for (with, without) in with.pictures.iter().zip(without.pictures) {
        let apart = with.abs_diff(without) * 100;
        assert!(apart <= without, "{what}: {with} pictures, not {without}");
    }
    let (longest, bound) = (with.longest, without.longest + LONGER);
    assert!(longest <= bound, "{what}: {longest:?}, not {bound:?}");
    let numbers = |seen: &Seen| seen.sound.keys().copied().collect::<Vec<_>>();
    assert_eq!(numbers(with), numbers(without), "{what}");
    let pairs = with.sound.values().zip(without.sound.values());
    let later = pairs.map(|(with, without)| with.since(*without)).max();
    assert!(later <= Some(LATER), "{what}: {later:?}");
}

/// Peer 0 sends to 1 and 2, and 3 only hears it.
fn call(seed: u64) -> World {
    let mut world = World::with_room(seed, GOOD, &[SENDS, TAKES, TAKES, HEARS]);
    // A sender does not fill its own link with one picture.
    world.peers[0].up = Path::with_delay(20);
    as_chromium(&mut world, 0);
    world.peers[0].keys_together = true;
    world.peers[0].senders[0].level = 30;
    for peer in 1..4 {
        let senders = world.peers[peer].senders.iter_mut();
        senders.for_each(|sender| sender.on = false);
    }
    run(&mut world, ms(1_500));
    let sound = (1..4).map(|peer| ((peer, 0), (0, 0)));
    let pictures = (1..3).map(|peer| ((peer, 1), (0, 1)));
    world.set_feeds(&sound.chain(pictures).collect::<Vec<_>>());
    run(&mut world, ms(4_000));
    world
}

/// Runs on while whoever has trouble asks for a key frame each second, as one does who cannot decode.
fn look(world: &mut World, who: usize, span: u64, asks: bool) {
    for _ in 0..span / 1_000 {
        run(world, ms(1_000));
        if asks {
            let wish = world.peers[who].pli(1);
            world.send_up(who, vec![wish]);
        }
    }
}

/// What 1, 3 and 2 see of 0 while the link of 2 is in trouble, and how many key frames 0 made of each encoding.
fn beside(seed: u64, trouble: Option<Trouble>) -> ([Seen; 3], [usize; 2]) {
    let mut world = call(seed);
    let since = world.now;
    let (_, path, lasts) = trouble.unwrap_or(("", GOOD, BAD));
    (world.peers[2].up, world.peers[2].down) = (path, path);
    look(&mut world, 2, lasts, trouble.is_some());
    (world.peers[2].up, world.peers[2].down) = (GOOD, GOOD);
    look(&mut world, 2, LOOKED_AT - lasts, false);
    assert_is_sent(&world, LegId(1), since);
    let sees = seen(&world, (1, (0, Some(1))), 0, since);
    let hears = seen(&world, (3, (0, None)), 0, since);
    let suffers = seen(&world, (2, (0, Some(1))), 0, since);
    let key_frames = [1, 2].map(|at| {
        let all = world.peers[0].senders[at].key_frames.iter();
        all.filter(|at| **at >= since).count()
    });
    ([sees, hears, suffers], key_frames)
}

/// Nobody has told a sender since then to stop its larger pictures.
fn assert_is_sent(world: &World, of: LegId, since: Micros) {
    let of_late = world.events.iter().filter(|(at, _)| *at >= since);
    for (at, event) in of_late {
        if let Event::Demand { leg, encodings, .. } = event {
            let goes_on = *leg != of || encodings[1].active;
            assert!(goes_on, "told to stop after {:?}", at.since(since));
        }
    }
}

#[test]
fn who_looks_at_the_same_pictures_sees_and_hears_as_before() {
    let ([sees, hears, _], before) = beside(1, None);
    assert!(sees.pictures[1] > 295 && sees.sound.len() > 570, "{sees:?}");
    for trouble in TROUBLES {
        let what = trouble.0;
        let ([sees_now, hears_now, suffers], key_frames) = beside(1, Some(trouble));
        assert_ne!(suffers.sound, sees.sound, "{what}: no trouble");
        assert_the_same(what, &sees_now, &sees);
        assert_the_same(what, &hears_now, &hears);
        for (now, before) in key_frames.iter().zip(before) {
            let more = now.saturating_sub(before);
            assert!(more <= KEY_FRAMES, "{what}: {more} key frames more");
        }
    }
}

/// Peer 0 looks at 1 and 2 at once, and 3 hears 1.
fn call_of_two(seed: u64) -> World {
    let takes = PeerSpec {
        audio_slots: 2,
        video_slots: 2,
        ..TAKES
    };
    let mut world = World::with_room(seed, GOOD, &[takes, SENDS, SENDS, HEARS]);
    for peer in [0, 3] {
        let senders = world.peers[peer].senders.iter_mut();
        senders.for_each(|sender| sender.on = false);
    }
    for peer in 1..3 {
        as_chromium(&mut world, peer);
        world.peers[peer].keys_together = true;
        world.peers[peer].senders[0].level = 30;
    }
    run(&mut world, ms(1_500));
    let of = |sender: u16| {
        let from = usize::from(sender);
        [((0, sender - 1), (from, 0)), ((0, sender + 1), (from, 1))]
    };
    world.set_feeds(&[&of(1)[..], &of(2), &[((3, 0), (1, 0))]].concat());
    run(&mut world, ms(4_000));
    world
}

/// What 0 and 3 see of 1 while the link of 2 to the bridge is in trouble, and what 0 sees of 2.
fn of_another(seed: u64, trouble: Option<Trouble>) -> [Seen; 3] {
    let mut world = call_of_two(seed);
    let since = world.now;
    let (_, path, lasts) = trouble.unwrap_or(("", GOOD, BAD));
    world.peers[2].up = path;
    run(&mut world, ms(lasts));
    world.peers[2].up = GOOD;
    run(&mut world, ms(LOOKED_AT - lasts));
    assert_is_sent(&world, LegId(2), since);
    let sees = seen(&world, (0, (0, Some(2))), 1, since);
    let hears = seen(&world, (3, (0, None)), 1, since);
    let suffers = seen(&world, (0, (1, Some(3))), 2, since);
    [sees, hears, suffers]
}

#[test]
fn who_looks_at_two_sees_one_as_before_while_the_link_of_the_other_is_bad() {
    let [sees, hears, whole] = of_another(2, None);
    assert!(sees.pictures[1] > 295 && sees.sound.len() > 570, "{sees:?}");
    for trouble in [TROUBLES[0], TROUBLES[2], TROUBLES[5]] {
        let [sees_now, hears_now, suffers] = of_another(2, Some(trouble));
        assert_ne!(suffers.sound, whole.sound, "{}: no trouble", trouble.0);
        assert_the_same(trouble.0, &sees_now, &sees);
        assert_the_same(trouble.0, &hears_now, &hears);
    }
}
