"""Plots as inline SVG: lines over time, points, on linear or logarithmic axes. The page's CSS colours them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

Points = Sequence[tuple[float, float | None]]

WIDTH: Final = 760
HEIGHT: Final = 250
COLOURS: Final = 6
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 26, 30
_TICKS: Final = 5
# An axis that ends at its highest value has no room for the line's own width.
_HEADROOM: Final = 1.08


@dataclass(frozen=True)
class Series:
    """One line or one cloud of points; where y is None there is a gap."""

    name: str
    points: Points
    style: Literal["line", "dots"] = "line"


@dataclass(frozen=True)
class Band:
    """A stretch of the x axis with a name, such as a phase."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Chart:
    """What to plot. `unit` is that of the y axis, x is in seconds."""

    title: str
    unit: str
    series: tuple[Series, ...]
    bands: tuple[Band, ...] = ()
    log: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to plot."""
        return not any(y is not None for one in self.series for _, y in one.points)


@dataclass(frozen=True)
class _Axis:
    """Values to positions; `ticks` are values."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        if self.log:
            value, low, high = math.log10(max(value, self.low)), math.log10(self.low), math.log10(self.high)
        else:
            low, high = self.low, self.high
        share = (value - low) / (high - low) if high > low else 0.0
        return round(self.start + share * (self.end - self.start), 1)


def render(chart: Chart) -> str:
    """Give the SVG element. Its title and description are for those who do not see it."""
    across, up = _axes(chart)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(_description(chart))}">',
        *_bands(chart, across),
        *_grid(across, up),
        *(part for number, one in enumerate(chart.series) for part in _series(one, number, across, up)),
        "</svg>",
    ]
    return "\n".join(parts)


def nice_ticks(high: float, count: int = _TICKS) -> tuple[float, ...]:
    """Round numbers from 0 to at least `high`, about `count` of them: steps of 1, 2 or 5 times a power of ten."""
    if high <= 0 or not math.isfinite(high):
        return (0.0, 1.0)
    rough = high / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough * 0.999)
    return tuple(step * number for number in range(math.ceil(high / step - 1e-9) + 1))


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """Powers of ten from at most `low` to at least `high`, both above 0; at least two."""
    first = math.floor(math.log10(low) + 1e-9)
    last = max(math.ceil(math.log10(high) - 1e-9), first + 1)
    return tuple(10.0**power for power in range(first, last + 1))


def shown(value: float) -> str:
    """Write a number with three digits that matter, and k or M for large ones."""
    for divisor, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= divisor:
            scale = 1e3 if suffix == "k" else divisor
            return f"{value / scale:.3g}{suffix}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - four digits are plain


def _axes(chart: Chart) -> tuple[_Axis, _Axis]:
    xs = [x for one in chart.series for x, _ in one.points] + [band.end for band in chart.bands]
    ys = [y for one in chart.series for _, y in one.points if y is not None]
    right = max(xs, default=1.0) or 1.0
    across_ticks = tuple(tick for tick in nice_ticks(right, 8) if tick <= right)
    across = _Axis(0.0, right, _LEFT, WIDTH - _RIGHT, across_ticks)
    if chart.log:
        positive = [y for y in ys if y > 0] or [1.0]
        ticks = log_ticks(min(positive), max(positive))
    else:
        ticks = nice_ticks(max(ys, default=1.0) * _HEADROOM)
    return across, _Axis(ticks[0], ticks[-1], HEIGHT - _BOTTOM, _TOP, ticks, chart.log)


def _bands(chart: Chart, across: _Axis) -> Iterator[str]:
    for number, band in enumerate(chart.bands):
        left, right = across.at(band.start), across.at(band.end)
        width = max(0.0, round(right - left, 1))
        size = f'width="{width}" height="{HEIGHT - _BOTTOM - _TOP}"'
        yield f'<rect class="b{number % 2}" x="{left}" y="{_TOP}" {size}/>'
        # A name needs about seven pixels a letter; one that does not fit is left to the table.
        if width > 7 * len(band.name):
            yield f'<text class="phase" x="{left + 4}" y="{_TOP - 8}">{escape(band.name)}</text>'


def _grid(across: _Axis, up: _Axis) -> Iterator[str]:
    for tick in up.ticks:
        y = up.at(tick)
        yield f'<line class="grid" x1="{_LEFT}" y1="{y}" x2="{WIDTH - _RIGHT}" y2="{y}"/>'
        yield f'<text class="tick" x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{shown(tick)}</text>'
    for tick in across.ticks:
        x = across.at(tick)
        yield f'<text class="tick" x="{x}" y="{HEIGHT - 10}" text-anchor="middle">{shown(tick)} s</text>'


def _series(one: Series, number: int, across: _Axis, up: _Axis) -> Iterator[str]:
    colour = f"c{number % COLOURS}"
    if one.style == "dots":
        for x, y in one.points:
            if y is not None:
                yield f'<circle class="dot {colour}" cx="{across.at(x)}" cy="{up.at(y)}" r="2.5"/>'
        return
    path, pen_is_up = [], True
    for x, y in one.points:
        if y is None:
            pen_is_up = True
            continue
        path.append(f"{'M' if pen_is_up else 'L'}{across.at(x)} {up.at(y)}")
        pen_is_up = False
    if path:
        yield f'<path class="line {colour}" d="{"".join(path)}"/>'


def _description(chart: Chart) -> str:
    known = ((one.name, [y for _, y in one.points if y is not None]) for one in chart.series)
    ranges = [f"{name} {shown(min(values))} to {shown(max(values))}" for name, values in known if values]
    return f"{chart.title}, in {chart.unit}: {'; '.join(ranges) or 'no data'}"
