//! Which packets are lost.

use crate::profile::Loss;
use crate::random::Random;

/// Draws the loss of one packet after the other.
#[derive(Debug, Clone)]
pub(crate) struct Losses {
    random: Random,
    /// In the bad state of the Gilbert-Elliott model.
    bad: bool,
}

impl Losses {
    pub(crate) const fn new(random: Random) -> Self {
        Self { random, bad: false }
    }

    /// Whether the next packet is lost. One number is drawn for every packet, whatever the model.
    pub(crate) fn next(&mut self, loss: Loss) -> bool {
        let (probability, remembers) = match loss {
            Loss::Off => (0.0, false),
            Loss::Random(share) => (share, false),
            Loss::Bursts { share, mean } => (self.to_bad(share, mean.max(1.0)), true),
        };
        let lost = self.random.chance(probability);
        self.bad = remembers && lost;
        lost
    }

    /// The chance of being in the bad state with the next packet: bad is left once in `mean` packets, and entered so
    /// often that `share` of all packets meet it.
    fn to_bad(&self, share: f64, mean: f64) -> f64 {
        if self.bad {
            return 1.0 - 1.0 / mean;
        }
        share / (mean * (1.0 - share).max(f64::EPSILON))
    }
}
