"""Who shows content: the presentation token of H.239, as one call has it.

Who gets it is the bridge's to decide, with the words that BFCP's floor has: a request of the peer's waits for
`floor`. To show something of the room's we ask the peer for it; a peer that has it is asked to give it back in the
same way.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from signalling.gateways.h323.control.values import NULL, Choice, Fields, Oid, inner, number, parameter, parameters
from signalling.gateways.interface import Floor

MESSAGE: Final[Oid] = (0, 0, 8, 239, 2)
REQUEST, RESPONSE, RELEASE, OWNER = 3, 4, 5, 6
"""Messages about the token (H.239 section 11)."""
_CHANNEL, _SYMMETRY, _LABEL, _YES, _NO = 42, 43, 44, 126, 127
_FLOW_RELEASE, _FLOW_RESPONSE = 1, 2
ANSWER_S: Final = 10.0
_MOST_SYMMETRY: Final = 127


class Told(Enum):
    """What the peer has brought about."""

    WANTED = "wanted"
    RELEASED = "released"


class State(Enum):
    """What the token is to us."""

    FREE = "free"
    WANTED = "wanted"
    """The peer asks; the bridge decides."""
    THEIRS = "theirs"
    ASKED = "asked"
    """We have asked the peer."""
    OURS = "ours"


@dataclass(slots=True)
class _Request:
    channel: int
    label: int


class Token:
    """One call's. `send` takes messages; `shows` is whether we may show something."""

    def __init__(self, rng: random.Random, send: Callable[[Choice], None]) -> None:
        self.state = State.FREE
        self.due: float | None = None
        self._floor = Floor.FREE
        self._rng = rng
        self._send = send
        self._channel = 0
        self._request: _Request | None = None
        self._refused = False
        self._kept = False
        """Whether the token was ours when the peer asked for it."""

    @property
    def shows(self) -> bool:
        """Whether what the room shows may go to the peer."""
        has = self.state is State.OURS or (self.state is State.WANTED and self._kept)
        return has and self._floor is Floor.TAKEN

    @property
    def wants(self) -> bool:
        """Whether there is something to show to the peer."""
        return self._floor is Floor.TAKEN and not self._refused

    def floor(self, floor: Floor, now: float) -> None:
        """Take what the bridge says."""
        self._floor, self._refused = floor, False
        if self.state is State.WANTED:
            self._answer(yes=floor is Floor.YOURS)
        if floor is Floor.YOURS and self.state in (State.OURS, State.ASKED):
            self._release()
        if floor is not Floor.YOURS and self.state is State.THEIRS:
            self._ask(now)
        if floor is Floor.FREE and self.state is State.OURS:
            self._release()

    def show(self, channel: int, now: float) -> None:
        """Ask for the token for a channel of ours that is open, where that has not been done."""
        self._channel = channel
        if self.state is State.FREE and self.wants:
            self._ask(now)

    def _ask(self, now: float) -> None:
        self.state, self.due = State.ASKED, now + ANSWER_S
        said = [parameter(_LABEL, "unsignedMin", 0), parameter(_CHANNEL, "unsignedMin", self._channel)]
        said.append(parameter(_SYMMETRY, "unsignedMin", self._rng.randint(1, _MOST_SYMMETRY)))
        self._send(("request", ("genericRequest", _message(REQUEST, said))))

    def _release(self) -> None:
        self.state, self.due = State.FREE, None
        said = [parameter(_LABEL, "unsignedMin", 0), parameter(_CHANNEL, "unsignedMin", self._channel)]
        self._send(("command", ("genericCommand", _message(RELEASE, said))))

    def _answer(self, *, yes: bool) -> None:
        request, self._request = self._request, None
        self.state = State.THEIRS if yes else State.OURS if self._kept else State.FREE
        self._kept = False
        if request is not None:
            self._respond(request, yes=yes)

    def _respond(self, request: _Request, *, yes: bool) -> None:
        said = [_flag(_YES if yes else _NO), parameter(_LABEL, "unsignedMin", request.label)]
        said.append(parameter(_CHANNEL, "unsignedMin", request.channel))
        self._send(("response", ("genericResponse", _message(RESPONSE, said))))

    def requested(self, fields: Fields) -> Told | None:
        """Take a generic request; what is no request of H.239's has been answered."""
        kind, known = number(fields.get("subMessageIdentifier")), parameters(fields)
        request = _Request(_value(known, _CHANNEL), _value(known, _LABEL))
        if kind == _FLOW_RELEASE:
            # The peer asks for more of the bandwidth than the main picture leaves it: it is not ours to give.
            said = [_flag(_NO), parameter(_CHANNEL, "unsignedMin", request.channel)]
            self._send(("response", ("genericResponse", _message(_FLOW_RESPONSE, said))))
            return None
        if kind != REQUEST:
            return None
        before, self._request = self._request, request
        if self.state is State.THEIRS:
            self._answer(yes=True)
            return None
        self._kept = self._kept or self.state is State.OURS
        self.state, self.due = State.WANTED, None
        return Told.WANTED if before is None else None

    def answered(self, fields: Fields) -> None:
        """Take a generic response: the peer's yes or no."""
        if self.state is not State.ASKED or number(fields.get("subMessageIdentifier")) != RESPONSE:
            return
        self.due = None
        if _YES in parameters(fields):
            self.state = State.OURS
            if self._floor is not Floor.TAKEN:
                self._release()
        else:
            self.state, self._refused = State.FREE, True

    def commanded(self, fields: Fields) -> Told | None:
        """Take a generic command: the peer gives the token back."""
        return self.dropped() if number(fields.get("subMessageIdentifier")) == RELEASE else None

    def dropped(self) -> Told | None:
        """The peer has given the token back, or shows nothing any more."""
        if self.state not in (State.THEIRS, State.WANTED):
            return None
        self.state, self._request = State.OURS if self._kept else State.FREE, None
        self._kept = False
        return Told.RELEASED

    def timeout(self, now: float) -> None:
        """Give up on a peer that does not answer."""
        if self.due is not None and self.due <= now:
            self.state, self.due, self._refused = State.FREE, None, True


def is_ours(fields: Fields) -> bool:
    """Whether a generic message is one of H.239's."""
    return inner(fields, "messageIdentifier", "standard") == MESSAGE


def _message(kind: int, said: list[Fields]) -> Fields:
    return {"messageIdentifier": ("standard", MESSAGE), "subMessageIdentifier": kind, "messageContent": said}


def _flag(identifier: int) -> Fields:
    return {"parameterIdentifier": ("standard", identifier), "parameterValue": ("logical", NULL)}


def _value(known: dict[int, Choice], identifier: int) -> int:
    return number(known.get(identifier, ("", None))[1]) or 0
