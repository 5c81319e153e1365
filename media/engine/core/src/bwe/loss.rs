//! Loss that depends on the rate, told from loss that does not.
//!
//! A bottleneck that drops what it cannot carry, with little or no queue, shows only as loss, and so does a radio link
//! that loses a fifth of everything. The difference is what happens at a lower rate. When more is lost than the link's
//! own (*inherent*) loss explains, a *trial* lowers the rate to what arrives. If that makes a difference, the bottleneck
//! is found: the rate stays under a *cap*, which is raised from time to time. If it makes none, the rate comes back, and
//! the loss is inherent from then on.
//!
//! Less than pictures take makes them late or leaves them out, for as long as a trial lasts. So where less is sent than may
//! be, and the loss is no catastrophe, *more* is tried first (`push`): a bottleneck then loses all that comes on top, and
//! the link's own loss stays the share that it was. What is sent on top are packets of late once more, which mend losses.

use super::push::Push;
use super::stretch::Stretch;
use super::trial::{Shown, Trial, CLEARLY, CLEARLY_FROM_ONE, INHERENT_MOST};
use super::PacketResult;
use crate::time::Micros;

/// What is judged together: so many packets at least, over so long at least.
const PACKETS: f64 = 30.0;
const SPAN: Micros = Micros::from_millis(300);
/// Packets of a sample, and more for each packet that a run of losses is longer: with fewer, chance is mistaken for
/// success once in ten.
const SAMPLE: (f64, f64) = (40.0, 20.0);
/// A sample is so many times as large on a link that has shown a long queue: what is too much waits there.
const SAMPLE_QUEUED: f64 = 4.0;
/// A sample must be the larger, the further the excess is below this.
const CLEAR: f64 = 0.2;
/// How far loss must be above the inherent one, and by how many deviations of chance: to be looked at closer (less is of
/// no interest, since retransmission sees to it), and to be acted on at once.
const SUSPICIOUS: (f64, f64) = (0.06, 2.5);
const PLAIN: (f64, f64) = (0.25, 4.0);
/// How much one stretch counts in the inherent loss: what a few stretches of a full link add is soon forgotten.
const LEARN: f64 = 0.06;
/// The same under a cap, where what is lost has nothing to do with the rate.
const LEARN_CAPPED: f64 = 0.2;
/// With less evidence (the logarithm of 7) that more is lost under a cap than without one, the cap is of no use.
const HARDLY: f64 = 2.0;
/// How much of what is usual remains after each stretch: five seconds or more.
const USUAL: f64 = 0.94;
/// Losses come in runs, of two at first guess. What is lost in a run after so many tells no more of the rate: a link that
/// is full lets something through in between, one that is down does not.
const RUN: f64 = 2.0;
const RUN_LONGEST: u32 = 5;
/// Loss that comes so soon after a cap was raised comes from that.
const BLAMED: Micros = Micros::from_secs(3);
/// Of what arrives, under a cap.
const CAP: f64 = 0.95;
/// A trial lowers the rate to that at least, since a smaller step could not be told from chance, and a second one not below
/// this.
const TRIAL: f64 = 0.8;
const LEAST: f64 = 0.3;
/// Until a cap is raised, at first and at most; twice as long each time that raising it brings the loss back.
const RAISE: (Micros, Micros) = (Micros::from_millis(1_500), Micros::from_secs(8));
/// How much a cap is raised at first and at most; twice as much each time that it does no harm.
const STEP: (f64, f64) = (0.2, 1.0);

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
    /// Bit/s that arrive, at once and over longer.
    pub(super) recent: Option<f64>,
    pub(super) steady: Option<f64>,
    /// The delay has already shown congestion.
    pub(super) draining: bool,
    /// The link has shown of late that what is too much waits in it for long before it is dropped.
    pub(super) queues: bool,
}

