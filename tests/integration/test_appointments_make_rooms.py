"""An appointment book makes, moves, calls off and starts rooms, and sees who has arrived."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bridge.app.proof import Usual
from bridge.app.texting import Around, Texting
from bridge.integration.appointments.views import LINK, VIRTUAL_SERVICE
from bridge.rooms import events as ev
from bridge.rooms.model import Assurance, Pii, Role
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.app.fakes import token_of
from tests.app.rig import Page
from tests.integration.book import (
    DOCTOR,
    INTERPRETER,
    PATIENT,
    PEOPLE,
    SYSTEM,
    Book,
    appointment,
    at,
    extension,
    keeping_a_book,
    link,
    presence,
    somebody,
)

NONE = Assurance.NONE


@pytest.fixture
async def book() -> AsyncIterator[Book]:
    """A bridge with an appointment book."""
    async with keeping_a_book() as one:
        yield one


async def test_an_appointment_is_a_room_with_a_link_for_each(book: Book) -> None:
    """People get links, places do not; the doctor's is a host's; neither the matter nor a name is given back."""
    status, made = await book.ask("POST", "/Appointment", appointment())
    assert status == 201
    (service,) = made["extension"]
    assert service["url"] == VIRTUAL_SERVICE
    parts = {part["url"]: part for part in service["extension"]}
    assert parts["_datatype"]["valueString"] == "VirtualServiceDetail"
    assert parts["address"]["valueUrl"] == "https://bridge.example/join"
    assert parts["maxParticipants"]["valuePositiveInt"] == 9
    assert extension(made, "Location/3", LINK) is None
    invited = {
        str(event.invitation): event
        for event in book.rig.store.events(book.room(made))
        if isinstance(event, ev.Invited)
    }
    for reference, role, host, name in (
        (DOCTOR, Role.DOCTOR, True, "Ingrid Berg"),
        (PATIENT, Role.PATIENT, False, "Aslaug Nordahl"),
        (INTERPRETER, Role.INTERPRETER, False, "Tolk"),
    ):
        event = invited[token_of(link(made, reference)).partition(".")[2]]
        assert (event.role, event.host, event.name) == (role, host, Pii(name))
        assert event.expires_at.isoformat().replace("+00:00", "Z") == at(60 + 20 + 60)
    kept = repr(book.store.records)
    for text in ("Hoste", "Nordahl", "Berg"):
        assert text not in str(made)
        assert text not in kept
    assert await book.see(made) == made


async def test_the_book_sees_who_has_arrived(book: Book) -> None:
    """The patient waits, is let in, loses the line and goes; the doctor alone is nobody's arrival."""
    made = await book.create()
    assert (made["status"], presence(made, PATIENT)) == ("booked", None)
    doctor = await book.enter(made, DOCTOR)
    seen = await book.see(made)
    assert (seen["status"], presence(seen, DOCTOR)) == ("booked", "admitted")
    patient = await book.enter(made, PATIENT)
    seen = await book.see(made)
    assert (seen["status"], presence(seen, PATIENT)) == ("arrived", "waiting")
    await book.rig.say(doctor, m.Admit(participant=patient.participant, ref=1))
    assert presence(await book.see(made), PATIENT) == "admitted"
    await book.rig.lose(patient)
    await book.rig.pass_time(10)
    assert presence(await book.see(made), PATIENT) == "away"
    await book.rig.say(doctor, m.End(ref=2))
    seen = await book.see(made)
    assert presence(seen, PATIENT) == "gone"
    assert "extension" not in seen
    assert extension(seen, DOCTOR, LINK) is None


async def test_a_moved_appointment_moves_its_links(book: Book) -> None:
    """The link that the patient has is good until the new end, and an hour more, and no longer."""
    made = await book.create()
    await book.rig.pass_time(145 * 60)
    page = Page(link(made, PATIENT))
    with pytest.raises(Rejected) as raised:
        await book.rig.join(page)
    assert raised.value.code is Code.LINK_EXPIRED
    status, moved = await book.change(made, start=150)
    assert (status, moved["start"], moved["meta"]["versionId"]) == (200, at(150), "2")
    assert link(moved, PATIENT) == link(made, PATIENT)
    await book.rig.join(page)
    status, moved = await book.change(made, start=24 * 60, minutes=30)
    assert status == 200
    room = book.rig.live(book.room(made)).room
    assert {one.expires_at.isoformat().replace("+00:00", "Z") for one in room.invitations.values()} == {
        at(24 * 60 + 90)
    }


