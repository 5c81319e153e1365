"""The doctor calls from her page: a telephone by a trunk that asks who we are, and a room system that answers."""

import asyncio
import re
import socket
from pathlib import Path
from typing import Final

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, expect

from bridge.rooms.events import Admitted, Dialled, IdentityConfirmed, NotReached
from bridge.rooms.model import ParticipantId
from signalling import messages as m
from tests.gateways.sip import sipp
from tests.support import baresip
from tests.support.bridge import House, Visitor, eventually, never_short, running_house
from tests.support.callers import dial, sees_and_hears
from tests.support.ports import free_ports

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]

DOCTOR, WARD = 2, 13
NUMBER: Final = "+4722334455"
_HEAD: Final = """\
[last_Via:]
[last_From:]
[last_To:];tag=trunk[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
"""
# Sound alone, under the third of the keys that we offer (`media/sdp/calls/crypto.py`); nothing will be sent.
TELEPHONE: Final = """\
v=0
o=trunk 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 6000 RTP/SAVP 8
a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd
a=rtcp-mux
"""
_ASKS: Final = 'WWW-Authenticate: Digest realm="trunk.example",nonce="f00d",algorithm=MD5,qop="auth"'
_CHECKED: Final = f"""\
<recv request="INVITE"><action>
<verifyauth assign_to="good" username="bridge" password="secret"/>
<ereg regexp="INVITE sip:\\{NUMBER}@trunk.example;user=phone" search_in="msg" check_it="true" assign_to="rest"/>
<ereg regexp="m=video" search_in="msg" check_it_inverse="true" assign_to="rest"/>
<ereg regexp="sip:\\+4721000000@trunk.example" search_in="hdr" header="From:" check_it="true" assign_to="rest"/>
</action></recv>
<nop test="good" next="known"/>
{sipp._send(["SIP/2.0 403 Forbidden", _HEAD.strip()], "", "")}
<label id="known"/><Reference variables="rest"/>"""


def says(status: str, *more: str, sdp: str = "") -> str:
    """A response of the trunk's."""
    return sipp._send([f"SIP/2.0 {status}", _HEAD.strip(), *more], sdp, "")


async def trunk(folder: Path, port: int, *steps: str) -> None:
    """Be a trunk for one call: ask who calls, check it, then go on with these steps."""
    await asyncio.to_thread(folder.mkdir)
    asked = sipp.asked("INVITE"), says("401 Unauthorized", _ASKS), sipp.asked("ACK")
    # As a callee sipp needs no peer; it is given one since it wants an argument.
    outcome = await sipp.run(folder, 9, *asked, _CHECKED, *steps, options=("-m", "1", "-p", str(port)))
    assert outcome.code == 0, outcome.output


