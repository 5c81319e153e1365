"""The operators' port: open for machines that measure, shut for all that tells or does more."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientSession

from bridge.ops.guard import SESSION, Guard
from bridge.ops.health import DrainReason
from bridge.ops.metrics import BridgeCollector, Facts
from bridge.ops.sessions import BY_TOKEN, MOST, Operator, Sessions
from bridge.ops.station import Station
from bridge.ops.web import make_ops_app, serve_ops
from signalling.errors import Code, Rejected
from signalling.ports import Kept
from tests.app.fakes import START, Clock
from tests.ops.stations import BEARER, TOKEN, Audit, guard, station

OPEN = ("/metrics", "/healthz", "/readyz", "/", "/session", "/operator/js/operator.js", "/static/css/base.css")
SHUT = (
    *("/metrics/legs", "/legs/worst", "/legs/recording", "/legs/recording/trace", "/feeds", "/picture"),
    *("/rooms/r_1", "/drain", "/openapi.json"),
)


class Desk:
    """A provider by which one operator can log in, and nobody else."""

    title = "HelseID"

    async def begin(self) -> tuple[str, Kept]:
        """Send the browser away."""
        return "https://provider.example/authorize", Kept("attempt", 900)

    async def finish(self, attempt: str | None, answer: Mapping[str, str]) -> str:
        """Know one."""
        if attempt != "attempt":
            raise Rejected(Code.LOGIN_STALE)
        if answer.get("code") != "operator":
            raise Rejected(Code.UNAUTHORIZED)
        return "operator_0a1b"


class Port:
    """The app on a free port, with everything behind it."""

    def __init__(self, taken: SimpleNamespace) -> None:
        self.clock, self.audit = Clock(), Audit()
        self.station: Station = station(self.clock)
        self.guard: Guard = guard(self.audit, self.clock, Desk())
        collector = BridgeCollector(lambda: taken, Facts)
        self.app = make_ops_app(collector, lambda: taken, self.station, self.guard)
        self.address = ""

    @property
    def own(self) -> dict[str, str]:
        """Headers of the page itself."""
        return {"Origin": self.address}

    async def asks(self, method: str, path: str, **more: Any) -> tuple[int, str, SimpleCookie]:
        """Ask as somebody new; give status, text and cookies."""
        async with (
            ClientSession(self.address) as client,
            client.request(method, path, allow_redirects=False, **more) as answer,
        ):
            return answer.status, answer.headers.get("Location") or await answer.text(), answer.cookies

    async def logs_in(self) -> dict[str, str]:
        """By the token; give the cookies."""
        status, _, cookies = await self.asks("POST", "/session", json={"token": TOKEN}, headers=self.own)
        assert status == 204
        return {SESSION: cookies[SESSION].value}


@pytest.fixture
async def port(snapshot: Callable[..., SimpleNamespace]) -> AsyncIterator[Port]:
    """Serve it."""
    made = Port(snapshot())
    async with serve_ops(made.app, "127.0.0.1", 0) as number:
        made.address = f"http://127.0.0.1:{number}"
        yield made


async def test_only_what_prometheus_and_probes_want_is_open(port: Port) -> None:
    """All that tells more is shut to nobody in particular, to a wrong token, and open to the right one."""
    for path in OPEN:
        assert (await port.asks("GET", path))[0] == 200, path
    wrong = [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"}]
    for path in SHUT:
        for headers in wrong:
            status, text, _ = await port.asks("GET", path, headers=headers)
            assert (status, '"unauthorized"' in text) == (401, True), path
        assert (await port.asks("GET", path, headers=BEARER))[0] in (200, 404), path
    for method in ("PUT", "DELETE"):
        assert (await port.asks(method, "/drain", json={"reason": "fault"}))[0] == 401
    assert port.station.drain.active is False
    # What is behind the door is all that is listed here: a route that is new has to be put into one of the lists.
    known = {str(route.resource.canonical) for route in port.app.router.routes() if route.resource is not None}
    listed = {*OPEN, *SHUT, "/login", "/login/answer", "/operator", "/static", "/rooms/{room}"}
    assert known <= listed


async def test_a_session_sees_and_acts_until_it_ends(port: Port) -> None:
    """The cookie is for this host alone, out of scripts' reach, and worth nothing after its time or a log-out."""
    status, _, cookies = await port.asks("POST", "/session", json={"token": TOKEN}, headers=port.own)
    made = cookies[SESSION]
    assert (status, made["secure"], made["httponly"], made["samesite"], made["path"]) == (
        204,
        True,
        True,
        "Strict",
        "/",
    )
    mine = {SESSION: made.value}
    assert (await port.asks("GET", "/picture", cookies=mine))[0] == 200
    assert '"known":true' in (await port.asks("GET", "/session", cookies=mine))[1]
    assert [(line.actor, line.act) for line in port.audit.lines] == [("operator_token", "log_in")]
    port.clock.seconds = timedelta(hours=8).total_seconds()
    assert (await port.asks("GET", "/picture", cookies=mine))[0] == 401
    other = await port.logs_in()
    assert (await port.asks("DELETE", "/session", cookies=other, headers=port.own))[0] == 204
    assert (await port.asks("GET", "/picture", cookies=other))[0] == 401


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://127.0.0.1:1", "http://127.0.0.1"]
)
async def test_nothing_is_done_for_a_page_of_another_origin(port: Port, origin: str | None) -> None:
    """A cookie is sent from other ports of this host too: the participants' page cannot use it."""
    mine = await port.logs_in()
    headers = {} if origin is None else {"Origin": origin}
    for method, path in (("PUT", "/drain"), ("DELETE", "/drain"), ("DELETE", "/session"), ("POST", "/session")):
        body = {"token": TOKEN} if path == "/session" else {"reason": "fault"}
        status, text, cookies = await port.asks(method, path, cookies=mine, json=body, headers=headers)
        assert (status, '"origin_refused"' in text, SESSION in cookies) == (403, True, False)
    assert port.station.drain.active is False
    assert (await port.asks("GET", "/picture", cookies=mine))[0] == 200


