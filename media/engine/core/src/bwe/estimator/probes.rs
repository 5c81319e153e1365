//! When to probe, for how much, and what is made of it.

use super::Estimator;
use crate::bwe::aimd::Sight;
use crate::bwe::prober::Probed;
use crate::time::Micros;

/// Clusters at the start, in times of the first estimate (as libwebrtc has them).
const FIRST_PROBES: [f64; 2] = [3.0, 6.0];
/// A regular probe, and the one that follows a success, in times of the estimate.
pub(super) const PROBE: f64 = 1.6;
const NEXT_PROBE: f64 = 2.0;
/// What is probed for at most, in times of what is wanted: more would be of no use.
const PROBE_WANTED: f64 = 1.3;
/// Between two regular probes, at first and after some that showed nothing: seldom enough to cost little (a cluster takes
/// 2 to 5 % of the rate then), often enough that a link that has come back is found in five seconds.
pub(super) const PROBE_WAIT: (Micros, Micros) =
    (Micros::from_millis(1_000), Micros::from_millis(3_000));
/// A link that carries hardly more than sound, and the probes on it: each makes sound wait.
pub const THIN_BPS: f64 = 150_000.0;
const PROBE_THIN: (f64, Micros) = (1.4, Micros::from_millis(2_000));
/// No regular probe so soon after the link was found full.
const PROBE_AFTER: Micros = Micros::from_millis(1_500);

impl Estimator {
    pub(super) fn on_probed(&mut self, now: Micros, probed: Probed) {
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

    pub(super) fn plan_probes(&mut self, now: Micros) {
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
            && !self.brake.is_on()
            && now.since(last) >= self.probe_wait.max(gentle.1)
            && full.is_none_or(|at| now.since(at) >= PROBE_AFTER)
            && self.sight(now) == Sight::Clear
            && !self.loss.is_busy()
            && !self.silence.is_silent();
        if free && self.wanted > estimate * 1.05 {
            self.probe(now, estimate * gentle.0);
        }
    }

    pub(super) fn probe(&mut self, now: Micros, bps: f64) {
        let least = f64::from(self.estimate_bps());
        let bps = bps.min(self.wanted * PROBE_WANTED);
        if bps > least {
            let variation = Micros((self.trendline.variation_ms * 1e3) as u64);
            self.prober.plan(bps, variation);
            self.last_probe = Some(now);
        }
    }
}
