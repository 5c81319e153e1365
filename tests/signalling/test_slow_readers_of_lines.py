"""Who types is no burden to a client that reads slowly: it gets a line's last state, and each one that is done.

What a test sends without a pause finds the writing task where one that waits for a slow client is.
"""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientWebSocketResponse

from signalling import messages as m
from tests.signalling.conftest import House, heard


def written(text: str, *, done: bool = False, writer: str = "p_2") -> m.Written:
    """A line of somebody's."""
    return m.Written(participant=writer, text=text, done=done)


async def lines(ws: ClientWebSocketResponse, last: str) -> list[tuple[str, str, bool]]:
    """What a client reads until somebody has finished the line `last`."""
    found: list[tuple[str, str, bool]] = []
    while not found or found[-1][1:] != (last, True):
        message = await heard(ws)
        if isinstance(message, m.Written):
            found.append((message.participant, message.text, message.done))
    return found


@pytest.mark.parametrize("house", [{"queue_messages": 40}], indirect=True)
async def test_a_slow_reader_gets_the_last_state(house: House) -> None:
    """A thousand changes take one place in its queue, so that it is not cut off; nothing that is done is lost."""
    ws = await house.join()
    connection = house.consultations.connections[0]
    for number in range(1000):
        connection.send(written(f"first {number}"))
        connection.send(written(f"other {number}", writer="p_3"))
    connection.send(written("First.", done=True))
    for number in range(1000):
        connection.send(written(f"second {number}"))
    connection.send(written("Second.", done=True))
    assert await lines(ws, "Second.") == [
        ("p_2", "First.", True),
        ("p_3", "other 999", False),
        ("p_2", "Second.", True),
    ]
    assert house.counts.seen["closes", "too_slow"] == 0


async def test_a_client_that_keeps_up_reads_every_state(house: House) -> None:
    """Each as it comes, in order; a line that was taken back as well."""
    ws = await house.join()
    connection = house.consultations.connections[0]
    for text, done in (("H", False), ("", False), ("He", False), ("Hei", True), ("D", False), ("Du", True)):
        connection.send(written(text, done=done))
        assert await heard(ws) == written(text, done=done)


@pytest.mark.parametrize("house", [{"queue_messages": 40, "close_seconds": 0.2}], indirect=True)
async def test_lines_that_are_done_are_bounded_by_the_queue(house: House) -> None:
    """Who never reads is cut off by them as by anything else."""
    ws = await house.join()
    connection = house.consultations.connections[0]
    for number in range(60):
        connection.send(written(f"line {number}", done=True))
    await asyncio.wait_for(house.consultations.all_lost.wait(), 60)
    assert house.counts.seen["closes", "too_slow"] == 1
    await ws.close()
