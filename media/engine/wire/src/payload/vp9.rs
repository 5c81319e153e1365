//! VP9 payload descriptor (RFC 9628 section 4.2), as far as finding key frames, and their size, needs it.

const HAS_PICTURE_ID: u8 = 0x80;
const INTER_PICTURE_PREDICTED: u8 = 0x40;
const HAS_LAYERS: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const STARTS_FRAME: u8 = 0x08;
const HAS_STRUCTURE: u8 = 0x02;
const LONG_PICTURE_ID: u8 = 0x80;
/// In the first byte of a scalability structure (section 4.2.1): the resolution of each spatial layer follows.
const HAS_SIZES: u8 = 0x10;

/// Whether this packet starts a key picture: not predicted from another picture (P=0), start of a frame (B=1), and
/// of the lowest spatial layer (SID=0, or no layer indices).
#[must_use]
pub fn is_key_frame(payload: &[u8]) -> bool {
    let Some(&flags) = payload.first() else {
        return false;
    };
    let starts = flags & (INTER_PICTURE_PREDICTED | STARTS_FRAME) == STARTS_FRAME;
    starts && spatial_layer(payload, flags) == Some(0)
}

/// Lines of the largest spatial layer, where the scalability structure ahead of a key picture tells them.
#[must_use]
pub fn height(payload: &[u8]) -> Option<u16> {
    let (&flags, rest) = payload.split_first()?;
    if flags & (INTER_PICTURE_PREDICTED | HAS_STRUCTURE) != HAS_STRUCTURE {
        return None;
    }
    let number = match rest.first() {
        _ if flags & HAS_PICTURE_ID == 0 => 0,
        Some(first) if first & LONG_PICTURE_ID != 0 => 2,
        _ => 1,
    };
    let layers = match flags & (HAS_LAYERS | FLEXIBLE) {
        HAS_LAYERS => 2,
        both if both & HAS_LAYERS != 0 => 1,
        _ => 0,
    };
    let (structure, sizes) = rest.get(number + layers..)?.split_first()?;
    let last = usize::from(structure >> 5) * 4;
    let lines = sizes.get(last + 2..)?.first_chunk()?;
    (structure & HAS_SIZES != 0).then(|| u16::from_be_bytes(*lines))
}

/// The spatial layer: 0 without layer indices, none if the descriptor is cut off.
fn spatial_layer(payload: &[u8], flags: u8) -> Option<u8> {
    let mut at = 1;
    if flags & HAS_PICTURE_ID != 0 {
        at += if payload.get(at)? & LONG_PICTURE_ID != 0 {
            2
        } else {
            1
        };
    }
    if flags & HAS_LAYERS == 0 {
        return Some(0);
    }
    payload.get(at).map(|layers| layers >> 1 & 0x07)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P, B and the spatial layer decide, behind picture ids of either width.
    #[test]
    fn key_frame_needs_no_prediction_a_start_and_the_base_layer() {
        assert!(is_key_frame(&[0x08, 0x00]));
        assert!(is_key_frame(&[0x88, 0x11, 0x00]));
        assert!(is_key_frame(&[0xA8, 0x91, 0x22, 0x01, 0x05]));
        assert!(is_key_frame(&[0xA8, 0x11, 0x01, 0x05]));
        assert!(
            !is_key_frame(&[0xA8, 0x91, 0x22, 0x02, 0x05]),
            "upper spatial layer"
        );
        assert!(!is_key_frame(&[0x48, 0x00]), "inter-picture predicted");
        assert!(!is_key_frame(&[0x80, 0x11]), "not the start of a frame");
    }

    /// Behind every field that may stand before it; of several spatial layers the largest counts.
    #[test]
    fn the_structure_ahead_of_a_key_picture_tells_its_lines() {
        let one = [0x10, 2, 0x80, 1, 0x68];
        let two = [0x30, 1, 0x40, 0, 0xB4, 2, 0x80, 1, 0x68];
        for (head, structure) in [
            (&[0x0A][..], &one[..]),
            (&[0x8A, 0x11], &one),
            (&[0x8A, 0x91, 0x22], &one),
            (&[0xAA, 0x91, 0x22, 0x01, 0x05], &two),
            (&[0xBA, 0x91, 0x22, 0x01], &two),
        ] {
            let payload = [head, structure].concat();
            assert_eq!(height(&payload), Some(360), "{payload:x?}");
            let cut = (0..payload.len()).filter_map(|len| height(&payload[..len]));
            assert_eq!(cut.count(), 0);
        }
        for payload in [
            &[0x08, 0x10, 2, 0x80, 1, 0x68][..],
            &[0x4A, 0x10, 2, 0x80, 1, 0x68],
            &[0x0A, 0x00, 2, 0x80, 1, 0x68],
        ] {
            assert_eq!(height(payload), None, "{payload:x?}");
        }
    }

    /// A descriptor that is cut off before its layer indices is no key frame.
    #[test]
    fn cut_off_descriptors_are_no_key_frames() {
        for payload in [
            &[][..],
            &[0xA8],
            &[0xA8, 0x91],
            &[0xA8, 0x91, 0x22],
            &[0x28],
        ] {
            assert!(!is_key_frame(payload), "{payload:x?}");
        }
    }
}
