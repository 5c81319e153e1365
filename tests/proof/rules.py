"""What has to hold of a room, in words that can be held against every state and every step.

A rule is a function with a name that says it, and gives whether it holds. They use the `Ledger`, which reads
the records without the domain's code, wherever it knows the answer. `RULES` holds a step and a state against
all of them.
"""

from typing import Any, Final

from bridge.rooms import commands as c
from bridge.rooms import decide as deciding
from bridge.rooms import events as ev
from bridge.rooms.model import (
    Assurance,
    ByParticipant,
    Ground,
    Invitation,
    Line,
    Participant,
    ParticipantId,
    Place,
    Role,
    Room,
    System,
)
from bridge.rooms.refusal import Refusal
from bridge.rooms.views import visible_to, who_may_send
from tests.proof.explore import State, Step
from tests.proof.holding import Rules

CLINICIANS: Final = frozenset({Role.DOCTOR, Role.SPECIALIST})
RULES: Final = Rules()


def passes(state: State, who: ParticipantId | None) -> bool:
    """Whether somebody's packets may pass, by the ledger."""
    return who is not None and who in state.ledger.passing


def acting_host(step: Step) -> bool:
    """Whether a command is that of the host who is there."""
    host = step.before.room.host
    return passes(step.before, host) and step.command.by == ByParticipant(host)


def holder(room: Room, link: Any) -> Participant | None:
    """Whoever uses a link."""
    invitation = room.invitations.get(link)
    return (
        None if invitation is None or invitation.participant is None else room.participants[invitation.participant]
    )


def people_of(room: Room, place: Place) -> set[ParticipantId]:
    """Everybody in a place."""
    return {person.id for person in room.participants.values() if person.place is place}


# --- states ----------------------------------------------------------------------------


@RULES.of_state
def packets_pass_for_those_let_in_and_connected(state: State) -> bool:
    """Gates are to be open exactly for those whom the records let in, and whose connection is up."""
    return who_may_send(state.room) == state.ledger.passing


@RULES.of_state
def the_host_is_in(state: State) -> bool:
    """Nobody is host from the waiting room or from outside."""
    room = state.room
    return room.host is None or room.participants[room.host].place is Place.ADMITTED


@RULES.of_state
def hosts_are_clinicians(state: State) -> bool:
    """The role is with the holder of a host link, or lent to a clinician."""
    host = None if state.room.host is None else state.room.participants[state.room.host]
    return host is None or host.may_host or host.role in CLINICIANS


@RULES.of_state
def guests_fit_the_room(state: State) -> bool:
    """No more guests are in than the room holds."""
    room = state.room
    links = (room.invitations[p.invitation] for p in room.participants.values() if p.place is Place.ADMITTED)
    return sum(not link.host and not link.substitute for link in links) <= room.max_participants


@RULES.of_state
def who_was_put_out_has_no_place(state: State) -> bool:
    """The removed and the refused are outside and not connected, and are those of whom the records say so."""
    barred = [person for person in state.room.participants.values() if person.barred]
    apart = all(person.place is Place.OUTSIDE and not person.connected for person in barred)
    return apart and {person.id for person in barred} == state.ledger.barred


@RULES.of_state
def each_link_is_one_persons(state: State) -> bool:
    """Nobody shares a link that is not for many, and everybody keeps theirs."""
    room = state.room
    bound = {link.participant: link.id for link in room.invitations.values() if link.participant is not None}
    mine = {person.id: person.invitation for person in room.participants.values()}
    own = {who: link for who, link in mine.items() if not room.invitations[link].many}
    return bound == own and mine.items() <= state.ledger.bound.items()


@RULES.of_state
def patients_are_kept_apart(state: State) -> bool:
    """Of those who see the doctor one after the other no two are in together, nor company of another."""
    room = state.room
    if not room.one_at_a_time and not any(link.many for link in room.invitations.values()):
        return True
    inside = [person for person in room.participants.values() if person.place is Place.ADMITTED]
    return not any(meet(room, one, other) for one in inside for other in inside)


@RULES.of_state
def nobody_sees_more_than_they_may(state: State) -> bool:
    """Who waits sees themselves, who is outside nobody; only the host sees who waits."""
    room = state.room
    inside, called = people_of(room, Place.ADMITTED), people_of(room, Place.CALLED)
    for person in room.participants.values():
        seen = {other.id for other in visible_to(room, person.id)}
        if person.place is Place.WAITING:
            allowed = {person.id}
        elif person.place is not Place.ADMITTED:
            allowed = set()
        else:
            allowed = inside | called | (people_of(room, Place.WAITING) if person.id == room.host else set())
        if seen != allowed:
            return False
    return True


