//! SDES: source description, of which only CNAME is used (RFC 3550 section 6.5).

use crate::bytes::{u32_at, u8_at};
use crate::WireError;

pub(super) const PACKET_TYPE: u8 = 202;
const END: u8 = 0;
const CNAME: u8 = 1;
const MAX_TEXT_LEN: usize = 255;

/// The canonical name of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cname<'a> {
    /// The source.
    pub ssrc: u32,
    /// Its name: one for all streams that play in sync.
    pub name: &'a str,
}

/// A source description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sdes<'a> {
    chunks: &'a [u8],
}

impl<'a> Sdes<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, WireError> {
        let mut at = 0;
        for _ in 0..count {
            at = read_chunk(body, at)?.1;
        }
        Ok(Self {
            chunks: body.get(..at).unwrap_or_default(),
        })
    }

    /// The canonical names in it; a chunk without one, or with one that is not UTF-8, is passed over.
    pub fn entries(&self) -> impl Iterator<Item = Cname<'a>> + 'a {
        let (chunks, mut at) = (self.chunks, 0);
        let names = std::iter::from_fn(move || {
            let (name, next) = read_chunk(chunks, at).ok()?;
            at = next;
            Some(name)
        });
        names.flatten()
    }
}

/// Reads the chunk at `at`: its name, if it has one, and where the next chunk starts.
fn read_chunk(body: &[u8], at: usize) -> Result<(Option<Cname<'_>>, usize), WireError> {
    let ssrc = u32_at(body, at)?;
    let mut name = None;
    let mut item = at + 4;
    loop {
        let kind = u8_at(body, item)?;
        if kind == END {
            // The end is padded with zeros to the next word; lenient if the last chunk's padding is cut.
            return Ok((name, ((item + 4) & !3).min(body.len())));
        }
        let end = item + 2 + usize::from(u8_at(body, item + 1)?);
        let text = body.get(item + 2..end).ok_or(WireError::Truncated {
            needed: end,
            available: body.len(),
        })?;
        if kind == CNAME && name.is_none() {
            name = std::str::from_utf8(text)
                .ok()
                .map(|name| Cname { ssrc, name });
        }
        item = end;
    }
}

/// Appends a source description of one source. Of `cname` at most 255 bytes are written, cut between characters.
pub fn write_sdes_cname(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let cut = (0..=cname.len().min(MAX_TEXT_LEN))
        .rev()
        .find(|&at| cname.is_char_boundary(at))
        .unwrap_or(0);
    let start = super::begin(out, 1, PACKET_TYPE);
    super::put_u32(out, ssrc);
    out.extend_from_slice(&[CNAME, cut as u8]);
    out.extend_from_slice(&cname.as_bytes()[..cut]);
    let text_end = out.len() - start;
    out.resize(start + ((text_end + 4) & !3), END);
    super::finish(out, start);
}