/// The state of the loss.
#[derive(Debug)]
pub(super) struct LossControl {
    current: Stretch,
    /// The loss of the last stretch.
    last: f64,
    /// What exceeded the inherent loss and is not yet acted on.
    suspect: Option<Stretch>,
    /// What was lost of late while nothing was tried and no cap was there.
    usual: Stretch,
    /// The link has shown of late that it queues.
    queues: bool,
    inherent: f64,
    /// Stretches that it was learnt from.
    learnt: u32,
    /// Mean length of a run of lost packets, and the present run.
    run: f64,
    lost_in_run: u32,
    trial: Option<Trial>,
    push: Option<Push>,
    cap: Option<Cap>,
    /// When the last cap was given up.
    freed_at: Option<Micros>,
    wait: Micros,
    step: f64,
}

impl Default for LossControl {
    fn default() -> Self {
        Self {
            current: Stretch::default(),
            last: 0.0,
            suspect: None,
            usual: Stretch::default(),
            queues: false,
            inherent: 0.0,
            learnt: 0,
            run: RUN,
            lost_in_run: 0,
            trial: None,
            push: None,
            cap: None,
            freed_at: None,
            wait: RAISE.0,
            step: STEP.0,
        }
    }
}

impl LossControl {
    /// The next result, in the order of numbers. True if there is something to [`judge`](Self::judge).
    pub(super) fn add(&mut self, result: &PacketResult) -> bool {
        if result.was_lost {
            self.current.take_back();
            return false;
        }
        if self.current.packets == 0.0 {
            self.current.began = result.sent_at;
        }
        self.note_run(result.arrived_us.is_none());
        if self.lost_in_run > RUN_LONGEST {
            return false;
        }
        let is_lost = result.arrived_us.is_none();
        self.current.add(is_lost, self.lost_in_run == 1);
        self.current.packets >= PACKETS && result.sent_at.since(self.current.began) >= SPAN
    }

    /// The loss of the link itself, 0 to 1.
    pub(super) const fn inherent(&self) -> f64 {
        self.inherent
    }

    /// The loss of the last stretch, 0 to 1.
    pub(super) const fn recent(&self) -> f64 {
        self.last
    }

    /// Bit/s beyond which loss would come.
    pub(super) fn cap(&self) -> Option<f64> {
        self.cap.map(|cap| cap.bps)
    }

    /// The same as far as it is known: a trial has not told yet.
    pub(super) fn known_cap(&self) -> Option<f64> {
        self.trial.map_or(self.cap(), |trial| Some(trial.above))
    }

    /// Whether it is tried now whether less loss comes of a lower rate.
    pub(super) const fn is_trying(&self) -> bool {
        self.trial.is_some()
    }

    /// While more is tried: what is to be sent.
    pub(super) const fn push(&self) -> Option<&Push> {
        self.push.as_ref()
    }

    /// The same, to be asked for bytes.
    pub(super) const fn push_mut(&mut self) -> Option<&mut Push> {
        self.push.as_mut()
    }

    /// The delay tells that the link is full: more would only make it fuller.
    pub(super) fn stop_pushing(&mut self) {
        self.push = None;
    }

    /// Whether loss is held down by the rate, or that is being tried.
    pub(super) const fn is_capped(&self) -> bool {
        self.cap.is_some()
    }

    /// Whether a trial has shown that the rate holds it down.
    pub(super) const fn is_kept_down(&self) -> bool {
        self.cap.is_some() && self.trial.is_none()
    }

    /// Whether the rate shall not grow now.
    pub(super) const fn holds(&self) -> bool {
        self.trial.is_some() || self.push.is_some() || self.cap.is_some()
    }

    /// Whether a probe would disturb a trial. A long look at a link that queues is not disturbed.
    pub(super) const fn is_busy(&self) -> bool {
        let is_tried = self.trial.is_some() || self.push.is_some();
        is_tried || (self.suspect.is_some() && !self.queues)
    }

    /// There was an outage: forgets what is not judged yet.
    pub(super) fn reset(&mut self) {
        self.current = Stretch::default();
        self.suspect = None;
        self.push = None;
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
        self.push = self.push.filter(|push| !push.is_over(now));
        let busy = self.is_busy();
        if !busy && self.cap.is_some_and(|cap| now >= cap.raise_at) {
            self.raise(now);
        }
    }

