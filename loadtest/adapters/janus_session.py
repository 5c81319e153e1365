"""A conversation with Janus over one of its WebSockets: requests with their answers, and who is connected."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

import aiohttp

from loadtest.adapters import janus_messages as jm
from loadtest.adapters.errors import Silent

_ANSWER_S: Final = 10.0
_CONNECT_S: Final = 15.0


class Conversation:
    """Requests are matched with answers by transaction; whatever else Janus says is counted by its kind."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, secret: str) -> None:
        self.said: Counter[str] = Counter()
        self._socket = socket
        self._secret = secret
        self._numbers = count(1)
        self._pending: dict[str, asyncio.Future[jm.Message]] = {}
        self._up: dict[int, asyncio.Event] = {}

    async def listen(self) -> None:
        """Take in messages until the socket closes. Raises `Unreadable`."""
        async for raw in self._socket:
            self.take(jm.decode(raw.data))
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(Silent("Janus closed the connection"))

    def take(self, message: jm.Message) -> None:
        """Bring a message to whoever waits for it."""
        self.said[message.kind] += 1
        waiting = self._pending.get(message.transaction or "")
        if waiting is not None and not waiting.done() and message.is_final:
            if message.fault is not None:
                waiting.set_exception(message.fault)
            else:
                waiting.set_result(message)
        if message.kind == "webrtcup" and message.sender is not None:
            self._connection(message.sender).set()

    async def ask(self, request: jm.Json) -> jm.Message:
        """Send a request and give its last answer. Raises `Refused` or `Silent`."""
        transaction = str(next(self._numbers))
        waiting: asyncio.Future[jm.Message] = asyncio.get_running_loop().create_future()
        self._pending[transaction] = waiting
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._socket.send_str(jm.encode(request, transaction, self._secret))
                return await waiting
        except (TimeoutError, ConnectionError):
            raise Silent(f"Janus did not answer {request['janus']} in time") from None
        finally:
            del self._pending[transaction]

    async def new_id(self, request: jm.Json) -> int:
        """Ask for a session or a handle, and give its id."""
        answer = await self.ask(request)
        if answer.id is None:
            raise Silent(f"Janus gave no id for {request['janus']}")
        return answer.id

    async def connected(self, handle: int) -> None:
        """Wait until ICE and DTLS of a handle are through. Raises `Silent`."""
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._connection(handle).wait()
        except TimeoutError:
            raise Silent("a connection to Janus did not come up in time") from None

    def _connection(self, handle: int) -> asyncio.Event:
        return self._up.setdefault(handle, asyncio.Event())


@asynccontextmanager
async def conversation(
    http: aiohttp.ClientSession, url: str, subprotocol: str, secret: str
) -> AsyncIterator[Conversation]:
    """Open a WebSocket to Janus, which is closed at the end of the block. Raises aiohttp's errors."""
    async with http.ws_connect(url, protocols=[subprotocol], max_msg_size=2**22) as socket:
        spoken = Conversation(socket, secret)
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(spoken.listen())
            try:
                yield spoken
            finally:
                reader.cancel()
