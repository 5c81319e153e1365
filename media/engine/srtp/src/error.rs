//! What can go wrong with a packet or a key.

use thiserror::Error;

/// Why a packet or a key was refused. [`SrtpError::code`] is the stable word for counters.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SrtpError {
    /// The packet cannot hold its header and its tag, or the buffer has no room for the tag.
    #[error("the packet is too short, or the buffer has no room for the tag")]
    TooShort,
    /// The packet is longer than a UDP datagram can be.
    #[error("the packet is longer than a datagram")]
    TooLong,
    /// Version, header length or sequence number do not fit what the caller said.
    #[error("the header contradicts itself or the caller")]
    BadHeader,
    /// The tag does not match: forged, damaged, or made with another key or roll-over counter.
    #[error("the packet failed authentication")]
    Authentication,
    /// The packet was accepted before.
    #[error("the packet is a replay")]
    Replay,
    /// The packet lies behind the replay window.
    #[error("the packet is older than the replay window")]
    TooOld,
    /// An SRTCP packet with the E bit clear; every profile here promises encryption.
    #[error("the control packet is not encrypted")]
    Unencrypted,
    /// What is encrypted by blocks is no whole number of them, and too short or padded, so that it was never made like that.
    #[error("the payload is no whole number of blocks")]
    NoWholeBlocks,
    /// The keying material has the wrong length for its profile.
    #[error("the master key and salt have the wrong length")]
    KeyLength,
    /// The leg has as many SSRCs as it may have.
    #[error("the leg has too many streams")]
    StreamLimit,
    /// The key has protected as many packets as it may (RFC 3711 section 9.2).
    #[error("the key is used up")]
    KeyExhausted,
    /// The cryptographic library refused an operation that should always succeed.
    #[error("the cryptographic library refused")]
    Cipher,
}

impl SrtpError {
    /// A stable snake-case word for counters and the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::BadHeader => "bad_header",
            Self::Authentication => "authentication",
            Self::Replay => "replay",
            Self::TooOld => "too_old",
            Self::Unencrypted => "unencrypted",
            Self::NoWholeBlocks => "no_whole_blocks",
            Self::KeyLength => "key_length",
            Self::StreamLimit => "stream_limit",
            Self::KeyExhausted => "key_exhausted",
            Self::Cipher => "cipher",
        }
    }
}
