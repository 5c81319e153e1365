"""Apply recorded events: `evolve(room, event)` is the only way in which a room changes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from bridge.rooms import events as ev
from bridge.rooms.model import ByParticipant, Invitation, Line, Participant, ParticipantId, Place, Room, Still
from bridge.rooms.refusal import HistoryError


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
    )


def _change(room: Room, participant: ParticipantId, **changes: Any) -> Room:
    changed = replace(room.participants[participant], **changes)
    return replace(room, participants={**room.participants, participant: changed})


def _enter(room: Room, event: ev.Dialled | ev.Arrived | ev.HostEntered, place: Place) -> Room:
    """Put a newcomer, or one who had left, into `place`; a host's mute survives going out and in."""
    invitation = replace(room.invitations[event.invitation], participant=event.participant)
    room = replace(room, invitations={**room.invitations, invitation.id: invitation})
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
            consents={},
        )
    newcomer = Participant(
        id=event.participant,
        invitation=invitation.id,
        name=invitation.name,
        role=invitation.role,
        place=place,
        since=event.at,
        connection=event.connection,
        resume_hash=event.resume_hash,
        may_host=invitation.host,
        line=event.line,
    )
    return replace(room, participants={**room.participants, newcomer.id: newcomer})


def _go_out(room: Room, event: ev.NotReached | ev.Left | ev.Refused | ev.Removed, *, barred: bool) -> Room:
    room = _change(
        room,
        event.participant,
        place=Place.OUTSIDE,
        since=event.at,
        connection=None,
        sharing=False,
        barred=barred,
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
    )
    return replace(room, invitations={**room.invitations, invitation.id: invitation})


def _invitation_revoked(room: Room, event: ev.InvitationRevoked) -> Room:
    revoked = replace(room.invitations[event.invitation], revoked=True)
    return replace(room, invitations={**room.invitations, revoked.id: revoked})


def _invitation_moved(room: Room, event: ev.InvitationMoved) -> Room:
    moved = replace(room.invitations[event.invitation], expires_at=event.expires_at)
    return replace(room, invitations={**room.invitations, moved.id: moved})


def _text_noted(room: Room, event: ev.TextNoted) -> Room:
    noted = replace(room.invitations[event.invitation], text=event.state)
    return replace(room, invitations={**room.invitations, noted.id: noted})


def _dialled(room: Room, event: ev.Dialled) -> Room:
    return _enter(room, event, Place.CALLED)


def _arrived(room: Room, event: ev.Arrived) -> Room:
    room = _enter(room, event, Place.WAITING)
    # Nobody hosts from the waiting room: who was lent the role and calls again waits without it.
    return replace(room, host=None) if room.host == event.participant else room


def _host_entered(room: Room, event: ev.HostEntered) -> Room:
    room = _enter(room, event, Place.ADMITTED)
    return replace(room, host=event.participant) if event.takes_host else room


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
        confirmed=known,
        identity=before.identity if event.line is Line.BROWSER else None,
        consents=before.consents if event.line is Line.BROWSER else {},
    )


def _identified(room: Room, event: ev.Identified) -> Room:
    return _change(room, event.participant, identity=event.identity)


def _disconnected(room: Room, event: ev.Disconnected) -> Room:
    return _change(room, event.participant, connection=None, sharing=False)


def _left(room: Room, event: ev.NotReached | ev.Left) -> Room:
    return _go_out(room, event, barred=False)


def _put_out(room: Room, event: ev.Refused | ev.Removed) -> Room:
    return _go_out(room, event, barred=True)


def _admitted(room: Room, event: ev.Admitted) -> Room:
    return _change(room, event.participant, place=Place.ADMITTED, since=event.at)


def _sent_to_waiting(room: Room, event: ev.SentToWaiting) -> Room:
    return _change(room, event.participant, place=Place.WAITING, since=event.at, sharing=False)


def _lock_changed(room: Room, event: ev.LockChanged) -> Room:
    return replace(room, locked=event.locked)


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
        else replace(p, place=Place.OUTSIDE, since=event.at, connection=None, sharing=False)
        for p in room.participants.values()
    }
    return replace(room, ended_at=event.at, host=None, participants=everyone)


EVOLVERS: Mapping[type, Callable[[Room, Any], Room]] = MappingProxyType(
    {
        ev.Invited: _invited,
        ev.InvitationRevoked: _invitation_revoked,
        ev.InvitationMoved: _invitation_moved,
        ev.TextNoted: _text_noted,
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
        ev.RoomEnded: _ended,
    }
)
"""How each event but the first changes a room; the test holds it complete."""
