"""The real server against strangers: wrong tokens, links without end, logins that come to nothing, silence."""

# ruff: noqa: D102, S105 - the ports say what the methods do; tokens here open nothing
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from ipaddress import ip_network

import pytest
from aiohttp import ClientResponse, WSMsgType
from aiohttp.test_utils import TestClient, TestServer

from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.ports import Kept, LoginAsksFirst
from signalling.web import server
from signalling.web.bearer import WRONG_TOKENS
from signalling.web.knocking import KNOCKS
from signalling.web.login import BEGINNINGS
from signalling.web.openapi import document
from signalling.web.server import WebConfig, make_app
from tests.signalling.conftest import House, heard, joining
from tests.signalling.fakes import TOKEN, Administration, Clock, Consultations, Counts

PUBLIC = "https://video.example"
HERE = ip_network("127.0.0.0/8")


class Desk:
    """A provider that succeeds for `good`, would have to ask for `shy`, and refuses the rest."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, bool]] = []
        self.heard: list[dict[str, str]] = []

    def offered(self, identity: str | None) -> m.Logins:
        return m.Logins(providers=[], assurance=m.Assurance.HIGH if identity == "known" else m.Assurance.NONE)

    async def begin(self, provider: str, *, quiet: bool = False) -> tuple[str, Kept]:
        self.begun.append((provider, quiet))
        return f"https://{provider}.example/authorize", Kept(f"attempt-{provider}", 900)

    async def finish(self, attempt: str | None, answer: Mapping[str, str]) -> Kept:
        self.heard.append(dict(answer))
        if attempt == "attempt-shy" and "error" in answer:
            raise LoginAsksFirst("shy")
        if attempt != "attempt-good":
            raise Rejected(Code.LOGIN_STALE)
        return Kept("known", 3_600)

    def launch(self, token: str) -> Kept:
        if token != "good":
            raise Rejected(Code.LOGIN_REJECTED)
        return Kept("known", 3_600)


class Front:
    """A bridge behind a proxy on this machine, which says for whom it asks."""

    def __init__(self, client: TestClient, desk: Desk, clock: Clock, counts: Counts) -> None:
        self.client, self.desk, self.clock, self.counts = client, desk, clock, counts

    async def get(self, path: str, source: str = "198.51.100.1", attempt: str | None = None) -> ClientResponse:
        """Ask for a page as somebody, with the cookie of an attempt."""
        headers = {"X-Forwarded-For": source}
        if attempt is not None:
            headers["Cookie"] = f"__Host-attempt={attempt}"
        return await self.client.get(path, headers=headers, allow_redirects=False)


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    """Start it."""
    desk, clock, counts = Desk(), Clock(), Counts()
    config = WebConfig(api_tokens=(TOKEN,), public_origin=PUBLIC, proxies=(HERE,))
    app = make_app(Consultations(), Administration(), config, clock, counts, logins=desk)
    async with TestClient(TestServer(app)) as client:
        yield Front(client, desk, clock, counts)


async def test_of_an_answer_only_what_the_document_names_is_read(front: Front) -> None:
    """Providers may say more in the address with which a browser comes back."""
    (answer,) = (one for one in document()["paths"]["/login/answer"].values())
    named = {one["name"]: "x" for one in answer["parameters"]}
    query = "&".join(f"{name}=x" for name in (*named, "session_state", "scope"))
    assert (await front.get(f"/login/answer?{query}", attempt="attempt-good")).status == 303
    assert front.desk.heard == [named]


async def test_pages_by_tls_are_by_tls_for_a_year(front: Front) -> None:
    """HSTS on every answer, and a policy that names the public host, whatever the request said of it."""
    response = await front.client.get("/", headers={"Host": "evil.example"})
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
    policy = response.headers["Content-Security-Policy"]
    assert "connect-src 'self' wss://video.example;" in policy
    assert "evil" not in policy
    assert "require-trusted-types-for 'script'" in policy


async def test_plain_pages_on_this_machine_promise_no_tls(house: House) -> None:
    """A browser would otherwise find no way to them any more."""
    assert "Strict-Transport-Security" not in (await house.client.get("/")).headers


async def test_wrong_tokens_shut_nobody_out(front: Front) -> None:
    """A flood of them is turned down as one; the right one is taken, from the same address even."""
    statuses = [(await rooms(front, "wrong")).status for _ in range(int(WRONG_TOKENS[1]) + 2)]
    assert statuses == [401] * int(WRONG_TOKENS[1]) + [429] * 2
    assert (await rooms(front, TOKEN)).status == 200
    assert (await rooms(front, "wrong", "203.0.113.7")).status == 401
    assert front.counts.seen["turned_away", "bearer"] == 2


async def rooms(front: Front, token: str, source: str = "198.51.100.1") -> ClientResponse:
    """List the rooms."""
    headers = {"X-Forwarded-For": source, "Authorization": f"Bearer {token}"}
    return await front.client.get("/api/v1/rooms", headers=headers)


async def test_logins_that_come_to_nothing_are_rationed_by_network(front: Front) -> None:
    """One who begins them without end is slow; who succeeds costs nothing, and nobody elsewhere knows of it."""
    for _ in range(int(BEGINNINGS[1])):
        begun = await front.get("/login/good")
        assert begun.headers["Location"] == "https://good.example/authorize"
        done = await front.get("/login/answer?code=x", attempt="attempt-good")
        assert done.headers["Location"] == "/join"
    for _ in range(int(BEGINNINGS[1])):
        await front.get("/login/good")
    refused = await front.get("/login/good")
    assert refused.headers["Location"] == "/join?login=too_many"
    assert (await front.get("/login/good", "203.0.113.7")).headers["Location"] == "https://good.example/authorize"
    front.clock.now += 1.0
    assert (await front.get("/login/good")).headers["Location"] == "https://good.example/authorize"
    assert front.counts.seen["turned_away", "login"] == 1


async def test_a_quiet_login_that_would_ask_goes_on_aloud(front: Front) -> None:
    """The provider is asked first whether it knows, and then the person; with a fresh attempt."""
    await front.get("/login/shy?quiet")
    again = await front.get("/login/answer?error=login_required", attempt="attempt-shy")
    assert front.desk.begun == [("shy", True), ("shy", False)]
    assert again.headers["Location"] == "https://shy.example/authorize"
    assert "__Host-attempt=attempt-shy" in again.headers["Set-Cookie"]


async def test_a_login_of_one_on_duty_leads_back_there(front: Front) -> None:
    """However it ends; a word that the page of nobody has leads to the links' page, as does the next login."""
    begun = await front.get("/login/good?duty")
    assert begun.headers["Location"] == "https://good.example/authorize"
    assert begun.cookies["__Host-login-to"].value == "duty"
    for answer, place in (("code=x", "/duty"), ("error=access_denied", "/duty?login=login_stale")):
        attempt = "attempt-good" if "code" in answer else "attempt-refused"
        done = await front.get(f"/login/answer?{answer}", attempt=f"{attempt}; __Host-login-to=duty")
        assert done.headers["Location"] == place
    stray = await front.get("/login/answer?code=x", attempt="attempt-good; __Host-login-to=//evil.example")
    assert stray.headers["Location"] == "/join"
    assert (await front.get("/login/good")).cookies["__Host-login-to"].value == ""


