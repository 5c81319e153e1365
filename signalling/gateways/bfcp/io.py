"""The UDP port for BFCP of all calls of a gateway. The number of the conference tells the call."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from signalling.gateways.bfcp.association import USER, Association
from signalling.gateways.bfcp.codec import HEADER_BYTES
from signalling.gateways.bfcp.floor import Told
from signalling.gateways.bfcp.sdp import OwnLine
from signalling.gateways.interface import Floor

NOISE: Final = "floor_noise"
STRANGER: Final = "floor_stranger"
"""What is counted: what is no message or of no call, and messages from elsewhere or too many."""


class FloorLine:
    """The floor of one call. `told` is called when the peer wants it (True) or wants it no more."""

    def __init__(self, port: "FloorPort", association: Association, told: Callable[[bool], None]) -> None:
        self.association = association
        self._port = port
        self._told = told
        self._timer: asyncio.TimerHandle | None = None

    def answer(self, theirs: str, ours: str) -> str:
        """Our answer with BFCP in it, where the peer offers that and there is content."""
        wanted, answer = self.association.wants_floor, self.association.answer(theirs, ours)
        self._look(wanted=wanted)
        return answer

    def offer(self, ours: str) -> str:
        """An offer of ours, with BFCP if there is content."""
        return self.association.offer(ours)

    def answered(self, theirs: str) -> None:
        """Take the answer to an offer of ours."""
        wanted = self.association.wants_floor
        self.association.answered(theirs)
        self._look(wanted=wanted)

    def tell(self, floor: Floor) -> None:
        """Tell the peer who shows content."""
        self.association.tell(floor, _now())
        self._flush()

    def receive(self, data: bytes, source: tuple[str, int]) -> str | None:
        """Take a datagram; what it is to be counted as, if it was of no use."""
        if not self.association.accepts(source, _now()):
            return STRANGER
        malformed = self.association.malformed
        told = self.association.receive(data, _now())
        self._flush()
        self._tell(told)
        return NOISE if self.association.malformed > malformed else None

    def close(self) -> None:
        """Be over. Of no effect a second time."""
        self._port.forget(self)
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, *, wanted: bool) -> None:
        """A peer that describes BFCP no more has given the floor back."""
        if wanted and not self.association.wants_floor:
            self._told(False)  # noqa: FBT003
        self._flush()

    def _rings(self) -> None:
        self._timer = None
        told = self.association.timeout(_now())
        self._flush()
        self._tell(told)

    def _tell(self, told: Sequence[Told]) -> None:
        for one in told:
            self._told(one is Told.WANTED)

    def _flush(self) -> None:
        for data in self.association.take_outbox():
            if self.association.remote is not None:
                self._port.send(data, self.association.remote)
        if self._timer is not None:
            self._timer.cancel()
        due = self.association.next_timeout()
        loop = asyncio.get_running_loop()
        self._timer = None if due is None else loop.call_at(due, self._rings)


class FloorPort(asyncio.DatagramProtocol):
    """The port. `count` takes a word for what was of no use."""

    def __init__(self, host: str, rng: random.Random, count: Callable[[str], None]) -> None:
        """Take the address by which peers reach it."""
        self.port = 0
        self._host = host
        self._rng = rng
        self._count = count
        self._lines: dict[int, FloorLine] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def __len__(self) -> int:
        """How many calls there are."""
        return len(self._lines)

    async def bind(self, address: str, port: int) -> None:
        """Open it; 0 is any free one. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(address, port))
        self.port = self._transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        """Close it, and the floors of all calls."""
        for line in list(self._lines.values()):
            line.close()
        if self._transport is not None:
            self._transport.close()

    def open(self, seen_at: str, told: Callable[[bool], None]) -> FloorLine:
        """The floor of a new call, whose signalling comes from this address."""
        conference = 0
        while not conference or conference in self._lines:
            conference = self._rng.getrandbits(32)
        own = OwnLine(self._host, self.port, conference, USER)
        line = self._lines[conference] = FloorLine(self, Association(own, seen_at), told)
        return line

    # For its lines.

    def forget(self, line: FloorLine) -> None:
        """Take nothing more for a call."""
        self._lines.pop(line.association.own.conference, None)

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        """Send a datagram."""
        if self._transport is not None:
            self._transport.sendto(data, to)

    # As a protocol of asyncio.

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Give a datagram to its call; others are counted and not answered: nobody is told what is here."""
        line = self._lines.get(int.from_bytes(data[4:8], "big")) if len(data) >= HEADER_BYTES else None
        what = NOISE if line is None else line.receive(data, (addr[0], addr[1]))
        if what is not None:
            self._count(what)


def _now() -> float:
    return asyncio.get_running_loop().time()
