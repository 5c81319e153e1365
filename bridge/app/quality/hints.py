"""What pages say of their own media, as figures over the last seconds. Pure.

A page is a stranger: what it says is bounded by the schema, a fixed number of its reports is kept, and all that
it can change is what is shown of itself.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from signalling import messages as m

KEPT: Final = 6
AT_LEAST_APART_S: Final = 0.5
STALE_AFTER_S: Final = 8.0
TELLS_S: Final = 3.0
"""For so long a report tells what a verdict is made of second by second: one alone is none."""
SPAN_S: Final = 6.0
MOST_FREEZES_A_SECOND: Final = 5
FEW_PICTURES: Final = 8.0
"""Slower pictures than these a second tell nothing of a decoder that falls behind."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What happened at a client within the last seconds, by its own word; None where it said nothing."""

    freezes: int = 0
    frozen_share: float | None = None
    concealed_share: float | None = None
    buffer_ms: float | None = None
    decoded_share: float | None = None
    """Of the pictures that came, the share that was decoded, in the slot where it is least."""
    cpu_share: float | None = None
    """How much of the time its encoder was held back by the processor."""
    bandwidth_share: float | None = None
    """Both between the last two reports, since a verdict looks back by itself; as of `decoded_share` nothing is
    known of them soon after the last."""
    shown_per_second: float | None = None
    """Pictures decoded a second, in the slot where they are most."""
    rtt_ms: float | None = None
    capacity_bps: float | None = None
    """What it finds its way up to carry, in bits a second; as of `decoded_share` nothing is known soon after."""


class Hints:
    """The last reports of one connection."""

    def __init__(self) -> None:
        self._told: deque[tuple[float, m.Report]] = deque(maxlen=KEPT)
        self._hint: Hint | None = None
        self.freezes_total = 0
        self.frozen_total_s = 0.0

    def take(self, now: float, report: m.Report) -> None:
        """Keep a report; one that follows too soon on another takes nothing with it."""
        if not self._told or now - self._told[-1][0] >= AT_LEAST_APART_S:
            if self._told:
                self._count(now - self._told[-1][0], _between(self._told[-1][1], report, now - self._told[-1][0]))
            self._told.append((now, report))
            self._hint = self._together(now)

    def hint(self, now: float) -> Hint | None:
        """What the reports of the last seconds tell together; None when there is no fresh one."""
        if self._hint is None or now - self._told[-1][0] > STALE_AFTER_S:
            return None
        if now - self._told[-1][0] <= TELLS_S:
            return self._hint
        return replace(self._hint, decoded_share=None, cpu_share=None, bandwidth_share=None, capacity_bps=None)

    def _count(self, seconds: float, more: Hint) -> None:
        """Add to what is counted since the connection began: no more than can have been since the last report."""
        self.freezes_total += int(min(more.freezes, MOST_FREEZES_A_SECOND * seconds))
        self.frozen_total_s += min((more.frozen_share or 0.0) * seconds, STALE_AFTER_S)

    def _together(self, now: float) -> Hint:
        end, last = self._told[-1]
        fresh = [one for one in self._told if end - one[0] <= SPAN_S and now - one[0] <= STALE_AFTER_S]
        start, first = fresh[0]
        at, before = fresh[-2:][0]
        return replace(
            _between(first, last, end - start),
            cpu_share=_held_back(before, last, end - at, lambda one: one.cpu_seconds),
            bandwidth_share=_held_back(before, last, end - at, lambda one: one.bandwidth_seconds),
        )


def _between(first: m.Report, last: m.Report, seconds: float) -> Hint:
    slots = _pairs(first.slots, last.slots)
    sound = [(a, b) for a, b in slots if b.samples]
    pictures = [(a, b) for a, b in slots if b.width]
    heard = sum(_more(a.samples, b.samples) for a, b in sound)
    concealed = sum(_more(a.concealed, b.concealed) for a, b in sound)
    frozen = max((_more(a.frozen_seconds, b.frozen_seconds) for a, b in pictures), default=None)
    return Hint(
        freezes=int(max((_more(a.freezes, b.freezes) for a, b in pictures), default=0)),
        frozen_share=None if frozen is None or not seconds else min(frozen / seconds, 1.0),
        concealed_share=min(concealed / heard, 1.0) if heard else None,
        buffer_ms=max((slot.buffer_ms for _, slot in sound if slot.buffer_ms is not None), default=None),
        decoded_share=min(_decoded(slot for _, slot in pictures), default=None),
        shown_per_second=max(
            (slot.frames_per_second for _, slot in pictures if slot.frames_per_second is not None), default=None
        ),
        rtt_ms=last.rtt_ms,
        capacity_bps=None if last.capacity_kbps is None else 1000 * last.capacity_kbps,
    )


def _pairs(first: Iterable[m.SlotReport], last: Iterable[m.SlotReport]) -> list[tuple[m.SlotReport, m.SlotReport]]:
    before = {slot.mid: slot for slot in first}
    return [(before[slot.mid], slot) for slot in last if slot.mid in before]


def _more(before: float, after: float) -> float:
    """Growth of a count; one that fell began anew, and tells nothing of the time before."""
    return max(after - before, 0)


def _decoded(slots: Iterable[m.SlotReport]) -> Iterable[float]:
    for slot in slots:
        came, shown = slot.arrived_per_second, slot.frames_per_second
        if came is not None and shown is not None and came >= FEW_PICTURES:
            yield min(shown / came, 1.0)


def _held_back(
    first: m.Report, last: m.Report, seconds: float, by: Callable[[m.SourceReport], float]
) -> float | None:
    if not seconds:
        return None
    sources = [(a, b) for b in last.sources for a in first.sources if a.source is b.source]
    most = max((_more(by(a), by(b)) for a, b in sources), default=None)
    return None if most is None else min(most / seconds, 1.0)
