"""What a record system says with its tokens: who it is, and about which appointment or encounter. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from bridge.auth.oidc.errors import LoginRefused, ProviderError
from bridge.auth.oidc.provider import is_safe

_REFERENCE: Final = re.compile(r"([A-Z][A-Za-z]{2,31})/([A-Za-z0-9.-]{1,64})")
CLINICIANS: Final = ("Practitioner", "PractitionerRole")


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What the launch needs of `.well-known/smart-configuration` (SMART App Launch 2.2 section 2.2)."""

    authorization_endpoint: str
    token_endpoint: str
    issuer: str
    jwks_uri: str
    code_challenge_methods_supported: list[str]


class _Related(msgspec.Struct, frozen=True, kw_only=True):
    reference: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of the token endpoint, as far as it is needed."""

    access_token: str
    id_token: str
    encounter: str | None = None
    appointment: str | None = None
    fhirContext: list[_Related] = []  # noqa: N815 - the standard's name

    def __repr__(self) -> str:
        """Leave the tokens out."""
        return "Answer()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """Who was launched for what. References are relative to the record system; `access` reads there."""

    claims: Mapping[str, Any] = field(repr=False)
    user: str
    appointment: str | None
    encounter: str | None
    access: str = field(repr=False)


def read_configuration(document: bytes, iss: str) -> Configuration:
    """Read a record system's description. Raises ProviderError.

    One that is elsewhere leads nowhere on this machine.
    """
    try:
        found = msgspec.json.decode(document, type=Configuration)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProviderError("the record system's description cannot be read") from error
    addresses = (found.authorization_endpoint, found.token_endpoint, found.jwks_uri)
    if not all(is_safe(one) and (one.startswith("https://") or iss.startswith("http://")) for one in addresses):
        raise ProviderError("the record system's description has an address without TLS")
    if "S256" not in found.code_challenge_methods_supported:
        raise ProviderError("the record system takes no PKCE by S256")
    return found


def read_answer(body: bytes) -> Answer:
    """Read the answer of the token endpoint. Raises ProviderError."""
    try:
        return msgspec.json.decode(body, type=Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProviderError("the record system's answer cannot be read") from error


def launched(iss: str, claims: Mapping[str, Any], answer: Answer) -> Launched:
    """Put together who it is and for what. Raises LoginRefused for one who is no clinician."""
    said = claims.get("fhirUser")
    user = relative(iss, said) if isinstance(said, str) else None
    if user is None or user.partition("/")[0] not in CLINICIANS:
        raise LoginRefused("the record system does not say that this is a clinician")
    about = [relative(iss, one.reference) for one in answer.fhirContext]
    appointment = _of("Appointment", answer.appointment) or _first("Appointment", about)
    encounter = _of("Encounter", answer.encounter) or _first("Encounter", about)
    return Launched(
        claims=claims, user=user, appointment=appointment, encounter=encounter, access=answer.access_token
    )


def relative(iss: str, reference: str) -> str | None:
    """A reference as it stands within the record system; None for one that leads elsewhere or is none."""
    bare = reference.removeprefix(f"{iss}/").partition("/_history/")[0]
    return bare if _REFERENCE.fullmatch(bare) else None


def _of(kind: str, identity: str | None) -> str | None:
    found = None if identity is None else identity.removeprefix(f"{kind}/")
    return f"{kind}/{found}" if found is not None and _REFERENCE.fullmatch(f"{kind}/{found}") else None


def _first(kind: str, references: list[str | None]) -> str | None:
    return next((one for one in references if one is not None and one.startswith(f"{kind}/")), None)
