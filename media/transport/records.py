"""DTLS records inside datagrams: finding their borders (RFC 6347 section 4.1)."""

from collections.abc import Iterator
from typing import Final

HEADER_BYTES: Final = 13
CHANGE_CIPHER_SPEC: Final = 20
ALERT: Final = 21
HANDSHAKE: Final = 22
APPLICATION_DATA: Final = 23
OF_A_HANDSHAKE: Final = frozenset({CHANGE_CIPHER_SPEC, HANDSHAKE})
TYPES: Final = frozenset({CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA})
# DTLS 1.0 is in the list because a ClientHello of any version may carry its number in the record header.
VERSIONS: Final = frozenset({b"\xfe\xff", b"\xfe\xfd"})
# Keys change once, at the end of the handshake (RFC 6347 section 4.1); what comes after is of the second epoch.
EPOCH_OF_CALL: Final = b"\x00\x01"
MAX_DATAGRAM_BYTES: Final = 1200


def split(data: bytes) -> list[bytes] | None:
    """Return the records that fill `data` exactly, or None if any of it is not a DTLS 1.0 or 1.2 record."""
    found = []
    at = 0
    while at < len(data):
        header = data[at : at + HEADER_BYTES]
        if len(header) < HEADER_BYTES or header[0] not in TYPES or header[1:3] not in VERSIONS:
            return None
        end = at + HEADER_BYTES + int.from_bytes(header[11:13], "big")
        if end > len(data):
            return None
        found.append(data[at:end])
        at = end
    return found or None


def pack(records: list[bytes]) -> Iterator[bytes]:
    """Join records into datagrams of at most MAX_DATAGRAM_BYTES, in order; no record is cut."""
    datagram = b""
    for record in records:
        if datagram and len(datagram) + len(record) > MAX_DATAGRAM_BYTES:
            yield datagram
            datagram = b""
        datagram += record
    if datagram:
        yield datagram
