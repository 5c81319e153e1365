"""Connections: those that come in, those that are wished for, and ports on which one peer connects for H.245."""

import asyncio
import socket
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any, Final, Protocol, Self, cast

from signalling.gateways.h323.events import LineId

MAX_UNSENT: Final = 262_144
"""Bytes that may wait for a peer that does not read."""
CONNECT_SECONDS: Final = 5.0
KEEP_ALIVE: Final = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 4))
"""Seconds and tries after which a peer that is gone is noticed, also where nothing is said (tcp(7))."""


class Owner(Protocol):
    """Who is told."""

    def arrived(self, host: str) -> LineId | None:
        """Somebody has connected; None: close it."""

    def opened(self, line: LineId) -> None:
        """A connection that was wished for is there."""

    def listens(self, line: LineId, port: int) -> None:
        """There is a port for it."""

    def broken(self, line: LineId) -> None:
        """It is closed, or did not come to be."""

    def received(self, line: LineId, data: bytes) -> None:
        """Bytes came."""


class Network:
    """All sockets of one agent. Use as a context: leaving it closes them."""

    def __init__(self, owner: Owner, bind: str, ports: tuple[int, int]) -> None:
        """Listen at `bind`; for H.245 on one of the `ports`, first and last, or on any free one if they are 0."""
        self.counts: Counter[str] = Counter()
        self.owner = owner
        self._bind = bind
        self._ports = ports
        self._next = ports[0]
        self._servers: list[asyncio.Server] = []
        self._listening: dict[LineId, asyncio.Server] = {}
        self._connections: dict[LineId, Connection] = {}
        self._tasks = asyncio.TaskGroup()
        self._opening: dict[LineId, asyncio.Task[None]] = {}
        self._closed = False

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._closed = True
        for server in (*self._servers, *self._listening.values()):
            server.close()
        for connection in list(self._connections.values()):
            connection.close()
        for task in self._opening.values():
            task.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def listen(self, port: int) -> int:
        """Take calls; returns the port."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self), self._bind, port)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    # What the agent wishes.

    def send(self, line: LineId, data: bytes) -> None:
        """Send."""
        connection = self._connections.get(line)
        if connection is not None:
            connection.write(data)

    def close(self, line: LineId) -> None:
        """Close when all is sent, or give up what is not there yet."""
        connection = self._connections.pop(line, None)
        if connection is not None:
            connection.close()
        self._listen_no_more(line)
        task = self._opening.pop(line, None)
        if task is not None:
            task.cancel()

    def open(self, line: LineId, host: str, port: int) -> None:
        """Connect to a peer."""
        self._begin(line, self._open(line, host, port))

    def listen_for(self, line: LineId, host: str) -> None:
        """Take one connection from a peer, whose address this is; from anybody if it is empty."""
        self._begin(line, self._listen_for(line, host))

    def _begin(self, line: LineId, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks.create_task(work)
        self._opening[line] = task
        task.add_done_callback(
            lambda done: self._opening.pop(line, None) if self._opening.get(line) is done else None
        )

    async def _open(self, line: LineId, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        local = None if self._bind in ("0.0.0.0", "::") else (self._bind, 0)  # noqa: S104 - it is what is compared
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.create_connection(lambda: Connection(self, line), host, port, local_addr=local)
        except (OSError, TimeoutError):
            self.counts["not_connected"] += 1
            # Not from here: what the agent does with it must not end this task, and all others with it.
            loop.call_soon(self.owner.broken, line)

    async def _listen_for(self, line: LineId, host: str) -> None:
        loop = asyncio.get_running_loop()
        for port in self._candidates():
            with suppress(OSError):
                server = await loop.create_server(
                    lambda: Connection(self, line, host), self._bind, port, backlog=4
                )
                self._listening[line] = server
                loop.call_soon(self.owner.listens, line, int(server.sockets[0].getsockname()[1]))
                return
        self.counts["no_port"] += 1
        loop.call_soon(self.owner.broken, line)

    def _candidates(self) -> Iterator[int]:
        """The ports to try: each in its turn, so that one rests after a call."""
        first, last = self._ports
        for _ in range(last - first + 1):
            port = self._next
            self._next = first if port >= last else port + 1
            yield port

    def _listen_no_more(self, line: LineId) -> None:
        server = self._listening.pop(line, None)
        if server is not None:
            server.close()

    # What connections tell.

    def admit(self, connection: "Connection", host: str, line: LineId | None, only: str) -> LineId | None:
        """Give a new connection its line; None: it is not wanted."""
        if self._closed:
            return None
        if line is None:
            line = self.owner.arrived(host)
        elif line in self._connections or (only and only != host):
            self.counts["not_expected"] += 1
            return None
        if line is not None:
            self._connections[line] = connection
            self._listen_no_more(line)
        return line

    def dismiss(self, line: LineId) -> None:
        """A connection is closed by the other side."""
        if self._connections.pop(line, None) is not None and not self._closed:
            self.owner.broken(line)


class Connection(asyncio.Protocol):
    """One connection, for a line that there is already or for a new one."""

    def __init__(self, network: Network, line: LineId | None = None, only: str = "") -> None:
        self._network = network
        self._line: LineId | None = None
        self._wished = line
        self._only = only
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._line = self._network.admit(self, _plain(peer[0]), self._wished, self._only) if peer else None
        if self._line is None:
            self._transport.abort()
            return
        made = transport.get_extra_info("socket")
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEP_ALIVE:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
        if self._wished is not None:
            self._network.owner.opened(self._line)

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        if self._line is not None:
            self._network.owner.received(self._line, data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why makes no difference
        """It was closed from either side."""
        if self._line is not None:
            self._network.dismiss(self._line)

    def write(self, data: bytes) -> None:
        """Send, unless the peer does not read what it is sent."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self._network.counts["unread"] += 1
            self._transport.abort()
            return
        self._transport.write(data)

    def close(self) -> None:
        """Close when all is sent; a peer that does not read is not waited for."""
        transport = self._transport
        self._line = None
        if transport is not None:
            transport.close()
            asyncio.get_running_loop().call_later(CONNECT_SECONDS, transport.abort)


def _plain(host: str) -> str:
    """An address of IPv4 that came to a socket of IPv6, without its clothes."""
    return host.removeprefix("::ffff:") if "." in host else host
