//! RR: receiver report, and the report blocks that SR has too (RFC 3550 sections 6.4.1 and 6.4.2).

use crate::bytes::u32_at;
use crate::WireError;

pub(super) const PACKET_TYPE: u8 = 201;
/// Blocks that one packet's five-bit count can tell of.
pub const MAX_BLOCKS: usize = 31;
const BLOCK_LEN: usize = 24;
const CUMULATIVE_LOST_MAX: i32 = 0x7F_FFFF;
const CUMULATIVE_LOST_MIN: i32 = -0x80_0000;

/// How one stream was received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream.
    pub ssrc: u32,
    /// Share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the start: 24 bits, signed. Duplicates make it fall below zero.
    pub cumulative_lost: i32,
    /// Cycles (high 16 bits) and highest sequence number received (low 16).
    pub highest_sequence: u32,
    /// Interarrival jitter in units of the stream's clock.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the stream's last sender report; 0 if there was none.
    pub last_sender_report: u32,
    /// Time between that report's arrival and this block, in 1/65536 s.
    pub delay_since_last_sender_report: u32,
}

impl ReportBlock {
    fn parse(block: &[u8]) -> Result<Self, WireError> {
        let loss = u32_at(block, 4)?;
        Ok(Self {
            ssrc: u32_at(block, 0)?,
            fraction_lost: (loss >> 24) as u8,
            // Shifted up and down again, so that bit 23 becomes the sign.
            cumulative_lost: (loss << 8) as i32 >> 8,
            highest_sequence: u32_at(block, 8)?,
            jitter: u32_at(block, 12)?,
            last_sender_report: u32_at(block, 16)?,
            delay_since_last_sender_report: u32_at(block, 20)?,
        })
    }

    /// Appends the block; a loss beyond 24 bits is written as the nearest that fits (RFC 3550 6.4.1).
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let lost = self
            .cumulative_lost
            .clamp(CUMULATIVE_LOST_MIN, CUMULATIVE_LOST_MAX);
        let loss = u32::from(self.fraction_lost) << 24 | lost as u32 & 0xFF_FFFF;
        for value in [
            self.ssrc,
            loss,
            self.highest_sequence,
            self.jitter,
            self.last_sender_report,
            self.delay_since_last_sender_report,
        ] {
            super::put_u32(out, value);
        }
    }
}

/// The bytes of `count` blocks from `at`.
pub(super) fn blocks_at(body: &[u8], at: usize, count: u8) -> Result<&[u8], WireError> {
    let needed = at + BLOCK_LEN * usize::from(count);
    body.get(at..needed).ok_or(WireError::Truncated {
        needed,
        available: body.len(),
    })
}

pub(super) fn read_blocks(blocks: &[u8]) -> impl Iterator<Item = ReportBlock> + '_ {
    blocks.chunks_exact(BLOCK_LEN).flat_map(ReportBlock::parse)
}

/// A receiver report. Profile-specific extensions are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    /// Who reports.
    pub ssrc: u32,
    blocks: &'a [u8],
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, WireError> {
        Ok(Self {
            ssrc: u32_at(body, 0)?,
            blocks: blocks_at(body, 4, count)?,
        })
    }

    /// What it says about the streams that its sender receives.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + 'a {
        read_blocks(self.blocks)
    }
}

/// Appends a receiver report, or as many as the blocks need at 31 each; one without blocks if there are none.
pub fn write_receiver_report(out: &mut Vec<u8>, ssrc: u32, blocks: &[ReportBlock]) {
    let mut rest = blocks;
    loop {
        let (held, more) = rest.split_at(rest.len().min(MAX_BLOCKS));
        let start = super::begin(out, held.len() as u8, PACKET_TYPE);
        super::put_u32(out, ssrc);
        held.iter().for_each(|block| block.write(out));
        super::finish(out, start);
        rest = more;
        if rest.is_empty() {
            return;
        }
    }
}
