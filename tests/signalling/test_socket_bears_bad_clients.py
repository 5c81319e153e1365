"""The real server on loopback against broken, hostile or slow clients, and code behind it that fails."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError
from structlog.testing import capture_logs

from signalling import messages as m
from signalling.errors import Code
from signalling.session import Limits
from signalling.web.origins import origin_allowed
from signalling.web.socket import close_code
from tests.signalling.conftest import House, heard, joining
from tests.signalling.fakes import PERSON, TOKEN


async def test_bad_message_is_answered_counted_and_not_logged(house: House) -> None:
    """A broken message gets code and ref, is counted and not logged, and the session goes on."""
    ws = await house.join()
    with capture_logs() as logs:
        await ws.send_str('{"type":"lock","locked":"yes","ref":4}')
        error = await heard(ws)
        await ws.send_bytes(b"\x00")
        assert (await heard(ws)).code is Code.BAD_MESSAGE
    assert (error.ref, error.code) == (4, Code.BAD_MESSAGE)
    assert house.counts.seen["errors", "bad_message"] == 2
    assert logs == []
    await ws.send_str(m.encode_client(m.Lock(locked=True, ref=5)))
    assert await heard(ws) == m.Ok(ref=5)


async def test_too_large_message_is_answered(house: House) -> None:
    """A message over the limit gets `too_large`, and the session goes on."""
    ws = await house.join()
    await ws.send_str(" " * (m.MAX_MESSAGE_BYTES + 1))
    assert (await heard(ws)).code is Code.TOO_LARGE
    assert house.counts.seen["errors", "too_large"] == 1


async def test_huge_frame_is_cut_off_unread(house: House) -> None:
    """A frame over twice the limit is not taken in: the socket closes with 1009, which is counted."""
    ws = await house.join()
    await ws.send_str(" " * (2 * m.MAX_MESSAGE_BYTES + 1))
    closed = await ws.receive(timeout=60)
    assert (closed.type, closed.data) == (WSMsgType.CLOSE, 1009)
    await asyncio.wait_for(house.consultations.all_lost.wait(), 60)
    assert house.counts.seen["errors", "too_large"] == 1


async def test_broken_utf8_is_cut_off(house: House) -> None:
    """A text frame that is not UTF-8 closes the socket with 1007, and that is counted."""
    ws = await house.join()
    await ws._writer.send_frame(b"\xff\xfe", WSMsgType.TEXT)
    assert (await ws.receive(timeout=60)).data == 1007
    await asyncio.wait_for(house.consultations.all_lost.wait(), 60)
    assert house.counts.seen["errors", "bad_message"] == 1


async def test_flood_ends_in_too_many(house: House) -> None:
    """On a clock that stands still, the message after the burst ends the connection."""
    ws = await house.join()
    for ref in range(60):
        await ws.send_str(m.encode_client(m.Pin(participant=None, ref=ref)))
    replies = [await heard(ws) for _ in range(61)]
    assert replies[:59] == [m.Ok(ref=ref) for ref in range(59)]
    assert [reply.code for reply in replies[59:]] == [Code.TOO_MANY, Code.TOO_MANY]
    assert (await ws.receive(timeout=60)).data == 1008


@pytest.mark.parametrize("house", [{"close_seconds": 0.2}], indirect=True)
async def test_slow_reader_is_cut_off_and_harms_nobody(house: House) -> None:
    """A client that reads nothing is aborted when its queue is full, while another one is served."""
    slow, other = await house.join(), await house.join()
    with capture_logs() as logs:
        await slow.send_str(m.encode_client(m.AdmitAll(ref=1)))
        await other.send_str(m.encode_client(m.Camera(on=True, ref=2)))
        assert await heard(other) == m.Ok(ref=2)
        await asyncio.wait_for(house.consultations.all_lost.wait(), 60)
    assert [seat.connection_id for seat in house.consultations.lost_seats] == [1]
    assert house.counts.seen["closes", "too_slow"] == 1
    assert logs == [{"event": "client_too_slow", "log_level": "warning", "queue_messages": 256}]
    await other.send_str(m.encode_client(m.Camera(on=True, ref=3)))
    assert await heard(other) == m.Ok(ref=3)


@pytest.mark.parametrize("house", [{"close_seconds": 0.2, "queue_messages": 2000}], indirect=True)
async def test_a_client_that_never_reads_its_bye_is_cut_off(house: House) -> None:
    """Closing does not wait for ever for a client whose buffers are full."""
    ws = await house.join()
    connection = house.consultations.connections[0]
    for _ in range(1000):
        connection.send(m.Answer(ref=1, sdp="x" * 60_000, leg="7"))
    connection.close(Code.REMOVED)
    await asyncio.wait_for(house.consultations.all_lost.wait(), 60)
    assert house.counts.seen["closes", "removed"] == 1
    await ws.close()


@pytest.mark.parametrize("house", [{"limits": Limits(join_seconds=0.0)}], indirect=True)
async def test_silent_client_is_closed(house: House) -> None:
    """A socket on which no join comes is closed at the deadline."""
    ws = await house.connect()
    assert (await heard(ws)).code is Code.JOIN_TIMEOUT
    assert (await ws.receive(timeout=60)).extra == "join_timeout"


@pytest.mark.parametrize("house", [{"limits": Limits(join_seconds=0.05)}], indirect=True)
async def test_early_timer_waits_on(house: House) -> None:
    """A timer that fires before the session's own deadline is set anew instead of closing too soon."""
    ws = await house.connect()
    # The first look may be the session's at its beginning; while nothing is said, all others are the timer's.
    await house.clock.looked_at(times=3)
    assert house.counts.seen["closes", "join_timeout"] == 0
    house.clock.now += 1
    assert (await heard(ws)).code is Code.JOIN_TIMEOUT


