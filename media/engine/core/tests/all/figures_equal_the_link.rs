//! Figures equal what the link did: loss before and after repair, runs of it, jitter, round trip, both ways, whether it
//! loses at random, in runs or in a queue, in any order and twice. What figures are known to lie about is a test each.

use crate::support::{ms, Jitter, Loss, Path, PeerSpec, World};
use engine_core::stats::StreamRow;
use engine_core::Micros;
use std::net::SocketAddr;

const PLAIN: [PeerSpec; 2] = [PeerSpec::BROWSER; 2];
/// The receiver, the second, reports when each packet arrived.
const TELLING: [PeerSpec; 2] = [
    PeerSpec::BROWSER,
    PeerSpec {
        reports_each: true,
        ..PeerSpec::BROWSER
    },
];

fn call(seed: u64, path: Path, specs: [PeerSpec; 2]) -> World {
    let mut world = World::with_room(seed, path, &specs);
    world.set_feeds(&[((1, 0), (0, 0)), ((1, 1), (0, 1))]);
    world.run(ms(1_000));
    world
}

/// What else becomes of repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Neither,
    LosesRepairs,
    AsksNever,
}

fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

/// Both streams that a peer sends.
fn sent(world: &World, peer: usize) -> StreamRow {
    sum([world.source_row(peer, 0), world.source_row(peer, 1)])
}

/// Both slots of a peer.
fn taken(world: &World, peer: usize) -> StreamRow {
    sum([world.slot_row(peer, 0), world.slot_row(peer, 1)])
}

fn sum(rows: [StreamRow; 2]) -> StreamRow {
    let [a, b] = rows;
    StreamRow {
        expected: a.expected + b.expected,
        lost: a.lost + b.lost,
        bursts: a.bursts + b.bursts,
        ..a
    }
}

fn kinds_of_loss() -> Vec<Loss> {
    let bursts = |share, mean| Loss::Bursts { share, mean };
    let random = [0.0, 0.005, 0.02, 0.1, 0.2, 0.3].map(Loss::Random);
    [random.to_vec(), vec![bursts(0.05, 4.0), bursts(0.15, 8.0)]].concat()
}

/// Packets of RTP that a link lost so far, of the streams with these SSRCs.
fn truth(world: &World, to: SocketAddr, ssrcs: [u32; 2]) -> u64 {
    let lost = ssrcs.iter().map(|ssrc| world.net.lost.get(&(to, *ssrc)));
    lost.flatten().sum()
}

/// Up from the first peer and down to the second: where each way ends, and the SSRCs on it.
fn ways(world: &World) -> [(SocketAddr, [u32; 2]); 2] {
    let up = [0, 1].map(|source| world.peers[0].senders[source].ssrc);
    let down = [0, 1].map(|slot| world.peers[1].receivers[slot].spec.ssrc);
    [(world.engine_address, up), (world.peers[1].address, down)]
}

/// Of any kind of loss on the way up, the share that is told two seconds after is the share that was lost.
#[test]
fn loss_up_is_within_a_third_of_a_percent() {
    for (seed, loss) in (100..).zip(kinds_of_loss()) {
        let mut world = call(seed, Path::with_delay(20).shaking(5), PLAIN);
        let ssrcs = [0, 1].map(|source| world.peers[0].senders[source].ssrc);
        let (to, before) = (world.engine_address, sent(&world, 0));
        world.peers[0].up.loss = loss;
        world.run(ms(20_000));
        let lost = truth(&world, to, ssrcs);
        world.peers[0].up.loss = Loss::Off;
        world.run(ms(2_000));
        let after = sent(&world, 0);
        let told = percent(after.lost - before.lost, after.expected - before.expected);
        let true_share = percent(lost, after.expected - before.expected);
        assert!(
            (told - true_share).abs() < 0.3,
            "{loss:?}: {told} told, {true_share} true"
        );
    }
}

