"""A composed picture that is painted tile by tile, as they change."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from transcode.captions import BAND_SHARE, Caption, announcement, band, label, somebody
from transcode.jobs import Scene
from transcode.layout import Place, fit, places
from transcode.older import SQUARE

Plane = NDArray[np.uint8]

_DARK: Final = (24, 128, 128)
_EMPTY: Final = (44, 132, 124)
# Behind words that stand alone: a dark blue.
_CALM: Final = (40, 144, 118)
_EDGE: Final = 2


class Canvas:
    """The picture of one scene and size, as a frame of yuv420p that stays the same object."""

    def __init__(self, scene: Scene, width: int, height: int) -> None:
        self.frame: Any = av.VideoFrame(width, height, "yuv420p")
        self._luma = _planes(self.frame)[0]
        below = height // BAND_SHARE // 2 * 2 if scene.tiles and scene.text else 0
        self.places = places(scene.layout, len(scene.tiles), width, height - below)
        self._scalers = [VideoReformatter() for _ in self.places]
        self._sizes: list[tuple[int, int] | None] = [None] * len(self.places)
        self._inner = [(place, self._views(place)) for place in self.places]
        self._tiles = scene.tiles
        self._labels: list[Caption | None] = [None] * len(self.places)
        self._fill(Place(0, 0, width, height), _DARK if scene.tiles else _CALM)
        for index in range(len(self.places)):
            self.clear(index)
        written = (
            band(scene.text, width, height - below, below) if below else announcement(scene.text, width, height)
        )
        for caption in written:
            self._blend(caption)

    def clear(self, index: int) -> None:
        """Paint a tile of which there is no picture: somebody, and the name."""
        place = self.places[index]
        x, y, width, height = place
        self._fill(place, _DARK)
        self._fill(Place(x + _EDGE, y + _EDGE, width - 2 * _EDGE, height - 2 * _EDGE), _EMPTY)
        self._sizes[index] = None
        self._name(index, place)
        for caption in (somebody(place), self._labels[index]):
            if caption is not None:
                self._blend(caption)

    def paint(self, index: int, picture: av.VideoFrame, point: Fraction = SQUARE) -> None:
        """Put a picture into its tile, whole and scaled; `point` is how much wider than high its points are."""
        size = (round(picture.width * point), picture.height)
        if size != self._sizes[index]:
            self._resize(index, size)
        inner, views = self._inner[index]
        if (picture.width, picture.height) != (inner.width, inner.height):
            picture = self._scalers[index].reformat(
                picture, inner.width, inner.height, "yuv420p", interpolation=Interpolation.AREA
            )
        for mine, theirs in zip(views, _planes(picture), strict=True):
            mine[:] = theirs[: mine.shape[0], : mine.shape[1]]
        caption = self._labels[index]
        if caption is not None:
            self._darken(caption, inner)
            self._blend(caption)

    def _resize(self, index: int, size: tuple[int, int]) -> None:
        place = self.places[index]
        inner = fit(size, place)
        self._fill(place, _DARK)
        self._sizes[index], self._inner[index] = size, (inner, self._views(inner))
        self._name(index, inner)

    def _name(self, index: int, seen: Place) -> None:
        tile = self._tiles[index]
        self._labels[index] = label(tile.name, self.places[index], seen, muted=tile.muted)

    def _darken(self, caption: Caption, seen: Place) -> None:
        """Paint what a caption covers beside its picture, which nothing else does anew."""
        height, width = caption.add.shape
        beside = max(caption.x, seen.x + seen.width)
        self._luma[caption.y : caption.y + height, beside : caption.x + width] = _DARK[0]

    def _fill(self, place: Place, colour: tuple[int, int, int]) -> None:
        for plane, value in zip(self._views(place), colour, strict=True):
            plane[:] = value

    def _blend(self, caption: Caption) -> None:
        """Darken what is below a caption, and write it in white: luma alone, so that colours stay."""
        height, width = caption.add.shape
        luma = self._luma[caption.y : caption.y + height, caption.x : caption.x + width]
        luma[:] = (luma.astype(np.uint16) * caption.keep >> 8) + caption.add

    def _views(self, place: Place) -> list[Plane]:
        views = []
        for number, plane in enumerate(_planes(self.frame)):
            half = 1 if number == 0 else 2
            top, left = place.y // half, place.x // half
            views.append(plane[top : top + place.height // half, left : left + place.width // half])
        return views


def _planes(frame: Any) -> list[Plane]:
    return [np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size) for plane in frame.planes]
