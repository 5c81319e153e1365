"""A network of a test's own: a namespace with loopback and one other address that reaches nowhere.

Firefox and aiortc send no ICE checks from or to 127.0.0.1, and a machine that runs tests need not have any other
address. So a test that needs one runs itself again in here.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from loadtest.adapters.island import ADDRESS, there, why_not
from tests.support.needs import lacking

__all__ = ["ADDRESS", "inside", "run_again"]

_INSIDE: Final = "BROTJENESTE_TEST_ISLAND"


def inside() -> bool:
    """Whether this process is on an island."""
    return os.environ.get(_INSIDE) == "1"


def run_again(test: str, seconds: float) -> list[tuple[str, str]]:
    """Run one test of this repository (`path::name`) on an island; gives what it has measured, by name.

    It is left out where namespaces are not permitted.
    """
    if (reason := why_not()) is not None:
        lacking(reason)
    again = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    with subprocess.Popen(  # noqa: S603 - fixed words, and the name of a test of ours
        there(again),
        cwd=Path(__file__).parents[2],
        env={**os.environ, _INSIDE: "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        try:
            out, err = run.communicate(timeout=seconds)
        finally:
            _end_all_of(run)
    assert run.returncode == 0, out[-8000:] + err[-2000:]
    told = [line.removeprefix(f"{test}: ") for line in out.splitlines() if line.startswith(f"{test}: ")]
    return [(name, value) for name, _, value in (line.partition(": ") for line in told)]


def _end_all_of(run: "subprocess.Popen[str]") -> None:
    """Whatever it has started goes with it: a Firefox that was left had a sixth of a processor for an hour."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
