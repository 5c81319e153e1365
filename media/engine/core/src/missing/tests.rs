use super::*;
use crate::random::Random;

const TRIP: Micros = Micros::from_millis(40);

fn at(millis: u64) -> Micros {
    Micros::from_millis(1_000_000 + millis)
}

/// Packets every 8 ms, each with its delay in ms, or lost; gives what was asked for, and when, in ms.
fn run(packets: u64, delay: impl Fn(u64) -> Option<u64>) -> Vec<(u64, u64)> {
    let arrivals = (0..packets).filter_map(|number| Some((number * 8 + delay(number)?, number)));
    let mut arrivals: Vec<(u64, u64)> = arrivals.collect();
    arrivals.sort_unstable();
    let (mut missing, mut highest, mut asked) = (Missing::default(), None, Vec::new());
    let mut arrivals = arrivals.into_iter().peekable();
    for millis in 0..packets * 8 {
        while let Some((_, number)) = arrivals.next_if(|(time, _)| *time <= millis) {
            match highest {
                Some(high) if number < high => {
                    missing.take_late(at(millis), number);
                }
                _ => {
                    missing.note(at(millis), highest.map_or(number, |high| high + 1)..number);
                    highest = Some(number);
                }
            }
        }
        let mut out = Vec::new();
        if missing.next_at().is_some_and(|next| next <= at(millis)) {
            missing.collect(at(millis), TRIP, usize::MAX, &mut out);
        }
        asked.extend(out.into_iter().map(|number| (u64::from(number), millis)));
    }
    asked
}

#[test]
fn a_lost_packet_is_asked_for_at_once_and_again_after_a_round_trip() {
    let asked = run(100, |number| (number != 50).then_some(20));
    let times: Vec<u64> = asked.iter().map(|(_, millis)| *millis).collect();
    // The next packet shows the hole at 428 ms.
    assert_eq!(times[..3], [432, 477, 522]);
    assert!(asked.iter().all(|(number, _)| *number == 50));
}

#[test]
fn what_nobody_answers_is_asked_for_less_and_less_and_given_up() {
    let asked = run(200, |number| (number != 50).then_some(20));
    let times: Vec<u64> = asked.iter().map(|(_, millis)| *millis).collect();
    assert_eq!(times, [432, 477, 522, 567, 612, 702, 882, 1_242]);
}

#[test]
fn what_may_not_be_asked_for_now_is_looked_at_in_a_while() {
    let mut missing = Missing::default();
    let mut out = Vec::new();
    missing.note(at(0), 100..104);
    missing.collect(at(4), TRIP, 2, &mut out);
    assert_eq!(out, [100, 101]);
    assert_eq!(missing.next_at(), Some(at(14)));
    missing.collect(at(14), TRIP, usize::MAX, &mut out);
    assert_eq!(out, [100, 101, 102, 103]);
    missing.collect(at(1_000), TRIP, 0, &mut out);
    assert_eq!((missing.len(), missing.next_at()), (0, None));
}

/// Pictures of four packets every 40 ms, 3 ms apart; the last one of each tenth is lost.
fn run_pictures(apart: u64) -> Vec<(u64, u64)> {
    let (mut missing, mut asked) = (Missing::default(), Vec::new());
    let (mut newest, mut came) = (None, Micros(0));
    for millis in 0..4_000_u64 {
        let (picture, within) = (millis / 40, millis % 40);
        let number = picture * 4 + within / apart;
        let comes = within % apart == 0 && within < 4 * apart && number % 40 != 39;
        if comes {
            missing.note(
                at(millis),
                newest.map_or(number, |newest| newest + 1)..number,
            );
            if within > 0 {
                missing.learn_spacing(at(millis), came);
            }
            missing.expect(at(millis), number + 1, number % 4 != 3);
            (newest, came) = (Some(number), at(millis));
        }
        let mut out = Vec::new();
        if missing.next_at().is_some_and(|next| next <= at(millis)) {
            missing.collect(at(millis), TRIP, usize::MAX, &mut out);
        }
        let after = |number: u16| (u64::from(number), millis - picture * 40);
        asked.extend(out.into_iter().map(after));
    }
    asked.retain(|(number, _)| *number > 120);
    asked
}

