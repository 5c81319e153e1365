//! Where the peer of a line is (RFC 4961): packets are taken from there alone, and sent to there.
//!
//! A peer that keeps to its description sends from the address that stands in it. Behind an address translator it cannot,
//! and its real address is learned from what comes: from a packet that proves who sent it, at any time; without such proof
//! only where the control plane says that a translator is in between, only from the first packet, only for a short time,
//! and once for each description. Else whoever guesses the port could have the call.
//!
//! With ICE (RFC 8445) checks show it, which know a password: packets are taken from where checks have come from, and sent
//! to the address that is nominated.

use crate::ration::Ration;
use crate::time::Micros;
use std::net::{IpAddr, SocketAddr};

/// For so long after a description its peer may show from where it sends.
pub const LEARN: Micros = Micros::from_secs(10);
/// Packets from unknown addresses whose proof is looked at, in a second: a peer that has moved sends many, and each costs
/// as much as one of its own.
pub const TRIALS: u32 = 20;
/// So many genuine packets in a row from another address: the peer is there now, and nobody has kept one back for a moment
/// to send it from elsewhere.
const MOVED_AFTER: u8 = 3;
/// Addresses from which checks have come that are remembered.
const MOST_CHECKED: usize = 8;

/// What a packet shows of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It is checked before anything is believed.
    Keys,
    /// Nothing but its address.
    Address,
}

/// One address of the peer: that of RTP, or that of RTCP.
#[derive(Debug)]
pub struct Whereabouts {
    announced: SocketAddr,
    learn_until: Option<Micros>,
    found: Option<SocketAddr>,
    elsewhere: u8,
    trials: Ration,
    checked: Option<Vec<SocketAddr>>,
}

impl Whereabouts {
    /// Where a description says that the peer is.
    pub fn new(now: Micros, announced: SocketAddr, learn: bool) -> Self {
        Self {
            announced,
            learn_until: learn.then(|| now + LEARN),
            found: None,
            elsewhere: 0,
            trials: Ration::default(),
            checked: None,
        }
    }

    /// To be shown by checks of ICE.
    pub fn by_checks(now: Micros, announced: SocketAddr) -> Self {
        Self {
            checked: Some(Vec::new()),
            ..Self::new(now, announced, false)
        }
    }

    /// A check from there was good. True when packets go to another address from now on: so many times a second, since each
    /// is told and begins pictures anew.
    pub fn check(&mut self, now: Micros, from: SocketAddr, nominates: bool) -> bool {
        let found = self.found;
        let known = self.checked.get_or_insert_default();
        if !known.contains(&from) {
            if known.len() == MOST_CHECKED {
                let spare = known.iter().position(|at| Some(*at) != found);
                spare.map(|at| known.remove(at));
            }
            known.push(from);
        }
        let moves = nominates && found != Some(from);
        if found.is_none() || (moves && self.trials.take(now, TRIALS)) {
            (self.found, self.elsewhere) = (Some(from), 0);
        }
        self.found != found
    }

    /// Whether packets may be sent to the peer: with ICE not before its first check.
    pub const fn is_reached(&self) -> bool {
        self.checked.is_none() || self.found.is_some()
    }

    /// Heeds a further description: the same address changes nothing, another one is looked for anew.
    pub fn announce(&mut self, now: Micros, announced: SocketAddr, learn: bool) {
        if announced != self.announced && self.checked.is_none() {
            *self = Self::new(now, announced, learn);
        }
    }

    /// Where to send.
    pub fn to(&self) -> SocketAddr {
        self.found.unwrap_or(self.announced)
    }

    /// Whether anything genuine has come from the peer.
    pub const fn is_found(&self) -> bool {
        self.found.is_some()
    }

    /// The peer's IP address, once it is known.
    pub fn found_at(&self) -> Option<IpAddr> {
        self.found.map(|address| address.ip())
    }

    /// Whether a packet from there is to be looked at.
    pub fn may_come(&mut self, now: Micros, from: SocketAddr, proof: Proof) -> bool {
        if self.found == Some(from) {
            return true;
        }
        if let Some(checked) = &self.checked {
            return checked.contains(&from);
        }
        match proof {
            Proof::Keys => from == self.announced || self.trials.take(now, TRIALS),
            Proof::Address => {
                let learns = self.learn_until.is_some_and(|until| now < until);
                self.found.is_none() && (from == self.announced || learns)
            }
        }
    }

