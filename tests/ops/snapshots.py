"""Snapshots as the engine makes them: every column of its rows, unsigned 64-bit."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np

CORE = Path(__file__).parents[2] / "media/engine/core/src"
STATS = [CORE / "stats.rs", CORE / "line/rows.rs"]


def _columns(row: str) -> list[str]:
    """Read a row's columns from the engine's source, so that a renamed column fails here."""
    text = "".join(path.read_text("utf-8") for path in STATS)
    body = re.search(rf"^    {row} \{{\n(.*?)\n    \}}", text, re.DOTALL | re.MULTILINE)
    assert body is not None, f"{row} is no longer in the engine's sources"
    return re.findall(r"^ {8}([a-z_]+),$", body[1], re.MULTILINE)


def _array(row: str, values: list[dict[str, int]]) -> np.ndarray:
    columns = _columns(row)
    array = np.zeros(len(values), np.dtype([(column, "<u8") for column in columns]))
    for index, chosen in enumerate(values):
        for column, value in chosen.items():
            array[column][index] = value
    return array


Rows = list[dict[str, int]]


def delays(*rows: list[int], impossible: int = 0) -> SimpleNamespace:
    """Forwarding delays of a shard each, in buckets that end at 32, 64, 96, 128 us, 1.05 s and nowhere."""
    counts = np.array(rows or [[0] * 6], "<u8")
    return SimpleNamespace(
        bounds_us=np.array([32, 64, 96, 128, 1 << 20, 2**64 - 1], "<u8"),
        counts=counts,
        sum_us=counts.sum(axis=1, dtype="<u8") * np.uint64(50),
        impossible=np.full(len(counts), impossible, "<u8"),
    )


def snapshot_of(
    legs: Rows | None = None,
    streams: Rows | None = None,
    shards: Rows | None = None,
    latency: SimpleNamespace | None = None,
    lines: Rows | None = None,
) -> SimpleNamespace:
    """Make a snapshot from the columns that matter; the others are 0."""
    return SimpleNamespace(
        legs=_array("LegRow", legs or []),
        streams=_array("StreamRow", streams or []),
        shards=_array("ShardRow", shards or [{"shard": 0}]),
        lines=_array("LineRow", lines or []),
        latency=latency or delays(),
    )
