"""What a comparison asks of a bridge, whoever made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

Setting = str | int | bool


@dataclass(frozen=True)
class Call:
    """One source and those who receive it, all connected: numbers of clients of the robots' crowd."""

    sender: int
    receivers: tuple[int, ...]


class Bridge(Protocol):
    """A running bridge in a process of its own, and the robots' way into it."""

    @property
    def name(self) -> str:
        """The subject's name in reports."""

    @property
    def pid(self) -> int:
        """The process whose CPU time counts."""

    @property
    def settings(self) -> Mapping[str, Setting]:
        """Everything that was set beyond the bridge's defaults, and what was negotiated."""

    async def open_call(self, receivers: int) -> Call:
        """Open a room with one source and so many who receive it. The source is silent at first.

        Raises `LoadtestError` when somebody is refused or does not connect in time.
        """

    async def packets_out(self) -> int:
        """How many RTP packets the bridge itself says that it has sent, since its start."""
