"""`serve` as an operator meets it: it starts, answers, is invited to, and ends cleanly."""

import asyncio
import re
import signal

import aiohttp
import pytest

from tests.cli.command import PATIENCE, Ended, Place, ended_soon, run, serving, start, stop

DRAINED = "the bridge drains\nthe bridge is empty\n"
LINK = re.compile(r"http://127\.0\.0\.1:\d+/join#[\w-]+\.[\w-]+\.[\w-]+")


def is_clean(told: Ended) -> bool:
    """Whether a process ended by being told to, with nothing to complain of."""
    return told.code == 0 and "Traceback" not in told.out + told.err and '"error"' not in told.out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_answers_its_operators_and_ends_when_told(place: Place, number: signal.Signals) -> None:
    """Health, readiness and metrics answer; the signal ends the process within seconds with code 0."""
    async with serving(place) as process:
        async with aiohttp.ClientSession(place.ops) as session:
            async with session.get("/healthz") as response:
                assert (response.status, await response.json()) == (200, {"status": "alive"})
            async with session.get("/readyz") as response:
                assert (await response.json())["ready"] is True
            async with session.get("/metrics") as response:
                assert "brotjeneste_" in await response.text()
        process.send_signal(number)
        told = await ended_soon(place, process)
    assert is_clean(told), told


async def test_an_invitation_works_in_the_running_bridge(place: Place) -> None:
    """`invite` prints a link into a new room or a given one; its page answers, and the audit is whole."""
    async with serving(place) as process:
        first = await run(place, "invite", "--role", "doctor", "--name", "Kari Lege", "--host")
        assert (first.code, first.err) == (0, "")
        room, link, until = first.out.splitlines()
        assert LINK.fullmatch(link.removeprefix("link "))
        assert until.startswith("until ")
        second = await run(
            place, "invite", "--role", "patient", "--name", "N", "--room", room.removeprefix("room ")
        )
        assert second.out.splitlines()[0] == room
        unknown = await run(place, "invite", "--role", "patient", "--name", "N", "--room", "r_unknown")
        assert (unknown.code, unknown.err.startswith("Error: unknown_room:")) == (1, True)
        async with aiohttp.ClientSession() as session, session.get(link.removeprefix("link ")) as response:
            assert response.status == 200
        assert (await run(place, "audit", "verify")).out == "the audit is whole\n"
        exported = await run(place, "audit", "export", "--room", room.removeprefix("room "))
        assert '"code":"invited"' in exported.out
        told = await stop(process)
    assert is_clean(told), told
    assert "Kari" not in told.out + told.err


async def test_a_bridge_is_drained_by_command(place: Place) -> None:
    """It opens no rooms and is not ready, until it is told otherwise."""
    invite = ("invite", "--role", "patient", "--name", "N")
    async with serving(place) as process, aiohttp.ClientSession(place.ops) as session:
        assert (await run(place, "drain", "--reason", "upgrade", "--wait")).out == DRAINED
        async with session.get("/readyz") as response:
            assert (response.status, (await response.json())["draining"]) == (503, True)
        async with session.put("/drain", json={"reason": "fault"}) as response:
            assert response.status == 401
        told = await run(place, "drain", "--stop", BROTJENESTE_OPERATORS_TOKEN="x" * 20)
        assert (told.code, told.err.startswith("Error: unauthorized:")) == (1, True)
        refused = await run(place, *invite)
        assert (refused.code, refused.err.startswith("Error: restarting:")) == (1, True)
        assert (await run(place, "drain", "--stop")).out == "the bridge takes new rooms\n"
        assert (await run(place, *invite)).code == 0
        assert is_clean(await stop(process))


async def test_an_open_socket_does_not_hold_the_end_up(place: Place) -> None:
    """A page that is connected hears that the bridge restarts, and the process still ends within seconds."""
    async with serving(place) as process:
        link = (await run(place, "invite", "--role", "doctor", "--name", "N", "--host")).out.splitlines()[1]
        address = f"http://127.0.0.1:{place.ports[0]}/api/v1/ws"
        async with aiohttp.ClientSession() as session, session.ws_connect(address) as ws:
            await ws.send_json({"type": "join", "version": 1, "token": link.partition("#")[2], "language": "nb"})
            assert (await ws.receive_json())["type"] == "welcome"
            process.send_signal(signal.SIGTERM)
            heard = [message.json() async for message in ws if message.type is aiohttp.WSMsgType.TEXT]
        assert heard[-1]["code"] == "restarting"
        told = await ended_soon(place, process)
    assert is_clean(told), told


async def test_a_second_bridge_on_the_same_ports_says_so(place: Place) -> None:
    """The one that came too late ends with a sentence, and the first goes on."""
    async with serving(place) as process:
        late = await run(place, "serve")
        assert late.code == 1
        assert late.err.splitlines()[-1].startswith("Error: ")
        assert "Traceback" not in late.out + late.err
        assert process.returncode is None
        assert is_clean(await stop(process))


async def test_the_demo_prints_links_and_ends_with_its_robots(place: Place) -> None:
    """`demo --robots 1` prints three links, and Ctrl-C ends it, its robot and its folder within seconds."""
    process = await start(place, "demo", "--robots", "1", TMPDIR=str(place.folder))
    assert process.stdout is not None
    try:
        printed = ""
        async with asyncio.timeout(PATIENCE):
            while "Ctrl-C" not in printed:
                line = await process.stdout.readline()
                assert line, printed
                printed += line.decode()
        assert len(LINK.findall(printed)) == 3
        told = await stop(process, signal.SIGINT)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert is_clean(told), told
    assert list(place.folder.iterdir()) == []
