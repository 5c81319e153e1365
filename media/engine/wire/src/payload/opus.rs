//! Opus packets (RFC 6716 section 3.2): two of one frame each become one of two frames, which saves the headers of the
//! second. Nothing is decoded.

/// The most that a packet may last, in microseconds (RFC 6716 section 3.2, requirement R5).
const LONGEST_US: u32 = 120_000;
/// The largest frame (requirement R2).
const LARGEST: usize = 1_275;
/// Lengths from here on take two bytes.
const TWO_BYTES: usize = 252;
/// The bits of the first byte that count frames.
const COUNT: u8 = 0b11;
const TWO_EQUAL: u8 = 1;
const TWO: u8 = 2;

/// How long one frame lasts, in microseconds, by the first byte of its packet (RFC 6716 table 2).
pub const fn frame_us(first_byte: u8) -> u32 {
    let configuration = first_byte >> 3;
    match configuration {
        0..=11 => [10_000, 20_000, 40_000, 60_000][configuration as usize % 4],
        12..=15 => [10_000, 20_000][configuration as usize % 2],
        _ => [2_500, 5_000, 10_000, 20_000][configuration as usize % 4],
    }
}

/// Two packets that can be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair<'a> {
    first_byte: u8,
    frames: [&'a [u8]; 2],
}

impl<'a> Pair<'a> {
    /// The packets that follow each other, each of one frame; `None` if they are of different kinds, too long, too large,
    /// or of several frames already.
    pub fn of(earlier: &'a [u8], later: &'a [u8]) -> Option<Self> {
        let may_begin = Self::may_begin(earlier);
        let (first_byte, earlier) = earlier.split_first()?;
        let (same, later) = later.split_first()?;
        let fits = first_byte == same && may_begin && earlier.len().max(later.len()) <= LARGEST;
        fits.then_some(Self {
            first_byte: *first_byte,
            frames: [earlier, later],
        })
    }

    /// Whether a packet may be the first of two: it is of one frame, and not too long.
    pub fn may_begin(packet: &[u8]) -> bool {
        let first_byte = packet.first();
        first_byte.is_some_and(|byte| byte & COUNT == 0 && 2 * frame_us(*byte) <= LONGEST_US)
    }

    fn equal(&self) -> bool {
        self.frames[0].len() == self.frames[1].len()
    }

    /// Bytes of both as one.
    pub fn len(&self) -> usize {
        let length = match self.frames[0].len() {
            _ if self.equal() => 0,
            0..TWO_BYTES => 1,
            _ => 2,
        };
        1 + length + self.frames[0].len() + self.frames[1].len()
    }

    /// Never true: there is a first byte at least.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Writes both as one to the first [`len`](Self::len) bytes of `out`.
    ///
    /// # Panics
    /// If there is no room for it, which is the caller's mistake and not a packet's.
    pub fn write(&self, out: &mut [u8]) {
        let [earlier, later] = self.frames;
        let code = if self.equal() { TWO_EQUAL } else { TWO };
        out[0] = self.first_byte | code;
        let mut at = 1;
        if !self.equal() {
            let low = earlier.len().min(TWO_BYTES + (earlier.len() & 3));
            out[at] = low as u8;
            at += 1;
            if low >= TWO_BYTES {
                out[at] = ((earlier.len() - low) / 4) as u8;
                at += 1;
            }
        }
        out[at..at + earlier.len()].copy_from_slice(earlier);
        at += earlier.len();
        out[at..at + later.len()].copy_from_slice(later);
    }
}

/// Whether the first frame of a packet holds speech, by the flags that its encoder has put at the beginning of each frame
/// of SILK (RFC 6716 section 4.2.3): they are coded with even odds, and so are plain bits. Frames of a byte are silence of
/// discontinuous transmission. `None` for CELT alone, which has no such flags, and for what is no packet.
pub fn voice(packet: &[u8]) -> Option<bool> {
    let toc = *packet.first()?;
    let frame = first_frame(toc, packet.get(1..)?)?;
    let [first, _, ..] = frame else {
        return Some(false);
    };
    let silk_frames = match toc >> 3 {
        config @ 0..12 => [1, 1, 2, 3][usize::from(config & 3)],
        12..16 => 1,
        _ => return None,
    };
    Some(first >> (8 - silk_frames) != 0)
}

/// The first frame of a packet (section 3.2), or more than it where nothing says where it ends.
fn first_frame(toc: u8, rest: &[u8]) -> Option<&[u8]> {
    match toc & 3 {
        0 => Some(rest),
        1 => rest.get(..rest.len() / 2),
        2 => {
            let (length, rest) = length(rest)?;
            rest.get(..length)
        }
        _ => {
            let (count, mut rest) = rest.split_first()?;
            if count & 0x40 != 0 {
                let counts = rest.iter().take_while(|byte| **byte == 255).count();
                rest = rest.get(counts + 1..)?;
            }
            let frames = count & 0x3f;
            if count & 0x80 == 0 || frames < 2 {
                return (frames > 0).then_some(rest);
            }
            let (first, mut rest) = length(rest)?;
            for _ in 2..frames {
                rest = length(rest)?.1;
            }
            rest.get(..first)
        }
    }
}

