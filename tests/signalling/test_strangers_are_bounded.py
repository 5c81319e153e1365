"""However many strangers there are, nobody is locked out for another's faults."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_network
from types import SimpleNamespace
from typing import cast

import pytest
from aiohttp import ClientSession, web
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from signalling.gateways.guard import Guard, network
from signalling.web.clients import Clients
from signalling.web.crowd import Crowd
from signalling.web.knocking import KNOCKS, Knocks
from signalling.web.listening import now_known, serve
from tests.signalling.fakes import Counts

PROXIES = [ip_network("192.0.2.0/24"), ip_network("2001:db8::/64")]


def asked(remote: str | None, *headers: str) -> web.Request:
    """A request from there, with these headers of proxies."""
    told: Mapping[str, str] = CIMultiDict([("X-Forwarded-For", one) for one in headers])
    return cast("web.Request", SimpleNamespace(remote=remote, headers=told))


@pytest.mark.parametrize(
    ("remote", "headers", "known"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        ("192.0.2.1", ("198.51.100.1",), "198.51.100.1"),
        ("192.0.2.1", ("10.0.0.1, 198.51.100.1, 192.0.2.77",), "198.51.100.1"),
        ("192.0.2.1", ("10.0.0.1", "198.51.100.1"), "198.51.100.1"),
        ("192.0.2.1", ("198.51.100.1:4711",), "198.51.100.1"),
        ("192.0.2.1", ("[2001:db8:5::9]:4711",), "2001:db8:5::/64"),
        ("2001:db8::1", ("2001:db8:5:0:1:2:3:4",), "2001:db8:5::/64"),
        ("::ffff:192.0.2.1", ("198.51.100.1",), "198.51.100.1"),
        ("192.0.2.1", ("198.51.100.1, <script>",), "192.0.2.1"),
        ("192.0.2.1", ("",), "192.0.2.1"),
        ("192.0.2.1", (), "192.0.2.1"),
        ("192.0.2.1", (", ".join(["192.0.2.5"] * 500),), "192.0.2.5"),
        (None, ("198.51.100.1",), ""),
    ],
)
def test_a_client_is_known_by_what_our_proxies_say(
    remote: str | None, headers: tuple[str, ...], known: str
) -> None:
    """From the end of the header, while who wrote is a proxy; what stands before was written by anybody."""
    assert Clients(PROXIES).network(asked(remote, *headers)) == known


@given(st.text(max_size=40), st.lists(st.text(max_size=60), max_size=4))
def test_any_header_gives_a_network(remote: str, headers: list[str]) -> None:
    """Nothing that a client writes is a fault of the bridge's."""
    assert isinstance(Clients(PROXIES).network(asked(remote, *headers)), str)
    assert isinstance(Clients(PROXIES).network(asked("192.0.2.1", *headers)), str)


def test_addresses_of_ipv4_are_no_one_network() -> None:
    """As a socket of both families shows them; of IPv6 all of a household's are one."""
    assert network("::ffff:192.0.2.1") == "192.0.2.1"
    assert network("2001:db8::1%eth0") == network("2001:db8::2") == "2001:db8::/64"


def test_the_first_of_the_largest_network_gives_way() -> None:
    """Who has the most loses one; who comes from elsewhere, or leaves, costs nobody anything."""
    crowd: Crowd[str] = Crowd(3)
    assert [crowd.enter(name, "flood") for name in ("f1", "f2", "f3")] == [None, None, None]
    assert crowd.enter("patient", "home") == "f1"
    assert crowd.enter("f4", "flood") == "f2"
    crowd.leave("patient")
    crowd.leave("patient")
    assert crowd.enter("f5", "flood") is None
    assert len(crowd) == 3


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3), st.booleans()), max_size=200))
def test_a_crowd_is_bounded_and_fair(most: int, acts: list[tuple[int, int, bool]]) -> None:
    """Never more than there may be, and nobody goes whose network has less than another."""
    crowd: Crowd[int] = Crowd(most)
    here: dict[int, str] = {}
    for who, where, comes in acts:
        if not comes:
            crowd.leave(who)
            here.pop(who, None)
        elif who not in here:
            here[who] = str(where)
            counts = [list(here.values()).count(one) for one in here.values()]
            if (gone := crowd.enter(who, str(where))) is not None:
                assert list(here.values()).count(here[gone]) == max(counts)
                del here[gone]
        assert len(crowd) == len(here) <= most


