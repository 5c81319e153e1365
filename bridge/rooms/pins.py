"""A person's other way in: a new PIN of their own invitation, for when the page does not do.

PINs are on record as digests alone, so nobody can be told theirs once more; a new one takes its place.
"""

from datetime import datetime

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.arrivals import spent_by_now
from bridge.rooms.model import Assurance, ByParticipant, Invitation, Office, Participant, Place, Room, System
from bridge.rooms.refusal import Refusal


def renew(room: Room, command: c.RenewPin, now: datetime) -> ev.Outcome:
    """Give a link's holder a PIN. A link that has been used takes its secret, as at the door."""
    invitation = room.invitations.get(command.invitation)
    if invitation is None:
        return Refusal("link_invalid", "The link belongs to no invitation of this room.")
    holder = None if invitation.participant is None else room.participants[invitation.participant]
    refusal = spent_by_now(invitation, holder) or _none_for(room, invitation) or _not_now(invitation, holder, now)
    if refusal is not None:
        return refusal
    if holder is not None and command.resume_hash != holder.resume_hash:
        return Refusal("link_used", "The link has been used by somebody else, or on another device.")
    if any(other.pin == command.new_pin for other in room.invitations.values()):
        return Refusal("wrong_state", "Another invitation of this room has the same PIN.")
    by = System(Office.BRIDGE) if holder is None else ByParticipant(holder.id)
    return [ev.PinRenewed(room=room.id, at=now, by=by, invitation=invitation.id, pin=command.new_pin)]


def can_have_one(room: Room, invitation: Invitation) -> bool:
    """Whether the holder of a link can call instead."""
    return _none_for(room, invitation) is None


def _none_for(room: Room, invitation: Invitation) -> Refusal | None:
    if room.number is None:
        return Refusal("wrong_state", "The room has no number to call.")
    if invitation.many:
        return Refusal("wrong_state", "Whoever calls has no name, so a link for many has no PIN.")
    if invitation.host and invitation.requires is not Assurance.NONE:
        return Refusal("wrong_state", "Who calls cannot log in, so a host who must has no PIN.")
    return None


def _not_now(invitation: Invitation, holder: Participant | None, now: datetime) -> Refusal | None:
    outside = holder is None or holder.place is Place.OUTSIDE
    if outside and now >= invitation.expires_at:
        return Refusal("link_expired", "The link is no longer valid.")
    return None
