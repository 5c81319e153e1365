"""A client of the floor over UDP, for tests; `tests/support/room_system.py` has one."""

import asyncio
from collections.abc import Callable
from typing import Final

from signalling.gateways.bfcp.codec import Attribute, Kind, Message, Primitive, Status, parse, write

HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 60.0
FLOOR: Final = (Attribute(Kind.FLOOR_ID, b"\0\1"),)


class FloorClient(asyncio.DatagramProtocol):
    """BFCP over UDP: what the server says of the floor, acknowledged."""

    def __init__(self) -> None:
        self.own: list[Status] = []
        """What became of our requests."""
        self.taken = False
        """Whether somebody else has the floor, as told last."""
        self.errors: list[Message] = []
        self.deaf = False
        """Whether it acknowledges nothing."""
        self.sent: list[bytes] = []
        self.heard: list[bytes] = []
        self._request = b"\0\0"
        self._numbers = iter(range(1, 2**16))
        self._conference = self._user = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._peer: tuple[str, int] | None = None
        self._changed = asyncio.Event()

    async def open(self) -> int:
        """Give the port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, 0))
        return int(self._transport.get_extra_info("sockname")[1])

    def begin(self, port: int, conference: int, user: int) -> None:
        """Say hello, and ask to be told of the floor."""
        self._peer, self._conference, self._user = (HOST, port), conference, user
        self.ask(Primitive.HELLO)
        self.ask(Primitive.FLOOR_QUERY, *FLOOR)

    def ask(self, primitive: Primitive, *attributes: Attribute) -> None:
        """Send a request."""
        self._say(primitive, next(self._numbers), attributes)

    def release(self) -> None:
        """Give the floor back."""
        self.ask(Primitive.FLOOR_RELEASE, Attribute(Kind.FLOOR_REQUEST_ID, self._request))

    def _say(
        self, primitive: int, number: int, attributes: tuple[Attribute, ...], *, answer: bool = False
    ) -> None:
        message = Message(
            primitive=primitive,
            conference=self._conference,
            transaction=number,
            user=self._user,
            attributes=attributes,
            response=answer,
        )
        self.send(write(message))

    def send(self, data: bytes) -> None:
        """Send any bytes."""
        self.sent.append(data)
        if self._transport is not None:
            self._transport.sendto(data, self._peer)

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Take what the server says."""
        assert addr == self._peer
        self.heard.append(data)
        message = parse(data)
        self._changed.set()
        request = message.first(Kind.FLOOR_REQUEST_INFORMATION)
        match message.primitive:
            case Primitive.FLOOR_REQUEST_STATUS if request is not None:
                self._request = request.value
                self.own.append(_status(request))
                self._acknowledge(message, Primitive.FLOOR_REQUEST_STATUS_ACK)
            case Primitive.FLOOR_STATUS:
                # A floor of which a request is told that is not ours is somebody else's.
                self.taken = request is not None and request.value != self._request
                self._acknowledge(message, Primitive.FLOOR_STATUS_ACK)
            case Primitive.ERROR:
                self.errors.append(message)

    def _acknowledge(self, message: Message, primitive: Primitive) -> None:
        if not message.response and not self.deaf:
            self._say(primitive, message.transaction, (), answer=True)

    async def comes_to(self, status: Status) -> None:
        """Wait until our request is there."""
        await self.until(lambda: self.own[-1:] == [status])

    async def until(self, check: Callable[[], bool]) -> None:
        """Wait until something holds of what the server has said."""
        async with asyncio.timeout(PATIENCE_S):
            while not check():
                self._changed.clear()
                await self._changed.wait()

    def close(self) -> None:
        """Give the port back."""
        if self._transport is not None:
            self._transport.close()


def _status(request: Attribute) -> Status:
    return Status(request.inside[0].inside[0].value[0])
