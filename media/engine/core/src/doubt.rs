//! Whether a request for a packet is to be answered at once: where packets overtake one another, receivers ask for what
//! is only late, and an answer to all of that costs as much as the pictures themselves.
//!
//! Reports on each packet tell afterwards what was asked for in vain. Where most was, a request is noted only: a second
//! one for the same packet, or the report that it is lost, brings the answer. Elsewhere answers are immediate, and where
//! nothing is overtaken, the report that a packet is lost is as good as a request: that one may be lost as well, and
//! nobody asks for the first packets of a stream, since nobody knows of them.

use crate::time::Micros;

/// Requests whose packet's fate is not known yet.
const OPEN: usize = 32;
/// Answers wait while more than this share of the packets asked for turns out to have arrived.
const DOUBTFUL: f32 = 0.75;
/// While less of what reports call lost is taken back, they are as good as requests.
const ORDERLY: f32 = 0.2;
/// Weight of one packet in that share.
const WEIGHT: f32 = 1.0 / 16.0;
/// A report that comes so soon after the request may have been made before the packet came.
const OVERTAKEN: Micros = Micros::from_millis(30);
/// A request is forgotten after so long: its number means another packet by then.
const FORGET: Micros = Micros::from_secs(2);

#[derive(Debug, Clone, Copy, Default)]
struct Request {
    sequence: u16,
    at: Micros,
    is_open: bool,
    waits: bool,
}

/// What one slot's receiver has asked for of late.
#[derive(Debug, Default)]
pub struct Doubt {
    requests: [Request; OPEN],
    /// Share of packets asked for that arrived by themselves, 0 to 1.
    needless: f32,
    /// Share of what was said of packets called lost that took it back.
    taken_back: f32,
}

impl Doubt {
    /// A request; true if it is to be answered now.
    pub fn ask(&mut self, now: Micros, sequence: u16) -> bool {
        let doubtful = self.needless > DOUBTFUL;
        let request = &mut self.requests[usize::from(sequence) % OPEN];
        let is_known =
            request.is_open && request.sequence == sequence && now.since(request.at) < FORGET;
        if is_known {
            request.waits = false;
            return true;
        }
        *request = Request {
            sequence,
            at: now,
            is_open: true,
            waits: doubtful,
        };
        !doubtful
    }

    /// What a report says of a packet, `late` if an earlier one had called it lost; true if it is to be sent again now.
    pub fn settle(&mut self, now: Micros, sequence: u16, (lost, late): (bool, bool)) -> bool {
        if lost || late {
            learn(&mut self.taken_back, late);
        }
        let request = &mut self.requests[usize::from(sequence) % OPEN];
        if !request.is_open || request.sequence != sequence {
            return lost && self.taken_back < ORDERLY;
        }
        // One that is called lost may come yet: then the next report takes it back.
        request.is_open = lost;
        learn(&mut self.needless, !lost);
        if lost && now.since(request.at) < OVERTAKEN {
            return false;
        }
        std::mem::take(&mut request.waits) && lost
    }
}

/// One more packet of which something was so, or was not.
fn learn(share: &mut f32, so: bool) {
    *share += WEIGHT * (f32::from(u8::from(so)) - *share);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Micros {
        Micros::from_millis(1_000_000 + millis)
    }

    /// Forty packets are asked for, and all arrive by themselves.
    fn on_a_link_that_reorders() -> Doubt {
        let mut doubt = Doubt::default();
        for sequence in 0..40 {
            doubt.ask(at(u64::from(sequence)), sequence);
            doubt.settle(at(u64::from(sequence)), sequence, (false, false));
        }
        doubt
    }

    #[test]
    fn on_a_link_that_loses_answers_are_immediate() {
        let mut doubt = Doubt::default();
        for sequence in 0..200 {
            assert!(doubt.ask(at(u64::from(sequence) * 10), sequence));
            assert!(!doubt.settle(
                at(u64::from(sequence) * 10),
                sequence,
                (sequence % 3 != 0, false)
            ));
        }
    }

    #[test]
    fn where_packets_are_only_late_an_answer_waits_for_certainty() {
        let mut doubt = on_a_link_that_reorders();
        assert!(!doubt.ask(at(50), 100));
        assert!(!doubt.settle(at(90), 100, (false, false)), "it has arrived");
        assert!(!doubt.ask(at(51), 101));
        assert!(
            !doubt.settle(at(80), 101, (true, false)),
            "it may be under way still"
        );
        assert!(doubt.settle(at(81), 101, (true, false)), "it is lost");
        assert!(!doubt.settle(at(82), 101, (true, false)), "and answered");
        assert!(!doubt.ask(at(52), 102));
        assert!(doubt.ask(at(92), 102), "it is asked for again");
        assert!(!doubt.settle(at(130), 102, (true, false)), "and answered");
        for sequence in 103..110 {
            doubt.settle(at(140), sequence, (true, false));
            doubt.settle(at(190), sequence, (false, true));
        }
        let unasked = doubt.settle(at(240), 110, (true, false));
        assert!(!unasked, "what is called lost here comes mostly");
    }

    #[test]
    fn where_packets_keep_their_order_a_report_is_as_good_as_a_request() {
        let mut doubt = Doubt::default();
        assert!(
            doubt.settle(at(0), 7, (true, false)),
            "the request was lost, or nobody knows of the packet"
        );
        assert!(!doubt.settle(at(0), 8, (false, false)));
        assert!(doubt.ask(at(0), 9));
        assert!(
            !doubt.settle(at(50), 9, (true, false)),
            "it is answered already"
        );
    }

    #[test]
    fn a_link_that_ceases_to_reorder_is_answered_at_once_again() {
        let mut doubt = on_a_link_that_reorders();
        let late = (200..260).find(|&sequence| {
            let at_once = doubt.ask(at(u64::from(sequence)), sequence);
            doubt.settle(at(u64::from(sequence)), sequence, (true, false));
            at_once
        });
        assert!(late.is_some_and(|sequence| sequence < 208), "{late:?}");
    }

    #[test]
    fn numbers_that_come_round_are_other_packets() {
        let mut doubt = on_a_link_that_reorders();
        assert!(!doubt.ask(at(50), 7_000));
        assert!(!doubt.ask(at(5_000), 7_000));
    }
}
