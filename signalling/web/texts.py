"""What the supplier of text messages tells of them, by a signed webhook of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from signalling.web.reading import read_body

if TYPE_CHECKING:
    from signalling.ports import ReceiptDesk


class TextReceipts:
    """One handler over `ReceiptDesk`, which checks the signature."""

    def __init__(self, desk: ReceiptDesk) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        """All routes of this module."""
        return [web.post("/api/v1/texts/receipts", self._receipt)]

    async def _receipt(self, request: web.Request) -> web.Response:
        await self._desk.receipt(request.headers, await read_body(request))
        return web.Response(status=204)
