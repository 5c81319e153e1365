"""What every synthetic participant does over the WebSocket: join by a link, offer, wait, be admitted, act, go.

How media is sent and received is another's: `Media` says what is asked of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final, Protocol, Self

import aiohttp

from loadtest.errors import MediaFailed, ProtocolBroken, Rejected, TooManyRequests, Unreachable
from loadtest.link import parse_link
from signalling.errors import SignallingError
from signalling.messages import (
    PROTOCOL_VERSION,
    Answer,
    Bye,
    CallSuggested,
    Cancelled,
    ClientMessage,
    Codec,
    Demand,
    ErrorMessage,
    Invited,
    Join,
    Language,
    Layout,
    Leave,
    Missed,
    Offer,
    Ok,
    Place,
    PoorLine,
    Roster,
    ServerMessage,
    SlotCounts,
    Sources,
    Stats,
    Still,
    Texted,
    TurnedAway,
    Welcome,
    Written,
    decode_server,
    encode_client,
)

LEFT: Final = "left"
LOST: Final = "lost"
_GRACE_S: Final = 2.0
_OPEN_S: Final = 10.0
_MAX_PENDING: Final = 64
_MAX_FAULTS: Final = 32
_OFFER_REF: Final = 0
_SECRET_BYTES: Final = 32
# A clip is sent as it is, whatever is wanted, and what people are told is for them to act on.
_UNHEEDED: Final = (Demand, Codec, Cancelled, Missed, TurnedAway, Texted, Written, Still, PoorLine, CallSuggested)


class Media(Protocol):
    """One media connection of a participant."""

    @property
    def state(self) -> str:
        """State of ICE and DTLS together, in WebRTC's words (`new`, `connected`, `failed`, `closed`, ...)."""

    async def offer(self, limits: SlotCounts) -> tuple[str, Sources]:
        """SDP with the sources and the slots in the protocol's order, and which m-lines send."""

    async def accept(self, sdp: str, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Take the answer, and give the tasks that now run in `group`. Raises `MediaFailed`."""

    def assign(self, layout: Layout) -> None:
        """Learn who is in each slot from now on."""

    async def close(self) -> bool:
        """Stop sending and receiving; False when that did not end in time."""


class Participant(ABC):
    """One participant. `run` is its whole life; other tasks may call the other methods meanwhile.

    `resume` is the secret of an earlier stay on the same link, without which a participant makes its own; `tls` is
    what aiohttp takes as `ssl`.
    """

    def __init__(
        self,
        link: str,
        *,
        language: Language = Language.EN,
        resume: str | None = None,
        tls: ssl.SSLContext | bool = True,
    ) -> None:
        self._link = parse_link(link)
        self._language = language
        self._resume = resume or secrets.token_urlsafe(_SECRET_BYTES)
        self._tls = tls
        self._media: Media | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._answered = False
        self._waiting: set[asyncio.Event] = set()
        self._pending: dict[int, asyncio.Future[Ok | Invited]] = {}
        # Why the conversation ended, for those who wait for a reply then.
        self._parting = LEFT
        self._last_ref = _OFFER_REF
        self._layout = Layout(slots=[])
        self._count: Counter[str] = Counter()
        self.welcome: Welcome | None = None
        self.roster: Roster | None = None
        self.stats: Stats | None = None
        self.faults: deque[str] = deque(maxlen=_MAX_FAULTS)

    @abstractmethod
    def _open_media(self, welcome: Welcome) -> Media:
        """Make the media connection, once the bridge has let the participant in."""

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

    async def wait_for(self, holds: Callable[[Self], bool]) -> None:
        """Wait until `holds(self)`: looked at after each message, frame and change of state."""
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

    # --- inside ---

    async def _open(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        try:
            async with asyncio.timeout(_OPEN_S):
                return await session.ws_connect(self._link.socket_url, ssl=self._tls, max_msg_size=2**20)
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
        token, resume = self._link.token, self._resume
        await self._send(Join(version=PROTOCOL_VERSION, token=token, resume=resume, language=self._language))
        async for raw in socket:
            if raw.type is not aiohttp.WSMsgType.TEXT:
                raise ProtocolBroken("the bridge sent something that is not text")
            self._count["messages"] += 1
            message = _decode(raw.data)
            if isinstance(message, Bye):
                self._parting = message.code
                return message.code
            await self._take(message, group)
            self._changed()
        self._parting = LEFT if self._stopping.is_set() else LOST
        return self._parting

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
                if self._media is not None:
                    self._media.assign(message)
            case Stats():
                self.stats = message
            case _ if isinstance(message, _UNHEEDED):
                pass
            case Ok() | Invited() | ErrorMessage():
                self._reply(message)
            case _:
                raise ProtocolBroken(f"{type(message).__name__} came at the wrong moment")

    async def _enter(self, welcome: Welcome) -> None:
        if self.welcome is not None:
            raise ProtocolBroken("a second welcome came")
        self.welcome = welcome
        self._media = media = self._open_media(welcome)
        sdp, sources = await media.offer(welcome.slots)
        media.assign(self._layout)
        await self._send(Offer(sdp=sdp, sources=sources, ref=_OFFER_REF))

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
        await self.wait_for(lambda self: self.media_state in ("failed", "closed"))
        # A bridge that has shown somebody out says so over the socket, which may be a little behind.
        await asyncio.sleep(_GRACE_S)
        raise MediaFailed(f"ICE or DTLS is {self.media_state}")

    def _changed(self) -> None:
        for event in self._waiting:
            event.set()

    async def _clean_up(self) -> None:
        self._socket = None
        for reply in self._pending.values():
            if not reply.done():
                reply.set_exception(Rejected(self._parting))
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
