"""A flood of logins is not passed on to a provider, nor does it take the bridge's time."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bridge.auth.links import LinkKey
from bridge.auth.oidc.attempts import Attempt
from bridge.auth.oidc.client import Client
from bridge.auth.oidc.errors import LoginRefused
from bridge.auth.oidc.logins import ASKED, MOST_AT_ONCE, Logins
from signalling.errors import Code, Rejected


class Desk:
    """Logins with a provider that says no, and counts how often it is asked; a clock that a test moves."""

    def __init__(self, name: str = "helseid") -> None:
        self.provider = SimpleNamespace(name=name)
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.full = asyncio.Event()
        self.asked = 0
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.attempts: list[Attempt] = []
        keys = [LinkKey(b"k" * 32)]
        self.logins = Logins([(cast("Client", self), "HelseID")], keys, self, self, timedelta(minutes=60))

    def now(self) -> datetime:
        """The time of day."""
        return self.time

    def inc(self, name: str, code: str) -> None:
        """Nothing."""

    async def begin(self, attempt: Attempt) -> str:
        """As a provider's client."""
        self.asked += 1
        self.attempts.append(attempt)
        if self.asked == MOST_AT_ONCE:
            self.full.set()
        await self.goes_on.wait()
        return "https://provider.example/"

    async def finish(self, attempt: Attempt, answer: Mapping[str, str]) -> Mapping[str, Any]:
        """As a provider's client."""
        del attempt, answer
        self.asked += 1
        raise LoginRefused("no")

    async def refused(self, sealed: str, state: str) -> Code:
        """The code with which an answer to a login is turned down."""
        with pytest.raises(Rejected) as raised:
            await self.logins.finish(sealed, {"state": state, "code": "x"})
        return raised.value.code


async def test_beginnings_are_rationed() -> None:
    """Anybody can ask for one; after a while there are some again."""
    desk = Desk()
    for _ in range(ASKED[0]):
        await desk.logins.begin("helseid")
    with pytest.raises(Rejected) as raised:
        await desk.logins.begin("helseid")
    assert raised.value.code is Code.TOO_MANY
    assert desk.asked == ASKED[0]
    desk.time += timedelta(seconds=1)
    await desk.logins.begin("helseid")


async def test_an_answer_is_asked_about_once() -> None:
    """An attempt is kept by the browser, which can come back with it as often as it likes."""
    desk = Desk()
    _, kept = await desk.logins.begin("helseid")
    codes = [await desk.refused(kept.sealed, desk.attempts[0].state) for _ in range(5)]
    assert codes == [Code.LOGIN_REFUSED] + [Code.LOGIN_STALE] * 4
    assert desk.asked == 2


async def test_answers_are_rationed() -> None:
    """Those of many browsers are no more work for a provider than what it takes."""
    desk = Desk()
    begun = [(await desk.logins.begin("helseid"))[1] for _ in range(ASKED[0])]
    pairs = zip(begun, list(desk.attempts), strict=True)
    codes = [await desk.refused(kept.sealed, attempt.state) for kept, attempt in pairs]
    assert codes == [Code.TOO_MANY] * ASKED[0]
    assert desk.asked == ASKED[0]


async def test_a_provider_that_hangs_keeps_nobody_from_another() -> None:
    """As many as may wait for one; the next is turned down there, and let in elsewhere."""
    hanging, other = Desk(), Desk("idporten")
    hanging.goes_on.clear()
    logins = Logins(
        [(cast("Client", hanging), "HelseID"), (cast("Client", other), "ID-porten")],
        [LinkKey(b"k" * 32)],
        hanging,
        hanging,
        timedelta(minutes=60),
    )
    async with asyncio.TaskGroup() as tasks:
        for _ in range(MOST_AT_ONCE):
            tasks.create_task(logins.begin("helseid"))
        await hanging.full.wait()
        with pytest.raises(Rejected) as raised:
            await logins.begin("helseid")
        assert raised.value.code is Code.TOO_MANY
        await logins.begin("idporten")
        hanging.goes_on.set()
    await logins.begin("helseid")


async def test_what_belongs_to_no_login_takes_nothing_away() -> None:
    """It is turned down before anybody is asked."""
    desk = Desk()
    for _ in range(ASKED[0] + 5):
        with pytest.raises(Rejected):
            await desk.logins.finish("forged", {"state": "x"})
    await desk.logins.begin("helseid")
