"""The audit in FHIR: valid by a library of R4B, in which AuditEvent is as in R4, and true to the row."""

import json
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from fhir.resources.R4B.bundle import Bundle

from bridge.app.audit import of_event, of_refusal, of_room_failure
from bridge.app.ports import Audited
from bridge.records.audit_event import audit_event
from bridge.rooms import commands as c
from bridge.rooms.evolve import replay
from bridge.rooms.model import Pii, Role
from bridge.rooms.refusal import Refusal
from bridge.store.audit import AuditEntry, Head, chain
from tests.records.test_attendance import HOSPITAL, SURGERY, Day
from tests.rooms.rig import person, pid

BASE = "https://video.example.no"
ASSURANCE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/ihe-assuranceLevel"


def rows() -> list[AuditEntry]:
    """Give the audit of a consultation with all that makes a difference in it."""
    room = Day()
    room.create()
    room.log_in("doctor", SURGERY, Role.DOCTOR, host=True)
    room.log_in("patient", None, Role.PATIENT)
    room.admit("patient")
    room.log_in("specialist", HOSPITAL, Role.SPECIALIST)
    room.arrive("relative", role=Role.RELATIVE)
    room.happens(c.Refuse(by=person("doctor"), participant=pid("relative"), reason=Pii("Kari is not her mother")))
    room.happens(c.Leave(by=person("specialist")))
    room.happens(c.End(by=person("doctor")))
    lines = [of_event(event, replay(room.record[:number])) for number, event in enumerate(room.record, 1)]
    assert room.room is not None
    tried = c.Lock(by=person("patient"), locked=True)
    lines += [of_refusal(tried, Refusal("not_host", "No."), room.room, room.now), of_room_failure(room.now)]
    office = {"role": "system", "target": None, "outcome": "ok"}
    lines.append(Audited(at=room.now, actor="operator", act="drained", reason="upgrade", **office))
    invited = {"actor": "administration", "role": "system", "act": "invited", "target": "i_x", "outcome": "ok"}
    lines.append(Audited(at=room.now, reason="power_of_attorney", **invited))
    rows = list(chain(Head(), "r_1", [line for line in lines if line is not None]))
    read = Audited(at=room.now, actor="administration", act="audit_read", **office)
    return [*rows, *chain(Head(rows[-1].sequence, rows[-1].hash), "all", [read])]


ROWS = rows()
ROLES = {pid(name): name for name in ("doctor", "patient", "specialist", "relative")}


def event_of(act: str) -> dict[str, Any]:
    """Give the resource for the last row with this act."""
    return audit_event([row for row in ROWS if row.act == act][-1], ROLES, BASE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.sequence}-{row.act}")
def test_every_row_is_a_valid_resource(row: AuditEntry) -> None:
    """The library reads it, and writes the same again; who is unknown makes it no less valid."""
    for roles in (ROLES, {}):
        resource = audit_event(row, roles, BASE)
        read = AuditEvent.model_validate(resource)
        written = json.loads(read.model_dump_json())
        assert written.pop("recorded").replace("Z", "+00:00")[:19] == resource.pop("recorded")[:19]
        assert {"resourceType": "AuditEvent", **written} == resource


def test_a_bundle_of_them_is_valid() -> None:
    """As `brotjeneste audit export --format bundle` prints it."""
    entries = [
        {"fullUrl": f"{BASE}/fhir/AuditEvent/audit-{row.sequence}", "resource": audit_event(row, ROLES, BASE)}
        for row in ROWS
    ]
    read = Bundle.model_validate({"resourceType": "Bundle", "type": "collection", "entry": entries})
    assert len(read.entry) == len(ROWS)


def test_who_acted_for_whom_and_how_surely_known() -> None:
    """The one who acted comes first, with IHE's extension; then their organisation, by the register's number."""
    admitted = event_of("admitted")
    doctor, organisation = admitted["agent"]
    assert doctor["requestor"]
    assert doctor["who"] == {
        "type": "Practitioner",
        "identifier": {"system": f"{BASE}/fhir/NamingSystem/participant", "value": "p_doctor"},
    }
    level = {"system": "http://eidas.europa.eu/LoA", "code": "high"}
    assert doctor["extension"] == [{"url": ASSURANCE, "valueCodeableConcept": {"coding": [level]}}]
    assert organisation["who"]["identifier"] == {"system": "urn:oid:2.16.578.1.12.4.1.4.101", "value": SURGERY}
    assert not organisation["requestor"]
    assert admitted["entity"][1]["what"]["type"] == "Patient"
    assert admitted["entity"][1]["role"]["code"] == "1"


def test_a_login_is_one_and_an_attempt_is_an_alert() -> None:
    """By DICOM's codes, which systems that watch know."""
    assert event_of("identified")["type"]["code"] == "110114"
    tried = event_of("lock")
    assert (tried["type"]["code"], tried["outcome"], tried["outcomeDesc"]) == ("110113", "4", "not_host")
    assert event_of("media_failed")["outcome"] == "8"
    assert (event_of("admitted")["type"]["code"], event_of("admitted")["outcome"]) == ("110100", "0")


def test_what_concerns_no_room_is_no_encounter() -> None:
    """Reading all of the audit, or a drain."""
    assert event_of("audit_read")["entity"][0]["what"] == {
        "identifier": {"system": f"{BASE}/fhir/NamingSystem/whole", "value": "all"}
    }
    assert event_of("admitted")["entity"][0]["what"]["type"] == "Encounter"


def test_reasons_are_words() -> None:
    """What somebody wrote is in no resource; what HL7 has a code for has that, too."""
    assert event_of("refused")["purposeOfEvent"][0]["coding"][0]["code"] == "stated"
    codes = [coding["code"] for coding in event_of("invited")["purposeOfEvent"][0]["coding"]]
    assert codes == ["power_of_attorney", "PWATRNY"]
    assert "Kari" not in json.dumps([audit_event(row, ROLES, BASE) for row in ROWS])


def test_a_row_can_be_found_again_in_the_chain() -> None:
    """Sequence and hashes are with the room, so that what was exported can be checked without the bridge."""
    row = ROWS[3]
    details = {one["type"]: one["valueString"] for one in audit_event(row, ROLES, BASE)["entity"][0]["detail"]}
    assert details == {"sequence": "4", "version": "2", "previous_hash": ROWS[2].hash, "hash": row.hash}
