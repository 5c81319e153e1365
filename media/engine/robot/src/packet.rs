//! RTP packets on their way out: header, extensions (RFC 8285, one-byte form), payload, protection.

use crate::api::SenderSpec;
use engine_core::Outbox;
use engine_srtp::Outbound;
use engine_wire::payload::rtx;
use engine_wire::rtp::{FixedHeader, FIXED_HEADER_LEN};
use std::net::SocketAddr;

const HAS_EXTENSION: u8 = 0x10;
const ONE_BYTE_FORM: [u8; 2] = [0xbe, 0xde];
/// Ids of the one-byte form; 15 is kept.
pub(crate) const EXTENSION_IDS: std::ops::RangeInclusive<u8> = 1..=14;
/// Bytes of a value in the one-byte form.
pub(crate) const MAX_EXTENSION: usize = 16;

/// The extension block of a sender's packets, and where in it the values lie that change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extensions {
    block: Vec<u8>,
    level_at: Option<usize>,
    twcc_at: Option<usize>,
}

impl Extensions {
    pub(crate) fn new(spec: &SenderSpec) -> Self {
        let mut extensions = Self::default();
        let block = &mut extensions.block;
        block.extend_from_slice(&ONE_BYTE_FORM);
        block.extend_from_slice(&[0, 0]);
        let mut add = |id: u8, value: &[u8]| {
            block.push(id << 4 | (value.len() - 1) as u8);
            block.extend_from_slice(value);
            block.len() - value.len()
        };
        if let Some(id) = spec.mid_ext {
            add(id, spec.mid.as_bytes());
        }
        extensions.level_at = spec.audio_level_ext.map(|id| add(id, &[0]));
        extensions.twcc_at = spec.twcc_ext.map(|id| add(id, &[0, 0]));
        let len = block.len().next_multiple_of(4);
        block.resize(len, 0);
        if len == 4 {
            block.clear();
        } else {
            block[3] = (len / 4 - 1) as u8;
        }
        extensions
    }

    pub(crate) const fn has_twcc(&self) -> bool {
        self.twcc_at.is_some()
    }
}

/// What differs from one packet of a sender to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) header: FixedHeader,
    /// With the roll-over counter above the 16 bits of the header.
    pub(crate) extended_sequence: u64,
    pub(crate) level: u8,
    pub(crate) twcc: u16,
    /// In a retransmission (RFC 4588): the number of the packet that is sent again.
    pub(crate) original: Option<u16>,
}

/// Writes a protected packet whose payload of `len` bytes `fill` writes. Gives whether it is on its way.
pub(crate) fn write(
    numbers: &Numbers,
    extensions: &Extensions,
    len: usize,
    (outbound, to): (&Outbound, SocketAddr),
    out: &mut Outbox,
    fill: impl FnOnce(&mut [u8]),
) -> bool {
    let header_len = FIXED_HEADER_LEN + extensions.block.len();
    let start = header_len + numbers.original.map_or(0, |_| rtx::HEADER_LEN);
    let plain = start + len;
    let room = out.room(plain + outbound.profile().rtp_overhead());
    numbers.header.write(room);
    if !extensions.block.is_empty() {
        room[0] |= HAS_EXTENSION;
        let block = &mut room[FIXED_HEADER_LEN..header_len];
        block.copy_from_slice(&extensions.block);
        if let Some(at) = extensions.level_at {
            block[at] = numbers.level;
        }
        if let Some(at) = extensions.twcc_at {
            block[at..at + 2].copy_from_slice(&numbers.twcc.to_be_bytes());
        }
    }
    if let Some(original) = numbers.original {
        room[header_len..start].copy_from_slice(&original.to_be_bytes());
    }
    fill(&mut room[start..plain]);
    let sealed = outbound.protect_rtp(room, plain, header_len, numbers.extended_sequence);
    if let Ok(len) = sealed {
        out.commit(to, len);
    }
    sealed.is_ok()
}
