"""Calls that come in and go out, invitations, a rota's doctors and the appointment book, in the random proof."""

from dataclasses import dataclass
from random import Random
from typing import Final

from bridge.app.calls.visitor import Visitor
from bridge.rooms.model import ParticipantId
from media.api import EngineError
from signalling import messages as m
from signalling.gateways.interface import Caller, Line, Miss
from tests.app.fakes import Connection, Links, token_of
from tests.app.rig import Page
from tests.proof.engine_rig import ON_DUTY, EngineRig
from tests.proof.exchange import Phone
from tests.proof.taking_part import NOBODY, TakingPart
from tests.proof.watching import Somebody

MOST_CALLS: Final = 5
FURTHER: Final = ("invited", "invited too")
INVITED_ROLES: Final = (m.Role.RELATIVE, m.Role.INTERPRETER, m.Role.PATIENT, m.Role.SPECIALIST, m.Role.DOCTOR)
HOST_KEYS: Final = ("*1", "*5", "*2")


@dataclass
class OnTheLine:
    """One call, and who is at its end. `rings`: it was the host who called, and nobody has answered."""

    visit: Visitor
    phone: Phone
    person: Somebody
    rings: bool = False

    @property
    def owner(self) -> ParticipantId | None:
        """Whose place it is, where the bridge knows."""
        return self.visit._who or getattr(self.visit, "_invited", None)


