"""From the link to the room: start screen, waiting room, admission, reload."""

from __future__ import annotations

import hashlib
import re

import pytest
from playwright.async_api import Browser, Page, expect

from signalling import messages
from tests.pages.house import FRONT_PAGE, START, TOKEN, PlayedBridge, person, visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
REFUSED = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))"


def patient(**changes: object) -> dict[str, object]:
    """Oneself as the patient."""
    return person("p_me", "Aslaug Nordahl", "patient", you=True, **changes)


def doctor(**changes: object) -> dict[str, object]:
    """Give the doctor, who is the host."""
    return person("p_doc", "Ingrid Berg", "doctor", host=True, **changes)


async def test_the_link_leaves_the_address_bar_and_is_sent_in_join(browser: Browser, site: str) -> None:
    """The token is gone from the address before anything is pressed, and goes to the bridge in `join` alone."""
    async with visit(browser, site) as here:
        await here.enter()
        join = await here.bridge.expect(messages.Join)
        assert (join.token, join.version, join.language.value) == (TOKEN, 1, "nb")
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", join.resume or "")
        assert here.page.url == f"{site}/join"
        assert not any(TOKEN in url for url in here.requests)


async def test_nothing_is_sent_before_the_person_enters(browser: Browser, site: str) -> None:
    """The start screen shows picture and devices without telling the bridge."""
    async with visit(browser, site) as here:
        await here.until("document.querySelector('#start-video').videoWidth > 0")
        assert here.bridge.connections == 0


async def test_a_reload_keeps_the_place_without_a_press(browser: Browser, site: str) -> None:
    """After a reload the page joins by itself with its resume secret, filed under the hash of the link."""
    bridge = PlayedBridge(people=[patient(place="waiting")])
    async with visit(browser, site, bridge) as here:
        await here.page.click("#start-mic")
        await here.enter()
        await bridge.expect(messages.Join)
        await here.until("brotjeneste.state().place === 'waiting'")
        key = f"brotjeneste.resume.{hashlib.sha256(TOKEN.encode()).hexdigest()}"
        assert await here.page.evaluate("(key) => localStorage.getItem(key)", key) == "resume-secret"
        await bridge.expect(messages.SelfMute, lambda message: message.muted)
        await bridge.expect(messages.Offer)
        await here.page.reload()
        again = await bridge.expect(messages.Join)
        assert (again.token, again.resume) == (TOKEN, "resume-secret")
        await bridge.expect(messages.SelfMute, lambda message: message.muted)


