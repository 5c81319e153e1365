//! The words that counters know errors by.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

use engine_wire::stun::Message;
use engine_wire::{rtcp, WireError};

/// Metrics are labelled by these words, so that none may change unseen.
#[test]
fn every_error_keeps_its_word() {
    let packet_type = 200;
    for (error, word) in [
        (
            rtcp::parse(&[0x80]).next().unwrap().unwrap_err(),
            "truncated",
        ),
        (WireError::Version(1), "version"),
        (WireError::Padding, "padding"),
        (WireError::RtcpLength { packet_type }, "rtcp_length"),
        (Message::parse(&[0xFF; 20]).unwrap_err(), "not_stun"),
        (
            Message::parse(&[&[0, 1, 0, 4, 0x21, 0x12, 0xA4, 0x42][..], &[0; 12]].concat())
                .unwrap_err(),
            "stun_length",
        ),
        (WireError::StunAttribute(6), "stun_attribute"),
        (WireError::RedBlocks, "red_blocks"),
        (WireError::FlexFecForm, "flexfec_form"),
    ] {
        assert_eq!(error.code(), word);
    }
}
