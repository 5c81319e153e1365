"""The operator's `[smart.NAME]`, checked: it is a provider of logins, known by its FHIR address."""

from collections.abc import Mapping
from typing import Final

from bridge.auth.oidc.errors import SettingsError
from bridge.auth.oidc.provider import Provider
from bridge.auth.oidc.settings import read as read_provider

SCOPES: Final = ("launch", "openid", "fhirUser", "user/Appointment.r", "user/Encounter.r")
_ALLOWED: Final = frozenset({"iss", "client_id", "key_file", "title", "dialect", "least", "most", "scopes"})


def read(name: str, table: Mapping[str, object]) -> Provider:
    """Return a record system as a provider whose issuer is its `iss`. Raises SettingsError."""
    if unknown := set(table) - _ALLOWED:
        raise SettingsError(f"[smart.{name}] has an unknown key: {min(unknown)}")
    if "iss" not in table:
        raise SettingsError(f"[smart.{name}] iss is missing")
    like_login = {key: value for key, value in table.items() if key != "iss"}
    like_login = {"title": name, "scopes": list(SCOPES), **like_login, "issuer": table["iss"], "dpop": False}
    try:
        provider, _ = read_provider(name, like_login)
    except SettingsError as error:
        raise SettingsError(str(error).replace("[logins.", "[smart.")) from error
    if "launch" not in provider.scopes or "fhirUser" not in provider.scopes:
        raise SettingsError(f"[smart.{name}] scopes must hold launch and fhirUser")
    return provider
