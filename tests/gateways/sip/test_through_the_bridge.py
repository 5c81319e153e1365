"""Calls by sipp through the whole bridge, from the gateway to the engine: nothing is left when they are over.

What has to happen at a moment of a call waits for a key frame to be asked for, which is how a test says "now".
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, Self

import pytest
import pytest_asyncio

from bridge.app.calls.call_media import EveryLeg
from bridge.app.calls.visitor import Visitor
from bridge.app.counts import Tally
from bridge.app.live import LiveRoom
from bridge.rooms.model import ParticipantId, RoomId, RoomNumber
from loadtest.media_client import MediaOptions
from signalling import messages as m
from signalling.gateways.sip.call import Call
from signalling.gateways.sip.client_transactions import RequestClient
from signalling.gateways.sip.transaction_base import State
from tests.gateways.sip import sipp
from tests.gateways.sip.sipp import answer, asked, hear, press, sdp, send
from tests.gateways.sip.torture import REFUSED, TAKEN
from tests.support.bridge import PATIENCE_S, House, allow_no_more_calls_later, eventually, robots, running_house
from tests.support.callers import gateway
from tests.support.ports import free_ports

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(200)]

TRYING: Final = hear(100, optional=True)
RINGING: Final = hear(180, optional=True)
UP: Final = (TRYING, RINGING, hear(200, keep=True), send("ACK", 1))
NOW: Final = (asked("INFO"), answer("200 OK"))
"""Goes on when the test says so."""
BYE: Final = (send("BYE", 90), hear(200))
CALL: Final = (send("INVITE", 1, sdp=sdp(), inside=False), *UP)
FLOOD: Final = 40
ROBOT: Final = 33
"""Whose sound is heard."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A bridge that takes media in the clear, since sipp has no others."""
    folder, settings = tmp_path_factory.mktemp("bridge"), {"port": free_ports(1)[0], "transports": ["udp"]}
    async with running_house(folder, gateways={"sip": settings}, protection="optional", ports=500) as house:
        yield house


@dataclass
class Caller:
    """One call by sipp, as the bridge has it."""

    house: House
    sipp: asyncio.Task[sipp.Outcome]

    @property
    def visit(self) -> Visitor:
        """The bridge's side of it."""
        (visit,) = self.house.bridge.gateways.running["sip"].door._visits
        return visit

    @property
    def who(self) -> ParticipantId:
        """Who it is, once that is known."""
        assert self.visit._who is not None
        return self.visit._who

    async def comes(self) -> None:
        """Wait for it, as long as sipp has not failed."""
        door = self.house.bridge.gateways.running["sip"].door
        await eventually(lambda: len(door) == 1 or (self.sipp.done() and self.sipp.result().code != 0))
        assert len(door) == 1, self.sipp.result().output

    async def reaches(self, media: Callable[[], bool]) -> None:
        """Wait for something, then let sipp go on."""
        await eventually(media)
        self.goes_on()

    def goes_on(self) -> None:
        """Let sipp go on."""
        self.visit.want_key_frame()

    def takes(self) -> int:
        """How many of its lines want to be sent something."""
        leg = self.visit.leg
        return 0 if leg is None else len(self.house.bridge.service.outside.legs.description(leg).slots)

    def is_acknowledged(self) -> bool:
        """Whether sipp has sent its ACK."""
        endpoint = gateway(self.house)._endpoint
        assert endpoint is not None
        (call,) = endpoint.agent._core.owners.values()
        return isinstance(call, Call) and call.up and not call.awaits_ack

    async def has_answered(self) -> None:
        """Wait until sipp has answered what it was asked: time that passes before is time without an answer."""
        endpoint = gateway(self.house)._endpoint
        assert endpoint is not None
        table = endpoint.agent._core.transactions._table

        def states() -> list[State]:
            all_of_them = (entry.transaction for entry in table.values())
            return [one.state for one in all_of_them if isinstance(one, RequestClient)]

        await eventually(lambda: states() == [State.COMPLETED])

    def is_spoken_to(self) -> bool:
        """Whether the engine has its leg in a room of its own, from which it is sent what it is told."""
        lobby = self.house.live.lobbies.get(self.visit.leg or 0)
        legs = self.house.bridge.engine.snapshot().legs
        rows = [row for row in legs if row["leg"] == self.visit.leg]
        return lobby is not None and [(row["room"], row["gate_open"]) for row in rows] == [(lobby.number, 1)]

    def heard(self) -> int:
        """RTP packets that it was sent."""
        return int(self.house.leg_row(self.who)["rtp_out"])


