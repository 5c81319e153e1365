//! What a sender has sent lately: enough to make each packet again, byte for byte, from the clip.

use crate::clip::Ids;
use engine_core::Micros;

/// Packets that may be asked for again, a power of two: a second and a half of a robot's pictures.
const PLACES: usize = 512;

/// One packet that was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) picture: u32,
    pub(crate) packet: u16,
    pub(crate) twcc: u16,
    pub(crate) ids: Ids,
    pub(crate) mark: u64,
    pub(crate) at: Micros,
    /// When it was last sent again.
    pub(crate) again: Micros,
}

/// The last packets of one stream.
#[derive(Debug)]
pub(crate) struct History {
    places: Box<[Option<Sent>]>,
    newest: u64,
}

impl History {
    pub(crate) fn new() -> Self {
        Self {
            places: vec![None; PLACES].into_boxed_slice(),
            newest: 0,
        }
    }

    pub(crate) fn note(&mut self, sent: Sent) {
        self.newest = sent.sequence;
        self.places[sent.sequence as usize % PLACES] = Some(sent);
    }

    /// The packet of this number, if it is remembered.
    pub(crate) fn find(&mut self, sequence: u16) -> Option<&mut Sent> {
        let sequence = engine_wire::seq::extend(self.newest, sequence);
        let place = self.places[sequence as usize % PLACES].as_mut();
        place.filter(|sent| sent.sequence == sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last packets are found by their 16-bit numbers, also over a wrap; older ones and future ones are not.
    #[test]
    fn the_last_packets_are_found() {
        let mut history = History::new();
        assert!(history.find(0).is_none());
        for sequence in 65_000..66_000 {
            history.note(Sent {
                sequence,
                timestamp: 0,
                picture: 0,
                packet: 0,
                twcc: 0,
                ids: Ids::default(),
                mark: 0,
                at: Micros(0),
                again: Micros(0),
            });
        }
        for sequence in 65_488_u64..66_000 {
            let found = history.find(sequence as u16).map(|sent| sent.sequence);
            assert_eq!(found, Some(sequence));
        }
        assert!(history.find(65_487).is_none() && history.find(66_000_u64 as u16).is_none());
    }
}
