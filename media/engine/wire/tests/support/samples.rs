//! Small valid inputs of every kind: the fuzzers' seeds, and what the property tests mutate.

use engine_wire::payload::flexfec;
use engine_wire::rtcp::{self, ReportBlock};
use engine_wire::stun;

/// A valid input of the parser that `target` names.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) target: &'static str,
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// All samples, in a fixed order.
pub(crate) fn all() -> Vec<Sample> {
    let bodies = rtcp().into_iter().filter_map(|whole| {
        let target = match whole.name.split_once("_feedback")? {
            ("transport_wide", _) => "twcc",
            _ => "ccfb",
        };
        let bytes = whole.bytes[4..].to_vec();
        Some(Sample {
            target,
            bytes,
            ..whole
        })
    });
    [rtp(), rtcp(), stun(), payloads(), bodies.collect()].concat()
}

fn sample(target: &'static str, name: &'static str, bytes: &[u8]) -> Sample {
    Sample {
        target,
        name,
        bytes: bytes.to_vec(),
    }
}

fn rtp() -> Vec<Sample> {
    let fixed = [
        0x80, 0x6F, 0x12, 0x34, 0, 0, 0x03, 0xC0, 0xCA, 0xFE, 0xF0, 0x0D,
    ];
    let with = |flags: u8, rest: &[u8]| {
        let mut packet = [&fixed[..], rest].concat();
        packet[0] |= flags;
        packet
    };
    vec![
        sample("rtp", "plain_opus", &with(0, &[0x78, 1, 2, 3])),
        sample("rtp", "no_payload", &fixed),
        sample(
            "rtp",
            "one_byte_extensions",
            &with(
                0x10,
                &[0xBE, 0xDE, 0, 2, 0x10, 0xB0, 0, 0x22, 1, 2, 3, 0, 0x78],
            ),
        ),
        sample(
            "rtp",
            "two_byte_extensions",
            &with(0x10, &[0x10, 0, 0, 2, 1, 1, 0x30, 2, 0, 0, 3, 0, 0x78]),
        ),
        sample(
            "rtp",
            "csrcs_and_padding",
            &with(0x22, &[0, 0, 0, 1, 0, 0, 0, 2, 0x78, 0, 0, 3]),
        ),
        sample(
            "rtp",
            "one_byte_stopped",
            &with(0x10, &[0xBE, 0xDE, 0, 1, 0xF0, 0x10, 0x01, 0]),
        ),
        sample(
            "demux",
            "dtls_client_hello",
            &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1],
        ),
        sample(
            "demux",
            "srtcp",
            &[0x81, 201, 0, 7, 1, 2, 3, 4, 9, 9, 9, 9, 0x80, 0, 0, 1],
        ),
    ]
}

fn block() -> ReportBlock {
    ReportBlock {
        ssrc: 0xCAFE_F00D,
        fraction_lost: 12,
        cumulative_lost: -3,
        highest_sequence: 0x0001_1234,
        jitter: 99,
        last_sender_report: 0x1234_5678,
        delay_since_last_sender_report: 0x0001_0000,
    }
}

fn rtcp() -> Vec<Sample> {
    let written = |name, write: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        write(&mut bytes);
        Sample {
            target: "rtcp",
            name,
            bytes,
        }
    };
    let remb = [
        0x8F, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, 0x13, 0xD0, 0x90, 0xCA,
        0xFE, 0xF0, 0x0D,
    ];
    let padded_bye = [0xA1, 203, 0, 2, 0, 0, 0, 7, 0, 0, 0, 4];
    let reasoned_bye = [0x81, 203, 0, 2, 0, 0, 0, 7, 3, b'e', b'n', b'd'];
    vec![
        written("sender_report_and_cname", &|out| {
            rtcp::write_sender_report(
                out,
                1,
                0xE000_0000_8000_0000,
                90_000,
                10,
                12_000,
                &[block()],
            );
            rtcp::write_sdes_cname(out, 1, "c9b1e6");
        }),
        written("receiver_report", &|out| {
            rtcp::write_receiver_report(out, 1, &[block(), block()]);
        }),
        written("empty_receiver_report", &|out| {
            rtcp::write_receiver_report(out, 1, &[]);
        }),
        written("nack", &|out| {
            rtcp::write_nack(out, 1, 2, &[65_530, 65_535, 0, 9, 40]);
        }),
        written("pli", &|out| rtcp::write_pli(out, 1, 2)),
        written("fir", &|out| rtcp::write_fir(out, 1, 2, 3)),
        written("bye", &|out| rtcp::write_bye(out, &[1, 2])),
        sample("rtcp", "padded_bye", &padded_bye),
        sample("rtcp", "reasoned_bye", &reasoned_bye),
        sample("rtcp", "remb", &remb),
        written("congestion_control_feedback", &|out| {
            let packet = |arrival, ecn| rtcp::PacketReport { arrival, ecn };
            let video = [
                packet(rtcp::Arrival::Before(100), 1),
                packet(rtcp::Arrival::Missing, 0),
                packet(rtcp::Arrival::LongBefore, 0),
            ];
            let audio = [
                packet(rtcp::Arrival::After, 3),
                packet(rtcp::Arrival::Before(0), 0),
            ];
            rtcp::write_congestion_feedback(
                out,
                1,
                0x1234_5678,
                &[(2, 65_535, &video), (3, 9, &audio)],
            );
        }),
        written("transport_wide_feedback", &|out| {
            let arrivals = [
                (9, 1_000_000),
                (10, 1_000_400),
                (14, 2_000_000),
                (15, 1_999_000),
            ];
            rtcp::write_transport_feedback(out, (1, 2), 7, 9, &arrivals);
        }),
        written("transport_wide_run", &|out| {
            let arrivals: Vec<_> = (65_500..65_600).map(|at| (at, at * 1_000)).collect();
            rtcp::write_transport_feedback(out, (1, 2), 255, 65_500, &arrivals);
        }),
    ]
}

