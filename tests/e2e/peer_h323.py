"""A real H.323 endpoint in a room with Chromium, in both directions and by each way that a call can begin.

Not part of `make test`: it needs a program from outside, see `tests/support/h323_peer.py`. By hand:

    BROTJENESTE_H323_ENDPOINT=... BROTJENESTE_H323_GATEKEEPER=... .venv/bin/pytest tests/e2e/peer_h323.py
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, Page

from bridge.rooms.model import Line, ParticipantId
from signalling import messages as m
from tests.support import h323_peer
from tests.support.bridge import House, Visitor, eventually, hush, never_short, running_house
from tests.support.h323_peer import Peer
from tests.support.media_checks import read_page_video
from tests.support.ports import free_ports

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(h323_peer.VARIABLE not in os.environ, reason=f"{h323_peer.VARIABLE} names no endpoint"),
]

DOCTOR, WARD, SLIDES = 2, 13, 50
SCREEN: Final = DOCTOR ^ 32
GATEKEEPER: Final = "BROTJENESTE_H323_GATEKEEPER"
"""The variable that names GNU Gatekeeper's program."""
GNUGK: Final = """\
[Gatekeeper::Main]
Home=127.0.0.1
Bind=127.0.0.1
TimeToLive=60
UnicastRasPort={ras}
UseMulticastListener=0
UseBroadcastListener=0
StatusPort={status}
[RoutedMode]
GKRouted={routed}
H245Routed={routed}
CallSignalPort={signalling}
TcpKeepAlive=0
[RoutingPolicy]
default=explicit,internal
"""
ALAW = "G.711-ALaw-64k"
TILE = "document.querySelector('#stage .tile.content video')"


@dataclass(frozen=True)
class Kind:
    """How an endpoint calls and is called, named as the captures are."""

    name: str
    codecs: str
    options: tuple[str, ...] = ()
    keys: str = "tone"
    secret: bool = False
    settings: dict[str, object] = field(default_factory=dict)
    deaf: bool = False
    """Whether as a caller it has sound alone: h323plus starts no pictures that were taken of its fast start."""

    def __str__(self) -> str:
        return self.name


KINDS: Final = (
    Kind("c1-tunnelled-h261", f"{ALAW},H.261"),
    Kind("c2-separate-h261", f"{ALAW},H.261", ("--separate",), keys="string", settings={"tunnelling": False}),
    Kind("c3-fast-h264", f"{ALAW},H.264-CIF", ("--fast",), settings={"fast_start": True}, deaf=True),
    Kind("c3-fast-h261", f"{ALAW},H.261", ("--fast",), settings={"fast_start": True}, deaf=True),
    Kind("c4-secret-h264", f"{ALAW},H.264-CIF", ("--encrypt", "required", "--content"), secret=True),
    Kind("c4-secret-h261", f"{ALAW},H.261", ("--encrypt", "required"), secret=True),
    Kind(
        "c4-secret-256",
        f"{ALAW},H.264-CIF",
        ("--encrypt", "required", "--cipher", "256", "--content"),
        secret=True,
    ),
    Kind("c5-h264", f"{ALAW},H.264-CIF", ("--content",)),
    Kind("c5-h264-mode-1", f"{ALAW},H.264-CIF", ("--packetization", "1", "--content")),
    Kind("c5-h264-720", f"{ALAW},H.264-720", ("--content", "--size", "640x360"), keys="rtp"),
)


@asynccontextmanager
async def house_and_peer(kind: Kind, folder: Path, *more: str) -> AsyncIterator[tuple[House, Peer, int]]:
    """A bridge that takes and makes such calls, and an endpoint."""
    (port,) = free_ports(1)
    settings = {"port": port, "dial_hosts": ["127.0.0.1"], **kind.settings}
    protection = "required" if kind.secret else "optional"
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(
            running_house(folder, gateways={"h323": settings}, protection=protection)
        )
        never_short(house)
        hush(house)
        options = ("--codecs", kind.codecs, "--keys", kind.keys, *kind.options, *more)
        peer = await stack.enter_async_context(h323_peer.running(folder / "ward", WARD, *options, content=SLIDES))
        yield house, peer, port


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_it_calls_the_room(kind: Kind, chromium: Browser, tmp_path: Path) -> None:
    """It enters the PIN, waits, is let in, sees, hears, is seen and heard, muted, and put out."""
    async with house_and_peer(kind, tmp_path) as (house, ward, port):
        doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
        who = await come(house, ward, f"{{number}}@127.0.0.1:{port}")
        assert house.live.room.participants[who].line is Line.H323
        assert house.live.legs[who].gate_open is False
        await doctor.admit("Ward")
        await both_have(kind, doctor, ward, who, pictures=not kind.deaf)
        await shows_its_own_mute(doctor, ward)
        await doctor.do("Ward", "Turn mic off")
        await doctor.hears_no_more(who)
        await doctor.do("Ward", "Remove from call", sure=True)
        await ward.tells("cleared")
        await eventually(lambda: len(house.bridge.engine.snapshot().legs) == 1)


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_the_doctor_calls_it(kind: Kind, chromium: Browser, tmp_path: Path) -> None:
    """It rings, is answered, sees, hears, is seen and heard, and hangs up."""
    async with house_and_peer(kind, tmp_path, "--wait") as (house, ward, _):
        doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
        await dial(doctor.page, f"ward@127.0.0.1:{ward.port}", "specialist", "Ward")
        await ward.tells("incoming")
        ward.do("answer")
        who = await admitted(doctor, "Ward")
        await both_have(kind, doctor, ward, who)
        ward.do("hangup")
        await ward.tells("cleared")
        await doctor.until("s.roster.people.length === 1")
        await eventually(lambda: len(house.bridge.engine.snapshot().legs) == 1)


