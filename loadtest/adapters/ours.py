"""Our own bridge in a comparison: a process of its own, and robots who join as people do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from loadtest.adapters.bridge import Call, Setting
from loadtest.adapters.errors import Silent, Unreadable
from loadtest.adapters.stream import StreamMedia, StreamRobot
from loadtest.native import Crowd
from loadtest.target import Office, Target, own_bridge
from signalling.messages import Admit, Place, Role

_CONNECT_S: Final = 15.0
_LEAVE_S: Final = 10.0
_SENT: Final = "brotjeneste_sent_packets_total"


class OurBridge:
    """A running bridge. Robots live in a task group until the block that made this ends."""

    name: Final = "bridge"

    def __init__(
        self,
        target: Target,
        office: Office,
        http: aiohttp.ClientSession,
        crowd: Crowd,
        group: asyncio.TaskGroup,
    ) -> None:
        if target.pid is None or target.metrics_url is None:
            raise Unreadable("the bridge to compare must be a process of our own")
        self.pid = target.pid
        self._metrics_url = target.metrics_url
        self._http = http
        self._office = office
        self._crowd = crowd
        self._group = group
        self._robots: list[StreamRobot] = []

    @property
    def settings(self) -> Mapping[str, Setting]:
        """What differs from the defaults, and the SRTP profile that was agreed."""
        profiles = {profile for robot in self._robots if (profile := _media(robot).profile)}
        return {"media.shards": 1, "srtp_profile": ",".join(sorted(profiles))}

    async def open_call(self, receivers: int) -> Call:
        """See `Bridge`."""
        room = await self._office.open_room("Side by side", receivers + 1)
        source = await self._enter(room, Role.DOCTOR, host=True)
        sender = _media(source)
        sender.play(on=False)
        media = [await self._receive(room, source) for _ in range(receivers)]
        return Call(sender.client, tuple(one.client for one in media))

    async def packets_out(self) -> int:
        """See `Bridge`; from the bridge's metrics."""
        async with self._http.get(self._metrics_url) as response:
            return rtp_sent(await response.text())

    def leave(self) -> None:
        """Let every robot go."""
        for robot in self._robots:
            robot.stop()

    async def _receive(self, room: str, host: StreamRobot) -> StreamMedia:
        robot = await self._enter(room, Role.PATIENT, host=False)
        if robot.welcome is None:
            raise Silent("a robot was not welcomed")
        await host.request(Admit, participant=robot.welcome.participant)
        await _in_time(robot, lambda one: one.place is Place.ADMITTED)
        return _media(robot)

    async def _enter(self, room: str, role: Role, *, host: bool) -> StreamRobot:
        link = await self._office.invite(room, role, f"Robot {len(self._robots) + 1}", host=host)
        robot = StreamRobot(link, self._crowd, sends=host)
        self._robots.append(robot)
        self._group.create_task(robot.run())
        await _in_time(robot, lambda one: one.media_state == "connected")
        return robot


def rtp_sent(text: str) -> int:
    """Read from the bridge's metrics how many RTP packets it has sent. Raises `Unreadable`."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == _SENT and sample.labels.get("protocol") == "rtp":
                return int(sample.value)
    raise Unreadable("the bridge's metrics do not say how much it has sent")


def _media(robot: StreamRobot) -> StreamMedia:
    if not isinstance(robot.media, StreamMedia):
        raise Silent("a robot has no media")
    return robot.media


async def _in_time(robot: StreamRobot, holds: Callable[[StreamRobot], bool]) -> None:
    try:
        async with asyncio.timeout(_CONNECT_S):
            await robot.wait_for(holds)
    except TimeoutError:
        raise Silent("a robot did not get as far as it should in our bridge") from None


@asynccontextmanager
async def our_bridge(serve: Sequence[str], crowd: Crowd, legs: int) -> AsyncIterator[OurBridge]:
    """Run a bridge of ours on 127.0.0.1 by the command `serve`, for rooms of so many. Raises `Unreachable`."""
    async with own_bridge(serve, legs, 1) as target, aiohttp.ClientSession() as http, asyncio.TaskGroup() as group:
        bridge = OurBridge(target, Office(http, target), http, crowd, group)
        try:
            yield bridge
        finally:
            bridge.leave()
