"""What a measurement was made on and of, as every report of this project says it."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent


def machine() -> dict[str, Any]:
    """The processor, and how busy it was with other work when this was asked."""
    model = next(
        (line.partition(":")[2].strip() for line in _processors() if line.startswith("model name")), "unknown"
    )
    load = round(os.getloadavg()[0], 2)
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "load_1m": load}


def commit() -> str:
    """The commit that runs, with a sign for changes on top of it; `unknown` outside of a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def _processors() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
