//! The wire forms that the engine reads and writes: RTP, RTCP, STUN and the start of codecs' payloads.
//!
//! Everything here is a pure function of its arguments. There is no clock, no socket and no state beyond what a
//! caller holds; a parser takes any bytes, allocates nothing and does not panic. Parsers read once and keep ranges
//! or borrowed slices. Writers append to a buffer that the caller reuses.
#![forbid(unsafe_code)]

mod bytes;
pub mod crc;
pub mod demux;
mod error;
pub mod payload;
pub mod rtcp;
pub mod rtp;
pub mod seq;
pub mod stun;

pub use error::WireError;
