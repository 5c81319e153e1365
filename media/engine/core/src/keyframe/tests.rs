use super::*;

fn at(millis: u64) -> Micros {
    Micros::from_millis(10_000 + millis)
}

const fn trip(millis: u64) -> Trip {
    Trip {
        round_trip: Micros::from_millis(millis),
        loses: false,
    }
}

#[test]
fn many_wishes_make_one_request_and_an_unanswered_one_is_repeated() {
    let (mut requests, mut pressure) = (KeyFrameRequests::default(), Pressure::default());
    let trip = trip(200);
    assert!(requests.want_now(at(0), trip, &mut pressure));
    assert!(!requests.want_now(at(1), trip, &mut pressure));
    assert!(!requests.poll(at(319), trip, &mut pressure));
    assert!(requests.poll(at(320), trip, &mut pressure));
    assert!(!requests.poll(at(669), trip, &mut pressure));
    assert!(requests.poll(at(670), trip, &mut pressure));
    requests.came(at(800), true);
    assert!(!requests.poll(at(5_000), trip, &mut pressure));
    assert_eq!(requests.sent(), 3);
    assert!(requests.want_now(at(6_000), trip, &mut pressure));
}

/// Where much is lost each request goes twice, and has time to be answered and for that to be mended. What has come in
/// between is not asked for.
#[test]
fn where_much_is_lost_a_request_goes_twice_and_the_next_comes_later() {
    let (mut requests, mut pressure) = (KeyFrameRequests::default(), Pressure::default());
    let lossy = Trip {
        loses: true,
        ..trip(100)
    };
    let mut sent = Vec::new();
    sent.extend(requests.want_now(at(0), lossy, &mut pressure).then_some(0));
    assert_eq!(requests.next_at(lossy), Some(at(6)));
    for milli in 1..1_000 {
        sent.extend(
            requests
                .poll(at(milli), lossy, &mut pressure)
                .then_some(milli),
        );
    }
    assert_eq!(sent, [0, 6, 450, 456, 900, 906]);
    assert_eq!(requests.sent(), 6);
    assert!(requests.poll(at(1_350), lossy, &mut pressure));
    requests.came(at(1_353), false);
    assert!(!requests.poll(at(1_356), lossy, &mut pressure));
}

#[test]
fn the_echo_of_a_wish_ends_with_it_and_what_mends_takes_no_longer_than_it_may() {
    let (mut requests, mut pressure) = (KeyFrameRequests::default(), Pressure::default());
    let lossy = |millis| Trip {
        loses: true,
        ..trip(millis)
    };
    assert!(requests.want_now(at(0), lossy(100), &mut pressure));
    requests.satisfied();
    requests.hold_until(at(1_000));
    assert!(!requests.want_now(at(500), lossy(100), &mut pressure));
    assert_eq!(requests.next_at(lossy(100)), Some(at(1_000)));
    assert!(requests.poll(at(1_000), lossy(100), &mut pressure));
    assert!(requests.poll(at(1_006), lossy(100), &mut pressure));
    assert_eq!(
        requests.next_at(lossy(1_300)),
        Some(at(1_000 + 1_300 + 600 + 150 + 400))
    );
}

/// On a long way what was asked for may be on its way when somebody else wishes for it; once it has come, it is not.
#[test]
fn a_wish_is_served_by_the_key_frame_that_is_on_its_way() {
    let (mut requests, mut pressure) = (KeyFrameRequests::default(), Pressure::default());
    let trip = trip(600);
    assert!(requests.want_now(at(0), trip, &mut pressure));
    assert!(!requests.want_now(at(400), trip, &mut pressure));
    assert!(!requests.poll(at(599), trip, &mut pressure));
    assert!(requests.poll(at(600), trip, &mut pressure));
    requests.came(at(700), true);
    assert!(
        !requests.want_now(at(910), trip, &mut pressure),
        "the throttle"
    );
    assert!(requests.poll(at(920), trip, &mut pressure));
}

