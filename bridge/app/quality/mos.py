"""How good sound is likely to be to an ear, by the E-model (ITU-T G.107). Pure.

    R = Ro - Is - Id - Ie,eff + A          MOS = 1 + 0.035 R + R (R - 60) (100 - R) 7e-6

With the default values of G.107, Ro - Is is 93.2: no noise in the room, no fault of the set. A, the forgiveness
for mobility, is 0. Of Id only the delay is taken, Idd of G.107 (7-27): the browsers cancel echo. Ie,eff is that
of G.107 (7-29) for random loss and for bursts:

    Ie,eff = Ie + (95 - Ie) Ppl / (Ppl / BurstR + Bpl)

Ppl is the loss that the ear gets, after repair, in percent. BurstR is the mean length of the runs of lost
packets by what it would be if losses were independent; the formula holds up to 2, so more counts as 2. Ie and
Bpl are those of a codec (G.113 appendix I). ITU has none for Opus: Ie is 0, and Bpl that of G.711 with
concealment. So the scale is that of a narrowband telephone, a clean call has 4.4, and that Opus sounds better
than a telephone is not in the figure.
"""

from dataclasses import dataclass
from math import log2
from typing import Final

DEFAULT_R: Final = 93.2
BEST_R: Final = 100.0
MAX_BURST_RATIO: Final = 2.0
NO_DELAY_BELOW_MS: Final = 100.0


@dataclass(frozen=True, slots=True)
class Codec:
    """Impairment of a codec without loss, and how well it bears loss (G.113 appendix I)."""

    impairment: float
    robustness: float


OPUS: Final = Codec(0.0, 25.1)
G711: Final = Codec(0.0, 4.3)
G711_CONCEALED: Final = Codec(0.0, 25.1)
G729A: Final = Codec(11.0, 19.0)


def mean_opinion(loss: float, burst_packets: float | None, delay_ms: float, codec: Codec = OPUS) -> float:
    """The mean opinion score, 1 to 4.5.

    `loss` is a share, 0 to 1, after repair; `burst_packets` the mean length of a run of lost packets, None if
    not known; `delay_ms` from mouth to ear.
    """
    return opinion_of(DEFAULT_R - delay_impairment(delay_ms) - loss_impairment(loss, burst_packets, codec))


def opinion_of(rating: float) -> float:
    """MOS of a rating R (G.107 annex B)."""
    if rating <= 0:
        return 1.0
    if rating >= BEST_R:
        return 4.5
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)


def delay_impairment(delay_ms: float) -> float:
    """Idd: what a delay from mouth to ear takes from R."""
    if delay_ms <= NO_DELAY_BELOW_MS:
        return 0.0
    x = log2(delay_ms / NO_DELAY_BELOW_MS)
    return 25 * (_sixth_root(1 + x**6) - 3 * _sixth_root(1 + (x / 3) ** 6) + 2)


def loss_impairment(loss: float, burst_packets: float | None, codec: Codec) -> float:
    """Ie,eff: what codec and loss take from R."""
    share = min(max(loss, 0.0), 1.0)
    ratio = 1.0 if burst_packets is None else burst_packets * (1 - share)
    percent = 100 * share
    spread = percent / min(max(ratio, 1.0), MAX_BURST_RATIO) + codec.robustness
    return codec.impairment + (95 - codec.impairment) * percent / spread


def _sixth_root(of: float) -> float:
    return float(of ** (1 / 6))
