//! What happened in a run, and figures made of it.

use engine_core::bwe::trace::Record;

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
    /// What came of the download.
    pub(crate) downloaded: u64,
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

    /// Bit/s of the download that arrived.
    pub(crate) fn downloaded(&self, from_ms: u64, to_ms: u64) -> f64 {
        let part = self.part(from_ms, to_ms);
        part.iter().map(|t| t.downloaded).sum::<u64>() as f64 * 80.0 / part.len() as f64
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

    /// The share of the time in which pictures are chosen by less than that.
    pub(crate) fn planned_below(&self, from_ms: u64, to_ms: u64, bps: f64) -> f64 {
        let part = self.part(from_ms, to_ms);
        let below = part.iter().filter(|t| f64::from(t.planned) < bps);
        below.count() as f64 / part.len() as f64
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
