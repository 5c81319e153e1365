"""Scenes: every page in every state that is worth a look, for who makes a picture of it.

A scene is a function in any module of `scenes/`, under `@scene` with the sizes of window in which people have that
page. It brings the page there with the played bridge of `house`, and shoots:

    @scene(PHONE)
    async def waiting(stage: Stage) -> None:
        async with stage.visit(PlayedBridge(people=[...])) as here:
            await here.come_in()
            await stage.shoot(here.page)

Modules of `scenes/` are found by themselves. `make screenshots` plays them all, `make screenshots ONLY=waiting`
those whose names begin so; both ask axe of each picture.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Page

from tests.pages.house import PlayedBridge, Visit, visit
from tests.pages.rules import broken_rules

Size = tuple[int, int]
PHONE: Final[Size] = (390, 844)
DOCTOR: Final[Size] = (1280, 800)
BESIDE: Final[Size] = (560, 900)
"""Beside the record, on one screen."""
LOCALES: Final = {"nb": "nb-NO", "nn": "nn-NO", "en": "en-GB"}

Look = Callable[[Page], Awaitable[list[str]]]
Play = Callable[["Stage"], Awaitable[None]]
SCENES: Final[dict[str, Scene]] = {}


@dataclass(frozen=True)
class Scene:
    """What is played, and how large the window may be."""

    name: str
    sizes: tuple[Size, ...]
    play: Play


@dataclass
class Stage:
    """One scene in one language and one window; its pictures go to `folder`, if there is one.

    `seen_as` is how a browser context is set for whoever looks. `shots` are the files that it made of `states` of
    the page, `broken` what `looks` find in them.
    """

    scene: Scene
    browser: Browser
    site: str
    language: str
    size: Size
    folder: Path | None = None
    looks: Sequence[Look] = (broken_rules,)
    seen_as: Mapping[str, Any] = field(default_factory=dict)
    states: int = 0
    shots: list[Path] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def visit(
        self, bridge: PlayedBridge | None = None, *, site: str | None = None, **options: Any
    ) -> AbstractAsyncContextManager[Visit]:
        """Open a page as `house.visit` does, in this language and size; `site` where it is another server's."""
        wanted = {"locale": LOCALES[self.language], "size": self.size, **self.seen_as} | options
        return visit(self.browser, site or self.site, bridge, **wanted)

    async def shoot(self, page: Page, moment: str = "", *, whole: bool = True) -> None:
        """Make a picture of the page, when its letters are there; not `whole`: of what the window shows."""
        await page.evaluate("document.fonts.ready.then(() => null)")
        parts = (self.scene.name, moment, f"{self.size[0]}", self.language)
        name = "-".join(part for part in parts if part)
        self.states += 1
        for look in self.looks:
            self.broken += [f"{name}: {fault}" for fault in await look(page)]
        if self.folder is not None:
            path = self.folder / f"{name}.png"
            await page.screenshot(path=path, full_page=whole, animations="disabled")
            self.shots.append(path)


def scene(*sizes: Size) -> Callable[[Play], Play]:
    """Mark a scene; its name is the function's, with hyphens."""

    def mark(play: Play) -> Play:
        name = play.__name__.replace("_", "-")
        assert name not in SCENES, name
        SCENES[name] = Scene(name, sizes, play)
        return play

    return mark


def all_scenes() -> dict[str, Scene]:
    """Import every module of `scenes/`, and give what they have."""
    for module in pkgutil.iter_modules([str(Path(__file__).with_name("scenes"))]):
        importlib.import_module(f"tests.pages.scenes.{module.name}")
    return SCENES
