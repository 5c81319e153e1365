"""What each participating organisation needs for its own duty to document (requirements A74).

An organisation is told of its own people, and of the others only the roles of those with whom its people were in
the room: whoever waited, or came when its people had gone, is none of its business.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.records.stays import Stay, stays
from bridge.rooms import events as ev
from bridge.rooms.model import ParticipantId, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance:
    """What one organisation (nine digits) is told: its people's stays, and the roles of those whom they met."""

    organisation: str
    people: tuple[Stay, ...]
    others: tuple[Role, ...]
    """One for each person, in the order of roles."""


def attendance(events: Iterable[ev.Event]) -> list[Attendance]:
    """Give what each organisation is told of a room, in the order of their numbers.

    Somebody belongs to the organisation that a login has proven, also in stays in which they had not logged in.
    """
    everybody = stays(events)
    employers = _employers(everybody)
    return [_of(organisation, everybody, employers) for organisation in sorted({*employers.values()})]


def _employers(everybody: Iterable[Stay]) -> dict[ParticipantId, str]:
    return {
        stay.participant: stay.identity.organisation
        for stay in everybody
        if stay.identity is not None and stay.identity.organisation is not None
    }


def _of(organisation: str, everybody: list[Stay], employers: dict[ParticipantId, str]) -> Attendance:
    own = tuple(stay for stay in everybody if employers.get(stay.participant) == organisation)
    ours = [period for stay in own for period in stay.present]
    met = {
        stay.participant: stay.role
        for stay in everybody
        if employers.get(stay.participant) != organisation
        and any(period.overlaps(other) for period in stay.present for other in ours)
    }
    return Attendance(
        organisation=organisation, people=own, others=tuple(sorted(met.values(), key=list(Role).index))
    )
