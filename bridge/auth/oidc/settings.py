"""The operator's `[logins.NAME]`, checked."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from bridge.auth.oidc.errors import SettingsError
from bridge.auth.oidc.provider import Dialect, Provider, SigningKey, is_safe
from bridge.rooms.model import Assurance

NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,23}")
RESERVED: Final = frozenset({"answer"})
_CURVES: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
MIN_RSA_BITS: Final = 2048


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    issuer: str
    client_id: str
    key_file: str
    title: str
    dialect: Dialect = Dialect.OPENID
    scopes: tuple[str, ...] = ("openid",)
    acr_values: tuple[str, ...] = ()
    least: Assurance = Assurance.SUBSTANTIAL
    dpop: bool = True


def read(name: str, table: Mapping[str, object]) -> tuple[Provider, str]:
    """Return a provider and its title. Raises SettingsError, which names the key."""
    if not NAME.fullmatch(name) or name in RESERVED:
        raise SettingsError(f"[logins.{name}] is not named by a short word in lower case")
    try:
        settings = msgspec.convert(dict(table), _Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"[logins.{name}] {error}") from error
    if not is_safe(settings.issuer):
        raise SettingsError(f"[logins.{name}] issuer must begin with https://")
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
        dpop=settings.dpop,
    )
    return provider, settings.title


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
