"""Somebody who has no pointer and does not see the page: works it by keys, and hears what is read out."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.async_api import Browser, Page

from tests.support.bridge import PATIENCE_S, House, Visitor
from tests.support.keyboard import Keyboard
from tests.support.screen_reader import SCRIPT, Reader


@dataclass
class Unaided:
    """Their page, their keys and their ear."""

    visitor: Visitor
    keys: Keyboard
    ear: Reader

    @property
    def page(self) -> Page:
        """The page itself."""
        return self.visitor.page


async def opens(house: House, browser: Browser, link: str, identity: int) -> Unaided:
    """Open a link, and wait until one can enter."""
    page = await (await house.context(browser, identity, SCRIPT)).new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    await page.goto(link)
    visitor = Visitor(page, identity)
    await visitor.ready_to_enter()
    return Unaided(visitor, Keyboard(page), Reader(page))


async def enters(house: House, browser: Browser, link: str, identity: int) -> Unaided:
    """Open a link and go in."""
    somebody = await opens(house, browser, link, identity)
    await somebody.keys.press("Enter")
    await somebody.visitor.connected()
    return somebody
