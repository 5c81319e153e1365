"""What a converter is asked to do, in the words of `transcode.jobs`: pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, isqrt
from typing import Final

from msgspec.structs import replace

from bridge.app.feeds.planner import SourceKey
from bridge.app.feeds.racks import Rack
from bridge.app.feeds.serving import How, Want
from media.converters import LEVELS, MADE, SOUND, ConverterLeg
from media.description import CAMERA, CONTENT, OLDER, Format
from transcode import jobs as t

SIZES: Final[Mapping[int, tuple[int, int, int]]] = {
    10: (176, 96, 15),
    13: (400, 224, 25),
    21: (512, 288, 25),
    30: (848, 480, 25),
    31: (1280, 720, 25),
}
"""Width, height and pictures a second that each level of H.264 holds (ITU-T H.264 table A-1)."""
OLDER_WIDTHS: Final[Mapping[int, int]] = {288: 352, 144: 176}
"""By lines, of H.261 and H.263, whose points are a twelfth wider than high."""
OLDER_RATES: Final[Mapping[int, int]] = {1: 25, 2: 15, 4: 7}
"""Pictures a second that keep an interval."""
CHEAP: Final = 21
WORDS: Final = 30
"""Enough for a picture of words alone, of which there may be many at a time: an encoder of more takes 25 MB."""
BITS_PER_PIXEL: Final = 0.06
OLDER_BITS_PER_PIXEL: Final = 0.15
SMALL_ROWS: Final = 4


@dataclass(frozen=True, slots=True)
class Label:
    """What is written on somebody's picture."""

    name: str
    muted: bool = False

    def __repr__(self) -> str:
        """Leave the name out."""
        return f"Label(muted={self.muted})"


Labels = Mapping[int, Label]
"""By legs."""


def job_of(
    rack: Rack, leg: ConverterLeg, labels: Labels, *, cheap: bool = False, before: t.Job | None = None
) -> t.Job:
    """The whole job of a rack; `cheap` makes pictures of it for a quarter of the price.

    In the place of the job `before`, people stay where they were seen as far as they can.
    """
    ssrcs = {key: leg.input(slot) for slot, key in rack.inputs.items()}
    outs = sorted(rack.outs.items())
    if rack.kind == "audio":
        return t.Mix(
            id=leg.leg,
            peer=leg.port,
            inputs=tuple(t.SoundIn(ssrc=ssrc, formats=_SOUNDS) for ssrc in ssrcs.values()),
            outs=tuple(_sound(leg.out(number), want, ssrcs) for number, want in outs),
        )
    seen = {out.ssrc: out.scene for out in before.outs} if isinstance(before, t.Compose) else {}
    pictures = (_picture(leg.out(number), want, ssrcs, (labels, cheap)) for number, want in outs)
    return t.Compose(
        id=leg.leg,
        peer=leg.port,
        inputs=tuple(t.PictureIn(ssrc=ssrc, formats=_pictures(leg)) for ssrc in ssrcs.values()),
        outs=tuple(replace(one, scene=_settled(one.scene, seen.get(one.ssrc))) for one in pictures),
    )


def height_of(rack: Rack, key: SourceKey, *, cheap: bool = False) -> int | None:
    """The most lines that a converter shows of a source, so that it is sent no larger encoding; None of sound."""
    if rack.kind == "audio":
        return None
    return max(_lines(want, key, size_of(want, cheap=cheap)[1]) for want in rack.outs.values() if key in want.of)


def size_of(want: Want, *, cheap: bool) -> tuple[int, int, int]:
    """Width, height and pictures a second of what is made."""
    if want.form.codec in OLDER:
        lines, interval = want.form.lines or 288, want.form.interval or 1
        return OLDER_WIDTHS[lines], lines, OLDER_RATES[interval]
    most = CHEAP if cheap else LEVELS[-1] if want.of else WORDS
    width, height, fps = SIZES[min(_level(want), most)]
    if want.lines is not None and want.lines < height:
        return want.lines * 4 // 3, want.lines, fps
    return width, height, fps


_SOUNDS: Final = tuple(t.SoundFormat(pt=form.pt, codec=form.codec) for form in SOUND)  # type: ignore[arg-type]


