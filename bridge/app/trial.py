"""Tests of the way to the bridge before entry: a page's own picture and sound go to the bridge and come back.

A test has two legs, one that sends and one that receives, in an engine room of its own, on the same sockets
and through the same code as a call. It is in no room of people: it has no seat, records nothing, and all that
stays of it is one word for the host.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from bridge.app.live import LiveRoom
from bridge.app.ports import Links
from bridge.app.quality import trial_verdict
from bridge.app.quality.figures import Figures, LegFigures, as_heard, read, since_began
from bridge.app.quality.sockets import Counts, counted, worst
from bridge.app.quality.verdict import FULL_SHARE
from bridge.app.reconcile import loop_back
from bridge.app.service import RoomService
from bridge.app.telling import leg_name
from bridge.rooms.arrivals import may_test
from bridge.rooms.model import InvitationId
from bridge.rooms.pins import can_have_one
from media.api import EngineError, Snapshot
from media.sdp import OfferRoles, SdpError
from signalling import messages as m
from signalling.errors import Code, Rejected

LOG: Final = structlog.get_logger("bridge.tests")
# Each sends at most what one person in a call sends, so that many cost a node what one fuller room costs.
MAX_TESTS: Final = 16
# Long enough for some hundred packets of sound, of which one lost is a third of a percent.
MEASURE_SECONDS: Final = 7.0
LEGS: Final = 2
_NOTHING: Final = m.Flow(loss_percent=0, jitter_ms=0, bitrate_kbps=0)


class Trials:
    """All tests of this process."""

    def __init__(self, service: RoomService, links: Links, snapshot: Callable[[], Snapshot]) -> None:
        self._service = service
        self._links = links
        self._snapshot = snapshot
        self._running: Counter[InvitationId] = Counter()

    def __len__(self) -> int:
        """How many are going on."""
        return self._running.total()

    async def begin(self, test: m.Test) -> "Trial":
        """Begin a test for whoever holds this link. Raises Rejected."""
        room_id, link = self._links.read(test.token)
        live = await self._service.find(room_id)
        if live is None:
            raise Rejected(Code.LINK_INVALID)
        refusal = may_test(live.room, link, self._service.outside.clock.now())
        if refusal is not None:
            raise self._turned_down(Code(refusal.code), refusal.sentence)
        many = live.room.invitations[link].many
        if (link in self._running and not many) or len(self) >= MAX_TESTS:
            raise self._turned_down(Code.TEST_BUSY)
        self._running[link] += 1
        opening = m.Testing(ref=test.ref, seconds=MEASURE_SECONDS, ice_servers=[])
        return Trial(self._service, self._snapshot, opening, _Holder(live, link, many, self._running))

    def _turned_down(self, code: Code, sentence: str | None = None) -> Rejected:
        self._service.outside.counts.inc("refusals", code.value)
        return Rejected(code, sentence)


@dataclass(frozen=True, slots=True)
class _Holder:
    """Whose test it is, and where it is taken off the list at its end."""

    live: LiveRoom
    link: InvitationId
    many: bool
    running: Counter[InvitationId]

    @property
    def may_call(self) -> bool:
        """Whether its owner can come in by a call instead."""
        room = self.live.room
        return can_have_one(room, room.invitations[self.link])

    def go(self) -> None:
        """Take it off."""
        self.running[self.link] -= 1
        if not self.running[self.link]:
            del self.running[self.link]


class Trial:
    """One test: see `signalling.ports.Trial`. The first offer is the sending leg's, the second the other's."""

    def __init__(
        self, service: RoomService, snapshot: Callable[[], Snapshot], opening: m.Testing, holder: _Holder
    ) -> None:
        self.opening = opening
        self._service = service
        self._snapshot = snapshot
        self._holder = holder
        self.number = service.next_number()
        """The engine room that is this test's alone."""
        self._legs: list[int] = []
        self._looped_at: float | None = None
        self._sockets: Counts | None = None
        """The shards' counts at that time."""
        self._over = False

    def handle(self, message: m.Offer | m.TestReport | m.Leave) -> m.Answer | m.Tested | None:
        """Do what the page asks. Raises Rejected."""
        match message:
            case m.Offer():
                return self._answer(message)
            case m.TestReport():
                return self._conclude(message)
            case m.Leave():
                return None

    def end(self) -> None:
        """Forget the legs, unless that is done."""
        if self._over:
            return
        self._over = True
        for leg in self._legs:
            self._service.outside.legs.close(leg)
        self._holder.go()

    def _answer(self, offer: m.Offer) -> m.Answer:
        if self._over or len(self._legs) == LEGS:
            raise Rejected(Code.WRONG_STATE, "A test has two offers.")
        try:
            return self._open(offer)
        except SdpError as error:
            raise Rejected(Code(error.code), error.message) from error
        except EngineError as error:
            self._service.outside.counts.inc("engine_errors", error.code)
            raise Rejected(Code.INTERNAL) from error

    def _open(self, offer: m.Offer) -> m.Answer:
        outside = self._service.outside
        roles = OfferRoles(mic=offer.sources.mic, camera=offer.sources.camera, content=None)
        leg, answer = outside.legs.open(
            self.number, offer.sdp, roles, content_slots=0, now=outside.clock.monotonic()
        )
        self._legs.append(leg)
        if len(self._legs) == LEGS:
            loop_back(self.number, (self._legs[0], leg), outside.gate, outside.legs)
            self._looped_at = outside.clock.monotonic()
            self._sockets = self._count_sockets()
        return m.Answer(ref=offer.ref, sdp=answer.sdp, leg=leg_name(leg))

    def _conclude(self, report: m.TestReport) -> m.Tested:
        exchange = self._exchange(report)
        self.end()
        word, reasons = trial_verdict.judge(exchange)
        if not self._holder.many and m.TestReason.BRIDGE not in reasons:
            # Of a link for many nobody knows whose test it was; and hosts are told of links, not of the bridge.
            self._holder.live.tested[self._holder.link] = word
        self._service.outside.counts.inc("tests", word.value)
        LOG.info("test_over", verdict=word.value, reasons=[reason.value for reason in reasons])
        return m.Tested(
            ref=report.ref,
            verdict=word,
            reasons=reasons,
            up=exchange.up.flow if exchange.up else _NOTHING,
            down=exchange.down.flow if exchange.down else _NOTHING,
            rtt_ms=exchange.rtt_ms,
            calls=self._holder.may_call,
        )

    def _exchange(self, report: m.TestReport) -> trial_verdict.Exchange:
        (sender, receiver), bridge_lost = self._measured()
        concealed = None if report.concealed_percent is None else report.concealed_percent / 100
        up, down = sender.all_up, as_heard(receiver, concealed).all_down
        return trial_verdict.Exchange(
            up=_way(up, _flow(up), _up_kbps(up, report.capacity_kbps)),
            down=None
            if report.down is None
            else _way(down, _received(down, report.down), _capacity_kbps(receiver)),
            rtt_ms=next((rtt for rtt in (receiver.rtt_ms, sender.rtt_ms) if rtt is not None), report.rtt_ms),
            picture=report.frames > 0,
            sound=report.sound,
            bridge_lost=bridge_lost,
        )

    def _measured(self) -> tuple[tuple[LegFigures, LegFigures], float]:
        """The sending leg and the receiving one by the engine's own count, nothing where nothing passed.

        And the share of packets that their shard lost at its sockets meanwhile.
        """
        if self._looped_at is None:
            return (LegFigures(), LegFigures()), 0.0
        try:
            snapshot = self._snapshot()
        except EngineError as error:
            self._service.outside.counts.inc("engine_errors", error.code)
            raise Rejected(Code.INTERNAL) from error
        now = read(snapshot.streams, snapshot.legs, self._service.outside.clock.monotonic())
        sender, receiver = (since_began(now, leg, now.at - self._looped_at) for leg in self._legs)
        if self._sockets is None:
            return (sender, receiver), 0.0
        shard = self._service.outside.legs.shard_of(self.number)
        return (sender, receiver), worst(self._sockets, counted(snapshot.shards), shard)

    def _count_sockets(self) -> Counts | None:
        """None where the engine does not say: the test goes on without."""
        try:
            return counted(self._snapshot().shards)
        except EngineError as error:
            self._service.outside.counts.inc("engine_errors", error.code)
            return None


