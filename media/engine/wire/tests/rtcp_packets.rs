//! RTCP compounds and each packet type.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

use engine_wire::rtcp::{self, Cname, FirEntry, Packet, Pli, ReportBlock};
use engine_wire::WireError;
use proptest::prelude::*;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn only(compound: &[u8]) -> Packet<'_> {
    let mut packets = rtcp::parse(compound);
    let first = packets.next().unwrap().unwrap();
    assert_eq!(packets.next(), None);
    first
}

fn lost(compound: &[u8]) -> Vec<u16> {
    let numbers = rtcp::parse(compound).map(|packet| match packet {
        Ok(Packet::Nack(nack)) => nack.lost().collect::<Vec<_>>(),
        other => panic!("{other:?} is no NACK"),
    });
    numbers.collect::<Vec<_>>().concat()
}

fn block(ssrc: u32) -> ReportBlock {
    ReportBlock {
        ssrc,
        fraction_lost: 0x20,
        cumulative_lost: 0x12_3456,
        highest_sequence: 0x0002_ABCD,
        jitter: 33,
        last_sender_report: 0x8765_4321,
        delay_since_last_sender_report: 0x0001_8000,
    }
}

/// A report's bytes are those of RFC 3550 6.4.1, field by field.
#[test]
fn receiver_report_has_the_form_of_rfc_3550() {
    let out = written(|out| rtcp::write_receiver_report(out, 0x0102_0304, &[block(0xCAFE_F00D)]));
    let expected = [
        0x81, 201, 0, 7, 1, 2, 3, 4, // one block, seven further words, reporter
        0xCA, 0xFE, 0xF0, 0x0D, 0x20, 0x12, 0x34, 0x56, // source, fraction and number lost
        0, 2, 0xAB, 0xCD, 0, 0, 0, 33, // highest sequence, jitter
        0x87, 0x65, 0x43, 0x21, 0, 1, 0x80, 0, // last SR, delay
    ];
    assert_eq!(out, expected);
}

/// A sender report, a name and feedback of one compound come in order.
#[test]
fn compounds_come_in_order() {
    let out = written(|out| {
        rtcp::write_sender_report(
            out,
            1,
            0x0123_4567_89AB_CDEF,
            90_000,
            10,
            12_000,
            &[block(5)],
        );
        rtcp::write_sdes_cname(out, 1, "c9b1e6");
        rtcp::write_pli(out, 1, 5);
        rtcp::write_bye(out, &[1, 2]);
    });
    let packets: Vec<_> = rtcp::parse(&out).map(Result::unwrap).collect();
    let [Packet::SenderReport(report), Packet::Sdes(sdes), Packet::Pli(pli), Packet::Bye(bye)] =
        packets[..]
    else {
        panic!("{packets:?}");
    };
    assert_eq!(
        (report.ssrc, report.ntp, report.rtp_timestamp),
        (1, 0x0123_4567_89AB_CDEF, 90_000)
    );
    assert_eq!(
        (report.packets, report.octets, report.compact_ntp()),
        (10, 12_000, 0x4567_89AB)
    );
    assert!(report.blocks().eq([block(5)]));
    assert!(sdes.entries().eq([Cname {
        ssrc: 1,
        name: "c9b1e6"
    }]));
    assert_eq!(
        pli,
        Pli {
            sender: 1,
            media: 5
        }
    );
    assert!(bye.ssrcs().eq([1, 2]));
}

