"""Somebody who has no pointer and does not see the page: works it by keys, and hears what is read out."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.async_api import Browser, Page, ViewportSize

from tests.support.bridge import WIDE, House, Visitor
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

    async def opens_panel(self) -> None:
        """Have the list of people before one where it is behind a button, whatever that says of who waits."""
        if not await self.page.locator("#panel").is_visible():
            await self.keys.press(str(await self.page.get_attribute("#control-people", "aria-label")))

    async def closes_panel(self) -> None:
        """Have the pictures before one again."""
        await self.keys.press("People", within="#controls")

    async def admits(self, name: str) -> None:
        """Let somebody in."""
        await self.opens_panel()
        await self.keys.press(f"Admit {name}")

    async def invites(self, role: str, name: str) -> str:
        """Make a link for somebody in the dialog of the panel, and find it there."""
        await self.keys.press("Invite someone")
        await self.keys.choose("Role", role)
        await self.keys.type("Name", name)
        await self.page.keyboard.press("Enter")
        await self.ear.hears(f"The link for {name} is ready.")
        await self.keys.to("textbox", "Link", back=True)
        link = await self.page.input_value("#invite-link")
        await self.keys.press("Close", within="#invite-done")
        return link

    async def ends_for_all(self) -> None:
        """End the call, after the question whether one is sure."""
        await self.opens_panel()
        await self.keys.press("End for all", within="#panel")
        await self.keys.press("End for all", within="#dialog-confirm")


def unaided(visitor: Visitor) -> Unaided:
    """Somebody at a page that has just been loaded; it needs the reader's script."""
    return Unaided(visitor, Keyboard(visitor.page), Reader(visitor.page))


async def opens(
    house: House, browser: Browser, link: str, identity: int, *scripts: str, size: ViewportSize = WIDE
) -> Unaided:
    """Open a link, and wait until one can enter."""
    page = await (await house.context(browser, identity, SCRIPT, *scripts, size=size)).new_page()
    await page.goto(link)
    visitor = Visitor(page, identity)
    await visitor.ready_to_enter()
    return unaided(visitor)


async def enters(
    house: House, browser: Browser, link: str, identity: int, *, size: ViewportSize = WIDE
) -> Unaided:
    """Open a link and go in."""
    somebody = await opens(house, browser, link, identity, size=size)
    await somebody.keys.press("Enter")
    await somebody.visitor.connected()
    return somebody
