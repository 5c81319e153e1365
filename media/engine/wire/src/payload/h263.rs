//! H.263 in RTP, as far as finding key frames needs it: RFC 2190, and RFC 4629 for all versions of H.263.
//!
//! Both say where a picture begins, and the picture says by itself whether it is predicted (ITU-T H.263 section 5.1).

/// A picture start code is two bytes of zeros and these six bits, at the beginning of a byte.
const START: (u8, u8) = (0xFC, 0x80);
const EXTENDED: u8 = 7;
const STARTS: u8 = 0x04;
const HAS_CORRECTION: u8 = 0x02;

/// Whether an INTRA picture begins with this packet of RFC 2190. Modes B and C are for what is in the midst of a picture.
#[must_use]
pub fn is_key_frame(payload: &[u8]) -> bool {
    let Some((header, picture)) = payload.split_at_checked(4) else {
        return false;
    };
    header[0] & 0x80 == 0 && picture.starts_with(&[0, 0]) && is_intra(&picture[2..])
}

/// Whether an INTRA picture begins with this packet of RFC 4629, which leaves the zeros of start codes out.
#[must_use]
pub fn is_plus_key_frame(payload: &[u8]) -> bool {
    let Some((&[first, second], rest)) = payload.split_first_chunk() else {
        return false;
    };
    let correction = usize::from(first & HAS_CORRECTION != 0);
    let repeated = usize::from(first & 1) << 5 | usize::from(second >> 3);
    let picture = rest.get(correction + repeated..);
    first & STARTS != 0 && picture.is_some_and(is_intra)
}

/// Whether this begins a picture, its first two zeros left out, that is INTRA.
fn is_intra(picture: &[u8]) -> bool {
    let byte = |at: usize| picture.get(at).copied();
    let Some((start, kind)) = byte(0).zip(byte(2)) else {
        return false;
    };
    if start & START.0 != START.1 {
        return false;
    }
    if kind >> 2 & 7 != EXTENDED {
        return kind & 2 == 0;
    }
    // UFEP 001: optional parts of the type come before the picture's own (section 5.1.4).
    let Some(next) = byte(3) else {
        return false;
    };
    match (kind & 3) << 1 | next >> 7 {
        0 => next >> 4 & 7 == 0,
        1 => byte(5).is_some_and(|type_| type_ >> 2 & 7 == 0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beginnings of pictures as FFmpeg writes them: INTRA and predicted, of both versions.
    const PICTURES: [([u8; 8], bool); 4] = [
        ([0x00, 0x00, 0x80, 0x02, 0x0c, 0x04, 0x3d, 0x9d], true),
        ([0x00, 0x00, 0x80, 0x06, 0x0e, 0x02, 0x00, 0xfa], false),
        ([0x00, 0x00, 0x80, 0x02, 0x1c, 0xb0, 0x21, 0x00], true),
        ([0x00, 0x00, 0x80, 0x06, 0x1c, 0xb0, 0x21, 0x04], false),
    ];

    #[test]
    fn pictures_say_themselves_whether_they_are_intra() {
        for (picture, intra) in PICTURES {
            let old = [&[0x02, 0x60, 0, 0][..], &picture].concat();
            assert_eq!(is_key_frame(&old), intra, "{picture:x?}");
            let new = [&[0x04, 0x00][..], &picture[2..]].concat();
            assert_eq!(is_plus_key_frame(&new), intra, "{picture:x?}");
            // With a byte against loss, and two of a picture header that is repeated.
            let more = [&[0x06, 0x10, 0xaa, 0xbb, 0xcc][..], &picture[2..]].concat();
            assert_eq!(is_plus_key_frame(&more), intra, "{picture:x?}");
        }
        // Without the optional parts (UFEP 000).
        assert!(is_plus_key_frame(&[0x04, 0x00, 0x80, 0x02, 0x1c, 0x00]));
        assert!(!is_plus_key_frame(&[0x04, 0x00, 0x80, 0x02, 0x1c, 0x10]));
    }

    #[test]
    fn what_is_in_the_midst_of_a_picture_or_cut_off_is_no_key_frame() {
        let (picture, _) = PICTURES[0];
        let fragment = [&[0x82, 0x60, 0, 0][..], &picture].concat();
        assert!(!is_key_frame(&fragment));
        assert!(!is_plus_key_frame(
            &[&[0x00, 0x00][..], &picture[2..]].concat()
        ));
        let group = [0x02, 0x60, 0, 0, 0x00, 0x00, 0x86, 0x02, 0x0c];
        assert!(!is_key_frame(&group));
        for length in 0..9 {
            let whole = [&[0x02, 0x60, 0, 0][..], &picture].concat();
            assert!(!is_key_frame(&whole[..length]));
        }
        for length in 0..8 {
            let (picture, _) = PICTURES[2];
            let whole = [&[0x04, 0x00][..], &picture[2..]].concat();
            assert!(!is_plus_key_frame(&whole[..length.min(7)]));
        }
    }
}
