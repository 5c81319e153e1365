"""Where a SIP URI leads: transports, addresses and ports (RFC 3263), the most wanted first."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import dns.asyncresolver
import dns.exception
import dns.resolver
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from signalling.gateways.sip.flows import DEFAULT_PORTS, Flow, Transport, is_address
from signalling.gateways.sip.values import Uri

MAX_FLOWS: Final = 8
SERVICES: Final[dict[str, Transport]] = {"SIPS+D2T": "TLS", "SIP+D2T": "TCP", "SIP+D2U": "UDP"}
_PREFIXES: Final[dict[Transport, str]] = {"TLS": "_sips._tcp.", "TCP": "_sip._tcp.", "UDP": "_sip._udp."}


@dataclass(frozen=True, slots=True)
class Pointer:
    """A NAPTR record that leads to SRV records."""

    order: int
    preference: int
    service: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Target:
    """An SRV record."""

    priority: int
    weight: int
    port: int
    host: str


class Lookup(Protocol):
    """Questions to the name service; each gives nothing if there is nothing or no answer."""

    async def pointers(self, name: str) -> Sequence[Pointer]:
        """NAPTR records."""

    async def targets(self, name: str) -> Sequence[Target]:
        """SRV records."""

    async def addresses(self, name: str) -> Sequence[str]:
        """A and AAAA records."""


class DnsLookup:
    """The system's name service, by dnspython."""

    def __init__(self, seconds: float = 4.0) -> None:
        self._resolver = dns.asyncresolver.Resolver()
        self._resolver.lifetime = seconds

    async def pointers(self, name: str) -> Sequence[Pointer]:
        """NAPTR records with the flag `s`; others lead elsewhere."""
        found = await self._ask(name, "NAPTR")
        return [
            Pointer(item.order, item.preference, item.service.decode().upper(), str(item.replacement))
            for item in found
            if isinstance(item, NAPTR) and item.flags.lower() == b"s"
        ]

    async def targets(self, name: str) -> Sequence[Target]:
        """SRV records; a lone dot says that there is no such service (RFC 2782)."""
        found = await self._ask(name, "SRV")
        return [
            Target(item.priority, item.weight, item.port, str(item.target))
            for item in found
            if isinstance(item, SRV) and str(item.target) != "."
        ]

    async def addresses(self, name: str) -> Sequence[str]:
        """IPv4 before IPv6."""
        found = [*await self._ask(name, "A"), *await self._ask(name, "AAAA")]
        return [item.address for item in found if isinstance(item, A | AAAA)]

    async def _ask(self, name: str, kind: str) -> list[object]:
        try:
            return list(await self._resolver.resolve(name, kind))
        except (dns.exception.DNSException, OSError):
            return []


async def resolve(
    uri: Uri, lookup: Lookup, available: Sequence[Transport], rng: random.Random
) -> tuple[Flow, ...]:
    """The ways to whom a URI names, at most MAX_FLOWS; none if there are none. `available` is what we can speak.

    A sips URI is never reached otherwise than by TLS. On TLS the name to check is the URI's own domain, whatever
    host the records lead to (RFC 5922 section 4).
    """
    usable = [item for item in _allowed(uri) if item in available]
    if not usable:
        return ()
    host = uri.host.rstrip(".")
    if is_address(host) or uri.port is not None:
        flows = await _direct(host, uri.port, usable[:1], lookup)
    else:
        flows = await _by_service(host, usable, lookup, rng)
    return tuple(Flow(f.transport, f.host, f.port, name=uri.host) for f in dict.fromkeys(flows))[:MAX_FLOWS]


def _allowed(uri: Uri) -> list[Transport]:
    """The transports that the URI leaves open, the default first (RFC 3263 section 4.1)."""
    named = (uri.params.get("transport") or "").upper()
    if uri.scheme == "sips":
        return ["TLS"] if named in ("", "TCP", "TLS") else []
    if uri.scheme != "sip":
        return []
    if named:
        return [item for item in DEFAULT_PORTS if item == named]
    return ["UDP", "TCP", "TLS"]


async def _direct(host: str, port: int | None, usable: Sequence[Transport], lookup: Lookup) -> list[Flow]:
    addresses = [host.strip("[]")] if is_address(host) else await lookup.addresses(host)
    return [Flow(item, address, port or DEFAULT_PORTS[item]) for item in usable for address in addresses]


async def _by_service(host: str, usable: Sequence[Transport], lookup: Lookup, rng: random.Random) -> list[Flow]:
    flows: list[Flow] = []
    for transport, name in await _services(host, usable, lookup):
        for target in order(await lookup.targets(name), rng):
            flows += [Flow(transport, address, target.port) for address in await lookup.addresses(target.host)]
            if len(flows) >= MAX_FLOWS:
                return flows
    return flows or await _direct(host, None, usable[:1], lookup)


async def _services(host: str, usable: Sequence[Transport], lookup: Lookup) -> list[tuple[Transport, str]]:
    """What NAPTR records say, in their order; without any, all SRV names that might exist (section 4.1)."""
    if len(usable) > 1:
        pointers = sorted(await lookup.pointers(host), key=lambda item: (item.order, item.preference))
        known = [(SERVICES[item.service], item.replacement) for item in pointers if item.service in SERVICES]
        if known:
            return [(transport, name) for transport, name in known if transport in usable]
    return [(transport, prefix + host) for transport, prefix in _PREFIXES.items() if transport in usable]


def order(targets: Sequence[Target], rng: random.Random) -> list[Target]:
    """By priority, and within one by chance in proportion to weight (RFC 2782)."""
    left, ordered = list(targets), []
    while left:
        best = min(item.priority for item in left)
        group = [item for item in left if item.priority == best]
        # One who has no weight gets a small chance all the same.
        chosen = rng.choices(group, [max(item.weight, 0.01) for item in group])[0]
        left.remove(chosen)
        ordered.append(chosen)
    return ordered
