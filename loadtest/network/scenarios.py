"""What happens to the link of a call, second by second; the profiles that the bridge's figures are told for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from loadtest.network.profile import Profile

Whose = Literal["receiver", "sender"]
# From the moment the link goes bad until it is as before.
BAD_S: Final = 30.0
# How long it is watched then.
AFTER_S: Final = 6.0


@dataclass(frozen=True)
class Step:
    """The link from this time on, in seconds after it goes bad."""

    at_s: float
    down: Profile
    up: Profile


@dataclass(frozen=True)
class Scenario:
    """One call. `before` is the link until it goes bad and after `BAD_S`; `whose` it is; `goals` by figure.

    With `download` somebody at the same place downloads something meanwhile, with that congestion control.
    With `company` somebody else on a good link looks as well, with an open microphone, into which nobody speaks
    where they are `silent`; with `witness` it is that page which is measured.
    """

    name: str
    sentence: str
    steps: tuple[Step, ...]
    before: Profile
    whose: Whose = "receiver"
    company: bool = False
    silent: bool = False
    witness: bool = False
    download: str = ""
    goals: Mapping[str, float] = field(default_factory=dict)


# A round trip of 40 ms, and one of 300 ms, on which a packet that is asked for again comes late.
_WAY: Final = Profile(delay_ms=20)
_FAR: Final = Profile(delay_ms=150)
_WIDE: Final = replace(_WAY, rate_bps=2_000_000)


def _goals(fps: float, frozen: float, concealed: float) -> dict[str, float]:
    return {"fps_mean": fps, "frozen_percent": frozen, "audio_concealed_percent": concealed}


def _both(name: str, sentence: str, way: Profile, *goals: float) -> Scenario:
    return Scenario(name, sentence, (Step(0, way, way),), _WAY, goals=_goals(*goals) if goals else {})


def _thin(name: str, sentence: str, rate_bps: int, loss: float, goals: Mapping[str, float]) -> Scenario:
    up = replace(_WAY, loss=loss)
    return Scenario(name, sentence, (Step(0, replace(up, rate_bps=rate_bps), up),), _WAY, goals=goals)


def _uplink(rate_bps: int) -> Scenario:
    rate = rate_bps // 1000
    step = Step(0, _WAY, replace(_WAY, rate_bps=rate_bps))
    sentence = f"the sender's link has {rate} kbit/s on the way up"
    return Scenario(f"uplink-rate-{rate}", sentence, (step,), _WAY, whose="sender")


def _beside(control: str, sentence: str) -> Scenario:
    whole = f"2 Mbit/s on the way down with a queue of 300 ms, {sentence}"
    return Scenario(f"beside-{control}", whole, (Step(0, _WIDE, _WAY),), _WIDE, download=control)


SCENARIOS: Final = (
    _both("clean", "nothing happens: the control", _WAY),
    _both("loss-2", "2 % lost, both ways", replace(_WAY, loss=0.02), 25, 0, 0.2),
    _both("loss-10", "10 % lost, both ways", replace(_WAY, loss=0.10), 24.8, 0.3, 0.8),
    _both("loss-20", "20 % lost, both ways", replace(_WAY, loss=0.20), 22, 3, 3),
    _both("burst-5", "5 % lost in bursts of 4, both ways", replace(_WAY, loss=0.05, burst=4), 25, 0, 1),
    Scenario(
        "loss-5-far",
        "5 % lost both ways, on a round trip of 300 ms",
        (Step(0, replace(_FAR, loss=0.05), replace(_FAR, loss=0.05)),),
        _FAR,
    ),
    _both(
        "jitter-30",
        "0 to 30 ms more for each packet by itself, both ways",
        replace(_WAY, jitter_ms=30),
        25,
        0,
        0.3,
    ),
    _thin("rate-300", "300 kbit/s on the way down", 300_000, 0, _goals(20, 3, 0.5)),
    _thin("rate-300-loss-2", "300 kbit/s on the way down, 2 % lost both ways", 300_000, 0.02, _goals(18, 5, 1)),
    Scenario(
        "step",
        "2 Mbit/s on the way down, for 15 s 300 kbit/s, and 2 Mbit/s again",
        (Step(0, replace(_WIDE, rate_bps=300_000), _WAY), Step(15, _WIDE, _WAY)),
        _WIDE,
        goals=_goals(23, 4, 1),
    ),
    _beside("cubic", "which a download by CUBIC beside keeps full"),
    _beside("bbr", "and a download by BBR beside"),
    Scenario(
        "uplink-loss-10",
        "the sender's link loses 10 %, both ways",
        (Step(0, replace(_WAY, loss=0.10), replace(_WAY, loss=0.10)),),
        _WAY,
        whose="sender",
        goals={"fps_mean": 24},
    ),
    _uplink(500_000),
    _uplink(300_000),
    Scenario(
        "beside-rate-300",
        "a receiver on a good link beside one that has 300 kbit/s and loses 10 %",
        (Step(0, replace(_WAY, rate_bps=300_000, loss=0.10), replace(_WAY, loss=0.10)),),
        _WAY,
        company=True,
        witness=True,
        goals=_goals(25, 0, 0.1),
    ),
    Scenario(
        "rate-300-in-company",
        "300 kbit/s on the way down, with a second voice in the room, which speaks all the time",
        (Step(0, replace(_WAY, rate_bps=300_000), _WAY),),
        _WAY,
        company=True,
    ),
    Scenario(
        "rate-200-in-silence",
        "200 kbit/s on the way down, with a second microphone in the room, into which nobody speaks",
        (Step(0, replace(_WAY, rate_bps=200_000), _WAY),),
        _WAY,
        company=True,
        silent=True,
    ),
    _thin("rate-60", "60 kbit/s on the way down", 60_000, 0, {"audio_concealed_percent": 1, "back_s": 5}),
)


def named(names: Sequence[str]) -> tuple[Scenario, ...]:
    """Give the scenarios of these names, all when there are none. Raises `KeyError` on an unknown name."""
    known = {one.name: one for one in SCENARIOS}
    return tuple(known[name] for name in names) if names else SCENARIOS
