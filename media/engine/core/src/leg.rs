//! Everyone in a room is a leg, whatever it speaks.

use crate::api::{Extensions, Kind, LegId, RoomId, SlotSpec, SourceSpec};
use crate::arrivals::Arrivals;
use crate::familiar::Familiar;
use crate::ice::IceLite;
use crate::keyframe::Trip;
use crate::layers::Layers;
use crate::line::Line;
use crate::link::Link;
use crate::outbox::Way;
use crate::ration::Ration;
use crate::slot::Slot;
use crate::source::Source;
use crate::stats::LegRow;
use crate::time::{ntp_to_micros, Micros};
use crate::told::Told;
use engine_srtp::{Inbound, Outbound};
use std::net::SocketAddr;
use std::num::NonZeroU16;

/// Round trip assumed until one is measured: that of a slow mobile network.
const DEFAULT_ROUND_TRIP: Micros = Micros::from_millis(100);
/// A link that loses more than this share, or on which packets wait for this long, is one on which everything takes longer.
const LOSSY: f64 = 0.03;
const SLOW: Micros = Micros::from_millis(150);
/// Longer than any source is kept for.
const LONGEST_REACH: Micros = Micros::from_secs(1);
/// DTLS datagrams passed on within one second; a handshake needs about ten.
pub const DTLS_PER_SECOND: u32 = 60;

/// State of one leg. It has no `Debug` form, since it holds keys.
///
/// Of a thousand legs hardly one is in the nearer caches when its turn comes. The order is by use, therefore: what a
/// packet to the leg needs lies on three lines, and what one from it needs on three more.
#[repr(C, align(64))]
pub struct Leg {
    /// What it takes.
    pub slots: Vec<Slot>,
    gate_open: bool,
    /// Its sender has been told what its link carries.
    pub(crate) was_limited: bool,
    /// The port of its line, or 0 for that of all legs with ICE.
    pub port: u16,
    /// Connectivity.
    pub ice: IceLite,
    /// When reports are due.
    pub report_at: Micros,
    /// When reports were sent last.
    pub reported: Micros,
    /// Counters.
    pub row: LegRow,
    /// Congestion control towards it, while its gate is open, if it reports on each packet.
    pub link: Option<Box<Link>>,
    /// What it has told of each packet to it; by transport-wide numbers.
    pub told: Option<Box<Told>>,
    /// Encrypts what it gets.
    pub outbound: Option<Outbound>,
    /// Canonical name of our streams.
    pub cname: String,
    /// When the shard looks after this leg next.
    pub wake: Micros,
    /// When it was heard of again after it was away for a moment.
    pub(crate) returned: Micros,
    /// Which of its streams came of late.
    pub(crate) familiar: Familiar,
    /// What makes it one line of a leg that has lines.
    pub line: Option<Box<Line>>,
    /// What it sends.
    pub sources: Vec<Source>,
    /// Reports on what comes from it, while its gate is open, if it numbers its packets.
    pub arrivals: Option<Box<Arrivals>>,
    /// Its room.
    pub room: RoomId,
    /// Its name.
    pub id: LegId,
    /// Header extensions.
    pub extensions: Extensions,
    /// Decrypts what the peer sends.
    pub inbound: Option<Inbound>,
    /// Its link, and what is sent over it.
    pub layers: Layers,
    clock: SenderClock,
    dtls_ration: Ration,
    /// Transport-wide number with which the next link begins: it never falls back while the connection lasts.
    next_number: u16,
    /// For how many seconds its next link is to be recorded.
    pub(crate) to_record: Option<NonZeroU16>,
}

impl Leg {
    /// A leg with its gate closed.
    pub fn new(
        id: LegId,
        room: RoomId,
        ice: IceLite,
        (sources, slots): (Vec<SourceSpec>, Vec<SlotSpec>),
        extensions: Extensions,
        cname: String,
    ) -> Self {
        Self {
            id,
            room,
            ice,
            inbound: None,
            outbound: None,
            link: None,
            arrivals: None,
            told: None,
            sources: sources.into_iter().map(Source::new).collect(),
            slots: slots.into_iter().map(Slot::new).collect(),
            extensions,
            cname,
            layers: Layers::default(),
            wake: Micros(u64::MAX),
            report_at: Micros(0),
            reported: Micros(0),
            row: LegRow::default(),
            gate_open: false,
            was_limited: false,
            clock: SenderClock::default(),
            dtls_ration: Ration::default(),
            familiar: Familiar::default(),
            port: 0,
            line: None,
            returned: Micros(0),
            next_number: 0,
            to_record: None,
        }
    }

    /// Whether media may pass. The only question that decides it, both ways.
    pub const fn gate_open(&self) -> bool {
        self.gate_open
    }

