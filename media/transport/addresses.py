"""Which addresses a bridge announces as its host candidates, from what the operator configured."""

import ipaddress
from collections.abc import Sequence
from typing import Final

from media.transport.errors import AddressError

IPV6: Final = 6
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def announced_candidates(bind: str, port: int, announced: Sequence[str] = ()) -> tuple[tuple[str, int], ...]:
    """Return the (address, UDP port) candidates of one socket, most wanted first.

    `bind` is the socket's own address, `announced` the addresses by which clients reach it (behind one-to-one
    NAT the public ones), in order; without any, the bound address is announced itself. Raises AddressError
    when a client could not use the result: a wildcard with nothing announced, a family that the socket does
    not serve, an address that is not one host's.
    """
    if not 0 < port < 2**16:
        raise AddressError("address_invalid", "A media port is 1..65535.")
    bound = _address(bind)
    if not announced and bound.is_unspecified:
        raise AddressError("address_invalid", "A wildcard bind address needs announced addresses.")
    addresses = [_address(item) for item in announced] or [bound]
    for address in addresses:
        _check_usable(address, bound)
    return tuple((str(address), port) for address in dict.fromkeys(addresses))


def _address(text: str) -> IpAddress:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise AddressError("address_invalid", "A media address is a plain IPv4 or IPv6 address.") from error


def _check_usable(address: IpAddress, bound: IpAddress) -> None:
    if address.is_unspecified or address.is_multicast or address == ipaddress.IPv4Address("255.255.255.255"):
        raise AddressError("address_invalid", "An announced address must be that of one host.")
    # A link-local address means nothing without a zone, and a candidate cannot carry a zone (RFC 8839 section
    # 5.1).
    if address.version == IPV6 and address.is_link_local:
        raise AddressError("address_invalid", "An IPv6 link-local address cannot be announced.")
    # A socket on [::] takes IPv4 as well; every other socket serves the family of its address alone.
    dual = bound.is_unspecified and bound.version == IPV6
    if address.version != bound.version and not dual:
        raise AddressError(
            "address_invalid", "An announced address is of a family that the socket does not serve."
        )
