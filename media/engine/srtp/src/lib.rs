//! Secure RTP and RTCP (RFC 3711, RFC 7714) for the packet engine, and the encryption of H.235.6.
//!
//! The crate has no clock, no IO and no threads, and it allocates only when keys are made or a new
//! SSRC is first heard. [`Outbound`] protects what we send, [`Inbound`] opens what the peer sends.
//! Keys come from DTLS-SRTP (RFC 5764) as master key followed by master salt; there is no re-keying,
//! no MKI and a key derivation rate of zero, as RFC 5764 section 4.1.2 has it.

#![forbid(unsafe_code)]

mod cbc;
mod ctr_hmac;
mod error;
mod gcm;
mod kdf;
mod replay;
mod session;
mod suite;
#[cfg(test)]
mod vectors;

pub use error::SrtpError;
pub use replay::{StreamState, MAX_STREAMS, REPLAY_WINDOW, WINDOW_WORDS};
pub use session::{Inbound, KeyType, Outbound, Unprotected};
pub use suite::Profile;