/// The same on the way down, by the receivers' reports.
#[test]
fn loss_down_is_within_a_third_of_a_percent() {
    for (seed, loss) in (200..).zip(kinds_of_loss()) {
        let mut world = call(seed, Path::with_delay(20).shaking(5), PLAIN);
        world.run(ms(1_500));
        let ssrcs = [0, 1].map(|slot| world.peers[1].receivers[slot].spec.ssrc);
        let (to, before) = (world.peers[1].address, taken(&world, 1));
        world.peers[1].down.loss = loss;
        world.run(ms(20_000));
        let lost = truth(&world, to, ssrcs);
        world.peers[1].down.loss = Loss::Off;
        world.run(ms(2_000));
        let after = taken(&world, 1);
        let told = percent(after.lost - before.lost, after.expected - before.expected);
        let true_share = percent(lost, after.expected - before.expected);
        assert!(
            (told - true_share).abs() < 0.3,
            "{loss:?}: {told} told, {true_share} true"
        );
    }
}

/// While the bridge is late, by up to 0.7 s and again and again, what is lost is what the links lose, and where they lose
/// nothing that is nothing: whoever sees loss may blame the link. Packets overtake one another by up to 30 ms, though not
/// those to a receiver that sends nothing but receiver reports: of what leaves at once after a wait, one that is written in
/// just that moment can call a few dozen lost. Later ones do not add to it, unless they see more.
#[test]
fn a_bridge_that_is_only_late_makes_no_loss() {
    for (seed, specs, shake) in [(230, PLAIN, 5), (231, TELLING, 30)] {
        for share in [0.0, 0.1] {
            let mut world = call(seed, Path::with_delay(20).shaking(shake), specs);
            world.peers[0].up = Path::with_delay(20).shaking(30);
            let ways = ways(&world);
            run_late(&mut world, ms(2_000));
            let before = [sent(&world, 0), taken(&world, 1)];
            world.peers[0].up.loss = Loss::Random(share);
            world.peers[1].down.loss = Loss::Random(share);
            run_late(&mut world, ms(20_000));
            let lost = ways.map(|(to, ssrcs)| truth(&world, to, ssrcs));
            world.peers[0].up.loss = Loss::Off;
            world.peers[1].down.loss = Loss::Off;
            run_late(&mut world, ms(2_500));
            let after = [sent(&world, 0), taken(&world, 1)];
            for way in 0..2 {
                let expected = after[way].expected - before[way].expected;
                let told = percent(after[way].lost - before[way].lost, expected);
                let true_share = percent(lost[way], expected);
                assert!(expected > 2_000, "{expected}");
                assert!(
                    (told - true_share).abs() < 0.3,
                    "{seed}, {way}: {told} told, {true_share} true"
                );
            }
        }
    }
}

/// For so long, with an engine that mostly waits for a processor.
fn run_late(world: &mut World, span: Micros) {
    let end = world.now + span;
    while world.now < end {
        let (waits, works) = (20 + world.random.next() % 680, 5 + world.random.next() % 95);
        world.busy_until = world.now + ms(waits);
        world.run(ms(waits + works));
    }
}

/// Where the receiver reports on each packet, loss is known to the packet. It sends no other reports here.
#[test]
fn loss_down_is_told_of_to_the_packet() {
    for (seed, loss) in (210..).zip(kinds_of_loss()) {
        let (told, _, lost, _) = told_down(seed, loss, (0.0, false));
        assert_eq!(told, lost, "{loss:?}");
    }
}

/// Though its own link loses a third of these reports: what they would have told of is left out, lost or not, and with its
/// other reports nothing is.
#[test]
fn reports_that_are_lost_leave_the_share_true() {
    for (seed, loss) in [(220, Loss::Random(0.1)), (221, Loss::Random(0.2))] {
        let (told, expected, lost, sent) = told_down(seed, loss, (0.3, true));
        assert!(expected + 60 >= sent, "{expected} of {sent}");
        assert!(told.abs_diff(lost) <= 3, "{told} told, {lost} true");
        let (told, expected, lost, sent) = told_down(seed, loss, (0.3, false));
        assert!(
            expected > sent / 2 && expected < sent,
            "{expected} of {sent}"
        );
        let (told, lost) = (percent(told, expected), percent(lost, sent));
        assert!((told - lost).abs() < 1.5, "{told} told, {lost} true");
    }
}