#[test]
fn the_last_packet_of_a_picture_is_asked_for_before_the_next_picture_comes() {
    let asked = run_pictures(3);
    assert!(
        asked.iter().all(|(number, _)| number % 40 == 39),
        "{asked:?}"
    );
    let first = asked.iter().find(|(number, _)| *number == 159);
    // 10 ms after the one before it.
    assert_eq!(first, Some(&(159, 16)));
}

#[test]
fn where_packets_of_a_picture_come_far_apart_nothing_is_asked_for_that_is_under_way() {
    let asked = run_pictures(10);
    assert!(
        asked.iter().all(|(number, _)| number % 40 == 39),
        "{asked:?}"
    );
}

#[test]
fn where_much_is_lost_each_request_goes_twice() {
    let (mut missing, mut under_way, mut asked) = (Missing::default(), Vec::new(), Vec::new());
    for millis in 0..1_400 {
        if millis % 8 == 0 {
            let number = millis / 8;
            // Each tenth is lost; all that is asked for comes, but one.
            match number % 10 {
                0 => {}
                1 => missing.note(at(millis), number - 1..number),
                _ => missing.note(at(millis), number..number),
            }
        }
        under_way.retain(|(comes, number)| {
            if *comes == millis {
                missing.note_answer(at(millis), *number);
                missing.take_repaired(*number);
            }
            *comes != millis
        });
        let mut out = Vec::new();
        missing.collect(at(millis), TRIP, usize::MAX, &mut out);
        for number in out.into_iter().map(u64::from) {
            if number == 150 {
                asked.push(millis);
            } else if under_way.iter().all(|(_, other)| *other != number) {
                under_way.push((millis + 40, number));
            }
        }
    }
    assert_eq!(asked[..4], [1_212, 1_218, 1_257, 1_263]);
}

#[test]
fn packets_that_overtake_one_another_are_hardly_asked_for() {
    let delays: Vec<u64> = {
        let mut random = Random::new(3);
        (0..2_000).map(|_| 20 + random.next() % 31).collect()
    };
    let asked = run(2_000, |number| Some(delays[number as usize]));
    let after = asked.iter().filter(|(number, _)| *number > 500).count();
    assert!(after < 60, "{after} of 1500");
    let lossy = run(2_000, |number| {
        (number != 1_500).then_some(delays[number as usize])
    });
    let first = lossy
        .iter()
        .find(|(number, _)| *number == 1_500)
        .map(|(_, at)| *at);
    assert!(
        first.is_some_and(|at| at < 12_000 + 20 + 8 + 60),
        "{first:?}"
    );
}

/// So that nothing is asked for twice at once.
fn few_are_lost(missing: &mut Missing) {
    (20..220).for_each(|number| missing.note(at(0), number..number));
}

fn asked(missing: &mut Missing, millis: u64) -> Vec<u16> {
    let mut out = Vec::new();
    missing.collect(at(millis), TRIP, usize::MAX, &mut out);
    out
}

/// Answers come one behind the other where a queue has grown: nothing is asked for twice meanwhile but what was overtaken.
#[test]
fn what_stands_in_a_queue_is_not_asked_for_again_until_another_answer_overtakes_it() {
    let mut missing = Missing::default();
    missing.note(at(0), 10..20);
    few_are_lost(&mut missing);
    assert_eq!(asked(&mut missing, 4), (10..20).collect::<Vec<u16>>());
    for millis in (10..250).step_by(10) {
        assert_eq!(asked(&mut missing, millis), [0_u16; 0], "{millis}");
    }
    missing.note_answer(at(250), 12);
    assert!(missing.take_repaired(12));
    assert_eq!(asked(&mut missing, 251), [10, 11]);
    for millis in (260..540).step_by(10) {
        assert_eq!(asked(&mut missing, millis), [0_u16; 0], "{millis}");
    }
    assert_eq!(asked(&mut missing, 551).len(), 9, "no answer for 0.3 s");
}

#[test]
fn no_more_is_awaited_at_once_than_may_be() {
    let mut missing = Missing::default();
    missing.await_at_most(4);
    missing.note(at(0), 10..20);
    few_are_lost(&mut missing);
    assert_eq!(asked(&mut missing, 4), [10, 11, 12, 13]);
    assert_eq!(asked(&mut missing, 14), [0_u16; 0]);
    assert!(missing.take_repaired(11) && missing.take_repaired(12));
    assert_eq!(asked(&mut missing, 24), [14, 15]);
}

