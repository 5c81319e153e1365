"""The host's mute is the bridge's, and choosing whom to see never renegotiates."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from loadtest.errors import Rejected
from loadtest.media_client import MediaOptions
from signalling import messages as m
from tests.support.bridge import House, Visitor, eventually, robots, running_house

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

DOCTOR, PATIENT, RELATIVE = 7, 29, 44
SMALL = MediaOptions(0, width=160, height=120, fps=5)
# Undoes what the page itself does about a mute: the microphone goes on, whatever the page's sign says.
LOUD_MICROPHONE = """(() => {
    const { get } = Object.getOwnPropertyDescriptor(MediaStreamTrack.prototype, "enabled");
    Object.defineProperty(MediaStreamTrack.prototype, "enabled", { get, set() {} });
})();"""


async def test_a_host_mutes_a_page_that_goes_on_sending(house: House, chromium: Browser) -> None:
    """The bridge drops the patient's sound, whatever the page does; the patient lifts it where that is allowed."""
    doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    patient = await house.bring(chromium, m.Role.PATIENT, PATIENT, LOUD_MICROPHONE)
    await doctor.admit("Patient")
    await doctor.sees_and_hears(patient)
    who = await patient.participant()

    await doctor.do("Patient", "Turn mic off")
    await patient.until("s.roster.people.find((one) => one.you).muted")
    await drops_go_on(house, who)
    await doctor.hears_no_more(who)
    await patient.page.click("#control-mic", force=True)
    await doctor.until(f"s.roster.people.some((one) => one.participant === '{who}' && !one.muted)")
    await doctor.hears(who, PATIENT)

    await doctor.do("Patient", "Turn mic off and lock it")
    await patient.until("s.roster.people.find((one) => one.you).may_unmute === false")
    await doctor.hears_no_more(who)
    await patient.page.click("#control-mic", force=True)
    await patient.page.locator("#notice").get_by_text("Only the doctor can turn it on again").wait_for()
    await drops_go_on(house, who)
    assert await doctor.state(f"s.roster.people.find((one) => one.participant === '{who}').muted")

    await doctor.do("Patient", "Give sound back")
    await doctor.hears(who, PATIENT)


async def test_a_client_that_asks_to_lift_a_locked_mute_is_refused(house: House, chromium: Browser) -> None:
    """The bridge and not the page forbids it: the same request succeeds once the host has lifted the mute."""
    doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    async with robots(house, range(RELATIVE, RELATIVE + 1), SMALL) as (robot,):
        name = f"Robot {RELATIVE}"
        await doctor.admit(name)
        await robot.wait_for(lambda robot: robot.place == m.Place.ADMITTED)
        assert robot.welcome is not None
        who = robot.welcome.participant
        await doctor.hears(who, RELATIVE)
        await doctor.do(name, "Turn mic off and lock it")
        await robot.wait_for(lambda robot: bool(robot.roster) and not mine(robot.roster).may_unmute)
        with pytest.raises(Rejected) as refusal:
            await robot.request(m.SelfMute, muted=False)
        assert refusal.value.code == "wrong_state"
        await drops_go_on(house, who)
        await doctor.do(name, "Give sound back")
        await doctor.hears(who, RELATIVE)
        await robot.request(m.SelfMute, muted=True)
        await drops_go_on(house, who)
        await robot.request(m.SelfMute, muted=False)
        await doctor.hears(who, RELATIVE)


async def test_nothing_is_renegotiated_when_people_come_go_and_are_pinned(
    tmp_path: Path, chromium: Browser
) -> None:
    """With one slot for pictures the doctor sees whom they pin, through the one offer that the page made."""
    async with running_house(tmp_path, slots=1) as house:
        doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
        patient = await house.bring(chromium, m.Role.PATIENT, PATIENT)
        await doctor.admit("Patient")
        await doctor.sees_and_hears(patient)
        relative = await house.bring(chromium, m.Role.RELATIVE, RELATIVE)
        await doctor.admit("Relative")
        await doctor.hears(await relative.participant(), RELATIVE)
        await relative.admitted()

        for name, wanted, before in (
            ("Relative", relative, patient),
            ("Patient", patient, relative),
            ("Relative", relative, patient),
        ):
            await doctor.page.get_by_role("button", name=f"Show large: {name}", exact=True).click()
            await only_camera(doctor, wanted)
            await doctor.comes_to_see(await wanted.participant(), wanted.identity, before.identity)
        await doctor.page.get_by_role("button", name="Show normal: Relative", exact=True).click()
        assert [await one.offers() for one in (doctor, patient, relative)] == [1] * 3

        await relative.page.click("#control-leave")
        await relative.page.click("#confirm-yes")
        await relative.ended("left")
        await only_camera(doctor, patient)
        await doctor.comes_to_see(await patient.participant(), PATIENT, RELATIVE)
        await doctor.hears(await patient.participant(), PATIENT)
        await patient.sees_and_hears(doctor)
        assert [await one.offers() for one in (doctor, patient)] == [1] * 2


async def only_camera(viewer: Visitor, other: Visitor) -> None:
    """Wait until the viewer's one slot for pictures has somebody in it."""
    who = await other.participant()
    await viewer.until(
        "s.layout.filter((one) => one.source === 'camera').map((one) => one.participant).join() === " + repr(who)
    )


async def drops_go_on(house: House, who: str) -> None:
    """Wait until the engine has dropped another fifty packets of somebody who is muted."""
    so_far = house.leg_row(who)["muted_drops"]
    await eventually(lambda: house.leg_row(who)["muted_drops"] > so_far + 50)


def mine(roster: m.Roster) -> m.Person:
    """The line of the roster that is about its reader."""
    return next(person for person in roster.people if person.you)
