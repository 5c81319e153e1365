"""Where what is wanted of converters is made: pure. A rack is one converter: so many sources in, so many out.

All sound of a room is made in one rack, as long as it has room; each picture has a rack of its own, since one is
as much as a processor does. Whatever goes on being made stays where it is, and so does what is put in: nobody's
stream begins anew because somebody else comes or goes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from bridge.app.feeds.planner import Place, SourceKey
from bridge.app.feeds.serving import Served, Want
from media.description import Kind

ROOM: Final[Mapping[Kind, tuple[int, int]]] = {"audio": (16, 12), "video": (8, 1)}
"""Sources in and out of a rack of each kind."""

Seat = tuple[int, int]
"""A rack, and which of what it makes."""


@dataclass(frozen=True, slots=True)
class Rack:
    """What goes into one converter, by the number of its slot, and what it makes, by the number of its source."""

    kind: Kind
    inputs: Mapping[int, SourceKey] = field(default_factory=dict)
    outs: Mapping[int, Want] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Allotment:
    """All racks of a room, and where each slot that a converter fills gets it from."""

    racks: Mapping[int, Rack] = field(default_factory=dict)
    seats: Mapping[Place, Seat] = field(default_factory=dict)


def kind_of(want: Want) -> Kind:
    """Whether it is sound or pictures."""
    return "audio" if want.form.clock_rate != 90_000 else "video"  # noqa: PLR2004 - RTP's clock of pictures


def mix_for(allotment: Allotment, leg: int) -> Seat | None:
    """Where the mix is made that is this leg's alone."""
    racks = allotment.racks.items()
    seats = ((number, out) for number, rack in racks for out, want in rack.outs.items() if want.to == leg)
    return next(seats, None)


def allot(slots: Mapping[Place, Served], before: Allotment, new: "count[int]") -> Allotment:
    """Give each want a seat, and its sources inputs there. Numbers of racks come from `new`, never used again."""
    users: dict[Want, list[Place]] = {}
    for place, served in slots.items():
        if served.want is not None:
            users.setdefault(served.want, []).append(place)
    making = _Making(before, new)
    # What goes on as it is comes first, then what goes on in another way: nothing that is new takes their seats.
    changed = [want for want in users if not making.goes_on(want)]
    waiting = [want for want in changed if not making.stays(want, users[want])]
    for want in waiting:
        making.seat(want)
    seats = {place: making.seats[want] for want, places in users.items() for place in places}
    return Allotment(making.racks(), seats)


class _Making:
    def __init__(self, before: Allotment, new: "count[int]") -> None:
        self._before, self._new = before, new
        self._outs: dict[int, dict[int, Want]] = {}
        self._kinds: dict[int, Kind] = {number: rack.kind for number, rack in before.racks.items()}
        self.seats: dict[Want, Seat] = {}

    def goes_on(self, want: Want) -> bool:
        """Leave a want that is made already where it is."""
        racks = self._before.racks.items()
        seats = ((number, out) for number, rack in racks for out, made in rack.outs.items() if made == want)
        return any(self._take(want, seat) for seat in seats)

    def stays(self, want: Want, places: Iterable[Place]) -> bool:
        """Give a want the seat that one of its users had, if it is free."""
        kind = kind_of(want)
        own = [seat for place in places if (seat := self._before.seats.get(place)) is not None]
        free = [
            seat for seat in own if seat[1] not in self._outs.get(seat[0], {}) and self._kinds[seat[0]] == kind
        ]
        return any(self._take(want, seat) for seat in free)

    def seat(self, want: Want) -> None:
        """Give a want any seat."""
        kind = kind_of(want)
        for number in [one for one, of in self._kinds.items() if of == kind]:
            taken = self._outs.get(number, {})
            free = next((out for out in range(ROOM[kind][1]) if out not in taken), None)
            if free is not None and self._take(want, (number, free)):
                return
        number = next(self._new)
        self._kinds[number] = kind
        self._take(want, (number, 0))

    def _take(self, want: Want, seat: Seat) -> bool:
        number, out = seat
        taken = self._outs.setdefault(number, {})
        needed = {key for one in (*taken.values(), want) for key in one.of}
        if len(needed) > ROOM[self._kinds[number]][0]:
            return False
        taken[out] = want
        self.seats[want] = seat
        return True

    def racks(self) -> dict[int, Rack]:
        """What became of each rack that makes anything."""
        return {
            number: Rack(self._kinds[number], self._inputs(number, outs), outs)
            for number, outs in self._outs.items()
            if outs
        }

    def _inputs(self, number: int, outs: Mapping[int, Want]) -> dict[int, SourceKey]:
        """Whoever was in stays at the number that they had."""
        needed = sorted({key for want in outs.values() for key in want.of})
        rack = self._before.racks.get(number)
        had = {} if rack is None else rack.inputs
        stay = {slot: key for slot, key in had.items() if key in needed}
        fresh = [key for key in needed if key not in stay.values()]
        # A number that somebody has just left is taken last: what is on the way of theirs is then nobody else's.
        free = [slot for slot in range(ROOM[self._kinds[number]][0]) if slot not in stay]
        free.sort(key=lambda slot: slot in had)
        return dict(sorted((stay | dict(zip(free, fresh, strict=False))).items()))
