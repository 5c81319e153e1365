"""A second reading of a room's record, to which the domain's own is held."""

from bridge.rooms import events as ev
from bridge.rooms.model import ByParticipant, ConnectionId, InvitationId, ParticipantId, Role


class Oracle:
    """Reads the record with none of the domain's code; says who may pass and which links are spent."""

    def __init__(self) -> None:
        self.admitted: set[ParticipantId] = set()
        self.connection: dict[ParticipantId, ConnectionId] = {}
        self.bound: dict[ParticipantId, InvitationId] = {}
        self.spent: set[InvitationId] = set()
        self.issued: dict[InvitationId, ev.Invited] = {}
        self.one_at_a_time = False

    def read(self, event: ev.Event) -> None:
        """Take one event in."""
        if isinstance(event, ev.RoomCreated):
            self.one_at_a_time = event.one_at_a_time
        if isinstance(event, ev.Invited):
            self.issued[event.invitation] = event
        self._read_coming(event)
        self._read_going(event)

    def _read_coming(self, event: ev.Event) -> None:
        if isinstance(event, ev.Dialled | ev.Arrived | ev.HostEntered):
            assert event.invitation not in self.spent
            self.bound[event.participant] = event.invitation
        if isinstance(event, ev.Dialled | ev.Arrived | ev.HostEntered | ev.Reconnected):
            assert self.bound[event.participant] not in self.spent
            self.connection[event.participant] = event.connection
        if isinstance(event, ev.Admitted | ev.HostEntered):
            self.admitted.add(event.participant)

    def _read_going(self, event: ev.Event) -> None:
        if isinstance(event, ev.Arrived | ev.Left | ev.Removed | ev.Refused | ev.SeenOff | ev.SentToWaiting):
            self.admitted.discard(event.participant)
        if isinstance(event, ev.Disconnected):
            del self.connection[event.participant]
        if isinstance(event, ev.NotReached | ev.Left | ev.Removed | ev.Refused | ev.SeenOff):
            self.connection.pop(event.participant, None)
        if isinstance(event, ev.Removed | ev.Refused) and not self.issued[self.bound[event.participant]].many:
            self.spent.add(self.bound[event.participant])
        if isinstance(event, ev.InvitationCancelled):
            self._read_cancelled(event.invitation)
        if isinstance(event, ev.RoomEnded):
            self.admitted.clear()

    def _read_cancelled(self, invitation: InvitationId) -> None:
        if not self.issued[invitation].many:
            self.spent.add(invitation)
        for who in [who for who, link in self.bound.items() if link == invitation and who not in self.admitted]:
            self.connection.pop(who, None)

    def legs_that_may_pass(self) -> set[tuple[ParticipantId, ConnectionId]]:
        """Return the legs of those admitted and connected."""
        return {(p, self.connection[p]) for p in self.admitted if p in self.connection}

    def kept_apart(self) -> None:
        """Hold that no two patients are in who see the doctor one after the other, nor the company of another."""
        patients = {p: who for p in self.admitted if (who := self._patient_of(p)) is not None}
        for one, his in patients.items():
            for other, theirs in patients.items():
                apart = self.one_at_a_time or self._came(one).many or self._came(other).many
                assert his == theirs or not apart, (one, other)

    def _came(self, who: ParticipantId) -> ev.Invited:
        return self.issued[self.bound[who]]

    def _patient_of(self, who: ParticipantId) -> ParticipantId | None:
        link = self._came(who)
        if link.role is Role.PATIENT:
            return who
        by = link.by.participant if isinstance(link.by, ByParticipant) else None
        return by if by is not None and self._came(by).role is Role.PATIENT else None
