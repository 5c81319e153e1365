"""The door through which a room changes: load, decide, record, act, tell.

Browsers come through `bridge.app.browser`, operators and record systems through `bridge.app.administration`, and a
gateway's calls will come the same way: all of them bring commands of the domain.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import structlog

from bridge.app import audit, receiving, telling
from bridge.app.dialling import NoDialling
from bridge.app.errors import Overtaken
from bridge.app.feeds.converters import NoConverters
from bridge.app.feeds.planner import NO_PLAN
from bridge.app.live import LiveRoom
from bridge.app.ports import Audited, Clock, Counts, Gate, Legs, Store
from bridge.app.presence import away
from bridge.app.proof import NOTHING_USUAL, Usual
from bridge.app.reconcile import forget, reconcile
from bridge.app.stills.telling import follow as follow_still
from bridge.app.texting import NoTexting
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.decide import decide
from bridge.rooms.evolve import evolve, replay
from bridge.rooms.model import ParticipantId, Room, RoomId, RoomNumber
from bridge.rooms.refusal import Refusal
from media.api import (
    CommandRefused,
    ConsentLost,
    Demand,
    EngineError,
    GateChanged,
    LegRemoved,
    RoomFailed,
    ShardStopped,
    Speakers,
)
from media.legs import LegDelayed, LegEvent, LegFailed, LegSecured
from signalling.errors import Code, Rejected
from signalling.messages import Cancelled, Missed, TurnedAway

LOG: Final = structlog.get_logger("bridge.rooms")
MEDIA_FAILED: Final = "The media of this room failed and begin anew; connect again now."
# Numbers that follow each other are on different shards, so that some of these are on one that lives.
NUMBERS_TO_TRY: Final = 64
TRIES: Final = 4


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything around the use cases."""

    store: Store
    gate: Gate
    legs: Legs
    clock: Clock
    counts: Counts
    converters: NoConverters = field(default_factory=NoConverters)
    dialling: NoDialling = field(default_factory=NoDialling)
    texting: NoTexting = field(default_factory=NoTexting)
    usual: Usual = NOTHING_USUAL
    organisations: Mapping[str, str] = field(default_factory=dict)
    """What those are called for which people work, by their numbers."""
    followed: Callable[[LiveRoom], None] = lambda _live: None
    """Told of each room as it is, whenever its people are."""


Recorded = Callable[[LiveRoom, Sequence[ev.Event]], None]
"""Called when a command's events are on record, before anybody is told."""


def nothing_more(_live: LiveRoom, _events: Sequence[ev.Event]) -> None:
    """Do nothing: most commands need no step of their own between record and act."""


