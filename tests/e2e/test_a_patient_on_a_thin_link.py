"""Journey D5: a patient with a telephone on poor mobile data, from the test before entry to another network."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Final, NamedTuple

import pytest
from playwright.async_api import Browser, async_playwright, expect

from loadtest.network.place import Place, place, why_not
from loadtest.network.profile import Profile
from signalling import messages as m
from tests.auth.openid import RealProvider
from tests.e2e import island
from tests.support.bridge import PATIENCE_S, PHONE, House, Visitor
from tests.support.logins import house_with_logins
from tests.support.measured_call import FIND_HOST, HOST, browser_at
from tests.support.media_checks import CHROMIUM, CHROMIUM_ARGS
from tests.support.needs import lacking

HERE: Final = "tests/e2e/test_a_patient_on_a_thin_link.py"
DOCTOR, PATIENT, RELATIVE = 3, 17, 42
Note = Callable[[str, object], None]
# The provider's address is loopback for the bridge; from the patient's place it is where the bridge is.
FIND_BOTH: Final = f"{FIND_HOST},MAP 127.0.0.1 {island.ADDRESS}"
THIN: Final = Profile(delay_ms=40, jitter_ms=30, loss=0.01, rate_bps=300_000)
HOPELESS: Final = Profile(delay_ms=40, loss=0.1, rate_bps=60_000)
# In runs that no redundancy bridges, so that sound is lost too.
DEAF: Final = Profile(delay_ms=40, loss=0.4, burst=8)
# In so many seconds, who waits may cost this many bytes each way: a tenth of the link at most.
WAITS_S, COSTS_BYTES = 4.0, 15_000
# More pictures than can have been on their way, and the share of those sent that has to be shown, as the two are
# counted one after the other.
AGAIN, ALL_BUT = 10, 0.8
# Of those on good links, before one is bad and meanwhile: the share of what comes from the camera that is sent,
# which a slow machine does not change, and the rate at which it is taken: less where the sender is held to fewer
# pictures, and half of it on a machine that slows down meanwhile.
BEFORE_S, AS_BEFORE, SLOWED = 5.0, 0.7, 0.4


@pytest.mark.timeout(300)
@pytest.mark.skipif(island.inside(), reason="this is the run that was asked for")
def test_a_patient_on_a_thin_link_is_seen_and_heard(record_property: Note) -> None:
    """Run the test below in a network of its own."""
    if (reason := why_not()) is not None:
        lacking(reason)
    for name, value in island.run_again(f"{HERE}::test_the_visit", seconds=280):
        record_property(name, value)


@pytest.mark.browser
@pytest.mark.timeout(270)
@pytest.mark.skipif(not island.inside(), reason="is run by the test above, in a network of its own")
async def test_the_visit(tmp_path: Path, record_property: Note) -> None:
    """Logged in; told that it is weak; seen and heard; only heard; there again on another one; by telephone."""
    settings = {"title": "ID-porten", "dialect": "idporten", "acr_values": ["idporten-loa-high"]}
    wanted: dict[str, Any] = {"address": island.ADDRESS, "name": HOST, "gateways": {"sip": {"port": 5060}}}
    async with (
        async_playwright() as playwright,
        house_with_logins(tmp_path, "idporten", settings, **wanted) as (house, provider),
    ):
        with place(1) as where:
            where.link.set(down=THIN, up=THIN)
            async with browser_at(playwright, where, FIND_BOTH) as far:
                near = await playwright.chromium.launch(
                    executable_path=CHROMIUM, headless=True, args=[*CHROMIUM_ARGS, FIND_HOST]
                )
                doctor = await house.bring(near, m.Role.DOCTOR, DOCTOR, size=PHONE)
                await doctor.open_panel()
                patient = await comes_by_the_test(await logs_in(house, provider, far))
                row = doctor.page.locator("#waiting-people")
                await expect(row.locator(".tested")).to_have_text("test: weak network")
                await expect(row.locator(".unknown")).to_have_text("logged in, security level high")
                await costs_little(where)
                await doctor.admit("Patient")
                await doctor.sees_and_hears(patient)
                await patient.sees_and_hears(doctor)
                relative = await comes_too(house, near, doctor, patient, record_property)
                await disturbs_nobody(goes_by_sound(where, doctor, patient), doctor, relative, record_property)
                await relative.page.close()
                await changes_network(where, doctor, patient, record_property)
                await goes_on_by_telephone(where, doctor, patient)
                await near.close()


async def logs_in(house: House, provider: RealProvider, far: Browser) -> Visitor:
    """A link by which one has to be known surely; the provider, too, is at the far end of the thin link."""
    link = await house.link(m.Role.PATIENT, "Patient", requires=m.Assurance.HIGH)
    page = await (await house.context(far, PATIENT, size=PHONE)).new_page()
    await page.goto(link)
    patient = Visitor(page, PATIENT)
    await patient.ready_to_enter()
    await provider.will_log_in("patient", acr="idporten-loa-high", pid="01017012345")
    await patient.press(page.get_by_role("link", name="Log in with ID-porten"))
    said = page.locator("#start-login-text")
    await expect(said).to_have_text("You are logged in (security level high).")
    await patient.ready_to_enter()
    return patient


async def comes_by_the_test(patient: Visitor) -> Visitor:
    """The test before entry says what the network is, and what helps; then the patient waits."""
    page = patient.page
    await answers(patient)
    await expect(page.locator("#test-result")).to_be_visible()
    await expect(page.locator("#test-lines li").last).to_contain_text("a little weak")
    await expect(page.locator("#test-result")).to_contain_text("Move closer to the router")
    await patient.press("#test-enter")
    await patient.connected()
    return patient


async def comes_too(house: House, near: Browser, doctor: Visitor, patient: Visitor, note: Note) -> Visitor:
    """Somebody on a good link; how many pictures of the patient come meanwhile is noted."""
    who = await patient.participant()
    before, at = await decoded(doctor, who), perf_counter()
    relative = await house.bring(near, m.Role.RELATIVE, RELATIVE)
    await doctor.admit("Relative")
    await doctor.sees_and_hears(relative)
    fps = (await decoded(doctor, who) - before) / (perf_counter() - at)
    note("pictures a second of who is on the thin link", round(fps, 1))
    return relative


async def disturbs_nobody(bad: Awaitable[None], doctor: Visitor, relative: Visitor, note: Note) -> None:
    """While one link is bad, those on good ones send each other what they did before, and all of it is shown."""
    pairs = (relative, doctor), (doctor, relative)
    counts = [await _pictures(*pair) for pair in pairs]
    await asyncio.sleep(BEFORE_S)
    usual = [(await _pictures(*pair)).since(old) for pair, old in zip(pairs, counts, strict=True)]
    counts = [await _pictures(*pair) for pair in pairs]
    await bad
    meanwhile = [(await _pictures(*pair)).since(old) for pair, old in zip(pairs, counts, strict=True)]
    note(
        "pictures made, sent and shown of the relative and of the doctor meanwhile", [one[1:] for one in meanwhile]
    )
    for before, after in zip(usual, meanwhile, strict=True):
        assert after.made / after.at_s > SLOWED * before.made / before.at_s, (before, after)
        assert after.sent / after.made > AS_BEFORE * before.sent / before.made > 0, (before, after)
        assert after.shown > ALL_BUT * after.sent, after


class Pictures(NamedTuple):
    """Counts of one camera's pictures at some time: taken from it, sent, and decoded by who looks at it."""

    at_s: float
    made: int
    sent: int
    shown: int

    def since(self, before: "Pictures") -> "Pictures":
        """What came since then."""
        return Pictures(*(new - old for new, old in zip(self, before, strict=True)))


