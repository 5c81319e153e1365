"""People who come and go, at three depths: use cases alone, legs with their handshakes, the whole bridge.

Each gives an object with `turn(rooms)`, which lets people into so many rooms and out again and says how many
that were, `quiet()`, which waits until what was put off for them has been done, and `left()`, which counts what
the layer itself still knows of them and has to be 0 everywhere.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol
from unittest.mock import patch

import aiohttp

from bridge.compose import Bridge, run_bridge
from bridge.rooms.events import Event, RoomEnded
from bridge.rooms.model import RoomId
from loadtest.churn import come_and_go
from loadtest.drive import gathered
from loadtest.native import NativeOptions
from loadtest.profiles import clips_for
from loadtest.target import Office, Target
from media.api import Command, Dtls, Engine, SendDtls
from media.legs import LegPolicy, Legs
from media.transport import DtlsClient
from signalling import messages as m
from tests.app.fakes import MemoryStore
from tests.app.rig import GRACE, Rig
from tests.media.engine_peer import ROLES, offer_of
from tests.media.transport_network import certificate, named
from tests.support.bridge import as_operator, house_config
from tests.turnover.residue import settled

LEGS: Final = 3
AT_ONCE: Final = 4
_BETWEEN_LOOKS_S: Final = 0.2
_PATIENCE_S: Final = 120.0


class Layer(Protocol):
    """What people come into and go from."""

    async def turn(self, rooms: int) -> int:
        """Let people into so many rooms and out again; give how many they were."""

    async def quiet(self) -> None:
        """Wait until nothing is under way any more."""

    async def left(self) -> dict[str, int]:
        """Count what is still known of anybody."""


class ForgetfulStore(MemoryStore):
    """Records have to stay, and are somebody else's matter: here those of a room go when it has ended."""

    async def append(self, room_id: str, expected_revision: int, events: Any, audit_rows: Any = ()) -> int:
        """Keep what is needed until the end, so that what grows is not the records."""
        revision = await super().append(room_id, expected_revision, events, audit_rows)
        if any(isinstance(event, RoomEnded) for event in events):
            self._events.pop(room_id)
            self.audit.clear()
            self.log.clear()
        return revision

    async def load(self, room_id: str) -> list[Event]:
        """Give what is left, and leave no trace of having been asked."""
        return [] if room_id not in self._events else await super().load(room_id)


class Rooms:
    """Use cases, rooms, SDP and legs, over a store and an engine that are models."""

    def __init__(self) -> None:
        self._rig = Rig()
        self._rig.store = ForgetfulStore(self._rig.log)
        self._rig.start()

    async def turn(self, rooms: int) -> int:
        """By leaving, by being removed, by the end of the room, and with the socket cut, one after the other."""
        for number in range(rooms):
            room = await self._rig.open_room()
            doctor = await self._rig.enter(room, m.Role.DOCTOR, host=True)
            others = [await self._rig.enter(room) for _ in range(LEGS - 1)]
            await self._rig.say(doctor, m.AdmitAll(ref=2))
            self._rig.deliver()
            for page in others:
                if number % 4 == 0:
                    await self._rig.say(page, m.Leave())
                elif number % 4 == 1:
                    await self._rig.say(doctor, m.Remove(participant=page.participant, ref=3))
                elif number % 4 == 2:
                    await self._rig.lose(page)
            await self._rig.pass_time(GRACE)
            await self._rig.administration.end_room(room)
            self._rig.deliver()
        return rooms * LEGS

    async def quiet(self) -> None:
        """Do what was put off."""
        await self._rig.pass_time(GRACE)
        self._rig.deliver()

    async def left(self) -> dict[str, int]:
        """Rooms, legs, and what waits."""
        rig = self._rig
        return {
            "rooms": len(rig.service.rooms),
            "legs": len(rig.legs),
            "engine_legs": len(rig.engine.legs),
            "put_off": len(rig.later.waiting),
        }


@dataclass
class _Tap:
    """The engine, but that the handshakes' datagrams come here."""

    engine: Engine
    caught: list[bytes] = field(default_factory=list)

    def shard_of(self, room: int) -> int:
        """The engine's own."""
        return self.engine.shard_of(room)

    def submit(self, command: Command) -> None:
        """Take datagrams, pass everything else on."""
        if isinstance(command, SendDtls):
            self.caught += command.datagrams
        else:
            self.engine.submit(command)