@asynccontextmanager
async def calling(
    house: House, folder: Path, *steps: str, calls: int = 1, options: tuple[str, ...] = ()
) -> AsyncIterator[Caller]:
    """Have sipp play this to the room; at the end nothing of it is left."""
    number, _ = await house.invite_by_call(m.Role.SPECIALIST, "Sipp")
    script = [step.replace("sip:room@", f"sip:{number}@") for step in steps]
    async with asyncio.TaskGroup() as group:
        options = ("-m", str(calls), *options)
        task = group.create_task(sipp.run(folder, gateway(house).ports["UDP"], *script, options=options))
        yield Caller(house, task)
        outcome = await task
    assert outcome.code == 0, outcome.output
    await over(house)


async def over(house: House) -> None:
    """Wait until nothing of any call is there; transactions are given the time that they take by the standard."""
    running, legs = house.bridge.gateways.running["sip"], house.bridge.service.outside.legs
    assert isinstance(legs, EveryLeg)
    calls = legs._calls
    await eventually(lambda: running.health().calls == 0 and len(running.door) == 0 and len(calls) == 0)
    assert not calls._offered
    await eventually(lambda: not any(media.lingers for media in house.live.legs.values()))
    endpoint = gateway(house)._endpoint
    assert endpoint is not None
    while (when := endpoint.agent.next_timeout()) is not None and when <= endpoint._now() + 100:
        endpoint.agent.timeout(when)
    assert not any(endpoint.agent.sizes.values())


def tally(house: House) -> Tally:
    """What the bridge has counted."""
    counts = house.bridge.service.outside.counts
    assert isinstance(counts, Tally)
    return counts


def pass_over(house: House, seconds: float) -> None:
    """Let the gateway's agent believe that so much time has passed."""
    endpoint = gateway(house)._endpoint
    assert endpoint is not None
    endpoint.do(lambda agent, now: agent.timeout(now + seconds))


async def test_a_call_without_an_offer(house: House, tmp_path: Path) -> None:
    """As call managers do: the engine has a leg when the ACK has brought the answer."""
    accept = sdp().replace("a=sendrecv\n", "a=sendrecv\nm=video 0 RTP/AVP 97\n")
    steps = (send("INVITE", 1, inside=False), TRYING, RINGING, hear(200, keep=True))
    async with calling(house, tmp_path, *steps, send("ACK", 1, sdp=accept), *NOW, *BYE) as caller:
        await caller.comes()
        await caller.reaches(lambda: caller.takes() == 1 and caller.is_spoken_to())
    assert not tally(house).of("engine_errors")


async def test_a_host_lets_somebody_in_and_holds(house: House, tmp_path: Path) -> None:
    """All by sipp: the PIN and `*1` by INFO; on hold it is sent nothing, and afterwards it hears again."""
    wanted = m.CreateInvitation(role=m.Role.DOCTOR, name="Host", host=True, pin=True)
    pin = (await house.bridge.administration.invite(house.room_id, wanted)).pin
    hold, resume = (send("INVITE", at, sdp=sdp(way, at)) for at, way in ((30, "sendonly"), (31, "sendrecv")))
    steps = (
        *(*CALL, *press(f"{pin}#", 2), *NOW, *press("*1", 20), *NOW),
        *(hold, TRYING, hear(200), send("ACK", 30), *NOW),
        *(resume, TRYING, hear(200), send("ACK", 31), *NOW, *BYE),
    )
    async with (
        robots(house, range(ROBOT, ROBOT + 1), MediaOptions(0, width=160, height=120, fps=2)) as (robot,),
        calling(house, tmp_path, *steps) as caller,
    ):
        await caller.comes()
        await caller.reaches(lambda: house.live.room.host is not None)
        await eventually(lambda: robot.place is m.Place.ADMITTED)
        await caller.reaches(lambda: caller.heard() > 20)
        await eventually(lambda: caller.takes() == 0)
        assert robot.welcome is not None
        await says_more(house, robot.welcome.participant)
        before = caller.heard()
        await says_more(house, robot.welcome.participant)
        assert caller.heard() == before
        caller.goes_on()
        await caller.reaches(lambda: caller.heard() > before + 20)


