//! A sender's link that has become thin, as the sound that comes over it shows, and what its sender is asked to keep to until
//! it knows by itself.
//!
//! Sound leaves its sender at once, while pictures may have to wait there. So sound that takes longer and longer, and pictures
//! with it, stands in a queue, and what comes meanwhile is what the link carries. Browsers learn of it from reports, a third
//! to half a second later, and most of what they have sent by then is lost. They are told at once therefore (REMB,
//! draft-alvestrand-rmcat-remb-03), for a second; after that their own estimate is the better one. And what does not fit is
//! given up at once: whoever looks turns to the smaller pictures, whose key frame is asked for when the queue has room.

use crate::api::Kind;
use crate::encoding::Encoding;
use crate::leg::Leg;
use crate::outbox::Outbox;
use crate::ready::Ready;
use crate::shard::Shard;
use crate::source::Source;
use crate::time::Micros;
use engine_wire::rtcp;

/// Sound that takes no longer than this is on time; what takes so much longer stands in a queue.
const ON_TIME: Micros = Micros::from_millis(40);
const WAITS: Micros = Micros::from_millis(100);
/// What comes is counted from the last sound that was on time, if that was so long ago at the least and at the most. What is
/// usual is counted over such spans.
const COUNTED: (Micros, Micros) = (Micros::from_millis(20), Micros::from_millis(500));
const USUAL: Micros = Micros::from_millis(200);
/// Through a queue something comes all the time, if the packets are not too long for the link. What brings nothing for so long
/// may stand still instead: then all comes at once, and after that as much as before, which so long a time shows.
const APART: Micros = Micros::from_millis(50);
const SHOWN: Micros = Micros::from_millis(100);
/// A fall brings less than so many quarters of what came before; sound then waits longer, by a quarter of the time at least.
const FALLEN: u64 = 3;
const QUARTERS: u64 = 4;
/// What the sender is asked to keep to, in percent of what comes: the queue has to become empty.
const KEPT_TO: u64 = 80;
/// For how long, and how long after that no other fall is told.
const TOLD_FOR: Micros = Micros::from_millis(1_000);
const PAUSE: Micros = Micros::from_secs(5);
/// When a connection begins, senders take what they are told for what they may begin with.
const BEGINS: Micros = Micros::from_secs(3);
/// How often each word is told at once, since it may be lost, and the time between. That there is no limit any more is told so
/// often in all, each time after twice as long, since the network may be away just then, and a limit has no end of its own.
const TIMES: u32 = 3;
const AGAIN: Micros = Micros::from_millis(60);
const LIFTS: u32 = 9;
const LATER_AGAIN: Micros = Micros::from_secs(1);
/// What is sent before its sender knows is lost on such a link, key frames, too; one that was asked for later comes within such
/// a time.
const MAKES_ROOM: Micros = Micros::from_millis(100);
const BEGINS_WITHIN: Micros = Micros::from_millis(600);
/// Bits a second that limit nothing.
const UNLIMITED: u64 = 1_000_000_000;

/// Sound that was on time, and what has come since.
#[derive(Debug, Clone, Copy)]
struct OnTime {
    at: Micros,
    /// Bytes until then.
    bytes: u64,
    waits: Micros,
    /// Nothing came for some time since.
    stood: bool,
    /// When the first sound since came late, and the bytes until then.
    late: Option<(Micros, u64)>,
}

/// What comes from one sender in all, and what it has been told of that.
#[derive(Debug, Default)]
pub struct Fall {
    bytes: u64,
    began: Option<Micros>,
    heard: Micros,
    /// When the span before began, and the bytes until then.
    span: (Micros, u64),
    /// Bits a second while no sound was late.
    usual: u64,
    on_time: Option<OnTime>,
    told: Option<Micros>,
    limit: u64,
    times: u32,
    due: Option<Micros>,
    heeds_remb: bool,
}

impl Fall {
    /// Of a sender that `heeds_remb`; of others no fall is seen, since they would go on as before.
    pub fn new(heeds_remb: bool) -> Self {
        Self {
            heeds_remb,
            ..Self::default()
        }
    }

    /// Its sender may have been told a limit in the time before, and not that it is none any more.
    pub fn lift_from(&mut self, now: Micros) {
        (self.limit, self.times, self.due) = (UNLIMITED, 0, Some(now));
    }

    /// So many bytes came.
    pub fn note(&mut self, now: Micros, bytes: usize) {
        if let Some(before) = &mut self.on_time {
            before.stood |= now.since(self.heard) > APART;
        }
        self.began.get_or_insert(now);
        self.heard = now;
        self.bytes += bytes as u64;
    }

