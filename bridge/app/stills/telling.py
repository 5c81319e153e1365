"""What both are told of a still picture, and its end by the records."""

from bridge.app.live import LiveRoom
from bridge.app.stills.way import Way
from bridge.rooms import events as ev
from bridge.rooms.model import ParticipantId
from signalling import messages as m


def follow(live: LiveRoom, event: ev.Event) -> None:
    """Tell both of what the records say of the picture; with its end nothing more goes through."""
    way = live.still
    if way is None:
        return
    match event:
        case ev.StillAsked(still=still) if still == way.still:
            tell(live, way)
        case ev.Reconnected(participant=who) if who in (way.asker, way.participant):
            # What was told last may have gone to a connection that was dead.
            tell(live, way, only=who)
        case ev.StillSent() | ev.StillDeclined() | ev.StillFailed() if event.still == way.still:
            live.still = None
            if way.relay is not None:
                way.relay.end(complete=isinstance(event, ev.StillSent))
            for who in (way.asker, way.participant):
                _tell(live, who, said(way, _state(event)))
        case _:
            pass


def tell(live: LiveRoom, way: Way, only: ParticipantId | None = None) -> None:
    """Tell both, or one, how far it is: that it is asked for, or by which token each end of it is opened."""
    if way.relay is None:
        states = {
            way.asker: said(way, m.StillState.ASKED),
            way.participant: said(way, m.StillState.ASKED, key=way.key),
        }
    else:
        states = {
            way.participant: said(way, m.StillState.COMING, token=way.up, size=way.size),
            way.asker: said(way, m.StillState.COMING, token=way.down, size=way.size),
        }
    for who, state in states.items():
        if only in (None, who):
            _tell(live, who, state)


def said(
    way: Way, state: m.StillState, *, key: str | None = None, token: str | None = None, size: int | None = None
) -> m.Still:
    """A message about the picture."""
    return m.Still(
        still=way.still,
        asker=way.asker,
        participant=way.participant,
        state=state,
        key=key,
        token=token,
        size=size,
    )


def _state(event: ev.StillSent | ev.StillDeclined | ev.StillFailed) -> m.StillState:
    match event:
        case ev.StillSent():
            return m.StillState.SENT
        case ev.StillDeclined():
            return m.StillState.DECLINED
        case ev.StillFailed(why=why):
            return m.StillState(why.value)


def _tell(live: LiveRoom, who: ParticipantId, message: m.Still) -> None:
    if (seated := live.seats.get(who)) is not None:
        seated.connection.send(message)
