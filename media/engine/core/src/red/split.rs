//! Which lost packet a redundant block is: RFC 2198 gives its timestamp and not its number.
//!
//! The number is between those of the packets that surround it in time. A hole of one packet is that packet. In a wider
//! one the packets are counted, which is sure only while all last equally long: the hole has to be as long as its
//! packets, each as long as the last two that came one after the other, and the block has to begin where one of them
//! does. Whatever does not fit is not used, since a packet under a wrong number is worse than a lost one.

/// Packets whose times are remembered: as far back as redundancy reaches.
const REMEMBERED: usize = 32;

#[derive(Debug, Clone, Copy)]
struct Known {
    sequence: u64,
    timestamp: u32,
}

/// The times of a stream's last packets.
#[derive(Debug)]
pub struct Timeline {
    known: [Option<Known>; REMEMBERED],
    /// Ticks from a packet to the next, by the last two in a row.
    step: Option<u32>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            known: [None; REMEMBERED],
            step: None,
        }
    }
}

impl Timeline {
    /// Remembers a packet, in whatever order it came.
    pub fn note(&mut self, sequence: u64, timestamp: u32) {
        if let Some(before) = sequence.checked_sub(1).and_then(|at| self.get(at)) {
            self.step = Some(timestamp.wrapping_sub(before.timestamp));
        }
        self.known[place(sequence)] = Some(Known {
            sequence,
            timestamp,
        });
    }

    fn get(&self, sequence: u64) -> Option<Known> {
        self.known[place(sequence)].filter(|known| known.sequence == sequence)
    }

    /// The number of the packet with this timestamp, if it can only be one, and that one has not come.
    pub fn number_of(&self, timestamp: u32) -> Option<u64> {
        let (mut before, mut after): (Option<Known>, Option<Known>) = (None, None);
        for known in self.known.iter().flatten() {
            match (known.timestamp.wrapping_sub(timestamp) as i32).signum() {
                0 => return None,
                -1 if before.is_none_or(|b| b.sequence < known.sequence) => before = Some(*known),
                1 if after.is_none_or(|a| a.sequence > known.sequence) => after = Some(*known),
                _ => {}
            }
        }
        let (before, after) = (before?, after?);
        let span = after.sequence.checked_sub(before.sequence)?;
        if span == 2 {
            return Some(before.sequence + 1);
        }
        let step = self.step.filter(|step| *step > 0)?;
        let ticks = after.timestamp.wrapping_sub(before.timestamp);
        let into = timestamp.wrapping_sub(before.timestamp);
        let is_even = u64::from(ticks) == u64::from(step) * span && into % step == 0;
        is_even.then(|| before.sequence + u64::from(into / step))
    }
}

const fn place(sequence: u64) -> usize {
    sequence as usize % REMEMBERED
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn timeline(packets: &[(u64, u32)]) -> Timeline {
        let mut timeline = Timeline::default();
        for (sequence, timestamp) in packets {
            timeline.note(*sequence, *timestamp);
        }
        timeline
    }

    #[test]
    fn a_hole_of_one_is_that_packet_however_long_it_is() {
        let times = timeline(&[(10, 0), (12, 3_000)]);
        assert_eq!(times.number_of(960), Some(11));
        assert_eq!(times.number_of(0), None);
        assert_eq!(times.number_of(3_000), None);
    }

    #[test]
    fn in_a_wider_hole_packets_are_counted() {
        let times = timeline(&[(10, 0), (11, 960), (15, 4_800)]);
        assert_eq!(times.number_of(1_920), Some(12));
        assert_eq!(times.number_of(3_840), Some(14));
        assert_eq!(times.number_of(1_000), None);
    }

    #[test]
    fn nothing_is_guessed() {
        // Silence in the hole; packets of another length; no two packets in a row; not between two packets.
        assert_eq!(
            timeline(&[(10, 0), (11, 960), (15, 24_000)]).number_of(1_920),
            None
        );
        assert_eq!(
            timeline(&[(10, 0), (11, 480), (14, 3_360)]).number_of(1_440),
            None
        );
        assert_eq!(timeline(&[(11, 960), (15, 4_800)]).number_of(1_920), None);
        assert_eq!(timeline(&[(10, 0), (11, 960)]).number_of(1_920), None);
        assert_eq!(timeline(&[(10, 960), (11, 1_920)]).number_of(0), None);
        // A sender whose times run backwards.
        assert_eq!(timeline(&[(12, 0), (10, 3_000)]).number_of(960), None);
    }

    #[test]
    fn times_may_wrap() {
        let times = timeline(&[(65_535, u32::MAX - 959), (65_537, 960)]);
        assert_eq!(times.number_of(0), Some(65_536));
    }

    proptest! {
        /// With packets of changing length and silences, a number that is given is the right one as long as packets
        /// in one hole last equally long, and is hardly ever withheld while all do.
        #[test]
        fn numbers_are_right(
            lost in prop::collection::vec(prop::bool::weighted(0.3), 200),
            steps in prop::collection::vec(prop::sample::select(vec![480_u32, 960]), 40),
            start: u32,
        ) {
            let mut timeline = Timeline::default();
            let mut times = vec![start];
            for at in 1..200_usize {
                // A new length every five packets.
                times.push(times[at - 1].wrapping_add(steps[at / 5]));
            }
            for at in 0..200_usize {
                if lost[at] {
                    continue;
                }
                timeline.note(at as u64, times[at]);
                for back in 1..=at.min(4) {
                    if let Some(number) = timeline.number_of(times[at - back]) {
                        let uniform = (at - 6.min(at)..at).all(|p| steps[p / 5] == steps[at / 5]);
                        prop_assert!(lost[number as usize]);
                        prop_assert!(!uniform || number as usize == at - back);
                    }
                }
            }
        }
    }
}
