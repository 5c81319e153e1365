//! One RTP stream of a source: a source has several when it sends the same pictures in several sizes (simulcast,
//! RFC 8853).

use crate::api::{Codec, EncodingSpec, Kind};
use crate::cache::{Cached, PacketCache, Size};
use crate::keyframe::{KeyFrameRequests, Patience};
use crate::parameters::ParameterSets;
use crate::rates::Rates;
use crate::receive::ReceiveRegister;
use crate::red::split::Timeline;
use crate::source::codec_number;
use crate::stats::StreamRow;
use crate::steady::{Steady, BEGINS_AFTER};
use crate::time::Micros;
use engine_wire::payload::vp8;

/// Round trips within which a receiver asks for what it misses, and once more if that was lost.
const ROUND_TRIPS_KEPT: u64 = 3;
/// The least and the most time for which payload is kept; a receiver has given a picture up after the latter.
const KEPT: (Micros, Micros) = (Micros::from_millis(250), Micros::from_millis(1_000));
/// An encoding that has sent nothing for this long is one that its sender has paused.
const PAUSED_AFTER: Micros = Micros::from_millis(1_000);
/// A sender's clock of sound stands still while its computer sleeps, that of pictures does not, and the next report says so
/// seconds later. What is behind by less may wait in a queue.
const STOOD_STILL: Micros = Micros::from_millis(2_000);

/// How long payload is kept for carriers after a slot has last wanted them.
const CARRY_HOLD: Micros = Micros::from_millis(1_000);

/// The sender's own clock for this stream (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy)]
pub struct SenderReportSeen {
    /// NTP timestamp of the report.
    pub ntp: u64,
    /// RTP timestamp of the same moment.
    pub rtp: u32,
    /// When it arrived here.
    pub at: Micros,
}

impl SenderReportSeen {
    /// The RTP timestamp that this stream gives to what another stream by the same NTP clock calls `timestamp`.
    pub fn translate(&self, other: &Self, timestamp: u32, clock_rate: u32) -> u32 {
        let apart = self.ntp.wrapping_sub(other.ntp) as i64;
        let ticks = (i128::from(apart) * i128::from(clock_rate)) >> 32;
        let since_other = timestamp.wrapping_sub(other.rtp);
        self.rtp
            .wrapping_add(since_other)
            .wrapping_sub(ticks as u32)
    }
}

/// A slot that takes this encoding: position of its leg in the shard, and its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taker {
    /// Position of the leg in the shard.
    pub leg: u32,
    /// Index of the slot in the leg.
    pub slot: u16,
}

/// State of one encoding, in the order of use: of a thousand streams, the next packet is one whose state has long left the
/// nearer caches.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Encoding {
    /// SSRC that it is sent with now, once known.
    pub ssrc: Option<u32>,
    /// Timestamp and arrival of the newest packet.
    pub newest: Option<(u32, Micros)>,
    /// When it began, or came again after a pause.
    pub(crate) began: Micros,
    /// Between its last two pictures, in RTP ticks.
    pub(crate) interval: u32,
    /// Parameter sets of H.264, once any have come.
    pub(crate) parameters: Option<Box<ParameterSets>>,
    pub(crate) epoch: u32,
    /// Lines of the last key frame that named them; 0 before.
    pub height: u16,
    kept_for: Micros,
    /// For how long payload has waited for its turn of late, and until when that counts.
    waited: (Micros, Micros),
    /// Until when payload is kept for slots in which later packets carry it.
    carried_until: Micros,
    /// Times of recent packets, where redundancy may come in.
    pub(crate) timeline: Option<Box<Timeline>>,
    /// Slots to which this encoding flows, or that wait for it.
    pub takers: Vec<Taker>,
    /// Recent packets, made with the first packet of a source whose receivers may ask again.
    pub cache: Option<Box<PacketCache>>,
    /// Counters.
    pub row: StreamRow,
    /// What it sends.
    pub rates: Rates,
    /// SSRC of its retransmissions, once known.
    pub rtx_ssrc: Option<u32>,
    /// The timestamp of the last key frame.
    pub key_frame: Option<u32>,
    /// Order and loss.
    pub register: ReceiveRegister,
    /// Key frame throttle.
    pub key_frames: KeyFrameRequests,
    /// With key frames for what is lost for good.
    patience: Patience,
    /// Last report of the sender.
    pub sender_report: Option<SenderReportSeen>,
    /// Whether its sender keeps it up.
    pub(crate) steady: Steady,
}