async def test_fault_behind_an_act_is_internal_and_logged_without_its_text(house: House) -> None:
    """An exception in the deciding side gives `internal`; the log has its kind and place, not its words."""
    ws = await house.join()
    with capture_logs() as logs:
        await ws.send_str(m.encode_client(m.HandOver(participant="p_2", ref=8)))
        error = await heard(ws)
    assert (error.ref, error.code) == (8, Code.INTERNAL)
    assert [(line["event"], line["fault"], line["act"]) for line in logs] == [
        ("act_failed", "RuntimeError", "HandOver")
    ]
    assert PERSON not in str(logs)
    assert "fakes.py" in logs[0]["where"][-1]
    await ws.send_str(m.encode_client(m.Camera(on=True, ref=9)))
    assert await heard(ws) == m.Ok(ref=9)


async def test_fault_behind_a_join_closes(house: House) -> None:
    """An exception at the door gives `internal`, and the socket closes with 1011."""
    ws = await house.connect()
    with capture_logs() as logs:
        await ws.send_str(joining("crash"))
        assert (await heard(ws)).code is Code.INTERNAL
        assert (await heard(ws)).code is Code.INTERNAL
    assert (await ws.receive(timeout=60)).data == 1011
    assert "crash" not in str(logs)


async def test_fault_in_lost_is_logged(house: House) -> None:
    """An exception while a seat is given up stays in the log."""
    house.consultations.fail_lost = True
    ws = await house.join()
    with capture_logs() as logs:
        await ws.send_str(m.encode_client(m.Leave()))
        await heard(ws)
        await ws.close()
        await asyncio.wait_for(house.consultations.all_lost.wait(), 60)
    assert [line["event"] for line in logs] == ["lost_failed"]


async def test_page_of_another_site_cannot_connect(house: House) -> None:
    """A foreign Origin is refused with 403; the own host's is let in."""
    with pytest.raises(WSServerHandshakeError) as caught:
        await house.connect(Origin="https://elsewhere.example")
    assert caught.value.status == 403
    assert house.counts.seen["http_errors", "origin_refused"] == 1
    ws = await house.connect(Origin=f"http://{house.client.host}:{house.client.port}")
    await ws.close()


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("https://public.example", True),
        ("HTTPS://PUBLIC.example", True),
        ("http://public.example", False),
        ("https://public.example:8443", False),
        ("https://bridge.example", False),
        ("https://public.example.evil.example", False),
        ("null", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_origin_rule(origin: str | None, allowed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Only the public origin, by TLS where it is, or a client without a page may connect."""
    assert origin_allowed(origin, "bridge.example", "https://public.example") is allowed


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("http://LOCALHOST:8080", "localhost:8080", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("http://127.0.0.1:9999", "127.0.0.1:8080", False),
        # A name that its owner has pointed to this machine for the time of an attack.
        ("http://evil.example:8080", "evil.example:8080", False),
        ("null", "127.0.0.1:8080", False),
        ("http://[", "127.0.0.1", False),
    ],
)
def test_origin_rule_on_this_machine_alone(origin: str, host: str, allowed: bool) -> None:  # noqa: FBT001 - as above
    """Without a public origin the page has to come from the address that is asked, and no name will do."""
    assert origin_allowed(origin, host, None) is allowed


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 204),
        ({"Sec-Fetch-Site": "same-origin"}, 204),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
async def test_page_of_another_site_changes_nothing(house: House, headers: dict[str, str], status: int) -> None:
    """Not with a browser's cookies, nor with a bearer token; to look at things is held by other means."""
    assert (await house.client.delete("/api/v1/logins", headers=headers)).status == status
    bearer = {"Authorization": f"Bearer {TOKEN}", **headers}
    made = await house.client.post("/api/v1/rooms", json={"name": "x"}, headers=bearer)
    assert made.status == (201 if status == 204 else 403)
    if status == 403:
        assert (await made.json())["code"] == "origin_refused"


async def test_plain_request_for_the_socket_is_refused(house: House) -> None:
    """A GET without a handshake gets 400 with a code."""
    response = await house.client.get("/api/v1/ws")
    assert (response.status, (await response.json())["code"]) == (400, "bad_message")


def test_every_code_has_a_close_code() -> None:
    """Each code closes with a number that a browser's script may see, 1000 for what is no fault."""
    numbers = {code: close_code(code) for code in Code}
    assert set(numbers.values()) == {1000, 1008, 1009, 1011, 1012, 1013}
    assert {code.value for code, number in numbers.items() if number == 1000} == {
        "removed",
        "refused",
        "ended",
        "left",
        "replaced",
    }
