"""How a run is going: bars on a terminal, a line every ten seconds and for each phase elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from loadtest.scenario import Scenario
from loadtest.watch import Sample

_LINE_EVERY: Final = 10


@contextmanager
def display(console: Console, scenario: Scenario) -> Iterator[Callable[[Sample], None]]:
    """Give what is to be called with every sample while the block runs."""
    if not console.is_terminal:
        yield _Lines(console, scenario).take
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bars(progress, scenario).take


class _Lines:
    def __init__(self, console: Console, scenario: Scenario) -> None:
        self._console = console
        self._scenario = scenario
        self._seen = 0
        self._phase = ""

    def take(self, sample: Sample) -> None:
        self._seen += 1
        if self._seen % _LINE_EVERY == 1 or sample.phase != self._phase:
            self._phase = sample.phase
            robots = f"{sample.connected} of {self._scenario.people} robots"
            self._console.print(
                f"{sample.at_s:5.0f} s  {sample.phase:<8} {robots}, {said(sample)}", soft_wrap=True
            )


class _Bars:
    def __init__(self, progress: Progress, scenario: Scenario) -> None:
        self._progress = progress
        self._robots = progress.add_task("robots", total=scenario.people, said="")
        self._time: TaskID | None = None
        self._scenario = scenario
        self._steady_from: float | None = None

    def take(self, sample: Sample) -> None:
        self._progress.update(self._robots, completed=sample.connected, said=f"{sample.connected} connected")
        if sample.phase == "joining":
            return
        if self._time is None or self._steady_from is None:
            self._steady_from = sample.at_s
            self._time = self._progress.add_task("full call", total=self._scenario.steady_s, said="")
        done = min(sample.at_s - self._steady_from, self._scenario.steady_s)
        self._progress.update(self._time, completed=done, description=sample.phase, said=said(sample))


def said(sample: Sample) -> str:
    """Give the second's figures in words."""
    latency = "-" if sample.latency_ms_p99 is None else f"{sample.latency_ms_p99:.2f} ms"
    cpu = f"CPU bridge {sum(sample.bridge_cpu_percent.values()):.0f} %, robots {sample.robots_cpu_percent:.0f} %"
    if sample.packets_per_s is None or sample.loss_percent is None:
        return cpu
    return f"{sample.packets_per_s:,.0f} packets/s, {sample.loss_percent:.3f} % lost, p99 {latency}, {cpu}"
