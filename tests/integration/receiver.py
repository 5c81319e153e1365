"""A system that is told of events, or sends text messages: answers as a test says, and keeps what came."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook


@dataclass
class Receiver:
    """`answers` are the next statuses; 204 when there are none. Every message has to verify with the secret."""

    secret: str = ""
    url: str = ""
    answers: list[int] = field(default_factory=list)
    came: list[tuple[str, dict[str, Any], int]] = field(default_factory=list)
    """Id, message and the status with which it was answered."""
    arrival: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        """Take one."""
        message = Webhook(self.secret).verify(await request.read(), dict(request.headers))
        status = self.answers.pop(0) if self.answers else 204
        self.came.append((request.headers["webhook-id"], message, status))
        self.arrival.set()
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async def tell(self, url: str, message: dict[str, Any], secret: str | None = None) -> int:
        """Tell the bridge something, signed by others' code; give the status."""
        now, body = datetime.now(UTC), json.dumps(message)
        signed = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret or self.secret).sign("msg_1", now, body),
        }
        async with aiohttp.ClientSession() as http, http.post(url, data=body, headers=signed) as response:
            return response.status

    @property
    def taken(self) -> list[str]:
        """The ids of those that were taken, in order."""
        return [identity for identity, _, status in self.came if status == 204]

    async def until(self, number: int) -> None:
        """Wait until so many came."""
        async with asyncio.timeout(60):
            while len(self.came) < number:
                self.arrival.clear()
                await self.arrival.wait()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Run one on loopback."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/told", receiver.take)
    async with TestServer(app) as server:
        receiver.url = str(server.make_url("/told"))
        yield receiver
