"""Fast start: channels that are offered in a Setup and taken in what answers it (H.323 section 8.1.7).

Each element is an OpenLogicalChannel: for what its sender would send, or, with nothing forward, for what it would
take. Only what is in the clear comes so: keys are not there yet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from signalling.gateways.h323.control import channels, codecs
from signalling.gateways.h323.control.channels import PARAMETERS, Refusal
from signalling.gateways.h323.control.codecs import Kind
from signalling.gateways.h323.control.description import NOWHERE, OurLine
from signalling.gateways.h323.control.medium import Medium, Ours, Settled, Stage, Theirs
from signalling.gateways.h323.control.opening import Channels
from signalling.gateways.h323.control.settings import Settings
from signalling.gateways.h323.control.values import (
    NULL,
    Address,
    Choice,
    Fields,
    address,
    choice,
    inner,
    parts,
    transport,
)

MOST: Final = 64
"""Elements that are looked at."""
DYNAMIC_PT: Final = 96
_NOTHING: Final[Choice] = ("nullData", NULL)


@dataclass(frozen=True, slots=True)
class Element:
    """One element. `forward` is whether its sender would send on it; `rtp` and `rtcp` are its sender's."""

    number: int
    forward: bool
    kind: Kind
    settled: Settled
    rtp: Address | None = field(default=None, repr=False)
    rtcp: Address | None = field(default=None, repr=False)


def read(fields: Fields) -> Element | None:
    """Read one element; None for what we have no use for."""
    forward = parts(fields.get("forwardLogicalChannelParameters"))
    reverse = parts(fields.get("reverseLogicalChannelParameters"))
    is_forward = choice(forward.get("dataType"))[0] != "nullData"
    told = forward if is_forward else reverse
    parameters = parts(inner(told, "multiplexParameters", PARAMETERS))
    try:
        settled, kind = channels.carried(told.get("dataType"), parameters, None)
    except Refusal:
        return None
    if kind is Kind.CONTENT:
        return None
    places = address(parameters.get("mediaChannel")), address(parameters.get("mediaControlChannel"))
    return Element(fields["forwardLogicalChannelNumber"], is_forward, kind, settled, *places)


def read_all(elements: Iterable[Fields]) -> list[Element]:
    """Those that we have a use for."""
    return [one for one in map(read, islice(elements, MOST)) if one is not None]


class Called:
    """Fast start towards us: what we choose, and what we say of it."""

    def __init__(self, media: dict[Kind, Medium], chans: Channels, settings: Settings) -> None:
        self._media = media
        self._channels = chans
        self._settings = settings

    def choose(self, offered: Iterable[Fields]) -> bool:
        """Choose for sound and pictures one codec each, best one for both directions; whether there is any."""
        known = read_all(offered)
        for kind, names in ((Kind.SOUND, self._settings.sound), (Kind.PICTURE, self._settings.pictures)):
            found = [one for one in known if one.kind is kind and one.settled.codec.name in names]
            self._take(self._media[kind], *_best(found, names))
        return any(medium.theirs or medium.ours for medium in self._media.values())

    def _take(self, medium: Medium, theirs: Element | None, ours: Element | None) -> None:
        chosen = ours or theirs
        if chosen is None:
            return
        settled = medium.choice = chosen.settled
        if theirs is not None and theirs.number not in self._channels.theirs:
            medium.theirs = Theirs(theirs.number, medium.kind, settled, medium.session, theirs.rtcp)
            self._channels.theirs[theirs.number] = medium.theirs
        if ours is not None:
            number = self._channels.new_number()
            medium.ours = Ours(number, medium.kind, settled, OurLine(NOWHERE, NOWHERE), None, stage=Stage.OPEN)
            medium.ours.rtp, medium.ours.rtcp = ours.rtp, ours.rtcp
            self._channels.ours[number] = medium.ours

    def accepted(self) -> tuple[Fields, ...]:
        """The answer, once the bridge has said which media it has, and where."""
        told: list[Fields] = []
        for medium in self._media.values():
            if medium.line is None:
                forget(medium, self._channels)
            if medium.line is not None and medium.ours is not None:
                medium.ours.line = medium.line
                told.append(
                    _reverse(medium.ours.number, medium.ours.settled, medium.session, medium.line, media=False)
                )
            if medium.line is not None and medium.theirs is not None:
                medium.theirs.line = medium.line
                told.append(
                    _forward(medium.theirs.number, medium.theirs.settled, medium.session, medium.line, media=True)
                )
        return tuple(told)


