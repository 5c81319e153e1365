//! A sender that obeys estimate and pacer, over a modelled link, on a virtual clock.
#![allow(dead_code, reason = "each test file uses its part")]

mod log;
mod tcp;

pub(crate) use self::log::{Log, Tenth};
use self::tcp::{Tcp, SEGMENT_BYTES};
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
    /// A download, from and until so many ms.
    pub(crate) download: Option<(u64, u64)>,
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
            download: None,
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

#[derive(Debug, Clone, Copy)]
enum Whose {
    /// A transport-wide number.
    Ours(u16),
    /// A segment of the download.
    Download(u64),
    Others,
}

#[derive(Debug, Clone, Copy)]
struct Wire {
    whose: Whose,
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
    tcp: Tcp,
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
            tcp: Tcp::new(),
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
        self.download(now);
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
            let (bps, smooth) = self.estimator.pace();
            self.pacer.set_rate(now, bps, smooth);
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
            whose: Whose::Ours(number),
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
                whose: Whose::Others,
                sent_us: now.0,
                bytes: 1_200,
                kind: Kind::Video,
            };
            self.there.push(now.0, 1_200, wire);
        }
    }

    /// What it loses it learns when what was sent next would be acknowledged.
    fn download(&mut self, now: Micros) {
        let Some((from, until)) = self.setup.download else {
            return;
        };
        self.tcp.tick(now.0);
        while (from..until).contains(&self.tick) {
            let Some(segment) = self.tcp.next() else {
                return;
            };
            let wire = Wire {
                whose: Whose::Download(segment),
                sent_us: now.0,
                bytes: SEGMENT_BYTES,
                kind: Kind::Video,
            };
            if self.there.push(now.0, SEGMENT_BYTES, wire) != engine_netem::Fate::Taken {
                let waits = self.there.queued_bytes() * 8_000_000
                    / self.there.profile().rate_bps.unwrap_or(u64::MAX);
                let way = self.there.profile().delay_us + self.setup.back.delay_us;
                self.tcp.loses(now.0 + waits + way, segment);
            }
        }
    }

    fn receive(&mut self, now: Micros) {
        while let Some(at) = self.there.next_at().filter(|at| *at <= now.0) {
            while let Some(wire) = self.there.pop(at) {
                let number = match wire.whose {
                    Whose::Ours(number) => number,
                    Whose::Download(_) => {
                        self.tcp.arrives(at + self.setup.back.delay_us);
                        self.now.downloaded += wire.bytes as u64;
                        continue;
                    }
                    Whose::Others => continue,
                };
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
                    let (bps, smooth) = self.estimator.pace();
                    self.pacer.set_rate(now, bps, smooth);
                }
            }
        }
    }
}
