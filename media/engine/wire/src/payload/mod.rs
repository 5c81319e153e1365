//! The little that forwarding reads of codecs' RTP payloads: where a picture can be started, and ids to rewrite.
//!
//! Everything here takes the decrypted payload without RTP header and padding.

pub mod av1;
pub mod flexfec;
pub mod h261;
pub mod h263;
pub mod h264;
pub mod opus;
pub mod red;
pub mod rtx;
pub mod telephone_event;
pub mod vp8;
pub mod vp9;
