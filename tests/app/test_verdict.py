"""The verdict names who is to blame, and nobody where nobody is: on a model that knows links and not verdicts."""

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from bridge.app.live import LiveRoom, MediaLeg
from bridge.app.watch import Watch
from bridge.rooms.model import ParticipantId
from signalling.messages import Verdict
from tests.app.consultation_model import Bridge, Consultation, Link, Person, Random
from tests.app.engine_rows import legs, snapshot, streams

FAULT_FROM, UNTIL = 12, 40
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
            tuple(self.model.bridge.sends.tolist()),
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


def _slow_encoder(model: Consultation, person: Person) -> None:
    person.has_camera, person.encodes = True, model.random.uniform(0.2, 0.6)


def _slow_decoder(model: Consultation, person: Person) -> None:
    person.decodes = model.random.uniform(0.15, 0.5)
    for other in model.people:
        other.has_camera = other.has_camera or other is not person


FAULTS: list[tuple[str, Verdict, Callable[[Consultation, Person], None]]] = [
    ("loss up", Verdict.UPLINK, _up(_lose)),
    ("runs up", Verdict.UPLINK, _up(_lose_runs)),
    ("jitter up", Verdict.UPLINK, _up(_shake)),
    ("thin up", Verdict.UPLINK, _up(_narrow)),
    ("loss down", Verdict.DOWNLINK, _down(_lose)),
    ("runs down", Verdict.DOWNLINK, _down(_lose_runs)),
    ("jitter down", Verdict.DOWNLINK, _down(_shake)),
    ("thin down", Verdict.DOWNLINK, _down(_narrow)),
    ("late bridge", Verdict.BRIDGE, _late),
    ("dropping bridge", Verdict.BRIDGE, _drop),
    ("slow encoder", Verdict.CLIENT_CPU, _slow_encoder),
    ("slow decoder", Verdict.CLIENT_CPU, _slow_decoder),
]


def consultation(seed: int) -> Consultation:
    """Two to four people on ordinary links."""
    random = np.random.default_rng(seed)
    people = [ordinary(number, random) for number in range(1, 3 + int(random.integers(0, 3)))]
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


def test_of_200_faults_the_right_one_is_blamed_in_95_percent() -> None:
    """Right is: the one at fault is named with the right word, and nobody else with any."""
    wrong = []
    for seed in range(200):
        name, culprit, fault = FAULTS[seed % len(FAULTS)]
        found = blamed(seed, fault)
        others = Verdict.BRIDGE if culprit is Verdict.BRIDGE else Verdict.GOOD
        right = dict.fromkeys(found, others) | {1: culprit}
        if found != right:
            wrong.append((seed, name, {leg: word.value for leg, word in found.items()}))
    assert len(wrong) <= 10, wrong


def test_clean_hours_blame_nobody() -> None:
    """Two rooms for an hour each, with what ordinary links lose, and a bad second now and then."""
    for seed in (1001, 1002):
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