def is_taken(port: int) -> bool:
    """Whether somebody listens by UDP: until sipp does, a call would find nobody."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


async def told_to_operators(house: House) -> str:
    """Everything that the metrics port tells."""
    port = house.bridge.config.metrics.port
    async with ClientSession(f"http://127.0.0.1:{port}", headers=house.as_operator) as client:
        return "".join(
            [
                await (await client.get(f"/{page}")).text()
                for page in ("metrics", "metrics/legs", "feeds", "readyz", "picture", f"rooms/{house.room_id}")
            ]
        )


async def reaches_the_telephone(house: House, doctor: Visitor, port: int, folder: Path) -> None:
    """Nobody answers, then it is busy; then it is in, shown as what it is, and ended by the doctor.

    The number is nowhere else.
    """
    called, again = doctor.page.locator("#panel-called"), doctor.page.get_by_role("button", name="Call Kari again")
    async with asyncio.TaskGroup() as group:
        group.create_task(trunk(folder / "rings", port, says("180 Ringing"), sipp.asked("CANCEL"), says("200 OK")))
        await eventually(lambda: is_taken(port))
        with pytest.MonkeyPatch.context() as patched:
            # It has to ring by then, also on a full machine: before that no call can be taken back.
            patched.setattr("bridge.app.calls.called.RING_S", 6.0)
            await dial(doctor.page, "22 33 44 55", "relative", "Kari")
            await expect(called).to_contain_text("Nobody answered.", timeout=60_000)
    async with asyncio.TaskGroup() as group:
        group.create_task(trunk(folder / "busy", port, says("486 Busy Here"), sipp.asked("ACK")))
        await eventually(lambda: is_taken(port))
        await again.click()
        await expect(called).to_contain_text("The line was busy.", timeout=60_000)
    taken = (says("180 Ringing"), says("200 OK", sdp=TELEPHONE))
    async with asyncio.TaskGroup() as group:
        over = sipp.asked("ACK"), sipp.asked("BYE"), says("200 OK")
        group.create_task(trunk(folder / "taken", port, *taken, *over))
        await eventually(lambda: is_taken(port))
        await again.click()
        row = doctor.page.locator("#room-people > li").filter(has_text="Kari")
        await expect(row).to_contain_text("by telephone", timeout=60_000)
        for words in (
            "not identified",
            "has not confirmed the information",
            "not encrypted in the telephone network",
        ):
            await expect(row).to_contain_text(words)
        assert NUMBER[3:] not in await told_to_operators(house)
        await doctor.do("Kari", "Identity confirmed orally")
        await expect(row.locator(".state")).to_contain_text("identity confirmed orally")
        await doctor.do("Kari", "Remove from call", sure=True)
    events = await house.recorded()
    assert [event.why.value for event in events if isinstance(event, NotReached)] == [
        "no_answer",
        "busy",
    ]
    me = await doctor.participant()
    for kind in (Dialled, Admitted, IdentityConfirmed):
        assert {getattr(event.by, "participant", None) for event in events if isinstance(event, kind)} == {me}
    assert NUMBER[3:] not in repr(house.log) + repr(events)


async def reaches_the_room_system(house: House, doctor: Visitor, folder: Path) -> None:
    """A call that is taken back stops ringing; one that is answered is seen and heard on both sides at once."""
    called = doctor.page.locator("#panel-called")
    async with baresip.running(folder, WARD, encryption="srtp-mand") as ward:
        found = re.search(r"sip_listen (\S+)", (folder / "config").read_text())
        assert found is not None
        address = f"ward@{found[1]}"
        await dial(doctor.page, address, "specialist", "Ward")
        await ward.hears_of("CALL_INCOMING")
        await expect(called).to_contain_text("Ringing", timeout=60_000)
        await doctor.page.get_by_role("button", name="Cancel the call to Ward").click()
        await ward.hears_of("CALL_CLOSED")
        await expect(called).to_be_hidden()

        ward.events.clear()
        await dial(doctor.page, address, "specialist", "Ward")
        await ward.hears_of("CALL_INCOMING")
        await ward.command("accept")
        await doctor.until("s.roster.people.some((one) => one.name === 'Ward' && one.place === 'admitted')")
        who = ParticipantId(
            str(await doctor.state("s.roster.people.find((one) => one.name === 'Ward').participant"))
        )
        await ward.sees({DOCTOR})
        await sees_and_hears(doctor, who, WARD)
        await ward.command("hangup")
        assert await ward.heard() == DOCTOR
        await doctor.until("s.roster.people.length === 1")
    await eventually(lambda: len(house.bridge.engine.snapshot().legs) == 1)


async def test_the_doctor_calls_a_telephone_and_a_room_system(chromium: Browser, tmp_path: Path) -> None:
    """And nobody whom the operator has not allowed."""
    port, sbc = free_ports(2)
    (tmp_path / "password").write_text("secret\n")
    main = {
        "proxy": f"sip:127.0.0.1:{sbc}",
        "domain": "trunk.example",
        "number": "+4721000000",
        "prefixes": ["+472"],
        "username": "bridge",
        "password_file": str(tmp_path / "password"),
    }
    settings = {"port": port, "dial_domains": ["127.0.0.1"], "country_code": "47", "trunks": {"main": main}}
    async with running_house(tmp_path, gateways={"sip": settings}) as house:
        never_short(house)
        doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
        await dial(doctor.page, "113", "relative", "Nobody")
        await expect(doctor.page.get_by_role("alert")).to_contain_text("cannot be called")
        await doctor.page.keyboard.press("Escape")
        await reaches_the_telephone(house, doctor, sbc, tmp_path)
        await reaches_the_room_system(house, doctor, tmp_path / "ward")
        assert house.bridge.gateways.running["sip"].health().calls == 0
