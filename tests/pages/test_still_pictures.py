"""Still pictures on the pages: the question, the picture that leaves, the one that comes, looking at it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
import pytest
from playwright.async_api import Browser, Page, Route, expect

from signalling import messages
from tests.pages.house import FRONT_PAGE, PlayedBridge, Visit, person, visit
from tests.pages.sealed import KeyPair, seal, unseal

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
DOCTOR = person("p_doc", "Ingrid Berg", "doctor", host=True)
PATIENT = person("p_pat", "Aslaug Nordahl", "patient")
WIDE, HIGH = 3264, 2448  # 8 megapixels
NO_SHUTTER = "delete ImageCapture.prototype.takePhoto;"
# What the call sends meanwhile, seen by the track's own settings at each change.
WATCH_TRACK = """() => {
  const { applyConstraints } = MediaStreamTrack.prototype;
  window.sizes = [];
  MediaStreamTrack.prototype.applyConstraints = async function (wish) {
    await applyConstraints.call(this, wish);
    const { width, height } = this.getSettings();
    window.sizes.push(`${width}x${height}`);
  };
}"""


def pixels(picture: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Decode a picture: height, width, RGB."""
    with av.open(io.BytesIO(picture)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def colours(seen: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
    """Count the colours of a picture, by one number for each: to sort rows of three takes ten seconds."""
    return len(np.unique(seen.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)))


def jpeg(width: int, height: int) -> bytes:
    """Make a picture whose left half is red and whose right half is green."""
    array = np.zeros((height, width, 3), np.uint8)
    array[:, : width // 2, 0] = 220
    array[:, width // 2 :, 1] = 180
    codec = av.CodecContext.create("mjpeg", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = width, height, "yuvj420p"
    codec.time_base = codec.framerate = 1
    frame = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format="yuvj420p")
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


@dataclass
class Pieces:
    """The bridge's relay, played: what a page puts, and what it is given."""

    token: str = "token-of-this-end"  # noqa: S105 - opens nothing
    put: list[bytes] = field(default_factory=list)
    given: bytes = b""
    numbers: list[int] = field(default_factory=list)
    status: int = 204

    async def answer(self, route: Route) -> None:
        """Answer one request."""
        request = route.request
        assert request.headers["authorization"] == f"Bearer {self.token}"
        assert self.token not in request.url
        self.numbers.append(int(request.url.rsplit("/", 1)[1]))
        if request.method == "PUT":
            self.put.append(request.post_data_buffer or b"")
            await route.fulfill(status=self.status)
        else:
            at = self.numbers[-1] * messages.MAX_PIECE_BYTES
            await route.fulfill(body=self.given[at : at + messages.MAX_PIECE_BYTES])


def told(state: str, **fields: Any) -> dict[str, Any]:
    """Fields of a message about a picture of the patient's."""
    return {"still": "t_1", "asker": "p_doc", "participant": "p_pat", "state": state} | fields


@asynccontextmanager
async def at_the_patients(
    browser: Browser, site: str, pieces: Pieces, *scripts: str, **options: Any
) -> AsyncIterator[Visit]:
    """The patient's page in a call."""

    async def prepare(page: Page) -> None:
        await page.route("**/api/v1/stills/**", pieces.answer)
        for script in scripts:
            await page.add_init_script(script)

    me = PATIENT | {"you": True, "participant": "p_me"}
    bridge = PlayedBridge(place="admitted", people=[DOCTOR, me], media=True)
    async with visit(browser, site, bridge, prepare=prepare, **options) as here:
        await here.come_in()
        yield here


@asynccontextmanager
async def at_the_doctors(browser: Browser, site: str, pieces: Pieces, **options: Any) -> AsyncIterator[Visit]:
    """The doctor's page in a call."""

    async def prepare(page: Page) -> None:
        await page.route("**/api/v1/stills/**", pieces.answer)

    people = [DOCTOR | {"you": True, "participant": "p_me"}, PATIENT]
    bridge = PlayedBridge(role="doctor", host=True, place="admitted", people=people, media=True)
    async with visit(browser, site, bridge, prepare=prepare, **options) as here:
        await here.come_in()
        yield here


def push(here: Visit, state: str, *, mine: bool, **fields: Any) -> None:
    """Tell the page of the picture; `mine`: it is the page's owner's."""
    ids = {"asker": "p_doc", "participant": "p_me"} if mine else {"asker": "p_me", "participant": "p_pat"}
    here.bridge.push("still", still="t_1", state=state, **ids, **fields)


async def agree(here: Visit) -> messages.AnswerStill:
    """Press the button that takes the picture; give the answer."""
    await here.page.get_by_role("button", name="Ta bildet").click()
    return await here.bridge.expect(messages.AnswerStill)


@pytest.mark.parametrize("shutter", [True, False])
async def test_the_person_says_yes_and_the_picture_can_be_read_by_who_asked_alone(
    browser: Browser, site: str, *, shutter: bool
) -> None:
    """At the camera's full size, by its shutter or by the track raised for a moment; encrypted as is written."""
    key, pieces = KeyPair(), Pieces()
    scripts = () if shutter else (NO_SHUTTER,)
    async with at_the_patients(browser, site, pieces, *scripts) as here:
        await here.page.evaluate(WATCH_TRACK)
        before = await here.page.evaluate(
            "(s => [s.width, s.height])(brotjeneste.state().pc.getSenders()[1].track.getSettings())"
        )
        most = await here.page.evaluate(
            "(c => [c.width.max, c.height.max])(brotjeneste.state().pc.getSenders()[1].track.getCapabilities())"
        )
        push(here, "asked", mine=True, key=key.text)
        dialog = here.page.get_by_role("dialog", name="Ingrid Berg ber om et skarpt bilde")
        await expect(dialog).to_contain_text("Bildet går bare til Ingrid Berg, og det blir ikke lagret.")
        await expect(here.page.locator("#still-title")).to_be_focused()
        await here.until("document.querySelector('#dialog-still video').videoWidth > 0")
        answer = await agree(here)
        assert answer.answer is messages.StillAnswer.TAKE
        assert answer.size is not None
        await expect(dialog).to_be_hidden()
        push(here, "coming", mine=True, token=pieces.token, size=answer.size)
        await expect(here.page.locator(".still-strip")).to_contain_text("Sender bildet: 100 %")
        push(here, "sent", mine=True)
        await expect(here.page.locator("#notice")).to_contain_text("Bildet er sendt til Ingrid Berg.")
        await expect(here.page.locator(".still-strip")).to_be_hidden()
        sealed = b"".join(pieces.put)
        assert len(sealed) == answer.size
        assert pieces.numbers == list(range(len(pieces.put)))
        assert max(map(len, pieces.put)) <= messages.MAX_PIECE_BYTES
        form, picture = unseal(sealed, key, "t_1")
        seen = pixels(picture)
        assert form == 1
        assert b"Exif" not in picture
        assert [seen.shape[1], seen.shape[0]] == most
        assert colours(seen) > 3, "the fake camera's picture has some colours"
        after = await here.page.evaluate(
            "(s => [s.width, s.height])(brotjeneste.state().pc.getSenders()[1].track.getSettings())"
        )
        assert after == before, "the call goes on as it was"
        if not shutter and before != most:
            sizes = await here.page.evaluate("sizes")
            assert sizes == [f"{most[0]}x{most[1]}", f"{before[0]}x{before[1]}"]


async def test_no_is_no_by_button_by_escape_and_while_it_is_sent(browser: Browser, site: str) -> None:
    """Whatever says no, nothing leaves the page, and the question does not stay."""
    key, pieces = KeyPair(), Pieces()
    async with at_the_patients(browser, site, pieces, size=(390, 844)) as here:
        dialog = here.page.locator("#dialog-still")
        for no in ("button", "Escape"):
            push(here, "asked", mine=True, key=key.text)
            await expect(dialog).to_be_visible()
            if no == "button":
                await here.page.get_by_role("button", name="Nei takk").click()
            else:
                await here.page.keyboard.press("Escape")
            answer = await here.bridge.expect(messages.AnswerStill)
            assert answer.answer is messages.StillAnswer.DECLINED
            await expect(dialog).to_be_hidden()
            push(here, "declined", mine=True)
            await expect(here.page.locator("#notice")).to_contain_text("Du sendte ikke noe bilde. Det er i orden.")
        assert pieces.put == []
        push(here, "asked", mine=True, key=key.text)
        await agree(here)
        await here.page.get_by_role("button", name="Stopp").click()
        assert (await here.bridge.expect(messages.AnswerStill)).answer is messages.StillAnswer.DECLINED


async def test_a_question_goes_when_it_is_called_off_and_comes_again(browser: Browser, site: str) -> None:
    """When the doctor cancels, or the person is sent to wait, the dialog is gone, and its camera with it."""
    key = KeyPair()
    async with at_the_patients(browser, site, Pieces()) as here:
        await here.page.click("#control-camera")
        await here.until("brotjeneste.state().pc.getSenders()[1].track === null")
        push(here, "asked", mine=True, key=key.text)
        await here.until("document.querySelector('#dialog-still video')?.videoWidth > 0")
        assert await here.page.evaluate("brotjeneste.state().pc.getSenders()[1].track") is None, (
            "only for the question"
        )
        await here.page.evaluate(
            "window.track = document.querySelector('#dialog-still video').srcObject.getTracks()[0]; 0"
        )
        push(here, "cancelled", mine=True)
        await expect(here.page.locator("#dialog-still")).to_have_count(0)
        await here.until("window.track.readyState === 'ended'")
        await expect(here.page.locator("#notice")).to_contain_text("Ingrid Berg trenger ikke bildet likevel.")
        push(here, "asked", mine=True, key=key.text)
        await expect(here.page.locator("#dialog-still")).to_be_visible()
        here.bridge.people = [PATIENT | {"you": True, "participant": "p_me", "place": "waiting"}]
        here.bridge.roster()
        await expect(here.page.locator("#dialog-still")).to_have_count(0)
        assert not [each for each in here.bridge.sent if isinstance(each, messages.AnswerStill)]


async def test_a_camera_that_gives_nothing_is_told(browser: Browser, site: str) -> None:
    """The doctor hears of it, in place of nothing."""
    broken = NO_SHUTTER + "window.createImageBitmap = () => Promise.reject(new Error('no'));"
    async with at_the_patients(browser, site, Pieces(), broken) as here:
        push(here, "asked", mine=True, key=KeyPair().text)
        assert (await agree(here)).answer is messages.StillAnswer.NO_PICTURE
        push(here, "no_picture", mine=True)
        await expect(here.page.locator("#notice")).to_contain_text("Vi fikk ikke tatt eller sendt bildet.")
        here.complaints.clear()  # it is noted on the console, too


async def ask(here: Visit) -> messages.AskStill:
    """Press the doctor's button; give the question."""
    await here.page.get_by_role("button", name="Valg for Aslaug Nordahl").click()
    await here.page.get_by_role("button", name="Be om et skarpt bilde").click()
    wish = await here.bridge.expect(messages.AskStill)
    push(here, "asked", mine=False)
    return wish


@pytest.mark.parametrize("size", [(1280, 800), (560, 900), (390, 844)])
async def test_the_doctor_asks_and_looks_closely(browser: Browser, site: str, size: tuple[int, int]) -> None:
    """It opens over the stage with the size that it has, is enlarged and moved by keyboard, and goes for good."""
    pieces = Pieces()
    async with at_the_doctors(browser, site, pieces, size=size) as here:
        if await here.page.locator("#panel").is_hidden():
            await here.page.click("#control-people")
        wish = await ask(here)
        assert wish.participant == "p_pat"
        await expect(here.page.locator(".still-strip")).to_contain_text("Aslaug Nordahl er spurt om et bilde.")
        pieces.given = seal(jpeg(WIDE, HIGH), 1, wish.key, "t_1")
        push(here, "coming", mine=False, token=pieces.token, size=len(pieces.given))
        assert (await here.bridge.expect(messages.EndStill)).end is messages.StillOutcome.SENT
        push(here, "sent", mine=False)
        assert pieces.numbers == list(range(len(pieces.numbers)))
        viewer = here.page.get_by_role("region", name="Bilde fra Aslaug Nordahl")
        await expect(viewer).to_be_visible()
        await expect(here.page.locator("#still-view-title")).to_be_focused()
        await expect(viewer).to_contain_text(f"{WIDE} \u00d7 {HIGH} punkter. Bildet er ikke lagret noe sted.")
        await expect(here.page.locator("#polite")).to_have_text("Bildet fra Aslaug Nordahl er her.")
        assert await here.page.evaluate(CORNERS) == [[220, 0, 0], [0, 180, 0]]
        await look_closely(here)
        await here.page.keyboard.press("Escape")
        await expect(viewer).to_be_hidden()
        assert await here.page.evaluate("document.querySelector('#still-view img').getAttribute('src')") is None


# The colours of the left and the right half, to the nearest twenty.
CORNERS = """() => {
  const image = document.querySelector("#still-view img");
  const canvas = Object.assign(document.createElement("canvas"), { width: 4, height: 2 });
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  paint.drawImage(image, 0, 0, 4, 2);
  const near = ([...rgb]) => rgb.slice(0, 3).map((value) => Math.round(value / 20) * 20);
  return [near(paint.getImageData(0, 0, 1, 1).data), near(paint.getImageData(3, 1, 1, 1).data)];
}"""


async def look_closely(here: Visit) -> None:
    """Enlarge and move by keyboard alone."""
    width = "document.querySelector('#still-view img').clientWidth"
    area = "document.querySelector('.still-area')"
    fitted = await here.page.evaluate(width)
    assert fitted <= await here.page.evaluate(f"{area}.clientWidth")
    await here.page.keyboard.press("+")
    await here.until(f"{width} > {fitted}")
    await here.page.keyboard.press("1")
    await here.until(f"{width} === {WIDE}")
    await expect(here.page.locator("#polite")).to_have_text("100 %")
    await here.page.evaluate(f"{area}.scrollTo(0, 0)")
    for focus in "#still-view-title", ".still-area":
        before = await here.page.evaluate(f"{area}.scrollLeft")
        await here.page.locator(focus).focus()
        await here.page.keyboard.press("ArrowRight")
        await here.until(f"{area}.scrollLeft > {before}")
    await here.page.keyboard.press("0")
    await here.until(f"{width} === {fitted}")


@pytest.mark.parametrize("harm", ["changed", "cut", "other_key", "no_picture"])
async def test_what_was_meddled_with_is_not_shown(browser: Browser, site: str, harm: str) -> None:
    """A changed byte, a chunk left out at the end, another key, something that is no picture: told, on record."""
    pieces = Pieces()
    async with at_the_doctors(browser, site, pieces) as here:
        wish = await ask(here)
        picture = b"<svg/>" * 30_000 if harm == "no_picture" else jpeg(640, 480) + bytes(100_000)
        sealed = seal(picture, 1, KeyPair().text if harm == "other_key" else wish.key, "t_1")
        if harm == "changed":
            sealed = sealed[:5000] + bytes([sealed[5000] ^ 1]) + sealed[5001:]
        pieces.given = sealed[: 66 + 65_536 + 16] if harm == "cut" else sealed
        push(here, "coming", mine=False, token=pieces.token, size=len(pieces.given))
        assert (await here.bridge.expect(messages.EndStill)).end is messages.StillOutcome.UNREADABLE
        push(here, "unreadable", mine=False)
        await expect(here.page.locator("#notice")).to_contain_text("kom ikke fram så det kan vises")
        await expect(here.page.locator("#still-view")).to_be_hidden()
        assert not await here.page.evaluate("document.body.classList.contains('still-open')")


@pytest.mark.parametrize("state", ["declined", "cancelled", "no_answer", "no_picture", "too_slow", "gone"])
async def test_the_doctor_is_told_what_became_of_it(browser: Browser, site: str, state: str) -> None:
    """In words, and another can be asked for."""
    async with at_the_doctors(browser, site, Pieces()) as here:
        await ask(here)
        push(here, state, mine=False)
        await expect(here.page.locator("#notice")).to_contain_text("Aslaug Nordahl")
        await expect(here.page.locator(".still-strip")).to_be_hidden()
        await here.page.get_by_role("button", name="Be om et skarpt bilde").click()
        await here.bridge.expect(messages.AskStill)


# A line of so many kbit/s, of whose way up a call takes its share, and what a picture of so many bytes does to it.
# With each piece go some 800 bytes of HTTP, TLS and TCP; a busy processor adds up to `noise` ms, whatever size.
SIMULATE = """async ([kbps, rtt, noise, bytes]) => {
  const { Pace } = await import("/static/js/pace.js");
  const pace = new Pace();
  const perMs = (rate) => rate / 8;
  let [now, sent, worst, chance] = [0, 0, 0, 1];
  while (sent < bytes) {
    const size = Math.min(pace.size, bytes - sent);
    chance = (chance * 16807) % 2147483647;
    const took = rtt + (size + 800) / perMs(kbps * 0.7) + (noise * chance) / 2147483647;
    worst = Math.max(worst, (size + 800) / perMs(kbps));
    now += took + pace.took(took);
    sent += size;
  }
  return { seconds: now / 1000, worst };
}"""


@pytest.mark.parametrize(
    ("line", "most_seconds", "most_queue_ms"),
    [
        ((300, 60, 0), 40, 70),
        ((300, 60, 60), 40, 150),
        ((60, 100, 0), 180, 250),
        ((2000, 60, 0), 8, 50),
        ((50_000, 30, 0), 3, 12),
        ((50_000, 30, 250), 12, 12),
    ],
)
async def test_a_picture_makes_no_queue_that_sound_would_notice(
    browser: Browser, site: str, line: tuple[int, int, int], most_seconds: float, most_queue_ms: float
) -> None:
    """What one piece adds to the queue is little, and 200 kB come in time, beside a busy processor too."""
    async with visit(browser, site, path="/", ready=FRONT_PAGE) as here:
        found = await here.page.evaluate(SIMULATE, [*line, 200_000])
        assert found["worst"] <= most_queue_ms
        assert found["seconds"] <= most_seconds