def test_a_link_is_rationed_for_itself() -> None:
    """Who tries one without end keeps nobody from another, nor anybody elsewhere from the same."""
    now, counts = [0.0], Counts()
    knocks = Knocks(lambda: now[0], counts)
    tried = [knocks.allows("192.0.2.1", "one") for _ in range(int(KNOCKS[1]) + 3)]
    assert tried == [True] * int(KNOCKS[1]) + [False] * 3
    assert knocks.allows("192.0.2.1", "another")
    assert knocks.allows("192.0.2.2", "one")
    now[0] = 2.0
    assert knocks.allows("192.0.2.1", "one")
    assert not knocks.allows("192.0.2.1", "one")
    assert counts.seen["turned_away", "knock"] == 4


def test_what_is_given_back_can_be_taken_again() -> None:
    """And no more than that; of who is not known, nothing."""
    guard = Guard(0.0, 2.0)
    guard.give_back("192.0.2.1")
    assert [guard.allows("192.0.2.1", 0) for _ in range(3)] == [True, True, False]
    guard.give_back("192.0.2.1")
    assert [guard.allows("192.0.2.1", 0) for _ in range(2)] == [True, False]


@asynccontextmanager
async def listening(most: int, counts: Counts) -> AsyncIterator[int]:
    """A server with room for so many strangers; `/in` is a place, `/` nothing."""

    async def come_in(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        now_known(request)
        await response.send_str("welcome")
        await response.receive()
        return response

    async def look(_request: web.Request) -> web.Response:
        return web.Response(text="here")

    app = web.Application()
    app.router.add_get("/in", come_in)
    app.router.add_get("/", look)
    async with serve(app, "127.0.0.1", 0, counts, most_strangers=most) as port:
        yield port


async def test_who_says_nothing_gives_way_to_who_asks() -> None:
    """A flood of open connections from the same address, even: the first of them ends, and pages come."""
    counts = Counts()
    async with listening(5, counts) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        async with ClientSession() as http, http.get(f"http://127.0.0.1:{port}/") as response:
            assert await response.text() == "here"
            assert await ended(silent[0][0])
        assert counts.seen["turned_away", "connection"] == 1
        for _, writer in silent:
            writer.close()


async def test_who_is_in_never_gives_way() -> None:
    """A flood of strangers ends none of the connections that have a place."""
    counts = Counts()
    async with listening(2, counts) as port, ClientSession() as http:
        inside = await http.ws_connect(f"http://127.0.0.1:{port}/in")
        assert await inside.receive_str() == "welcome"
        flood = [await asyncio.open_connection("127.0.0.1", port) for _ in range(6)]
        for reader, _ in flood[:4]:
            assert await ended(reader)
        assert not inside.closed
        assert counts.seen["turned_away", "connection"] == 4
        for _, writer in flood:
            writer.close()
        await inside.close()


async def ended(reader: asyncio.StreamReader) -> bool:
    """Wait until the other side has ended a connection."""
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /join?name=Kari HTTP/1.1\r\nHost: here\r\nBroken Kari\r\n\r\n",
        b"GET /" + b"Kari" * 4_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n",
        b"KARI / NONSENSE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: here\r\nX-Kari: " + b"K" * 20_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: Kari\r\n\r\n",
        b"\x16\x03\x01Kari\r\n\r\n",
    ],
    ids=["header", "line", "no-http", "long-header", "length", "tls"],
)
async def test_what_cannot_be_read_is_quoted_nowhere(request_: bytes) -> None:
    """Neither to whoever is there nor in the log, which a stranger could fill otherwise; it is counted."""
    counts, logs = Counts(), io.StringIO()
    watch = logging.StreamHandler(logs)
    logging.getLogger().addHandler(watch)
    try:
        async with listening(5, counts) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request_)
            answer = await reader.read()
            writer.close()
    finally:
        logging.getLogger().removeHandler(watch)
    assert answer.split(b" ")[1] == b"400"
    assert b'"code":"bad_message"' in answer
    assert b"Kari" not in answer
    assert logs.getvalue() == ""
    assert counts.seen["http_errors", "bad_message"] == 1
