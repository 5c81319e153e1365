"""Sockets: datagrams, and connections that are reused (RFC 3261 section 18, RFC 5923)."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, Self, cast

from signalling.gateways.sip.flows import Flow, Transport
from signalling.gateways.sip.framing import PONG, Framer, FramingError
from signalling.gateways.sip.io.tls import identities, stands_for

RECEIVE_BUFFER: Final = 4_194_304
"""What is asked for; the system gives as much of it as it allows (net.core.rmem_max)."""
MAX_CONNECTIONS: Final = 1_000
MAX_UNSENT: Final = 262_144
"""Bytes that may wait for a peer that does not read."""
CONNECT_SECONDS: Final = 5.0
UNFINISHED_SECONDS: Final = 10.0
"""How long half a message may wait for its rest."""
IDLE_SECONDS: Final = 3_600.0
"""A connection on which nothing came for so long is closed; sessions are refreshed more often."""

Receive = Callable[[bytes, Flow], None]
Broken = Callable[[Flow], None]


class Network:
    """All sockets of one agent. Use as a context: leaving it closes them.

    `received` gets each message and its flow; `broken` each flow on which a message could not be sent.
    """

    def __init__(self, received: Receive, broken: Broken, tls: ssl.SSLContext | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.received = received
        self.broken = broken
        self._client_tls = tls
        self._datagrams: asyncio.DatagramTransport | None = None
        self._servers: list[asyncio.Server] = []
        self._connections: dict[int, Connection] = {}
        self._opening: dict[Flow, list[bytes]] = {}
        self._last = 0
        self._closed = False
        self._tasks = asyncio.TaskGroup()
        self._opening_tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._closed = True
        for server in self._servers:
            server.close()
        if self._datagrams is not None:
            self._datagrams.close()
        for connection in list(self._connections.values()):
            connection.abort()
        for task in self._opening_tasks:
            task.cancel()
        await self._tasks.__aexit__(None, None, None)

    # Listening.

    async def bind(self, host: str, port: int) -> int:
        """Take datagrams at this address; returns the port."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), (host, port))
        # The system's default holds two hundred messages, which a busy machine loses in a second or two.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._datagrams = transport
        return int(transport.get_extra_info("sockname")[1])

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Take connections at this address, over TLS with a context; returns the port."""
        kind: Transport = "TCP" if tls is None else "TLS"
        loop = asyncio.get_running_loop()
        handshake = None if tls is None else CONNECT_SECONDS
        server = await loop.create_server(
            lambda: Connection(self, kind), host, port, ssl=tls, ssl_handshake_timeout=handshake
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    # Sending.

    def send(self, data: bytes, flow: Flow) -> None:
        """Send a message; a connection is opened if there is none. What cannot be sent comes back as `broken`."""
        if self._closed:
            return
        if flow.transport == "UDP":
            if self._datagrams is not None:
                self._datagrams.sendto(data, (flow.host, flow.port))
            return
        connection = self._find(flow)
        if connection is not None:
            connection.write(data)
        elif flow.connection or len(self._connections) + len(self._opening) >= MAX_CONNECTIONS:
            self.counts["unsent"] += 1
            asyncio.get_running_loop().call_soon(self.broken, flow)
        elif flow in self._opening:
            self._opening[flow].append(data)
        else:
            self._opening[flow] = [data]
            task = self._tasks.create_task(self._open(flow))
            self._opening_tasks.add(task)
            task.add_done_callback(self._opening_tasks.discard)

    def identities(self, flow: Flow) -> frozenset[str]:
        """The domains that the peer's certificate stands for; none without mutual TLS."""
        connection = self._connections.get(flow.connection)
        return frozenset() if connection is None else connection.identities

    def _find(self, flow: Flow) -> "Connection | None":
        if flow.connection:
            return self._connections.get(flow.connection)
        return next((item for item in self._connections.values() if item.serves(flow)), None)

    async def _open(self, flow: Flow) -> None:
        loop = asyncio.get_running_loop()
        tls = self._client_tls if flow.transport == "TLS" else None
        connection: Connection | None
        try:
            if flow.transport == "TLS" and tls is None:
                raise ConnectionError("There is no TLS here.")
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    lambda: Connection(self, flow.transport, flow),
                    flow.host,
                    flow.port,
                    ssl=tls,
                    server_hostname=(flow.name or flow.host) if tls is not None else None,
                )
        except (OSError, ssl.SSLError, TimeoutError):
            connection = None
        waiting = self._opening.pop(flow)
        if connection is None or not connection.open:
            self.counts["not_connected"] += 1
            # Not from here: what the agent does with it must not end this task, and all others with it.
            loop.call_soon(self.broken, flow)
            return
        for data in waiting:
            connection.write(data)

    # What connections tell.

    def admit(self, connection: "Connection") -> int:
        """Give a new connection its number; 0 if there are too many."""
        if len(self._connections) >= MAX_CONNECTIONS:
            self.counts["too_many_connections"] += 1
            return 0
        self._last += 1
        self._connections[self._last] = connection
        return self._last

    def dismiss(self, connection: "Connection") -> None:
        """A connection is closed."""
        if self._connections.pop(connection.number, None) is not None and not self._closed:
            for flow in connection.flows:
                self.broken(flow)


