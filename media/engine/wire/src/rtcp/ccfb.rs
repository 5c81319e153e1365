//! Congestion control feedback: when each packet of each stream arrived (RFC 8888 section 3.1).

use super::TRANSPORT_FEEDBACK;
use crate::bytes::{u16_at, u32_at};
use crate::WireError;

pub(super) const FORMAT: u8 = 11;
/// Sender before the streams, time after them.
const SENDER_LEN: usize = 4;
const TIMESTAMP_LEN: usize = 4;
/// SSRC, first number and count before a stream's packets.
const STREAM_LEN: usize = 8;
const RECEIVED: u16 = 0x8000;
const ECN_SHIFT: u16 = 13;
const OFFSET: u16 = 0x1FFF;
/// Arrived more than 8 s before the report.
const TOO_OLD: u16 = 0x1FFE;
/// Arrived after the time of the report.
const UNKNOWN: u16 = 0x1FFF;
/// Packets of one stream that one report may tell of.
const MAX_PACKETS: usize = 16_384;

/// What a report says of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It had not arrived.
    Missing,
    /// It arrived so many 1,024ths of a second before the time of the report, at most 8,189.
    Before(u16),
    /// It arrived longer ago than can be told.
    LongBefore,
    /// It arrived after the time of the report.
    After,
}

/// One packet's entry in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketReport {
    /// When it arrived.
    pub arrival: Arrival,
    /// The ECN field of its IP header, two bits; 0 if it is missing.
    pub ecn: u8,
}

impl PacketReport {
    const fn parse(bits: u16) -> Self {
        if bits & RECEIVED == 0 {
            return Self {
                arrival: Arrival::Missing,
                ecn: 0,
            };
        }
        let arrival = match bits & OFFSET {
            TOO_OLD => Arrival::LongBefore,
            UNKNOWN => Arrival::After,
            offset => Arrival::Before(offset),
        };
        Self {
            arrival,
            ecn: (bits >> ECN_SHIFT) as u8 & 3,
        }
    }

    const fn bits(self) -> u16 {
        let offset = match self.arrival {
            Arrival::Missing => return 0,
            Arrival::Before(offset) if offset < TOO_OLD => offset,
            Arrival::Before(_) | Arrival::LongBefore => TOO_OLD,
            Arrival::After => UNKNOWN,
        };
        RECEIVED | (self.ecn as u16 & 3) << ECN_SHIFT | offset
    }
}

/// A report on the packets of several streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CongestionFeedback<'a> {
    /// Who reports.
    pub sender: u32,
    /// When, as the middle 32 bits of an NTP time of the receiver's clock.
    pub timestamp: u32,
    streams: &'a [u8],
}

/// The part of a report that is about one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamReport<'a> {
    /// The stream.
    pub ssrc: u32,
    /// RTP sequence number of the first packet; the others follow one by one.
    pub first_sequence: u16,
    packets: &'a [u8],
}

impl<'a> CongestionFeedback<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let truncated = WireError::Truncated {
            needed: SENDER_LEN + TIMESTAMP_LEN,
            available: body.len(),
        };
        let (head, time) = body
            .len()
            .checked_sub(TIMESTAMP_LEN)
            .and_then(|at| body.split_at_checked(at))
            .ok_or(truncated)?;
        let streams = head.get(SENDER_LEN..).ok_or(truncated)?;
        let mut rest = streams;
        while !rest.is_empty() {
            rest = split_stream(rest)?.1;
        }
        Ok(Self {
            sender: u32_at(head, 0)?,
            timestamp: u32_at(time, 0)?,
            streams,
        })
    }

    /// The streams in the order written.
    pub fn streams(&self) -> impl Iterator<Item = StreamReport<'a>> {
        let mut rest = self.streams;
        std::iter::from_fn(move || {
            let (stream, more) = split_stream(rest).ok()?;
            rest = more;
            Some(stream)
        })
    }
}

impl<'a> StreamReport<'a> {
    /// The packets by ascending number.
    pub fn packets(&self) -> impl Iterator<Item = (u16, PacketReport)> + 'a {
        let first = self.first_sequence;
        let blocks = self.packets.chunks_exact(2);
        (0_u16..).zip(blocks).map(move |(at, block)| {
            let bits = u16::from_be_bytes([block[0], block[1]]);
            (first.wrapping_add(at), PacketReport::parse(bits))
        })
    }
}

/// The first stream, and what follows it and its padding.
fn split_stream(bytes: &[u8]) -> Result<(StreamReport<'_>, &[u8]), WireError> {
    let ssrc = u32_at(bytes, 0)?;
    let first_sequence = u16_at(bytes, 4)?;
    let len = 2 * usize::from(u16_at(bytes, 6)?);
    let needed = STREAM_LEN + len.next_multiple_of(4);
    let truncated = WireError::Truncated {
        needed,
        available: bytes.len(),
    };
    let (stream, rest) = bytes.split_at_checked(needed).ok_or(truncated)?;
    let packets = stream.get(STREAM_LEN..STREAM_LEN + len).ok_or(truncated)?;
    let report = StreamReport {
        ssrc,
        first_sequence,
        packets,
    };
    Ok((report, rest))
}

/// Appends a report of `timestamp`, the middle 32 bits of an NTP time, on streams given as SSRC, first sequence number
/// and packets from that one on.
///
/// Of a stream only the first 16,384 packets are told, as the RFC bounds it; what fits a path is the caller's to choose.
pub fn write_congestion_feedback(
    out: &mut Vec<u8>,
    sender: u32,
    timestamp: u32,
    streams: &[(u32, u16, &[PacketReport])],
) {
    let start = super::begin(out, FORMAT, TRANSPORT_FEEDBACK);
    super::put_u32(out, sender);
    for (ssrc, first_sequence, packets) in streams {
        let packets = &packets[..packets.len().min(MAX_PACKETS)];
        super::put_u32(out, *ssrc);
        out.extend_from_slice(&first_sequence.to_be_bytes());
        out.extend_from_slice(&(packets.len() as u16).to_be_bytes());
        for packet in packets {
            out.extend_from_slice(&packet.bits().to_be_bytes());
        }
        if packets.len() % 2 != 0 {
            out.extend_from_slice(&[0, 0]);
        }
    }
    super::put_u32(out, timestamp);
    super::finish(out, start);
}
