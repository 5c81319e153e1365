//! What a sequence parameter set says of the size of pictures (ITU-T H.264 7.3.2.1.1 and 7.4.2.1.1).

/// Profiles of which a set tells the chroma format as well.
const WITH_CHROMA: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// Values of `chroma_format_idc`.
const FOUR_TWO_ZERO: u32 = 1;
const FOUR_FOUR_FOUR: u32 = 3;
const MACROBLOCK: u32 = 16;
/// More than any level allows (table A-1), and than any set may say.
const LINES_MOST: u32 = 16_384;
const CYCLE_MOST: u32 = 255;

/// Lines of the picture that a whole unit describes, after cropping; none if it ends too early or cannot be.
pub(super) fn height(unit: &[u8]) -> Option<u16> {
    let mut bits = Bits::new(unit.get(1..)?);
    let profile = bits.take(8)?;
    bits.take(16)?; // Constraints and level.
    bits.unsigned()?; // Its own number.
    let chroma = if WITH_CHROMA.iter().any(|of| u32::from(*of) == profile) {
        chroma_lines(&mut bits)?
    } else {
        2
    };
    pass_order(&mut bits)?;
    bits.unsigned()?; // Reference frames.
    bits.take(1)?;
    bits.unsigned()?; // Width.
    let units = bits.unsigned()?.checked_add(1)?;
    let is_of_frames = bits.take(1)? == 1;
    let fields = if is_of_frames { 1 } else { 2 };
    bits.take(if is_of_frames { 1 } else { 2 })?;
    let cropped = if bits.take(1)? == 1 {
        bits.unsigned()?;
        bits.unsigned()?;
        bits.unsigned()?.checked_add(bits.unsigned()?)?
    } else {
        0
    };
    let lines = units.checked_mul(MACROBLOCK * fields)?;
    let hidden = cropped.checked_mul(chroma * fields)?;
    let shown = lines.checked_sub(hidden)?;
    (1..=LINES_MOST).contains(&shown).then_some(shown as u16)
}

