"""Reads a room's records with none of the domain's code: who is in, on which connection, who is barred.

What it says is held against what the domain, the application and the packet engine make of the same records.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bridge.rooms import events as ev
from bridge.rooms.model import ConnectionId, InvitationId, ParticipantId

Connections = Mapping[ParticipantId, ConnectionId]

_COMES = (ev.Dialled, ev.Arrived, ev.HostEntered, ev.Reconnected)
_BINDS = (ev.Dialled, ev.Arrived, ev.HostEntered, ev.RoomTaken)
_OPENS = (ev.Admitted, ev.HostEntered)
_SHUTS = (ev.Arrived, ev.Left, ev.Removed, ev.Refused, ev.SeenOff, ev.SentToWaiting, ev.NotReached)
_GOES = (ev.NotReached, ev.Left, ev.Removed, ev.Refused, ev.SeenOff, ev.Disconnected)
_SPENDS = (ev.Removed, ev.Refused)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the records so far come to."""

    admitted: frozenset[ParticipantId] = frozenset()
    connections: Connections = field(default_factory=dict)
    bound: Mapping[ParticipantId, InvitationId] = field(default_factory=dict)
    barred: frozenset[ParticipantId] = frozenset()
    """Those who were put out for good."""
    ended: bool = False

    def after(self, event: ev.Event) -> "Ledger":
        """The ledger with one more event."""
        if isinstance(event, ev.RoomEnded):
            return replace(self, admitted=frozenset(), connections={}, ended=True)
        if isinstance(event, ev.InvitationCancelled):
            return self._called_off(event.invitation)
        if not isinstance(event, (*_COMES, *_BINDS, *_OPENS, *_SHUTS, *_GOES)):
            return self
        who = event.participant
        admitted, connections, bound, barred = self.admitted, dict(self.connections), self.bound, self.barred
        if isinstance(event, _BINDS):
            bound = {**bound, who: event.invitation}
        if isinstance(event, _COMES):
            connections[who] = event.connection
        if isinstance(event, _OPENS):
            admitted |= {who}
        if isinstance(event, _SHUTS):
            admitted -= {who}
        if isinstance(event, _GOES):
            connections.pop(who, None)
        if isinstance(event, _SPENDS):
            barred |= {who}
        return Ledger(admitted, connections, bound, barred, self.ended)

    def _called_off(self, link: InvitationId) -> "Ledger":
        """Who is not in yet by a link that is called off has gone."""
        gone = {who for who, mine in self.bound.items() if mine == link and who not in self.admitted}
        return replace(self, connections={who: one for who, one in self.connections.items() if who not in gone})

    @property
    def passing(self) -> frozenset[ParticipantId]:
        """Those whose packets may pass: let in, and connected."""
        return frozenset(self.admitted & self.connections.keys())
