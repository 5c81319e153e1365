//! The parts together; see the module's text.

use super::acked::Acked;
use super::aimd::{self, Aimd, Input, Sight, FLOOR};
use super::busy::Busy;
use super::by_stream::ByStream;
use super::clock::Unwrapper;
use super::loss::{Around, LossControl};
use super::prober::{Probed, Prober};
use super::queue::QueueDelay;
use super::rival::Rival;
use super::round_trip::RoundTrip;
use super::silence::{Ended, Silence};
use super::trendline::{Trend, Trendline};
use super::{Fate, Kind, PacketResult, SentHistory};
use crate::time::Micros;
use engine_wire::rtcp::{Arrival, CongestionFeedback, TransportFeedback};
use std::cmp::Reverse;

/// A trend counts when packets wait at least so long, and as much longer as the delay varies without a queue.
const QUEUE_LEAST_US: f64 = 8_000.0;
/// A queue that long is congestion without a trend, if it does not shrink.
const QUEUE_LONG_US: f64 = 45_000.0;
/// A probe makes no longer one.
const PROBE_QUEUE_US: f64 = 100_000.0;
/// And that is gone after this time beside the round trip.
const PROBE_FELT: Micros = Micros::from_millis(150);
/// The variation of the delay from group to group that pictures make by themselves, in ms, and in how many times of
/// what is beyond that the least of eight packets lies above the least of ten seconds, if delays are normal.
const OWN_VARIATION_MS: f64 = 6.0;
const VARIATION: f64 = 2.0;
/// The same for what the envelope varies by.
const ENVELOPE: f64 = 2.0;
/// What left so long after a silence began would have been lost in an outage.
const AMID: Micros = Micros::from_millis(100);
/// Clusters at the start, in times of the first estimate (as libwebrtc has them).
const FIRST_PROBES: [f64; 2] = [3.0, 6.0];
/// A regular probe, and the one that follows a success, in times of the estimate.
const PROBE: f64 = 1.6;
const NEXT_PROBE: f64 = 2.0;
/// What is probed for at most, in times of what is wanted: more would be of no use.
const PROBE_WANTED: f64 = 1.3;
/// Between two regular probes, at first and after some that showed nothing: seldom enough to cost little (a cluster takes
/// 2 to 5 % of the rate then), often enough that a link that has come back is found in five seconds.
const PROBE_WAIT: (Micros, Micros) = (Micros::from_millis(1_000), Micros::from_millis(3_000));
/// A link that carries hardly more than sound, and the probes on it: each makes sound wait.
pub const THIN_BPS: f64 = 150_000.0;
const PROBE_THIN: (f64, Micros) = (1.4, Micros::from_millis(2_000));
/// No regular probe so soon after the link was found full.
const PROBE_AFTER: Micros = Micros::from_millis(1_500);

/// A queue of this length is the link's own, not what a policer lets through at once. For so long after it was seen, loss
/// without a queue is hardly the rate's.
const LONG_QUEUE: Micros = Micros::from_millis(100);
const QUEUES_FOR: Micros = Micros::from_secs(60);

/// Packets of one report whose fate is passed on: as many as a report of 250 ms has at 8 Mbit/s.
const FATES: usize = 256;

/// What is known of the link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkState {
    /// Bit/s on the wire that may be sent, sound and all else together.
    pub estimate_bps: u32,
    /// Smoothed time from sending the last packet that a report names to the report: a queue, and what the receiver waits
    /// before it reports, are part of it.
    pub rtt: Micros,
    /// How long packets wait in the link, beside jitter.
    pub queue: Micros,
    /// Share of packets lost of late, 0 to 1.
    pub loss: f64,
    /// The part of it that the rate has nothing to do with.
    pub inherent_loss: f64,
    /// Packets are out, and nothing is heard of them.
    pub silent: bool,
}

