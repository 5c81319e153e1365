"""`[rotas.NAME]` and the files of who is on them: checked at the start, and read anew when they change."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.auth.oidc.levels import hpr_digest
from bridge.integration.errors import SettingsError
from bridge.integration.rotas import MAX_BYTES, RotaBook, check
from bridge.rooms.model import Assurance, Identity, SubjectDigest

CENTRE = "983658725"
BERG, VIK = {"name": "Dr. Berg", "hpr": "9144900"}, {"name": "Dr. Vik", "hpr": "9144901"}


def digest(text: str) -> str:
    """A digest that shows what it is of."""
    return f"digest of {text}"


def login(person: Mapping[str, str], **changes: Any) -> Identity:
    """What their login proved."""
    fields: dict[str, Any] = {
        "assurance": Assurance.HIGH,
        "provider": "helseid",
        "subject": SubjectDigest("x"),
        "organisation": CENTRE,
        "hpr": hpr_digest(person["hpr"], digest),
    }
    return Identity(**fields | changes)


def section(file: Path, **changes: Any) -> dict[str, Any]:
    """Settings of a rota."""
    return {"title": "Legevakt nord", "people_file": str(file), "organisations": [CENTRE]} | changes


def written(folder: Path, *people: Mapping[str, str]) -> Path:
    """A file as a roster system writes it: beside the old one, and then in its place."""
    file, new = folder / "nord.json", folder / "nord.new"
    new.write_text(json.dumps(people), "utf-8")
    return new.rename(file)


def test_who_is_on_a_rota_is_known_by_number_workplace_and_level(tmp_path: Path) -> None:
    """All three, as the operator wrote them."""
    book = RotaBook({"nord": section(written(tmp_path, BERG), least="substantial")}, digest)
    assert book.names == {"nord"}
    (rota,) = book.of(login(BERG, assurance=Assurance.SUBSTANTIAL))
    assert (rota.name, rota.title) == ("nord", "Legevakt nord")
    assert [name.reveal() for name in rota.people.values()] == ["Dr. Berg"]
    for other in (
        login(VIK),
        login(BERG, assurance=Assurance.LOW),
        login(BERG, organisation="974760673"),
        login(BERG, hpr=None),
    ):
        assert book.of(other) == []
    assert "Berg" not in repr(rota)


def test_high_is_asked_for_where_nothing_is_said(tmp_path: Path) -> None:
    """The doctors of strangers at night are known as surely as can be."""
    book = RotaBook({"nord": section(written(tmp_path, BERG))}, digest)
    assert book.of(login(BERG, assurance=Assurance.SUBSTANTIAL)) == []
    assert len(book.of(login(BERG))) == 1


def test_a_file_that_changes_is_read_anew(tmp_path: Path) -> None:
    """Who was taken off is off, who was put on is on; the same file is not read twice."""
    book = RotaBook({"nord": section(written(tmp_path, BERG))}, digest)
    written(tmp_path, VIK)
    assert len(book.of(login(BERG))) == 1
    book.refresh()
    assert (len(book.of(login(BERG))), len(book.of(login(VIK)))) == (0, 1)
    before = book.of(login(VIK))
    book.refresh()
    assert book.of(login(VIK))[0] is before[0]


@pytest.mark.parametrize("spoilt", ["[{", '[{"name": "Ola Nordmann"}]', None])
def test_a_file_that_is_spoilt_later_changes_nothing(tmp_path: Path, spoilt: str | None) -> None:
    """The night goes on with who was on it; that is logged, without a word of the file."""
    file = written(tmp_path, BERG)
    book = RotaBook({"nord": section(file)}, digest)
    file.unlink() if spoilt is None else file.write_text(spoilt)
    with capture_logs() as log:
        book.refresh()
    assert len(book.of(login(BERG))) == 1
    assert [line["event"] for line in log] == ["rota_unreadable"]
    assert "Nordmann" not in repr(log)


@pytest.mark.parametrize(
    ("name", "changes", "people", "why"),
    [
        ("Nord", {}, [BERG], "short word"),
        ("nord", {"organisations": []}, [BERG], "at least one"),
        ("nord", {"organisations": ["98365872"]}, [BERG], "organisations"),
        ("nord", {"least": "none"}, [BERG], "least"),
        ("nord", {"least": "highest"}, [BERG], "least"),
        ("nord", {"title": "a\nb"}, [BERG], "title"),
        ("nord", {"people": []}, [BERG], "people"),
        ("nord", {"people_file": "/nowhere"}, [BERG], "cannot be read"),
        ("nord", {}, [BERG, BERG], "twice"),
        ("nord", {}, [BERG | {"hpr": "91 44 900"}], "no list of people"),
        ("nord", {}, [BERG | {"fnr": "13097248022"}], "no list of people"),
        ("nord", {}, [{"name": "x" * MAX_BYTES, "hpr": "1"}], "larger"),
    ],
)
def test_settings_that_cannot_be_used(
    tmp_path: Path, name: str, changes: dict[str, Any], people: list[dict[str, str]], why: str
) -> None:
    """Each is told by its section, and nothing of the file is quoted."""
    file = written(tmp_path, *people)
    with pytest.raises(SettingsError, match=why) as caught:
        check({name: section(file) | changes})
    assert "Berg" not in str(caught.value)
