"""Apply recorded events: `evolve(room, event)` is the only way in which a room changes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from bridge.rooms import events as ev
from bridge.rooms.model import (
    ByParticipant,
    Ground,
    Invitation,
    Line,
    Office,
    Participant,
    ParticipantId,
    Place,
    Room,
    Still,
    System,
    Taken,
)
from bridge.rooms.refusal import HistoryError

LATE_LINK_LIFE = timedelta(hours=2)
"""So long after the new time a link of somebody whose turn was put off still opens."""
REMEMBERED = 100
"""Of those who came by links for many and have gone, so many are kept: nobody comes back to their places."""
REMEMBERED_ON_DUTY = 10
"""Of those who took the room and have gone, so many are kept, with links that open nothing any more."""


def evolve(room: Room | None, event: ev.Event) -> Room:
    """Return the room after `event`; raise HistoryError where no room can have produced it."""
    if isinstance(event, ev.RoomCreated):
        if room is not None:
            raise HistoryError("a room was created twice")
        return _created(event)
    if room is None or room.id != event.room:
        raise HistoryError("an event belongs to another room or precedes its creation")
    try:
        changed = EVOLVERS[type(event)](room, event)
    except KeyError:
        raise HistoryError(f"{type(event).__name__} names somebody or something unknown to the room") from None
    return replace(changed, revision=room.revision + 1)


def replay(events: Iterable[ev.Event]) -> Room:
    """Return the room that `events`, in order from its creation, made."""
    room: Room | None = None
    for event in events:
        room = evolve(room, event)
    if room is None:
        raise HistoryError("there is nothing to replay")
    return room


def _created(event: ev.RoomCreated) -> Room:
    return Room(
        id=event.room,
        name=event.name,
        created_at=event.at,
        max_participants=event.max_participants,
        revision=1,
        number=event.number,
        plain_calls=event.plain_calls,
        autolock=event.autolock,
        one_at_a_time=event.one_at_a_time,
        rota=event.rota,
    )


def _change(room: Room, participant: ParticipantId, **changes: Any) -> Room:
    changed = replace(room.participants[participant], **changes)
    return replace(room, participants={**room.participants, participant: changed})


def _enter(room: Room, event: ev.Dialled | ev.Arrived | ev.HostEntered, place: Place) -> Room:
    """Put a newcomer, or one who had left, into `place`; a host's mute survives going out and in."""
    invitation = room.invitations[event.invitation]
    if not invitation.many:
        room = _change_link(replace(invitation, participant=event.participant), room)
    if event.participant in room.participants:
        return _change(
            room,
            event.participant,
            place=place,
            since=event.at,
            connection=event.connection,
            line=event.line,
            confirmed=False,
            identity=None,
            lost_at=None,
            consents={},
        )
    called = event.name if isinstance(event, ev.Arrived) else None
    newcomer = Participant(
        id=event.participant,
        invitation=invitation.id,
        name=called or invitation.name,
        role=invitation.role,
        place=place,
        since=event.at,
        connection=event.connection,
        resume_hash=event.resume_hash,
        may_host=invitation.host,
        line=event.line,
    )
    before = _remembered(room) if invitation.many else room.participants
    return replace(room, participants={**before, newcomer.id: newcomer})


def _remembered(room: Room) -> Mapping[ParticipantId, Participant]:
    """Everybody but those, of the many who came by one link and have gone, who came first.

    A standing link would otherwise fill the memory. Who is barred stays.
    """
    gone = [
        p.id
        for p in room.participants.values()
        if p.place is Place.OUTSIDE and not p.barred and room.invitations[p.invitation].many
    ]
    forgotten = frozenset(gone[:-REMEMBERED])
    return {who: p for who, p in room.participants.items() if who not in forgotten}


