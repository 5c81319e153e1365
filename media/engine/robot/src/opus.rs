//! Opus packets with room for a mark in their padding (RFC 6716 section 3.2).

use crate::marker;

const CODE: u8 = 0x03;
const VARIABLE: u8 = 0x80;
const PADDED: u8 = 0x40;
/// Frames in one packet: 48 of 2.5 ms are its 120 ms.
const MAX_FRAMES: u8 = 48;

/// The packet as one of code 3 that ends in [`marker::LEN`] bytes of padding, zeros as yet. What padding it had is left
/// out. None if it breaks a rule of section 3.4 that can be told without its frames' lengths.
pub(crate) fn with_room(packet: &[u8]) -> Option<Vec<u8>> {
    let (toc, rest) = packet.split_first()?;
    let (count, frames) = match toc & CODE {
        0 => (1, rest),
        1 => (rest.len().is_multiple_of(2).then_some(2)?, rest),
        2 => (VARIABLE | 2, rest),
        _ => split_counted(rest)?,
    };
    if !(1..=MAX_FRAMES).contains(&(count & 0x3f)) {
        return None;
    }
    let mut out = vec![toc | CODE, count | PADDED, marker::LEN as u8];
    out.extend_from_slice(frames);
    out.resize(out.len() + marker::LEN, 0);
    Some(out)
}

/// The frame count byte without its padding bit, and what lies between the padding's length and the padding.
fn split_counted(rest: &[u8]) -> Option<(u8, &[u8])> {
    let (count, mut rest) = rest.split_first()?;
    let mut padding = 0_usize;
    if count & PADDED != 0 {
        loop {
            let (byte, more) = rest.split_first()?;
            rest = more;
            // 255 stands for 254 bytes and another length byte.
            padding += usize::from(*byte).min(254);
            if *byte != 255 {
                break;
            }
        }
    }
    let len = rest.len().checked_sub(padding)?;
    Some((count & !PADDED, &rest[..len]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(head: &[u8]) -> Vec<u8> {
        [head, &[0; marker::LEN]].concat()
    }

    /// Each of the four codes becomes code 3 with the same frames.
    #[test]
    fn every_code_becomes_code_three() {
        assert_eq!(
            with_room(&[0x78, 1, 2, 3]),
            Some(padded(&[0x7b, 0x41, 32, 1, 2, 3]))
        );
        assert_eq!(
            with_room(&[0x79, 1, 2]),
            Some(padded(&[0x7b, 0x42, 32, 1, 2]))
        );
        assert_eq!(
            with_room(&[0x7a, 1, 2, 3]),
            Some(padded(&[0x7b, 0xc2, 32, 1, 2, 3]))
        );
        assert_eq!(
            with_room(&[0x7b, 0x83, 1, 1, 9, 9, 9]),
            Some(padded(&[0x7b, 0xc3, 32, 1, 1, 9, 9, 9]))
        );
        let silence = with_room(&[0x78]);
        assert_eq!(silence, Some(padded(&[0x7b, 0x41, 32])));
    }

    /// Padding that is there already is replaced, also a long one.
    #[test]
    fn old_padding_is_left_out() {
        let short = with_room(&[0x7b, 0x41, 2, 7, 0, 0]);
        assert_eq!(short, Some(padded(&[0x7b, 0x41, 32, 7])));
        let mut long = vec![0x7b, 0x41, 255, 1, 7];
        long.resize(long.len() + 255, 0);
        assert_eq!(with_room(&long), Some(padded(&[0x7b, 0x41, 32, 7])));
    }

    /// What no encoder makes is refused.
    #[test]
    fn broken_packets_are_refused() {
        for packet in [
            &[][..],
            &[0x79, 1],
            &[0x7b],
            &[0x7b, 0x40],
            &[0x7b, 0x31],
            &[0x7b, 0x41, 9, 1],
        ] {
            assert_eq!(with_room(packet), None, "{packet:x?}");
        }
    }
}
