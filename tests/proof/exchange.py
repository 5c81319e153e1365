"""Calls over the real packet engine: a gateway that calls whomever it is told to, and the ends of calls.

Calls have a browser's leg here, as in tests/app: their gates are what is looked at, which are those of any leg.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bridge.app.announcing.prompts import Prompt
from bridge.app.calls.visitor import Visitor
from bridge.app.live import LiveRoom
from media.legs import Legs
from media.sdp import OfferRoles
from signalling import messages as m
from signalling.gateways.interface import Call, Ending, Floor, Party
from signalling.gateways.interface import Line as CallerLine

A_CALLS: Final = itertools.count(1 << 40)
"""Numbers under which calls offer: those of no page."""


@dataclass
class Phone:
    """The gateway's side of a call."""

    over: bool = False

    def hang_up(self, why: Ending) -> None:
        """End it."""
        assert why
        self.over = True

    def want_key_frame(self) -> None:
        """There are no pictures here."""

    def floor(self, floor: Floor) -> None:
        """Nor content."""

    def offer(self, description: str) -> None:
        """Nobody does yet."""
        raise AssertionError(description)


@dataclass
class Exchange:
    """A gateway that calls numbers of one country. A test plays whoever is called."""

    dialled: list[tuple[Visitor, Phone]] = field(default_factory=list)
    dials: bool = True

    def reaches(self, address: str) -> Party | None:
        """Numbers alone."""
        return Party(CallerLine.TELEPHONE, address) if address.startswith("+47") else None

    def dial(self, address: str, visit: Visitor) -> Call:
        """Call."""
        assert address
        self.dialled.append((visit, phone := Phone()))
        return phone


@dataclass
class LegsOfCalls:
    """The `CallMedia` of the bridge. `answers` has what is told to the end of each leg."""

    legs: Legs
    now: Callable[[], float]
    offer: Callable[[int, int], str]
    answers: dict[int, m.Answer] = field(default_factory=dict)

    def describe(
        self, leg: int | None, room: int, offer: str | None, seen_at: str, *, plain: bool, line: CallerLine
    ) -> tuple[int, str]:
        """Answer with a leg."""
        del offer, seen_at, plain, line
        if leg is not None:
            return leg, self.answers[leg].sdp
        roles = OfferRoles(mic="0", camera=None, content=None)
        sdp = self.offer(next(A_CALLS), 1)
        leg, answer = self.legs.open(room, sdp, roles, content_slots=1, now=self.now())
        self.answers[leg] = m.Answer(ref=1, sdp=answer.sdp, leg=str(leg))
        return leg, answer.sdp

    def answered(self, leg: int, description: str, seen_at: str) -> None:
        """There is nothing to take from it."""

    def close(self, leg: int) -> None:
        """Close the leg."""
        self.legs.close(leg)

    def want_key_frame(self, leg: int) -> None:
        """There are no pictures here."""

    def say(self, live: LiveRoom, leg: int, prompt: Prompt, then: Callable[[], None] | None) -> None:
        """Nothing is spoken, and that is soon done."""
        del live, leg, prompt
        if then is not None:
            then()