/// Estimates what one receiver's link carries.
#[derive(Debug)]
pub struct Estimator {
    history: SentHistory,
    streams: ByStream,
    /// What the last report told that was news.
    fates: Vec<Fate>,
    /// Lines of an RFC 8888 report, to be put in the order of sending.
    lines: Vec<(u16, Option<i64>)>,
    reference: Unwrapper<24>,
    timestamp: Unwrapper<32>,
    trendline: Trendline,
    queue: QueueDelay,
    acked: Acked,
    busy: Busy,
    aimd: Aimd,
    rival: Rival,
    loss: LossControl,
    prober: Prober,
    silence: Silence,
    /// Share of the rate while nothing is heard.
    silent_share: f64,
    /// What was sent before tells of an outage only.
    ignored_before: Micros,
    /// Since when there has been a queue.
    queue_since: Option<Micros>,
    /// When packets last waited long.
    waited_long: Option<Micros>,
    round_trip: RoundTrip,
    wanted: f64,
    probe_wait: Micros,
    last_probe: Option<Micros>,
}

impl Estimator {
    /// For a link of which nothing is known but a first guess, such as 300 to 600 kbit/s.
    pub fn new(now: Micros, start_bps: u32) -> Self {
        Self {
            history: SentHistory::default(),
            streams: ByStream::default(),
            fates: Vec::with_capacity(FATES),
            lines: Vec::new(),
            reference: Unwrapper::default(),
            timestamp: Unwrapper::default(),
            trendline: Trendline::default(),
            queue: QueueDelay::default(),
            acked: Acked::default(),
            busy: Busy::default(),
            aimd: Aimd::new(now, f64::from(start_bps)),
            rival: Rival::default(),
            loss: LossControl::default(),
            prober: Prober::default(),
            silence: Silence::default(),
            silent_share: 1.0,
            ignored_before: Micros(0),
            queue_since: None,
            waited_long: None,
            round_trip: RoundTrip::default(),
            wanted: 0.0,
            probe_wait: PROBE_WAIT.0,
            last_probe: None,
        }
    }

    /// Enters a packet of so many bytes on the wire that is sent now, and gives its transport-wide number.
    pub fn note_sent(&mut self, now: Micros, bytes: usize, kind: Kind) -> u16 {
        let cluster = self.prober.cluster();
        self.prober.note_sent(now, bytes);
        self.history.note_sent(now, bytes, kind, cluster)
    }

    /// The same for a receiver that reports by RFC 8888, where the packet is known by stream and sequence number.
    pub fn note_sent_as(
        &mut self,
        now: Micros,
        bytes: usize,
        kind: Kind,
        ssrc: u32,
        sequence: u16,
    ) -> u16 {
        let number = self.note_sent(now, bytes, kind);
        self.streams.note(ssrc, sequence, number);
        number
    }

    /// A transport-wide report.
    pub fn on_feedback(&mut self, now: Micros, feedback: &TransportFeedback<'_>) {
        let wrapped = i64::from(feedback.reference);
        // Times of the report run from its own reference, which wraps after 12 days.
        let shift = (self.reference.unwrap(wrapped) - wrapped) * 64_000;
        let lines = feedback.packets();
        self.on_arrivals(
            now,
            lines.map(|line| (line.sequence, line.at_us.map(|at| at + shift))),
        );
    }

    /// A report of RFC 8888. Packets that were not entered by [`note_sent_as`](Self::note_sent_as) are passed over.
    pub fn on_congestion_feedback(&mut self, now: Micros, feedback: &CongestionFeedback<'_>) {
        // The time is in 65,536ths of a second, offsets in 1,024ths.
        let ticks = self.timestamp.unwrap(i64::from(feedback.timestamp as i32));
        let mut lines = std::mem::take(&mut self.lines);
        lines.clear();
        for stream in feedback.streams() {
            lines.extend(stream.packets().filter_map(|(sequence, packet)| {
                let number = self.streams.find(stream.ssrc, sequence)?;
                let ticks = match packet.arrival {
                    Arrival::Missing => return Some((number, None)),
                    Arrival::Before(offset) => ticks - i64::from(offset) * 64,
                    Arrival::After => ticks,
                    Arrival::LongBefore => return None,
                };
                Some((number, Some(ticks * 15_625 / 1_024)))
            }));
        }
        // Streams follow each other in a report; age tells the order of sending over the wrap.
        let next = self.history.next_number();
        lines.sort_unstable_by_key(|(number, _)| Reverse(next.wrapping_sub(*number)));
        self.on_arrivals(now, lines.iter().copied());
        self.lines = lines;
    }

