"""A page worked by its keys alone: Tab reaches what is wanted, Enter or Space presses it, arrows choose.

At each stop on the way the focus has to be seen: with a ring that stands out, under nothing, in an order that
makes sense. After whatever was pressed the focus is still somewhere.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from playwright.async_api import Page, expect

_SCRIPT: Final = Path(__file__).with_suffix(".js").read_text("utf-8")
_FARTHEST: Final = 80
_PATIENCE_S: Final = 60.0
Role = Literal["button", "textbox", "combobox", "checkbox", "link", "group", "radio"]


@dataclass
class Keyboard:
    """Somebody's hands on the keys."""

    page: Page
    _begun: bool = False
    passed: list[str] = field(default_factory=list)

    async def to(self, role: Role, name: str, *, back: bool = False, within: str = "body") -> None:
        """Go to a control by Tab, or by Shift and Tab; where it is not there yet, wait for it first."""
        wanted = self.page.locator(within).get_by_role(role, name=name, exact=True)
        await expect(wanted.first).to_be_visible(timeout=_PATIENCE_S * 1000)
        await self.holds()
        self._begun = True
        here = "(nodes) => nodes.includes(document.activeElement)"
        ends = 0
        for _ in range(_FARTHEST):
            if await wanted.evaluate_all(here):
                return
            await self.page.keyboard.press("Shift+Tab" if back else "Tab")
            stop = await self._look()
            assert stop["faults"] == [], stop["faults"]
            ends += stop["lost"]  # after the last control comes the browser's own window
            assert ends < 2, f"no way to {role} {name!r}; {self.passed[-_FARTHEST:]}"
            self.passed.append(stop["words"])
        raise AssertionError(f"too far to {role} {name!r}; {self.passed[-_FARTHEST:]}")

    async def press(self, name: str, *, key: str = "Enter", role: Role = "button", within: str = "body") -> None:
        """Press a button once it is reached."""
        await self.to(role, name, within=within)
        await self.page.keyboard.press(key)

    async def type(self, name: str, text: str) -> None:
        """Write into a field."""
        await self.to("textbox", name)
        await self.page.keyboard.type(text)

    async def choose(self, name: str, option: str) -> None:
        """Choose from a list by the arrow keys."""
        await self.to("combobox", name)
        chosen = "() => document.activeElement.selectedOptions[0].textContent"
        await self.page.keyboard.press("Home")
        while (now := str(await self.page.evaluate(chosen))) != option:
            await self.page.keyboard.press("ArrowDown")
            assert await self.page.evaluate(chosen) != now, f"no {option!r} in {name!r}"

    async def check(self, name: str) -> None:
        """Turn a box on by Space."""
        await self.to("checkbox", name)
        await self.page.keyboard.press("Space")
        await expect(self.page.get_by_role("checkbox", name=name, exact=True)).to_be_checked()

    async def holds(self) -> None:
        """Hold that the focus has not been lost by what was done; before anything was, it is nowhere yet."""
        if not self._begun:
            return
        async with asyncio.timeout(_PATIENCE_S):
            while (await self._look())["lost"]:
                assert not await self._settled(), f"the focus is lost after {self.passed[-1:]}"

    async def _settled(self) -> bool:
        """Whether the focus is nowhere for a while: between two screens it is, for a moment."""
        await asyncio.sleep(1)
        return bool((await self._look())["lost"])

    async def _look(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.page.evaluate(f"{_SCRIPT}\nwindow.__focus.look()")
        return found
