"""Every property of this folder's tests, looked at for longer.

    python -m tests.gateways.h323.fuzz SECONDS     # or make fuzz

Each has so many seconds, in rounds of as many examples as it has in a test run. What breaks one is printed at its
smallest and kept by Hypothesis, with which the next run of the tests begins.
"""

import importlib
import pkgutil
import sys
import time
from collections.abc import Callable, Iterator

from signalling.gateways.h323.wire import asn1
from tests.gateways import h323


def properties() -> Iterator[tuple[str, Callable[[], None]]]:
    """Each by its name."""
    # Its profile is the tests', and is taken by each of them when it is loaded.
    importlib.import_module("tests.conftest")
    for module in pkgutil.iter_modules(h323.__path__):
        if module.name.startswith("test_"):
            found = vars(importlib.import_module(f"{h323.__name__}.{module.name}"))
            for name, one in found.items():
                if name.startswith("test_") and getattr(one, "is_hypothesis_test", False):
                    yield f"{module.name}.{name}", one


def main(seconds: float) -> None:
    """Look at one after the other. Raises what breaks a property."""
    asn1.prepare()
    for name, holds in properties():
        begun, rounds = time.monotonic(), 0
        while time.monotonic() < begun + seconds:
            holds()
            rounds += 1
        print(f"{name}: {rounds} rounds in {time.monotonic() - begun:.0f} s", flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    main(float(sys.argv[1]))