async def _pictures(of: Visitor, viewer: Visitor) -> Pictures:
    at_s, made, sent = perf_counter(), await counted(of, "null", "frames"), await counted(of, "null", "framesSent")
    return Pictures(at_s, made, sent, await decoded(viewer, await of.participant()))


async def decoded(viewer: Visitor, participant: str) -> int:
    """How many pictures of somebody a page has decoded."""
    return await counted(viewer, viewer.track(participant, "camera"), "framesDecoded")


async def counted(viewer: Visitor, track: str, what: str) -> int:
    """The highest of the counters of a track's streams that have this name; of all streams for `null`."""
    script = f"""(async () => {{
        const report = await window.brotjeneste.state().pc.getStats({track});
        return Math.max(...[...report.values()].map((one) => one.{what} ?? 0));
    }})()"""
    return int(await viewer.page.evaluate(script))


async def answers(patient: Visitor) -> None:
    """All devices work."""
    await patient.press("#start-test")
    for answer in ("Yes", "Yes", "Play the sound", "Yes, I heard it"):
        if await patient.page.locator("#screen-test").get_attribute("data-step") == "mic":
            await expect(patient.page.locator("#test-level-text")).to_have_text("We hear you")
        await patient.press(patient.page.get_by_role("button", name=answer, exact=True))


