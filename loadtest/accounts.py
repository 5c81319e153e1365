"""CPU time and memory of a process, as the operating system accounts them (Linux, /proc; proc(5))."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_KIB: Final = 1024
_GONE: Final = (FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True)
class Account:
    """What a process has used: CPU nanoseconds since its start by name of thread, and bytes of memory now.

    `pss_bytes` is the share of memory that is its own, or None where the kernel does not say; threads of one name
    are summed, those that have ended are in `total_ns` alone.
    """

    threads_ns: Mapping[str, int]
    total_ns: int
    rss_bytes: int
    pss_bytes: int | None

    @property
    def memory_bytes(self) -> int:
        """The best measure that there is."""
        return self.rss_bytes if self.pss_bytes is None else self.pss_bytes


def read_account(pid: int, ticks_a_second: int, page_bytes: int, *, proc: Path = PROC) -> Account | None:
    """Read it, or None when there is no such process any more."""
    folder = proc / str(pid)
    try:
        threads: defaultdict[str, int] = defaultdict(int)
        for task in (folder / "task").iterdir():
            # A thread may end while it is read; the process is there all the same.
            with contextlib.suppress(*_GONE):
                threads[_text(task / "comm")] += int(_text(task / "schedstat").split()[0])
        # The name of the program may hold spaces and parentheses; what follows the last one does not.
        fields = _text(folder / "stat").rpartition(")")[2].split()
        used = (int(fields[11]) + int(fields[12])) * (1_000_000_000 // ticks_a_second)
        rss = int(_text(folder / "statm").split()[1]) * page_bytes
    except _GONE:
        return None
    # The sum by threads is exact to the nanosecond, the process's own to a hundredth of a second.
    return Account(dict(threads), max(used, sum(threads.values())), rss, _pss(folder))


def _pss(folder: Path) -> int | None:
    try:
        lines = _text(folder / "smaps_rollup").splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith("Pss:")), None)
    return int(found.split()[1]) * _KIB if found else None


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace").strip()


def cpu_percent(before: Account, after: Account, seconds: float) -> dict[str, float]:
    """CPU of each thread name between two accounts, in percent of one core; a thread that ended counts to 0."""
    if seconds <= 0:
        return {}
    return {
        name: max(0.0, (used - before.threads_ns.get(name, 0)) / seconds / 1e7)
        for name, used in after.threads_ns.items()
    }
