//! H.264 NAL units in RTP (RFC 6184 sections 5.2 to 5.8), packetization modes 0 and 1.

mod sequence_set;

const SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
const SEQUENCE_PARAMETERS: u8 = 7;
const PICTURE_PARAMETERS: u8 = 8;
const STAP_A: u8 = 24;
/// First byte of a STAP-A that holds what no decoder can do without (NRI 3).
pub const AGGREGATE: u8 = 3 << 5 | STAP_A;
const FU_A: u8 = 28;
const FU_START: u8 = 0x80;
const TYPE_MASK: u8 = 0x1F;

/// Whether decoding can begin with this packet: it holds, or starts, an IDR slice or a sequence parameter set.
///
/// Looks into single NAL units, STAP-A and the first fragment of FU-A. Several packets of one picture may say so.
#[must_use]
pub fn is_key_frame(payload: &[u8]) -> bool {
    any_unit(payload, |unit_type, _| {
        matches!(unit_type, IDR_SLICE | SEQUENCE_PARAMETERS)
    })
}

/// The whole NAL units of a packet: one, those of a STAP-A, or none where it is a fragment.
pub fn units(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let kind = payload.first().map_or(FU_A, |header| header & TYPE_MASK);
    let single = (1..STAP_A).contains(&kind).then_some(payload);
    let rest = payload.get(1..).filter(|_| kind == STAP_A);
    let whole = aggregated(rest.unwrap_or_default()).filter(|unit| !unit.is_empty());
    single.into_iter().chain(whole)
}

/// Whether a NAL unit is a sequence parameter set.
#[must_use]
pub fn is_sequence_set(unit: &[u8]) -> bool {
    unit.first()
        .is_some_and(|header| header & TYPE_MASK == SEQUENCE_PARAMETERS)
}

/// Lines of the pictures that follow, where the packet holds a whole sequence parameter set that tells them.
#[must_use]
pub fn height(payload: &[u8]) -> Option<u16> {
    let sets = units(payload).filter(|unit| is_sequence_set(unit));
    sets.filter_map(sequence_set::height).last()
}

/// Whether a NAL unit is a picture parameter set.
#[must_use]
pub fn is_picture_set(unit: &[u8]) -> bool {
    unit.first()
        .is_some_and(|header| header & TYPE_MASK == PICTURE_PARAMETERS)
}

/// Whether this packet holds the first slice of a picture (`first_mb_in_slice` is 0) or the parameter sets, SEI or
/// delimiter (types 6 to 9) that come before it (ITU-T H.264 7.4.1.2.3).
#[must_use]
pub fn starts_picture(payload: &[u8]) -> bool {
    any_unit(payload, |unit_type, slice_header| match unit_type {
        // first_mb_in_slice is an Exp-Golomb code: 0 is the single bit 1.
        SLICE..=IDR_SLICE => slice_header.first().is_some_and(|byte| byte & 0x80 != 0),
        6..=9 => true,
        _ => false,
    })
}

/// Whether `wanted` holds for the type and the following bytes of any NAL unit that starts in the packet.
fn any_unit(payload: &[u8], wanted: impl Fn(u8, &[u8]) -> bool) -> bool {
    let Some((header, rest)) = payload.split_first() else {
        return false;
    };
    match header & TYPE_MASK {
        STAP_A => aggregated(rest).any(|unit| {
            unit.split_first()
                .is_some_and(|(head, rest)| wanted(head & TYPE_MASK, rest))
        }),
        FU_A => rest.split_first().is_some_and(|(fragment, rest)| {
            fragment & FU_START != 0 && wanted(fragment & TYPE_MASK, rest)
        }),
        unit_type => wanted(unit_type, rest),
    }
}

/// The NAL units of a STAP-A after its header, until the first that does not fit (RFC 6184 5.7.1).
fn aggregated(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (size, after) = rest.split_first_chunk::<2>()?;
        let (unit, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*size)))?;
        rest = after;
        Some(unit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Single NAL units are key frames exactly when they are IDR slices or SPS.
    #[test]
    fn single_units() {
        for unit_type in 1..=23 {
            assert_eq!(
                is_key_frame(&[0x60 | unit_type, 0x80]),
                matches!(unit_type, 5 | 7),
                "type {unit_type}"
            );
        }
    }

    /// A STAP-A is a key frame if any unit in it is, as Chromium sends SPS, PPS and the IDR slice.
    #[test]
    fn aggregates_are_searched() {
        assert!(is_key_frame(&[
            0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68, 0, 2, 0x65, 0x88
        ]));
        assert!(is_key_frame(&[0x78, 0, 1, 0x68, 0, 2, 0x65, 0x88]));
        assert!(!is_key_frame(&[0x78, 0, 1, 0x68, 0, 2, 0x41, 0x9A]));
        assert!(
            !is_key_frame(&[0x78, 0, 9, 0x67]),
            "unit overruns the packet"
        );
        assert!(!is_key_frame(&[0x78, 0, 0, 0, 0]), "empty units");
    }

    /// Whole units are found wherever they lie, and in fragments there are none.
    #[test]
    fn whole_units_are_found() {
        let found = |payload| units(payload).collect::<Vec<_>>();
        assert_eq!(found(&[0x67, 1, 2]), [[0x67, 1, 2]]);
        assert_eq!(
            found(&[0x78, 0, 1, 0x67, 0, 0, 0, 1, 0x68, 0, 9]),
            [[0x67], [0x68]]
        );
        for payload in [&[][..], &[0x7C, 0x87, 1], &[0x78], &[0x60, 1]] {
            assert!(found(payload).is_empty());
        }
        assert!(is_sequence_set(&[0x27]) && is_picture_set(&[0x28]) && !is_picture_set(&[]));
    }

    /// Of a fragmented IDR slice only the first fragment is a key frame.
    #[test]
    fn only_the_first_fragment_counts() {
        assert!(is_key_frame(&[0x7C, 0x85, 0x88]));
        assert!(!is_key_frame(&[0x7C, 0x05, 0x88]));
        assert!(!is_key_frame(&[0x7C, 0x45, 0x88]));
        assert!(!is_key_frame(&[0x7C, 0x81, 0x88]));
        assert!(!is_key_frame(&[0x7C]));
        assert!(!is_key_frame(&[]));
    }

    /// A picture starts with parameter sets or with the slice whose first macroblock is 0.
    #[test]
    fn pictures_start_at_macroblock_zero() {
        assert!(starts_picture(&[0x41, 0x9A]));
        assert!(!starts_picture(&[0x41, 0x4A]), "a later slice");
        assert!(starts_picture(&[0x7C, 0x81, 0x9A]));
        assert!(!starts_picture(&[0x7C, 0x01, 0x9A]), "a later fragment");
        assert!(starts_picture(&[0x09, 0xF0]));
        assert!(!starts_picture(&[0x0C, 0xFF]), "filler data");
        assert!(!starts_picture(&[0x41]));
    }
}
