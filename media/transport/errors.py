"""The errors of `media.transport`."""


class TransportError(Exception):
    """Base of what this package raises; `code` is a stable word for the wire, metrics and logs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class AddressError(TransportError):
    """An address that cannot be announced: code `address_invalid`."""


class DtlsError(TransportError):
    """A DTLS association that will not carry media.

    Codes: `dtls_handshake` (the peers cannot agree), `dtls_timeout` (no end within the limit),
    `dtls_fingerprint` (the certificate is not the one that signalling named), `dtls_no_srtp` (no SRTP profile
    in common), `dtls_closed` (the peer closed it), `fingerprint_invalid` (a fingerprint that is not usable at
    all).
    """
