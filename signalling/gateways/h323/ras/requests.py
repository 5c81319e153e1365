"""Questions to a gatekeeper: asked again until answered, so many times (H.225.0 7.19 and table 20)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from signalling.gateways.alarms import Alarms
from signalling.gateways.h323.ras.events import Place
from signalling.gateways.h323.ras.settings import Timers
from signalling.gateways.h323.wire.asn1 import Value

MOST: Final = 500
"""Questions that may be open."""
MOST_PROGRESS: Final = 10
_NUMBERS: Final = 65_535
ANSWERS: Final = {
    "gatekeeperRequest": ("gatekeeperConfirm", "gatekeeperReject"),
    "registrationRequest": ("registrationConfirm", "registrationReject"),
    "unregistrationRequest": ("unregistrationConfirm", "unregistrationReject"),
    "admissionRequest": ("admissionConfirm", "admissionReject"),
    "disengageRequest": ("disengageConfirm", "disengageReject"),
}

Hear = Callable[[str, dict[str, Value], Place, float], None]
"""Takes the answer's name, its body, whence it came, and the time; the name is empty where nobody answered."""


@dataclass(slots=True)
class Question:
    """One that is open."""

    name: str
    body: dict[str, Value]
    place: Place
    hear: Hear
    left: int
    progress: int = MOST_PROGRESS
    doubtful: bool = False
    """Whether somebody answered who did not prove to be the gatekeeper."""


class Requests:
    """All that are open. `send` puts a message on the wire; it signs each anew, since no token serves twice."""

    def __init__(self, timers: Timers, first: int, send: Callable[[str, dict[str, Value], Place], None]) -> None:
        self._timers = timers
        self._send = send
        self._last = first
        self._open: dict[int, Question] = {}
        self._alarms: Alarms[int] = Alarms()

    def __len__(self) -> int:
        return len(self._open)

    def ask(self, name: str, body: dict[str, Value], place: Place, hear: Hear, now: float) -> bool:
        """Ask; False where too much is open already. Raises MalformedError for what cannot be written."""
        if len(self._open) >= MOST:
            return False
        number = self.number()
        question = Question(name, body | {"requestSeqNum": number}, place, hear, self._timers.tries - 1)
        self._send(name, question.body, place)
        self._open[number] = question
        self._alarms.set(number, now + self._timers.answer)
        return True

    def number(self) -> int:
        """A number under which nothing is open."""
        while True:
            self._last = self._last % _NUMBERS + 1
            if self._last not in self._open:
                return self._last

    def answered(self, name: str, body: dict[str, Value], place: Place, now: float) -> bool:
        """Take an answer; False where nobody asked for it."""
        number = body["requestSeqNum"]
        question = self._open.get(number)
        if question is None or question.place != place:
            return False
        if name == "requestInProgress":
            return self._progress(number, question, body["delay"], now)
        if name == "unknownMessageResponse":
            name = ""
        elif name not in ANSWERS[question.name]:
            return False
        self._close(number)
        question.hear(name, body, place, now)
        return True

    def doubt(self, body: dict[str, Value]) -> None:
        """Take note of an answer that proves nothing: a wrong password on either side looks like that."""
        question = self._open.get(body["requestSeqNum"])
        if question is not None:
            question.doubtful = True

    def forget(self) -> None:
        """Want no answers any more."""
        for number in list(self._open):
            self._close(number)

    def next_timeout(self) -> float | None:
        """When there is something to do."""
        return self._alarms.next()

    def timeout(self, now: float) -> None:
        """Ask again, or take it that nobody answers."""
        while (number := self._alarms.pop(now)) is not None:
            question = self._open[number]
            if question.left:
                question.left -= 1
                self._send(question.name, question.body, question.place)
                self._alarms.set(number, now + self._timers.answer)
            else:
                self._close(number)
                body = {"rejectReason": ("securityDenial", 0)} if question.doubtful else {}
                question.hear("", body, question.place, now)

    def _progress(self, number: int, question: Question, milliseconds: int, now: float) -> bool:
        """The gatekeeper is at it: wait, instead of asking again."""
        if not question.progress:
            return False
        question.progress -= 1
        self._alarms.set(number, now + min(milliseconds / 1000, self._timers.progress))
        return True

    def _close(self, number: int) -> None:
        del self._open[number]
        self._alarms.set(number, None)
