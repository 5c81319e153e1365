"""Where calls arrive: what all visits share, and what they need of media."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from bridge.app.allowance import Allowance
from bridge.app.announcing.prompts import Prompt
from bridge.app.live import LiveRoom
from bridge.app.ports import Pins
from bridge.app.service import RoomService
from signalling.gateways.interface import Line


class CallMedia(Protocol):
    """Legs of calls, and what is said on them."""

    def describe(
        self, leg: int | None, room: int, offer: str | None, seen_at: str, *, plain: bool, line: Line
    ) -> tuple[int, str]:
        """Answer an offer, or make one, on a leg or on a new one with its gate closed. Raises MediaRefused.

        `seen_at` is the address from which the caller's signalling comes. `line` is what they come by: telephones
        are offered sound alone, and the media of H.323 are encrypted in a way of its own.
        """

    def answered(self, leg: int, description: str, seen_at: str) -> None:
        """Take the answer to an offer of ours. Raises MediaRefused."""

    def close(self, leg: int) -> None:
        """Forget a leg."""

    def want_key_frame(self, leg: int) -> None:
        """Have the source of what the leg is sent begin anew."""

    def say(self, live: LiveRoom, leg: int, prompt: Prompt, then: Callable[[], None] | None) -> None:
        """Let the caller hear and see it, in the room or not; it is of nobody's sending.

        `then` is called when it was said, if it comes to that.
        """


@dataclass(frozen=True, slots=True)
class CallerPolicy:
    """What is the same for every caller."""

    pins: Pins
    new_secret: Callable[[], str]
    hash_secret: Callable[[str], str]
    together: bool = True
    """Whether a caller sees everybody in one picture until they wish otherwise."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all visits share. `later(seconds, make)` runs the awaitable that `make` gives after that time."""

    service: RoomService
    media: CallMedia
    policy: CallerPolicy
    later: Callable[[float, Callable[[], Awaitable[object]]], None]
    wrong_of_source: Allowance
    wrong_at_room: Allowance

    def now(self) -> float:
        """The time."""
        return self.service.outside.clock.monotonic()

    def count(self, code: str) -> None:
        """Count how a call went."""
        self.service.outside.counts.inc("calls", code)
