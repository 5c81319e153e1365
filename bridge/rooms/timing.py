"""When it is somebody's turn: delays, and what is called off."""

from datetime import datetime, timedelta

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Actor, Place, Room
from bridge.rooms.policy import host_standing, is_administration, is_aware
from bridge.rooms.refusal import Refusal

FURTHEST = timedelta(days=366)
"""How far off a new time may be."""


def delay(room: Room, command: c.Delay, now: datetime) -> ev.Outcome:
    """Say when it is their turn, to all who wait or come, or to the holders of one link."""
    refusal = _may(room, command.by) or _bad_time(command.expected_at, now)
    if refusal is not None:
        return refusal
    known: datetime | None = room.expected_at
    if command.invitation is not None:
        invitation = room.invitations.get(command.invitation)
        if invitation is None or invitation.revoked or invitation.cancelled:
            return Refusal("link_invalid", "There is no such invitation any more.")
        known = invitation.expected_at if invitation.delayed else None
    if known == command.expected_at:
        return []
    return [
        ev.Delayed(
            room=room.id, at=now, by=command.by, expected_at=command.expected_at, invitation=command.invitation
        )
    ]


def cancel(room: Room, command: c.Cancel, now: datetime) -> ev.Outcome:
    """Call off what one link was for; whoever is in by it is seen off or removed instead."""
    refusal = _may(room, command.by) or _bad_time(command.new_time, now)
    if refusal is not None:
        return refusal
    invitation = room.invitations.get(command.invitation)
    if invitation is None:
        return Refusal("link_invalid", "There is no such invitation.")
    if invitation.cancelled:
        return []
    if any(p.invitation == invitation.id for p in room.at(Place.ADMITTED)) and not invitation.many:
        return Refusal("wrong_state", "What has begun cannot be called off.")
    return [
        ev.InvitationCancelled(
            room=room.id, at=now, by=command.by, invitation=invitation.id, new_time=command.new_time
        )
    ]


def _may(room: Room, by: Actor) -> Refusal | None:
    if is_administration(by):
        return None
    host = host_standing(room, by)
    return host if isinstance(host, Refusal) else None


def _bad_time(moment: datetime | None, now: datetime) -> Refusal | None:
    if moment is None:
        return None
    if not is_aware(moment) or not now < moment <= now + FURTHEST:
        return Refusal("bad_message", "The new time is to come, within a year, and carries an offset.")
    return None
