"""A model of a consultation on bad links, and of what would be reported of it.

It knows nothing of verdicts. A link has a rate with a queue, a delay, jitter, and loss in runs; a computer has
so much power for encoding and decoding; the bridge forwards late, drops, or misses what comes. Each packet of each
second goes through that, and what the engine counts, what receivers report (now and then, and some reports are
lost) and what pages tell (late, and some never) is read off the packets.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from signalling import messages as m

SOUND_BYTES = 140
PICTURE_BYTES = 1_000
FRAMES = 25
QUEUE_SECONDS = 0.3
# RFC 3550 A.8 keeps fifteen sixteenths of the jitter with each packet; of 40 packets back 8 % are left.
JITTER_KEPT = 15 / 16
JITTER_WEIGHTS = JITTER_KEPT ** np.arange(39, -1, -1) / 16
EVENLY = np.arange(50) / 50
Random = np.random.Generator
Array = np.ndarray


def count(which: Array) -> int:
    """How many are so; as a number of Python's, since numpy's add up slowly one by one."""
    return int(np.count_nonzero(which))


@dataclass
class Link:
    """One direction of somebody's link."""

    delay: float = 0.02
    jitter: float = 0.002
    """Mean of what each packet is delayed by on top, in seconds."""
    loss: float = 0.001
    run: float = 1.0
    """Mean length of a run of lost packets."""
    rate: float = 20e6
    _free_at: float = 0.0
    _losing: bool = False

    def carry(self, sent: Array, size: Array, random: Random) -> Array:
        """Arrival times; infinite for what is lost."""
        arrived = (
            self._queued(sent, size) if size.sum() * 8 > 0.5 * self.rate or self._free_at > sent[:1] else sent
        )
        arrived = arrived + self.delay + random.exponential(self.jitter, len(sent))
        return np.where(self._lost(len(sent), random), np.inf, arrived)

    def _queued(self, sent: Array, size: Array) -> Array:
        out = np.empty(len(sent))
        for at, (moment, bits) in enumerate(zip(sent.tolist(), (size * 8).tolist(), strict=True)):
            begin = max(self._free_at, moment)
            if begin - moment > QUEUE_SECONDS:
                out[at] = np.inf
                continue
            self._free_at = out[at] = begin + bits / self.rate
        return out

    def _lost(self, count: int, random: Random) -> Array:
        """A run begins and ends by chance, so that `loss` of all packets are in one."""
        if self.run <= 1:
            return random.random(count) < self.loss
        end = 1 / self.run
        begin = end * self.loss / (1 - self.loss)
        chances = random.random(count)
        lost = np.zeros(count, bool)
        # Most seconds of most links have no run at all, and until one begins nothing is lost.
        begins = np.flatnonzero(chances < begin)
        if not self._losing and not len(begins):
            return lost
        start = 0 if self._losing else int(begins[0])
        for at, chance in enumerate(chances[start:].tolist(), start):
            self._losing = chance >= end if self._losing else chance < begin
            lost[at] = self._losing
        return lost