async def costs_little(where: Place) -> None:
    """Waiting costs next to nothing of what the patient may have to pay for."""
    before = where.link.counters()
    await asyncio.sleep(WAITS_S)
    after = where.link.counters()
    for way in ("up", "down"):
        assert after[way]["pushed_bytes"] - before[way]["pushed_bytes"] < COSTS_BYTES, way


async def goes_by_sound(where: Place, doctor: Visitor, patient: Visitor) -> None:
    """Where no picture passes sound does, and both read why nobody moves; pictures come back with the link."""
    where.link.set(down=HOPELESS, up=HOPELESS)
    doctors = patient.page.locator(f'#stage .tile[data-participant="{await doctor.participant()}"]')
    stands_still = expect(doctors.get_by_text("Getting the picture"))
    row = doctor.page.locator(f'#room-people > li[data-key="{await patient.participant()}"]')
    await expect(row).to_contain_text("Poor")
    await stands_still.to_be_visible()
    await doctor.hears(await patient.participant(), PATIENT)
    await patient.hears(await doctor.participant(), DOCTOR)
    where.link.set(down=THIN, up=THIN)
    await patient.sees_and_hears(doctor)
    await stands_still.not_to_be_visible()
    await doctor.sees_and_hears(patient)


async def changes_network(where: Place, doctor: Visitor, patient: Visitor, note: Note) -> None:
    """From one network to another: the same person, as surely known, the same place, and nothing to press."""
    who = await patient.participant()
    where.arrive(1)
    where.leave(0)
    left, pictures = perf_counter(), await decoded(doctor, who)
    async with asyncio.timeout(PATIENCE_S):
        while await decoded(doctor, who) < pictures + AGAIN:  # noqa: ASYNC110 - the page has no event for it
            await asyncio.sleep(0.05)
    note(f"seconds from the loss of a network to the {AGAIN}th picture", round(perf_counter() - left, 1))
    await patient.sees_and_hears(doctor)
    await doctor.sees_and_hears(patient)
    note("seconds until both see and hear each other", round(perf_counter() - left, 1))
    assert await patient.participant() == who
    assert await patient.state("s.place === 'admitted'")
    assert await doctor.state(f"s.roster.people.find((one) => one.participant === '{who}').assurance") == "high"


async def goes_on_by_telephone(where: Place, doctor: Visitor, patient: Visitor) -> None:
    """Where not even sound passes, page and doctor offer the telephone; one press leads to the number."""
    where.link.set(up=DEAF)
    offer = patient.page.locator("#poor-line")
    await expect(offer).to_contain_text("You can go on by telephone")
    row = doctor.page.locator(f'#room-people > li[data-key="{await patient.participant()}"]')
    await expect(row).to_contain_text("Bad line up")
    await row.get_by_role("button", name="Suggest telephone: Patient").click()
    await expect(offer).to_contain_text("Doctor suggests")
    await patient.page.click("#poor-line-call")
    await expect(patient.page.locator("#end-call")).to_contain_text("then PIN")
