//! A sender that obeys estimate and pacer, over a modelled link, on a virtual clock.
#![allow(dead_code, reason = "each test file uses its part")]

use engine_core::arrivals::Arrivals;
use engine_core::bwe::trace::Record;
use engine_core::bwe::{Estimator, Kind};
use engine_core::pacer::{Pacer, Urgency};
use engine_core::random::Random;
use engine_core::Micros;
use engine_netem::{Link, Profile};
use engine_wire::rtcp::{self, Packet};

/// The first moment: one of our days.
const START_US: u64 = 1_795_000_000_000_000;
/// IP, UDP, tag, header and extension of each packet.
const OVERHEAD: usize = 66;
const AUDIO_BYTES: usize = 80 + OVERHEAD;
const VIDEO_BYTES: usize = 1_100 + OVERHEAD;
/// The receiver's clock runs from elsewhere.
const RECEIVER_CLOCK_US: u64 = 777_000_000;

/// What is run.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) name: &'static str,
    pub(crate) seed: u64,
    pub(crate) there: Profile,
    pub(crate) back: Profile,
    /// At so many ms the link there becomes another.
    pub(crate) steps: Vec<(u64, Profile)>,
    /// The same, on the way back.
    pub(crate) steps_back: Vec<(u64, Profile)>,
    /// The most that the pictures take, in bit/s.
    pub(crate) video_bps: u32,
    /// How much pictures vary in size, 0 to 1.
    pub(crate) variation: f64,
    /// A key frame of so many times the size, each so many pictures.
    pub(crate) key_frames: Option<(f64, u64)>,
    /// Other traffic of so many bit/s, from and until so many ms.
    pub(crate) cross: Option<(u64, u64, u64)>,
    pub(crate) start_bps: u32,
    pub(crate) traced: bool,
}

impl Setup {
    /// A link that is the same both ways but for its rate, which limits the way there.
    pub(crate) fn new(
        name: &'static str,
        rate_bps: Option<u64>,
        rtt_ms: u64,
        queue_ms: u64,
    ) -> Self {
        let back = Profile::with_delay(rtt_ms / 2);
        let there = rate_bps.map_or(back, |bps| back.limited(bps, queue_ms));
        Self {
            name,
            seed: 1,
            there,
            back,
            steps: Vec::new(),
            steps_back: Vec::new(),
            video_bps: 2_500_000,
            variation: 0.2,
            key_frames: None,
            cross: None,
            start_bps: 400_000,
            traced: false,
        }
    }

    pub(crate) fn run(&self, millis: u64) -> Log {
        let mut sim = Sim::new(self);
        let bps = self.video_bps + 60_000;
        sim.trace(Record::Wanted {
            at: sim.time(),
            bps,
        });
        for _ in 0..millis {
            sim.tick();
        }
        sim.log
    }
}

/// What happened in a tenth of a second.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tenth {
    pub(crate) sent: u64,
    pub(crate) arrived: u64,
    pub(crate) lost: u32,
    pub(crate) packets: u32,
    /// The estimate at its end, and what pictures are chosen by.
    pub(crate) estimate: u32,
    pub(crate) planned: u32,
    /// The longest that a packet of sound took beyond the least of the run, in us.
    pub(crate) audio_delay: u64,
    /// Delay of the pacer, in us.
    pub(crate) held: u64,
    pub(crate) padding: u64,
}

/// What is known of a run afterwards.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) name: String,
    pub(crate) tenths: Vec<Tenth>,
    pub(crate) least_delay: u64,
    pub(crate) reports_bytes: u64,
    /// What went into the estimator, if that was asked for.
    pub(crate) trace: Vec<Record>,
}

impl Log {
    fn part(&self, from_ms: u64, to_ms: u64) -> &[Tenth] {
        &self.tenths[from_ms as usize / 100..(to_ms as usize / 100).min(self.tenths.len())]
    }

