"""What people do for themselves, and links: one's own devices, taking the host role, inviting, revoking."""

from datetime import datetime

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Assurance, Ground, Place, Room
from bridge.rooms.policy import (
    acting_standing,
    host_standing,
    invitation_room,
    is_administration,
    is_aware,
    is_by_patient,
    may_invite,
    text_fits,
)
from bridge.rooms.refusal import Refusal


def self_mute(room: Room, command: c.SelfMute, now: datetime) -> ev.Outcome:
    """Close or open one's own microphone; the host may have forbidden opening it."""
    actor = acting_standing(room, command.by)
    if isinstance(actor, Refusal):
        return actor
    if not command.muted and actor.muted_by_host and not actor.may_unmute:
        return Refusal("wrong_state", "The host keeps this microphone closed.")
    if command.muted == (actor.muted_by_self if command.muted else actor.muted):
        return []
    return [ev.SelfMuteChanged(room=room.id, at=now, by=command.by, participant=actor.id, muted=command.muted)]


def camera(room: Room, command: c.Camera, now: datetime) -> ev.Outcome:
    """Note that somebody's camera went on or off."""
    actor = acting_standing(room, command.by)
    if isinstance(actor, Refusal):
        return actor
    if actor.camera == command.on:
        return []
    return [ev.CameraChanged(room=room.id, at=now, by=command.by, participant=actor.id, on=command.on)]


def sharing(room: Room, command: c.Sharing, now: datetime) -> ev.Outcome:
    """Start or stop sharing; everyone has one content slot, so one person shares at a time."""
    actor = acting_standing(room, command.by)
    if isinstance(actor, Refusal):
        return actor
    if actor.sharing == command.on:
        return []
    if command.on and any(p.sharing for p in room.participants.values()):
        return Refusal("wrong_state", "Somebody else is sharing.")
    return [ev.SharingChanged(room=room.id, at=now, by=command.by, participant=actor.id, on=command.on)]


def invite(room: Room, command: c.Invite, now: datetime) -> ev.Outcome:
    """Issue a link, where role, limits and the asker's standing allow it.

    What a patient says of the ground counts for no more than that they wish it.
    """
    refusal = may_invite(room, command.by, command)
    refusal = refusal or _badly_made(room, command, now)
    refusal = refusal or invitation_room(room, command.by, for_host=command.host or command.substitute)
    if refusal is not None:
        return refusal
    wished = is_by_patient(room, command.by)
    return [
        ev.Invited(
            room=room.id,
            at=now,
            by=command.by,
            invitation=command.invitation,
            role=command.role,
            name=command.name,
            host=command.host,
            expires_at=command.expires_at,
            pin=command.pin,
            requires=command.requires,
            person=command.person,
            many=command.many,
            substitute=command.substitute,
            ground=Ground.PATIENTS_WISH if wished else command.ground,
            reference=None if wished else command.reference,
            expected_at=command.expected_at,
        )
    ]


def _badly_made(room: Room, command: c.Invite, now: datetime) -> Refusal | None:
    if not text_fits(command.name):
        return Refusal("bad_message", "The name is empty or too long.")
    if not is_aware(command.expires_at) or command.expires_at <= now:
        return Refusal("bad_message", "The link must expire later than now, at a time with an offset.")
    if command.invitation in room.invitations:
        return Refusal("wrong_state", "The id for the invitation is taken.")
    if (refusal := _badly_described(command)) is not None:
        return refusal
    return None if command.pin is None else _no_pin(room, command)


def _badly_described(command: c.Invite) -> Refusal | None:
    if command.reference is not None and not text_fits(command.reference):
        return Refusal("bad_message", "The reference is empty or too long.")
    if command.expected_at is not None and not is_aware(command.expected_at):
        return Refusal("bad_message", "The time of the appointment carries no offset.")
    if (command.many, command.host, command.substitute).count(True) > 1:
        return Refusal("bad_message", "A link is for many, or a host's, or a substitute's.")
    if command.many and command.person is not None:
        return Refusal("bad_message", "A link for many is no one person's.")
    return None


def _no_pin(room: Room, command: c.Invite) -> Refusal | None:
    """Why an invitation cannot have its PIN."""
    if room.number is None:
        return Refusal("wrong_state", "The room has no number to call.")
    if any(other.pin == command.pin for other in room.invitations.values()):
        return Refusal("wrong_state", "Another invitation of this room has the same PIN.")
    if command.many:
        return Refusal("bad_message", "Whoever calls has no name, so a link for many has no PIN.")
    if command.host and command.requires is not Assurance.NONE:
        return Refusal("bad_message", "Who calls cannot log in, so a host who must has no PIN.")
    return None


def revoke(room: Room, command: c.RevokeInvitation, now: datetime) -> ev.Outcome:
    """Take a link back; one who holds a place through it has to be removed instead."""
    if not is_administration(command.by):
        host = host_standing(room, command.by)
        if isinstance(host, Refusal):
            return host
    invitation = room.invitations.get(command.invitation)
    if invitation is None:
        return Refusal("link_invalid", "There is no such invitation.")
    if invitation.revoked:
        return []
    holder = None if invitation.participant is None else room.participants[invitation.participant]
    if holder is not None and holder.place is not Place.OUTSIDE:
        return Refusal("wrong_state", "The holder of the link has a place; remove them instead.")
    return [ev.InvitationRevoked(room=room.id, at=now, by=command.by, invitation=invitation.id)]
