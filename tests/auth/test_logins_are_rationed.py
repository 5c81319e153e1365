"""A flood of logins is not passed on to a provider, nor does it take the bridge's time."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bridge.auth.links import LinkKey
from bridge.auth.oidc.attempts import Attempt
from bridge.auth.oidc.client import Client
from bridge.auth.oidc.errors import LoginRefused
from bridge.auth.oidc.logins import ASKED, Logins
from signalling.errors import Code, Rejected


class Desk:
    """Logins with a provider that says no, and counts how often it is asked; a clock that a test moves."""

    def __init__(self) -> None:
        self.provider = SimpleNamespace(name="helseid")
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
        return "https://provider.example/"

    async def finish(self, attempt: Attempt, answer: Mapping[str, str]) -> Mapping[str, Any]:
        """As a provider's client."""
        del attempt, answer
        self.asked += 1
        raise LoginRefused("no")

    async def refused(self, count: int, sealed: str) -> list[Code]:
        """Come back as often with the same answer."""
        codes = []
        for _ in range(count):
            with pytest.raises(Rejected) as raised:
                await self.logins.finish(sealed, {"state": self.attempts[0].state, "code": "x"})
            codes.append(raised.value.code)
        return codes


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


async def test_answers_are_rationed() -> None:
    """An attempt is kept by the browser, which can come back with it as often as it likes."""
    desk = Desk()
    _, kept = await desk.logins.begin("helseid")
    codes = await desk.refused(ASKED[0] + 5, kept.sealed)
    assert codes == [Code.LOGIN_REFUSED] * (ASKED[0] - 1) + [Code.TOO_MANY] * 6
    assert desk.asked == ASKED[0]


async def test_what_belongs_to_no_login_takes_nothing_away() -> None:
    """It is turned down before anybody is asked."""
    desk = Desk()
    for _ in range(ASKED[0] + 5):
        with pytest.raises(Rejected):
            await desk.logins.finish("forged", {"state": "x"})
    await desk.logins.begin("helseid")
