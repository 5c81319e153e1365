"""The bridge's configuration: a TOML file, then the environment, into frozen dataclasses.

A setting `key` of `[section]` is overridden by the variable BROTJENESTE_SECTION_KEY (lists: separated by
commas). Unknown sections, keys and variables are refused, because a misspelt setting that is silently ignored
is worse than a bridge that does not start. deploy/bridge.toml explains every setting; a test holds it equal
to this file.
"""

import ipaddress
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bridge.app.announcing.prompts import LANGUAGES
from media.description import REPAIRS

PREFIX: Final = "BROTJENESTE_"
FILE_VARIABLE: Final = "BROTJENESTE_CONFIG"
LONGEST_LINE: Final = 120


class ConfigError(Exception):
    """The configuration cannot be used; the message names the key and where its value came from."""

    code: Final = "config_invalid"


class _UnusableError(Exception):
    """What a value must be; becomes a ConfigError with the key's name."""


_TYPE_NAMES: Final = {str: "a text", int: "a whole number", tuple: "a list of texts"}


def _setting(
    default: str | int | tuple[str, ...],
    *,
    between: tuple[int, int] | None = None,
    choices: tuple[str, ...] = (),
    check: Callable[[Any], None] | None = None,
    secret: bool = False,
) -> Any:
    """Make a dataclass field. A `secret` comes from the environment only and is not shown."""
    rules = {"between": between, "choices": choices, "check": check, "secret": secret}
    return field(default=default, repr=not secret, metadata=rules)


def _not_empty(value: str) -> None:
    if not value.strip():
        raise _UnusableError("must not be empty")


def _ip(value: str) -> None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise _UnusableError("must be an IP address") from None


def _announced(values: tuple[str, ...]) -> None:
    if not values:
        raise _UnusableError("must name at least one address")
    for value in values:
        _ip(value)
        if ipaddress.ip_address(value).is_unspecified:
            raise _UnusableError("must hold addresses that browsers can reach, so not 0.0.0.0 or ::")


def _repairs(values: tuple[str, ...]) -> None:
    if unknown := set(values) - REPAIRS:
        raise _UnusableError(f"must hold repairs out of {_listed(REPAIRS)}, so not {_listed(unknown)}")


def _languages(values: tuple[str, ...]) -> None:
    if not values or set(values) - set(LANGUAGES) or len(set(values)) < len(values):
        raise _UnusableError(f"must hold some of {_listed(set(LANGUAGES))}, each once")


def _prefixes(values: tuple[str, ...]) -> None:
    for value in values:
        if not value.startswith("+") or not value[1:].isdecimal() or not value.isascii():
            raise _UnusableError("must hold beginnings of numbers, with + and a country's code")


def _web_address(value: str) -> None:
    if value == "":
        return
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username:
        raise _UnusableError("must be like https://video.example.org, with nothing after the host and port")


def _page_address(value: str) -> None:
    if value == "":
        return
    try:
        parts = urlsplit(value)
        usable = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        usable = False
    if not usable:
        raise _UnusableError("must be the address of a page, like https://example.org/privacy")


def _line(value: str) -> None:
    if len(value) > LONGEST_LINE or not value.isprintable():
        raise _UnusableError(f"must be one line of at most {LONGEST_LINE} characters")


def _networks(values: tuple[str, ...]) -> None:
    for value in values:
        try:
            ipaddress.ip_network(value)
        except ValueError:
            raise _UnusableError("must hold IP addresses or networks such as 192.0.2.0/24") from None


def _database(value: str) -> None:
    if "://" not in value:
        raise _UnusableError("must be a database url such as sqlite:///brotjeneste.db")


def is_loopback(host: str) -> bool:
    """Whether nothing that goes there leaves this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Pages, WebSocket and REST."""

    host: str = _setting("127.0.0.1", check=_not_empty)
    port: int = _setting(8080, between=(1, 65535))
    public_url: str = _setting("", check=_web_address)
    certificate: str = _setting("")
    key: str = _setting("")
    proxies: tuple[str, ...] = _setting((), check=_networks)

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

    host: str = _setting("127.0.0.1", check=_not_empty)
    port: int = _setting(9464, between=(1, 65535))

    @property
    def base_url(self) -> str:
        """Where it is asked from this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class MediaConfig:
    """The packet engine's sockets."""

    addresses: tuple[str, ...] = _setting(("127.0.0.1",), check=_announced)
    bind: str = _setting("127.0.0.1", check=_ip)
    base_port: int = _setting(40000, between=(1024, 65535))
    shards: int = _setting(1, between=(1, 64))
    max_bitrate_kbps: int = _setting(2000, between=(100, 20000))
    without: tuple[str, ...] = _setting((), check=_repairs)


@dataclass(frozen=True, slots=True)
class CallsConfig:
    """What is the same for calls by all gateways."""

    first_port: int = _setting(42000, between=(1024, 65534))
    last_port: int = _setting(43999, between=(1025, 65535))
    protection: str = _setting("required", choices=("required", "optional"))
    languages: tuple[str, ...] = _setting(("nb", "en"), check=_languages)
    pictures: str = _setting("together", choices=("together", "one"))


