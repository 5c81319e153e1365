"""Still pictures sealed and opened as PROTOCOL.md section 11 says, with none of the pages' code."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CHUNK = 65_536
TAG = 16


@dataclass
class KeyPair:
    """One side's key pair for one picture."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def point(self) -> bytes:
        """The public key: 65 bytes."""
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def text(self) -> str:
        """The same as `ask_still` has it."""
        return base64.urlsafe_b64encode(self.point).rstrip(b"=").decode()

    def cipher(self, other: bytes, *, asker: bytes, sender: bytes, still: str) -> AESGCM:
        """The cipher that both sides come to."""
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), other)
        secret = self.private.exchange(ec.ECDH(), public)
        info = f"brotjeneste still 1 {still}".encode()
        return AESGCM(HKDF(SHA256(), 32, asker + sender, info).derive(secret))


def point_of(text: str) -> bytes:
    """The public key that `ask_still` told."""
    return base64.urlsafe_b64decode(text + "=")


def nonce(number: int, *, last: bool) -> bytes:
    """The nonce of a chunk."""
    return bytes(7) + number.to_bytes(4) + bytes([last])


def seal(picture: bytes, form: int, asker: str, still: str) -> bytes:
    """Encrypt a picture for who asked."""
    own, other = KeyPair(), point_of(asker)
    cipher = own.cipher(other, asker=other, sender=own.point, still=still)
    plain = bytes([form]) + picture
    chunks = [plain[at : at + CHUNK] for at in range(0, len(plain), CHUNK)]
    sealed = [
        cipher.encrypt(nonce(number, last=number == len(chunks) - 1), chunk, None)
        for number, chunk in enumerate(chunks)
    ]
    return bytes([1]) + own.point + b"".join(sealed)


def unseal(sealed: bytes, own: KeyPair, still: str) -> tuple[int, bytes]:
    """Decrypt what a page has sent: the form of the picture, and the picture."""
    assert sealed[0] == 1
    sender, body = sealed[1:66], sealed[66:]
    cipher = own.cipher(sender, asker=own.point, sender=sender, still=still)
    chunks = [body[at : at + CHUNK + TAG] for at in range(0, len(body), CHUNK + TAG)]
    plain = b"".join(
        cipher.decrypt(nonce(number, last=number == len(chunks) - 1), chunk, None)
        for number, chunk in enumerate(chunks)
    )
    return plain[0], plain[1:]