@pytest.mark.parametrize("storage", [True, False])
async def test_a_lost_welcome_does_not_cost_the_link(browser: Browser, site: str, storage: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """The page asks again with the secret that it made before the first try, also where it may keep nothing."""

    async def forbid_storage(page: Page) -> None:
        if not storage:
            await page.add_init_script(
                "Object.defineProperty(window, 'localStorage', { get() { throw new Error('forbidden'); } });"
            )

    bridge = PlayedBridge(people=[patient(place="waiting")], deaf_connections=1)
    async with visit(browser, site, bridge, prepare=forbid_storage) as here:
        await here.enter()
        first = await bridge.expect(messages.Join)
        again = await bridge.expect(messages.Join)
        assert again.resume == first.resume is not None
        await here.until("brotjeneste.state().place === 'waiting'")
        assert bridge.joins == 2


async def test_waiting_is_explained_and_the_connection_is_warm(browser: Browser, site: str) -> None:
    """Who waits reads what happens, and the offer goes out and connects before admission."""
    bridge = PlayedBridge(people=[patient(place="waiting")], media=True)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await expect(here.page.get_by_role("heading", name="Du er i venterommet")).to_be_focused()
        await expect(here.page.get_by_text("Aslaug Nordahl (pasient)")).to_be_visible()
        await here.until("brotjeneste.state().pc.connectionState === 'connected'")
        await expect(here.page.get_by_text("Forbindelsen er klar")).to_be_visible()


async def test_admission_shows_everyone_and_is_announced(browser: Browser, site: str) -> None:
    """On admission the call appears with a tile for each person, picture from the slot that `layout` names."""
    bridge = PlayedBridge(people=[patient(place="waiting")], media=True)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        bridge.people = [doctor(), person("p_rel", "Olav", "relative", camera=False, muted=True), patient()]
        bridge.roster()
        slots = [{"mid": "6", "participant": "p_doc", "source": "camera"}]
        bridge.push("layout", slots=slots)
        await expect(here.page.locator("#polite")).to_have_text("Du er nå med i samtalen.")
        await expect(here.page.locator("#stage .tile")).to_have_count(3)
        await here.until("document.querySelector('.tile[data-key=p_doc].seen')")
        relative = here.page.locator(".tile[data-key=p_rel]")
        await expect(relative).to_contain_text("Bare lyd")
        await expect(relative.get_by_text("Mikrofon av")).to_be_visible()
        state = await here.state()
        assert (state["place"], state["layout"], len(state["roster"]["people"])) == ("admitted", slots, 3)


async def test_sent_back_to_waiting_hides_the_room(browser: Browser, site: str) -> None:
    """Back in the waiting room nothing of the others is left on the page."""
    bridge = PlayedBridge(place="admitted", people=[doctor(), patient()])
    async with visit(browser, site, bridge) as here:
        await here.enter()
        await expect(here.page.locator("#stage .tile")).to_have_count(2)
        bridge.people = [patient(place="waiting")]
        bridge.roster()
        await expect(here.page.locator("#screen-waiting")).to_be_visible()
        await expect(here.page.locator("#screen-call")).to_be_hidden()
        await expect(here.page.locator("#notice")).to_contain_text("tilbake til venterommet")


async def test_refused_devices_are_explained_and_do_not_stop_the_visit(browser: Browser, site: str) -> None:
    """Without camera and microphone the page says why, offers another try, and lets the person in."""

    async def refuse(page: Page) -> None:
        await page.add_init_script(REFUSED)

    bridge = PlayedBridge(people=[patient(place="waiting")])
    async with visit(browser, site, bridge, prepare=refuse) as here:
        await expect(here.page.locator("#start-problems")).to_contain_text("kameraet og mikrofonen")
        await expect(here.page.locator("#start-retry")).to_be_visible()
        offer = await here.come_in()
        assert None not in (offer.sources.mic, offer.sources.camera, offer.sources.content)
        said = await bridge.expect(messages.Camera)
        assert said.on is False


async def test_a_missing_camera_leaves_the_microphone(browser: Browser, site: str) -> None:
    """One missing device does not cost the other."""

    async def only_sound(page: Page) -> None:
        await page.add_init_script(
            "const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
            "navigator.mediaDevices.getUserMedia = (wish) => wish.video"
            " ? Promise.reject(new DOMException('', 'NotFoundError')) : ask(wish);",
        )

    async with visit(browser, site, prepare=only_sound) as here:
        await expect(here.page.locator("#start-problems")).to_contain_text("Vi finner ikke noe kamera.")
        await expect(here.page.get_by_role("button", name="Slå av mikrofon")).to_be_visible()


@pytest.mark.parametrize(("locale", "lang", "button"), [("nn-NO", "nn", "Gå inn"), ("de-DE", "en", "Enter")])
async def test_the_language_follows_the_browser(
    browser: Browser, site: str, locale: str, lang: str, button: str
) -> None:
    """The first language is the browser's if we have it, else English."""
    async with visit(browser, site, locale=locale) as here:
        await expect(here.page.get_by_role("button", name=button)).to_be_visible()
        assert await here.page.get_attribute("html", "lang") == lang


async def test_a_chosen_language_changes_every_text_and_is_kept(browser: Browser, site: str) -> None:
    """The switch works at once, sets `lang`, and holds after a reload."""
    async with visit(browser, site) as here:
        await here.page.get_by_role("button", name="English").click()
        await expect(here.page.get_by_role("button", name="Enter")).to_be_visible()
        assert await here.page.get_attribute("html", "lang") == "en"
        await here.page.reload()
        await expect(here.page.get_by_role("heading", name="Ready for your video call")).to_be_visible()


async def test_the_front_page_takes_a_pasted_link(browser: Browser, site: str) -> None:
    """A link pasted on the front page opens its visit; anything else is explained."""
    async with visit(browser, site, path="/", ready=FRONT_PAGE) as here:
        await here.page.fill("#index-link", "hei")
        await here.page.press("#index-link", "Enter")
        await expect(here.page.get_by_role("alert")).to_contain_text("ikke ut som en hel lenke")
        await here.page.fill("#index-link", f"{site}/join#{TOKEN}")
        await here.page.press("#index-link", "Enter")
        await here.shows(START)
