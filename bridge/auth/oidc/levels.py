"""What the claims of an ID token prove: how surely, and about whom, in each provider's words."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.auth.oidc.errors import TooWeak
from bridge.auth.oidc.provider import Dialect, Provider
from bridge.rooms.model import Assurance, Identity, SubjectDigest

# ID-porten's own words, those that it had before, and eIDAS's.
_ACR: Final = {
    "idporten-loa-low": Assurance.LOW,
    "idporten-loa-substantial": Assurance.SUBSTANTIAL,
    "idporten-loa-high": Assurance.HIGH,
    "level3": Assurance.SUBSTANTIAL,
    "level4": Assurance.HIGH,
    "low": Assurance.LOW,
    "substantial": Assurance.SUBSTANTIAL,
    "high": Assurance.HIGH,
    "http://eidas.europa.eu/loa/low": Assurance.LOW,
    "http://eidas.europa.eu/loa/substantial": Assurance.SUBSTANTIAL,
    "http://eidas.europa.eu/loa/high": Assurance.HIGH,
}
_SECURITY_LEVELS: Final = {"2": Assurance.LOW, "3": Assurance.SUBSTANTIAL, "4": Assurance.HIGH}
_ORGANISATION: Final = re.compile(r"[0-9]{9}")
_SECURITY_LEVEL: Final = "helseid://claims/identity/security_level"
_HPR_NUMBER: Final = "helseid://claims/hpr/hpr_number"
# The part of an organisation that somebody works in says more than the whole.
_ORGANISATIONS: Final = (
    "helseid://claims/client/claims/orgnr_child",
    "helseid://claims/client/claims/orgnr_parent",
)
# A person is the same one by whichever login, where a provider of the state or of health care says the national
# identity number; anybody else's might be another number, or made up.
_PERSONS: Final = ("pid", "helseid://claims/identity/pid")


Digest = Callable[[str], str]
"""Makes a name under which somebody can be known again, and by which nobody without the key learns who it is."""


def identify(provider: Provider, claims: Mapping[str, Any], digest: Digest) -> Identity:
    """Return what a genuine token proves. Raises TooWeak where that is less than the operator asks for."""
    assurance = _assurance(provider.dialect, claims)
    if not assurance.reaches(provider.least):
        raise TooWeak("the login proves less than is asked for")
    names = () if provider.dialect is Dialect.OPENID else _PERSONS
    person = next((claims[name] for name in names if isinstance(claims.get(name), str)), None)
    of_whom = f"pid\0{person}" if person is not None else f"sub\0{provider.issuer}\0{claims['sub']}"
    return Identity(
        assurance=assurance,
        provider=provider.name,
        subject=SubjectDigest(digest(of_whom)),
        organisation=_organisation(claims),
        health_personnel=isinstance(claims.get(_HPR_NUMBER), str),
    )


def _assurance(dialect: Dialect, claims: Mapping[str, Any]) -> Assurance:
    """Read the level; what is unknown or absent is the lowest, for a login of some kind did take place."""
    if dialect is Dialect.HELSEID:
        return _SECURITY_LEVELS.get(str(claims.get(_SECURITY_LEVEL)), Assurance.LOW)
    return _ACR.get(str(claims.get("acr")).lower(), Assurance.LOW)


def _organisation(claims: Mapping[str, Any]) -> str | None:
    found = (claims.get(name) for name in _ORGANISATIONS)
    return next((one for one in found if isinstance(one, str) and _ORGANISATION.fullmatch(one)), None)
