"""`brotjeneste audit export` and `brotjeneste records`, over a database with consultations in it."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fhir.resources.R4B.auditevent import AuditEvent
from fhir.resources.R4B.bundle import Bundle

from bridge.cli import main
from bridge.store import open_store
from signalling import messages as m
from tests.records.test_attendance import SURGERY
from tests.records.test_desk import held
from tests.rooms.rig import START

WINDOW = ("--since", START.isoformat(), "--until", (START + timedelta(hours=1)).isoformat())


@pytest.fixture(autouse=True)
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two consultations, hours apart."""
    url = f"sqlite:///{tmp_path}/bridge.db"
    monkeypatch.setenv("BROTJENESTE_STORE_URL", url)
    monkeypatch.delenv("BROTJENESTE_CONFIG", raising=False)

    async def fill() -> None:
        async with open_store(url) as store:
            await held(store)
            await held(store, "r_2", timedelta(hours=2))

    asyncio.run(fill())


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, arguments)


def room_of(resource: dict) -> str:
    """Say of which room a resource tells."""
    return str(resource["entity"][0]["what"]["identifier"]["value"])


def test_the_audit_is_printed_one_resource_a_line() -> None:
    """Of a room, of a time, or all of it, its own reading included; each line is valid."""
    lines = [json.loads(line) for line in run("audit", "export").stdout.splitlines()]
    for line in lines:
        AuditEvent.model_validate(line)
    assert {room_of(line) for line in lines} == {"r_1", "r_2", "all"}
    assert lines[-1]["subtype"][0]["code"] == "audit_read"
    assert lines[-1]["agent"][0]["who"]["identifier"]["value"] == "operator"
    assert {room_of(json.loads(line)) for line in run("audit", "export", *WINDOW).stdout.splitlines()} == {"r_1"}
    of_one = run("audit", "export", "--room", "r_2").stdout.splitlines()
    assert {room_of(json.loads(line)) for line in of_one} == {"r_2"}
    assert run("audit", "verify").stdout == "the audit is whole\n"


def test_the_audit_is_printed_as_one_bundle() -> None:
    """Valid as a whole, also when there is nothing in it."""
    full = Bundle.model_validate_json(run("audit", "export", "--format", "bundle", *WINDOW).stdout)
    assert len(full.entry) > 5
    empty = run("audit", "export", "--format", "bundle", "--until", "2001-01-01T00:00:00Z").stdout
    assert json.loads(empty) == {"resourceType": "Bundle", "type": "collection"}


def test_attendance_is_printed_for_one_or_each() -> None:
    """As REST tells it."""
    told = m.decode_body(run("records", "attendance", "--room", "r_1").stdout.encode(), m.Attendance)
    assert len(told.organisations) == 2
    one = run("records", "attendance", "--room", "r_1", "--organisation", SURGERY).stdout
    assert m.decode_body(one.encode(), m.Attendance).organisations == [told.organisations[1]]


def test_usage_is_printed_one_conference_a_line() -> None:
    """Of a time."""
    (line,) = run("records", "usage", *WINDOW).stdout.splitlines()
    assert json.loads(line)["room"] == "r_1"


@pytest.mark.parametrize(
    "arguments",
    [
        ("audit", "export", "--room", "r_9"),
        ("audit", "export", "--since", "yesterday"),
        ("audit", "export", "--since", "2026-11-26T08:00:00"),
        ("records", "attendance", "--room", "r_9"),
        ("records", "attendance", "--room", "r_1", "--organisation", "Legekontoret"),
        ("records", "usage"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_told_is_one_sentence(arguments: tuple[str, ...]) -> None:
    """And an exit code, without anything printed."""
    told = run(*arguments)
    assert told.exit_code in {1, 2}
    assert told.stdout == ""
    assert "Error: " in told.stderr