    /// Sound came that was under way for so much longer than the fastest of late. Gives to what its sender is asked to keep,
    /// in bits a second, where the link has just become thin.
    pub fn heed_sound(&mut self, now: Micros, waits: Micros) -> Option<u64> {
        if waits < ON_TIME {
            self.on_time = Some(OnTime {
                at: now,
                bytes: self.bytes,
                waits,
                stood: false,
                late: None,
            });
            self.count(now);
            return None;
        }
        let comes = self.comes_late(now, waits)?;
        let is_begun = self.began.is_some_and(|at| now.since(at) >= BEGINS);
        let is_fall = self.heeds_remb && is_begun && is_less(comes, self.usual);
        if !is_fall || self.is_told(now, TOLD_FOR + PAUSE) {
            return None;
        }
        self.tell(now, comes * KEPT_TO / 100);
        Some(self.limit)
    }

    /// Has its sender told that limit at once, in bits a second.
    pub(crate) fn tell(&mut self, now: Micros, limit: u64) {
        self.limit = limit;
        (self.told, self.times, self.due) = (Some(now), 0, Some(now));
    }

    /// Bits a second that have come since sound was on time, if it waits longer and longer since.
    ///
    /// While as much is sent as before, the link carries no more than that: it has been full for a part of the time.
    fn comes_late(&mut self, now: Micros, waits: Micros) -> Option<u64> {
        let before = self.on_time.as_mut()?;
        let elapsed = now.since(before.at);
        if elapsed > COUNTED.1 {
            self.on_time = None;
            return None;
        }
        if waits < WAITS || elapsed < COUNTED.0 {
            return None;
        }
        let (late_at, bytes) = *before.late.get_or_insert((now, self.bytes));
        let since = now.since(late_at);
        let is_little = || is_less(rate(self.bytes - bytes, since), self.usual);
        let is_queue = !before.stood || since >= SHOWN && is_little();
        let grows = waits.since(before.waits).0 * QUARTERS >= elapsed.0;
        (is_queue && grows).then(|| rate(self.bytes - before.bytes, elapsed))
    }

    /// Whether its sender may not yet know by itself.
    pub fn is_recent(&self, now: Micros) -> bool {
        self.is_told(now, TOLD_FOR)
    }

    fn is_told(&self, now: Micros, within: Micros) -> bool {
        self.told.is_some_and(|told| now.since(told) < within)
    }

    fn count(&mut self, now: Micros) {
        let (since, before) = self.span;
        let elapsed = now.since(since);
        if elapsed < USUAL {
            return;
        }
        self.span = (now, self.bytes);
        // After a silence nothing is known of it.
        if elapsed < USUAL + USUAL {
            self.usual = (self.usual * 3 + rate(self.bytes - before, elapsed)) / 4;
        }
    }

    /// When the sender is to be told something.
    pub const fn next_at(&self) -> Option<Micros> {
        self.due
    }

    /// Appends what is due: `own` is the SSRC that tells, `media` any of the sender's.
    pub fn write(&mut self, now: Micros, (own, media): (u32, u32), rtcp: &mut Vec<u8>) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        rtcp::write_remb(rtcp, own, self.limit, &[media]);
        self.times += 1;
        self.due = match (self.times, self.told) {
            (..TIMES, _) => Some(now + AGAIN),
            (TIMES, Some(told)) if self.limit < UNLIMITED => {
                (self.times, self.limit) = (0, UNLIMITED);
                Some(now.max(told + TOLD_FOR))
            }
            (TIMES..LIFTS, _) => Some(now + Micros(LATER_AGAIN.0 << (self.times - TIMES))),
            _ => None,
        };
    }
}

/// Whether so much less comes that it is a fall.
const fn is_less(comes: u64, usual: u64) -> bool {
    comes * QUARTERS < usual * FALLEN
}

/// Bits a second.
const fn rate(bytes: u64, span: Micros) -> u64 {
    bytes * 8_000_000 / span.0
}

/// Whether any pictures come, and late.
fn pictures_wait(sources: &[Source], now: Micros) -> bool {
    let pictures = sources.iter().filter(|of| of.spec.kind == Kind::Video);
    let sent = pictures.flat_map(|of| of.encodings.iter().filter(|one| one.is_active(now)));
    let mut transits = sent.map(|one| one.register.transit());
    transits.any(|transit| transit.waits() >= ON_TIME)
}