/// Lost and expected as told in 20 s of this loss down, and that loss up, and a while after; then lost and sent in truth.
fn told_down(seed: u64, loss: Loss, (up, reports): (f64, bool)) -> (u64, u64, u64, u64) {
    let mut world = call(seed, Path::with_delay(20).shaking(5), TELLING);
    world.peers[1].sends_reports = reports;
    world.peers[1].up.loss = Loss::Random(up);
    world.run(ms(1_500));
    let to = world.peers[1].address;
    let ssrcs = [0, 1].map(|slot| world.peers[1].receivers[slot].spec.ssrc);
    let sent = |world: &World| -> u64 { (0..2).map(|slot| world.slot_row(1, slot).packets).sum() };
    let (before, sent_before) = (taken(&world, 1), sent(&world));
    world.peers[1].down.loss = loss;
    world.run(ms(20_000));
    let lost = truth(&world, to, ssrcs);
    world.peers[1].down.loss = Loss::Off;
    // What is still open then is known with the next receiver report, if that is not lost as well.
    world.run(ms(500));
    world.peers[1].up.loss = Loss::Off;
    world.run(ms(1_500));
    let after = taken(&world, 1);
    let expected = after.expected - before.expected;
    (
        after.lost - before.lost,
        expected,
        lost,
        sent(&world) - sent_before,
    )
}

/// A loss that begins shows in the figures of the two seconds after it: up all but that of the last half second, for which a
/// hole may only be late, down all that was before the last report, of which there is one a second.
#[test]
fn a_loss_that_begins_is_seen_within_two_seconds() {
    for seed in 1..5 {
        let mut world = call(seed, Path::with_delay(20), PLAIN);
        world.run(ms(4_000));
        let ways = ways(&world);
        let before = [sent(&world, 0).lost, taken(&world, 1).lost];
        world.peers[0].up.loss = Loss::Random(0.3);
        world.peers[1].down.loss = Loss::Random(0.3);
        let [_, least_down] = lost_after(&mut world, ms(800), ways);
        let [least_up, _] = lost_after(&mut world, ms(700), ways);
        let most = lost_after(&mut world, ms(500), ways);
        let after = [sent(&world, 0).lost, taken(&world, 1).lost];
        for way in 0..2 {
            let (least, told) = ([least_up, least_down][way], after[way] - before[way]);
            assert!(least > 10, "{least}");
            assert!(
                (least..=most[way]).contains(&told),
                "{seed}, {way}: {least}, {told}, {most:?}"
            );
        }
    }
}

/// What the link has lost on each of these ways when that time has passed.
fn lost_after(world: &mut World, span: Micros, ways: [(SocketAddr, [u32; 2]); 2]) -> [u64; 2] {
    world.run(span);
    ways.map(|(to, ssrcs)| truth(world, to, ssrcs))
}

/// Where the receiver reports on each packet, it shows within a second of its beginning, of sound alone as of pictures.
#[test]
fn a_loss_down_that_begins_is_told_of_within_a_second() {
    let mut world = call(6, Path::with_delay(20), TELLING);
    world.peers[1].sends_reports = false;
    world.run(ms(4_000));
    world.peers[1].down.loss = Loss::Random(0.3);
    world.run(ms(500));
    let before = [0, 1].map(|slot| world.slot_row(1, slot));
    world.run(ms(500));
    let after = [0, 1].map(|slot| world.slot_row(1, slot));
    for (old, new) in before.iter().zip(&after) {
        let told = percent(new.lost - old.lost, new.expected - old.expected);
        assert!((15.0..45.0).contains(&told), "{told}: {new:?}");
    }
}

