"""A text interpreter's lines, and what people said yes to, through the whole house in real Chromium."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from bridge.rooms import events as ev
from bridge.rooms.model import Matter
from signalling import messages as m
from signalling.web.notice import read
from signalling.web.server import STATIC
from tests.support.bridge import House

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

DOCTOR, INTERPRETER, RELATIVE = 3, 17, 42
EARLY, LATE = "Pasienten har vondt i magen", "Det begynte i går"
# Keeps every message that the page is told, whatever it makes of it.
KEEP_MESSAGES = """(() => {
    const Real = window.WebSocket;
    window.__told = [];
    window.WebSocket = class extends Real {
        constructor(...given) {
            super(...given);
            this.addEventListener("message", (event) => window.__told.push(event.data));
        }
    };
})();"""


async def test_lines_reach_who_is_in_and_a_yes_is_on_record(
    house: House, chromium: Browser, tmp_path: Path
) -> None:
    """An interpreter's line grows as a caption on the doctor's page; who waits is told nothing of it, ever."""
    doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    interpreter = await house.bring(chromium, m.Role.INTERPRETER, INTERPRETER)
    relative = await house.bring(chromium, m.Role.RELATIVE, RELATIVE, KEEP_MESSAGES)
    await doctor.admit("Interpreter")
    await interpreter.admitted()

    await interpreter.page.click("#control-chat")
    await interpreter.page.keyboard.type(EARLY)
    await expect(doctor.page.locator("#captions .text")).to_have_text(EARLY)
    await expect(doctor.page.locator("#chat-log p")).to_have_count(0)
    await interpreter.page.keyboard.press("Enter")
    await expect(doctor.page.locator("#chat-log p")).to_have_text(f"Interpreter: {EARLY}")
    await expect(interpreter.page.locator("#chat-lines li")).to_have_text(f"You {EARLY}")

    await doctor.admit("Relative")
    await relative.admitted()
    await interpreter.page.keyboard.type(LATE)
    await interpreter.page.keyboard.press("Enter")
    await expect(relative.page.locator("#chat-log p")).to_have_text(f"Interpreter: {LATE}")
    told = await relative.page.evaluate("window.__told.join()")
    assert LATE in told
    assert EARLY not in told

    await relative.page.click("#control-settings")
    await relative.page.get_by_role("button", name="I do not want the consultation by video").click()
    row = doctor.page.locator("#room-people li", has_text="Relative")
    await expect(row).to_contain_text("does not want the consultation by video")
    await said(house, await relative.participant())
    kept = repr(house.log).encode() + everything_in(tmp_path)
    assert b"ConsentWithdrawn" in kept
    assert all(text.encode() not in kept for text in (EARLY, LATE))


def everything_in(folder: Path) -> bytes:
    """Give what the bridge has written to its database."""
    return b"".join(path.read_bytes() for path in folder.glob("test.db*"))


async def said(house: House, relative: str) -> None:
    """Check what is on record: three came in by the button beside this notice, and one changed their mind."""
    recorded = await house.recorded()
    given = [one for one in recorded if isinstance(one, ev.Consented)]
    assert [(one.matter, one.notice) for one in given] == [(Matter.VIDEO, read(STATIC).version)] * 3
    (withdrawn,) = [one for one in recorded if isinstance(one, ev.ConsentWithdrawn)]
    assert withdrawn.participant == relative