    /// Moves the gate.
    pub fn set_gate(&mut self, now: Micros, open: bool) {
        if open && !self.gate_open {
            self.row.gate_opened_us = now.0;
            let encodings = self.sources.iter_mut().flat_map(|s| &mut s.encodings);
            encodings.for_each(|encoding| encoding.register.forget_missing());
        }
        if open != self.gate_open {
            self.set_feedback(now, open);
        }
        self.gate_open = open;
    }

    /// Whether the peer has agreed to tell of each packet that it receives.
    pub(crate) fn would_be_told(&self) -> bool {
        let numbered = self.slots.iter().any(|slot| slot.numbered);
        // Without transport-wide numbers reports may go by sequence numbers (RFC 8888).
        let by_sequence = self.slots.iter().any(|slot| slot.spec.ccfb);
        numbered && (self.extensions.transport_cc.is_some() || by_sequence)
    }

    /// Congestion control both ways begins with the media, and ends with it.
    fn set_feedback(&mut self, now: Micros, on: bool) {
        let id = self.extensions.transport_cc.filter(|_| on);
        let reported = self.sources.iter().any(Source::wants_reports);
        let is_told = on && self.would_be_told();
        if let Some(link) = self.link.take() {
            self.next_number = link.next_number();
        }
        self.link = is_told.then(|| Box::new(Link::new(now, id, self.next_number)));
        let seconds = self.to_record.take_if(|_| on);
        if let (Some(link), Some(seconds)) = (self.link.as_deref_mut(), seconds) {
            link.record(now, seconds, true);
        }
        let told = id
            .filter(|_| is_told)
            .map(|_| Told::new(now, &self.slots, self.next_number));
        self.told = told.map(Box::new);
        let heeds_remb = self.sources.iter().any(Source::heeds_remb);
        let arrivals = || {
            let mut arrivals = Box::new(Arrivals::new(heeds_remb));
            if self.was_limited {
                arrivals.fall.lift_from(now);
            }
            arrivals
        };
        self.arrivals = id.filter(|_| reported).map(|_| arrivals());
    }

    /// Where media for this leg goes, if it may and can be sent any.
    pub fn media_address(&self) -> Option<SocketAddr> {
        if !self.gate_open || self.outbound.is_none() {
            return None;
        }
        self.ice.selected()
    }

    /// The same with the port that it leaves from.
    pub fn media_way(&self) -> Option<Way> {
        let (to, port) = (self.media_address()?, self.port);
        Some(Way { to, port })
    }

    /// Brings the lines near that a packet to this leg needs.
    pub fn touch(&self) -> u64 {
        let own = u64::from(self.gate_open) ^ self.report_at.0 ^ self.row.rtp_out;
        own ^ u64::from(self.outbound.is_some())
    }

    /// Brings the lines near that a packet of this SSRC from this leg needs.
    pub fn touch_sender(&self, ssrc: Option<u32>) -> u64 {
        let place = ssrc.and_then(|ssrc| self.familiar.place_of(ssrc));
        let stream = place.and_then(|(source, encoding)| {
            let source = self.sources.get(usize::from(source))?;
            Some(source.touch(usize::from(encoding)))
        });
        let replays = self.inbound.as_ref().zip(ssrc);
        let replays = replays.map_or(0, |(inbound, ssrc)| inbound.touch(ssrc));
        let way = u64::from(self.gate_open) ^ self.ice.touch();
        let own = self.id.0 ^ replays ^ way ^ self.row.datagrams_in;
        own ^ stream.unwrap_or_default()
    }

    /// Measured round trip, or what to assume.
    pub const fn round_trip(&self) -> Micros {
        if self.row.rtt_us == 0 {
            DEFAULT_ROUND_TRIP
        } else {
            Micros(self.row.rtt_us)
        }
    }

    /// The way to it and back, which may lose much until that is known.
    pub fn trip(&self) -> Trip {
        let loses = |link: &Link| link.loss() > LOSSY || link.is_unknown();
        Trip {
            round_trip: self.round_trip(),
            loses: self.link.as_deref().is_some_and(loses),
        }
    }

    /// How far back its round trips let it ask. Where much is lost, so are requests and repairs, and what waits for its
    /// turn on a thin link is taken from the cache as well.
    pub fn reach_back(&self) -> Micros {
        let is_bad = |link: &Link| link.loss() > LOSSY || link.delay() > SLOW;
        if self.link.as_deref().is_some_and(is_bad) {
            return LONGEST_REACH;
        }
        self.round_trip()
    }

    /// SSRC under which we report: that of our first slot, or 1 for a leg that takes nothing (RFC 8108 section 5.1
    /// allows any).
    pub fn reporting_ssrc(&self) -> u32 {
        self.slots.first().map_or(1, |slot| slot.spec.ssrc)
    }

    /// Learns the distance between the peer's clock and ours from one of its reports.
    pub fn handle_sender_clock(&mut self, now: Micros, ntp: u64) {
        self.clock.observe(now, ntp);
    }

