"""Who has come and gone leaves records, and nothing else: no object, task, timer, descriptor, series or row.

Counts, not times. What each leaves would be there as many times as people have come, or rooms have been opened.
"""

import logging
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import structlog

from tests.turnover.layers import LEGS, Layer, Rooms, Whole, handshakes, robots_here, running_bridge
from tests.turnover.residue import Residue, from_here_on, look

TURNS = 4
TURNS_OF_MODELS = 10
ROOMS = 8


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    """What is logged is kept by nobody here."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture(autouse=True)
def only_what_is_new() -> Iterator[None]:
    """What other tests have left in this process is no matter of these."""
    with from_here_on():
        yield


async def looks(layer: Layer, turns: int = TURNS) -> list[Residue]:
    """Let people come and go, several times, and count each time when they have gone."""
    found = []
    for _ in range(turns):
        await layer.turn(ROOMS)
        await layer.quiet()
        found.append(look())
    return found


def nothing_is_left(found: list[Residue]) -> None:
    """Check that there is nothing of which each turn leaves as many more as it had rooms.

    Tables and caches that grow to their size do so in some turns; what is left by everybody is left in all.
    """
    pairs = list(pairwise(found))
    for kind in found[-1].kinds:
        assert min(after.grown(before)[kind] for before, after in pairs) < ROOMS, kind
    # What is no object to the collector, such as a text in a table.
    assert min(after.more_blocks(before) for before, after in pairs) < ROOMS * LEGS // 2
    first, last = found[0], found[-1]
    assert (last.tasks, last.threads) == (first.tasks, first.threads)
    assert last.descriptors <= first.descriptors
    assert last.timers <= first.timers


async def test_use_cases_forget_a_room_that_has_ended() -> None:
    """Rooms, seats, legs, SDP and what was put off, over models of store and engine."""
    layer = Rooms()
    nothing_is_left(await looks(layer, TURNS_OF_MODELS))
    assert not any((await layer.left()).values())


async def test_a_leg_and_its_handshake_leave_nothing() -> None:
    """Legs on the real engine, each with a whole handshake."""
    with handshakes() as layer:
        nothing_is_left(await looks(layer))
        assert not any((await layer.left()).values())


@pytest.mark.timeout(300)
async def test_the_whole_bridge_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Robots through WebSocket, links, offer, DTLS and media, who go in every way that there is."""
    monkeypatch.setattr("bridge.compose.GRACE_SECONDS", 0.2)
    async with running_bridge(tmp_path) as (bridge, target, metrics):
        with robots_here(target) as turn:
            layer = Whole(bridge, metrics, turn)
            await layer.turn(ROOMS)
            await layer.quiet()
            records = await layer.records()
            nothing_is_left(await looks(layer))
            assert not any((await layer.left()).values())
            # A histogram comes with the first that is measured; what is left by everybody comes each time.
            assert min(after - before for before, after in pairwise(layer.series)) <= 0
            assert await layer.records() > records
