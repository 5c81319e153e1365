//! What a source could send into a slot: its encodings and their temporal layers, with what each takes.

use crate::allocate::Choice;
use crate::encoding::Encoding;
use crate::rates::LAYERS;
use crate::slot::Layer;
use crate::source::Source;
use crate::time::Micros;

/// Headers and tags around the payload of pictures, in percent of both.
pub(crate) const WITH_HEADERS: u64 = 105;
/// What an encoding is taken for of which nothing has come yet.
const GUESS: u64 = 150_000;

/// Without a picture for so long a camera is off, or there is none.
const OFF_AFTER: Micros = Micros::from_secs(5);

impl Source {
    /// Whether no pictures come, not even those that are always sent.
    pub(crate) fn is_idle(&self, now: Micros) -> bool {
        let newest = self.encodings.iter().filter_map(|one| one.newest);
        let last = newest.map(|(_, at)| at).max();
        last.is_none_or(|at| now.since(at) >= OFF_AFTER)
    }

    /// The encoding that can be shown first: the highest that is sent now and not larger than what can be shown.
    pub fn begins_with(&self, now: Micros, height: Option<u16>) -> Layer {
        let highest = self.highest_for(height);
        let active = |number: &u8| self.is_kept_up(now, *number);
        let sent = (0..=highest).rev().find(active);
        Layer::all_of(sent.unwrap_or(highest))
    }

    /// The lowest encoding that has as many lines as can be shown, or the highest.
    fn highest_for(&self, height: Option<u16>) -> u8 {
        let enough = |encoding: &Encoding| height.is_some_and(|limit| encoding.height >= limit);
        let found = self.encodings.iter().position(enough);
        found.unwrap_or(self.encodings.len().saturating_sub(1)) as u8
    }

    /// The ladder of choices for a slot that can show so many lines.
    pub(crate) fn choices(&self, now: Micros, height: Option<u16>) -> Vec<Choice> {
        let mut choices = Vec::with_capacity(LAYERS + self.encodings.len());
        for number in 0..=self.highest_for(height) {
            let encoding = self.encodings.get(usize::from(number));
            let Some(encoding) = encoding.filter(|one| number == 0 || one.was_seen()) else {
                break;
            };
            if encoding.steady.is_left_alone(now) {
                continue;
            }
            let top = if number == 0 { encoding.rates.top() } else { 0 };
            for temporal in 0..top {
                let layer = Layer {
                    encoding: number,
                    temporal,
                };
                let bitrate = encoding.rates.up_to(temporal) * WITH_HEADERS / 100;
                choices.push(Choice { layer, bitrate });
            }
            let layer = Layer::all_of(number);
            let measured = encoding.rates.up_to(layer.temporal) * WITH_HEADERS / 100;
            let bitrate = if measured == 0 { GUESS } else { measured };
            let coming = self
                .demand
                .coming(now)
                .filter(|_| self.encodings.len() == 1);
            let bitrate = coming.map_or(bitrate, |coming| bitrate.min(coming));
            choices.push(Choice { layer, bitrate });
        }
        choices
    }

    /// Of what is sent now, the nearest to what is wished for: below it rather than above.
    pub(crate) fn nearest(&self, now: Micros, wish: Layer) -> Layer {
        let of = |number: &u8| &self.encodings[usize::from(*number)];
        let active = |number: &u8| of(number).is_active(now);
        let steady = |number: &u8| self.is_kept_up(now, *number);
        if active(&wish.encoding) && of(&wish.encoding).steady.may_show() {
            return wish;
        }
        let below = (0..wish.encoding).rev().find(steady);
        let above = || (wish.encoding + 1..self.encodings.len() as u8).find(steady);
        let any = || (0..self.encodings.len() as u8).find(active);
        below
            .or_else(above)
            .or_else(any)
            .map_or(wish, Layer::all_of)
    }
}
