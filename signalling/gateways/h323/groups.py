"""The groups of H.235.6 in which keys are agreed on, and what a public value in them must be.

They are safe primes of which two generates the squares, each known by an object identifier; the second Oakley group
(RFC 2409 section 6.2), and groups 5, 14 and 16 of RFC 3526. A peer that names one and describes another is refused:
to find out whether numbers of a stranger's are a group would cost more than the agreement, and what is weaker than
1024 bits protects nobody.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric import dh

GENERATOR: Final = 2
Oid = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """One group: `oid` is the token's (H.235.6), `bits` the length of its prime."""

    oid: Oid
    bits: int
    prime: int = field(repr=False)

    def has(self, public: int) -> bool:
        """Whether a value can be a public one of an honest peer: a square other than 1, as all powers of two are."""
        return 1 < public < self.prime - 1 and _is_square(public, self.prime)


class Half:
    """Our half of an agreement in one group; the library's exponents, and its time, say nothing of the secret."""

    __slots__ = ("_parameters", "_private", "public")

    def __init__(self, group: Group) -> None:
        with _advised_against():
            self._parameters = dh.DHParameterNumbers(group.prime, GENERATOR)
            self._private = self._parameters.parameters().generate_private_key()
        self.public = self._private.public_key().public_numbers().y

    def secret(self, theirs: int) -> bytes:
        """What both ends have: as many bytes as the prime. `theirs` must be a value that the group has."""
        with _advised_against():
            public = dh.DHPublicNumbers(theirs, self._parameters).public_key()
        return self._private.exchange(public)


@contextmanager
def _advised_against() -> Iterator[None]:
    """The library advises against this way of agreeing, and is right; H.323 knows no other."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Diffie-Hellman over finite fields")
        yield


def _is_square(value: int, prime: int) -> bool:
    """By the law of quadratic reciprocity, for an odd prime; of numbers that everybody may see."""
    sign, below = 1, prime
    while value:
        twos = (value & -value).bit_length() - 1
        value >>= twos
        if twos % 2 and below % 8 in (3, 5):
            sign = -sign
        if value % 4 == 3 and below % 4 == 3:  # noqa: PLR2004 - the law's own number
            sign = -sign
        value, below = below % value, value
    return sign == 1


_4096: Final = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A92108011A723C12A787E6D7"
    "88719A10BDBA5B2699C327186AF4E23C1A946834B6150BDA2583E9CA2AD44CE8DBBBC2DB04DE8EF92E8EFC141FBECAA6"
    "287C59474E6BC05D99B2964FA090C3A2233BA186515BE7ED1F612970CEE2D7AFB81BDD762170481CD0069127D5B05AA9"
    "93B4EA988D8FDDC186FFB7DC90A6C08F4DF435C934063199FFFFFFFFFFFFFFFF"
)
_2048: Final = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF"
)
_1536: Final = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA237327FFFFFFFFFFFFFFFF"
)
_1024: Final = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF"
)

GROUPS: Final = (
    Group((0, 0, 8, 235, 0, 3, 47), 4096, int(_4096, 16)),
    Group((0, 0, 8, 235, 0, 3, 45), 2048, int(_2048, 16)),
    Group((0, 0, 8, 235, 0, 3, 44), 1536, int(_1536, 16)),
    Group((0, 0, 8, 235, 0, 3, 43), 1024, int(_1024, 16)),
)
"""The strongest first. More than 4,096 bits would let whoever calls cost us more than the call."""
