"""People in a room of the random proof, and what they say: links, joining, offers, acts.

Two doctors and three guests have links from the beginning; others are invited on the way or are on its rota.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from bridge.rooms.model import Assurance, Identity, ParticipantId, RoomId, SubjectDigest
from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.gateways.interface import GatewayError
from tests.app.fakes import Links, StoreDown, token_of
from tests.app.rig import Page
from tests.proof.engine_rig import CENTRE, ROTA, EngineRig, ReadAloud, Rows
from tests.proof.watching import Somebody, Watched

HOSTS: Final = ("doctor", "substitute")
ROLES: Final = {
    "doctor": m.Role.DOCTOR,
    "substitute": m.Role.DOCTOR,
    "patient": m.Role.PATIENT,
    "relative": m.Role.RELATIVE,
    "specialist": m.Role.SPECIALIST,
}
REQUIRED: Final = {"substitute": m.Assurance.SUBSTANTIAL, "relative": m.Assurance.HIGH}
SHORT_MINUTES: Final = 3
"""For how long some links are good; most are for a day."""
NOBODY: Final = "p_unknown"


@dataclass(frozen=True, slots=True)
class On:
    """Whom an act is on, by what link they came, which picture was asked for last, and a time to come."""

    participant: str
    invitation: str
    still: str
    later: datetime


def seen_off(on: On, flag: bool) -> m.SeeOff:  # noqa: FBT001 - by chance
    """Let somebody go, or take somebody in."""
    return m.SeeOff(leaving=[on.participant] if flag else [], following=None if flag else on.participant, ref=1)


HOST_ACTS: Final[dict[str, Callable[[On, bool], m.ClientMessage]]] = {
    "admit": lambda on, flag: m.Admit(participant=on.participant, reason="known" if flag else None, ref=1),
    "admit all": lambda _on, _: m.AdmitAll(ref=1),
    "refuse": lambda on, _: m.Refuse(participant=on.participant, ref=1),
    "remove": lambda on, _: m.Remove(participant=on.participant, ref=1),
    "to waiting": lambda on, _: m.ToWaiting(participant=on.participant, ref=1),
    "mute": lambda on, flag: m.Mute(participant=on.participant, muted=flag, may_unmute=not flag, ref=1),
    "hand over": lambda on, _: m.HandOver(participant=on.participant, ref=1),
    "lock": lambda _on, flag: m.Lock(locked=flag, ref=1),
    "pin": lambda on, flag: m.Pin(participant=on.participant if flag else None, ref=1),
    "see off": seen_off,
    "confirm": lambda on, flag: m.ConfirmIdentity(participant=on.participant, confirmed=flag, ref=1),
    "appoint": lambda on, _: m.Appoint(invitation=on.invitation, ref=1),
    "withdraw": lambda on, _: m.Withdraw(invitation=on.invitation, ref=1),
    "delay": lambda on, flag: m.Delay(expected_at=on.later, invitation=on.invitation if flag else None, ref=1),
    "no delay": lambda on, flag: m.Delay(invitation=on.invitation if flag else None, ref=1),
    "cancel": lambda on, flag: m.Cancel(invitation=on.invitation, new_time=on.later if flag else None, ref=1),
    "ask for a picture": lambda on, _: m.AskStill(participant=on.participant, key="key", ref=1),
    "dial": lambda _on, _: m.Dial(address="+4722334455", role=m.Role.RELATIVE, name="Kari", ref=1),
}
KINDS: Final = (
    *["admit"] * 24,
    *["admit all"] * 3,
    *["to waiting"] * 5,
    *["dial", "appoint", "delay"] * 2,
    *["ask for a picture"] * 5,
    *HOST_ACTS,
)
OWN_ACTS: Final[dict[str, Callable[[On, bool], m.ClientMessage]]] = {
    "mute": lambda _on, flag: m.SelfMute(muted=flag, ref=1),
    "camera": lambda _on, flag: m.Camera(on=flag, ref=1),
    "sharing": lambda _on, flag: m.Sharing(on=flag, ref=1),
    "take over": lambda _on, _: m.TakeHost(ref=1),
    "give a picture": lambda on, flag: m.AnswerStill(
        still=on.still,
        answer=m.StillAnswer.TAKE if flag else m.StillAnswer.DECLINED,
        size=9 if flag else None,
        ref=1,
    ),
    "have a picture": lambda on, flag: m.EndStill(
        still=on.still, end=m.StillOutcome.SENT if flag else m.StillOutcome.CANCELLED, ref=1
    ),
}


OWN_KINDS: Final = (*["take over"] * 9, *OWN_ACTS)


def identity(login: str | None) -> Identity | None:
    """What a login proved: its word is whose it is, and how sure that is. All work at one centre."""
    if login is None:
        return None
    subject, assurance = login.split(":")
    return Identity(
        assurance=Assurance(assurance),
        provider="test",
        subject=SubjectDigest(subject),
        organisation=CENTRE,
        health_personnel=True,
        hpr=SubjectDigest(f"hpr of {subject}"),
    )


class TakingPart(Watched):
    """One room, from its opening, and what people in it say."""

    def __init__(self, rig: EngineRig, chance: Random) -> None:
        super().__init__(rig, chance)
        self.numbers: list[tuple[str, str]] = []
        """What to call, and the PIN, of everybody who may."""

    async def open(self) -> None:
        """Open a room that is often too small, with a link for each."""
        wanted = m.CreateRoom(
            name="Rom",
            max_participants=self.chance.randint(2, 6),
            autolock=self._flag(0.3),
            one_at_a_time=self._flag(0.3),
            rota=ROTA.name if self._flag() else None,
        )
        self.room = RoomId((await self.rig.administration.create_room(wanted)).room)
        self.ledger = ReadAloud(self.rig, self.room)
        for name in ROLES:
            self.people[name] = Somebody(name, await self._link(name))
        self._watch()

    async def _link(self, name: str) -> Page:
        """A link for one of those who are expected, by which many may call as well; some are good for minutes."""
        requires, host = REQUIRED.get(name, m.Assurance.NONE), name in HOSTS
        wanted = m.CreateInvitation(
            role=ROLES[name],
            name="Navn",
            host=host,
            requires=requires,
            pin=requires is m.Assurance.NONE,
            valid_minutes=SHORT_MINUTES if self._flag(0.3) else 1440,
        )
        made = await self.rig.administration.invite(self.room, wanted)
        if made.number is not None and made.pin is not None:
            self.numbers.append((made.number, made.pin))
        return Page(made.link)

    async def _run(self, *works: Coroutine[Any, Any, object]) -> list[object]:
        """Do things, at once if there are several. To be turned down is an answer."""
        outcomes: list[object] = await asyncio.gather(*works, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, StoreDown | asyncio.CancelledError):
                self.trouble = True
            elif isinstance(outcome, BaseException) and not isinstance(outcome, Rejected | GatewayError):
                raise outcome
            elif isinstance(outcome, Rejected) and outcome.code is Code.INTERNAL:
                self._hold(self.rig.engine.failures > 0, "internal, and nothing had failed")
        return outcomes

    def _anybody(self) -> Somebody:
        return self.people[self.chance.choice(list(self.people))]

    def _flag(self, share: float = 0.5) -> bool:
        return self.chance.random() < share

    def _actor(self) -> Somebody:
        """Mostly whoever is host: otherwise hardly anybody would ever be let in."""
        live = self._live
        if live is not None and self._flag(0.8):
            for person in self.people.values():
                if person.page.seat is not None and person.page.seat.participant == live.room.host:
                    return person
        return self._anybody()

    def _on(self) -> On:
        """An act is on somebody, also on callers; on one who never came it names nobody."""
        person = self.chance.choice(self._everybody())
        _, invitation = Links().read(token_of(self._anybody().page.link))
        live = self._live
        still = None if live is None or live.room.still is None else live.room.still.id
        later = self.rig.clock.now() + timedelta(minutes=5)
        return On(self._named(person), invitation, still or "t_unknown", later)

    def _named(self, person: Somebody) -> str:
        seat = person.page.seat
        return NOBODY if seat is None else seat.participant

    def _message(self) -> m.ClientMessage:
        return HOST_ACTS[self.chance.choice(KINDS)](self._on(), self._flag())

    async def _say(self, page: Page, message: m.ClientMessage) -> object:
        if page.seat is None or not page.connection.answers:
            return None
        self.said.append((page, message))
        self.trace.append(f"{page.seat.participant}: {message}")
        return await self.rig.say(page, message)

    async def _offer(self, person: Somebody) -> None:
        if person.page.seat is not None and person.page.connection.answers:
            page, peer = person.page, person.peer
            answer = await self.rig.offer(page)
            if person.peer is peer:
                self._connect(person, answer)
            self.whose[int(answer.leg)] = ParticipantId(page.seat.participant)

    def _connect(self, person: Somebody, answer: m.Answer) -> None:
        """Get through ICE, after what was answered is in force and before anything else.

        A browser would repeat a check that is lost.
        """
        leg, rows = int(answer.leg), Rows(self.rig.engine.snapshot())
        if leg in rows:
            person.peer.connect(self.rig.engine.address, answer)
            self._after_a_packet(leg, rows.of(leg, "datagrams_in"))

    async def _join(self, person: Somebody, *, media: bool) -> None:
        self.trace.append(f"{person.name} joins as {person.page.login}")
        await self.rig.join(person.page)
        if media:
            await self._offer(person)
