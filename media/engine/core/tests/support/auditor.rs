//! Opens everything that the engine sends: each nonce is used once, and each packet is one that the model allows.

use super::{Model, Tag};
use engine_core::api::LegId;
use engine_srtp::Inbound;
use engine_wire::demux::{classify, Class};
use engine_wire::payload::rtx;
use engine_wire::rtp::RtpHeader;
use std::collections::{HashMap, HashSet};

/// What went out to one leg.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub rtp: u64,
    pub rtcp: u64,
    pub other: u64,
}

#[derive(Default)]
pub struct Auditor {
    keys: HashMap<LegId, Inbound>,
    used: HashSet<(LegId, u32, u64)>,
    /// Payloads are no peer's, so they do not say whose they are.
    pub any_payload: bool,
    pub sent: HashMap<LegId, Sent>,
    /// Packet numbers of a sender (its leg and source) that each leg was sent, repaired or not.
    pub forwarded: HashMap<(LegId, u64, u16), HashSet<u64>>,
}

impl Auditor {
    pub fn set_keys(&mut self, leg: LegId, inbound: Inbound) {
        self.keys.entry(leg).or_insert(inbound);
    }

    pub fn check(&mut self, model: &Model, leg: LegId, datagram: &[u8]) {
        let sent = self.sent.entry(leg).or_default();
        match classify(datagram) {
            Class::Rtp => {
                sent.rtp += 1;
                self.check_rtp(model, leg, datagram);
            }
            Class::Rtcp => {
                sent.rtcp += 1;
                self.check_rtcp(model, leg, datagram);
            }
            _ => sent.other += 1,
        }
    }

    fn check_rtp(&mut self, model: &Model, leg: LegId, datagram: &[u8]) {
        let header = RtpHeader::parse(datagram).unwrap();
        let mut plain = datagram.to_vec();
        let keys = self.keys.get_mut(&leg).expect("media before the keys");
        let opened = keys.unprotect_rtp(&mut plain, header.header_len);
        let opened = opened.unwrap_or_else(|error| {
            panic!(
                "SSRC {:#x} number {}: {error}",
                header.ssrc, header.sequence
            )
        });
        let nonce = (leg, header.ssrc, opened.extended_sequence);
        assert!(self.used.insert(nonce), "a nonce was used twice: {nonce:?}");
        let mut payload = &plain[header.header_len..opened.len];
        if !model.is_media_ssrc(leg, header.ssrc) {
            payload = &payload[rtx::HEADER_LEN..];
        }
        let planned = model.assert_may_get(leg, header.ssrc);
        if self.any_payload {
            return;
        }
        let tag = Tag::read(payload).expect("a payload that no peer wrote");
        assert_eq!(
            tag.source_ref(),
            planned,
            "what {leg:?} was sent is not the plan"
        );
        let key = (leg, tag.leg, tag.source);
        self.forwarded.entry(key).or_default().insert(tag.number);
    }

    fn check_rtcp(&mut self, model: &Model, leg: LegId, datagram: &[u8]) {
        assert!(
            model.is_open(leg),
            "{leg:?} was sent RTCP behind a closed gate"
        );
        let mut plain = datagram.to_vec();
        let keys = self.keys.get_mut(&leg).expect("RTCP before the keys");
        keys.unprotect_rtcp(&mut plain)
            .expect("RTCP that does not open, or a nonce used twice");
    }
}