/// Blocks beyond 31 follow in receiver reports of the same sender.
#[test]
fn many_blocks_take_several_reports() {
    let blocks: Vec<_> = (0..70).map(block).collect();
    let out = written(|out| rtcp::write_sender_report(out, 9, 0, 0, 0, 0, &blocks));
    let mut read = Vec::new();
    let mut types = Vec::new();
    for packet in rtcp::parse(&out) {
        match packet.unwrap() {
            Packet::SenderReport(report) => {
                types.push((200, report.ssrc));
                read.extend(report.blocks());
            }
            Packet::ReceiverReport(report) => {
                types.push((201, report.ssrc));
                read.extend(report.blocks());
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(types, [(200, 9), (201, 9), (201, 9)]);
    assert_eq!(read, blocks);
}

/// A loss below zero keeps its sign, and one beyond 24 bits is written as the nearest that fits.
#[test]
fn cumulative_loss_is_signed_and_clamped() {
    for (lost, read) in [(-1, -1), (i32::MAX, 0x7F_FFFF), (i32::MIN, -0x80_0000)] {
        let loss = ReportBlock {
            cumulative_lost: lost,
            fraction_lost: 0xFF,
            ..block(1)
        };
        let out = written(|out| rtcp::write_receiver_report(out, 1, &[loss]));
        let Packet::ReceiverReport(report) = only(&out) else {
            panic!("no receiver report")
        };
        assert!(report.blocks().eq([ReportBlock {
            cumulative_lost: read,
            ..loss
        }]));
    }
}

/// A NACK's bytes are those of RFC 4585 6.2.1: bit i of the mask is the packet i + 1 after the first.
#[test]
fn nack_has_the_form_of_rfc_4585() {
    let out = written(|out| rtcp::write_nack(out, 1, 2, &[100, 101, 116, 117]));
    assert_eq!(
        out,
        [0x81, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 100, 0x80, 0x01, 0, 117, 0, 0]
    );
    assert_eq!(lost(&out), [100, 101, 116, 117]);
}

/// A run over the wrap is one entry.
#[test]
fn nack_reaches_over_the_wrap() {
    let out = written(|out| rtcp::write_nack(out, 1, 2, &[65_535, 0, 15]));
    assert_eq!(out.len(), 16);
    assert_eq!(lost(&out), [65_535, 0, 15]);
}

/// No loss writes nothing; a great loss takes several packets of which each fits a path.
#[test]
fn nack_of_none_or_of_very_many() {
    assert!(written(|out| rtcp::write_nack(out, 1, 2, &[])).is_empty());
    let every_other: Vec<u16> = (0..20_000).map(|number| number * 2).collect();
    let out = written(|out| rtcp::write_nack(out, 1, 2, &every_other));
    assert!(rtcp::parse(&out).count() > 1);
    assert_eq!(lost(&out), every_other);
    let mut rest = &out[..];
    while let [_, _, high, low, ..] = rest {
        let len = 4 + 4 * usize::from(u16::from_be_bytes([*high, *low]));
        assert!(len <= 1_100);
        rest = &rest[len..];
    }
}

/// A FIR names its stream in the entry and leaves the header's media source zero.
#[test]
fn fir_has_the_form_of_rfc_5104() {
    let out = written(|out| rtcp::write_fir(out, 1, 2, 9));
    assert_eq!(
        out,
        [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 9, 0, 0, 0]
    );
    let Packet::Fir(fir) = only(&out) else {
        panic!("no FIR")
    };
    assert_eq!(fir.sender, 1);
    assert!(fir.entries().eq([FirEntry {
        ssrc: 2,
        sequence: 9
    }]));
}

/// What is written is read as the same, but for bits below the mantissa's eighteen.
#[test]
fn remb_is_written() {
    for bitrate in [
        0,
        1,
        0x3_FFFF,
        0x3_FFFF << 3,
        240_001,
        1_000_000_000,
        u64::MAX,
    ] {
        let mut out = Vec::new();
        rtcp::write_remb(&mut out, 1, bitrate, &[7, 8]);
        let Packet::Remb(remb) = only(&out) else {
            panic!("no REMB")
        };
        assert_eq!(remb.sender, 1);
        assert!(remb.ssrcs().eq([7, 8]));
        let less = bitrate - remb.bitrate_bps;
        assert!(less <= bitrate >> 17, "{bitrate} {}", remb.bitrate_bps);
    }
    let mut out = Vec::new();
    rtcp::write_remb(&mut out, 1, 5, &[9; 300]);
    let Packet::Remb(remb) = only(&out) else {
        panic!("no REMB")
    };
    assert_eq!(remb.ssrcs().count(), 255);
}

/// REMB's mantissa and exponent give bits per second, saturating, and its streams are listed.
#[test]
fn remb_is_read() {
    let mut packet = [
        0x8F, 206, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 2, 0x0B, 0xD0, 0x90, 0, 0,
        0, 7, 0, 0, 0, 8,
    ];
    let Packet::Remb(remb) = only(&packet) else {
        panic!("no REMB")
    };
    assert_eq!((remb.sender, remb.bitrate_bps), (1, 0x3_D090 << 2));
    assert!(remb.ssrcs().eq([7, 8]));
    packet[17] = 0xFF;
    let Packet::Remb(remb) = only(&packet) else {
        panic!("no REMB")
    };
    assert_eq!(remb.bitrate_bps, u64::MAX);
    packet[15] = b'C';
    assert_eq!(
        only(&packet),
        Packet::Other {
            packet_type: 206,
            format: 15
        }
    );
}

/// Names of several sources are read; items of other kinds and names that are not UTF-8 are passed over.
#[test]
fn sdes_with_several_sources() {
    let packet = [
        0x83, 202, 0, 8, 0, 0, 0, 1, 2, 2, b'N', b'N', 1, 1, b'a', 0, // NAME, then CNAME
        0, 0, 0, 2, 1, 1, 0xFF, 0, // not UTF-8
        0, 0, 0, 3, 1, 2, b'b', b'c', 0, 0, 0, 0, // a whole word of ends
    ];
    let Packet::Sdes(sdes) = only(&packet) else {
        panic!("no SDES")
    };
    assert!(sdes.entries().eq([
        Cname { ssrc: 1, name: "a" },
        Cname {
            ssrc: 3,
            name: "bc"
        }
    ]));
}

/// A name is written with at least one end byte whatever its length, and cut at 255 bytes between characters.
#[test]
fn names_of_any_length_are_ended() {
    for len in 0..=300 {
        let name = "x".repeat(len);
        let out = written(|out| rtcp::write_sdes_cname(out, 1, &name));
        let Packet::Sdes(sdes) = only(&out) else {
            panic!("no SDES")
        };
        assert!(
            sdes.entries().eq([Cname {
                ssrc: 1,
                name: &name[..len.min(255)]
            }]),
            "{len}"
        );
        assert_eq!(out.last(), Some(&0));
    }
    let out = written(|out| rtcp::write_sdes_cname(out, 1, &"\u{E6}".repeat(200)));
    let Packet::Sdes(sdes) = only(&out) else {
        panic!("no SDES")
    };
    assert!(sdes.entries().eq([Cname {
        ssrc: 1,
        name: &"\u{E6}".repeat(127)
    }]));
}

/// Padding is not taken for contents, and a padding count that does not fit is an error.
#[test]
fn padding_is_left_out() {
    let mut packet = [
        0xA1, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 100, 0, 0, 0, 0, 0, 4,
    ];
    assert_eq!(lost(&packet), [100]);
    for count in [0, 17, 255] {
        packet[19] = count;
        assert_eq!(
            rtcp::parse(&packet).collect::<Vec<_>>(),
            [Err(WireError::Padding)],
            "{count}"
        );
    }
}

/// Types and feedback formats that are not used are named and passed over.
#[test]
fn other_types_are_named() {
    let extended_report = [0x80, 207, 0, 1, 0, 0, 0, 1];
    let out = [
        &extended_report[..],
        &written(|out| rtcp::write_pli(out, 1, 2)),
    ]
    .concat();
    let packets: Vec<_> = rtcp::parse(&out).map(Result::unwrap).collect();
    assert_eq!(
        packets,
        [
            Packet::Other {
                packet_type: 207,
                format: 0
            },
            Packet::Pli(Pli {
                sender: 1,
                media: 2
            })
        ]
    );
}

/// A packet whose count does not fit is an error, and the next one is still read.
#[test]
fn errors_inside_a_packet_do_not_end_the_compound() {
    for packet_type in [200, 201, 202, 203] {
        let out = [
            &[0x9F, packet_type, 0, 1, 0, 0, 0, 1][..],
            &written(|out| rtcp::write_pli(out, 1, 2)),
        ]
        .concat();
        let packets: Vec<_> = rtcp::parse(&out).collect();
        let next = Ok(Packet::Pli(Pli {
            sender: 1,
            media: 2,
        }));
        assert_eq!(packets, [Err(WireError::RtcpLength { packet_type }), next]);
    }
}

/// A number that comes twice is asked for once.
#[test]
fn nack_leaves_repeats_out() {
    let out = written(|out| rtcp::write_nack(out, 1, 2, &[7, 7, 9, 9, 40, 40]));
    assert_eq!(lost(&out), [7, 9, 40]);
}

/// A report that ends before its reporter, its sender's figures or its blocks is an error.
#[test]
fn short_reports_are_errors() {
    for (packet_type, fixed) in [(200, 6), (201, 1)] {
        for (blocks, whole) in [(0, fixed), (1, fixed + 6), (31, fixed + 31 * 6)] {
            for words in [0, 1, fixed - 1, whole - 1, whole] {
                let mut packet = vec![0x80 | blocks, packet_type, 0, words as u8];
                packet.resize(4 + 4 * words, 0);
                let read = rtcp::parse(&packet).next().unwrap();
                if words < whole {
                    assert_eq!(read, Err(WireError::RtcpLength { packet_type }));
                } else {
                    assert!(read.is_ok());
                }
            }
        }
    }
}

/// Feedback that is too short for its two sources is an error.
#[test]
fn short_feedback_is_an_error() {
    for (packet_type, format) in [(205, 1), (205, 15), (206, 1), (206, 4)] {
        for words in [0, 1] {
            let packet = [0x80 | format, packet_type, 0, words, 0, 0, 0, 1];
            assert_eq!(
                rtcp::parse(&packet[..4 + 4 * usize::from(words)]).collect::<Vec<_>>(),
                [Err(WireError::RtcpLength { packet_type })]
            );
        }
    }
}

/// When the boundaries are lost, one error is the last item.
#[test]
fn lost_boundaries_end_the_compound() {
    let pli = written(|out| rtcp::write_pli(out, 1, 2));
    for (tail, error) in [
        (
            &[0x81, 206][..],
            WireError::Truncated {
                needed: 4,
                available: 2,
            },
        ),
        (
            &[0x81, 206, 0, 9],
            WireError::Truncated {
                needed: 40,
                available: 4,
            },
        ),
        (&[0x41, 206, 0, 0, 0x81, 206, 0, 0], WireError::Version(1)),
    ] {
        let compound = [&pli[..], tail].concat();
        let packets: Vec<_> = rtcp::parse(&compound).collect();
        assert_eq!(
            packets,
            [
                Ok(Packet::Pli(Pli {
                    sender: 1,
                    media: 2
                })),
                Err(error)
            ]
        );
    }
    assert_eq!(rtcp::parse(&[]).next(), None);
}

prop_compose! {
    fn any_block()(
        ssrc: u32, fraction_lost: u8, cumulative_lost in -0x80_0000_i32..0x80_0000, highest_sequence: u32, jitter: u32,
        last_sender_report: u32, delay_since_last_sender_report: u32,
    ) -> ReportBlock {
        ReportBlock {
            ssrc, fraction_lost, cumulative_lost, highest_sequence, jitter, last_sender_report,
            delay_since_last_sender_report,
        }
    }
}

proptest! {
    /// Any report is read back as it was written.
    #[test]
    fn reports_are_read_back(
        ssrc: u32, ntp: u64, rtp_ts: u32, counts: (u32, u32), blocks in prop::collection::vec(any_block(), 0..32),
    ) {
        let out = written(|out| rtcp::write_sender_report(out, ssrc, ntp, rtp_ts, counts.0, counts.1, &blocks));
        let Some(Ok(Packet::SenderReport(report))) = rtcp::parse(&out).next() else {
            return Err(TestCaseError::fail("no sender report"));
        };
        prop_assert_eq!((report.ssrc, report.ntp, report.rtp_timestamp), (ssrc, ntp, rtp_ts));
        prop_assert_eq!((report.packets, report.octets), counts);
        prop_assert!(report.blocks().eq(blocks.iter().copied().take(31)));
    }

    /// Whatever is lost, the same numbers are asked for in the same order, once each.
    #[test]
    fn losses_are_read_back(start: u16, gaps in prop::collection::vec(1_u16..40, 0..400)) {
        let numbers: Vec<u16> = gaps.iter().scan(start, |number, gap| {
            *number = number.wrapping_add(*gap);
            Some(*number)
        }).collect();
        prop_assert_eq!(lost(&written(|out| rtcp::write_nack(out, 1, 2, &numbers))), numbers);
    }
}
