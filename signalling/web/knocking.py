"""What a socket needs while nobody has come in on it: whether its link may be tried, and whom to tell."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from signalling.gateways.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from signalling.ports import Clock, Counters

KNOCKS: Final = (0.5, 30.0)
"""How often one link may be tried from one network: every two seconds, 30 times at once. A page that lost its line
tries every five seconds at the most often."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Asked before a link is tried, told when it has let somebody in."""

    may_knock: Callable[[str], bool]
    known: Callable[[], None]


class Knocks:
    """Rations each link for itself, in each network for itself.

    Each try with a genuine link may read a room from the store, and writes. Who holds one can so keep nobody from
    using another, nor anybody elsewhere from using the same. To guess a link is hopeless, and what is no link
    costs no more than to look at its signature; so wrong ones take nothing from who comes with a right one.
    """

    def __init__(self, clock: Clock, counters: Counters) -> None:
        self._clock = clock
        self._counters = counters
        self._guard = Guard(*KNOCKS)

    def allows(self, network: str, token: str) -> bool:
        """Whether the link may be tried once more."""
        which = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        if self._guard.allows(f"{network} {which}", self._clock()):
            return True
        self._counters.inc("turned_away", "knock")
        return False
