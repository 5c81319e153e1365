//! PLI: picture loss indication (RFC 4585 section 6.3.1).

use super::PAYLOAD_FEEDBACK;
use crate::bytes::u32_at;
use crate::WireError;

pub(super) const FORMAT: u8 = 1;

/// A receiver cannot decode a stream until a key frame comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pli {
    /// Who asks.
    pub sender: u32,
    /// The stream.
    pub media: u32,
}

impl Pli {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        Ok(Self {
            sender: u32_at(body, 0)?,
            media: u32_at(body, 4)?,
        })
    }
}

/// Appends a picture loss indication.
pub fn write_pli(out: &mut Vec<u8>, sender: u32, media: u32) {
    let start = super::begin(out, FORMAT, PAYLOAD_FEEDBACK);
    super::put_u32(out, sender);
    super::put_u32(out, media);
    super::finish(out, start);
}
