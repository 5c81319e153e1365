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
            _tell(live, way.asker, said(way, m.StillState.ASKED))
            _tell(live, way.participant, said(way, m.StillState.ASKED, key=way.key))
        case ev.StillSent() | ev.StillDeclined() | ev.StillFailed() if event.still == way.still:
            live.still = None
            if way.relay is not None:
                way.relay.end(complete=isinstance(event, ev.StillSent))
            for who in (way.asker, way.participant):
                _tell(live, who, said(way, _state(event)))
        case _:
            pass


def tell_coming(live: LiveRoom, way: Way) -> None:
    """Tell both that the picture is there, and by which token each end is opened."""
    _tell(live, way.participant, said(way, m.StillState.COMING, token=way.up, size=way.size))
    _tell(live, way.asker, said(way, m.StillState.COMING, token=way.down, size=way.size))


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
