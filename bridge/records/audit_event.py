"""The audit as AuditEvent resources (FHIR R4, http://hl7.org/fhir/R4/auditevent.html).

Codes are of the systems that R4 binds, or knows: DICOM's for the kinds of events, IHE's extension for the
assurance level (Basic Audit Log Patterns), with eIDAS' words, and the register's number for an organisation. What
only this bridge knows (its acts, roles, reasons, and the opaque ids of rooms, people and links) has systems under
the bridge's own address. No resource names a person.
"""

from collections.abc import Mapping
from typing import Any, Final

from bridge.rooms.model import Assurance, Role
from bridge.store.audit import AuditEntry

_DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_TERMS: Final = "http://terminology.hl7.org/CodeSystem"
_ASSURANCE: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/ihe-assuranceLevel"
_EIDAS: Final = "http://eidas.europa.eu/LoA"
# Numbers of the Norwegian register of legal entities.
_ORGANISATIONS: Final = "urn:oid:2.16.578.1.12.4.1.4.101"

_USED: Final = ("110100", "Application Activity")
_LOGIN: Final = ("110114", "User Authentication")
_ALERT: Final = ("110113", "Security Alert")
# What somebody tried who may not, or who is not who they would have to be.
_ALERTS: Final = frozenset(
    {"link_blocked", "link_used", "other_person", "pin_wrong", "not_host", "not_admitted", "login_needed"}
)
_CREATES: Final = frozenset({"room_created", "create_room", "invited", "invite"})
_DELETES: Final = frozenset({"invitation_revoked", "revoke_invitation"})
_SUCCESS, _MINOR, _SERIOUS = "0", "4", "8"

# Of what kind a person is in FHIR's eyes, and their role among the objects of an audit.
_PERSONS: Final[Mapping[str, tuple[str | None, tuple[str, str]]]] = {
    Role.DOCTOR: ("Practitioner", ("15", "Practitioner")),
    Role.SPECIALIST: ("Practitioner", ("15", "Practitioner")),
    Role.PATIENT: ("Patient", ("1", "Patient")),
    Role.RELATIVE: ("RelatedPerson", ("6", "User")),
}
_SOMEBODY: Final = (None, ("6", "User"))


def audit_event(entry: AuditEntry, roles: Mapping[str, str], base: str) -> dict[str, Any]:
    """Give the resource for one row, as JSON-ready values.

    `roles` are those of the room's participants by id, as far as known; `base` is the bridge's address, without a
    slash at the end, under which its own codes and ids are.
    """
    kind, subtypes = _kind(entry, base)
    resource = {
        "resourceType": "AuditEvent",
        "id": f"audit-{entry.sequence}",
        "type": kind,
        "subtype": subtypes,
        "action": "C" if entry.act in _CREATES else "D" if entry.act in _DELETES else "E",
        "recorded": entry.at,
        "outcome": _outcome(entry),
        "agent": _agents(entry, base),
        "source": _source(base),
        "entity": _entities(entry, roles, base),
    }
    if entry.outcome != "ok":
        resource["outcomeDesc"] = entry.outcome
    if entry.reason is not None:
        resource["purposeOfEvent"] = [_why(entry.reason, base)]
    return resource


def full_url(resource: Mapping[str, Any], base: str) -> str:
    """Name a resource in a bundle."""
    return f"{base}/fhir/AuditEvent/{resource['id']}"


