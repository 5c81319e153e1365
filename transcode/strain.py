"""Whether processors are short: said when it has lasted, and taken back when it is over for a while."""

from __future__ import annotations

from collections.abc import Iterator

from transcode.jobs import Figures, Overloaded, Relieved

_LOAD, _LATE_MS = 0.9, 100.0
_EASY_LOAD, _EASY_LATE_MS = 0.7, 50.0
# Reports, one a second.
_LASTING = 3
_EASY_FOR = 5


class Strain:
    """Counts each worker's reports in a row that are too much, or easily carried."""

    def __init__(self) -> None:
        self._hard: dict[int, int] = {}
        self._easy: dict[int, int] = {}
        self._spent: dict[int, float] = {}
        self._costs: dict[int, float] = {}
        self._told = False

    def note(self, worker: int, figures: Figures, jobs: set[int]) -> Iterator[Overloaded | Relieved]:
        """Take a report; `jobs` are those that could be made cheaper. Says so once for each three hard reports."""
        dearest = self._dearest(figures, jobs)
        hard = figures.load > _LOAD or figures.late_ms_max > _LATE_MS
        easy = figures.load < _EASY_LOAD and figures.late_ms_max < _EASY_LATE_MS
        self._hard[worker] = self._hard.get(worker, 0) + 1 if hard else 0
        self._easy[worker] = self._easy.get(worker, 0) + 1 if easy else 0
        if self._hard[worker] >= _LASTING and dearest is not None:
            self._hard[worker], self._told = 0, True
            yield Overloaded(job=dearest, load=figures.load, late_ms_max=figures.late_ms_max)
        elif self._told and min(self._easy.values()) >= _EASY_FOR:
            self._told = False
            yield Relieved()

    def cost(self, job: int) -> float:
        """Give what a job took in the second before its worker's last report, as a share of a processor."""
        return self._costs.get(job, 1.0)

    def forget(self, worker: int) -> None:
        """Leave a worker out that has ended."""
        self._hard.pop(worker, None)
        self._easy.pop(worker, None)

    def _dearest(self, figures: Figures, jobs: set[int]) -> int | None:
        """Find the job that took most since the last report: here, or elsewhere if nothing here can be cheaper."""
        costs = {}
        for one in figures.jobs:
            costs[one.job] = one.cpu_s - self._spent.get(one.job, 0.0)
            self._spent[one.job] = one.cpu_s
        self._costs = {job: cost for job, cost in (self._costs | costs).items() if job in jobs}
        here = costs.keys() & jobs
        self._spent = {job: cpu for job, cpu in self._spent.items() if job in jobs or job in costs}
        if here:
            return max(here, key=lambda job: costs[job])
        return max(self._spent.keys() & jobs, key=lambda job: self._spent[job], default=None)