    /// What a report says of transport-wide numbers, in their order: times in microseconds of the receiver's clock, which
    /// must not wrap.
    pub fn on_arrivals(&mut self, now: Micros, lines: impl Iterator<Item = (u16, Option<i64>)>) {
        let oldest = self.history.oldest_unreported();
        let ended = self.silence.report(now, oldest, self.aimd.target());
        let (mut newest, mut came_through) = (None, false);
        self.fates.clear();
        for (number, arrived) in lines {
            if let Some(result) = self.history.report(number, arrived) {
                if self.fates.len() < FATES {
                    self.fates.push(Fate {
                        number,
                        kind: result.kind,
                        lost: arrived.is_none(),
                        late: result.was_lost,
                    });
                }
                newest = newest.max(arrived.map(|_| result.sent_at));
                came_through |= self.is_queued_amid(now, ended, &result);
                self.on_result(now, &result);
            }
        }
        if let Some(ended) = ended.filter(|_| !came_through) {
            self.resume(now, ended);
        }
        if let Some(sent_at) = newest {
            self.round_trip.note(now, now.since(sent_at));
        }
        self.update(now);
    }

    /// Time passes. `wanted_bps` is what could be sent if it fitted. Call every 25 ms or so, and before
    /// [`padding`](Self::padding).
    pub fn poll(&mut self, now: Micros, wanted_bps: u32) {
        self.wanted = f64::from(wanted_bps);
        let oldest = self.history.oldest_unreported();
        let rtt = self.rtt();
        self.silent_share = self.silence.poll(now, oldest, rtt, self.aimd.target());
        self.loss.poll(now);
        self.update(now);
        self.plan_probes(now);
    }

    /// Bytes of padding, or of packets sent again, that a probe lacks now: send them at once, and enter each with
    /// [`note_sent`](Self::note_sent). Mostly 0.
    pub fn padding(&mut self, now: Micros) -> usize {
        self.prober.padding(now)
    }

    /// When to ask [`padding`](Self::padding) again, while a probe is being sent.
    pub fn next_padding_at(&self, now: Micros) -> Option<Micros> {
        self.prober.next_at(now)
    }

    /// Bit/s on the wire that may be sent now.
    pub fn estimate_bps(&self) -> u32 {
        let capped = self.loss.cap().unwrap_or(f64::MAX).min(self.aimd.rate());
        (capped * self.silent_share).max(FLOOR) as u32
    }

    /// Bit/s to choose by what is sent, which may be more than may be sent just now: while a queue is drained, while it
    /// is tried whether less loss comes of a lower rate, and in an outage that may be over in a moment.
    pub fn planned_bps(&self, now: Micros) -> u32 {
        let passes = self.silence.may_pass(now);
        let share = if passes { 1.0 } else { self.silent_share };
        let known = self.loss.known_cap().unwrap_or(f64::MAX);
        (known.min(self.aimd.target()) * share).max(FLOOR) as u32
    }

    /// Whether the link drops what comes faster than it carries, so that packets should leave evenly.
    pub const fn wants_smooth(&self) -> bool {
        self.loss.is_capped()
    }

    /// Whether the link was found full, and its queue is being drained.
    pub const fn is_draining(&self) -> bool {
        self.aimd.is_draining()
    }

    /// Everything that is known of the link.
    pub fn state(&self) -> LinkState {
        LinkState {
            estimate_bps: self.estimate_bps(),
            rtt: self.rtt(),
            queue: self.waiting(),
            loss: self.loss.recent(),
            inherent_loss: self.loss.inherent(),
            silent: self.silence.is_silent(),
        }
    }

