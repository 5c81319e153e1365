"""H.235.6 of `h323_caller`, as the slave of a call: AES-128 and the second Oakley group, and nothing else.

Written from the recommendation and capture c4, beside the gateway's: it shares nothing with that but `wire`.
"""

import os
import secrets
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from signalling.gateways.h323.wire import asn1

PRIME: Final = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
    16,
)
"""RFC 2409 section 6.2."""
BITS: Final = 1024
GROUP: Final = (0, 0, 8, 235, 0, 3, 43)
V3: Final = (0, 0, 8, 235, 0, 3, 24)
AES: Final = (2, 16, 840, 1, 101, 3, 4, 1, 2)
ALGORITHM: Final = {"encryptionCapability": [("algorithm", AES)]}
BLOCK: Final = 16
HEADER: Final = 12
_PADDED: Final = 0x20


def _aes(key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key), modes.CBC(iv))


class Keys:
    """What one call has agreed on, and the keys that its master has told, by session and direction."""

    def __init__(self) -> None:
        self.incoming: dict[int, tuple[int, bytes]] = {}
        """Payload type and key."""
        self.outgoing: dict[int, tuple[int, bytes]] = {}
        self._private = secrets.randbits(BITS - 2) | 1
        self._under = b""

    def tokens(self) -> list[Any]:
        """For Setup or Connect."""
        half = {
            "halfkey": (pow(2, self._private, PRIME), BITS),
            "modSize": (PRIME, BITS),
            "generator": (2, BITS),
        }
        return [{"tokenOID": GROUP, "dhkey": half}, {"tokenOID": V3}]

    def take(self, tokens: list[Any]) -> None:
        """Agree with what the other side has sent."""
        (theirs,) = [one["dhkey"]["halfkey"][0] for one in tokens if one["tokenOID"] == GROUP]
        shared = pow(theirs, self._private, PRIME)
        self._under = shared.to_bytes(BITS // 8, "big")[-BLOCK:]

    def read(self, sync: Any) -> tuple[int, bytes]:
        """The payload type and the key of a channel."""
        form, key = asn1.decode(asn1.Kind.H235_KEY, sync["h235Key"])
        assert form == "secureSharedSecret"
        opener = _aes(self._under, bytes(BLOCK)).decryptor()
        return sync["synchFlag"], opener.update(key["encryptedSessionKey"]) + opener.finalize()


def _iv(header: bytes) -> bytes:
    """The sequence number and the time, over and over."""
    return (header[2:8] * 3)[:BLOCK]


def seal(packet: bytes, payload_type: int, key: bytes) -> bytes:
    """Encrypt the payload of a packet, padded as RTP has it."""
    header = bytes((packet[0] | _PADDED, packet[1] & 0x80 | payload_type)) + packet[2:HEADER]
    short = BLOCK - len(packet[HEADER:]) % BLOCK
    plain = packet[HEADER:] + os.urandom(short - 1) + bytes((short,))
    sealer = _aes(key, _iv(header)).encryptor()
    return header + sealer.update(plain) + sealer.finalize()


def unseal(packet: bytes, key: bytes) -> bytes:
    """Decrypt one whose header has no contributors and no extension."""
    assert not packet[0] & 0x1F
    opener = _aes(key, _iv(packet)).decryptor()
    return packet[:HEADER] + opener.update(packet[HEADER:]) + opener.finalize()