class Calling(TakingPart):
    """A room to which people also come by other ways than a link that they had from the beginning."""

    def __init__(self, rig: EngineRig, chance: Random) -> None:
        super().__init__(rig, chance)
        self.calls: list[OnTheLine] = []

    def _everybody(self) -> list[Somebody]:
        return [*super()._everybody(), *(call.person for call in self.calls)]

    def _named(self, person: Somebody) -> str:
        call = next((call for call in self.calls if call.person is person), None)
        return super()._named(person) if call is None else call.owner or NOBODY

    def _hang_up_all(self) -> None:
        """No calls are left: the process has died, or the room is over."""
        for call in self.calls:
            call.person.peer.close()
        self.calls.clear()

    async def _serve_calls(self) -> None:
        """Do what calls have put off, note who is at their ends, and begin those that the host has asked for."""
        await self._run(*(make() for make in self.rig.later.due()))
        for visit, phone in self.rig.exchange.dialled:
            self.calls.append(OnTheLine(visit, phone, Somebody("called", Page("")), rings=True))
        self.rig.exchange.dialled.clear()
        for call in [call for call in self.calls if call.visit._over]:
            call.person.peer.close()
            self.calls.remove(call)
        for call in self.calls:
            if call.visit.leg is not None:
                self.whose[call.visit.leg] = call.owner or ParticipantId(NOBODY)

    def _describe(self, call: OnTheLine) -> bool:
        """Settle media; where the engine is busy, the call ends, as a gateway would end it."""
        try:
            call.visit.describe(None)
        except EngineError:
            call.visit.ended(lost=False)
            return False
        leg = call.visit.leg
        assert leg is not None
        self._connect(call.person, self.rig.calling.answers[leg])
        return True

    async def _call_in(self) -> None:
        """Somebody calls the room, and keys in a PIN, mostly one that there is."""
        if not self.numbers or len(self.calls) >= MOST_CALLS:
            return
        number, pin = self.chance.choice(self.numbers)
        pin = pin if self._flag(0.9) else "999999"
        self.trace.append(f"a call comes in with PIN {pin}")
        source = f"198.51.{self.chance.randrange(99)}.{self.chance.randrange(99)}"
        caller = Caller(line=Line.SIP, number=number, source=source, address="+4791234567")
        phone = Phone()
        (visit,) = await self._run(self.rig.callers.arrive(caller, phone))
        if not isinstance(visit, Visitor):
            return
        call = OnTheLine(visit, phone, Somebody("caller", Page("")))
        self.calls.append(call)
        if not self._describe(call):
            return
        visit.established()
        for key in (*pin, "#"):
            visit.pressed(key)
        if self._flag(0.8):
            await self._serve_calls()

    async def _phone(self) -> None:
        """One who is called answers or does not; a caller presses keys, falls silent or hangs up."""
        await self._serve_calls()
        if not self.calls:
            return
        call = self.chance.choice(self.calls)
        self.trace.append(f"at the telephone of {call.owner}")
        if call.rings:
            self._answer(call)
        elif self._flag(0.4):
            for key in self.chance.choice(HOST_KEYS):
                call.visit.pressed(key)
        elif self._flag():
            self._hang_up(call, lost=self._flag())
        if self._flag(0.8):
            await self._serve_calls()

    def _answer(self, call: OnTheLine) -> None:
        if self._flag(0.2):
            call.visit.missed(self.chance.choice(tuple(Miss)))
        elif self._flag(0.2):
            call.visit.ringing()
        elif self._describe(call):
            call.rings = False
            call.visit.reached("198.51.100.7", private=False)
            call.visit.answered("v=0")
            call.visit.established()

    def _hang_up(self, call: OnTheLine, *, lost: bool) -> None:
        if call.owner is not None:
            self.lost_at.setdefault((call.owner, call.visit._id), self.rig.clock.seconds)
        call.visit.ended(lost=lost)

    async def _invite(self) -> None:
        """The host, a patient or somebody who may not makes a link, by which somebody new comes or calls."""
        actor, many = self._actor(), self._flag(0.2)
        wish = m.Invite(
            role=self.chance.choice(INVITED_ROLES),
            name="Navn",
            pin=not many and self._flag(),
            many=many,
            substitute=not many and self._flag(0.2),
            ref=1,
        )
        (made,) = await self._run(self._say(actor.page, wish))
        if isinstance(made, m.Invited):
            self._comes_as(self.chance.choice(FURTHER), Page(made.link, name="Navn" if many else None))
            if made.number is not None and made.pin is not None:
                self.numbers.append((made.number, made.pin))

    def _comes_as(self, name: str, page: Page) -> None:
        """Somebody is there whom nobody expected; whoever had that name is not heard of any more."""
        if name not in self.people:
            self.people[name] = Somebody(name, page)
            return
        person = self.people[name]
        if person.page.seat is not None:
            self.unreported.append(person.page.seat)
        person.open(page)

    async def _go_on_duty(self) -> None:
        """Somebody of the rota, or who is on none, takes the room if somebody waits in it, and gets a link."""
        name = self.chance.choice((*ON_DUTY, "stranger"))
        self.trace.append(f"{name} takes the room")
        (taken,) = await self._run(self._take_room(name))
        if isinstance(taken, m.Taken) and taken.link is not None:
            link, _, resume = taken.link.partition("&resume=")
            self._comes_as(name, Page(link, resume=resume, login=f"{name}:high"))

    async def _take_room(self, name: str) -> m.Taken:
        watch = await self.rig.duty.begin(m.Duty(version=1, ref=1), Connection(), f"{name}:high")
        try:
            return await watch.take(m.Take(room=self.room, ref=2))
        finally:
            watch.end()

    async def _administer(self) -> None:
        """The appointment book puts off, calls off, appoints a substitute or takes a link back."""
        book, on = self.rig.administration, self._on()
        invitation = on.invitation
        act = self.chance.choice(("delay", "appoint", "withdraw", "cancel"))
        self.trace.append(f"administration: {act} {invitation}")
        match act:
            case "delay":
                await self._run(book.delay(self.room, invitation, m.NewTime(time=on.later)))
            case "appoint":
                await self._run(book.appoint(self.room, invitation))
            case "withdraw":
                await self._run(book.withdraw(self.room, invitation))
            case "cancel":
                await self._run(book.cancel(self.room, invitation, m.NewTime(time=on.later)))

    async def _end(self) -> None:
        """The host ends the consultation, or somebody tries to who may not; or the administration does."""
        if self._flag(0.8):
            await self._run(self._say(self._actor().page, m.End(ref=1)))
        else:
            self.trace.append("administration: end")
            await self._run(self.rig.administration.end_room(self.room))

    async def _wait_behind_a_closed_link(self) -> None:
        """A guest's link is taken back or called off, and then somebody tries to wait by it."""
        guests = [one for name, one in self.people.items() if name not in ("doctor", "substitute")]
        person = self.chance.choice(guests)
        _, invitation = Links().read(token_of(person.page.link))
        withdraw = m.Withdraw if self._flag() else m.Cancel
        await self._run(self._say(self._actor().page, withdraw(invitation=invitation, ref=1)))
        await self._run(self._join(person, media=True))
