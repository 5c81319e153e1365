"""Brings letters to their endpoints: a few at once, those of a room one after another, each until it is taken."""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import aiohttp
import structlog

from bridge.integration.webhooks.retry import next_try
from bridge.integration.webhooks.settings import Endpoint
from bridge.integration.webhooks.signing import headers
from bridge.store import Letter, Outbox

LOG: Final = structlog.get_logger("bridge.webhooks")
PATIENCE: Final = aiohttp.ClientTimeout(total=15)
AT_ONCE: Final = 8
POLL_SECONDS: Final = 2.0
"""How long a letter of another bridge, or one that is to be tried again, may wait beyond its time."""
TIDY_EVERY: Final = timedelta(hours=1)


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Now, aware."""


class Counters(Protocol):
    """Where attempts are counted."""

    def inc(self, name: str, code: str) -> None:
        """Count one."""


class Deliveries:
    """All endpoints of a bridge."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        outbox: Outbox,
        http: aiohttp.ClientSession,
        clock: Clock,
        counters: Counters,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._endpoints = endpoints
        self._outbox = outbox
        self._http = http
        self._clock = clock
        self._counters = counters
        self._chance = chance
        self.waiting: dict[str, int] = {}
        """Letters of each endpoint that were waiting when it was last looked."""

    async def serve(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tidy())
            for endpoint in self._endpoints:
                group.create_task(self._serve(endpoint, self._outbox.listen()))

    async def _tidy(self) -> None:
        while True:
            try:
                await self._outbox.forget([one.name for one in self._endpoints], self._clock.now())
            except Exception as error:
                LOG.exception("webhooks_not_tidied", error=type(error).__name__)
            await asyncio.sleep(TIDY_EVERY.total_seconds())

    async def _serve(self, endpoint: Endpoint, news: asyncio.Event) -> None:
        while True:
            news.clear()
            try:
                while await self.round(endpoint):
                    pass
                self.waiting[endpoint.name] = await self._outbox.waiting(endpoint.name)
            except Exception as error:
                # The store is away; what waits is in it, and waits on.
                LOG.exception("webhooks_wait", endpoint=endpoint.name, error=type(error).__name__)
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await news.wait()
            except TimeoutError:
                pass

    async def round(self, endpoint: Endpoint) -> int:
        """Try what is due, one letter a room; give how many there were."""
        letters = await self._outbox.claim(endpoint.name, self._clock.now(), AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for letter in letters:
                group.create_task(self._deliver(endpoint, letter))
        return len(letters)

    async def _deliver(self, endpoint: Endpoint, letter: Letter) -> None:
        status = await self._post(endpoint, letter)
        if status is not None and 200 <= status < 300:  # noqa: PLR2004
            self._counters.inc("webhooks", "delivered")
            await self._outbox.done(letter)
            return
        self._counters.inc("webhooks", "failed")
        at = next_try(letter.tries + 1, letter.created_at, self._clock.now(), self._chance())
        where = {"endpoint": endpoint.name, "room": letter.room, "revision": letter.revision, "status": status}
        if at is not None:
            LOG.info("webhook_failed", tries=letter.tries + 1, **where)
            await self._outbox.again(letter, at)
        else:
            self._counters.inc("webhooks", "given_up")
            LOG.error("webhook_given_up", tries=letter.tries + 1, **where)
            await self._outbox.bury(letter)

    async def _post(self, endpoint: Endpoint, letter: Letter) -> int | None:
        """Post it; give the status, or None where there was no answer. Of an answer nothing else is read."""
        body = letter.body.encode()
        at = int(self._clock.now().timestamp())
        signed = headers(endpoint.secrets, f"{letter.room}_{letter.revision}", at, body)
        try:
            posting = self._http.post(
                endpoint.url, data=body, headers=signed, timeout=PATIENCE, allow_redirects=False
            )
            async with posting as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return None
