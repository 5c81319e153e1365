//! Receivers that report on each packet, as browsers do: what they say is written down in one pass, and said again in the
//! next, so that only the shard's part of it is counted.

use crate::plan::{peer_key, ssrc_out, Plan, PROFILE};
use engine_core::{Micros, Outbox};
use engine_srtp::Outbound;
use engine_wire::rtcp;
use engine_wire::rtp::RtpHeader;

/// Steps between two reports of a receiver: a tenth of a second.
const INTERVAL: usize = 20;
/// What its link carries, and how long it takes.
const LINK_BPS: u64 = 30_000_000;
const LINK_DELAY_US: u64 = 5_000;
/// Packets that one report may tell of.
const MOST: usize = 250;
/// Numbers are counted from one cycle up, as on the other side.
const FIRST_CYCLE: u64 = 1 << 16;

struct Peer {
    outbound: Outbound,
    link_free_us: u64,
    highest: u64,
    base: u64,
    arrivals: Vec<(u64, u64)>,
    reports: u8,
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
            highest: FIRST_CYCLE - 1,
            base: FIRST_CYCLE,
            arrivals: Vec::new(),
            reports: 0,
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
        let is_rtp = !(192..224).contains(&datagram[1]);
        let Some(header) = RtpHeader::parse(datagram).ok().filter(|_| is_rtp) else {
            return;
        };
        let value = header.extension_value(datagram, crate::commands::NUMBER_ID);
        let Some(number) = value.and_then(|value| value.try_into().ok()) else {
            return;
        };
        let number = engine_wire::seq::extend(self.highest, u16::from_be_bytes(number));
        self.highest = self.highest.max(number);
        let bits = datagram.len() as u64 * 8;
        let begins = self.link_free_us.max(now.0 + LINK_DELAY_US);
        self.link_free_us = begins + bits * 1_000_000 / LINK_BPS;
        self.arrivals.push((number, self.link_free_us));
    }

    fn report(&mut self, media: u32) -> Option<Vec<u8>> {
        let mut rtcp = Vec::new();
        let most = self.arrivals.len().min(MOST);
        let held = rtcp::write_transport_feedback(
            &mut rtcp,
            (1, media),
            self.reports,
            self.base,
            &self.arrivals[..most],
        );
        self.base = self.arrivals.get(held.checked_sub(1)?)?.0 + 1;
        self.arrivals.drain(..held);
        self.reports = self.reports.wrapping_add(1);
        self.outbound.protect_rtcp(&mut rtcp).unwrap();
        Some(rtcp)
    }
}
