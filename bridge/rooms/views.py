"""What follows from a room: whose packet gate is open, and who sees whom."""

from bridge.rooms.model import Participant, ParticipantId, Place, Room


def who_may_send(room: Room) -> frozenset[ParticipantId]:
    """Return those whose gate must be open: admitted, connected, and the room not over.

    What the application brings the engine in line with, after every event and at every repair.
    """
    if room.ended:
        return frozenset()
    return frozenset(p.id for p in room.participants.values() if p.present)


def visible_to(room: Room, participant: ParticipantId) -> tuple[Participant, ...]:
    """Return whom `participant` sees, in order of first appearance in the room; who waits last, longest first.

    The host sees the admitted, the waiting and who is called; others who are admitted see the admitted and who
    is called, one who waits sees only themselves, and one who is called, outside or unknown nobody.
    """
    viewer = room.participants.get(participant)
    if viewer is None or viewer.place in (Place.OUTSIDE, Place.CALLED):
        return ()
    if viewer.place is Place.WAITING:
        return (viewer,)
    inside = tuple(p for p in room.participants.values() if p.place in (Place.ADMITTED, Place.CALLED))
    return inside + (room.at(Place.WAITING) if room.host == viewer.id else ())
