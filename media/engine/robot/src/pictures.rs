//! Putting received pictures together as far as their verification needs: no bytes are kept, only checksums.

use crate::marker::Marker;
use engine_core::api::Codec;
use engine_wire::crc::{combine, crc32};
use engine_wire::payload::vp8::Descriptor;

/// Pictures that may be under way at once; the oldest gives way.
const PLACES: usize = 4;

/// One decrypted packet of a picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) codec: Codec,
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    /// The RTP marker bit: the last packet of the picture.
    pub(crate) last: bool,
    pub(crate) payload: &'a [u8],
}

/// What was found once a picture was complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The checksum is that of the mark.
    Good(Marker),
    /// It is not.
    Corrupt(Marker),
    /// Complete, and without a mark.
    Unmarked,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    sequence: u64,
    len: usize,
    crc: u32,
}

/// A picture of which some packets are there.
#[derive(Debug, Default)]
struct Open {
    timestamp: Option<u32>,
    pieces: Vec<Piece>,
    first: Option<u64>,
    last: Option<u64>,
    marker: Option<Marker>,
}

impl Open {
    fn clear(&mut self, timestamp: Option<u32>) {
        self.timestamp = timestamp;
        self.pieces.clear();
        (self.first, self.last, self.marker) = (None, None, None);
    }

    fn is_complete(&self) -> bool {
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return false;
        };
        last.checked_sub(first)
            .is_some_and(|span| span + 1 == self.pieces.len() as u64)
    }

    fn verdict(&self) -> Verdict {
        let pieces = self.pieces.iter();
        let crc = pieces.fold(0, |crc, piece| combine(crc, piece.crc, piece.len));
        match self.marker {
            Some(marker) if marker.crc == crc => Verdict::Good(marker),
            Some(marker) => Verdict::Corrupt(marker),
            None => Verdict::Unmarked,
        }
    }
}

/// The pictures of one receiver that are being put together.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    places: [Open; PLACES],
    next: usize,
}

/// A packet's own share in the checksum, the mark that it carries, and whether the picture begins with it.
struct Look<'a> {
    data: &'a [u8],
    marker: Option<Marker>,
    first: bool,
}

fn look<'a>(part: &Part<'a>) -> Option<Look<'a>> {
    let payload = part.payload;
    match part.codec {
        Codec::Opus => {
            let marker = Marker::read(payload);
            let len = payload.len() - marker.map_or(0, |_| crate::marker::LEN);
            let (data, first) = (&payload[..len], true);
            Some(Look {
                data,
                marker,
                first,
            })
        }
        Codec::Vp8 => {
            let descriptor = Descriptor::parse(payload).ok()?;
            let data = payload.get(descriptor.header_len..)?;
            let marker = part.last.then(|| Marker::read(data)).flatten();
            let len = data.len() - marker.map_or(0, |_| crate::marker::LEN);
            let first = descriptor.start_of_partition && descriptor.partition_index == 0;
            Some(Look {
                data: &data[..len],
                marker,
                first,
            })
        }
        Codec::H264 => {
            let marker = Marker::read_sei(payload);
            let data = if marker.is_some() { &[] } else { payload };
            let first = marker.is_some();
            Some(Look {
                data,
                marker,
                first,
            })
        }
        _ => None,
    }
}

impl Pictures {
    /// Takes a packet in. Gives its mark, if it carries one, and the verdict if it completes its picture.
    pub(crate) fn take(&mut self, part: &Part<'_>) -> (Option<Marker>, Option<Verdict>) {
        let Some(look) = look(part) else {
            return (None, None);
        };
        let marker = look.marker;
        let piece = Piece {
            sequence: part.sequence,
            len: look.data.len(),
            crc: crc32(look.data),
        };
        let open = self.place_of(part.timestamp);
        let Err(at) = open
            .pieces
            .binary_search_by_key(&part.sequence, |piece| piece.sequence)
        else {
            return (marker, None);
        };
        open.pieces.insert(at, piece);
        open.marker = marker.or(open.marker);
        if look.first {
            open.first = Some(part.sequence);
        }
        if part.last || part.codec == Codec::Opus {
            open.last = Some(part.sequence);
        }
        if !open.is_complete() {
            return (marker, None);
        }
        let verdict = open.verdict();
        open.clear(None);
        (marker, Some(verdict))
    }

    fn place_of(&mut self, timestamp: u32) -> &mut Open {
        let known = |open: &Open| open.timestamp == Some(timestamp);
        let at = self.places.iter().position(known).unwrap_or_else(|| {
            let free = self.places.iter().position(|open| open.timestamp.is_none());
            let at = free.unwrap_or(self.next);
            self.next = (at + 1) % PLACES;
            self.places[at].clear(Some(timestamp));
            at
        });
        &mut self.places[at]
    }

    /// Forgets what is under way.
    pub(crate) fn clear(&mut self) {
        self.places.iter_mut().for_each(|open| open.clear(None));
    }
}
