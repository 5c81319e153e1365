"""Who may open what, by a room's records and none of the domain's code: the other half of the `Ledger`.

The ledger believes the records in who is in. This holds each of them against those before it: who let somebody in
was host and there; by a link that was taken back, called off or has expired nobody comes to wait; who was called,
takes a room or takes over had the right to. A delay prolongs links. What opens nothing, such as a still picture,
is only looked at for who did it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from bridge.rooms import events as ev
from bridge.rooms.model import (
    Actor,
    ByParticipant,
    InvitationId,
    Office,
    ParticipantId,
    Role,
    RotaName,
    SubjectDigest,
    System,
)
from tests.proof.ledger import Ledger

ADMINISTRATION: Final = System(Office.ADMINISTRATION)
CLINICIANS: Final = frozenset({Role.DOCTOR, Role.SPECIALIST})
COMPANY: Final = frozenset({Role.RELATIVE, Role.INTERPRETER, Role.ASSISTANT})
LATE: Final = timedelta(hours=2)
"""For so long after its new time a turn can be taken."""
GOES: Final = (ev.NotReached, ev.Left, ev.Removed, ev.Refused, ev.SeenOff)
Rule = Callable[["Openers", Ledger, Any], bool]


@dataclass(frozen=True, slots=True)
class Link:
    """What there is on record of a link."""

    role: Role
    expires_at: datetime
    host: bool = False
    substitute: bool = False
    shut: bool = False
    duty: bool = False
    many: bool = False


@dataclass
class Openers:
    """The links of a room, who waits, who rings, and who is host. `on_duty` are those of its rota."""

    on_duty: frozenset[SubjectDigest] = frozenset()
    links: dict[InvitationId, Link] = field(default_factory=dict)
    waiting: set[ParticipantId] = field(default_factory=set)
    called: set[ParticipantId] = field(default_factory=set)
    host: ParticipantId | None = None
    rota: RotaName | None = None

    def after(self, ledger: Ledger, event: ev.Event) -> str | None:
        """Take one more event, where `ledger` is of those before; say what is wrong with it, if anything is."""
        rule = _RULES.get(type(event))
        wrong = rule is not None and not rule(self, ledger, event)
        self._take_link(ledger, event)
        self._take_person(event)
        if isinstance(event, ev.RoomCreated):
            self.rota = event.rota
        if isinstance(event, ev.RoomEnded):
            self.host, self.waiting, self.called = None, set(), set()
        return f"not theirs to do: {event}" if wrong else None

    def present(self, ledger: Ledger) -> bool:
        """Whether a host is there."""
        return self.host in ledger.passing

    def decides(self, ledger: Ledger, by: Actor) -> bool:
        """Whether this is the host, who is there."""
        return self.present(ledger) and by == ByParticipant(self.host)

    def good(self, link: InvitationId, at: datetime) -> bool:
        """Whether a link still leads somewhere."""
        known = self.links.get(link)
        return known is not None and not known.shut and at < known.expires_at

    def _take_link(self, ledger: Ledger, event: Any) -> None:
        match event:
            case ev.Invited():
                made = Link(event.role, event.expires_at, event.host, event.substitute, many=event.many)
                self.links[event.invitation] = made
            case ev.RoomTaken():
                self._done_on_duty(ledger)
                self.links[event.invitation] = Link(event.role, event.expires_at, host=True, duty=True)
            case ev.SubstituteAppointed():
                self._change(event.invitation, substitute=True)
            case ev.InvitationMoved():
                self._change(event.invitation, expires_at=event.expires_at)
            case ev.Delayed():
                self._delay(event)
            case ev.InvitationRevoked():
                self._change(event.invitation, shut=True)
            case ev.InvitationCancelled():
                self._change(event.invitation, shut=True)
                self.waiting -= {one for one in self.waiting if ledger.bound[one] == event.invitation}

    def _take_person(self, event: Any) -> None:
        who = getattr(event, "participant", None)
        match event:
            case ev.HandedOver() | ev.HostTaken():
                self.host = who
            case ev.HostEntered():
                self.waiting.discard(who)
                self.host = who if event.takes_host else self.host
            case ev.Dialled():
                self.called.add(who)
            case ev.Arrived() | ev.SentToWaiting():
                self.called.discard(who)
                self.waiting.add(who)
                self.host = None if self.host == who else self.host
            case ev.Admitted():
                self.waiting.discard(who)
        if isinstance(event, GOES):
            self.waiting.discard(who)
            self.called.discard(who)
            self.host = None if self.host == who else self.host

    def _delay(self, event: ev.Delayed) -> None:
        """Whoever is told to come later can: by the link that is named, or by each good one of one person's."""
        if event.expected_at is None:
            return
        named = [event.invitation] if event.invitation else self.links
        for link in list(named):
            known = self.links[link]
            if event.invitation or (event.at < known.expires_at and not known.many):
                self._change(link, expires_at=max(known.expires_at, event.expected_at + LATE))

    def _change(self, link: InvitationId, **changes: Any) -> None:
        self.links[link] = replace(self.links[link], **changes)

    def _done_on_duty(self, ledger: Ledger) -> None:
        """Who took the room before and is not in it has lost it to who takes it now."""
        inside = {ledger.bound[who] for who in self.waiting | ledger.admitted}
        for link in [link for link, known in self.links.items() if known.duty and link not in inside]:
            self._change(link, shut=True)