async def says_more(house: House, participant: str) -> None:
    """Wait for ten more packets of somebody's."""
    before = house.packets_from(participant)
    await eventually(lambda: house.packets_from(participant) > before + 10)


async def test_we_refresh_the_session(house: House, tmp_path: Path) -> None:
    """Asked to be the refresher, the bridge does it at half time, and the call goes on."""
    more = ("Supported: timer", "Session-Expires: 90;refresher=uas", "Allow: INVITE, UPDATE")
    refreshed = (asked("UPDATE"), answer("200 OK", "Session-Expires: 90;refresher=uac"))
    steps = (send("INVITE", 1, *more, sdp=sdp(), inside=False), *UP, *NOW, *refreshed, *NOW, *BYE)
    async with calling(house, tmp_path, *steps) as caller:
        await caller.comes()
        await caller.reaches(lambda: caller.takes() == 1)
        await caller.has_answered()
        pass_over(house, 50.0)
        await caller.reaches(lambda: caller.takes() == 1)


async def test_a_session_that_the_peer_does_not_refresh_ends(house: House, tmp_path: Path) -> None:
    """It took that on itself; who was on their way in is then away, and the leg goes."""
    more = ("Supported: timer", "Session-Expires: 90;refresher=uac")
    steps = (send("INVITE", 1, *more, sdp=sdp(), inside=False), *UP, *NOW, asked("BYE"), answer("200 OK"))
    async with calling(house, tmp_path, *steps) as caller:
        await caller.comes()
        await caller.reaches(lambda: caller.takes() == 1)
        await caller.has_answered()
        pass_over(house, 61.0)


