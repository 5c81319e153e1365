"""Brings the packet engine in line with a room: gates, mutes, feeds. The only code that opens a gate.

`loop_back` opens those of a test, in an engine room that nobody else is in. Everything else is about rooms:

What is wanted follows from the recorded room alone; what differs from the last thing asked for is asked for. So
one function serves the act itself, a leg that is set up late, and the repair after a failure: it is always safe to
call, and calling it after `forget` asks for everything again.
"""

from collections.abc import Iterator

from bridge.app.asking import wishes
from bridge.app.live import LiveRoom, MediaLeg
from bridge.app.planner import Plan, Present, plan, weigh
from bridge.app.ports import Gate, Legs
from bridge.rooms.model import ParticipantId, Role
from bridge.rooms.views import who_may_send
from media.api import Feed, SetFeeds, SetGate, SetMuted, SourceRef
from media.description import MIC


def reconcile(live: LiveRoom, gate: Gate, legs: Legs) -> None:
    """Ask the engine for whatever differs from what the room's records say. Raises EngineError when it is busy.

    Gates close before any opens: nobody who is on the way out sees a packet of somebody who is on the way in.
    """
    may = who_may_send(live.room)
    for owner, media in list(live.legs.items()):
        if owner not in may and media.gate_open is not False:
            gate.submit(SetGate(leg=media.leg, open=False))
            media.gate_open = False
    _mute(live, gate, legs)
    _feed(live, gate, legs, may)
    for owner, media in list(live.legs.items()):
        if owner in may and media.gate_open is not True:
            gate.submit(SetGate(leg=media.leg, open=True))
            media.gate_open = True


def forget(live: LiveRoom) -> None:
    """Trust nothing that was asked before; the next `reconcile` asks for all of it again."""
    for media in live.legs.values():
        media.gate_open = None
        media.muted = None
    live.plan_known = False


def loop_back(number: int, pair: tuple[int, int], gate: Gate, legs: Legs) -> None:
    """Send what the first leg of a page sends back to its second one. Raises EngineError.

    Both are in the engine room `number`, which must have been made for them alone: the engine feeds nothing
    from one room to another, and no plan of people names this one.
    """
    sender, receiver = pair
    to, of = legs.description(receiver), legs.description(sender)
    present = [Present(receiver, (), to.slots), Present(sender, of.sources, ())]
    gate.submit(SetFeeds(room=number, feeds=_feeds(present, [], plan(present, ()))))
    for leg in (receiver, sender):
        gate.submit(SetGate(leg=leg, open=True))


def _mute(live: LiveRoom, gate: Gate, legs: Legs) -> None:
    for owner, media in live.legs.items():
        if all(source.source != MIC for source in legs.description(media.leg).sources):
            continue
        person = live.room.participants.get(owner)
        wanted = person is not None and person.muted
        if media.muted is not wanted:
            gate.submit(SetMuted(leg=media.leg, source=MIC, muted=wanted))
            media.muted = wanted


def _feed(live: LiveRoom, gate: Gate, legs: Legs, may: frozenset[ParticipantId]) -> None:
    present = list(_present(live, legs, may))
    able = {media.leg for media in live.legs.values() if media.switches}
    asked = {(media.leg, source) for media in live.legs.values() for source in media.codecs}
    live.wishes = wishes(present, able, asked)
    wanted = plan(present, live.speakers, live.plan)
    feeds = _feeds(present, live.speakers, wanted)
    if live.plan_known and feeds == live.feeds:
        return
    # Kept before it is asked for: if asking fails, stability is still judged by what people were meant to see.
    live.plan, live.feeds, live.plan_known = wanted, feeds, False
    gate.submit(SetFeeds(room=live.number, feeds=feeds))
    live.plan_known = True


def _feeds(present: list[Present], speakers: list[int], wanted: Plan) -> tuple[Feed, ...]:
    weights, lines = weigh(present, speakers, wanted), {one.leg: one.lines for one in present}
    return tuple(
        Feed(
            leg=leg,
            slot=slot,
            source=SourceRef(leg=sender, source=source),
            importance=weights[leg, slot],
            height=lines[leg].get(slot),
        )
        for (leg, slot), (sender, source) in wanted.items()
    )


def _present(live: LiveRoom, legs: Legs, may: frozenset[ParticipantId]) -> Iterator[Present]:
    """Those who may send, in the order in which they came to the room."""
    for owner, person in live.room.participants.items():
        media = live.legs.get(owner)
        if media is None or owner not in may:
            continue
        described = legs.description(media.leg)
        lines = live.viewports.get(owner, {})
        yield Present(
            leg=media.leg,
            sources=described.sources,
            slots=described.slots,
            content_slots=frozenset(described.content_slots),
            sharing=person.sharing,
            pinned=_leg_of(live.legs.get(live.pins.get(owner, owner))),
            interpreter=person.role is Role.INTERPRETER,
            lines={place.slot: lines[place.mid] for place in described.places if place.mid in lines},
        )


def _leg_of(media: MediaLeg | None) -> int | None:
    return None if media is None else media.leg
