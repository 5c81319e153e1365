"""The operator's `[logins.NAME]` and `[portals.NAME]`, checked."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey, import_key

from bridge.auth.oidc.errors import SettingsError
from bridge.auth.oidc.launches import Portal
from bridge.auth.oidc.provider import Dialect, Provider, SigningKey, is_safe
from bridge.rooms.model import Assurance

NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,23}")
RESERVED: Final = frozenset({"answer"})
_CURVES: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
MIN_RSA_BITS: Final = 2048


class _Speaker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    issuer: str
    dialect: Dialect = Dialect.OPENID
    least: Assurance = Assurance.SUBSTANTIAL
    most: Assurance | None = None
    represented_claim: str = ""
    relation_claim: str = ""


S = TypeVar("S", bound=_Speaker)


class _Settings(_Speaker, frozen=True, kw_only=True, forbid_unknown_fields=True):
    client_id: str
    key_file: str
    title: str
    scopes: tuple[str, ...] = ("openid",)
    acr_values: tuple[str, ...] = ()
    dpop: bool = True


class _Portal(_Speaker, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keys_file: str


def read(name: str, table: Mapping[str, object]) -> tuple[Provider, str]:
    """Return a provider and its title. Raises SettingsError, which names the key."""
    settings = _checked(f"logins.{name}", name, table, _Settings)
    if "openid" not in settings.scopes:
        raise SettingsError(f"[logins.{name}] scopes must hold openid")
    key = _key(name, Path(settings.key_file))
    provider = Provider(
        name=name,
        dialect=settings.dialect,
        issuer=settings.issuer,
        client_id=settings.client_id,
        key=key,
        algorithm=_algorithm(name, key),
        scopes=settings.scopes,
        acr_values=settings.acr_values,
        least=settings.least,
        most=settings.most,
        dpop=settings.dpop,
        represented_claim=settings.represented_claim,
        relation_claim=settings.relation_claim,
    )
    return provider, settings.title


def read_portal(name: str, table: Mapping[str, object]) -> Portal:
    """Return a portal that may send people here. Raises SettingsError, which names the key."""
    settings = _checked(f"portals.{name}", name, table, _Portal)
    return Portal(
        name=name,
        dialect=settings.dialect,
        issuer=settings.issuer,
        least=settings.least,
        most=settings.most,
        represented_claim=settings.represented_claim,
        relation_claim=settings.relation_claim,
        keys=_public_keys(name, Path(settings.keys_file)),
    )


def read_all(
    logins: Mapping[str, Mapping[str, object]], portals: Mapping[str, Mapping[str, object]]
) -> tuple[list[tuple[Provider, str]], list[Portal]]:
    """Return all providers with their titles, and all portals. Raises SettingsError."""
    if both := set(logins) & set(portals):
        raise SettingsError(f"[portals.{min(both)}] has the name of a login; records would not tell them apart")
    found = [read_portal(name, table) for name, table in portals.items()]
    if len({one.issuer for one in found}) < len(found):
        raise SettingsError("[portals] two have the same issuer")
    return [read(name, table) for name, table in logins.items()], found


def _checked(section: str, name: str, table: Mapping[str, object], kind: type[S]) -> S:
    """Read what is the same of everybody who says of somebody who they are."""
    if not NAME.fullmatch(name) or name in RESERVED:
        raise SettingsError(f"[{section}] is not named by a short word in lower case")
    try:
        settings = msgspec.convert(dict(table), kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"[{section}] {error}") from error
    if not is_safe(settings.issuer):
        raise SettingsError(f"[{section}] issuer must begin with https://")
    if settings.most is not None and not settings.most.reaches(settings.least):
        raise SettingsError(f"[{section}] most is less than least, so that nobody could log in")
    if settings.relation_claim and not settings.represented_claim:
        raise SettingsError(f"[{section}] relation_claim is of no use without represented_claim")
    return settings


def _public_keys(name: str, path: Path) -> KeySet:
    """The keys of a portal, as a JWK Set (RFC 7517 section 5): public halves alone, each with a name."""
    try:
        keys = KeySet.import_key_set(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, JoseError) as error:
        raise SettingsError(f"[portals.{name}] keys_file holds no JWK Set that can be read") from error
    for key in keys.keys:
        if not isinstance(key, RSAKey | ECKey | OKPKey) or key.is_private:
            raise SettingsError(f"[portals.{name}] keys_file holds a key that is no public one")
        if isinstance(key, RSAKey) and key.raw_value.key_size < MIN_RSA_BITS:
            raise SettingsError(
                f"[portals.{name}] keys_file holds a key of RSA with less than {MIN_RSA_BITS} bits"
            )
    if not keys.keys:
        raise SettingsError(f"[portals.{name}] keys_file holds no key")
    return keys


def _key(name: str, path: Path) -> SigningKey:
    """The private key with which the bridge proves itself, as a JWK (RFC 7517)."""
    try:
        text = path.read_text("utf-8")
        mode = path.stat().st_mode
        key: Any = import_key(json.loads(text))
    except (OSError, ValueError, TypeError, JoseError) as error:
        raise SettingsError(f"[logins.{name}] key_file holds no JWK that can be read") from error
    if mode & 0o007:
        raise SettingsError(f"[logins.{name}] key_file is open to everybody on this machine (chmod 600 it)")
    if not isinstance(key, RSAKey | ECKey | OKPKey) or not key.is_private:
        raise SettingsError(f"[logins.{name}] key_file holds no private key of RSA or of an elliptic curve")
    return key


def _algorithm(name: str, key: SigningKey) -> str:
    if isinstance(key, RSAKey):
        if key.raw_value.key_size < MIN_RSA_BITS:
            raise SettingsError(f"[logins.{name}] key_file holds a key of RSA with less than {MIN_RSA_BITS} bits")
        return "PS256"
    found = "Ed25519" if isinstance(key, OKPKey) else _CURVES.get(str(key.get("crv")))
    if found is None:
        raise SettingsError(f"[logins.{name}] key_file holds a key of a curve that is not known")
    return found
