//! Loss that depends on the rate, told from loss that does not.
//!
//! A bottleneck that drops what it cannot carry, with little or no queue, shows only as loss, and so does a radio link
//! that loses a fifth of everything. The difference is what happens at a lower rate. When more is lost than the link's
//! own (*inherent*) loss explains, a *trial* lowers the rate to what arrives. If that makes a difference, the bottleneck
//! is found: the rate stays under a *cap*, which is raised from time to time. If it makes none, the rate comes back, and
//! the loss is inherent from then on.

use super::PacketResult;
use crate::time::Micros;

/// What is judged together: so many packets at least, over so long at least.
const PACKETS: u32 = 30;
const SPAN: Micros = Micros::from_millis(300);
/// Packets that a trial needs: with fewer, a fifth of random loss is mistaken for success once in ten.
const TRIAL_PACKETS: u32 = 60;
/// Loss above the inherent one that is of no interest: retransmission sees to it.
const MARGIN: f64 = 0.03;
/// Deviations of chance above the inherent loss.
const DEVIATIONS: f64 = 2.5;
/// Above that, one stretch is enough to act on.
const PLAIN: f64 = 0.25;
/// Never taken for inherent: no link that loses more than half is of use for sound.
const INHERENT_MOST: f64 = 0.45;
/// Of what should arrive more during a trial if the rate is the reason, this share must.
const SUCCESS: f64 = 0.4;
/// Of what arrives, under a cap.
const CAP: f64 = 0.95;
/// A trial lowers the rate to that at least: a smaller step could not be told from chance.
const TRIAL: f64 = 0.8;
/// Until a cap is raised, at first and at most; twice as long each time that raising it brings the loss back.
const RAISE: (Micros, Micros) = (Micros::from_millis(1_500), Micros::from_secs(8));
/// How much a cap is raised at first and at most; twice as much each time that it does no harm.
const STEP: (f64, f64) = (0.15, 1.0);

#[derive(Debug, Clone, Copy, Default)]
struct Stretch {
    began: Micros,
    ended: Micros,
    packets: u32,
    lost: u32,
}

impl Stretch {
    fn share(self) -> f64 {
        f64::from(self.lost) / f64::from(self.packets.max(1))
    }

