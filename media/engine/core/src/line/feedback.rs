//! How the peer of a line is asked for key frames and rates, and what it asks itself (RFC 4585, RFC 5104, RFC 5168): by
//! whatever it has agreed to, and beside RTCP where it has agreed to nothing.

use super::api::{Feedback, LineSpec, WantKeyFrame};
use super::rate::Told;
use super::Line;
use crate::api::{Event, LegId, Refusal};
use crate::leg::Leg;
use crate::outbox::Outbox;
use crate::shard::Shard;
use crate::time::Micros;
use engine_wire::rtcp::{self, RateLimit, Remb, Tmmbr};

/// IPv4, UDP and RTP around each payload, as receivers count it (RFC 5104 section 3.5.4.2).
const OVERHEAD: u16 = 40;
/// A peer that is to send as much as it likes is asked for no more than this.
const UNLIMITED: u64 = 4_000_000;

/// What is agreed and under way between a line's peer and us.
#[derive(Debug)]
pub(crate) struct Asking {
    agreed: Feedback,
    /// Of the next full intra request: repeated ones have the number of the first.
    fir_sequence: u8,
    /// A source of which a key frame has to be asked for beside RTCP.
    beside: Option<u16>,
    /// Bit/s that the peer is to send at the most, not told yet.
    limit: Option<u64>,
}

impl Asking {
    pub(crate) const fn new(spec: &LineSpec) -> Self {
        Self {
            agreed: spec.feedback,
            fir_sequence: 0,
            beside: None,
            limit: None,
        }
    }
}

impl Line {
    /// Asks for a key frame of a source by what its peer heeds.
    pub(crate) fn ask(&mut self, own: u32, (source, media): (u16, u32), rtcp: &mut Vec<u8>) {
        let asking = &mut self.asking;
        if asking.agreed.pli {
            rtcp::write_pli(rtcp, own, media);
        } else if asking.agreed.fir {
            // Peers pass over a number that they have answered, so that a request in vain needs a new one, too.
            rtcp::write_fir(rtcp, own, media, asking.fir_sequence);
            asking.fir_sequence = asking.fir_sequence.wrapping_add(1);
        } else {
            asking.beside = Some(source);
        }
    }

    /// Notes what the peer is to send of an only encoding, in bit/s; `None` for as much as it likes.
    pub(crate) fn limit(&mut self, most: Option<u64>) {
        self.asking.limit = Some(most.unwrap_or(UNLIMITED)).filter(|_| self.asking.agreed.tmmbr);
    }

    /// Heeds what a report says of a slot for pictures.
    pub(crate) fn heed_report(&mut self, now: Micros, told: Told) {
        if let Some(rate) = &mut self.rate {
            rate.handle_report(now, told);
        }
    }
}

impl Leg {
    /// Asks for a key frame of the source that is sent under `media`.
    pub(crate) fn ask_on_line(&mut self, media: u32, rtcp: &mut Vec<u8>) {
        let own = self.reporting_ssrc();
        let mut sources = self.sources.iter();
        let source = sources.find(|of| of.encodings.iter().any(|one| one.ssrc == Some(media)));
        if let (Some(source), Some(line)) = (source, self.line.as_deref_mut()) {
            line.ask(own, (source.spec.source, media), rtcp);
        }
    }

    pub(crate) fn heed_remb(&mut self, now: Micros, remb: &Remb<'_>) {
        let line = self.line.as_deref_mut();
        if let Some(rate) = line.and_then(|line| line.rate.as_mut()) {
            rate.handle_remb(now, remb.bitrate_bps);
        }
    }

    /// Takes a request for less, or for more again, and answers it.
    fn take_tmmbr(&mut self, request: &Tmmbr<'_>, rtcp: &mut Vec<u8>) {
        let mut limits = request.limits();
        let limit = limits.find(|limit| self.slot_by_ssrc(limit.ssrc).is_some());
        let line = self.line.as_deref_mut();
        let (Some(limit), Some(rate)) = (limit, line.and_then(|line| line.rate.as_mut())) else {
            return;
        };
        rate.handle_tmmbr(limit.bitrate_bps);
        let owner = RateLimit {
            ssrc: request.sender,
            ..limit
        };
        rtcp::write_tmmbn(rtcp, limit.ssrc, &[owner]);
    }

