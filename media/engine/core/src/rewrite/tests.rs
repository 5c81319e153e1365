use super::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

const fn stream(leg: u64) -> StreamKey {
    StreamKey {
        leg: LegId(leg),
        source: 1,
        encoding: 0,
        epoch: 0,
    }
}

fn packet(sequence: u64) -> Incoming {
    Incoming {
        sequence,
        timestamp: (sequence * 3_000) as u32,
        pictures: Some(PictureIds {
            picture: (sequence & 0x7fff) as u16,
            tl0: sequence as u8,
        }),
    }
}

fn at(millis: u64) -> Micros {
    Micros::from_millis(50_000 + millis)
}

#[test]
fn a_switch_continues_every_counter() {
    let mut rewriter = Rewriter::new(90_000, 0x1234_5678);
    rewriter.switch(at(0), stream(1), packet(70_000), None);
    let a = rewriter.map(at(0), stream(1), packet(70_000)).unwrap();
    let b = rewriter.map(at(33), stream(1), packet(70_001)).unwrap();
    assert_eq!(b.sequence, a.sequence + 1);
    assert_eq!(b.timestamp.wrapping_sub(a.timestamp), 3_000);
    rewriter.switch(at(66), stream(2), packet(5), None);
    let c = rewriter.map(at(66), stream(2), packet(5)).unwrap();
    assert_eq!(c.sequence, b.sequence + 1);
    assert_eq!(c.timestamp.wrapping_sub(b.timestamp), 33 * 90);
    let (b, c) = (b.pictures.unwrap(), c.pictures.unwrap());
    assert_eq!(c.picture, (b.picture + 1) & 0x7fff);
    assert_eq!(c.tl0, b.tl0.wrapping_add(1));
}

#[test]
fn packets_from_before_the_turn_are_left_out_and_stragglers_keep_their_numbers() {
    let mut rewriter = Rewriter::new(90_000, 9);
    rewriter.switch(at(0), stream(1), packet(100), None);
    assert!(rewriter.map(at(0), stream(1), packet(99)).is_none());
    let first = rewriter.map(at(0), stream(1), packet(100)).unwrap();
    let third = rewriter.map(at(0), stream(1), packet(102)).unwrap();
    let second = rewriter.map(at(0), stream(1), packet(101)).unwrap();
    assert_eq!(second.sequence, first.sequence + 1);
    assert_eq!(third.sequence, first.sequence + 2);
}

#[test]
fn a_skipped_packet_leaves_no_hole() {
    let mut rewriter = Rewriter::new(90_000, 9);
    rewriter.switch(at(0), stream(1), packet(100), None);
    let first = rewriter.map(at(0), stream(1), packet(100)).unwrap();
    rewriter.skip(stream(1), 101, None);
    let next = rewriter.map(at(0), stream(1), packet(102)).unwrap();
    assert_eq!(next.sequence, first.sequence + 1);
    let trace = rewriter.trace(next.sequence as u16).unwrap();
    assert_eq!(trace.sequence, 102);
}

#[test]
fn pictures_that_are_left_out_leave_no_hole_in_numbers_or_ids() {
    let mut rewriter = Rewriter::new(90_000, 9);
    rewriter.switch(at(0), stream(1), packet(100), None);
    let mut before = rewriter.map(at(0), stream(1), packet(100)).unwrap();
    for sequence in (101..400).step_by(3) {
        rewriter.skip(stream(1), sequence, Some((sequence & 0x7fff) as u16));
        rewriter.skip(
            stream(1),
            sequence + 1,
            Some(((sequence + 1) & 0x7fff) as u16),
        );
        let after = rewriter
            .map(at(0), stream(1), packet(sequence + 2))
            .unwrap();
        assert_eq!(after.sequence, before.sequence + 1);
        let ids = (before.pictures.unwrap(), after.pictures.unwrap());
        assert_eq!(ids.1.picture, (ids.0.picture + 1) & 0x7fff);
        let trace = rewriter.trace(before.sequence as u16).unwrap();
        let again = trace.outgoing(before.timestamp, packet(trace.sequence).pictures);
        assert_eq!(again.unwrap().pictures, before.pictures);
        before = after;
    }
    assert!(rewriter.map(at(0), stream(1), packet(397)).is_some());
    assert!(rewriter.map(at(0), stream(1), packet(398)).is_none());
}

#[test]
fn an_encoding_goes_on_at_the_moment_that_reports_name() {
    let mut rewriter = Rewriter::new(90_000, 9);
    rewriter.switch(at(0), stream(1), packet(100), None);
    let a = rewriter.map(at(0), stream(1), packet(100)).unwrap();
    let high = Incoming {
        timestamp: 77,
        ..packet(5)
    };
    // It arrives 60 ms later and was taken 33 ms after the other one's picture.
    let moment = packet(100).timestamp.wrapping_add(33 * 90);
    rewriter.switch(at(60), stream(2), high, Some(moment));
    let b = rewriter.map(at(60), stream(2), high).unwrap();
    assert_eq!(b.timestamp.wrapping_sub(a.timestamp), 33 * 90);
    // Of the same moment, and of one that cannot be.
    for (moment, gap) in [(77, 1), (77 + 90 * 5_000, 40 * 90)] {
        let last = rewriter.last.timestamp;
        let low = Incoming {
            timestamp: 9_000,
            ..packet(50 + gap)
        };
        rewriter.switch(at(100), stream(3 + gap), low, Some(moment));
        rewriter.current.as_mut().unwrap().stream = stream(2);
        let c = rewriter.map(at(100), stream(2), low).unwrap();
        assert_eq!(u64::from(c.timestamp.wrapping_sub(last)), gap);
        rewriter = Rewriter::new(90_000, 9);
        rewriter.switch(at(60), stream(2), high, None);
        rewriter.map(at(60), stream(2), high).unwrap();
    }
}