    /// A packet from there was genuine, as far as its proof goes. True when packets go to another address from now on, or
    /// the peer has been found.
    pub fn came_from(&mut self, from: SocketAddr) -> bool {
        if self.found == Some(from) {
            self.elsewhere = 0;
            return false;
        }
        self.elsewhere += 1;
        if self.found.is_some() && self.elsewhere < MOVED_AFTER {
            return false;
        }
        self.elsewhere = 0;
        self.found = Some(from);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Micros = Micros::from_secs(1_000);

    fn address(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], port))
    }

    fn after(millis: u64) -> Micros {
        NOW + Micros::from_millis(millis)
    }

    #[test]
    fn without_proof_only_the_announced_address_counts() {
        let mut peer = Whereabouts::new(NOW, address(1, 5_000), false);
        for other in [address(2, 5_000), address(1, 5_002)] {
            assert!(!peer.may_come(NOW, other, Proof::Address));
        }
        assert_eq!(peer.to(), address(1, 5_000));
        assert!(peer.may_come(after(60_000), address(1, 5_000), Proof::Address));
        assert!(peer.came_from(address(1, 5_000)));
        assert!(!peer.came_from(address(1, 5_000)));
    }

    #[test]
    fn behind_a_translator_the_first_one_counts_for_a_short_time_and_for_good() {
        let mut late = Whereabouts::new(NOW, address(1, 5_000), true);
        assert!(!late.may_come(NOW + LEARN, address(9, 1), Proof::Address));
        assert!(late.may_come(NOW + LEARN, address(1, 5_000), Proof::Address));
        let mut peer = Whereabouts::new(NOW, address(1, 5_000), true);
        assert!(peer.may_come(after(9_000), address(9, 1), Proof::Address));
        assert!(peer.came_from(address(9, 1)));
        for other in [address(9, 2), address(1, 5_000)] {
            assert!(!peer.may_come(after(9_001), other, Proof::Address));
        }
        assert_eq!(peer.to(), address(9, 1));
        peer.announce(after(20_000), address(1, 5_000), true);
        assert_eq!(peer.to(), address(9, 1), "nothing new was said");
        peer.announce(after(20_000), address(1, 6_000), true);
        assert_eq!(peer.to(), address(1, 6_000));
        assert!(peer.may_come(after(21_000), address(9, 2), Proof::Address));
    }

    #[test]
    fn with_proof_a_peer_may_move_and_strangers_cost_little() {
        let mut peer = Whereabouts::new(NOW, address(1, 5_000), false);
        assert!(peer.may_come(NOW, address(9, 1), Proof::Keys));
        assert!(peer.came_from(address(9, 1)), "the first proof");
        for (from, moves) in [
            (2, false),
            (2, false),
            (1, false),
            (2, false),
            (2, false),
            (2, true),
        ] {
            assert_eq!(peer.came_from(address(9, from)), moves);
        }
        assert_eq!(peer.to(), address(9, 2));
        let tried = |peer: &mut Whereabouts, at| {
            let strangers = (0..1_000).map(|port| address(7, port));
            strangers
                .filter(|from| peer.may_come(at, *from, Proof::Keys))
                .count()
        };
        assert_eq!(tried(&mut peer, after(5_000)), TRIALS as usize);
        assert_eq!(tried(&mut peer, after(5_010)), 0);
        assert!(peer.may_come(after(5_010), address(9, 2), Proof::Keys));
        assert!(peer.may_come(after(5_010), address(1, 5_000), Proof::Keys));
    }

    proptest! {
        /// Whatever comes: without proof a line has one peer at most for each description, and it is the announced one
        /// unless learning was allowed.
        #[test]
        fn without_proof_there_is_one_peer(
            learn: bool,
            packets in prop::collection::vec((0u64..20_000, 0u8..4, 0u16..3), 0..60),
        ) {
            let mut packets = packets;
            packets.sort_unstable();
            let announced = address(0, 0);
            let mut peer = Whereabouts::new(NOW, announced, learn);
            let mut heard = std::collections::HashSet::new();
            for (millis, last, port) in packets {
                let from = address(last, port);
                if peer.may_come(after(millis), from, Proof::Address) {
                    peer.came_from(from);
                    prop_assert_eq!(peer.to(), from);
                    heard.insert(from);
                }
            }
            prop_assert!(heard.len() <= 1);
            prop_assert!(learn || heard.iter().all(|from| *from == announced));
        }
    }
}