def _go_out(
    room: Room, event: ev.NotReached | ev.Left | ev.Refused | ev.Removed | ev.SeenOff, *, barred: bool
) -> Room:
    room = _change(
        room,
        event.participant,
        place=Place.OUTSIDE,
        since=event.at,
        connection=None,
        sharing=False,
        barred=barred,
        lost_at=None,
    )
    return replace(room, host=None) if room.host == event.participant else room


def _invited(room: Room, event: ev.Invited) -> Room:
    invitation = Invitation(
        id=event.invitation,
        role=event.role,
        name=event.name,
        host=event.host,
        issued_by=event.by,
        issued_at=event.at,
        expires_at=event.expires_at,
        pin=event.pin,
        requires=event.requires,
        person=event.person,
        many=event.many,
        substitute=event.substitute,
        ground=event.ground,
        reference=event.reference,
        expected_at=event.expected_at,
    )
    return _change_link(invitation, room)


def _change_link(invitation: Invitation, room: Room) -> Room:
    return replace(room, invitations={**room.invitations, invitation.id: invitation})


def _invitation_revoked(room: Room, event: ev.InvitationRevoked) -> Room:
    return _change_link(replace(room.invitations[event.invitation], revoked=True), room)


def _invitation_cancelled(room: Room, event: ev.InvitationCancelled) -> Room:
    room = _change_link(replace(room.invitations[event.invitation], cancelled=True), room)
    for person in room.participants.values():
        if person.invitation == event.invitation and person.place in (Place.WAITING, Place.CALLED):
            out = {"place": Place.OUTSIDE, "since": event.at, "connection": None, "lost_at": None}
            room = _change(room, person.id, **out)
    return room


def _substitute_appointed(room: Room, event: ev.SubstituteAppointed) -> Room:
    return _change_link(replace(room.invitations[event.invitation], substitute=True), room)


def _delayed(room: Room, event: ev.Delayed) -> Room:
    """Put a turn off; a link that is still good, or is named, is good beyond the new time."""
    until = None if event.expected_at is None else event.expected_at + LATE_LINK_LIFE
    if event.invitation is None:
        good = [link for link in room.invitations.values() if not link.many and link.expires_at > event.at]
        room = replace(room, expected_at=event.expected_at)
    else:
        named, late = room.invitations[event.invitation], event.expected_at is not None
        good = [replace(named, expected_at=event.expected_at, delayed=late)]
    for link in good:
        room = _change_link(replace(link, expires_at=max(link.expires_at, until or link.expires_at)), room)
    return room


def _invitation_moved(room: Room, event: ev.InvitationMoved) -> Room:
    moved = replace(room.invitations[event.invitation], expires_at=event.expires_at)
    return replace(room, invitations={**room.invitations, moved.id: moved})


def _text_noted(room: Room, event: ev.TextNoted) -> Room:
    noted = replace(room.invitations[event.invitation], text=event.state)
    return replace(room, invitations={**room.invitations, noted.id: noted})


def _pin_renewed(room: Room, event: ev.PinRenewed) -> Room:
    renewed = replace(room.invitations[event.invitation], pin=event.pin)
    return replace(room, invitations={**room.invitations, renewed.id: renewed})


def _dialled(room: Room, event: ev.Dialled) -> Room:
    return _enter(room, event, Place.CALLED)


def _arrived(room: Room, event: ev.Arrived) -> Room:
    room = _enter(room, event, Place.WAITING)
    # Nobody hosts from the waiting room: who was lent the role and calls again waits without it.
    return replace(room, host=None) if room.host == event.participant else room


def _host_entered(room: Room, event: ev.HostEntered) -> Room:
    person = room.participants.get(event.participant)
    if person is not None and person.place is Place.WAITING:
        # A substitute who waited steps in, and is who they were.
        room = _change(room, person.id, place=Place.ADMITTED, since=event.at)
    else:
        room = _enter(room, event, Place.ADMITTED)
    room = replace(room, taken=None)
    return replace(room, host=event.participant) if event.takes_host else room


