"""A network of a test's own: a namespace with loopback and one other address that reaches nowhere.

Firefox and aiortc send no ICE checks from or to 127.0.0.1, and a machine that runs tests need not have any other
address. So a test that needs one runs itself again in here.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ADDRESS: Final = "10.77.0.1"
_INSIDE: Final = "BROTJENESTE_TEST_ISLAND"
_UNSHARE: Final = ("unshare", "--map-root-user", "--net")
# The route makes the address a default one: Firefox gathers candidates of no other before it was given a camera.
_SETUP: Final = f"""
ip link set lo up
ip link add t0 type veth peer name t1
ip addr add {ADDRESS}/24 dev t0
ip link set t0 up
ip link set t1 up
ip route add default via 10.77.0.2 dev t0
exec "$@"
"""


def inside() -> bool:
    """Whether this process is on an island."""
    return os.environ.get(_INSIDE) == "1"


def run_again(test: str, seconds: float) -> None:
    """Run one test of this repository (`path::name`) on an island; skip where namespaces are not permitted."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("unshare (util-linux) and ip (iproute2) are needed for a network namespace")
    permitted = _run([*_UNSHARE, "true"], 10)
    if permitted.returncode != 0:
        pytest.skip(f"this machine permits no network namespace: {permitted.stderr.strip()}")
    again = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    done = _run([*_UNSHARE, "sh", "-ec", _SETUP, "sh", *again], seconds)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def _run(command: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - fixed words, and the name of a test of ours
        command,
        cwd=Path(__file__).parents[2],
        env={**os.environ, _INSIDE: "1"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
