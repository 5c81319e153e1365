//! Redundancy for sound, measured as a listener has it: the share of 20 ms that were not there when they were to be
//! played, in the 30 s after a link goes bad. What is late counts as lost.

use crate::support::{ms, Loss, Path, PeerSpec, World};
use engine_core::Micros;

const TAKES: PeerSpec = PeerSpec {
    video: false,
    video_slots: 0,
    takes_red: true,
    ..PeerSpec::BROWSER
};
const PLAIN: PeerSpec = PeerSpec {
    takes_red: false,
    ..TAKES
};
/// Each way.
const DELAY: u64 = 20;
/// What a receiver holds sound back without being asked to.
const OWN_BUFFER: u64 = 40;
const SPAN: u64 = 30_000;

/// How a link loses: the share, and how many in a row (0: each for itself).
const LINKS: [(&str, f64, f64); 4] = [
    ("2 %", 0.02, 0.0),
    ("10 %", 0.1, 0.0),
    ("20 %", 0.2, 0.0),
    ("5 % in bursts of 4", 0.05, 4.0),
];

/// One speaks to a listener of each of these kinds.
fn call(seed: u64, listeners: &[PeerSpec]) -> World {
    let specs = [&[PLAIN][..], listeners].concat();
    let mut world = World::with_room(seed, Path::with_delay(DELAY), &specs);
    let feeds: Vec<_> = (1..specs.len()).map(|to| ((to, 0), (0, 0))).collect();
    world.set_feeds(&feeds);
    world.run(ms(3_000));
    world
}

fn lossy(loss: f64, burst: f64) -> Path {
    Path {
        loss: if burst > 0.0 {
            Loss::Bursts {
                share: loss,
                mean: burst,
            }
        } else {
            Loss::Random(loss)
        },
        ..Path::with_delay(DELAY)
    }
}

/// The share of sound that `listener` did not have in time while `SPAN` passed, in percent.
fn concealed(world: &mut World, listener: usize) -> f64 {
    let first = world.peers[0].senders[0].packets;
    let (mut lost, mut next) = (0, first);
    for _ in 0..SPAN / 100 {
        world.run(ms(100));
        let wanted = world.slot_row(listener, 0).wanted_buffer_ms;
        let buffer = ms(wanted.max(OWN_BUFFER));
        // Whatever can still come in time is looked at later.
        let behind = (2 * DELAY + 240) / 20;
        let end = world.peers[0].senders[0]
            .packets
            .saturating_sub(behind)
            .max(next);
        lost += (next..end)
            .filter(|number| !in_time(world, (listener, *number), buffer))
            .count();
        next = end;
    }
    lost as f64 * 100.0 / (next - first) as f64
}

fn in_time(world: &World, (listener, number): (usize, u64), buffer: Micros) -> bool {
    let sent_at = world.peers[0].senders[0].sent_at(number);
    let heard = &world.peers[listener].receivers[0].heard;
    let at = heard.get(&(1, 0, number));
    at.is_some_and(|at| *at <= sent_at + ms(2 * DELAY) + buffer)
}

/// With redundancy at least six times less is lost where losses come singly, and half as much where they come in
/// bursts, of which these receivers' reports say nothing; the receiver is asked to wait no longer than 140 ms.
#[test]
fn much_less_is_concealed_with_redundancy() {
    for (name, loss, burst) in LINKS {
        let (mut with, mut without, mut buffer) = (0.0, 0.0, 0);
        for seed in 1..=4 {
            for (spec, sum) in [(TAKES, &mut with), (PLAIN, &mut without)] {
                let mut world = call(seed, &[spec]);
                world.peers[1].down = lossy(loss, burst);
                *sum += concealed(&mut world, 1) / 4.0;
                buffer = buffer.max(world.slot_row(1, 0).wanted_buffer_ms);
            }
        }
        eprintln!("{name}: {without:.2} % concealed without, {with:.2} % with, buffer {buffer} ms");
        let times = if burst > 0.0 { 2.0 } else { 6.0 };
        assert!(with * times < without, "{name}: {with} of {without}");
        assert!((40..=140).contains(&buffer), "{buffer}");
    }
}

