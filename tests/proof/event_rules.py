"""What has to hold of each event: by whose act, and in what room, it may have come about."""

from typing import Any, Final

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.duty import TAKEN_FOR
from bridge.rooms.model import (
    Assurance,
    ByParticipant,
    Ground,
    Invitation,
    Office,
    ParticipantId,
    Place,
    Role,
    Room,
    System,
)
from tests.proof.explore import Step
from tests.proof.rules import CLINICIANS, RULES, assurance, has_place, holder, passes, proven

__all__ = ["RULES"]

ADMINISTRATION: Final = System(Office.ADMINISTRATION)
HOSTS_ACTS: Final = (
    *(ev.Admitted, ev.Refused, ev.Removed, ev.SentToWaiting, ev.LockChanged, ev.MuteChanged, ev.HandedOver),
    *(ev.IdentityConfirmed, ev.ConfirmationWithdrawn, ev.Dialled, ev.StillAsked, ev.SeenOff),
)
OWN_ACTS: Final = (ev.SelfMuteChanged, ev.CameraChanged, ev.SharingChanged, ev.HostTaken)
OWN_WORDS: Final = (ev.Consented, ev.ConsentWithdrawn)


@RULES.of_event(*HOSTS_ACTS)
def only_the_present_host_decides(step: Step, room: Room, event: Any) -> bool:
    """Who comes in, who goes, what is locked, who is muted: by the host, in their name, while they are there."""
    if isinstance(event, ev.LockChanged) and event.automatic:
        return True
    return event.by == ByParticipant(room.host) and passes(step.before, room.host)


@RULES.of_event(ev.Admitted)
def somebody_is_let_in_by_an_act_about_them(step: Step, room: Room, event: Any) -> bool:
    """By name, with all, or by having called them; and they wait, are there, and fit."""
    command, person = step.command, room.participants[event.participant]
    meant = (
        (isinstance(command, c.Admit) and command.participant == person.id)
        or isinstance(command, c.AdmitAll)
        or (isinstance(command, c.SeeOff) and command.following == person.id)
        or (isinstance(command, c.Answer) and command.participant == person.id)
    )
    return meant and person.place is Place.WAITING and person.connected and has_place(room)


@RULES.of_event(ev.Admitted)
def less_proof_needs_a_reason(step: Step, room: Room, event: Any) -> bool:
    """Of whom less is proven than is asked for is let in alone, and for a reason, which is kept."""
    if proven(room, room.participants[event.participant]):
        return True
    return (
        isinstance(step.command, c.Admit | c.SeeOff)
        and event.reason is not None
        and event.reason == step.command.reason
    )


@RULES.of_event(ev.HostEntered)
def who_enters_as_host_may_by_their_link(step: Step, room: Room, event: Any) -> bool:
    """It is good, and the administration's for a host, with the login that it asks for; or a substitute's."""
    command, link = step.command, room.invitations[event.invitation]
    waits = isinstance(command, c.TakeHost)
    login = room.participants[event.participant].identity if waits else getattr(command, "identity", None)
    opens = not link.revoked and not link.cancelled and event.participant not in step.before.ledger.barred
    if not opens or (not waits and step.before.now >= link.expires_at):
        return False
    if link.host:
        sent = isinstance(command, c.Knock | c.Call) and (link.issued_by == ADMINISTRATION or link.duty)
        return sent and assurance(login).reaches(link.requires)
    steps_in = isinstance(command, c.Knock | c.TakeHost) and event.takes_host and link.substitute
    return steps_in and all(assurance(login).reaches(level) for level in _asked_of_hosts(room, link))


def _asked_of_hosts(room: Room, link: Invitation | ev.RoomTaken) -> list[Assurance]:
    return [link.requires, *(one.requires for one in room.invitations.values() if one.host)]


@RULES.of_event(ev.HostEntered)
def who_enters_hosts_if_nobody_does(step: Step, room: Room, event: Any) -> bool:
    """The role goes to whoever enters on a host link while no host is there, and only then."""
    return event.takes_host == (not passes(step.before, room.host))


@RULES.of_event(ev.RoomTaken)
def a_room_is_taken_once_by_one_of_its_rota(step: Step, room: Room, event: Any) -> bool:
    """While somebody waits there and nobody hosts, nor has taken it just now; by one who is surely known."""
    command, taken = step.command, room.taken
    theirs = isinstance(command, c.TakeRoom) and command.rota == room.rota and event.identity == command.identity
    surely = all(event.identity.assurance.reaches(level) for level in _asked_of_hosts(room, event))
    free = taken is None or step.before.now - taken.at >= TAKEN_FOR
    wanted = any(person.place is Place.WAITING for person in room.participants.values())
    return theirs and surely and free and wanted and not passes(step.before, room.host)


