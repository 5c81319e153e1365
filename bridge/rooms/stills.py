"""Still pictures that the host asks somebody for: one at a time, and only between two who stay in the room.

The picture itself is nothing of the room's: it goes from page to page, encrypted, and is on no record.
"""

from datetime import datetime
from typing import Final

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.evolve import evolve
from bridge.rooms.model import Actor, ByParticipant, Line, Office, Room, Still, StillEnd, System
from bridge.rooms.policy import target_standing
from bridge.rooms.refusal import Refusal

OF_THE_PERSON: Final = frozenset({StillEnd.DECLINED, StillEnd.NO_PICTURE})
OF_THE_ASKER: Final = frozenset({StillEnd.SENT, StillEnd.CANCELLED, StillEnd.UNREADABLE})
OF_THE_BRIDGE: Final = frozenset({StillEnd.NO_ANSWER, StillEnd.TOO_SLOW})


def ask(room: Room, command: c.AskStill, now: datetime) -> ev.Outcome:
    """Ask somebody who is in by a browser for a picture, while no other one is asked for."""
    target = target_standing(room, command.by, command.participant)
    if isinstance(target, Refusal):
        return target
    host = room.present_host
    if host is None or host.line is not Line.BROWSER:
        return Refusal("wrong_state", "A picture is shown on a page, and the host has none.")
    if not target.present or target.line is not Line.BROWSER or target.id == room.host:
        return Refusal("wrong_state", "Only another who is in by a browser can be asked for a picture.")
    if room.still is not None:
        return Refusal("wrong_state", "A picture is being asked for, or is on its way.")
    return [
        ev.StillAsked(room=room.id, at=now, by=command.by, participant=target.id, still=command.still),
    ]


def end(room: Room, command: c.EndStill, now: datetime) -> ev.Outcome:
    """Note what has become of the picture, by the word of who can know it."""
    still = room.still
    if still is None or still.id != command.still:
        return []
    if command.end not in _known_to(room, still, command.by):
        return Refusal("wrong_state", "That is not for the one who asks to say.")
    return [_over(room, still, command.end, command.by, now)]


def settle(room: Room, outcome: ev.Outcome) -> ev.Outcome:
    """Put the end of the picture before whatever ends it: either of the two out, or without a page."""
    if room.still is None or isinstance(outcome, Refusal):
        return outcome
    settled: list[ev.Event] = []
    for event in outcome:
        after = evolve(room, event)
        if room.still is not None and after.still == room.still and not _goes_on(after, room.still):
            over = _over(room, room.still, StillEnd.GONE, System(Office.BRIDGE), event.at)
            settled.append(over)
            after = evolve(evolve(room, over), event)
        settled.append(event)
        room = after
    return settled


def _known_to(room: Room, still: Still, by: Actor) -> frozenset[StillEnd]:
    """Which ends of a picture somebody may tell of. Whoever is host meanwhile can call it off, too."""
    if not isinstance(by, ByParticipant):
        return OF_THE_BRIDGE if by.office is Office.BRIDGE else frozenset()
    if by.participant == still.participant:
        return OF_THE_PERSON
    if by.participant == still.asker:
        return OF_THE_ASKER
    return frozenset({StillEnd.CANCELLED}) if by.participant == room.host else frozenset()


def _goes_on(room: Room, still: Still) -> bool:
    both = (room.participants.get(still.asker), room.participants.get(still.participant))
    return all(one is not None and one.present and one.line is Line.BROWSER for one in both)


def _over(room: Room, still: Still, how: StillEnd, by: Actor, now: datetime) -> ev.Event:
    whom, known = still.participant, still.id
    if how is StillEnd.SENT:
        return ev.StillSent(room=room.id, at=now, by=by, participant=whom, still=known)
    if how is StillEnd.DECLINED:
        return ev.StillDeclined(room=room.id, at=now, by=by, participant=whom, still=known)
    return ev.StillFailed(room=room.id, at=now, by=by, participant=whom, still=known, why=how)