/// Of a leg with nothing but sound, on which reports are as seldom as they get, what was lost in the first quarter of a second
/// is told of before the first second is over, and no more than was lost; so the figures of each second show it in the next.
#[test]
fn a_loss_of_sound_alone_is_told_of_within_a_second() {
    let sound = PeerSpec {
        video: false,
        video_slots: 0,
        ..PeerSpec::BROWSER
    };
    let numbered = PeerSpec {
        reports_each: true,
        ..sound
    };
    for delay in [20, 100] {
        for seed in 300..310 {
            let mut world = World::with_room(seed, Path::with_delay(delay), &[sound, numbered]);
            world.peers[1].sends_reports = false;
            world.set_feeds(&[((1, 0), (0, 0))]);
            world.run(ms(4_000));
            let (to, ssrc) = (
                world.peers[1].address,
                world.peers[1].receivers[0].spec.ssrc,
            );
            let lost = |world: &World| world.net.lost.get(&(to, ssrc)).copied().unwrap_or(0);
            let before = world.slot_row(1, 0);
            world.peers[1].down.loss = Loss::Random(0.5);
            world.run(ms(250));
            let least = lost(&world);
            world.run(ms(750));
            let row = world.slot_row(1, 0);
            let told = row.lost - before.lost;
            assert!(least > 2, "{least}");
            assert!(
                (least..=lost(&world)).contains(&told),
                "{seed}, {delay} ms: {told} told of {least}, {row:?}"
            );
        }
    }
}

/// Jitter down is that of the receiver's own link, whatever the sender's does, where the receiver reports on each packet.
#[test]
fn jitter_down_is_that_of_the_receivers_link_alone() {
    let mut world = call(14, Path::with_delay(20), TELLING);
    world.peers[0].up.jitter = Jitter::UniformUs(40_000);
    for (millis, jitter) in [(0, 0.0), (12, 4_000.0), (30, 10_000.0), (60, 20_000.0)] {
        world.peers[1].down.jitter = Jitter::UniformUs(millis * 1_000);
        world.run(ms(1_000));
        let before = world.slot_row(1, 0);
        world.run(ms(30_000));
        let after = world.slot_row(1, 0);
        let changes = after.transit_changes - before.transit_changes;
        assert!(changes > 1_300, "{changes}");
        let mean = (after.transit_changes_us - before.transit_changes_us) as f64 / changes as f64;
        assert!(
            (mean - jitter).abs() < 250.0 + jitter * 0.1,
            "{mean} for {jitter}"
        );
    }
}

/// A way up that grows longer is told by the sound that comes over it, whatever becomes of the reports.
#[test]
fn a_longer_way_up_is_told_by_sound_alone() {
    let mut world = call(15, Path::with_delay(20), PLAIN);
    world.peers[0].sends_reports = false;
    let mean = |world: &mut World| {
        let before = world.leg_row(0);
        world.run(ms(2_000));
        let after = world.leg_row(0);
        let count = after.ups - before.ups;
        assert!((95..=101).contains(&count), "{count}");
        (after.up_longer_us - before.up_longer_us) as f64 / count as f64 / 1_000.0
    };
    let usual = mean(&mut world);
    world.peers[0].up.delay_us = 320_000;
    world.run(ms(1_000));
    let longer = mean(&mut world) - usual;
    assert!((longer - 300.0).abs() < 1.0, "{longer}");
    world.peers[0].up.delay_us = 20_000;
    world.run(ms(1_000));
    let back = mean(&mut world) - usual;
    assert!(back.abs() < 1.0, "{back}");
}

/// Runs of lost packets are as many and as long as the link made them.
#[test]
fn runs_are_counted_as_the_link_made_them() {
    for (seed, mean) in [(31, 2.0), (32, 4.0), (33, 8.0)] {
        // One stream alone: a link's run of packets is spread over all that share it.
        let alone = PeerSpec {
            video: false,
            ..PLAIN[0]
        };
        let mut world = World::with_room(seed, Path::with_delay(20), &[alone, PLAIN[1]]);
        world.set_feeds(&[((1, 0), (0, 0))]);
        world.run(ms(1_000));
        world.peers[0].sends_reports = false;
        world.peers[0].up.loss = Loss::Bursts { share: 0.08, mean };
        world.run(ms(120_000));
        world.peers[0].up.loss = Loss::Off;
        world.run(ms(2_000));
        let row = world.source_row(0, 0);
        let told = row.lost as f64 / row.bursts as f64;
        let way = (world.peers[0].address, world.engine_address);
        let made = world.net.link(way).unwrap().counters().mean_run();
        assert!(
            (told - made).abs() < 0.15 * made,
            "{told} told, {made} made"
        );
    }
}