/// A length of one byte or two (section 3.2.1), and what follows it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first < 252 {
        return Some((usize::from(*first), rest));
    }
    let (second, rest) = rest.split_first()?;
    Some((usize::from(*second) * 4 + usize::from(*first), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPEECH: u8 = 0b0100_1000;
    const MUSIC: u8 = 0b1111_1000;

    fn packet(first_byte: u8, frame: &[u8]) -> Vec<u8> {
        [&[first_byte], frame].concat()
    }

    #[test]
    fn what_an_encoder_calls_speech_is_told() {
        // Of libopus: speech in SILK, noise 80 dB below full scale in SILK and in both, and three frames of that in one.
        let of_libopus = [
            ("48800bc5fc9154197d98c2ae0097db52", Some(true)),
            ("480a7b7ef87edcf77d668e2ddecbe82a605b7bccacfa36f540c620", Some(false)),
            ("680b6176bdcc88ba5656f14d28528af4", Some(false)),
            ("6b8328210b616eeb02b76e7af50ed618b9e632656717e4eb10c5881703029b65af433c87364f2c54b80c58670b60", Some(false)),
        ];
        for (packet, expected) in of_libopus {
            let digits: Vec<_> = packet
                .bytes()
                .map(|digit| (digit as char).to_digit(16).unwrap() as u8)
                .collect();
            let bytes: Vec<_> = digits
                .chunks(2)
                .map(|pair| pair[0] << 4 | pair[1])
                .collect();
            assert_eq!(voice(&bytes), expected, "{packet}");
        }
        // In the second and third frame of SILK, of one packet of 60 ms; the bit behind them is none of these flags.
        for (first, expected) in [(0x40, true), (0x20, true), (0x10, false)] {
            assert_eq!(voice(&packet(0b0101_1000, &[first, 0])), Some(expected));
        }
        assert_eq!(voice(&packet(MUSIC, &[0x80, 0])), None);
        assert_eq!(
            voice(&packet(MUSIC, &[])),
            Some(false),
            "nothing is sent in silence"
        );
        assert_eq!(voice(&[]), None);
        // Padding of 256 bytes before three frames of one size, of which the first is told.
        assert_eq!(
            voice(&packet(SPEECH | 3, &[0x43, 255, 2, 0x80, 0])),
            Some(true)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_told_of_or_not(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = voice(&bytes);
        }
    }

    /// The frames of a packet, read by the words of RFC 6716 section 3.2.
    fn frames(packet: &[u8]) -> Vec<Vec<u8>> {
        let (first, rest) = packet.split_first().unwrap();
        match first & 3 {
            0 => vec![rest.to_vec()],
            1 => rest
                .chunks(rest.len().max(2) / 2)
                .map(<[u8]>::to_vec)
                .collect(),
            2 => {
                let (len, rest) = match rest[0] {
                    0..=251 => (usize::from(rest[0]), &rest[1..]),
                    low => (usize::from(rest[1]) * 4 + usize::from(low), &rest[2..]),
                };
                vec![rest[..len].to_vec(), rest[len..].to_vec()]
            }
            _ => panic!("not written here"),
        }
    }

    #[test]
    fn only_what_is_alike_and_short_becomes_one() {
        let (speech, music) = (packet(SPEECH, &[1; 60]), packet(MUSIC, &[2; 60]));
        assert!(Pair::of(&speech, &speech).is_some());
        assert_eq!(Pair::of(&speech, &music), None);
        assert_eq!(Pair::of(&speech, &[]), None);
        let several = packet(SPEECH | 1, &[1; 60]);
        assert_eq!(Pair::of(&several, &several), None);
        assert_eq!(
            [&speech, &several].map(|one| Pair::may_begin(one)),
            [true, false]
        );
        assert!(!Pair::may_begin(&[]));
        let large = packet(MUSIC, &[1; 1_276]);
        assert_eq!(Pair::of(&music, &large), None);
        assert_eq!([frame_us(SPEECH), frame_us(MUSIC)], [20_000, 20_000]);
        assert_eq!(
            [frame_us(0b0001_1000), frame_us(0b0110_0000)],
            [60_000, 10_000]
        );
        let longest = packet(0b0001_1000, &[1; 60]);
        assert!(Pair::of(&longest, &longest).is_some());
    }

    proptest! {
        #[test]
        fn both_frames_come_out_again(
            earlier in prop::collection::vec(any::<u8>(), 1..1_276),
            later in prop::collection::vec(any::<u8>(), 1..1_276),
            equal in any::<bool>(),
        ) {
            let later = if equal { earlier.iter().rev().copied().collect() } else { later };
            let packets = (packet(MUSIC, &earlier), packet(MUSIC, &later));
            let pair = Pair::of(&packets.0, &packets.1).unwrap();
            let mut out = vec![0; pair.len()];
            pair.write(&mut out);
            prop_assert_eq!(out[0] & !3, MUSIC);
            prop_assert_eq!(frames(&out), vec![earlier, later]);
        }

        #[test]
        fn any_bytes_are_taken(
            earlier in prop::collection::vec(any::<u8>(), 0..1_400),
            later in prop::collection::vec(any::<u8>(), 0..1_400),
        ) {
            if let Some(pair) = Pair::of(&earlier, &later) {
                let mut out = vec![0; pair.len()];
                pair.write(&mut out);
            }
        }
    }
}
