"""Random consultations through the door of the application and the gate of the real packet engine.

Two doctors and three guests, and whoever is invited, called, calls or is on duty, do anything in any order, twice,
late and at once; sockets go, logins are renewed, links expire and are taken back, the store and the engine's queue
fail, acts are cut short, and the process ends in the middle of them and starts anew. Devices die without a word.
What is looked at after each step, and what holds, is in `watching.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from random import Random
from typing import Any, Final

from bridge.rooms.model import Place
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.app.fakes import Connection, StoreDown, token_of
from tests.app.rig import GRACE, Page
from tests.proof.calling import Calling
from tests.proof.engine_rig import EngineRig, Rows
from tests.proof.taking_part import HOST_ACTS, OWN_ACTS, OWN_KINDS, ROLES, identity
from tests.proof.watching import Counted, Somebody, Wrong

STEPS_A_ROOM: Final = 300
STEPS_AFTER_THE_END: Final = 10
TURNS: Final = 12
SPENT: Final = (Code.LINK_BLOCKED, Code.CANCELLED, Code.LINK_EXPIRED)


class Consultation(Calling):
    """One room from its opening to its end."""

    async def close(self) -> None:
        """End it; nothing may be left of it but records."""
        await self._repair()
        await self.rig.administration.end_room(self.room)
        for call in self.calls:
            # Who is at the desk still is in no room.
            call.visit.ended(lost=False)
        await self._pass_time(3 * GRACE)
        rows = Rows(self.rig.engine.snapshot())
        self._hold(not rows.legs, "legs are left after the end")
        self._hold(not self.rig.service.rooms, "a room is left after its end")
        self.counted.events, self.counted.happened = len(self.ledger), self.ledger.happened

    async def step(self) -> None:
        """Do something, and look."""
        self.counted.steps += 1
        (act,) = self.chance.choices(_ACTS, _WEIGHTS)
        self.counted.acts[act.__name__.strip("_")] += 1
        await act(self)
        self._look()

    async def _come(self) -> None:
        """Join for the first time or again, often in a new tab; the old socket ends some time later."""
        person, reload = self._anybody(), self._flag(0.3)
        page = person.page
        if page.seat is not None:
            self.unreported.append(page.seat)
            self.old.append(Page(page.link, number=page.number, seat=page.seat, offers=100 + page.offers))
            del self.old[:-9]
            if reload:
                # Its socket is the old one's until another is taken.
                seat, socket = page.seat, page.connection
                again = Page(page.link, resume=page.resume, login=page.login, seat=seat, connection=socket)
                person.open(again)
        (outcome,) = await self._run(self._join(person, media=self._flag(0.9)))
        if isinstance(outcome, Rejected) and outcome.code in SPENT and not self.trouble:
            await self._run(self._send_another_link(person))

    async def _send_another_link(self, person: Somebody) -> None:
        """Somebody who was put out is invited once more, as another; otherwise rooms would soon be empty."""
        if person.name in ROLES:
            person.open(await self._link(person.name))

    async def _come_twice(self) -> None:
        """Two sockets of one page race for its place."""
        person = self._anybody()
        if person.page.seat is not None:
            self.unreported.append(person.page.seat)
        await self._run(self._join(person, media=True), self._join(person, media=False))

    async def _renew_a_login(self) -> None:
        """Somebody logs in anew, as surely as before or not, or another does, or the login runs out."""
        person = self._anybody()
        name = person.name
        person.page.login = self.chance.choice(
            (None, f"{name}:low", f"{name}:high", f"{name}:high", "another:high")
        )
        if self._flag():
            if person.page.seat is not None:
                self.unreported.append(person.page.seat)
            await self._run(self._join(person, media=True))

    async def _offer_anew(self) -> None:
        await self._run(self._offer(self._anybody()))

    async def _copy_a_link(self) -> None:
        """Use somebody's link from another browser; once it is used, that must not work."""
        person = self._anybody()
        if person.page.seat is None:
            return
        secret = self.chance.choice((None, "guessed", "guessed" * 9))
        join = m.Join(version=1, token=token_of(person.page.link), resume=secret, language=m.Language.NN)
        connection = Connection()
        await self._run(self.rig.door.join(join, connection, "thief:high"))
        self._hold(connection.sent == [], "a copied link opened")

    async def _act(self) -> None:
        """Admit, remove and the like, by the host or by somebody who may not."""
        actor, message = self._actor(), self._message()
        (answer,) = await self._run(self._say(actor.page, message))
        if isinstance(message, m.Admit) and isinstance(answer, m.Ok):
            self._hold(message.participant in self.ledger.now().admitted, "an admission that was answered is lost")

    async def _overstep(self) -> None:
        """Somebody who is in, and is not host, tries what the host alone may."""
        live, passing = self._live, self.ledger.now().passing
        inside = [one for one in self.people.values() if one.page.seat and one.page.participant in passing]
        guests = [one for one in inside if live is not None and one.page.participant != live.room.host]
        if guests:
            act = HOST_ACTS[self.chance.choice(tuple(HOST_ACTS))]
            await self._run(self._say(self.chance.choice(guests).page, act(self._on(), self._flag())))

    async def _act_on_oneself(self) -> None:
        page, kind = self._anybody().page, self.chance.choice(OWN_KINDS)
        await self._run(self._say(page, OWN_ACTS[kind](self._on(), self._flag())))

    async def _act_twice(self) -> None:
        """A double click."""
        page, message = self._actor().page, self._message()
        await self._run(self._say(page, message), self._say(page, message))

    async def _all_at_once(self) -> None:
        """Several acts, an offer, a goodbye or a newcomer: all in flight together."""
        works: list[Coroutine[Any, Any, object]] = [
            self._say(self._actor().page, self._message()) for _ in range(self.chance.randint(2, 4))
        ]
        person = self._anybody()
        if self._flag(0.3):
            works.append(self._say(person.page, m.Leave()))
        elif self._flag():
            works.append(self._join(person, media=True))
        else:
            works.append(self._offer(person))
        self.chance.shuffle(works)
        await self._run(*works)

    async def _say_again(self) -> None:
        """A command that was given before comes once more, late, from whatever page it was."""
        if self.said:
            page, message = self.chance.choice(self.said)
            await self._run(self._say(page, message))

    async def _speak_from_a_replaced_seat(self) -> None:
        """An act and an offer on a connection that has been replaced are no longer heard."""
        if not self.old:
            return
        page = self.chance.choice(self.old)
        works = [self.rig.say(page, self._message()), self.rig.offer(page)]
        said = await self._run(*works)
        if all(page.seat != person.page.seat for person in self.people.values()):
            self._hold(all(isinstance(one, Rejected | StoreDown) for one in said), "a replaced seat was heard")

    async def _leave(self) -> None:
        await self._run(self._say(self._anybody().page, m.Leave()))

    async def _lose_the_socket(self) -> None:
        seat = self._anybody().page.seat
        if seat is not None:
            self.unreported.append(seat)

    async def _fall_silent(self) -> None:
        """A device dies: nothing comes of it any more, and nobody reports its socket."""
        page = self._anybody().page
        if page.seat is not None and page.connection.answers:
            page.connection.answers = False
            lost = page.seat.participant, page.seat.connection_id
            self.lost_at.setdefault(lost, self.rig.clock.seconds)

    async def _notice_ends(self) -> None:
        """Sockets that are gone are reported, each once."""
        gone, self.unreported = self.unreported, []
        for seat in gone:
            self.lost_at.setdefault((seat.participant, seat.connection_id), self.rig.clock.seconds)
        await self._run(*(self.rig.door.lost(seat) for seat in gone))

    async def _time_passes(self) -> None:
        await self._pass_time(self.chance.choice((0.5, GRACE / 2, GRACE, 3 * GRACE)))

    async def _minutes_pass(self) -> None:
        """Links run out that are good for minutes."""
        await self._pass_time(100.0)

    async def _pass_time(self, seconds: float) -> None:
        self.trace.append(f"{seconds} s pass")
        rig, came = self.rig, Rows(self.rig.engine.snapshot()).datagrams
        while seconds > 0:
            rig.clock.seconds += min(seconds, 1.0)
            seconds -= 1.0
            rig.presence.begin(rig.clock.monotonic())
            for live in rig.service.rooms:
                rig.presence.look(live, came)
            await self._serve_calls()

    async def _engine_is_busy(self) -> None:
        """The next commands find a full queue."""
        self.rig.engine.busy = self.chance.randint(1, 6)
        self.trouble = True

    async def _store_fails(self) -> None:
        """Writes fail until a repair; some have been written all the same."""
        self.rig.store.failing = self.chance.choice(("before", "after"))
        self.trouble = True

    async def _cut_short(self) -> None:
        """A task is cancelled in the middle of an act."""
        person = self._anybody()
        works: list[Coroutine[Any, Any, object]] = [self._say(self._actor().page, self._message())]
        if self._flag():
            works.append(self._join(person, media=True))
        await self._cancelled(works)

    async def _cancelled(self, works: list[Coroutine[Any, Any, object]]) -> None:
        self.trouble = True
        try:
            await self._cut(works)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        for work in works:
            # One that had not begun when it was cancelled.
            work.close()

    async def _cut(self, works: list[Coroutine[Any, Any, object]]) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._run(work)) for work in works]
            for _ in range(self.chance.randrange(TURNS)):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()

    async def _repair_in_the_middle(self) -> None:
        await self._run(self.rig.service.repair())

    async def _repair(self) -> None:
        """Store and engine are well again, and the second's repair runs."""
        self.trace.append("repair")
        self.rig.engine.busy, self.rig.store.failing = 0, None
        self.rig.deliver()
        await self._run(self.rig.service.repair())
        self.trouble, self.well_since = False, self.rig.clock.seconds

    async def _die_and_come_back(self) -> None:
        """The process dies, at times in the middle of acts, and comes back: the same records, and nothing else."""
        if self._flag():
            works = [self._say(self._actor().page, self._message()) for _ in range(2)]
            await self._cancelled([*works, self._join(self._anybody(), media=True)])
        self.trace.append("the process dies")
        rig = self.rig
        rig.store.failing = None
        before = self.ledger.now()
        places = self._places()
        rig.start()
        self._hang_up_all()
        self._watch()
        self.unreported.clear()
        self.trouble, self.well_since = False, rig.clock.seconds
        await self._run(rig.service.find(self.room))
        after = self.ledger.now()
        self._hold(self._places() == places, "places are lost")
        self._hold((before.admitted, before.barred) == (after.admitted, after.barred), "admissions are lost")
        self._hold(not after.connections, "somebody is taken for connected after a restart")

    def _places(self) -> dict[str, tuple[Place, bool]]:
        """Where everybody is by the records. Who rings has no place yet, and rings no more after a restart."""
        people = self.rig.recorded(self.room).participants.values()
        places = {one.id: (one.place, one.barred) for one in people}
        return {who: (Place.OUTSIDE if at is Place.CALLED else at, barred) for who, (at, barred) in places.items()}


