use super::*;
use crate::allocate::tests::simulcast;
use crate::random::Random;

const STEP: Micros = Micros::from_millis(200);

fn paced() -> Allocator {
    Allocator {
        is_paced: true,
        ..Allocator::default()
    }
}

/// Runs a trace of estimates, one each 200 ms; gives when what was decided changed.
fn changes(trace: impl Iterator<Item = u64>, wishes: &mut [Wish]) -> Vec<Micros> {
    let (mut allocator, mut now) = (paced(), Micros::from_secs(1_000));
    let mut changes = Vec::new();
    for estimate in trace {
        let levels = allocator.decide(now, Some(estimate), wishes);
        for (wish, level) in wishes.iter_mut().zip(levels) {
            if wish
                .level
                .replace(level)
                .is_some_and(|before| before != level)
            {
                changes.push(now);
            }
        }
        now = now + STEP;
    }
    changes
}

#[test]
fn a_noisy_but_steady_link_sees_at_most_two_changes_a_minute() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mean = 100_000 + random.below(3_000_000);
        let swing = 5 + random.below(25);
        let noise = std::iter::repeat_with(|| {
            let percent = 100 - swing + random.below(2 * swing + 1);
            mean * percent / 100
        });
        let found = changes(noise.take(5 * 600), &mut [simulcast(0)]);
        for at in &found {
            let minute = found
                .iter()
                .filter(|b| *b >= at && b.since(*at) < Micros::from_secs(60));
            let settled = at.since(Micros::from_secs(1_000)) > Micros::from_secs(60);
            assert!(!settled || minute.count() <= 2, "{seed}: {found:?}");
        }
    }
}

#[test]
fn what_is_too_much_goes_at_once_and_a_link_that_is_back_is_used_within_five_seconds() {
    // The lowest layer takes 60,000.
    for (thin, expected) in [
        (20_000, &[5_000, 16_000][..]),
        (40_000, &[5_000, 7_800, 16_000]),
    ] {
        let trace = [(2_000_000, 25), (thin, 50), (2_000_000, 50)];
        let trace = trace
            .into_iter()
            .flat_map(|(rate, steps)| std::iter::repeat_n(rate, steps));
        let mut one = [simulcast(0)];
        let found = changes(trace, &mut one);
        let start = Micros::from_secs(1_000);
        let after: Vec<u64> = found.iter().map(|at| at.since(start).0 / 1_000).collect();
        assert_eq!(after, expected);
        assert_eq!(one[0].level, Some(5));
    }
}

/// Who looks at one in full size when the camera of another begins, which was off, soon sees both as well as fits. What
/// one sends alone may become too much as well: that would become so again.
#[test]
fn a_camera_that_begins_on_a_full_link_is_no_fall_of_the_link() {
    for (before, expected) in [(0, 4), (1_000, 3)] {
        let mut wishes = [simulcast(0), simulcast(0)];
        (wishes[0].level, wishes[1].level) = (Some(5), Some(3));
        wishes[1].choices.truncate(3);
        let of_camera = wishes[1].choices.iter_mut();
        of_camera.for_each(|choice| choice.bitrate = before);
        let mut allocator = paced();
        allocator.decide(Micros::from_secs(1_000), Some(1_520_000), &wishes);
        wishes[1].choices = simulcast(0).choices;
        for step in 0..30 {
            let now = Micros(Micros::from_secs(1_010).0 + STEP.0 * step);
            let levels = allocator.decide(now, Some(1_520_000), &wishes);
            let pairs = wishes.iter_mut().zip(levels);
            pairs.for_each(|(wish, level)| wish.level = Some(level));
        }
        let levels = wishes.each_ref().map(|wish| wish.level);
        assert_eq!(levels, [Some(4), Some(expected)]);
    }
}

#[test]
fn an_estimate_that_dips_costs_neither_layers_nor_the_picture_but_the_size_at_once() {
    let at = |level| Wish {
        level: Some(level),
        ..simulcast(0)
    };
    let levels = |of: &[Wish], estimate| paced().decide(Micros(0), Some(estimate), of);
    for (level, estimate, expected) in [
        (3, 110_000, 3),
        (4, 470_000, 3),
        (3, 31_000, 3),
        (1, 31_000, 1),
        (4, 31_000, 1),
        (3, 29_000, 0),
        (1, 29_000, 0),
    ] {
        assert_eq!(levels(&[at(level)], estimate), [expected]);
    }
    assert_ne!(levels(&[at(3), at(3)], 220_000), [3, 3]);
    // A camera that is off keeps its place, and costs nothing.
    let mut off = at(5);
    off.choices.iter_mut().for_each(|choice| choice.bitrate = 0);
    assert_eq!(levels(&[at(3), off], 110_000)[0], 3);
    let mut allocator = paced();
    for (millis, estimate, expected) in [
        (0, 110_000, 3),
        (2_400, 110_000, 3),
        (2_600, 120_000, 3),
        (2_800, 110_000, 3),
        (5_200, 110_000, 3),
        (5_300, 110_000, 2),
    ] {
        let now = Micros::from_millis(millis);
        assert_eq!(allocator.decide(now, Some(estimate), &[at(3)]), [expected]);
    }
    let levels = follow(
        3,
        &[
            (Some(60_000), 1_000),
            (Some(50_000), 2_480),
            (Some(50_000), 100),
        ],
    );
    assert_eq!(levels, [Some(1), Some(1), Some(0)]);
}