/// Lines of luma for one of chroma; passes what is told of both.
fn chroma_lines(bits: &mut Bits<'_>) -> Option<u32> {
    let format = bits.unsigned()?;
    let is_444 = format == FOUR_FOUR_FOUR;
    if is_444 {
        bits.take(1)?;
    }
    bits.unsigned()?;
    bits.unsigned()?;
    bits.take(1)?;
    if bits.take(1)? == 1 {
        for list in 0..if is_444 { 12 } else { 8 } {
            if bits.take(1)? == 1 {
                pass_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(if format == FOUR_TWO_ZERO { 2 } else { 1 })
}

/// 7.3.2.1.1.1.
fn pass_scaling_list(bits: &mut Bits<'_>, size: usize) -> Option<()> {
    let mut scale = 8;
    for _ in 0..size {
        let next = (scale + bits.signed()?).rem_euclid(256);
        if next == 0 {
            break;
        }
        scale = next;
    }
    Some(())
}

/// Frame numbers and the order of pictures.
fn pass_order(bits: &mut Bits<'_>) -> Option<()> {
    bits.unsigned()?;
    match bits.unsigned()? {
        0 => bits.unsigned().map(drop),
        1 => {
            bits.take(1)?;
            bits.unsigned()?;
            bits.unsigned()?;
            let cycle = bits.unsigned().filter(|cycle| *cycle <= CYCLE_MOST)?;
            (0..cycle).try_for_each(|_| bits.unsigned().map(drop))
        }
        2 => Some(()),
        _ => None,
    }
}

/// Bits of a unit, without the bytes that keep its payload from looking like a start code (7.4.1.1).
struct Bits<'a> {
    rest: &'a [u8],
    zeros: u8,
    byte: u8,
    left: u8,
}

impl<'a> Bits<'a> {
    const fn new(rest: &'a [u8]) -> Self {
        Self {
            rest,
            zeros: 0,
            byte: 0,
            left: 0,
        }
    }

    fn next_byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        if byte == 3 && self.zeros == 2 {
            self.zeros = 0;
            return self.next_byte();
        }
        self.zeros = if byte == 0 {
            (self.zeros + 1).min(2)
        } else {
            0
        };
        Some(byte)
    }

    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            self.byte = self.next_byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left & 1))
    }

    /// So many bits, 32 at most.
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| Some(value << 1 | self.bit()?))
    }

    /// An Exp-Golomb code (9.1), of 31 bits at most.
    fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1_u32 << zeros) - 1 + self.take(zeros)?)
    }

    /// The same with a sign (9.1.1), as far as a scaling list may have it.
    fn signed(&mut self) -> Option<i32> {
        let code = self.unsigned().filter(|code| *code <= 256)? as i32;
        Some(if code % 2 == 0 {
            -code / 2
        } else {
            (code + 1) / 2
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = hex.as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.map(byte).collect()
    }

    /// As x264 writes them for pictures of known size.
    #[test]
    fn the_lines_of_real_pictures_are_found() {
        for (lines, hex) in [
            (180, "6742c00cda05067e7840000003004000000ca3c50aa8"),
            (360, "6742c01eda0280bfe584000003000400000300ca3c58ba80"),
            (720, "6742c01fda014016e840000003004000000ca3c60ca8"),
            (1080, "6742c028da01e0089f961000000300100000030328f1832a"),
            (16, "6764000aacb23d080000030008000003019478913240"),
            (2160, "67640033acb200200021f420000003002000000651e30649"),
            // Scaling lists; 4:4:4; 4:2:2; no colour; fields.
            (1080, "67640028acb200f0044fcb080000030008000003019478c19240"),
            (358, "67f4001e919640280bfb8b84000003000400000300ca3c58b920"),
            (362, "677a001ebcb201405ff3c2000003000200000300651e2c5c90"),
            (362, "6764001ef2c805017fcf080000030008000003019478b17240"),
            (576, "6764001eace402d09342000003000200000300653e285490"),
            (1080, "67640028ace401e0113f708000000300800000194f8b1724"),
        ] {
            assert_eq!(height(&bytes(hex)), Some(lines), "{hex}");
        }
    }

    #[test]
    fn a_set_that_ends_too_early_has_no_lines() {
        let whole = bytes("6742c028da01e0089f961000000300100000030328f1832a");
        let lines: Vec<_> = (0..whole.len()).map(|len| height(&whole[..len])).collect();
        let known = lines.iter().position(Option::is_some).unwrap();
        assert!((8..12).contains(&known), "{lines:?}");
        assert!(lines[known..].iter().all(|of| *of == Some(1080)));
    }

    /// Codes are 1, 010, 011, 00100 and so on.
    #[test]
    fn codes_are_those_of_the_table() {
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let found: Vec<_> = (0..5).map(|_| bits.unsigned()).collect();
        assert_eq!(found, [Some(0), Some(1), Some(2), Some(3), Some(4)]);
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let found: Vec<_> = (0..5).map(|_| bits.signed()).collect();
        assert_eq!(found, [Some(0), Some(1), Some(-1), Some(2), Some(-2)]);
        assert_eq!(Bits::new(&[0; 9]).unsigned(), None, "without an end");
    }

    #[test]
    fn what_stands_between_zeros_and_a_start_code_is_left_out() {
        let mut bits = Bits::new(&[0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3]);
        let read: Vec<_> = std::iter::from_fn(|| bits.next_byte()).collect();
        assert_eq!(read, [0, 0, 1, 0, 0, 0, 0, 3]);
    }

    /// Of sixteen lines sixteen are cropped, or fourteen; two to the power of 31 macroblocks one upon the other.
    #[test]
    fn sizes_that_cannot_be_are_none() {
        for (hex, lines) in [
            ("6742001edddca580", None),
            ("6742001edddc8580", Some(2)),
            ("6742001eda0000000080000000", None),
        ] {
            assert_eq!(height(&bytes(hex)), lines, "{hex}");
        }
    }
}
