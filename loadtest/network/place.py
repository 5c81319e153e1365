"""A network namespace whose only way out is an emulated link.

The link is two TUN devices with the emulator (`media/engine/netem/examples/emulate`) between them: one here, in
the namespace of this process, one there. All is gone when the context ends, and also when this process dies: the
namespace lives by a process that waits for the end of its standard input.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from loadtest.adapters import island
from loadtest.errors import NetworkFailed
from loadtest.network.profile import Profile

EMULATOR: Final = Path(__file__).parents[2] / "media" / "engine" / "target" / "debug" / "examples" / "emulate"
_TUN: Final = "/dev/net/tun"
# linux/if_tun.h
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_ANSWER_S: Final = 5.0
# No link-local addresses: nothing is on the link but what a test puts there.
_QUIET: Final = ("addrgenmode", "none")


def why_not() -> str | None:
    """Say what keeps this process from pretending a network; None when nothing does."""
    if (reason := island.why_not()) is not None:
        return reason
    if shutil.which("nsenter") is None:
        return "nsenter (util-linux) is needed"
    if not os.access(_TUN, os.R_OK | os.W_OK):
        return f"{_TUN} cannot be opened"
    return None if EMULATOR.exists() else "the emulator is not built: make emulator"


class Link:
    """The emulated link of a place. `down` is towards it."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._pending = b""

    def set(self, *, down: Profile | None = None, up: Profile | None = None) -> None:
        """Change the link at once; a direction that is not given stays as it is."""
        wanted = {"a_to_b": down, "b_to_a": up}
        self._say({way: one.as_json() for way, one in wanted.items() if one is not None})

    def counters(self) -> dict[str, Any]:
        """What the link did: `down` and `up` as `netem/src/counters.rs` has them, and how punctual it was."""
        self._say({})
        found = self._answer()
        return {"down": found.pop("a_to_b"), "up": found.pop("b_to_a"), **found}

    def _say(self, message: dict[str, Any]) -> None:
        try:
            self._control.sendall(msgspec.json.encode(message) + b"\n")
        except OSError as error:
            raise NetworkFailed(f"the emulator is gone: {error.strerror}") from error

    def _answer(self) -> dict[str, Any]:
        while b"\n" not in self._pending:
            try:
                data = self._control.recv(1 << 16)
            except OSError as error:
                raise NetworkFailed(f"the emulator does not answer: {error}") from error
            if not data:
                raise NetworkFailed("the emulator is gone")
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        found: dict[str, Any] = msgspec.json.decode(line)
        if "error" in found:
            raise NetworkFailed(f"the emulator refused: {found['error']}")
        return found


@dataclass(frozen=True)
class Place:
    """A namespace with its link; `address` is its own at first, `gateway` is this side's then."""

    number: int
    holder: int
    emulator: int
    link: Link
    address: str
    gateway: str

    def there(self, command: Sequence[str]) -> list[str]:
        """Give the words that run a command in this namespace."""
        return ["nsenter", f"--net=/proc/{self.holder}/ns/net", *command]

    def at(self, which: int) -> str:
        """Give its address in network `which`."""
        return _addresses(self.number, which)[1]

    def leave(self, which: int) -> None:
        """Take address `which` away, as where Wi-Fi ends. Raises `NetworkFailed`."""
        _, address = _addresses(self.number, which)
        _run(self.there(["ip", "addr", "del", f"{address}/30", "dev", f"far{self.number}"]))

    def arrive(self, which: int) -> None:
        """Give it address `which` (0, the first one, to 62), as of another network. Raises `NetworkFailed`."""
        gateway, address = _addresses(self.number, which)
        near, far = f"near{self.number}", f"far{self.number}"
        _run(["ip", "addr", "replace", f"{gateway}/30", "dev", near])
        _run(self.there(["ip", "addr", "add", f"{address}/30", "dev", far]))
        _run(self.there(["ip", "route", "replace", "default", "via", gateway]))


def _addresses(number: int, which: int) -> tuple[str, str]:
    """Give the address of this side and that of the place in its network `which`."""
    return f"10.78.{number}.{4 * which + 1}", f"10.78.{number}.{4 * which + 2}"


@contextmanager
def place(number: int, *, seed: int = 1) -> Iterator[Place]:
    """Make a place; `number` (1 to 250) tells it from others of this process. Raises `NetworkFailed`."""
    gateway, address = _addresses(number, 0)
    near, far = f"near{number}", f"far{number}"
    with ExitStack() as stack:
        holder = stack.enter_context(_held_namespace())
        here = stack.enter_context(_tun(near))
        there = stack.enter_context(_tun(far))
        _run(["ip", "link", "set", far, "netns", str(holder)])
        inside = ["nsenter", f"--net=/proc/{holder}/ns/net"]
        for words, name, own in (([], near, gateway), (inside, far, address)):
            _run([*words, "ip", "link", "set", name, *_QUIET])
            _run([*words, "ip", "addr", "add", f"{own}/30", "dev", name])
            _run([*words, "ip", "link", "set", name, "up"])
        _run([*inside, "ip", "route", "add", "default", "via", gateway])
        process, link = stack.enter_context(_emulator(here, there, seed))
        yield Place(number, holder, process, link, address, gateway)


@contextmanager
def _held_namespace() -> Iterator[int]:
    """Give the process that holds a new namespace with loopback."""
    held = subprocess.Popen(
        ["unshare", "--net", "sh", "-ec", "ip link set lo up; echo up; exec cat >/dev/null"],  # noqa: S607
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        if held.stdout is None or held.stdout.readline() != b"up\n":
            raise NetworkFailed("a network namespace could not be made")
        yield held.pid
    finally:
        held.communicate()


@contextmanager
def _tun(name: str) -> Iterator[int]:
    """Give the descriptor of a new TUN device, which ends with it."""
    descriptor = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
    try:
        try:
            fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
        except OSError as error:
            raise NetworkFailed(f"the device {name} could not be made: {error.strerror}") from error
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _emulator(near: int, far: int, seed: int) -> Iterator[tuple[int, Link]]:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/control"
        listener.bind(path)
        listener.listen()
        listener.settimeout(_ANSWER_S)
        command = [*_urgent(), str(EMULATOR), path, str(seed)]
        with subprocess.Popen(command, stdin=near, stdout=far) as process:  # noqa: S603 - our own program
            try:
                control, _ = listener.accept()
            except OSError as error:
                process.kill()
                raise NetworkFailed("the emulator did not start") from error
            # It ends when its socket is closed.
            with control:
                control.settimeout(_ANSWER_S)
                yield process.pid, Link(control)


def _urgent() -> list[str]:
    """Before everybody else where that is permitted: what is late here would be told as the bridge's fault."""
    words = ["chrt", "--fifo", "2"]
    if shutil.which(words[0]) is None:
        return []
    tried = subprocess.run([*words, "true"], capture_output=True, check=False)  # noqa: S603 - fixed words
    return words if tried.returncode == 0 else []


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - words of this module
    if done.returncode != 0:
        raise NetworkFailed(f"{' '.join(command)}: {done.stderr.strip()}")
