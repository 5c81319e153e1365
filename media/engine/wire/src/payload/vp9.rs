//! VP9 payload descriptor (RFC 9628 section 4.2), as far as finding key frames needs it.

const HAS_PICTURE_ID: u8 = 0x80;
const INTER_PICTURE_PREDICTED: u8 = 0x40;
const HAS_LAYERS: u8 = 0x20;
const STARTS_FRAME: u8 = 0x08;
const LONG_PICTURE_ID: u8 = 0x80;

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
