"""Janus' VideoRoom as a bridge to compare with: Debian's package, as a child process on this machine alone."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from loadtest.adapters import janus_messages as jm
from loadtest.adapters.bridge import Call, Setting
from loadtest.adapters.errors import DidNotStart, Silent, Unreadable
from loadtest.adapters.janus_config import Place, Variant, settings, write
from loadtest.adapters.janus_session import Conversation, conversation
from loadtest.adapters.stream import StreamMedia
from loadtest.native import Crowd
from loadtest.process import last_words, running
from loadtest.target import free_ports
from signalling.messages import Layout, LayoutSlot, SlotCounts, SourceName

_START_S: Final = 15.0
_POLL_S: Final = 0.05
_CONNECT_S: Final = 15.0
# Janus numbers the streams of a subscription, and there is one.
_MID: Final = "0"
_NO_SLOTS: Final = SlotCounts(audio=0, video=0, content=0)


@dataclass(frozen=True)
class Server:
    """A running Janus: how it was configured, its process, both of its APIs, and a session of ours."""

    variant: Variant
    pid: int
    api: Conversation
    admin: Conversation
    session: int


class JanusBridge:
    """A running Janus in whose session every robot has a handle."""

    def __init__(self, server: Server, crowd: Crowd) -> None:
        self.pid = server.pid
        self._variant = server.variant
        self._api = server.api
        self._admin = server.admin
        self._session = server.session
        self._crowd = crowd
        self._rooms = 0
        self._subscribers: list[int] = []
        self._profiles: set[str] = set()

    @property
    def name(self) -> str:
        """The variant's."""
        return self._variant.name

    @property
    def settings(self) -> Mapping[str, Setting]:
        """The configuration beyond the defaults, and the SRTP profile that was seen."""
        return {**settings(self._variant), "srtp_profile": ",".join(sorted(self._profiles))}

    async def open_call(self, receivers: int) -> Call:
        """See `Bridge`."""
        self._rooms += 1
        room = self._rooms
        handle = await self._attach()
        await self._api.ask(jm.create_room(self._session, handle, room, self._variant.room))
        publisher = f"{self.name}-{room}"
        source, feed = await self._publish(room, handle, publisher)
        source.play(on=False)
        media = [await self._subscribe(room, feed, publisher) for _ in range(receivers)]
        return Call(source.client, tuple(one.client for one in media))

    async def packets_out(self) -> int:
        """See `Bridge`; asked of Janus' Admin API, connection by connection."""
        total = 0
        for handle in self._subscribers:
            info = (await self._admin.ask(jm.handle_info(self._session, handle))).info
            if info is None:
                raise Unreadable("Janus said nothing about a connection")
            total += info.packets_out
            self._profiles.add(info.srtp_profile)
        return total

    async def _attach(self) -> int:
        return await self._api.new_id(jm.attach(self._session))

    async def _publish(self, room: int, handle: int, name: str) -> tuple[StreamMedia, int]:
        changed = asyncio.Event()
        media = StreamMedia(self._crowd, name, changed.set, sends=True)
        offer, _ = await media.offer(_NO_SLOTS)
        # The robots have a DTLS client only, and Janus would take that part if it were left to choose.
        offer = offer.replace("a=setup:actpass", "a=setup:active")
        answer = await self._api.ask(jm.publish(self._session, handle, room, offer))
        await self._connect(media, handle, jm.description(answer, "answer"), changed)
        return media, jm.publisher_id(answer)

    async def _subscribe(self, room: int, feed: int, publisher: str) -> StreamMedia:
        changed = asyncio.Event()
        media = StreamMedia(self._crowd, f"{publisher}-{len(self._subscribers)}", changed.set, sends=False)
        handle = await self._attach()
        offer = jm.description(await self._api.ask(jm.subscribe(self._session, handle, room, feed)), "offer")
        await self._api.ask(jm.start(self._session, handle, media.answer(offer)))
        places = [LayoutSlot(mid=_MID, participant=publisher, source=SourceName.CAMERA)]
        media.assign(Layout(slots=places))
        await self._connect(media, handle, offer, changed)
        self._subscribers.append(handle)
        return media

    async def _connect(self, media: StreamMedia, handle: int, remote: str, changed: asyncio.Event) -> None:
        """Let a robot connect to what Janus has described, and wait until both ends say that it is through."""
        async with asyncio.TaskGroup() as group:
            await media.accept(remote, group)
        try:
            async with asyncio.timeout(_CONNECT_S):
                while media.state == "connecting":
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            raise Silent("a robot did not get through to Janus in time") from None
        if media.state != "connected":
            raise Silent(f"a robot's connection to Janus failed ({media.code})")
        await self._api.connected(handle)


@asynccontextmanager
async def janus_bridge(variant: Variant, address: str, crowd: Crowd) -> AsyncIterator[JanusBridge]:
    """Run a Janus whose media is on `address`, which must not be loopback: Janus passes that over.

    Raises `NotInstalled` or `DidNotStart`.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="brotjeneste-janus-")))
        port, admin_port = free_ports(2)
        place = Place(folder, address, port, admin_port, secrets.token_hex(16))
        write(place, variant)
        command = ["janus", f"--configs-folder={folder}", f"--config={folder / 'janus.jcfg'}"]
        process = await stack.enter_async_context(running(command, folder))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        await _until_ready(process, http, place)
        api = await stack.enter_async_context(
            conversation(http, f"http://127.0.0.1:{port}/", jm.SUBPROTOCOL, place.secret)
        )
        admin = await stack.enter_async_context(
            conversation(http, f"http://127.0.0.1:{admin_port}/", jm.ADMIN_SUBPROTOCOL, place.secret)
        )
        session = await api.new_id(jm.create_session())
        yield JanusBridge(Server(variant, process.pid, api, admin, session), crowd)


async def _until_ready(process: asyncio.subprocess.Process, http: aiohttp.ClientSession, place: Place) -> None:
    """Wait until both WebSockets take connections: the transport opens them last of all."""
    ports = {place.port: jm.SUBPROTOCOL, place.admin_port: jm.ADMIN_SUBPROTOCOL}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_START_S):
            while ports and process.returncode is None:
                port, subprotocol = next(iter(ports.items()))
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    async with http.ws_connect(f"http://127.0.0.1:{port}/", protocols=[subprotocol]):
                        del ports[port]
                        continue
                await asyncio.sleep(_POLL_S)
    if ports:
        raise DidNotStart(f"Janus did not start: {await last_words(place.folder)}")