impl Encoding {
    /// An encoding that has sent nothing yet.
    pub fn new(spec: &EncodingSpec, (clock_rate, takes_red): (u32, bool), row: StreamRow) -> Self {
        Self {
            ssrc: spec.ssrc,
            rtx_ssrc: spec.rtx_ssrc,
            register: ReceiveRegister::new(clock_rate),
            cache: None,
            key_frames: KeyFrameRequests::default(),
            patience: Patience::default(),
            takers: Vec::new(),
            sender_report: None,
            newest: None,
            began: Micros(0),
            interval: 0,
            steady: Steady::default(),
            height: 0,
            rates: Rates::default(),
            key_frame: None,
            row,
            epoch: 0,
            kept_for: KEPT.0,
            waited: (Micros(0), Micros(0)),
            carried_until: Micros(0),
            parameters: None,
            timeline: takes_red.then(Box::default),
        }
    }

    /// Counts the SSRCs that the encoding has had.
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether a key frame would reach anybody.
    pub fn may_be_asked(&self, source_is_muted: bool) -> bool {
        !source_is_muted && !self.takers.is_empty()
    }

    /// Wants a key frame for what is lost for good: whoever takes it still hopes for that, and would ask for one after seconds.
    /// Seldom where it is of no use, as with a sender that answers no request, or leaves numbers out.
    pub(crate) fn heed_given_up(&mut self, now: Micros) {
        if self.takers.is_empty() || !self.register.has_given_up() {
            return;
        }
        let is_wanted = self.key_frames.is_wanted();
        if is_wanted || self.patience.take(now) {
            self.register.forget_given_up();
        }
        if !is_wanted && !self.register.has_given_up() {
            self.key_frames.want_later();
        }
    }

    /// Whether it was ever sent: browsers leave out the largest of a small picture, and say so to nobody.
    pub const fn was_seen(&self) -> bool {
        self.newest.is_some()
    }

    /// Whether it is sent now.
    pub fn is_active(&self, now: Micros) -> bool {
        self.newest
            .is_some_and(|(_, at)| now.since(at) < PAUSED_AFTER && !self.steady.has_stopped(at))
    }

    /// One of its timestamps and our time of that moment: by the sender's last report, whose time `local` gives, unless
    /// the clock has stood still since; then, and before the first report, by the arrival of the newest packet. One of a
    /// telephone key that is held down has the time of the key's beginning (RFC 4733 2.2.2), and tells nothing.
    pub(crate) fn clock(
        &self,
        clock_rate: u32,
        local: impl FnOnce(u64) -> Option<Micros>,
    ) -> Option<(u32, Micros)> {
        let report = self.sender_report;
        let told = report.and_then(|report| Some((report.rtp, local(report.ntp)?, report.at)));
        let Some((rtp, moment, at)) = told else {
            return self.newest;
        };
        let is_key = self.row.codec == codec_number(Codec::TelephoneEvent);
        let newest = self.newest.filter(|(_, came)| !is_key && *came > at);
        let contradicts = newest.filter(|(timestamp, came)| {
            let since = i64::from(timestamp.wrapping_sub(rtp) as i32);
            let apart = moment.ticks_until(*came, clock_rate).abs_diff(since);
            apart > STOOD_STILL.to_ticks(clock_rate)
        });
        contradicts.or(Some((rtp, moment)))
    }

    /// A packet came in its turn.
    pub fn note_newest(&mut self, now: Micros, timestamp: u32) {
        if self
            .newest
            .is_none_or(|(_, at)| now.since(at) >= BEGINS_AFTER)
        {
            self.began = now;
        }
        if let Some((before, _)) = self.newest.filter(|(before, _)| *before != timestamp) {
            self.interval = timestamp.wrapping_sub(before);
        }
        self.newest = Some((timestamp, now));
    }

