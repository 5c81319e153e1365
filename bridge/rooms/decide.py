"""`decide(room, command, now)`: the events that a command leads to, or the refusal that answers it.

The commands' rules are in `arrivals` (coming and going), `dialling` (who is called), `hosting` (the host's acts),
`receiving` (one patient after the other), `substitutes`, `duty` (who of a rota comes), `timing` (delay and
cancellation), `acts` (one's own acts and links), `consent`, `invitations` (what becomes of links), `pins` (another
way in) and `stills` (pictures that the host asks for); `locking` says what follows for the lock. An act that
changes nothing, such as a second click, gives no events and no refusal.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from bridge.rooms import (
    acts,
    arrivals,
    consent,
    dialling,
    duty,
    hosting,
    invitations,
    pins,
    receiving,
    stills,
    substitutes,
    timing,
)
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.locking import locked_by_itself
from bridge.rooms.model import Room
from bridge.rooms.policy import (
    MAX_PARTICIPANTS,
    MIN_PARTICIPANTS,
    can_be_dialled,
    is_administration,
    is_aware,
    text_fits,
)
from bridge.rooms.refusal import Refusal


def decide(room: Room | None, command: c.Command, now: datetime) -> ev.Outcome:
    """Return what comes of `command` at `now` (aware, UTC); never raises, changes nothing."""
    if not is_aware(now):
        return Refusal("bad_message", "The time carries no offset.")
    if isinstance(command, c.CreateRoom):
        return _create(room, command, now)
    if room is None:
        return Refusal("link_invalid" if isinstance(command, c.Knock) else "wrong_state", "There is no such room.")
    if room.ended:
        # Sockets close and people press "end" after the end: that is no fault of theirs.
        return [] if isinstance(command, QUIET_AFTER_END) else Refusal("room_ended", "The consultation is over.")
    outcome = DECIDERS[type(command)](room, command, now)
    if not isinstance(outcome, Refusal):
        outcome = [*outcome, *locked_by_itself(room, outcome, now)]
    return stills.settle(room, outcome)


def _create(room: Room | None, command: c.CreateRoom, now: datetime) -> ev.Outcome:
    if room is not None:
        return Refusal("wrong_state", "The room exists already.")
    if not is_administration(command.by):
        return Refusal("not_host", "Only the administration opens rooms.")
    if not MIN_PARTICIPANTS <= command.max_participants <= MAX_PARTICIPANTS:
        return Refusal("bad_message", f"A room holds {MIN_PARTICIPANTS} to {MAX_PARTICIPANTS} participants.")
    if not text_fits(command.name):
        return Refusal("bad_message", "The room's name is empty or too long.")
    if command.number is not None and not can_be_dialled(command.number):
        return Refusal("bad_message", "A room's number is four to twelve digits.")
    return [
        ev.RoomCreated(
            room=command.room,
            at=now,
            by=command.by,
            name=command.name,
            max_participants=command.max_participants,
            number=command.number,
            plain_calls=command.plain_calls,
            autolock=command.autolock,
            one_at_a_time=command.one_at_a_time,
            rota=command.rota,
        )
    ]


QUIET_AFTER_END = (c.Disconnect, c.NoteMiss, c.Leave, c.End)

DECIDERS: Mapping[type, Callable[[Room, Any, datetime], ev.Outcome]] = MappingProxyType(
    {
        c.Knock: arrivals.knock,
        c.Call: arrivals.call,
        c.Dial: dialling.dial,
        c.Answer: dialling.answer,
        c.NoteMiss: dialling.miss,
        c.RenewPin: pins.renew,
        c.Disconnect: arrivals.disconnect,
        c.Leave: arrivals.leave,
        c.Admit: hosting.admit,
        c.AdmitAll: hosting.admit_all,
        c.Refuse: hosting.refuse,
        c.Remove: hosting.remove,
        c.SendToWaiting: hosting.send_to_waiting,
        c.Lock: hosting.lock,
        c.Mute: hosting.mute,
        c.ConfirmIdentity: hosting.confirm_identity,
        c.HandOver: hosting.hand_over,
        c.End: hosting.end,
        c.SeeOff: receiving.see_off,
        c.TakeHost: substitutes.take_host,
        c.TakeRoom: duty.take,
        c.Appoint: substitutes.appoint,
        c.Delay: timing.delay,
        c.Cancel: timing.cancel,
        c.SelfMute: acts.self_mute,
        c.Camera: acts.camera,
        c.Sharing: acts.sharing,
        c.Consent: consent.consent,
        c.WithdrawConsent: consent.withdraw,
        c.AskStill: stills.ask,
        c.EndStill: stills.end,
        c.Invite: acts.invite,
        c.RevokeInvitation: acts.revoke,
        c.MoveInvitation: invitations.move,
        c.NoteText: invitations.note_text,
    }
)
"""What answers each command on a room that exists; the test holds it complete."""
