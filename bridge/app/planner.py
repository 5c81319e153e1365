"""Which source fills which slot: one pure function over everyone who is in.

It forwards where the codecs allow it; asking for another codec, transcoding and composing join it here when their
packages exist. Two properties matter to people: whoever is shown stays where they are (a slot changes only when
its occupant has to go), and somebody's sound and picture sit in slots of one number, which browsers keep in time
with each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from media.description import CAMERA, CONTENT, MIC, Format, Kind, Slot, Source

Place = tuple[int, int]
"""A leg and the index of one of its slots."""

SourceKey = tuple[int, int]
"""A leg and the index of one of its sources."""

Plan = Mapping[Place, SourceKey]
"""What every filled slot carries."""

NO_PLAN: Final[Plan] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Present:
    """A leg whose gate is open. `pinned` is the leg that its owner wants to see before all others."""

    leg: int
    sources: tuple[Source, ...]
    slots: tuple[Slot, ...]
    content_slots: frozenset[int] = frozenset()
    sharing: bool = False
    pinned: int | None = None


def plan(present: Sequence[Present], speakers: Sequence[int], previous: Plan = NO_PLAN) -> Plan:
    """Fill the slots of everyone present. `speakers` are legs, most recent first; `previous` is the last plan."""
    filled: dict[Place, SourceKey] = {}
    for receiver in present:
        others = _by_importance(receiver, present, speakers)
        audio = _assign(receiver, "audio", _offering(others, receiver, MIC), previous, {})
        beside = {leg: _position(receiver, "audio", slot) for slot, (leg, _) in audio.items()}
        video = _assign(receiver, "video", _offering(others, receiver, CAMERA), previous, beside)
        content = _content(receiver, others)
        for slots in (audio, video, content):
            filled |= {(receiver.leg, slot): source for slot, source in slots.items()}
    return filled


def can_forward(source: Source, slot: Slot) -> bool:
    """Whether the slot takes the source as it is: the same kind, and at least one format in common."""
    known = {_form(form) for form in slot.formats}
    return source.kind == slot.kind and any(_form(form) in known for form in source.formats)


def _form(form: Format) -> tuple[str, int]:
    return form.codec, form.clock_rate


def _by_importance(receiver: Present, present: Sequence[Present], speakers: Sequence[int]) -> list[Present]:
    spoke = {leg: place for place, leg in enumerate(speakers)}
    others = [other for other in present if other.leg != receiver.leg]
    return sorted(others, key=lambda other: (other.leg != receiver.pinned, spoke.get(other.leg, len(spoke))))


def _offering(others: Iterable[Present], receiver: Present, source: int) -> list[SourceKey]:
    """Those who have this source in a form that some slot of the receiver takes."""
    return [
        (other.leg, source)
        for other in others
        for offered in other.sources
        if offered.source == source and any(can_forward(offered, slot) for slot in receiver.slots)
    ]


def _people_slots(receiver: Present, kind: Kind) -> list[int]:
    return [s.slot for s in receiver.slots if s.kind == kind and s.slot not in receiver.content_slots]


def _position(receiver: Present, kind: Kind, slot: int) -> int:
    return _people_slots(receiver, kind).index(slot)


def _assign(
    receiver: Present,
    kind: Kind,
    ranked: Sequence[SourceKey],
    previous: Plan,
    beside: Mapping[int, int],
) -> dict[int, SourceKey]:
    """Give the most important ones a slot each: the one they have, the one beside their sound, or a free one."""
    slots = _people_slots(receiver, kind)
    chosen = ranked[: len(slots)]
    kept = {slot: source for slot in slots if (source := previous.get((receiver.leg, slot))) is not None}
    taken = {slot: source for slot, source in kept.items() if source in chosen}
    placed = set(taken.values())
    for source in chosen:
        if source in placed:
            continue
        position = beside.get(source[0])
        wanted = slots[position] if position is not None and position < len(slots) else None
        free = [slot for slot in slots if slot not in taken]
        taken[wanted if wanted in free else free[0]] = source
    return taken


def _content(receiver: Present, others: Iterable[Present]) -> dict[int, SourceKey]:
    sharing = [other for other in others if other.sharing]
    offered = _offering(sharing, receiver, CONTENT)
    slots = [slot.slot for slot in receiver.slots if slot.slot in receiver.content_slots]
    return dict(zip(slots, offered, strict=False))
