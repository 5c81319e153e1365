"""Whose link is bad: one word for each leg, from what was measured in its room. Pure.

What is known of a leg each second is *evidence*: shares of packets lost on the way up and on the way down,
jitter each way, what the page says of its processor, and how the bridge itself does. One second is no verdict.
A fault is named when it fills most of the last seconds, and held until they are clearly free of it, so that
neither a lost second nor one good one changes the word.

Loss down is charged to the receiver's own link, since the engine takes a sender's holes off it. So is jitter,
where the receiver tells of each packet; of what others report, that of the worst sender whom they hear is taken
off, as variances are.

Faults are looked for in the order in which one makes the next. First what the bridge lost itself: what came and
was not read before the kernel had to drop it, and what its socket did not take. It is everybody's, and shows as
loss on their links. Then loss on links: a bridge that is only late loses nothing, so what is lost meanwhile is
the link's (`a_bridge_that_is_only_late_makes_no_loss` in the engine's tests), and so it is while the bridge leaves
pictures out since it does not keep up. Then a bridge that does that, or is late, which makes jitter for everybody;
then a processor that cannot keep up, which makes jitter, too, and loses nothing; then jitter, and a thin link.
What the machine drops before it comes to a socket, in its network card, counts as the links'.

Loss counts as it is before repair, since a word on whose link is bad is meant for those who could do something
about it, and repair hides a bad link until it no longer can. What repair leaves is what people hear and see: that
is in the colour (`stats.js`), the opinion score, and the verdict of the test before entry (`trial_verdict`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import sqrt
from typing import Final, NamedTuple

from msgspec import Struct

from bridge.app.quality.figures import Carries, Figures
from bridge.app.quality.hints import Hint
from signalling.messages import Verdict

LOSS_BAD: Final = 0.03
LOSS_FINE: Final = 0.015
JITTER_BAD_MS: Final = 25.0
JITTER_FINE_MS: Final = 15.0
CPU_BAD: Final = 0.5
DECODED_BAD: Final = 0.6
HELD_BACK_BAD: Final = 0.7
THIN_BITS_PER_SECOND: Final = 250_000
FULL_SHARE: Final = 0.6
# Of what a sender finds: after a dip it knows of no more than half as much again as it sends.
FULL_SHARE_UP: Final = 0.8
# Both are means of some dozens of packets, not the same ones: a difference within this is none.
SENDERS_MARGIN: Final = 1.4
LATE_BAD: Final = 0.05
DROPS_BAD: Final = 0.005
RESTS_BAD: Final = 0.5

LOOK_BACK_S: Final = 10.0
BAD_FOR_S: Final = 4.5
BAD_SHARE: Final = 0.6
FINE_SHARE: Final = 0.2
# One report speaks for the time since the one before, but who was silent for a minute was not bad for a minute.
LONGEST_SPAN_S: Final = 8.0
# What pages say and what a link carries is of now: nothing is known of the time in which there was none of it.
OF_NOW_S: Final = 2.0
CLEARLY: Final = 1.5


class View(NamedTuple):
    """A leg in one second. `senders_jitter_ms` is the worst jitter on the way up among those whom it hears."""

    up: Figures
    down: Figures
    hint: Hint | None = None
    senders_jitter_ms: float = 0.0
    carries: Carries | None = None


class BridgeView(NamedTuple):
    """The bridge in one second, as far as it serves this room: shares of packets late, not sent, and not read.

    `rests`: 1 where it leaves pictures out since it does not keep up, else 0.
    """

    late: float = 0.0
    drops: float = 0.0
    missed: float = 0.0
    rests: float = 0.0


class _Fault(NamedTuple):
    verdict: Verdict
    severity: float
    place: int
    """In the order of blame."""


class _Entry(Struct, frozen=True):
    """Each leg keeps a hundred: as structs of numbers they are nothing to the garbage collector."""

    at: float
    span: float
    part: float
    whole: float


@dataclass(slots=True)
class Trail:
    """Evidence of one kind over the last seconds. An entry is bad at `bad` and above, and fine up to `fine`.

    Sums are kept up to date entry by entry: there are some of these for each leg of the bridge, every second.
    """

    bad: float
    fine: float
    longest_s: float = LONGEST_SPAN_S
    """How long a time one entry speaks for at most."""
    # Ten or so, one a second. An empty deque takes as much as all of them: there are eleven trails to a leg.
    _entries: list[_Entry] = field(default_factory=list)
    _part: float = 0.0
    _whole: float = 0.0
    _seen_s: float = 0.0
    _bad_s: float = 0.0
    _worse_s: float = 0.0
    _bad_entries: int = 0

    def add(self, at: float, part: float, whole: float = 1.0) -> None:
        """Note `part` of `whole`: packets lost of packets, or a value of 1."""
        before = self._entries[-1].at if self._entries else at - 1.0
        entry = _Entry(at, min(max(at - before, 0.0), self.longest_s), part, whole)
        self._entries.append(entry)
        self._enter(entry, 1)
        self.forget_before(at - LOOK_BACK_S)

    def forget_before(self, at: float) -> None:
        """Drop what is too old to say anything."""
        while self._entries and self._entries[0].at < at:
            self._enter(self._entries.pop(0), -1)
        if not self._entries:
            # Whatever rounding has left over goes too.
            self._part = self._whole = self._seen_s = self._bad_s = self._worse_s = 0.0

    def severity(self) -> float:
        """How bad all of it together is: 1 and more is bad."""
        return self._part / self._whole / self.bad if self._whole else 0.0

    def is_bad(self) -> bool:
        """Whether most of the last seconds were bad, all of them together too, and not only in one report."""
        most = self._bad_entries > 1 and self._bad_s >= max(BAD_FOR_S, BAD_SHARE * self._seen_s)
        return most and self.severity() >= 1

    def is_over(self) -> bool:
        """Whether hardly any of the last seconds was worse than fine."""
        return self._worse_s <= FINE_SHARE * self._seen_s and self.severity() <= self.fine / self.bad

    def _enter(self, entry: _Entry, sign: int) -> None:
        value = entry.part / entry.whole
        self._part += sign * entry.part
        self._whole += sign * entry.whole
        self._seen_s += sign * entry.span
        if value >= self.bad:
            self._bad_s += sign * entry.span
            self._bad_entries += sign
        if value > self.fine:
            self._worse_s += sign * entry.span


def _held_back(up: Figures, share: float, capacity_bps: float | None) -> float:
    """How far a thin way up holds pictures back, 0 to 1: by its encoder's word, and by what it finds of it.

    An encoder has no wish that is not fulfilled while its larger pictures rest because the link is thin.
    """
    if capacity_bps is None:
        return share if up.bits_per_second < THIN_BITS_PER_SECOND else 0.0
    if capacity_bps >= THIN_BITS_PER_SECOND:
        return 0.0
    return max(share, float(up.bits_per_second > FULL_SHARE_UP * capacity_bps))


def _loss() -> Trail:
    return Trail(LOSS_BAD, LOSS_FINE)


def _jitter() -> Trail:
    return Trail(JITTER_BAD_MS, JITTER_FINE_MS)


def _of_now(bad: float) -> Trail:
    return Trail(bad, bad / 2, OF_NOW_S)


_ORDER: Final = (
    ("drops", "missed"),
    ("loss",),
    ("late", "rests"),
    ("encoder", "decoder"),
    ("jitter",),
    ("thin",),
)
_PLACES: Final = {kind: place for place, kinds in enumerate(_ORDER) for kind in kinds}


class Judge:
    """One leg's verdict over time. `now` in seconds rises from call to call, about one a second."""

    def __init__(self) -> None:
        self._trails: dict[tuple[Verdict, str], Trail] = {
            (Verdict.BRIDGE, "late"): Trail(LATE_BAD, LATE_BAD / 2),
            (Verdict.BRIDGE, "drops"): Trail(DROPS_BAD, DROPS_BAD / 2),
            (Verdict.BRIDGE, "missed"): Trail(DROPS_BAD, DROPS_BAD / 2),
            (Verdict.BRIDGE, "rests"): Trail(RESTS_BAD, RESTS_BAD / 2),
            (Verdict.UPLINK, "loss"): _loss(),
            (Verdict.DOWNLINK, "loss"): _loss(),
            (Verdict.CLIENT_CPU, "encoder"): _of_now(CPU_BAD),
            (Verdict.CLIENT_CPU, "decoder"): _of_now(1 - DECODED_BAD),
            (Verdict.UPLINK, "jitter"): _jitter(),
            (Verdict.DOWNLINK, "jitter"): _jitter(),
            (Verdict.UPLINK, "thin"): _of_now(HELD_BACK_BAD),
            (Verdict.DOWNLINK, "thin"): _of_now(HELD_BACK_BAD),
        }
        self._heard_at: float | None = None
        self._place = 0
        """That of the fault for which the present verdict was found."""
        self._grounds: set[str] = set()
        """The kinds of evidence that have been bad since then, and not over."""
        self.verdict = Verdict.UNKNOWN
        self.since = 0.0

    def judge(self, now: float, view: View, bridge: BridgeView) -> Verdict:
        """Take a second's evidence; give the word."""
        self._note(now, view, bridge)
        for trail in self._trails.values():
            trail.forget_before(now - LOOK_BACK_S)
        before, self.verdict = self.verdict, self._decide(now)
        if before is not self.verdict:
            self.since = now
            self._grounds.clear()
        self._grounds = {
            kind
            for kind, trail in self._against(self.verdict)
            if trail.is_bad() or (kind in self._grounds and not trail.is_over())
        }
        return self.verdict

    def _note(self, now: float, view: View, bridge: BridgeView) -> None:
        trails = self._trails
        trails[Verdict.BRIDGE, "late"].add(now, bridge.late)
        trails[Verdict.BRIDGE, "drops"].add(now, bridge.drops)
        trails[Verdict.BRIDGE, "missed"].add(now, bridge.missed)
        trails[Verdict.BRIDGE, "rests"].add(now, bridge.rests)
        own = view.down.jitter_ms
        if own is not None and not view.down.jitter_is_own:
            own = sqrt(max(own**2 - (SENDERS_MARGIN * view.senders_jitter_ms) ** 2, 0.0))
        for verdict, flow, jitter in (
            (Verdict.UPLINK, view.up, view.up.jitter_ms),
            (Verdict.DOWNLINK, view.down, own),
        ):
            if flow.fresh:
                self._heard_at = now
                trails[verdict, "loss"].add(now, flow.fresh_lost, flow.fresh)
                if jitter is not None:
                    trails[verdict, "jitter"].add(now, jitter)
        if view.carries is not None:
            # Thin is a link that is full, or too narrow for what is left out; of one from which nobody wants more,
            # nothing is known.
            carried = view.carries.bits_per_second
            is_short = view.carries.wanted_bits_per_second > carried
            is_full = is_short or view.down.bits_per_second > FULL_SHARE * carried
            trails[Verdict.DOWNLINK, "thin"].add(now, float(is_full and carried < THIN_BITS_PER_SECOND))
        if view.hint is not None:
            self._note_hint(now, view, view.hint)

    def _note_hint(self, now: float, view: View, hint: Hint) -> None:
        if hint.cpu_share is not None:
            self._trails[Verdict.CLIENT_CPU, "encoder"].add(now, hint.cpu_share)
        if hint.decoded_share is not None:
            self._trails[Verdict.CLIENT_CPU, "decoder"].add(now, 1 - hint.decoded_share)
        if hint.bandwidth_share is not None:
            self._trails[Verdict.UPLINK, "thin"].add(
                now, _held_back(view.up, hint.bandwidth_share, hint.capacity_bps)
            )

    def _decide(self, now: float) -> Verdict:
        if self._heard_at is None or now - self._heard_at > LOOK_BACK_S:
            return Verdict.UNKNOWN
        found, held = self._worst(), self._held()
        if found is None:
            return Verdict.GOOD if held is None else self.verdict
        if held is None or found.verdict is self.verdict or self._takes_over(found, held):
            self._place = found.place
            return found.verdict
        return self.verdict

    @staticmethod
    def _takes_over(found: _Fault, held: _Fault) -> bool:
        """Whether a fault is named while another one is not over. Two at once do not take turns."""
        if found.verdict is Verdict.BRIDGE:
            return found.place < held.place
        comes_before = held.verdict is Verdict.BRIDGE and found.place < held.place
        return comes_before or found.severity >= CLEARLY * held.severity

    def _worst(self) -> _Fault | None:
        """The culprit: of the faults that come first in the order, the worst."""
        bad = [
            _Fault(verdict, trail.severity(), _PLACES[kind])
            for (verdict, kind), trail in self._trails.items()
            if trail.is_bad()
        ]
        return min(bad, key=lambda one: (one.place, -one.severity), default=None)

    def _held(self) -> _Fault | None:
        """How bad the present culprit still is; None once all that was bad is clearly over.

        What was not bad, or is over, holds nothing: a link that was thin and now loses a little is a good one.
        Its place is that of the fault for which it was named, or of what remains of it when that is over.
        """
        mine = [
            _Fault(self.verdict, trail.severity(), _PLACES[kind])
            for kind, trail in self._against(self.verdict)
            if kind in self._grounds and not trail.is_over()
        ]
        if not mine:
            return None
        place = max(self._place, min(one.place for one in mine))
        return _Fault(self.verdict, max(one.severity for one in mine), place)

    def _against(self, verdict: Verdict) -> Iterator[tuple[str, Trail]]:
        return ((kind, trail) for (whom, kind), trail in self._trails.items() if whom is verdict)
