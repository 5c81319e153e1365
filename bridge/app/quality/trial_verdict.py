"""What a test of the way to the bridge has shown: figures in, a verdict and its reasons out. Pure.

It says what the call would then show, no more and no less. A patient who is told that a link is weak looks for
another one or telephones the surgery, for nothing if the call is good; one who is told that it is good has no
second chance. So loss counts as in a call: what repair leaves decides, since that is what is seen and heard, and
loss before repair only from where a call would name the link as at fault (`verdict`), since there is little room
left to get worse.

Where the bridge itself lost packets meanwhile, what was measured says nothing of the link: then it is the bridge
that is named, as in a call, and the test is worth another try.

The limits of `GOOD` are those below which the pages call a link good in a call (`stats.js`; a test holds the two
together). What is worse is weak as long as repair and a smaller picture keep a consultation going, and unusable
beyond that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bridge.app.quality.verdict import DROPS_BAD, JITTER_BAD_MS, LOSS_BAD, THIN_BITS_PER_SECOND
from signalling.messages import Flow, TestReason, TrialVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """At most this loss in percent, jitter and round trip in ms; at least this capacity in kbit/s.

    `left_percent` is loss after repair, `loss_percent` loss before it.
    """

    loss_percent: float
    left_percent: float
    jitter_ms: float
    rtt_ms: float
    capacity_kbps: float


# Whose link carries 300 kbit/s has a good call, with a smaller picture.
GOOD: Final = Limits(
    loss_percent=100 * LOSS_BAD,
    left_percent=1,
    jitter_ms=JITTER_BAD_MS,
    rtt_ms=300,
    capacity_kbps=THIN_BITS_PER_SECOND / 1000,
)
# Repair and redundancy cope with a fifth of the packets lost, and sound alone takes 60 kbit/s.
USABLE: Final = Limits(loss_percent=20, left_percent=10, jitter_ms=250, rtt_ms=1000, capacity_kbps=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction: figures before repair, and the loss in percent that is left after it.

    `capacity_kbps` is what the way could carry, as far as somebody has estimated it.
    """

    flow: Flow
    left_percent: float = 0.0
    capacity_kbps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A test's figures: `up` towards the bridge, `down` from it, None where nothing came through."""

    up: Way | None
    down: Way | None
    rtt_ms: float | None
    picture: bool
    """Whether the page's own picture came back to it."""
    sound: bool
    bridge_lost: float = 0.0
    """The share of packets that the bridge lost at its own sockets."""


def judge(exchange: Exchange) -> tuple[TrialVerdict, list[TestReason]]:
    """Give the verdict, and what keeps it from being better."""
    if exchange.up is None or exchange.down is None:
        return TrialVerdict.UNUSABLE, [TestReason.BLOCKED]
    beyond = list(_beyond(exchange.up, exchange.down, exchange.rtt_ms, USABLE))
    reasons = beyond or list(_beyond(exchange.up, exchange.down, exchange.rtt_ms, GOOD))
    if reasons and exchange.bridge_lost >= DROPS_BAD:
        return TrialVerdict.WEAK, [TestReason.BRIDGE]
    if beyond:
        return TrialVerdict.UNUSABLE, beyond
    if not exchange.picture:
        reasons.append(TestReason.NO_PICTURE)
    if not exchange.sound:
        reasons.append(TestReason.NO_SOUND)
    return (TrialVerdict.WEAK if reasons else TrialVerdict.GOOD), reasons


def _beyond(up: Way, down: Way, rtt_ms: float | None, limits: Limits) -> Iterator[TestReason]:
    """The limits that are overstepped, the most telling first."""
    if _loses(up, limits):
        yield TestReason.LOSS_UP
    if _loses(down, limits):
        yield TestReason.LOSS_DOWN
    if _less(up, limits):
        yield TestReason.RATE_UP
    if _less(down, limits):
        yield TestReason.RATE_DOWN
    if up.flow.jitter_ms > limits.jitter_ms:
        yield TestReason.JITTER_UP
    if down.flow.jitter_ms > limits.jitter_ms:
        yield TestReason.JITTER_DOWN
    if rtt_ms is not None and rtt_ms > limits.rtt_ms:
        yield TestReason.DELAY


def _loses(way: Way, limits: Limits) -> bool:
    return way.flow.loss_percent > limits.loss_percent or way.left_percent > limits.left_percent


def _less(way: Way, limits: Limits) -> bool:
    # What was sent says nothing of what could be: a still picture needs little. Only an estimate counts.
    return way.capacity_kbps is not None and way.capacity_kbps < limits.capacity_kbps