impl Leg {
    /// Has the sender told, and its larger pictures given up, if this is sound which shows that its link has become thin.
    pub(crate) fn heed_fall(&mut self, now: Micros, ready: &Ready) -> bool {
        let source = &self.sources[usize::from(ready.source)];
        let Some(arrivals) = self.arrivals.as_deref_mut() else {
            return false;
        };
        if source.spec.kind != Kind::Audio {
            return false;
        }
        let encoding = &source.encodings[usize::from(ready.encoding)];
        let waits = encoding.register.transit().waits();
        // What was overtaken says nothing of those after it, and in a queue pictures wait as well.
        let is_newest = encoding.newest == Some((ready.timestamp, now));
        if !is_newest || waits >= WAITS && !pictures_wait(&self.sources, now) {
            return false;
        }
        let Some(limit) = arrivals.fall.heed_sound(now, waits) else {
            return false;
        };
        self.was_limited = true;
        self.yield_to(now, limit);
        true
    }

    /// Gives up the larger pictures for which there is no room in so many bits a second, beside sound and the smallest of each.
    fn yield_to(&mut self, now: Micros, limit: u64) {
        let smallest = self.sources.iter().flat_map(|of| of.encodings.first());
        let sent = smallest.filter(|one| one.is_active(now));
        let mut sum: u64 = sent.map(|one| one.rates.up_to(u8::MAX)).sum();
        for source in &mut self.sources {
            let [smallest, larger @ ..] = &mut source.encodings[..] else {
                continue;
            };
            if larger.is_empty() {
                continue;
            }
            let mut kept = vec![smallest];
            for encoding in larger {
                let own = encoding.rates.up_to(u8::MAX);
                if sum + own > limit {
                    encoding.give_up(now);
                    continue;
                }
                if encoding.is_active(now) {
                    sum += own;
                }
                kept.push(encoding);
            }
            let begin = kept.into_iter().filter(|one| one.takers.is_empty());
            begin.for_each(|one| one.begin_anew(now));
        }
    }
}

impl Shard {
    /// Has the sender told soon, and who looks at what it sends turn to the smaller pictures.
    pub(crate) fn turn_from_what_fell(&mut self, now: Micros, index: u32, out: &mut Outbox) {
        self.row.uplink_falls += 1;
        self.wake_by(index, now);
        let several = |source: &Source| source.encodings.len() > 1;
        let sources = self.leg(index).map_or(0, |leg| leg.sources.len());
        for position in 0..sources {
            if self
                .leg(index)
                .is_some_and(|leg| several(&leg.sources[position]))
            {
                self.encoding_woke(now, (index, position), out);
            }
        }
    }
}

impl Encoding {
    /// There is no room for it on its sender's link.
    fn give_up(&mut self, now: Micros) {
        let was_sent = self.is_active(now);
        self.steady.rest(now, was_sent);
        self.register.forget_missing();
        self.key_frames.satisfied();
    }

