"""Legs for planner tests: what a browser offers, shorter."""

from media.description import CAMERA, CONTENT, MIC, Encoding, Format, Kind, Slot, Source

CODECS: dict[str, tuple[Kind, int]] = {
    "opus": ("audio", 48_000),
    "pcmu": ("audio", 8_000),
    "pcma": ("audio", 8_000),
    "g722": ("audio", 8_000),
    "vp8": ("video", 90_000),
    "h264": ("video", 90_000),
}
KINDS: dict[int, Kind] = {MIC: "audio", CAMERA: "video", CONTENT: "video"}


def formats(*codecs: str) -> tuple[Format, ...]:
    """Payload types from 96 for these codecs."""
    return tuple(
        Format(pt=pt, codec=codec, clock_rate=CODECS[codec][1]) for pt, codec in enumerate(codecs, start=96)
    )


def source(number: int, *codecs: str) -> Source:
    """A source in these codecs; by default what every browser sends."""
    kind = KINDS[number]
    chosen = codecs or (("opus",) if kind == "audio" else ("vp8",))
    return Source(source=number, kind=kind, mid=str(number), encodings=(Encoding(),), formats=formats(*chosen))


def slot(number: int, kind: Kind, *codecs: str) -> Slot:
    """A slot for these codecs; by default for what every browser sends."""
    chosen = codecs or (("opus",) if kind == "audio" else ("vp8",))
    return Slot(slot=number, kind=kind, ssrc=1000 + number, rtx_ssrc=None, formats=formats(*chosen))
