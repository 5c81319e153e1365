"""What a reader of screens is told: all that live regions say, in order, and how what has the focus is named."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from playwright.async_api import Page

SCRIPT: Final = Path(__file__).with_suffix(".js").read_text("utf-8")
PATIENCE_S: Final = 60.0
# Of a line that a busy machine has let break for a moment; what is said then has tests of its own.
_WEATHER: Final = (
    "Reconnecting. Please wait, you do not need to do anything.",
    "You are connected again.",
    "No contact with the service. It does not ring here until contact is back. Trying again …",
    "Contact is back. You are on duty.",
)
_TAKE: Final = "() => window.__spoken.splice(0)"


@dataclass
class Reader:
    """Who hears one page. Every line is asked for once, so nothing is said twice and nothing is said besides."""

    page: Page
    heard: list[str] = field(default_factory=list)
    _left: list[str] = field(default_factory=list)

    async def _take(self) -> None:
        spoken: list[str] = await self.page.evaluate(_TAKE)
        fresh = [line for line in spoken if line not in _WEATHER]
        self.heard += fresh
        self._left += fresh

    async def hears(self, *lines: str) -> None:
        """Wait until so much more was said, and hold that it was these lines."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while len(self._left) < len(lines):
                    await self._take()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"waited for {lines}, heard {self._left} after {self.heard}") from None
        said, self._left = self._left[: len(lines)], self._left[len(lines) :]
        assert said == list(lines), said

    async def hears_in_all(self, text: str) -> None:
        """Wait until this was said and nothing else, in one line or in several."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while " ".join(self._left) != text:
                    await self._take()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"waited for {text!r}, heard {self._left} after {self.heard}") from None
        self._left = []

    async def hears_at_last(self, line: str) -> None:
        """Wait until this was said, once; before it comes how far it is, the more often the longer it takes."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while line not in self._left:
                    await self._take()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"waited for {line!r}, heard {self._left} after {self.heard}") from None
        self._left = self._left[self._left.index(line) + 1 :]

    async def hears_no_more(self) -> None:
        """Hold that nothing was said that was not asked for."""
        await self._take()
        assert self._left == [], self._left

    async def focus(self) -> str:
        """How that which has the focus is read out, as role, name and state."""
        told = await self.page.locator(":focus").aria_snapshot()
        return told.removeprefix("- ").replace(" [active]", "")
