"""Where a caller is while they are not in: an engine room with nobody in it but them and what speaks to them.

The engine feeds nothing from one room to another, and a leg changes rooms only while its gate is closed. So
whoever waits is heard by nobody and hears nobody, whatever is planned for them.
"""

from dataclasses import dataclass

from bridge.app.announcing.prompts import Caption
from media.api import Feed


@dataclass(slots=True)
class Lobby:
    """One caller's, and what the engine was asked of it last; None where that is not known.

    `number` is the engine's for this room; `has` says whether the leg is there, else it is where the others are,
    and is shown `idle` while there is nothing to be seen of them.
    """

    number: int
    shown: Caption
    idle: Caption
    has: bool | None = False
    open: bool | None = None
    feeds: tuple[Feed, ...] | None = None

    def forget(self) -> None:
        """Trust nothing that was asked before."""
        self.has = self.open = self.feeds = None


@dataclass(slots=True)
class Told:
    """What somebody who is in is told just now: spoken until it is said, and on the picture for a while."""

    spoken: bool = True
    shown: Caption | None = None