/// What is held back is asked for in time, and again only when it had time to leave its sender.
#[test]
fn a_wish_that_is_held_back_is_not_made_twice_in_a_hurry() {
    let (mut requests, mut pressure) = (KeyFrameRequests::default(), Pressure::default());
    let trip = trip(200);
    requests.hold_until(at(100));
    assert!(!requests.want_now(at(0), trip, &mut pressure));
    assert_eq!(requests.next_at(trip), Some(at(100)));
    assert!(requests.poll(at(100), trip, &mut pressure));
    assert_eq!(requests.next_at(trip), Some(at(850)));
    requests.came(at(600), true);
    assert!(requests.want_now(at(3_000), trip, &mut pressure));
    assert_eq!(requests.next_at(trip), Some(at(3_350)));
}

/// A shard that is late asks for few key frames, and one that has just been late for one after the other, until all
/// have been asked; everyone has a turn before anyone has another.
#[test]
fn a_shard_that_was_late_asks_one_after_the_other() {
    let mut pressure = Pressure::default();
    let trip = trip(20);
    let mut all: Vec<KeyFrameRequests> = (0..100).map(|_| KeyFrameRequests::default()).collect();
    pressure.note_wait(at(0), Micros::from_millis(50));
    let at_once = all
        .iter_mut()
        .map(|one| one.want_now(at(0), trip, &mut pressure));
    let at_once = at_once.filter(|is_now| *is_now).count();
    assert_eq!(at_once, 1);
    let mut asked = Vec::new();
    for now in (1..3_000).map(at) {
        let late = if now < at(500) { 50 } else { 0 };
        pressure.note_wait(now, Micros::from_millis(late));
        for requests in all.iter_mut().filter(|one| one.sent() == 0) {
            if requests.poll(now, trip, &mut pressure) {
                asked.push(now);
            }
        }
    }
    let (meanwhile, after) = asked.split_at(asked.partition_point(|time| *time < at(500)));
    let apart = |times: &[Micros], millis| {
        let pause = Micros::from_millis(millis);
        times.windows(2).all(|two| two[1] >= two[0] + pause)
    };
    assert_eq!((meanwhile.len(), after.len()), (4, 95));
    assert!(apart(meanwhile, 100) && apart(after, 10));
    assert!(after[94] < at(1_900), "the last one at {:?}", after[94]);
    // Whoever wants one then waits for nobody.
    let mut late = KeyFrameRequests::default();
    assert!(late.want_now(at(3_000), trip, &mut pressure));
}

#[test]
fn a_slot_that_asks_again_and_again_waits_longer_and_one_that_is_calm_does_not() {
    let mut patience = Patience::default();
    let at = |millis: u64| Micros::from_millis(1_000_000 + millis);
    let asked = |patience: &mut Patience, span: std::ops::Range<u64>| {
        let times = span.step_by(100);
        times
            .filter(|millis| patience.take(at(*millis)))
            .collect::<Vec<_>>()
    };
    let times = asked(&mut patience, 0..8_000);
    assert_eq!(times, [0, 500, 1_500, 3_500, 5_500, 7_500]);
    assert_eq!(asked(&mut patience, 20_000..20_600), [20_000, 20_500]);
}

#[test]
fn a_wish_that_a_key_frame_has_crossed_is_no_wish() {
    let mut requests = KeyFrameRequests::default();
    let ms = Micros::from_millis;
    assert!(!requests.crossed(at(0), ms(40), ms(0)));
    requests.came(at(0), true);
    for (trip, mends, until) in [
        (40, 0, 40),
        (5_000, 0, 300),
        (40, 80, 120),
        (300, 1_200, 1_000),
    ] {
        let crossed = |millis| requests.crossed(at(millis), ms(trip), ms(mends));
        assert!(crossed(until - 1) && !crossed(until), "{trip} {mends}");
    }
}
