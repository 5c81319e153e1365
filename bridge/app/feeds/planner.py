"""Which source fills which slot, and how much each matters to who sees it: pure functions over everyone who is in.

Two properties matter to people: whoever is shown stays where they are (a slot changes only when its occupant has
to go), and somebody's sound and picture sit in slots of one number, which browsers keep in time with each other.
How each slot is then served, as it comes or by way of a converter, is `bridge.app.feeds.serving`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from types import MappingProxyType
from typing import Final

from bridge.app.announcing.prompts import Caption
from media.description import CAMERA, CONTENT, MIC, Format, Kind, Slot, Source

Place = tuple[int, int]
"""A leg and the index of one of its slots."""

SourceKey = tuple[int, int]
"""A leg and the index of one of its sources."""

Plan = Mapping[Place, SourceKey]
"""What every filled slot carries."""

Forms = frozenset[tuple[Kind, Format]]
"""What a source comes in or a slot takes: its formats, without the payload types, which are each leg's own."""

NO_PLAN: Final[Plan] = MappingProxyType({})

# What a thin link keeps longest comes first. Hands and captions are read, so they outlast the face of who speaks.
WANTED_MOST: Final = 0
INTERPRETER: Final = 1
SPEAKER: Final = 2
ANYONE: Final = 3


@dataclass(frozen=True, slots=True)
class Present:
    """A leg whose gate is open. `pinned` is the leg that its owner wants to see before all others.

    `lines` says of slots how many lines of picture their tiles can show, `sending` of sources in which codec they
    come now, where that is known, `asked` in which they will come in a moment. With `composed` its owner wants
    everybody in one picture, having room for one; without `camera` they show nothing of themselves. Whoever is
    `spoken_to` has a mix of their own for that; `caption` is written on their picture, `idle` where there is none.
    """

    leg: int
    sources: tuple[Source, ...]
    slots: tuple[Slot, ...]
    content_slots: frozenset[int] = frozenset()
    sharing: bool = False
    pinned: int | None = None
    interpreter: bool = False
    lines: Mapping[int, int] = field(default_factory=dict)
    sending: Mapping[int, str] = field(default_factory=dict)
    asked: Mapping[int, str] = field(default_factory=dict)
    composed: bool = False
    camera: bool = True
    spoken_to: bool = False
    caption: Caption | None = None
    idle: Caption | None = None


def as_it_is(forms: Forms) -> Forms:
    """What can be had of a source where nothing converts it."""
    return forms


def plan(
    present: Sequence[Present],
    speakers: Sequence[int],
    previous: Plan = NO_PLAN,
    becomes: Callable[[Forms], Forms] = as_it_is,
) -> Plan:
    """Fill the slots of everyone present. `speakers` are legs, most recent first; `previous` is the last plan.

    `becomes` says what a source can be had as, beside what it comes as.
    """
    filled: dict[Place, SourceKey] = {}
    comes = {(one.leg, source.source): forms_of(source) for one in present for source in one.sources}
    given = {key: (forms, becomes(forms)) for key, forms in comes.items()}
    for receiver in present:
        others = by_importance(receiver, present, speakers)
        kept = {slot: source for (leg, slot), source in previous.items() if leg == receiver.leg}
        ears, eyes = people_slots(receiver, "audio"), people_slots(receiver, "video")
        audio = _assign(ears, _offering(others, MIC, given), kept, {})
        numbers = {slot: number for number, slot in enumerate(ears)}
        beside = {leg: numbers[slot] for slot, (leg, _) in audio.items()}
        video = _assign(eyes, _offering(others, CAMERA, given), kept, beside)
        screen = {slot.slot: forms_of(slot) for slot in receiver.slots if slot.slot in receiver.content_slots}
        sharing = [other for other in others if other.sharing]
        content = _assign(screen, _offering(sharing, CONTENT, given), kept, {})
        for slots in (audio, video, content):
            filled |= {(receiver.leg, slot): source for slot, source in slots.items()}
    return filled


