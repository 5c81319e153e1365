"""Pieces of still pictures over the real server: size, token and number get through, and what is bad does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.web.server import WebConfig, make_app
from tests.signalling.fakes import Administration, Consultations

PATH = "/api/v1/stills/t_1/pieces"
AUTH = {"Authorization": "Bearer mine"}


class Relay:
    """Keeps what is put, and gives it back."""

    def __init__(self) -> None:
        self.pieces: dict[int, bytes] = {}

    async def put(self, still: str, token: str, number: int, piece: bytes) -> None:
        """Keep a piece."""
        if (still, token) != ("t_1", "mine"):
            raise Rejected(Code.UNAUTHORIZED)
        self.pieces[number] = piece

    async def get(self, still: str, token: str, number: int) -> bytes:
        """Give one."""
        if (still, token) != ("t_1", "mine"):
            raise Rejected(Code.UNAUTHORIZED)
        if number not in self.pieces:
            raise Rejected(Code.WRONG_STATE)
        return self.pieces[number]


@pytest.fixture
async def client(tmp_path: Any) -> AsyncIterator[TestClient[Any, Any]]:
    """A server that relays pictures."""
    app = make_app(Consultations(), Administration(), WebConfig(static=tmp_path), stills=Relay())
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize("size", [1, m.MAX_BODY_BYTES + 1, m.MAX_PIECE_BYTES])
async def test_a_piece_comes_out_as_it_went_in(client: TestClient[Any, Any], size: int) -> None:
    """Also where it is larger than other bodies may be, and as bytes of no kind that a browser would open."""
    piece = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert (await client.put(f"{PATH}/7", data=piece, headers=AUTH)).status == 204
    answer = await client.get(f"{PATH}/7", headers=AUTH)
    assert (answer.status, await answer.read()) == (200, piece)
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Cache-Control"] == "no-store"


async def chunked() -> AsyncIterator[bytes]:
    """A body without a length."""
    yield b"x"


@pytest.mark.parametrize(
    ("method", "path", "data", "headers", "status"),
    [
        ("PUT", f"{PATH}/0", b"x", {}, 401),
        ("PUT", f"{PATH}/0", b"x", {"Authorization": "Bearer other"}, 401),
        ("PUT", f"{PATH}/0", b"x", {"Authorization": "Basic mine"}, 401),
        ("PUT", "/api/v1/stills/t_2/pieces/0", b"x", AUTH, 401),
        ("GET", f"{PATH}/0", None, {}, 401),
        ("GET", f"{PATH}/1", None, AUTH, 409),
        ("PUT", f"{PATH}/0", b"", AUTH, 422),
        ("PUT", f"{PATH}/0", b"x" * (m.MAX_PIECE_BYTES + 1), AUTH, 413),
        ("PUT", f"{PATH}/-1", b"x", AUTH, 404),
        ("PUT", f"{PATH}/1234567", b"x", AUTH, 404),
        ("POST", f"{PATH}/0", b"x", AUTH, 405),
    ],
)
async def test_what_is_bad_is_turned_down(  # noqa: PLR0917 - pytest gives them by name
    client: TestClient[Any, Any], method: str, path: str, data: bytes | None, headers: dict[str, str], status: int
) -> None:
    """With the same errors as all else in REST."""
    answer = await client.request(method, path, data=data, headers=headers)
    assert (answer.status, set(await answer.json())) == (status, {"code", "message"})


async def test_a_body_without_a_length_is_turned_down(client: TestClient[Any, Any]) -> None:
    """Its size could not be judged before it is read."""
    answer = await client.put(f"{PATH}/0", data=chunked(), headers=AUTH)
    assert answer.status == 422


async def test_a_piece_that_is_cut_short_is_not_passed_on(client: TestClient[Any, Any]) -> None:
    """Whoever breaks off in the middle has sent nothing."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    head = f"PUT {PATH}/0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer mine\r\nContent-Length: 9\r\n\r\nshort"
    writer.write(head.encode())
    writer.write_eof()
    await reader.read()
    writer.close()
    assert (await client.get(f"{PATH}/0", headers=AUTH)).status == 409
