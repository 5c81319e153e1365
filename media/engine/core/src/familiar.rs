//! Which stream of a leg a packet is of. To ask each encoding for its SSRC reads memory of all of them, of which a packet needs
//! but one's, and of a thousand legs nothing of it is near; so those that came of late are remembered.

use crate::leg::Leg;
use crate::source::Source;
use crate::time::Micros;
use engine_wire::rtp::RtpHeader;

/// Silence of a stream after which another one can follow it. Sound comes every 20 to 60 ms, pictures every 100 at least.
const SUCCESSION: Micros = Micros::from_millis(100);
/// Streams of a leg that are remembered: sound, and a picture in three encodings.
const PLACES: usize = 4;

/// Where an encoding stands: position of its source in the leg, and its own there.
pub type Place = (u8, u8);

/// What came last. It is a hint: whoever asks looks whether the encoding still goes by that SSRC.
#[derive(Debug, Default)]
pub struct Familiar {
    streams: [(u32, Place); PLACES],
}

impl Familiar {
    /// Where the stream was when it came last.
    pub fn place_of(&self, ssrc: u32) -> Option<Place> {
        let mut streams = self.streams.iter();
        streams
            .find(|(known, _)| *known == ssrc)
            .map(|(_, place)| *place)
    }

    /// Remembers a stream; the one that was met first makes way.
    pub fn meet(&mut self, ssrc: u32, (source, encoding): (usize, usize)) {
        let Some(place) = u8::try_from(source).ok().zip(u8::try_from(encoding).ok()) else {
            return;
        };
        self.streams.rotate_right(1);
        self.streams[0] = (ssrc, place);
    }
}

/// Which stream of the leg a packet belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream {
    pub(crate) source: usize,
    pub(crate) encoding: usize,
    pub(crate) is_repair: bool,
}

impl Leg {
    /// The stream that a packet is of, by what came of late, by all SSRCs that are known, or by what else it tells.
    pub(crate) fn find_stream(
        &mut self,
        now: Micros,
        header: &RtpHeader,
        packet: &[u8],
    ) -> Option<Stream> {
        let familiar = self.familiar.place_of(header.ssrc);
        if let Some(stream) = familiar.and_then(|place| self.stream_at(header.ssrc, place)) {
            return Some(stream);
        }
        self.meet_stream(now, header, packet)
    }

    /// One that has not come of late: its encoding is searched for, or learned.
    #[cold]
    fn meet_stream(&mut self, now: Micros, header: &RtpHeader, packet: &[u8]) -> Option<Stream> {
        let stream = self
            .search_stream(header.ssrc)
            .or_else(|| self.learn_stream(now, header, packet))?;
        let place = (stream.source, stream.encoding);
        self.familiar.meet(header.ssrc, place);
        Some(stream)
    }

    /// The stream at a place where one of this SSRC was before, if it still is.
    fn stream_at(&self, ssrc: u32, (source, encoding): Place) -> Option<Stream> {
        let (source, encoding) = (usize::from(source), usize::from(encoding));
        let one = self.sources.get(source)?.encodings.get(encoding)?;
        let is_media = one.ssrc == Some(ssrc);
        (is_media || one.rtx_ssrc == Some(ssrc)).then_some(Stream {
            source,
            encoding,
            is_repair: !is_media,
        })
    }

    fn search_stream(&self, ssrc: u32) -> Option<Stream> {
        let ssrc = Some(ssrc);
        for (source, of) in self.sources.iter().enumerate() {
            for (encoding, one) in of.encodings.iter().enumerate() {
                if one.ssrc == ssrc || one.rtx_ssrc == ssrc {
                    return Some(Stream {
                        source,
                        encoding,
                        is_repair: one.ssrc != ssrc,
                    });
                }
            }
        }
        None
    }