/// The round trip is the link's, whichever way it is longer.
#[test]
fn round_trips_are_within_five_milliseconds() {
    for (seed, up, down) in [(41, 5, 5), (42, 10, 90), (43, 140, 10), (44, 150, 150)] {
        let mut world = call(seed, Path::PERFECT, PLAIN);
        world.peers[1].up = Path::with_delay(up);
        world.peers[1].down = Path::with_delay(down).losing(0.05);
        world.run(ms(5_000));
        let told = world.leg_row(1).rtt_us / 1_000;
        assert!(told.abs_diff(up + down) <= 5, "{told} for {up} and {down}");
    }
}

/// A retransmission does not make a lost packet a received one: before and after repair are two figures.
#[test]
fn repaired_loss_is_still_loss() {
    let mut world = call(9, Path::with_delay(20), PLAIN);
    world.peers[0].up.loss = Loss::Random(0.1);
    world.run(ms(20_000));
    world.peers[0].up.loss = Loss::Off;
    world.run(ms(2_500));
    let row = world.source_row(0, 1);
    let ssrc = world.peers[0].senders[1].ssrc;
    assert_eq!(row.lost, world.net.lost[&(world.engine_address, ssrc)]);
    assert!(row.lost > 100, "{}", row.lost);
    assert!(row.recovered * 100 > row.lost * 97, "{row:?}");
}

/// What repair leaves on the way down is what never came, though retransmissions and reports are lost as well: neither what was
/// sent again in vain counts as repaired, nor what was sent twice though it had come.
#[test]
fn what_repair_leaves_on_the_way_down_is_what_never_came() {
    for (seed, loss, delay, trouble) in [
        (61, 0.05, 20, Trouble::Neither),
        (62, 0.2, 20, Trouble::Neither),
        (63, 0.1, 140, Trouble::Neither),
        (64, 0.1, 20, Trouble::LosesRepairs),
        (65, 0.1, 20, Trouble::AsksNever),
    ] {
        let mut world = call(seed, Path::with_delay(delay), TELLING);
        let before = world.slot_row(1, 1);
        let rtx = world.peers[1].receivers[1].spec.rtx_ssrc.unwrap();
        let (to, lost) = (world.peers[1].address, Path::with_delay(delay).losing(loss));
        (world.peers[1].down, world.peers[1].up) = (lost, lost);
        world.peers[1].repairs = trouble != Trouble::AsksNever;
        if trouble == Trouble::LosesRepairs {
            // Reports come all: of what is lost again and again, a lost report makes one that is taken to have come.
            world.peers[1].up = Path::with_delay(delay);
            world.net.takes = Some(Box::new(move |way, data| {
                way.1 == to && data[8..12] == rtx.to_be_bytes()
            }));
        }
        // Where no repair comes, the link seems to carry little, and pictures rest.
        let repairs = trouble != Trouble::LosesRepairs;
        world.run(ms(if repairs { 30_000 } else { 120_000 }));
        world.net.takes = None;
        (world.peers[1].down, world.peers[1].up) =
            (Path::with_delay(delay), Path::with_delay(delay));
        world.run(ms(3_000));
        let after = world.slot_row(1, 1);
        let expected = after.expected - before.expected;
        let left = (after.lost - before.lost) - (after.recovered - before.recovered);
        let receiver = &world.peers[1].receivers[1];
        let brought = receiver.got.values().filter(|got| got.repaired).count() as u64;
        let never = world.net.lost[&(to, receiver.spec.ssrc)] - brought;
        let (told, truth) = (percent(left, expected), percent(never, expected));
        assert!(
            (told - truth).abs() < 0.2,
            "{seed}: {told} told, {truth} true"
        );
        assert!(after.lost > 150, "{seed}: {} lost", after.lost);
    }
}

