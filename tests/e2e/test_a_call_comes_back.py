"""A call goes on after its network was away, after it became another one, and after its computer slept."""

from typing import Final

import pytest
from playwright.async_api import async_playwright

from loadtest.network.place import why_not
from tests.e2e import island
from tests.support.needs import lacking
from tests.support.outages import (
    Call,
    apart_ms,
    back,
    back_at,
    call_of_two,
    legs,
    move,
    noted,
    now_ms,
    outage,
    sleep,
)

HERE: Final = "tests/e2e/test_a_call_comes_back.py"
# On a quiet machine within half a second, and within two with another address, of which Chromium knows that late
# (`make bench-recovery`); without what is tested half a minute, or never. Pages note when they show and play, by
# the machine's clock, so that how late the test looks makes no difference.
SOON_MS: Final = {outage: 5_000.0, move: 8_000.0, sleep: 5_000.0}
# What a busy machine tears into pieces less than a second apart is back all the same; it may take longer to mend.
TORN_MS: Final = 1_000.0
STEADY_MS, PATIENCE_S = 15_000.0, 20.0
AWAY_S: Final = 2.0
APART_MS: Final = 1_000.0
# Longer than anybody is waited for.
ASLEEP_S: Final = 10.0


@pytest.mark.timeout(240)
@pytest.mark.skipif(island.inside(), reason="this is the run that was asked for")
def test_a_call_comes_back() -> None:
    """Run the test below in a network of its own."""
    if (reason := why_not()) is not None:
        lacking(reason)
    island.run_again(f"{HERE}::test_after_an_outage_and_with_another_address", seconds=220)


@pytest.mark.browser
@pytest.mark.timeout(210)
@pytest.mark.skipif(not island.inside(), reason="is run by the test above, in a network of its own")
async def test_after_an_outage_and_with_another_address() -> None:
    """Picture and sound are back both ways on the same legs; nobody seemed gone but who slept."""
    async with async_playwright() as playwright, call_of_two(playwright) as call:
        before = await legs(call.house, call.doctor, call.patient)
        for happens in (outage, move):
            since = await happens(AWAY_S, call)
            await _is_back(call, since, SOON_MS[happens])
            await _is_heard(call)
        assert await legs(call.house, call.doctor, call.patient) == before
        assert [(await noted(one)).gone for one in (call.doctor, call.patient)] == [0, 0]
        await _is_back(call, await sleep(ASLEEP_S, call), SOON_MS[sleep])
        # That the clock of sound stood still is no reason to hold the picture back for as long.
        apart = await apart_ms(call.doctor)
        assert apart is not None
        assert apart < APART_MS
        assert (await noted(call.doctor)).gone > 0
        assert await legs(call.house, call.doctor, call.patient) == before
        assert [await one.offers() for one in (call.doctor, call.patient)] == [1, 1]


async def _is_back(call: Call, since: float, soon_ms: float) -> None:
    """Picture and sound of both: soon, and steady a while later."""
    for one in (call.doctor, call.patient):
        steady = await back(one, since, PATIENCE_S)
        assert all(time is not None and time < STEADY_MS for time in steady), steady
        seen, until = await noted(one), await now_ms(one)
        found = [back_at(times, since, until, TORN_MS) for times in (seen.pictures, seen.sounds)]
        after = [None if time is None else time - since for time in found]
        assert all(time is not None and time < soon_ms for time in after), after


async def _is_heard(call: Call) -> None:
    """Signalling is back too: what the patient says reaches the doctor."""
    await call.patient.until("!s.down")
    me = await call.patient.participant()
    for muted in ("true", "false"):
        await call.patient.page.keyboard.press("m")
        await call.doctor.until(f"s.roster.people.find((one) => one.participant === '{me}').muted === {muted}")
        # The doctor may hear of it first; a page without an answer when its network goes stays muted, and says so.
        await call.patient.until(f"s.pc.getSenders()[0].track.enabled !== {muted}")
