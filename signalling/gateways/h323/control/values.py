"""Values of H.245 as the coder gives and takes them: sequences by field name, choices as pairs.

What comes out of the codec has all that the grammar requires; what it leaves open is looked at with these.
"""

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

Fields = Mapping[str, Any]
Choice = tuple[str, Any]
Oid = tuple[int, ...]
Address = tuple[str, int]
IPV4_BYTES: Final = 4
IPV6_BYTES: Final = 16
NULL: Final = 0


def parts(value: object) -> Fields:
    """A sequence's fields; none of what is not one."""
    return value if isinstance(value, Mapping) else {}


def choice(value: object) -> Choice:
    """A choice's name and value; an empty name for what is not one."""
    match value:
        case (str(name), inner):
            return name, inner
    return "", None


def inner(value: object, *names: str) -> object:
    """What lies under these names, of fields or of the choice that was made; None where the way ends."""
    for name in names:
        if isinstance(value, Mapping):
            value = value.get(name)
        else:
            made, below = choice(value)
            value = below if made == name else None
    return value


def number(value: object) -> int | None:
    """A number; nothing else is one."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def address(value: object) -> Address | None:
    """The numeric address and port of a TransportAddress, where media can be sent to it (H.245 annex A)."""
    found = inner(value, "unicastAddress")
    for name, field, size in (("iPAddress", "network", IPV4_BYTES), ("iP6Address", "network", IPV6_BYTES)):
        network, port = inner(found, name, field), number(inner(found, name, "tsapIdentifier"))
        if isinstance(network, bytes) and len(network) == size and port is not None and 0 < port < 2**16:
            host = ipaddress.ip_address(network)
            return None if host.is_unspecified or host.is_multicast else (str(host), port)
    return None


def transport(place: Address) -> Choice:
    """A TransportAddress."""
    host = ipaddress.ip_address(place[0])
    name = "iPAddress" if host.version == 4 else "iP6Address"  # noqa: PLR2004 - the version of IP
    return ("unicastAddress", (name, {"network": host.packed, "tsapIdentifier": place[1]}))


def parameters(generic: object) -> dict[int, Choice]:
    """The standard parameters of a generic capability or message by number, the first of each (H.245 annex A)."""
    found: dict[int, Choice] = {}
    for name in ("collapsing", "nonCollapsing", "messageContent"):
        for one in parts(generic).get(name) or ():
            identifier = number(inner(one, "parameterIdentifier", "standard"))
            if identifier is not None:
                found.setdefault(identifier, choice(inner(one, "parameterValue")))
    return found


def parameter(identifier: int, kind: str, value: int) -> Fields:
    """One GenericParameter."""
    return {"parameterIdentifier": ("standard", identifier), "parameterValue": (kind, value)}
