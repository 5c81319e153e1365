"""A recording from the operators' port of a real call, over the real engine, is replayed to the bit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from loadtest.drive import gathered
from loadtest.native import NativeOptions, NativeRobot
from loadtest.profiles import clips_for
from media.api import EngineError, retrace
from signalling import messages as m
from signalling.messages import Place
from tests.support.bridge import PATIENCE_S, House, running_house

SECONDS = 4


@asynccontextmanager
async def two_robots(house: House) -> AsyncIterator[tuple[NativeRobot, NativeRobot]]:
    """A doctor who is in and a patient who waits, both connected."""
    clips = await asyncio.to_thread(clips_for, "thin", "vp8")
    with gathered(clips, NativeOptions()) as crowd:
        doctor = NativeRobot(await house.link(m.Role.DOCTOR, "Doctor", host=True), crowd)
        patient = NativeRobot(await house.link(m.Role.PATIENT, "Patient"), crowd)
        async with asyncio.TaskGroup() as group, asyncio.timeout(PATIENCE_S):
            handshakes = group.create_task(crowd.handshakes())
            people = [group.create_task(robot.run()) for robot in (doctor, patient)]
            for robot in (doctor, patient):
                await robot.wait_for(lambda robot: robot.media_state == "connected")
            yield doctor, patient
            for robot in (doctor, patient):
                robot.stop()
            await asyncio.wait(people)
            handshakes.cancel()


async def asks(client: ClientSession, method: str, path: str, **more: Any) -> Any:
    """Ask the operators' port for JSON."""
    async with client.request(method, path, **more) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def until_ready(client: ClientSession, leg: int) -> tuple[dict[str, Any], float]:
    """Wait for the recording; give its state, and what was told last of what the leg's link carries, in kbit/s."""
    carries = 0.0
    while (state := await asks(client, "GET", "/legs/recording"))["state"] == "recording":
        worst = (await asks(client, "GET", "/legs/worst"))["legs"]
        told = [one["down_carries_kbit_per_s"] for one in worst if one["leg"] == leg]
        carries = (told and told[0]) or carries
        await asyncio.sleep(0.2)
    return state, carries


async def test_a_recorded_call_is_replayed_and_ends_where_the_link_was(tmp_path: Path) -> None:
    """From the gate on, every estimate is that of the call; the last is what operators were told.

    Of the recording there is a line in the audit and in the log; it names nobody, and nothing of it is an address.
    """
    async with running_house(tmp_path) as house, two_robots(house) as (doctor, patient):
        assert patient.welcome is not None
        who, config = patient.welcome.participant, house.bridge.config.metrics
        leg = house.leg(who)
        base, headers = f"http://{config.host}:{config.port}", house.as_operator
        async with ClientSession(base, headers=headers) as client:
            wish = {"leg": leg, "seconds": SECONDS}
            begun = await asks(client, "PUT", "/legs/recording", json=wish)
            assert begun == {"state": "recording", **wish, "code": None, "lines": 0}
            await doctor.request(m.Admit, participant=who)
            await patient.wait_for(lambda robot: robot.place is Place.ADMITTED)
            state, carries = await until_ready(client, leg)
            async with client.get("/legs/recording/trace") as answer:
                assert (answer.status, answer.content_type) == (200, "text/plain")
                trace = await answer.text()
        await house.logged("link_recorded", leg=leg, lines=state["lines"])
        rows = await house.bridge.store.audit("bridge")
    assert (state["state"], state["lines"]) == ("ready", trace.count("\n"))
    told = retrace(trace)
    assert len(told) >= 5 * SECONDS
    assert [one for one in told if one.recorded_bps != one.replayed_bps] == []
    # A busy machine may end it late.
    assert SECONDS - 1 <= told[-1].at_us / 1e6 <= SECONDS + 3
    late = [one.replayed_bps for one in told if one.at_us > told[-1].at_us - 2_000_000]
    assert min(late) * 0.9 <= carries * 1000 <= max(late) * 1.1, (carries, min(late), max(late))
    # Of probes and of silence there may be lines.
    assert {line[0] for line in trace.splitlines()} - set("dh") == set("#bstfe")
    acts = [(row.act, row.role, row.target) for row in rows]
    assert acts == [("record_link", "operator", f"leg_{leg}"), ("fetch_recording", "operator", f"leg_{leg}")]
    assert not [word for word in (who, str(leg), "127.0.0.1") if word in trace]


def test_what_is_no_trace_is_refused() -> None:
    """By a word of the engine's, and not by a crash."""
    assert retrace("# nothing\n") == []
    with pytest.raises(EngineError) as caught:
        retrace("s 1 2 3\n")
    assert caught.value.code == "bad_trace"
