//! REMB: receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03 section 2.2).

use crate::bytes::{u16_at, u32_at, u8_at, words};
use crate::WireError;

/// AFB, application layer feedback (RFC 4585 6.4): REMB is one of several kinds.
pub(super) const FORMAT: u8 = 15;
const IDENTIFIER: &[u8; 4] = b"REMB";
const FIXED_LEN: usize = 16;
const MANTISSA_BITS: u32 = 18;

/// What a receiver thinks that its path carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remb<'a> {
    /// Who says so.
    pub sender: u32,
    /// Bits per second over all of [`Self::ssrcs`]; [`u64::MAX`] if more than that was written.
    pub bitrate_bps: u64,
    ssrcs: &'a [u8],
}

/// Whether application layer feedback is REMB.
pub(super) fn is_remb(body: &[u8]) -> bool {
    body.get(8..12) == Some(IDENTIFIER)
}

impl<'a> Remb<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let needed = FIXED_LEN + 4 * usize::from(u8_at(body, 12)?);
        let ssrcs = body.get(FIXED_LEN..needed).ok_or(WireError::Truncated {
            needed,
            available: body.len(),
        })?;
        let scale = u8_at(body, 13)?;
        let mantissa = u64::from(scale & 0x03) << 16 | u64::from(u16_at(body, 14)?);
        let bitrate_bps = mantissa.saturating_mul(1 << (scale >> 2));
        Ok(Self {
            sender: u32_at(body, 0)?,
            bitrate_bps,
            ssrcs,
        })
    }

    /// The streams that the estimate is for.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> + 'a {
        words(self.ssrcs)
    }
}

/// Appends what `sender` thinks that its path carries, in bits a second, for up to 255 streams.
pub fn write_remb(out: &mut Vec<u8>, sender: u32, bitrate_bps: u64, ssrcs: &[u32]) {
    let ssrcs = &ssrcs[..ssrcs.len().min(usize::from(u8::MAX))];
    let start = super::begin(out, FORMAT, super::PAYLOAD_FEEDBACK);
    super::put_u32(out, sender);
    super::put_u32(out, 0);
    out.extend_from_slice(IDENTIFIER);
    let bits = u64::BITS - bitrate_bps.leading_zeros();
    let exponent = bits.saturating_sub(MANTISSA_BITS);
    let mantissa = (bitrate_bps >> exponent) as u32;
    super::put_u32(
        out,
        (ssrcs.len() as u32) << 24 | exponent << MANTISSA_BITS | mantissa,
    );
    ssrcs.iter().for_each(|&ssrc| super::put_u32(out, ssrc));
    super::finish(out, start);
}
