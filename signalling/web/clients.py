"""Whose request it is: the network of the client, also where proxies of the operator's stand in front."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Final

from signalling.gateways.guard import network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

Network = IPv4Network | IPv6Network

FORWARDED: Final = "X-Forwarded-For"
MAX_HOPS: Final = 16


class Clients:
    """Knows clients by their networks. `proxies` are believed when they say for whom they ask, nobody else is."""

    def __init__(self, proxies: Sequence[Network] = ()) -> None:
        self._proxies = tuple(proxies)

    def network(self, request: web.BaseRequest) -> str:
        """Return the client's address, of IPv6 its network of 64 bits; of a client without one, "".

        Each proxy adds at the end of `X-Forwarded-For` from whom it has the request. So the header is read from
        its end, for as long as who wrote is a proxy of ours: what stands before was written by anybody.
        """
        address = request.remote or ""
        hops = ",".join(request.headers.getall(FORWARDED, ())).split(",")[-MAX_HOPS:]
        while hops and self._trusts(address) and (told := _address(hops.pop())) is not None:
            address = told
        return network(address)

    def _trusts(self, address: str) -> bool:
        try:
            known = ipaddress.ip_address(address)
        except ValueError:
            return False
        known = getattr(known, "ipv4_mapped", None) or known
        return any(known in proxies for proxies in self._proxies)


def _address(hop: str) -> str | None:
    """Read one hop, which some proxies write with a port; None for what is no address."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
