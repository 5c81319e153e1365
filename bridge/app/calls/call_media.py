"""Media of callers: legs of calls beside those of browsers, and what a visit asks of them."""

from collections.abc import Callable
from typing import Final, Protocol

from bridge.app.announcing.announcer import Announcer
from bridge.app.announcing.prompts import Prompt
from bridge.app.live import LiveRoom
from bridge.app.ports import Clock
from media.api import ConsentLost, Digit, EngineError, Event, KeyFrameWanted, RoomFailed, ShardStopped
from media.calls import CallDescription, Calls
from media.description import LegDescription
from media.legs import Legs
from media.sdp import Answer, OfferRoles, SdpError
from signalling.gateways.interface import Ending, Line, MediaRefused, TurnedAway

NO_PORTS: Final = "no_ports"
"""The engine's word for it that all ports of calls are in use, or rest after a call."""


class CallLegs:
    """The `CallMedia` of visits, on the engine."""

    def __init__(self, calls: Calls, clock: Clock, voice: Callable[[], Announcer | None]) -> None:
        """Take the legs, and where what tells callers something is to be found, if there is such."""
        self._calls = calls
        self._clock = clock
        self._voice = voice

    def describe(
        self, leg: int | None, room: int, offer: str | None, seen_at: str, *, plain: bool, line: Line
    ) -> tuple[int, str]:
        """Answer an offer on a leg or on a new one. Raises MediaRefused, TurnedAway, EngineError."""
        h235 = line is Line.H323
        try:
            if offer is None:
                return self._calls.offer(leg, room, plain=plain, sound_only=line is Line.TELEPHONE, h235=h235)
            return self._calls.describe(leg, room, offer, seen_at, self._clock.monotonic(), plain=plain, h235=h235)
        except SdpError as error:
            raise MediaRefused(error.message) from error
        except EngineError as error:
            if error.code != NO_PORTS:
                raise
            raise TurnedAway(Ending.TOO_MANY) from error

    def answered(self, leg: int, description: str, seen_at: str) -> None:
        """Take the answer to an offer of ours. Raises MediaRefused, EngineError."""
        try:
            self._calls.answered(leg, description, seen_at, self._clock.monotonic())
        except SdpError as error:
            raise MediaRefused(error.message) from error

    def close(self, leg: int) -> None:
        """Forget a leg."""
        if (voice := self._voice()) is not None:
            voice.gone(leg)
        self._calls.close(leg)

    def want_key_frame(self, leg: int) -> None:
        """Pass a wish on that did not come by RTCP."""
        self._calls.want_key_frame(leg)

    def say(self, live: LiveRoom, leg: int, prompt: Prompt, then: Callable[[], None] | None) -> None:
        """Tell a caller something, where there are means to."""
        if (voice := self._voice()) is not None:
            voice.say(live, leg, prompt, then or _nothing)
        elif then is not None:
            then()


def _nothing() -> None:
    pass


class Callers(Protocol):
    """Who has to know what comes of calls' legs."""

    def pressed(self, leg: int, key: str) -> None:
        """A key came as RTP."""

    def key_frame_wanted(self, leg: int) -> None:
        """One is needed of a peer that heeds no request by RTCP."""

    def silent(self, leg: int) -> None:
        """Nothing has come from the peer for half a minute."""


class EveryLeg:
    """Legs of browsers and of calls as one: what rooms ask of either."""

    def __init__(
        self,
        legs: Legs,
        calls: Calls,
        callers: Callable[[], Callers | None],
        voice: Callable[[], Announcer | None],
    ) -> None:
        """Take both, and where the callers' doors and what tells them something are, once there are any."""
        self._legs = legs
        self._calls = calls
        self._callers = callers
        self._voice = voice

    def __len__(self) -> int:
        """How many there are."""
        return len(self._legs) + len(self._calls)

    def open(
        self, room: int, offer: str, roles: OfferRoles, *, content_slots: int, now: float
    ) -> tuple[int, Answer]:
        """A browser's new leg."""
        return self._legs.open(room, offer, roles, content_slots=content_slots, now=now)

    def restart(self, leg: int, offer: str, roles: OfferRoles, *, content_slots: int) -> Answer | None:
        """A browser's further offer; a call's leg is never that of a page that has come after it."""
        if leg in self._calls:
            return None
        return self._legs.restart(leg, offer, roles, content_slots=content_slots)

    def description(self, leg: int) -> LegDescription | CallDescription:
        """What was settled for a leg."""
        return self._calls.description(leg) if leg in self._calls else self._legs.description(leg)

    def close(self, leg: int) -> None:
        """Forget a leg."""
        if leg in self._calls:
            if (voice := self._voice()) is not None:
                voice.gone(leg)
            self._calls.close(leg)
        else:
            self._legs.close(leg)

    def shard_of(self, room: int) -> int:
        """The shard on which a room of this number lives."""
        return self._legs.shard_of(room)

    def handle_event(self, event: Event, now: float) -> None:
        """Take one event of the engine."""
        self._calls.handle_event(event, now)
        callers, voice = self._callers(), self._voice()
        if isinstance(event, RoomFailed | ShardStopped) and voice is not None:
            lost = voice.lost(lambda leg: leg in self._calls)
            self._legs.handle_event(event, now)
            if callers is not None:
                for leg in lost:
                    callers.silent(leg)
            return
        if isinstance(event, Digit | KeyFrameWanted):
            if callers is not None and isinstance(event, Digit):
                callers.pressed(event.leg, event.key)
            elif callers is not None:
                callers.key_frame_wanted(event.leg)
            return
        if isinstance(event, ConsentLost) and callers is not None:
            callers.silent(event.leg)
        self._legs.handle_event(event, now)

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        self._legs.handle_timeout(now)
        self._calls.handle_timeout(now)
