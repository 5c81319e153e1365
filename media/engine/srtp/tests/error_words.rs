//! The words that counters know errors by.

use engine_srtp::SrtpError;

/// Metrics are labelled by these words, so that none may change unseen.
#[test]
fn every_error_keeps_its_word() {
    for (error, word) in [
        (SrtpError::TooShort, "too_short"),
        (SrtpError::TooLong, "too_long"),
        (SrtpError::BadHeader, "bad_header"),
        (SrtpError::Authentication, "authentication"),
        (SrtpError::Replay, "replay"),
        (SrtpError::TooOld, "too_old"),
        (SrtpError::Unencrypted, "unencrypted"),
        (SrtpError::KeyLength, "key_length"),
        (SrtpError::StreamLimit, "stream_limit"),
        (SrtpError::KeyExhausted, "key_exhausted"),
        (SrtpError::Cipher, "cipher"),
    ] {
        assert_eq!(error.code(), word);
    }
}
