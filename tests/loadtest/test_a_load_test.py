"""A whole load test: a bridge of its own process, native robots that join through the real signalling."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from pathlib import Path

import pytest

from loadtest.drive import OwnBridge, run
from loadtest.native import Crowd, NativeOptions
from loadtest.report import figures, verdict
from loadtest.runner import Outcome
from loadtest.scenario import Scenario
from loadtest.watch import Sample

OWN = OwnBridge((sys.executable, "-m", "bridge", "serve"))
# Loss is no matter of these tests: the machine that runs them may be busy with anything.
ANY_LOSS = 100.0


async def outcome_of(scenario: Scenario, told: asyncio.Event | None = None) -> tuple[Outcome, list[Sample]]:
    """Run it."""
    samples: list[Sample] = []
    async with asyncio.timeout(100):
        return await run(scenario, OWN, told or asyncio.Event(), samples.append), samples


def open_files() -> int:
    """How many file descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


def thread_names() -> list[str]:
    """What the kernel calls the threads of this process; those of Python have no names there."""
    return [one.read_text("ascii").strip() for one in Path("/proc/self/task").glob("*/comm")]


async def test_everyone_gets_everyone_and_nothing_is_left() -> None:
    """Three rooms of four: every stream flows, all that is checked is right, and all that was opened is closed."""
    # What earlier tests of this process have left in circles of references is not this one's.
    gc.collect()
    files, threads = open_files(), {one.name for one in threading.enumerate()}
    native = NativeOptions(check_percent=50)
    scenario = Scenario(rooms=3, legs=4, profile="thin", steady_s=3, max_loss_percent=ANY_LOSS, native=native)
    outcome, samples = await outcome_of(scenario)
    found = figures(outcome)
    assert verdict(outcome, found).faults == ()
    assert outcome.ends == {"left": 12}
    assert found["streams_flowing"] == 12 * 6
    received = outcome.after.received
    assert received["checked"] > 0
    wrong = ("auth_failures", "content_failures", "wrong_source", "unexpected")
    assert {name: received[name] for name in wrong} == dict.fromkeys(wrong, 0)
    assert all(life.since_start_ms(life.first_packet_us) for life in outcome.lives)
    assert found["latency_ms_p50"]
    assert found["cpu_us_per_packet_out"]
    assert {"joining", "steady"} <= {sample.phase for sample in samples}
    # What is in a circle of references is closed when it is found.
    gc.collect()
    assert all(sample.packets_per_s is None or sample.packets_per_s >= 0 for sample in samples)
    assert open_files() == files
    # The loop's pool stays, which encodes the clips; the robots' own threads are gone.
    new = {one.name for one in threading.enumerate()} - threads
    assert [name for name in new if not name.startswith("asyncio_")] == []
    assert not any(name.startswith("robots-") for name in thread_names())


async def test_h264_and_even_pacing_pass_too() -> None:
    """The other codec and the other way to send reach the other end whole."""
    native = NativeOptions(codec="h264", pacing="even", check_percent=100)
    scenario = Scenario(rooms=1, legs=2, profile="thin", steady_s=2, max_loss_percent=ANY_LOSS, native=native)
    outcome, _ = await outcome_of(scenario)
    assert verdict(outcome, figures(outcome)).faults == ()
    assert outcome.after.received["keyframes"] > 0


async def test_media_of_somebody_else_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Robots that are told to expect another than who comes say so: the check can fail."""
    truth = Crowd.source
    monkeypatch.setattr(Crowd, "source", lambda crowd, who, name: truth(crowd, who, name) + (1 << 40))
    native = NativeOptions(check_percent=100)
    scenario = Scenario(rooms=1, legs=2, profile="audio", steady_s=3, max_loss_percent=ANY_LOSS, native=native)
    outcome, _ = await outcome_of(scenario)
    assert outcome.after.received["wrong_source"] > 0
    assert any("somebody else" in fault for fault in verdict(outcome, figures(outcome)).faults)


async def test_a_run_that_is_stopped_ends_cleanly() -> None:
    """Told to stop while people join, everyone leaves, and what was seen until then is there."""
    told = asyncio.Event()
    scenario = Scenario(rooms=2, legs=4, profile="audio", steady_s=60, joins_per_second=2)
    samples: list[Sample] = []

    def take(sample: Sample) -> None:
        samples.append(sample)
        if sample.connected:
            told.set()

    async with asyncio.timeout(60):
        outcome = await run(scenario, OWN, told, take)
    assert outcome.interrupted
    assert outcome.steady is None
    assert set(outcome.ends) == {"left", "not_started"}
    assert verdict(outcome, figures(outcome)).faults == ()
