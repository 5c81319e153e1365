"""The REST resources of what is told of consultations afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from signalling import messages as m
from signalling.web.faults import json_response

if TYPE_CHECKING:
    from signalling.ports import Records
    from signalling.web.bearer import Bearer

_ROOM = "/api/v1/rooms/{room:[A-Za-z0-9_-]{1,64}}"
FHIR = "application/fhir+json"


class RecordPages:
    """Handlers over `Records`."""

    def __init__(self, records: Records, bearer: Bearer) -> None:
        self._records = records
        self._bearer = bearer

    def routes(self) -> list[web.RouteDef]:
        """All routes of this module."""
        guard = self._bearer.guard
        return [
            web.get("/api/v1/audit", guard(self._audit), allow_head=False),
            web.get("/api/v1/usage", guard(self._usage), allow_head=False),
            web.get(f"{_ROOM}/attendance", guard(self._attendance), allow_head=False),
            web.get(f"{_ROOM}/usage", guard(self._room_usage), allow_head=False),
        ]

    async def _audit(self, request: web.Request) -> web.Response:
        wish = m.decode_query(request.query, m.AuditQuery)
        found = await self._records.audit(wish)
        return web.Response(text=m.encode(found), content_type=FHIR)

    async def _usage(self, request: web.Request) -> web.Response:
        return json_response(await self._records.usage(m.decode_query(request.query, m.UsageQuery)))

    async def _attendance(self, request: web.Request) -> web.Response:
        wish = m.decode_query(request.query, m.AttendanceQuery)
        return json_response(await self._records.attendance(request.match_info["room"], wish))

    async def _room_usage(self, request: web.Request) -> web.Response:
        return json_response(await self._records.room_usage(request.match_info["room"]))
