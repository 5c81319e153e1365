//! BYE: streams that have ended (RFC 3550 section 6.6).

use crate::bytes::words;
use crate::WireError;

pub(super) const PACKET_TYPE: u8 = 203;
const MAX_SSRCS: usize = 31;

/// Streams that have ended. The reason, free text, is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bye<'a> {
    ssrcs: &'a [u8],
}

impl<'a> Bye<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, WireError> {
        let needed = 4 * usize::from(count);
        let ssrcs = body.get(..needed).ok_or(WireError::Truncated {
            needed,
            available: body.len(),
        })?;
        Ok(Self { ssrcs })
    }

    /// The streams.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> + 'a {
        words(self.ssrcs)
    }
}

/// Appends a goodbye for `ssrcs`, in as many packets as needed at 31 each; nothing if there are none.
pub fn write_bye(out: &mut Vec<u8>, ssrcs: &[u32]) {
    for held in ssrcs.chunks(MAX_SSRCS) {
        let start = super::begin(out, held.len() as u8, PACKET_TYPE);
        held.iter().for_each(|&ssrc| super::put_u32(out, ssrc));
        super::finish(out, start);
    }
}
