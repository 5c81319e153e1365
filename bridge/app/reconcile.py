"""Brings the packet engine in line with a room: gates, mutes, feeds. The only code that opens a gate.

`loop_back` opens those of a test, in an engine room that nobody else is in; so are callers spoken to who are not
in yet, or no more (`bridge.app.announcing.lobby`). Everything else is about rooms and their converters, whose
gates open here as well: they are fed with those who may send, and with nobody else.

What is wanted follows from the recorded room alone; what differs from the last thing asked for is asked for. So
one function serves the act itself, a leg that is set up late, and the repair after a failure: it is always safe to
call, and calling it after `forget` asks for everything again.
"""

from collections.abc import Iterator
from dataclasses import replace

from bridge.app.announcing.lobby import Lobby
from bridge.app.feeds.asking import wishes
from bridge.app.feeds.converters import NoConverters, Outlets
from bridge.app.feeds.jobs import Label, Labels
from bridge.app.feeds.planner import ANYONE, Plan, Present, plan, weigh
from bridge.app.feeds.sending import PATIENCE_LOOKS
from bridge.app.feeds.serving import Serving, serve
from bridge.app.live import LiveRoom, MediaLeg
from bridge.app.ports import Gate, Legs
from bridge.rooms.model import ParticipantId, Role
from bridge.rooms.views import who_may_send
from media.api import Feed, MoveLeg, SetFeeds, SetGate, SetMuted, SourceRef
from media.description import MIC


def reconcile(live: LiveRoom, gate: Gate, legs: Legs, converters: NoConverters) -> None:
    """Ask the engine for whatever differs from what the room's records say. Raises EngineError when it is busy.

    Gates close before any opens: nobody who is on the way out sees a packet of somebody who is on the way in.
    """
    may = who_may_send(live.room)
    for owner, media in list(live.legs.items()):
        if owner not in may and media.gate_open is not False:
            gate.submit(SetGate(leg=media.leg, open=False))
            media.gate_open = False
            if (lobby := live.lobbies.get(media.leg)) is not None:
                lobby.open = False
    inside = {media.leg for owner, media in live.legs.items() if owner in may}
    for leg, lobby in live.lobbies.items():
        if leg in inside:
            _leave(lobby, leg, live.number, (gate, converters))
    _mute(live, gate, legs)
    made = _feed(live, gate, (legs, converters), may)
    for owner, media in list(live.legs.items()):
        # By the records somebody may be back before their page is: the leg that it left waits for it.
        if owner in may and media.gate_open is not True and (owner in live.seats or not media.returns):
            gate.submit(SetGate(leg=media.leg, open=True))
            media.gate_open = True
    _connect(made, gate)
    for leg, lobby in live.lobbies.items():
        if leg not in inside:
            _attend(lobby, leg, (gate, legs, converters))


def _connect(made: Outlets, gate: Gate) -> None:
    """Open the gates of converters."""
    for machine in made.machines:
        if machine.gate_open is not True:
            gate.submit(SetGate(leg=machine.leg.leg, open=True))
            machine.gate_open = True


def _leave(lobby: Lobby, leg: int, number: int, by: tuple[Gate, NoConverters]) -> None:
    """Take a leg out of its lobby to where the others are, its gate closed."""
    gate, converters = by
    if lobby.has is not False:
        gate.submit(SetGate(leg=leg, open=False))
        gate.submit(MoveLeg(leg=leg, room=number))
        lobby.has, lobby.open, lobby.feeds = False, False, None
    converters.want(lobby.number, {}, {})


def _attend(lobby: Lobby, leg: int, by: tuple[Gate, Legs, NoConverters]) -> None:
    """Have somebody who is not in spoken to, in a room of their own; what they send goes to nobody."""
    gate, legs, converters = by
    if lobby.has is not True:
        gate.submit(SetGate(leg=leg, open=False))
        gate.submit(MoveLeg(leg=leg, room=lobby.number))
        lobby.has, lobby.open, lobby.feeds = True, False, None
    slots = legs.description(leg).slots
    alone = [Present(leg, (), slots, composed=True, spoken_to=True, caption=lobby.shown)]
    serving = serve(alone, (), means=converters.means(lobby.number, waits=True))
    made = converters.want(lobby.number, serving.slots, {})
    feeds = tuple(_feeds((alone, []), serving.plan, _filled(serving, made)))
    if feeds != lobby.feeds:
        lobby.feeds = None
        gate.submit(SetFeeds(room=lobby.number, feeds=feeds))
        lobby.feeds = feeds
    _connect(made, gate)
    if lobby.open is not True:
        gate.submit(SetGate(leg=leg, open=True))
        lobby.open = True