    /// An SSRC that the description did not name: its media identification tells (RFC 8843 section 9.2), and where
    /// that was not negotiated, a payload type that only one source has. Which of several encodings it is, its stream
    /// identification tells (RFC 8852). Peers on lines change theirs within a call, as after a transfer: the next one is
    /// heard when the one before has been silent for a while, so that two at once do not take turns.
    fn learn_stream(&mut self, now: Micros, header: &RtpHeader, packet: &[u8]) -> Option<Stream> {
        let value = |id: Option<u8>| id.and_then(|id| header.extension_value(packet, id));
        let mid = value(self.extensions.mid);
        let rid = value(self.extensions.repaired_rid).or_else(|| value(self.extensions.rid));
        let is_line = self.line.is_some();
        let mut found: Option<Stream> = None;
        for (source, of) in self.sources.iter().enumerate() {
            let has_place = || of.has_unknown() || is_line && of.is_quiet(now);
            let may_be = mid.map_or_else(has_place, |mid| of.spec.mid.as_bytes() == mid);
            let Some(stream) = of.learn(header.payload_type, rid).filter(|_| may_be) else {
                continue;
            };
            if found.is_some() {
                return None;
            }
            found = Some(Stream { source, ..stream });
        }
        let stream = found?;
        let source = &mut self.sources[stream.source];
        let clock_rate = source.clock_rate();
        let encoding = &mut source.encodings[stream.encoding];
        if stream.is_repair {
            encoding.rtx_ssrc = Some(header.ssrc);
        } else {
            encoding.restart(header.ssrc, clock_rate);
        }
        Some(stream)
    }
}

impl Source {
    /// Whether the SSRC of any of its encodings is not known yet.
    fn has_unknown(&self) -> bool {
        self.encodings
            .iter()
            .any(|encoding| encoding.ssrc.is_none())
    }

    /// Whether nothing has come of it for so long that another stream may take its place.
    fn is_quiet(&self, now: Micros) -> bool {
        let mut newest = self.encodings.iter().filter_map(|one| one.newest);
        newest.all(|(_, at)| now.since(at) >= SUCCESSION)
    }

    /// Which of its streams has this payload type and stream identification; the source's place is left open. An only
    /// encoding needs no identification.
    fn learn(&self, payload_type: u8, rid: Option<&[u8]>) -> Option<Stream> {
        let is_repair = self.rtx_format(payload_type).is_some();
        let format = self.format(payload_type);
        if !is_repair && format.or(self.red_format(payload_type)).is_none() {
            return None;
        }
        let mut specs = self.spec.encodings.iter();
        let encoding = match rid {
            Some(rid) if specs.len() > 1 => {
                specs.position(|spec| spec.rid.as_ref().is_some_and(|own| own.as_bytes() == rid))?
            }
            _ if specs.len() == 1 => 0,
            _ => return None,
        };
        Some(Stream {
            source: 0,
            encoding,
            is_repair,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{EncodingSpec, Extensions, IceParams, Kind, LegId, RoomId, SourceSpec};
    use crate::ice::IceLite;

    /// No more than a header.
    fn packet(ssrc: u32) -> [u8; 12] {
        let mut packet = [0; 12];
        packet[0] = 0x80;
        packet[8..].copy_from_slice(&ssrc.to_be_bytes());
        packet
    }

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
    fn a_place_where_another_stream_is_by_now_is_not_believed() {
        let encoding = |ssrc| EncodingSpec {
            rid: None,
            ssrc: Some(ssrc),
            rtx_ssrc: Some(ssrc + 1),
        };
        let source = SourceSpec {
            source: 0,
            kind: Kind::Video,
            mid: "0".into(),
            encodings: vec![encoding(10), encoding(20)],
            formats: Vec::new(),
        };
        let ice = IceLite::new(IceParams {
            local_ufrag: String::new(),
            local_pwd: String::new(),
        });
        let specs = (vec![source], Vec::new());
        let mut leg = Leg::new(
            LegId(1),
            RoomId(1),
            ice,
            specs,
            Extensions::default(),
            String::new(),
        );
        let find = |leg: &mut Leg, ssrc| {
            let header = RtpHeader::parse(&packet(ssrc)).unwrap();
            let found = leg.find_stream(Micros(0), &header, &packet(ssrc));
            found.map(|stream| (stream.encoding, stream.is_repair))
        };
        assert_eq!(
            [10, 21, 10].map(|ssrc| find(&mut leg, ssrc)),
            [Some((0, false)), Some((1, true)), Some((0, false))]
        );
        let encodings = &mut leg.sources[0].encodings;
        encodings[0].restart(30, 90_000);
        encodings[1].restart(10, 90_000);
        assert_eq!(
            [10, 30, 20].map(|ssrc| find(&mut leg, ssrc)),
            [Some((1, false)), Some((0, false)), None]
        );
    }

    #[test]
    fn a_place_that_has_no_room_here_is_left_to_be_searched_for() {
        let mut familiar = Familiar::default();
        familiar.meet(9, (256, 0));
        assert_eq!(familiar.place_of(9), None);
    }
}
