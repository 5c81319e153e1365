//! Legs of lines, as SIP and H.323 bring them (RFC 3264): each media line has ports, an address and keys of its own.
//!
//! The rest of the core knows nothing of lines. To it each line is a leg that has one address and one pair of keys, and
//! the lines of a leg are legs of one name: what is asked of the name is done to each (`control.rs`), what is asked of a
//! source or a slot is done on the line that has it, and a snapshot adds them up. Packets come in on a port of the line's
//! own instead of on the one that all others share (`ingress.rs`), which names the line; who sent them is
//! `whereabouts.rs`. Few such peers speak ICE; the checks of one that does are answered there, too.

pub mod api;
mod channel;
mod control;
pub mod digits;
mod feedback;
mod ingress;
pub(crate) mod level;
pub mod rate;
mod rows;
pub mod whereabouts;

pub use rows::{Cipher, LineRow};

use crate::api::Kind;
use crate::leg::Leg;
use crate::outbox::Way;
use crate::time::Micros;
use api::{LinePorts, LineSpec, Protection, Remote};
use digits::Digits;
use engine_wire::demux::Class;
use feedback::Asking;
use rate::LineRate;
use std::net::{IpAddr, SocketAddr};
use whereabouts::{Proof, Whereabouts};

/// Lines that a leg may have: sound, two of pictures, and one to spare. Others have no media for the engine.
pub const MOST_LINES: usize = 4;

/// A peer that says nothing on any of its lines for so long is gone; what is sent to it may reach somebody who never asked
/// for it.
pub const SILENCE: Micros = Micros::from_secs(30);

/// For so long something is sent to an address of which a description alone speaks, and which is not where the description
/// comes from: enough for a peer that waits for us to begin, and little for somebody who never asked.
pub const HEARSAY: Micros = Micros::from_secs(3);

/// Which of a line's ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// That of RTP, and of RTCP where it is multiplexed.
    Rtp,
    /// That of RTCP alone.
    Rtcp,
}

/// What a leg has more when it is a line.
#[derive(Debug)]
pub struct Line {
    /// Its place among the lines of the leg.
    pub number: u8,
    /// Our ports.
    pub ports: LinePorts,
    /// Where RTP comes from and goes to.
    pub rtp: Whereabouts,
    /// The same of RTCP, where that has a port of its own.
    pub rtcp: Option<Whereabouts>,
    /// Keys come by a handshake on the line.
    pub by_handshake: bool,
    /// The peer shows by checks where it is.
    pub(crate) has_ice: bool,
    /// The peer is said to be elsewhere than where that is said from.
    is_elsewhere: bool,
    /// Where the last datagram of the handshake came from.
    pub(crate) handshake_from: Option<SocketAddr>,
    /// Datagrams from addresses that are not the peer's.
    pub wrong_source: u64,
    /// Packets that came to the port of the other kind, or are of none.
    pub misplaced: u64,
    /// Good checks of ICE.
    pub checks: u64,
    /// Nothing was heard for so long that nothing is sent.
    pub(crate) is_silent: bool,
    /// Keys that are pressed there.
    pub(crate) digits: Digits,
    /// How its peer is asked, and what it asks.
    pub(crate) asking: Asking,
    /// What it may be sent, where it takes pictures.
    pub(crate) rate: Option<LineRate>,
    /// When its description came, or its last check.
    pub(crate) since: Micros,
}

impl Line {
    /// A line of which nothing has been heard.
    pub fn new(now: Micros, number: u8, spec: &LineSpec) -> Self {
        let Remote { rtp, learn, .. } = spec.remote;
        let takes_pictures = spec.slots.iter().any(|slot| slot.kind == Kind::Video);
        let rtcp = spec.ports.rtcp.map(|_| of_rtcp(&spec.remote));
        let peer = |address| match &spec.ice {
            Some(_) => Whereabouts::by_checks(now, address),
            None => Whereabouts::new(now, address, learn),
        };
        Self {
            number,
            ports: spec.ports,
            rtp: peer(rtp),
            rtcp: rtcp.map(peer),
            has_ice: spec.ice.is_some(),
            by_handshake: spec.protection == Protection::Dtls,
            is_elsewhere: learn,
            handshake_from: None,
            wrong_source: 0,
            misplaced: 0,
            checks: 0,
            is_silent: false,
            digits: Digits::default(),
            asking: Asking::new(spec),
            rate: takes_pictures.then(|| LineRate::new(now, spec.max_bitrate)),
            since: now,
        }
    }