async def test_a_call_that_is_cancelled_while_the_room_is_looked_for(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is at the desk when the store has answered."""
    looked, service = asyncio.Event(), house.bridge.service
    find, asking = service.find_called, asyncio.Event()

    async def slowly(number: RoomNumber) -> LiveRoom | None:
        asking.set()
        await looked.wait()
        return await find(number)

    monkeypatch.setattr(service, "find_called", slowly)
    steps = (
        send("INVITE", 1, sdp=sdp(), inside=False),
        *(TRYING, hear(180), sipp.cancel(1, 3), hear(200), hear(487), sipp.ack_refusal(1, 6)),
    )
    async with calling(house, tmp_path, *steps):
        await asking.wait()
        await eventually(lambda: gateway(house).health().calls == 0)
        looked.set()


async def test_a_cancel_that_comes_too_late(house: House, tmp_path: Path) -> None:
    """The call stands, and is ended by BYE."""
    steps = (send("INVITE", 1, sdp=sdp(), inside=False), TRYING, RINGING, hear(200, keep=True))
    late = (sipp.cancel(1, 4), hear(200, keep=True), send("ACK", 1))
    async with calling(house, tmp_path, *steps, *late, *NOW, *BYE) as caller:
        await caller.comes()
        # Only then has the CANCEL been answered; sipp takes what comes in its script's order alone.
        await caller.reaches(lambda: caller.takes() == 1 and caller.is_acknowledged())


async def test_changes_that_cross(house: House, tmp_path: Path) -> None:
    """An offer of ours meets one of sipp's: 491 both ways, then ours comes again, and its answer is what holds."""
    answered = (asked("INVITE"), answer("200 OK", sdp=sdp("sendonly", 2)), asked("ACK"))
    steps = (*CALL, *NOW, asked("INVITE"), answer("491 Request Pending"), asked("ACK"), *answered, *NOW, *BYE)
    async with calling(house, tmp_path, *steps) as caller:
        await caller.comes()
        await caller.reaches(lambda: caller.takes() == 1)
        caller.visit._call.offer(caller.visit.describe(None))
        await caller.reaches(lambda: caller.takes() == 0)


async def test_twenty_calls_a_second_from_as_many_addresses(house: House, tmp_path: Path) -> None:
    """For two seconds, to several rooms; `make bench-calls` does it for a minute. Nobody is turned away."""
    counts = tally(house)
    before, rooms = counts.of("calls"), [await another_room(house) for _ in range(8)]
    steps, options = sipp.crowd(tmp_path, rooms, 40, *CALL, sipp.pause(100), *BYE)
    async with calling(house, tmp_path, *steps, calls=40, options=(*options, "-r", "20")):
        pass
    assert counts.of("calls") == before


async def another_room(house: House) -> str:
    """The number of a new room."""
    room = (await house.bridge.administration.create_room(m.CreateRoom(name="Another", plain_calls=True))).room
    wanted = m.CreateInvitation(role=m.Role.SPECIALIST, name="Sipp", pin=True)
    return str((await house.bridge.administration.invite(RoomId(room), wanted)).number)


async def test_three_wrong_pins_end_a_call(house: House, tmp_path: Path) -> None:
    """By the bridge, and they are counted."""
    counts = tally(house)
    before = counts.of("calls")
    steps = (
        *CALL,
        *press("1111#", 2),
        *NOW,
        *press("2222#", 12),
        *NOW,
        *press("3333#", 22),
        asked("BYE"),
        answer("200 OK"),
    )
    async with calling(house, tmp_path, *steps) as caller:
        await caller.comes()
        for wrong in (1, 2):
            await caller.reaches(lambda wrong=wrong: more(counts.of("calls"), before).get("pin_wrong") == wrong)
    assert more(counts.of("calls"), before) == {"pin_wrong": 3, "wrong_pin": 1}


def more(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """What has been counted since."""
    return {word: count - before.get(word, 0) for word, count in now.items() if count > before.get(word, 0)}


async def test_a_peer_that_never_sends_its_ack(house: House, tmp_path: Path) -> None:
    """Its call is ended when the time for that is up, though nobody answers the BYE."""
    steps = (send("INVITE", 1, sdp=sdp(), inside=False), TRYING, RINGING, hear(200, keep=True))
    async with calling(house, tmp_path, *steps) as caller:
        await caller.comes()
        await eventually(lambda: caller.takes() == 1)
        pass_over(house, 33.0)


async def test_a_peer_that_vanishes(house: House, tmp_path: Path) -> None:
    """It sends no media and answers no BYE."""
    async with calling(house, tmp_path, *CALL) as caller:
        await caller.comes()
        await eventually(lambda: caller.takes() == 1)
        # As the engine tells when nothing has come for half a minute.
        house.bridge.gateways.running["sip"].door.silent(caller.visit.leg or 0)


class Stranger:
    """Says what it likes from a port of its own, and hears what it is answered."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(0)
        self._to = ("127.0.0.1", port)
        self._me = f"{host}:{self._socket.getsockname()[1]}"
        self._calls = count(1)
        self._heard: dict[str, str] = {}

    def say(self, data: bytes) -> None:
        """Send a datagram."""
        self._socket.sendto(data, self._to)

    def invite(self, number: str, description: str) -> str:
        """Call somebody, and give the Call-ID."""
        call = f"{next(self._calls)}.{self._me}"
        lines = (
            f"INVITE sip:{number}@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/UDP {self._me};branch=z9hG4bK{call}",
            *(f"From: <sip:stranger@127.0.0.1>;tag={call}", f"To: <sip:{number}@127.0.0.1>", f"Call-ID: {call}"),
            *("CSeq: 1 INVITE", f"Contact: <sip:stranger@{self._me}>", "Max-Forwards: 70"),
            *("Content-Type: application/sdp", f"Content-Length: {len(description)}", "", description),
        )
        self.say("\r\n".join(lines).encode())
        return call

    async def hears(self, call: str) -> int:
        """The final answer to a call."""
        return int((await self.is_told(call)).split()[1])

    async def is_told(self, call: str) -> str:
        """All of it but what the call itself is called."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE_S):
            while call not in self._heard:
                head = (await loop.sock_recv(self._socket, 4096)).decode()
                about, status = re.search(r"^Call-ID: (\S+)", head, re.MULTILINE), int(head.split()[1])
                if about is not None and status >= 200:
                    self._heard[about[1]] = head
        own = ("Via:", "From:", "To:", "Call-ID:")
        return "\n".join(line for line in self._heard[call].splitlines() if not line.startswith(own))

    def __enter__(self) -> Self:
        """Be there."""
        return self

    def __exit__(self, *error: object) -> None:
        """Be gone."""
        self._socket.close()


HEAD: Final = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
USELESS: Final = (
    "no description",
    "\0\xff" * 40,
    HEAD,
    f"{HEAD}m=audio 0 RTP/AVP 0\r\n",
    f"{HEAD}m=audio 65536 RTP/AVP 0\r\n",
    f"{HEAD}m=audio -2 RTP/AVP 0\r\n",
    f"{HEAD}m=application 9 UDP/BFCP *\r\n",
    f"{HEAD}m=audio 6000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:short\r\n",
)


async def test_what_strangers_send_is_answered_counted_and_disturbs_no_call(house: House, tmp_path: Path) -> None:
    """RFC 4475's messages, descriptions that are of no use, and more calls than one address may begin."""
    number, _ = await house.invite_by_call(m.Role.SPECIALIST, "Stranger")
    counts, noise = tally(house), lambda: gateway(house).health().counts
    before, noise_before = counts.of("calls"), noise()
    async with calling(house, tmp_path, *CALL, *NOW, *press("1111#", 2), *NOW, *BYE) as caller:
        await caller.comes()
        visit = caller.visit
        await eventually(lambda: caller.takes() == 1)
        with Stranger(gateway(house).ports["UDP"]) as stranger:
            for case in (*TAKEN.values(), *REFUSED.values()):
                stranger.say(case.data)
            for description in USELESS:
                assert await stranger.hears(stranger.invite(number, description)) == 488, description
            flood = [stranger.invite(number, f"{HEAD}m=audio 6000 RTP/AVP 0\r\n") for _ in range(FLOOD)]
            answers = {await stranger.hears(call) for call in flood}
        assert answers == {200, 503}
        assert more(noise(), noise_before)["malformed"] == len(REFUSED)
        assert more(counts.of("calls"), before)["too_many"] > 0
        visit.want_key_frame()
        await eventually(lambda: more(counts.of("calls"), before).get("pin_wrong") == 1)
        visit.want_key_frame()
        pass_over(house, 33.0)


async def test_who_tries_numbers_learns_only_which_are_answered_and_that_slowly(house: House) -> None:
    """A room that is over is answered as one that never was; after some tries all numbers are."""
    most = allow_no_more_calls_later(house, "sip")
    administration = house.bridge.administration
    over = await administration.create_room(m.CreateRoom(name="Over"))
    await administration.end_room(over.room)
    there, _ = await house.invite_by_call(m.Role.SPECIALIST, "Stranger")
    description = f"{HEAD}m=audio 6000 RTP/AVP 0\r\n"
    with Stranger(gateway(house).ports["UDP"], "127.0.0.66") as stranger:
        first = [
            await stranger.is_told(stranger.invite(one, description)) for one in (over.number or "", "00000000")
        ]
        assert first[0].startswith("SIP/2.0 404")
        assert len(set(first)) == 1
        calls = [stranger.invite(f"{number:08}", description) for number in range(FLOOD)]
        told = [await stranger.hears(call) for call in calls]
        assert told == [404] * (most - len(first)) + [503] * (FLOOD + len(first) - most)
        last = [await stranger.is_told(stranger.invite(one, description)) for one in (there, "00000000")]
        assert last[0].startswith("SIP/2.0 503")
        assert len(set(last)) == 1
