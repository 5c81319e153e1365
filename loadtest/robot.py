"""A synthetic participant: joins by a link, waits, is admitted, sends picture and tone, looks and listens."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from loadtest.errors import MediaFailed, ProtocolBroken, Rejected, TooManyRequests, Unreachable
from loadtest.link import parse_link
from loadtest.media_client import MediaClient, MediaOptions
from loadtest.slots import Slot
from signalling.errors import SignallingError
from signalling.messages import (
    PROTOCOL_VERSION,
    Answer,
    Bye,
    ClientMessage,
    ErrorMessage,
    Invited,
    Join,
    Language,
    Layout,
    Leave,
    Offer,
    Ok,
    Place,
    Roster,
    ServerMessage,
    Stats,
    Welcome,
    decode_server,
    encode_client,
)
from transcode.pictures import PictureReading

LEFT: Final = "left"
LOST: Final = "lost"
_GRACE_S: Final = 2.0
_OPEN_S: Final = 10.0
_MAX_PENDING: Final = 64
_MAX_FAULTS: Final = 32
_OFFER_REF: Final = 0
_SECRET_BYTES: Final = 32


@dataclass(frozen=True)
class RobotOptions:
    """How a robot behaves.

    `resume` is the secret of an earlier stay on the same link, without which a robot makes its own; `tls` is what
    aiohttp takes as `ssl`.
    """

    media: MediaOptions
    language: Language = Language.EN
    resume: str | None = None
    tls: ssl.SSLContext | bool = True


@dataclass(frozen=True)
class RobotCounters:
    """What one robot has counted since its start."""

    messages: int
    pictures_skipped: int
    tone_blocks_skipped: int
    frames_received: int
    pictures_unreadable: int
    faults_dropped: int
    unclean_closes: int


class Robot:
    """One participant. `run` is its whole life; other tasks may call the other methods meanwhile."""

    def __init__(self, link: str, options: RobotOptions) -> None:
        self._link = parse_link(link)
        self.options = options
        self._media: MediaClient | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._answered = False
        self._waiting: set[asyncio.Event] = set()
        self._pending: dict[int, asyncio.Future[Ok | Invited]] = {}
        self._last_ref = _OFFER_REF
        self._layout = Layout(slots=[])
        self._count: Counter[str] = Counter()
        self.welcome: Welcome | None = None
        self.roster: Roster | None = None
        self.stats: Stats | None = None
        self.faults: deque[str] = deque(maxlen=_MAX_FAULTS)

    async def run(self) -> str:
        """Join, stay until the end, and clean up. Returns the code of the end.

        That is the code of the bridge's `bye` (`removed`, `ended`, ...), `left` after `stop`, or `lost` when
        the socket closed without a word. Raises `Unreachable`, `Rejected`, `MediaFailed`, `ProtocolBroken` or
        `NoNetwork`. A robot runs once.
        """
        try:
            async with aiohttp.ClientSession() as session:
                socket = await self._open(session)
                try:
                    return await self._stay(socket)
                finally:
                    await socket.close()
        except BaseExceptionGroup as group:
            # One part failed and the others were cancelled for it; callers care for the failure.
            raise _first(group) from None
        finally:
            await self._clean_up()

    def stop(self) -> None:
        """Leave politely: `run` returns `left` soon after."""
        self._stopping.set()
        self._changed()

    async def wait_for(self, holds: Callable[[Robot], bool]) -> None:
        """Wait until `holds(robot)`: looked at after each message, frame and change of state."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            while not holds(self):
                event.clear()
                await event.wait()
        finally:
            self._waiting.discard(event)

    async def request(self, kind: Callable[..., ClientMessage], **fields: Any) -> Ok | Invited:
        """Send a message that is answered, as in `request(Admit, participant=...)`; raises `Rejected`.

        The robot chooses the `ref`. Raises `TooManyRequests` when 64 others wait for a reply.
        """
        if self._socket is None:
            raise Rejected("wrong_state")
        if len(self._pending) >= _MAX_PENDING:
            raise TooManyRequests("64 requests wait for a reply")
        self._last_ref += 1
        ref = self._last_ref
        reply = self._pending[ref] = asyncio.get_running_loop().create_future()
        try:
            await self._send(kind(ref=ref, **fields))
            answer: Ok | Invited = await reply
        finally:
            del self._pending[ref]
        return answer

    @property
    def place(self) -> Place | None:
        """Where the bridge last said that this robot is; None before its welcome."""
        mine = next((person for person in self.roster.people if person.you), None) if self.roster else None
        if mine is not None:
            return mine.place
        return self.welcome.place if self.welcome else None

    @property
    def media_state(self) -> str:
        """State of the media connection in WebRTC's words; `new` before there is one."""
        return self._media.state if self._media else "new"

    @property
    def slots(self) -> dict[str, Slot]:
        """The receiving slots by mid."""
        return self._media.slots if self._media else {}

    def seen(self, source: str = "camera") -> dict[str, PictureReading]:
        """Newest reading of each participant whose `source` (`camera`, `content`) is in a slot."""
        return {
            slot.occupant.participant: reading
            for slot in self.slots.values()
            if slot.occupant and slot.occupant.source == source and (reading := slot.picture())
        }

    def heard(self) -> dict[str, float]:
        """Frequency in Hz of each participant whose microphone is in a slot and gives a clear tone."""
        return {
            slot.occupant.participant: hz
            for slot in self.slots.values()
            if slot.occupant and slot.occupant.source == "mic" and (hz := slot.tone_hz()) is not None
        }

    def counters(self) -> RobotCounters:
        """Everything counted so far."""
        media = self._media
        return RobotCounters(
            messages=self._count["messages"],
            pictures_skipped=media.picture_track.pacer.skipped if media else 0,
            tone_blocks_skipped=media.tone_track.pacer.skipped if media else 0,
            frames_received=sum(slot.frames for slot in self.slots.values()),
            pictures_unreadable=sum(slot.unreadable for slot in self.slots.values()),
            faults_dropped=self._count["faults_dropped"],
            unclean_closes=self._count["unclean_closes"],
        )

    # --- inside ---

    async def _open(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        try:
            async with asyncio.timeout(_OPEN_S):
                return await session.ws_connect(self._link.socket_url, ssl=self.options.tls, max_msg_size=2**20)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(f"no WebSocket at the link's host ({type(error).__name__})") from None

    async def _stay(self, socket: aiohttp.ClientWebSocketResponse) -> str:
        self._socket = socket
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._leave_when_stopped()),
                group.create_task(self._fail_with_media()),
            ]
            try:
                return await self._converse(socket, group)
            finally:
                for task in helpers + self._watchers:
                    task.cancel()

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse, group: asyncio.TaskGroup) -> str:
        token, resume = self._link.token, self.options.resume or secrets.token_urlsafe(_SECRET_BYTES)
        await self._send(
            Join(version=PROTOCOL_VERSION, token=token, resume=resume, language=self.options.language)
        )
        async for raw in socket:
            if raw.type is not aiohttp.WSMsgType.TEXT:
                raise ProtocolBroken("the bridge sent something that is not text")
            self._count["messages"] += 1
            message = _decode(raw.data)
            if isinstance(message, Bye):
                return message.code
            await self._take(message, group)
            self._changed()
        return LEFT if self._stopping.is_set() else LOST

    async def _take(self, message: ServerMessage, group: asyncio.TaskGroup) -> None:
        match message:
            case Welcome():
                await self._enter(message)
            case Answer() if self._media and not self._answered:
                self._answered = True
                self._watchers = await self._media.accept(message.sdp, group)
            case Roster():
                self.roster = message
            case Layout():
                self._layout = message
                self._assign()
            case Stats():
                self.stats = message
            case Ok() | Invited() | ErrorMessage():
                self._reply(message)
            case _:
                raise ProtocolBroken(f"{type(message).__name__} came at the wrong moment")

    async def _enter(self, welcome: Welcome) -> None:
        if self.welcome is not None:
            raise ProtocolBroken("a second welcome came")
        self.welcome = welcome
        self._media = MediaClient(self.options.media, welcome.ice_servers, self._changed)
        sdp, sources = await self._media.offer(welcome.slots)
        self._assign()
        await self._send(Offer(sdp=sdp, sources=sources, ref=_OFFER_REF))

    def _assign(self) -> None:
        occupants = {occupant.mid: occupant for occupant in self._layout.slots}
        for mid, slot in self.slots.items():
            slot.assign(occupants.get(mid))

    def _reply(self, message: Ok | Invited | ErrorMessage) -> None:
        reply = self._pending.get(message.ref) if message.ref is not None else None
        if not isinstance(message, ErrorMessage):
            if reply is not None and not reply.done():
                reply.set_result(message)
        elif reply is not None and not reply.done():
            reply.set_exception(Rejected(message.code))
        elif self.welcome is None:
            raise Rejected(message.code)
        elif message.ref == _OFFER_REF:
            raise MediaFailed(f"the bridge refused the offer: {message.code}")
        else:
            self._count["faults_dropped"] += len(self.faults) == _MAX_FAULTS
            self.faults.append(message.code)

    async def _send(self, message: ClientMessage) -> None:
        if self._socket is not None:
            # A socket that is closing ends `_converse`, which says why; the sender has nothing to add.
            with contextlib.suppress(ConnectionError):
                await self._socket.send_str(encode_client(message))

    async def _leave_when_stopped(self) -> None:
        await self._stopping.wait()
        await self._send(Leave())
        await asyncio.sleep(_GRACE_S)
        if self._socket is not None:
            await self._socket.close()

    async def _fail_with_media(self) -> None:
        await self.wait_for(lambda robot: robot.media_state == "failed")
        raise MediaFailed("ICE or DTLS failed")

    def _changed(self) -> None:
        for event in self._waiting:
            event.set()

    async def _clean_up(self) -> None:
        self._socket = None
        for reply in self._pending.values():
            if not reply.done():
                reply.set_exception(Rejected("left"))
        if self._media is not None:
            self._count["unclean_closes"] += not await self._media.close()


def _decode(data: str) -> ServerMessage:
    try:
        return decode_server(data)
    except SignallingError as error:
        raise ProtocolBroken(f"the bridge sent a message that cannot be read ({error.code})") from None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Dig the first failure out of nested groups."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
