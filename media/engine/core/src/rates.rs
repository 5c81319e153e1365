//! How many bits a second an encoding sends, by temporal layer: counted over a sliding second, without allocation.

use crate::time::Micros;

/// Temporal layers that can be told apart (RFC 7741: two bits).
pub const LAYERS: usize = 4;
/// Parts of the second that is counted.
const PARTS: usize = 8;
const PART: Micros = Micros::from_millis(125);
/// Of a step of the window, this part goes into the settled rate: a key frame is no change of rate.
const SETTLE: u64 = 8;

/// Bytes of the last second, and the rate that they settle at.
#[derive(Debug, Default)]
pub struct Rates {
    ends: Micros,
    part: usize,
    /// Parts of the window that have been counted whole since the stream began or came back.
    filled: usize,
    parts: [[u32; LAYERS]; PARTS],
    sums: [u32; LAYERS],
    settled: [u64; LAYERS],
}

impl Rates {
    /// Brings the lines near that the next packet needs.
    pub fn touch(&self) -> u64 {
        self.ends.0 ^ u64::from(self.parts[self.part % PARTS][0])
    }

    /// Counts a packet of this temporal layer.
    pub fn add(&mut self, now: Micros, layer: u8, bytes: usize) {
        if now >= self.ends {
            self.turn(now);
        }
        self.parts[self.part][usize::from(layer) % LAYERS] += bytes as u32;
    }

    #[cold]
    fn turn(&mut self, now: Micros) {
        if now.since(self.ends) >= Micros(PART.0 * PARTS as u64) {
            // After a pause the window is empty; what had settled is still the best guess.
            (self.parts, self.sums, self.filled) = Default::default();
            self.ends = now + PART;
            return;
        }
        while now >= self.ends {
            self.ends = self.ends + PART;
            let ended = self.parts[self.part];
            self.part = (self.part + 1) % PARTS;
            let oldest = std::mem::take(&mut self.parts[self.part]);
            for (layer, sum) in self.sums.iter_mut().enumerate() {
                *sum = *sum + ended[layer] - oldest[layer];
            }
            self.filled = (self.filled + 1).min(PARTS - 1);
            self.settle();
        }
    }

    fn settle(&mut self) {
        let millis = self.filled as u64 * PART.0 / 1_000;
        for (settled, sum) in self.settled.iter_mut().zip(self.sums) {
            let rate = u64::from(sum) * 8_000 / millis;
            *settled = match (*settled, rate) {
                (0, rate) => rate,
                (old, rate) => (old * (SETTLE - 1) + rate) / SETTLE,
            };
        }
    }

    /// Bits a second of the layers up to this one, now or when it last sent; 0 when it never has.
    pub fn up_to(&self, layer: u8) -> u64 {
        self.settled.iter().take(usize::from(layer) + 1).sum()
    }

    /// The highest temporal layer that sends now.
    pub fn top(&self) -> u8 {
        let sends = self.sums.iter().rposition(|bytes| *bytes > 0);
        sends.unwrap_or(0) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_is_measured_by_layer_and_remembered_over_a_pause() {
        let mut rates = Rates::default();
        for millis in (0..3_000).step_by(10) {
            let layer = if millis % 20 == 0 { 0 } else { 1 };
            rates.add(Micros::from_millis(70_000 + millis), layer, 500);
        }
        // 50 packets of 500 bytes a second in each layer.
        for (layer, expected) in [(0, 200_000), (1, 400_000), (3, 400_000)] {
            let found = rates.up_to(layer);
            assert!(found.abs_diff(expected) < expected / 20, "{layer}: {found}");
        }
        assert_eq!(rates.top(), 1);
        rates.add(Micros::from_millis(90_000), 0, 500);
        assert!(rates.up_to(1).abs_diff(400_000) < 20_000);
    }

    #[test]
    fn nothing_sent_is_no_rate() {
        assert_eq!(Rates::default().up_to(3), 0);
        assert_eq!(Rates::default().top(), 0);
    }
}
