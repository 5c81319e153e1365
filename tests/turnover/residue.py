"""What there is of everything that could be left behind, and how much of it grows with each who comes and goes."""

import _sqlite3
import asyncio
import ctypes
import functools
import gc
import heapq
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

_QUIET_S: Final = 0.05
# Two-sided 95 % of Student's t, by degrees of freedom; beyond the last it is near enough.
_T: Final = (12.7, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)


class _MallInfo(ctypes.Structure):
    """`struct mallinfo2` of the C library (mallinfo(3)), bytes."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


# The event loop's own pool, which takes one more, up to its size, whenever none is free just then.
_POOL: Final = "asyncio_"
_INNER: Final = frozenset({"kinds", "own_blocks"})
_LIBC: Final = ctypes.CDLL(None)
_LIBC.mallinfo2.restype = _MallInfo
_SQLITE: Final = ctypes.CDLL(_sqlite3.__file__)
_SQLITE.sqlite3_memory_used.restype = ctypes.c_int64


@dataclass(frozen=True)
class Residue:
    """Counts at one moment, after garbage was collected and free memory given back.

    `python_blocks` are those of Python's own allocator, `heap_bytes` what is in use of the C library's: Rust,
    OpenSSL and Python's large objects. `sqlite_bytes` are SQLite's, which lie there too and are left out of it:
    its cache of pages grows with what is on record, up to two megabytes a connection. `kinds` counts the objects
    that the collector knows, by type; `own_blocks` are those that this count takes itself.
    """

    tasks: int
    timers: int
    descriptors: int
    threads: int
    python_blocks: int
    heap_bytes: int
    sqlite_bytes: int
    resident_bytes: int
    kinds: Counter[str]
    own_blocks: int

    def figures(self) -> dict[str, int]:
        """All plain counts, and the sum of the objects."""
        plain = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in _INNER}
        return plain | {"objects": self.kinds.total()}

    def more_blocks(self, before: "Residue") -> int:
        """How many more of Python's blocks are in use than before, `before` itself left out."""
        return self.python_blocks - before.python_blocks - before.own_blocks

    def grown(self, before: "Residue") -> Counter[str]:
        """How many more there are of each type than before."""
        return self.kinds - before.kinds


# Of what the collector does not go through; found before it left that out.
_CACHES_LEFT_OUT: Final[list[Any]] = []


@contextmanager
def from_here_on() -> Iterator[None]:
    """Leave out what is there already: a process that runs many tests has so much that each look takes seconds."""
    gc.collect()
    _CACHES_LEFT_OUT[:] = _bounded_caches()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        _CACHES_LEFT_OUT.clear()


def look() -> Residue:
    """Count everything of this process, in its event loop."""
    _empty_bounded_caches()
    for _ in range(3):
        # What a finalizer lets go of is found the next time.
        gc.collect()
    loop: Any = asyncio.get_running_loop()
    _let_cancelled_timers_go(loop)
    _LIBC.malloc_trim(0)
    info, sqlite_bytes = _LIBC.mallinfo2(), _SQLITE.sqlite3_memory_used()
    blocks = sys.getallocatedblocks()
    kinds = Counter(_name(type(one)) for one in gc.get_objects())
    return Residue(
        tasks=len(asyncio.all_tasks()),
        timers=len(loop._scheduled),
        descriptors=len(list(Path("/proc/self/fd").iterdir())),
        threads=sum(not one.name.startswith(_POOL) for one in threading.enumerate()),
        python_blocks=blocks,
        heap_bytes=int(info.uordblks + info.hblkhd - sqlite_bytes),
        sqlite_bytes=sqlite_bytes,
        resident_bytes=int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE"),
        kinds=kinds,
        own_blocks=sys.getallocatedblocks() - blocks,
    )


def _empty_bounded_caches() -> None:
    """Empty the caches of functions that have a size: few people do not fill them. Those without one may grow."""
    for one in (*_CACHES_LEFT_OUT, *_bounded_caches()):
        one.cache_clear()


def _bounded_caches() -> list[Any]:
    caches = (one for one in gc.get_objects() if type(one) is functools._lru_cache_wrapper)
    return [one for one in caches if one.cache_parameters()["maxsize"] is not None]


def _let_cancelled_timers_go(loop: Any) -> None:
    """Do now what asyncio does with timers that were cancelled when their time comes, or when they are many."""
    for timer in loop._scheduled:
        if timer.cancelled():
            timer._scheduled = False
    loop._scheduled[:] = [timer for timer in loop._scheduled if not timer.cancelled()]
    heapq.heapify(loop._scheduled)
    loop._timer_cancelled_count = 0


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


async def settled(is_quiet: Callable[[], bool], timeout_s: float) -> None:
    """Wait until `is_quiet` holds: what was put off has run, and what was told has arrived."""
    async with asyncio.timeout(timeout_s):
        while not is_quiet():  # noqa: ASYNC110 - nobody tells when the last of many has gone
            await asyncio.sleep(_QUIET_S)


@dataclass(frozen=True)
class Slope:
    """Growth for each who came: the estimate, and how far to both sides the truth may lie (95 %)."""

    each: float
    margin: float

    @property
    def at_most(self) -> float:
        """The most that the measurement leaves possible."""
        return self.each + self.margin


def slope(came: Sequence[int], values: Sequence[float]) -> Slope:
    """Fit a line (least squares) through what was there after so many had come; three looks at least."""
    x, y = np.array(came, float), np.array(values, float)
    freedom = len(x) - 2
    across = x - x.mean()
    each = float(across @ y / (across @ across))
    rest = y - y.mean() - each * across
    error = float(np.sqrt(rest @ rest / freedom / (across @ across)))
    return Slope(each, _T[min(freedom, len(_T)) - 1] * error)