def _pictures(leg: ConverterLeg) -> tuple[t.PictureFormat, ...]:
    formats = leg.slots[0].formats
    return tuple(t.PictureFormat(pt=form.pt, codec=form.codec) for form in formats)  # type: ignore[arg-type]


def _sound(ssrc: int, want: Want, ssrcs: Mapping[SourceKey, int]) -> t.SoundOut:
    form = next(form for form in _SOUNDS if form.codec == want.form.codec)
    return t.SoundOut(ssrc=ssrc, format=form, of=tuple(ssrcs[key] for key in want.of if key in ssrcs))


def _picture(ssrc: int, want: Want, ssrcs: Mapping[SourceKey, int], how: tuple[Labels, bool]) -> t.PictureOut:
    labels, cheap = how
    width, height, fps = size_of(want, cheap=cheap)
    bits = OLDER_BITS_PER_PIXEL if want.form.codec in OLDER else BITS_PER_PIXEL
    return t.PictureOut(
        ssrc=ssrc,
        format=_form(want),
        width=width,
        height=height,
        fps=fps,
        scene=_scene(want, ssrcs, labels),
        bitrate=round(width * height * fps * bits),
    )


def _form(want: Want) -> t.PictureFormat:
    if want.form.codec == "vp8":
        return t.PictureFormat(pt=MADE[0].pt, codec="vp8")
    if want.form.codec in OLDER:
        made = next(form for form in MADE if _older(form) == _older(want.form))
        return t.PictureFormat(pt=made.pt, codec=made.codec)  # type: ignore[arg-type]
    made = next(form for form in MADE if form.profile is not None and form.profile & 0xFF == _level(want))
    return t.PictureFormat(pt=made.pt, codec="h264", packetization_mode=0)


def _older(form: Format) -> tuple[str, int | None, int | None]:
    return form.codec, form.lines, form.interval


def _level(want: Want) -> int:
    """The highest level that converters make and the receiver takes; VP8 has none."""
    most = LEVELS[-1] if want.form.profile is None else want.form.profile & 0xFF
    return max((level for level in LEVELS if level <= most), default=LEVELS[0])


def _scene(want: Want, ssrcs: Mapping[SourceKey, int], labels: Labels) -> t.Scene:
    if want.how is How.CONVERT:
        return t.Scene(tiles=tuple(t.Tile(input=ssrcs.get(key)) for key in want.of))
    tiles = tuple(_tile(key, ssrcs, labels) for key in _ordered(want))
    if want.caption is None:
        return t.Scene(layout=_layout(want), tiles=tiles)
    return t.Scene(layout=_layout(want), tiles=tiles, text=want.caption.below if tiles else want.caption.alone)


def _settled(scene: t.Scene, before: t.Scene | None) -> t.Scene:
    """Have whoever becomes large change places with whoever was, and nobody else move."""
    if before is None or {scene.layout, before.layout} != {"speaker"}:
        return scene
    new = {tile.input: tile for tile in scene.tiles}
    if len(new) < len(scene.tiles):
        # Some have no camera, by which they could be told.
        return scene
    order = [tile.input for tile in before.tiles if tile.input in new]
    order += [one for one in new if one not in order]
    at = order.index(scene.tiles[0].input)
    order[0], order[at] = order[at], order[0]
    return replace(scene, tiles=tuple(new[one] for one in order))


def _tile(key: SourceKey, ssrcs: Mapping[SourceKey, int], labels: Labels) -> t.Tile:
    label = labels.get(key[0], Label(""))
    return t.Tile(input=ssrcs.get(key), name=label.name, muted=label.muted and key[1] == CAMERA)


def _ordered(want: Want) -> list[SourceKey]:
    """Who is large comes first; all others keep their order, whoever speaks."""
    return sorted(want.of, key=lambda key: key != want.large)


def _layout(want: Want) -> t.Layout:
    if any(source == CONTENT for _, source in want.of):
        return "content"
    if len(want.of) == 2:  # noqa: PLR2004 - two are side by side
        return "beside"
    return "grid" if want.large is None else "speaker"


def _lines(want: Want, key: SourceKey, height: int) -> int:
    if want.how is How.CONVERT:
        return height
    match _layout(want):
        case "speaker" | "content":
            return height if key == want.large else ceil(height / SMALL_ROWS)
        case "beside":
            return height // 2
        case _:
            return ceil(height / (isqrt(len(want.of) - 1) + 1))
