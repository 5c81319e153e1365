"""Rooms and their legs as operators see them: under opaque ids, and nothing of who is in them or what is said.

A room is known by its id and a leg by the engine's number for it, as in logs, audit and metrics. Numbers are texts
here: they are too large for JavaScript.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from bridge.app.live import LiveRoom, MediaLeg
from bridge.ops.links import FAULTS, LinkCollector, LinkLine
from bridge.rooms.model import Line, Participant, Place
from signalling import messages as m
from signalling.messages import Verdict

MOST_ROOMS: Final = 100
"""More than these nobody reads; which ones they are is by trouble first, then by size."""


class RoomLine(m.Part, frozen=True, kw_only=True):
    """One room. `faults` counts legs by what is to blame for theirs; `by_call` those who came by a gateway."""

    room: str
    opened: datetime
    in_call: int
    waiting: int
    away: int
    by_call: int
    locked: bool
    short: bool
    in_doubt: bool
    faults: dict[str, int]


class LegLine(m.Part, frozen=True, kw_only=True):
    """One person's connection: `place` is waiting or admitted; of the link what `LinkCollector` says."""

    leg: str | None
    line: str
    place: str
    connected: bool
    keys: str | None
    cipher: str | None
    link: LinkLine | None


class Legs(m.Part, frozen=True, kw_only=True):
    """Everybody's connection in one room."""

    legs: list[LegLine]


class RoomList(m.Part, frozen=True, kw_only=True):
    """The rooms that somebody is in. `empty` are open and have nobody, `left_out` did not fit."""

    rooms: list[RoomLine]
    left_out: int
    empty: int


def room_list(rooms: Iterable[LiveRoom], verdicts: Mapping[int, Verdict], most: int = MOST_ROOMS) -> RoomList:
    """List rooms, those in trouble first."""
    lines = [_room(live, verdicts) for live in rooms]
    there = [line for line in lines if _is_there(line)]
    there.sort(key=_weight, reverse=True)
    return RoomList(rooms=there[:most], left_out=max(len(there) - most, 0), empty=len(lines) - len(there))


class Presence(NamedTuple):
    """How many are there: connected and in a call, waiting, and the rooms in which anybody is."""

    in_call: int
    waiting: int
    rooms: int


def presence(rooms: Iterable[LiveRoom]) -> Presence:
    """Count people."""
    lines = [line for live in rooms if _is_there(line := _room(live, {}))]
    return Presence(sum(line.in_call for line in lines), sum(line.waiting for line in lines), len(lines))


def _is_there(line: RoomLine) -> bool:
    return line.in_call + line.waiting + line.away > 0


def legs_of(live: LiveRoom, links: LinkCollector) -> list[LegLine]:
    """Everybody in a room, in no order that says who they are."""
    people = [one for one in live.room.participants.values() if one.place in (Place.ADMITTED, Place.WAITING)]
    lines = [_leg(one, live.legs.get(one.id), links) for one in people]
    return sorted(lines, key=lambda line: (line.place, line.leg or ""))


def _room(live: LiveRoom, verdicts: Mapping[int, Verdict]) -> RoomLine:
    room = live.room
    admitted, waiting = room.at(Place.ADMITTED), room.at(Place.WAITING)
    faults = Counter(
        verdict.value for media in live.legs.values() if (verdict := verdicts.get(media.leg)) in FAULTS
    )
    return RoomLine(
        room=room.id,
        opened=room.created_at,
        in_call=sum(one.connected for one in admitted),
        waiting=len(waiting),
        away=sum(not one.connected for one in admitted),
        by_call=sum(one.line is not Line.BROWSER for one in (*admitted, *waiting)),
        locked=room.locked,
        short=live.short,
        in_doubt=live.in_doubt,
        faults=dict(sorted(faults.items())),
    )


def _weight(line: RoomLine) -> tuple[bool, int, bool, int]:
    return line.in_doubt, sum(line.faults.values()), line.short, line.in_call + line.waiting


def _leg(person: Participant, media: MediaLeg | None, links: LinkCollector) -> LegLine:
    encryption = None if media is None else media.encryption
    return LegLine(
        leg=None if media is None else str(media.leg),
        line=person.line.value,
        place=person.place.value,
        connected=person.connected,
        keys=None if encryption is None else encryption.keys.value,
        cipher=None if encryption is None else encryption.cipher,
        link=None if media is None else links.line_of(media.leg),
    )