def forget(medium: Medium, chans: Channels) -> None:
    """Be as if nothing had been offered for a medium."""
    if medium.theirs is not None:
        chans.forget_theirs(medium.theirs.number)
    if medium.ours is not None:
        chans.ours.pop(medium.ours.number, None)
        medium.ours = None
    medium.choice = medium.described = None


def _best(found: Sequence[Element], names: Sequence[str]) -> tuple[Element | None, Element | None]:
    """What the peer would send and take of the codec that we like best, in both directions if there is."""
    sends = {one.settled.same: one for one in reversed(found) if one.forward}
    takes = {one.settled.same: one for one in reversed(found) if not one.forward and one.rtp is not None}
    order = sorted(
        (one for one in found if one.settled.same in sends or one.settled.same in takes),
        key=lambda one: (
            (one.settled.same not in sends) + (one.settled.same not in takes),
            names.index(one.settled.codec.name),
        ),
    )
    if not order:
        return None, None
    same = order[0].settled.same
    return sends.get(same), takes.get(same)


class Calling:
    """Fast start of ours: what we propose, and what becomes of it."""

    def __init__(self, media: dict[Kind, Medium], chans: Channels, settings: Settings) -> None:
        self._media = media
        self._channels = chans
        self._settings = settings
        self._proposed: dict[int, tuple[Kind, Settled]] = {}

    def propose(self) -> list[Fields]:
        """Each of our codecs in each direction, the most wanted first."""
        told: list[Fields] = []
        for kind, names in ((Kind.SOUND, self._settings.sound), (Kind.PICTURE, self._settings.pictures)):
            medium = self._media[kind]
            if medium.line is None:
                continue
            for codec in codecs.ours(names, self._settings.bit_rate):
                settled = Settled(codec, codecs.STATIC.get(codec.name, DYNAMIC_PT))
                number = self._channels.new_number()
                self._proposed[number] = (kind, settled)
                told.append(_reverse(number, settled, medium.session, medium.line, media=True))
                told.append(_forward(number, settled, medium.session, medium.line, media=False))
        return told

    def answered(self, elements: Iterable[Fields]) -> bool:
        """Take what the peer has chosen; whether there is anything."""
        for one in read_all(elements):
            medium, proposed = (
                self._media[one.kind],
                [settled.same for kind, settled in self._proposed.values() if kind is one.kind],
            )
            if medium.line is None or one.settled.same not in proposed:
                continue
            if one.forward:
                self._opened(medium, one)
            elif medium.theirs is None and one.number not in self._channels.theirs:
                medium.theirs = Theirs(
                    one.number, one.kind, one.settled, medium.session, one.rtcp, line=medium.line
                )
                self._channels.theirs[one.number] = medium.theirs
                medium.choice = one.settled
        self._proposed.clear()
        return any(medium.choice for medium in self._media.values())

    def _opened(self, medium: Medium, one: Element) -> None:
        kind, settled = self._proposed.get(one.number, (None, None))
        if medium.ours is not None or medium.line is None or one.rtp is None:
            return
        if kind is not medium.kind or settled is None or settled.same != one.settled.same:
            return
        codec = replace(one.settled.codec, most_ms=settled.codec.most_ms)
        ours = Ours(one.number, medium.kind, replace(settled, codec=codec), medium.line, None, stage=Stage.OPEN)
        ours.rtp, ours.rtcp = one.rtp, one.rtcp
        self._channels.ours[ours.number] = medium.ours = ours
        medium.choice = medium.choice or ours.settled


def _forward(number: int, settled: Settled, session: int, line: OurLine, *, media: bool) -> Fields:
    """An element for a channel that is named by its sender's number, who is on its forward side."""
    return {
        "forwardLogicalChannelNumber": number,
        "forwardLogicalChannelParameters": {
            "dataType": channels.data_type(settled, None),
            "multiplexParameters": (PARAMETERS, _told(settled, session, line, media=media)),
        },
    }


def _reverse(number: int, settled: Settled, session: int, line: OurLine, *, media: bool) -> Fields:
    return {
        "forwardLogicalChannelNumber": number,
        "forwardLogicalChannelParameters": {"dataType": _NOTHING, "multiplexParameters": ("none", NULL)},
        "reverseLogicalChannelParameters": {
            "dataType": channels.data_type(settled, None),
            "multiplexParameters": (PARAMETERS, _told(settled, session, line, media=media)),
        },
    }


def _told(settled: Settled, session: int, line: OurLine, *, media: bool) -> dict[str, object]:
    told = channels.parameters_of(settled, session)
    if media:
        told["mediaChannel"] = transport(line.rtp)
    return told | {"mediaControlChannel": transport(line.rtcp)}
