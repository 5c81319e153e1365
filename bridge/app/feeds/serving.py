"""How each slot is served, and why: a pure function over everyone who is in. The cheapest way that serves wins.

1. *forward*: the source comes in something that the slot takes.
2. *ask*: the source could come in something that the slot takes, and its owner can be asked for that.
3. *convert*: made into another codec once, for all slots that want the same.
4. *mix* and *compose*: a leg with one slot for sound hears all others in it, one that wants to see everybody in
   one picture is shown that.

Where processors are short, nobody is composed: a slot then has whoever spoke last, converted only where it could
not be filled otherwise. Sound is always made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from itertools import product
from typing import Final

from bridge.app.announcing.prompts import Caption
from bridge.app.feeds.planner import (
    NO_PLAN,
    Forms,
    Place,
    Plan,
    Present,
    SourceKey,
    by_importance,
    fits,
    form_of,
    forms_of,
    people_slots,
    plan,
)
from media.converters import INTERVALS, OLDER_LINES
from media.description import CAMERA, CONTENT, DECODE_CONSTRAINED, MIC, OLDER, Format, Kind, Slot, Source

VOICES: Final = {"opus": 48_000, "g722": 8_000, "pcma": 8_000, "pcmu": 8_000}
PICTURES: Final = ("vp8", "h264")
"""What converters read and make; whatever they make of H.264 is constrained baseline in packetization mode 0,
which every receiver of H.264 takes that decodes more than extended profile."""
READ: Final = frozenset({*VOICES, *PICTURES, *OLDER})
BASELINE: Final = 0x42E000
LOWEST_LEVEL: Final = 10
MOST_TOGETHER: Final = 8
"""Voices in one mix, and people in one picture."""


class How(StrEnum):
    """By what a slot is filled."""

    FORWARD = "forward"
    CONVERT = "convert"
    MIX = "mix"
    COMPOSE = "compose"


class Why(StrEnum):
    """Why it is filled so; an operator reads it."""

    FITS = "fits"
    """It comes as the slot takes it."""
    ASKED = "asked"
    """Its owner has been asked for a codec that the slot takes."""
    CODEC = "codec"
    """The slot takes nothing that it comes in."""
    SEVERAL = "several"
    """There are more than the slots that there are for them."""
    SHORT = "short"
    """More would be wanted, and processors are short."""
    TOLD = "told"
    """Its owner is told something, by voice or on the picture."""


@dataclass(frozen=True, slots=True)
class Means:
    """What may be made beside forwarding; `together` are composed pictures."""

    sound: bool = False
    pictures: bool = False
    together: bool = True


@dataclass(frozen=True, slots=True)
class Want:
    """Something to be made, the same for all who want it. `form` is without a payload type.

    `large` is who is shown largest, of a composed picture, and `caption` is written on it. A mix `to`
    one leg is nobody else's, since something is said in it. A conversion need not have more than `lines`.
    """

    how: How
    of: tuple[SourceKey, ...]
    form: Format
    large: SourceKey | None = None
    to: int | None = None
    caption: Caption | None = None
    lines: int | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """What fills one slot: `source` as it comes, or what is wanted of a converter, and `source` until then."""

    how: How
    why: Why
    source: SourceKey | None
    want: Want | None = None


@dataclass(frozen=True, slots=True)
class Serving:
    """All of a room: who is in which slot (`plan`, for layouts and for the next plan), and how each is served."""

    plan: Plan
    slots: Mapping[Place, Served]


FORWARD_ONLY: Final = Means()


def serve(
    present: Sequence[Present], speakers: Sequence[int], previous: Plan = NO_PLAN, means: Means = FORWARD_ONLY
) -> Serving:
    """Fill every slot of everyone present; `speakers` and `previous` as `plan` takes them."""
    filled = plan(present, speakers, previous, lambda forms: _becomes(forms, means))
    room = _Room({one.leg: one for one in present}, means)
    slots = {place: room.one(place, key) for place, key in filled.items()}
    for receiver in present:
        others = by_importance(receiver, present, speakers)
        slots |= room.together(receiver, others, filled)
    return Serving(filled, slots)


@dataclass(frozen=True, slots=True)
class _Room:
    legs: Mapping[int, Present]
    means: Means

    def one(self, place: Place, key: SourceKey) -> Served:
        """Serve a slot with one source."""
        slot, source = self._slot(place), self._source(key)
        sender = self.legs[key[0]]
        likes = source.formats[0].codec
        sends = sender.sending.get(key[1], likes)
        takes = forms_of(slot)
        if fits(takes, _sent(source, sends)):
            return Served(How.FORWARD, Why.FITS if sends == likes else Why.ASKED, key)
        form, could = makeable(slot), fits(takes, forms_of(source))
        if key[1] in sender.asked and fits(takes, _sent(source, sender.asked[key[1]])):
            return Served(How.FORWARD, Why.ASKED, key)
        if form is None or not self._may(slot.kind):
            return Served(How.FORWARD, Why.SHORT, key)
        meanwhile = key if could else None
        want = Want(How.CONVERT, (key,), form, lines=_most_lines(source, sends))
        return Served(How.CONVERT, Why.CODEC, meanwhile, want)

    def together(self, receiver: Present, others: Sequence[Present], filled: Plan) -> dict[Place, Served]:
        """Serve the one slot for sound, and the one for pictures, of a leg that has no more.

        Who has no slot for content is shown it there, too: largest, or alone where not everybody is to be seen.
        """
        found: dict[Place, Served] = {}
        content = () if receiver.content_slots else (CONTENT,)
        for kind, numbers in (("audio", (MIC,)), ("video", (*content, CAMERA) if receiver.composed else content)):
            places = list(people_slots(receiver, kind))  # type: ignore[arg-type]
            if len(places) != 1:
                continue
            place = (receiver.leg, places[0])
            keys = [key for number in numbers for key in _readable(others, number)][:MOST_TOGETHER]
            caption = receiver.caption if keys or place in filled else receiver.caption or receiver.idle
            told = receiver.spoken_to if kind == "audio" else caption is not None
            if told and (served := self._told(place, keys, filled.get(place), caption)):
                found[place] = served
            elif len(keys) > 1:
                found |= self._joined(place, tuple(keys), filled.get(place))
            elif keys and keys[0][1] == CONTENT and (alone := self._alone(place, keys[0])) is not None:
                found[place] = alone
        return found

    def _told(
        self, place: Place, keys: Sequence[SourceKey], speaker: SourceKey | None, caption: Caption | None
    ) -> Served | None:
        """Let somebody be told something over what they hear, or on what they see, be it nothing."""
        slot = self._slot(place)
        form = makeable(slot)
        if form is None or not self._may(slot.kind) or (slot.kind == "video" and not self.means.together):
            return None
        meanwhile = None if speaker is None else self.one(place, speaker).source
        # Who has one picture at a time keeps it.
        shown = keys or ([] if speaker is None or not _is_read(self._source(speaker)) else [speaker])
        together = self._together(slot.kind, tuple(shown), form, speaker)
        want = replace(
            together,
            to=place[0] if slot.kind == "audio" else None,
            caption=caption if slot.kind == "video" else None,
        )
        return Served(want.how, Why.TOLD, meanwhile, want)

    def _alone(self, place: Place, key: SourceKey) -> Served | None:
        """Serve a slot with a source that it was not planned for, if it can be had in anything that it takes."""
        could = _becomes(forms_of(self._source(key)), self.means)
        return self.one(place, key) if fits(forms_of(self._slot(place)), could) else None

    def _joined(self, place: Place, keys: tuple[SourceKey, ...], speaker: SourceKey | None) -> dict[Place, Served]:
        slot = self._slot(place)
        form = makeable(slot)
        content = next((key for key in keys if key[1] == CONTENT), None)
        alone = None if content is None else self._alone(place, content)
        if alone is None and speaker is not None:
            alone = self.one(place, speaker)
        if form is None or not self._may(slot.kind) or (slot.kind == "video" and not self.means.together):
            return {} if alone is None else {place: Served(alone.how, Why.SHORT, alone.source, alone.want)}
        want = self._together(slot.kind, keys, form, speaker)
        meanwhile = None if alone is None else alone.source
        return {place: Served(want.how, Why.SEVERAL, meanwhile, want)}

    def _together(self, kind: Kind, keys: tuple[SourceKey, ...], form: Format, speaker: SourceKey | None) -> Want:
        if kind == "audio":
            return Want(How.MIX, tuple(sorted(keys)), form)
        shared = next((key for key in keys if key[1] == CONTENT), speaker)
        return Want(How.COMPOSE, tuple(sorted(keys)), form, shared)

    def _may(self, kind: Kind) -> bool:
        return self.means.sound if kind == "audio" else self.means.pictures

    def _slot(self, place: Place) -> Slot:
        return next(slot for slot in self.legs[place[0]].slots if slot.slot == place[1])

    def _source(self, key: SourceKey) -> Source:
        return next(source for source in self.legs[key[0]].sources if source.source == key[1])


def makeable(slot: Slot) -> Format | None:
    """The first of what a slot takes that a converter makes; of H.264 with the slot's level."""
    return next((made for form in slot.formats if (made := _made_for(form)) is not None), None)


