"""Certificates of DTLS-SRTP: self-signed, short-lived, trusted only by the hash that signalling carried."""

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from media.transport.errors import DtlsError

HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha-256": hashes.SHA256(),
    "sha-384": hashes.SHA384(),
    "sha-512": hashes.SHA512(),
}
LIFETIME: Final = timedelta(days=30)
# A client whose clock is behind must not find the certificate not yet valid.
CLOCK_SKEW: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DtlsCertificate:
    """A certificate and its private key (ECDSA on P-256, as RFC 8827 section 6.5 asks for)."""

    certificate: x509.Certificate = field(repr=False)
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def generate(cls, now: datetime) -> Self:
        """Make one that is valid for 30 days from `now` (aware). Its name is random: it identifies nobody."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, secrets.token_hex(16))])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(now + LIFETIME)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @property
    def fingerprint(self) -> str:
        """The sha-256 of the certificate as upper-case hex with colons, as a=fingerprint carries it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    @property
    def expires(self) -> datetime:
        """When it must have been replaced (aware, UTC)."""
        return self.certificate.not_valid_after_utc


class Fingerprints:
    """The hashes that signalling named; those of the strongest function named are compared.

    RFC 8122 section 5 lets an offer carry several hash functions and several certificates: one match among
    the fingerprints of the strongest function is what it asks for.
    """

    def __init__(self, named: Iterable[tuple[str, str]]) -> None:
        """Take (algorithm, hex with colons) pairs; raise DtlsError if none is usable."""
        usable = [(algorithm.lower(), _digest(algorithm, value)) for algorithm, value in named]
        known = [algorithm for algorithm, digest in usable if digest is not None]
        if not known:
            raise DtlsError("fingerprint_invalid", "No usable certificate fingerprint was signalled.")
        self._algorithm = max(known, key=list(HASHES).index)
        self._digests = [digest for algorithm, digest in usable if algorithm == self._algorithm and digest]

    def match(self, certificate: x509.Certificate) -> bool:
        """Say whether `certificate` is one of those named, in the same time for either answer."""
        actual = certificate.fingerprint(HASHES[self._algorithm])
        matches = [hmac.compare_digest(actual, digest) for digest in self._digests]
        return any(matches)


def _digest(algorithm: str, value: str) -> bytes | None:
    known = HASHES.get(algorithm.lower())
    if known is None:
        return None
    if not re.fullmatch("[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*", value):
        raise DtlsError("fingerprint_invalid", "A certificate fingerprint is malformed.")
    digest = bytes.fromhex(value.replace(":", ""))
    if len(digest) != known.digest_size:
        raise DtlsError("fingerprint_invalid", "A certificate fingerprint has the wrong length for its hash.")
    return digest
