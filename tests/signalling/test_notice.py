"""The information notice: its version is that of every word in it, and it is told to everybody."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import msgspec

from signalling import messages as m
from signalling.web.notice import read
from signalling.web.server import STATIC
from tests.signalling.conftest import House


def test_no_word_changes_without_the_version(tmp_path: Path) -> None:
    """Of any language, nor a name in it; other texts of the pages have nothing to do with it."""
    copytree(STATIC / "i18n", tmp_path / "i18n")
    seen = {read(tmp_path).version}
    assert seen == {read(STATIC).version}
    for language in ("nb", "nn", "en"):
        path = tmp_path / "i18n" / f"{language}.json"
        texts = json.loads(path.read_text())
        path.write_text(json.dumps(texts | {"app.name": "Something else"}))
        assert read(tmp_path).version in seen
        path.write_text(json.dumps(texts | {"notice.short": "Something else."}))
        seen.add(read(tmp_path).version)
    seen |= {read(tmp_path, **{name: "x"}).version for name in ("responsible", "operator", "more")}
    assert len(seen) == 7


def test_what_is_not_set_is_not_told() -> None:
    """An empty name would be an empty sentence."""
    notice = read(STATIC, operator="Norsk helsenett SF")
    assert (notice.responsible, notice.operator, notice.more) == (None, "Norsk helsenett SF", None)


async def test_it_is_told_to_whoever_asks(house: House) -> None:
    """Without a token: it is read before anybody has come in. It is not kept, since it may be another tomorrow."""
    answer = await house.client.get("/api/v1/notice")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    notice = msgspec.json.decode(await answer.read(), type=m.Notice)
    assert len(notice.version) == 12
