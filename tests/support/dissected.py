"""What tshark reads in packets of ours, which shares no line with us."""

import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_FILE: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101)
"""A capture of bare IPv4."""
_LOOPBACK: Final = bytes((127, 0, 0, 1))
TCP: Final = 6
UDP: Final = 17


def dissect(folder: Path, messages: Sequence[tuple[int, int, bytes]], *options: str) -> list[list[str]]:
    """For each message (`TCP` or `UDP`, a destination port, bytes) the lines that tshark prints of its protocols.

    Each is a connection of its own. `options` are tshark's: `-O h225` for protocols that are wanted whole.
    """
    file = folder / "messages.pcap"
    file.write_bytes(_FILE + b"".join(_record(at, *message) for at, message in enumerate(messages)))
    run = subprocess.run(  # noqa: S603
        ["tshark", "-n", "-r", str(file), "-o", "tcp.check_checksum:false", "-V", *options],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    packets = ("\n" + run.stdout).split("\nFrame ")[1:]
    return [[line for line in packet.splitlines() if line][1:] for packet in packets]


def _record(at: int, protocol: int, port: int, data: bytes) -> bytes:
    source = 20_000 + at
    if protocol == TCP:
        head = struct.pack("!HHIIBBHHH", source, port, 1, 1, 5 << 4, 0x18, 65_535, 0, 0)
    else:
        head = struct.pack("!HHHH", source, port, 8 + len(data), 0)
    length = 20 + len(head) + len(data)
    internet = struct.pack("!BBHHHBBH", 0x45, 0, length, at & 0xFFFF, 0, 64, protocol, 0) + 2 * _LOOPBACK
    packet = internet + head + data
    return struct.pack("<IIII", at, 0, len(packet), len(packet)) + packet
