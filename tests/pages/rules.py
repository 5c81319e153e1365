"""What axe, which checks pages by the rules of WCAG 2.2 AA and by good practice, finds on a page as it is now."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from playwright.async_api import Page

AXE: Final = Path(__file__).with_name("axe") / "node_modules" / "axe-core" / "axe.min.js"
RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_UNSETTLED: Final = Path(__file__).with_name("unsettled.js").read_text("utf-8")
_RUN: Final = """(rules) => axe.run(document, {
    resultTypes: ["violations", "incomplete"], runOnly: rules, elementRef: true,
}).then((result) => [
    ...result.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}`)),
    ...window.__unsettled(result.incomplete),
])"""


async def broken_rules(page: Page) -> list[str]:
    """Give each rule that is broken, with where; also what axe could not tell and is not settled otherwise."""
    assert AXE.exists(), "axe is not installed: make browsers"
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(f"{AXE.read_text('utf-8')};0")
        await page.evaluate(f"{_UNSETTLED};0")
    found: list[str] = await page.evaluate(_RUN, list(RULES))
    return found
