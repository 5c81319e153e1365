"""A download to a place, over its link: one connection of this machine's TCP, which takes what it can get.

Run there: `python -m loadtest.network.download HOST PORT` reads until it is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from loadtest.network.place import Place

_PIECE: Final = bytes(1 << 16)


@asynccontextmanager
async def download(where: Place, control: str) -> AsyncIterator[None]:
    """Let somebody at this place download something that has no end; `control` is one that the kernel has."""
    listening = socket.create_server((where.gateway, 0))
    # Connections have it from the socket that they come in on.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
    server = await asyncio.start_server(_give, sock=listening)
    async with server:
        port = str(server.sockets[0].getsockname()[1])
        words = where.there([sys.executable, "-m", __name__, where.gateway, port])
        process = await asyncio.create_subprocess_exec(*words)
        try:
            yield
        finally:
            process.kill()
            await process.wait()


async def _give(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while not writer.is_closing():
            writer.write(_PIECE)
            await writer.drain()


def main() -> None:
    """Read and forget."""
    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
        while connection.recv(len(_PIECE)):
            pass


if __name__ == "__main__":
    main()
