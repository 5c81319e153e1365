"""The host's acts: who comes in, who goes, whose microphone is open, and when it is over."""

from datetime import datetime

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Participant, Pii, Place, Room, System
from bridge.rooms.policy import (
    CLINICIANS,
    free_places,
    host_standing,
    is_apart,
    is_aware,
    lacks_proof,
    meets_another,
    target_standing,
    text_fits,
)
from bridge.rooms.refusal import Refusal


def admit(room: Room, command: c.Admit, now: datetime) -> ev.Outcome:
    """Let one in who waits and is there to be seen."""
    target = target_standing(room, command.by, command.participant)
    if isinstance(target, Refusal):
        return target
    if target.place is Place.ADMITTED:
        return []
    return let_in(room, target, command, now)


def let_in(room: Room, target: Participant, command: c.Admit | c.SeeOff, now: datetime) -> ev.Outcome:
    """Let one in who waits, into the room as it is."""
    if target.place is not Place.WAITING or not target.connected:
        return Refusal("wrong_state", "Only one who waits and is connected can be admitted.")
    if free_places(room) == 0:
        return Refusal("room_full", "There is no place left in the room.")
    if meets_another(room, target):
        return Refusal("patient_inside", "Another patient is in, or company of theirs; see them off first.")
    refusal = _unproven(room, target, command.reason)
    if refusal is not None:
        return refusal
    reason = command.reason if lacks_proof(room, target) else None
    return [ev.Admitted(room=room.id, at=now, by=command.by, participant=target.id, reason=reason)]


def _unproven(room: Room, target: Participant, reason: Pii | None) -> Refusal | None:
    """Why somebody cannot be let in as surely as they are known, or for this reason."""
    if reason is not None and not text_fits(reason):
        return Refusal("bad_message", "The reason is empty or too long.")
    if reason is None and lacks_proof(room, target):
        return Refusal("reason_needed", "Less is proven of this person than their invitation requires.")
    return None


def admit_all(room: Room, command: c.AdmitAll, now: datetime) -> ev.Outcome:
    """Let in those who wait and are connected, longest waiting first, as many as fit.

    Those stay of whom less is proven than is required, since each of them needs a reason, and those who see the
    doctor one after the other.
    """
    host = host_standing(room, command.by)
    if isinstance(host, Refusal):
        return host
    ready = [
        p
        for p in room.at(Place.WAITING)
        if p.connected and not lacks_proof(room, p) and not is_apart(room, p) and not meets_another(room, p)
    ]
    free = free_places(room)
    if ready and free == 0:
        return Refusal("room_full", "There is no place left in the room.")
    return [ev.Admitted(room=room.id, at=now, by=command.by, participant=p.id) for p in ready[:free]]


def refuse(room: Room, command: c.Refuse, now: datetime) -> ev.Outcome:
    """Turn one away for good who waits, or who went away just before."""
    target = target_standing(room, command.by, command.participant)
    if isinstance(target, Refusal):
        return target
    if command.reason is not None and not text_fits(command.reason):
        return Refusal("bad_message", "The reason is empty or too long.")
    if target.barred:
        return []
    if target.place in (Place.ADMITTED, Place.CALLED):
        return Refusal("wrong_state", "One who is admitted or called is removed, not refused.")
    return [ev.Refused(room=room.id, at=now, by=command.by, participant=target.id, reason=command.reason)]


def remove(room: Room, command: c.Remove, now: datetime) -> ev.Outcome:
    """Put anyone but the host out for good, or stop calling them; one who has left is kept from coming back."""
    target = target_standing(room, command.by, command.participant)
    if isinstance(target, Refusal):
        return target
    if target.id == room.host:
        return Refusal("wrong_state", "The host cannot be removed.")
    if target.barred:
        return []
    return [ev.Removed(room=room.id, at=now, by=command.by, participant=target.id)]


def send_to_waiting(room: Room, command: c.SendToWaiting, now: datetime) -> ev.Outcome:
    """Put one who is admitted back into the waiting room."""
    target = target_standing(room, command.by, command.participant)
    if isinstance(target, Refusal):
        return target
    if target.place is Place.WAITING:
        return []
    if target.place is not Place.ADMITTED:
        return Refusal("wrong_state", "Only one who is admitted can be sent to wait.")
    if target.may_host or target.id == room.host:
        # Their link would let them straight in again; only removal keeps them out.
        return Refusal("wrong_state", "The host and the holders of host links do not wait.")
    return [ev.SentToWaiting(room=room.id, at=now, by=command.by, participant=target.id)]


def lock(room: Room, command: c.Lock, now: datetime) -> ev.Outcome:
    """Close or open the door to newcomers."""
    host = host_standing(room, command.by)
    if isinstance(host, Refusal):
        return host
    if room.locked == command.locked:
        return []
    return [ev.LockChanged(room=room.id, at=now, by=command.by, locked=command.locked)]


def mute(room: Room, command: c.Mute, now: datetime) -> ev.Outcome:
    """Set or lift the host's mute of one who is admitted."""
    target = target_standing(room, command.by, command.participant)
    if isinstance(target, Refusal):
        return target
    if target.place is not Place.ADMITTED:
        return Refusal("wrong_state", "Only one who is admitted has a microphone to mute.")
    may_unmute = command.may_unmute or not command.muted
    if (target.muted_by_host, target.may_unmute) == (command.muted, may_unmute):
        return []
    return [
        ev.MuteChanged(
            room=room.id,
            at=now,
            by=command.by,
            participant=target.id,
            muted=command.muted,
            may_unmute=may_unmute,
        )
    ]


def confirm_identity(room: Room, command: c.ConfirmIdentity, now: datetime) -> ev.Outcome:
    """Note that somebody whom the others hear has been told to be who they say, or take that back."""
    target = target_standing(room, command.by, command.participant)
    if isinstance(target, Refusal):
        return target
    if target.id == room.host:
        return Refusal("wrong_state", "Nobody confirms their own identity.")
    if target.confirmed == command.confirmed:
        return []
    if not target.present:
        return Refusal("wrong_state", "Only one who is admitted and connected is heard by those who know them.")
    noted = ev.IdentityConfirmed if command.confirmed else ev.ConfirmationWithdrawn
    return [noted(room=room.id, at=now, by=command.by, participant=target.id)]


def hand_over(room: Room, command: c.HandOver, now: datetime) -> ev.Outcome:
    """Give the host role to another clinician who is there to take it."""
    target = target_standing(room, command.by, command.participant)
    if isinstance(target, Refusal):
        return target
    if room.host is None or target.id == room.host:
        return []
    if not target.present or target.role not in CLINICIANS:
        return Refusal("wrong_state", "The host role goes to a clinician who is admitted and connected.")
    return [
        ev.HandedOver(room=room.id, at=now, by=command.by, participant=target.id, previous=room.host),
    ]


def end(room: Room, command: c.End, now: datetime) -> ev.Outcome:
    """End for all, or call off what has not begun: by the host, or by the system."""
    if not isinstance(command.by, System):
        host = host_standing(room, command.by)
        if isinstance(host, Refusal):
            return host
    if command.cancelled and any(not p.may_host and p.id != room.host for p in room.at(Place.ADMITTED)):
        return Refusal("wrong_state", "What has begun is ended, not called off.")
    if command.new_time is not None and not is_aware(command.new_time):
        return Refusal("bad_message", "The new time carries no offset.")
    new_time = command.new_time if command.cancelled else None
    return [
        ev.RoomEnded(room=room.id, at=now, by=command.by, cancelled=command.cancelled, new_time=new_time),
    ]