    fn and(self, other: Self) -> Self {
        Self {
            packets: self.packets + other.packets,
            lost: self.lost + other.lost,
            ..other
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Trial {
    since: Micros,
    /// Bit/s that arrived, and were more than the trial sends.
    arriving: f64,
    /// The loss that led to it.
    before: f64,
    seen: Stretch,
}

#[derive(Debug, Clone, Copy)]
struct Cap {
    bps: f64,
    /// What was sent when the loss came.
    above: f64,
    raise_at: Micros,
    raised_at: Option<Micros>,
}

/// What the judgement needs to know beside the loss.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    /// Bit/s that may be sent now.
    pub(super) rate: f64,
    /// Bit/s that arrive.
    pub(super) arriving: Option<f64>,
    /// The delay has already shown congestion.
    pub(super) draining: bool,
    /// There is a queue.
    pub(super) queued: bool,
}

/// The state of the loss.
#[derive(Debug)]
pub(super) struct LossControl {
    current: Stretch,
    done: Option<Stretch>,
    /// What exceeded the inherent loss and is not yet acted on.
    suspect: Option<Stretch>,
    inherent: f64,
    /// How much more the loss of stretches varies than that of single packets would: bursts.
    burstiness: f64,
    trial: Option<Trial>,
    cap: Option<Cap>,
    /// When the last cap was given up.
    freed_at: Option<Micros>,
    wait: Micros,
    step: f64,
    ignored_before: Micros,
}

impl Default for LossControl {
    fn default() -> Self {
        Self {
            current: Stretch::default(),
            done: None,
            suspect: None,
            inherent: 0.0,
            burstiness: 1.0,
            trial: None,
            cap: None,
            freed_at: None,
            wait: RAISE.0,
            step: STEP.0,
            ignored_before: Micros(0),
        }
    }
}

impl LossControl {
    /// The next result, in the order of numbers.
    pub(super) fn add(&mut self, now: Micros, result: &PacketResult, around: &Around) {
        if result.sent_at < self.ignored_before {
            return;
        }
        if result.was_lost {
            self.current.lost = self.current.lost.saturating_sub(1);
            return;
        }
        if self.current.packets == 0 {
            self.current.began = result.sent_at;
        }
        self.current.packets += 1;
        self.current.lost += u32::from(result.arrived_us.is_none());
        self.current.ended = result.sent_at;
        if self.current.packets >= PACKETS && result.sent_at.since(self.current.began) >= SPAN {
            let done = std::mem::take(&mut self.current);
            self.done = Some(done);
            self.judge(now, done, around);
        }
    }

    /// The loss of the link itself, 0 to 1.
    pub(super) const fn inherent(&self) -> f64 {
        self.inherent
    }

    /// The loss of the last stretch, 0 to 1.
    pub(super) fn recent(&self) -> f64 {
        self.done.map_or(0.0, Stretch::share)
    }

    /// Bit/s beyond which loss would come.
    pub(super) fn cap(&self) -> Option<f64> {
        self.cap.map(|cap| cap.bps)
    }

    /// Whether loss is held down by the rate, or that is being tried.
    pub(super) const fn is_capped(&self) -> bool {
        self.cap.is_some()
    }

    /// Whether the rate shall not grow now.
    pub(super) const fn holds(&self) -> bool {
        self.trial.is_some() || self.suspect.is_some() || self.cap.is_some()
    }

    /// Whether a probe would disturb a trial.
    pub(super) const fn is_busy(&self) -> bool {
        self.trial.is_some() || self.suspect.is_some()
    }

    /// Nothing that was sent before is counted: there was an outage.
    pub(super) fn ignore_before(&mut self, at: Micros) {
        self.ignored_before = at;
        self.current = Stretch::default();
        self.suspect = None;
        if self.trial.take().is_some() {
            self.cap = None;
        }
    }

    /// A probe has shown that so much fits. A link that drops what comes too fast may all the same have taken a short
    /// cluster, so that the cap is raised, not given up, and not sooner than by itself.
    pub(super) fn probed(&mut self, now: Micros, bps: f64) {
        let busy = self.is_busy();
        let Some(cap) = self.cap.as_mut().filter(|cap| bps > cap.bps && !busy) else {
            return;
        };
        if now + Micros(self.wait.0 / 2) >= cap.raise_at {
            cap.bps = bps.min(cap.bps * 2.0);
            cap.raised_at = Some(now);
            cap.raise_at = now + self.wait;
            self.free_if_needless(now);
        }
    }

    /// Raises the cap when it is time.
    pub(super) fn poll(&mut self, now: Micros) {
        let Some(cap) = &mut self.cap else { return };
        if self.trial.is_some() || self.suspect.is_some() || now < cap.raise_at {
            return;
        }
        if cap.raised_at.is_some() {
            self.step = (self.step * 2.0).min(STEP.1);
            self.wait = Micros((self.wait.0 / 2).max(RAISE.0 .0));
        }
        cap.bps *= 1.0 + self.step;
        cap.raised_at = Some(now);
        cap.raise_at = now + self.wait;
        self.free_if_needless(now);
    }

    fn free_if_needless(&mut self, now: Micros) {
        if self.cap.is_some_and(|cap| cap.bps >= cap.above) {
            self.cap = None;
            self.freed_at = Some(now);
        }
    }

    fn judge(&mut self, now: Micros, stretch: Stretch, around: &Around) {
        if self.trial.is_some() {
            self.judge_trial(now, stretch, around);
        } else if around.draining {
            self.suspect = None;
        } else if self.exceeds(stretch) {
            let seen = self.suspect.map_or(stretch, |before| before.and(stretch));
            let plain = stretch.share() - self.inherent > PLAIN || around.queued;
            if plain || self.suspect.is_some() {
                self.suspect = None;
                self.try_less(now, seen.share(), around);
            } else {
                self.suspect = Some(seen);
            }
        } else {
            if let Some(burst) = self.suspect.take() {
                self.learn(burst);
            }
            self.learn(stretch);
        }
    }

    fn exceeds(&self, stretch: Stretch) -> bool {
        let likely = self.inherent.max(0.01);
        let chance = likely * (1.0 - likely) * self.burstiness / f64::from(stretch.packets);
        stretch.share() > self.inherent + MARGIN.max(DEVIATIONS * chance.sqrt())
    }

    fn try_less(&mut self, now: Micros, loss: f64, around: &Around) {
        let arriving = around.arriving.unwrap_or(around.rate * (1.0 - loss));
        let arriving = CAP * arriving / (1.0 - self.inherent);
        let bps = arriving.min(around.rate * TRIAL);
        let freed = self.freed_at.is_some_and(|at| now.since(at) < RAISE.1);
        if freed || self.cap.is_some_and(|cap| cap.raised_at.is_some()) {
            self.wait = Micros((self.wait.0 * 2).min(RAISE.1 .0));
            self.step = STEP.0;
        }
        let above = self
            .cap
            .map_or(around.rate, |cap| cap.above.max(around.rate));
        self.cap = Some(Cap {
            bps,
            above,
            raise_at: now + self.wait,
            raised_at: None,
        });
        self.trial = Some(Trial {
            since: now,
            arriving,
            before: loss,
            seen: Stretch::default(),
        });
    }

    fn judge_trial(&mut self, now: Micros, stretch: Stretch, around: &Around) {
        let Some(trial) = &mut self.trial else { return };
        if stretch.began < trial.since {
            return;
        }
        trial.seen = trial.seen.and(stretch);
        if trial.seen.packets < TRIAL_PACKETS {
            return;
        }
        let (before, after, arriving) = (trial.before, trial.seen.share(), trial.arriving);
        self.trial = None;
        let hoped = (1.0 - self.inherent) / (1.0 - before).max(0.01);
        let seen = (1.0 - after) / (1.0 - before).max(0.01);
        if seen >= 1.0 + SUCCESS * (hoped - 1.0) {
            if let Some(cap) = &mut self.cap {
                cap.bps = cap.bps.max(arriving);
                cap.raise_at = now + self.wait;
            }
        } else if after <= INHERENT_MOST {
            self.inherent = before.min(after);
            self.cap = None;
        } else {
            self.try_less(now, after, around);
        }
    }

    fn learn(&mut self, stretch: Stretch) {
        let likely = self.inherent.max(0.01);
        let packets = f64::from(stretch.packets);
        let error = f64::from(stretch.lost) - packets * self.inherent;
        let variance = (error * error / (packets * likely * (1.0 - likely))).min(20.0);
        self.burstiness = (self.burstiness + 0.1 * (variance - self.burstiness)).clamp(1.0, 12.0);
        let share = stretch.share();
        let weight = if share < self.inherent { 0.15 } else { 0.05 };
        self.inherent = (self.inherent + weight * (share - self.inherent)).min(INHERENT_MOST);
    }
}
