"""What a call makes of an outage: two pages that note what they show and play, and figures made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from bridge.rooms.model import ParticipantId
from tests.support.bridge import House, Visitor

METER: Final = Path(__file__).with_name("outage_meter.js").read_text("utf-8")
# What is back goes on for so long, in pieces of at most so much.
STEADY_MS: Final = 1500.0
# A picture in 40 ms and a sound in 20, from a machine that does other things too.
HOLE_MS: Final = 300.0


@dataclass(frozen=True)
class Noted:
    """Times of one page, in ms of the machine's clock; `gone` is how often the other one was not there."""

    pictures: Sequence[float]
    sounds: Sequence[float]
    gone: int


async def watch(visitor: Visitor, other: Visitor) -> None:
    """Let a page note what comes of somebody else from now on; their tile must be there."""
    await visitor.page.evaluate(METER)
    await visitor.page.evaluate(f"window.__outage.watch({await other.participant()!r})")


async def noted(visitor: Visitor) -> Noted:
    """What a page has noted so far."""
    return Noted(**await visitor.page.evaluate("window.__outage.noted"))


async def now_ms(visitor: Visitor) -> float:
    """The machine's clock as pages have it."""
    return float(await visitor.page.evaluate("window.__outage.clock()"))


def back_at(times: Sequence[float], since: float, until: float) -> float | None:
    """When what stopped is steadily back: the first time from which it goes on without a hole. None if it is not."""
    later = [time for time in times if since <= time <= until]
    begin = None
    for one, following in pairwise([*later, until]):
        if begin is None:
            begin = one
        if following - one > HOLE_MS:
            begin = None
        elif following - begin >= STEADY_MS:
            return begin
    return None


async def back(visitor: Visitor, since: float, patience_s: float) -> tuple[float | None, float | None]:
    """Wait until picture and sound are steadily back on a page, and tell how long after `since`, in ms each."""
    end = asyncio.get_running_loop().time() + patience_s
    while True:
        seen = await noted(visitor)
        until = await now_ms(visitor)
        found = [back_at(times, since, until) for times in (seen.pictures, seen.sounds)]
        if None not in found or asyncio.get_running_loop().time() > end:
            picture, sound = (None if time is None else time - since for time in found)
            return picture, sound
        await asyncio.sleep(0.2)


def processes(pid: int) -> list[int]:
    """A process and all that it has started."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            own, _, rest = stat.read_text("utf-8", "replace").rpartition(")")
        except OSError:
            continue
        children.setdefault(int(rest.split()[1]), []).append(int(own.split()[0]))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


async def legs(house: House, *visitors: Visitor) -> list[int | None]:
    """The engine's numbers for people's legs; None for who has none."""
    known = house.live.legs
    whose = [known.get(ParticipantId(await visitor.participant())) for visitor in visitors]
    return [None if media is None else media.leg for media in whose]
