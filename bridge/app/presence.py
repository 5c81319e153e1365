"""Who is still there: by what comes on their line to the bridge, or by their media, whichever comes.

A device that is out of coverage or has no power says no goodbye, and TCP finds that out much later. So it is
looked once a second whether anything has come of each person since the look before. Of whom nothing has come for
two seconds, the line is probed; after five they are told of as not connected; and after as long as a broken line
may be away they count as gone, which keeps their place. Media come all the time, so that few lines are probed.
The leg of who is gone is kept for a minute with its gate shut: a browser whose computer slept or that was in a
tunnel goes on with its connection at once, while a new one takes several round trips and another picture.

A call has no line but its media, which may pause for longer: its signs are packets of sound or reports on them
(RFC 3550: every five seconds or so). It is told of as not connected after ten seconds; when it is over, the
engine says (`ConsentLost`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from bridge.app.live import LiveRoom, Seated
from bridge.rooms.model import ParticipantId
from signalling.ports import Seat

PROBED_AFTER: Final = 2.0
AWAY_AFTER: Final = 5.0
CALL_AWAY_AFTER: Final = 10.0
LONGEST_LOOK: Final = 1.5
"""A look that comes late is for so long at most: what had come meanwhile may not have been read yet."""

Came = Mapping[int, int]
"""How many datagrams have come of each leg, checks of ICE among them."""


def read(legs: np.ndarray[Any, np.dtype[Any]]) -> Came:
    """Take over a snapshot's rows."""
    return dict(zip(legs["leg"].tolist(), legs["datagrams_in"].tolist(), strict=True))


def away(live: LiveRoom) -> frozenset[ParticipantId]:
    """Of whom nothing has come for so long that they may be gone."""
    return frozenset(who for who, seated in live.seats.items() if _is_away(seated))


def _is_away(seated: Seated) -> bool:
    return seated.signs.quiet >= (CALL_AWAY_AFTER if seated.line is None else AWAY_AFTER)


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds: how long nothing may come of somebody, and how long a leg is kept for who is gone."""

    grace: float
    leg: float


class Presence:
    """Looks at everybody about once a second.

    `gone` is told of those who count as gone, once; `drop` takes the legs for which nobody came back.
    """

    def __init__(
        self,
        tell: Callable[[LiveRoom], None],
        gone: Callable[[Seat], None],
        drop: Callable[[LiveRoom, ParticipantId, int], None],
        patience: Patience,
    ) -> None:
        self._tell = tell
        self._gone = gone
        self._drop = drop
        self._patience = patience
        self._looked_at: float | None = None
        self._span = 0.0

    def begin(self, now: float) -> None:
        """Begin a look at all rooms; `now` in seconds rises."""
        before = now if self._looked_at is None else self._looked_at
        self._looked_at, self._span = now, min(now - before, LONGEST_LOOK)

    def look(self, live: LiveRoom, came: Came) -> None:
        """Look at everybody in a room, and tell the others who is away or has come back."""
        before = away(live)
        for who, seated in tuple(live.seats.items()):
            media = live.legs.get(who)
            self._note(seated, 0 if media is None else came.get(media.leg, 0))
            self._act_on(live, who, seated)
        if self._let_go(live) or away(live) != before:
            self._tell(live)

    def _let_go(self, live: LiveRoom) -> bool:
        known = len(live.legs)
        for who, media in tuple(live.legs.items()):
            media.alone = 0.0 if who in live.seats or not media.returns else media.alone + self._span
            if media.alone >= self._patience.leg:
                self._drop(live, who, media.leg)
        return len(live.legs) < known

    def _note(self, seated: Seated, packets: int) -> None:
        signs, line = seated.signs, seated.line
        seen = (0 if line is None else line.signs(), packets)
        # Whose phone rings has sent nothing yet.
        if seen in (signs.seen, (0, 0)):
            signs.quiet += self._span if any(seen) else 0.0
        else:
            signs.seen, signs.quiet = seen, 0.0

    def _act_on(self, live: LiveRoom, who: ParticipantId, seated: Seated) -> None:
        signs, line = seated.signs, seated.line
        if line is None or signs.given_up or signs.quiet < PROBED_AFTER:
            return
        if signs.quiet < self._patience.grace:
            line.probe()
            return
        signs.given_up = True
        line.cut()
        self._gone(Seat(live.room.id, who, seated.id))
