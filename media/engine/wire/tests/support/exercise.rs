//! Runs each parser on any bytes and checks what must hold of whatever it accepts.
//!
//! The fuzz targets include this file by path, so it depends on nothing but the crate.

use engine_wire::demux::{classify, Class};
use engine_wire::payload::{av1, flexfec, h261, h263, h264, red, rtx, vp8, vp9};
use engine_wire::rtp::{audio_level, FixedHeader, RtpHeader};
use engine_wire::{rtcp, seq, stun};

/// Panics if what should hold does not.
pub(crate) type Exercise = fn(&[u8]);

/// Every exercise by the name of its fuzz target.
pub(crate) const ALL: [(&str, Exercise); 12] = [
    ("demux", demux),
    ("rtp", rtp),
    ("rtcp", rtcp),
    ("twcc", twcc),
    ("ccfb", ccfb),
    ("stun", stun),
    ("vp8", vp8),
    ("h264", other_payloads),
    ("h261", h261),
    ("h263", h263),
    ("red", red),
    ("flexfec", flexfec),
];

/// A datagram that a parser takes is never classified as another kind.
pub(crate) fn demux(data: &[u8]) {
    let class = classify(data);
    // STUN itself allows methods that start with a byte up to 63; beside DTLS only those up to 3 are used.
    if matches!(data, [0..=3, ..]) && stun::Message::parse(data).is_ok() {
        assert_eq!(class, Class::Stun);
    }
    if RtpHeader::parse(data).is_ok() {
        assert!(matches!(class, Class::Rtp | Class::Rtcp));
    }
    if let Some(value) = data.first_chunk::<10>() {
        let reference = u64::from_be_bytes([
            value[0], value[1], value[2], value[3], value[4], value[5], value[6], value[7],
        ]);
        let sequence = u16::from_be_bytes([value[8], value[9]]);
        assert_eq!(seq::extend(reference, sequence) as u16, sequence);
    }
}

/// Ranges lie inside the packet, and the fixed header is written as it was read.
pub(crate) fn rtp(data: &[u8]) {
    let Ok(header) = RtpHeader::parse(data) else {
        return;
    };
    assert!((12..=data.len()).contains(&header.header_len));
    for id in 0..=u8::MAX {
        if let Some(value) = header.extension_value(data, id) {
            assert!(id != 0 && value.len() < 256);
            assert_eq!(audio_level(value).is_none(), value.is_empty());
        }
    }
    if let Ok(range) = header.payload_range(data) {
        assert!(
            header.header_len == range.start && range.start <= range.end && range.end <= data.len()
        );
        assert_eq!(header.has_padding, range.end < data.len());
    }
    let RtpHeader {
        marker,
        payload_type,
        sequence,
        timestamp,
        ssrc,
        ..
    } = header;
    let mut written = [0xAA; 13];
    FixedHeader {
        marker,
        payload_type,
        sequence,
        timestamp,
        ssrc,
    }
    .write(&mut written);
    assert_eq!(
        (written[0], &written[1..12], written[12]),
        (0x80, &data[1..12], 0xAA)
    );
}

/// What is read from each packet of a compound can be written and read again.
pub(crate) fn rtcp(data: &[u8]) {
    let mut out = Vec::new();
    let mut packets = 0;
    for packet in rtcp::parse(data).flatten() {
        packets += 1;
        out.clear();
        rewrite_rtcp(packet, &mut out);
    }
    assert!(packets <= data.len() / 4);
}

