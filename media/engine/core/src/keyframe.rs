//! When to ask a source for a key frame: once for everyone who waits, not once for each.

use crate::api::Kind;
use crate::encoding::Taker;
use crate::outbox::Outbox;
use crate::pressure::{Pressure, Turn};
use crate::shard::Shard;
use crate::time::Micros;
use engine_wire::rtcp;

/// Encoders answer a request within about 60 ms; a second one inside this time only costs bits.
const MIN_INTERVAL: Micros = Micros::from_millis(250);
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

/// A stream of a source: position of its leg in the shard, index of the source, and encoding.
pub(crate) type Stream = (u32, (u16, u8));

/// Throttle and memory of one source's key frame requests.
#[derive(Debug, Default)]
pub struct KeyFrameRequests {
    wanted: bool,
    /// A wish came since the last request, held back by the throttle only.
    fresh: bool,
    last_sent: Option<Micros>,
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
        self.wanted = false;
    }

    /// A key frame has gone on to those who take it; `all` if nobody waits for another one.
    pub fn came(&mut self, now: Micros, all: bool) {
        self.last_came = Some(now);
        self.wanted &= !all;
    }

    /// Whether a wish that comes now, on a way with this round trip, was made before the last key frame arrived.
    pub fn crossed(&self, now: Micros, round_trip: Micros) -> bool {
        let way = round_trip.min(CROSSING);
        self.last_came.is_some_and(|came| now.since(came) < way)
    }

    /// Whether to repeat a request now; the caller then sends it.
    pub fn poll(&mut self, now: Micros, round_trip: Micros, pressure: &mut Pressure) -> bool {
        let due = self.next_at(round_trip).is_some_and(|at| at <= now);
        due && self.take_turn(now, pressure)
    }

    /// When to poll again, if a key frame is wanted; `round_trip` is the sender's.
    pub fn next_at(&self, round_trip: Micros) -> Option<Micros> {
        // Whoever wishes for one within a round trip is served by the one that is on its way, unless that has come.
        let is_late = self
            .last_sent
            .is_some_and(|sent| sent < self.not_before + HELD);
        let held = if is_late { HELD } else { Micros(0) };
        let wait = match (self.fresh, self.last_came >= self.last_sent) {
            (true, true) => MIN_INTERVAL,
            (true, false) => MIN_INTERVAL.max(round_trip),
            (false, _) => MIN_INTERVAL.max(round_trip + ANSWER) + held,
        };
        self.wanted.then(|| {
            let soonest = self.last_sent.map_or(Micros(0), |sent| sent + wait);
            let soonest = soonest.max(self.not_before);
            soonest.max(self.turn.map_or(Micros(0), |turn| turn.look_at))
        })
    }

    /// Somebody needs a key frame. True when the request may go at once; the caller then sends it. A fresh need is
    /// served sooner than a retry: only the throttle and the shard's own pressure hold it back, and then `poll` brings it.
    pub fn want_now(&mut self, now: Micros, round_trip: Micros, pressure: &mut Pressure) -> bool {
        self.want_later();
        self.poll(now, round_trip, pressure)
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
        let (position, round_trip) = (leg.slot_by_ssrc(ssrc), leg.round_trip());
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
            let requests = self.requests(*stream);
            requests.is_some_and(|requests| requests.crossed(now, round_trip))
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
        let can_ask = leg.media_address().is_some();
        let round_trip = leg.round_trip();
        let Some(source) = leg.sources.iter_mut().find(|s| s.spec.source == source) else {
            return;
        };
        let (muted, way) = (source.muted, round_trip + source.waits(now));
        let Some(encoding) = source.encodings.get_mut(usize::from(encoding)) else {
            return;
        };
        let Some(ssrc) = encoding.ssrc.filter(|_| can_ask && !muted) else {
            encoding.key_frames.want_later();
            return;
        };
        if encoding.key_frames.want_now(now, way, &mut self.pressure) {
            self.send_request(now, index, ssrc, out);
        }
        self.wake_by(index, now + MIN_INTERVAL);
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
mod tests {
    use super::*;

    #[test]
    fn many_wishes_make_one_request_and_an_unanswered_one_is_repeated() {
        let (mut requests, mut pressure) = (KeyFrameRequests::default(), Pressure::default());
        let at = |millis: u64| Micros::from_millis(10_000 + millis);
        let trip = Micros::from_millis(200);
        assert!(requests.want_now(at(0), trip, &mut pressure));
        assert!(!requests.want_now(at(1), trip, &mut pressure));
        assert!(!requests.poll(at(100), trip, &mut pressure));
        assert!(requests.poll(at(250), trip, &mut pressure));
        assert!(!requests.poll(at(501), trip, &mut pressure));
        assert!(requests.poll(at(600), trip, &mut pressure));
        requests.came(at(800), true);
        assert!(!requests.poll(at(5_000), trip, &mut pressure));
        assert_eq!(requests.sent(), 3);
        assert!(requests.want_now(at(6_000), trip, &mut pressure));
    }

    /// On a long way what was asked for may be on its way when somebody else wishes for it; once it has come, it is not.
    #[test]
    fn a_wish_is_served_by_the_key_frame_that_is_on_its_way() {
        let (mut requests, mut pressure) = (KeyFrameRequests::default(), Pressure::default());
        let at = |millis: u64| Micros::from_millis(10_000 + millis);
        let trip = Micros::from_millis(600);
        assert!(requests.want_now(at(0), trip, &mut pressure));
        assert!(!requests.want_now(at(400), trip, &mut pressure));
        assert!(!requests.poll(at(599), trip, &mut pressure));
        assert!(requests.poll(at(600), trip, &mut pressure));
        requests.came(at(700), true);
        assert!(
            !requests.want_now(at(840), trip, &mut pressure),
            "the throttle"
        );
        assert!(requests.poll(at(850), trip, &mut pressure));
    }

    /// What is held back is asked for in time, and again only when it had time to leave its sender.
    #[test]
    fn a_wish_that_is_held_back_is_not_made_twice_in_a_hurry() {
        let (mut requests, mut pressure) = (KeyFrameRequests::default(), Pressure::default());
        let at = |millis: u64| Micros::from_millis(10_000 + millis);
        let trip = Micros::from_millis(200);
        requests.hold_until(at(100));
        assert!(!requests.want_now(at(0), trip, &mut pressure));
        assert_eq!(requests.next_at(trip), Some(at(100)));
        assert!(requests.poll(at(100), trip, &mut pressure));
        assert_eq!(requests.next_at(trip), Some(at(850)));
        requests.came(at(600), true);
        assert!(requests.want_now(at(3_000), trip, &mut pressure));
        assert_eq!(requests.next_at(trip), Some(at(3_350)));
    }

    /// A shard that is late asks for few key frames, and one that has just been late for one after the other, until all
    /// have been asked; everyone has a turn before anyone has another.
    #[test]
    fn a_shard_that_was_late_asks_one_after_the_other() {
        let mut pressure = Pressure::default();
        let at = |millis: u64| Micros::from_millis(10_000 + millis);
        let trip = Micros::from_millis(20);
        let mut all: Vec<KeyFrameRequests> =
            (0..100).map(|_| KeyFrameRequests::default()).collect();
        pressure.note_wait(at(0), Micros::from_millis(50));
        let at_once = all
            .iter_mut()
            .map(|one| one.want_now(at(0), trip, &mut pressure));
        let at_once = at_once.filter(|is_now| *is_now).count();
        assert_eq!(at_once, 1);
        let mut asked = Vec::new();
        for now in (1..3_000).map(at) {
            let late = if now < at(500) { 50 } else { 0 };
            pressure.note_wait(now, Micros::from_millis(late));
            for requests in all.iter_mut().filter(|one| one.sent() == 0) {
                if requests.poll(now, trip, &mut pressure) {
                    asked.push(now);
                }
            }
        }
        let (meanwhile, after) = asked.split_at(asked.partition_point(|time| *time < at(500)));
        let apart = |times: &[Micros], millis| {
            let pause = Micros::from_millis(millis);
            times.windows(2).all(|two| two[1] >= two[0] + pause)
        };
        assert_eq!((meanwhile.len(), after.len()), (4, 95));
        assert!(apart(meanwhile, 100) && apart(after, 10));
        assert!(after[94] < at(1_900), "the last one at {:?}", after[94]);
        // Whoever wants one then waits for nobody.
        let mut late = KeyFrameRequests::default();
        assert!(late.want_now(at(3_000), trip, &mut pressure));
    }

    #[test]
    fn a_slot_that_asks_again_and_again_waits_longer_and_one_that_is_calm_does_not() {
        let mut patience = Patience::default();
        let at = |millis: u64| Micros::from_millis(1_000_000 + millis);
        let asked = |patience: &mut Patience, span: std::ops::Range<u64>| {
            let times = span.step_by(100);
            times
                .filter(|millis| patience.take(at(*millis)))
                .collect::<Vec<_>>()
        };
        let times = asked(&mut patience, 0..8_000);
        assert_eq!(times, [0, 500, 1_500, 3_500, 5_500, 7_500]);
        assert_eq!(asked(&mut patience, 20_000..20_600), [20_000, 20_500]);
    }

    #[test]
    fn a_wish_that_a_key_frame_has_crossed_is_no_wish() {
        let mut requests = KeyFrameRequests::default();
        let at = |millis: u64| Micros::from_millis(10_000 + millis);
        let trip = Micros::from_millis(40);
        assert!(!requests.crossed(at(0), trip));
        requests.came(at(0), true);
        assert!(requests.crossed(at(39), trip) && !requests.crossed(at(40), trip));
        assert!(!requests.crossed(at(400), Micros::from_secs(5)));
    }
}
