"""How many requests a source may begin: a flood from one address is no reason to be late for others."""

import ipaddress
from collections import OrderedDict
from typing import Final

MAX_SOURCES: Final = 4_096


class Guard:
    """A bucket of `burst` for each source address (of IPv6, its network), filled with `rate` a second.

    The sources that were heard last are kept; one that was put out begins with a full bucket again.
    """

    __slots__ = ("_burst", "_rate", "_sources")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._sources: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, source: str, now: float) -> bool:
        """Whether one more from there may be taken now."""
        source = network(source)
        left, since = self._sources.pop(source, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        allowed = left >= 1.0
        self._sources[source] = (left - 1.0 if allowed else left, now)
        if len(self._sources) > MAX_SOURCES:
            self._sources.popitem(last=False)
        return allowed

    def give_back(self, source: str) -> None:
        """Let one that was taken not count."""
        source = network(source)
        if source in self._sources:
            left, since = self._sources[source]
            self._sources[source] = (min(self._burst, left + 1.0), since)


def network(source: str) -> str:
    """By what a source is known: of IPv6 its network of 64 bits, where one who has an address has all.

    An address of IPv4 that a socket of both shows as one of IPv6 is itself: else all of them were one network.
    """
    if ":" not in source:
        return source
    try:
        address = ipaddress.IPv6Address(source.partition("%")[0])
    except ValueError:
        return source
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
