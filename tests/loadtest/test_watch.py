"""The watch goes on while the robots' engine is too busy to answer, and says when it has given up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from loadtest.errors import EngineSilent
from loadtest.totals import SUMMED, Streams
from loadtest.watch import Watch
from media.api import EngineError
from media.clients import Clients, ClientsSnapshot, latency_bounds_us


def counted(packets: dict[tuple[int, int], int]) -> ClientsSnapshot:
    """A snapshot with so many packets at each client's receiver."""
    names = ("client", "receiver", *SUMMED["receivers"])
    rows = np.zeros(len(packets), np.dtype([(name, "<u8") for name in names]))
    for row, ((client, receiver), number) in zip(rows, packets.items(), strict=True):
        row["client"], row["receiver"], row["packets"] = client, receiver, number
    none = np.zeros(0, np.dtype([(name, "<u8") for name in SUMMED["senders"]]))
    no_latency = np.zeros(len(latency_bounds_us()), np.uint64)
    latency = {"audio": no_latency, "video": no_latency}
    return cast("ClientsSnapshot", SimpleNamespace(senders=none, receivers=rows, latency=latency))


class Busy:
    """Answers only after so many questions."""

    def __init__(self, silent: int) -> None:
        self.left = silent

    def snapshot(self) -> ClientsSnapshot:
        """Answer, or not in time."""
        if self.left:
            self.left -= 1
            raise EngineError("timed_out", "Not in time.")
        return counted({(1, 0): 5, (1, 1): 7})


def watch(silent: int) -> Watch:
    """A watch over such an engine, with no bridge of its own."""
    return Watch(cast("Clients", Busy(silent)), None, lambda: 0.0, lambda: 1)


async def test_an_engine_that_is_late_is_asked_again() -> None:
    """The look is there in the end, and how often nobody answered is counted."""
    watching = watch(3)
    assert (await watching.look()).totals.received["packets"] == 12
    assert watching.unanswered == 3


async def test_an_engine_that_never_answers_is_an_error() -> None:
    """The run ends with a sentence instead of waiting for ever."""
    with pytest.raises(EngineSilent, match="does not answer"):
        await watch(1000).look()


def test_streams_that_flow_are_those_that_have_grown() -> None:
    """A receiver that stands still is not counted, one that is new is."""
    before, after = Streams(counted({(1, 0): 5, (1, 1): 7})), Streams(counted({(1, 0): 5, (1, 1): 8, (2, 0): 1}))
    assert after.flowing_since(before) == {1: 1, 2: 1}
