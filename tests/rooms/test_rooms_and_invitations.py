"""Who opens rooms and issues links, to whom, and how many; what people say about their own devices."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.rooms import commands as c
from bridge.rooms.decide import decide
from bridge.rooms.model import Actor, InvitationId, Pii, Role, RoomId
from bridge.rooms.policy import (
    MAX_HOST_INVITATIONS,
    MAX_INVITATIONS,
    MAX_INVITATIONS_BY_PATIENT,
)
from bridge.rooms.refusal import Refusal
from tests.rooms.rig import (
    ADMINISTRATION,
    OPERATOR,
    START,
    Consultation,
    iid,
    opened,
    person,
    pid,
    resume,
)

CREATE = c.CreateRoom(by=ADMINISTRATION, room=RoomId("r_1"), name=Pii("Rom 1"))


def inviting(by: Actor, role: Role = Role.RELATIVE, *, host: bool = False, number: int = 0) -> c.Invite:
    """Return an invitation that is well made."""
    return c.Invite(
        by=by,
        invitation=InvitationId(f"i_new{number}"),
        role=role,
        name=Pii("Kari"),
        expires_at=START + timedelta(hours=1),
        host=host,
    )


def test_a_room_is_opened_once_by_the_administration() -> None:
    """The first event makes the room as it was asked for."""
    room = Consultation()
    assert room.refused(replace(CREATE, by=OPERATOR)) == "not_host"
    assert room.refused(replace(CREATE, by=person("doctor"))) == "not_host"
    room.happens(CREATE)
    assert room.room is not None
    assert (room.room.max_participants, room.room.revision, room.room.created_at) == (9, 1, START)
    assert room.refused(CREATE) == "wrong_state"


@pytest.mark.parametrize(
    "bad",
    [
        replace(CREATE, max_participants=1),
        replace(CREATE, max_participants=51),
        replace(CREATE, name=Pii(" ")),
        replace(CREATE, name=Pii("x" * 201)),
    ],
)
def test_a_room_has_a_name_and_a_sensible_size(bad: c.CreateRoom) -> None:
    """2 to 50 participants, a name of 1 to 200 characters."""
    assert Consultation().refused(bad) == "bad_message"


@pytest.mark.parametrize("size", [2, 50])
def test_the_limits_of_size_are_inclusive(size: int) -> None:
    """The smallest and the largest room can be opened."""
    assert len(Consultation().happens(replace(CREATE, max_participants=size))) == 1


def test_without_a_room_nothing_else_is_possible() -> None:
    """A command on a room that does not exist is refused."""
    assert Consultation().refused(c.End(by=ADMINISTRATION)) == "wrong_state"


def test_a_time_without_an_offset_is_refused() -> None:
    """Naive times would be compared with aware ones and fail."""
    naive = START.replace(tzinfo=None)
    assert isinstance(decide(None, CREATE, naive), Refusal)
    room = opened()
    assert room.refused(replace(inviting(ADMINISTRATION), expires_at=naive)) == "bad_message"


def test_the_host_and_the_administration_invite_anyone_but_operators() -> None:
    """Every role that takes part can be invited as a guest."""
    for by in (ADMINISTRATION, person("doctor")):
        room = opened()
        for number, role in enumerate(sorted(set(Role) - {Role.OPERATOR})):
            assert len(room.happens(inviting(by, role, number=number))) == 1
        assert room.refused(inviting(by, Role.OPERATOR, number=99)) == "bad_message"


def test_host_links_come_from_the_administration_and_go_to_clinicians() -> None:
    """The host cannot issue one, and no patient can hold one."""
    room = opened()
    assert room.refused(inviting(person("doctor"), Role.DOCTOR, host=True)) == "not_host"
    assert room.refused(inviting(ADMINISTRATION, Role.PATIENT, host=True)) == "bad_message"
    room.happens(inviting(ADMINISTRATION, Role.SPECIALIST, host=True))


def test_an_admitted_patient_brings_company_that_the_doctor_still_admits() -> None:
    """Relative, interpreter and assistant, but nobody with a clinician's title."""
    room = opened()
    room.admit("patient")
    patient = person("patient")
    for number, role in enumerate((Role.RELATIVE, Role.INTERPRETER, Role.ASSISTANT)):
        room.happens(inviting(patient, role, number=number))
    for role in (Role.DOCTOR, Role.SPECIALIST, Role.PATIENT):
        assert room.refused(inviting(patient, role, number=9)) == "not_host"
    room.happens(replace(room.knocking("new0"), new_participant=pid("relative")))
    assert not room.gate.passes("relative")


def test_nobody_else_invites() -> None:
    """An admitted interpreter, a waiting patient and an operator do not."""
    room = opened()
    room.admit("interpreter")
    assert room.refused(inviting(person("interpreter"))) == "not_host"
    assert room.refused(inviting(person("patient"))) == "not_admitted"
    assert room.refused(inviting(OPERATOR)) == "not_host"


