"""Legs of converters: plain RTP on this machine's own address, with sources and slots of every codec they know.

What is fed to one and who takes what it makes is planned like everything else, and its gate opens by the same
door.
"""

import secrets
from dataclasses import dataclass
from itertools import count, product
from typing import Final

from media.api import Engine
from media.description import Encoding, Format, Kind, Slot, Source
from media.errands import Errands
from media.lines import AddLines, Feedback, Line, LinePorts, Plain, Remote

CNAME_BYTES: Final = 12
SOUND: Final = (
    Format(pt=111, codec="opus", clock_rate=48_000),
    Format(pt=9, codec="g722", clock_rate=8_000),
    Format(pt=8, codec="pcma", clock_rate=8_000),
    Format(pt=0, codec="pcmu", clock_rate=8_000),
)
VP8: Final = Format(pt=96, codec="vp8", clock_rate=90_000, pli=True)
LEVELS: Final = (10, 13, 21, 30, 31)
"""Levels of H.264, ten times their number (ITU-T H.264 table A-1), in which converters make pictures."""
OLDER_LINES: Final = (288, 144)
INTERVALS: Final = (1, 2, 4)
"""Of H.261 and H.263: CIF and QCIF, and the least times between pictures, in 1001/30000 s."""


def _older(pt: int, codec: str, lines: int, interval: int = 1) -> Format:
    return Format(pt=pt, codec=codec, clock_rate=90_000, lines=lines, interval=interval, pli=True)


def _h264(pt: int, profile: int, mode: int) -> Format:
    return Format(pt=pt, codec="h264", clock_rate=90_000, packetization_mode=mode, profile=profile, pli=True)


# Mode 1 holds mode 0, and level 5.2 all that come; a profile for each kind of decoder.
READ: Final = (VP8, *(_h264(pt, id_ << 8 | 0x34, 1) for pt, id_ in ((97, 0x42E0), (98, 0x4200), (99, 0x4D00))))
READ_OLDER: Final = tuple(_older(*of, 288) for of in ((31, "h261"), (34, "h263"), (103, "h263-1998")))
READ_HIGH: Final = (*READ, _h264(100, 0x640034, 1), _h264(101, 0x640C34, 1), *READ_OLDER)
_OLDER: Final = tuple(product(("h261", "h263", "h263-1998"), OLDER_LINES, INTERVALS))
MADE: Final = (
    VP8,
    *(_h264(97 + at, 0x42E000 | level, 0) for at, level in enumerate(LEVELS)),
    *(_older(102 + at, *of) for at, of in enumerate(_OLDER)),
)
"""What a converter makes: constrained baseline in mode 0 goes to every receiver of H.264 of that level."""

# Nothing is lost on the way through the machine: what a converter is sent is bounded by what its sources send.
BITRATE: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class ConverterLeg:
    """One leg, its engine's port, and its streams, each with its SSRC from the beginning."""

    leg: int
    room: int
    port: int
    kind: Kind
    slots: tuple[Slot, ...]
    sources: tuple[Source, ...]

    def input(self, slot: int) -> int:
        """The SSRC with which the engine sends what is in a slot."""
        return self.slots[slot].ssrc

    def out(self, source: int) -> int:
        """The SSRC that the converter sends a source with."""
        ssrc = self.sources[source].encodings[0].ssrc
        assert ssrc is not None  # noqa: S101 - made below
        return ssrc


class ConverterLegs:
    """All legs of converters on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._errands = Errands(engine, lambda _leg, _code: None)
        self._numbers = count(secrets.randbits(31) << 32)

    def open(self, room: int, kind: Kind, size: tuple[int, int]) -> ConverterLeg:
        """Open a port for a leg of so many slots and sources; `connect` makes the leg. Raises EngineError."""
        port = self._engine.open_local_ports(room)
        ins, outs = size
        ssrcs = secrets.SystemRandom().sample(range(1, 2**32), ins + outs)
        takes, makes = (SOUND, SOUND) if kind == "audio" else (READ_HIGH, MADE)
        return ConverterLeg(
            leg=next(self._numbers),
            room=room,
            port=port,
            kind=kind,
            slots=tuple(
                Slot(slot=number, kind=kind, ssrc=ssrcs[number], rtx_ssrc=None, formats=takes)
                for number in range(ins)
            ),
            sources=tuple(
                Source(
                    source=number,
                    kind=kind,
                    mid=str(number),
                    encodings=(Encoding(ssrc=ssrcs[ins + number]),),
                    formats=makes,
                )
                for number in range(outs)
            ),
        )

    def connect(self, leg: ConverterLeg, port: int) -> None:
        """Give the engine the leg, its gate closed; the converter has this UDP port. Raises EngineError."""
        line = Line(
            ports=LinePorts(rtp=leg.port),
            remote=Remote(rtp=f"127.0.0.1:{port}"),
            protection=Plain(),
            sources=leg.sources,
            slots=leg.slots,
            feedback=Feedback(pli=True),
            max_bitrate=BITRATE,
        )
        cname = secrets.token_urlsafe(CNAME_BYTES)
        self._engine.submit(AddLines(leg=leg.leg, room=leg.room, lines=(line,), cname=cname, allow_plain=True))

    def discard(self, leg: ConverterLeg) -> None:
        """Close the port of a leg that was not connected. Raises EngineError."""
        self._engine.close_ports(leg.room, leg.port)

    def close(self, leg: ConverterLeg) -> None:
        """Forget a leg."""
        self._errands.remove(leg.leg)

    def repeat(self) -> None:
        """Ask once more for what a busy engine did not take; to be called every 50 ms or so."""
        self._errands.repeat()