    /// The sender began again under another SSRC: everything counted by sequence number starts anew.
    pub fn restart(&mut self, ssrc: u32, clock_rate: u32) {
        if self.ssrc.is_some_and(|known| known != ssrc) {
            self.epoch += 1;
            self.row = self.snapshot();
            self.register = ReceiveRegister::new(clock_rate);
            self.sender_report = None;
            self.newest = None;
            self.steady = Steady::default();
            self.key_frame = None;
            if let Some(cache) = &mut self.cache {
                cache.clear();
            }
            if let Some(timeline) = &mut self.timeline {
                **timeline = Timeline::default();
            }
        }
        self.ssrc = Some(ssrc);
    }

    /// Whether payload has to be kept: somebody may ask for it, or later packets carry it.
    pub fn keeps(&self, now: Micros, repairs: bool) -> bool {
        repairs || now < self.carried_until
    }

    /// Some slot wants earlier packets carried in later ones.
    pub fn keep_to_carry(&mut self, now: Micros) {
        self.carried_until = now + CARRY_HOLD;
    }

    /// Gives the cache up when nobody has needed it for some time.
    pub fn drop_idle_cache(&mut self, now: Micros, repairs: bool) {
        if !self.keeps(now, repairs) {
            self.cache = None;
        }
    }

