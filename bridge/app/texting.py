"""Links by text message: who may have one sent, how often, and what became of it. Numbers are kept nowhere."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from bridge.app.allowance import Allowance
from bridge.app.live import LiveRoom
from bridge.app.ports import Clock, Counts
from bridge.app.texts import Text, words
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import ByParticipant, InvitationId, Office, System, TextState
from signalling import messages as m
from signalling.errors import Code, Rejected

TEXTS_OF_A_ROOM: Final = (10, 30.0)
# Messages cost money, and strangers do not want them: who has got hold of a host's page is soon stopped.
TEXTS_OF_ALL: Final = (200, 1.0)


class Supplier(Protocol):
    """The operator's way to send text messages."""

    async def send(self, to: str, text: str, reference: str) -> bool:
        """Hand one over; whether it was taken. Never raises."""


class NoTexting:
    """Where no text messages can be sent."""

    @property
    def available(self) -> bool:
        """Whether any can."""
        return False

    def check(self, live: LiveRoom, to: str) -> None:
        """Raise Rejected unless one may be sent to this number now; one that may is counted."""
        del live, to
        raise Rejected(Code.NOT_TEXTABLE)

    async def send(self, live: LiveRoom, to: str, text: Text) -> TextState:
        """Send one that was checked, and put on record what became of it."""
        del live, to, text
        return TextState.FAILED

    def send_later(self, live: LiveRoom, to: str, text: Text) -> None:
        """Send one that was checked, without waiting for what becomes of it."""
        del live, to, text


@dataclass(frozen=True, slots=True)
class Around:
    """What texting needs of the bridge: `act` has a room changed, `later` runs something after a while."""

    act: Callable[[LiveRoom, c.Command], Awaitable[list[ev.Event]]]
    later: Callable[[float, Callable[[], Awaitable[object]]], None]
    clock: Clock
    counts: Counts


class Texting(NoTexting):
    """Text messages by the operator's supplier, to numbers that begin as the operator allows."""

    def __init__(self, supplier: Supplier, prefixes: Sequence[str], around: Around) -> None:
        self._supplier = supplier
        self._prefixes = tuple(prefixes)
        self._around = around
        self._of_room = Allowance(*TEXTS_OF_A_ROOM)
        self._of_all = Allowance(*TEXTS_OF_ALL)

    @property
    def available(self) -> bool:
        """Whether any can."""
        return True

    def check(self, live: LiveRoom, to: str) -> None:
        """Raise Rejected unless one may be sent to this number now; one that may is counted."""
        if not to.startswith(self._prefixes):
            raise Rejected(Code.NOT_TEXTABLE)
        now = self._around.clock.monotonic()
        if not self._of_room.take(live.room.id, now) or not self._of_all.take("", now):
            raise Rejected(Code.TOO_MANY, "Text messages follow each other too fast.")

    async def send(self, live: LiveRoom, to: str, text: Text) -> TextState:
        """Send one that was checked, and put on record what became of it."""
        taken = await self._supplier.send(to, words(text), reference(live, text.invitation))
        state = TextState.SENT if taken else TextState.FAILED
        await self.note(live, text.invitation, state)
        return state

    def send_later(self, live: LiveRoom, to: str, text: Text) -> None:
        """Send one that was checked, without waiting for what becomes of it."""
        self._around.later(0, lambda: self.send(live, to, text))

    async def note(self, live: LiveRoom, invitation: InvitationId, state: TextState) -> None:
        """Put on record what became of one, and tell who invited; of no effect where that is known."""
        if live.room.ended:
            return
        noted = c.NoteText(by=System(Office.BRIDGE), invitation=invitation, state=state)
        if await self._around.act(live, noted):
            self._around.counts.inc("texts", state.value)
            _tell(live, invitation, state)


def _tell(live: LiveRoom, invitation: InvitationId, state: TextState) -> None:
    """Tell who invited, while they are in the room."""
    invited = live.room.invitations[invitation]
    if not isinstance(invited.issued_by, ByParticipant):
        return
    person = live.room.participants.get(invited.issued_by.participant)
    seated = None if person is None or not person.present else live.seats.get(person.id)
    if seated is not None:
        told = m.Texted(invitation=invitation, name=invited.name.reveal(), state=m.TextState(state.value))
        seated.connection.send(told)


def reference(live: LiveRoom, invitation: InvitationId) -> str:
    """The bridge's name for a message, by which the supplier tells what became of it."""
    return f"{live.room.id}.{invitation}"
