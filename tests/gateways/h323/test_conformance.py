"""The H.323 gateway under the suite for all gateways, with H.245 inside call signalling and apart."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from signalling.gateways.conformance import Conformance, HostDouble
from signalling.gateways.h323.io.gateway import H323Gateway
from signalling.gateways.h323.options import Options
from signalling.gateways.h323.plan import NumberPlan
from tests.support.h323_caller import Talk, Terminal, terminal
from tests.support.h323_values import HOST, PCMU, PICTURES, SOUND

OURS = (
    "v=0\r\no=- 1 {} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
    "a=rtcp:40001\r\nm=video 40002 RTP/AVP 97\r\na=rtcp:40003\r\na=rtpmap:97 H264/90000\r\n"
    "a=fmtp:97 packetization-mode=1;profile-level-id=42e01f\r\n"
)


@dataclass
class Peers:
    """One call, at the peer's end."""

    peer: "H323Peer"
    talk: Talk

    async def up(self) -> None:
        """Wait for Connect."""
        await self.talk.hears("connect")

    async def over(self) -> None:
        """Wait for the end."""
        await self.talk.hears("ended")

    async def hang_up(self) -> None:
        """With an end of the session and ReleaseComplete."""
        self.talk.hang_up()

    async def press(self, key: str) -> None:
        """By UserInputIndication."""
        self.talk.press(key)

    async def offer(self, *, hold: bool = False) -> None:
        """By a capability set: an empty one is hold."""
        self.talk.offer_set(hold=hold)
        await self.talk.hears("terminalCapabilitySetAck", "terminalCapabilitySetReject")
        await self.talk.hears("closeLogicalChannel" if hold else "openLogicalChannel")

    async def want_key_frame(self) -> None:
        """By videoFastUpdatePicture."""
        await self.talk.until(lambda: PICTURES in self.talk.theirs)
        self.talk.want_key_frame()

    async def key_frame_wanted(self) -> None:
        """By the same."""
        await self.talk.hears("miscellaneousCommand")

    async def vanish(self) -> None:
        """Answer nothing, until the round trip has not come back for long enough."""
        self.talk.deaf = True
        endpoint = self.peer.gateway._endpoint
        assert endpoint is not None
        endpoint.do(
            lambda agent, now: [action for late in range(1, 200, 5) for action in agent.timeout(now + late)]
        )


@dataclass
class H323Peer:
    """An endpoint of our own on the other side."""

    terminal: Terminal
    gateway: H323Gateway
    talks: list[Talk] = field(default_factory=list)

    async def call(self, number: str) -> Peers:
        """Call the gateway."""
        talk = await self.terminal.dial(self.gateway.port, number)
        await talk.hears("alerting", "releaseComplete", "ended")
        return Peers(self, talk)

    @property
    def address(self) -> str:
        """Where it is."""
        return f"someone@{HOST}:{self.terminal.port}"

    async def called(self) -> Peers:
        """Wait for a call, and take it if it is still there."""
        async with asyncio.timeout(10):
            talk = await self.terminal.incoming.get()
        if not talk.ended:
            await self.terminal.accept(talk)
        return Peers(self, talk)

    def be_busy(self) -> None:
        """Cause 17 from now on."""
        self.terminal.busy = True


class TestTunnelled(Conformance):
    """H.245 inside call signalling, on loopback."""

    tunnels: ClassVar[bool] = True

    @pytest.fixture
    def host(self) -> HostDouble:
        """One that has media for H.323."""
        return HostDouble(ours=OURS.format(1))

    @pytest.fixture
    def gateway(self, host: HostDouble) -> H323Gateway:
        """Any free port."""
        return H323Gateway(host, Options(port=0, plan=NumberPlan(hosts=(HOST,))))

    @pytest.fixture
    async def peer(self, gateway: H323Gateway) -> AsyncIterator[H323Peer]:
        """The other side."""
        ports = {SOUND: (6000, 6001), PICTURES: (6002, 6003)}
        async with terminal(tunnels=self.tunnels, sound=PCMU, ports=ports) as made:
            yield H323Peer(made, gateway)


class TestApart(TestTunnelled):
    """H.245 on a connection of its own."""

    tunnels = False
