//! Retransmission payloads (RFC 4588 section 4): the original sequence number before the original payload.

use crate::bytes::u16_at;
use crate::WireError;

/// Bytes that come before the original payload.
pub const HEADER_LEN: usize = 2;

/// The sequence number that the packet had when it was first sent.
///
/// # Errors
/// [`WireError::Truncated`] for payloads shorter than [`HEADER_LEN`], such as bandwidth probes made of padding.
pub fn original_sequence(payload: &[u8]) -> Result<u16, WireError> {
    u16_at(payload, 0)
}

/// Writes the original sequence number to the first [`HEADER_LEN`] bytes of `payload` and leaves the rest.
///
/// # Errors
/// [`WireError::Truncated`] if there is no room; nothing is written then.
pub fn write_original_sequence(payload: &mut [u8], sequence: u16) -> Result<(), WireError> {
    let available = payload.len();
    let head = payload.first_chunk_mut().ok_or(WireError::Truncated {
        needed: HEADER_LEN,
        available,
    })?;
    *head = sequence.to_be_bytes();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written is read back, and the payload behind it is untouched.
    #[test]
    fn reads_back_what_it_writes() {
        let mut payload = [0, 0, 7];
        write_original_sequence(&mut payload, 0xABCD).unwrap();
        assert_eq!(payload, [0xAB, 0xCD, 7]);
        assert_eq!(original_sequence(&payload), Ok(0xABCD));
    }

    /// A payload without room for the number is an error both ways.
    #[test]
    fn short_payloads_are_errors() {
        let short = WireError::Truncated {
            needed: 2,
            available: 1,
        };
        assert_eq!(original_sequence(&[1]), Err(short));
        assert_eq!(write_original_sequence(&mut [1], 9), Err(short));
    }
}
