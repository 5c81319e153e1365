"""What keeps people from reading or pressing a page: by geometry, by motion, in colours of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page

# What WCAG 2.2 wants to be possible, in 1.4.12.
SPACED: Final = """
* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }
p { margin-block-end: 2em !important; }
"""
_LOOKS: Final = Path(__file__).with_suffix(".js").read_text("utf-8")
_SETTLED: Final = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_SPEAK: Final = """async (code) => {
    const { language, setLanguage } = await import("/static/js/i18n.js");
    const before = language();
    await setLanguage(code);
    return before;
}"""
OTHERS: Final = ("nn", "en")
_SPACE: Final = """(css) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    document.adoptedStyleSheets = [sheet];
}"""


async def _look(page: Page, name: str) -> Any:
    """Look once what was done to the page has been drawn."""
    await page.evaluate(_SETTLED)
    return await page.evaluate(f"{_LOOKS}\nwindow.__looks.{name}()")


async def hidden_or_moving(page: Page) -> list[str]:
    """Look for sideways scrolling, words that are cut, controls that are small or covered, and motion."""
    return [*await _look(page, "geometry"), *await _look(page, "motion")]


async def in_other_languages(page: Page) -> list[str]:
    """Look for what does not fit in the other languages, whose words are longer here and there."""
    found = []
    for code in OTHERS:
        before = await page.evaluate(_SPEAK, code)
        found += [f"in {code}: {fault}" for fault in await _look(page, "geometry")]
        await page.evaluate(_SPEAK, before)
    return found


async def colourless(page: Page) -> list[str]:
    """Look for what cannot be told any more in the colours of who has chosen a few."""
    await _look(page, "noteColours")
    await page.emulate_media(forced_colors="active")
    found: list[str] = await _look(page, "lostColours")
    await page.emulate_media(forced_colors="none")
    return found


async def spaced(page: Page, size: tuple[int, int]) -> list[str]:
    """Look at the page in a window of this size with wide spacing; the page is as before afterwards."""
    before = page.viewport_size
    assert before is not None
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    await page.evaluate(_SPACE, SPACED)
    found = await hidden_or_moving(page)
    await page.evaluate("() => { document.adoptedStyleSheets = []; }")
    await page.set_viewport_size(before)
    return found
