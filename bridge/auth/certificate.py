"""The bridge's own certificate for `https://`: TLS 1.2 at the least, and read anew when its files change."""

import ssl
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from bridge.auth.errors import KeyFileError

LOG: Final = structlog.get_logger("bridge.certificate")
LOOK_AGAIN_S: Final = 30.0

_Stamp = tuple[tuple[int, int, int], ...]


class Certificate:
    """What is presented to browsers. `context` stays the same; new connections get what was read last."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Read the files. Raises KeyFileError."""
        self._files = (certificate, key)
        self._seen = self._stamp()
        self.context = self._read()

    def renew(self) -> bool:
        """Take over what the files hold, if they have changed; whether that was so.

        Raises KeyFileError for files that do not fit together, as while one of them is being written; what was
        presented before goes on, and the next call tries again.
        """
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._read()
        certificate, key = self._files
        self.context.load_cert_chain(certificate, key)
        self._seen = stamp
        return True

    def _read(self) -> ssl.SSLContext:
        certificate, key = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Forward secrecy and authenticated encryption alone; what TLS 1.3 has is all of that kind.
        context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_SINGLE_ECDH_USE
        context.set_alpn_protocols(["http/1.1"])
        try:
            if key.stat().st_mode & stat.S_IRWXO:
                raise KeyFileError(f"the key file {key} is open to everybody on this machine (chmod 600 it)")
            context.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, ssl.SSLError) as error:
            raise KeyFileError(f"certificate {certificate} and key {key} cannot be used together") from error
        return context

    def _stamp(self) -> _Stamp:
        try:
            stats = [path.stat() for path in self._files]
        except OSError as error:
            raise KeyFileError(f"cannot read {self._files[0]} and {self._files[1]}") from error
        return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in stats)


def _no_password() -> str:
    """Answer for an encrypted key; without this OpenSSL would ask at the terminal and wait."""
    raise KeyFileError("the key of the certificate is encrypted: put one there that is not")


def keep_current(
    certificate: Certificate, later: Callable[[float, Callable[[], Awaitable[object]]], None]
) -> None:
    """Look at the files from time to time. What cannot be used is logged, each time that it is tried."""

    async def look() -> None:
        try:
            if certificate.renew():
                LOG.info("certificate_renewed")
        except KeyFileError as error:
            LOG.warning("certificate_unusable", code=error.code)
        later(LOOK_AGAIN_S, look)

    later(LOOK_AGAIN_S, look)
