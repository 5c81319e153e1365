//! Receivers that report on each packet, as browsers do: what they say is written down in one pass, and said again in the
//! next, so that only the shard's part of it is counted.

use crate::plan::{peer_key, ssrc_out, Plan, PROFILE};
use crate::reporter::Reporter;
use engine_core::{Micros, Outbox};
use engine_srtp::Outbound;

/// Steps between two reports of a receiver: a tenth of a second.
const INTERVAL: usize = 20;
/// What its link carries, and how long it takes.
const LINK_BPS: u64 = 30_000_000;
const LINK_DELAY_US: u64 = 5_000;

struct Peer {
    outbound: Outbound,
    link_free_us: u64,
    reporter: Reporter,
}

pub(crate) struct Peers {
    peers: Vec<Peer>,
    /// By step: whose report, and the datagram.
    said: Vec<Vec<(usize, Vec<u8>)>>,
    is_listening: bool,
}

impl Peers {
    /// They listen to what is sent to them, if they report at all.
    pub(crate) fn new(plan: &Plan, steps: usize) -> Self {
        let peer = |leg| Peer {
            outbound: Outbound::new(PROFILE, &peer_key(leg)).unwrap(),
            link_free_us: 0,
            reporter: Reporter::new(),
        };
        let reporting = if plan.reported { plan.legs() } else { 0 };
        Self {
            peers: (0..reporting).map(peer).collect(),
            said: vec![Vec::new(); steps],
            is_listening: plan.reported,
        }
    }

    /// From here on they only say what they have said.
    pub(crate) fn again(mut self) -> Self {
        self.is_listening = false;
        self
    }

    /// What they say in this step.
    pub(crate) fn say(&self, step: usize) -> Vec<(usize, Vec<u8>)> {
        self.said[step].clone()
    }

    /// Takes in what is sent to them in this step. `leg` tells by the port whose it is.
    pub(crate) fn listen(
        &mut self,
        (step, now): (usize, Micros),
        out: &Outbox,
        leg: impl Fn(u16) -> usize,
    ) {
        if !self.is_listening {
            return;
        }
        for (to, datagram) in out.datagrams() {
            self.peers[leg(to.port())].take(now, datagram);
        }
        let turn = |leg: &usize| leg % INTERVAL == step % INTERVAL;
        for leg in (0..self.peers.len()).filter(turn) {
            let report = self.peers[leg].report(ssrc_out(leg, 0));
            let next = self.said.get_mut(step + 1);
            if let (Some(report), Some(next)) = (report, next) {
                next.push((leg, report));
            }
        }
    }
}

impl Peer {
    fn take(&mut self, now: Micros, datagram: &[u8]) {
        let bits = datagram.len() as u64 * 8;
        let begins = self.link_free_us.max(now.0 + LINK_DELAY_US);
        self.link_free_us = begins + bits * 1_000_000 / LINK_BPS;
        self.reporter.note(datagram, self.link_free_us);
    }

    fn report(&mut self, media: u32) -> Option<Vec<u8>> {
        let mut rtcp = self.reporter.report(media)?;
        self.outbound.protect_rtcp(&mut rtcp).unwrap();
        Some(rtcp)
    }
}
