"""Links that go bad in one call, one after the other, against which the bridge's own figures are held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from loadtest.network.profile import Profile
from signalling.messages import TrialVerdict, Verdict

Whose = Literal["receiver", "sender"]
Way = Literal["up", "down"]
Ways = Sequence[tuple[Whose, Way]]

EVERY_WAY: Final[Ways] = (("receiver", "down"), ("receiver", "up"), ("sender", "down"), ("sender", "up"))
# A round trip of 40 ms.
CALM: Final = Profile(delay_ms=20)
CALM_S: Final = 5.0
# A verdict takes 5 to 10 s to come, and holds on for about as long.
VERDICT_CALM_S: Final = 14.0


@dataclass(frozen=True)
class Fault:
    """What some ways of the two links are like for `seconds`, and what is to be said of it.

    `verdicts` are those of a leg, good where it is not named; `trial` is the word of the test before entry over
    the receiver's or sender's link with the same fault, None where it is not tried.
    """

    name: str
    sentence: str
    profile: Profile
    ways: Ways = EVERY_WAY
    seconds: float = 15.0
    verdicts: Mapping[Whose, Verdict] | None = None
    trial: frozenset[TrialVerdict] | None = None
    calm_s: float = field(default=CALM_S)

    def link(self, whose: Whose) -> tuple[Profile, Profile]:
        """Give this person's link, down and up."""
        down, up = (self.profile if (whose, way) in self.ways else CALM for way in ("down", "up"))
        return down, up


def _truth() -> list[Fault]:
    loss = [Fault(f"loss-{n}", f"{n} % lost", replace(CALM, loss=n / 100)) for n in (1, 2, 5, 10, 20)]
    bursts = Fault("burst-5", "5 % lost in bursts of 4", replace(CALM, loss=0.05, burst=4))
    jitter = [
        Fault(f"jitter-{n}", f"0 to {n} ms more for each packet", replace(CALM, jitter_ms=n)) for n in (10, 30, 60)
    ]
    far = Fault("delay-100", "100 ms each way", replace(CALM, delay_ms=100))
    one_way = Fault("delay-up-150", "150 ms on the way up alone", replace(CALM, delay_ms=150), _up("both"))
    return [Fault("calm", "nothing happens: the control", CALM), *loss, bursts, *jitter, far, one_way]


def _up(whose: Literal["receiver", "sender", "both"]) -> Ways:
    return [one for one in EVERY_WAY if one[1] == "up" and whose in (one[0], "both")]


def _faults() -> list[Fault]:
    kinds = {
        "loss": ("8 % lost", replace(CALM, loss=0.08)),
        "jitter": ("0 to 100 ms more for each packet", replace(CALM, jitter_ms=100)),
        "thin": ("180 kbit/s", replace(CALM, rate_bps=180_000)),
    }
    whose: dict[tuple[Whose, Way], Verdict] = {
        ("sender", "up"): Verdict.UPLINK,
        ("receiver", "down"): Verdict.DOWNLINK,
    }
    found = [
        Fault(
            f"{owner}-{way}-{kind}",
            f"{sentence} on the {owner}'s way {way}",
            profile,
            [(owner, way)],
            seconds=22.0,
            verdicts={owner: word},
            calm_s=VERDICT_CALM_S,
        )
        for (owner, way), word in whose.items()
        for kind, (sentence, profile) in kinds.items()
    ]
    sound = replace(found[0], name="sender-down-loss", sentence="8 % lost of the sound that the sender hears")
    return [*found, replace(sound, ways=[("sender", "down")], verdicts={"sender": Verdict.DOWNLINK})]


TRUTH: Final = tuple(_truth())
FAULTS: Final = tuple(_faults())


def chosen(names: Sequence[str]) -> tuple[Fault, ...]:
    """Give the faults of these names, all when there are none. Raises `KeyError` on an unknown name."""
    known = {one.name: one for one in (*TRUTH, *FAULTS)}
    return tuple(known[name] for name in names) if names else (*TRUTH, *FAULTS)