@pytest.mark.parametrize(
    "bad",
    [
        replace(inviting(ADMINISTRATION), name=Pii("")),
        replace(inviting(ADMINISTRATION), name=Pii("x" * 201)),
        replace(inviting(ADMINISTRATION), expires_at=START),
    ],
)
def test_an_invitation_is_well_made(bad: c.Invite) -> None:
    """It has a name that fits and expires later than now."""
    assert opened().refused(bad) == "bad_message"


def test_an_invitations_id_is_its_own() -> None:
    """A second invitation under the same id would overwrite the first."""
    assert opened().refused(replace(inviting(ADMINISTRATION), invitation=iid("patient"))) == "wrong_state"


def test_links_are_limited_in_number() -> None:
    """A patient's company, host links and the whole of a room each have their limit."""
    room = opened()
    room.admit("patient")
    for number in range(MAX_INVITATIONS_BY_PATIENT):
        room.happens(inviting(person("patient"), number=number))
    assert room.refused(inviting(person("patient"), number=999)) == "too_many"
    for number in range(1, MAX_HOST_INVITATIONS):
        room.invite(f"substitute{number}", Role.DOCTOR, host=True)
    assert room.refused(inviting(ADMINISTRATION, Role.DOCTOR, host=True, number=999)) == "too_many"
    assert room.room is not None
    for number in range(100, 100 + MAX_INVITATIONS - len(room.room.invitations)):
        room.happens(inviting(person("doctor"), number=number))
    assert room.refused(inviting(ADMINISTRATION, number=999)) == "too_many"


def test_a_revoked_link_opens_nothing() -> None:
    """An unused link, or one whose holder has left, can be taken back by the host or the administration."""
    room = opened()
    room.invite("relative", Role.RELATIVE)
    room.happens(c.Leave(by=person("patient")))
    for by, name in ((person("doctor"), "patient"), (ADMINISTRATION, "relative")):
        revoke = c.RevokeInvitation(by=by, invitation=iid(name))
        assert len(room.happens(revoke)) == 1
        assert room.happens(revoke) == []
        assert room.refused(room.knocking(name, resume(name))) == "link_blocked"


def test_a_link_in_use_is_not_revoked() -> None:
    """Its holder has to be removed, which is another act."""
    revoke = c.RevokeInvitation(by=person("doctor"), invitation=iid("patient"))
    assert opened().refused(revoke) == "wrong_state"


def test_only_the_host_and_the_administration_revoke() -> None:
    """Others are told why not, and an unknown link is named as such."""
    room = opened()
    room.admit("patient")
    assert room.refused(c.RevokeInvitation(by=person("patient"), invitation=iid("doctor"))) == "not_host"
    assert room.refused(c.RevokeInvitation(by=OPERATOR, invitation=iid("patient"))) == "not_host"
    assert room.refused(c.RevokeInvitation(by=ADMINISTRATION, invitation=iid("x"))) == "link_invalid"


def test_people_tell_of_their_own_devices() -> None:
    """Microphone, camera and sharing go on and off, and saying so twice is saying it once."""
    room = opened()
    room.admit("patient")
    patient = person("patient")
    for command in (
        c.SelfMute(by=patient, muted=True),
        c.SelfMute(by=patient, muted=False),
        c.Camera(by=patient, on=False),
        c.Camera(by=patient, on=True),
        c.Sharing(by=patient, on=True),
        c.Sharing(by=patient, on=False),
    ):
        assert len(room.happens(command)) == 1
        assert room.happens(command) == []


def test_those_who_wait_say_nothing_yet() -> None:
    """One who waits has no devices in the room, and the system has none at all."""
    room = opened()
    for make in (
        lambda by: c.SelfMute(by=by, muted=True),
        lambda by: c.Camera(by=by, on=False),
        lambda by: c.Sharing(by=by, on=True),
    ):
        assert room.refused(make(person("patient"))) == "not_admitted"
        assert room.refused(make(ADMINISTRATION)) == "not_host"


def test_one_person_shares_at_a_time() -> None:
    """The second is refused until the first stops, or loses the connection."""
    room = opened()
    room.admit("patient")
    room.happens(c.Sharing(by=person("patient"), on=True))
    share = c.Sharing(by=person("doctor"), on=True)
    assert room.refused(share) == "wrong_state"
    room.drop("patient")
    room.happens(share)


def test_a_page_that_reloads_no_longer_shares() -> None:
    """The new page starts without the old one's content."""
    room = opened()
    room.happens(c.Sharing(by=person("doctor"), on=True))
    room.come_back("doctor")
    assert not room.of("doctor").sharing


def test_times_are_compared_across_offsets() -> None:
    """An expiry in another zone is the same instant."""
    room = opened()
    same = datetime.fromisoformat("2026-03-02T09:00:00+01:00")
    assert same.astimezone(UTC) == START
    assert room.refused(replace(inviting(ADMINISTRATION), expires_at=same)) == "bad_message"
