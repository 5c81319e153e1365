"""What becomes of links: an appointment is moved, and text messages come or do not."""

from datetime import datetime

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Office, Room, System, TextState
from bridge.rooms.policy import is_administration, is_aware
from bridge.rooms.refusal import Refusal

# A message is sent once, and then it comes or does not; what is said again changes nothing.
_FOLLOWING = {
    None: frozenset({TextState.SENT, TextState.FAILED}),
    TextState.SENT: frozenset({TextState.DELIVERED, TextState.FAILED}),
    TextState.DELIVERED: frozenset(),
    TextState.FAILED: frozenset(),
}


def move(room: Room, command: c.MoveInvitation, now: datetime) -> ev.Outcome:
    """Let a link be good until another time, also one that is not good any more."""
    if not is_administration(command.by):
        return Refusal("not_host", "Only the administration moves appointments.")
    invitation = room.invitations.get(command.invitation)
    if invitation is None:
        return Refusal("link_invalid", "There is no such invitation.")
    if not is_aware(command.expires_at) or command.expires_at <= now:
        return Refusal("bad_message", "The link must expire later than now, at a time with an offset.")
    if invitation.revoked or invitation.expires_at == command.expires_at:
        return []
    by, expires_at = command.by, command.expires_at
    return [ev.InvitationMoved(room=room.id, at=now, by=by, invitation=invitation.id, expires_at=expires_at)]


def note_text(room: Room, command: c.NoteText, now: datetime) -> ev.Outcome:
    """Note what became of the text message with a link."""
    if command.by != System(Office.BRIDGE):
        return Refusal("not_host", "Only the bridge learns what became of a text message.")
    invitation = room.invitations.get(command.invitation)
    if invitation is None:
        return Refusal("link_invalid", "There is no such invitation.")
    if command.state not in _FOLLOWING[invitation.text]:
        return []
    by, state = command.by, command.state
    return [ev.TextNoted(room=room.id, at=now, by=by, invitation=invitation.id, state=state)]