def _kind(entry: AuditEntry, base: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    act = _coding(f"{base}/fhir/CodeSystem/act", entry.act)
    if entry.act == "identified":
        return _coding(_DICOM, *_LOGIN), [act, _coding(_DICOM, "110122", "Login")]
    return _coding(_DICOM, *(_ALERT if entry.outcome in _ALERTS else _USED)), [act]


def _outcome(entry: AuditEntry) -> str:
    if entry.outcome == "ok":
        return _SUCCESS
    return _SERIOUS if entry.act == "media_failed" else _MINOR


def _agents(entry: AuditEntry, base: str) -> list[dict[str, Any]]:
    person = entry.role in {role.value for role in Role}
    kind = _coding(f"{_TERMS}/extra-security-role-type", "humanuser", "human user")
    agent: dict[str, Any] = {
        "type": {"coding": [kind if person else _coding(_DICOM, "110150", "Application")]},
        "role": [{"coding": [_coding(f"{base}/fhir/CodeSystem/role", entry.role)]}],
        "who": _reference(_PERSONS.get(entry.role, _SOMEBODY)[0] if person else "Device", entry.actor, base),
        "requestor": True,
    }
    if entry.assurance is not None:
        agent = {"extension": [_assurance(entry.assurance, base)], **agent}
    return [agent] if entry.organisation is None else [agent, _organisation(entry.organisation)]


def _assurance(level: str, base: str) -> dict[str, Any]:
    system = f"{base}/fhir/CodeSystem/assurance" if level == Assurance.NONE else _EIDAS
    return {"url": _ASSURANCE, "valueCodeableConcept": {"coding": [_coding(system, level)]}}


def _organisation(number: str) -> dict[str, Any]:
    return {
        "type": {"coding": [_coding(f"{_TERMS}/v3-RoleClass", "PROV", "healthcare provider")]},
        "who": {"type": "Organization", "identifier": {"system": _ORGANISATIONS, "value": number}},
        "requestor": False,
    }


def _why(reason: str, base: str) -> dict[str, Any]:
    codings = [_coding(f"{base}/fhir/CodeSystem/reason", reason)]
    if reason == "power_of_attorney":
        codings.append(_coding(f"{_TERMS}/v3-ActReason", "PWATRNY", "power of attorney"))
    return {"coding": codings}


def _source(base: str) -> dict[str, Any]:
    return {
        "observer": {
            "type": "Device",
            "identifier": {"system": "urn:ietf:rfc:3986", "value": base},
            "display": "brotjeneste",
        },
        "type": [_coding(f"{_TERMS}/security-source-type", "4", "Application Server")],
    }


def _entities(entry: AuditEntry, roles: Mapping[str, str], base: str) -> list[dict[str, Any]]:
    chain = {
        "sequence": str(entry.sequence),
        "version": str(entry.version),
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
    }
    # What concerns no room, such as a drain, has a word in its place.
    is_room = entry.room.startswith("r_")
    room = {
        "what": _reference("Encounter" if is_room else None, entry.room, base, "room" if is_room else "whole"),
        "type": _coding(f"{_TERMS}/audit-entity-type", "2", "System Object"),
        "role": _coding(f"{_TERMS}/object-role", "4", "Domain Resource"),
        # By these a row can be found again in the chain, and the chain be verified without the bridge.
        "detail": [{"type": name, "valueString": value} for name, value in chain.items()],
    }
    return [room] if entry.target is None else [room, _target(entry.target, roles, base)]


def _target(target: str, roles: Mapping[str, str], base: str) -> dict[str, Any]:
    if not target.startswith("p_"):
        return {
            "what": _reference(None, target, base, "invitation" if target.startswith("i_") else "target"),
            "type": _coding(f"{_TERMS}/audit-entity-type", "2", "System Object"),
            "role": _coding(f"{_TERMS}/object-role", "13", "Security Resource"),
        }
    kind, role = _PERSONS.get(roles.get(target, ""), _SOMEBODY)
    return {
        "what": _reference(kind, target, base),
        "type": _coding(f"{_TERMS}/audit-entity-type", "1", "Person"),
        "role": _coding(f"{_TERMS}/object-role", *role),
    }


def _reference(kind: str | None, value: str, base: str, what: str = "participant") -> dict[str, Any]:
    identifier = {"identifier": {"system": f"{base}/fhir/NamingSystem/{what}", "value": value}}
    return identifier if kind is None else {"type": kind, **identifier}


def _coding(system: str, code: str, display: str | None = None) -> dict[str, str]:
    coding = {"system": system, "code": code}
    return coding if display is None else {**coding, "display": display}