    /// Our time of a moment on the peer's clock.
    pub fn local_time(&self, ntp: u64) -> Option<Micros> {
        self.clock.local(ntp)
    }

    /// Whether one more DTLS datagram may go to the control plane in this second.
    pub fn take_dtls_budget(&mut self, now: Micros) -> bool {
        self.dtls_ration.take(now, DTLS_PER_SECOND)
    }

    fn is_connected(&self) -> bool {
        let is_found = self.line.as_deref().is_none_or(Line::is_found);
        self.ice.selected().is_some() && is_found
    }

    fn is_secured(&self) -> bool {
        let outbound = self.outbound.as_ref();
        outbound.is_some_and(|outbound| outbound.profile().hides())
    }

    /// How long sound from it was under way, as `LegRow` has it.
    fn ups(&self) -> (u64, u64) {
        let sounds = self
            .sources
            .iter()
            .filter(|source| source.spec.kind == Kind::Audio);
        let transits = sounds
            .flat_map(|source| &source.encodings)
            .map(|of| of.register.transit());
        transits.fold((0, 0), |(longer_us, count), transit| {
            (
                longer_us + transit.all_longer_micros(),
                count + transit.changes().1,
            )
        })
    }

    /// Counters with what is computed on demand.
    pub fn snapshot(&self) -> LegRow {
        let delays = self.told.as_deref().map(Told::delays).unwrap_or_default();
        let (cipher_in, cipher_out) = self.ciphers();
        let by_handshake = self.line.as_deref().is_none_or(|line| line.by_handshake);
        let (up_longer_us, ups) = self.ups();
        LegRow {
            leg: self.id.0,
            room: self.room.0,
            gate_open: u64::from(self.gate_open),
            connected: u64::from(self.is_connected()),
            secured: u64::from(self.is_secured()),
            report_delay_sum_us: delays.sum_us,
            report_delays: delays.count,
            up_longer_us,
            ups,
            silences: self.silences(),
            cipher_in: cipher_in as u64,
            cipher_out: cipher_out as u64,
            by_handshake: u64::from(by_handshake),
            ..self
                .link
                .as_deref()
                .map_or(self.row, |link| link.enter(self.row))
        }
    }
}

/// Distance between a peer's NTP clock and ours. All streams of the leg share it, so that sound and picture stay
/// together whatever its error.
#[derive(Debug, Default)]
struct SenderClock {
    offset_us: Option<i64>,
}

impl SenderClock {
    /// The report that travelled fastest tells the distance best; the slow drift of real clocks is followed.
    fn observe(&mut self, now: Micros, ntp: u64) {
        let Some(sent) = ntp_to_micros(ntp) else {
            return;
        };
        let sample = now.0 as i64 - sent.0 as i64;
        self.offset_us = Some(match self.offset_us {
            Some(offset) if sample > offset && sample - offset < 1_000_000 => {
                offset + (sample - offset) / 64
            }
            _ => sample,
        });
    }

    fn local(&self, ntp: u64) -> Option<Micros> {
        let local = ntp_to_micros(ntp)?.0 as i64 + self.offset_us?;
        u64::try_from(local).ok().map(Micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::{offset_of, size_of};

    /// Address and keys of RTP stand first in their own structs; the latter are profile, key and salt.
    const ADDRESS: usize = size_of::<Option<SocketAddr>>();
    const KEYS: usize = 48;

    fn lines(touched: &[usize]) -> Vec<usize> {
        let mut lines: Vec<usize> = touched.iter().map(|offset| offset / 64).collect();
        lines.dedup();
        lines
    }

    #[test]
    fn what_every_packet_needs_lies_on_few_cache_lines() {
        let (counters, keys) = (offset_of!(Leg, row), offset_of!(Leg, outbound));
        let counters = [
            counters + offset_of!(LegRow, datagrams_in),
            counters + offset_of!(LegRow, bytes_out),
        ];
        let (path, from) = (offset_of!(Leg, ice), offset_of!(Leg, inbound));
        let feedback = [offset_of!(Leg, link), offset_of!(Leg, told)];
        let out = [
            path,
            path + ADDRESS - 1,
            feedback[0],
            feedback[1],
            keys,
            keys + KEYS - 1,
        ];
        let out = lines(&[&[offset_of!(Leg, slots)], &out[..2], &counters, &out[2..]].concat());
        assert!(out.len() <= 3, "{out:?}");
        let inward = lines(&[
            offset_of!(Leg, returned),
            offset_of!(Leg, familiar),
            offset_of!(Leg, line),
            offset_of!(Leg, sources),
            offset_of!(Leg, arrivals),
            offset_of!(Leg, room),
            offset_of!(Leg, id),
            offset_of!(Leg, extensions),
            from,
            from + KEYS - 1,
        ]);
        assert!(inward.len() <= 3, "{inward:?}");
    }
}