/// What a sender's link lost is not among what its receivers' links lose, though they see the holes.
#[test]
fn a_senders_loss_is_not_its_receivers() {
    let mut world = call(10, Path::with_delay(20), PLAIN);
    world.peers[0].repairs = false;
    world.peers[0].up.loss = Loss::Random(0.1);
    world.run(ms(20_000));
    let (source, slot) = (world.source_row(0, 1), world.slot_row(1, 1));
    assert!(source.lost > 100 && source.recovered == 0);
    assert!(slot.lost <= 2, "{} of {}", slot.lost, slot.expected);
    world.peers[1].down.loss = Loss::Random(0.05);
    world.run(ms(20_000));
    let after = world.slot_row(1, 1);
    let (lost, expected) = (after.lost - slot.lost, after.expected - slot.expected);
    let to = world.peers[1].address;
    let truth = world.net.lost[&(to, world.peers[1].receivers[1].spec.ssrc)];
    assert!(lost.abs_diff(truth) <= 6, "{lost} told, {truth} true");
    assert!((0.035..0.065).contains(&(lost as f64 / expected as f64)));
}

/// Another order and copies are no loss, neither here nor in what the sender is told.
#[test]
fn another_order_and_copies_are_no_loss() {
    let mut world = call(11, Path::with_delay(20), PLAIN);
    world.peers[0].up.jitter = Jitter::UniformUs(60_000);
    world.peers[0].up.duplicate = 0.2;
    for _ in 0..200 {
        world.run(ms(100));
        assert_eq!(world.source_row(0, 0).lost, 0);
        assert_eq!(world.source_row(0, 1).lost, 0);
    }
    world.peers[0].up = Path::with_delay(20);
    world.run(ms(2_500));
    for source in [0, 1] {
        let ssrc = world.peers[0].senders[source].ssrc;
        let mut blocks = world.peers[0].blocks.iter().rev();
        let (_, last) = blocks.find(|(_, block)| block.ssrc == ssrc).unwrap();
        assert_eq!(last.cumulative_lost, 0);
    }
}

/// At every moment: no count falls, and no figure contradicts another, whatever the link does.
#[test]
fn counts_only_grow_whatever_the_link_does() {
    let mut world = call(12, Path::lossy(0.15), PLAIN);
    let mut before = world.snapshot().streams;
    for _ in 0..300 {
        world.run(ms(67));
        let after = world.snapshot().streams;
        for (old, new) in before.iter().zip(&after) {
            assert!(
                new.expected >= old.expected
                    && new.lost >= old.lost
                    && new.recovered >= old.recovered
            );
            assert!(new.bursts >= old.bursts && new.frames >= old.frames);
            assert!(new.lost <= new.expected, "{new:?}");
        }
        before = after;
    }
    assert!(before.iter().filter(|row| row.lost > 20).count() >= 3);
}

/// The mean over any interval of what the register sums up is what the network added in that interval.
#[test]
fn jitter_of_an_interval_is_that_of_the_interval() {
    let mut world = call(13, Path::with_delay(20), PLAIN);
    for (millis, jitter) in [(0, 0.0), (12, 4_000.0), (30, 10_000.0), (0, 0.0)] {
        world.peers[0].up.jitter = Jitter::UniformUs(millis * 1_000);
        world.run(ms(500));
        let before = world.source_row(0, 0);
        world.run(ms(30_000));
        let after = world.source_row(0, 0);
        let changes = after.transit_changes - before.transit_changes;
        assert!(changes > 1_400);
        let mean = (after.transit_changes_us - before.transit_changes_us) as f64 / changes as f64;
        assert!(
            (mean - jitter).abs() < 100.0 + jitter * 0.1,
            "{mean} for {jitter}"
        );
    }
}