class Handshakes:
    """Legs on the real engine, each with a whole handshake, whose datagrams take no network."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tap = _Tap(engine)
        self._legs = Legs(
            self._tap,
            certificate("server"),
            LegPolicy(lambda shard: (engine.addresses[shard],)),
            lambda _event: None,
        )
        loop = asyncio.get_running_loop()
        engine.listen(loop, lambda event: self._legs.handle_event(event, loop.time()))
        self._rooms = 0

    async def turn(self, rooms: int) -> int:
        """Open the legs of a room, secure them, close them."""
        for _ in range(rooms):
            self._rooms += 1
            for leg in [self._secured_leg(self._rooms) for _ in range(LEGS)]:
                self._legs.close(leg)
            self._tap.caught.clear()
            await self._engine_has_no_legs()
        return rooms * LEGS

    def _secured_leg(self, room: int) -> int:
        leg, _ = self._legs.open(room, offer_of("client"), ROLES, content_slots=1, now=0.0)
        client = DtlsClient(certificate("client"), named("server"), 0.0)
        while client.result is None:
            for datagram in client.datagrams_to_send():
                self._legs.handle_event(Dtls(leg=leg, data=datagram), 0.0)
            caught, self._tap.caught = self._tap.caught, []
            assert caught, client.error
            for datagram in caught:
                client.handle_datagram(datagram, 0.0)
        for datagram in client.datagrams_to_send():
            self._legs.handle_event(Dtls(leg=leg, data=datagram), 0.0)
        return leg

    async def _engine_has_no_legs(self) -> None:
        await settled(lambda: len(self._engine.snapshot().legs) == 0, _PATIENCE_S)

    async def quiet(self) -> None:
        """Nothing is ever under way between two turns."""
        await self._engine_has_no_legs()

    async def left(self) -> dict[str, int]:
        """Legs on both sides of the border."""
        snapshot = self._engine.snapshot()
        return {
            "legs": len(self._legs),
            "engine_legs": len(snapshot.legs),
            "engine_streams": len(snapshot.streams),
        }


@contextmanager
def handshakes() -> Any:
    """Legs on an engine of their own."""
    engine = Engine("127.0.0.1", 0, 1)
    try:
        yield Handshakes(engine)
    finally:
        engine.stop()


Turn = Callable[[int], Awaitable[int]]


class Whole:
    """The whole bridge in this process. Robots come by `turn`, wherever they run.

    `series` has how many Prometheus was given each time when it was quiet.
    """

    def __init__(self, bridge: Bridge, metrics_url: str, turn: Turn) -> None:
        self._bridge = bridge
        self._metrics_url = metrics_url
        self.turn = turn
        self.series: list[int] = []
        self._tasks = len(asyncio.all_tasks())

    async def quiet(self) -> None:
        """Wait until everybody's time to come back is over, their connections are closed, and the figures end."""
        await settled(lambda: len(asyncio.all_tasks()) <= self._tasks, _PATIENCE_S)
        await settled(lambda: not any(self._known().values()), _PATIENCE_S)
        async with asyncio.timeout(_PATIENCE_S):
            # A look at everybody's link each second keeps what it saw until it sees that nobody is there.
            while json.loads(await self._told("/legs/worst"))["legs"]:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(_BETWEEN_LOOKS_S)
        self.series.append(await self._count_series())
        await settled(lambda: len(asyncio.all_tasks()) <= self._tasks, _PATIENCE_S)

    async def left(self) -> dict[str, int]:
        """What use cases and engine know of anybody."""
        return self._known()

    def _known(self) -> dict[str, int]:
        service, snapshot = self._bridge.service, self._bridge.engine.snapshot()
        return {
            "rooms": len(service.rooms),
            "legs": len(service.outside.legs),
            "engine_legs": len(snapshot.legs),
            "engine_streams": len(snapshot.streams),
        }

    async def _count_series(self) -> int:
        lines = (await self._told("/metrics")).splitlines()
        return sum(not line.startswith("#") for line in lines)

    async def _told(self, path: str) -> str:
        connector = aiohttp.TCPConnector(force_close=True)
        url = self._metrics_url + path
        headers = as_operator(self._bridge)
        async with (
            aiohttp.ClientSession(connector=connector, headers=headers) as session,
            session.get(url) as told,
        ):
            return await told.text()

    async def records(self) -> int:
        """How many events are on record, which stay."""
        return sum(
            [len(await self._bridge.store.load(RoomId(one.id))) for one in await self._bridge.store.rooms()]
        )


@asynccontextmanager
async def running_bridge(folder: Path) -> AsyncIterator[tuple[Bridge, Target, str]]:
    """A bridge in this process, how its REST interface is reached, and where its metrics are served.

    Who has tried which link is kept until 4,096 others have, five blocks of Python's each; here that table is full
    from the first turn on, so that it is not what grows.
    """
    token = secrets.token_urlsafe(24)
    config = house_config(folder)
    config = replace(config, auth=replace(config.auth, api_token=token))
    metrics = f"http://{config.metrics.host}:{config.metrics.port}"
    with patch("signalling.gateways.guard.MAX_SOURCES", LEGS):
        async with run_bridge(config) as bridge:
            yield bridge, Target(f"http://127.0.0.1:{config.http.port}", token), metrics


@contextmanager
def robots_here(target: Target) -> Any:
    """Let robots come from this process; what they leave behind counts as well."""
    clips = clips_for("audio", "vp8")
    with gathered(clips, NativeOptions(check_percent=0)) as crowd:

        async def turn(rooms: int) -> int:
            async with aiohttp.ClientSession() as session:
                return await come_and_go(Office(session, target), crowd, rooms=rooms, legs=LEGS, at_once=AT_ONCE)

        yield turn
