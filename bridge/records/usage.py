"""How much a room was used, for accounts and statistics: conferences, without anything of who took part (A87)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from bridge.records.stays import Period, Stay, stays
from bridge.rooms import events as ev
from bridge.rooms.model import Line

# Who is away for less comes back to the same conference: a call that is dialled again, a restart of the bridge.
GAP: Final = timedelta(minutes=1)
_TWO: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LineUse:
    """One kind of line within a conference: how many people used it, and for how long together."""

    line: Line
    participants: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Conference:
    """A time in which at least two people were in the room together, breaks shorter than `GAP` included.

    `number` counts from 1 within the room. `participants` is how many people took part at all, `most` how many at
    once.
    """

    number: int
    start: datetime
    end: datetime
    participants: int
    most: int
    lines: tuple[LineUse, ...]

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return (self.end - self.start).total_seconds()


def conferences(events: Iterable[ev.Event], now: datetime) -> list[Conference]:
    """Give the conferences of a room that are over by `now`, in order of time."""
    everybody = stays(events)
    changes = sorted(_changes(everybody))
    times = [time for time in _joined(_together(changes, now)) if time.end + GAP <= now]
    return [_conference(number, time, everybody, changes) for number, time in enumerate(times, 1)]


def _changes(everybody: Iterable[Stay]) -> Iterator[tuple[datetime, int]]:
    """Give when there is one more, and one fewer: sorted, who goes comes before who arrives at the same moment."""
    for stay in everybody:
        for period in stay.present:
            yield period.start, 1
            if period.end is not None:
                yield period.end, -1


class _Time(NamedTuple):
    start: datetime
    end: datetime


def _together(changes: Iterable[tuple[datetime, int]], now: datetime) -> Iterator[_Time]:
    """Give the times of at least two; the last one, where it lasts, until `now`."""
    present, since = 0, None
    for at, step in changes:
        present += step
        if since is None and present >= _TWO:
            since = at
        elif since is not None and present < _TWO:
            yield _Time(since, at)
            since = None
    if since is not None:
        yield _Time(since, now)


def _joined(times: Iterable[_Time]) -> list[_Time]:
    found: list[_Time] = []
    for time in times:
        if found and time.start - found[-1].end < GAP:
            found[-1] = found[-1]._replace(end=time.end)
        else:
            found.append(time)
    return found


def _conference(
    number: int, time: _Time, everybody: list[Stay], changes: list[tuple[datetime, int]]
) -> Conference:
    whole = Period(time.start, time.end)
    inside = [stay for stay in everybody if any(period.overlaps(whole) for period in stay.present)]
    present, most = 0, 0
    for at, step in changes:
        present += step
        if time.start <= at < time.end:
            most = max(most, present)
    return Conference(
        number=number,
        start=time.start,
        end=time.end,
        participants=len({stay.participant for stay in inside}),
        most=most,
        lines=tuple(_line(line, time, inside) for line in Line if any(stay.line is line for stay in inside)),
    )


def _line(line: Line, time: _Time, inside: Iterable[Stay]) -> LineUse:
    used = [stay for stay in inside if stay.line is line]
    seconds = sum(_seconds_of(period, time) for stay in used for period in stay.present)
    return LineUse(line=line, participants=len({stay.participant for stay in used}), seconds=seconds)


def _seconds_of(period: Period, time: _Time) -> float:
    """How much of `period` is in `time`."""
    end = time.end if period.end is None else min(period.end, time.end)
    return max(0.0, (end - max(period.start, time.start)).total_seconds())
