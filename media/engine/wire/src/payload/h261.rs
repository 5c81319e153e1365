//! H.261 in RTP (RFC 4587): where decoding can begin.
//!
//! H.261 has no key frames. Each macroblock is INTRA or predicted by itself, and must be INTRA at least once in the 132 times
//! that it is sent (ITU-T H.261 section 3.4), so that a decoder is whole some time after any beginning. The I bit of the payload
//! header is of the whole stream, and the release of a frozen picture is not set by every encoder that has been asked for a fast
//! update. What is left is the picture itself: one that is whole begins with a macroblock that is INTRA. Any other picture may
//! begin so as well, but seldom, and by the rule of 132 every encoder comes to it: nobody waits for ever.

const HEADER_BITS: usize = 32;
const PICTURE_START: u32 = 0x10;
const GROUP_START: u32 = 1;
const STUFFING: u32 = 0x00f;
/// Of a picture of CIF, the larger of the two formats.
const MOST_GROUPS: usize = 12;

/// Whether this packet begins a picture (its start code comes first) of which the first macroblock is INTRA.
#[must_use]
pub fn is_key_frame(payload: &[u8]) -> bool {
    first_is_intra(payload).unwrap_or(false)
}

fn first_is_intra(payload: &[u8]) -> Option<bool> {
    let skipped = usize::from(*payload.first()? >> 5);
    let mut bits = Bits {
        bytes: payload,
        at: HEADER_BITS + skipped,
    };
    if bits.take(20)? != PICTURE_START {
        return Some(false);
    }
    // Temporal reference and type of the picture.
    bits.take(5 + 6)?;
    bits.skip_spare()?;
    for _ in 0..MOST_GROUPS {
        // Start code and number of a group of blocks, which a picture has in order.
        if bits.take(16)? != GROUP_START || bits.take(4)? == 0 {
            return Some(false);
        }
        bits.take(5)?;
        bits.skip_spare()?;
        while bits.peek(11)? == STUFFING {
            bits.take(11)?;
        }
        if bits.peek(15)? == 0 {
            continue;
        }
        let address = bits.peek(11)?;
        bits.take(address_bits(address)?)?;
        return Some(bits.peek(4)? == 1 || bits.peek(7)? == 1);
    }
    Some(false)
}

/// The length of the code of a macroblock's address that these eleven bits begin with (ITU-T H.261 table 1).
const fn address_bits(window: u32) -> Option<u32> {
    match window {
        1024.. => Some(1),
        512.. => Some(3),
        256.. => Some(4),
        128.. => Some(5),
        96.. => Some(7),
        48.. => Some(8),
        36.. => Some(10),
        24.. => Some(11),
        _ => None,
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next bits, at most 24; none where there are not as many.
    fn peek(&self, count: u32) -> Option<u32> {
        let from = self.at / 8;
        let end = self.at + count as usize;
        let bytes = self.bytes.get(from..end.div_ceil(8))?;
        let all = bytes
            .iter()
            .fold(0, |all, byte| all << 8 | u64::from(*byte));
        let behind = bytes.len() * 8 - (end - from * 8);
        Some((all >> behind) as u32 & ((1 << count) - 1))
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let bits = self.peek(count)?;
        self.at += count as usize;
        Some(bits)
    }

    /// Spare information, of which there may be any amount, each byte behind a bit that says so.
    fn skip_spare(&mut self) -> Option<()> {
        while self.take(1)? == 1 {
            self.take(8)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beginnings of pictures of the h323plus stack (whole, and seconds later), and of FFmpeg's (whole, predicted).
    #[test]
    fn a_picture_that_begins_with_an_intra_macroblock_is_one_to_begin_with() {
        let header = [0x01, 0, 0, 0];
        for (picture, begins) in [
            (
                &[0x00, 0x01, 0x00, 0x0e, 0x00, 0x01, 0x15, 0x23, 0x85, 0x61][..],
                true,
            ),
            (
                &[0x00, 0x01, 0x00, 0x1e, 0x00, 0x01, 0x12, 0x23, 0x67, 0xc4][..],
                true,
            ),
            (
                &[0x00, 0x01, 0x00, 0x8e, 0x00, 0x01, 0x11, 0x23, 0x4c, 0x08][..],
                true,
            ),
            (
                &[0x00, 0x01, 0x00, 0x8e, 0x00, 0x01, 0x11, 0x31, 0x4c, 0x08][..],
                false,
            ),
            // An empty group before it, and one before the end.
            (
                &[
                    0x00, 0x01, 0x00, 0x8e, 0x00, 0x01, 0x11, 0x00, 0x00, 0x48, 0x88, 0x88,
                ][..],
                false,
            ),
            (
                &[0x00, 0x01, 0x00, 0x8e, 0x00, 0x01, 0x11, 0x00, 0x00][..],
                false,
            ),
        ] {
            let payload = [&header[..], picture].concat();
            assert_eq!(is_key_frame(&payload), begins, "{picture:x?}");
        }
    }

    #[test]
    fn what_does_not_begin_a_picture_or_is_cut_off_is_none_to_begin_with() {
        let whole = [
            0x01, 0, 0, 0, 0x00, 0x01, 0x00, 0x0e, 0x00, 0x01, 0x15, 0x23, 0x85, 0x61,
        ];
        assert!(is_key_frame(&whole));
        for length in 0..whole.len() {
            assert!(!is_key_frame(&whole[..length]), "{length}");
        }
        let group = [0x01, 0x10, 0, 0, 0x00, 0x01, 0x15, 0x23, 0x85, 0x61];
        assert!(!is_key_frame(&group));
        assert!(!is_key_frame(&[0xff; 40]) && !is_key_frame(&[0; 40]));
    }
}
