"""The verdict names who is to blame, and nobody where nobody is: on a model that knows links and not verdicts."""

import itertools
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bridge.app.live import LiveRoom, MediaLeg
from bridge.app.quality.figures import Carries, Figures
from bridge.app.quality.hints import Hint
from bridge.app.quality.verdict import BridgeView, Judge, View
from bridge.app.quality.watch import Watch
from bridge.rooms.model import ParticipantId
from signalling.messages import Verdict
from tests.app.consultation_model import Bridge, Consultation, Link, Person, Random
from tests.app.engine_rows import legs, snapshot, streams

FAULT_FROM, UNTIL = 10, 36
NAMED_WITHIN = 14


class Observed:
    """A consultation as the bridge sees it: rows and reports go into the real `Watch`."""

    def __init__(self, model: Consultation) -> None:
        self.model = model
        self.watch = Watch()
        room: Any = SimpleNamespace()
        self.live = LiveRoom(room, 1)
        for person in model.people:
            self.live.legs[ParticipantId(f"p_{person.number}")] = MediaLeg(person.number)
        everyone = [person.number for person in model.people]
        self.live.plan = {(a, b): (b, 0) for a in everyone for b in everyone if a != b}
        self.legs: Any = SimpleNamespace(
            shard_of=lambda _room: 0, description=lambda _leg: SimpleNamespace(content_slots=())
        )

    def step(self) -> dict[int, Verdict]:
        """One second; everybody's verdict by number."""
        self.model.step()
        now = self.model.second
        for person in self.model.people:
            due = [one for one in person.outbox if one[0] <= now]
            person.outbox = [one for one in person.outbox if one[0] > now]
            for at, report in due:
                self.live.legs[ParticipantId(f"p_{person.number}")].hints.take(at, report)
        taken = snapshot(
            streams(*(row for person in self.model.people for row in _rows(person))),
            legs({person.number: 40_000 for person in self.model.people}),
            tuple(self.model.bridge.counts.tolist()),
            (*self.model.bridge.sends.tolist(), *self.model.bridge.reads.tolist()),
        )
        self.watch.observe(taken, now)
        return {one.leg: one.verdict for one in self.watch.assess(self.live, self.legs).values()}


def _rows(person: Person) -> list[dict[str, int]]:
    own = [(0, kind, kind, counts) for kind, counts in enumerate((person.sound, person.picture))]
    taken = [(1, 2 * number + kind, kind, slot.told) for (number, kind), slot in person.slots.items()]
    return [
        {"leg": person.number, "direction": direction, "index": index, "kind": kind} | vars(counts)
        for direction, index, kind, counts in own + taken
    ]


def ordinary(number: int, random: Random) -> Person:
    """Somebody on an ordinary link: a little loss, a little jitter, not all with a camera on."""

    def link() -> Link:
        return Link(
            delay=random.uniform(0.005, 0.06),
            jitter=random.uniform(0.0005, 0.006),
            loss=random.uniform(0, 0.006),
            run=random.uniform(1, 1.5),
        )

    return Person(number, link(), link(), has_camera=random.random() < 0.85)


def _lose(link: Link, random: Random) -> None:
    link.loss, link.run = random.uniform(0.045, 0.3), 1.0


def _lose_runs(link: Link, random: Random) -> None:
    link.loss, link.run = random.uniform(0.05, 0.2), random.uniform(2, 6)


def _shake(link: Link, random: Random) -> None:
    link.jitter = random.uniform(0.035, 0.12)


def _narrow(link: Link, random: Random) -> None:
    link.rate = random.uniform(90_000, 240_000)


def _up(change: Callable[[Link, Random], None]) -> Callable[[Consultation, Person], None]:
    return lambda model, person: change(person.up, model.random)


def _down(change: Callable[[Link, Random], None]) -> Callable[[Consultation, Person], None]:
    def down(model: Consultation, person: Person) -> None:
        # With nothing but sound to carry, a thin link is no bad one.
        for other in model.people:
            other.has_camera = True
        change(person.down, model.random)

    return down


def _late(model: Consultation, _person: Person) -> None:
    model.bridge.late = model.random.uniform(0.012, 0.06)


def _drop(model: Consultation, _person: Person) -> None:
    model.bridge.drops = model.random.uniform(0.02, 0.2)