@lru_cache(maxsize=1024)
def _made_for(form: Format) -> Format | None:
    if form.codec == "h264":
        profile, level = (form.profile or 0x42000A) >> 16, (form.profile or 0x42000A) & 0xFF
        if profile not in DECODE_CONSTRAINED:
            return None
        made = _h264(max(level, LOWEST_LEVEL))
        return made if form.takes(made) else None
    if form.codec in OLDER:
        made_of = (_older(form.codec, *of) for of in product(OLDER_LINES, INTERVALS))
        return next((made for made in made_of if form.takes(made)), None)
    return form_of(form) if form.codec in READ else None


def _older(codec: str, lines: int, interval: int) -> Format:
    return Format(pt=0, codec=codec, clock_rate=90_000, lines=lines, interval=interval)


def _h264(level: int) -> Format:
    return Format(pt=0, codec="h264", clock_rate=90_000, packetization_mode=0, profile=BASELINE | level)


@lru_cache(maxsize=4096)
def _becomes(forms: Forms, means: Means) -> Forms:
    """What a source comes as, and what can be made of that."""
    kinds = {kind for kind, form in forms if form.codec in READ}
    made: set[tuple[Kind, Format]] = set()
    if "audio" in kinds and means.sound:
        made |= {("audio", Format(pt=0, codec=codec, clock_rate=rate)) for codec, rate in VOICES.items()}
    if "video" in kinds and means.pictures:
        made |= {("video", Format(pt=0, codec="vp8", clock_rate=90_000)), ("video", _h264(LOWEST_LEVEL))}
        made |= {("video", _older(codec, OLDER_LINES[-1], INTERVALS[-1])) for codec in OLDER}
    return forms | made if made else forms


def _sent(source: Source, codec: str) -> Forms:
    """What a source comes in while this is its codec."""
    sent = forms_of(source)
    now = frozenset((kind, form) for kind, form in sent if form.codec == codec)
    return now or sent


def _most_lines(source: Source, codec: str) -> int | None:
    """How many lines a source has at the most in what it sends now, where that is little."""
    if codec not in OLDER:
        return None
    return max(form.lines or OLDER_LINES[0] for form in source.formats if form.codec == codec)


def _readable(others: Sequence[Present], number: int) -> list[SourceKey]:
    """The sources of a number that converters read; content of those who share."""
    return [
        (other.leg, source.source)
        for other in others
        for source in other.sources
        if source.source == number
        and (number != CONTENT or other.sharing)
        and (number != CAMERA or other.camera)
        and _is_read(source)
    ]


def _is_read(source: Source) -> bool:
    return any(form.codec in READ for form in source.formats)
