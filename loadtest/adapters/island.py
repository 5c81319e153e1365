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

from loadtest.errors import NotInstalled

ADDRESS: Final = "10.77.0.1"
_INSIDE: Final = "BROTJENESTE_PEERS_ISLAND"
# Who is root keeps what root may do in the machine, such as real-time priority.
_UNSHARE: Final = ("unshare", *(() if os.geteuid() == 0 else ("--map-root-user",)), "--net")
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
    """Whether this process is on an island of its own making."""
    return os.environ.get(_INSIDE) == "1"


def why_not() -> str | None:
    """Say what keeps this user from having a network namespace on this machine; None when nothing does."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return "unshare (util-linux) and ip (iproute2) are needed for a network namespace"
    done = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - fixed
    return None if done.returncode == 0 else f"this machine permits no network namespace: {done.stderr.strip()}"


def there(command: Sequence[str]) -> list[str]:
    """Give the words that run a command on an island."""
    return [*_UNSHARE, "sh", "-ec", _SETUP, "sh", *command]


def go(command: Sequence[str]) -> None:
    """Become `command` on an island; does not return. Raises `NotInstalled`."""
    if (reason := why_not()) is not None:
        raise NotInstalled(reason)
    # Fixed words, and this program's own command line.
    os.execvpe(_UNSHARE[0], there(command), {**os.environ, _INSIDE: "1"})  # noqa: S606