    /// Bit/s that arrived from one time (ms) to another.
    pub(crate) fn arrived(&self, from_ms: u64, to_ms: u64) -> f64 {
        let part = self.part(from_ms, to_ms);
        part.iter().map(|t| t.arrived).sum::<u64>() as f64 * 80.0 / part.len() as f64
    }

    /// Bit/s of all that was sent.
    pub(crate) fn sent(&self, from_ms: u64, to_ms: u64) -> f64 {
        let part = self.part(from_ms, to_ms);
        part.iter().map(|t| t.sent).sum::<u64>() as f64 * 80.0 / part.len() as f64
    }

    pub(crate) fn estimate_mean(&self, from_ms: u64, to_ms: u64) -> f64 {
        let part = self.part(from_ms, to_ms);
        part.iter().map(|t| f64::from(t.estimate)).sum::<f64>() / part.len() as f64
    }

    pub(crate) fn estimate_least(&self, from_ms: u64, to_ms: u64) -> u32 {
        self.part(from_ms, to_ms)
            .iter()
            .map(|t| t.estimate)
            .min()
            .expect("a part of the run")
    }

    pub(crate) fn estimate_most(&self, from_ms: u64, to_ms: u64) -> u32 {
        self.part(from_ms, to_ms)
            .iter()
            .map(|t| t.estimate)
            .max()
            .expect("a part of the run")
    }

    /// Milliseconds that sound waited, beside the path: of all tenths of a second, the one at that share.
    pub(crate) fn audio_wait(&self, from_ms: u64, to_ms: u64, share: f64) -> f64 {
        let part = self
            .part(from_ms, to_ms)
            .iter()
            .filter(|t| t.audio_delay > 0);
        let mut waits: Vec<_> = part.map(|t| t.audio_delay - self.least_delay).collect();
        waits.sort_unstable();
        let at = ((waits.len() as f64 * share) as usize).min(waits.len().max(1) - 1);
        waits.get(at).map_or(0.0, |us| *us as f64 / 1e3)
    }

    /// The first time from `from_ms` on at which the estimate is at least that.
    pub(crate) fn reaches(&self, from_ms: u64, bps: f64) -> Option<u64> {
        let at = self.tenths[from_ms as usize / 100..]
            .iter()
            .position(|t| f64::from(t.estimate) >= bps)?;
        Some(from_ms + at as u64 * 100)
    }

    /// The first time from `from_ms` on at which sound waits no longer than that, beside the path.
    pub(crate) fn calm(&self, from_ms: u64, wait_ms: u64) -> Option<u64> {
        let within =
            |t: &Tenth| t.audio_delay > 0 && t.audio_delay <= self.least_delay + wait_ms * 1_000;
        let at = self.tenths[from_ms as usize / 100..]
            .iter()
            .position(within)?;
        Some(from_ms + at as u64 * 100)
    }

    pub(crate) fn loss(&self, from_ms: u64, to_ms: u64) -> f64 {
        let part = self.part(from_ms, to_ms);
        let packets: u32 = part.iter().map(|t| t.packets).sum();
        f64::from(part.iter().map(|t| t.lost).sum::<u32>()) / f64::from(packets.max(1))
    }

    /// The share of padding in what was sent from then on.
    pub(crate) fn padding_share(&self, from_ms: u64) -> f64 {
        let part = self.part(from_ms, u64::MAX);
        let padding: u64 = part.iter().map(|t| t.padding).sum();
        padding as f64 / part.iter().map(|t| t.sent).sum::<u64>() as f64
    }

    /// One line a half second, to look at.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{}\n", self.name);
        for (at, part) in self.tenths.chunks(5).enumerate() {
            let n = part.len() as u64;
            let sum = |f: &dyn Fn(&Tenth) -> u64| part.iter().map(f).sum::<u64>();
            let wait = part
                .iter()
                .map(|t| t.audio_delay.saturating_sub(self.least_delay))
                .max()
                .unwrap_or(0);
            text += &format!(
                "{:5.1} s  est {:5}  sent {:5}  arrived {:5} kbit/s  loss {:3} %  wait {:4} ms  held {:4} ms  padding {}\n",
                at as f64 / 2.0,
                part.last().map_or(0, |t| t.estimate / 1_000),
                sum(&|t| t.sent) * 80 / 1_000 / n,
                sum(&|t| t.arrived) * 80 / 1_000 / n,
                sum(&|t| u64::from(t.lost)) * 100 / sum(&|t| u64::from(t.packets)).max(1),
                wait / 1_000,
                part.last().map_or(0, |t| t.held / 1_000),
                sum(&|t| t.padding),
            );
        }
        text
    }
}

