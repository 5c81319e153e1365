//! AV1 (AOMedia "RTP Payload Format For AV1", section 4.4).

const CONTINUES_OBU: u8 = 0x80;
const NEW_CODED_VIDEO_SEQUENCE: u8 = 0x08;

/// Whether this packet starts a coded video sequence, so that decoding can begin here.
///
/// The aggregation header's N bit says so; it may be set only on the first packet of a sequence, which cannot
/// continue an earlier packet's OBU (Z).
#[must_use]
pub fn is_key_frame(payload: &[u8]) -> bool {
    payload.first().is_some_and(|header| {
        header & (CONTINUES_OBU | NEW_CODED_VIDEO_SEQUENCE) == NEW_CODED_VIDEO_SEQUENCE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only the N bit without Z starts a sequence, whatever W and Y are.
    #[test]
    fn n_bit_without_z_starts_a_sequence() {
        assert!(is_key_frame(&[0x08, 0x0A]));
        assert!(is_key_frame(&[0x28, 0x0A]));
        assert!(is_key_frame(&[0x58, 0x0A]));
        assert!(!is_key_frame(&[0x88, 0x0A]));
        assert!(!is_key_frame(&[0x10, 0x32]));
        assert!(!is_key_frame(&[]));
    }
}
