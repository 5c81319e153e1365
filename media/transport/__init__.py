"""A leg's transport outside the packet engine: announced addresses, DTLS-SRTP handshakes (sans-IO)."""

from media.transport.addresses import announced_candidates
from media.transport.certificates import DtlsCertificate
from media.transport.dtls import DtlsClient, DtlsServer, DtlsStats, SrtpKeys, SrtpProfile
from media.transport.errors import AddressError, DtlsError, TransportError

__all__ = [
    "AddressError",
    "DtlsCertificate",
    "DtlsClient",
    "DtlsError",
    "DtlsServer",
    "DtlsStats",
    "SrtpKeys",
    "SrtpProfile",
    "TransportError",
    "announced_candidates",
]
