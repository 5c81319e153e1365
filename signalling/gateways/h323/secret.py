"""H.235.6 in one call: a secret that both ends agree on (Diffie-Hellman), and with it the keys of its channels.

Setup and Connect carry tokens, one for each group, from which both ends have the same secret. Its last bytes are
the key under which the master of the call (H.245) sends the keys that it makes: one for each channel, its own and
its peer's. The tokens prove nothing: whoever is on the way of the signalling can agree with either end on a secret
of its own (H.235.6 leaves that to H.235.1 or to a tunnel), and the media that come of it are hidden, not proved.

What is taken from where: H.235.0 has the ASN.1, H.235.6 clause 7.6.1 the key of keys, its clause 9.3.1.1 the
initial value of media. The form of tokens and keys is that of the endpoints of h323plus (capture c4).
"""

import base64
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from signalling.gateways.h323.errors import H323Error
from signalling.gateways.h323.groups import GENERATOR, GROUPS, Group, Half, Oid
from signalling.gateways.h323.wire.asn1 import Kind, Value, decode, encode

AES_128: Final[Oid] = (2, 16, 840, 1, 101, 3, 4, 1, 2)
AES_256: Final[Oid] = (2, 16, 840, 1, 101, 3, 4, 1, 42)
"""AES in cipher block chaining, by the names that NIST has given it."""
KEY_BYTES: Final = {AES_256: 32, AES_128: 16}
SUITES: Final = {AES_256: "H235_AES_256_CBC", AES_128: "H235_AES_128_CBC"}
"""What the bridge's descriptions call them."""
V3: Final[Oid] = (0, 0, 8, 235, 0, 3, 24)
"""The token of those who take a key as `secureSharedSecret`."""
WEAKEST_FOR_256: Final = 1536
MOST_TOKENS: Final = 32
IV_BYTES: Final = 16


class SecretError(H323Error):
    """A key that cannot be used."""

    code = "h323_secret"


@dataclass(frozen=True, slots=True)
class MediaKey:
    """The key of one channel, and for what."""

    algorithm: Oid
    key: bytes = field(repr=False)