    fn raise(&mut self, now: Micros) {
        let Some(cap) = &mut self.cap else { return };
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

    /// Judges what has come since the last time.
    pub(super) fn judge(&mut self, now: Micros, around: &Around) {
        let stretch = std::mem::take(&mut self.current);
        self.last = stretch.share();
        self.queues = around.queues;
        if self.cap.is_none() {
            self.usual = self.usual.faded(USUAL).and(stretch);
        }
        if self.trial.is_some() {
            self.judge_trial(now, stretch, around);
        } else if let Some(push) = self.push {
            self.judge_push(now, push, stretch, around);
        } else if around.draining {
            self.suspect = None;
        } else if !around.queues && self.exceeds(stretch, PLAIN) {
            self.try_less(now, stretch, (around.recent, CLEARLY_FROM_ONE), around);
        } else {
            self.suspect(now, stretch, around);
        }
    }

    /// A first excess is chance more often than not, and what follows it is less then, whatever the rate: it counts only if
    /// a second sample, taken at the same rate, shows it too.
    fn suspect(&mut self, now: Micros, stretch: Stretch, around: &Around) {
        let Some(seen) = self.suspect else {
            if self.exceeds(stretch, SUSPICIOUS) {
                self.suspect = Some(Stretch::default());
            } else {
                self.learn(stretch);
            }
            return;
        };
        let seen = seen.and(stretch);
        self.suspect = Some(seen);
        let times = if around.queues { SAMPLE_QUEUED } else { 1.0 };
        if seen.packets < self.sample(seen.share()) * times {
            return;
        }
        self.suspect = None;
        if !self.exceeds(seen, SUSPICIOUS) {
            self.learn(seen);
        } else if self.is_needless(seen) {
            self.learn(seen);
            self.raise(now);
        } else {
            self.push = self.more_to_try(now, seen, around);
            if self.push.is_none() {
                self.try_less(now, seen, (around.steady, CLEARLY), around);
            }
        }
    }

    /// More than is sent, if there is room of which nothing is known yet.
    fn more_to_try(&self, now: Micros, seen: Stretch, around: &Around) -> Option<Push> {
        let sent = around.steady? / (1.0 - seen.share()).max(0.01);
        let is_freed = self.freed_at.is_some_and(|at| now.since(at) < BLAMED);
        let may = self.cap.is_none() && !around.queues && !is_freed;
        Push::new(now, seen, (sent, around.rate)).filter(|_| may)
    }

    fn judge_push(&mut self, now: Micros, mut push: Push, stretch: Stretch, around: &Around) {
        let packets = push.add(stretch);
        self.push = Some(push);
        if packets < self.sample(push.before().share()) {
            return;
        }
        self.push = None;
        if push.does_harm(now) {
            self.try_less(now, push.before(), (around.steady, CLEARLY), around);
        } else {
            self.inherent = push.share();
        }
    }

    /// Whether under a cap that was not raised yet as much is lost as without it: the rate is not the reason then.
    fn is_needless(&self, seen: Stretch) -> bool {
        let is_untouched = self.cap.is_some_and(|cap| cap.raised_at.is_none());
        is_untouched && self.usual.less_than(seen) < HARDLY
    }

    /// Packets of a sample that can tell such a loss from the inherent one, if losses come in runs of the present length.
    fn sample(&self, loss: f64) -> f64 {
        let excess = (loss - self.inherent).max(0.01);
        let harder = (CLEAR / excess).clamp(1.0, 2.5);
        harder * (SAMPLE.0 + SAMPLE.1 * self.run)
    }

    /// Whether that is more than chance makes of the inherent loss. Losses that come in runs of a mean length vary as much
    /// as twice that many fewer would (Gilbert's model).
    fn exceeds(&self, stretch: Stretch, (margin, deviations): (f64, f64)) -> bool {
        let likely = self.inherent.max(0.01);
        let spread = 2.0 * self.run - 1.0;
        let chance = likely * (1.0 - likely) * spread / stretch.packets;
        stretch.share() > self.inherent + margin.max(deviations * chance.sqrt())
    }

    fn note_run(&mut self, lost: bool) {
        if lost {
            self.lost_in_run += 1;
        } else if self.lost_in_run > 0 {
            let length = f64::from(self.lost_in_run.min(RUN_LONGEST));
            self.run += 0.05 * (length - self.run);
            self.lost_in_run = 0;
        }
    }

    /// Lowers the rate to what arrives, and begins a trial that takes so much evidence.
    fn try_less(
        &mut self,
        now: Micros,
        sample: Stretch,
        (arriving, takes): (Option<f64>, f64),
        around: &Around,
    ) {
        let arriving = self.arriving(sample, arriving, around);
        let raised = self.cap.and_then(|cap| cap.raised_at).max(self.freed_at);
        if raised.is_some_and(|at| now.since(at) < BLAMED) {
            self.wait = Micros((self.wait.0 * 2).min(RAISE.1 .0));
        }
        self.step = STEP.0;
        let above = self
            .cap
            .map_or(around.rate, |cap| cap.above.max(around.rate));
        self.begin_trial(now, arriving.min(around.rate * TRIAL), above);
        self.trial = Some(Trial {
            since: now,
            bps: arriving,
            before: sample,
            above: around.rate,
            again: false,
            takes,
            seen: Stretch::default(),
        });
    }

    /// Bit/s to send so that what arrives is what fits, and the inherent loss the only one.
    fn arriving(&self, sample: Stretch, arriving: Option<f64>, around: &Around) -> f64 {
        let arriving = arriving.unwrap_or(around.rate * (1.0 - sample.share()));
        CAP * arriving / (1.0 - self.inherent)
    }

    fn begin_trial(&mut self, now: Micros, bps: f64, above: f64) {
        self.cap = Some(Cap {
            bps,
            above,
            raise_at: now + self.wait,
            raised_at: None,
        });
    }

    fn judge_trial(&mut self, now: Micros, stretch: Stretch, around: &Around) {
        let Some(mut trial) = self.trial else { return };
        if stretch.began < trial.since {
            return;
        }
        trial.seen = trial.seen.and(stretch);
        self.trial = Some(trial);
        if trial.seen.packets < self.sample(trial.before.share()) {
            return;
        }
        match trial.shown(self.inherent, around.rate) {
            Shown::Open => return,
            Shown::Rate => self.keep_cap(now, trial.bps),
            Shown::Much => return self.try_again(now, trial, around),
            Shown::Own(share) => (self.inherent, self.cap) = (share, None),
        }
        self.trial = None;
    }

    fn try_again(&mut self, now: Micros, trial: Trial, around: &Around) {
        let bps = self.arriving(trial.seen, around.steady, around);
        let bps = bps.clamp(around.rate * LEAST, around.rate * TRIAL);
        self.begin_trial(now, bps, trial.above);
        self.trial = Some(Trial {
            since: now,
            bps,
            again: true,
            seen: Stretch::default(),
            ..trial
        });
    }

    /// The rate is the reason: so much fits.
    fn keep_cap(&mut self, now: Micros, bps: f64) {
        if let Some(cap) = &mut self.cap {
            cap.bps = cap.bps.max(bps);
            cap.raise_at = now + self.wait;
        }
    }

    fn learn(&mut self, stretch: Stretch) {
        self.learnt = self.learnt.saturating_add(1);
        let weight = if self.cap.is_some() {
            LEARN_CAPPED
        } else {
            LEARN
        };
        // The first ones count as much as there are few of them.
        let weight = weight.max(1.0 / f64::from(self.learnt));
        let share = stretch.share();
        self.inherent = (self.inherent + weight * (share - self.inherent)).min(INHERENT_MOST);
    }
}

#[cfg(test)]
mod tests;