def _miss(model: Consultation, _person: Person) -> None:
    model.bridge.misses = model.random.uniform(0.02, 0.2)


def _while_late(change: Callable[[Consultation, Person], None]) -> Callable[[Consultation, Person], None]:
    def both(model: Consultation, person: Person) -> None:
        _late(model, person)
        change(model, person)

    return both


def _slow_encoder(model: Consultation, person: Person) -> None:
    person.has_camera, person.encodes = True, model.random.uniform(0.2, 0.6)


def _slow_decoder(model: Consultation, person: Person) -> None:
    person.decodes = model.random.uniform(0.15, 0.5)
    for other in model.people:
        other.has_camera = other.has_camera or other is not person


WELL, UPLINK, DOWNLINK = Verdict.GOOD, Verdict.UPLINK, Verdict.DOWNLINK
BRIDGE, CPU = Verdict.BRIDGE, Verdict.CLIENT_CPU
# What is wrong, the word for the one at fault and for the others, and how it comes about.
FAULTS: list[tuple[str, Verdict, Verdict, Callable[[Consultation, Person], None]]] = [
    ("loss up", UPLINK, WELL, _up(_lose)),
    ("runs up", UPLINK, WELL, _up(_lose_runs)),
    ("jitter up", UPLINK, WELL, _up(_shake)),
    ("thin up", UPLINK, WELL, _up(_narrow)),
    ("loss down", DOWNLINK, WELL, _down(_lose)),
    ("runs down", DOWNLINK, WELL, _down(_lose_runs)),
    ("jitter down", DOWNLINK, WELL, _down(_shake)),
    ("thin down", DOWNLINK, WELL, _down(_narrow)),
    ("late bridge", BRIDGE, BRIDGE, _late),
    ("dropping bridge", BRIDGE, BRIDGE, _drop),
    ("missing bridge", BRIDGE, BRIDGE, _miss),
    ("late and missing bridge", BRIDGE, BRIDGE, _while_late(_miss)),
    ("loss up at a late bridge", UPLINK, BRIDGE, _while_late(_up(_lose))),
    ("loss down at a late bridge", DOWNLINK, BRIDGE, _while_late(_down(_lose))),
    ("slow encoder", CPU, WELL, _slow_encoder),
    ("slow decoder", CPU, WELL, _slow_decoder),
]


def consultation(seed: int) -> Consultation:
    """Two or three people on ordinary links."""
    random = np.random.default_rng(seed)
    people = [ordinary(number, random) for number in range(1, 3 + int(random.integers(0, 2)))]
    people[0].has_camera = True
    return Consultation(people, Bridge(), random)


def blamed(seed: int, fault: Callable[[Consultation, Person], None]) -> dict[int, Verdict]:
    """The word that stood longest for each leg from some seconds after the fault on; leg 1 has the fault."""
    seen = Observed(consultation(seed))
    words: dict[int, Counter[Verdict]] = {}
    for second in range(UNTIL):
        if second == FAULT_FROM:
            fault(seen.model, seen.model.people[0])
        for leg, word in seen.step().items():
            if second >= FAULT_FROM + NAMED_WITHIN:
                words.setdefault(leg, Counter())[word] += 1
    return {leg: counted.most_common(1)[0][0] for leg, counted in words.items()}


