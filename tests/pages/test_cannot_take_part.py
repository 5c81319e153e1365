"""Browsers that cannot take part, or only in part: told in plain words, with another way in."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from playwright.async_api import Browser, Page, Route, expect

from signalling import messages
from tests.pages.house import ENDING, STATIC, TOKEN, PlayedBridge, person, visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
NB = json.loads((STATIC / "i18n" / "nb.json").read_text())
NO_WEBRTC = "delete window.RTCPeerConnection;"
INSECURE = "Object.defineProperty(window, 'isSecureContext', { value: false });"
REFUSED = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));"
NO_MIC = (
    "const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
    "navigator.mediaDevices.getUserMedia = (wish) => wish.audio"
    " ? Promise.reject(new DOMException('', 'NotFoundError')) : ask(wish);"
)
ONLY_AV1 = "RTCRtpReceiver.getCapabilities = () => ({ codecs: [{ mimeType: 'video/AV1', clockRate: 90000 }] });"
IN_FACEBOOK = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 [FBAN/FBIOS;FBAV/450.0]"
IN_SOME_APP = "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"
# The clipboard of a browser without windows may be shut: what was to be copied is kept.
CLIPBOARD = "navigator.clipboard.writeText = async (text) => { window.copied = text; };"


WAY = {"number": "47110815", "pin": "123456", "telephone": None}


def with_scripts(*scripts: str) -> Callable[[Page], Awaitable[None]]:
    """Let these run before the page's own."""

    async def answer(route: Route) -> None:
        asked = msgspec.json.decode(route.request.post_data_buffer or b"", type=messages.CallInsteadOf)
        assert asked.token == TOKEN
        await route.fulfill(json=WAY)

    async def prepare(page: Page) -> None:
        await page.route("**/api/v1/calls", answer)
        for script in scripts:
            await page.add_init_script(script)

    return prepare


@pytest.mark.parametrize(
    ("script", "agent", "code"),
    [
        (NO_WEBRTC, None, "unsupported_browser"),
        (NO_WEBRTC, IN_FACEBOOK, "in_app_browser"),
        (INSECURE, None, "insecure"),
    ],
)
async def test_a_browser_that_cannot_take_part_gets_another_way_in(
    browser: Browser, site: str, script: str, agent: str | None, code: str
) -> None:
    """What is wrong, what to do, the link to copy where another browser helps, and number and PIN."""
    options = {"user_agent": agent} if agent else {}
    prepare = with_scripts(script, CLIPBOARD)
    async with visit(browser, site, ready=ENDING, prepare=prepare, size=(390, 844), **options) as here:
        await expect(here.page.get_by_role("heading", name=NB[f"end.{code}.title"])).to_be_focused()
        await here.page.get_by_role("button", name="Ring inn med telefon").click()
        await expect(here.page.locator("#cannot")).to_contain_text("romnummer 47110815, så PIN 123456")
        copy = here.page.get_by_role("button", name="Kopier lenken")
        await expect(copy).to_be_visible(visible=code != "insecure")
        if code != "insecure":
            # What is said at nearly the same moment is said as one.
            await expect(here.page.locator("#assertive")).to_contain_text("123456")
            await copy.click()
            await expect(here.page.locator("#assertive")).to_have_text("Lenken er kopiert")
            assert await here.page.evaluate("window.copied") == f"{site}/join#{TOKEN}"
        assert here.bridge.connections == 0
        await here.page.get_by_role("button", name="English").click()
        await expect(here.page.locator("#cannot")).to_contain_text("Other ways to come in")


