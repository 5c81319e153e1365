"""What people write to each other: told to those who are in at that moment, kept by nobody.

Chat and real-time text (EN 301 549, 6.2) are one thing: the present line as a whole, as often as it changes if its
writer wants that, and once when it is done. So readers have nothing to put together, and the next state makes up
for one that was left out on the way.
"""

from typing import Final

from bridge.app.allowance import Allowance
from bridge.app.live import LiveRoom
from bridge.app.service import RoomService
from bridge.rooms.model import ParticipantId
from bridge.rooms.views import who_may_send
from signalling import messages as m
from signalling.errors import Code, Rejected

# Of one writer, at once and then every so many seconds. Pages tell of a change every 0.15 s at most.
LINES: Final = (10, 1.0)
CHANGES: Final = (20, 0.125)


class Talking:
    """All rooms of this process."""

    def __init__(self, service: RoomService) -> None:
        self._service = service
        self._lines = Allowance(*LINES)
        self._changes = Allowance(*CHANGES)

    def write(self, live: LiveRoom, who: ParticipantId, message: m.Write) -> None:
        """Tell everybody else who is in. Raises Rejected."""
        if live.in_doubt:
            # Somebody may have been put out, and only the records know it.
            raise Rejected(Code.WRONG_STATE, "It is not known just now who is in; try again.")
        present = who_may_send(live.room)
        if who not in present:
            raise Rejected(Code.NOT_ADMITTED)
        if message.done and not message.text.strip():
            raise Rejected(Code.BAD_MESSAGE, "A line that is done has something in it.")
        ration = self._lines if message.done else self._changes
        if not ration.take(who, self._service.outside.clock.monotonic()):
            self._service.outside.counts.inc("writing_dropped", "line" if message.done else "change")
            raise Rejected(Code.TOO_MANY)
        written = m.Written(participant=who, text=message.text, done=message.done)
        for other in present - {who}:
            if (seated := live.seats.get(other)) is not None:
                seated.connection.send(written)