/// The large picture stays while its key frame is in the way, if not for long, and if what the link carries has not become
/// another altogether: then it soon comes back with that. It takes 500,000.
#[test]
fn a_climb_to_another_size_has_time_to_settle() {
    for (estimate, millis, expected) in [
        (400_000, 2_500, [4, 4]),
        (340_000, 2_500, [4, 4]),
        (400_000, 3_200, [3, 3]),
        (320_000, 100, [3, 4]),
    ] {
        let climbs = [(200_000, 1_000), (600_000, 2_200)];
        let dips = [(estimate, millis), (600_000, 10_000)];
        let steps = [climbs, dips].concat();
        let steps: Vec<_> = steps
            .into_iter()
            .map(|(bps, millis)| (Some(bps), millis))
            .collect();
        let levels: Vec<usize> = follow(5, &steps).into_iter().flatten().collect();
        assert_eq!((levels[1], &levels[2..]), (4, &expected[..]), "{estimate}");
    }
}

/// What one picture of so many choices has after each of these estimates and times in ms.
fn follow(choices: usize, steps: &[(Option<u64>, u64)]) -> Vec<Option<usize>> {
    let (mut allocator, mut now) = (paced(), Micros::from_secs(1_000));
    let mut one = [simulcast(0)];
    one[0].choices.truncate(choices);
    let after = steps.iter().map(|(estimate, millis)| {
        let end = now + Micros::from_millis(*millis);
        while now < end {
            let levels = allocator.decide(now, *estimate, &one);
            one[0].level = levels.first().copied();
            now = now + Micros::from_millis(20);
        }
        one[0].level
    });
    after.collect()
}

#[test]
fn layers_need_little_room_for_a_second_and_sizes_more_for_two() {
    for (before, estimate, wait, expected) in [
        (100_000, 154_000, 1_060, None),
        (100_000, 155_000, 980, None),
        (100_000, 155_000, 1_060, Some(3)),
        (200_000, 574_000, 2_060, None),
        (200_000, 576_000, 1_980, None),
        (200_000, 576_000, 2_060, Some(4)),
    ] {
        let levels = follow(5, &[(Some(before), 1_000), (Some(estimate), wait)]);
        assert_eq!(levels[1], expected.or(levels[0]), "{estimate}, {wait} ms");
    }
}

/// Each has its own time.
#[test]
fn the_lowest_layer_goes_after_the_others() {
    let steps = [
        (160_000, 1_000),
        (50_000, 2_480),
        (50_000, 100),
        (50_000, 2_400),
        (50_000, 100),
    ];
    let levels = follow(3, &steps.map(|(estimate, millis)| (Some(estimate), millis)));
    assert!(levels.into_iter().flatten().eq([3, 3, 1, 1, 0]));
}

/// A camera that is off, and had no place before, changes nothing either.
#[test]
fn nothing_is_kept_longer_without_a_pacer_nor_of_one_size_nor_beside_an_idle_one() {
    let lasts = |allocator: &mut Allocator, wishes: &mut [Wish]| {
        for step in 0..50 {
            let now = Micros(Micros::from_secs(1_000).0 + STEP.0 * step);
            let levels = allocator.decide(now, Some(50_000), wishes);
            wishes[0].level = levels.first().copied();
            if wishes[0].level == Some(0) {
                return step;
            }
        }
        50
    };
    let at = |level, choices| {
        let mut wish = simulcast(0);
        (wish.level, wish.importance) = (Some(level), 1);
        wish.choices.truncate(choices);
        wish
    };
    let mut idle = at(0, 1);
    (idle.choices[0].bitrate, idle.importance) = (0, 0);
    assert_eq!(lasts(&mut Allocator::default(), &mut [at(1, 3)]), 0);
    assert_eq!(lasts(&mut paced(), &mut [at(1, 1)]), 0);
    assert_eq!(lasts(&mut paced(), &mut [at(1, 3)]), 13);
    assert_eq!(lasts(&mut paced(), &mut [at(1, 3), idle.clone()]), 13);
    // It costs something now, and is not sent for all that.
    idle.choices[0].bitrate = 20_000;
    assert_eq!(lasts(&mut paced(), &mut [at(1, 3), idle]), 13);
}

/// A shortage that ended with the estimate does not go on with the next one.
#[test]
fn a_dip_begins_anew_after_a_time_without_an_estimate() {
    let dip = (Some(110_000), 2_000);
    let steps = [(Some(160_000), 1_000), dip, (None, 1_000), dip, dip];
    let levels = follow(3, &steps).into_iter().flatten();
    assert!(levels.eq([3, 3, 3, 3, 2]));
}

#[test]
fn without_an_estimate_everyone_gets_everything() {
    let wishes = [simulcast(0), simulcast(3)];
    let levels = paced().decide(Micros(0), None, &wishes);
    assert_eq!(levels, [5, 5]);
}