Act = Callable[[Consultation], Awaitable[None]]
_WEIGHTED: Final[dict[Act, int]] = {
    Consultation._come: 14,
    Consultation._come_twice: 2,
    Consultation._renew_a_login: 4,
    Consultation._offer_anew: 6,
    Consultation._copy_a_link: 3,
    Consultation._act: 34,
    Consultation._overstep: 10,
    Consultation._act_on_oneself: 8,
    Consultation._act_twice: 5,
    Consultation._all_at_once: 8,
    Consultation._say_again: 8,
    Consultation._speak_from_a_replaced_seat: 4,
    Consultation._leave: 3,
    Consultation._lose_the_socket: 6,
    Consultation._fall_silent: 3,
    Consultation._notice_ends: 7,
    Consultation._time_passes: 8,
    Consultation._minutes_pass: 1,
    Consultation._call_in: 4,
    Consultation._phone: 8,
    Consultation._invite: 2,
    Consultation._go_on_duty: 5,
    Consultation._administer: 1,
    Consultation._wait_behind_a_closed_link: 1,
    Consultation._end: 1,
    Consultation._engine_is_busy: 1,
    Consultation._store_fails: 1,
    Consultation._cut_short: 2,
    Consultation._repair_in_the_middle: 2,
    Consultation._repair: 8,
    Consultation._die_and_come_back: 1,
}
_ACTS: Final = tuple(_WEIGHTED)
_WEIGHTS: Final = tuple(_WEIGHTED.values())


async def consult(seed: int, steps: int) -> Counted:
    """Let so many steps be taken, in as many rooms as it takes. Raises Wrong, with the seed of the room."""
    counted, room = Counted(), 0
    rig = EngineRig()
    rig.identities = identity
    try:
        while counted.steps < steps:
            found = await _one_room(rig, f"{seed}/{room}", min(STEPS_A_ROOM, steps - counted.steps))
            counted.add(found)
            room += 1
    finally:
        rig.engine.stop()
    return counted


async def _one_room(rig: EngineRig, seed: str, steps: int) -> Counted:
    consultation = Consultation(rig, Random(seed))
    await consultation.open()
    try:
        after_the_end = 0
        while consultation.counted.steps < steps and after_the_end < STEPS_AFTER_THE_END:
            await consultation.step()
            after_the_end += consultation.ledger.now().ended
        await consultation.close()
    except Wrong as wrong:
        wrong.add_note(f"room {seed}")
        raise
    finally:
        for person in consultation._everybody():
            person.peer.close()
    # Records are kept for the room that is open: a million steps would fill the memory.
    rig.log.clear()
    rig.store.audit.clear()
    with suppress(KeyError):
        del rig.store._events[consultation.room]
    return consultation.counted