/// A listener who does not take redundancy gets every packet as it is, whatever is lost and whoever else listens.
#[test]
fn who_does_not_take_it_gets_none() {
    let mut world = call(7, &[PLAIN, TAKES]);
    world.peers[1].down = lossy(0.1, 0.0);
    world.peers[2].down = lossy(0.1, 0.0);
    world.run(ms(5_000));
    let (plain, takes) = (&world.peers[1].receivers[0], &world.peers[2].receivers[0]);
    assert_eq!(plain.red_packets, 0);
    assert!(takes.red_packets > 150, "{}", takes.red_packets);
    assert!(plain.got.values().all(|got| got.payload_type == 111));
    assert_eq!(world.slot_row(1, 0).wanted_buffer_ms, 0);
    assert_eq!(world.slot_row(1, 0).red_packets, 0);
}

/// One listener's loss changes nothing for another who takes redundancy, too, and a clean link is left alone.
#[test]
fn a_clean_link_carries_none() {
    let mut world = call(8, &[TAKES, TAKES]);
    world.peers[1].down = lossy(0.2, 0.0);
    world.run(ms(10_000));
    assert!(world.slot_row(1, 0).red_packets > 300);
    let clean = world.slot_row(2, 0);
    assert_eq!((clean.red_packets, clean.wanted_buffer_ms), (0, 0));
    // A while after the loss, the other link is left alone again.
    world.peers[1].down = Path::with_delay(DELAY);
    world.run(ms(60_000));
    let before = world.slot_row(1, 0).red_packets;
    world.run(ms(2_000));
    let after = world.slot_row(1, 0);
    assert_eq!((after.red_packets - before, after.wanted_buffer_ms), (0, 0));
}

/// What a sender loses on its way in comes as redundancy of its own, and reaches even listeners who take none.
#[test]
fn redundancy_of_a_sender_fills_holes_for_everyone() {
    let sends = PeerSpec {
        sends_red: true,
        ..PLAIN
    };
    let mut world = World::with_room(9, Path::with_delay(DELAY), &[sends, PLAIN, TAKES]);
    world.set_feeds(&[((1, 0), (0, 0)), ((2, 0), (0, 0))]);
    world.peers[0].senders[0].red = vec![1, 2];
    world.run(ms(1_000));
    world.peers[0].up = lossy(0.1, 0.0);
    world.run(ms(20_000));
    world.peers[0].up = Path::with_delay(DELAY);
    world.run(ms(500));
    let source = world.source_row(0, 0);
    assert!(source.lost > 60, "{source:?}");
    assert!(source.red_recovered * 100 > source.lost * 97, "{source:?}");
    assert_eq!(
        (source.red_malformed, source.recovered),
        (0, source.red_recovered)
    );
    for listener in [1, 2] {
        let receiver = &world.peers[listener].receivers[0];
        let missing = receiver.missing().len() as u64;
        assert_eq!(missing, source.lost - source.red_recovered);
        let mut numbers = receiver.got.values().map(|got| got.tag.number);
        // Every packet has the place in the order of numbers that it had at its sender.
        assert!(numbers
            .clone()
            .zip(numbers.by_ref().skip(1))
            .all(|(a, b)| a < b));
    }
}

/// RED that does not parse, or holds something else than was agreed, costs that packet and is counted.
#[test]
fn bad_redundancy_costs_one_packet() {
    let sends = PeerSpec {
        sends_red: true,
        ..PLAIN
    };
    let mut world = World::with_room(10, Path::PERFECT, &[sends, PLAIN]);
    world.set_feeds(&[((1, 0), (0, 0))]);
    world.peers[0].senders[0].on = false;
    world.run(ms(100));
    // Headers without end; sound of types that were not agreed.
    for (at, start) in [0xff, 0x00, 0x6f].into_iter().enumerate() {
        let now = world.now;
        world.peers[0].senders[0].red = vec![1];
        let mut plain = world.peers[0].senders[0].frame(now).remove(0);
        let header_len = plain.header_len;
        plain.bytes[header_len] = start;
        let packet = world.peers[0].protect(&plain);
        world.inject_from(0, packet);
        world.run(ms(20));
        let malformed = world.source_row(0, 0).red_malformed;
        assert_eq!(malformed, at as u64 + 1, "{start:#x}");
    }
    assert_eq!(world.peers[1].receivers[0].received(), 0);
    let now = world.now;
    for packet in world.peers[0].frame(now, 0) {
        world.inject_from(0, packet);
    }
    world.run(ms(20));
    assert_eq!(world.peers[1].receivers[0].received(), 1);
}
