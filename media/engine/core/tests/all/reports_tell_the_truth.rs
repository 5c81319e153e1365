//! Loss, jitter and round trip as reported equal what the network did, and the clocks of sender reports let a receiver
//! play sound and picture together.

use crate::support::{ms, Jitter, Loss, Path, PeerSpec, Receiver, World};

fn call(seed: u64, path: Path, specs: [PeerSpec; 2]) -> World {
    let mut world = World::with_room(seed, path, &specs);
    world.set_feeds(&[((1, 0), (0, 0)), ((1, 1), (0, 1))]);
    world.run(ms(1_000));
    world
}

const PLAIN: [PeerSpec; 2] = [PeerSpec::BROWSER; 2];

/// The loss that the engine counts, and tells the sender, is to the packet what the network lost.
#[test]
fn loss_on_the_way_in_is_counted_to_the_packet() {
    let mut world = call(1, Path::with_delay(20), PLAIN);
    world.peers[0].up.loss = Loss::Random(0.08);
    world.run(ms(10_000));
    world.peers[0].up.loss = Loss::Random(0.0);
    world.run(ms(2_500));
    for source in [0, 1] {
        let ssrc = world.peers[0].senders[source].ssrc;
        let lost = world.net.lost[&(world.engine_address, ssrc)];
        assert!(lost > 30);
        assert_eq!(world.source_row(0, source as u64).lost, lost);
        let blocks = world.peers[0].blocks.iter().rev();
        let block = blocks
            .map(|(_, block)| block)
            .find(|block| block.ssrc == ssrc)
            .unwrap();
        assert_eq!(block.cumulative_lost as u64, lost);
        assert_eq!(block.fraction_lost, 0, "the last interval lost nothing");
    }
}

/// The share lost in an interval is what was lost in it.
#[test]
fn the_fraction_is_that_of_the_interval() {
    let mut world = call(2, Path::with_delay(5), PLAIN);
    let calm = world.now;
    world.run(ms(5_000));
    world.peers[0].up.loss = Loss::Random(0.25);
    let storm = world.now;
    world.run(ms(30_000));
    let ssrc = world.peers[0].senders[1].ssrc;
    let share = |after, before| {
        let blocks = world.peers[0].blocks.iter();
        let blocks =
            blocks.filter(|(at, block)| *at > after && *at <= before && block.ssrc == ssrc);
        let shares: Vec<f64> = blocks
            .map(|(_, block)| f64::from(block.fraction_lost) / 256.0)
            .collect();
        shares.iter().sum::<f64>() / shares.len() as f64
    };
    assert!(share(calm, storm) < 0.001);
    let stormy = share(storm + ms(1_200), world.now);
    assert!((0.21..0.29).contains(&stormy), "{stormy}");
}

/// Jitter is what the network added: packets delayed at random within 12 ms differ by 4 ms on average.
#[test]
fn jitter_is_what_the_network_added() {
    let mut world = call(3, Path::with_delay(20), PLAIN);
    world.peers[0].up.jitter = Jitter::UniformUs(12_000);
    let mut seen = Vec::new();
    for _ in 0..40 {
        world.run(ms(500));
        seen.push(world.source_row(0, 0).jitter_us as f64);
    }
    let mean = seen.iter().sum::<f64>() / seen.len() as f64;
    assert!((3_000.0..5_000.0).contains(&mean), "{mean} us");
    let row = world.source_row(0, 0).jitter_us;
    let ssrc = world.peers[0].senders[0].ssrc;
    let blocks = world.peers[0].blocks.iter().rev();
    let told = blocks
        .map(|(_, block)| block)
        .find(|block| block.ssrc == ssrc)
        .unwrap();
    let told_us = u64::from(told.jitter) * 1_000_000 / 48_000;
    assert!(
        told_us.abs_diff(row) < 4_000,
        "{told_us} told, {row} counted"
    );
}

/// A steady network has no jitter worth the name.
#[test]
fn a_steady_network_has_no_jitter() {
    let world = call(4, Path::with_delay(30), PLAIN);
    for source in [0, 1] {
        assert!(world.source_row(0, source).jitter_us < 50);
    }
}