async def test_without_a_way_to_call_the_surgery_is_named(browser: Browser, site: str) -> None:
    """No PIN for this link; a clipboard that is shut shows the link, selected, to be copied by hand."""
    shut = "navigator.clipboard.writeText = () => Promise.reject(new Error('no'));"
    nobody = (
        "window.fetch = ((ask) => (...wish) => wish[0] === '/api/v1/calls'"
        " ? Promise.resolve({ ok: false }) : ask(...wish))(fetch);"
    )
    async with visit(browser, site, ready=ENDING, prepare=with_scripts(NO_WEBRTC, shut, nobody)) as here:
        await here.page.click("#cannot-call")
        await expect(here.page.locator("#cannot")).to_contain_text("Ring legekontoret hvis du ikke kommer inn.")
        await here.page.click("#cannot-copy")
        await expect(here.page.get_by_label("Lenken din")).to_have_value(f"{site}/join#{TOKEN}")


@pytest.mark.parametrize("place", ["waiting", "admitted"])
async def test_one_goes_on_by_telephone_from_waiting_room_and_call(
    browser: Browser, site: str, place: str
) -> None:
    """After a question: the page leaves, and has a button that dials, and the PIN."""
    people = [person("p_me", "Aslaug Nordahl", "patient", you=True, place=place)]
    way = WAY | {"telephone": "+4722334455"}
    async with visit(browser, site, PlayedBridge(place=place, people=people, way=way), size=(390, 844)) as here:
        await here.come_in()
        if place == "admitted":
            await here.page.click("#control-settings")
        await here.page.get_by_role("button", name="Ring inn med telefon").click()
        await expect(here.page.get_by_role("dialog")).to_contain_text(
            "Du går ut av videosamtalen og får et nummer"
        )
        await here.page.get_by_role("button", name="Få nummeret").click()
        await here.bridge.expect(messages.CallInstead)
        await here.bridge.expect(messages.Leave)
        dial = here.page.get_by_role("link", name="Ring +47 22 33 44 55")
        await expect(dial).to_have_attribute("href", "tel:+4722334455,,123456%23")
        await expect(here.page.locator("#end-call")).to_contain_text("tast 123456 og firkant")


async def test_where_nobody_can_call_nothing_is_offered(browser: Browser, site: str) -> None:
    """No button that leads nowhere."""
    bridge = PlayedBridge(people=[person("p_me", "Aslaug", "patient", you=True, place="waiting")])
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await here.shows("#waiting-leave")
        await expect(here.page.locator(".call-instead:visible")).to_have_count(0)


@pytest.mark.parametrize(
    ("agent", "words"),
    [(IN_FACEBOOK, "inne i appen Facebook"), (IN_SOME_APP, "inne i en annen app"), (None, None)],
)
async def test_a_refused_microphone_is_told_with_the_app_that_may_be_why(
    browser: Browser, site: str, agent: str | None, words: str | None
) -> None:
    """One can go in and listen, or take another way."""
    me = person("p_me", "Aslaug Nordahl", "patient", you=True, place="waiting")
    options = {"user_agent": agent} if agent else {}
    bridge = PlayedBridge(people=[me])
    prepare = with_scripts(REFUSED)
    async with visit(browser, site, bridge, prepare=prepare, size=(390, 844), **options) as here:
        await expect(here.page.locator("#start-problems")).to_contain_text("De ser og hører ikke deg.")
        box = here.page.locator("#start-cannot")
        if words:
            await expect(box).to_contain_text(words)
        else:
            await expect(box).not_to_contain_text("inne i")
        await box.locator("summary").click()
        await box.get_by_role("button", name="Ring inn med telefon").click()
        await expect(box).to_contain_text("romnummer 47110815")
        await here.come_in()
        await here.shows("#screen-waiting")


async def test_without_a_microphone_one_is_seen_and_listens(browser: Browser, site: str) -> None:
    """What is missing is told, and what goes on all the same."""
    async with visit(browser, site, prepare=with_scripts(NO_MIC)) as here:
        await expect(here.page.locator("#start-problems")).to_contain_text("men de andre hører ikke deg")
        await here.until("document.querySelector('#start-video').videoWidth > 0")


