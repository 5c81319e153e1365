//! The parts together; see the module's text.

use super::acked::Acked;
use super::aimd::{self, Aimd, Input, Sight, FLOOR};
use super::brake::{Brake, Seen};
use super::busy::Busy;
use super::by_stream::ByStream;
use super::clock::Unwrapper;
use super::loss::{Around, LossControl};
use super::prober::Prober;
use super::queue::QueueDelay;
use super::rival::Rival;
use super::round_trip::RoundTrip;
use super::silence::{Ended, Silence};
use super::trendline::{Trend, Trendline};
use super::{Fate, Kind, PacketResult, SentHistory};
use crate::time::Micros;
use probes::{PROBE, PROBE_WAIT};

pub use probes::THIN_BPS;

mod probes;

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

/// A queue of this length is the link's own, not what a policer lets through at once. For so long after it was seen, loss
/// without a queue is hardly the rate's.
const LONG_QUEUE: Micros = Micros::from_millis(100);
const QUEUES_FOR: Micros = Micros::from_secs(60);

/// While packets are overdue: less than sound takes, so that nothing is left for pictures.
const BRAKED_BPS: u32 = 10_000;

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
    pub(super) history: SentHistory,
    pub(super) streams: ByStream,
    /// What the last report told that was news.
    fates: Vec<Fate>,
    /// Lines of an RFC 8888 report, to be put in the order of sending.
    pub(super) lines: Vec<(u16, Option<i64>)>,
    pub(super) reference: Unwrapper<24>,
    pub(super) timestamp: Unwrapper<32>,
    trendline: Trendline,
    queue: QueueDelay,
    acked: Acked,
    busy: Busy,
    aimd: Aimd,
    rival: Rival,
    brake: Brake,
    loss: LossControl,
    prober: Prober,
    silence: Silence,
    /// Share of the rate while nothing is heard.
    silent_share: f64,
    /// How long the outage lasted that the last report ended.
    outage: Option<Micros>,
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
            brake: Brake::default(),
            loss: LossControl::default(),
            prober: Prober::default(),
            silence: Silence::default(),
            silent_share: 1.0,
            outage: None,
            ignored_before: Micros(0),
            queue_since: None,
            waited_long: None,
            round_trip: RoundTrip::default(),
            wanted: 0.0,
            probe_wait: PROBE_WAIT.0,
            last_probe: None,
        }
    }

    /// The same, for a peer who has been sent packets with the numbers before `first`: a number that comes a second time is
    /// reported with the time at which it came first, which looks like a queue of all the seconds between.
    pub fn numbering_from(self, first: u16) -> Self {
        Self {
            history: SentHistory::beginning_at(first),
            ..self
        }
    }

    /// Brings the lines near that the next packet needs.
    pub fn touch(&self) -> u64 {
        self.history.touch() ^ u64::from(self.prober.cluster())
    }

    /// The transport-wide number of the next packet.
    pub const fn next_number(&self) -> u16 {
        self.history.next_number()
    }

    /// Enters a packet of so many bytes on the wire that is sent now, and gives its transport-wide number.
    pub fn note_sent(&mut self, now: Micros, bytes: usize, kind: Kind) -> u16 {
        let cluster = self.prober.cluster();
        self.prober.note_sent(now, bytes);
        if let Some(push) = self.loss.push_mut() {
            push.note_sent(bytes);
        }
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

    /// What a report says of transport-wide numbers, in their order: times in microseconds of the receiver's clock, which
    /// must not wrap.
    pub fn on_arrivals(&mut self, now: Micros, lines: impl Iterator<Item = (u16, Option<i64>)>) {
        let oldest = self.history.oldest_unreported();
        let ended = self.silence.report(now, oldest, self.aimd.target());
        let (mut newest, mut last, mut came_through) = (None, None, false);
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
                if arrived.is_some() {
                    newest = newest.max(Some((result.sent_at, result.bytes)));
                    last = arrived;
                }
                came_through |= self.is_queued_amid(now, ended, &result);
                self.on_result(now, &result);
            }
        }
        let ended = ended.filter(|_| !came_through);
        self.outage = ended.map(|ended| ended.lasted);
        if let Some(ended) = ended {
            self.resume(now, ended);
        }
        if let Some((sent_at, bytes)) = newest {
            self.round_trip.note(now, now.since(sent_at));
            self.hesitate(now, (sent_at, bytes), last);
        }
        self.update(now);
    }

    /// Time passes; every 25 ms or so, before [`padding`](Self::padding). `wanted_bps` is what could be sent if it fitted.
    pub fn poll(&mut self, now: Micros, wanted_bps: u32) {
        self.wanted = f64::from(wanted_bps);
        let oldest = self.history.oldest_unreported();
        let rtt = self.rtt();
        self.silent_share = self.silence.poll(now, oldest, rtt, self.aimd.target());
        self.loss.poll(now);
        self.brake.poll(now);
        self.update(now);
        self.plan_probes(now);
    }

    /// Bytes of padding, or of packets sent again, that a probe or a trial of more lacks now: send them at once, and enter
    /// each with [`note_sent`](Self::note_sent). Mostly 0.
    pub fn padding(&mut self, now: Micros) -> usize {
        let may_push = !self.brake.is_on() && !self.silence.is_silent();
        let push = self.loss.push_mut().filter(|_| may_push);
        let pushed = push.map_or(0, |push| push.padding(now));
        self.prober.padding(now).max(pushed)
    }

    /// When to ask [`padding`](Self::padding) again, while there is either.
    pub fn next_padding_at(&self, now: Micros) -> Option<Micros> {
        let pushed = self.loss.push().map(|push| push.next_at(now));
        [self.prober.next_at(now), pushed]
            .into_iter()
            .flatten()
            .min()
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

    /// Bit/s at which pictures may leave now, and whether evenly, since the link drops what comes faster than it carries.
    pub fn pace(&self) -> (u32, bool) {
        let bps = match self.brake.is_on() {
            true => BRAKED_BPS,
            false => self.estimate_bps(),
        };
        (bps, self.loss.is_capped())
    }

    /// Whether the link was found full, and its queue is being drained.
    pub const fn is_draining(&self) -> bool {
        self.aimd.is_draining()
    }

    /// Whether the link was found to lose what comes faster than a cap, as far as trials have told.
    pub const fn is_kept_down(&self) -> bool {
        self.loss.is_kept_down()
    }

    /// Whether less is sent for a while than was planned, to see what comes of it.
    pub const fn is_trying(&self) -> bool {
        self.loss.is_trying()
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

    /// The peer is heard of again after a while, and its next report is to be expected.
    pub fn hear(&mut self, now: Micros) {
        self.silence.hear(now);
        self.silent_share = 1.0;
    }

    /// How long nothing was heard before the last report, if that was an outage.
    pub const fn outage(&self) -> Option<Micros> {
        self.outage
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

    /// Lets pictures wait if what a report tells of its newest packet, and does not tell of others, looks like a full link.
    fn hesitate(&mut self, now: Micros, (sent_at, bytes): (Micros, u32), arrived: Option<i64>) {
        if self.outage.is_some() || self.rival.is_there() {
            return self.brake.release(now);
        }
        let waited = arrived.map_or(0, |arrived| self.queue.waited(sent_at.0 as i64, arrived));
        let oldest = self.history.oldest_unreported();
        let seen = Seen {
            waited: waited as f64 - f64::from(bytes) * 8e6 / self.aimd.target(),
            oldest: oldest.map_or(Micros(0), |at| now.since(at)),
            rtt_least: self.round_trip.least(),
            noise: self.noise(),
        };
        if !self.prober.is_felt(now, self.rtt()) {
            self.brake.report(now, &seen);
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
        let is_amid = result.sent_at > now - ended.lasted + AMID;
        waited > LONG_QUEUE.0 && (is_amid || waited * 2 > ended.lasted.0)
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
            self.loss.stop_pushing();
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
