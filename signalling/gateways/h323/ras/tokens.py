"""Who says so: H.235.1's baseline, by a password that both sides have (procedure I, HMAC-SHA1-96).

Every message carries a token with whom it is from and to, the time, a number that is not used twice, and a hash of
the whole message, in which the hash itself is zero.
"""

import hashlib
import hmac
import random
from collections.abc import Callable
from typing import Final

from signalling.gateways.h323.wire.asn1 import Kind, Value, encode

ALL_FIELDS: Final = (0, 0, 8, 235, 0, 2, 1)
"""Of a token whose hash is of the whole message ("A")."""
CLEAR: Final = (0, 0, 8, 235, 0, 2, 5)
"""Of what is hashed with it ("T")."""
HMAC_SHA1_96: Final = (0, 0, 8, 235, 0, 2, 6)
"""The hash ("U")."""
HASH_BYTES: Final = 12
CLOCKS_DIFFER: Final = 600
"""Seconds that a token may be old or early."""
_VERSION_AT: Final = 5
"""The arc of an object identifier that says the version of H.235."""
_MOST_PLACES: Final = 4


class Tokens:
    """Signs and checks messages with one gatekeeper. `wall` gives seconds since 1970."""

    def __init__(self, password: str, rng: random.Random, wall: Callable[[], float]) -> None:
        # The key is the hash of the password (H.235.1 section 8).
        self._key = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
        self._rng = rng
        self._wall = wall

    def sign(self, name: str, body: dict[str, Value], sender: str, receiver: str) -> bytes:
        """Encode a message with its token."""
        mark = self._rng.randbytes(HASH_BYTES)
        data = encode(Kind.RAS, (name, body | {"cryptoTokens": [self._token(mark, sender, receiver)]}))
        at = data.find(mark)
        zeroed = data[:at] + bytes(HASH_BYTES) + data[at + HASH_BYTES :]
        return data[:at] + self._hash(zeroed) + data[at + HASH_BYTES :]

    def proven(self, data: bytes, body: dict[str, Value], receivers: tuple[str, ...]) -> bool:
        """Whether a message that came for one of these names is from somebody with the password, and is new."""
        return any(self._holds(data, token, receivers) for token in body.get("cryptoTokens", ()))

    def _token(self, mark: bytes, sender: str, receiver: str) -> Value:
        clear: dict[str, Value] = {
            "tokenOID": CLEAR,
            "timeStamp": int(self._wall()),
            "random": self._rng.getrandbits(31),
            "sendersID": sender,
        }
        if receiver:
            clear["generalID"] = receiver
        hashed = {
            "algorithmOID": HMAC_SHA1_96,
            "paramS": {},
            "hash": (int.from_bytes(mark, "big"), 8 * HASH_BYTES),
        }
        token = {"tokenOID": ALL_FIELDS, "hashedVals": clear, "token": hashed}
        return "nestedcryptoToken", ("cryptoHashedToken", token)

    def _holds(self, data: bytes, token: Value, receivers: tuple[str, ...]) -> bool:
        if token[0] != "nestedcryptoToken" or token[1][0] != "cryptoHashedToken":
            return False
        hashed = token[1][1]
        clear, (number, bits) = hashed["hashedVals"], hashed["token"]["hash"]
        if not (
            _is(hashed["tokenOID"], ALL_FIELDS)
            and _is(hashed["token"]["algorithmOID"], HMAC_SHA1_96)
            and bits == 8 * HASH_BYTES
            and abs(clear.get("timeStamp", 0) - self._wall()) <= CLOCKS_DIFFER
            and clear.get("generalID", receivers[0]) in receivers
        ):
            return False
        return self._agrees(data, number.to_bytes(HASH_BYTES, "big"))

    def _agrees(self, data: bytes, told: bytes) -> bool:
        """Whether the hash is of this message; where it stands in it is found by looking."""
        at = -1
        for _ in range(_MOST_PLACES):
            at = data.find(told, at + 1)
            if at < 0:
                return False
            zeroed = data[:at] + bytes(HASH_BYTES) + data[at + HASH_BYTES :]
            if hmac.compare_digest(self._hash(zeroed), told):
                return True
        return False

    def _hash(self, data: bytes) -> bytes:
        return hmac.digest(self._key, data, "sha1")[:HASH_BYTES]


def _is(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether an object identifier is this one, of whatever version of H.235."""
    return len(found) == len(wanted) and all(
        one == other for at, (one, other) in enumerate(zip(found, wanted, strict=True)) if at != _VERSION_AT
    )