    /// Tells the peer what it is to send at the most, if that is news.
    fn write_limit(&mut self, rtcp: &mut Vec<u8>) {
        let own = self.reporting_ssrc();
        let media = self
            .sources
            .iter()
            .find_map(crate::source::Source::any_ssrc);
        let limit = self.line.as_deref_mut().map(|line| &mut line.asking.limit);
        let (Some(ssrc), Some(limit)) = (media, limit) else {
            return;
        };
        if let Some(bitrate_bps) = limit.take() {
            let overhead = OVERHEAD;
            rtcp::write_tmmbr(
                rtcp,
                own,
                RateLimit {
                    ssrc,
                    bitrate_bps,
                    overhead,
                },
            );
        }
    }
}

impl Shard {
    /// Tells whom to ask for a key frame beside RTCP.
    pub(crate) fn ask_beside_rtcp(&mut self, index: u32) {
        let asked = self.leg_mut(index).and_then(|leg| {
            let source = leg.line.as_deref_mut()?.asking.beside.take()?;
            Some((leg.id, source))
        });
        if let Some((leg, source)) = asked {
            self.events.push_back(Event::KeyFrameWanted { leg, source });
        }
    }

    /// Heeds that the peer needs a key frame, as it has said beside RTCP.
    pub(crate) fn want_key_frame(
        &mut self,
        now: Micros,
        want: WantKeyFrame,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        self.places_of(want.leg)?;
        let index = self.receiver_of(want.leg, want.slot);
        let index = index.ok_or(Refusal::BadDescription)?;
        let leg = self.leg(index).ok_or(Refusal::UnknownLeg)?;
        let mut slots = leg.slots.iter();
        let slot = slots.find(|slot| slot.spec.slot == want.slot);
        let ssrc = slot.ok_or(Refusal::BadDescription)?.spec.ssrc;
        if leg.gate_open() {
            self.handle_key_frame_wish(now, index, ssrc, out);
        }
        Ok(())
    }

    pub(crate) fn heed_tmmbr(
        &mut self,
        now: Micros,
        index: u32,
        request: &Tmmbr<'_>,
        out: &mut Outbox,
    ) {
        self.tell_line(now, index, out, |leg, rtcp| leg.take_tmmbr(request, rtcp));
    }

    /// Fits what a line is sent to what it may be sent now, and tells its peer what it is to send.
    pub(crate) fn fit_line(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        self.tell_line(now, index, out, Leg::write_limit);
        let Some(leg) = self.leg_mut(index).filter(|leg| leg.gate_open()) else {
            return;
        };
        let rate = leg.line.as_deref().and_then(|line| line.rate.as_ref());
        let estimate = rate.map(|rate| rate.estimate(now));
        if leg.layers.estimate != estimate {
            leg.layers.estimate = estimate;
            self.review(now, index, out);
        }
    }

    fn tell_line(
        &mut self,
        now: Micros,
        index: u32,
        out: &mut Outbox,
        write: impl FnOnce(&mut Leg, &mut Vec<u8>),
    ) {
        let mut rtcp = std::mem::take(&mut self.scratch.rtcp);
        rtcp.clear();
        if let Some(leg) = self.leg_mut(index) {
            write(leg, &mut rtcp);
            leg.send_rtcp(now, &mut rtcp, out);
        }
        self.scratch.rtcp = rtcp;
    }

    /// Tells a peer that knows only RTP that nothing more will come (RFC 3550 section 6.6).
    pub(crate) fn say_goodbye(&mut self, now: Micros, leg: LegId, out: &mut Outbox) {
        for index in self.lines.get(&leg).cloned().unwrap_or_default() {
            self.tell_line(now, index, out, Leg::write_goodbye);
        }
    }
}

impl Leg {
    fn write_goodbye(&mut self, rtcp: &mut Vec<u8>) {
        let own = self.reporting_ssrc();
        rtcp::write_receiver_report(rtcp, own, &[]);
        rtcp::write_sdes_cname(rtcp, own, &self.cname);
        let sent = self.slots.iter().filter(|slot| slot.row.packets > 0);
        let ssrcs: Vec<u32> = sent.map(|slot| slot.spec.ssrc).collect();
        rtcp::write_bye(rtcp, &ssrcs);
    }
}