    /// Heeds where a further description says that the peer is.
    pub(crate) fn announce(&mut self, now: Micros, remote: &Remote) {
        self.rtp.announce(now, remote.rtp, remote.learn);
        if let Some(rtcp) = &mut self.rtcp {
            rtcp.announce(now, of_rtcp(remote), remote.learn);
        }
        (self.since, self.is_silent) = (now, false);
        self.is_elsewhere = remote.learn;
    }

    /// Whether nothing but a stranger's word speaks for where the peer is; `proven` are addresses from which its other
    /// lines were heard.
    pub(crate) fn is_hearsay(&self, now: Micros, mut proven: impl Iterator<Item = IpAddr>) -> bool {
        let is_due = self.is_elsewhere && now.since(self.since) >= HEARSAY;
        let announced = self.rtp.to().ip();
        is_due && !self.is_found() && !proven.any(|address| address == announced)
    }

    /// Where RTP goes; nowhere as long as checks have not shown each port's peer.
    pub(crate) fn to(&self) -> Option<SocketAddr> {
        let reached =
            self.rtp.is_reached() && self.rtcp.as_ref().is_none_or(Whereabouts::is_reached);
        reached.then(|| self.rtp.to())
    }

    /// The way of what answers a datagram.
    pub(crate) fn way_back(&self, side: Side, to: SocketAddr) -> Way {
        let rtcp = self.ports.rtcp.filter(|_| side == Side::Rtcp);
        let port = rtcp.unwrap_or(self.ports.rtp);
        Way { to, port }
    }

    /// A check of the peer's came from there. True when the line was not heard of before, or not there.
    pub(crate) fn check(
        &mut self,
        now: Micros,
        (side, from): (Side, SocketAddr),
        nominates: bool,
    ) -> bool {
        self.since = now;
        self.checks += 1;
        let is_news = self.whereabouts(side).check(now, from, nominates);
        std::mem::take(&mut self.is_silent) || is_news
    }

    fn whereabouts(&mut self, side: Side) -> &mut Whereabouts {
        match (side, &mut self.rtcp) {
            (Side::Rtcp, Some(rtcp)) => rtcp,
            _ => &mut self.rtp,
        }
    }

    /// Whether a datagram is to be looked at; one that is not is counted. Where nothing but its address speaks for it, only
    /// RTP shows where the peer is, and its reports come from the same host: a report is too easily made up.
    pub(crate) fn may_come(
        &mut self,
        now: Micros,
        (side, from): (Side, SocketAddr),
        (class, proof): (Class, Proof),
    ) -> bool {
        let host = self.rtp.found_at().filter(|_| side == Side::Rtcp);
        let whereabouts = self.whereabouts(side);
        let may_be = class != Class::Rtcp
            || proof == Proof::Keys
            || from == whereabouts.to()
            || host == Some(from.ip());
        let may = may_be && whereabouts.may_come(now, from, proof);
        self.wrong_source += u64::from(!may);
        may
    }

    /// A genuine packet has come from there. True when the line was not heard of before, or not there.
    pub(crate) fn came_from(&mut self, side: Side, from: SocketAddr) -> bool {
        let is_news = self.whereabouts(side).came_from(from);
        let was_silent = std::mem::take(&mut self.is_silent);
        is_news || was_silent
    }

    /// Whether anything genuine has come.
    pub fn is_found(&self) -> bool {
        self.rtp.is_found() || self.rtcp.as_ref().is_some_and(Whereabouts::is_found)
    }

    /// The way of RTCP beside that of RTP.
    pub(crate) fn rtcp_way(&self, rtp: Way) -> Way {
        let own = self.rtcp.as_ref().zip(self.ports.rtcp);
        own.map_or(rtp, |(rtcp, port)| Way {
            to: rtcp.to(),
            port,
        })
    }
}

fn of_rtcp(remote: &Remote) -> SocketAddr {
    let next = || SocketAddr::new(remote.rtp.ip(), remote.rtp.port().saturating_add(1));
    remote.rtcp.unwrap_or_else(next)
}

impl Leg {
    /// What a packet on this line shows of its sender.
    pub(crate) fn proof(&self) -> Proof {
        let keys = self.inbound.as_ref().map(engine_srtp::Inbound::profile);
        match keys {
            Some(profile) if profile.proves() => Proof::Keys,
            _ => Proof::Address,
        }
    }
}