fn stun() -> Vec<Sample> {
    let transaction = *b"transaction1";
    let written = |name, write: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        write(&mut bytes);
        Sample {
            target: "stun",
            name,
            bytes,
        }
    };
    vec![
        written("binding_request", &|out| {
            stun::write_binding_request(
                out,
                &transaction,
                "here:there",
                b"key",
                0x6E00_01FF,
                Some(7),
                true,
            );
        }),
        written("binding_success_v4", &|out| {
            stun::write_binding_success(out, &transaction, ([192, 0, 2, 1], 32_853).into(), b"key");
        }),
        written("binding_success_v6", &|out| {
            let address = ([0x2001, 0xDB8, 0, 0, 0, 0, 0, 1], 32_853).into();
            stun::write_binding_success(out, &transaction, address, b"key");
        }),
        written("role_conflict", &|out| {
            stun::write_binding_error(out, &transaction, 487, "Role Conflict", Some(b"key"));
        }),
        written("unknown_attributes", &|out| {
            stun::write_unknown_attributes(out, &transaction, &[0x7F01], None);
        }),
    ]
}

fn payloads() -> Vec<Sample> {
    let key_frame = [
        0x90, 0xF0, 0x92, 0x34, 0x56, 0x20, 0x10, 2, 0, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x01, 9,
    ];
    vec![
        sample("vp8", "key_frame_with_all_ids", &key_frame),
        sample("vp8", "short_picture_id", &[0x90, 0x80, 0x11, 0x01, 0, 0]),
        sample("vp8", "bare_descriptor", &[0x10, 0x01, 0, 0]),
        sample(
            "vp8",
            "upper_layer",
            &[0xA0, 0xE0, 0x92, 0x35, 0x57, 0xA0, 1],
        ),
        sample(
            "h264",
            "stap_a",
            &[0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68, 0, 2, 0x65, 0x88],
        ),
        sample("h264", "fu_a_start", &[0x7C, 0x85, 0x88, 0x84]),
        sample("h264", "slice", &[0x41, 0x9A, 0x02]),
        sample(
            "h264",
            "sequence_set",
            &[
                0x67, 0x64, 0, 0x28, 0xAC, 0xB2, 0, 0xF0, 4, 0x4F, 0xCB, 8, 0, 0, 3, 0, 8, 0, 0, 3,
                1, 0x94, 0x78, 0xC1, 0x92, 0x40,
            ],
        ),
        sample(
            "h264",
            "vp9_size",
            &[0x8A, 0x91, 0x22, 0x10, 2, 0x80, 1, 0x68],
        ),
        sample("h264", "vp9_key_frame", &[0xA8, 0x91, 0x22, 0x01, 0x05]),
        sample("h264", "av1_key_frame", &[0x18, 0x0A, 0x0B, 0]),
        sample("h261", "whole", &h261([0x0e, 0, 1, 0x15, 0x23, 0x85, 0x61])),
        sample(
            "h261",
            "predicted",
            &h261([0x8e, 0, 1, 0x11, 0x31, 0x4c, 0x08]),
        ),
        sample("h261", "empty_group", &h261([0x8e, 0, 1, 0x11, 0, 0, 0x48])),
        sample(
            "h263",
            "whole",
            &[0x02, 0x60, 0, 0, 0, 0, 0x80, 0x02, 0x0c, 4],
        ),
        sample(
            "h263",
            "predicted",
            &[0x02, 0x60, 0, 0, 0, 0, 0x80, 0x06, 0x0e, 2],
        ),
        sample("h263", "plus", &[0x04, 0, 0x80, 0x02, 0x1c, 0xb0, 0x21, 0]),
        sample(
            "h263",
            "plus_with_more",
            &[
                0x06, 0x10, 0xaa, 0xbb, 0xcc, 0x80, 0x02, 0x1c, 0xb0, 0x21, 0,
            ],
        ),
        sample("red", "primary_alone", &[0x6F, 0x78, 1, 2]),
        sample(
            "red",
            "two_redundant_blocks",
            &[
                0xEF, 0x1E, 0, 2, 0xEF, 0x0F, 0, 3, 0x6F, 1, 1, 2, 2, 2, 3, 3,
            ],
        ),
        sample("flexfec", "short_mask", &flexfec(0b1_0101)),
        sample("flexfec", "middle_mask", &flexfec(0x7FFF | 1 << 40)),
        sample("flexfec", "long_mask", &flexfec(1 | 1 << 108)),
    ]
}

fn flexfec(mask: u128) -> Vec<u8> {
    let mut bytes = vec![0xAB; flexfec::MAX_HEADER_LEN + 4];
    let header = flexfec::Header {
        flags: 0x10,
        kind: 0x60,
        length: 700,
        timestamp: 3_000,
        ssrc: 0xCAFE_F00D,
        base: 65_530,
        mask,
    };
    let len = header.write(&mut bytes).expect("the mask fits");
    bytes.truncate(len + 4);
    bytes
}

/// A packet that begins a picture, from the end of its temporal reference on.
fn h261(picture: [u8; 7]) -> Vec<u8> {
    [&[0x01, 0, 0, 0, 0, 1, 0][..], &picture].concat()
}
