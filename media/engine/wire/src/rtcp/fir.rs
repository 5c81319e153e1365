//! FIR: full intra request (RFC 5104 section 4.3.1).

use super::PAYLOAD_FEEDBACK;
use crate::bytes::u32_at;
use crate::WireError;

pub(super) const FORMAT: u8 = 4;
const ENTRY_LEN: usize = 8;

/// One stream of which a key frame is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirEntry {
    /// The stream.
    pub ssrc: u32,
    /// Command sequence number: a repeated number repeats the request, and is answered once.
    pub sequence: u8,
}

/// A request for key frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fir<'a> {
    /// Who asks.
    pub sender: u32,
    entries: &'a [u8],
}

impl<'a> Fir<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        // The media source of the common header is unused and 0 here.
        u32_at(body, 4)?;
        Ok(Self {
            sender: u32_at(body, 0)?,
            entries: body.get(8..).unwrap_or_default(),
        })
    }

    /// The streams asked for.
    pub fn entries(&self) -> impl Iterator<Item = FirEntry> + 'a {
        self.entries.chunks_exact(ENTRY_LEN).filter_map(|entry| {
            let ssrc = u32_at(entry, 0).ok()?;
            entry.get(4).map(|&sequence| FirEntry { ssrc, sequence })
        })
    }
}

/// Appends a request for a key frame of `media`; `sequence` grows by one for each new request.
pub fn write_fir(out: &mut Vec<u8>, sender: u32, media: u32, sequence: u8) {
    let start = super::begin(out, FORMAT, PAYLOAD_FEEDBACK);
    super::put_u32(out, sender);
    super::put_u32(out, 0);
    super::put_u32(out, media);
    out.extend_from_slice(&[sequence, 0, 0, 0]);
    super::finish(out, start);
}