#[derive(Debug, Clone, Copy)]
struct Wire {
    /// None: other traffic.
    number: Option<u16>,
    sent_us: u64,
    bytes: usize,
    kind: Kind,
}

struct Sim<'a> {
    setup: &'a Setup,
    tick: u64,
    there: Link<Wire>,
    back: Link<Vec<u8>>,
    estimator: Estimator,
    pacer: Pacer<u32>,
    arrivals: Arrivals,
    random: Random,
    pictures: u64,
    cross_credit: f64,
    now: Tenth,
    log: Log,
}

impl<'a> Sim<'a> {
    fn new(setup: &'a Setup) -> Self {
        let start = Micros(START_US);
        let mut there = Link::new(setup.there, setup.seed);
        for (at, profile) in &setup.steps {
            there.plan(START_US + at * 1_000, *profile);
        }
        let mut back = Link::new(setup.back, setup.seed + 1_000);
        for (at, profile) in &setup.steps_back {
            back.plan(START_US + at * 1_000, *profile);
        }
        Self {
            setup,
            tick: 0,
            there,
            back,
            estimator: Estimator::new(start, setup.start_bps),
            pacer: Pacer::new(start, setup.start_bps),
            arrivals: Arrivals::default(),
            random: Random::new(setup.seed + 7),
            pictures: 0,
            cross_credit: 0.0,
            now: Tenth::default(),
            log: Log {
                name: format!("{} seed {}", setup.name, setup.seed),
                tenths: Vec::new(),
                least_delay: u64::MAX,
                reports_bytes: 0,
                trace: Vec::new(),
            },
        }
    }

    fn trace(&mut self, record: Record) {
        if self.setup.traced {
            self.log.trace.push(record);
        }
    }

    fn time(&self) -> Micros {
        Micros(START_US + self.tick * 1_000)
    }

    fn tick(&mut self) {
        self.tick += 1;
        let now = self.time();
        self.cross(now);
        self.receive(now);
        self.feed_back(now);
        if self.tick % 20 == 3 {
            self.send(now, AUDIO_BYTES, Kind::Audio);
            self.pacer.note_sent(now, AUDIO_BYTES);
        }
        if self.tick % 40 == 17 {
            self.picture(now);
        }
        if self.tick.is_multiple_of(25) {
            self.estimator.poll(now, self.setup.video_bps + 60_000);
            self.pacer.set_rate(
                now,
                self.estimator.estimate_bps(),
                self.estimator.wants_smooth(),
            );
        }
        while let Some(bytes) = self.pacer.next(now) {
            self.send(now, bytes as usize, Kind::Video);
        }
        self.pad(now);
        if self.tick.is_multiple_of(100) {
            self.now.estimate = self.estimator.estimate_bps();
            self.now.planned = self.estimator.planned_bps(now);
            self.now.held = self.pacer.delay().0;
            self.log.tenths.push(std::mem::take(&mut self.now));
        }
    }

