"""The bridge's process is killed while it admits and removes people: what anybody was told holds afterwards.

The real command, its own store, and native robots with real sockets and packets. More turns by BROTJENESTE_KILLS.
"""

import asyncio
import os
import secrets
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import aiohttp
import pytest

from loadtest.drive import gathered
from loadtest.errors import LoadtestError, Rejected
from loadtest.native import Crowd, NativeOptions, NativeRobot
from loadtest.participant import LEFT, LOST
from loadtest.profiles import clips_for
from signalling import messages as m
from tests.cli.command import Place, serving
from tests.support import postgres
from tests.support.bridge import eventually

TURNS: Final = int(os.environ.get("BROTJENESTE_KILLS", "2"))
GUESTS: Final = ("patient", "relative", "interpreter")
ACTS: Final = (*["admit"] * 4, *["to_waiting"] * 2, "remove")
MOST_ACTS: Final = 12
LONGEST_S: Final = 0.15
"""By then all is answered on an idle machine: kills are from before the first act to after the last."""
pytestmark = pytest.mark.timeout(120 + 60 * TURNS)


@dataclass
class StoredElsewhere(Place):
    """A bridge with its records in a database that is given, if one is."""

    store: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What the command is started with."""
        return super().environment | ({} if self.store is None else {"BROTJENESTE_STORE_URL": self.store})


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Free ports, an empty folder, and a database of either kind."""
    if request.param == "sqlite":
        yield StoredElsewhere(tmp_path)
        return
    with postgres.running() as server:
        yield StoredElsewhere(tmp_path, store=server.url)


@dataclass
class Guest:
    """Somebody with a link, in one life of the bridge after the other. `ended` is how the last one ended."""

    link: str
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    robot: NativeRobot | None = None
    ended: str | None = None

    def live(self, crowd: Crowd) -> Coroutine[None, None, None]:
        """Come, and stay until the bridge ends it; what was before is forgotten now, not with the first step."""
        self.ended, self.robot = None, NativeRobot(self.link, crowd, resume=self.secret)
        return self._stay(self.robot)

    async def _stay(self, robot: NativeRobot) -> None:
        try:
            self.ended = await robot.run()
        except LoadtestError as error:
            self.ended = error.code

    async def settled(self) -> str:
        """Wait until it is known where they are."""
        await eventually(lambda: self.ended is not None or self.connected)
        return self.where

    @property
    def connected(self) -> bool:
        """Whether packets could come to them."""
        return self.robot is not None and self.robot.media_state == "connected"

    @property
    def where(self) -> str:
        """Where they were told last that they are."""
        if self.ended in ("removed", "link_blocked"):
            return "removed"
        place = None if self.robot is None else self.robot.place
        return "unknown" if place is None else place.value

    @property
    def heard(self) -> bool:
        """Whether any packet of anybody's has come to them, in this life of the bridge."""
        return self.robot is not None and self.robot.streams > 0


@dataclass
class Told:
    """What the doctor asked for, in its order, and how much of that was answered."""

    acts: list[tuple[str, str]]
    answered: int = 0

    def states(self) -> list[dict[str, str]]:
        """Where everybody is after each act, the first being before all of them."""
        now = dict.fromkeys(GUESTS, "waiting")
        states = [now]
        for kind, who in self.acts:
            now = now | {who: after(kind, now[who])}
            states.append(now)
        return states


def after(kind: str, place: str) -> str:
    """Where somebody is whom the host admits, sends to wait or removes."""
    if place == "removed" or kind == "remove":
        return "removed"
    return {"admit": "admitted", "to_waiting": "waiting"}[kind]


async def act(doctor: NativeRobot, told: Told, kind: str, participant: str) -> None:
    """Ask for one thing; to be turned down is an answer, the end of the process is none."""
    wish = {"admit": m.Admit, "to_waiting": m.ToWaiting, "remove": m.Remove}[kind]
    try:
        await doctor.request(wish, participant=participant)
    except Rejected as error:
        if error.code in (LOST, LEFT):
            return
    told.answered += 1


async def invited(place: Place) -> dict[str, Guest]:
    """A room, and a link for the doctor and each guest."""
    token = (place.folder / "api.token").read_text().strip()
    base, headers = f"http://127.0.0.1:{place.ports[0]}/api/v1", {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as http:
        room = (await (await http.post(f"{base}/rooms", json={"name": "Test"})).json())["room"]
        guests = {}
        for role in ("doctor", *GUESTS):
            wish = {"role": role, "name": role, "host": role == "doctor"}
            made = await (await http.post(f"{base}/rooms/{room}/invitations", json=wish)).json()
            guests[role] = Guest(made["link"])
    return guests


async def killed(place: Place, crowd: Crowd, chance: Random, told: Told) -> dict[str, Guest]:
    """Let the doctor act, and kill the bridge at some moment meanwhile."""
    async with serving(place) as process, asyncio.TaskGroup() as group:
        people = await invited(place)
        for person in people.values():
            group.create_task(person.live(crowd))
        for person in people.values():
            await person.settled()
        doctor = people["doctor"].robot
        assert doctor is not None
        for kind, who in told.acts:
            robot = people[who].robot
            assert robot is not None
            assert robot.welcome is not None
            group.create_task(act(doctor, told, kind, robot.welcome.participant))
        await asyncio.sleep(chance.uniform(0, LONGEST_S))
        process.kill()
        await process.wait()
    return people


async def look(place: Place, crowd: Crowd, people: dict[str, Guest]) -> dict[str, str]:
    """Start the bridge anew, let everybody come back, and say where they are: packets go to who is in alone."""
    async with serving(place), asyncio.TaskGroup() as group:
        for person in people.values():
            group.create_task(person.live(crowd))
        where = {who: await person.settled() for who, person in people.items()}
        inside = {who for who, at in where.items() if at == "admitted"}
        if len(inside) > 1:
            await eventually(lambda: all(people[who].heard for who in inside))
        assert {who for who, person in people.items() if person.heard} <= inside
        for person in people.values():
            if person.robot is not None:
                person.robot.stop()
    return where


async def test_what_was_told_holds_after_a_kill(place: Place) -> None:
    """Acts are carried out up to one of them and none beyond; those that anybody was told of are among them."""
    chance = Random(os.environ.get("BROTJENESTE_SEED", "1"))
    with gathered(clips_for("audio", "vp8"), NativeOptions()) as crowd:
        for turn in range(TURNS):
            acts = [(chance.choice(ACTS), chance.choice(GUESTS)) for _ in range(MOST_ACTS)]
            told = Told(acts)
            people = await killed(place, crowd, chance, told)
            states = told.states()
            said = {who: people[who].where for who in GUESTS}
            never = {who for who in GUESTS if all(state[who] != "admitted" for state in states)}
            assert not any(people[who].heard for who in never), "one who was never let in got a packet"
            least = max(told.answered, *(first(states, who, at) for who, at in said.items()))
            where = await look(place, crowd, people)
            assert where.pop("doctor") == "admitted"
            assert where in states[least:], (turn, acts, told.answered, said, where)


def first(states: list[dict[str, str]], who: str, at: str) -> int:
    """After how many acts at the least somebody is where they were told that they are."""
    return next(number for number, state in enumerate(states) if state[who] == at)
