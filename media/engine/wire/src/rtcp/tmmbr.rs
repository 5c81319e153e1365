//! TMMBR and TMMBN: the most that a receiver wants to be sent, and the answer to it (RFC 5104 sections 4.2.1, 4.2.2).

use super::TRANSPORT_FEEDBACK;
use crate::bytes::u32_at;
use crate::WireError;

pub(super) const REQUEST_FORMAT: u8 = 3;
const NOTIFICATION_FORMAT: u8 = 4;
const ENTRY_LEN: usize = 8;
const MANTISSA_BITS: u32 = 17;
const OVERHEAD_BITS: u32 = 9;

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// In a request the stream that is to be limited, in a notification who has asked for it.
    pub ssrc: u32,
    /// Bits per second, headers of the network included; [`u64::MAX`] if more than that was written.
    pub bitrate_bps: u64,
    /// Bytes of headers that the receiver counts for each packet; at most 511.
    pub overhead: u16,
}

/// A request to send no more than so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tmmbr<'a> {
    /// Who asks.
    pub sender: u32,
    entries: &'a [u8],
}

impl<'a> Tmmbr<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        // The media source of the common header is unused and 0 here.
        u32_at(body, 4)?;
        Ok(Self {
            sender: u32_at(body, 0)?,
            entries: body.get(8..).unwrap_or_default(),
        })
    }

    /// The limits, each for one stream.
    pub fn limits(&self) -> impl Iterator<Item = RateLimit> + 'a {
        self.entries.chunks_exact(ENTRY_LEN).filter_map(|entry| {
            let word = u32_at(entry, 4).ok()?;
            let mantissa = word >> OVERHEAD_BITS & ((1 << MANTISSA_BITS) - 1);
            let exponent = word >> (MANTISSA_BITS + OVERHEAD_BITS);
            Some(RateLimit {
                ssrc: u32_at(entry, 0).ok()?,
                bitrate_bps: u64::from(mantissa).saturating_mul(1 << exponent),
                overhead: (word & ((1 << OVERHEAD_BITS) - 1)) as u16,
            })
        })
    }
}

/// Appends a request of `sender` that a stream be limited; the rate is rounded down to what 17 bits hold.
pub fn write_tmmbr(out: &mut Vec<u8>, sender: u32, limit: RateLimit) {
    write(out, REQUEST_FORMAT, sender, &[limit]);
}

/// Appends the limits that `sender` now heeds, each with who has asked for it.
pub fn write_tmmbn(out: &mut Vec<u8>, sender: u32, limits: &[RateLimit]) {
    write(out, NOTIFICATION_FORMAT, sender, limits);
}

fn write(out: &mut Vec<u8>, format: u8, sender: u32, limits: &[RateLimit]) {
    let start = super::begin(out, format, TRANSPORT_FEEDBACK);
    super::put_u32(out, sender);
    super::put_u32(out, 0);
    for limit in limits {
        super::put_u32(out, limit.ssrc);
        let bits = u64::BITS - limit.bitrate_bps.leading_zeros();
        let exponent = bits.saturating_sub(MANTISSA_BITS);
        let mantissa = (limit.bitrate_bps >> exponent) as u32;
        let overhead = u32::from(limit.overhead.min((1 << OVERHEAD_BITS) - 1));
        let rate = exponent << MANTISSA_BITS | mantissa;
        super::put_u32(out, rate << OVERHEAD_BITS | overhead);
    }
    super::finish(out, start);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{parse, Packet};

    fn limit(bitrate_bps: u64) -> RateLimit {
        RateLimit {
            ssrc: 7,
            bitrate_bps,
            overhead: 40,
        }
    }

    /// The words as RFC 5104 draws them: six bits of exponent, 17 of mantissa, nine of overhead.
    #[test]
    fn limits_lie_as_the_rfc_draws_them() {
        let mut out = Vec::new();
        write_tmmbr(&mut out, 9, limit(1_000_000));
        // 1,000,000 is 125,000 times 2^3.
        let word = 3_u32 << 26 | 125_000 << 9 | 40;
        let words = [0x83cd_0004, 9, 0, 7, word].map(u32::to_be_bytes);
        assert_eq!(out, words.concat());
    }

    /// What was written is read back, rounded down by less than one part in 65,536.
    #[test]
    fn limits_are_read_as_written() {
        for bitrate in [0, 1, 131_071, 131_072, 64_000, 2_345_678, u64::MAX] {
            let mut out = Vec::new();
            write_tmmbr(&mut out, 9, limit(bitrate));
            let Some(Ok(Packet::Tmmbr(request))) = parse(&out).next() else {
                panic!("{out:?}");
            };
            let read: Vec<_> = request.limits().collect();
            assert_eq!(
                (request.sender, read.len(), read[0].ssrc, read[0].overhead),
                (9, 1, 7, 40)
            );
            let lost = bitrate - read[0].bitrate_bps;
            assert!(lost <= bitrate >> 16, "{bitrate}");
        }
    }

    /// A notification without limits is one, too; a rate beyond 64 bits is the largest.
    #[test]
    fn the_edges_are_borne() {
        let mut out = Vec::new();
        write_tmmbn(&mut out, 9, &[]);
        assert_eq!(out, [0x84, 205, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0]);
        let words = [0x83cd_0004, 9, 0, 7, u32::MAX].map(u32::to_be_bytes);
        let packet = words.concat();
        let Some(Ok(Packet::Tmmbr(request))) = parse(&packet).next() else {
            panic!("it is one");
        };
        assert_eq!(
            request.limits().next().map(|limit| limit.bitrate_bps),
            Some(u64::MAX)
        );
    }
}