fn rewrite_rtcp(packet: rtcp::Packet<'_>, out: &mut Vec<u8>) {
    use rtcp::Packet;
    match packet {
        Packet::SenderReport(report) => {
            let blocks: Vec<_> = report.blocks().collect();
            rtcp::write_sender_report(
                out,
                report.ssrc,
                report.ntp,
                report.rtp_timestamp,
                report.packets,
                report.octets,
                &blocks,
            );
            assert_eq!(rtcp::parse(out).next(), Some(Ok(packet)));
        }
        Packet::ReceiverReport(report) => {
            let blocks: Vec<_> = report.blocks().collect();
            rtcp::write_receiver_report(out, report.ssrc, &blocks);
            assert_eq!(rtcp::parse(out).next(), Some(Ok(packet)));
        }
        Packet::Sdes(sdes) => sdes.entries().for_each(|entry| {
            out.clear();
            rtcp::write_sdes_cname(out, entry.ssrc, entry.name);
            let Some(Ok(Packet::Sdes(again))) = rtcp::parse(out).next() else {
                panic!("SDES not read back")
            };
            assert!(again.entries().eq([entry]));
        }),
        Packet::Bye(bye) => {
            rtcp::write_bye(out, &bye.ssrcs().collect::<Vec<_>>());
            let Some(Ok(Packet::Bye(again))) = rtcp::parse(out).next() else {
                return assert_eq!(bye.ssrcs().count(), 0);
            };
            assert!(again.ssrcs().eq(bye.ssrcs()));
        }
        Packet::Nack(nack) => renack(nack, out),
        Packet::Pli(pli) => {
            rtcp::write_pli(out, pli.sender, pli.media);
            assert_eq!(rtcp::parse(out).next(), Some(Ok(packet)));
        }
        Packet::Fir(fir) => fir.entries().for_each(|entry| {
            out.clear();
            rtcp::write_fir(out, fir.sender, entry.ssrc, entry.sequence);
            let Some(Ok(Packet::Fir(again))) = rtcp::parse(out).next() else {
                panic!("FIR not read back")
            };
            assert!(again.entries().eq([entry]));
        }),
        Packet::TransportFeedback(feedback) => refeed(feedback, out),
        Packet::CongestionFeedback(feedback) => rereport(feedback, out),
        Packet::Tmmbr(request) => {
            assert!(request.limits().all(|limit| limit.overhead < 512));
        }
        Packet::Remb(remb) => assert!(remb.ssrcs().count() < 256),
        Packet::Other { format, .. } => assert!(format < 32),
    }
}

/// Whatever order the numbers come in, the same set is asked for.
fn renack(nack: rtcp::Nack<'_>, out: &mut Vec<u8>) {
    let mut asked: Vec<u16> = nack.lost().collect();
    rtcp::write_nack(out, nack.sender, nack.media, &asked);
    let mut again: Vec<u16> = rtcp::parse(out)
        .flat_map(|packet| match packet {
            Ok(rtcp::Packet::Nack(part)) => part.lost().collect::<Vec<_>>(),
            other => panic!("NACK read back as {other:?}"),
        })
        .collect();
    for numbers in [&mut asked, &mut again] {
        numbers.sort_unstable();
        numbers.dedup();
    }
    assert_eq!(asked, again);
}

/// Any bytes as the body of transport-wide feedback, which random packets hardly ever are.
pub(crate) fn twcc(data: &[u8]) {
    rtcp_of(0x8F, data);
}

/// Any bytes as the body of congestion control feedback.
pub(crate) fn ccfb(data: &[u8]) {
    rtcp_of(0x8B, data);
}

fn rtcp_of(first: u8, data: &[u8]) {
    let body = &data[..data.len().min(1_400) & !3];
    let words = (body.len() / 4) as u16;
    let mut packet = vec![first, 205];
    packet.extend_from_slice(&words.to_be_bytes());
    packet.extend_from_slice(body);
    rtcp(&packet);
}

/// What a report says of streams can be said again, word for word but for padding and unused bits.
fn rereport(feedback: rtcp::CongestionFeedback<'_>, out: &mut Vec<u8>) {
    let whole = |feedback: rtcp::CongestionFeedback<'_>| -> Vec<(u32, u16, Vec<_>)> {
        let streams = feedback.streams();
        let streams = streams.map(|s| (s.ssrc, s.first_sequence, s.packets().collect()));
        streams.collect()
    };
    let before = whole(feedback);
    let packets: Vec<Vec<_>> = before
        .iter()
        .map(|(_, _, packets)| packets.iter().map(|(_, packet)| *packet).collect())
        .collect();
    let streams: Vec<_> = before
        .iter()
        .zip(&packets)
        .map(|((ssrc, first, _), packets)| (*ssrc, *first, &packets[..]))
        .collect();
    rtcp::write_congestion_feedback(out, feedback.sender, feedback.timestamp, &streams);
    let Some(Ok(rtcp::Packet::CongestionFeedback(again))) = rtcp::parse(out).next() else {
        panic!("feedback not read back")
    };
    assert_eq!(
        (again.sender, again.timestamp),
        (feedback.sender, feedback.timestamp)
    );
    assert_eq!(whole(again), before);
}