@RULES.of_state
def one_shares_who_is_there(state: State) -> bool:
    """There is one content slot, for somebody whose packets may pass."""
    sharing = {person.id for person in state.room.participants.values() if person.sharing}
    return len(sharing) <= 1 and sharing <= state.ledger.passing


@RULES.of_state
def a_still_is_between_two_who_stay(state: State) -> bool:
    """Who asked for a picture and who was asked are there, each at a page."""
    still, people = state.room.still, state.room.participants
    both = () if still is None else (still.asker, still.participant)
    there = all(passes(state, who) and people[who].line is Line.BROWSER for who in both)
    return there and len(both) == len(set(both))


@RULES.of_state
def holders_of_host_links_do_not_wait(state: State) -> bool:
    """Their link would let them in again at once."""
    return all(p.place is not Place.WAITING for p in state.room.participants.values() if p.may_host)


@RULES.of_state
def nobody_has_a_place_after_the_end(state: State) -> bool:
    """Nor a connection, nor the role."""
    if state.room.ended != state.ledger.ended:
        return False
    outside = all(p.place is Place.OUTSIDE and not p.connected for p in state.room.participants.values())
    return not state.room.ended or (outside and state.room.host is None)


# --- steps ----------------------------------------------------------------------------


@RULES.of_change
def no_admission_is_lost(step: Step, command: Any) -> bool:
    """Who is in stays in, until they go, call anew, are put out or sent to wait by the host, or it is over."""
    before, after = step.before.room, step.after.room
    for who in people_of(before, Place.ADMITTED) - people_of(after, Place.ADMITTED):
        went = isinstance(command, c.Leave) and command.by == ByParticipant(who)
        called = (
            isinstance(command, c.Call)
            and before.invitations[before.participants[who].invitation].pin in command.pins
        )
        named = isinstance(command, c.Remove | c.SendToWaiting) and command.participant == who
        put = (named or (isinstance(command, c.SeeOff) and who in command.leaving)) and acting_host(step)
        if not (went or called or put or isinstance(command, c.End)):
            return False
    return True


@RULES.of_change
def no_place_in_the_queue_is_lost(step: Step, command: Any) -> bool:
    """Who waits does so, in their order, until they go or the host decides, or it is over."""
    before, after = step.before.room, step.after.room
    left = [person.id for person in before.at(Place.WAITING)]
    for who in [who for who in left if after.participants[who].place is not Place.WAITING]:
        own = isinstance(command, c.Leave | c.TakeHost) and command.by == ByParticipant(who)
        decided = isinstance(command, c.Admit | c.AdmitAll | c.SeeOff | c.Refuse | c.Remove) and acting_host(step)
        if not (own or decided or isinstance(command, c.End) or _called_off_or_given_up(step, command, who)):
            return False
        left.remove(who)
    return [person.id for person in after.at(Place.WAITING)][: len(left)] == left


def _called_off_or_given_up(step: Step, command: Any, who: ParticipantId) -> bool:
    room = step.before.room
    person = room.participants[who]
    if isinstance(command, c.Cancel):
        return command.invitation == person.invitation
    newcomer = isinstance(command, c.Knock | c.Call)
    return newcomer and not person.connected and room.invitations[person.invitation].many


@RULES.of_change
def what_is_for_good_stays(step: Step, _command: Any) -> bool:
    """Being put out, a link that is used or revoked, and the end are never taken back."""
    before, after = step.before.room, step.after.room
    barred = {person.id for person in before.participants.values() if person.barred}
    return (
        all(after.participants[who].barred for who in barred)
        and all(_goes_on(link, after.invitations[link.id]) for link in before.invitations.values())
        and not before.ended
    )


@RULES.of_change
def nobody_takes_the_role_from_a_host_who_is_there(step: Step, _command: Any) -> bool:
    """The host gives it away, goes, or ends the consultation."""
    before, after = step.before.room.host, step.after.room.host
    if before == after or not passes(step.before, before):
        return True
    given = (ev.HandedOver, ev.Left, ev.RoomEnded)
    return any(
        isinstance(event, given) and (event.by == ByParticipant(before) or isinstance(event.by, System))
        for event in step.events
    )


