//! SR: sender report (RFC 3550 section 6.4.1).

use super::receiver_report::{self, ReportBlock, MAX_BLOCKS};
use crate::bytes::{u32_at, u64_at};
use crate::WireError;

pub(super) const PACKET_TYPE: u8 = 200;
const SENDER_INFO_LEN: usize = 24;

/// A sender report. Profile-specific extensions are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// Who reports.
    pub ssrc: u32,
    /// Wall clock of the report: NTP format, 32 bits of seconds since 1900 and 32 of fraction.
    pub ntp: u64,
    /// The same instant in the stream's RTP clock.
    pub rtp_timestamp: u32,
    /// Packets sent since the start, modulo 2^32.
    pub packets: u32,
    /// Payload bytes sent since the start, modulo 2^32.
    pub octets: u32,
    blocks: &'a [u8],
}

impl<'a> SenderReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, WireError> {
        Ok(Self {
            ssrc: u32_at(body, 0)?,
            ntp: u64_at(body, 4)?,
            rtp_timestamp: u32_at(body, 12)?,
            packets: u32_at(body, 16)?,
            octets: u32_at(body, 20)?,
            blocks: receiver_report::blocks_at(body, SENDER_INFO_LEN, count)?,
        })
    }

    /// The middle 32 bits of [`Self::ntp`], which receivers send back as [`ReportBlock::last_sender_report`].
    #[must_use]
    pub const fn compact_ntp(&self) -> u32 {
        (self.ntp >> 16) as u32
    }

    /// What it says about the streams that its sender receives.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + 'a {
        receiver_report::read_blocks(self.blocks)
    }
}

/// Appends a sender report. Blocks beyond the 31 that it holds follow in receiver reports (RFC 3550 6.1).
///
/// `ntp` is in NTP format, `rtp_ts` the same instant in the stream's clock.
pub fn write_sender_report(
    out: &mut Vec<u8>,
    ssrc: u32,
    ntp: u64,
    rtp_ts: u32,
    packets: u32,
    octets: u32,
    blocks: &[ReportBlock],
) {
    let (held, more) = blocks.split_at(blocks.len().min(MAX_BLOCKS));
    let start = super::begin(out, held.len() as u8, PACKET_TYPE);
    super::put_u32(out, ssrc);
    out.extend_from_slice(&ntp.to_be_bytes());
    for value in [rtp_ts, packets, octets] {
        super::put_u32(out, value);
    }
    held.iter().for_each(|block| block.write(out));
    super::finish(out, start);
    if !more.is_empty() {
        receiver_report::write_receiver_report(out, ssrc, more);
    }
}
