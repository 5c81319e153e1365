"""The whole login against a certified OpenID provider that asks for all that HelseID does."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from joserfc.jwk import ECKey

from bridge.auth.links import LinkKey
from bridge.auth.oidc.client import Client
from bridge.auth.oidc.logins import Logins
from bridge.auth.oidc.operators import OperatorLogins, Rule, operators_keys
from bridge.auth.oidc.provider import Dialect, Provider
from bridge.rooms.model import Assurance, Identity
from signalling.errors import Code, Rejected
from signalling.ports import LoginAsksFirst
from tests.auth.openid import REDIRECT, RealProvider, follow, provider

pytestmark = pytest.mark.asyncio(loop_scope="module")
LEVEL = "helseid://claims/identity/security_level"
ORGANISATION = "helseid://claims/client/claims/orgnr_parent"


class Clock:
    """The machine's, moved on by what a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        """The time of day."""
        return datetime.now(UTC) + self.ahead


class Tally:
    """Counts what is told."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def inc(self, name: str, code: str) -> None:
        """Keep it."""
        assert name == "logins"
        self.codes.append(code)


class Desk:
    """The bridge's side, as pages see it."""

    def __init__(self, http: aiohttp.ClientSession, known: Provider) -> None:
        self.clock, self.tally = Clock(), Tally()
        client = Client(known, REDIRECT, http, self.clock.now)
        keys = [LinkKey(b"k" * 32)]
        self.logins = Logins([(client, "HelseID")], keys, self.clock, self.tally, timedelta(minutes=60))

    async def log_in(self, **changes: str) -> Identity | None:
        """Go there and back."""
        address, attempt = await self.logins.begin("helseid")
        answer = {**await follow(address), **changes}
        return self.logins.identity((await self.logins.finish(attempt.sealed, answer)).sealed)

    async def refused(self, **changes: str) -> Code:
        """The code with which a login fails."""
        with pytest.raises(Rejected) as raised:
            await self.log_in(**changes)
        assert self.tally.codes[-1] == raised.value.code.value
        return raised.value.code


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def real() -> AsyncIterator[RealProvider]:
    """One provider for all tests."""
    async with provider() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """The bridge's way to it."""
    async with aiohttp.ClientSession() as session:
        yield session


def known(real: RealProvider) -> Provider:
    """The provider as an operator describes it."""
    return Provider(
        name="helseid",
        dialect=Dialect.HELSEID,
        issuer=real.issuer,
        client_id=real.client_id,
        key=real.key,
        algorithm="ES256",
        least=Assurance.SUBSTANTIAL,
    )


async def test_health_personnel_log_in(real: RealProvider, http: aiohttp.ClientSession) -> None:
    """Level, register and organisation are those that the provider says; the second login is the same person's."""
    said: Mapping[str, Any] = {
        LEVEL: "4",
        "helseid://claims/hpr/hpr_number": "9144900",
        "helseid://claims/client/claims/orgnr_parent": "983658725",
    }
    desk = Desk(http, known(real))
    await real.will_log_in("doctor", **said)
    first = await desk.log_in()
    assert first is not None
    assert (first.assurance, first.health_personnel, first.organisation) == (Assurance.HIGH, True, "983658725")
    assert first.provider == "helseid"
    again = await desk.log_in()
    await real.will_log_in("another", **said)
    another = await desk.log_in()
    assert again == first
    assert another is not None
    assert another.subject != first.subject
    assert desk.tally.codes == ["ok"] * 3


async def test_a_weak_login_is_none(real: RealProvider, http: aiohttp.ClientSession) -> None:
    """What the provider says is checked here, whatever was asked for."""
    await real.will_log_in("doctor", **{LEVEL: "2"})
    assert await Desk(http, known(real)).refused() is Code.LOGIN_TOO_WEAK


async def test_who_gives_up_is_told_so(real: RealProvider, http: aiohttp.ClientSession) -> None:
    """The provider sends them back with an error."""
    await real.will_log_in("doctor", refuse=True)
    assert await Desk(http, known(real)).refused() is Code.LOGIN_REFUSED


async def test_answers_that_belong_elsewhere(real: RealProvider, http: aiohttp.ClientSession) -> None:
    """Another browser's, another provider's, an invented one, and one that comes too late."""
    await real.will_log_in("doctor", **{LEVEL: "4"})
    desk = Desk(http, known(real))
    assert await desk.refused(state="invented") is Code.LOGIN_STALE
    assert await desk.refused(iss="https://evil.example") is Code.LOGIN_REFUSED
    assert await desk.refused(code="invented") is Code.LOGIN_UNAVAILABLE
    address, attempt = await desk.logins.begin("helseid")
    answer = await follow(address)
    for kept in (None, "", "x" * 5_000, attempt.sealed[:-2] + "AA"):
        with pytest.raises(Rejected) as raised:
            await desk.logins.finish(kept, answer)
        assert raised.value.code is Code.LOGIN_STALE
    desk.clock.ahead = timedelta(minutes=16)
    with pytest.raises(Rejected) as raised:
        await desk.logins.finish(attempt.sealed, answer)
    assert raised.value.code is Code.LOGIN_STALE


async def test_an_answer_counts_once(real: RealProvider, http: aiohttp.ClientSession) -> None:
    """Who reads it on the way and replays it, with the same cookie even, gets nothing."""
    await real.will_log_in("doctor", **{LEVEL: "4"})
    desk = Desk(http, known(real))
    address, attempt = await desk.logins.begin("helseid")
    answer = await follow(address)
    await desk.logins.finish(attempt.sealed, answer)
    with pytest.raises(Rejected):
        await desk.logins.finish(attempt.sealed, answer)


