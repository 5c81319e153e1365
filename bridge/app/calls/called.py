"""One whom the host has called: first they ring, then they are what a caller is who has been admitted."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from bridge.app.calls.desk import Desk
from bridge.app.calls.reception import Prompt
from bridge.app.calls.visitor import RETRY_S, Visitor
from bridge.app.ids import new_id
from bridge.app.live import LiveRoom, Seated
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import (
    ByParticipant,
    InvitationId,
    Line,
    ParticipantId,
    Pii,
    ResumeHash,
    Role,
)
from bridge.rooms.model import Miss as Missed
from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.gateways.interface import Call, Caller, Ending, GatewayError, Miss, Party

# A telephone network gives up after a minute or so, or lets a machine answer.
RING_S: Final = 60.0


class Called(Visitor):
    """A `Visit` to a call of ours. Its seat is taken at once, so that whatever ends the call reaches it."""

    def __init__(self, desk: Desk, live: LiveRoom, party: Party, forget: Callable[[Visitor], None]) -> None:
        """Take whom to call; `ring` calls."""
        unknown = Caller(line=party.line, number="", source="", address=party.address)
        super().__init__(desk, live, unknown, None, forget)
        self._invited: ParticipantId | None = None
        self._taken = False

    @property
    def at_the_desk(self) -> bool:
        """Never: the host has said who is called."""
        return False

    async def ring(self, host: ParticipantId, wish: m.Dial, dial: Callable[[], Call]) -> None:
        """Put it on record, then `dial`. Raises Rejected, and what the store raises, with nobody called."""
        policy, now = self._desk.policy, self._desk.service.outside.clock.now()
        command = c.Dial(
            by=ByParticipant(host),
            invitation=InvitationId(new_id("i")),
            new_participant=ParticipantId(new_id("p")),
            role=Role(wish.role.value),
            name=Pii(wish.name),
            expires_at=now + timedelta(seconds=RING_S),
            line=Line(self._caller.line.value),
            connection=self._id,
            new_resume_hash=ResumeHash(policy.hash_secret(policy.new_secret())),
        )
        await self._desk.service.act(self.live, command, self._invite)
        self._desk.count("dialled")
        try:
            self._call = dial()
        except GatewayError:
            self.missed(Miss.UNREACHABLE)
            return
        if self._over:
            # Taken back while it was put on record.
            self._call.hang_up(Ending.REMOVED)
        self._desk.later(RING_S, self._ring_out)

    def _invite(self, live: LiveRoom, events: Sequence[ev.Event]) -> None:
        self._invited = next(event.participant for event in events if isinstance(event, ev.Dialled))
        live.seats[self._invited] = Seated(self._id, self)
        live.numbers[self._invited] = self._caller.address

    # As a visit.

    def ringing(self) -> None:
        """Let everybody inside see it, once: what rings says so as often as it likes."""
        rings = self._invited is None or self._invited in self.live.ringing
        if self._invited is not None and not rings and self._who is None and not self._over:
            self.live.ringing.add(self._invited)
            self._desk.service.tell(self.live)

    def established(self) -> None:
        """Come in."""
        if self._who is None and not self._over:
            self._taken = True
            self._desk.later(0, self._answer)

    def missed(self, why: Miss) -> None:
        """Note why."""
        if self._finish():
            self._desk.count(f"missed_{why.value}")
            self._desk.later(0, lambda: self._note(why))

    def ended(self, *, lost: bool) -> None:
        """Leave the room, or be away from it; whoever hangs up before they were in has declined."""
        if self._who is None:
            self.missed(Miss.UNREACHABLE if lost else Miss.DECLINED)
        else:
            super().ended(lost=lost)

    # As a participant's connection.

    def close(self, code: Code, message: str | None = None) -> None:
        """Hang up; where nobody has answered, there is nobody to say why to."""
        if self._who is not None:
            super().close(code, message)
        elif code is Code.RESTARTING:
            self._give_up(Miss.UNREACHABLE, Ending.STOPPING)
        else:
            self._hang_up(Ending.ROOM_ENDED if code is Code.ENDED else Ending.REMOVED)

    def _news(self, before: m.Place | None, place: m.Place) -> Prompt:
        if before is None and place is m.Place.ADMITTED:
            return Prompt.CALLED_IN
        return super()._news(before, place)

    # What comes of it.

    async def _answer(self) -> None:
        who = self._invited
        if who is None or self._over:
            return
        command = c.Answer(participant=who, connection=self._id, line=self._line())
        try:
            await self._desk.service.act(self.live, command, self._sit_down)
        except Rejected:
            # Taken back in that moment.
            self._hang_up(Ending.REMOVED)
        except Exception:
            # By the records they may be in; without a seat, the next repair takes them for gone.
            self.live.seats.pop(who, None)
            self._hang_up(Ending.FAILED)
            self._desk.later(RETRY_S, lambda: self._note(Miss.UNREACHABLE))
            raise

    def _sit_down(self, live: LiveRoom, events: Sequence[ev.Event]) -> None:
        if self._invited is not None:
            live.ringing.discard(self._invited)
        super()._sit_down(live, events)

    async def _go_out(self, *, lost: bool) -> None:
        """Leave: nothing that they have brings them back to a place; the host may call again."""
        del lost
        await super()._go_out(lost=False)

    async def _ring_out(self) -> None:
        if not self._taken and not self._over:
            self._give_up(Miss.NO_ANSWER, Ending.NOT_ANSWERED)

    def _give_up(self, miss: Miss, why: Ending) -> None:
        self.missed(miss)
        if self._call is not None:
            self._call.hang_up(why)

    async def _note(self, why: Miss) -> None:
        """Put on record that nobody came of it; until that has worked, they are shown as called."""
        who = self._invited
        if who is None or self.live.room.ended:
            return
        command = c.NoteMiss(participant=who, connection=self._id, why=Missed(why.value))
        try:
            await self._desk.service.act(self.live, command)
        except Exception:
            self._desk.later(RETRY_S, lambda: self._note(why))
            raise