def _flow(figures: Figures) -> m.Flow:
    return m.Flow(
        loss_percent=round(100 * figures.loss, 1),
        jitter_ms=round(figures.jitter_ms or 0.0, 1),
        bitrate_kbps=round(figures.bits_per_second / 1000, 1),
    )


def _way(figures: Figures, flow: m.Flow, capacity_kbps: float | None) -> trial_verdict.Way | None:
    """One direction; None where nothing passed."""
    if not figures.bits_per_second:
        return None
    left = round(100 * figures.loss_after, 1)
    return trial_verdict.Way(flow=flow, left_percent=left, capacity_kbps=capacity_kbps)


def _received(figures: Figures, told: m.Flow) -> m.Flow:
    """The way down; its rate is what arrived.

    Where the page reports on each packet, the engine knows this way alone. What the page itself tells has in it
    what the way up did before.
    """
    sent = _flow(figures)
    loss, jitter = sent.loss_percent, sent.jitter_ms
    if not figures.jitter_is_own:
        loss, jitter = max(loss, told.loss_percent), max(jitter, told.jitter_ms)
    return m.Flow(loss_percent=loss, jitter_ms=jitter, bitrate_kbps=told.bitrate_kbps)


def _up_kbps(figures: Figures, capacity_kbps: float | None) -> float | None:
    """What the way up carries by the page's word, where it is full: else nobody has looked how much that is."""
    is_full = capacity_kbps is not None and figures.bits_per_second / 1000 > FULL_SHARE * capacity_kbps
    return capacity_kbps if is_full else None


def _capacity_kbps(receiver: LegFigures) -> float | None:
    """What the way down carries, where more was wanted of it."""
    carries = receiver.carries
    if carries is None or carries.wanted_bits_per_second <= carries.bits_per_second:
        return None
    return carries.bits_per_second / 1000
