"""Where messages come from and go to, and what the nearest Via says about the way back (RFC 3261 section 18)."""

import ipaddress
from dataclasses import dataclass, replace
from typing import Final, Literal

from signalling.gateways.sip.message import Request
from signalling.gateways.sip.values import Via

Transport = Literal["UDP", "TCP", "TLS"]
DEFAULT_PORTS: Final[dict[Transport, int]] = {"UDP": 5060, "TCP": 5060, "TLS": 5061}


@dataclass(frozen=True, slots=True)
class Flow:
    """A way to a peer: transport, numeric address (no brackets) and port.

    `connection` is which connection to it; 0 is any, and opens one if there is none. `name` is the host name that
    a TLS peer's certificate has to hold (RFC 5922).
    """

    transport: Transport
    host: str
    port: int
    connection: int = 0
    name: str = ""

    @property
    def reliable(self) -> bool:
        """Whether nothing has to be sent again."""
        return self.transport != "UDP"


def stamp(request: Request, flow: Flow) -> None:
    """Write into the nearest Via where the request really came from (RFC 3261 section 18.2.1, RFC 3581)."""
    via = request.via
    if "rport" in via.params:
        request.via = via.with_params(received=flow.host, rport=str(flow.port))
    elif not same_host(via.host, flow.host):
        request.via = via.with_params(received=flow.host)


def way_back(via: Via, flow: Flow) -> Flow:
    """Where a response goes: on a connection to whence the request came, else to where the Via says.

    `maddr` is not followed, since it would let a stranger have responses sent to others.
    """
    if flow.reliable or "rport" in via.params:
        return flow
    return replace(flow, port=via.port or DEFAULT_PORTS["UDP"])


def is_address(host: str) -> bool:
    """Whether a host in a URI or Via is a numeric address, with or without the brackets of IPv6."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def same_host(written: str, actual: str) -> bool:
    """Whether a host in a URI or Via is this numeric address; a name is none."""
    return is_address(written) and ipaddress.ip_address(written.strip("[]")) == ipaddress.ip_address(actual)