def _room_taken(room: Room, event: ev.RoomTaken) -> Room:
    room = _done_on_duty(room)
    link = Invitation(
        id=event.invitation,
        role=event.role,
        name=event.name,
        host=True,
        duty=True,
        issued_by=System(Office.BRIDGE),
        issued_at=event.at,
        expires_at=event.expires_at,
        requires=event.requires,
        person=event.identity.subject,
        ground=Ground.ON_DUTY,
        participant=event.participant,
    )
    taker = Participant(
        id=event.participant,
        invitation=link.id,
        name=event.name,
        role=event.role,
        place=Place.OUTSIDE,
        since=event.at,
        connection=None,
        resume_hash=event.resume_hash,
        may_host=True,
        identity=event.identity,
    )
    taken = Taken(participant=taker.id, at=event.at)
    return replace(_change_link(link, room), taken=taken, participants={**room.participants, taker.id: taker})


def _done_on_duty(room: Room) -> Room:
    """Take the links of those back who took the room before and are not in it, and forget all but the last few.

    A room that stands for years would otherwise fill the memory. Who is barred stays.
    """
    gone = [
        link
        for link in room.invitations.values()
        if link.duty
        and link.participant is not None
        and room.participants[link.participant].place is Place.OUTSIDE
    ]
    for link in gone:
        room = _change_link(replace(link, revoked=True), room)
    unbarred = [link for link in gone if link.participant and not room.participants[link.participant].barred]
    forgotten = unbarred[:-REMEMBERED_ON_DUTY]
    links, people = {link.id for link in forgotten}, {link.participant for link in forgotten}
    return replace(
        room,
        invitations={which: link for which, link in room.invitations.items() if which not in links},
        participants={who: person for who, person in room.participants.items() if who not in people},
    )


def _reconnected(room: Room, event: ev.Reconnected) -> Room:
    # A page that comes back starts without its shared content. A page has its secret, and is who it was; at the
    # end of a call may be anybody, of the one before as well.
    before = room.participants[event.participant]
    known = before.confirmed and before.line is event.line is Line.BROWSER
    return _change(
        room,
        event.participant,
        connection=event.connection,
        line=event.line,
        sharing=False,
        lost_at=None,
        confirmed=known,
        identity=before.identity if event.line is Line.BROWSER else None,
        consents=before.consents if event.line is Line.BROWSER else {},
    )


def _identified(room: Room, event: ev.Identified) -> Room:
    return _change(room, event.participant, identity=event.identity)


def _disconnected(room: Room, event: ev.Disconnected) -> Room:
    return _change(room, event.participant, connection=None, sharing=False, lost_at=event.at)


def _left(room: Room, event: ev.NotReached | ev.Left | ev.SeenOff) -> Room:
    return _go_out(room, event, barred=False)


def _put_out(room: Room, event: ev.Refused | ev.Removed) -> Room:
    return _go_out(room, event, barred=True)


def _admitted(room: Room, event: ev.Admitted) -> Room:
    # Whoever lets somebody in receives: what was said of being late is over.
    return _change(replace(room, expected_at=None), event.participant, place=Place.ADMITTED, since=event.at)


def _sent_to_waiting(room: Room, event: ev.SentToWaiting) -> Room:
    return _change(room, event.participant, place=Place.WAITING, since=event.at, sharing=False)


def _lock_changed(room: Room, event: ev.LockChanged) -> Room:
    return replace(room, locked=event.locked, locked_by_itself=event.locked and event.automatic)


def _mute_changed(room: Room, event: ev.MuteChanged) -> Room:
    return _change(room, event.participant, muted_by_host=event.muted, may_unmute=event.may_unmute)


def _identity_confirmed(room: Room, event: ev.IdentityConfirmed) -> Room:
    return _change(room, event.participant, confirmed=True)


def _confirmation_withdrawn(room: Room, event: ev.ConfirmationWithdrawn) -> Room:
    return _change(room, event.participant, confirmed=False)


