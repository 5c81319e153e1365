//! Congestion control feedback of RFC 8888: its form, our own, and what cannot be.

use engine_wire::rtcp::{
    self, write_congestion_feedback, Arrival, CongestionFeedback, Packet, PacketReport,
};
use engine_wire::WireError;
use proptest::prelude::*;

fn only(bytes: &[u8]) -> CongestionFeedback<'_> {
    let mut packets = rtcp::parse(bytes);
    match (packets.next(), packets.next()) {
        (Some(Ok(Packet::CongestionFeedback(feedback))), None) => feedback,
        other => panic!("{other:?}"),
    }
}

const fn packet(arrival: Arrival, ecn: u8) -> PacketReport {
    PacketReport { arrival, ecn }
}

/// Field by field as section 3.1 has it.
#[test]
fn a_report_has_the_form_of_rfc_8888() {
    let bytes = [
        0x8B, 205, 0, 8, 0, 0, 0, 1, // header, who reports
        0, 0, 0, 2, 0xFF, 0xFF, 0, 3, // stream, first number, three packets
        0xA0, 0x64, 0x00, 0x00, 0x9F, 0xFE, 0,
        0, // 100/1024 s with ECT(1); missing; too long ago; padding
        0, 0, 0, 3, 0, 9, 0, 0, // a stream of which nothing is told
        0x12, 0x34, 0x56, 0x78, // time
    ];
    let feedback = only(&bytes);
    assert_eq!((feedback.sender, feedback.timestamp), (1, 0x1234_5678));
    let streams: Vec<_> = feedback.streams().collect();
    assert_eq!((streams[0].ssrc, streams[1].ssrc, streams.len()), (2, 3, 2));
    let packets: Vec<_> = streams[0].packets().collect();
    let told = [
        packet(Arrival::Before(100), 1),
        packet(Arrival::Missing, 0),
        packet(Arrival::LongBefore, 0),
    ];
    assert_eq!(packets, [(0xFFFF, told[0]), (0, told[1]), (1, told[2])]);
    assert_eq!(streams[1].packets().count(), 0);
    let mut out = Vec::new();
    write_congestion_feedback(&mut out, 1, 0x1234_5678, &[(2, 0xFFFF, &told), (3, 9, &[])]);
    assert_eq!(out, bytes);
}

/// Counts that run over the packet's end are errors of the packet.
#[test]
fn what_is_cut_off_is_an_error() {
    let mut out = Vec::new();
    let told = [packet(Arrival::After, 3); 5];
    write_congestion_feedback(&mut out, 1, 2, &[(7, 1, &told)]);
    only(&out);
    let error = Err(WireError::RtcpLength { packet_type: 205 });
    for words in [1, 3, 4, 5, 6] {
        let mut cut = out[..4 * (words + 1)].to_vec();
        cut[3] = words as u8;
        assert_eq!(rtcp::parse(&cut).next(), Some(error), "{words} words");
    }
    out[15] = 200;
    assert_eq!(rtcp::parse(&out).next(), Some(error));
}

/// What does not fit the offset is too long ago, and no stream tells of more packets than the RFC allows.
#[test]
fn what_does_not_fit_is_bounded() {
    let mut out = Vec::new();
    let told = vec![packet(Arrival::Before(0x1FFE), 7); 20_000];
    write_congestion_feedback(&mut out, 1, 2, &[(7, 1, &told)]);
    let stream = only(&out).streams().next().expect("one stream");
    assert_eq!(stream.packets().count(), 16_384);
    let all = stream
        .packets()
        .all(|(_, p)| p == packet(Arrival::LongBefore, 3));
    assert!(all);
}

fn any_packet() -> impl Strategy<Value = PacketReport> {
    let arrived = prop_oneof![
        (0_u16..0x1FFE).prop_map(Arrival::Before),
        Just(Arrival::LongBefore),
        Just(Arrival::After),
    ];
    prop_oneof![
        Just(packet(Arrival::Missing, 0)),
        (arrived, 0_u8..4).prop_map(|(arrival, ecn)| packet(arrival, ecn)),
    ]
}

proptest! {
    /// Whatever is written is read.
    #[test]
    fn reports_are_read_as_written(
        sender: u32, timestamp: u32,
        streams in prop::collection::vec((any::<u32>(), any::<u16>(), prop::collection::vec(any_packet(), 0..40)), 0..5),
    ) {
        let borrowed: Vec<_> = streams.iter().map(|(ssrc, first, told)| (*ssrc, *first, &told[..])).collect();
        let mut out = Vec::new();
        write_congestion_feedback(&mut out, sender, timestamp, &borrowed);
        let feedback = only(&out);
        prop_assert_eq!((feedback.sender, feedback.timestamp), (sender, timestamp));
        let read: Vec<_> = feedback.streams().map(|stream| {
            let numbers = (0..).map(|at| stream.first_sequence.wrapping_add(at));
            assert!(stream.packets().map(|(number, _)| number).eq(numbers.take(stream.packets().count())));
            (stream.ssrc, stream.first_sequence, stream.packets().map(|(_, told)| told).collect::<Vec<_>>())
        }).collect();
        prop_assert_eq!(read, streams);
    }
}
