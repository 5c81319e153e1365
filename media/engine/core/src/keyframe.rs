//! When to ask a source for a key frame: once for everyone who waits, not once for each.

use crate::api::Kind;
use crate::encoding::Taker;
use crate::outbox::Outbox;
use crate::pressure::{Pressure, Turn};
use crate::shard::Shard;
use crate::time::Micros;
use engine_wire::rtcp;

/// Browsers pass over what comes within 300 ms after a request that they have served, and what was early is a round lost.
const MIN_INTERVAL: Micros = Micros::from_millis(320);
/// Where much of what a sender sends is lost, requests to it are lost, too: each is sent again so much later. That costs nothing,
/// since the second is passed over where the first has come.
const ECHO: Micros = Micros::from_millis(6);
/// What an encoder takes to answer, at the most. When that and a round trip have passed, the request or the picture is
/// lost: ask again while somebody still waits. Senders that have answered in vain pass over what comes too soon after.
const ANSWER: Micros = Micros::from_millis(150);

/// What was held back because a link was full waits at its sender, too, that much longer.
const HELD: Micros = Micros::from_millis(400);

/// Between two key frames that one slot makes a source send to others as well, at first and at most: twice as long each
/// time, until it has asked for none for so long. A bad link then costs the others little, and its receiver waits for the
/// next key frame that comes anyway.
const PATIENCE: (Micros, Micros) = (Micros::from_millis(500), Micros::from_millis(2_000));
const CALM: Micros = Micros::from_secs(10);
/// A wish that comes within a round trip after a key frame has left was made before it arrived. No longer than this.
const CROSSING: Micros = Micros::from_millis(300);
/// Where much is lost, what is missing of that key frame is asked for and sent again: so many round trips of a way, and no longer.
/// Another one would have to be mended as well. Browsers that have nothing to show wish every 200 ms, and are heeded after the
/// longest time of both ways.
const MENDS: (u64, Micros) = (2, Micros::from_millis(600));
const MENDED: Micros = Micros::from_millis(1_000);

/// A stream of a source: position of its leg in the shard, index of the source, and encoding.
pub(crate) type Stream = (u32, (u16, u8));

/// The way to a peer and back.
#[derive(Debug, Clone, Copy)]
pub struct Trip {
    /// How long it takes now.
    pub round_trip: Micros,
    /// Whether much is lost on it.
    pub loses: bool,
}

impl Trip {
    /// The same, where each request is heeded, however soon it comes: FIR has numbers, and others have no throttle.
    pub(crate) const fn to_line(self, is_line: bool) -> Self {
        Self {
            loses: self.loses && !is_line,
            ..self
        }
    }

    /// How long it takes to mend what is lost on it.
    fn mends(self) -> Micros {
        let times = if self.loses { MENDS.0 } else { 0 };
        Micros(self.round_trip.0 * times).min(MENDS.1)
    }
}

/// Throttle and memory of one source's key frame requests.
#[derive(Debug, Default)]
pub struct KeyFrameRequests {
    wanted: bool,
    /// A wish came since the last request, held back by the throttle only.
    fresh: bool,
    last_sent: Option<Micros>,
    /// When the last request is to be sent again.
    echo: Option<Micros>,
    last_came: Option<Micros>,
    /// Before then there is no room for one.
    not_before: Micros,
    /// Its turn, where the shard had no time for everybody's wish.
    turn: Option<Turn>,
    sent: u64,
}

impl KeyFrameRequests {
    /// Somebody needs a key frame from a source that cannot be asked yet; `poll` brings it when it can.
    pub fn want_later(&mut self) {
        if !self.wanted {
            // A turn is one wish's.
            self.turn = None;
        }
        self.wanted = true;
        self.fresh = true;
    }

    /// Whether somebody waits for a key frame that was asked for, or will be.
    pub const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Asks for none before then.
    pub fn hold_until(&mut self, at: Micros) {
        self.not_before = at;
    }

    /// Nobody waits any more.
    pub fn satisfied(&mut self) {
        self.echo = None;
        self.wanted = false;
    }

    /// A key frame has gone on to those who take it; `all` if nobody waits for another one.
    pub fn came(&mut self, now: Micros, all: bool) {
        self.last_came = Some(now);
        self.echo = None;
        self.wanted &= !all;
    }

    /// Whether a wish that comes now, on a way with this round trip, was made before the last key frame arrived, or what is
    /// missing of that may still come within such a time.
    pub fn crossed(&self, now: Micros, round_trip: Micros, mends: Micros) -> bool {
        let within = (round_trip.min(CROSSING) + mends).min(MENDED);
        self.last_came.is_some_and(|came| now.since(came) < within)
    }

