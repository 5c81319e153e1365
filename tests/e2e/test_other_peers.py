"""One room with Chromium, Firefox and an aiortc client: everybody sees and hears everybody, by content."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser

from loadtest.media_client import MediaOptions
from loadtest.robot import Robot
from signalling import messages as m
from tests.e2e import island
from tests.e2e.fox import enter_with_firefox, firefox_for
from tests.support.bridge import PATIENCE_S, Viewer, robots, running_house
from tests.support.firefox import FirefoxBidi
from transcode.tones import identity_of

# The run on an island ends before it is ended from outside: it alone can tell where it stood.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(400 if island.inside() else 480)]

DOCTOR, PATIENT, INTERPRETER, ROBOT, FOX = 2, 13, 37, 48, 60
HERE = "tests/e2e/test_other_peers.py"
# Five encoders and twenty decoders share the machine with whatever else runs there.
MODEST = "window.__pictureRate = 8;"
# Whether the path in use is one of a restart, by the bridge's name in it.
MOVED = """(async () => {
    const { pc } = window.brotjeneste.state();
    const stats = await pc.getStats();
    const pair = [...stats.values()].find((one) => one.type === "candidate-pair" && one.selected);
    const port = String(stats.get(pair?.localCandidateId)?.port);
    const paths = pc.localDescription.sdp.match(/a=candidate:.*/g) ?? [];
    return pc.remoteDescription.sdp.includes("/1\\r") && paths.some((path) => path.includes(` ${port} `));
})()"""


@pytest.mark.skipif(island.inside(), reason="this is the run that was asked for")
def test_five_parties_of_three_kinds_in_a_network_of_their_own() -> None:
    """The test below passes where there is an address that Firefox and aiortc use."""
    island.run_again(f"{HERE}::test_five_parties_of_three_kinds_see_and_hear_each_other", seconds=450)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.skipif(not island.inside(), reason="is run by the test above, in a network of its own")
async def test_five_parties_of_three_kinds_see_and_hear_each_other(tmp_path: Path, chromium: Browser) -> None:
    """Three pages in Chromium, one in Firefox and a robot: each pair by picture and by tone, both ways."""
    async with (
        running_house(tmp_path, media_address=island.ADDRESS) as house,
        firefox_for(FOX, MODEST) as firefox,
        robots(house, range(ROBOT, ROBOT + 1), MediaOptions(0, fps=8, audio_slots=4, video_slots=4)) as (robot,),
    ):
        doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR, MODEST)
        others = [
            await house.bring(chromium, m.Role.PATIENT, PATIENT, MODEST),
            await house.bring(chromium, m.Role.INTERPRETER, INTERPRETER, MODEST),
            await enter_with_firefox(firefox, await house.link(m.Role.SPECIALIST, "Specialist"), FOX),
        ]
        viewers: list[Viewer] = [doctor, *others]
        for viewer in others:
            assert await viewer.rtp_received() == 0
        await doctor.until("s.roster.people.length === 5")
        await doctor.page.click("#admit-all")

        assert robot.welcome is not None
        parties = {await viewer.participant(): viewer.identity for viewer in viewers}
        await sees_and_hears_all(robot, parties)
        everyone = {**parties, robot.welcome.participant: ROBOT}
        for viewer in viewers:
            for who, identity in everyone.items():
                if identity != viewer.identity:
                    await viewer.sees(who, identity)
                    await viewer.hears(who, identity)
        await _finds_another_way(firefox)
        await viewers[-1].sees(await doctor.participant(), DOCTOR)
        assert [await viewer.offers() for viewer in viewers] == [1] * len(viewers)


async def _finds_another_way(firefox: FirefoxBidi) -> None:
    """Firefox too takes a restart of ICE in which the bridge has no part but to answer its checks."""
    await firefox.evaluate("window.dispatchEvent(new Event('online'))")
    async with asyncio.timeout(PATIENCE_S):
        while not await firefox.evaluate(MOVED):
            pass  # each look takes some milliseconds


async def sees_and_hears_all(robot: Robot, parties: dict[str, int]) -> None:
    """Wait until a robot has had a picture and a tone of each of these and of nobody else, by content."""
    seen, heard = dict[str, int](), dict[str, int | None]()

    def complete(robot: Robot) -> bool:
        seen.update({who: reading.identity for who, reading in robot.seen().items()})
        heard.update({who: identity_of(hz) for who, hz in robot.heard().items()})
        return seen == parties and heard == parties

    try:
        async with asyncio.timeout(2 * PATIENCE_S):
            await robot.wait_for(complete)
    except TimeoutError:
        raise AssertionError(f"wanted {parties}, saw {seen}, heard {heard}; {robot.counters()}") from None
