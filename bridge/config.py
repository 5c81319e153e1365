"""The bridge's configuration: a TOML file, then the environment, into frozen dataclasses.

A setting `key` of `[section]` is overridden by the variable BROTJENESTE_SECTION_KEY (lists: separated by
commas). Unknown sections, keys and variables are refused, because a misspelt setting that is silently ignored
is worse than a bridge that does not start. deploy/bridge.toml explains every setting; a test holds it equal
to this file.
"""

import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bridge.settings import (
    UnusableError,
    announced,
    beginning_of_numbers,
    checked,
    database,
    ip,
    is_loopback,
    languages,
    line,
    listed,
    networks,
    not_empty,
    organisation,
    page_address,
    prefixes,
    read_text,
    repairs,
    setting,
    web_address,
)

PREFIX: Final = "BROTJENESTE_"
FILE_VARIABLE: Final = "BROTJENESTE_CONFIG"


class ConfigError(Exception):
    """The configuration cannot be used; the message names the key and where its value came from."""

    code: Final = "config_invalid"


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Pages, WebSocket and REST."""

    host: str = setting("127.0.0.1", check=not_empty)
    port: int = setting(8080, between=(1, 65535))
    public_url: str = setting("", check=web_address)
    certificate: str = setting("")
    key: str = setting("")
    proxies: tuple[str, ...] = setting((), check=networks)

    @property
    def base_url(self) -> str:
        """What links begin with, without a slash at the end: `public_url`, else what is listened on."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "https" if self.certificate else "http"
        return self.public_url.rstrip("/") or f"{scheme}://{host}:{self.port}"

    @property
    def public_origin(self) -> str | None:
        """The one origin of the pages as browsers write it; None on this machine alone, by whatever name."""
        if not self.public_url and not self.certificate:
            return None
        parts = urlsplit(self.base_url)
        host = (parts.hostname or "").encode("idna").decode()
        port = "" if parts.port in (None, {"http": 80, "https": 443}[parts.scheme]) else f":{parts.port}"
        return f"{parts.scheme}://[{host}]{port}" if ":" in host else f"{parts.scheme}://{host}{port}"

    @property
    def trusted(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """Who is believed when they say for whom they ask: the proxies, which may be on this machine."""
        here = ("127.0.0.0/8", "::1/128") if is_loopback(self.host) and self.public_url else ()
        return tuple(ipaddress.ip_network(one) for one in self.proxies or here)


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    """Prometheus and health checks, on a port that the public does not reach."""

    host: str = setting("127.0.0.1", check=not_empty)
    port: int = setting(9464, between=(1, 65535))

    @property
    def base_url(self) -> str:
        """Where it is asked from this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class MediaConfig:
    """The packet engine's sockets."""

    addresses: tuple[str, ...] = setting(("127.0.0.1",), check=announced)
    bind: str = setting("127.0.0.1", check=ip)
    base_port: int = setting(40000, between=(1024, 65535))
    shards: int = setting(1, between=(1, 64))
    max_bitrate_kbps: int = setting(2000, between=(100, 20000))
    without: tuple[str, ...] = setting((), check=repairs)


@dataclass(frozen=True, slots=True)
class CallsConfig:
    """What is the same for calls by all gateways."""

    first_port: int = setting(42000, between=(1024, 65534))
    last_port: int = setting(43999, between=(1025, 65535))
    protection: str = setting("required", choices=("required", "optional"))
    languages: tuple[str, ...] = setting(("nb", "en"), check=languages)
    pictures: str = setting("together", choices=("together", "one"))
    telephone: str = setting("", check=beginning_of_numbers)


@dataclass(frozen=True, slots=True)
class TranscodeConfig:
    """Processes that decode and encode, for callers who cannot take what others send."""

    workers: int = setting(1, between=(0, 64))


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Where events and the audit are kept."""

    url: str = setting("sqlite:///brotjeneste.db", check=database)

    @property
    def shown_url(self) -> str:
        """The address without a password, should it hold one."""
        before, at, host = self.url.rpartition("@")
        scheme, slashes, account = before.partition("://")
        name, colon, _ = account.partition(":")
        return f"{scheme}{slashes}{name}{colon and ':***'}{at}{host}" if at else self.url


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """Keys, and how long a link is good for."""

    link_key_file: str = setting("link.key", check=not_empty)
    link_valid_minutes: int = setting(24 * 60, between=(1, 30 * 24 * 60))
    login_lasts_minutes: int = setting(60, between=(5, 12 * 60))
    api_token_file: str = setting("api.token", check=not_empty)
    api_token: str = setting("", secret=True)


@dataclass(frozen=True, slots=True)
class OperatorsConfig:
    """Who may see more than metrics at the port of `[metrics]`, and act there."""

    token_file: str = setting("operator.token", check=not_empty)
    token: str = setting("", secret=True)
    public_url: str = setting("", check=web_address)
    login: str = setting("")
    claim: str = setting("")
    values: tuple[str, ...] = setting(())
    session_minutes: int = setting(8 * 60, between=(5, 24 * 60))


@dataclass(frozen=True, slots=True)
class NoticeConfig:
    """Who answers for consultations, as everybody is told before they enter."""

    responsible: str = setting("", check=line)
    operator: str = setting("", check=line)
    more: str = setting("", check=page_address)


@dataclass(frozen=True, slots=True)
class RoomsConfig:
    """The size of rooms, and of what each browser can receive at once."""

    max_participants: int = setting(9, between=(2, 50))
    audio_slots: int = setting(8, between=(1, 49))
    video_slots: int = setting(8, between=(1, 49))
    content_slots: int = setting(1, between=(0, 1))
    patients_log_in: str = setting("none", choices=("none", "substantial", "high"))


@dataclass(frozen=True, slots=True)
class SmsConfig:
    """Links by text message, through the operator's supplier."""

    url: str = setting("")
    secret_file: str = setting("sms.secret", check=not_empty)
    prefixes: tuple[str, ...] = setting(("+47",), check=prefixes)


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What is logged, and how."""

    level: str = setting("info", choices=("debug", "info", "warning", "error"))
    format: str = setting("json", choices=("json", "console"))


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set. The defaults make a bridge on loopback that needs nothing else."""

    http: HttpConfig = field(default_factory=HttpConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    media: MediaConfig = field(default_factory=MediaConfig)
    calls: CallsConfig = field(default_factory=CallsConfig)
    transcode: TranscodeConfig = field(default_factory=TranscodeConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    auth: AuthConfig = field(default_factory=AuthConfig)
    operators: OperatorsConfig = field(default_factory=OperatorsConfig)
    notice: NoticeConfig = field(default_factory=NoticeConfig)
    rooms: RoomsConfig = field(default_factory=RoomsConfig)
    sms: SmsConfig = field(default_factory=SmsConfig)
    log: LogConfig = field(default_factory=LogConfig)
    gateways: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Settings of each gateway that is to run, as the gateway itself reads them."""
    logins: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Settings of each provider by whom people can log in, as `bridge.auth.oidc.settings` reads them."""
    portals: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Settings of each portal that may say who somebody is, read likewise."""
    smart: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Settings of each record system that launches, as `bridge.auth.smart.settings` reads them."""
    webhooks: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Settings of each address that is told of events, as `bridge.integration.webhooks.settings` reads them."""
    rotas: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Settings of each rota, as `bridge.integration.rotas` reads them."""
    organisations: Mapping[str, str] = field(default_factory=dict)
    """What those are called for which people work, by the numbers that their logins say."""


SECTIONS: Final[Mapping[str, type[Any]]] = {
    "http": HttpConfig,
    "metrics": MetricsConfig,
    "media": MediaConfig,
    "calls": CallsConfig,
    "transcode": TranscodeConfig,
    "store": StoreConfig,
    "auth": AuthConfig,
    "operators": OperatorsConfig,
    "notice": NoticeConfig,
    "rooms": RoomsConfig,
    "sms": SmsConfig,
    "log": LogConfig,
}


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read the file, then the environment. With no `path`, the variable BROTJENESTE_CONFIG may name the file.

    Raises ConfigError.
    """
    if path is None and environ.get(FILE_VARIABLE):
        path = Path(environ[FILE_VARIABLE])
    document = _document(path) if path else {}
    gateways = _named(document.pop("gateways", {}), "gateways", "sip")
    logins = _named(document.pop("logins", {}), "logins", "helseid")
    portals = _named(document.pop("portals", {}), "portals", "helsenorge")
    webhooks = _named(document.pop("webhooks", {}), "webhooks", "record")
    smart = _named(document.pop("smart", {}), "smart", "record")
    rotas = _named(document.pop("rotas", {}), "rotas", "legevakt")
    called = _organisations(document.pop("organisations", {}))
    values = _from_file(document, path)
    values |= _from_environment(environ)
    chosen: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for (section, key), (value, origin) in values.items():
        setting = _settings(section)[key]
        try:
            chosen[section][key] = checked(setting, value)
        except UnusableError as error:
            shown = "" if setting.metadata["secret"] else f", not {value!r}"
            raise ConfigError(f"[{section}] {key} {error}{shown} (from {origin})") from None
    sections = {section: SECTIONS[section](**keys) for section, keys in chosen.items()}
    config = Config(
        **sections,
        gateways=gateways,
        logins=logins,
        portals=portals,
        webhooks=webhooks,
        smart=smart,
        rotas=rotas,
        organisations=called,
    )
    _check_together(config)
    return config


_Values = dict[tuple[str, str], tuple[Any, str]]
"""Values by section and key, each with the place that it came from."""


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _named(tables: Any, what: str, example: str) -> dict[str, dict[str, object]]:
    """`[gateways.NAME]`, `[logins.NAME]` or `[webhooks.NAME]`; what is in each is checked where it is used."""
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise ConfigError(f"{what} holds a section for each, such as [{what}.{example}]")
    return tables


def _organisations(table: Any) -> dict[str, str]:
    """`[organisations]`: names by numbers, both as people will read them."""
    if not isinstance(table, dict):
        raise ConfigError("organisations must be a section: [organisations]")
    for number, name in table.items():
        try:
            organisation(number, name)
        except UnusableError as error:
            raise ConfigError(f"[organisations] {error}, not {number} = {name!r}") from None
    return table


def _from_file(document: Mapping[str, Any], path: Path | None) -> _Values:
    values: _Values = {}
    for section, keys in document.items():
        if section not in SECTIONS:
            raise ConfigError(f"unknown section [{section}] in {path}; there are {listed(SECTIONS)}")
        if not isinstance(keys, dict):
            raise ConfigError(f"{section} in {path} must be a section: [{section}]")
        for key, value in keys.items():
            known = {name for name, one in _settings(section).items() if not one.metadata["secret"]}
            if key in _settings(section) and key not in known:
                variable = _variable(section, key)
                raise ConfigError(f"[{section}] {key} is a secret: set {variable}, do not write it in {path}")
            if key not in known:
                raise ConfigError(f"unknown key {key} in [{section}] of {path}; there are {listed(known)}")
            values[section, key] = (value, str(path))
    return values


def _from_environment(environ: Mapping[str, str]) -> _Values:
    names = {_variable(section, key): (section, key) for section in SECTIONS for key in _settings(section)}
    values: _Values = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable == FILE_VARIABLE:
            continue
        if variable not in names:
            raise ConfigError(f"unknown environment variable {variable}: it sets no key of any section")
        section, key = names[variable]
        default = _settings(section)[key].default
        values[section, key] = (read_text(text, type(default)), variable)
    return values


def _check_together(config: Config) -> None:
    if config.media.base_port + config.media.shards - 1 > 65535:  # noqa: PLR2004 - the last port there is
        raise ConfigError("[media] base_port and shards: each shard takes a port, and the last is above 65535")
    if config.calls.first_port >= config.calls.last_port:
        raise ConfigError("[calls] first_port must be below last_port: a line of a call takes two")
    if (config.http.host, config.http.port) == (config.metrics.host, config.metrics.port):
        raise ConfigError("[http] and [metrics] cannot share one host and port")
    if config.rooms.patients_log_in != "none" and not config.logins and not config.portals:
        raise ConfigError("[rooms] patients_log_in asks for a login, and there is no [logins] and no [portals]")
    _check_operators(config)
    _check_tls(config.http)


def _check_operators(config: Config) -> None:
    operators = config.operators
    public = urlsplit(operators.public_url)
    if operators.public_url and public.scheme != "https" and not is_loopback(public.hostname or ""):
        raise ConfigError("[operators] public_url must begin with https://, or the token can be read")
    if not operators.login:
        return
    if operators.login not in config.logins:
        raise ConfigError(f"[operators] login is {operators.login!r}, and there is no [logins.{operators.login}]")
    # A login alone proves who somebody is, and any patient can have one.
    if not operators.claim or not operators.values:
        raise ConfigError("[operators] login needs claim and values, which say who of them is an operator")


def _check_tls(http: HttpConfig) -> None:
    """Let nothing that is said in a consultation, nor a link or a login, cross a network in the clear."""
    if bool(http.certificate) != bool(http.key):
        raise ConfigError("[http] certificate and key belong together: one is set and the other is not")
    if not is_loopback(http.host) and not http.certificate and not http.proxies:
        raise ConfigError(
            "[http] host is not this machine alone: set certificate and key, or the proxies that end TLS in front"
        )
    public = urlsplit(http.public_url)
    if http.public_url and public.scheme != "https" and not is_loopback(public.hostname or ""):
        raise ConfigError(
            "[http] public_url must begin with https://, or browsers give no camera and links can be read"
        )
    if http.proxies and public.scheme != "https":
        raise ConfigError("[http] proxies: public_url must be the https:// address at which they end TLS")


def _settings(section: str) -> "dict[str, Field[Any]]":
    return {one.name: one for one in fields(SECTIONS[section])}


def _variable(section: str, key: str) -> str:
    return f"{PREFIX}{section}_{key}".upper()