    /// Whether to repeat a request now; the caller then sends it.
    pub fn poll(&mut self, now: Micros, trip: Trip, pressure: &mut Pressure) -> bool {
        if self.wanted && self.echo.is_some_and(|at| at <= now) {
            self.echo = None;
            self.sent += 1;
            return true;
        }
        let due = self.next_at(trip).is_some_and(|at| at <= now);
        let is_sent = due && self.take_turn(now, pressure);
        if is_sent {
            self.echo = trip.loses.then_some(now + ECHO);
        }
        is_sent
    }

    /// When to poll again, if a key frame is wanted, by the way to the sender.
    pub fn next_at(&self, trip: Trip) -> Option<Micros> {
        // Whoever wishes for one within a round trip is served by the one that is on its way, unless that has come.
        let is_late = self
            .last_sent
            .is_some_and(|sent| sent < self.not_before + HELD);
        let held = if is_late { HELD } else { Micros(0) };
        let within = trip.round_trip + trip.mends();
        let wait = match (self.fresh, self.last_came >= self.last_sent) {
            (true, true) => MIN_INTERVAL,
            (true, false) => MIN_INTERVAL.max(within),
            (false, _) => MIN_INTERVAL.max(within + ANSWER) + held,
        };
        self.wanted.then(|| {
            let soonest = self.last_sent.map_or(Micros(0), |sent| sent + wait);
            let soonest = soonest.max(self.not_before);
            let soonest = soonest.max(self.turn.map_or(Micros(0), |turn| turn.look_at));
            self.echo.map_or(soonest, |at| at.min(soonest))
        })
    }

    /// Somebody needs a key frame. True when the request may go at once; the caller then sends it. A fresh need is
    /// served sooner than a retry: only the throttle and the shard's own pressure hold it back, and then `poll` brings it.
    pub fn want_now(&mut self, now: Micros, trip: Trip, pressure: &mut Pressure) -> bool {
        self.want_later();
        self.poll(now, trip, pressure)
    }

    /// Whether the shard has the time for it now; otherwise its turn is later.
    fn take_turn(&mut self, now: Micros, pressure: &mut Pressure) -> bool {
        self.turn = pressure.turn(now, self.turn);
        let is_now = self.turn.is_none();
        if is_now {
            self.mark_sent(now);
        }
        is_now
    }

    fn mark_sent(&mut self, now: Micros) {
        self.last_sent = Some(now);
        self.fresh = false;
        self.sent += 1;
    }

    /// Requests sent so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }
}

/// How long a slot has to wait until it may make others pay for another key frame.
#[derive(Debug, Clone, Copy, Default)]
pub struct Patience {
    asked: Micros,
    wait: Micros,
}

impl Patience {
    /// Whether it may ask.
    pub fn is_over(self, now: Micros) -> bool {
        now.since(self.asked) >= self.wait
    }

    /// Asks, if it may.
    pub fn take(&mut self, now: Micros) -> bool {
        if !self.is_over(now) {
            return false;
        }
        let again = now.since(self.asked) < CALM;
        let wait = if again {
            self.wait + self.wait
        } else {
            PATIENCE.0
        };
        (self.asked, self.wait) = (now, wait.min(PATIENCE.1));
        true
    }
}

impl Shard {
    pub(crate) fn handle_key_frame_wish(
        &mut self,
        now: Micros,
        index: u32,
        ssrc: u32,
        out: &mut Outbox,
    ) {
        let Some(leg) = self.leg_mut(index) else {
            return;
        };
        let (position, trip) = (leg.slot_by_ssrc(ssrc), leg.trip());
        // Others may ask once, and have no way to mend it.
        let mends = leg.link.is_some();
        let Some(position) = position else {
            return;
        };
        let slot = &mut leg.slots[position];
        slot.row.keyframe_requests += 1;
        let wished = slot
            .filling
            .as_ref()
            .and_then(|filling| Some((filling.leg, (filling.source, filling.needed()?))));
        let taker = Taker {
            leg: index,
            slot: position as u16,
        };
        let crossed = |stream: &Stream| {
            let from = self.trip_from(now, *stream).filter(|_| mends);
            let from = from.map_or(Micros(0), Trip::mends);
            let requests = self.requests(*stream);
            requests.is_some_and(|of| of.crossed(now, trip.round_trip, trip.mends() + from))
        };
        if let Some(stream) = wished.filter(|stream| !crossed(stream)) {
            self.ask_for(now, taker, stream, out);
        }
    }