@RULES.of_event(ev.RoomTaken)
def who_takes_a_room_is_not_in_it_by_that(step: Step, room: Room, event: Any) -> bool:
    """They are somebody new, who acts for themselves, and nobody's packets pass for it."""
    new = event.participant not in room.participants and event.by == ByParticipant(event.participant)
    return new and step.after.ledger.passing == step.before.ledger.passing


@RULES.of_event(ev.HostTaken)
def the_role_is_taken_with_a_host_link(step: Step, room: Room, event: Any) -> bool:
    """Or a substitute's, by who is as surely known as a host; while no host is there."""
    person, link = (
        room.participants[event.participant],
        room.invitations[step.before.ledger.bound[event.participant]],
    )
    surely = all(assurance(person.identity).reaches(level) for level in _asked_of_hosts(room, link))
    return not passes(step.before, room.host) and (link.host or (link.substitute and surely))


@RULES.of_event(ev.HandedOver)
def the_role_is_given_to_a_clinician_who_is_there(step: Step, room: Room, event: Any) -> bool:
    """To nobody else."""
    return passes(step.before, event.participant) and room.participants[event.participant].role in CLINICIANS


@RULES.of_event(ev.Removed, ev.SeenOff, ev.SentToWaiting)
def the_host_is_not_put_out(_step: Step, room: Room, event: Any) -> bool:
    """By nobody; and holders of host links are not sent to wait."""
    person = room.participants[event.participant]
    return person.id != room.host and not (isinstance(event, ev.SentToWaiting) and person.may_host)


@RULES.of_event(ev.Arrived)
def newcomers_come_by_an_open_door(step: Step, room: Room, event: Any) -> bool:
    """Not when it is locked, nor when the room is full, nor by a link whose time is over."""
    known = room.participants.get(event.participant)
    if isinstance(step.command, c.Answer) or (known is not None and known.place is not Place.OUTSIDE):
        return True
    link = room.invitations[event.invitation]
    queue = link.many or room.one_at_a_time
    open_door = not room.locked or (queue and room.locked_by_itself)
    return open_door and step.before.now < link.expires_at and (has_place(room) or queue)


@RULES.of_event(ev.LockChanged)
def the_lock_follows_the_guests(step: Step, room: Room, event: Any) -> bool:
    """Where the room is to lock by itself: when the first guest is in, and open when the last one has gone."""
    if not event.automatic:
        return True
    after = step.after.room
    inside = (one for one in after.participants.values() if one.place is Place.ADMITTED and one.id != after.host)
    guests = any(not after.invitations[one.invitation].host for one in inside)
    return room.autolock and event.by == System(Office.BRIDGE) and event.locked == guests


@RULES.of_event(ev.Delayed, ev.InvitationCancelled, ev.SubstituteAppointed)
def turns_and_substitutes_are_arranged_by_those_who_may(step: Step, room: Room, event: Any) -> bool:
    """The host who is there, or the administration."""
    return event.by == ADMINISTRATION or (event.by == ByParticipant(room.host) and passes(step.before, room.host))


@RULES.of_event(ev.Arrived, ev.Admitted)
def who_answers_was_called(step: Step, _room: Room, event: Any) -> bool:
    """Only the call that was made can be answered."""
    command, before = step.command, step.before.room
    if not isinstance(command, c.Answer):
        return True
    person = before.participants[event.participant]
    return (person.place, person.connection) == (Place.CALLED, command.connection)


@RULES.of_event(ev.Reconnected)
def who_comes_back_had_a_place(_step: Step, room: Room, event: Any) -> bool:
    """Waiting or in."""
    return room.participants[event.participant].place in (Place.WAITING, Place.ADMITTED)


@RULES.of_event(ev.Identified)
def a_link_is_one_logins(_step: Step, room: Room, event: Any) -> bool:
    """Who is known by a login is not replaced by who logged in as another."""
    known = room.participants.get(event.participant)
    return known is None or known.identity is None or known.identity.subject == event.identity.subject


@RULES.of_event(ev.IdentityConfirmed)
def who_is_recognised_is_heard(step: Step, room: Room, event: Any) -> bool:
    """And is not the one who says so."""
    return passes(step.before, event.participant) and event.participant != room.host