/// What a report says of packets can be said again, in as many reports as it takes; times are multiples of 250 us.
fn refeed(feedback: rtcp::TransportFeedback<'_>, out: &mut Vec<u8>) {
    let lines: Vec<_> = feedback.packets().collect();
    assert_eq!(lines.len(), usize::from(feedback.count));
    // On a scale without negative times, and far from the end of the numbers.
    let shift = 64_000 << 25;
    let arrived: Vec<(u64, u64)> = (1 << 16..)
        .zip(&lines)
        .filter_map(|(at, line)| Some((at, (line.at_us? + shift) as u64)))
        .collect();
    let (mut rest, mut again) = (&arrived[..], Vec::new());
    while let Some((base, _)) = rest.first() {
        out.clear();
        let held = rtcp::write_transport_feedback(out, (1, 2), 3, *base, rest);
        assert!(held > 0 && out.len() < 1_200);
        let Some(Ok(rtcp::Packet::TransportFeedback(part))) = rtcp::parse(out).next() else {
            panic!("feedback not read back")
        };
        assert_eq!((part.base_sequence, part.report), (*base as u16, 3));
        let cycle = (rest[0].1 / 64_000) as i64 * 64_000 - i64::from(part.reference) * 64_000;
        let lines = (*base..).zip(part.packets());
        again.extend(lines.filter_map(|(at, line)| Some((at, (line.at_us? + cycle) as u64))));
        rest = &rest[held..];
    }
    assert_eq!(arrived, again);
}

/// Messages as they come, and with the header put right: few mutated ones have a fitting length and cookie.
pub(crate) fn stun(data: &[u8]) {
    stun_message(data);
    let mut repaired = data[..data.len().min(1 << 15) & !3].to_vec();
    if let Some(attributes) = repaired.len().checked_sub(stun::HEADER_LEN) {
        repaired[0] &= 0x3F;
        repaired[2..4].copy_from_slice(&(attributes as u16).to_be_bytes());
        repaired[4..8].copy_from_slice(&0x2112_A442_u32.to_be_bytes());
        stun_message(&repaired);
    }
}

/// Checks of any message end in an answer, and an answer to it is read back.
fn stun_message(data: &[u8]) {
    let Ok(message) = stun::Message::parse(data) else {
        return;
    };
    assert!(message.has_integrity() || !message.verify_integrity(b"key"));
    assert!(message.has_fingerprint() || !message.verify_fingerprint());
    assert!(message.unknown_required().len() <= stun::MAX_UNKNOWN);
    let mapped = message
        .mapped
        .unwrap_or_else(|| ([192, 0, 2, 1], 32_853).into());
    let mut out = Vec::new();
    stun::write_binding_success(&mut out, &message.transaction, mapped, b"key");
    let answer = stun::Message::parse(&out).expect("an answer that was written can be read");
    assert_eq!(
        (answer.transaction, answer.mapped),
        (message.transaction, Some(mapped))
    );
    assert!(answer.verify_integrity(b"key") && answer.verify_fingerprint());
}

/// New ids are read back at their widths, and nothing else changes.
pub(crate) fn vp8(data: &[u8]) {
    let Ok(before) = vp8::Descriptor::parse(data) else {
        return;
    };
    assert!(before.header_len <= data.len());
    let mut payload = data.to_vec();
    before.rewrite(&mut payload, 0xFFFF, 0x5A);
    let after = vp8::Descriptor::parse(&payload).expect("rewriting keeps the form");
    let picture_id = before
        .picture_id
        .map(|_| 0xFFFF >> (16 - before.picture_id_bits));
    let tl0_pic_idx = before.tl0_pic_idx.map(|_| 0x5A);
    assert_eq!(
        after,
        vp8::Descriptor {
            picture_id,
            tl0_pic_idx,
            ..before
        }
    );
    assert_eq!(payload[before.header_len..], data[before.header_len..]);
    before.rewrite(
        &mut payload,
        before.picture_id.unwrap_or(0),
        before.tl0_pic_idx.unwrap_or(0),
    );
    assert_eq!(payload, data);
}

