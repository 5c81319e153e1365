"""TLS for SIP: contexts, and which domains a certificate stands for (RFC 5922)."""

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def server_context(certificate: Path, key: Path, client_authorities: Path | None = None) -> ssl.SSLContext:
    """What we present to peers that connect.

    With `client_authorities` they must present a certificate of one of these, too (mutual TLS). Raises OSError
    or ssl.SSLError if the files are not there or not what they should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_authorities is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_authorities)
    return context


def client_context(
    authorities: Path | None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """What we check peers by to whom we connect (None: the system's authorities), and what we present if they ask.

    Who the peer is, is checked by `stands_for` after the handshake: RFC 5922 has no wildcards, and has SIP URIs.
    """
    context = ssl.create_default_context(cafile=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def identities(certificate: Mapping[str, Any]) -> frozenset[str]:
    """The domains of a certificate as `getpeercert` gives it, in lower case (RFC 5922 section 7.1).

    SIP URIs go before DNS names, and either before the common name of old certificates.
    """
    names: tuple[tuple[str, str], ...] = certificate.get("subjectAltName", ())
    uris = frozenset(_domains(value for kind, value in names if kind == "URI"))
    hosts = frozenset(value.lower() for kind, value in names if kind == "DNS")
    if uris or hosts or names:
        return uris or hosts
    subject = (pair for part in certificate.get("subject", ()) for pair in part)
    return frozenset(value.lower() for kind, value in subject if kind == "commonName")


def stands_for(certificate: Mapping[str, Any], domain: str) -> bool:
    """Whether a peer with this certificate may speak for `domain`; `*` is a name like any other (section 7.2)."""
    return domain.lower().rstrip(".") in identities(certificate)


def _domains(uris: Iterator[str]) -> Iterator[str]:
    """A SIP URI with a user in it is a person's, not a domain's."""
    for uri in uris:
        scheme, _, rest = uri.partition(":")
        if scheme.lower() in ("sip", "sips") and "@" not in rest:
            yield rest.partition(";")[0].lower()
