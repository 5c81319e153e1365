"""The real server on loopback: a client joins, acts, is told, and goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aiohttp import WSMsgType

from signalling import messages as m
from signalling.errors import Code
from tests.signalling.conftest import House, heard, joining
from tests.signalling.fakes import roster


async def test_join_then_act(house: House) -> None:
    """After join and welcome, each act is answered with its own ref, in order."""
    ws = await house.join()
    await ws.send_str(m.encode_client(m.Offer(sdp="v=0", sources=m.Sources(mic="0"), ref=1)))
    await ws.send_str(m.encode_client(m.Lock(locked=True, ref=2)))
    await ws.send_str(m.encode_client(m.Invite(role=m.Role.INTERPRETER, name="T", ref=3)))
    assert await heard(ws) == m.Answer(ref=1, sdp="v=0", leg="7")
    assert await heard(ws) == m.Ok(ref=2)
    assert (await heard(ws)).ref == 3
    assert [type(each) for each in house.consultations.handled] == [m.Offer, m.Lock, m.Invite]


async def test_messages_of_the_bridge_reach_the_client(house: House) -> None:
    """What the deciding side sends by itself arrives in order."""
    ws = await house.join("guest")
    sent = [roster(m.Place.WAITING), roster(m.Place.ADMITTED), m.Layout(slots=[])]
    for message in sent:
        house.consultations.connections[0].send(message)
    assert [await heard(ws) for _ in sent] == sent


async def test_admission_that_passes_through_opens_the_session(house: House) -> None:
    """An act is refused while waiting, and delivered once a roster has said admitted."""
    ws = await house.join("guest")
    lock = m.encode_client(m.Lock(locked=True, ref=1))
    await ws.send_str(lock)
    assert (await heard(ws)).code is Code.NOT_ADMITTED
    house.consultations.connections[0].send(roster(m.Place.ADMITTED))
    await ws.send_str(lock)
    assert isinstance(await heard(ws), m.Roster)
    assert await heard(ws) == m.Ok(ref=1)


async def test_refused_join_hears_why_and_is_closed(house: House) -> None:
    """A forged link gets an error, a bye with the same code, and a closed socket; no seat is lost."""
    ws = await house.connect()
    await ws.send_str(joining("forged"))
    error, bye = await heard(ws), await heard(ws)
    assert (error.code, bye.code) == (Code.LINK_INVALID, Code.LINK_INVALID)
    closed = await ws.receive(timeout=60)
    assert (closed.type, closed.data, closed.extra) == (WSMsgType.CLOSE, 1008, "link_invalid")
    assert house.counts.seen == {("errors", "link_invalid"): 1, ("closes", "link_invalid"): 1}
    assert house.consultations.lost_seats == []


async def test_refused_act_keeps_the_connection(house: House) -> None:
    """An act that the deciding side rejects is told with code and ref, and the next one works."""
    ws = await house.join()
    await ws.send_str(m.encode_client(m.Admit(participant="p_9", ref=5)))
    assert await heard(ws) == m.ErrorMessage(
        ref=5, code=Code.UNKNOWN_PARTICIPANT, message=Code.UNKNOWN_PARTICIPANT.sentence
    )
    await ws.send_str(m.encode_client(m.Camera(on=False, ref=6)))
    assert await heard(ws) == m.Ok(ref=6)


async def test_leave_says_bye_and_frees_the_seat_once(house: House) -> None:
    """A leave is delivered, answered with bye and a normal close, and the seat is lost exactly once."""
    ws = await house.join()
    await ws.send_str(m.encode_client(m.Leave()))
    assert (await heard(ws)).code is Code.LEFT
    closed = await ws.receive(timeout=60)
    assert (closed.data, closed.extra) == (1000, "left")
    await asyncio.wait_for(house.consultations.all_lost.wait(), 60)
    assert house.consultations.handled == [m.Leave()]
    assert len(house.consultations.lost_seats) == 1


async def test_a_vanished_client_is_reported_as_lost(house: House) -> None:
    """A connection that drops without a word loses its seat."""
    ws = await house.join()
    ws._response.connection.transport.abort()
    await asyncio.wait_for(house.consultations.all_lost.wait(), 60)
    assert house.consultations.lost_seats[0].participant == "p_1"
    await ws.close()


async def test_end_closes_everyone_and_later_messages_go_nowhere(house: House) -> None:
    """When the host ends, each client hears bye and is closed, and nothing can be sent after it."""
    host, guest = await house.join(), await house.join("guest")
    await host.send_str(m.encode_client(m.End(ref=1)))
    for ws in (host, guest):
        assert (await heard(ws)).code is Code.ENDED
        for connection in house.consultations.connections:
            connection.send(m.Layout(slots=[]))
            connection.close(Code.REMOVED)
        assert (await ws.receive(timeout=60)).data == 1000
    assert house.counts.seen["closes", "ended"] == 2
    assert house.counts.seen["closes", "removed"] == 0


async def test_a_bye_that_is_sent_closes_too(house: House) -> None:
    """Sending `bye` as a message is the same as closing."""
    ws = await house.join()
    house.consultations.connections[0].send(m.Bye(code=Code.REPLACED, message="Elsewhere."))
    assert await heard(ws) == m.Bye(code=Code.REPLACED, message="Elsewhere.")
    assert (await ws.receive(timeout=60)).extra == "replaced"


@pytest.mark.parametrize("house", [{"heartbeat_seconds": 0.05}], indirect=True)
async def test_heartbeat_keeps_a_silent_client_and_drops_a_dead_one(house: House) -> None:
    """A client that answers pings stays although it says nothing; one that does not is dropped."""
    alive = await house.join()
    dead = await house.client.ws_connect("/api/v1/ws", autoping=False)
    await dead.send_str(joining())
    assert isinstance(await heard(dead), m.Welcome)
    reading = asyncio.gather(alive.receive(timeout=60), return_exceptions=True)
    await asyncio.wait_for(house.consultations.all_lost.wait(), 60)
    assert [seat.connection_id for seat in house.consultations.lost_seats] == [2]
    house.consultations.connections[0].send(m.Ok(ref=1))
    assert (await reading)[0].data == m.encode(m.Ok(ref=1))


async def test_a_probe_is_answered_by_who_is_there_and_a_line_is_cut_without_a_word(house: House) -> None:
    """Whatever comes is a sign of life, a ping and the answer to one included; who is cut hears no `bye`."""
    ws = await house.join()
    (line,) = house.consultations.connections
    reading = asyncio.gather(ws.receive(timeout=60))
    for ask in (ws.ping, lambda: asyncio.sleep(0, line.probe())):
        before = line.signs()
        await ask()
        await _until(lambda before=before: line.signs() > before)
    line.cut()
    assert (await reading)[0].type in {WSMsgType.CLOSED, WSMsgType.CLOSE, WSMsgType.ERROR}
    await asyncio.wait_for(house.consultations.all_lost.wait(), 60)
    assert house.counts.seen["closes", "silent"] == 1


async def test_nobody_is_silent_while_what_they_said_is_dealt_with(house: House) -> None:
    """Nothing is read then, so that a store that stands still looks like a device that does."""
    ws = await house.join()
    (line,) = house.consultations.connections
    held = asyncio.Event()
    house.consultations.handle = lambda *_: held.wait()
    assert line.signs() == line.signs()
    await ws.send_str(m.encode_client(m.Camera(on=False, ref=1)))
    await _until(lambda: line.signs() < line.signs())
    held.set()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)


async def test_shutdown_says_restarting(house: House) -> None:
    """When the server stops, every client hears that it may come back."""
    ws = await house.join()
    stopping = asyncio.gather(house.client.server.close())
    assert (await heard(ws)).code is Code.RESTARTING
    closed = await ws.receive(timeout=60)
    assert (closed.data, closed.extra) == (1012, "restarting")
    await stopping
    assert len(house.consultations.lost_seats) == 1


def asking(token: str = "host") -> str:  # noqa: S107 - opens nothing
    """Make the first message of a test."""
    return m.encode_client(m.Test(version=1, token=token, ref=1))


def reporting(frames: int = 9) -> str:
    """Make the last one."""
    return m.encode_client(m.TestReport(sent_kbps=1.0, frames=frames, sound=True, ref=3))


async def test_a_test_runs_from_its_first_word_to_its_verdict(house: House) -> None:
    """Each message has its reply, then the bridge says bye; there was no seat to lose."""
    ws = await house.connect()
    await ws.send_str(asking())
    assert await heard(ws) == m.Testing(ref=1, seconds=1.0, ice_servers=[])
    await ws.send_str(m.encode_client(m.Offer(sdp="v=0", sources=m.Sources(), ref=2)))
    assert await heard(ws) == m.Answer(ref=2, sdp="v=0", leg="7")
    await ws.send_str(reporting())
    assert (await heard(ws)).verdict is m.TrialVerdict.GOOD
    assert (await heard(ws)).code is Code.LEFT
    async with asyncio.timeout(60):
        await house.consultations.trials[0].ended.wait()
    assert (house.consultations.handled, house.consultations.lost_seats) == ([], [])


@pytest.mark.parametrize("last", [None, reporting(0), '{"type":"leave"}'])
async def test_a_test_is_ended_however_its_socket_goes(house: House, last: str | None) -> None:
    """By the page that is closed, by a fault in the verdict, or by a goodbye."""
    ws = await house.connect()
    await ws.send_str(asking())
    await heard(ws)
    if last is None:
        await ws.close()
    else:
        await ws.send_str(last)
    async with asyncio.timeout(60):
        await house.consultations.trials[0].ended.wait()


async def test_a_test_with_a_forged_link_is_refused_and_closed(house: House) -> None:
    """As a join is."""
    ws = await house.connect()
    await ws.send_str(asking("forged"))
    assert [(await heard(ws)).code, (await heard(ws)).code] == [Code.LINK_INVALID, Code.LINK_INVALID]
    assert house.consultations.trials == []


async def test_on_duty_by_the_cookie_of_a_login(house: House) -> None:
    """The queue comes, a room is taken or is another's, and the end of the socket ends it."""
    ws = await house.connect(Cookie="__Host-identity=sealed")
    await ws.send_str(m.encode_client(m.Duty(version=1, ref=1)))
    assert await heard(ws) == m.OnDuty(ref=1, name="Dr. Berg", rotas=[])
    assert isinstance(await heard(ws), m.Queue)
    assert house.consultations.identities == ["sealed"]
    for room, link in (("r_1", "https://localhost/join#x"), ("r_2", None)):
        await ws.send_str(m.encode_client(m.Take(room=room, ref=2)))
        assert await heard(ws) == m.Taken(ref=2, room=room, by="Dr. Berg", link=link)
    await ws.send_str(m.encode_client(m.Take(room="r_3", ref=3)))
    assert (await heard(ws)).code is Code.UNKNOWN_ROOM
    await ws.close()
    await asyncio.wait_for(house.consultations.watches[0].ended.wait(), 60)
    assert house.consultations.lost_seats == []


async def test_nobody_is_on_duty_without_a_login(house: House) -> None:
    """They hear why, and the socket closes."""
    ws = await house.connect()
    await ws.send_str(m.encode_client(m.Duty(version=1, ref=1)))
    error, bye = await heard(ws), await heard(ws)
    assert (error.code, bye.code) == (Code.LOGIN_NEEDED, Code.LOGIN_NEEDED)
    assert house.consultations.watches == []
