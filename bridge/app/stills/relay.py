"""The way of one picture through the bridge: one piece at a time, kept until the far end asks for the next."""

import asyncio
from collections.abc import Callable
from typing import Final

from signalling.errors import Code, Rejected

PATIENCE_SECONDS: Final = 20.0
"""How long one end may let the other wait."""


class Relay:
    """Pieces in at one end and out at the other, in order. Its memory is one piece.

    `size` is how many bytes there are in all. Methods raise Rejected: `wrong_state` for a piece out of turn,
    `too_large` for more than was announced, `too_slow` when the other end does nothing, `not_found` when it is
    over.
    """

    def __init__(self, size: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._left = size
        self._patience = patience_seconds
        self._piece: bytes | None = None
        self._put = 0  # how many pieces have come in
        self._arrived = 0  # and how many of them have come to the far end
        self._over = False
        self._complete = False
        self._changed = asyncio.Event()

    async def put(self, number: int, piece: bytes) -> None:
        """Take a piece, and return when it has arrived. The last may be put again, and is not taken twice."""
        if self._over:
            raise Rejected(Code.NOT_FOUND)
        if number != self._put - 1:
            self._take(number, piece)
        await self._wait(lambda: self._arrived > number)
        if self._arrived <= number and not self._complete:
            raise Rejected(Code.NOT_FOUND)

    def _take(self, number: int, piece: bytes) -> None:
        if number != self._put or self._piece is not None:
            raise Rejected(Code.WRONG_STATE)
        if len(piece) > self._left:
            raise Rejected(Code.TOO_LARGE)
        self._piece, self._put, self._left = piece, self._put + 1, self._left - len(piece)
        self._tell()

    async def get(self, number: int) -> bytes:
        """Wait for a piece. To ask for one says that those before have arrived; the last can be had again."""
        if number == self._put and self._piece is not None:
            self._piece, self._arrived = None, self._put
            self._tell()
        await self._wait(lambda: self._piece is not None or number != self._put)
        if self._over:
            raise Rejected(Code.NOT_FOUND)
        if self._piece is None or number != self._put - 1:
            raise Rejected(Code.WRONG_STATE)
        return self._piece

    def end(self, *, complete: bool) -> None:
        """Let nothing more through; `complete` says that the last piece has arrived as well."""
        self._over, self._complete, self._piece = True, complete, None
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait(self, done: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(self._patience):
                while not (self._over or done()):
                    await self._changed.wait()
        except TimeoutError:
            raise Rejected(Code.TOO_SLOW) from None