class RoomService:
    """All rooms of this process."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self._live: dict[RoomId, LiveRoom] = {}
        self._numbers = count(secrets.randbits(31) << 32)
        self._broken: set[RoomId] = set()
        self._loading = asyncio.Lock()
        self._stopped_shards: set[int] = set()
        # Room failures that are not in the audit yet; each room's ration bounds it.
        self._unwritten: deque[tuple[RoomId, Audited]] = deque()

    @property
    def rooms(self) -> list[LiveRoom]:
        """The rooms in memory: all that somebody has asked for since the start and that have not ended."""
        return list(self._live.values())

    async def create(self, command: c.CreateRoom) -> Room:
        """Open a room. Raises Rejected."""
        now = self.outside.clock.now()
        events = self._accepted(decide(None, command, now), command, None)
        room = replay(events)
        rows = [line for event in events if (line := audit.of_event(event, room))]
        async with self._loading:
            await self.outside.store.append(command.room, 0, events, rows)
            self._live[command.room] = LiveRoom(room, self.next_number())
        return room

    async def find(self, room_id: RoomId) -> LiveRoom | None:
        """A room, from memory or from the store."""
        if (live := self._live.get(room_id)) is not None:
            return live
        # One at a time: two who load the same room would each have a lock of their own.
        async with self._loading:
            return self._live.get(room_id) or await self._load(room_id)

    async def look(self, room_id: RoomId) -> Room | None:
        """A room as it is, without taking it on: its people may be at another bridge."""
        if (live := self._live.get(room_id)) is not None:
            return live.room
        events = await self.outside.store.load(room_id)
        return replay(events) if events else None

    async def find_called(self, number: RoomNumber) -> LiveRoom | None:
        """The room that is called by this number, unless it has ended."""
        room_id = await self.outside.store.room_of(number)
        live = None if room_id is None else await self.find(RoomId(room_id))
        return None if live is None or live.room.ended else live

    async def _load(self, room_id: RoomId) -> LiveRoom | None:
        events = await self.outside.store.load(room_id)
        if not events:
            return None
        live = LiveRoom(replay(events), self.next_number())
        if not live.room.ended:
            await self._part_with_ghosts(live)
            self._live[room_id] = live
        return live

    async def _part_with_ghosts(self, live: LiveRoom) -> None:
        """Record as gone whoever is connected by the records and has no seat, as all have after a restart."""
        for person in list(live.room.participants.values()):
            if person.connection is not None and person.id not in live.seats:
                await self._carry_out(live, c.Disconnect(participant=person.id, connection=person.connection))

    async def act(self, live: LiveRoom, command: c.Command, recorded: Recorded = nothing_more) -> list[ev.Event]:
        """Carry a command out; give what happened. Raises Rejected, and StoreError when nothing could be recorded.

        The events are on record before any gate moves. If moving them fails, the room is repaired by `repair`.
        Where another bridge has changed the room meanwhile, the command is decided on anew, a few times.
        """
        async with live.lock:
            for _ in range(TRIES - 1):
                with suppress(Overtaken):
                    return await self._attempt(live, command, recorded)
            return await self._attempt(live, command, recorded)

    async def _attempt(self, live: LiveRoom, command: c.Command, recorded: Recorded) -> list[ev.Event]:
        if live.in_doubt:
            await self._catch_up(live)
        return await self._carry_out(live, command, recorded)

    async def _carry_out(
        self, live: LiveRoom, command: c.Command, recorded: Recorded = nothing_more
    ) -> list[ev.Event]:
        now = self.outside.clock.now()
        outcome = decide(live.room, command, now)
        if isinstance(outcome, Refusal):
            await self._audit_refusal(live, audit.of_refusal(command, outcome, live.room, now))
            if (told := receiving.turned_away(live, command, outcome, self.outside.clock.monotonic())) is not None:
                self._tell_host(live, told)
        events = self._accepted(outcome, command, live)
        if events:
            await self._record(live, events)
        recorded(live, events)
        if events:
            self._follow(live, events)
        return events

    async def _audit_refusal(self, live: LiveRoom, line: Audited) -> None:
        """Write down what was turned down, where something was at stake and within what one person may write."""
        if live.room.ended or not live.refusals.take(line):
            self.outside.counts.inc("refusals_not_audited", line.outcome)
            return
        await self.outside.store.append(live.room.id, live.room.revision, [], [line])

    async def _catch_up(self, live: LiveRoom) -> None:
        """Take over what is on record beyond what is known here, and act on it. The caller holds the lock."""
        events = await self.outside.store.load(live.room.id)
        missed = events[live.room.revision :]
        live.room, live.in_doubt = replay(events), False
        if missed:
            self._follow(live, missed)
        if not live.room.ended:
            await self._part_with_ghosts(live)

    def _accepted(self, outcome: ev.Outcome, command: c.Command, live: LiveRoom | None) -> list[ev.Event]:
        if isinstance(outcome, Refusal):
            self.outside.counts.inc("refusals", outcome.code)
            room = None if live is None else live.room.id
            LOG.info("command_refused", room=room, command=type(command).__name__, code=outcome.code)
            raise Rejected(Code(outcome.code), outcome.sentence)
        return outcome

    async def _record(self, live: LiveRoom, events: Sequence[ev.Event]) -> None:
        room = live.room
        rows: list[Audited] = []
        for event in events:
            room = evolve(room, event)
            if (line := audit.of_event(event, room)) is not None:
                rows.append(line)
        try:
            await self.outside.store.append(room.id, live.room.revision, events, rows)
        except BaseException:
            # Cancelled, or failed on the way back: only the store knows whether it is on record.
            live.in_doubt = True
            self._broken.add(room.id)
            raise
        live.room = room

    def _follow(self, live: LiveRoom, events: Sequence[ev.Event]) -> None:
        """Act on what is on record, then tell."""
        self.bring_in_line(live)
        for event in events:
            follow_still(live, event)
            for who, code in telling.farewell(event, live.room).items():
                self._part(live, who, code, telling.last_word(event))
            if isinstance(event, ev.Disconnected):
                self._leave_leg(live, event.participant)
            if isinstance(event, ev.NotReached):
                self._tell_host(live, telling.missed(live.room, event))
        if live.room.ended:
            # Whoever's time to come back ran out just now has no seat any more, and still a leg.
            ended = next(event for event in events if isinstance(event, ev.RoomEnded))
            for who in {**live.seats, **live.legs}:
                code = telling.end_for(ended, live.room.participants[who])
                self._part(live, who, code, telling.last_word(ended))
            self._live.pop(live.room.id, None)
        self.tell(live)

    def _tell_host(self, live: LiveRoom, message: Missed | TurnedAway) -> None:
        host = live.room.present_host
        if host is not None and (seated := live.seats.get(host.id)) is not None:
            seated.connection.send(message)

    def _part(self, live: LiveRoom, who: ParticipantId, code: Code, word: Cancelled | None = None) -> None:
        self._drop_leg(live, who)
        live.numbers.pop(who, None)
        live.ringing.discard(who)
        live.pins.pop(who, None)
        live.viewports.pop(who, None)
        if (seated := live.seats.pop(who, None)) is not None:
            if word is not None:
                seated.connection.send(word)
            seated.connection.close(code)

    def drop_leg(self, live: LiveRoom, who: ParticipantId, leg: int) -> None:
        """Take this leg away from somebody who keeps the place. Of no effect when they have another by now."""
        if (media := live.legs.get(who)) is not None and media.leg == leg:
            self._drop_leg(live, who)

    def _leave_leg(self, live: LiveRoom, who: ParticipantId) -> None:
        """Keep the leg of who may come back to it, if its gate is shut by now; `Presence` sees to its end."""
        media = live.legs.get(who)
        if media is not None and not (media.returns and media.gate_open is False):
            self._drop_leg(live, who)

    def _drop_leg(self, live: LiveRoom, who: ParticipantId) -> None:
        if (media := live.legs.pop(who, None)) is not None:
            # With a gate that might be open, nobody lingers: from here on no repair would look at it.
            if not media.lingers or media.gate_open is not False:
                self.outside.legs.close(media.leg)
            live.speakers = [leg for leg in live.speakers if leg != media.leg]
            self.bring_in_line(live)

    def bring_in_line(self, live: LiveRoom) -> None:
        """Make the engine do what the records say, now or, if it cannot take it, by the next `repair`.

        While it is in doubt what they say, nothing moves: an opening might have been taken back.
        """
        if live.in_doubt:
            self._broken.add(live.room.id)
            return
        try:
            reconcile(live, self.outside.gate, self.outside.legs, self.outside.converters)
        except EngineError as error:
            self._report_broken(live, error.code)
        self._ask(live)

    def _ask(self, live: LiveRoom) -> None:
        """Tell pages in what their pictures are best sent, where that is not what they know."""
        for who, media in live.legs.items():
            wished = {source: pt for (leg, source), pt in live.wishes.items() if leg == media.leg}
            for source, payload_type in wished.items():
                before = media.codecs.get(source)
                message = telling.codec(media.leg, source, payload_type)
                if message != before:
                    media.codecs[source] = message
                    if (seated := live.seats.get(who)) is not None:
                        seated.connection.send(message)

    def plan_anew(self, number: int) -> None:
        """Plan a room once more, since what can be done for it has changed."""
        for live in [live for live in self._live.values() if live.number == number]:
            self.bring_in_line(live)
            if live.short != self.outside.converters.is_short(number):
                self.tell(live)

    def _report_broken(self, live: LiveRoom, code: str) -> None:
        self.outside.counts.inc("engine_errors", code)
        LOG.error("room_out_of_line", room=live.room.id, code=code)
        self._broken.add(live.room.id)

    async def repair(self) -> None:
        """Bring rooms in line whose last act did not reach store or engine; to be called every second or so."""
        await self._write_failures()
        broken, self._broken = self._broken, set()
        for room_id in broken:
            if (live := self._live.get(room_id)) is None:
                continue
            try:
                await self._settle(live)
            except Exception:
                # The store is still away; the other rooms must not suffer for it.
                LOG.exception("room_in_doubt", room=room_id)
            forget(live, self.outside.converters)
            self.bring_in_line(live)
            self.tell(live)

    async def _settle(self, live: LiveRoom) -> None:
        async with live.lock:
            if live.in_doubt:
                await self._catch_up(live)

    def tell(self, live: LiveRoom) -> None:
        """Send everyone their roster and layout."""
        self.outside.followed(live)
        live.short = self.outside.converters.is_short(live.number)
        ways = (self.outside.dialling.available, live.short, self.outside.texting.available)
        now = self.outside.clock.now()
        told = (live.tested, live.legs, live.numbers, live.ringing, away(live))
        beside = telling.Beside(*told, *ways, now, self.outside.organisations, self.outside.usual)
        for who, seated in list(live.seats.items()):
            seated.tell(telling.roster(live.room, who, beside), telling.layout(live, self.outside.legs, who))

    def handle_leg_event(self, event: LegEvent) -> None:
        """Take what the engine tells of a leg or a room."""
        match event:
            case Speakers(room=number, legs=order):
                self._take_speakers(number, order)
            case Demand():
                self._take_demand(event)
            case CommandRefused(leg=leg, command=command, code=code):
                LOG.error("engine_refused", leg=leg, command=command, code=code)
                self.outside.counts.inc("engine_errors", code)
                self._take_refusal(leg, command)
            case LegDelayed(code=code):
                self.outside.counts.inc("engine_errors", code)
            case LegFailed(leg=leg, code=code):
                LOG.warning("leg_failed", leg=leg, code=code)
                self.outside.counts.inc("leg_failures", code)
            case LegSecured(leg=leg) | ConsentLost(leg=leg):
                LOG.info("leg_secured" if isinstance(event, LegSecured) else "consent_lost", leg=leg)
            case GateChanged() | LegRemoved():
                self._log_engine_record(event)
            case RoomFailed():
                self._take_failure(event)
            case ShardStopped(shard=shard, place=place):
                self._take_stopped_shard(shard, place)
            case _:
                pass

    def _take_failure(self, event: RoomFailed) -> None:
        self.outside.counts.inc("room_failures", "room")
        lost = set(event.legs)
        for live in [live for live in self._live.values() if live.number != event.room]:
            # Callers who were spoken to in a room of their own; their calls are taken for lost.
            for who in [who for who, media in live.legs.items() if media.leg in lost]:
                del live.legs[who]
        for live in [live for live in self._live.values() if live.number == event.room]:
            LOG.error("room_failed", room=live.room.id, legs=len(event.legs), place=event.place)
            self._begin_anew(live)

    def _take_stopped_shard(self, shard: int, place: str) -> None:
        """Let the rooms of a thread that has ended go on on another."""
        LOG.error("shard_stopped", shard=shard, place=place)
        self._stopped_shards.add(shard)
        for live in list(self._live.values()):
            if self.outside.legs.shard_of(live.number) == shard:
                self.outside.counts.inc("room_failures", "shard")
                self._begin_anew(live)

    def _begin_anew(self, live: LiveRoom) -> None:
        """Have everybody come back to a room whose legs are gone: pages do so at once, and places are kept."""
        for media in live.legs.values():
            self.outside.legs.close(media.leg)
        live.legs.clear()
        live.speakers, live.plan, live.plan_known = [], NO_PLAN, False
        self.outside.converters.drop(live.number)
        # What the engine may still say of the old number is about nobody.
        live.number = self.next_number()
        for seated in live.seats.values():
            seated.connection.close(Code.RESTARTING, MEDIA_FAILED)
        line = audit.of_room_failure(self.outside.clock.now())
        if live.refusals.take(line):
            self._unwritten.append((live.room.id, line))

    def next_number(self) -> int:
        """The engine's number for a room, on a shard that lives if there is one."""
        if not self._stopped_shards:
            return next(self._numbers)
        numbers = [next(self._numbers) for _ in range(NUMBERS_TO_TRY)]
        lives = (number for number in numbers if self.outside.legs.shard_of(number) not in self._stopped_shards)
        return next(lives, numbers[0])

    def number_beside(self, number: int) -> int:
        """Another number of the engine's, on the same shard."""
        shard = self.outside.legs.shard_of(number)
        return next(other for other in self._numbers if self.outside.legs.shard_of(other) == shard)

    async def _write_failures(self) -> None:
        while self._unwritten:
            room_id, line = self._unwritten[0]
            try:
                await self.outside.store.append(room_id, 0, [], [line])
            except Exception:
                # The store is away; the line waits for the next turn.
                LOG.exception("failure_not_audited", room=room_id)
                return
            self._unwritten.popleft()

    def _take_refusal(self, leg: int, command: str) -> None:
        live = self._room_of(leg)
        who = None if live is None else live.owner_of(leg)
        if live is None or who is None:
            return
        if command in ("AddLeg", "AddLines"):
            # It would be refused again, as would all that is asked of a leg that does not exist.
            self._drop_leg(live, who)
            self.tell(live)
        else:
            self._broken.add(live.room.id)

    def _log_engine_record(self, event: GateChanged | LegRemoved) -> None:
        """The engine's own word on when the last packet went out, beside the time of the act."""
        is_open = isinstance(event, GateChanged) and event.open
        name = "gate_changed" if isinstance(event, GateChanged) else "leg_removed"
        LOG.info(name, leg=event.leg, open=is_open, at_us=event.at_us, last_out_us=event.last_out_us)

    def _room_of(self, leg: int) -> LiveRoom | None:
        return next((live for live in self._live.values() if live.owner_of(leg) is not None), None)

    def _take_demand(self, demand: Demand) -> None:
        live = self._room_of(demand.leg)
        who = None if live is None else live.owner_of(demand.leg)
        if live is None or who is None:
            return
        message = telling.demand(demand)
        live.legs[who].demands[demand.source] = message
        if (seated := live.seats.get(who)) is not None:
            seated.connection.send(message)

    def _take_speakers(self, number: int, order: list[int]) -> None:
        live = next((live for live in self._live.values() if live.number == number), None)
        if live is None or live.speakers == order:
            return
        live.speakers = order
        before = live.plan
        self.bring_in_line(live)
        if live.plan != before:
            self.tell(live)
