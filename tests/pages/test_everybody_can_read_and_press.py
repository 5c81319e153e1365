"""Every scene as others need it: axe, 400 %, wide spacing, without motion, in colours of their own."""

from __future__ import annotations

from functools import partial
from typing import Final

import pytest
from playwright.async_api import Browser

from tests.pages.readable import colourless, hidden_or_moving, in_other_languages, spaced
from tests.pages.rules import broken_rules
from tests.pages.scenery import Size, Stage, all_scenes

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
# 1280 by 1024 points at 400 %.
ENLARGED: Final[Size] = (320, 256)


@pytest.mark.parametrize("name", sorted(all_scenes()))
async def test_a_scene_can_be_read_and_pressed(browser: Browser, site: str, name: str) -> None:
    """Played at 400 % without motion; each state is looked at so, in all languages, and with wide spacing."""
    scene = all_scenes()[name]
    looks = (
        broken_rules,
        hidden_or_moving,
        in_other_languages,
        colourless,
        partial(spaced, size=scene.sizes[0]),
    )
    stage = Stage(scene, browser, site, "nb", ENLARGED, looks=looks, seen_as={"reduced_motion": "reduce"})
    await scene.play(stage)
    assert stage.states > 0
    assert stage.broken == []


async def test_the_looks_find_what_is_wrong(browser: Browser) -> None:
    """A page with one fault of each kind: none of them is overlooked."""
    page = await browser.new_page(viewport={"width": 320, "height": 256})
    await page.set_content(FAULTY)
    assert await hidden_or_moving(page) == [
        "scrolls sideways: 400",
        "cut by low: Cut off",
        "small: Small",
        "covered by cover: Covered",
        "moves: Moving",
    ]
    assert await colourless(page) == ["has lost its colour: light", "does not stand out: Chosen"]
    await page.close()


async def test_what_axe_cannot_tell_is_measured(browser: Browser) -> None:
    """Words over a picture, whatever it shows: on a plate that hides it they can be read, on a thin one not."""
    page = await browser.new_page(viewport={"width": 320, "height": 256})
    await page.set_content(OVER_A_PICTURE)
    await page.evaluate(
        "document.querySelector('#live').srcObject = document.createElement('canvas').captureStream()"
    )
    found = [rule for rule in await broken_rules(page) if "not settled" in rule]
    assert found == ["color-contrast, not settled: .thin", "video-caption, not settled: #played"]
    await page.close()


async def test_a_word_that_is_too_long_in_one_language_is_found(browser: Browser, site: str) -> None:
    """In a language that the page is not in, which it speaks again afterwards."""
    page = await browser.new_page(viewport={"width": 320, "height": 256}, locale="nb-NO")
    await page.goto(f"{site}/join")
    # Not by an expression asked again and again: after its first turn the page's own policy forbids that.
    await page.locator("body[data-screen='end']").wait_for()
    title = await page.title()
    texts = await (await page.request.get(f"{site}/static/i18n/nn.json")).json()
    long = {key: "w" * 80 if isinstance(text, str) else text for key, text in texts.items()}
    await page.route("**/i18n/nn.json", lambda route: route.fulfill(json=long))
    found = await in_other_languages(page)
    assert found
    assert all(fault.startswith("in nn: ") for fault in found)
    assert await page.evaluate("document.documentElement.lang") == "nb"
    assert await page.title() == title
    await page.close()


FAULTY: Final = """<style>
  @keyframes turn { to { transform: rotate(1turn); } }
  body { margin: 0; }
  button { border: 0; padding: 0; width: 80px; height: 30px; }
  .low { height: 8px; overflow: hidden; }
  #cover { position: absolute; inset: 60px 0 auto; height: 40px; width: 300px; background: white; }
  .light { display: block; width: 20px; height: 20px; background: green; }
</style>
<div style="width: 400px">wide</div>
<div class="low"><p style="margin: 0">Cut off</p></div>
<button style="height: 12px">Small</button>
<div style="position: absolute; top: 65px"><button>Covered</button></div><div id="cover">lies over it</div>
<p style="margin-top: 90px; animation: turn 9s infinite">Moving</p>
<span class="light"></span><button aria-pressed="true" style="background: gold">Chosen</button>
"""

OVER_A_PICTURE: Final = """<style>
  body { margin: 0; }
  div { position: relative; width: 200px; height: 100px; }
  img { width: 200px; height: 100px; }
  p { position: absolute; left: 0; margin: 0; color: white; }
  .thick { top: 5px; background: rgb(0 0 0 / 70%); }
  .thin { top: 50px; background: rgb(0 0 0 / 20%); }
</style>
<div><img alt="" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">
  <p class="thick">Read</p><p class="thin">Guessed</p></div>
<video id="live" muted></video><video id="played" src="data:video/mp4;base64,AAAA"></video>
"""
