"""A registration with a gatekeeper on the network: its socket, its clock, and calls that wait for leave."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, cast

from signalling.gateways.h323.errors import CommandError, MalformedError
from signalling.gateways.h323.options import Options
from signalling.gateways.h323.ras import Admission, Gatekeeper, Membership
from signalling.gateways.h323.ras.events import Admitted, Datagram, Dropped, NotAdmitted, Unregistered

LEAVING_SECONDS: Final = 1.0
"""How long a gatekeeper is waited for when we leave."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who is told: by which hosts the gatekeeper's calls come, and the identifier of a call that it ends."""

    hosts: Callable[[frozenset[str]], None]
    dropped: Callable[[bytes], None]


class Registration(asyncio.DatagramProtocol):
    """One endpoint of a gatekeeper's, by `registered` of this module."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._gatekeeper: Gatekeeper | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asked: dict[bytes, asyncio.Future[Admitted | NotAdmitted]] = {}
        self._left = asyncio.get_running_loop().create_future()

    # What the gateway asks.

    @property
    def registered(self) -> bool:
        """Whether the gatekeeper knows us."""
        return self._gatekeeper is not None and self._gatekeeper.registered

    @property
    def counts(self) -> Counter[str]:
        """What came that was of no use."""
        counts = Counter[str]() if self._gatekeeper is None else self._gatekeeper.counts
        return Counter({f"gatekeeper_{what}": times for what, times in counts.items()})

    async def admit(self, asked: Admission) -> Admitted | NotAdmitted:
        """Ask for a call and wait for the answer; the end of one that is admitted is told by `disengage`."""
        call = asked.identity.call
        if call in self._asked:
            return NotAdmitted(call, "duplicate")
        answer: asyncio.Future[Admitted | NotAdmitted] = asyncio.get_running_loop().create_future()
        self._asked[call] = answer
        try:
            self._do(lambda gatekeeper, now: gatekeeper.admit(asked, now))
            return await answer
        except MalformedError:
            # A name that no alias can hold is nobody's.
            return NotAdmitted(call, "incompleteAddress")
        except CommandError:
            return NotAdmitted(call, "duplicate")
        finally:
            self._asked.pop(call, None)

    def disengage(self, call: bytes) -> None:
        """Say that a call is over, or that its leave is waited for no more."""
        answer = self._asked.get(call)
        if answer is not None and not answer.done():
            answer.set_result(NotAdmitted(call, "givenUp"))
        self._do(lambda gatekeeper, now: gatekeeper.disengage(call, now))

    # Beginning and end.

    def begin(self, gatekeeper: Gatekeeper) -> None:
        """Register."""
        self._gatekeeper = gatekeeper
        self._do(lambda gatekeeper, now: gatekeeper.register(now))

    async def end(self) -> None:
        """Leave."""
        self._do(lambda gatekeeper, now: gatekeeper.unregister(now))
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVING_SECONDS):
                await self._left
        if self._timer is not None:
            self._timer.cancel()
        self._gatekeeper = None
        if self._transport is not None:
            self._transport.close()

    # As a protocol of asyncio's.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take it."""
        self._do(lambda gatekeeper, now: gatekeeper.receive(data, (addr[0], addr[1]), now))

    def error_received(self, exc: Exception) -> None:
        """Nothing: a gatekeeper that is not there does not answer, which is noticed."""

    # Inside.

    def _rings(self) -> None:
        self._timer = None
        self._do(lambda gatekeeper, now: gatekeeper.timeout(now))

    def _do(self, command: Callable[[Gatekeeper, float], None]) -> None:
        gatekeeper = self._gatekeeper
        if gatekeeper is None:
            return
        try:
            command(gatekeeper, asyncio.get_running_loop().time())
        finally:
            self._carry_out(gatekeeper)
            self._owner.hosts(gatekeeper.hosts)
            self._wind(gatekeeper)

    def _carry_out(self, gatekeeper: Gatekeeper) -> None:
        for action in gatekeeper.collect():
            match action:
                case Datagram(data, place) if self._transport is not None:
                    self._transport.sendto(data, place)
                case Admitted(call=call) | NotAdmitted(call=call) if call in self._asked:
                    if not self._asked[call].done():
                        self._asked[call].set_result(action)
                case Dropped(call):
                    asyncio.get_running_loop().call_soon(self._owner.dropped, call)
                case Unregistered() if not self._left.done():
                    self._left.set_result(None)
                case _:
                    pass

    def _wind(self, gatekeeper: Gatekeeper) -> None:
        when = gatekeeper.next_timeout()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if when is None else asyncio.get_running_loop().call_at(when, self._rings)


@asynccontextmanager
async def registration(
    options: Options, port: int, rng: random.Random, owner: Owner
) -> AsyncIterator[Registration | None]:
    """Be registered as the operator wants, with calls taken at a port; None where no gatekeeper is set."""
    if options.gatekeeper is None:
        yield None
        return
    local = (options.bind, options.gatekeeper_here)
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Registration(owner), local_addr=local
    )
    membership = Membership(
        gatekeeper=options.gatekeeper,
        here=(options.host, int(transport.get_extra_info("sockname")[1])),
        signalling=(options.host, port),
        name=options.name,
        numbers=options.numbers,
        prefixes=(options.prefix,) if options.prefix else (),
        password=options.gatekeeper_password,
    )
    protocol.begin(Gatekeeper(membership, rng, time.time))  # noqa: TID251 - tokens say when they were made, by everybody's clock
    try:
        yield protocol
    finally:
        await protocol.end()