async def test_an_appointment_has_its_links_sent(book: Book) -> None:
    """To the number beside the patient, once, in their language; it is given back by nobody and kept nowhere."""
    rig, sent = book.rig, []

    class Supplier:
        async def send(self, to: str, text: str, reference: str) -> bool:
            sent.append((to, text, reference))
            return True

    around = Around(rig.service.act, rig.later, rig.clock, rig.counts)
    rig.service.outside = replace(rig.service.outside, texting=Texting(Supplier(), ["+47"], around))
    number = {
        "url": "urn:brotjeneste:fhir:text-to",
        "valueContactPoint": {"system": "sms", "value": "+47 912 34 567"},
    }
    language = {"url": "urn:brotjeneste:fhir:language", "valueCode": "en"}
    patient = PEOPLE[1] | {"extension": [number, language]}
    made = await book.create(participant=[PEOPLE[0], patient])
    await book.change(made, start=70, participant=[PEOPLE[0], patient])
    await rig.pass_time(0)
    ((to, text, _),) = sent
    assert to == "+4791234567"
    assert text.startswith("You are invited")
    assert text.endswith(link(made, PATIENT))
    assert "34567" not in str(await book.see(made)).replace(" ", "")
    assert "34567" not in repr(book.store.records)
    abroad = PEOPLE[1] | {"extension": [{**number, "valueContactPoint": {"value": "+8821234567"}}]}
    status, outcome = await book.ask(
        "POST", "/Appointment", appointment(identifier=[], participant=[PEOPLE[0], abroad])
    )
    assert (status, code(outcome)) == (409, "not_textable")


async def test_people_come_and_go(book: Book) -> None:
    """Who is new gets a link, the link of who is no more in the book opens nothing, and who is in stays in."""
    made = await book.create()
    patient = await book.enter(made, PATIENT)
    relative = somebody("RelatedPerson/9", "Per")
    status, changed = await book.change(made, participant=[PEOPLE[0], relative])
    assert status == 200
    assert link(changed, DOCTOR) == link(made, DOCTOR)
    await book.enter(changed, "RelatedPerson/9")
    with pytest.raises(Rejected) as raised:
        await book.rig.join(Page(link(made, INTERPRETER)))
    assert raised.value.code is Code.LINK_BLOCKED
    assert patient.connection.bye is None
    status, changed = await book.change(
        made, participant=[PEOPLE[0], relative | {"status": "declined"}, PEOPLE[1]]
    )
    assert extension(changed, "RelatedPerson/9", LINK) is None


@pytest.mark.parametrize("status", ["cancelled", "noshow", "entered-in-error", "fulfilled"])
async def test_an_appointment_that_is_over_ends_its_room(book: Book, status: str) -> None:
    """Who waits is told; there is no way back; the book can say it again."""
    made = await book.create()
    patient = await book.enter(made, PATIENT)
    answer, over = await book.change(made, status=status)
    assert (answer, over["status"]) == (200, status)
    assert patient.connection.bye is not None
    assert extension(over, PATIENT, LINK) is None
    assert (await book.change(made, status=status))[0] == 200
    answer, outcome = await book.change(made)
    assert (answer, code(outcome)) == (409, "room_ended")


async def test_nobody_is_called_off_from_a_consultation_under_way(book: Book) -> None:
    """Those who talk go on; once it is held, the book may say so."""
    made = await book.create()
    doctor = await book.enter(made, DOCTOR)
    patient = await book.enter(made, PATIENT)
    await book.rig.say(doctor, m.AdmitAll(ref=1))
    answer, outcome = await book.change(made, status="cancelled")
    assert (answer, code(outcome)) == (409, "wrong_state")
    assert outcome["issue"][0]["code"] == "conflict"
    assert patient.connection.bye is None
    assert (await book.change(made, status="fulfilled"))[0] == 200
    assert patient.connection.bye is not None


async def test_patients_are_asked_for_the_login_that_is_usual(book: Book) -> None:
    """Where the book says nothing: of patients alone, and who has a link keeps it when something else is usual."""
    service = book.rig.service
    service.outside = replace(service.outside, usual=Usual(of_patients=Assurance.HIGH))
    made = await book.create()
    live = book.rig.live(book.room(made))
    asked = {one.role: one.requires for one in live.room.invitations.values()}
    assert asked == {Role.DOCTOR: NONE, Role.PATIENT: Assurance.HIGH, Role.INTERPRETER: NONE}
    service.outside = replace(service.outside, usual=Usual())
    _, kept = await book.change(made)
    assert link(kept, PATIENT) == link(made, PATIENT)
    says = [{"url": "urn:brotjeneste:fhir:requires", "valueCode": "none"}]
    people = [PEOPLE[0], somebody(PATIENT, "Aslaug Nordahl", extension=says)]
    _, changed = await book.change(made, participant=people)
    assert link(changed, PATIENT) != link(made, PATIENT)
    (last,) = [one for one in live.room.invitations.values() if one.role is Role.PATIENT and not one.revoked]
    assert last.requires is NONE


async def test_one_appointment_has_one_room(book: Book) -> None:
    """A book that got no answer asks again, one that knows an old version is told, both find it by its name."""
    made = await book.create()
    name = f"identifier={SYSTEM}|a-1"
    status, again = await book.ask("POST", "/Appointment", appointment(), If_None_Exist=name)
    assert (status, again) == (200, made)
    status, outcome = await book.ask("POST", "/Appointment", appointment())
    assert (status, code(outcome)) == (409, "wrong_state")
    status, found = await book.ask("GET", f"/Appointment?identifier={SYSTEM}|a-1")
    assert (status, found["total"], found["entry"][0]["resource"]) == (200, 1, made)
    status, found = await book.ask("GET", f"/Appointment?identifier={SYSTEM}|a-2")
    assert (status, found["total"]) == (200, 0)
    path = f"/Appointment/{made['id']}"
    assert (await book.ask("PUT", path, appointment(start=90), If_Match='W/"1"'))[0] == 200
    for tag in ('W/"1"', "1", "*"):
        status, outcome = await book.ask("PUT", path, appointment(start=95), If_Match=tag)
        assert (status, code(outcome)) == (412, "stale")