    /// What the last report has told of packets, in the order of sending.
    pub fn fates(&self) -> &[Fate] {
        &self.fates
    }

    /// Bytes that were sent after the last packet that a report has named.
    pub const fn in_flight(&self) -> u64 {
        self.history.in_flight()
    }

    fn on_result(&mut self, now: Micros, result: &PacketResult) {
        if result.sent_at < self.ignored_before {
            return;
        }
        if let Some(arrived) = result.arrived_us {
            let sent = result.sent_at.0 as i64;
            self.trendline.add(sent, arrived);
            self.queue.add(sent, arrived);
            let waited = self.queue.waited(sent, arrived);
            let believed = self.aimd.target();
            self.busy
                .add(now, (arrived, waited), result.bytes, believed);
        } else {
            self.busy.reset();
        }
        self.rival.add(result);
        self.acked.add(result);
        if !result.was_lost {
            self.aimd.note_reported(result.sent_at, result.bytes);
        }
        if result.cluster != 0 {
            self.prober.add(result);
        }
        if self.loss.add(result) {
            let around = Around {
                rate: f64::from(self.estimate_bps()),
                recent: self.acked.recent(),
                steady: self.acked.steady(),
                draining: self.aimd.is_draining(),
                queues: self.queues(now),
            };
            self.loss.judge(now, &around);
        }
    }

    fn queues(&self, now: Micros) -> bool {
        self.waited_long
            .is_some_and(|at| now.since(at) < QUEUES_FOR)
    }

    /// Whether a packet left in the middle of a silence, and has arrived after it waited long: that was no outage, but a
    /// queue which has become longer than reports are usually apart.
    fn is_queued_amid(&self, now: Micros, silence: Option<Ended>, result: &PacketResult) -> bool {
        let (Some(ended), Some(arrived)) = (silence, result.arrived_us) else {
            return false;
        };
        let waited = self.queue.waited(result.sent_at.0 as i64, arrived);
        result.sent_at > now - ended.lasted + AMID && waited > LONG_QUEUE.0
    }

    fn rtt(&self) -> Micros {
        self.round_trip.smoothed()
    }

    fn waiting(&self) -> Micros {
        self.queue.queue(self.trendline.variation_ms)
    }

    /// How much longer packets seem to wait at times than they do, in us.
    fn noise(&self) -> f64 {
        let variation = (self.trendline.variation_ms - OWN_VARIATION_MS).max(0.0);
        VARIATION * 1e3 * variation + ENVELOPE * self.queue.noise()
    }

    /// Whether the queue is that of a probe, which came with it and goes soon.
    fn is_a_probes(&self, now: Micros) -> bool {
        let is_new = |since| now.since(since) < self.rtt() + PROBE_FELT;
        self.queue_since.is_none_or(is_new) && self.prober.is_felt(now, self.rtt())
    }

    fn sight(&self, now: Micros) -> Sight {
        if self.rival.is_there() {
            return Sight::Draining;
        }
        let queue = self.waiting().0 as f64 - self.noise();
        let falling = self.queue.is_falling();
        let grows = self.trendline.trend == Trend::Growing;
        if queue <= QUEUE_LEAST_US {
            Sight::Clear
        } else if grows && queue < PROBE_QUEUE_US && self.is_a_probes(now) {
            // The queue is the probe's own.
            Sight::Draining
        } else if grows || (queue > QUEUE_LONG_US && !falling) {
            Sight::Congested
        } else if self.trendline.trend == Trend::Shrinking || falling || self.aimd.is_draining() {
            Sight::Draining
        } else {
            Sight::Clear
        }
    }

