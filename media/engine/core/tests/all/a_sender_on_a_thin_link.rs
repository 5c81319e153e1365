//! A sender whose own link has become thin stops its larger pictures by itself, tries them again, and stops them again: who
//! looks sees the smaller ones go on, and not a picture that stands still each time.

use crate::support::{browser, ms, Path, PeerSpec, World};
use engine_core::api::LegId;
use engine_core::{Event, Micros};

const SENDER: PeerSpec = PeerSpec {
    simulcast: true,
    ..PeerSpec::BROWSER
};
const SMALL: usize = 1;

/// Peer 0 watches what peer 1 sends in three sizes.
fn call() -> World {
    let watcher = PeerSpec {
        reports_each: true,
        ..PeerSpec::default()
    };
    let mut world = World::with_room(1, Path::with_delay(15), &[watcher, SENDER]);
    world.run(ms(1_000));
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
    world.run(ms(6_000));
    assert_eq!(told(&world).1, [true, false, true]);
    world
}

/// What the camera was told last, and when; before that it sends everything.
fn told(world: &World) -> (Micros, Vec<bool>) {
    let mut events = world.events.iter().rev();
    let found = events.find_map(|(at, event)| match event {
        Event::Demand {
            leg: LegId(2),
            source: 1,
            encodings,
        } => Some((*at, encodings.iter().map(|one| one.active).collect())),
        _ => None,
    });
    found.unwrap_or((world.now, vec![true; 3]))
}

/// Sends the larger pictures only while they are asked for, and as many of them as the link carries.
fn run(world: &mut World, span: Micros, carries: usize) {
    let until = world.now + span;
    while world.now < until {
        let asked = told(world).1;
        for encoding in SMALL + 1..=asked.len() {
            let fits = encoding <= SMALL + carries;
            world.peers[1].senders[encoding].on = fits && asked[encoding - 1];
        }
        world.run(ms(20));
    }
}

/// The encoding of the last picture.
fn shown(world: &World) -> u64 {
    let mut got = world.peers[0].receivers[1].got.values();
    got.next_back().unwrap().tag.number >> 56
}

/// The longest time without a picture since then.
fn longest_gap(world: &World, since: Micros) -> Micros {
    let got = world.peers[0].receivers[1].got.values();
    let mut times: Vec<Micros> = got.map(|one| one.at).filter(|at| *at >= since).collect();
    times.sort_unstable();
    let gaps = times.windows(2).map(|pair| pair[1].since(pair[0]));
    gaps.max().unwrap()
}

#[test]
fn what_its_sender_stops_gives_way_to_the_smaller_at_once_and_is_left_alone_longer_each_time() {
    let mut world = call();
    let mut alone = Vec::new();
    for round in 0..3 {
        let stops = world.now;
        run(&mut world, ms(2_000), 0);
        assert!(
            longest_gap(&world, stops) < ms(450),
            "{round}: {:?}",
            longest_gap(&world, stops)
        );
        assert!(!told(&world).1[2], "left alone");
        for _ in 0..450 {
            if !told(&world).1[2] {
                run(&mut world, ms(100), 2);
            }
        }
        alone.push(told(&world).0.since(stops).0 / 1_000_000);
        run(&mut world, ms(3_000), 2);
        assert_eq!(shown(&world), 2, "it comes again");
    }
    assert!(
        alone.is_sorted() && (4..9).contains(&alone[0]) && (30..40).contains(&alone[2]),
        "{alone:?}"
    );
}

#[test]
fn pictures_that_are_left_out_and_an_outage_are_no_stop() {
    let mut world = call();
    let begin = told(&world);
    for pause in [100, 200] {
        world.peers[1].senders[SMALL + 2].on = false;
        world.run(ms(pause));
        world.peers[1].senders[SMALL + 2].on = true;
        world.run(ms(3_000));
    }
    for sender in &mut world.peers[1].senders {
        sender.on = false;
    }
    world.run(ms(700));
    world.peers[1].senders[SMALL].on = true;
    world.run(ms(100));
    for sender in &mut world.peers[1].senders {
        sender.on = true;
    }
    world.run(ms(3_000));
    assert_eq!(told(&world), begin);
}