    /// One every 40 ms, as large as the estimate allows beside sound.
    fn picture(&mut self, now: Micros) {
        self.pictures += 1;
        if self.pacer.delay() > Micros::from_millis(150) {
            return;
        }
        let audio = (AUDIO_BYTES * 50 * 8) as u32;
        let target = self
            .estimator
            .estimate_bps()
            .saturating_sub(audio)
            .min(self.setup.video_bps);
        // Less than that shows nothing.
        if target < 30_000 {
            return;
        }
        let spread = (self.random.below(2_001) as f64 / 1_000.0 - 1.0) * self.setup.variation;
        let mut bytes = f64::from(target) / 200.0 * (1.0 + spread);
        if let Some((times, each)) = self.setup.key_frames {
            // The others are smaller by what a key frame is larger.
            let rest = (each as f64 - times) / (each as f64 - 1.0);
            bytes *= if self.pictures.is_multiple_of(each) {
                times
            } else {
                rest.max(0.1)
            };
        }
        let packets = (bytes / VIDEO_BYTES as f64).ceil().max(1.0);
        let size = (bytes / packets) as usize;
        for _ in 0..packets as u32 {
            if self.pacer.offer(now, Urgency::Picture, size, size as u32) {
                self.send(now, size, Kind::Video);
            }
        }
    }

    fn pad(&mut self, now: Micros) {
        let mut lacking = self.estimator.padding(now);
        while lacking > 0 {
            let bytes = lacking.clamp(100, VIDEO_BYTES);
            self.send(now, bytes, Kind::Padding);
            self.pacer.note_sent(now, bytes);
            self.now.padding += bytes as u64;
            lacking = lacking.saturating_sub(bytes);
        }
    }

    fn send(&mut self, now: Micros, bytes: usize, kind: Kind) {
        let number = self.estimator.note_sent(now, bytes, kind);
        self.trace(Record::Sent {
            at: now,
            number,
            bytes: bytes as u32,
            kind,
        });
        self.now.sent += bytes as u64;
        self.now.packets += 1;
        let wire = Wire {
            number: Some(number),
            sent_us: now.0,
            bytes,
            kind,
        };
        let fate = self.there.push(now.0, bytes, wire);
        self.now.lost += u32::from(fate != engine_netem::Fate::Taken);
    }

    fn cross(&mut self, now: Micros) {
        let Some((bps, from, until)) = self.setup.cross else {
            return;
        };
        if (from..until).contains(&self.tick) {
            self.cross_credit += bps as f64 / 8_000.0;
        }
        while self.cross_credit >= 1_200.0 {
            self.cross_credit -= 1_200.0;
            let wire = Wire {
                number: None,
                sent_us: now.0,
                bytes: 1_200,
                kind: Kind::Video,
            };
            self.there.push(now.0, 1_200, wire);
        }
    }

    fn receive(&mut self, now: Micros) {
        while let Some(at) = self.there.next_at().filter(|at| *at <= now.0) {
            while let Some(wire) = self.there.pop(at) {
                let Some(number) = wire.number else { continue };
                let delay = at - wire.sent_us;
                self.log.least_delay = self.log.least_delay.min(delay);
                if wire.kind == Kind::Audio {
                    self.now.audio_delay = self.now.audio_delay.max(delay);
                }
                self.now.arrived += wire.bytes as u64;
                let at = Micros(at - START_US + RECEIVER_CLOCK_US);
                self.arrivals.note(at, number, wire.bytes);
            }
        }
        let receiver_now = Micros(now.0 - START_US + RECEIVER_CLOCK_US);
        let mut report = Vec::new();
        if self.arrivals.write(receiver_now, (1, 2), &mut report) {
            self.log.reports_bytes += report.len() as u64;
            self.back.push(now.0, report.len() + 60, report);
        }
    }

    fn feed_back(&mut self, now: Micros) {
        while let Some(report) = self.back.pop(now.0) {
            for packet in rtcp::parse(&report) {
                if let Ok(Packet::TransportFeedback(feedback)) = packet {
                    for line in feedback.packets() {
                        let (number, arrived_us) = (line.sequence, line.at_us);
                        self.trace(Record::Fed {
                            at: now,
                            number,
                            arrived_us,
                        });
                    }
                    self.estimator.on_feedback(now, &feedback);
                    self.pacer.set_rate(
                        now,
                        self.estimator.estimate_bps(),
                        self.estimator.wants_smooth(),
                    );
                }
            }
        }
    }
}
