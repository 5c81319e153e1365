"""Two patients drop in on one doctor in real Chromium: one after the other, and neither learns of the other."""

import pytest
from playwright.async_api import Browser, WebSocket, expect

from signalling import messages as m
from tests.support.bridge import House, Visitor, eventually, open_link

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

DOCTOR, ANNE, BERIT = 5, 23, 51


async def drop_in(
    house: House, chromium: Browser, link: str, identity: int, name: str
) -> tuple[Visitor, list[str]]:
    """Open the standing link, say who comes, and wait; with everything that the page is ever told."""
    context = await house.context(chromium, identity)
    told: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda text: told.append(str(text)))

    context.on("page", lambda page: page.on("websocket", listen))
    visitor = await open_link(context, link, identity)
    await visitor.page.locator("#start-name").fill(name)
    await visitor.ready_to_enter()
    await visitor.page.click("#enter")
    await visitor.until("s.place === 'waiting'")
    await visitor.connected()
    return visitor, told


async def test_one_patient_after_the_other(house: House, chromium: Browser) -> None:
    """By a standing link: numbers while they wait, one act for the next, and no word or packet of each other."""
    doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    wish = m.CreateInvitation(role=m.Role.PATIENT, name="Drop-in", many=True)
    line = (await house.bridge.administration.invite(house.room_id, wish)).link
    anne, told_anne = await drop_in(house, chromium, line, ANNE, "Anne")
    berit, told_berit = await drop_in(house, chromium, line, BERIT, "Berit")
    who = [await anne.participant(), await berit.participant()]
    assert who[0] != who[1]
    await expect(berit.page.locator("#waiting-place")).to_have_text("There is one person ahead of you.")
    await doctor.admit("Anne")
    await anne.sees_and_hears(doctor)
    await doctor.sees_and_hears(anne)
    await expect(berit.page.locator("#waiting-place")).to_have_text("You are next.")
    assert await berit.rtp_received() == 0
    first = house.leg(who[0])
    await doctor.page.get_by_role("button", name="End the visit and let the next one in").click()
    dialog = doctor.page.get_by_role("dialog")
    await expect(dialog.get_by_label("Anne")).to_be_checked()
    await dialog.get_by_role("button", name="Take in").click()
    await anne.ended("ended")
    await berit.sees_and_hears(doctor)
    await doctor.sees_and_hears(berit)
    await eventually(lambda: first not in {int(leg) for leg in house.bridge.engine.snapshot().legs["leg"]})
    assert await berit.state("s.roster.people.length") == 2
    for told, other in ((told_anne, ("Berit", who[1])), (told_berit, ("Anne", who[0]))):
        assert told
        assert not [text for text in told for word in other if word in text]
    acts = [type(event).__name__ for event in await house.recorded()]
    assert acts.index("SeenOff") + 1 == len(acts) - 1 - acts[::-1].index("Admitted")
