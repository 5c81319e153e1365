"""In which codec the owners of pictures are asked to send, so that all who are there get them as they come. Pure.

A page is asked for what every other leg takes, whether or not that is shown the picture now: who speaks next is
then in its slot at once. Where nothing suits all, pages send what they like best, and what is left is converted.
"""

from collections.abc import Collection, Sequence

from bridge.app.feeds.planner import Present, SourceKey
from media.description import CONTENT, Format, Slot, Source


def wishes(
    present: Sequence[Present], able: Collection[int], asked: Collection[SourceKey] = ()
) -> dict[SourceKey, int]:
    """The payload type in which each picture of the legs in `able` is best sent.

    What its owner likes best has to be said of those alone of which something else was `asked` before.
    """
    found: dict[SourceKey, int] = {}
    for one in present:
        for source in one.sources if one.leg in able else ():
            best = _best(source, [_slots(other, source.source) for other in present if other.leg != one.leg])
            key = (one.leg, source.source)
            if best is not None and (best != source.formats[0] or key in asked):
                found[key] = best.pt
    return found


def _slots(receiver: Present, source: int) -> list[Slot]:
    """The slots in which somebody could be shown this kind of picture."""
    content = source == CONTENT
    return [
        slot
        for slot in receiver.slots
        if slot.kind == "video" and (slot.slot in receiver.content_slots) is content
    ]


def _best(source: Source, receivers: Sequence[Sequence[Slot]]) -> Format | None:
    """The first of what was agreed with its owner that all receivers take, of those that take any of it."""
    if source.kind != "video":
        return None
    takers = [slots for slots in receivers if any(_takes(slots, form) for form in source.formats)]
    suiting = (form for form in source.formats if all(_takes(slots, form) for slots in takers))
    return next(suiting, source.formats[0])


def _takes(slots: Sequence[Slot], form: Format) -> bool:
    return any(taken.takes(form) for slot in slots for taken in slot.formats)