/// Key frame checks end on any bytes; a retransmission's number is written as read.
pub(crate) fn other_payloads(data: &[u8]) {
    let starts = h264::starts_picture(data)
        || h264::is_key_frame(data)
        || vp9::is_key_frame(data)
        || av1::is_key_frame(data);
    assert!(!starts || !data.is_empty());
    assert!(h264::height(data).is_none_or(|lines| (1..=16_384).contains(&lines)));
    assert!(vp9::height(data).is_none() || data.len() > 5);
    let mut payload = data.to_vec();
    if let Ok(sequence) = rtx::original_sequence(data) {
        assert_eq!(rtx::write_original_sequence(&mut payload, sequence), Ok(()));
    }
    assert_eq!(payload, data);
}

/// What begins a picture of H.261 has its start code where the header says, and is judged by its beginning alone.
pub(crate) fn h261(data: &[u8]) {
    if judged_by_its_beginning(data, h261::is_key_frame) {
        let skipped = usize::from(data[0] >> 5);
        let start = data[4..8]
            .iter()
            .fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
        assert_eq!(start << skipped >> 12, 0x10);
    }
}

/// The same of both payload formats of H.263, whose pictures begin at a byte, in one of them without its two zeros.
pub(crate) fn h263(data: &[u8]) {
    if judged_by_its_beginning(data, h263::is_key_frame) {
        assert!(data[0] & 0x80 == 0 && data[4..6] == [0, 0] && data[6] & 0xFC == 0x80);
    }
    if judged_by_its_beginning(data, h263::is_plus_key_frame) {
        let skipped = usize::from(data[0] & 2 != 0)
            + usize::from(u16::from_be_bytes([data[0], data[1]]) >> 3 & 63);
        assert!(data[0] & 4 != 0 && data[2 + skipped] & 0xFC == 0x80);
    }
}

/// Whether a key frame begins with this. Where one does with a part of it, it does with all that is longer.
fn judged_by_its_beginning(data: &[u8], is_key_frame: fn(&[u8]) -> bool) -> bool {
    let whole = is_key_frame(data);
    let mut before = false;
    for end in 0..data.len().min(80) {
        let part = is_key_frame(&data[..end]);
        assert!(part || !before, "{end}");
        assert!(whole || !part, "{end}");
        before = part;
    }
    whole
}

/// The blocks of a payload are its bytes, each once, and their headers are written as they were read.
pub(crate) fn red(data: &[u8]) {
    let Ok(parts) = red::Red::parse(data) else {
        return;
    };
    let (mut headers, mut bodies) = (Vec::new(), Vec::new());
    for block in parts.redundant() {
        let (payload_type, offset) = (block.payload_type, block.timestamp_offset);
        let header = red::header(payload_type, offset, block.payload.len());
        headers.extend(header.expect("what was read fits its fields"));
        bodies.extend_from_slice(block.payload);
    }
    assert!(headers.len() <= red::MAX_REDUNDANT * red::HEADER_LEN);
    headers.extend(red::primary_header(parts.payload_type));
    bodies.extend_from_slice(parts.primary);
    assert_eq!([headers, bodies].concat(), data);
}

/// A header that is taken is written as it was read, but for what is reserved.
pub(crate) fn flexfec(data: &[u8]) {
    let Ok((header, len)) = flexfec::Header::parse(data) else {
        return;
    };
    assert!(len <= data.len() && header.numbers().count() > 0);
    let mut out = [0; flexfec::MAX_HEADER_LEN];
    let written = header
        .write(&mut out)
        .expect("what was read can be written");
    assert!(written <= len);
    let again = flexfec::Header::parse(&out[..written]);
    assert_eq!(again, Ok((header, written)));
}
