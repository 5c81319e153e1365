"""Who is master: the procedure of H.245 annex C.2. `now` is in seconds."""

import random
from collections.abc import Callable
from enum import Enum
from typing import Final

from signalling.gateways.h323.control.values import NULL, Choice, Fields, inner, number

T106_S: Final = 15.0
N100: Final = 8
"""Numbers that are tried."""
_SPACE: Final = 2**24


class State(Enum):
    """Where it stands; `FAILED` is for good."""

    IDLE = "idle"
    ASKED = "asked"
    ANSWERED = "answered"
    """The peer has our opinion and owes us its own."""
    FAILED = "failed"


class Determination:
    """One call's. `master` is None until both sides have agreed once."""

    def __init__(self, terminal_type: int, rng: random.Random, send: Callable[[Choice], None]) -> None:
        self.master: bool | None = None
        self.state = State.IDLE
        self.due: float | None = None
        self._type = terminal_type
        self._rng = rng
        self._send = send
        self._number = rng.randrange(_SPACE)
        self._tries = 0
        self._opinion = False

    @property
    def agreed(self) -> bool:
        """Whether it is known now, and nothing is under way."""
        return self.master is not None and self.state is State.IDLE

    @property
    def failed(self) -> bool:
        """Whether the two could not agree."""
        return self.state is State.FAILED

    def ask(self, now: float) -> None:
        """Begin, where it has not begun."""
        if self.state is State.IDLE:
            self._tries = 0
            self._ask(now)

    def _ask(self, now: float) -> None:
        self._tries += 1
        if self._tries > N100:
            self._fail()
            return
        self.state, self.due = State.ASKED, now + T106_S
        said = {"terminalType": self._type, "statusDeterminationNumber": self._number}
        self._send(("request", ("masterSlaveDetermination", said)))

    def _fail(self) -> None:
        """What was agreed before stands, where the peer has begun anew."""
        self.state, self.due = State.FAILED if self.master is None else State.IDLE, None

    def asked(self, fields: Fields, now: float) -> None:
        """Take the peer's numbers."""
        if self.state is State.FAILED:
            return
        opinion = self._compare(
            number(fields.get("terminalType")) or 0, number(fields.get("statusDeterminationNumber")) or 0
        )
        if opinion is not None:
            self._opinion = opinion
            self.state, self.due = State.ANSWERED, now + T106_S
            self._acknowledge(peer_is_master=not opinion)
        elif self.state is State.ASKED:
            self._number = self._rng.randrange(_SPACE)
            self._ask(now)
        else:
            self._send(("response", ("masterSlaveDeterminationReject", {"cause": ("identicalNumbers", NULL)})))

    def _compare(self, terminal_type: int, theirs: int) -> bool | None:
        """Whether we are master; None where nobody can tell."""
        if terminal_type != self._type:
            return terminal_type < self._type
        distance = (theirs - self._number) % _SPACE
        if distance in (0, _SPACE // 2):
            return None
        return distance < _SPACE // 2

    def _acknowledge(self, *, peer_is_master: bool) -> None:
        decision = ("master" if peer_is_master else "slave", NULL)
        self._send(("response", ("masterSlaveDeterminationAck", {"decision": decision})))

    def acknowledged(self, fields: Fields) -> None:
        """Take what the peer says that we are."""
        decision = inner(fields, "decision", "master") is not None
        if self.state is State.ASKED:
            self._acknowledge(peer_is_master=not decision)
        elif self.state is not State.ANSWERED:
            return
        elif decision is not self._opinion:
            self._fail()
            return
        self.master, self.state, self.due = decision, State.IDLE, None

    def rejected(self, now: float) -> None:
        """Try another number."""
        if self.state is State.ASKED:
            self._number = self._rng.randrange(_SPACE)
            self._ask(now)

    def released(self) -> None:
        """The peer gave up waiting for us."""
        if self.state in (State.ASKED, State.ANSWERED):
            self._fail()

    def timeout(self, now: float) -> None:
        """Give up on a peer that does not answer."""
        if self.due is not None and self.due <= now:
            if self.state is State.ASKED:
                self._send(("indication", ("masterSlaveDeterminationRelease", {})))
            self._fail()