async def test_a_doctor_starts_from_any_computer(book: Book) -> None:
    """While nobody has used the doctor's link it is the one; afterwards there is another, which lets them in."""
    made = await book.create()
    start = f"/Appointment/{made['id']}/$start"
    status, started = await book.ask("POST", start, by(DOCTOR))
    assert (status, link(started, DOCTOR)) == (200, link(made, DOCTOR))
    first = await book.enter(made, DOCTOR)
    await book.rig.say(first, m.Leave())
    status, started = await book.ask("POST", start, by(DOCTOR))
    assert status == 200
    assert link(started, DOCTOR) != link(made, DOCTOR)
    second = await book.enter(started, DOCTOR)
    assert second.connection.welcome.host
    for reference in (PATIENT, INTERPRETER, "Practitioner/stranger"):
        status, outcome = await book.ask("POST", start, by(reference))
        assert (status, code(outcome)) == (404, "not_found")


def by(reference: str) -> dict[str, Any]:
    """The parameters of who starts."""
    actor = {"name": "actor", "valueReference": {"reference": reference}}
    return {"resourceType": "Parameters", "parameter": [actor]}


def code(outcome: dict[str, Any]) -> str:
    """The bridge's own code in an outcome."""
    (issue,) = outcome["issue"]
    assert issue["severity"] == "error"
    assert issue["diagnostics"].endswith(".")
    return issue["details"]["coding"][0]["code"]


PLANTED = "Ola Nordmann 01017012345"


@pytest.mark.parametrize(
    "changes",
    [
        {"resourceType": "Patient"},
        {"status": PLANTED},
        {"status": "cancelled"},
        {"start": None},
        {"start": at(90), "end": at(60)},
        {"start": at(-600), "end": at(-500)},
        {"start": at(0), "end": at(60 * 24 * 30)},
        {"start": "2026-03-02", "end": PLANTED},
        {"participant": []},
        {"participant": [PEOPLE[1]]},
        {"participant": [PEOPLE[0], PEOPLE[0]]},
        {"participant": [PEOPLE[0]] * 51},
        {"participant": [somebody(DOCTOR, "x" * 81)]},
        {"participant": [somebody(DOCTOR, "a\u202eb")]},
        {
            "participant": [
                somebody(DOCTOR, PLANTED),
                somebody("Patient/1", PLANTED, code=("urn:brotjeneste:fhir:role", "king")),
            ]
        },
        {
            "participant": [
                somebody(DOCTOR, PLANTED),
                somebody("Patient/1", PLANTED, code=("urn:brotjeneste:fhir:role", "doctor")),
            ]
        },
        {"participant": [somebody(DOCTOR, PLANTED, code=("urn:brotjeneste:fhir:role", "operator"))]},
        {
            "participant": [
                somebody(DOCTOR, "Berg", extension=[{"url": "urn:brotjeneste:fhir:requires", "valueCode": "much"}])
            ]
        },
    ],
)
async def test_what_the_bridge_cannot_follow_is_refused_unquoted(book: Book, changes: dict[str, Any]) -> None:
    """A sentence says what is wrong, and nothing of it comes back; no room is made."""
    status, outcome = await book.ask("POST", "/Appointment", appointment() | changes)
    assert (status, code(outcome)) == (422, "bad_message")
    assert "Nordmann" not in str(outcome)
    assert not book.store.records


async def test_doors_that_are_shut(book: Book) -> None:
    """No token, no such appointment, another id in the resource, a search by anything else."""
    assert code((await book.ask("GET", "/Appointment/x", Authorization="Bearer x"))[1]) == "unauthorized"
    assert (await book.ask("GET", "/Appointment/x"))[0] == 404
    assert (await book.ask("PUT", "/Appointment/x", appointment()))[0] == 404
    assert (await book.ask("PUT", "/Appointment/x", appointment(id="y")))[0] == 422
    for query in ("", "?patient=Patient/1", "?identifier=x", f"?identifier={SYSTEM}|a&identifier={SYSTEM}|b"):
        assert (await book.ask("GET", f"/Appointment{query}"))[0] == 422
    assert (await book.ask("POST", "/Appointment", appointment(), If_None_Exist="name=x"))[0] == 422
    assert (await book.ask("GET", "/metadata", Authorization=""))[0] == 200


async def test_a_room_that_cannot_be_filled_is_no_room(book: Book) -> None:
    """More hosts than a room has: the book is told, and nothing is left open."""
    many = [somebody(f"Practitioner/{number}", "Berg") for number in range(6)]
    status, outcome = await book.ask("POST", "/Appointment", appointment(participant=many))
    assert (status, code(outcome)) == (429, "too_many")
    assert not book.store.records
    assert book.rig.service.rooms == []
