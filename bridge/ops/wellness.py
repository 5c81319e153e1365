"""Whether everything is well, and if not, what is wrong: one list of troubles for the page's one sentence. Pure.

What counts is what deploy/prometheus-rules.yaml alerts on, with the same limits, as far as it can be told without
Prometheus. `grave` is what people in calls notice, or soon will; the rest somebody should know before the morning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.ops.load import READINGS, Capacity, ShardLoad
from bridge.ops.metrics import GatewayState
from bridge.ops.recent import Key
from signalling import messages as m
from signalling.messages import Verdict

BUSY: Final = 0.8
LOST_SHARE: Final = 0.001
MANY_LINKS: Final = 10
MANY_BAD: Final = 0.3
FEW_LEFT: Final = 20
FAILURES_LEFT_ALONE: Final = 3
REGISTRATIONS_LEFT_ALONE: Final = 2
LATELY_MIN: Final = 10
SPAN_S: Final = READINGS - 1
_ANSWERS: Final = ("refusals", "errors", "http_errors")
"""Counters of what people and programs were told instead of what they asked for."""
OWN_LINKS: Final = frozenset({Verdict.UPLINK, Verdict.DOWNLINK})


class Trouble(m.Part, frozen=True, kw_only=True):
    """One thing that is wrong. `code` and `what` are fixed words, or names that the settings give."""

    code: str
    grave: bool
    what: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything by which it is judged; `lately` is what counters rose by in the last ten minutes."""

    checks: Mapping[str, str] = field(default_factory=dict)
    shards: Sequence[ShardLoad] = ()
    capacity: Capacity = field(default_factory=lambda: Capacity(1_000, measured=False))
    gateways: Sequence[GatewayState] = ()
    verdicts: Mapping[Verdict, int] = field(default_factory=dict)
    short: int = 0
    lately: Mapping[Key, int] = field(default_factory=dict)
    drain_due: bool = False


def judge(seen: Seen) -> list[Trouble]:
    """Everything that is wrong, what is grave before what is not."""
    found = [*_parts(seen), *_load(seen), *_links(seen), *_lately(seen.lately)]
    return sorted(found, key=lambda one: not one.grave)


def _parts(seen: Seen) -> list[Trouble]:
    found = [
        Trouble(code="check_failing", grave=True, what=name)
        for name, state in seen.checks.items()
        if state != "ok"
    ]
    found += [Trouble(code="shard_stopped", grave=True, number=one.shard) for one in seen.shards if one.stopped]
    for one in seen.gateways:
        if one.trouble not in ("", "draining"):
            grave = one.trouble == "not_serving"
            found.append(Trouble(code=f"gateway_{one.trouble}", grave=grave, what=one.name))
    return found


def _load(seen: Seen) -> list[Trouble]:
    found = [
        Trouble(code="shard_busy", grave=False, what=str(one.shard), number=round(100 * one.cpu))
        for one in seen.shards
        if one.cpu > BUSY
    ]
    found += _sockets(seen.shards)
    if resting := sum(one.resting for one in seen.shards):
        found.append(Trouble(code="pictures_rest", grave=True, number=resting))
    left = seen.capacity.legs_left
    if left < FEW_LEFT:
        found.append(Trouble(code="full", grave=left == 0, number=left))
    if seen.short:
        found.append(Trouble(code="short", grave=False, number=seen.short))
    if seen.drain_due:
        found.append(Trouble(code="drain_due", grave=False))
    return found


def _sockets(shards: Sequence[ShardLoad]) -> list[Trouble]:
    ways = (
        ("not_sent", sum(one.drops for one in shards), sum(one.packets_per_s for one in shards)),
        ("not_read", sum(one.missed for one in shards), sum(one.read_per_s for one in shards)),
    )
    return [
        Trouble(code=code, grave=False, number=lost)
        for code, lost, per_s in ways
        if lost and lost > LOST_SHARE * per_s * SPAN_S
    ]


def _links(seen: Seen) -> list[Trouble]:
    blamed = seen.verdicts.get(Verdict.BRIDGE, 0)
    found = [Trouble(code="bridge_blamed", grave=True, number=blamed)] if blamed else []
    bad, whole = sum(seen.verdicts.get(word, 0) for word in OWN_LINKS), sum(seen.verdicts.values())
    if whole > MANY_LINKS and bad > MANY_BAD * whole:
        found.append(Trouble(code="many_bad_links", grave=True, number=bad))
    return found


def _lately(counts: Mapping[Key, int]) -> list[Trouble]:
    def risen(name: str, *codes: str) -> int:
        return sum(number for (of, code), number in counts.items() if of == name and (not codes or code in codes))

    found = []
    for code, number, grave, least in (
        ("events_dropped", risen("engine", "event_drops"), True, 0),
        ("rooms_failed", risen("room_failures"), True, 0),
        ("engine_fault", risen("engine", "panics"), False, 0),
        ("converters_fail", risen("converter_failures"), False, FAILURES_LEFT_ALONE),
        ("gateway_failed", risen("gateways", "failed"), False, 0),
        ("webhooks_given_up", risen("webhooks", "given_up"), False, 0),
        ("trunk_lost", risen("gateways", "registration_failed"), False, REGISTRATIONS_LEFT_ALONE),
        ("internal_errors", sum(risen(name, "internal") for name in _ANSWERS), False, 0),
    ):
        if number > least:
            found.append(Trouble(code=code, grave=grave, number=number))
    return found
