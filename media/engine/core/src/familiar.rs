//! Which stream an SSRC is, of those that have come of late. To ask each encoding for its SSRC reads memory of all of them,
//! of which a packet needs but one's: of a thousand legs, nothing of it is near.

/// Streams of a leg that are remembered: sound, and a picture in three encodings.
const PLACES: usize = 4;

/// Where an encoding stands: position of its source in the leg, and its own there.
pub type Place = (u8, u8);

/// What came last. It is a hint: whoever asks looks whether the encoding still goes by that SSRC.
#[derive(Debug, Default)]
pub struct Familiar {
    ssrcs: [u32; PLACES],
    places: [Place; PLACES],
}

impl Familiar {
    /// Where the stream was when it came last.
    pub fn place_of(&self, ssrc: u32) -> Option<Place> {
        let position = self.ssrcs.iter().position(|known| *known == ssrc)?;
        Some(self.places[position])
    }

    /// Remembers a stream; the one that was met first makes way.
    pub fn meet(&mut self, ssrc: u32, (source, encoding): (usize, usize)) {
        let Some(place) = u8::try_from(source).ok().zip(u8::try_from(encoding).ok()) else {
            return;
        };
        self.ssrcs.rotate_right(1);
        self.places.rotate_right(1);
        (self.ssrcs[0], self.places[0]) = (ssrc, place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_streams_are_found_and_the_first_makes_way() {
        let mut familiar = Familiar::default();
        for stream in 1..=5 {
            familiar.meet(stream, (stream as usize, 7));
        }
        let places = [1, 2, 5].map(|ssrc| familiar.place_of(ssrc));
        assert_eq!(places, [None, Some((2, 7)), Some((5, 7))]);
    }

    #[test]
    fn a_place_that_has_no_room_here_is_left_to_be_searched_for() {
        let mut familiar = Familiar::default();
        familiar.meet(9, (256, 0));
        assert_eq!(familiar.place_of(9), None);
    }
}
