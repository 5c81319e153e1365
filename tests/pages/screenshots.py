"""`make screenshots`: a picture of every page under build/screenshots/, in Norwegian and in English."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from playwright.async_api import async_playwright, expect

from tests.pages.house import CHROMIUM, CHROMIUM_ARGS, PATIENCE, static_site
from tests.pages.scenery import LOCALES, Stage, all_scenes

FOLDER = Path(__file__).parents[2] / "build" / "screenshots"


async def shoot_all(only: str, languages: list[str], folder: Path = FOLDER) -> tuple[list[Path], list[str]]:
    """Play the scenes whose names begin with `only`, in each language and size; give files and broken rules."""
    expect.set_options(timeout=PATIENCE * 1000)
    chosen = [scene for name, scene in sorted(all_scenes().items()) if name.startswith(only)]
    shots: list[Path] = []
    broken: list[str] = []
    async with async_playwright() as playwright, static_site() as site:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        for scene in chosen:
            for size in scene.sizes:
                for language in languages:
                    stage = Stage(scene, browser, site, language, size, folder)
                    await scene.play(stage)
                    shots += stage.shots
                    broken += stage.broken
        await browser.close()
    return shots, broken


def main() -> None:
    """Read what is wanted, and say what was made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="?", default="", help="scenes whose names begin so; all, if left out")
    parser.add_argument("--languages", default="nb,en", help="some of nb, nn, en")
    wanted = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    languages = [code for code in wanted.languages.split(",") if code in LOCALES]
    shots, broken = asyncio.run(shoot_all(wanted.only, languages))
    sys.stdout.write("".join(f"{path}\n" for path in shots) or "no scene has a name that begins so\n")
    sys.stdout.write("".join(f"axe: {rule}\n" for rule in broken))
    sys.exit(0 if shots and not broken else 1)


if __name__ == "__main__":
    main()
