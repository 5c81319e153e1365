//! A link that has become thin, and what its receiver sees and hears then: a smaller picture within a moment, no picture
//! that comes and goes, and sound in any case.

use crate::support::browser::{as_chromium, run, shown, times, Shown, SENDS, TAKES};
use crate::support::{ms, Path, PeerSpec, World};
use engine_core::Micros;

/// The level of a voice, in dB below full scale.
const SPEAKS: u8 = 30;

/// A call that has found its quality on a good link.
fn call(seed: u64, good: Path) -> World {
    let mut world = World::with_room(seed, good, &[TAKES, SENDS]);
    as_chromium(&mut world, 1);
    world.peers[1].senders[0].level = SPEAKS;
    run(&mut world, ms(1_500));
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
    run(&mut world, ms(6_000));
    let before = shown(&world, world.now - ms(2_000), world.now);
    assert!(before.fps > 24.0 && before.higher > 99.0, "{before:?}");
    world
}

/// The same with others in the room who only speak: each has offered pictures, and sends none.
fn call_in_company(seed: u64, others: usize) -> World {
    let voices = 1 + others as u16;
    let takes = PeerSpec {
        audio_slots: voices,
        video_slots: voices,
        ..TAKES
    };
    let specs: Vec<PeerSpec> = [takes]
        .into_iter()
        .chain(vec![SENDS; voices.into()])
        .collect();
    let mut world = World::with_room(seed, Path::with_delay(20), &specs);
    for peer in 1..specs.len() {
        as_chromium(&mut world, peer);
        world.peers[peer].senders[0].level = SPEAKS;
        let without = world.peers[peer].senders[1..]
            .iter_mut()
            .filter(|_| peer > 1);
        without.for_each(|sender| sender.on = false);
    }
    run(&mut world, ms(1_500));
    let pairs = (0..voices).flat_map(|at| {
        let peer = usize::from(at) + 1;
        // Whoever sends pictures is in the last place.
        [((0, at), (peer, 0)), ((0, 2 * voices - 1 - at), (peer, 1))]
    });
    world.set_feeds(&pairs.collect::<Vec<_>>());
    run(&mut world, ms(6_000));
    world
}

/// The link to the receiver carries so much from now on; gives when.
fn narrow(world: &mut World, (bps, queue): (u64, u64)) -> Micros {
    let down = world.peers[0].down.limited(bps, queue);
    world.peers[0].down = down;
    world.now
}

/// Share of the packets of sound since a time that arrived, and how long the slowest but one in twenty took.
fn heard(world: &World, since: Micros) -> (f64, Micros) {
    let until = world.now - ms(500);
    let is_within = |at: &Micros| (since..until).contains(at);
    let all = world.peers[1].senders[0].log.iter();
    let all = all.filter(|sound| is_within(&sound.at)).count();
    let came = world.peers[0].receivers[0].heard.iter();
    let came = came.map(|((_, _, number), at)| (at, world.peers[1].senders[0].sent_at(*number)));
    let came = came.filter(|(_, sent_at)| is_within(sent_at));
    let mut took: Vec<u64> = came.map(|(at, sent_at)| at.since(sent_at).0).collect();
    took.sort_unstable();
    (
        took.len() as f64 / all as f64,
        Micros(took[took.len() * 19 / 20]),
    )
}

/// How long each packet of sound since a time took; `None` for one that never came.
fn heard_from(world: &World, since: Micros) -> Vec<Option<Micros>> {
    let (sender, receiver) = (&world.peers[1].senders[0], &world.peers[0].receivers[0]);
    let sent = (0..).map(|number| (number, sender.sent_at(number)));
    let sent = sent.skip_while(|(_, at)| *at < since);
    let sent = sent.take_while(|(_, at)| *at < world.now - ms(500));
    let leg = world.peers[1].leg;
    let came = |number| receiver.heard.get(&(leg, 0, number));
    sent.map(|(number, at)| came(number).map(|came| came.since(at)))
        .collect()
}

#[test]
fn the_picture_becomes_smaller_within_a_moment() {
    for (seed, delay, link) in [
        (1, 20, (300_000, 300)),
        (2, 20, (300_000, 150)),
        (3, 60, (300_000, 300)),
        (4, 10, (350_000, 300)),
        (5, 20, (450_000, 600)),
        (6, 40, (600_000, 300)),
    ] {
        let mut world = call(seed, Path::with_delay(delay));
        let start = narrow(&mut world, link);
        run(&mut world, ms(20_000));
        let seen = shown(&world, start, world.now);
        assert!(seen.fps > 23.0 && seen.frozen < 5.0, "{link:?}: {seen:?}");
        assert!(seen.longest < ms(900), "{link:?}: {seen:?}");
        let settled = shown(&world, start + ms(3_000), world.now);
        assert!(settled.longest < ms(200), "{link:?}: {settled:?}");
        assert!(settled.delay < ms(delay * 2 + 60), "{link:?}: {settled:?}");
        let (share, slowest) = heard(&world, start + ms(1_500));
        assert!(
            share > 0.998 && slowest < ms(delay * 2 + 100),
            "{link:?}: {share} {slowest:?}"
        );
    }
}

/// What redundant sound takes there, and an estimate that dips, leave all pictures their place.
#[test]
fn a_thin_link_that_loses_shows_them_all_the_same() {
    for seed in 40..43 {
        let seen = shown_on_a_thin_link_that_loses(seed);
        assert!(
            seen.fps > 19.0 && seen.longest < ms(900),
            "{seed}: {seen:?}"
        );
    }
}

