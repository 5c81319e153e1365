"""What is to be seen in one scene and size, painted once for all encoders that want it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import av

from transcode.canvas import Canvas
from transcode.feed import Feed
from transcode.jobs import Scene
from transcode.older import SQUARE


class Stage:
    """A scene at a size. `version` grows with each picture that comes into it; the input `first` paces it."""

    def __init__(self, scene: Scene, width: int, height: int, feeds: Mapping[int, Feed]) -> None:
        self.scene, self._size = scene, (width, height)
        self.inputs = {tile.input for tile in scene.tiles if tile.input is not None}
        self.first = scene.tiles[0].input if scene.tiles else None
        self.equal = scene.layout in ("grid", "beside") or len(scene.tiles) == 1
        tiles = scene.tiles
        self._bare = len(tiles) == 1 and not tiles[0].name and not tiles[0].muted and not scene.text
        self._canvas: Canvas | None = None
        self._stale = set(self.inputs)
        self._seen = {ssrc for ssrc in self.inputs if ssrc in feeds and feeds[ssrc].picture is not None}
        # A picture of one person alone begins when there is one; everything else has something to show at once.
        self.version = int(bool(self._seen) or not self._bare)

    @property
    def moving(self) -> bool:
        """Whether there is anything to be seen yet."""
        return self.version > 0

    def note(self, feed: Feed) -> None:
        """Take notice of a new picture."""
        self._stale.add(feed.ssrc)
        self._seen.add(feed.ssrc)
        self.version += 1

    def picture(self, feeds: Mapping[int, Feed]) -> Any:
        """Give the picture as it is now; a frame that goes through unchanged is not painted."""
        if self._bare:
            whole = self._whole(feeds)
            if whole is not None:
                return whole
        if self._canvas is None:
            self._canvas = Canvas(self.scene, *self._size)
        for index, tile in enumerate(self.scene.tiles[: len(self._canvas.places)]):
            feed = feeds.get(tile.input) if tile.input is not None and tile.input in self._stale else None
            if feed is not None and feed.picture is not None:
                self._canvas.paint(index, feed.picture, feed.point)
        self._stale.clear()
        return self._canvas.frame

    def _whole(self, feeds: Mapping[int, Feed]) -> av.VideoFrame | None:
        feed = feeds.get(self.first or -1)
        picture = feed.picture if feed else None
        if feed is None or picture is None or feed.point != SQUARE:
            return None
        return picture if (picture.width, picture.height) == self._size else None
