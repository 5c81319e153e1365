"""A gatekeeper of our own for tests: it knows one endpoint, lets calls be or not, and writes down what it hears.

Of the gateway's code it shares `wire` alone. What the real one makes of the gateway is said in its README.
"""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

from signalling.gateways.h323.wire.asn1 import Kind, decode, encode

HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 10.0
VERSION: Final = (0, 0, 8, 2250, 0, 5)
ENDPOINT: Final = "17_endp"


def place(port: int) -> Any:
    """On this host."""
    return ("ipAddress", {"ip": ipaddress.ip_address(HOST).packed, "port": port})


@dataclass
class GatekeeperDouble(asyncio.DatagramProtocol):
    """Answers what one endpoint asks. Use `gatekeeper()`."""

    refuses: str = ""
    """Why no call may be; empty where all may."""
    leads_to: int = 0
    """The port of call signalling of whom our endpoint calls."""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    port: int = 0
    _transport: asyncio.DatagramTransport | None = None
    _endpoint: tuple[str, int] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer."""
        self._endpoint = addr
        name, body = decode(Kind.RAS, data)
        self.asked.append((name, body))
        self._changed.set()
        answer = self._answer(name, body)
        if answer is not None:
            self.say(answer[0], requestSeqNum=body["requestSeqNum"], **answer[1])

    def say(self, name: str, **body: Any) -> None:
        """Say something to the endpoint."""
        assert self._transport is not None
        self._transport.sendto(encode(Kind.RAS, (name, body)), self._endpoint)

    async def hears(self, name: str) -> dict[str, Any]:
        """Wait until this was asked, and give what it says; it is taken out of `asked`."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for one in self.asked:
                    if one[0] == name:
                        self.asked.remove(one)
                        return one[1]
                self._changed.clear()
                await self._changed.wait()

    def _answer(self, name: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        identified = {"protocolIdentifier": VERSION, "gatekeeperIdentifier": "gk"}
        known = {"callSignalAddress": [], "endpointIdentifier": ENDPOINT, "timeToLive": 60}
        way = {"callModel": ("direct", 0), "destCallSignalAddress": place(self.leads_to)}
        if name == "admissionRequest" and self.refuses:
            return "admissionReject", {"rejectReason": (self.refuses, 0)}
        answers = {
            "gatekeeperRequest": ("gatekeeperConfirm", {**identified, "rasAddress": place(self.port)}),
            "registrationRequest": ("registrationConfirm", {**identified, **known}),
            "admissionRequest": ("admissionConfirm", {"bandWidth": body.get("bandWidth"), **way}),
            "disengageRequest": ("disengageConfirm", {}),
            "unregistrationRequest": ("unregistrationConfirm", {}),
        }
        return answers.get(name)


@asynccontextmanager
async def gatekeeper(**wanted: Any) -> AsyncIterator[GatekeeperDouble]:
    """A gatekeeper on any free port."""
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(lambda: GatekeeperDouble(**wanted), local_addr=(HOST, 0))
    made.port = int(transport.get_extra_info("sockname")[1])
    try:
        yield made
    finally:
        transport.close()
