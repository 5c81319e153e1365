//! A link that has become thin, and what its receiver sees then.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use support::browser::{as_chromium, run, shown, times, SENDS, TAKES};
use support::{ms, Path, World};

fn call(seed: u64, path: Path) -> World {
    let mut world = World::with_room(seed, path, &[TAKES, SENDS]);
    as_chromium(&mut world, 1);
    run(&mut world, ms(2_500));
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
    run(&mut world, ms(8_000));
    world
}

#[test]
fn line() {
    let good = Path::with_delay(20);
    let mut world = call(1, good);
    world.peers[0].down = good.limited(300_000, 300);
    let start = world.now;
    run(&mut world, ms(4_000));
    for (at, of) in times(&world) {
        if at > start {
            println!("{:6.1} captured {:7.1} encoding {}", at.since(start).0 as f64 / 1e3, (of.0.0 as f64 - start.0 as f64) / 1e3, of.1);
        }
    }
    for (at, event) in &world.events { if *at > start { println!("{:.1} {event:?}", at.since(start).0 as f64 / 1e3); } }
    for s in &world.peers[1].senders[1..] { println!("plis {:?}", s.plis.iter().filter(|a| **a > start).map(|a| a.since(start).0/1000).collect::<Vec<_>>());
      println!("keys {:?}", s.key_frames.iter().filter(|a| **a > start).map(|a| a.since(start).0/1000).collect::<Vec<_>>()); }
}

#[test]
fn look() {
    for rate in [300_000, 200_000, 500_000] {
        let good = Path::with_delay(20);
        let mut world = call(1, good);
        let before = shown(&world, world.now - ms(4_000), world.now);
        println!("before {before:?}");
        world.peers[0].down = good.limited(rate, 300);
        let start = world.now;
        let mut last = world.leg_row(0);
        for _ in 0..150 {
            run(&mut world, ms(200));
            let row = world.leg_row(0);
            let slot = world.slot_row(0, 1);
            let to = world.now;
            let red = world.slot_row(0, 0).red_packets;
            let s = shown(&world, to - ms(200), to);
            if to.since(start) < ms(12_000) { println!(
                "{:5.1} est {:4} queue {:4} ms paced {:3} drops {:2} pad {:5} pictures {:2} layer {} plis {} video {:4} kbit/s sent {}",
                to.since(start).0 as f64 / 1e6,
                row.estimate_bps / 1000,
                row.link_queue_us / 1000,
                row.paced - last.paced,
                row.pacer_drops - last.pacer_drops,
                row.padding_out - last.padding_out,
                (s.fps / 5.0).round(),
                slot.layer,
                world.peers[1].senders[1].plis.len(),
                red,
                row.bytes_out - last.bytes_out,
            ); }
            last = row;
        }
        println!("{rate}: {:?}", shown(&world, start, world.now));

    }
}
