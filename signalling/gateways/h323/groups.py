"""The groups of H.235.6 in which keys are agreed on, and what a public value in them must be.

They are safe primes of which two generates the squares, each known by an object identifier; the second Oakley
group (RFC 2409 section 6.2), and groups 5 and 14 of RFC 3526. A peer that names one and describes another is
refused: to find out whether numbers of a stranger's are a group would cost more than the agreement, and what is
weaker than 1024 bits protects nobody. Above 2048 bits whoever calls would cost us more than the call.

The powers are those of the language. Its time tells something of the exponent, but each is used for one call,
twice, and nobody can ask for a third. The library that we use for everything else advises against groups like
these, will not have them for long, and looks at 1024 bits for 60 ms each time, while everybody waits.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

GENERATOR: Final = 2
EXPONENT_BYTES: Final = 40
"""Twice as many bits as the strongest group is worth, and some (RFC 3526 section 8)."""
Oid = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """One group: `oid` is the token's (H.235.6), `bits` the length of its prime."""

    oid: Oid
    bits: int
    prime: int = field(repr=False)

    def has(self, public: int) -> bool:
        """Whether a value can be a public one of an honest peer: a square, as all powers of two are, but not 1."""
        return 1 < public < self.prime - 1 and _is_square(public, self.prime)


class Half:
    """Our half of an agreement in one group."""

    __slots__ = ("_exponent", "_group", "public")

    def __init__(self, group: Group, random: Callable[[int], bytes]) -> None:
        self._group = group
        self._exponent = int.from_bytes(random(EXPONENT_BYTES), "big")
        self.public = pow(GENERATOR, self._exponent, group.prime)

    def secret(self, theirs: int) -> bytes:
        """What both ends have, as many bytes as the prime; once. `theirs` must be a value that the group has."""
        shared, self._exponent = pow(theirs, self._exponent, self._group.prime), 0
        return shared.to_bytes(self._group.bits // 8, "big")


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
    Group((0, 0, 8, 235, 0, 3, 45), 2048, int(_2048, 16)),
    Group((0, 0, 8, 235, 0, 3, 44), 1536, int(_1536, 16)),
    Group((0, 0, 8, 235, 0, 3, 43), 1024, int(_1024, 16)),
)
"""The strongest first."""
