"""A device that goes out of coverage makes no ghost: its person is away, then gone, and finds the place."""

from typing import Final

import pytest
from playwright.async_api import async_playwright

from bridge.rooms import events as ev
from bridge.rooms.model import ParticipantId
from loadtest.network.place import why_not
from signalling import messages as m
from tests.e2e import island
from tests.support.bridge import eventually
from tests.support.needs import lacking
from tests.support.outages import GONE, WAY, Call, call_of_two

HERE: Final = "tests/e2e/test_who_is_gone_is_told.py"


@pytest.mark.timeout(300)
@pytest.mark.skipif(island.inside(), reason="this is the run that was asked for")
def test_who_is_gone_is_told() -> None:
    """Run the test below in a network of its own."""
    if (reason := why_not()) is not None:
        lacking(reason)
    island.run_again(f"{HERE}::test_out_of_coverage", seconds=280)


@pytest.mark.browser
@pytest.mark.timeout(270)
@pytest.mark.skipif(not island.inside(), reason="is run by the test above, in a network of its own")
async def test_out_of_coverage() -> None:
    """While nothing passes either way: the doctor is told first, then it is on record, and the leg's gate shuts.

    When the network is back, so is the patient, with the place and with nobody asked.
    """
    async with async_playwright() as playwright, call_of_two(playwright) as call:
        who = await call.patient.participant()
        told = _what_is_told(call, await call.doctor.participant(), who)
        call.where.link.set(down=GONE, up=GONE)
        await call.doctor.until(f"!{_connected(who)}")
        await eventually(lambda: told[-1] == (False, False))
        assert told.index((False, True)) < told.index((False, False))
        leg = call.house.leg(who)
        assert not call.house.leg_row(who)["gate_open"]
        call.where.link.set(down=WAY, up=WAY)
        await call.doctor.until(_connected(who))
        assert await call.patient.state("s.place") == "admitted"
        await call.doctor.sees_and_hears(call.patient)
        assert call.house.leg(who) == leg
        assert sum(isinstance(event, ev.Admitted) for event in await call.house.recorded()) == 1


def _connected(who: str) -> str:
    return f"s.roster.people.find((one) => one.participant === '{who}').connected"


def _what_is_told(call: Call, viewer: str, who: str) -> list[tuple[bool, bool]]:
    """Whether each roster to somebody says that another is connected, and whether the records did so then."""
    live, told = call.house.live, []
    connection = live.seats[ParticipantId(viewer)].connection
    send = connection.send

    def noting(message: m.ServerMessage) -> None:
        if isinstance(message, m.Roster):
            said = next(person.connected for person in message.people if person.participant == who)
            told.append((said, live.room.participants[ParticipantId(who)].connected))
        send(message)

    connection.send = noting
    return told