/// What we have had stopped ourselves is no fault of its sender's, if somebody wants it again a moment later.
#[test]
fn what_was_stopped_by_us_is_not_left_alone() {
    let mut world = World::with_room(2, Path::with_delay(15), &[PeerSpec::default(), SENDER]);
    world.run(ms(1_000));
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
    run(&mut world, ms(3_000), 2);
    for pause in [100, 300, 500, 700, 900] {
        world.set_estimate(0, Some(300_000));
        run(&mut world, ms(pause), 2);
        world.set_estimate(0, None);
        run(&mut world, ms(1_200), 2);
        assert!(told(&world).1[2], "after {pause} ms");
        run(&mut world, ms(3_000), 2);
    }
}

/// The largest is wished for and does not come; the middle one dips, is left alone, and is asked for again.
#[test]
fn what_comes_in_place_of_another_comes_again() {
    let mut world = call();
    run(&mut world, ms(12_000), 1);
    assert_eq!(shown(&world), 1);
    for seconds in [12, 24] {
        run(&mut world, ms(800), 0);
        assert_eq!(shown(&world), 0);
        run(&mut world, ms(seconds * 1_000), 1);
        assert_eq!(shown(&world), 1);
    }
}

/// As browsers do, a sender whose link has become thin stops its larger pictures, makes the smaller ones smaller still, and says
/// so to nobody. What was lost of the larger ones does not come before the smaller.
#[test]
fn what_a_fall_takes_does_not_stand_in_the_way_of_the_smaller_picture() {
    for seed in 0..8 {
        let specs = [browser::TAKES, browser::SENDS];
        let mut world = World::with_room(seed, Path::with_delay(20), &specs);
        browser::as_chromium(&mut world, 1);
        browser::run(&mut world, ms(1_500));
        world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
        browser::run(&mut world, ms(6_000));
        let fall = world.now;
        let before = asked_again(&world);
        world.peers[1].up = world.peers[1].up.limited(300_000, 300);
        browser::run(&mut world, ms(400 + 20 * seed));
        let [_, small, large, ..] = &mut world.peers[1].senders[..] else {
            panic!("no pictures");
        };
        large.on = false;
        (small.payload_len, small.key_times) = (350, 12);
        browser::run(&mut world, ms(4_000));
        let shown = browser::shown(&world, fall, world.now);
        let after = asked_again(&world);
        assert!(shown.longest < ms(1_050), "{seed}: {shown:?}");
        let larger = after.1 - before.1;
        assert!(larger <= 20, "{seed}: asked {larger} times again");
        browser::run(&mut world, ms(4_000));
        assert!(
            told(&world).1[1],
            "{seed}: one fall is one stop, and four seconds are over"
        );
    }
}

/// The same where the sender numbers its packets and keeps to what it is told: it is told while the queue fills, and the larger
/// pictures are given up at once.
#[test]
fn who_sends_is_told_of_a_fall_before_much_is_lost() {
    for carries in [300_000, 400_000, 500_000] {
        let mut world = call_of_one_who_heeds();
        assert_eq!(world.peers[1].limits, [], "{carries}");
        let (fall, demanded) = (world.now, demands(&world));
        world.peers[1].up = world.peers[1].up.limited(carries, 300);
        while world.peers[1].limits.is_empty() && world.now.since(fall) < ms(1_000) {
            world.run(ms(1));
        }
        let (at, limit) = world.peers[1].limits[0];
        assert!(at.since(fall) < ms(300), "{carries}: {at:?}");
        assert!(
            limit.abs_diff(carries * 8 / 10) * 4 < carries,
            "{carries}: {limit}"
        );
        let [_, small, large, ..] = &mut world.peers[1].senders[..] else {
            panic!("no pictures");
        };
        large.on = false;
        (small.payload_len, small.key_times) = (350, 12);
        let before = asked_again(&world);
        world.run(ms(1_300));
        assert_eq!(
            demands(&world),
            demanded,
            "{carries}: key frames have no room yet"
        );
        browser::run(&mut world, ms(2_700));
        let shown = browser::shown(&world, fall, world.now);
        assert!(shown.longest < ms(750), "{carries}: {shown:?}");
        let after = asked_again(&world);
        let again = after.0 + after.1 - before.0 - before.1;
        assert!(again <= 6, "{carries}: asked {again} times again");
        assert_eq!(world.snapshot().shards[0].uplink_falls, 1);
        let limits = &world.peers[1].limits;
        let (lifted, limit) = limits[3];
        assert!(
            limit > 900_000_000 && lifted.since(at) < ms(1_200),
            "{carries}: {limits:?}"
        );
    }
}