@RULES.of_change
def twice_is_once(step: Step, command: Any) -> bool:
    """A command that comes a second time, as after a double click or a retry, does nothing more."""
    again = deciding.decide(step.after.room, command, step.after.now)
    return isinstance(again, Refusal) or not again


@RULES.of_step(c.Disconnect, c.Leave)
def late_news_change_nothing(step: Step, command: Any) -> bool:
    """The end of a connection that is not the present one, and a goodbye on it, are nobody's end."""
    who = command.participant if isinstance(command, c.Disconnect) else getattr(command.by, "participant", None)
    stale = command.connection is not None and command.connection != step.before.ledger.connections.get(who)
    return not stale or not step.events


@RULES.of_step(c.Disconnect)
def a_lost_connection_takes_no_place(step: Step, command: Any) -> bool:
    """Neither a place nor the host's role."""
    before, after = step.before.room, step.after.room
    person = before.participants.get(command.participant)
    if person is None or person.place is Place.CALLED:
        return True
    return after.host == before.host and after.participants[person.id].place is person.place


@RULES.of_step(c.Admit)
def an_admission_takes_effect(step: Step, command: Any) -> bool:
    """The host's word is enough, where there is a place, for one who waits and is there to be seen."""
    room = step.before.room
    person = room.participants.get(command.participant)
    ready = person is not None and person.place is Place.WAITING and person.connected
    if room.ended or not ready or not acting_host(step) or not has_place(room):
        return True
    said = command.reason is not None and bool(command.reason.reveal().strip())
    enough = said or (command.reason is None and proven(room, person))
    if not enough or any(meet(room, person, other) for other in _inside_or_called(room)):
        return isinstance(step.outcome, Refusal)
    return person.id in who_may_send(step.after.room)


@RULES.of_step(c.AdmitAll)
def admitting_all_leaves_nobody_who_fits(step: Step, _command: Any) -> bool:
    """Those stay who are not there, who lack proof, who come one after the other, or who find no place."""
    room = step.after.room
    if room.ended or not acting_host(step) or not has_place(room):
        return True
    ready = [person for person in room.at(Place.WAITING) if person.connected and proven(room, person)]
    return all(
        apart(room, person) or any(meet(room, person, other) for other in _inside_or_called(room))
        for person in ready
    )


@RULES.of_step(c.SeeOff)
def one_goes_and_the_next_comes_or_nothing_happens(step: Step, command: Any) -> bool:
    """Nobody is seen off for somebody who cannot come in."""
    if not step.events or command.following is None:
        return True
    inside = people_of(step.after.room, Place.ADMITTED)
    return command.following in inside and not (command.leaving - {command.following}) & inside


@RULES.of_step(c.Remove)
def the_host_can_put_anybody_out(step: Step, command: Any) -> bool:
    """At once, and whoever it is but the host."""
    room, who = step.before.room, command.participant
    if room.ended or who not in room.participants or who == room.host or not acting_host(step):
        return True
    return who not in who_may_send(step.after.room) and step.after.room.participants[who].barred


@RULES.of_step(c.Knock)
def who_comes_back_is_where_they_were(step: Step, command: Any) -> bool:
    """With the secret, a place that is held is found again: locked, full, expired or not."""
    room = step.before.room
    known = _knocking(room, command)
    held = known is not None and known.place in (Place.WAITING, Place.ADMITTED)
    if not held or command.resume_hash != known.resume_hash or _another(known, command):
        return True
    after = step.after.room.participants[known.id]
    there = (after.place, after.connection) == (known.place, command.connection)
    return there and step.after.room.host == room.host and not isinstance(step.outcome, Refusal)


@RULES.of_step(c.Knock)
def a_host_link_leads_in(step: Step, command: Any) -> bool:
    """Locked or full, with the secret or at its first use, until it is spent or expired."""
    room = step.before.room
    link, known = room.invitations.get(command.invitation), holder(room, command.invitation)
    if room.ended or link is None or not link.host or link.revoked or link.cancelled:
        return True
    if step.before.now >= link.expires_at and (known is None or known.place is Place.OUTSIDE):
        return True
    if known is not None and (
        known.barred or command.resume_hash != known.resume_hash or _another(known, command)
    ):
        return True
    held = known is not None and known.place is Place.ADMITTED
    if not held and not assurance(command.identity).reaches(link.requires):
        return isinstance(step.outcome, Refusal)
    found = holder(step.after.room, command.invitation)
    return found is not None and found.id in who_may_send(step.after.room)


