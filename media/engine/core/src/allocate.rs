//! What a receiver's link carries, divided between the pictures that it is to show.
//!
//! Each slot has a ladder of choices, lowest first: of the smallest encoding its temporal layers one by one, then each
//! larger encoding whole. Going down, resolution therefore gives way before frame rate, frame rate before the picture;
//! sound is none of this module's business and never gives way. Everyone gets the lowest choice before anyone gets
//! more, the important first; then slots of one importance climb together. When it is divided anew, `allocator.rs` decides.

use crate::slot::Layer;

/// One thing that a slot could be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Encoding and temporal layers.
    pub layer: Layer,
    /// Bits a second on the wire.
    pub bitrate: u64,
}

/// One slot, and what it could be sent.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// 0 is the most important.
    pub importance: u8,
    /// Lowest quality first. Empty: nothing to be decided.
    pub choices: Vec<Choice>,
    /// What it was given last: 0 nothing, else one more than the place among `choices`. `None`: not decided yet.
    pub level: Option<usize>,
}

impl Wish {
    /// Bits a second at a level.
    pub fn bitrate(&self, level: usize) -> u64 {
        let below = level.checked_sub(1);
        below.map_or(0, |at| {
            self.choices.get(at).map_or(0, |choice| choice.bitrate)
        })
    }

    /// The highest level.
    pub fn top(&self) -> usize {
        self.choices.len()
    }

    /// Whether it has its place and costs nothing.
    pub fn is_idle(&self) -> bool {
        self.top() > 0 && self.bitrate(self.top()) == 0
    }
}

/// Divides `budget` bits a second, never more. Levels are given in the order of `wishes`.
pub fn allocate(budget: u64, wishes: &[Wish]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by_key(|at| wishes[*at].importance);
    let mut levels = vec![0; wishes.len()];
    let mut left = budget;
    for at in &order {
        if wishes[*at].top() > 0 && wishes[*at].bitrate(1) <= left {
            left -= wishes[*at].bitrate(1);
            levels[*at] = 1;
        }
    }
    for class in order.chunk_by(|a, b| wishes[*a].importance == wishes[*b].importance) {
        while class
            .iter()
            .filter(|at| climb(&wishes[**at], &mut levels[**at], &mut left))
            .count()
            > 0
        {}
    }
    levels
}

/// One step up, if it fits.
fn climb(wish: &Wish, level: &mut usize, left: &mut u64) -> bool {
    if *level == 0 || *level == wish.top() {
        return false;
    }
    let freed = *left + wish.bitrate(*level);
    let Some(rest) = freed.checked_sub(wish.bitrate(*level + 1)) else {
        return false;
    };
    (*left, *level) = (rest, *level + 1);
    true
}

/// Whether the same encodings are sent, if in other layers.
pub fn are_same_size(wishes: &[Wish], some: &[usize], others: &[usize]) -> bool {
    let encoding = |wish: &Wish, level: usize| {
        let choice = level.checked_sub(1).and_then(|at| wish.choices.get(at));
        choice.map(|choice| choice.layer.encoding)
    };
    let mut levels = wishes.iter().zip(some.iter().zip(others));
    levels.all(|(wish, (some, other))| encoding(wish, *some) == encoding(wish, *other))
}

/// Bits a second in all.
pub fn sum(wishes: &[Wish], levels: &[usize]) -> u64 {
    let pairs = wishes.iter().zip(levels);
    pairs.map(|(wish, level)| wish.bitrate(*level)).sum()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Three temporal layers of the smallest encoding, then two larger ones.
    pub(crate) fn simulcast(importance: u8) -> Wish {
        ladder(importance, &[60_000, 90_000, 150_000, 500_000, 1_500_000])
    }

    fn ladder(importance: u8, rates: &[u64]) -> Wish {
        let choice = |(at, bitrate): (usize, &u64)| Choice {
            layer: Layer {
                encoding: at.saturating_sub(2) as u8,
                temporal: at.min(2) as u8,
            },
            bitrate: *bitrate,
        };
        Wish {
            importance,
            choices: rates.iter().enumerate().map(choice).collect(),
            level: None,
        }
    }

    #[test]
    fn the_important_come_first_and_nobody_is_left_without() {
        let four = [simulcast(3), simulcast(0), simulcast(3), simulcast(3)];
        for (budget, expected) in [
            (10_000_000, [5, 5, 5, 5]),
            (2_000_000, [3, 5, 3, 3]),
            (1_000_000, [3, 4, 3, 3]),
            (400_000, [2, 3, 2, 1]),
            (240_000, [1, 1, 1, 1]),
            (130_000, [1, 1, 0, 0]),
            (60_000, [0, 1, 0, 0]),
            (59_999, [0, 0, 0, 0]),
        ] {
            let levels = allocate(budget, &four);
            assert!(sum(&four, &levels) <= budget);
            assert_eq!(levels, expected, "{budget}");
        }
    }

    fn wishes() -> impl Strategy<Value = Vec<Wish>> {
        let rates = prop::collection::vec(1_000_u64..800_000, 0..6);
        let one = (0_u8..4, rates).prop_map(|(importance, steps)| {
            let mut rate = 0;
            let rates: Vec<u64> = steps
                .iter()
                .map(|step| {
                    rate += step;
                    rate
                })
                .collect();
            ladder(importance, &rates)
        });
        prop::collection::vec(one, 0..6)
    }

    proptest! {
        #[test]
        fn the_budget_is_never_exceeded_and_more_is_never_worse(
            wishes in wishes(),
            budget in 0_u64..4_000_000,
            more in 0_u64..1_000_000,
        ) {
            let (less, more) = (allocate(budget, &wishes), allocate(budget + more, &wishes));
            prop_assert!(sum(&wishes, &less) <= budget);
            let mut order: Vec<usize> = (0..wishes.len()).collect();
            order.sort_by_key(|at| wishes[*at].importance);
            let shown = |levels: &[usize]| order.iter().map(|at| levels[*at] > 0).collect::<Vec<_>>();
            prop_assert!(shown(&less) <= shown(&more));
            let leads_alone = |first: &usize| {
                let same = wishes.iter().filter(|w| w.importance == wishes[*first].importance);
                same.count() == 1
            };
            if let Some(first) = order.first().filter(|first| leads_alone(first)) {
                prop_assert!(shown(&less) != shown(&more) || less[*first] <= more[*first]);
            }
        }

        #[test]
        fn nobody_has_the_highest_while_another_could_be_shown(
            wishes in wishes(),
            budget in 0_u64..4_000_000,
        ) {
            let levels = allocate(budget, &wishes);
            let floor: u64 = wishes.iter().map(|wish| wish.bitrate(1)).sum();
            let all_shown = wishes.iter().zip(&levels).all(|(w, level)| w.top() == 0 || *level > 0);
            prop_assert!(all_shown || floor > budget);
        }
    }
}
