"""What an operator writes for the SIP gateway, checked: `[gateways.sip]` of the bridge's configuration."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from signalling.gateways import reading
from signalling.gateways.interface import Settings, SettingsError
from signalling.gateways.numbers import PREFIX
from signalling.gateways.sip.digest import Account
from signalling.gateways.sip.errors import MalformedError
from signalling.gateways.sip.flows import Transport
from signalling.gateways.sip.plan import NumberPlan, Trunk
from signalling.gateways.sip.values import Uri

_TRANSPORTS: Final[dict[str, Transport]] = {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}
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
    host = reading.address(left, "host", "127.0.0.1")
    options = Options(
        bind=reading.address(left, "bind", host),
        host=host,
        port=reading.number(left, "port", 5060, 65535),
        tls_port=reading.number(left, "tls_port", 5061, 65535),
        floor_port=reading.number(left, "floor_port", 0, 65535),
        transports=_transports(left),
        domains=reading.domains(left, "domains"),
        identity=_identity(left),
        authorities=reading.path(left, "authorities"),
        mutual=reading.take(left, "mutual", default=False),
        plan=_plan(left),
        max_calls=reading.number(left, "max_calls", 200, 10_000),
    )
    reading.nothing_left(left)
    if "TLS" in options.transports and options.identity is None:
        raise SettingsError("tls needs a certificate and a key")
    if options.mutual and options.authorities is None:
        raise SettingsError("mutual needs authorities: the system's have signed everybody")
    return options


def _transports(left: dict[str, object]) -> tuple[Transport, ...]:
    names = reading.texts(left, "transports", ("udp", "tcp"))
    if not names or not set(names) <= set(_TRANSPORTS):
        raise SettingsError(f"transports must be some of {', '.join(_TRANSPORTS)}")
    return tuple(_TRANSPORTS[name] for name in names)


def _identity(left: dict[str, object]) -> tuple[Path, Path] | None:
    certificate, key = reading.path(left, "certificate"), reading.path(left, "key")
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise SettingsError("certificate and key come together")
    return certificate, key


def _plan(left: dict[str, object]) -> NumberPlan:
    code = reading.country_code(left)
    trunks = left.pop("trunks", {})
    if not isinstance(trunks, dict) or not all(isinstance(one, dict) for one in trunks.values()):
        raise SettingsError("trunks must be tables, such as [gateways.sip.trunks.main]")
    plan = NumberPlan(
        domains=reading.domains(left, "dial_domains"),
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
    domain = reading.take(left, "domain", proxy.host).lower()
    account = _account(left)
    prefixes, number = reading.texts(left, "prefixes", ()), reading.take(left, "number", "")
    if not all(PREFIX.fullmatch(prefix) for prefix in prefixes):
        raise SettingsError("prefixes must begin with + and a country code, such as +474")
    if number and not _DIGITS.fullmatch(number):
        raise SettingsError("number must be digits, with or without a + before them")
    trunk = Trunk(
        name=name,
        proxy=proxy,
        domain=domain,
        prefixes=prefixes,
        domains=reading.domains(left, "domains"),
        number=number,
        account=account,
        realm=reading.take(left, "realm", domain),
        register=reading.take(left, "register", default=False),
    )
    if trunk.register and account is None:
        raise SettingsError("register needs a username and a password_file")
    return trunk


def _proxy(left: dict[str, object]) -> Uri:
    try:
        uri = Uri.parse(reading.take(left, "proxy", ""))
    except MalformedError:
        uri = Uri("")
    if uri.scheme not in ("sip", "sips") or uri.user is not None:
        raise SettingsError("proxy must be like sip:proxy.example.org")
    return uri


def _account(left: dict[str, object]) -> Account | None:
    username, password = reading.take(left, "username", ""), reading.secret(left, "password_file")
    if bool(username) != bool(password):
        raise SettingsError("username and password_file come together")
    return Account(username, password) if username else None