@RULES.of_step(c.Knock, c.Call)
def a_spent_link_opens_nothing(step: Step, command: Any) -> bool:
    """Nor does one that was revoked, or a copy of one without the secret."""
    room = step.before.room
    link = room.invitations.get(command.invitation) if isinstance(command, c.Knock) else _with_pin(room, command)
    if link is None:
        return isinstance(step.outcome, Refusal)
    known = _knocking(room, command) if isinstance(command, c.Knock) else holder(room, link.id)
    barred = known is not None and known.id in step.before.ledger.barred
    copied = isinstance(command, c.Knock) and known is not None and command.resume_hash != known.resume_hash
    holds = link.many and known is not None and known.place is not Place.OUTSIDE
    shut = (link.revoked or link.cancelled) and not holds
    return not (barred or copied or shut) or isinstance(step.outcome, Refusal)


@RULES.of_step(c.Call)
def a_call_takes_nobodys_connection(step: Step, command: Any) -> bool:
    """A PIN may be overheard: it opens nothing while its holder is connected, and guests wait again."""
    link = _with_pin(step.before.room, command)
    known = None if link is None else holder(step.before.room, link.id)
    if known is not None and known.id in step.before.ledger.connections:
        return not step.events
    found = None if link is None else holder(step.after.room, link.id)
    return not step.events or link.host or found.place is Place.WAITING


@RULES.of_step(c.End)
def the_end_is_the_hosts_and_the_systems(step: Step, command: Any) -> bool:
    """Both can always end it, and nobody else; what has begun is not called off."""
    room = step.before.room
    may = isinstance(command.by, System) or acting_host(step)
    inside = (one for one in room.participants.values() if one.place is Place.ADMITTED and one.id != room.host)
    begun = any(not room.invitations[one.invitation].host for one in inside)
    return step.after.room.ended == (room.ended or (may and not (command.cancelled and begun)))


def apart(room: Room, person: Participant) -> bool:
    """Whether somebody is one of several who see the same doctor one after the other."""
    return room.one_at_a_time or room.invitations[person.invitation].many


def meet(room: Room, one: Participant, other: Participant) -> bool:
    """Whether two belong to different patients, of whom one is to meet no other."""
    both = _patient_of(room, one), _patient_of(room, other)
    return None not in both and both[0] != both[1] and (apart(room, one) or apart(room, other))


def _patient_of(room: Room, person: Participant) -> ParticipantId | None:
    """The patient themselves, or the one who brought this person along."""
    by = room.invitations[person.invitation].issued_by
    if person.role is Role.PATIENT:
        return person.id
    host = room.invitations[person.invitation].ground is not Ground.PATIENTS_WISH
    return None if host or not isinstance(by, ByParticipant) else by.participant


def _inside_or_called(room: Room) -> list[Participant]:
    return [one for one in room.participants.values() if one.place in (Place.ADMITTED, Place.CALLED)]


def _with_pin(room: Room, command: c.Call) -> Invitation | None:
    return next((one for one in room.invitations.values() if one.pin in command.pins), None)


def _knocking(room: Room, command: c.Knock) -> Participant | None:
    """Who knocks, as far as is known: the link's holder, or by a link for many who has the secret or the login."""
    link = room.invitations.get(command.invitation)
    if link is None or not link.many:
        return holder(room, command.invitation)
    mine = [one for one in room.participants.values() if one.invitation == link.id]
    for one in mine:
        if one.resume_hash == command.resume_hash and (one.barred or one.place is not Place.OUTSIDE):
            return one
    return next((one for one in mine if one.barred and _same_login(one, command)), None)


def _same_login(person: Participant, command: c.Knock) -> bool:
    both = person.identity is not None and command.identity is not None
    return both and person.identity.subject == command.identity.subject


def _goes_on(before: Invitation, after: Invitation) -> bool:
    held = before.participant is None or before.participant == after.participant
    return held and after.revoked >= before.revoked and after.cancelled >= before.cancelled


def has_place(room: Room) -> bool:
    """Whether one more fits."""
    return len(people_of(room, Place.ADMITTED)) < room.max_participants


def assurance(identity: Any) -> Assurance:
    """How sure it is who somebody is, by a login or none."""
    return Assurance.NONE if identity is None else identity.assurance


def proven(room: Room, person: Participant) -> bool:
    """Whether as much is proven of somebody as their link asks for."""
    return assurance(person.identity).reaches(room.invitations[person.invitation].requires)


def _another(known: Participant, command: c.Knock) -> bool:
    both = known.identity is not None and command.identity is not None
    return both and known.identity.subject != command.identity.subject
