"""Axe finds nothing on the pages that everybody has; `make screenshots` asks it of all scenes, in every size."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.pages.scenery import Stage, all_scenes

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
EVERYBODYS = ("waiting", "doctor-call", "duty", "operator-trouble-at-night")


@pytest.mark.parametrize("name", EVERYBODYS)
async def test_axe_finds_nothing(browser: Browser, site: str, name: str) -> None:
    """In each state that the scene has, in its first size."""
    scene = all_scenes()[name]
    stage = Stage(scene, browser, site, "nb", scene.sizes[0])
    await scene.play(stage)
    assert stage.states > 0
    assert stage.broken == []