def _self_mute_changed(room: Room, event: ev.SelfMuteChanged) -> Room:
    if event.muted:
        return _change(room, event.participant, muted_by_self=True)
    return _change(room, event.participant, muted_by_self=False, muted_by_host=False)


def _camera_changed(room: Room, event: ev.CameraChanged) -> Room:
    return _change(room, event.participant, camera=event.on)


def _sharing_changed(room: Room, event: ev.SharingChanged) -> Room:
    return _change(room, event.participant, sharing=event.on)


def _consent_changed(room: Room, event: ev.Consented | ev.ConsentWithdrawn) -> Room:
    notice = event.notice if isinstance(event, ev.Consented) else None
    consents = {**room.participants[event.participant].consents, event.matter: notice}
    return _change(room, event.participant, consents=consents)


def _still_asked(room: Room, event: ev.StillAsked) -> Room:
    if not isinstance(event.by, ByParticipant):
        raise HistoryError("a still picture was asked for by nobody in the room")
    asker, asked = room.participants[event.by.participant], room.participants[event.participant]
    return replace(room, still=Still(id=event.still, asker=asker.id, participant=asked.id))


def _still_over(room: Room, event: ev.StillSent | ev.StillDeclined | ev.StillFailed) -> Room:
    if room.still is None or room.still.participant != event.participant:
        raise HistoryError("a still picture came to an end that nobody had been asked for")
    return replace(room, still=None)


def _host_changed(room: Room, event: ev.HandedOver | ev.HostTaken) -> Room:
    return replace(room, host=room.participants[event.participant].id)


def _ended(room: Room, event: ev.RoomEnded) -> Room:
    """Nobody has a place in a room that has ended."""
    everyone = {
        p.id: p
        if p.place is Place.OUTSIDE
        else replace(p, place=Place.OUTSIDE, since=event.at, connection=None, sharing=False, lost_at=None)
        for p in room.participants.values()
    }
    return replace(room, ended_at=event.at, host=None, participants=everyone)


EVOLVERS: Mapping[type, Callable[[Room, Any], Room]] = MappingProxyType(
    {
        ev.Invited: _invited,
        ev.InvitationRevoked: _invitation_revoked,
        ev.InvitationCancelled: _invitation_cancelled,
        ev.SubstituteAppointed: _substitute_appointed,
        ev.Delayed: _delayed,
        ev.InvitationMoved: _invitation_moved,
        ev.TextNoted: _text_noted,
        ev.PinRenewed: _pin_renewed,
        ev.Dialled: _dialled,
        ev.NotReached: _left,
        ev.Arrived: _arrived,
        ev.HostEntered: _host_entered,
        ev.Reconnected: _reconnected,
        ev.Identified: _identified,
        ev.Disconnected: _disconnected,
        ev.Left: _left,
        ev.Admitted: _admitted,
        ev.Refused: _put_out,
        ev.Removed: _put_out,
        ev.SeenOff: _left,
        ev.SentToWaiting: _sent_to_waiting,
        ev.LockChanged: _lock_changed,
        ev.MuteChanged: _mute_changed,
        ev.IdentityConfirmed: _identity_confirmed,
        ev.ConfirmationWithdrawn: _confirmation_withdrawn,
        ev.SelfMuteChanged: _self_mute_changed,
        ev.CameraChanged: _camera_changed,
        ev.SharingChanged: _sharing_changed,
        ev.Consented: _consent_changed,
        ev.ConsentWithdrawn: _consent_changed,
        ev.StillAsked: _still_asked,
        ev.StillSent: _still_over,
        ev.StillDeclined: _still_over,
        ev.StillFailed: _still_over,
        ev.HandedOver: _host_changed,
        ev.HostTaken: _host_changed,
        ev.RoomTaken: _room_taken,
        ev.RoomEnded: _ended,
    }
)
"""How each event but the first changes a room; the test holds it complete."""
