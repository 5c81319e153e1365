"""Strangers, of whom there may be so many: who has the most of them gives way.

A limit for each address would lock out a hospital that has one for all, and would let one who has many do as they
like. Here nobody is ever turned away. When there is no room left, whoever came first out of the network with the
most strangers goes: one who opens connections and says nothing loses their own, and who comes beside them, from
the same address even, has time for what takes an honest client a moment.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Who = TypeVar("Who")


class Crowd(Generic[Who]):
    """At most `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._networks: dict[str, dict[Who, None]] = {}
        self._network_of: dict[Who, str] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._network_of)

    def enter(self, who: Who, network: str) -> Who | None:
        """Take somebody in; return who has to go for that."""
        self._networks.setdefault(network, {})[who] = None
        self._network_of[who] = network
        if len(self) <= self._most:
            return None
        largest = max(self._networks.values(), key=len)
        first = next(iter(largest))
        self.leave(first)
        return first

    def leave(self, who: Who) -> None:
        """Forget somebody: gone, or no stranger any more. Of no effect for one who is not here."""
        network = self._network_of.pop(who, None)
        if network is None:
            return
        rest = self._networks[network]
        del rest[who]
        if not rest:
            del self._networks[network]