def forget(live: LiveRoom, converters: NoConverters) -> None:
    """Trust nothing that was asked before; the next `reconcile` asks for all of it again."""
    converters.forget(live.number)
    for lobby in live.lobbies.values():
        converters.forget(lobby.number)
        lobby.forget()
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
    wanted = plan(present, ())
    gate.submit(SetFeeds(room=number, feeds=tuple(_feeds((present, []), wanted, wanted))))
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


def _feed(live: LiveRoom, gate: Gate, by: tuple[Legs, NoConverters], may: frozenset[ParticipantId]) -> Outlets:
    """Plan who gets what, have made what has to be made, and tell the engine; give what converters there are."""
    legs, converters = by
    present = _asked(live, list(_present(live, legs, may)))
    serving = serve(present, live.speakers, live.plan, converters.means(live.number))
    made = converters.want(live.number, serving.slots, _labels(live))
    feeds = (*_feeds((present, live.speakers), serving.plan, _filled(serving, made)), *_inputs(made))
    if live.plan_known and feeds == live.feeds:
        # Whom a converter has in a slot is no business of the engine's.
        live.plan, live.served = serving.plan, serving.slots
        return made
    # Kept before it is asked for: if asking fails, stability is still judged by what people were meant to see.
    live.plan, live.served, live.feeds, live.plan_known = serving.plan, serving.slots, feeds, False
    gate.submit(SetFeeds(room=live.number, feeds=feeds))
    live.plan_known = True
    return made


def _asked(live: LiveRoom, present: list[Present]) -> list[Present]:
    """Note in which codec pages are asked for their pictures, and who may do so any moment."""
    able = {media.leg for media in live.legs.values() if media.switches}
    before = {(media.leg, source) for media in live.legs.values() for source in media.codecs}
    live.wishes = wishes(present, able, before)
    formats = {(one.leg, source.source): source.formats for one in present for source in one.sources}
    live.asked = {
        key: next(form.codec for form in formats[key] if form.pt == pt) for key, pt in live.wishes.items()
    }
    soon = {key: codec for key, codec in live.asked.items() if live.unheeded.get(key, 0) < PATIENCE_LOOKS}
    return [
        replace(one, asked={source: codec for (leg, source), codec in soon.items() if leg == one.leg})
        for one in present
    ]


def _filled(serving: Serving, made: Outlets) -> Plan:
    """What each slot is sent: what is made for it, and where that is not there yet, what can be had meanwhile."""
    filled = {place: served.source for place, served in serving.slots.items()} | dict(made.slots)
    return {place: source for place, source in filled.items() if source is not None}


def _feeds(of: tuple[list[Present], list[int]], wanted: Plan, filled: Plan) -> Iterator[Feed]:
    present, speakers = of
    weights, lines = weigh(present, speakers, wanted), {one.leg: one.lines for one in present}
    for (leg, slot), (sender, source) in filled.items():
        yield Feed(
            leg=leg,
            slot=slot,
            source=SourceRef(leg=sender, source=source),
            importance=weights.get((leg, slot), ANYONE),
            height=lines[leg].get(slot),
        )


def _inputs(made: Outlets) -> Iterator[Feed]:
    for fed in made.inputs:
        (leg, slot), (sender, source) = fed.place, fed.source
        yield Feed(leg=leg, slot=slot, source=SourceRef(leg=sender, source=source), height=fed.height)


def _labels(live: LiveRoom) -> Labels:
    people = ((media.leg, live.room.participants.get(owner)) for owner, media in live.legs.items())
    return {leg: Label(person.name.reveal(), person.muted) for leg, person in people if person is not None}


def _present(live: LiveRoom, legs: Legs, may: frozenset[ParticipantId]) -> Iterator[Present]:
    """Those who may send, in the order in which they came to the room."""
    for owner, person in live.room.participants.items():
        media = live.legs.get(owner)
        if media is None or owner not in may:
            continue
        described = legs.description(media.leg)
        lines, told = live.viewports.get(owner, {}), live.told.get(media.leg)
        lobby = live.lobbies.get(media.leg)
        yield Present(
            leg=media.leg,
            sources=described.sources,
            slots=described.slots,
            content_slots=frozenset(described.content_slots),
            sharing=person.sharing,
            pinned=_leg_of(live.legs.get(live.pins.get(owner, owner))),
            interpreter=person.role is Role.INTERPRETER,
            lines={place.slot: lines[place.mid] for place in described.places if place.mid in lines},
            sending=media.sending,
            composed=media.together,
            camera=person.camera,
            spoken_to=told is not None and told.spoken,
            caption=None if told is None else told.shown,
            idle=None if lobby is None else lobby.idle,
        )


def _leg_of(media: MediaLeg | None) -> int | None:
    return None if media is None else media.leg
