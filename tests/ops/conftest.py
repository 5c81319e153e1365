"""Snapshots as the engine makes them: every column of its rows, unsigned 64-bit."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

STATS = Path(__file__).parents[2] / "media/engine/core/src/stats.rs"


def _columns(row: str) -> list[str]:
    """Read a row's columns from the engine's source, so that a renamed column fails here."""
    body = re.search(rf"\b{row} \{{\n(.*?)\n    \}}", STATS.read_text("utf-8"), re.DOTALL)
    assert body is not None, f"{row} is no longer in {STATS.name}"
    return re.findall(r"^ {8}([a-z_]+),$", body[1], re.MULTILINE)


def _array(row: str, values: list[dict[str, int]]) -> np.ndarray:
    columns = _columns(row)
    array = np.zeros(len(values), np.dtype([(column, "<u8") for column in columns]))
    for index, chosen in enumerate(values):
        for column, value in chosen.items():
            array[column][index] = value
    return array


Rows = list[dict[str, int]]


@pytest.fixture
def snapshot() -> Callable[..., SimpleNamespace]:
    """Make a snapshot from the columns that matter; the others are 0."""

    def make(legs: Rows | None = None, streams: Rows | None = None, shards: Rows | None = None) -> SimpleNamespace:
        return SimpleNamespace(
            legs=_array("LegRow", legs or []),
            streams=_array("StreamRow", streams or []),
            shards=_array("ShardRow", shards or [{"shard": 0}]),
        )

    return make