@dataclass
class Bridge:
    """The bridge: seconds by which it is late on average, what its socket does not take, what it does not read."""

    late: float = 0.0002
    drops: float = 0.0
    misses: float = 0.0
    counts: Array = field(default_factory=lambda: np.zeros(4, int))
    sends: Array = field(default_factory=lambda: np.zeros(2, int))
    reads: Array = field(default_factory=lambda: np.zeros(2, int))

    def read(self, arrived: Array, random: Random) -> Array:
        """When each packet came; infinite too for what was dropped before it was read."""
        missed = random.random(len(arrived)) < self.misses
        came = np.isfinite(arrived)
        self.reads += [count(came & ~missed), count(came & missed)]
        return np.where(missed, np.inf, arrived)

    def forward(self, arrived: Array, random: Random) -> Array:
        """When each packet goes out; infinite where it does not."""
        # What is late is so together: a thread that has no processor holds up all that is in its queue.
        held = np.repeat(random.exponential(self.late, len(arrived) // 8 + 1), 8)[: len(arrived)]
        delay = held + random.exponential(0.0001, len(arrived))
        came = np.isfinite(arrived)
        added = delay[came]
        low, middle, high = (count(added < limit) for limit in (0.001, 0.016_384, 0.065))
        self.counts += [low, middle - low, high - middle, len(added) - high]
        dropped = random.random(len(arrived)) < self.drops
        self.sends += [count(came & ~dropped), count(came & dropped)]
        return np.where(dropped, np.inf, arrived + delay)


@dataclass
class Counts:
    """What the engine has counted of a stream."""

    packets: int = 0
    bytes: int = 0
    expected: int = 0
    lost: int = 0
    recovered: int = 0
    bursts: int = 0
    frames: int = 0
    transit_changes_us: int = 0
    transit_changes: int = 0
    jitter_us: int = 0


@dataclass
class Person:
    """Somebody with a link, and a computer that manages so much of its encoding and decoding."""

    number: int
    up: Link
    down: Link
    encodes: float = 1.0
    decodes: float = 1.0
    has_camera: bool = True
    speaks: bool = True
    rate: float = 900_000.0
    sound: Counts = field(default_factory=Counts)
    picture: Counts = field(default_factory=Counts)
    slots: dict[tuple[int, int], "Slot"] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    bandwidth_seconds: float = 0.0
    outbox: list[tuple[float, m.Report]] = field(default_factory=list)
    next_report: float = 0.0


@dataclass
class Slot:
    """A stream as its receiver knows it."""

    told: Counts = field(default_factory=Counts)
    sent: int = 0
    lost: int = 0
    jitter: float = 0.0
    next_report: float = 0.0
    frozen: float = 0.0
    freezes: int = 0
    shown: float = 0.0
    came: float = 0.0
    samples: int = 0
    concealed: int = 0


class Stream(NamedTuple):
    """A second's packets of a stream: when each was sent, and when it goes out of the bridge."""

    sent: Array
    gone: Array
    frame: Array
    first: Array
    """Where the packets of each frame begin."""


def sound_packets(second: float, random: Random) -> Array:
    """Times at which a second's packets of sound leave."""
    return second + EVENLY + random.uniform(0, 0.001, 50)


def picture_packets(second: float, person: Person, random: Random) -> tuple[Array, Array]:
    """Times of a second's packets of pictures, and the frame of each; capture and encoding are not even."""
    frames = max(1, int(FRAMES * person.encodes))
    each = max(1, round(person.rate / 8 / PICTURE_BYTES / frames))
    starts = second + np.arange(frames) / frames + random.gamma(2, 0.0015 / person.encodes, frames)
    return (starts[:, None] + np.arange(each) * 0.0004).ravel(), np.repeat(np.arange(frames), each)


def transit_changes(sent: Array, arrived: Array) -> Array:
    """Differences of transit between packets that follow each other on arrival (RFC 3550 A.8), in seconds."""
    order = arrived.argsort()[: np.count_nonzero(np.isfinite(arrived))]
    transit = (arrived - sent)[order]
    return np.abs(transit[1:] - transit[:-1])


def first_of_each(frame: Array) -> Array:
    """Where the packets of each frame begin."""
    return np.flatnonzero(np.concatenate([[True], frame[1:] != frame[:-1]]))


class Consultation:
    """A room of people, second by second."""

    def __init__(self, people: list[Person], bridge: Bridge, random: Random) -> None:
        self.people = people
        self.bridge = bridge
        self.random = random
        self.second = 0.0

    def step(self) -> None:
        """One second."""
        forwarded = {person.number: self._send(person) for person in self.people}
        for person in self.people:
            self._receive(person, {n: streams for n, streams in forwarded.items() if n != person.number})
            self._report(person)
        self.second += 1.0

    def _send(self, person: Person) -> list[Stream]:
        """Sound and pictures."""
        sound = sound_packets(self.second, self.random) if person.speaks else np.empty(0)
        picture, frame = (
            picture_packets(self.second, person, self.random) if person.has_camera else (np.empty(0),) * 2
        )
        sent = np.concatenate([sound, picture])
        if not len(sent):
            return []
        cut = len(sound)
        size = np.repeat([SOUND_BYTES, PICTURE_BYTES], [cut, len(picture)])
        order = sent.argsort()
        arrived = np.empty(len(sent))
        arrived[order] = person.up.carry(sent[order], size[order], self.random)
        arrived = self.bridge.read(arrived, self.random)
        queued = self.bridge.forward(arrived, self.random)
        # A bridge that is late reads late too: half of what it adds is before what it takes for arrival.
        through = np.isfinite(queued)
        seen = np.where(through, (arrived + queued) / 2, arrived)
        each, first = np.arange(cut), first_of_each(frame)
        self._count(person, person.sound, sound, seen[:cut], each, repairs=False)
        self._count(person, person.picture, picture, seen[cut:], first, repairs=True)
        self._adapt(person, arrived, size)
        repaired = ~through & (self.random.random(len(sent)) < self._repair_share(person.up, person.down))
        repaired[:cut] = False
        queued[repaired] = sent[repaired] + 3 * person.up.delay + 0.02
        return [Stream(sound, queued[:cut], each, each), Stream(picture, queued[cut:], frame, first)]

    def _repair_share(self, one: Link, other: Link) -> float:
        once = (1 - one.loss) * (1 - other.loss)
        return 1 - (1 - once) ** 3

    def _count(
        self, person: Person, counts: Counts, sent: Array, seen: Array, first: Array, *, repairs: bool
    ) -> None:
        if not len(sent):
            return
        lost = ~np.isfinite(seen)
        missing = count(lost)
        came = len(sent) - missing
        counts.packets += came
        counts.bytes += came * (PICTURE_BYTES if repairs else SOUND_BYTES)
        counts.expected += len(sent)
        counts.lost += missing
        counts.bursts += count(lost[1:] & ~lost[:-1]) + int(lost[0])
        if repairs:
            counts.recovered += int(self.random.binomial(missing, self._repair_share(person.up, person.down)))
        changes = transit_changes(sent[first], seen[first])
        counts.frames += len(first)
        counts.transit_changes += len(changes)
        counts.transit_changes_us += int(changes.sum() * 1e6)

    def _adapt(self, person: Person, arrived: Array, size: Array) -> None:
        """A browser's congestion control, roughly: less after much loss or a queue, slowly more again."""
        came = np.isfinite(arrived)
        lost = 1 - count(came) / len(came)
        gone = float(size[came].sum() * 8)
        if gone > 0.9 * person.up.rate or (person.rate > 0.95 * person.up.rate):
            person.rate = max(60_000.0, 0.8 * person.up.rate - 60_000)
        elif lost > 0.1:
            person.rate = max(100_000.0, person.rate * (1 - lost / 2))
        elif lost < 0.02:
            person.rate = min(900_000.0, person.rate * 1.08)
        held_back = person.rate < 800_000
        person.bandwidth_seconds += float(held_back and person.has_camera)
        person.cpu_seconds += float(person.encodes < 0.8) * self.random.uniform(0.7, 1.0) * (not held_back)
        person.cpu_seconds += float(self.random.random() < 0.03)

    def _receive(self, person: Person, senders: dict[int, list[Stream]]) -> None:
        streams = [
            ((number, kind), stream)
            for number, both in senders.items()
            for kind, stream in enumerate(both)
            if len(stream.sent)
        ]
        if not streams:
            return
        out = np.concatenate([stream.gone for _, stream in streams])
        sizes = [(SOUND_BYTES, PICTURE_BYTES)[kind] for (_, kind), _ in streams]
        size = np.repeat(sizes, [len(stream.gone) for _, stream in streams])
        arrived = np.full(len(out), np.inf)
        order = out.argsort()[: np.count_nonzero(np.isfinite(out))]
        arrived[order] = person.down.carry(out[order], size[order], self.random)
        # A computer at its limit reads its socket late.
        arrived += self.random.exponential(0.004 * (1 - person.decodes) + 0.0003, len(out))
        at = 0
        for key, stream in streams:
            came = arrived[at : at + len(stream.gone)]
            at += len(stream.gone)
            self._hear(person, person.slots.setdefault(key, Slot()), key[1], stream, came)

    def _hear(self, person: Person, slot: Slot, kind: int, stream: Stream, came: Array) -> None:
        through = np.isfinite(stream.gone)
        sent_on = count(through)
        lost = through & ~np.isfinite(came)
        slot.sent += sent_on
        slot.lost += count(lost)
        changes = transit_changes(stream.sent[stream.first], came[stream.first])[-len(JITTER_WEIGHTS) :]
        weights = JITTER_WEIGHTS[len(JITTER_WEIGHTS) - len(changes) :]
        slot.jitter = slot.jitter * JITTER_KEPT ** len(changes) + float(changes @ weights)
        slot.told.packets += sent_on
        slot.told.bytes += sent_on * (PICTURE_BYTES if kind else SOUND_BYTES)
        if kind:
            self._show(person, slot, lost, through, stream.frame)
        else:
            # A jitter buffer waits for what is at most so much later than the fastest.
            delay = came - stream.sent
            slot.samples += 48_000
            slot.concealed += int(48_000 * (1 - count(delay < delay.min() + 0.15) / len(delay)))
        self._tell(person, slot, kind)

    def _show(self, person: Person, slot: Slot, lost: Array, through: Array, frame: Array) -> None:
        saved = self.random.random(len(lost)) < self._repair_share(person.down, person.up)
        missing = (lost & ~saved) | ~through
        frames = int(frame[-1]) + 1
        whole = frames - int(np.count_nonzero(np.bincount(frame[missing], minlength=frames)))
        slot.came = float(whole)
        slot.shown = float(whole) * person.decodes
        if whole < 0.7 * frames:
            slot.freezes += 1
            slot.frozen += 0.9 * (1 - whole / frames)

    def _tell(self, person: Person, slot: Slot, kind: int) -> None:
        """A receiver report (RFC 3550), unless its time has not come or it is lost."""
        if self.second < slot.next_report:
            return
        slot.next_report = self.second + (self.random.uniform(0.5, 1.5) if kind else self.random.uniform(2.5, 7.5))
        if self.random.random() >= person.up.loss + self.bridge.misses:
            slot.told.expected, slot.told.lost = slot.sent, slot.lost
            slot.told.jitter_us = int(slot.jitter * 1e6)

    def _report(self, person: Person) -> None:
        if self.second < person.next_report:
            return
        person.next_report = self.second + 2.0
        if self.random.random() < 0.05:
            return
        slots = [
            m.SlotReport(
                mid=f"{number}-{kind}",
                frames_per_second=min(slot.shown + float(self.random.normal(0, 0.5)), 60)
                if kind and slot.shown > 2
                else None,
                arrived_per_second=slot.came if kind else None,
                freezes=slot.freezes,
                frozen_seconds=slot.frozen,
                concealed=slot.concealed,
                samples=slot.samples,
                width=640 if kind else None,
            )
            for (number, kind), slot in person.slots.items()
        ]
        camera = m.SourceReport(
            source=m.SourceName.CAMERA,
            cpu_seconds=person.cpu_seconds,
            bandwidth_seconds=person.bandwidth_seconds,
        )
        late = self.random.exponential(0.2 + 6 * person.up.loss)
        person.outbox.append((self.second + late, m.Report(slots=slots, sources=[camera])))
