"""A provider as the operator describes it, and as it describes itself (OpenID Connect Discovery 1.0)."""

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

import msgspec
from joserfc.jwk import ECKey, OKPKey, RSAKey

from bridge.auth.oidc.errors import ProviderError
from bridge.rooms.model import Assurance

SIGNATURES: Final = ("PS256", "ES256", "RS256", "PS384", "ES384", "RS384", "PS512", "ES512", "RS512", "Ed25519")
"""What may sign an ID token: keys with a public half, so that no client's secret can pass for the provider's."""
MAX_DOCUMENT_BYTES: Final = 256 * 1024

SigningKey = RSAKey | ECKey | OKPKey


class Dialect(StrEnum):
    """In which words a provider says how surely it knows somebody."""

    OPENID = "openid"
    HELSEID = "helseid"
    IDPORTEN = "idporten"
    HELSENORGE = "helsenorge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who says of somebody who they are. `name` is a short word that stands in addresses, logs and records."""

    name: str
    dialect: Dialect
    issuer: str
    least: Assurance = Assurance.LOW
    """A login that proves less is refused."""
    most: Assurance | None = None
    """A login that says more counts as this. Where it is not said, see `ceiling`."""
    represented_claim: str = ""
    """In which claim it stands for whom somebody comes, if not for themselves; nowhere where it is empty."""
    relation_claim: str = ""

    @property
    def ceiling(self) -> Assurance:
        """The most that a login by it proves, whatever it says.

        HelseID, ID-porten and Helsenorge say it in words of a known scheme. What a plain provider calls high is
        its own affair, so it proves no more than the operator counts on.
        """
        if self.most is not None:
            return self.most
        return self.least if self.dialect is Dialect.OPENID else Assurance.HIGH

    @property
    def knows_health_personnel(self) -> bool:
        """Whether it looks up who is in their register, and for whom they work: others would make that up."""
        return self.dialect is Dialect.HELSEID


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider(Speaker):
    """One provider."""

    client_id: str
    key: SigningKey = field(repr=False)
    """What assertions are signed with; the provider knows its public half."""
    algorithm: str
    scopes: tuple[str, ...] = ("openid",)
    acr_values: tuple[str, ...] = ()
    dpop: bool = True


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What the flow needs of a discovery document (RFC 8414 section 2, RFC 9126 section 5, RFC 9207 section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    pushed_authorization_request_endpoint: str | None = None
    authorization_response_iss_parameter_supported: bool = False


def read_metadata(document: bytes, issuer: str) -> Metadata:
    """Read a discovery document. Raises ProviderError."""
    try:
        metadata = msgspec.json.decode(document, type=Metadata)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProviderError("the provider's description cannot be read") from error
    # Another issuer's description would hand the code, and with it the login, to that one (RFC 8414 section 3.3).
    if metadata.issuer != issuer:
        raise ProviderError("the provider's description is another one's")
    pushed = metadata.pushed_authorization_request_endpoint
    if pushed is None:
        raise ProviderError("the provider takes no pushed authorization requests")
    addresses = (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri, pushed)
    if not all(may_lead(issuer, address) for address in addresses):
        raise ProviderError("the provider's description has an address without TLS")
    return metadata


def is_safe(address: str) -> bool:
    """Whether nobody on the way can read or change what goes there: by TLS, or not leaving this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and _is_loopback(host)


def may_lead(issuer: str, address: str) -> bool:
    """Whether a provider may have the bridge go there: by TLS, and to this machine only if it is here itself."""
    return is_safe(address) and _is_here(address) <= _is_here(issuer)


def _is_here(address: str) -> bool:
    return _is_loopback(urlsplit(address).hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
