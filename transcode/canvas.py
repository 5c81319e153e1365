"""A composed picture that is painted tile by tile, as they change."""

from __future__ import annotations

from typing import Any, Final

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from transcode.captions import BAND_SHARE, Caption, announcement, band, label
from transcode.jobs import Scene
from transcode.layout import Place, fit, places

Plane = NDArray[np.uint8]

_DARK: Final = (24, 128, 128)
_EMPTY: Final = (44, 132, 124)
# Behind words that stand alone: a dark blue.
_CALM: Final = (40, 144, 118)


class Canvas:
    """The picture of one scene and size, as a frame of yuv420p that stays the same object."""

    def __init__(self, scene: Scene, width: int, height: int) -> None:
        self.frame: Any = av.VideoFrame(width, height, "yuv420p")
        below = height // BAND_SHARE // 2 * 2 if scene.tiles and scene.text else 0
        self.places = places(scene.layout, len(scene.tiles), width, height - below)
        self._scalers = [VideoReformatter() for _ in self.places]
        self._sizes: list[tuple[int, int] | None] = [None] * len(self.places)
        self._inner = [(place, self._views(place)) for place in self.places]
        tiles = zip(scene.tiles, self.places, strict=False)
        self._labels = [label(tile.name, place, muted=tile.muted) for tile, place in tiles]
        self._fill(Place(0, 0, width, height), _DARK if scene.tiles else _CALM)
        for index in range(len(self.places)):
            self.clear(index)
        written = (
            band(scene.text, width, height - below, below) if below else announcement(scene.text, width, height)
        )
        for caption in written:
            self._blend(caption)

    def clear(self, index: int) -> None:
        """Paint a tile of which there is no picture."""
        self._fill(self.places[index], _EMPTY)
        self._sizes[index] = None
        self._finish(index)

    def paint(self, index: int, picture: av.VideoFrame) -> None:
        """Put a picture into its tile, whole and scaled."""
        size = (picture.width, picture.height)
        if size != self._sizes[index]:
            self._resize(index, size)
        inner, views = self._inner[index]
        if size != (inner.width, inner.height):
            picture = self._scalers[index].reformat(
                picture, inner.width, inner.height, "yuv420p", interpolation=Interpolation.AREA
            )
        for mine, theirs in zip(views, _planes(picture), strict=True):
            mine[:] = theirs[: mine.shape[0], : mine.shape[1]]
        self._finish(index)

    def _resize(self, index: int, size: tuple[int, int]) -> None:
        place = self.places[index]
        inner = fit(size, place)
        self._fill(place, _DARK)
        self._sizes[index], self._inner[index] = size, (inner, self._views(inner))

    def _finish(self, index: int) -> None:
        caption = self._labels[index]
        if caption is not None:
            self._blend(caption)

    def _fill(self, place: Place, colour: tuple[int, int, int]) -> None:
        for plane, value in zip(self._views(place), colour, strict=True):
            plane[:] = value

    def _blend(self, caption: Caption) -> None:
        """Darken what is below a caption, and write it in white: luma alone, so that colours stay."""
        height, width = caption.add.shape
        luma = _planes(self.frame)[0][caption.y : caption.y + height, caption.x : caption.x + width]
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