class _Datagrams(asyncio.DatagramProtocol):
    """The socket for UDP."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def datagram_received(self, data: bytes, address: tuple[str | Any, int]) -> None:
        """Take a datagram; line breaks alone are keep-alives (RFC 5626 section 3.5.1)."""
        if data.strip(b"\r\n\0"):
            self._network.received(data, Flow("UDP", address[0], address[1]))


class Connection(asyncio.Protocol):
    """One connection, from either side; `asked` is what it was opened for."""

    def __init__(self, network: Network, kind: Transport, asked: Flow | None = None) -> None:
        self.number = 0
        self.identities: frozenset[str] = frozenset()
        self._network = network
        self._kind = kind
        self._asked = asked
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._flow: Flow | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def open(self) -> bool:
        """Whether messages can be sent."""
        return self.number != 0

    @property
    def flows(self) -> tuple[Flow, ...]:
        """By which names requests may have gone this way."""
        return tuple(flow for flow in (self._flow, self._asked) if flow is not None)

    def serves(self, flow: Flow) -> bool:
        """Whether this can carry what is to go to `flow`; for TLS it must have been checked for the same name."""
        asked = self._asked
        return asked is not None and (asked.transport, asked.host, asked.port, asked.name) == (
            flow.transport,
            flow.host,
            flow.port,
            flow.name,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is over."""
        self._transport = cast("asyncio.Transport", transport)
        certificate = transport.get_extra_info("peercert")
        if self._is_impostor(certificate or {}):
            self._network.counts["wrong_identity"] += 1
            self._transport.abort()
            return
        self.identities = identities(certificate) if certificate else frozenset()
        self.number = self._network.admit(self)
        if not self.number:
            self._transport.abort()
            return
        peer = transport.get_extra_info("peername")
        name = self._asked.name if self._asked is not None else ""
        self._flow = Flow(self._kind, peer[0], peer[1], self.number, name)
        self._wait()

    def _is_impostor(self, certificate: Mapping[str, Any]) -> bool:
        """Whether we asked for somebody else (RFC 5922 section 7.3)."""
        asked = self._asked
        return self._kind == "TLS" and asked is not None and not stands_for(certificate, asked.name or asked.host)

    def data_received(self, data: bytes) -> None:
        """Cut out messages and pass them on."""
        if self._flow is None or self._transport is None:
            return
        try:
            messages = self._framer.feed(data)
        except FramingError:
            self._network.counts["unframed"] += 1
            self.abort()
            return
        self._wait()
        if self._framer.answers:
            self._transport.write(PONG * self._framer.answers)
            self._framer.answers = 0
        for message in messages:
            self._network.received(message, self._flow)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why makes no difference
        """It was closed from either side."""
        if self._timer is not None:
            self._timer.cancel()
        self._network.dismiss(self)
        self.number = 0

    def write(self, data: bytes) -> None:
        """Send, unless the peer does not read what it is sent."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self._network.counts["unread"] += 1
            self.abort()
            return
        self._transport.write(data)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _wait(self) -> None:
        """Close later if nothing comes; soon if it is the rest of a message that does not."""
        if self._timer is not None:
            self._timer.cancel()
        seconds = UNFINISHED_SECONDS if self._framer.unfinished else IDLE_SECONDS
        self._timer = asyncio.get_running_loop().call_later(seconds, self.abort)
