//! A receiver that reports on each packet: where packets overtake one another it asks for what is only late, and is not
//! answered; what is lost comes all the same, and where order is kept even unasked.

use crate::support::{ms, Jitter, Loss, Path, PeerSpec, World};

const REPORTS: PeerSpec = PeerSpec {
    reports_each: true,
    ..PeerSpec::BROWSER
};

/// A sender (0), and a receiver (1) whose way down is like this for ten seconds, of which three have passed.
fn call(seed: u64, down: Path, asks: bool) -> World {
    let mut world = World::with_room(seed, Path::with_delay(20), &[PeerSpec::BROWSER, REPORTS]);
    world.set_feeds(&[((1, 1), (0, 1))]);
    world.run(ms(2_000));
    world.peers[1].repairs = asks;
    world.peers[1].down = down;
    world.run(ms(3_000));
    world
}

fn run_on(world: &mut World) -> (u64, u64, u64) {
    let before = world.slot_row(1, 1);
    world.run(ms(7_000));
    let after = world.slot_row(1, 1);
    (
        after.packets - before.packets,
        after.nacks - before.nacks,
        after.recovered - before.recovered,
    )
}

fn missing_in_the_end(world: &mut World) -> usize {
    world.peers[1].down = Path::with_delay(20);
    world.run(ms(2_000));
    world.peers[1].receivers[1].missing().len()
}

#[test]
fn what_others_have_overtaken_is_hardly_sent_again() {
    let jitter = Jitter::UniformUs(30_000);
    let path = Path {
        jitter,
        ..Path::with_delay(20)
    };
    let mut world = call(1, path, true);
    let (packets, asked, sent) = run_on(&mut world);
    assert!(asked * 10 > packets, "{asked} requests of {packets}");
    assert!(sent * 50 < packets, "{sent} of {packets} sent again");
    assert_eq!(missing_in_the_end(&mut world), 0);
}

#[test]
fn what_is_lost_among_it_comes_all_the_same() {
    let path = Path {
        jitter: Jitter::UniformUs(30_000),
        loss: Loss::Random(0.03),
        ..Path::with_delay(20)
    };
    let mut world = call(2, path, true);
    let (packets, _, sent) = run_on(&mut world);
    assert!(sent * 40 > packets, "{sent} of {packets} sent again");
    assert_eq!(missing_in_the_end(&mut world), 0);
}

#[test]
fn where_order_is_kept_a_report_is_enough() {
    let mut world = call(
        3,
        Path {
            loss: Loss::Random(0.05),
            ..Path::with_delay(20)
        },
        false,
    );
    let (packets, asked, sent) = run_on(&mut world);
    assert_eq!(asked, 0);
    assert!(sent * 30 > packets, "{sent} of {packets} sent again");
    let missing = missing_in_the_end(&mut world);
    // Of those sent again, a twentieth is lost as well.
    assert!(missing as u64 * 100 < packets, "{missing} of {packets}");
}