async def test_tokens_cannot_be_tried_for_ever(port: Port) -> None:
    """After a few wrong ones even the right one has to wait; those who have it as a header do not."""
    for _ in range(3):
        assert (await port.asks("POST", "/session", json={"token": "wrong"}, headers=port.own))[0] == 401
    assert (await port.asks("POST", "/session", json={"token": TOKEN}, headers=port.own))[0] == 429
    assert (await port.asks("GET", "/drain", headers=BEARER))[0] == 200
    port.clock.seconds += 61
    assert (await port.asks("POST", "/session", json={"token": TOKEN}, headers=port.own))[0] == 204


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"token": 1}', b'{"token": "x", "more": 1}', b"\xff" * 99])
async def test_a_body_that_is_no_token_is_refused(port: Port, body: bytes) -> None:
    """It says what is wrong, and nothing of what was sent."""
    status, text, _ = await port.asks("POST", "/session", data=body, headers=port.own)
    assert (status, '"bad_message"' in text) == (422, True)


async def test_an_operator_logs_in_by_the_provider(port: Port) -> None:
    """There and back; somebody else who can log in there comes back to the page, which says so."""
    status, where, cookies = await port.asks("GET", "/login")
    assert (status, where) == (303, "https://provider.example/authorize")
    kept = {name: morsel.value for name, morsel in cookies.items()}
    assert cookies["__Host-operator-attempt"]["samesite"] == "Lax"
    status, where, cookies = await port.asks("GET", "/login/answer?code=patient", cookies=kept)
    assert (status, where, SESSION in cookies) == (303, "/?login=unauthorized", False)
    status, where, cookies = await port.asks("GET", "/login/answer?code=operator")
    assert (status, where, SESSION in cookies) == (303, "/?login=login_stale", False)
    status, where, cookies = await port.asks("GET", "/login/answer?code=operator", cookies=kept)
    assert (status, where) == (303, "/")
    mine = {SESSION: cookies[SESSION].value}
    status, _, _ = await port.asks("PUT", "/drain", cookies=mine, json={"reason": "fault"}, headers=port.own)
    assert status == 200
    assert [(line.actor, line.act) for line in port.audit.lines] == [
        ("operator_0a1b", "log_in"),
        ("operator_0a1b", "drain"),
    ]


