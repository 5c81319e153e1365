"""A bridge for each test, and one browser for all of them: each person has a context of their own in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.gateways.sip.certificates import Authority
from tests.support.bridge import PATIENCE_S, House, eventually, hush, never_short, running_house
from tests.support.media_checks import SHELL, launch_chromium
from tests.support.ports import free_ports

# Five seconds, unless somebody says otherwise: less than a page may take while all of the machine is busy.
expect.set_options(timeout=PATIENCE_S * 1000)


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A running bridge with one room."""
    async with running_house(tmp_path) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="session")
async def sip() -> int:
    """A port for the gateway."""
    return free_ports(1)[0]


@pytest_asyncio.fixture(loop_scope="session")
async def sip_house(tmp_path: Path, sip: int) -> AsyncIterator[House]:
    """A bridge with the SIP gateway, also over TLS, and one room."""
    certificate, key = Authority(tmp_path).issue("bridge")
    settings = {
        "port": sip,
        "tls_port": 0,
        "transports": ["udp", "tcp", "tls"],
        "certificate": str(certificate),
        "key": str(key),
    }
    async with running_house(tmp_path, gateways={"sip": settings}) as house:
        never_short(house)
        hush(house)
        yield house


@pytest_asyncio.fixture(loop_scope="session")
async def rooms_house(tmp_path: Path, sip: int) -> AsyncIterator[House]:
    """A bridge for room systems of either protocol, and one room that takes media in the clear."""
    gateways: dict[str, dict[str, object]] = {
        "sip": {"port": sip, "transports": ["udp"]},
        "h323": {"port": 0, "dial_hosts": ["127.0.0.1"]},
    }
    async with running_house(tmp_path, gateways=gateways, protection="optional") as house:
        never_short(house)
        hush(house)
        await eventually(lambda: house.bridge.gateways.running["h323"].ready)
        yield house


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium without its windows."""
    async with async_playwright() as playwright:
        browser = await launch_chromium(playwright, SHELL)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def whole_chromium() -> AsyncIterator[Browser]:
    """Chromium as people have it, for a journey that stands for the others."""
    async with async_playwright() as playwright:
        browser = await launch_chromium(playwright)
        yield browser
        await browser.close()
