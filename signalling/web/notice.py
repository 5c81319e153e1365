"""The information notice: what people are told of a consultation before they press to enter.

Its words are those of the pages' catalogues that begin with `notice.`, with the names that the operator sets. Its
version is a digest of all of them, so that no word changes without it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from aiohttp import web

from signalling import messages as m
from signalling.web.faults import json_response

if TYPE_CHECKING:
    from pathlib import Path

_WORDS: Final = "notice."
_VERSION_CHARS: Final = 12


def read(static: Path, *, responsible: str = "", operator: str = "", more: str = "") -> m.Notice:
    """Give the notice as it is in the catalogues under `static`; empty texts are not told."""
    catalogues = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(static.glob("i18n/*.json"))}
    words = {
        language: {key: text for key, text in sorted(texts.items()) if key.startswith(_WORDS)}
        for language, texts in catalogues.items()
    }
    told = json.dumps([words, responsible, operator, more], sort_keys=True).encode()
    return m.Notice(
        version=hashlib.sha256(told).hexdigest()[:_VERSION_CHARS],
        responsible=responsible or None,
        operator=operator or None,
        more=more or None,
    )


class NoticePage:
    """Tells it to whoever asks: it is the same for all."""

    def __init__(self, notice: m.Notice) -> None:
        self._notice = notice

    def routes(self) -> list[web.RouteDef]:
        """All routes of this module."""
        return [web.get("/api/v1/notice", self._told, allow_head=False)]

    async def _told(self, _request: web.Request) -> web.Response:
        return json_response(self._notice)