@asynccontextmanager
async def gatekeeper(folder: Path, *, routed: bool) -> AsyncIterator[int]:
    """Run GNU Gatekeeper on loopback; gives its port for RAS. `routed` calls signal through it, H.245 too."""
    ras, signalling, status = free_ports(3)
    settings = GNUGK.format(ras=ras, signalling=signalling, status=status, routed=int(routed))
    await asyncio.to_thread((folder / "gnugk.ini").write_text, settings)
    process = await asyncio.create_subprocess_exec(
        *(os.environ[GATEKEEPER], "-c", str(folder / "gnugk.ini")),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield ras
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.skipif(GATEKEEPER not in os.environ, reason=f"{GATEKEEPER} names no gatekeeper")
@pytest.mark.parametrize("routed", [False, True], ids=["direct", "routed"])
async def test_by_a_gatekeeper(chromium: Browser, tmp_path: Path, *, routed: bool) -> None:
    """Both register; the endpoint calls the room by prefix and number, the doctor the endpoint by its name."""
    kind = Kind("gk", f"{ALAW},H.264-CIF")
    async with gatekeeper(tmp_path, routed=routed) as ras:
        ours = {"gatekeeper": "127.0.0.1", "gatekeeper_port": ras, "gatekeeper_local_port": 0}
        kind = replace(kind, settings={**ours, "prefix": "88", "dial_names": ["ward"]})
        options = ("--gatekeeper", f"127.0.0.1:{ras}", "--alias", "ward,4799")
        async with house_and_peer(kind, tmp_path, *options) as (house, ward, _):
            await eventually(lambda: not house.bridge.gateways.running["h323"].health().trouble)
            doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
            who = await come(house, ward, "88{number}")
            await doctor.admit("Ward")
            await both_have(kind, doctor, ward, who)
            await doctor.do("Ward", "Remove from call", sure=True)
            await ward.tells("cleared")
            await doctor.until("s.roster.people.length === 1")

            since = len(ward.told)
            await dial(doctor.page, "ward", "specialist", "Ward again")
            await ward.tells("established", since)
            who = await admitted(doctor, "Ward again")
            await both_have(kind, doctor, ward, who)
            ward.do("hangup")
            await doctor.until("s.roster.people.length === 1")


async def shows_its_own_mute(doctor: Visitor, ward: Peer) -> None:
    """It marks its channel of sound as inactive, and as active again."""
    muted = "s.roster.people.find((one) => one.name === 'Ward').muted"
    ward.do("inactive sound")
    await doctor.until(muted)
    ward.do("inactive sound off")
    await doctor.until(f"!{muted}")


async def come(house: House, ward: Peer, address: str) -> ParticipantId:
    """Call a room, enter the PIN, and give who then waits."""
    number, pin = await house.invite_by_call(m.Role.SPECIALIST, "Ward")
    before = set(house.live.room.participants)
    door = house.bridge.gateways.running["h323"].door
    there = set(door._visits)
    ward.do("call " + address.format(number=number))
    await ward.tells("established")
    # Until sound can go to it, it is asked for nothing, and what it presses is not heard.
    (visit,) = door._visits - there
    await eventually(lambda: visit._reception.next_timeout() is not None)
    ward.do(f"key {pin}#")
    await eventually(lambda: set(house.live.room.participants) > before)
    (who,) = set(house.live.room.participants) - before
    return who


async def admitted(doctor: Visitor, name: str) -> ParticipantId:
    """Wait until somebody is in, and give who it is."""
    find = f"s.roster.people.find((one) => one.name === '{name}' && one.place === 'admitted')"
    await doctor.until(f"!!{find}")
    return ParticipantId(str(await doctor.state(f"{find}.participant")))


async def both_have(kind: Kind, doctor: Visitor, ward: Peer, who: ParticipantId, *, pictures: bool = True) -> None:
    """Picture and tone by content at both ends, also after a key frame was asked for; then content both ways."""
    if pictures:
        await ward.sees(DOCTOR)
        await doctor.sees(who, WARD)
    await ward.hears({DOCTOR})
    await doctor.hears(who, WARD)
    encryption = f"s.roster.people.find((one) => one.participant === '{who}').encryption"
    if kind.secret:
        await doctor.until(f"{encryption} !== null")
        assert any(line.startswith("encrypted 1") for line in ward.told)
    if pictures and "H.264" in kind.codecs:
        since = len(ward.told)
        ward.do("update")
        await ward.tells("key frame received", since)
    if "--content" in kind.options:
        await content_both_ways(doctor, ward, who)


async def content_both_ways(doctor: Visitor, ward: Peer, who: ParticipantId) -> None:
    """Slides of the endpoint on the doctor's stage, then her screen at the endpoint, by H.239."""
    ward.do("content on")
    await ward.tells("content started send")
    await doctor.shown(who, "content")
    await doctor.until(f"{TILE}?.videoHeight > 0")
    picture = await read_page_video(doctor.page, TILE, timeout_s=h323_peer.PATIENCE_S, distinct=2)
    assert picture is not None
    assert picture.identity == SLIDES
    ward.do("content off")
    await doctor.until("!s.layout.some((one) => one.source === 'content')")
    await doctor.page.click("#control-share")
    await ward.tells("content started receive")
    await ward.sees(SCREEN, "content")
    await doctor.page.click("#control-share")
    await ward.tells("content ended receive")


async def dial(page: Page, address: str, role: str, name: str) -> None:
    """Call, by the dialog."""
    await page.get_by_role("button", name="Call someone", exact=True).click()
    await page.fill("#dial-address", address)
    await page.select_option("#dial-role", role)
    await page.fill("#dial-name", name)
    await page.click("#dial-go")