/// The round trip is that of the network, for each leg its own.
#[test]
fn the_round_trip_is_the_networks() {
    let mut world = call(5, Path::with_delay(35), PLAIN);
    world.run(ms(4_000));
    let rtt = world.slot_row(1, 1).rtt_us;
    assert!((69_000..=71_500).contains(&rtt), "{rtt}");
    assert_eq!(world.leg_row(1).rtt_us, rtt);
    assert_eq!(
        world.leg_row(0).rtt_us,
        0,
        "nothing was sent to it, so nothing is known"
    );
    world.peers[1].down = Path::with_delay(115);
    world.run(ms(4_000));
    let rtt = world.slot_row(1, 1).rtt_us;
    assert!((149_000..=151_500).contains(&rtt), "{rtt}");
}

/// What a receiver tells of its slots is what the snapshot says of them.
#[test]
fn the_receivers_word_reaches_the_snapshot() {
    let mut world = call(6, Path::with_delay(10), PLAIN);
    world.peers[1].down.loss = Loss::Random(0.1);
    world.peers[1].down.jitter = Jitter::UniformUs(9_000);
    world.peers[1].repairs = false;
    world.run(ms(10_000));
    world.peers[1].down.loss = Loss::Random(0.0);
    world.run(ms(2_500));
    let row = world.slot_row(1, 1);
    let lost = world.net.lost[&(
        world.peers[1].address,
        world.peers[1].receivers[1].spec.ssrc,
    )];
    assert!(lost > 50);
    assert_eq!(row.lost, lost);
    let measured = world.peers[1].receivers[1].jitter_us();
    assert!(
        (row.jitter_us as f64 - measured).abs() < 3_000.0,
        "{} and {measured}",
        row.jitter_us
    );
}

/// The wall-clock moment that the receiver gives to the newest packet of a slot, less the moment of its capture.
fn lateness(receiver: &Receiver) -> f64 {
    let (_, newest) = receiver.got.last_key_value().unwrap();
    receiver.wall_clock(newest.timestamp).unwrap() - newest.tag.sent_at.0 as f64
}

/// Sound and picture captured at one moment get one moment at the receiver, whatever the sender's clock says and
/// whoever was in the slots before.
#[test]
fn sound_and_picture_share_a_clock() {
    let far_off = PeerSpec {
        clock_offset: -86_400_000_000 * 365,
        ..PeerSpec::default()
    };
    let specs = [PeerSpec::default(), PeerSpec::default(), far_off];
    let mut world = World::with_room(7, Path::with_delay(25), &specs);
    for turn in 0..6 {
        let sender = 1 + turn % 2;
        world.set_feeds(&[((0, 0), (sender, 0)), ((0, 1), (sender, 1))]);
        world.run(ms(2_700));
        let [sound, picture] = [0, 1].map(|slot| lateness(&world.peers[0].receivers[slot]));
        assert!(
            (sound - picture).abs() < 1_000.0,
            "turn {turn}: {sound} and {picture}"
        );
        assert!((sound - 25_000.0).abs() < 2_000.0, "turn {turn}: {sound}");
    }
}

/// While a computer sleeps its clock of sound stands still, and that of pictures goes on. It reports on sound seconds later;
/// until then it would be thought to be from long before the picture, which would be held back for it.
#[test]
fn sound_and_picture_share_a_clock_after_a_sleep() {
    for leaves in [true, false] {
        let mut world = call(9, Path::with_delay(25), PLAIN);
        world.run(ms(4_000));
        wake(&mut world, false);
        if leaves {
            world.set_feeds(&[]);
        }
        world.run(ms(10_000));
        wake(&mut world, true);
        world.peers[0].senders[0].lag = ms(10_000);
        world.set_feeds(&[((1, 0), (0, 0)), ((1, 1), (0, 1))]);
        for reports in [false, false, true, true] {
            world.peers[0].sends_reports = reports;
            world.run(ms(1_500));
            let [sound, picture] = [0, 1].map(|slot| lateness(&world.peers[1].receivers[slot]));
            assert!(
                (sound - picture).abs() < 5_000.0,
                "leaves {leaves}, reports {reports}: {sound} and {picture}"
            );
        }
    }
}

fn wake(world: &mut World, on: bool) {
    let peer = &mut world.peers[0];
    peer.sends_reports = on;
    peer.senders.iter_mut().for_each(|sender| sender.on = on);
}

/// Reports come about once a second, hold the canonical name, and say how much was sent.
#[test]
fn reports_come_once_a_second() {
    let mut world = call(8, Path::PERFECT, PLAIN);
    let before = world.leg_row(1).rtcp_out;
    world.run(ms(20_000));
    let reports = world.leg_row(1).rtcp_out - before;
    assert!((16..=26).contains(&reports), "{reports} in twenty seconds");
}