    fn requests(&self, (leg, (source, encoding)): Stream) -> Option<&KeyFrameRequests> {
        let mut sources = self.leg(leg)?.sources.iter();
        let source = sources.find(|of| of.spec.source == source)?;
        let encoding = source.encodings.get(usize::from(encoding))?;
        Some(&encoding.key_frames)
    }

    /// The way to whoever sends a stream, and back.
    fn trip_from(&self, now: Micros, (leg, (source, _)): Stream) -> Option<Trip> {
        let leg = self.leg(leg)?;
        let source = leg.sources.iter().find(|of| of.spec.source == source)?;
        let trip = source.trip(now, leg.round_trip());
        Some(trip.to_line(leg.line.is_some()))
    }

    /// Asks for a key frame on behalf of one slot. Where others take the source too, they pay for it, and a slot that has
    /// asked just now has to wait: false.
    pub(crate) fn ask_for(
        &mut self,
        now: Micros,
        taker: Taker,
        stream: Stream,
        out: &mut Outbox,
    ) -> bool {
        let (sender, (number, encoding)) = stream;
        let sources = self.leg(sender).map_or(&[][..], |leg| &leg.sources);
        let source = sources.iter().find(|of| of.spec.source == number);
        let takers = source.into_iter().flat_map(|source| &source.encodings);
        let is_shared = takers
            .flat_map(|encoding| &encoding.takers)
            .any(|other| *other != taker);
        let is_wanted = self
            .requests(stream)
            .is_some_and(KeyFrameRequests::is_wanted);
        let slot = self.leg_mut(taker.leg);
        let slot = slot.and_then(|leg| leg.slots.get_mut(usize::from(taker.slot)));
        let is_early = |slot: &mut crate::slot::Slot| !slot.asked.patience.take(now);
        if is_shared && !is_wanted && slot.is_some_and(is_early) {
            return false;
        }
        self.ask_key_frame(now, sender, (number, encoding), out);
        true
    }

    /// Asks for key frames on behalf of every slot of a leg that has not begun.
    pub(crate) fn ask_for_waiting_slots(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        let slots = self.leg(index).map_or(0, |leg| leg.slots.len());
        for slot in 0..slots {
            let waits = self.leg(index).and_then(|leg| {
                let slot = &leg.slots[slot];
                let filling = slot.filling.as_ref();
                let filling = filling.filter(|_| slot.spec.kind == Kind::Video)?;
                Some((filling.leg, (filling.source, filling.waits_for()?)))
            });
            if let Some((leg, stream)) = waits {
                self.ask_key_frame(now, leg, stream, out);
            }
        }
    }

    /// Asks a source for a key frame of one of its encodings, now or when the throttle of that allows.
    pub(crate) fn ask_key_frame(
        &mut self,
        now: Micros,
        index: u32,
        (source, encoding): (u16, u8),
        out: &mut Outbox,
    ) {
        let Some(leg) = self.legs[index as usize].as_deref_mut() else {
            return;
        };
        let (can_ask, is_line) = (leg.media_address().is_some(), leg.line.is_some());
        let round_trip = leg.round_trip();
        let Some(source) = leg.sources.iter_mut().find(|s| s.spec.source == source) else {
            return;
        };
        let trip = source.trip(now, round_trip).to_line(is_line);
        let muted = source.muted;
        let Some(encoding) = source.encodings.get_mut(usize::from(encoding)) else {
            return;
        };
        let Some(ssrc) = encoding.ssrc.filter(|_| can_ask && !muted) else {
            encoding.key_frames.want_later();
            return;
        };
        let is_now = encoding.key_frames.want_now(now, trip, &mut self.pressure);
        let next = encoding.key_frames.next_at(trip);
        if is_now {
            self.send_request(now, index, ssrc, out);
        }
        self.wake_by(index, next.unwrap_or(now + MIN_INTERVAL));
    }

    fn send_request(&mut self, now: Micros, index: u32, media: u32, out: &mut Outbox) {
        let mut rtcp = std::mem::take(&mut self.scratch.rtcp);
        rtcp.clear();
        if let Some(leg) = self.leg_mut(index) {
            match leg.line.as_deref_mut() {
                None => rtcp::write_pli(&mut rtcp, leg.reporting_ssrc(), media),
                Some(_) => leg.ask_on_line(media, &mut rtcp),
            }
            leg.send_rtcp(now, &mut rtcp, out);
        }
        self.scratch.rtcp = rtcp;
        self.ask_beside_rtcp(index);
    }
}

#[cfg(test)]
mod tests;
