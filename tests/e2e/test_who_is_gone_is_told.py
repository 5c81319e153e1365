"""A device that goes out of coverage makes no ghost: its person is away, then gone, and finds the place."""

import asyncio
from typing import Final

import pytest
from playwright.async_api import async_playwright

from bridge.rooms import events as ev
from loadtest.network.place import why_not
from tests.e2e import island
from tests.support.bridge import PATIENCE_S
from tests.support.outages import GONE, WAY, Call, call_of_two

HERE: Final = "tests/e2e/test_who_is_gone_is_told.py"
NOTE_AWAY: Final = """((who) => {
    const timer = setInterval(() => {
        const person = window.brotjeneste.state().roster?.people.find((one) => one.participant === who);
        if (person && !person.connected) { window.__away = Date.now(); clearInterval(timer); }
    }, 5);
})"""


@pytest.mark.timeout(300)
@pytest.mark.skipif(island.inside(), reason="this is the run that was asked for")
def test_who_is_gone_is_told() -> None:
    """Run the test below in a network of its own."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    island.run_again(f"{HERE}::test_out_of_coverage", seconds=280)


@pytest.mark.browser
@pytest.mark.timeout(270)
@pytest.mark.skipif(not island.inside(), reason="is run by the test above, in a network of its own")
async def test_out_of_coverage() -> None:
    """While nothing passes either way: the doctor is told first, then it is on record, and the leg goes.

    When the network is back, so is the patient, with the place and with nobody asked.
    """
    async with async_playwright() as playwright, call_of_two(playwright) as call:
        who = await call.patient.participant()
        await call.doctor.page.evaluate(f"{NOTE_AWAY}({who!r})")
        call.where.link.set(down=GONE, up=GONE)
        await call.doctor.until(f"!{_connected(who)}")
        lost = await _lost(call, who)
        assert who not in call.house.live.legs
        assert await call.doctor.page.evaluate("window.__away") < lost.at.timestamp() * 1000
        call.where.link.set(down=WAY, up=WAY)
        await call.doctor.until(_connected(who))
        assert await call.patient.state("s.place") == "admitted"
        await call.doctor.sees_and_hears(call.patient)
        assert sum(isinstance(event, ev.Admitted) for event in await call.house.recorded()) == 1


def _connected(who: str) -> str:
    return f"s.roster.people.find((one) => one.participant === '{who}').connected"


async def _lost(call: Call, who: str) -> ev.Disconnected:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for event in await call.house.recorded():
                if isinstance(event, ev.Disconnected) and event.participant == who:
                    return event
            await asyncio.sleep(0.1)
