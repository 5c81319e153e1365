"""What the claims of an ID token prove: how surely, and about whom, in each provider's words."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.auth.oidc.errors import TooWeak
from bridge.auth.oidc.provider import Dialect, Speaker
from bridge.rooms.model import Assurance, Identity, Relation, SubjectDigest

# ID-porten's own words, and those that it had before.
_NATIONAL_ACR: Final = {
    "idporten-loa-low": Assurance.LOW,
    "idporten-loa-substantial": Assurance.SUBSTANTIAL,
    "idporten-loa-high": Assurance.HIGH,
    "level3": Assurance.SUBSTANTIAL,
    "level4": Assurance.HIGH,
}
# In whatever words a plain provider says it, eIDAS's among them: what they are worth is the operator's `most`.
_PLAIN_ACR: Final = {
    **_NATIONAL_ACR,
    "low": Assurance.LOW,
    "substantial": Assurance.SUBSTANTIAL,
    "high": Assurance.HIGH,
    "http://eidas.europa.eu/loa/low": Assurance.LOW,
    "http://eidas.europa.eu/loa/substantial": Assurance.SUBSTANTIAL,
    "http://eidas.europa.eu/loa/high": Assurance.HIGH,
}
_NATIONAL_ID: Final = re.compile(r"[0-9]{11}")
# In English and Norwegian, since what Helsenorge writes is told to those alone who are its clients.
_RELATIONS: Final = {
    "parent": Relation.PARENT,
    "parental_responsibility": Relation.PARENT,
    "forelder": Relation.PARENT,
    "foreldre": Relation.PARENT,
    "foreldrerepresentasjon": Relation.PARENT,
    "power_of_attorney": Relation.POWER_OF_ATTORNEY,
    "ordinary": Relation.POWER_OF_ATTORNEY,
    "fullmakt": Relation.POWER_OF_ATTORNEY,
    "ordinaer": Relation.POWER_OF_ATTORNEY,
    "assigned": Relation.GUARDIAN,
    "tildelt": Relation.GUARDIAN,
    "guardian": Relation.GUARDIAN,
    "verge": Relation.GUARDIAN,
}
_SECURITY_LEVELS: Final = {"2": Assurance.LOW, "3": Assurance.SUBSTANTIAL, "4": Assurance.HIGH}
_ORGANISATION: Final = re.compile(r"[0-9]{9}")
_HPR: Final = re.compile(r"[0-9]{1,9}")
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


def identify(provider: Speaker, claims: Mapping[str, Any], digest: Digest) -> Identity:
    """Return what a genuine token proves. Raises TooWeak where that is less than the operator asks for."""
    assurance = min(_assurance(provider.dialect, claims), provider.ceiling, key=list(Assurance).index)
    if not assurance.reaches(provider.least):
        raise TooWeak("the login proves less than is asked for")
    names = () if provider.dialect is Dialect.OPENID else _PERSONS
    person = next((claims[name] for name in names if isinstance(claims.get(name), str)), None)
    of_whom = f"pid\0{person}" if person is not None else f"sub\0{provider.issuer}\0{claims['sub']}"
    represented = _represented(provider, claims, (person, claims["sub"]))
    number = _hpr_number(claims) if provider.knows_health_personnel else None
    return Identity(
        assurance=assurance,
        provider=provider.name,
        subject=SubjectDigest(digest(of_whom)),
        organisation=_organisation(claims) if provider.knows_health_personnel else None,
        health_personnel=number is not None,
        hpr=None if number is None else hpr_digest(number, digest),
        represents=None if represented is None else SubjectDigest(digest(represented)),
        relation=None if represented is None else _relation(provider, claims),
    )


def hpr_digest(number: str, digest: Digest) -> SubjectDigest:
    """The name under which whoever has this number in the register of health personnel is known."""
    return SubjectDigest(digest(f"hpr\0{number}"))


def _hpr_number(claims: Mapping[str, Any]) -> str | None:
    found = claims.get(_HPR_NUMBER)
    return found if isinstance(found, str) and _HPR.fullmatch(found) else None


def _represented(provider: Speaker, claims: Mapping[str, Any], themselves: tuple[object, ...]) -> str | None:
    """For whom somebody comes, if it is not themselves, in the form of which digests are made."""
    if not provider.represented_claim:
        return None
    found = claims.get(provider.represented_claim)
    if found is None or found in themselves:
        return None
    # Whoever comes for another does not come for themselves, however oddly that is told.
    if not isinstance(found, str):
        found = json.dumps(found, sort_keys=True)
    by_number = provider.dialect is not Dialect.OPENID and _NATIONAL_ID.fullmatch(found)
    return f"pid\0{found}" if by_number else f"sub\0{provider.issuer}\0{found}"


def _relation(provider: Speaker, claims: Mapping[str, Any]) -> Relation:
    said = claims.get(provider.relation_claim)
    return _RELATIONS.get(said.lower(), Relation.OTHER) if isinstance(said, str) else Relation.OTHER


def _assurance(dialect: Dialect, claims: Mapping[str, Any]) -> Assurance:
    """Read the level; what is unknown or absent is the lowest, for a login of some kind did take place."""
    if dialect is Dialect.HELSEID:
        return _SECURITY_LEVELS.get(str(claims.get(_SECURITY_LEVEL)), Assurance.LOW)
    words = _PLAIN_ACR if dialect is Dialect.OPENID else _NATIONAL_ACR
    return words.get(str(claims.get("acr")).lower(), Assurance.LOW)


def _organisation(claims: Mapping[str, Any]) -> str | None:
    found = (claims.get(name) for name in _ORGANISATIONS)
    return next((one for one in found if isinstance(one, str) and _ORGANISATION.fullmatch(one)), None)