async def test_who_has_no_provider_is_sent_nowhere(snapshot: Callable[..., SimpleNamespace]) -> None:
    """Without a login in the settings there is the token alone."""
    taken = snapshot()
    app = make_ops_app(BridgeCollector(lambda: taken, Facts), lambda: taken, station(), guard())
    async with serve_ops(app, "127.0.0.1", 0) as number, ClientSession(f"http://127.0.0.1:{number}") as client:
        for path in ("/login", "/login/answer"):
            async with client.get(path) as answer:
                assert answer.status == 404
        async with client.get("/session") as answer:
            assert await answer.json() == {"known": False, "login": None}


async def test_a_drain_has_a_reason_and_is_on_record(port: Port) -> None:
    """Begun, begun again for another reason, ended; each on record before, and for a word of the list alone."""
    for body in ({}, {"reason": "because Kari said so"}, {"reason": None}):
        assert (await port.asks("PUT", "/drain", json=body, headers=BEARER))[0] == 422
    assert (await port.asks("POST", "/drain", headers=BEARER))[0] == 405
    for method, reason in (("PUT", "upgrade"), ("PUT", "fault"), ("DELETE", None)):
        body = {"reason": reason} if reason else None
        status, text, _ = await port.asks(method, "/drain", json=body, headers=BEARER)
        assert (status, f'"active":{str(reason is not None).lower()}' in text) == (200, True)
        assert port.station.drain.reason == reason
    assert [(line.actor, line.role, line.act, line.reason) for line in port.audit.lines] == [
        ("operator_token", "operator", "drain", "upgrade"),
        ("operator_token", "operator", "drain", "fault"),
        ("operator_token", "operator", "drain_ended", None),
    ]


async def test_what_cannot_be_recorded_is_not_done(port: Port) -> None:
    """The store is away: no drain, and nothing of what the store said; who looks can come in all the same."""
    port.audit.failing = True
    status, text, _ = await port.asks("PUT", "/drain", json={"reason": "fault"}, headers=BEARER)
    assert (status, '"not_recorded"' in text, "Kari" in text) == (503, True, False)
    assert port.station.drain.active is False
    assert (await port.asks("GET", "/picture", cookies=await port.logs_in()))[0] == 200


async def test_all_who_look_get_one_picture_a_second(port: Port) -> None:
    """However many ask, it is made once; after an act anew."""
    first = (await port.asks("GET", "/picture", headers=BEARER))[1]
    port.station.drain.start(START, DrainReason.EXERCISE)
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(port.asks("GET", "/picture", headers=BEARER)) for _ in range(5)]
    assert {task.result()[1] for task in asked} == {first}
    port.clock.seconds += 1
    assert '"reason":"exercise"' in (await port.asks("GET", "/picture", headers=BEARER))[1]
    await port.asks("DELETE", "/drain", headers=BEARER)
    assert '"active":false' in (await port.asks("GET", "/picture", headers=BEARER))[1]


def test_sessions_are_bounded_and_forgotten() -> None:
    """The oldest gives way to the newest, and nothing of a secret is kept."""
    numbers = iter(range(1_000))
    sessions = Sessions(timedelta(minutes=5), lambda: f"secret-{next(numbers)}")
    made = [sessions.open(Operator(f"operator_{n}"), START) for n in range(MOST + 1)]
    assert sessions.find(made[0], START) is None
    assert sessions.find(made[1], START) == Operator("operator_1")
    assert sessions.find(made[1], START + timedelta(minutes=5)) is None
    assert sessions.find("", START) is None
    late = START + timedelta(minutes=6)
    sessions.open(BY_TOKEN, late)
    assert len(sessions._known) == 1
    assert "secret" not in repr(sessions._known)
