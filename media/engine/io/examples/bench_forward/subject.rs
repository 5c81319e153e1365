//! The two things that are measured, behind one face: how to reach it, and what it has done so far.

use crate::allocations::Counting;
use crate::bridge::Bridge;
use crate::closed_loop::ClosedLoop;
use crate::crowd::{Crowd, Voices};
use crate::limit::Limit;
use crate::plan::Plan;
use crate::probe::Checked;
use crate::scenarios::WARM_UP;
use std::fmt::{self, Display, Formatter};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// One scenario, set up: everybody's sockets, the bridge, the limit, and what is sent to each.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) crowd: Crowd,
    pub(crate) bridge: Bridge,
    limit: Option<Limit>,
    /// Heap and resident bytes before there was a bridge.
    pub(crate) before: Memory,
    closed_loop: Option<ClosedLoop>,
    voices: [Voices; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Bridge,
    Limit,
}

/// Rounds of a warm-up at the most while links' rates grow.
const GROWING: usize = 20;
/// Before a round with reports.
const LEAD_IN: Duration = Duration::from_millis(300);
/// Lost on the way in, since somebody else had the processor.
const MOST_LOST_PERCENT: f64 = 0.1;

/// What one subject did in one round.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Round {
    /// RTP packets that it sent, and that it ought to have sent.
    pub(crate) out: u64,
    pub(crate) wanted: u64,
    /// User and system time of the threads that do the work.
    pub(crate) cpu_us: u64,
    pub(crate) wall_us: u64,
    /// How late the senders were at the worst.
    pub(crate) late_us: u64,
    /// What the probes found.
    pub(crate) checked: Checked,
}

impl Round {
    pub(crate) fn cpu_us_per_packet(&self) -> f64 {
        self.cpu_us as f64 / self.out.max(1) as f64
    }

    pub(crate) fn busy_percent(&self) -> f64 {
        self.cpu_us as f64 * 100.0 / self.wall_us as f64
    }

    /// Whether nearly everything came out. Another round counts for nothing.
    pub(crate) fn is_whole(&self) -> bool {
        self.lost_percent() < MOST_LOST_PERCENT
    }

    /// The part of the packets that was opened and held against what was sent.
    pub(crate) fn checked_percent(&self) -> f64 {
        self.checked.packets as f64 * 100.0 / self.out.max(1) as f64
    }

    /// What did not come out although it was offered.
    pub(crate) fn lost_percent(&self) -> f64 {
        self.wanted.saturating_sub(self.out) as f64 * 100.0 / self.wanted.max(1) as f64
    }
}

impl Display for Round {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let (cost, busy) = (self.cpu_us_per_packet(), self.busy_percent());
        let (lost, late) = (self.lost_percent(), self.late_us);
        write!(
            out,
            "{cost:.3} us a packet, {busy:.0} % busy, {lost:.3} % lost, senders {late} us late"
        )
    }
}

/// What the process holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) heap: i64,
    pub(crate) resident: i64,
}

impl Memory {
    pub(crate) fn now() -> Self {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: i64 = text.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            heap: Counting::process_bytes(),
            resident: pages * rustix::param::page_size() as i64,
        }
    }
}

impl World {
    /// Probes are legs that read and check what they are sent.
    pub(crate) fn new(plan: Plan, shards: u16, probes: &[usize]) -> Self {
        // One shard has a core for itself; two have to share theirs with the senders.
        let cores: &[usize] = if shards == 1 { &[1] } else { &[0, 1] };
        let voices = [Voices::new(&plan, true), Voices::new(&plan, false)];
        let is_closed = voices[0].is_closed_loop();
        let readers = if is_closed {
            ClosedLoop::readers(&plan)
        } else {
            Vec::new()
        };
        let crowd = Crowd::new(&plan, &readers, probes);
        let before = Memory::now();
        let bridge = crate::on_cores(cores, || Bridge::start(&plan, &crowd, shards));
        Self {
            closed_loop: is_closed.then(|| ClosedLoop::new(&plan, &crowd)),
            bridge,
            limit: None,
            before,
            plan,
            crowd,
            voices,
        }
    }

    pub(crate) fn is_closed_loop(&self) -> bool {
        self.closed_loop.is_some()
    }

    fn limit(&mut self) -> &Limit {
        let (plan, crowd) = (&self.plan, &mut self.crowd);
        self.limit.get_or_insert_with(|| {
            let limit = crate::on_cores(&[1], || Limit::start(plan, crowd));
            crowd.limit = Some(limit.address);
            limit
        })
    }

    /// RTP packets out, and CPU time.
    fn counts(&mut self, subject: Subject) -> (u64, u64) {
        match subject {
            Subject::Bridge => {
                let counts = self.bridge.counts();
                assert_eq!(counts.drops, 0, "the socket did not take everything");
                (counts.packets_out, counts.cpu_us)
            }
            Subject::Limit => {
                // Once it has begun, and has nothing to do.
                std::thread::sleep(Duration::from_millis(25));
                let done = &self.limit().done;
                (done.packets_out.load(Ordering::Relaxed), done.cpu_us())
            }
        }
    }

    /// Lets everybody talk until caches are full, and what links carry is known where receivers report on each packet.
    pub(crate) fn warm_up(&mut self, subject: Subject) {
        let most = if self.plan.reported { GROWING } else { 1 };
        for _ in 0..most {
            if self.round(subject, WARM_UP).is_whole() {
                break;
            }
        }
    }

    /// Lets everybody talk for this long. Where receivers report on each packet they do so for a moment before, too: that
    /// nobody talked meanwhile is an outage to a link.
    pub(crate) fn round(&mut self, subject: Subject, span: Duration) -> Round {
        if subject == Subject::Bridge {
            self.bridge.check_all(&self.plan, &self.crowd);
        }
        if subject == Subject::Limit {
            self.limit();
        }
        if self.plan.reported {
            self.talk(subject, LEAD_IN);
        }
        let before = self.counts(subject);
        let wanted = self.voices[subject as usize].wanted;
        self.voices[subject as usize].late_us = 0;
        let start = Instant::now();
        self.talk(subject, span);
        let voices = &self.voices[subject as usize];
        let round = Round {
            wall_us: start.elapsed().as_micros() as u64,
            wanted: voices.wanted - wanted,
            late_us: voices.late_us,
            ..Round::default()
        };
        std::thread::sleep(Duration::from_millis(20));
        self.crowd.read();
        let after = self.counts(subject);
        Round {
            checked: std::mem::take(&mut self.crowd.checked),
            out: after.0 - before.0,
            cpu_us: after.1 - before.1,
            ..round
        }
    }

    fn talk(&mut self, subject: Subject, span: Duration) {
        let (plan, bridge) = (&self.plan, &self.bridge);
        let voices = &mut self.voices[subject as usize];
        let limit = self.limit.as_ref().map(|limit| limit.address);
        let to = |leg| match subject {
            Subject::Bridge => bridge.address(plan, leg),
            Subject::Limit => limit.unwrap(),
        };
        match &mut self.closed_loop {
            Some(closed_loop) => closed_loop.run(&mut self.crowd, voices, to(0), span),
            None => self.crowd.run(voices, to, span),
        }
    }
}
