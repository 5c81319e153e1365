"""Requests to Janus and the answers that belong to them."""

import asyncio
import json
from typing import Any

import pytest

from loadtest.adapters import janus_messages as jm
from loadtest.adapters.errors import Refused
from loadtest.adapters.janus_session import Conversation


class Socket:
    """Takes what is sent; what Janus says is given to the conversation by the test."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def send_str(self, text: str) -> None:
        """Keep a message."""
        self.sent.put_nowait(json.loads(text))


def spoken() -> tuple[Conversation, Socket]:
    """A conversation, and the socket under it."""
    socket = Socket()
    return Conversation(socket, "hush"), socket


async def test_answers_find_their_requests_in_any_order() -> None:
    """Two requests are under way; each gets its own answer, after an acknowledgement too."""
    api, socket = spoken()
    async with asyncio.TaskGroup() as group:
        first, second = group.create_task(api.ask(jm.attach(1))), group.create_task(api.ask(jm.attach(1)))
        numbers = [(await socket.sent.get())["transaction"] for _ in range(2)]
        api.take(jm.Message(kind="ack", transaction=numbers[0]))
        api.take(jm.Message(kind="success", transaction=numbers[1], id=22))
        api.take(jm.Message(kind="event", transaction=numbers[0], id=11))

    assert (first.result().id, second.result().id) == (11, 22)


async def test_an_error_is_raised_where_it_was_asked() -> None:
    """A refusal ends the request that it answers."""
    api, socket = spoken()

    async def answer() -> None:
        transaction = (await socket.sent.get())["transaction"]
        api.take(jm.Message(kind="error", transaction=transaction, fault=Refused(403, "no")))

    async with asyncio.TaskGroup() as group:
        group.create_task(answer())
        with pytest.raises(Refused) as caught:
            await api.ask(jm.create_session())
    assert caught.value.number == 403


async def test_a_connection_may_be_up_before_anybody_asks() -> None:
    """The news is kept for whoever waits for it later."""
    api, _ = spoken()
    api.take(jm.Message(kind="webrtcup", sender=5))

    await api.connected(5)


async def test_what_nobody_waits_for_is_counted() -> None:
    """Events of other kinds, and late answers, do no harm."""
    api, _ = spoken()
    api.take(jm.Message(kind="media", sender=5))
    api.take(jm.Message(kind="event", transaction="77"))

    assert api.said == {"media": 1, "event": 1}