/// Who has less to show while the computer is busy sends sound later and later, and pictures in time: no link does that.
#[test]
fn sound_that_is_late_alone_is_no_fall() {
    for pictures_lag in [false, true] {
        let mut world = call_of_one_who_heeds();
        for sender in &mut world.peers[1].senders[1..] {
            sender.payload_len = 60;
        }
        for _ in 0..20 {
            for sender in &mut world.peers[1].senders[..if pictures_lag { 3 } else { 1 }] {
                sender.lag = sender.lag + ms(12);
            }
            world.run(ms(20));
        }
        assert_eq!(!world.peers[1].limits.is_empty(), pictures_lag);
    }
}

/// All that comes has waited then, and for us.
#[test]
fn where_the_shard_is_late_nothing_is_a_fall() {
    let mut world = call_of_one_who_heeds();
    world.peers[1].up = world.peers[1].up.limited(300_000, 300);
    for _ in 0..100 {
        world.shard.pressure_mut().note_wait(world.now, ms(11));
        world.run(ms(10));
    }
    assert_eq!(world.peers[1].limits, []);
    assert_eq!(world.snapshot().shards[0].uplink_falls, 0);
}

/// Peer 0 watches peer 1, which numbers its packets and keeps to what it is told.
fn call_of_one_who_heeds() -> World {
    let sends = PeerSpec {
        heeds_remb: true,
        ..browser::SENDS
    };
    let mut world = World::with_room(0, Path::with_delay(20), &[browser::TAKES, sends]);
    browser::as_chromium(&mut world, 1);
    browser::run(&mut world, ms(1_500));
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
    browser::run(&mut world, ms(6_000));
    world
}

/// Else it would stay until the next fall: senders forget it by nothing else.
#[test]
fn a_limit_is_taken_off_after_a_gate_was_closed_or_a_network_away() {
    for gate in [true, false] {
        let mut world = call_of_one_who_heeds();
        let up = world.peers[1].up;
        world.peers[1].up = up.limited(300_000, 300);
        world.run(ms(500));
        assert!(!world.peers[1].limits.is_empty());
        let down = world.peers[1].down;
        if gate {
            world.set_gate(1, false);
        } else {
            world.peers[1].down = Path { down: true, ..down };
        }
        world.run(ms(2_500));
        (world.peers[1].up, world.peers[1].down) = (up, down);
        world.peers[1].limits.clear();
        if gate {
            world.set_gate(1, true);
        }
        world.run(ms(2_500));
        let limits = &world.peers[1].limits;
        assert!(!limits.is_empty(), "gate {gate}");
        assert!(limits.iter().all(|(_, limit)| *limit > 900_000_000));
    }
}

/// A dip looks like a fall, and costs some seconds of the larger pictures; so does each of several.
#[test]
fn after_a_dip_the_larger_pictures_come_again_and_it_is_not_held_against_them() {
    let mut world = call_of_one_who_heeds();
    let up = world.peers[1].up;
    for dip in 0..3 {
        world.peers[1].up = up.limited(200_000, 300);
        world.run(ms(250));
        world.peers[1].up = up;
        browser::run(&mut world, ms(1_000));
        assert_eq!(shown(&world), 0, "{dip}");
        browser::run(&mut world, ms(6_500));
        assert_eq!(shown(&world), 1, "{dip}");
        browser::run(&mut world, ms(3_000));
    }
    assert_eq!(world.snapshot().shards[0].uplink_falls, 3);
}

/// With three sizes nothing of what does not fit is asked for in its place.
#[test]
fn of_three_sizes_those_that_do_not_fit_give_way_together() {
    let sends = PeerSpec {
        heeds_remb: true,
        ..SENDER
    };
    let watcher = PeerSpec {
        reports_each: true,
        ..PeerSpec::default()
    };
    let mut world = World::with_room(1, Path::with_delay(15), &[watcher, sends]);
    world.run(ms(1_000));
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
    run(&mut world, ms(6_000), 2);
    assert_eq!(told(&world).1, [true, false, true]);
    let demanded = demands(&world);
    world.peers[1].up = world.peers[1].up.limited(350_000, 300);
    run(&mut world, ms(600), 2);
    run(&mut world, ms(700), 0);
    assert!(!world.peers[1].limits.is_empty());
    assert_eq!(demands(&world), demanded, "{:?}", told(&world));
    run(&mut world, ms(1_000), 0);
    assert_eq!(shown(&world), 0);
    assert_eq!(told(&world).1, [true, false, false]);
}

/// How often the camera was told what to send.
fn demands(world: &World) -> usize {
    let is_demand = |event: &Event| matches!(event, Event::Demand { source: 1, .. });
    let events = world.events.iter();
    events.filter(|(_, event)| is_demand(event)).count()
}