async def test_an_operator_is_who_has_the_claim(real: RealProvider, http: aiohttp.ClientSession) -> None:
    """By one of the values, in a text or a list, under one name each time; any other login comes to nothing."""
    clock, tally, keys = Clock(), Tally(), [LinkKey(b"k" * 32)]
    client = Client(known(real), REDIRECT, http, clock.now)
    logins = Logins([(client, "HelseID")], operators_keys(keys), clock, tally, timedelta(minutes=60))
    desk = OperatorLogins(logins, "helseid", "HelseID", Rule(ORGANISATION, frozenset({"994598759"})))

    async def log_in(sub: str, **claims: object) -> str:
        await real.will_log_in(sub, **{LEVEL: "4"} | claims)
        address, attempt = await desk.begin()
        return await desk.finish(attempt.sealed, await follow(address))

    for claims in ({}, {ORGANISATION: "888888888"}, {ORGANISATION: ["1", "2"]}, {ORGANISATION: {"994598759": 1}}):
        with pytest.raises(Rejected) as raised:
            await log_in("somebody", **claims)
        assert raised.value.code is Code.UNAUTHORIZED
        assert tally.codes[-1] == "unauthorized"
    with pytest.raises(Rejected) as raised:
        await log_in("weak", **{ORGANISATION: "994598759", LEVEL: "2"})
    assert raised.value.code is Code.LOGIN_TOO_WEAK
    first = await log_in("operator", **{ORGANISATION: "994598759"})
    assert first == await log_in("operator", **{ORGANISATION: ["888888888", "994598759"]})
    assert re.fullmatch(r"operator_[0-9a-f]{32}", first)
    assert first != await log_in("another", **{ORGANISATION: "994598759"})


async def test_a_participants_login_is_no_operators(real: RealProvider, http: aiohttp.ClientSession) -> None:
    """What a browser keeps at one port opens nothing at the other, although one file of keys seals both."""
    await real.will_log_in("operator", **{LEVEL: "4", ORGANISATION: "994598759"})
    desk = Desk(http, known(real))
    client = Client(known(real), REDIRECT, http, desk.clock.now)
    keys = operators_keys([LinkKey(b"k" * 32)])
    logins = Logins([(client, "HelseID")], keys, desk.clock, desk.tally, timedelta(minutes=60))
    operators = OperatorLogins(logins, "helseid", "HelseID", Rule(ORGANISATION, frozenset({"994598759"})))
    address, attempt = await desk.logins.begin("helseid")
    with pytest.raises(Rejected) as raised:
        await operators.finish(attempt.sealed, await follow(address))
    assert raised.value.code is Code.LOGIN_STALE
    address, attempt = await operators.begin()
    with pytest.raises(Rejected) as raised:
        await desk.logins.finish(attempt.sealed, await follow(address))
    assert raised.value.code is Code.LOGIN_STALE


async def test_a_login_ends(real: RealProvider, http: aiohttp.ClientSession) -> None:
    """Its cookie opens nothing afterwards, nor does an attempt pass for a login."""
    await real.will_log_in("doctor", **{LEVEL: "4"})
    desk = Desk(http, known(real))
    address, attempt = await desk.logins.begin("helseid")
    kept = await desk.logins.finish(attempt.sealed, await follow(address))
    assert desk.logins.offered(kept.sealed).assurance == "high"
    assert desk.logins.identity(attempt.sealed) is None
    desk.clock.ahead = timedelta(minutes=61)
    assert desk.logins.identity(kept.sealed) is None
    assert desk.logins.offered(kept.sealed).assurance == "none"


async def test_a_bridge_that_the_provider_does_not_know(real: RealProvider, http: aiohttp.ClientSession) -> None:
    """Another key, another name, no proof of possession, and a provider that is not there or is another."""
    for changes in (
        {"key": ECKey.generate_key("P-256")},
        {"client_id": "stranger"},
        {"issuer": f"{real.issuer}/other"},
        {"issuer": "http://127.0.0.1:1"},
    ):
        desk = Desk(http, replace(known(real), **changes))
        with pytest.raises(Rejected) as raised:
            await desk.logins.begin("helseid")
        assert raised.value.code is Code.LOGIN_UNAVAILABLE
    with pytest.raises(Rejected) as raised:
        await Desk(http, known(real)).logins.begin("nobody")
    assert raised.value.code is Code.NOT_FOUND


async def test_a_provider_that_knows_who_is_there_asks_nobody(
    real: RealProvider, http: aiohttp.ClientSession
) -> None:
    """A quiet login ends where it would have to ask; after a loud one in the same browser it succeeds."""
    await real.will_log_in("doctor", **{LEVEL: "4"})
    desk, jar = Desk(http, known(real)), aiohttp.CookieJar(unsafe=True)
    address, attempt = await desk.logins.begin("helseid", quiet=True)
    with pytest.raises(LoginAsksFirst) as raised:
        await desk.logins.finish(attempt.sealed, await follow(address, jar=jar))
    assert raised.value.provider == "helseid"
    for quiet in (False, True):
        address, attempt = await desk.logins.begin("helseid", quiet=quiet)
        kept = await desk.logins.finish(attempt.sealed, await follow(address, jar=jar))
        identity = desk.logins.identity(kept.sealed)
        assert identity is not None
        assert identity.assurance is Assurance.HIGH
    assert desk.tally.codes == ["ok"] * 2
