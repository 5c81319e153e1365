"""Links that go bad in one call, one after the other, against which the bridge's own figures are held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from loadtest.network.profile import Profile
from signalling.messages import TestReason, Verdict

Whose = Literal["receiver", "sender"]
Way = Literal["up", "down"]
Ways = Sequence[tuple[Whose, Way]]

EVERY_WAY: Final[Ways] = (("receiver", "down"), ("receiver", "up"), ("sender", "down"), ("sender", "up"))
# A round trip of 40 ms.
CALM: Final = Profile(delay_ms=20)
CALM_S: Final = 5.0
# Nothing is compared before the figures hold nothing else.
SETTLED_S: Final = 3.0
# What a link that has become thin does to a queue, and the queue to what is told, takes longer.
THIN_SETTLED_S: Final = 9.0
# Percent and seconds. The more is lost the longer: as many of the reports are, and what they would have told comes
# with the next report that sums up, for sound within some five seconds; at the end it does not come in time.
LOSSES: Final = ((1, 15.0), (2, 15.0), (5, 20.0), (10, 40.0), (20, 60.0))
# Milliseconds and seconds. A round trip is measured about once a second, and with the largest of these one is 24
# ms from the mean as a matter of course: the mean of fifteen is 6 ms off too often, that of sixty 3.
JITTERS: Final = ((10, 15.0), (30, 15.0), (60, 60.0))
# Of round trips on a thin link, whose queue swings by as much as its packets are long: as many as with jitter.
THIN_S: Final = 60.0
# A verdict takes 5 to 10 s to come, and holds on for about as long.
VERDICT_CALM_S: Final = 14.0
FAULT_S: Final = 22.0


@dataclass(frozen=True)
class Fault:
    """What some ways of the two links are like for `seconds`, and what is to be said of it.

    `verdicts` are those of a leg, good where it is not named; `reasons` is what the test before entry says over
    that leg's link with the same fault, which is nothing where it calls it good. None is where nobody is asked.
    """

    name: str
    sentence: str
    profile: Profile
    ways: Ways = EVERY_WAY
    seconds: float = 15.0
    verdicts: Mapping[Whose, Verdict] | None = None
    reasons: frozenset[TestReason] | None = None
    calm_s: float = CALM_S
    settled_s: float = SETTLED_S

    def link(self, whose: Whose) -> tuple[Profile, Profile]:
        """Give this person's link, down and up."""
        down, up = (self.profile if (whose, way) in self.ways else CALM for way in ("down", "up"))
        return down, up


def _truth() -> list[Fault]:
    loss = [Fault(f"loss-{n}", f"{n} % lost", replace(CALM, loss=n / 100), seconds=s) for n, s in LOSSES]
    bursts = Fault("burst-5", "5 % lost in bursts of 4", replace(CALM, loss=0.05, burst=4), seconds=40.0)
    jitter = [
        Fault(f"jitter-{n}", f"0 to {n} ms more for each packet", replace(CALM, jitter_ms=n), seconds=s)
        for n, s in JITTERS
    ]
    far = Fault("delay-100", "100 ms each way", replace(CALM, delay_ms=100))
    one_way = Fault("delay-up-150", "150 ms on the way up alone", replace(CALM, delay_ms=150), _up("both"))
    return [Fault("calm", "nothing happens: the control", CALM), *loss, bursts, *jitter, far, one_way]


def _up(whose: Literal["receiver", "sender", "both"]) -> Ways:
    return [one for one in EVERY_WAY if one[1] == "up" and whose in (one[0], "both")]


_KINDS: Final = {
    "loss": ("8 % lost", replace(CALM, loss=0.08), "loss"),
    "jitter": ("0 to 100 ms more for each packet", replace(CALM, jitter_ms=100), "jitter"),
    "thin": ("180 kbit/s", replace(CALM, rate_bps=180_000), "rate"),
    # A link that repair makes good is a good one, in a call as before it.
    "little": ("2 % lost", replace(CALM, loss=0.02), None),
}
_WORDS: Final[dict[Way, Verdict]] = {"up": Verdict.UPLINK, "down": Verdict.DOWNLINK}


def _fault(whose: Whose, way: Way, kind: str) -> Fault:
    sentence, profile, reason = _KINDS[kind]
    return Fault(
        f"{whose}-{way}-{kind}",
        f"{sentence} on the {whose}'s way {way}",
        profile,
        [(whose, way)],
        seconds=THIN_S if kind == "thin" else FAULT_S,
        verdicts={} if reason is None else {whose: _WORDS[way]},
        reasons=frozenset() if reason is None else frozenset({TestReason(f"{reason}_{way}")}),
        calm_s=VERDICT_CALM_S,
        settled_s=THIN_SETTLED_S if kind == "thin" else SETTLED_S,
    )


def _faults() -> list[Fault]:
    ways: Ways = [("sender", "up"), ("receiver", "down")]
    found = [_fault(whose, way, kind) for whose, way in ways for kind in _KINDS]
    # Of sound alone, which is all that the sender hears.
    return [*found, replace(_fault("sender", "down", "loss"), reasons=None)]


TRUTH: Final = tuple(_truth())
FAULTS: Final = tuple(_faults())


def chosen(names: Sequence[str]) -> tuple[Fault, ...]:
    """Give the faults of these names, all when there are none. Raises `KeyError` on an unknown name."""
    known = {one.name: one for one in (*TRUTH, *FAULTS)}
    return tuple(known[name] for name in names) if names else (*TRUTH, *FAULTS)