/// What has stopped is shown again only after it has kept up for a while, and what has too few pictures is not: what moves
/// matters more than what is sharp.
#[test]
fn larger_pictures_that_do_not_keep_up_are_not_shown() {
    let mut world = call();
    let steady = world.peers[1].senders[SMALL].interval;
    world.peers[1].senders[SMALL + 2].interval = ms(90);
    run(&mut world, ms(2_500), 2);
    let (since, mut tried) = (world.now, 0);
    for _ in 0..250 {
        run(&mut world, ms(200), 2);
        tried += usize::from(world.peers[1].senders[SMALL + 2].on);
    }
    assert_eq!(shown_since(&world, since), [1]);
    assert!((10..80).contains(&tried), "for {tried} fifths of a second");
    world.peers[1].senders[SMALL + 2].interval = steady;
    run(&mut world, ms(70_000), 2);
    assert_eq!(shown(&world), 2);
}

/// In the dark cameras give few pictures, of which as many come of the larger as of the smaller.
#[test]
fn few_pictures_are_enough_where_there_are_no_more() {
    let mut world = call();
    for sender in &mut world.peers[1].senders[SMALL..] {
        sender.interval = ms(180);
    }
    run(&mut world, ms(1_000), 2);
    run(&mut world, ms(3_000), 0);
    run(&mut world, ms(9_000), 2);
    assert_eq!(shown(&world), 2);
}

/// It takes a browser a while to find out that its link carries the larger pictures again.
#[test]
fn what_begins_late_has_not_stopped() {
    for late in (2_000..3_200).step_by(200) {
        let mut world = call();
        run(&mut world, ms(1_000), 0);
        while !told(&world).1[2] {
            run(&mut world, ms(20), 0);
        }
        run(&mut world, ms(late), 0);
        run(&mut world, ms(2_500), 2);
        assert_eq!(shown(&world), 2, "after {late} ms");
        run(&mut world, ms(5_000), 2);
        assert_eq!(shown(&world), 2, "after {late} ms, later");
    }
}

/// The encodings of the pictures since then.
fn shown_since(world: &World, since: Micros) -> Vec<u64> {
    let got = world.peers[0].receivers[1].got.values();
    let of_late = got.filter(|one| one.at >= since);
    let mut encodings: Vec<u64> = of_late.map(|one| one.tag.number >> 56).collect();
    encodings.sort_unstable();
    encodings.dedup();
    encodings
}

/// Who turns to the smaller pictures and sees nothing yet is not helped by the larger ones, which would take all of the link.
#[test]
fn who_turns_to_the_smaller_picture_asks_for_that_alone() {
    let mut world = call();
    world.peers[1].senders[SMALL + 2].on = false;
    let asked = |world: &World, sender: usize| world.peers[1].senders[sender].plis.len();
    let mut before = (0, 0);
    for millis in 0..1_500 {
        // No key frame comes, and the watcher asks for one.
        for sender in &mut world.peers[1].senders[SMALL..] {
            sender.key_frame_due = false;
        }
        if millis == 500 {
            before = (asked(&world, SMALL + 1), asked(&world, SMALL + 2));
        }
        if millis >= 500 && millis % 100 == 0 {
            let wish = world.peers[0].pli(1);
            world.inject_from(0, wish);
        }
        world.run(ms(1));
    }
    let smaller = asked(&world, SMALL + 1) - before.0;
    assert!((2..=5).contains(&smaller), "{smaller}");
    assert_eq!(asked(&world, SMALL + 2), before.1);
}

/// What was still on its way when it stopped is no second beginning, and its end no second stop.
#[test]
fn what_comes_after_the_stop_is_not_held_against_it() {
    let mut world = call();
    let large = SMALL + 2;
    for millis in 0..1_500 {
        for sender in &mut world.peers[1].senders[SMALL..] {
            sender.key_frame_due = false;
        }
        let sender = &mut world.peers[1].senders[large];
        if (400..500).contains(&millis) && !sender.on {
            sender.next_at = world.now;
        }
        sender.on = (400..500).contains(&millis);
        world.run(ms(1));
    }
    run(&mut world, ms(6_500), 0);
    assert!(told(&world).1[2], "asked for again after four seconds");
}

/// Packets of the smaller and of the larger pictures that were asked for again.
fn asked_again(world: &World) -> (u64, u64) {
    let senders = &world.peers[1].senders;
    (senders[1].nacked, senders[2].nacked)
}