    fn update(&mut self, now: Micros) {
        if self.waiting() > LONG_QUEUE {
            self.waited_long = Some(now);
        }
        if self.waiting().0 as f64 <= QUEUE_LEAST_US + self.noise() {
            self.queue_since = None;
        } else {
            self.queue_since.get_or_insert(now);
        }
        let carried = 1.0 - self.loss.inherent();
        let sight = self.sight(now);
        let busy = self.busy.rate(now).filter(|_| sight != Sight::Clear);
        let busy = busy.map(|bps| bps.min(self.aimd.target()));
        let recent = [self.acked.recent(), busy].into_iter().flatten();
        let recent = recent.reduce(f64::max);
        let input = Input {
            sight,
            queue: self.waiting(),
            rtt: self.rtt(),
            rtt_least: self.round_trip.least(),
            in_flight: self.in_flight(),
            recent: recent.map(|bps| bps / carried),
            steady: self.acked.steady().map(|bps| bps / carried),
            hold: self.loss.holds() || self.silence.is_silent(),
        };
        let before = self.aimd.target();
        if !self.rival.is_there() && self.aimd.update(now, &input) {
            self.queue.rebase();
        }
        self.share(now, before);
        if input.sight == Sight::Congested {
            self.prober.cancel();
        }
        while let Some(probed) = self.prober.take(now, self.rtt(), self.loss.inherent()) {
            self.on_probed(now, probed);
        }
    }

    /// Others may fill the link; `before` is the rate until now.
    fn share(&mut self, now: Micros, before: f64) {
        if self.aimd.last_decrease() == Some(now) {
            self.rival.found_full(now, self.queue.base(), before);
        }
        let allowed = f64::from(self.estimate_bps());
        if let Some(bps) = self.rival.update(now, allowed) {
            self.aimd.share(now, bps);
        }
    }

    fn on_probed(&mut self, now: Micros, probed: Probed) {
        let before = f64::from(self.estimate_bps());
        if probed.bps <= before {
            self.probe_wait = Micros(self.probe_wait.0 * 3 / 2).min(PROBE_WAIT.1);
            return;
        }
        self.aimd.probed(probed.bps);
        self.loss.probed(now, probed.bps);
        self.probe_wait = PROBE_WAIT.0;
        let taken = f64::from(self.estimate_bps()) > before;
        if probed.all && taken && self.wanted > probed.bps {
            self.probe(now, probed.bps * NEXT_PROBE);
        }
    }

    fn plan_probes(&mut self, now: Micros) {
        let Some(last) = self.last_probe else {
            let start = f64::from(self.estimate_bps());
            for times in FIRST_PROBES {
                self.probe(now, start * times);
            }
            return;
        };
        let estimate = f64::from(self.estimate_bps());
        let full = self.aimd.last_decrease();
        let gentle = if estimate < THIN_BPS {
            PROBE_THIN
        } else {
            (PROBE, PROBE_WAIT.0)
        };
        let free = self.prober.is_idle()
            && now.since(last) >= self.probe_wait.max(gentle.1)
            && full.is_none_or(|at| now.since(at) >= PROBE_AFTER)
            && self.sight(now) == Sight::Clear
            && !self.loss.is_busy()
            && !self.silence.is_silent();
        if free && self.wanted > estimate * 1.05 {
            self.probe(now, estimate * gentle.0);
        }
    }

    fn probe(&mut self, now: Micros, bps: f64) {
        let least = f64::from(self.estimate_bps());
        let bps = bps.min(self.wanted * PROBE_WANTED);
        if bps > least {
            let variation = Micros((self.trendline.variation_ms * 1e3) as u64);
            self.prober.plan(bps, variation);
            self.last_probe = Some(now);
        }
    }

    /// The first report after an outage.
    fn resume(&mut self, now: Micros, ended: Ended) {
        self.ignored_before = now;
        self.silent_share = 1.0;
        self.trendline.reset();
        self.queue.reset();
        self.acked.reset();
        self.busy.reset();
        self.rival.reset();
        self.loss.reset();
        self.prober.cancel();
        if let Some(rate) = ended.rate {
            self.aimd.set(rate);
            self.probe(now, rate * PROBE);
        } else {
            self.aimd = Aimd::new(now, self.aimd.target().min(aimd::START));
            self.last_probe = None;
        }
    }
}
