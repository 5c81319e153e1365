//! No bytes make a parser panic or break what holds of accepted input.

use engine_wire::demux::{classify, Class};
use engine_wire::payload::{flexfec, h261, h263, red, vp8};
use engine_wire::rtp::RtpHeader;
use engine_wire::{rtcp, stun};
use proptest::prelude::*;

mod support;

use support::{exercise, samples};

/// A valid sample with bytes changed, then cut or extended.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>());
    let changes = prop::collection::vec(change, 0..6);
    let tail = prop::collection::vec(any::<u8>(), 0..8);
    (
        prop::sample::select(samples::all()),
        changes,
        any::<prop::sample::Index>(),
        any::<bool>(),
        tail,
    )
        .prop_map(|(sample, changes, cut, is_cut, tail)| {
            let mut bytes = sample.bytes;
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if is_cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            bytes.extend(tail);
            bytes
        })
}

proptest! {
    /// Arbitrary bytes are survived by every parser.
    #[test]
    fn arbitrary_bytes(data in prop::collection::vec(any::<u8>(), 0..200)) {
        exercise::ALL.iter().for_each(|(_, run)| run(&data));
    }

    /// Valid packets with bytes changed, cut or added are survived by every parser.
    #[test]
    fn mutated_packets(data in mutated()) {
        exercise::ALL.iter().for_each(|(_, run)| run(&data));
    }
}

/// Every prefix of every sample is survived by every parser.
#[test]
fn every_prefix_of_valid_packets() {
    for sample in samples::all() {
        for end in 0..=sample.bytes.len() {
            exercise::ALL
                .iter()
                .for_each(|(_, run)| run(&sample.bytes[..end]));
        }
    }
}

/// Every sample is taken by the parser that it is a sample of.
#[test]
fn samples_are_valid() {
    for sample in samples::all() {
        let bytes = &sample.bytes;
        let valid = match sample.target {
            "rtp" => {
                RtpHeader::parse(bytes).is_ok_and(|header| header.payload_range(bytes).is_ok())
            }
            "rtcp" => {
                rtcp::parse(bytes).count() > 0 && rtcp::parse(bytes).all(|packet| packet.is_ok())
            }
            "stun" => stun::Message::parse(bytes).is_ok_and(|message| message.verify_fingerprint()),
            "vp8" => vp8::Descriptor::parse(bytes).is_ok(),
            "h261" => h261::is_key_frame(bytes) == (sample.name == "whole"),
            "h263" => {
                let begins = h263::is_key_frame(bytes) || h263::is_plus_key_frame(bytes);
                begins == (sample.name != "predicted")
            }
            "red" => red::Red::parse(bytes).is_ok(),
            "flexfec" => flexfec::Header::parse(bytes).is_ok(),
            "demux" => classify(bytes) != Class::Unknown,
            _ => !bytes.is_empty(),
        };
        assert!(valid, "{}", sample.name);
    }
}
