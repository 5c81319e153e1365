"""What a proof has found so far, in a file that is whole at any moment: an interrupted proof goes on from there.

Only with the same commit and the same engine, since what held of others says nothing of these.
"""

import hashlib
import json
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from loadtest.machine import commit, machine

RANDOM: Final = "random-interleavings"
Figures = dict[str, Any]


def subject() -> dict[str, str]:
    """What is proven: the code and the compiled engine."""
    engine = find_spec("media._engine")
    assert engine is not None
    assert engine.origin is not None
    return {"commit": commit(), "engine": hashlib.sha256(Path(engine.origin).read_bytes()).hexdigest()[:16]}


class Kept:
    """The report, with what is done and what is not."""

    def __init__(self, path: Path, worlds: Iterable[str], steps: int, processes: int) -> None:
        self._path, self._worlds, self._steps, self._processes = path, list(worlds), steps, processes
        self._subject = subject()
        self._began = time.monotonic()
        self._before = 0.0
        self._found: dict[str, Figures] = {}
        self.failed: dict[str, str] = {}
        self.origin = self._take_up()

    def _take_up(self) -> str:
        """Read what an interrupted proof of the same has left; say what was found."""
        try:
            report = json.loads(self._path.read_text())
            before = {name: report[name] for name in self._subject}
            found = {one["name"]: one["figures"] for one in report["scenarios"]}
            seconds = float(report["wall_seconds"])
        except FileNotFoundError:
            return "nothing was done before"
        except (ValueError, KeyError, TypeError):
            return "begins anew: what is kept cannot be read"
        # A changed tree has the same name however it is changed.
        if before != self._subject or before["commit"].endswith(("-dirty", "unknown")):
            return f"begins anew: what is kept is of {before}, this is {self._subject}"
        self._found, self._before = found, seconds
        return "goes on from what is kept"

    @property
    def seconds(self) -> float:
        """How long it has taken, with the times before it was interrupted."""
        return self._before + time.monotonic() - self._began

    @property
    def worlds_left(self) -> list[str]:
        """Worlds that nobody has been all around yet."""
        return [name for name in self._worlds if f"every-state-{name}" not in self._found]

    @property
    def steps_left(self) -> int:
        """Random steps that have not been taken yet."""
        return max(0, self._steps - int(self._found.get(RANDOM, {}).get("steps", 0)))

    @property
    def is_whole(self) -> bool:
        """Whether all is done, and all of it holds."""
        return not (self.worlds_left or self.steps_left or self.failed)

    def add(self, name: str, figures: Figures) -> None:
        """Keep what was found of a world, or in so many more random steps."""
        before = self._found.get(name, {}) if name == RANDOM else {}
        self._found[name] = {word: value + before.get(word, 0) for word, value in figures.items()}
        self.write()

    def fail(self, name: str, said: str) -> None:
        """Keep what does not hold. It is not done, so that it is tried again."""
        self.failed[name] = said
        self.write()

    def write(self) -> None:
        """Put a new file in the place of the one before."""
        report = {
            "benchmark": "prove",
            **self._subject,
            "machine": machine(),
            "rounds": 1,
            "processes": self._processes,
            "wall_seconds": round(self.seconds, 1),
            "whole": self.is_whole,
            "not_done": {"worlds": self.worlds_left, "steps": self.steps_left},
            "failed": self.failed,
            "scenarios": [
                {"name": name, "subject": "bridge", "figures": figures, "spread": {}}
                for name, figures in self._found.items()
            ],
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps(report, indent=2) + "\n")
        beside.replace(self._path)

    def __str__(self) -> str:
        """How far it is, in one line."""
        worlds = f"{len(self._worlds) - len(self.worlds_left)} of {len(self._worlds)} worlds"
        steps = f"{self._steps - self.steps_left:,} of {self._steps:,} steps"
        return f"{worlds}, {steps}, {self.seconds / 60:.1f} min"
