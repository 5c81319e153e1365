//! Transport-wide feedback: forms of other makers, our own, and what cannot be.

use engine_wire::rtcp::{self, write_transport_feedback, Packet, TransportFeedback};
use engine_wire::WireError;
use proptest::prelude::*;

fn only(bytes: &[u8]) -> TransportFeedback<'_> {
    let mut packets = rtcp::parse(bytes);
    match (packets.next(), packets.next()) {
        (Some(Ok(Packet::TransportFeedback(feedback))), None) => feedback,
        other => panic!("{other:?}"),
    }
}

fn lines(feedback: &TransportFeedback<'_>) -> Vec<(u16, Option<i64>)> {
    let lines = feedback.packets();
    lines.map(|line| (line.sequence, line.at_us)).collect()
}

/// A run, a vector of one-bit and one of two-bit symbols, small, large and negative deltas, by the draft's figures.
#[test]
fn every_kind_of_chunk_is_read() {
    let packet = [
        0x8F, 205, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2, // header, sender, media
        0xFF, 0xFE, 0, 20, 0xFF, 0xFF, 0xFE,
        7, // base 65534, 20 packets, reference -2, report 7
        0x20, 0x03, // three small deltas
        0x80, 0x03, // twelve that did not arrive, then two small
        0xD8, 0x00, // small, large, and five that did not arrive, of which one counts
        1, 4, 0, // the run
        8, 255, // the first vector
        2, 0xFF, 0xFC, // the second: small 2, large -4
        0, 0, // padding
    ];
    let feedback = only(&packet);
    assert_eq!((feedback.sender, feedback.media), (1, 2));
    assert_eq!((feedback.count, feedback.report), (20, 7));
    assert_eq!(feedback.reference, -2);
    let arrived: Vec<_> = lines(&feedback)
        .into_iter()
        .filter_map(|(sequence, at)| Some((sequence, at? + 128_000)))
        .collect();
    let expected = [
        (65_534, 250),
        (65_535, 1_250),
        (0, 1_250),
        (13, 3_250),
        (14, 67_000),
        (15, 67_500),
        (16, 66_500),
    ];
    assert_eq!(arrived, expected);
    assert_eq!(lines(&feedback).len(), 20);
}

/// Counts that run over the packet's end, in chunks or deltas, are errors of the packet.
#[test]
fn what_is_cut_off_is_an_error() {
    let mut out = Vec::new();
    let arrivals = [(5, 1_000_000), (6, 1_900_000), (9, 1_900_100)];
    assert_eq!(
        write_transport_feedback(&mut out, (1, 2), 3, 5, &arrivals),
        3
    );
    only(&out);
    let error = Err(WireError::RtcpLength { packet_type: 205 });
    for words in 3..out.len() / 4 - 1 {
        let mut cut = out[..4 * (words + 1)].to_vec();
        cut[3] = words as u8;
        assert_eq!(rtcp::parse(&cut).next(), Some(error), "{words} words");
    }
    let mut more = out.clone();
    more[15] = 200;
    assert_eq!(rtcp::parse(&more).next(), Some(error));
}

/// Chunks of no length are passed over, and cannot keep the reader for ever.
#[test]
fn empty_runs_end() {
    let head = [
        0x8F, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 0, 1, 0, 0, 1, 0,
    ];
    let good = [&head[..], &[0x20, 0x00, 0x20, 0x01, 4, 0, 0, 0]].concat();
    let mut good = good;
    good[3] = 6;
    assert_eq!(lines(&only(&good)), [(9, Some(65_000))]);
    let bad = [&head[..], &[0x20, 0x00, 0x20, 0x00]].concat();
    let error = Err(WireError::RtcpLength { packet_type: 205 });
    assert_eq!(rtcp::parse(&bad).next(), Some(error));
}

/// Nothing is written of nothing, nor of packets from before the base; far numbers and times wait for another report,
/// and so do those out of order.
#[test]
fn what_does_not_fit_waits() {
    let mut out = Vec::new();
    let mut held = |base, arrivals: &[(u64, u64)]| {
        write_transport_feedback(&mut out, (1, 2), 0, base, arrivals)
    };
    assert_eq!(held(5, &[]), 0);
    assert_eq!(held(5, &[(4, 9)]), 0);
    assert_eq!(held(5, &[(5, 0), (2_000, 1)]), 1);
    assert_eq!(held(5, &[(5, 0), (5, 1)]), 1);
    assert_eq!(held(5, &[(7, 0), (6, 1)]), 1);
    assert_eq!(held(5, &[(5, 0), (6, 8_000_000), (7, 17_000_000)]), 2);
    let many: Vec<_> = (0..1_000).map(|at| (at, at * 100)).collect();
    assert_eq!(held(0, &many), 300);
}

proptest! {
    /// Whatever arrived whenever is read as it was, to the 250 us, over wraps of every counter.
    #[test]
    fn reports_are_read_as_written(
        base in 0_u64..1 << 40,
        start in 0_u64..1 << 52,
        steps in prop::collection::vec((prop_oneof![Just(0_u64), 0_u64..3, 0_u64..60], -90_000_i64..300_000), 1..250),
    ) {
        let (mut sequence, mut at) = (base, start as i64);
        let mut arrivals = Vec::new();
        for (gap, step) in steps {
            sequence += gap;
            at = (at + step).max(0);
            arrivals.push((sequence, at as u64));
            sequence += 1;
        }
        let mut out = Vec::new();
        let held = write_transport_feedback(&mut out, (1, 2), 9, base, &arrivals);
        let reached = arrivals[held..].first().is_none_or(|(next, _)| next - base >= 1_500);
        prop_assert!(held > 0 && out.len() < 1_200 && reached, "{held} of {}", arrivals.len());
        let feedback = only(&out);
        prop_assert_eq!(feedback.base_sequence, base as u16);
        let origin = (arrivals[0].1 / 64_000) as i64 * 64_000 - i64::from(feedback.reference) * 64_000;
        let read = (base..).zip(feedback.packets());
        let read: Vec<_> = read.filter_map(|(at, line)| Some((at, line.at_us? + origin))).collect();
        let truth: Vec<_> = arrivals[..held].iter().map(|(n, at)| (*n, *at as i64 / 250 * 250)).collect();
        prop_assert_eq!(read, truth);
    }

    /// Any bytes in the body are read to the end or refused.
    #[test]
    fn any_body_is_borne(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut packet = vec![0x8F, 205, 0, 0];
        packet.extend_from_slice(&body[..body.len() / 4 * 4]);
        packet[3] = (packet.len() / 4 - 1) as u8;
        if let Some(Ok(Packet::TransportFeedback(feedback))) = rtcp::parse(&packet).next() {
            prop_assert_eq!(feedback.packets().count(), usize::from(feedback.count));
        }
    }
}
