//! Opens everything that the engine sends: each nonce is used once, and each packet is one that the model allows.

use super::legs::NUMBER_ID;
use super::model::Role;
use super::{opus, Model, Tag};
use engine_core::api::{Kind, LegId, SourceRef};
use engine_core::Micros;
use engine_srtp::Inbound;
use engine_wire::demux::{classify, Class};
use engine_wire::payload::red::Red;
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

const PADDING_BIT: u8 = 0x20;

#[derive(Default)]
pub struct Auditor {
    keys: HashMap<LegId, Inbound>,
    used: HashSet<(LegId, u32, u64)>,
    /// The transport-wide number of the last packet to each leg.
    numbers: HashMap<LegId, u16>,
    /// Payloads are no peer's, so they do not say whose they are.
    pub any_payload: bool,
    /// What is sent arrives at once or never, so that nothing may be older than what let it pass.
    pub instant: bool,
    pub sent: HashMap<LegId, Sent>,
    /// Packet numbers of a sender (its leg and source) that each leg was sent, repaired, carried by later ones or
    /// neither, with the time when the sender first sent them.
    pub forwarded: HashMap<(LegId, u64, u16), HashMap<u64, Micros>>,
}

impl Auditor {
    pub fn set_keys(&mut self, leg: LegId, inbound: Inbound) {
        self.keys.entry(leg).or_insert(inbound);
    }

    /// The numbers under which a leg was sent packets of a stream.
    pub fn numbers(&self, leg: LegId, ssrc: u32) -> Vec<u64> {
        let used = self.used.iter();
        let of_stream = used.filter(|(to, of, _)| (*to, *of) == (leg, ssrc));
        let mut numbers: Vec<u64> = of_stream.map(|(.., number)| *number).collect();
        numbers.sort_unstable();
        numbers
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
        if let Some(&[high, low]) = header.extension_value(&plain[..opened.len], NUMBER_ID) {
            self.check_number(leg, u16::from_be_bytes([high, low]));
        }
        let (planned, since) = model.assert_may_get(leg, header.ssrc);
        if self.any_payload {
            return;
        }
        let raw = &plain[header.header_len..opened.len];
        let payload = &plain[header.payload_range(&plain[..opened.len]).unwrap()];
        match model.role(leg, header.ssrc) {
            // Made of what was checked when it was sent.
            None | Some((Role::Fec, _)) => {}
            // What only probes the link holds nothing of anybody's.
            Some((Role::Retransmission, _)) if plain[0] & PADDING_BIT != 0 => {
                assert_eq!(raw.iter().filter(|byte| **byte != 0).count(), 1);
            }
            Some((Role::Retransmission, _)) => {
                self.check_payload(leg, planned, &payload[rtx::HEADER_LEN..]);
            }
            Some((Role::Media, red_pt)) if red_pt == Some(header.payload_type) => {
                let red = Red::parse(payload).expect("RED that does not parse");
                let carried = red.redundant().map(|block| block.payload);
                for payload in carried.chain([red.primary]) {
                    let sent_at = self.check_payload(leg, planned, payload);
                    assert!(
                        !self.instant || sent_at >= since,
                        "from before it was allowed"
                    );
                }
            }
            Some((Role::Media, _)) => {
                // Two packets of sound may come as one.
                let parts = match model.kind_of(planned) {
                    Some(Kind::Audio) => opus::frames(payload),
                    _ => vec![payload],
                };
                // A word of silence says nothing of anybody's.
                let parts = parts.into_iter().filter(|_| payload != [opus::FIRST_BYTE]);
                for part in parts {
                    let sent_at = self.check_payload(leg, planned, part);
                    assert!(
                        !self.instant || sent_at >= since,
                        "from before it was allowed"
                    );
                }
            }
        }
    }

    /// Browsers report a number that comes a second time with the time at which it came first.
    fn check_number(&mut self, leg: LegId, number: u16) {
        if let Some(last) = self.numbers.insert(leg, number) {
            assert_eq!(
                number,
                last.wrapping_add(1),
                "transport-wide numbers of {leg:?}"
            );
        }
    }

    fn check_payload(&mut self, leg: LegId, planned: SourceRef, payload: &[u8]) -> Micros {
        let tag = Tag::read(payload).expect("a payload that no peer wrote");
        assert_eq!(
            tag.source_ref(),
            planned,
            "what {leg:?} was sent is not the plan"
        );
        let key = (leg, tag.leg, tag.source);
        let sent = self.forwarded.entry(key).or_default();
        sent.insert(tag.number, tag.sent_at);
        tag.sent_at
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