def _decided(room: Openers, ledger: Ledger, event: Any) -> bool:
    return room.decides(ledger, event.by)


def _arranged(room: Openers, ledger: Ledger, event: Any) -> bool:
    return event.by == ADMINISTRATION or room.decides(ledger, event.by)


def _ended(room: Openers, ledger: Ledger, event: Any) -> bool:
    return isinstance(event.by, System) or room.decides(ledger, event.by)


def _admitted(room: Openers, ledger: Ledger, event: Any) -> bool:
    there = event.participant in room.waiting and event.participant in ledger.connections
    return there and room.decides(ledger, event.by)


def _put_out(room: Openers, ledger: Ledger, event: Any) -> bool:
    return room.decides(ledger, event.by) and event.participant != room.host


def _left(_room: Openers, _ledger: Ledger, event: Any) -> bool:
    return event.by in (ByParticipant(event.participant), System(Office.BRIDGE))


def _entered(room: Openers, ledger: Ledger, event: Any) -> bool:
    """On a host link, or as a substitute while no host is there, also from the waiting room."""
    link, waits = room.links[event.invitation], event.participant in room.waiting
    opens = not link.shut if waits else room.good(event.invitation, event.at)
    may = (link.host and not waits) or (link.substitute and event.takes_host)
    return opens and may and event.takes_host != room.present(ledger) and event.participant not in ledger.barred


def _arrived(room: Openers, ledger: Ledger, event: Any) -> bool:
    """By a good link. One who is called or holds a place needs it no more; who is put out is not helped by it."""
    held = event.participant in room.called | room.waiting | ledger.admitted
    return event.participant not in ledger.barred and (held or room.good(event.invitation, event.at))


def _came_back(room: Openers, ledger: Ledger, event: Any) -> bool:
    return event.participant in room.waiting | ledger.admitted


def _invited(room: Openers, ledger: Ledger, event: Any) -> bool:
    """By the administration; by the host, but no host link; by a patient who is in, for company."""
    if event.by == ADMINISTRATION:
        return True
    if event.host or not isinstance(event.by, ByParticipant) or event.by.participant not in ledger.passing:
        return False
    patient = room.links[ledger.bound[event.by.participant]].role is Role.PATIENT
    company = patient and event.role in COMPANY and not event.many and not event.substitute
    return room.decides(ledger, event.by) or company


def _moved(_room: Openers, _ledger: Ledger, event: Any) -> bool:
    return bool(event.by == ADMINISTRATION)


def _taken(room: Openers, ledger: Ledger, event: Any) -> bool:
    """By one of the room's rota, for whoever waits, while no host is there."""
    theirs = room.rota is not None and event.identity.subject in room.on_duty
    return theirs and bool(room.waiting) and not room.present(ledger)


def _host_taken(room: Openers, ledger: Ledger, event: Any) -> bool:
    link = room.links[ledger.bound[event.participant]]
    own = event.by == ByParticipant(event.participant) and event.participant in ledger.passing
    return own and (link.host or link.substitute) and not room.present(ledger)


def _handed_over(room: Openers, ledger: Ledger, event: Any) -> bool:
    there = event.participant in ledger.passing
    role = room.links[ledger.bound[event.participant]].role if there else None
    return role in CLINICIANS and room.decides(ledger, event.by)


_RULES: Final[dict[type, Rule]] = {
    ev.Admitted: _admitted,
    ev.Arrived: _arrived,
    ev.Delayed: _arranged,
    ev.Dialled: _decided,
    ev.HandedOver: _handed_over,
    ev.HostEntered: _entered,
    ev.HostTaken: _host_taken,
    ev.InvitationCancelled: _arranged,
    ev.InvitationMoved: _moved,
    ev.InvitationRevoked: _arranged,
    ev.Invited: _invited,
    ev.Left: _left,
    ev.Reconnected: _came_back,
    ev.Refused: _decided,
    ev.Removed: _put_out,
    ev.RoomEnded: _ended,
    ev.RoomTaken: _taken,
    ev.SeenOff: _put_out,
    ev.SentToWaiting: _put_out,
    ev.StillAsked: _decided,
    ev.SubstituteAppointed: _arranged,
}
