//! Repair packets towards a receiver on a long way: what is lost there is mended before a retransmission could come.

use crate::support;
use crate::support::{ms, Path, PeerSpec, World};

const TAKES: PeerSpec = PeerSpec {
    audio: false,
    audio_slots: 0,
    takes_fec: true,
    ..PeerSpec::BROWSER
};

/// A sender of pictures (0), and a receiver (1) who is `delay` away each way and loses a twentieth.
fn call(seed: u64, receiver: PeerSpec, delay: u64) -> World {
    let mut world = World::with_room(seed, Path::with_delay(10), &[TAKES, receiver]);
    world.set_feeds(&[((1, 0), (0, 1))]);
    (world.peers[1].up, world.peers[1].down) = (Path::with_delay(delay), Path::with_delay(delay));
    world.run(ms(3_000));
    world.peers[1].down.loss = support::Loss::Random(0.05);
    world.run(ms(20_000));
    world
}

/// How many milliseconds the pictures' packets that came repaired in the last 15 s were under way, on the average.
fn delay_of_repaired(world: &World) -> (usize, f64) {
    let since = world.now.since(ms(15_000));
    let got = world.peers[1].receivers[0].got.values();
    let delays: Vec<f64> = got
        .filter(|got| got.repaired && got.tag.sent_at > since)
        .map(|got| got.at.since(got.tag.sent_at).0 as f64 / 1e3)
        .collect();
    (
        delays.len(),
        delays.iter().sum::<f64>() / delays.len() as f64,
    )
}

/// On a round trip of 200 ms most losses are mended by repair packets, and all of them earlier on the average.
#[test]
fn losses_are_mended_before_a_retransmission_could_come() {
    let mut world = call(1, TAKES, 100);
    let without = call(
        1,
        PeerSpec {
            takes_fec: false,
            ..TAKES
        },
        100,
    );
    // A request takes 10 ms to be made, and 200 ms to be answered.
    let (retransmitted, late) = delay_of_repaired(&without);
    assert!(retransmitted > 50 && late > 300.0, "{late}");
    assert_eq!(without.slot_row(1, 0).fec_packets, 0);

    let row = world.slot_row(1, 0);
    let fec = &world.peers[1].receivers[0].fec;
    assert!(fec.repair_packets > 200, "{}", fec.repair_packets);
    let share = row.fec_packets as f64 / row.packets as f64;
    assert!(share < 0.3, "{share}");
    let (all, delay) = delay_of_repaired(&world);
    eprintln!("mended after {delay:.0} ms with repair packets, {late:.0} without, {share:.2} of the packets");
    assert!(fec.mended * 10 > all as u64 * 6, "{} of {all}", fec.mended);
    assert!(delay < late - 80.0, "{delay} for {late}");
    world.peers[1].down.loss = support::Loss::Random(0.0);
    world.run(ms(1_500));
    assert_eq!(world.peers[1].receivers[0].missing(), [0_u64; 0]);
}

/// Who cannot ask gets them on a short way too: nothing else would mend what is lost.
#[test]
fn who_cannot_ask_gets_them_on_any_way() {
    let deaf = PeerSpec {
        can_ask: false,
        ..TAKES
    };
    let world = call(4, deaf, 20);
    let (row, fec) = (world.slot_row(1, 0), &world.peers[1].receivers[0].fec);
    assert_eq!(row.rtx_packets, 0);
    assert!(
        fec.mended * 10 > row.lost * 6,
        "{} of {}",
        fec.mended,
        row.lost
    );
}

/// Where a retransmission is soon there, there are no repair packets, nor any once the loss is over.
#[test]
fn there_are_none_where_they_are_of_no_use() {
    let world = call(2, TAKES, 20);
    assert_eq!(world.slot_row(1, 0).fec_packets, 0);
    let mut world = call(3, TAKES, 100);
    world.peers[1].down.loss = support::Loss::Random(0.0);
    world.run(ms(60_000));
    let before = world.slot_row(1, 0).fec_packets;
    world.run(ms(3_000));
    assert_eq!(world.slot_row(1, 0).fec_packets, before);
}
