//! RTCP compounds (RFC 3550 section 6, reduced-size ones of RFC 5506 too), one file a packet type.

pub mod bye;
pub mod ccfb;
pub mod fir;
pub mod nack;
pub mod pli;
pub mod receiver_report;
pub mod remb;
pub mod sdes;
pub mod sender_report;
pub mod tmmbr;
pub mod transport_feedback;

pub use bye::{write_bye, Bye};
pub use ccfb::{
    write_congestion_feedback, Arrival, CongestionFeedback, PacketReport, StreamReport,
};
pub use fir::{write_fir, Fir, FirEntry};
pub use nack::{write_nack, Nack};
pub use pli::{write_pli, Pli};
pub use receiver_report::{write_receiver_report, ReceiverReport, ReportBlock};
pub use remb::{write_remb, Remb};
pub use sdes::{write_sdes_cname, Cname, Sdes};
pub use sender_report::{write_sender_report, SenderReport};
pub use tmmbr::{write_tmmbn, write_tmmbr, RateLimit, Tmmbr};
pub use transport_feedback::{write_transport_feedback, PacketArrival, TransportFeedback};

use crate::bytes::{u16_at, u8_at};
use crate::WireError;

/// Bytes of the header that all RTCP packets share (RFC 3550 6.4.1).
pub const HEADER_LEN: usize = 4;
/// RTPFB, transport layer feedback (RFC 4585 6.2).
const TRANSPORT_FEEDBACK: u8 = 205;
/// PSFB, payload-specific feedback (RFC 4585 6.3).
const PAYLOAD_FEEDBACK: u8 = 206;

/// One packet of a compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// SR (RFC 3550 6.4.1).
    SenderReport(SenderReport<'a>),
    /// RR (RFC 3550 6.4.2).
    ReceiverReport(ReceiverReport<'a>),
    /// SDES (RFC 3550 6.5).
    Sdes(Sdes<'a>),
    /// BYE (RFC 3550 6.6).
    Bye(Bye<'a>),
    /// Generic NACK (RFC 4585 6.2.1).
    Nack(Nack<'a>),
    /// Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    TransportFeedback(TransportFeedback<'a>),
    /// The most that a receiver wants to be sent (RFC 5104 4.2.1).
    Tmmbr(Tmmbr<'a>),
    /// Picture loss indication (RFC 4585 6.3.1).
    Pli(Pli),
    /// Full intra request (RFC 5104 4.3.1).
    Fir(Fir<'a>),
    /// Congestion control feedback (RFC 8888).
    CongestionFeedback(CongestionFeedback<'a>),
    /// Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03).
    Remb(Remb<'a>),
    /// Any other type, or any other feedback format.
    Other {
        /// RTCP packet type.
        packet_type: u8,
        /// The five bits after version and padding: a count, a subtype or a feedback format.
        format: u8,
    },
}

/// The packets of a decrypted compound, in order.
///
/// Any type may come first, as reduced-size RTCP allows. A packet whose contents are malformed yields an error and
/// the next one follows; if the packets' boundaries are lost, an error is the last item.
pub fn parse(compound: &[u8]) -> Packets<'_> {
    Packets { rest: compound }
}

/// Iterator over the packets of a compound; see [`parse`].
#[derive(Debug, Clone)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let framed = split_packet(self.rest);
        self.rest = framed.as_ref().map_or(&[], |(_, rest)| rest);
        Some(framed.and_then(|(packet, _)| parse_one(packet)))
    }
}

impl std::iter::FusedIterator for Packets<'_> {}

/// Cuts the first packet off by its length field, which counts words without the first (RFC 3550 6.4.1).
fn split_packet(compound: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let version = u8_at(compound, 0)? >> 6;
    if version != 2 {
        return Err(WireError::Version(version));
    }
    let needed = HEADER_LEN + 4 * usize::from(u16_at(compound, 2)?);
    compound
        .split_at_checked(needed)
        .ok_or(WireError::Truncated {
            needed,
            available: compound.len(),
        })
}

fn parse_one(packet: &[u8]) -> Result<Packet<'_>, WireError> {
    let format = u8_at(packet, 0)? & 0x1F;
    let packet_type = u8_at(packet, 1)?;
    let body = unpadded_body(packet)?;
    let parsed = match (packet_type, format) {
        (sender_report::PACKET_TYPE, _) => {
            SenderReport::parse(format, body).map(Packet::SenderReport)
        }
        (receiver_report::PACKET_TYPE, _) => {
            ReceiverReport::parse(format, body).map(Packet::ReceiverReport)
        }
        (sdes::PACKET_TYPE, _) => Sdes::parse(format, body).map(Packet::Sdes),
        (bye::PACKET_TYPE, _) => Bye::parse(format, body).map(Packet::Bye),
        (TRANSPORT_FEEDBACK, nack::FORMAT) => Nack::parse(body).map(Packet::Nack),
        (TRANSPORT_FEEDBACK, transport_feedback::FORMAT) => {
            TransportFeedback::parse(body).map(Packet::TransportFeedback)
        }
        (TRANSPORT_FEEDBACK, ccfb::FORMAT) => {
            CongestionFeedback::parse(body).map(Packet::CongestionFeedback)
        }
        (TRANSPORT_FEEDBACK, tmmbr::REQUEST_FORMAT) => Tmmbr::parse(body).map(Packet::Tmmbr),
        (PAYLOAD_FEEDBACK, pli::FORMAT) => Pli::parse(body).map(Packet::Pli),
        (PAYLOAD_FEEDBACK, fir::FORMAT) => Fir::parse(body).map(Packet::Fir),
        (PAYLOAD_FEEDBACK, remb::FORMAT) if remb::is_remb(body) => {
            Remb::parse(body).map(Packet::Remb)
        }
        _ => Ok(Packet::Other {
            packet_type,
            format,
        }),
    };
    // What does not fit in its packet is a wrong count or length, whatever field showed it.
    parsed.map_err(|_| WireError::RtcpLength { packet_type })
}

/// What follows the header, without padding (RFC 3550 6.4.1).
fn unpadded_body(packet: &[u8]) -> Result<&[u8], WireError> {
    let body = packet.get(HEADER_LEN..).unwrap_or_default();
    if u8_at(packet, 0)? & 0x20 == 0 {
        return Ok(body);
    }
    match body.last() {
        None | Some(0) => Err(WireError::Padding),
        Some(&count) => {
            let len = body
                .len()
                .checked_sub(usize::from(count))
                .ok_or(WireError::Padding)?;
            body.get(..len).ok_or(WireError::Padding)
        }
    }
}

/// Appends a header whose length is not known yet, and gives its place to [`finish`].
fn begin(out: &mut Vec<u8>, format: u8, packet_type: u8) -> usize {
    let start = out.len();
    out.extend_from_slice(&[2 << 6 | format & 0x1F, packet_type, 0, 0]);
    start
}

/// Fills in the length of the packet that starts at `start`. Writers keep packets below 2^16 words.
fn finish(out: &mut [u8], start: usize) {
    let words = (out.len() - start) / 4 - 1;
    out[start + 2..start + HEADER_LEN].copy_from_slice(&(words as u16).to_be_bytes());
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}
