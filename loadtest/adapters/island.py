"""A network of its own for a comparison: loopback, and one address that leads nowhere.

Janus gathers no candidate on 127.0.0.1, and a machine's real addresses are no place for load. So the comparison
runs itself again in a network namespace; what is sent to the address there takes the way of loopback.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Final

from loadtest.adapters.errors import NotInstalled

ADDRESS: Final = "10.77.0.1"
_INSIDE: Final = "BROTJENESTE_PEERS_ISLAND"
_UNSHARE: Final = ("unshare", "--map-root-user", "--net")
_SETUP: Final = f"""
ip link set lo up
ip link add t0 type veth peer name t1
ip addr add {ADDRESS}/24 dev t0
ip link set t0 up
ip link set t1 up
exec "$@"
"""


def inside() -> bool:
    """Whether this process is on an island."""
    return os.environ.get(_INSIDE) == "1"


def permitted() -> bool:
    """Whether this machine has the tools and lets this user have a network namespace."""
    if any(shutil.which(tool) is None for tool in ("unshare", "ip")):
        return False
    return subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode == 0  # noqa: S603 - fixed


def go(command: Sequence[str]) -> None:
    """Become `command` on an island; does not return. Raises `NotInstalled`."""
    if not permitted():
        raise NotInstalled("no network namespace here: unshare, ip and the permission to use them are needed")
    os.execvpe(  # noqa: S606 - fixed words and this program's own command line
        _UNSHARE[0], [*_UNSHARE, "sh", "-ec", _SETUP, "sh", *command], {**os.environ, _INSIDE: "1"}
    )