@pytest.mark.timeout(1200)
def test_of_200_faults_the_right_one_is_blamed_in_95_percent() -> None:
    """Right is: the one at fault is named with the right word, and nobody else with any but the bridge's own."""
    wrong = []
    for seed in range(200):
        name, culprit, others, fault = FAULTS[seed % len(FAULTS)]
        found = blamed(seed, fault)
        right = dict.fromkeys(found, others) | {1: culprit}
        if found != right:
            wrong.append((seed, name, {leg: word.value for leg, word in found.items()}))
    assert len(wrong) <= 10, wrong


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1001, 1002])
def test_a_clean_hour_blames_nobody(seed: int) -> None:
    """A room for an hour, with what ordinary links lose, and a bad second now and then."""
    seen = Observed(consultation(seed))
    alarms = []
    for second in range(3600):
        out = [person.up for person in seen.model.people] + [person.down for person in seen.model.people]
        gone = out[second // 60 % len(out)] if second % 60 == 30 else None
        kept = 0.0 if gone is None else gone.loss
        if gone is not None:
            gone.loss = 0.6
        found = seen.step()
        if gone is not None:
            gone.loss = kept
        alarms += [
            (second, leg, word) for leg, word in found.items() if word not in {Verdict.GOOD, Verdict.UNKNOWN}
        ]
    assert alarms == []


def flow(fresh_lost: int = 0, fresh: int = 100, jitter_ms: float = 2.0, rate: float = 800_000) -> Figures:
    """One direction in one second."""
    return Figures(fresh=fresh, fresh_lost=fresh_lost, jitter_ms=jitter_ms, bits_per_second=rate)


def judged(*views: View, bridge: BridgeView | None = None) -> list[Verdict]:
    """The words of a leg that was seen so, second by second."""
    judge = Judge()
    return [judge.judge(float(second), view, bridge or BridgeView()) for second, view in enumerate(views)]


GOOD, LOSES, SHAKES = View(flow(), flow()), View(flow(10), flow()), View(flow(jitter_ms=60.0), flow())


def test_one_bad_second_is_no_verdict_and_one_good_second_no_end() -> None:
    """A fault is named after some seconds, and held until they are clearly over."""
    assert set(judged(*[GOOD] * 10, LOSES, *[GOOD] * 10)[1:]) == {Verdict.GOOD}
    words = judged(*[GOOD] * 10, *[LOSES] * 12, GOOD, *[LOSES] * 4, *[GOOD] * 12)
    assert words[13] is Verdict.GOOD
    assert set(words[18:27]) == {Verdict.UPLINK}
    assert words[-1] is Verdict.GOOD
    assert sum(a is not b for a, b in itertools.pairwise(words[1:])) == 2


def test_sound_alone_is_judged_by_two_reports() -> None:
    """Receivers of sound report every five seconds: one bad report is not enough, two are."""
    silent, bad = View(flow(), flow(fresh=0)), View(flow(), flow(25, 250))
    words = judged(*([*[silent] * 4, bad] * 4))
    assert words[8] is Verdict.GOOD
    assert words[14] is Verdict.DOWNLINK


def test_a_senders_jitter_is_not_the_receivers_fault() -> None:
    """What came with the stream is taken off what receivers report; what is far more is the receiver's own."""
    reported = replace(flow(jitter_ms=62.0), jitter_is_own=False)
    theirs = View(flow(), reported, senders_jitter_ms=60.0)
    own = View(flow(), reported, senders_jitter_ms=3.0)
    alone = View(flow(), flow(jitter_ms=62.0), senders_jitter_ms=60.0)
    assert judged(*[theirs] * 15)[-1] is Verdict.GOOD
    assert judged(*[alone] * 15)[-1] is Verdict.DOWNLINK
    assert judged(*[own] * 15)[-1] is Verdict.DOWNLINK


def test_the_bridges_fault_is_nobody_elses() -> None:
    """No link is blamed for what the bridge lost itself, nor for what a late one looks like."""
    assert judged(*[LOSES] * 15, bridge=BridgeView(drops=0.05))[-1] is Verdict.BRIDGE
    assert judged(*[LOSES] * 15, bridge=BridgeView(missed=0.05))[-1] is Verdict.BRIDGE
    assert judged(*[SHAKES] * 15, bridge=BridgeView(late=0.2))[-1] is Verdict.BRIDGE
    assert judged(*[GOOD] * 15, bridge=BridgeView(rests=1.0))[-1] is Verdict.BRIDGE
    assert judged(*[SHAKES] * 15, bridge=BridgeView(rests=1.0))[-1] is Verdict.BRIDGE


def test_a_bridge_that_is_only_late_hides_no_loss() -> None:
    """Not however late it is, whichever began first; and where loss comes and goes the two do not take turns."""
    late = BridgeView(late=0.9)
    assert judged(*[LOSES] * 15, bridge=late)[-1] is Verdict.UPLINK
    assert judged(*[LOSES] * 15, bridge=BridgeView(rests=1.0))[-1] is Verdict.UPLINK
    words = judged(*[GOOD] * 15, *[LOSES] * 12, *[GOOD] * 15, bridge=late)
    assert (words[14], words[26], words[-1]) == (Verdict.BRIDGE, Verdict.UPLINK, Verdict.BRIDGE)
    barely = [View(flow(lost), flow()) for lost in (4, 4, 4, 2, 2)]
    words = judged(*[LOSES] * 12, *barely * 8, *[GOOD] * 15, bridge=late)
    assert set(words[8:52]) == {Verdict.UPLINK}
    assert words[-1] is Verdict.BRIDGE


def test_jitter_that_stays_when_loss_is_over_is_the_late_bridges() -> None:
    """A link is held for what it was named for, not for what the bridge adds."""
    lost, shaken = View(flow(10, jitter_ms=60.0), flow()), SHAKES
    words = judged(*[lost] * 15, *[shaken] * 15, bridge=BridgeView(late=0.2))
    assert (words[14], words[-1]) == (Verdict.UPLINK, Verdict.BRIDGE)


def test_a_full_thin_link_down_is_named_though_nothing_is_lost() -> None:
    """Congestion control keeps to what a link carries, so that loss does not tell; an idle link is not thin.

    One for which even the picture was left out is.
    """
    thin, idle = Carries(180_000, 5_000, 0), Carries(180_000, 0, 0)
    short = Carries(100_000, 0, 0, wanted_bits_per_second=150_000)
    assert judged(*[View(flow(), flow(rate=150_000), carries=thin)] * 15)[-1] is Verdict.DOWNLINK
    assert judged(*[View(flow(), flow(rate=40_000), carries=idle)] * 15)[-1] is Verdict.GOOD
    assert judged(*[View(flow(), flow(rate=30_000), carries=short)] * 15)[-1] is Verdict.DOWNLINK


def test_a_full_thin_link_up_is_named_though_its_encoder_wants_no_more() -> None:
    """Whose larger pictures rest is held back by nothing, and fills the link all the same.

    Who sends little after a dip knows of little room; a link that carries more is not thin, whatever is sent.
    """
    rests, small = Hint(bandwidth_share=0.0, capacity_bps=130_000), Hint(bandwidth_share=0.0, capacity_bps=200_000)
    wide = Hint(bandwidth_share=1.0, capacity_bps=300_000)
    words = judged(*[View(flow(rate=115_000), flow(), rests)] * 8)
    assert words.index(Verdict.UPLINK) <= 5
    assert judged(*[View(flow(rate=130_000), flow(), small)] * 15)[-1] is Verdict.GOOD
    assert judged(*[View(flow(rate=220_000), flow(), wide)] * 15)[-1] is Verdict.GOOD


def test_a_verdict_is_not_held_by_what_was_never_bad_or_is_over() -> None:
    """A link that was thin and is so no more, but loses a little, is good again; that loss alone named nobody."""
    thin = View(flow(rate=180_000), flow(), Hint(bandwidth_share=1.0))
    little = View(flow(2), flow(), Hint(bandwidth_share=0.0))
    words = judged(*[thin] * 20, *[little] * 20)
    assert (words[19], words[-1]) == (Verdict.UPLINK, Verdict.GOOD)
    full = View(flow(20, rate=60_000), flow(), Hint(bandwidth_share=1.0))
    assert judged(*[full] * 8, *[thin] * 20, *[little] * 20)[-1] is Verdict.GOOD, "what it lost at first was over"
    assert set(judged(*[little] * 20)[1:]) == {Verdict.GOOD}
    assert judged(*[LOSES] * 20, *[little] * 20)[-1] is Verdict.UPLINK, "it has lost more, and has not ceased"


def test_pictures_that_could_not_be_shown_for_a_moment_are_no_slow_processor() -> None:
    """They come again after seconds with hardly any, of which nothing is known; a slow decoder stays so."""
    slow = View(flow(), flow(), Hint(decoded_share=0.35))
    few, shown = View(flow(), flow(), Hint(decoded_share=None)), View(flow(), flow(), Hint(decoded_share=0.8))
    assert set(judged(shown, *[few] * 8, *[slow] * 3, *[few] * 20)[1:]) == {Verdict.GOOD}
    assert judged(*[few] * 20, *[slow] * 6)[-1] is Verdict.CLIENT_CPU


def test_nothing_is_said_of_who_is_not_heard() -> None:
    """Neither before the first figures nor a while after the last."""
    nothing = View(flow(fresh=0), flow(fresh=0))
    words = judged(*[nothing] * 3, *[GOOD] * 5, *[nothing] * 15)
    assert (words[2], words[7], words[-1]) == (Verdict.UNKNOWN, Verdict.GOOD, Verdict.UNKNOWN)