@dataclass(frozen=True, slots=True)
class TranscodeConfig:
    """Processes that decode and encode, for callers who cannot take what others send."""

    workers: int = _setting(1, between=(0, 64))


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Where events and the audit are kept."""

    url: str = _setting("sqlite:///brotjeneste.db", check=_database)

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

    link_key_file: str = _setting("link.key", check=_not_empty)
    link_valid_minutes: int = _setting(24 * 60, between=(1, 30 * 24 * 60))
    login_lasts_minutes: int = _setting(60, between=(5, 12 * 60))
    api_token_file: str = _setting("api.token", check=_not_empty)
    api_token: str = _setting("", secret=True)


@dataclass(frozen=True, slots=True)
class OperatorsConfig:
    """Who may see more than metrics at the port of `[metrics]`, and act there."""

    token_file: str = _setting("operator.token", check=_not_empty)
    token: str = _setting("", secret=True)
    public_url: str = _setting("", check=_web_address)
    login: str = _setting("")
    claim: str = _setting("")
    values: tuple[str, ...] = _setting(())
    session_minutes: int = _setting(8 * 60, between=(5, 24 * 60))


@dataclass(frozen=True, slots=True)
class NoticeConfig:
    """Who answers for consultations, as everybody is told before they enter."""

    responsible: str = _setting("", check=_line)
    operator: str = _setting("", check=_line)
    more: str = _setting("", check=_page_address)


@dataclass(frozen=True, slots=True)
class RoomsConfig:
    """The size of rooms, and of what each browser can receive at once."""

    max_participants: int = _setting(9, between=(2, 50))
    audio_slots: int = _setting(8, between=(1, 49))
    video_slots: int = _setting(8, between=(1, 49))
    content_slots: int = _setting(1, between=(0, 1))


@dataclass(frozen=True, slots=True)
class SmsConfig:
    """Links by text message, through the operator's supplier."""

    url: str = _setting("")
    secret_file: str = _setting("sms.secret", check=_not_empty)
    prefixes: tuple[str, ...] = _setting(("+47",), check=_prefixes)


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What is logged, and how."""

    level: str = _setting("info", choices=("debug", "info", "warning", "error"))
    format: str = _setting("json", choices=("json", "console"))


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
    values = _from_file(document, path)
    values |= _from_environment(environ)
    chosen: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for (section, key), (value, origin) in values.items():
        setting = _settings(section)[key]
        try:
            chosen[section][key] = _checked(setting, value)
        except _UnusableError as error:
            shown = "" if setting.metadata["secret"] else f", not {value!r}"
            raise ConfigError(f"[{section}] {key} {error}{shown} (from {origin})") from None
    sections = {section: SECTIONS[section](**keys) for section, keys in chosen.items()}
    config = Config(**sections, gateways=gateways, logins=logins, portals=portals, webhooks=webhooks, smart=smart)
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


def _from_file(document: Mapping[str, Any], path: Path | None) -> _Values:
    values: _Values = {}
    for section, keys in document.items():
        if section not in SECTIONS:
            raise ConfigError(f"unknown section [{section}] in {path}; there are {_listed(SECTIONS)}")
        if not isinstance(keys, dict):
            raise ConfigError(f"{section} in {path} must be a section: [{section}]")
        for key, value in keys.items():
            known = {name for name, one in _settings(section).items() if not one.metadata["secret"]}
            if key in _settings(section) and key not in known:
                variable = _variable(section, key)
                raise ConfigError(f"[{section}] {key} is a secret: set {variable}, do not write it in {path}")
            if key not in known:
                raise ConfigError(f"unknown key {key} in [{section}] of {path}; there are {_listed(known)}")
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
        values[section, key] = (_read_text(text, type(default)), variable)
    return values


def _read_text(text: str, wanted: type) -> str | int | list[str]:
    if wanted is int:
        # Only plain digits: int() would also take "1_000" and digits of other scripts.
        return int(text) if text.isascii() and text.isdigit() else text
    if wanted is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _checked(setting: "Field[Any]", value: Any) -> Any:
    wanted = type(setting.default)
    if wanted is tuple and isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = tuple(value)
    # Exactly that type: TOML's true is an int to Python, and is no port.
    if type(value) is not wanted:
        raise _UnusableError(f"must be {_TYPE_NAMES[wanted]}")
    rules = setting.metadata
    if rules["between"] and not rules["between"][0] <= value <= rules["between"][1]:
        raise _UnusableError(f"must be from {rules['between'][0]} to {rules['between'][1]}")
    if rules["choices"] and value not in rules["choices"]:
        raise _UnusableError(f"must be one of {_listed(rules['choices'])}")
    if rules["check"]:
        rules["check"](value)
    return value


def _check_together(config: Config) -> None:
    if config.media.base_port + config.media.shards - 1 > 65535:  # noqa: PLR2004 - the last port there is
        raise ConfigError("[media] base_port and shards: each shard takes a port, and the last is above 65535")
    if config.calls.first_port >= config.calls.last_port:
        raise ConfigError("[calls] first_port must be below last_port: a line of a call takes two")
    if (config.http.host, config.http.port) == (config.metrics.host, config.metrics.port):
        raise ConfigError("[http] and [metrics] cannot share one host and port")
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


def _listed(words: Any) -> str:
    return ", ".join(sorted(words))
