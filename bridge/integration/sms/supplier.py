"""Hands text messages over to the operator's supplier, by a webhook. Nothing of one is logged or kept."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
import msgspec
import structlog

from bridge.integration.webhooks.signing import Secret, headers

LOG: Final = structlog.get_logger("bridge.sms")
PATIENCE: Final = aiohttp.ClientTimeout(total=6)
WAITS: Final = (0.0, 1.0, 3.0)
"""Before each attempt, in seconds: who invites is waiting to be told."""
ID_BYTES: Final = 12


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    timestamp: datetime
    data: dict[str, Any]


class WebhookSupplier:
    """One address of the operator's. `wait` sleeps, for so many seconds."""

    def __init__(
        self,
        url: str,
        known: Sequence[Secret],
        http: aiohttp.ClientSession,
        now: Callable[[], datetime],
        *,
        wait: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self._url = url
        self._secrets = known
        self._http = http
        self._now = now
        self._wait = wait

    async def send(self, to: str, text: str, reference: str) -> bool:
        """Hand one over; whether it was taken. What is answered by 4xx is not tried again."""
        message = _Message(
            type="sms.send",
            timestamp=self._now().astimezone(UTC),
            data={"to": to, "text": text, "reference": reference},
        )
        body = msgspec.json.encode(message)
        # The same in each attempt, so that nobody gets a message twice.
        identity = f"sms_{secrets.token_urlsafe(ID_BYTES)}"
        status = None
        for seconds in WAITS:
            await self._wait(seconds)
            status = await self._post(identity, body)
            if status is not None and status < 500 and status != 429:  # noqa: PLR2004
                break
        taken = status is not None and 200 <= status < 300  # noqa: PLR2004
        if not taken:
            LOG.warning("text_not_taken", reference=reference, status=status)
        return taken

    async def _post(self, identity: str, body: bytes) -> int | None:
        signed = headers(self._secrets, identity, int(self._now().timestamp()), body)
        try:
            posting = self._http.post(
                self._url, data=body, headers=signed, timeout=PATIENCE, allow_redirects=False
            )
            async with posting as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return None
