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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Frame;
    use crate::clip::{Clip, Ids};
    use engine_core::Micros;
    use proptest::prelude::*;
    use serde_bytes::ByteBuf;

    const PICTURES: usize = 3;

    /// Three pictures of some packets each, as (sequence, timestamp, last, payload).
    type Packets = Vec<(u64, u32, bool, Vec<u8>)>;

    fn payload(codec: Codec, picture: usize, packet: usize, rest: &[u8]) -> ByteBuf {
        let head: &[u8] = match (codec, picture, packet) {
            (Codec::Vp8, 0, 0) => &[0x90, 0x80, 5, 0x10],
            (Codec::Vp8, _, 0) => &[0x90, 0x80, 5, 0x11],
            (Codec::Vp8, ..) => &[0x80, 0x80, 5],
            _ => &[0x65, 0x88],
        };
        ByteBuf::from([head, rest].concat())
    }

    fn packets(codec: Codec, sizes: &[Vec<Vec<u8>>]) -> Packets {
        let frame = |(at, parts): (usize, &Vec<Vec<u8>>)| Frame {
            ticks: 1,
            key: true,
            payloads: (0..)
                .zip(parts)
                .map(|(n, part)| payload(codec, at, n, part))
                .collect(),
            level: 0,
        };
        let frames: Vec<Frame> = sizes.iter().enumerate().map(frame).collect();
        let clip = Clip::new(codec, 90_000, &frames).unwrap();
        let (mut out, mut sequence) = (Vec::new(), 70_000);
        for picture in 0..clip.len() {
            let marker = Marker {
                source: picture as u64,
                sequence: 0,
                sent_at: Micros(0),
                crc: 0,
            };
            for packet in 0..clip.packets_of(picture) {
                let mut bytes = vec![0; clip.payload_len(picture, packet)];
                let ids = Ids::default();
                clip.write((picture, packet), ids, marker, &mut bytes);
                let last = packet + 1 == clip.packets_of(picture);
                out.push((sequence, picture as u32, last, bytes));
                sequence += 1;
            }
        }
        out
    }

    fn verdicts(codec: Codec, packets: &Packets) -> Vec<Verdict> {
        let mut pictures = Pictures::default();
        let take = |(sequence, timestamp, last, payload): &(u64, u32, bool, Vec<u8>)| {
            let part = Part {
                codec,
                sequence: *sequence,
                timestamp: *timestamp,
                last: *last,
                payload,
            };
            pictures.take(&part).1
        };
        packets.iter().filter_map(take).collect()
    }

    fn sizes() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
        let part = prop::collection::vec(any::<u8>(), 1..60);
        let picture = prop::collection::vec(part, 1..7);
        prop::collection::vec(picture, PICTURES..=PICTURES)
    }

    fn codecs() -> impl Strategy<Value = Codec> {
        prop_oneof![Just(Codec::Vp8), Just(Codec::H264)]
    }

    proptest! {
        /// In whatever order the packets of a few pictures come, and if some come twice, each picture is good.
        #[test]
        fn pictures_are_good_in_any_order(
            codec in codecs(),
            sizes in sizes(),
            keys in prop::collection::vec(any::<u32>(), 30..60),
        ) {
            let mut packets = packets(codec, &sizes);
            let twice = packets[keys[0] as usize % packets.len()].clone();
            packets.push(twice);
            let mut order: Vec<_> = (0..).zip(packets).collect();
            order.sort_by_key(|(at, _): &(usize, _)| keys[at % keys.len()]);
            let packets = order.into_iter().map(|(_, packet)| packet).collect();
            let mut good: Vec<u64> = verdicts(codec, &packets)
                .into_iter()
                .map(|verdict| match verdict {
                    Verdict::Good(marker) => marker.source,
                    other => panic!("{other:?}"),
                })
                .collect();
            good.sort_unstable();
            good.dedup();
            prop_assert_eq!(good, [0, 1, 2]);
        }

        /// A changed byte, wherever it is but in descriptors and in the mark's own fields, makes its picture corrupt,
        /// and only that one; a packet that is missing makes it no picture at all.
        #[test]
        fn a_changed_byte_is_seen(
            codec in codecs(),
            sizes in sizes(),
            which in any::<prop::sample::Index>(),
            flip in 1_u8..=255,
        ) {
            let mut packets = packets(codec, &sizes);
            let at = which.index(packets.len());
            let hit = packets[at].1;
            let mut changed = packets.clone();
            // The fifth byte is the content's, but in our own unit of H.264, whose head it is.
            let Some(byte) = changed[at].3.get_mut(4).filter(|_| sizes[hit as usize].iter().all(|p| p.len() > 2)) else {
                return Ok(());
            };
            *byte ^= flip;
            let found = verdicts(codec, &changed);
            let good = found.iter().filter(|verdict| matches!(verdict, Verdict::Good(_)));
            prop_assert_eq!(good.count(), PICTURES - 1, "{:?}", found);
            packets.remove(at);
            prop_assert_eq!(verdicts(codec, &packets).len(), PICTURES - 1);
        }
    }

    /// Pictures that never get whole make room for later ones.
    #[test]
    fn the_oldest_gives_way() {
        let part = vec![1; 9];
        let sizes = vec![vec![part.clone(), part.clone()]; 40];
        let mut packets = packets(Codec::Vp8, &sizes);
        packets.retain(|(_, timestamp, last, _)| *last || timestamp % 4 == 0);
        assert_eq!(verdicts(Codec::Vp8, &packets).len(), 10);
    }
}