async def test_a_launch_is_kept_as_a_login_is(front: Front) -> None:
    """In a cookie that no script and no other site has; a bad one leaves nothing."""
    good = await launch(front, "good")
    assert good.status == 204
    kept = good.headers["Set-Cookie"]
    for words in ("__Host-identity=known", "HttpOnly", "Secure", "SameSite=Lax", "Path=/"):
        assert words in kept
    bad = await launch(front, "bad")
    assert (bad.status, (await bad.json())["code"]) == (409, "login_rejected")
    assert "Set-Cookie" not in bad.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "http://video.example", "null"])
async def test_another_site_logs_nobody_in_or_out(front: Front, origin: str) -> None:
    """Else it could have somebody be at the doctor's as whom it likes."""
    for response in (
        await launch(front, "good", origin=origin),
        await front.client.delete("/api/v1/logins", headers={"Origin": origin}),
    ):
        assert response.status == 403
        assert "Set-Cookie" not in response.headers


async def launch(front: Front, token: str, origin: str = PUBLIC) -> ClientResponse:
    """Bring a launch."""
    return await front.client.post("/api/v1/logins", json={"launch": token}, headers={"Origin": origin})


async def test_one_link_is_not_tried_without_end(house: House) -> None:
    """The deciding side hears no more of it; another link, and later the same one, are as good as ever."""
    for _ in range(int(KNOCKS[1])):
        assert (await tried(house, "forged")) is Code.LINK_INVALID
    before = len(house.consultations.identities)
    assert await tried(house, "forged") is Code.TOO_MANY
    assert len(house.consultations.identities) == before
    await (await house.join("host")).close()
    house.clock.now += 2.0
    assert await tried(house, "forged") is Code.LINK_INVALID


async def tried(house: House, token: str) -> Code:
    """The code with which a link is turned down."""
    ws = await house.connect()
    await ws.send_str(joining(token))
    error = await heard(ws)
    assert isinstance(error, m.ErrorMessage)
    await ws.close()
    return error.code


async def test_silent_sockets_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of those who have not joined, never one who has, and the newcomer gets in."""
    monkeypatch.setattr(server, "MOST_UNKNOWN_SOCKETS", 2)
    desk, clock, counts = Desk(), Clock(), Counts()
    app = make_app(Consultations(), Administration(), WebConfig(), clock, counts, logins=desk)
    async with TestClient(TestServer(app)) as client:
        inside = await client.ws_connect("/api/v1/ws")
        await inside.send_str(joining())
        assert isinstance(await heard(inside), m.Welcome)
        silent = [await client.ws_connect("/api/v1/ws") for _ in range(3)]
        bye = await heard(silent[0])
        assert isinstance(bye, m.Bye)
        assert bye.code is Code.TOO_MANY
        assert (await silent[0].receive(timeout=60)).type is WSMsgType.CLOSE
        await silent[2].send_str(joining("guest"))
        assert isinstance(await heard(silent[2]), m.Welcome)
        assert not inside.closed
        assert counts.seen["turned_away", "socket"] == 1
        await asyncio.gather(*(ws.close() for ws in (inside, *silent)))
