"""Tells callers what happens, by voice and on the picture: in a lobby of their own, or over what they get.

It never waits and never fails: a caller goes on without being told if nothing can be spoken just now. Whether
somebody is in is read from the room, not decided here.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from bridge.app.announcing.lobby import Lobby, Told
from bridge.app.announcing.recordings import Recordings
from bridge.app.calls.reception import Prompt
from bridge.app.feeds.converters import NoConverters, Speech
from bridge.app.live import LiveRoom
from bridge.app.service import RoomService
from bridge.rooms.views import who_may_send

# A caption stays at least so long, and nothing is waited for longer than that to be said.
SHOWN_S: Final = 5.0
LONGEST_S: Final = 20.0
SPOKEN_ONLY: Final = frozenset({Prompt.ADMITTED, Prompt.CALLED_IN})
"""What is not written over the picture of others, which says it itself."""

Later = Callable[[float, Callable[[], Awaitable[object]]], None]


def _nothing() -> None:
    pass


class Announcer:
    """All callers of this process."""

    def __init__(
        self, service: RoomService, converters: NoConverters, recordings: Recordings, later: Later
    ) -> None:
        """Take the use cases; `later(s, make)` awaits what `make` gives after that time."""
        self._service = service
        self._converters = converters
        self._recordings = recordings
        self._later = later
        self._lobbies: dict[int, LiveRoom] = {}
        """By the engine's numbers; a room that has ended is still said goodbye in."""

    def __len__(self) -> int:
        """How many lobbies there are."""
        return len(self._lobbies)

    def say(self, live: LiveRoom, leg: int, prompt: Prompt, then: Callable[[], None] = _nothing) -> None:
        """Tell a caller something, in the place of what they are being told; `then` is called when it was said."""
        caption = self._recordings.written(prompt)
        lobby = live.lobbies.get(leg)
        if lobby is None:
            number, idle = self._service.number_beside(live.number), self._recordings.written(Prompt.IDLE)
            lobby = live.lobbies[leg] = Lobby(number, caption, idle)
            self._lobbies[number] = live
        lobby.shown = caption
        if not _is_in(live, leg):
            self._service.bring_in_line(live)
            self._converters.speak(Speech(lobby.number, leg, self._recordings.of(prompt), then))
            return
        told = live.told[leg] = Told(shown=None if prompt in SPOKEN_ONLY else caption)
        self._service.bring_in_line(live)

        def said() -> None:
            self._end(live, leg, told, spoken=True)
            then()

        self._converters.speak(Speech(live.number, leg, self._recordings.of(prompt), said))
        self._later(SHOWN_S, lambda: self._hide(live, leg, told))
        self._later(LONGEST_S, lambda: self._give_up(live, leg, told))

    def ready(self, number: int) -> None:
        """Plan what can be done now for a room or a lobby."""
        live = self._lobbies.get(number)
        if live is None:
            self._service.plan_anew(number)
        else:
            self._service.bring_in_line(live)

    def gone(self, leg: int) -> None:
        """Forget a leg that is closed."""
        self._converters.hush(leg)
        for number, live in list(self._lobbies.items()):
            lobby = live.lobbies.get(leg)
            if lobby is not None and lobby.number == number:
                del live.lobbies[leg], self._lobbies[number]
                live.told.pop(leg, None)
                self._converters.want(number, {}, {})

    def lost(self, exists: Callable[[int], bool]) -> list[int]:
        """Forget the legs that the engine has lost, and give them."""
        lost = [leg for live in self._lobbies.values() for leg in live.lobbies if not exists(leg)]
        for leg in dict.fromkeys(lost):
            self.gone(leg)
        return list(dict.fromkeys(lost))

    async def _hide(self, live: LiveRoom, leg: int, told: Told) -> None:
        self._end(live, leg, told, shown=True)

    async def _give_up(self, live: LiveRoom, leg: int, told: Told) -> None:
        self._end(live, leg, told, spoken=True, shown=True)

    def _end(self, live: LiveRoom, leg: int, told: Told, *, spoken: bool = False, shown: bool = False) -> None:
        """Take voice or caption away, unless something else is told by now."""
        if live.told.get(leg) is not told:
            return
        told.spoken = told.spoken and not spoken
        told.shown = None if shown else told.shown
        if not told.spoken and told.shown is None:
            del live.told[leg]
        self._service.bring_in_line(live)


def _is_in(live: LiveRoom, leg: int) -> bool:
    owner = live.owner_of(leg)
    return owner is not None and owner in who_may_send(live.room)