/// Nothing is asked for of an encoding that rests, and of the picture that was its last nobody knows whether it goes on.
#[test]
fn what_is_never_asked_for_is_given_up_too() {
    let mut missing = Missing::default();
    for number in 0..40 {
        missing.note(at(number * 8), number * 2 + 1..number * 2 + 2);
        missing.expect(at(number * 8), number * 2 + 3, true);
    }
    let mut out = Vec::new();
    for millis in (320..1_300).step_by(10) {
        assert!(missing
            .next_at()
            .is_some_and(|next| next <= at(millis + 1_000)));
        missing.collect(at(millis), TRIP, 0, &mut out);
    }
    missing.collect(at(1_400), TRIP, 0, &mut out);
    assert_eq!((missing.next_at(), out.len()), (None, 0));
}

/// An answer stands in the queue in which what was lost had no room.
#[test]
fn through_a_full_queue_answers_are_waited_for() {
    let asked = |queue: u64| {
        let mut missing = Missing::default();
        missing.set_queue(at(0), Micros::from_millis(queue), false);
        missing.note(at(0), 0..0);
        missing.note(at(10), 1..2);
        let mut times = Vec::new();
        for millis in 10..400 {
            let mut out = Vec::new();
            missing.collect(at(millis), TRIP, usize::MAX, &mut out);
            times.extend(out.first().map(|_| millis));
        }
        times[1] - times[0]
    };
    assert_eq!(asked(200), asked(0) + 200);
}

/// A run that takes two pictures, and the requests for them: while what is new comes on time, the answers would have, too.
#[test]
fn many_are_asked_for_again_in_time_where_nothing_stands_in_a_queue() {
    let second_round = |is_on_time: bool| {
        let mut missing = Missing::default();
        missing.note(at(0), 0..0);
        missing.note(at(10), 1..9);
        let mut times = Vec::new();
        for millis in 10..500 {
            missing.set_queue(at(millis), Micros(0), is_on_time);
            let mut out = Vec::new();
            missing.collect(at(millis), TRIP, usize::MAX, &mut out);
            times.extend((out.len() == 8).then_some(millis));
        }
        // Each round is two requests where so much is lost.
        times[2] - times[0]
    };
    assert_eq!((second_round(true), second_round(false)), (45, 315));
}

/// What was asked for in vain and given up is told once, unless a key frame has begun since, which does without it.
#[test]
fn what_is_given_up_is_told_if_it_is_needed() {
    let told = |key_frame: Option<u64>, may_ask: usize| {
        let mut missing = Missing::default();
        missing.note(at(0), 0..0);
        missing.note(at(10), 5..6);
        if let Some(sequence) = key_frame {
            missing.begin_with_key_frame(sequence);
        }
        let mut told = Vec::new();
        for millis in (20..2_000).step_by(10) {
            missing.collect(at(millis), TRIP, may_ask, &mut Vec::new());
            told.extend(missing.has_given_up().then_some(millis));
            missing.forget_given_up();
        }
        told
    };
    assert_eq!(told(None, 9), [1_010]);
    assert_eq!(told(Some(5), 9), [1_010]);
    assert_eq!(told(Some(6), 9), [0_u64; 0]);
    assert_eq!(told(None, 0), [0_u64; 0], "nobody wanted it");
    let mut full = Missing::default();
    full.note(at(0), 1..9);
    full.collect(at(10), TRIP, 9, &mut Vec::new());
    full.note(at(20), 10..10 + MOST as u64);
    assert!(full.has_given_up(), "there is no room for it any more");
    full.begin_with_key_frame(9);
    assert!(!full.has_given_up(), "a key frame has come since");
}

#[test]
fn what_was_sent_before_a_key_frame_is_forgotten_with_it() {
    let mut missing = Missing::default();
    missing.note(at(0), 1..4);
    missing.note(at(8), 5..7);
    missing.forget_before(6);
    assert!(!missing.has(3) && !missing.has(5) && missing.has(6));
}
