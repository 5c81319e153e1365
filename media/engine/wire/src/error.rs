//! The one error type of the crate.

use thiserror::Error;

/// Why some bytes are not what they were read as. It never holds any of the bytes themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end before a field that must be there.
    #[error("{available} bytes where at least {needed} are needed")]
    Truncated {
        /// Bytes that the field needs, counted from the start of what was parsed.
        needed: usize,
        /// Bytes that there are.
        available: usize,
    },
    /// The version field of RTP or RTCP is not 2 (RFC 3550 5.1, 6.4.1).
    #[error("RTP version {0}, expected 2")]
    Version(u8),
    /// The padding count is zero, or larger than what it pads (RFC 3550 5.1, 6.4.1).
    #[error("padding count does not fit")]
    Padding,
    /// An RTCP packet's own length field is too short for its type or its counts (RFC 3550 6.4, RFC 4585 6.1).
    #[error("RTCP packet of type {packet_type} is shorter than its contents")]
    RtcpLength {
        /// RTCP packet type.
        packet_type: u8,
    },
    /// The first two bits, or the magic cookie, are not those of STUN (RFC 8489 5).
    #[error("not a STUN message")]
    NotStun,
    /// The STUN length field is not a multiple of four, or disagrees with the datagram (RFC 8489 5).
    #[error("STUN length {declared} in a datagram of {available} bytes")]
    StunLength {
        /// The length field: bytes after the 20 bytes of header.
        declared: usize,
        /// Bytes of the datagram.
        available: usize,
    },
    /// A STUN attribute overruns the message, or its value has the wrong size or form (RFC 8489 14).
    #[error("STUN attribute {0:#06x} is malformed")]
    StunAttribute(u16),
    /// A RED payload has more redundant blocks than are read (RFC 2198).
    #[error("too many redundant blocks")]
    RedBlocks,
    /// A FlexFEC payload is of a form that is not taken, or its mask names nothing.
    #[error("FlexFEC of another form")]
    FlexFecForm,
}

impl WireError {
    /// A short stable word for counters' labels.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::Version(_) => "version",
            Self::Padding => "padding",
            Self::RtcpLength { .. } => "rtcp_length",
            Self::NotStun => "not_stun",
            Self::StunLength { .. } => "stun_length",
            Self::StunAttribute(_) => "stun_attribute",
            Self::RedBlocks => "red_blocks",
            Self::FlexFecForm => "flexfec_form",
        }
    }
}