#[derive(Debug, Clone)]
enum Step {
    Switch(u64),
    Packets(u64),
    Late(u64),
    Skip,
    Lose(u64),
    LeaveOut(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_u64..3).prop_map(Step::Switch),
        (1_u64..20).prop_map(Step::Packets),
        (1_u64..30).prop_map(Step::Late),
        Just(Step::Skip),
        (1_u64..4).prop_map(Step::Lose),
        (1_u64..4).prop_map(Step::LeaveOut),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    /// The property on which AES-GCM's safety rests.
    #[test]
    fn no_output_number_is_given_to_two_packets(steps in steps()) {
        let mut rewriter = Rewriter::new(90_000, 0xffff_ffff);
        let mut next_in = [65_000_u64, 10, 3_000_000];
        let mut current = 0_usize;
        let mut used: HashMap<u64, (u64, u64)> = HashMap::new();
        let mut shown: HashMap<u16, (u64, u64)> = HashMap::new();
        let mut left_out: HashSet<(u64, u64)> = HashSet::new();
        let mut padding: HashSet<(u64, u64)> = HashSet::new();
        rewriter.switch(at(0), stream(0), packet(next_in[0]), None);
        for (time, step) in steps.into_iter().enumerate() {
            let now = at(time as u64);
            // Padding belongs to no picture.
            let numbered = |padding: &HashSet<(u64, u64)>, leg: u64, sequence: u64| {
                let before = padding.iter().filter(|(of, at)| *of == leg && *at < sequence);
                let pictures = packet(sequence - before.count() as u64).pictures;
                Incoming { pictures, ..packet(sequence) }
            };
            let mut send = |rewriter: &mut Rewriter, leg: u64, packet: Incoming| {
                let sequence = packet.sequence;
                if let Some(out) = rewriter.map(now, stream(leg), packet) {
                    let owner = used.entry(out.sequence).or_insert((leg, sequence));
                    assert_eq!(*owner, (leg, sequence));
                    let picture = out.pictures.unwrap().picture;
                    let owner = shown.entry(picture).or_insert((leg, sequence));
                    assert_eq!(*owner, (leg, sequence), "one picture id, two pictures");
                    assert!(!left_out.contains(&(leg, sequence)));
                    let trace = rewriter.trace(out.sequence as u16).unwrap();
                    assert_eq!((trace.stream.leg.0, trace.sequence), (leg, sequence));
                }
            };
            match step {
                Step::Switch(to) => {
                    current = to as usize;
                    let first = numbered(&padding, to, next_in[current]);
                    rewriter.switch(now, stream(to), first, None);
                }
                Step::Packets(count) => for _ in 0..count {
                    let next = numbered(&padding, current as u64, next_in[current]);
                    send(&mut rewriter, current as u64, next);
                    next_in[current] += 1;
                },
                Step::Late(back) => {
                    let sequence = next_in[current].saturating_sub(back);
                    if !padding.contains(&(current as u64, sequence)) {
                        let late = numbered(&padding, current as u64, sequence);
                        send(&mut rewriter, current as u64, late);
                    }
                }
                Step::Lose(count) => next_in[current] += count,
                Step::LeaveOut(count) => for _ in 0..count {
                    let sequence = next_in[current];
                    let ids = numbered(&padding, current as u64, sequence).pictures;
                    let picture = ids.map(|ids| ids.picture);
                    rewriter.skip(stream(current as u64), sequence, picture);
                    left_out.insert((current as u64, sequence));
                    next_in[current] += 1;
                },
                Step::Skip => {
                    rewriter.skip(stream(current as u64), next_in[current], None);
                    padding.insert((current as u64, next_in[current]));
                    next_in[current] += 1;
                }
            }
        }
    }
}

#[test]
fn what_is_put_before_a_packet_takes_numbers_of_its_own() {
    let mut rewriter = Rewriter::new(90_000, 9);
    rewriter.switch(at(0), stream(1), packet(100), None);
    let first = rewriter.map(at(0), stream(1), packet(100)).unwrap();
    let moved = rewriter.put_before((stream(1), 100), first, 2).unwrap();
    assert_eq!(
        moved.sequence,
        first.sequence + 2,
        "at the beginning of a turn"
    );
    rewriter.map(at(1), stream(1), packet(101)).unwrap();
    let third = rewriter.map(at(2), stream(1), packet(103)).unwrap();
    let moved = rewriter.put_before((stream(1), 103), third, 1).unwrap();
    assert_eq!(moved.sequence, third.sequence + 1);
    let late = rewriter.map(at(3), stream(1), packet(102)).unwrap();
    assert_eq!(late.sequence, third.sequence - 1);
    let next = rewriter.map(at(4), stream(1), packet(104)).unwrap();
    assert_eq!(next.sequence, moved.sequence + 1);
    assert!(
        rewriter.put_before((stream(1), 103), moved, 1).is_none(),
        "overtaken"
    );
    let traced = |out: u64| rewriter.trace(out as u16).map(|trace| trace.sequence);
    let start = first.sequence;
    let found: Vec<_> = (start..=next.sequence).map(traced).collect();
    let expected = [
        None,
        None,
        Some(100),
        Some(101),
        Some(102),
        None,
        Some(103),
        Some(104),
    ];
    assert_eq!(found, expected);
}
