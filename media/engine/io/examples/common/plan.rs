//! Who is in which room, what they send and what they take.

use engine_core::api::Kind;
use engine_srtp::Profile;

pub(crate) const PROFILE: Profile = Profile::AeadAes128Gcm;

/// How the packets of one stream come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Groups of six packets of 1,200 B of RTP, the next one when the last has arrived.
    Group,
    /// 50 packets a second of 60 to 130 B of payload.
    Opus,
    /// 30 pictures a second of `least` to `most` packets of one size but for a shorter last one, with a larger picture
    /// now and then and a key frame every ten seconds; `bytes` is the mean size of a full packet's payload.
    Camera {
        least: u64,
        most: u64,
        bytes: u64,
        /// Packets of a key frame; every sixteenth picture has three quarters of that.
        key: u64,
    },
    /// 25 pictures a second of about 3,500 B (640x360, 700 kbit/s), cut as libwebrtc cuts them: into as few packets as may
    /// be, a byte apart at the most, the shorter ones first. Each 25th says that it is a key frame.
    Alike,
}

/// About 1.5 Mbit/s, as a camera of 720p.
pub(crate) const HIGH: Shape = Shape::Camera {
    least: 4,
    most: 8,
    bytes: 1_100,
    key: 12,
};
/// About 0.5 Mbit/s.
pub(crate) const MIDDLE: Shape = Shape::Camera {
    least: 2,
    most: 3,
    bytes: 900,
    key: 6,
};
/// About 0.15 Mbit/s.
pub(crate) const LOW: Shape = Shape::Camera {
    least: 1,
    most: 1,
    bytes: 700,
    key: 4,
};

impl Shape {
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Opus => Kind::Audio,
            Self::Group | Self::Camera { .. } | Self::Alike => Kind::Video,
        }
    }

    pub(crate) const fn period_us(self) -> u64 {
        match self {
            Self::Opus => 20_000,
            Self::Group | Self::Camera { .. } => 33_333,
            Self::Alike => 40_000,
        }
    }
}

/// What fills one slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Take {
    pub(crate) kind: Kind,
    pub(crate) leg: usize,
    pub(crate) source: usize,
}

/// One leg. Its number is its place in the plan, its sources and slots are numbered likewise.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub(crate) room: usize,
    pub(crate) sends: Vec<Shape>,
    pub(crate) takes: Vec<Take>,
}

/// All legs, room by room.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) rooms: usize,
    /// How long every stream's periods are, in percent of life.
    pub(crate) period_percent: u64,
    /// Whether everybody reports on each packet, as browsers do.
    pub(crate) reported: bool,
    pub(crate) seats: Vec<Seat>,
}

pub(crate) const fn ssrc_in(leg: usize, source: usize) -> u32 {
    0x1000_0000 | (leg as u32) << 8 | source as u32
}

pub(crate) const fn ssrc_out(leg: usize, slot: usize) -> u32 {
    0x2000_0000 | (leg as u32) << 8 | slot as u32
}

/// What a leg's peer encrypts with.
pub(crate) fn peer_key(leg: usize) -> Vec<u8> {
    key(leg)
}

/// What we encrypt with for a leg.
pub(crate) fn own_key(leg: usize) -> Vec<u8> {
    key(leg + 1_000_000)
}

fn key(number: usize) -> Vec<u8> {
    let mut key = vec![0x5a; PROFILE.master_len()];
    key[..8].copy_from_slice(&(number as u64).to_le_bytes());
    key
}

impl Plan {
    fn of_rooms(rooms: usize, room: impl Fn(usize, usize) -> Vec<Seat>) -> Self {
        let mut seats = Vec::new();
        for number in 0..rooms {
            seats.extend(room(number, seats.len()));
        }
        Self {
            rooms,
            period_percent: 100,
            reported: false,
            seats,
        }
    }

    /// One sends, twenty watch.
    pub(crate) fn fan_out(rooms: usize, watchers: usize) -> Self {
        Self::of_rooms(rooms, |room, first| {
            let watch = Take {
                kind: Kind::Video,
                leg: first,
                source: 0,
            };
            let seat = |at| Seat {
                room,
                sends: if at == 0 { vec![Shape::Group] } else { vec![] },
                takes: if at == 0 { vec![] } else { vec![watch] },
            };
            (0..=watchers).map(seat).collect()
        })
    }

    /// Everyone sends all of `sends` and takes all of it from everyone else.
    pub(crate) fn mesh(rooms: usize, legs: usize, sends: &[Shape]) -> Self {
        Self::of_rooms(rooms, |room, first| {
            let seat = |at| Seat {
                room,
                sends: sends.to_vec(),
                takes: others(at, legs)
                    .flat_map(|other| {
                        sends.iter().enumerate().map(move |(source, shape)| Take {
                            kind: shape.kind(),
                            leg: first + other,
                            source,
                        })
                    })
                    .collect(),
            };
            (0..legs).map(seat).collect()
        })
    }

    /// Everyone sends sound and three encodings; takes all sound, the high encoding of one and the low ones of the
    /// others. Nobody takes the middle one.
    pub(crate) fn simulcast(rooms: usize, legs: usize) -> Self {
        Self::of_rooms(rooms, |room, first| {
            let take = |kind, other, source| Take {
                kind,
                leg: first + other,
                source,
            };
            let seat = |at| {
                let large = (at + 1) % legs;
                let sound = others(at, legs).map(|other| take(Kind::Audio, other, 0));
                let pictures = others(at, legs)
                    .map(|other| take(Kind::Video, other, if other == large { 1 } else { 3 }));
                Seat {
                    room,
                    sends: vec![Shape::Opus, HIGH, MIDDLE, LOW],
                    takes: sound.chain(pictures).collect(),
                }
            };
            (0..legs).map(seat).collect()
        })
    }

    pub(crate) fn legs(&self) -> usize {
        self.seats.len()
    }

    pub(crate) fn legs_of(&self, room: usize) -> std::ops::Range<usize> {
        let size = self.seats.len() / self.rooms;
        room * size..(room + 1) * size
    }
}

fn others(at: usize, legs: usize) -> impl Iterator<Item = usize> {
    (0..legs).filter(move |other| *other != at)
}