    /// Whether a packet that is kept is of the lowest temporal layer, as far as it tells.
    pub fn holds_base(&self, sequence: u64) -> bool {
        let kept = self.cache.as_deref().and_then(|cache| cache.get(sequence));
        let is_base = |kept: Cached<'_>| {
            let is_vp8 = self.row.codec == codec_number(Codec::Vp8);
            let descriptor = vp8::Descriptor::parse(kept.payload).ok().filter(|_| is_vp8);
            let temporal = descriptor.and_then(|descriptor| descriptor.temporal);
            temporal.is_none_or(|temporal| temporal.tid == 0)
        };
        kept.is_some_and(is_base)
    }

    /// The cache, made on first use.
    pub fn cache_mut(&mut self, kind: Kind) -> &mut PacketCache {
        let least = match kind {
            Kind::Audio => Size::AUDIO,
            Kind::Video => Size::VIDEO,
        };
        self.cache
            .get_or_insert_with(|| Box::new(PacketCache::new(least)))
    }

    /// How long payload is to be kept: for those who ask again, and for those to whom it goes when its turn comes.
    pub fn kept_for(&self, now: Micros) -> Micros {
        let (waited, until) = self.waited;
        let waited = if now < until { waited } else { Micros(0) };
        self.kept_for + waited
    }

    /// What somebody takes waits for so long before it leaves, and may be asked for again after that.
    pub fn keep_to_wait(&mut self, now: Micros, waits: Micros) {
        let (most, until) = self.waited;
        if waits >= most || now >= until {
            self.waited = (waits, now + waits + self.kept_for);
        }
    }

    /// Keeps payload for as long as the slowest of its receivers can ask.
    pub fn keep_for(&mut self, slowest_round_trip: Micros) {
        let wanted = Micros(slowest_round_trip.0 * ROUND_TRIPS_KEPT);
        self.kept_for = wanted.clamp(KEPT.0, KEPT.1);
    }

    /// Brings the lines near that a packet of this encoding needs.
    pub fn touch(&self) -> u64 {
        let taker = self.takers.first().map_or(0, |taker| taker.leg);
        let cache = self.cache.as_deref().map_or(0, PacketCache::touch);
        let newest = self.newest.map_or(0, |(timestamp, _)| u64::from(timestamp));
        let own = u64::from(self.ssrc.unwrap_or(taker)) ^ newest ^ self.row.packets;
        own ^ cache ^ self.row.bytes ^ self.register.touch() ^ self.rates.touch()
    }

    /// Counters with what is computed on demand.
    pub fn snapshot(&self) -> StreamRow {
        let fates = self.register.fates();
        let transit = self.register.transit();
        let (changes_us, changes) = transit.changes();
        StreamRow {
            expected: self.row.expected + fates.expected,
            lost: self.row.lost + fates.lost,
            recovered: self.row.recovered + fates.recovered,
            bursts: self.row.bursts + fates.bursts,
            frames: self.row.frames + transit.frames(),
            transit_changes_us: self.row.transit_changes_us + changes_us,
            transit_changes: self.row.transit_changes + changes,
            red_recovered: self.row.red_recovered + self.register.by_redundancy(),
            jitter_us: transit.jitter_micros(),
            keyframe_requests: self.key_frames.sent(),
            ..self.row
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anew(clock_rate: u32) -> Encoding {
        let (spec, row) = (EncodingSpec::default(), StreamRow::default());
        Encoding::new(&spec, (clock_rate, false), row)
    }

    #[test]
    fn what_waits_is_kept_until_it_has_left_and_could_be_asked_for() {
        let mut encoding = anew(90_000);
        let at = |millis| Micros::from_secs(1) + Micros::from_millis(millis);
        assert_eq!(encoding.kept_for(at(0)), KEPT.0);
        encoding.keep_to_wait(at(0), Micros::from_millis(400));
        // The next one waits less; those before it still do.
        encoding.keep_to_wait(at(100), Micros::from_millis(50));
        assert_eq!(
            encoding.kept_for(at(600)),
            KEPT.0 + Micros::from_millis(400)
        );
        assert_eq!(encoding.kept_for(at(650)), KEPT.0);
    }

    /// A report on its timestamp 1,000, half a second before now, and a packet of now that is behind it by so much.
    fn behind(behind: Micros, clock_rate: u32, rtp: u32) -> (Encoding, Micros) {
        let now = Micros(1_795_000_000_250_000);
        let at = now.since(Micros::from_millis(500));
        let mut encoding = anew(clock_rate);
        encoding.sender_report = Some(SenderReportSeen {
            ntp: at.to_ntp(),
            rtp,
            at,
        });
        let ticks = at.ticks_until(now.since(behind), clock_rate);
        encoding.newest = Some((rtp.wrapping_add(ticks as u32), now));
        (encoding, now)
    }

    #[test]
    fn a_report_is_believed_but_where_the_clock_has_stood_still_since() {
        let local = crate::time::ntp_to_micros;
        for (clock_rate, rtp) in [(8_000, 5), (48_000, 1_000), (90_000, u32::MAX - 99)] {
            let told = |(encoding, now): (Encoding, Micros)| {
                let (timestamp, moment) = encoding.clock(clock_rate, local).unwrap();
                timestamp.wrapping_add(moment.ticks_until(now, clock_rate) as u32)
            };
            let by_report = rtp.wrapping_add(clock_rate / 2);
            for queue in [0, 100, 1_900] {
                let found = told(behind(Micros::from_millis(queue), clock_rate, rtp));
                assert!(
                    found.wrapping_sub(by_report).wrapping_add(1) <= 2,
                    "{queue}: {found}"
                );
            }
            let asleep = behind(Micros::from_secs(10), clock_rate, rtp);
            let (newest, _) = asleep.0.newest.unwrap();
            assert_eq!(told(asleep), newest);
            let mut key = behind(Micros::from_secs(10), clock_rate, rtp);
            key.0.row.codec = codec_number(Codec::TelephoneEvent);
            assert!(told(key).wrapping_sub(by_report).wrapping_add(1) <= 2);
            let mut older = behind(Micros::from_secs(10), clock_rate, rtp);
            older.0.newest = older
                .0
                .newest
                .map(|(rtp, now)| (rtp, now.since(Micros::from_secs(1))));
            assert!(told(older).wrapping_sub(by_report).wrapping_add(1) <= 2);
        }
    }

    #[test]
    fn two_streams_by_one_clock_name_the_same_moment() {
        let start = Micros(1_795_000_000_250_000);
        let report = |at: Micros, rtp: u32| SenderReportSeen {
            ntp: at.to_ntp(),
            rtp,
            at,
        };
        let low = report(start, 0xffff_ff00);
        let high = report(start + Micros::from_millis(400), 5_000);
        // High's 5,000 is 400 ms after low's report: 36,000 ticks further.
        let found = low.translate(&high, 5_000, 90_000);
        let expected = 0xffff_ff00_u32.wrapping_add(36_000);
        assert!(found.wrapping_sub(expected).wrapping_add(1) <= 2, "{found}");
        let back = high.translate(&low, found, 90_000);
        assert!(back.abs_diff(5_000) <= 1, "{back}");
    }
}