async def test_without_a_codec_that_the_bridge_has_there_is_sound_only(browser: Browser, site: str) -> None:
    """Told before one goes in."""
    async with visit(browser, site, prepare=with_scripts(ONLY_AV1)) as here:
        await expect(here.page.locator("#start-cannot")).to_contain_text("Du kan gå inn med bare lyd.")


async def test_a_browser_that_does_not_understand_the_page_is_told(browser: Browser, site: str) -> None:
    """Where the modules are newer than the browser, words stand in place of a wait without end."""

    async def from_tomorrow(route: Route) -> None:
        await route.fulfill(body="class { #! from tomorrow", content_type="text/javascript")

    async def prepare(page: Page) -> None:
        await page.route("**/static/js/main.js", from_tomorrow)

    async with visit(browser, site, ready="#too-old", prepare=prepare) as here:
        await expect(here.page.locator("#too-old")).to_contain_text("Denne nettleseren er for gammel")
        await expect(here.page.locator("#screen-loading")).to_be_hidden()
        here.complaints.clear()  # of the module that was no module


# Two cameras of a telephone, of which one at a time is open.
TELEPHONE = """(() => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wish) => {
    if (!wish.video) return open(wish);
    const facing = wish.video.facingMode?.exact ?? wish.video.facingMode ?? "user";
    if (window.broken === facing) throw new DOMException("", "NotReadableError");
    const stream = await open({ ...wish, video: true });
    stream.getVideoTracks()[0].facing = facing;
    return stream;
  };
  const list = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
  navigator.mediaDevices.enumerateDevices = async () => {
    const all = await list();
    const [camera] = all.filter(({ kind }) => kind === "videoinput");
    const back = { kind: "videoinput", deviceId: camera.deviceId, label: "Back", groupId: "" };
    const others = all.filter(({ kind }) => kind !== "videoinput");
    return [...others, camera, ...(window.cameras === 1 ? [] : [back])];
  };
})();"""


async def test_a_telephone_turns_its_camera_and_gets_it_back_if_it_cannot(browser: Browser, site: str) -> None:
    """Without a new offer, said aloud, the own picture no longer mirrored; a broken one changes nothing."""
    people = [
        person("p_doc", "Ingrid Berg", "doctor", host=True),
        person("p_me", "Aslaug", "patient", you=True),
    ]
    bridge = PlayedBridge(place="admitted", people=people)
    mobile = {"size": (390, 844), "has_touch": True, "is_mobile": True}
    async with visit(browser, site, bridge, prepare=with_scripts(TELEPHONE), **mobile) as here:
        await here.come_in()
        own = here.page.locator("#stage-tiles [data-key=self].mirror")
        await expect(own).to_have_count(1)
        facing = "document.querySelector('[data-key=self] video').srcObject.getVideoTracks()[0].facing"
        await here.page.get_by_role("button", name="Snu kamera").click()
        await expect(here.page.locator("#polite")).to_have_text("Kameraet på baksiden er på")
        assert await here.page.evaluate(facing) == "environment"
        await expect(own).to_have_count(0)
        await here.page.evaluate("window.broken = 'user'; 0")
        await here.page.get_by_role("button", name="Snu kamera").click()
        await expect(here.page.locator("#notice")).to_have_text("Vi fikk ikke startet det andre kameraet.")
        assert await here.page.evaluate(facing) == "environment"
        assert len(bridge.offers) == 1


async def test_one_camera_has_no_button_to_turn_it(browser: Browser, site: str) -> None:
    """There is nothing to turn."""
    bridge = PlayedBridge(place="admitted", people=[person("p_me", "Aslaug", "patient", you=True)])
    mobile = {"size": (390, 844), "has_touch": True, "is_mobile": True}
    prepare = with_scripts("window.cameras = 1;", TELEPHONE)
    async with visit(browser, site, bridge, prepare=prepare, **mobile) as here:
        await here.come_in()
        await here.shows("#control-camera")
        await expect(here.page.locator("#control-flip")).to_be_hidden()
