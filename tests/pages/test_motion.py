"""Whether somebody's picture still moves is seen by what the browser shows, in Chromium and in Firefox."""

from typing import Any, Final

import pytest
from playwright.async_api import Browser

from tests.support.firefox import FirefoxBidi
from tests.support.media_checks import FIREFOX_PREFERENCES

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="session")]

# A picture that is drawn ten times a second, stands still, goes on, is out of sight, and is another one, of which
# nothing has come; what is said of it at the end of each. Of time, only what the browser shows hangs on it.
WATCH: Final = """import('/static/js/motion.js').then(async ({ Motion }) => {
    const motion = new Motion();
    const paper = Object.assign(document.createElement('canvas'), { width: 64, height: 48 });
    const pen = paper.getContext('2d');
    const video = Object.assign(document.createElement('video'), { muted: true, autoplay: true });
    document.body.append(video);
    video.srcObject = paper.captureStream(30);
    let hue = 0, now = 0;
    const go = async (ms, draws) => {
        let stopped = false;
        for (let at = 0; at < ms; at += 250) {
            for (let picture = 0; picture < 5; picture += 1) {
                if (draws) {
                    pen.fillStyle = `hsl(${hue += 40} 80% 50%)`;
                    pen.fillRect(0, 0, 64, 48);
                }
                await new Promise((resolve) => setTimeout(resolve, 50));
            }
            stopped = motion.hasStopped(video, now += 250);
        }
        return stopped;
    };
    const found = [await go(1500, true), await go(2000, false), await go(3000, false), await go(1500, true)];
    video.style.cssText = 'position: absolute; top: 200vh';
    found.push(await go(3500, true));
    video.style.cssText = '';
    video.srcObject = new MediaStream();
    found.push(await go(3500, false));
    video.remove();
    return found;
})"""
EXPECTED: Final = [False, False, True, False, False, False]


async def test_a_picture_that_stands_still_is_noticed(browser: Browser, site: str) -> None:
    """After three seconds, until it goes on; what is out of sight or has not come yet does not stand still."""
    page = await browser.new_page()
    await page.goto(f"{site}/join")
    assert await page.evaluate(f"() => {WATCH}") == EXPECTED
    await page.close()


async def test_firefox_tells_it_as_well(site: str) -> None:
    """It counts pictures otherwise."""
    async with FirefoxBidi(FIREFOX_PREFERENCES) as firefox:
        await firefox.open(f"{site}/join")
        found: Any = await firefox.evaluate(WATCH)
    assert found == EXPECTED
