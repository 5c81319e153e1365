"""Where the tiles of a scene lie in a picture. Pure; all numbers are pixels and even, as 4:2:0 wants them."""

from __future__ import annotations

from typing import Final, NamedTuple

from transcode.jobs import Layout

_ROW: Final = 4
_COLUMN: Final = 5


class Place(NamedTuple):
    """A rectangle: left upper corner and size."""

    x: int
    y: int
    width: int
    height: int


def places(layout: Layout, count: int, width: int, height: int) -> list[Place]:
    """Give a place for each of `count` tiles, in their order; fewer where the layout has no room for the rest."""
    if count <= 1:
        return [Place(0, 0, width, height)][:count]
    if layout == "beside":
        half = _even(width / 2)
        return [Place(0, 0, half, height), Place(half, 0, width - half, height)]
    if layout == "speaker":
        row = _even(height / _ROW)
        return [Place(0, 0, width, height - row), *_cells(count - 1, 1, Place(0, height - row, width, row), _ROW)]
    if layout == "content":
        column = _even(width / _COLUMN)
        side = Place(width - column, 0, column, height)
        return [Place(0, 0, width - column, height), *_stack(count - 1, side)]
    columns = next(n for n in range(1, count + 1) if n * n >= count)
    cells = _cells(columns, -(-count // columns), Place(0, 0, width, height), columns)[:count]
    # The last row stands in the middle.
    short = -count % columns
    shift = _even(cells[0].width * short / 2)
    return cells[: count - columns + short] + [
        one._replace(x=one.x + shift) for one in cells[count - columns + short :]
    ]


def fit(inner: tuple[int, int], place: Place) -> Place:
    """Put a picture of this size whole into the middle of a place: nothing of what is shown is cut off."""
    width, height = max(1, inner[0]), max(1, inner[1])
    scale = min(place.width / width, place.height / height)
    w, h = min(_near(width * scale), place.width), min(_near(height * scale), place.height)
    return Place(place.x + _even((place.width - w) / 2), place.y + _even((place.height - h) / 2), w, h)


def _cells(columns: int, rows: int, area: Place, least: int) -> list[Place]:
    """Cut an area into equal cells, as if there were `least` columns if there are fewer, these in the middle."""
    w, h = _even(area.width / max(columns, least)), _even(area.height / rows)
    left = area.x + _even((area.width - w * columns) / 2)
    return [Place(left + w * column, area.y + h * row, w, h) for row in range(rows) for column in range(columns)]


def _stack(count: int, area: Place) -> list[Place]:
    h = _even(area.height / max(count, _ROW))
    return [Place(area.x, area.y + h * row, area.width, h) for row in range(count)]


def _even(value: float) -> int:
    return int(value) // 2 * 2


def _near(value: float) -> int:
    return max(2, round(value / 2) * 2)
