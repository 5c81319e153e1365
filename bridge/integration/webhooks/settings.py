"""The operator's `[webhooks.NAME]`, checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from bridge.auth.errors import AuthError
from bridge.auth.keyfile import read_or_create
from bridge.auth.oidc.provider import is_safe
from bridge.integration.errors import SettingsError
from bridge.integration.webhooks.signing import Secret, SecretError, new_secret

NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,23}")


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str
    secret_file: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where events are told. `name` stands in records, logs and metrics, the address does not."""

    name: str
    url: str
    secrets: tuple[Secret, ...]


def read(name: str, table: Mapping[str, object], section: str = "webhooks") -> Endpoint:
    """Return an endpoint; its file of secrets is made where it is missing. Raises SettingsError.

    The address is the operator's alone, by TLS or on this machine: nobody else can have the bridge ask an address.
    """
    where = f"[{section}.{name}]"
    if not NAME.fullmatch(name):
        raise SettingsError(f"{where} is not named by a short word in lower case")
    try:
        settings = msgspec.convert(dict(table), _Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where} {error}") from error
    return Endpoint(name, address(where, settings.url), secrets_of(where, settings.secret_file))


def address(where: str, url: str) -> str:
    """Return an address that may be asked. Raises SettingsError."""
    if not is_safe(url) or "@" in url or "#" in url:
        raise SettingsError(f"{where} url must begin with https://, and hold neither a password nor a fragment")
    return url


def secrets_of(where: str, file: str) -> tuple[Secret, ...]:
    """Return the secrets of a file, one a line. Raises SettingsError."""
    try:
        return tuple(Secret.read(line) for line in read_or_create(Path(file), new_secret))
    except (AuthError, SecretError) as error:
        raise SettingsError(f"{where} secret_file: {error}") from error