class Secret:
    """What one call has agreed on. `refused` counts by words why something was not taken."""

    __slots__ = ("_group", "_halves", "_random", "_shared", "refused")

    def __init__(self, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        """Take where everything secret comes from."""
        self._random = random
        self._halves: dict[Oid, Half] = {}
        self._group: Group | None = None
        self._shared = b""
        self.refused: Counter[str] = Counter()

    @property
    def agreed(self) -> bool:
        """Whether there is a secret."""
        return bool(self._shared)

    @property
    def algorithms(self) -> tuple[Oid, ...]:
        """What channels may be encrypted with, the strongest first; nothing before there is a secret.

        AES-256 where its group is worth it: no peer that is known takes it with 1,024 bits.
        """
        if self._group is None:
            return ()
        return (AES_256, AES_128) if self._group.bits >= WEAKEST_FOR_256 else (AES_128,)

    def tokens(self) -> list[Value]:
        """Our tokens: of all groups for a Setup, of the chosen one for the Connect that answers a Setup.

        The peer chooses; most take the first that they know. None when the peer's were no good.
        """
        if self._group is not None:
            groups: Sequence[Group] = (self._group,)
        else:
            groups = () if self.refused else GROUPS
        return [*(self._token(group) for group in groups), *([{"tokenOID": V3}] if groups else [])]

    def take(self, tokens: Iterable[Value]) -> bool:
        """Agree by the tokens of the peer's Setup or Connect; whether there is a secret. What is bad is counted.

        Of several the strongest counts, wherever it stands.
        """
        offered: dict[Value, Value] = {}
        for token in list(tokens)[:MOST_TOKENS]:
            offered.setdefault(token.get("tokenOID"), token)
        for group in GROUPS:
            if self.agreed:
                break
            if (token := offered.get(group.oid)) is not None:
                self._agree(group, token)
        if not self.agreed and not self.refused:
            self.refused["no_token" if not offered else "no_group"] += 1
        return self.agreed

    def protection(self, algorithm: Oid | None = None) -> Value:
        """An EncryptionAuthenticationAndIntegrity (H.245): of one algorithm for a channel, of all for a set."""
        named = self.algorithms if algorithm is None else (algorithm,)
        return {"encryptionCapability": [("algorithm", one) for one in named]}

    def accepts(self, protection: Value) -> Oid | None:
        """The strongest that we can do of those in a peer's EncryptionAuthenticationAndIntegrity, if any."""
        named = [value for kind, value in protection.get("encryptionCapability", ()) if kind == "algorithm"]
        return next((one for one in self.algorithms if one in named), None)

    def new_key(self, algorithm: Oid) -> MediaKey:
        """As the master of the call: a key for a channel."""
        return MediaKey(algorithm, self._random(KEY_BYTES[algorithm]))

    def sync(self, media: MediaKey, payload_type: int) -> Value:
        """As the master: the EncryptionSync that tells a key; packets under it are of this payload type."""
        under = self._cipher(media.algorithm, bytes(IV_BYTES)).encryptor()
        key: Value = {
            "algorithmOID": media.algorithm,
            "paramS": {},
            "encryptedSessionKey": under.update(media.key) + under.finalize(),
        }
        encoded = encode(Kind.H235_KEY, ("secureSharedSecret", key))
        return {"synchFlag": payload_type, "h235Key": encoded}

    def key_of(self, sync: Value, algorithm: Oid) -> MediaKey | None:
        """As the slave: the key in an EncryptionSync, None for one that cannot be used, which is counted.

        Its `synchFlag` is the payload type of the packets under it.
        """
        try:
            return self._opened(sync, algorithm)
        except H323Error as error:
            self.refused[error.code] += 1
            return None

    def _token(self, group: Group) -> Value:
        half = (self._half(group).public, group.bits)
        whole = {"halfkey": half, "modSize": (group.prime, group.bits), "generator": (GENERATOR, group.bits)}
        return {"tokenOID": group.oid, "dhkey": whole}

    def _agree(self, group: Group, token: Value) -> None:
        described = token.get("dhkey") or {}
        if not _is(described, "modSize", group.prime) or not _is(described, "generator", GENERATOR):
            self.refused["other_group"] += 1
            return
        public, _bits = described.get("halfkey", (0, 0))
        if not group.has(public):
            self.refused["public_value"] += 1
            return
        half = self._half(group)
        self._shared = half.secret(public)
        self._group, self._halves = group, {group.oid: half}

    def _half(self, group: Group) -> Half:
        """As the caller we have sent ours of the group already, as the called end we shall."""
        if group.oid not in self._halves:
            self._halves[group.oid] = Half(group, self._random)
        return self._halves[group.oid]

    def _cipher(self, algorithm: Oid, iv: bytes) -> Cipher[modes.CBC]:
        """The key of keys is the end of the secret (H.235.6 clause 7.6.1)."""
        if algorithm not in self.algorithms:
            raise SecretError("An algorithm that was not agreed on.")
        return Cipher(algorithms.AES(self._shared[-KEY_BYTES[algorithm] :]), modes.CBC(iv))

    def _opened(self, sync: Value, algorithm: Oid) -> MediaKey:
        form, key = decode(Kind.H235_KEY, sync.get("h235Key", b""))
        if form != "secureSharedSecret" or key.get("algorithmOID", algorithm) != algorithm:
            raise SecretError("A key in another form, or for something else.")
        parameters = key.get("paramS", {})
        iv = parameters.get("iv16") or parameters.get("iv") or bytes(IV_BYTES)
        hidden = key.get("encryptedSessionKey", b"")
        if len(iv) != IV_BYTES or len(hidden) != KEY_BYTES[algorithm]:
            raise SecretError("A key or an initial value of the wrong size.")
        under = self._cipher(algorithm, iv).decryptor()
        opened = under.update(hidden) + under.finalize()
        if not any(opened):
            raise SecretError("The key by which descriptions say that there is none.")
        return MediaKey(algorithm, opened)


def crypto_line(
    theirs: MediaKey | None, ours: MediaKey | None, in_type: int | None = None, out_type: int | None = None
) -> str:
    """The value of an `a=crypto` by which the bridge is told what both ends send with; both of one algorithm.

    Zeros stand for a key that is not there yet: nothing is sent or taken in that direction then. The types are
    those on the wire since a key was changed, which is told by them (H.235.6).
    """
    algorithm = next((key.algorithm for key in (theirs, ours) if key is not None), AES_128)
    halves = (bytes(KEY_BYTES[algorithm]) if key is None else key.key for key in (theirs, ours))
    types = [f" {name}={one}" for name, one in (("IN", in_type), ("OUT", out_type)) if one is not None]
    return f"1 {SUITES[algorithm]} inline:{base64.b64encode(b''.join(halves)).decode()}{''.join(types)}"


def _is(described: Value, name: str, expected: int) -> bool:
    """Of a known group nothing needs to be said, but what is said must be true."""
    value, bits = described.get(name, (0, 0))
    return not bits or bool(value == expected)