/// And what waits for overdue packets is little, whatever is lost when.
#[test]
fn a_thin_link_that_loses_shows_them_whatever_it_loses() {
    let seeds = 43..61;
    let mut sum = 0.0;
    for seed in seeds.clone() {
        let seen = shown_on_a_thin_link_that_loses(seed);
        assert!(
            seen.fps > 19.0 && seen.longest < ms(900),
            "{seed}: {seen:?}"
        );
        sum += seen.fps;
    }
    let mean = sum / seeds.count() as f64;
    assert!(mean > 22.5, "{mean}");
}

fn shown_on_a_thin_link_that_loses(seed: u64) -> Shown {
    let mut world = call(seed, Path::with_delay(20));
    let start = narrow(&mut world, (300_000, 300));
    let peer = &mut world.peers[0];
    (peer.down, peer.up) = (peer.down.losing(0.02), peer.up.losing(0.02));
    run(&mut world, ms(20_000));
    shown(&world, start, world.now)
}

/// Where the link carries just the picture, an estimate that falls below what the lowest layer takes does not cost it: until it
/// would be back, more is lost.
#[test]
fn an_only_picture_stays_where_it_just_fits() {
    let mut longest = Vec::new();
    for seed in 1_000..1_016 {
        let mut world = call(seed, Path::with_delay(20));
        let start = narrow(&mut world, (180_000, 300));
        let peer = &mut world.peers[0];
        (peer.down, peer.up) = (peer.down.losing(0.02), peer.up.losing(0.02));
        run(&mut world, ms(8_000));
        longest.push(shown(&world, start, world.now).longest);
        let (share, slowest) = heard(&world, start + ms(1_500));
        assert!(
            share > 0.98 && slowest < ms(300),
            "{seed}: {share} {slowest:?}"
        );
    }
    longest.sort_unstable();
    assert!(
        longest[8] < ms(1_300) && longest[13] < ms(2_100),
        "{longest:?}"
    );
}

#[test]
fn pictures_go_before_the_picture_does() {
    for seed in 0..3 {
        let mut world = call(10 + seed, Path::with_delay(20));
        let start = narrow(&mut world, (200_000, 300));
        run(&mut world, ms(20_000));
        let seen = shown(&world, start + ms(2_000), world.now);
        assert!(seen.fps > 9.0 && seen.longest < ms(700), "{seed}: {seen:?}");
        let (share, _) = heard(&world, start + ms(1_500));
        assert!(share > 0.998, "{seed}: {share}");
    }
}

/// Pictures of 1 Mbit/s fill the queue of a link that has become thin before anything is known of that. Whenever in a picture
/// that is, they stop then, and sound is behind them for a moment, not for seconds.
#[test]
fn a_link_that_becomes_thin_within_a_picture_is_heard_through() {
    for part in 0..8 {
        for (link, lost, longest) in [((60_000, 300), 8, 340), ((500_000, 600), 0, 240)] {
            let mut world = call(60, Path::with_delay(20));
            world.run(Micros(part * 7_300));
            let start = narrow(&mut world, link);
            run(&mut world, ms(5_000));
            let first = heard_from(&world, start);
            let missing = first.iter().filter(|took| took.is_none()).count();
            assert!(missing <= lost, "{link:?} {part}: {missing}");
            let took = first.iter().flatten().max().unwrap();
            assert!(*took <= ms(longest), "{link:?} {part}: {took:?}");
        }
    }
}

/// A camera that is off takes no room from one that is on.
#[test]
fn who_sends_no_pictures_costs_nobody_theirs() {
    let mut world = call_in_company(50, 1);
    let start = narrow(&mut world, (300_000, 300));
    run(&mut world, ms(12_000));
    let seen = shown(&world, start, world.now);
    assert!(seen.fps > 18.0 && seen.longest < ms(900), "{seen:?}");
}

/// Every change of size shows in a picture of another encoding than the one before.
#[test]
fn on_a_link_that_stays_as_it_is_the_size_does() {
    for (seed, bps) in [(20, 300_000), (21, 700_000), (22, 1_100_000)] {
        let mut world = call(seed, Path::with_delay(20));
        let start = narrow(&mut world, (bps, 300));
        run(&mut world, ms(40_000));
        let times = times(&world);
        let since: Vec<_> = times
            .iter()
            .filter(|(at, _)| *at > start + ms(10_000))
            .collect();
        let changes = since.windows(2).filter(|pair| pair[0].1 .1 != pair[1].1 .1);
        assert!(changes.count() <= 1, "{bps}");
    }
}

#[test]
fn sound_goes_on_where_no_picture_fits_and_the_picture_comes_back_with_the_link() {
    for seed in 0..2 {
        let good = Path::with_delay(20);
        let mut world = call(30 + seed, good);
        let start = narrow(&mut world, (if seed == 0 { 60_000 } else { 52_000 }, 300));
        run(&mut world, ms(12_000));
        let (share, slowest) = heard(&world, start + ms(2_500));
        assert!(
            share > 0.995 && slowest < ms(250),
            "{seed}: {share} {slowest:?}"
        );
        assert_eq!(shown(&world, start + ms(2_000), world.now).fps, 0.0);
        world.peers[0].down = good;
        let back = world.now;
        run(&mut world, ms(8_000));
        let first = times(&world)
            .into_iter()
            .find(|(at, _)| *at > back)
            .unwrap();
        assert!(
            first.0.since(back) < ms(5_000),
            "{seed}: {:?}",
            first.0.since(back)
        );
        let seen = shown(&world, back + ms(5_000), world.now);
        assert!(seen.fps > 24.0 && seen.higher > 50.0, "{seed}: {seen:?}");
    }
}
