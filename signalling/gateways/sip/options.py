"""What an operator writes for the SIP gateway, checked: `[gateways.sip]` of the bridge's configuration."""

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from signalling.gateways.interface import Settings, SettingsError
from signalling.gateways.sip.digest import Account
from signalling.gateways.sip.errors import MalformedError
from signalling.gateways.sip.flows import Transport
from signalling.gateways.sip.plan import NumberPlan, Trunk
from signalling.gateways.sip.values import Uri

Value = TypeVar("Value", str, int, bool)
_TRANSPORTS: Final[dict[str, Transport]] = {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}
_PREFIX: Final = re.compile(r"\+[1-9][0-9]{0,14}")
_DIGITS: Final = re.compile(r"\+?[0-9]{1,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Addresses are numeric; `domains` may stand after the @ of a room's address, as `host` may."""

    bind: str = "127.0.0.1"
    host: str = "127.0.0.1"
    """The address by which peers reach `bind`."""
    port: int = 5060
    tls_port: int = 5061
    floor_port: int = 0
    """The UDP port for BFCP, by which room systems show content; 0 is any free one."""
    transports: tuple[Transport, ...] = ("UDP", "TCP")
    domains: tuple[str, ...] = ()
    identity: tuple[Path, Path] | None = None
    """Our certificate and its key; there has to be one for TLS."""
    authorities: Path | None = None
    """Whose certificates peers must have; without, those that we connect to are checked by the system's."""
    mutual: bool = False
    """Whether those that connect to us must have one as well."""
    plan: NumberPlan = field(default_factory=NumberPlan)
    """Whom we call, and how; nobody without."""
    max_calls: int = 200


def read(settings: Settings) -> Options:
    """Check what was written. Raises SettingsError."""
    left = dict(settings)
    host = _address(left, "host", "127.0.0.1")
    options = Options(
        bind=_address(left, "bind", host),
        host=host,
        port=_number(left, "port", 5060, 65535),
        tls_port=_number(left, "tls_port", 5061, 65535),
        floor_port=_number(left, "floor_port", 0, 65535),
        transports=_transports(left),
        domains=_domains(left, "domains"),
        identity=_identity(left),
        authorities=_path(left, "authorities"),
        mutual=_take(left, "mutual", default=False),
        plan=_plan(left),
        max_calls=_number(left, "max_calls", 200, 10_000),
    )
    if left:
        raise SettingsError(f"unknown keys: {', '.join(sorted(left))}")
    if "TLS" in options.transports and options.identity is None:
        raise SettingsError("tls needs a certificate and a key")
    if options.mutual and options.authorities is None:
        raise SettingsError("mutual needs authorities: the system's have signed everybody")
    return options


def _take(left: dict[str, object], key: str, default: Value) -> Value:
    value = left.pop(key, default)
    # Exactly that type: true is a number to Python, and is no port.
    if type(value) is not type(default):
        raise SettingsError(f"{key} must be of the kind of {default!r}")
    return value


def _number(left: dict[str, object], key: str, default: int, most: int) -> int:
    value = _take(left, key, default)
    if not 0 <= value <= most:
        raise SettingsError(f"{key} must be from 0 to {most}")
    return value


def _address(left: dict[str, object], key: str, default: str) -> str:
    value = _take(left, key, default)
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise SettingsError(f"{key} must be a numeric address") from None
    return value


def _texts(left: dict[str, object], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = left.pop(key, default)
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one for one in value):
        raise SettingsError(f"{key} must be a list of texts")
    return tuple(value)


def _transports(left: dict[str, object]) -> tuple[Transport, ...]:
    names = _texts(left, "transports", ("udp", "tcp"))
    if not names or not set(names) <= set(_TRANSPORTS):
        raise SettingsError(f"transports must be some of {', '.join(_TRANSPORTS)}")
    return tuple(_TRANSPORTS[name] for name in names)


def _path(left: dict[str, object], key: str) -> Path | None:
    text = _take(left, key, "")
    return Path(text) if text else None


def _identity(left: dict[str, object]) -> tuple[Path, Path] | None:
    certificate, key = _path(left, "certificate"), _path(left, "key")
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise SettingsError("certificate and key come together")
    return certificate, key


def _plan(left: dict[str, object]) -> NumberPlan:
    code = _take(left, "country_code", "")
    if code and not (code.isascii() and code.isdigit() and len(code) <= 3 and code[0] != "0"):  # noqa: PLR2004
        raise SettingsError("country_code must be digits alone, such as 47")
    trunks = left.pop("trunks", {})
    if not isinstance(trunks, dict) or not all(isinstance(one, dict) for one in trunks.values()):
        raise SettingsError("trunks must be tables, such as [gateways.sip.trunks.main]")
    plan = NumberPlan(
        domains=_domains(left, "dial_domains"),
        trunks=tuple(_trunk(str(name), settings) for name, settings in trunks.items()),
        country_code=code,
    )
    called = {*plan.domains, *(domain for trunk in plan.trunks for domain in trunk.domains)}
    if any(trunk.domain in called for trunk in plan.trunks):
        raise SettingsError(
            "no domains may hold that of a trunk's numbers: every number would be an address there"
        )
    return plan


def _trunk(name: str, settings: Settings) -> Trunk:
    left = dict(settings)
    try:
        trunk = _read_trunk(name, left)
    except SettingsError as error:
        raise SettingsError(f"trunks.{name}: {error}") from error
    if left:
        raise SettingsError(f"trunks.{name}: unknown keys: {', '.join(sorted(left))}")
    return trunk


def _read_trunk(name: str, left: dict[str, object]) -> Trunk:
    proxy = _proxy(left)
    domain = _take(left, "domain", proxy.host).lower()
    account = _account(left)
    prefixes, number = _texts(left, "prefixes", ()), _take(left, "number", "")
    if not all(_PREFIX.fullmatch(prefix) for prefix in prefixes):
        raise SettingsError("prefixes must begin with + and a country code, such as +474")
    if number and not _DIGITS.fullmatch(number):
        raise SettingsError("number must be digits, with or without a + before them")
    trunk = Trunk(
        name=name,
        proxy=proxy,
        domain=domain,
        prefixes=prefixes,
        domains=_domains(left, "domains"),
        number=number,
        account=account,
        realm=_take(left, "realm", domain),
        register=_take(left, "register", default=False),
    )
    if trunk.register and account is None:
        raise SettingsError("register needs a username and a password_file")
    return trunk


def _proxy(left: dict[str, object]) -> Uri:
    try:
        uri = Uri.parse(_take(left, "proxy", ""))
    except MalformedError:
        uri = Uri("")
    if uri.scheme not in ("sip", "sips") or uri.user is not None:
        raise SettingsError("proxy must be like sip:proxy.example.org")
    return uri


def _account(left: dict[str, object]) -> Account | None:
    username, path = _take(left, "username", ""), _path(left, "password_file")
    if not username and path is None:
        return None
    if not username or path is None:
        raise SettingsError("username and password_file come together")
    try:
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"password_file cannot be read: {type(error).__name__}") from None
    if not password:
        raise SettingsError("password_file is empty")
    return Account(username, password)


def _domains(left: dict[str, object], key: str) -> tuple[str, ...]:
    return tuple(one.lower() for one in _texts(left, key, ()))
