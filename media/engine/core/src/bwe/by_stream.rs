//! Transport-wide numbers by stream and RTP sequence number, since RFC 8888 reports on those.

use rustc_hash::FxHashMap;

/// Packets of one stream that can be found, a power of two: a second of a large picture stream.
const KEPT: usize = 512;

/// Sequence number and transport-wide number of recent packets.
type Ring = [Option<(u16, u16)>; KEPT];

/// A ring for each stream that is reported on.
#[derive(Debug, Default)]
pub(super) struct ByStream {
    rings: FxHashMap<u32, Box<Ring>>,
}

impl ByStream {
    /// Enters a packet. Streams are those of the leg's slots, which are few and stay.
    pub(super) fn note(&mut self, ssrc: u32, sequence: u16, number: u16) {
        let ring = self
            .rings
            .entry(ssrc)
            .or_insert_with(|| Box::new([None; KEPT]));
        ring[usize::from(sequence) % KEPT] = Some((sequence, number));
    }

    /// The number of a packet, if it is still known.
    pub(super) fn find(&self, ssrc: u32, sequence: u16) -> Option<u16> {
        let (found, number) = self.rings.get(&ssrc)?[usize::from(sequence) % KEPT]?;
        (found == sequence).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_found_until_its_place_is_taken() {
        let mut streams = ByStream::default();
        streams.note(7, 65_535, 3);
        streams.note(7, 0, 4);
        streams.note(8, 0, 5);
        assert_eq!(streams.find(7, 65_535), Some(3));
        assert_eq!((streams.find(7, 0), streams.find(8, 0)), (Some(4), Some(5)));
        streams.note(7, 512, 6);
        assert_eq!((streams.find(7, 0), streams.find(9, 0)), (None, None));
    }
}