    /// Whoever turns to it begins with a key frame, which is asked for when there is room again: nothing is asked for that was
    /// sent before.
    fn begin_anew(&mut self, now: Micros) {
        self.register.await_key_frame(now + BEGINS_WITHIN);
        self.key_frames.hold_until(now + MAKES_ROOM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_wire::rtcp::Packet;

    const MEDIA: u32 = 7;
    /// What the link's queue holds.
    const QUEUE: u64 = 300_000;

    /// A call of 64 kbit/s of sound and 25 pictures of five packets a second, over a link of `rate(ms)` bits a second on which
    /// `held(ms)` more pass until a packet leaves it. Gives the falls: when it is seen, in ms, and the limit.
    fn falls(
        fall: &mut Fall,
        millis: std::ops::Range<u64>,
        rate: impl Fn(u64) -> u64,
        held: impl Fn(u64) -> u64,
    ) -> Vec<(u64, u64)> {
        let begin = Micros::from_secs(1_000);
        let (mut free, mut least, mut came) = (0, u64::MAX, Vec::new());
        for milli in millis {
            let sound = (milli % 20 == 0).then_some((true, 160_u64));
            let picture = (0..5).filter(|_| milli % 40 == 0).map(|_| (false, 1_000));
            for (is_sound, bytes) in sound.into_iter().chain(picture) {
                let at = (milli * 1_000).max(free);
                if at - milli * 1_000 < QUEUE {
                    free = at + bytes * 8_000_000 / rate(milli);
                    came.push((free + held(milli) * 1_000, milli, is_sound, bytes));
                }
            }
        }
        came.sort_unstable();
        let mut found = Vec::new();
        for (at, milli, is_sound, bytes) in came {
            let now = begin + Micros(at);
            fall.note(now, bytes as usize);
            if is_sound {
                let took = at - milli * 1_000;
                least = least.min(took);
                let limit = fall.heed_sound(now, Micros(took - least));
                found.extend(limit.map(|limit| (at / 1_000, limit)));
            }
        }
        found
    }

    #[test]
    fn a_link_that_becomes_thin_is_seen_while_its_queue_fills() {
        // Of sound, too, most is lost where the link carries little.
        for (carries, within) in [
            (160_000, 600),
            (200_000, 500),
            (300_000, 300),
            (500_000, 300),
        ] {
            let rate = |milli| if milli < 5_000 { 5_000_000 } else { carries };
            let found = falls(&mut Fall::new(true), 0..9_000, rate, |_| 20);
            let [(milli, limit)] = found[..] else {
                panic!("{carries}: {found:?}");
            };
            assert!(milli < 5_000 + within, "{carries}: {milli}");
            let most = carries * 95 / 100;
            assert!((carries / 2..most).contains(&limit), "{carries}: {limit}");
        }
    }

    #[test]
    fn what_is_no_fall_is_none() {
        let wide = |_| 5_000_000;
        let none = |rate: &dyn Fn(u64) -> u64, held: &dyn Fn(u64) -> u64| {
            assert_eq!(falls(&mut Fall::new(true), 0..9_000, rate, held), []);
        };
        none(&wide, &|_| 20);
        // Jitter that lets packets overtake each other, and such that does not.
        none(&wide, &|milli| 20 + milli * 7_919 % 150);
        none(&wide, &|milli| {
            20 + (milli % 200).min(200 - milli % 200) * 9 / 10
        });
        // A link that stands still each second, for a moment or for longer, and then brings all at once.
        for still in [45, 80, 120, 200, 400] {
            none(&wide, &|milli| 20 + still - (milli % 1_000).min(still));
        }
        // Another path.
        none(&wide, &|milli| 20 + 150 * u64::from(milli > 5_000));
        // Somewhat less than is sent.
        let less = |milli| if milli < 5_000 { 5_000_000 } else { 950_000 };
        none(&less, &|_| 20);
        // Thin from the beginning, and soon after it.
        none(&|_| 300_000, &|_| 20);
        let soon = |milli| if milli < 2_000 { 5_000_000 } else { 300_000 };
        none(&soon, &|_| 20);
    }

    /// Two packets in one datagram's time, of a sender who tells what he likes.
    #[test]
    fn no_time_is_no_rate() {
        let mut fall = Fall::new(true);
        falls(&mut fall, 0..5_000, |_| 5_000_000, |_| 20);
        let now = Micros::from_secs(1_006);
        assert_eq!(fall.heed_sound(now, Micros(0)), None);
        assert_eq!(fall.heed_sound(now, Micros::from_millis(900)), None);
    }

    /// What is told from now on, if nothing more happens: after how many ms, and the limit.
    fn told(fall: &mut Fall) -> Vec<(u64, u64)> {
        let begin = fall.next_at().unwrap();
        let mut told = Vec::new();
        while let Some(now) = fall.next_at() {
            let mut out = Vec::new();
            fall.write(now - Micros(1), (1, MEDIA), &mut out);
            assert!(out.is_empty());
            fall.write(now, (1, MEDIA), &mut out);
            let Some(Ok(Packet::Remb(remb))) = rtcp::parse(&out).next() else {
                panic!("no REMB");
            };
            assert!(remb.ssrcs().eq([MEDIA]));
            told.push((now.since(begin).0 / 1_000, remb.bitrate_bps));
        }
        told
    }

    #[test]
    fn the_limit_is_told_three_times_and_taken_off_after_a_second_more_than_once() {
        let mut fall = Fall::new(true);
        let rate = |milli| if milli < 5_000 { 5_000_000 } else { 300_000 };
        let (_, limit) = falls(&mut fall, 0..5_300, rate, |_| 20)[0];
        let told = told(&mut fall);
        let times: Vec<u64> = told.iter().map(|(millis, _)| *millis).collect();
        let lifts = [
            1_000, 1_060, 1_120, 2_120, 4_120, 8_120, 16_120, 32_120, 64_120,
        ];
        assert_eq!(times, [&[0, 60, 120], &lifts[..]].concat());
        assert!(told[..3].iter().all(|(_, bps)| limit - bps < limit / 1_000));
        assert!(told[3..].iter().all(|(_, bps)| *bps > 900_000_000));
    }

    /// A gate that was closed meanwhile.
    #[test]
    fn a_limit_of_the_time_before_is_taken_off() {
        let mut fall = Fall::new(true);
        assert_eq!(fall.next_at(), None);
        fall.lift_from(Micros::from_secs(1_000));
        let told = told(&mut fall);
        assert_eq!(told.len(), 9);
        assert!(told.iter().all(|(_, bps)| *bps > 900_000_000));
    }
}
