"""What follows from a room: whose packet gate is open, and who sees whom."""

from bridge.rooms import events as ev
from bridge.rooms.model import Participant, ParticipantId, Place, Room


def who_may_send(room: Room) -> frozenset[ParticipantId]:
    """Return those whose gate must be open: admitted, connected, and the room not over.

    This is the state that a repair (reconcile) or a new leg compares itself with.
    """
    if room.ended:
        return frozenset()
    return frozenset(p.id for p in room.participants.values() if p.present)


def gate_changes(event: ev.Event, before: Room | None, after: Room) -> list[tuple[ParticipantId, bool]]:
    """Return the gates to move, in this order, once `event` is recorded: (participant, open).

    Those to close come first. A pair with False closes every leg that the participant has had so far; one
    with True opens the leg of the present connection (`Participant.connection`), which may still have to be
    set up. An admitted person who reconnects while an older connection is up gets both: the old leg closes,
    the new one opens.
    """
    could = frozenset() if before is None else who_may_send(before)
    may = who_may_send(after)
    replaced = {event.participant} & could & may if isinstance(event, ev.Reconnected) else set()
    closing = sorted((could - may) | replaced)
    opening = sorted((may - could) | replaced)
    return [*((p, False) for p in closing), *((p, True) for p in opening)]


def visible_to(room: Room, participant: ParticipantId) -> tuple[Participant, ...]:
    """Return whom `participant` sees, in order of first appearance in the room.

    The host sees the admitted and the waiting, others who are admitted see the admitted, one who waits sees
    only themselves, and one who is outside (or unknown) nobody.
    """
    viewer = room.participants.get(participant)
    if viewer is None or viewer.place is Place.OUTSIDE:
        return ()
    if viewer.place is Place.WAITING:
        return (viewer,)
    places = {Place.ADMITTED, Place.WAITING} if room.host == viewer.id else {Place.ADMITTED}
    return tuple(p for p in room.participants.values() if p.place in places)