def weigh(present: Sequence[Present], speakers: Sequence[int], filled: Plan) -> dict[Place, int]:
    """How important each filled slot is to its owner: WANTED_MOST to ANYONE."""
    by_leg = {one.leg: one for one in present}
    heard = {one.leg: next((leg for leg in speakers if leg != one.leg), None) for one in present}
    weights: dict[Place, int] = {}
    for (receiver, slot), (sender, source) in filled.items():
        if source == CONTENT or sender == by_leg[receiver].pinned:
            weight = WANTED_MOST
        elif by_leg[sender].interpreter:
            weight = INTERPRETER
        else:
            weight = SPEAKER if sender == heard[receiver] else ANYONE
        weights[receiver, slot] = weight
    return weights


def can_forward(source: Source, slot: Slot) -> bool:
    """Whether the slot takes the source as it is: the same kind, and at least one format in common."""
    return fits(forms_of(slot), forms_of(source))


@lru_cache(maxsize=4096)
def fits(takes: Forms, gives: Forms) -> bool:
    """Whether one format of a slot takes one of a source. Kinds of browsers are few, and pairs to plan many."""
    pairs = product(takes, gives)
    return any(to_kind == kind and to.takes(given) for (to_kind, to), (kind, given) in pairs)


def forms_of(of: Source | Slot) -> Forms:
    """What a source comes in, or a slot takes."""
    return _forms_of(of.kind, of.formats)


@lru_cache(maxsize=4096)
def _forms_of(kind: Kind, formats: tuple[Format, ...]) -> Forms:
    return frozenset((kind, form_of(form)) for form in formats)


def form_of(of: Format) -> Format:
    """A format without what is each leg's own."""
    return Format(
        pt=0,
        codec=of.codec,
        clock_rate=of.clock_rate,
        packetization_mode=of.packetization_mode,
        profile=of.profile,
        level_asymmetry=of.level_asymmetry,
        lines=of.lines,
        interval=of.interval,
    )


def by_importance(receiver: Present, present: Sequence[Present], speakers: Sequence[int]) -> list[Present]:
    """Everyone else: whom the receiver has pinned, those who spoke last, then in the order of `present`."""
    spoke = {leg: place for place, leg in enumerate(speakers)}
    others = [other for other in present if other.leg != receiver.leg]
    return sorted(others, key=lambda other: (other.leg != receiver.pinned, spoke.get(other.leg, len(spoke))))


def _offering(
    others: Iterable[Present], number: int, given: Mapping[SourceKey, tuple[Forms, Forms]]
) -> dict[SourceKey, tuple[Forms, Forms]]:
    """The sources of this number, in the order of their owners."""
    keys = ((other.leg, number) for other in others)
    return {key: given[key] for key in keys if key in given}


def people_slots(receiver: Present, kind: Kind) -> dict[int, Forms]:
    """The slots for sound or pictures of people, and what each takes."""
    slots = (slot for slot in receiver.slots if slot.slot not in receiver.content_slots)
    return {slot.slot: forms_of(slot) for slot in slots if slot.kind == kind}


def _assign(
    slots: Mapping[int, Forms],
    offered: Mapping[SourceKey, tuple[Forms, Forms]],
    kept: Mapping[int, SourceKey],
    beside: Mapping[int, int],
) -> dict[int, SourceKey]:
    """Give the most important ones a slot each: the one they have, the one beside their sound, or a free one.

    Where slots differ in what they take, one of the most important may fit none that is free; the slots that are
    left then go to whoever fits.
    """
    fitting = {key: _places(slots, *forms) for key, forms in offered.items()}
    ranked = [key for key, places in fitting.items() if places]
    by_number = dict(enumerate(slots))
    taken: dict[int, SourceKey] = {}
    for group in (ranked[: len(slots)], ranked[len(slots) :]):
        for key in group:
            taken |= {s: key for s in fitting[key] if kept.get(s) == key and s not in taken}
        staying = set(taken.values())
        # Those who have a sound to be beside choose first; the others would only stand in their way.
        for key in sorted((k for k in group if k not in staying), key=lambda k: k[0] not in beside):
            if free := [s for s in fitting[key] if s not in taken]:
                wanted = by_number.get(beside.get(key[0], -1))
                taken[wanted if wanted in free else free[0]] = key
    return taken


def _places(slots: Mapping[int, Forms], comes: Forms, becomes: Forms) -> list[int]:
    """The slots that take a source, first those that take it as it comes."""
    places = [slot for slot, takes in slots.items() if fits(takes, comes)]
    if becomes is not comes:
        places += [slot for slot, takes in slots.items() if slot not in places and fits(takes, becomes)]
    return places
