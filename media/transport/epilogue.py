"""What is kept of a DTLS association whose keys are agreed: 300 bytes instead of OpenSSL's 80 kB.

Hours may pass from the handshake to the end of a call, in which there are two things to do: read that the peer
closes, and tell it that this end does. Both are alerts (RFC 5246 section 7.2). The one to send is made beforehand;
one that comes is opened with the peer's key, which is derived here as RFC 5246 section 6.3 says. Nothing else is
ever read.
"""

import hmac
from dataclasses import dataclass, field
from typing import Final, Literal, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from OpenSSL import SSL

from media.transport import records

Alert = Literal["closed", "fatal", "warning"]

TAG_BYTES: Final = 16
# RFC 5288 section 3: a part of the nonce is agreed, the rest stands in each record.
GCM_SALT_BYTES: Final = 4
GCM_NONCE_BYTES: Final = 8
# RFC 7905 section 2: all of it is agreed, and mixed with the record's number.
CHACHA_KEY_BYTES: Final = 32
CHACHA_IV_BYTES: Final = 12
ALERT_BYTES: Final = 2
FATAL: Final = 2
CLOSE_NOTIFY: Final = 0


@dataclass(frozen=True, slots=True)
class Epilogue:
    """The peer's key and nonce, which its alerts are read with, and the datagrams that tell it of the end."""

    _is_gcm: bool
    _key: bytes = field(repr=False)
    _iv: bytes = field(repr=False)
    farewell: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def of(cls, connection: SSL.Connection, farewell: tuple[bytes, ...], *, is_server: bool) -> Self:
        """Take what is needed from a connection that is about to go: its handshake complete, by DTLS 1.2."""
        cipher = connection.get_cipher_name() or ""
        is_gcm = "GCM" in cipher
        key_bytes = CHACHA_KEY_BYTES if not is_gcm else 16 if "AES128" in cipher else 32
        iv_bytes = GCM_SALT_BYTES if is_gcm else CHACHA_IV_BYTES
        seed = b"key expansion" + (connection.server_random() or b"") + (connection.client_random() or b"")
        digest = "sha384" if cipher.endswith("SHA384") else "sha256"
        block = _expand(connection.master_key() or b"", seed, digest, 2 * (key_bytes + iv_bytes))
        # The client's key, the server's, the client's nonce, the server's; ciphers of this kind have no MAC.
        other = 0 if is_server else 1
        key_at, iv_at = other * key_bytes, 2 * key_bytes + other * iv_bytes
        key, iv = block[key_at : key_at + key_bytes], block[iv_at : iv_at + iv_bytes]
        return cls(is_gcm, key, iv, farewell)

    def read_alert(self, record: bytes) -> Alert | None:
        """Say what an alert tells; None for whatever is no alert, or not from the peer. `record` has its header.

        A repeated record is not told from a first one: what ends an association ends it once.
        """
        if record[0] != records.ALERT or record[3:5] != records.EPOCH_OF_CALL:
            return None
        try:
            content = self._open(record[: records.HEADER_BYTES], record[records.HEADER_BYTES :])
        except InvalidTag:
            return None
        if len(content) != ALERT_BYTES:
            return None
        level, description = content
        if description == CLOSE_NOTIFY:
            return "closed"
        return "fatal" if level == FATAL else "warning"

    def _open(self, header: bytes, body: bytes) -> bytes:
        """Decrypt a record (RFC 6347 section 4.1.2.1); raise InvalidTag if it is not genuine."""
        number = header[3:11]
        explicit = GCM_NONCE_BYTES if self._is_gcm else 0
        length = len(body) - explicit - TAG_BYTES
        if length < 0:
            raise InvalidTag
        covered = number + header[:3] + length.to_bytes(2)
        if self._is_gcm:
            return AESGCM(self._key).decrypt(self._iv + body[:explicit], body[explicit:], covered)
        mixed = int.from_bytes(self._iv) ^ int.from_bytes(number)
        return ChaCha20Poly1305(self._key).decrypt(mixed.to_bytes(CHACHA_IV_BYTES), body, covered)


def _expand(secret: bytes, seed: bytes, digest: str, wanted: int) -> bytes:
    """P_hash of RFC 5246 section 5, as far as `wanted` bytes."""
    found, chained = b"", seed
    while len(found) < wanted:
        chained = hmac.digest(secret, chained, digest)
        found += hmac.digest(secret, chained + seed, digest)
    return found[:wanted]
