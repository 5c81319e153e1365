"""What patients and guests have on their telephones."""

from __future__ import annotations

from playwright.async_api import expect

from tests.pages.house import ENDING, FRONT_PAGE, PlayedBridge
from tests.pages.scenery import DOCTOR, PHONE, Stage, scene
from tests.pages.scenes.call import show
from tests.pages.scenes.people import as_patient

REFUSED = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
STOP_A_PICTURE = "farEnds.at(-1).getSenders().find((each) => each.track?.kind === 'video').replaceTrack(null)"
PICTURE = "document.querySelector('#start-video').videoWidth > 0"


@scene(PHONE, DOCTOR)
async def front_page(stage: Stage) -> None:
    """For those who come without their link."""
    async with stage.visit(path="/", ready=FRONT_PAGE) as here:
        await stage.shoot(here.page)


@scene(PHONE, DOCTOR)
async def start(stage: Stage) -> None:
    """The first screen behind a link, and its devices."""
    async with stage.visit() as here:
        await here.until(PICTURE)
        await stage.shoot(here.page)
        await here.page.locator("#start-devices summary").click()
        await stage.shoot(here.page, "devices")


@scene(PHONE)
async def start_without_devices(stage: Stage) -> None:
    """The browser may not use camera and microphone."""
    async with stage.visit(prepare=lambda page: page.add_init_script(REFUSED)) as here:
        await here.shows("#start-problems")
        await stage.shoot(here.page)


@scene(PHONE)
async def self_test(stage: Stage) -> None:
    """The test before entry: its questions, and what comes of it on a weak line."""
    up = {"loss_percent": 6.0, "jitter_ms": 12.0, "bitrate_kbps": 640.0}
    told = {"verdict": "weak", "reasons": ["loss_up"], "up": up, "down": up, "rtt_ms": 48.0}
    async with stage.visit(as_patient(media=True, tested=told)) as here:
        await here.page.click("#start-test")
        for moment in ("camera", "microphone", "loudspeaker"):
            await here.shows("#test-yes")
            await stage.shoot(here.page, moment)
            before = await here.page.locator("#test-title").inner_text()
            await here.page.click("#test-yes")
            if moment == "loudspeaker":
                await here.page.click("#test-yes")
            await expect(here.page.locator("#test-title")).not_to_have_text(before)
        await here.shows("#test-result")
        await stage.shoot(here.page, "result")


@scene(PHONE, DOCTOR)
async def waiting(stage: Stage) -> None:
    """The waiting room."""
    async with stage.visit(as_patient(media=True)) as here:
        await here.come_in()
        await here.until("brotjeneste.state().pc?.connectionState === 'connected'")
        await here.shows("#waiting-checks li + li + li.fine")
        await stage.shoot(here.page)


@scene(PHONE)
async def call(stage: Stage) -> None:
    """In the call, on a telephone; the people, a picture that has stopped, and the settings."""
    bridge = as_patient("admitted", media=True)
    async with stage.visit(bridge) as here:
        await here.come_in()
        await show(here, "p_doc", "p_int")
        await stage.shoot(here.page)
        await here.page.click("#control-people")
        await stage.shoot(here.page, "people")
        await here.page.click("#control-people")
        await here.page.locator("#stage .tile").first.scroll_into_view_if_needed()
        await here.page.evaluate(STOP_A_PICTURE)
        await expect(here.page.locator("#stage .tile.stopped")).to_have_count(1)
        await stage.shoot(here.page, "stands-still")
        await here.page.click("#control-settings")
        await stage.shoot(here.page, "settings")


@scene(PHONE)
async def ending(stage: Stage) -> None:
    """The call is over; the patient was refused; the link is too old."""
    async with stage.visit(as_patient("admitted")) as here:
        await here.come_in()
        here.bridge.push("bye", code="ended", message="Over.")
        await here.shows("#end-title")
        await stage.shoot(here.page, "ended")
    for code in ("link_expired", "room_locked", "internal"):
        async with stage.visit(PlayedBridge(refuse_join=code)) as here:
            await here.enter()
            await here.shows("#end-title")
            await stage.shoot(here.page, code.replace("_", "-"))


@scene(PHONE)
async def cannot_take_part(stage: Stage) -> None:
    """A browser without WebRTC, and one inside another app without a microphone; each with another way in."""
    no_webrtc = "delete window.RTCPeerConnection;"
    async with stage.visit(ready=ENDING, prepare=lambda page: page.add_init_script(no_webrtc)) as here:
        await here.shows("#cannot")
        await stage.shoot(here.page)
    inside = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 [FBAN/FBIOS;FBAV/450.0]"
    async with stage.visit(prepare=lambda page: page.add_init_script(REFUSED), user_agent=inside) as here:
        await here.shows("#start-cannot")
        await here.page.locator("#start-cannot summary").click()
        await stage.shoot(here.page, "in-an-app")