@RULES.of_event(*OWN_ACTS)
def own_acts_are_ones_own(step: Step, _room: Room, event: Any) -> bool:
    """Done by nobody else, and by who is there; but whoever takes the next one in stops what is shared."""
    if isinstance(step.command, c.SeeOff) and isinstance(event, ev.SharingChanged):
        return not event.on and event.by == step.command.by
    return event.by == ByParticipant(event.participant) and passes(step.before, event.participant)


@RULES.of_event(*OWN_WORDS)
def consent_is_ones_own(step: Step, _room: Room, event: Any) -> bool:
    """Given and taken back by nobody else, at the door, while waiting or inside."""
    return event.by == ByParticipant(event.participant) and event.participant in step.after.ledger.connections


@RULES.of_event(ev.InvitationMoved, ev.TextNoted)
def links_are_moved_and_noted_by_the_system(_step: Step, room: Room, event: Any) -> bool:
    """By its parts that know of it; and moving one takes nothing back."""
    office = Office.ADMINISTRATION if isinstance(event, ev.InvitationMoved) else Office.BRIDGE
    return event.by == System(office) and not (
        office is Office.ADMINISTRATION and room.invitations[event.invitation].revoked
    )


@RULES.of_event(ev.PinRenewed)
def a_pin_is_given_to_who_has_the_link(step: Step, room: Room, event: Any) -> bool:
    """That still opens something: to its holder with the secret, or before anybody has come by it."""
    link, known = room.invitations[event.invitation], holder(room, event.invitation)
    shut = link.revoked or link.cancelled or (known is not None and known.id in step.before.ledger.barred)
    theirs = known is None or step.command.resume_hash == known.resume_hash
    return isinstance(step.command, c.RenewPin) and not shut and theirs


@RULES.of_event(ev.StillSent, ev.StillDeclined)
def what_became_of_a_still_is_said_by_its_two(_step: Step, room: Room, event: Any) -> bool:
    """That it came by who asked for it, that it will not by who was asked."""
    knows = room.still.asker if isinstance(event, ev.StillSent) else room.still.participant
    return event.by == ByParticipant(knows)


@RULES.of_event(ev.SelfMuteChanged)
def a_forbidden_microphone_stays_shut(_step: Step, room: Room, event: Any) -> bool:
    """The host's word stands above one's own."""
    person = room.participants[event.participant]
    return event.muted or not person.muted_by_host or person.may_unmute


@RULES.of_event(ev.MuteChanged)
def the_host_opens_no_microphone_that_its_owner_shut(step: Step, room: Room, event: Any) -> bool:
    """The two mutes are apart."""
    shut = room.participants[event.participant].muted_by_self
    return step.after.room.participants[event.participant].muted_by_self == shut


@RULES.of_event(ev.Invited)
def links_are_made_by_those_who_may(step: Step, room: Room, event: Any) -> bool:
    """The administration; the host, but no host link; and a patient who is in, for company."""
    if event.role is Role.OPERATOR or isinstance(event.by, System):
        return event.by == ADMINISTRATION and (
            event.role in CLINICIANS if event.host else event.role is not Role.OPERATOR
        )
    who = event.by.participant
    company = event.role not in (*CLINICIANS, Role.PATIENT) and _role(room, who) is Role.PATIENT
    company = company and not event.many and not event.substitute and event.ground is Ground.PATIENTS_WISH
    return passes(step.before, who) and not event.host and (who == room.host or company)


@RULES.of_event(ev.InvitationRevoked)
def links_are_revoked_by_those_who_may(step: Step, room: Room, event: Any) -> bool:
    """The administration or the host, of whom nobody holds a place by them."""
    known = holder(room, event.invitation)
    may = event.by == ADMINISTRATION or (event.by == ByParticipant(room.host) and passes(step.before, room.host))
    return may and (known is None or known.place is Place.OUTSIDE)


@RULES.of_event(ev.Disconnected, ev.NotReached)
def the_bridge_notes_what_was_lost(step: Step, _room: Room, event: Any) -> bool:
    """In its own name, of somebody who was connected or called."""
    return event.by == System(Office.BRIDGE) and event.participant in step.before.ledger.connections


@RULES.of_event(ev.Left)
def people_leave_of_their_own_will(_step: Step, room: Room, event: Any) -> bool:
    """Nobody else says it for them; but a place in a queue for many is given up by who is away."""
    person = room.participants[event.participant]
    away = person.place is Place.WAITING and not person.connected and room.invitations[person.invitation].many
    return event.by == ByParticipant(event.participant) or (away and event.by == System(Office.BRIDGE))


def _role(room: Room, who: ParticipantId) -> Role | None:
    return room.participants[who].role if who in room.participants else None
