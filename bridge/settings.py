"""What one setting may be: declared, read from a text and checked. Which there are is in `bridge.config`."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import Field, field
from typing import Any, Final
from urllib.parse import urlsplit

from bridge.app.announcing.prompts import LANGUAGES
from media.description import REPAIRS

LONGEST_LINE: Final = 120
LONGEST_NAME: Final = 80


class UnusableError(Exception):
    """What a value must be; becomes a ConfigError with the key's name."""


_TYPE_NAMES: Final = {str: "a text", int: "a whole number", tuple: "a list of texts"}


def setting(
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


def not_empty(value: str) -> None:
    """Refuse nothing but spaces."""
    if not value.strip():
        raise UnusableError("must not be empty")


def ip(value: str) -> None:
    """Refuse what is no IP address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise UnusableError("must be an IP address") from None


def announced(values: tuple[str, ...]) -> None:
    """Refuse addresses of media that no browser could reach."""
    if not values:
        raise UnusableError("must name at least one address")
    for value in values:
        ip(value)
        if ipaddress.ip_address(value).is_unspecified:
            raise UnusableError("must hold addresses that browsers can reach, so not 0.0.0.0 or ::")


def repairs(values: tuple[str, ...]) -> None:
    """Refuse words for repairs that there are not."""
    if unknown := set(values) - REPAIRS:
        raise UnusableError(f"must hold repairs out of {listed(REPAIRS)}, so not {listed(unknown)}")


def beginning_of_numbers(value: str) -> None:
    """Refuse what no telephone number in international form begins with."""
    if value and re.fullmatch(r"\+[1-9][0-9]{0,6}", value) is None:
        raise UnusableError("must be empty, or + and the first one to seven digits of a telephone number")


def languages(values: tuple[str, ...]) -> None:
    """Refuse languages in which callers cannot be spoken to."""
    if not values or set(values) - set(LANGUAGES) or len(set(values)) < len(values):
        raise UnusableError(f"must hold some of {listed(set(LANGUAGES))}, each once")


def prefixes(values: tuple[str, ...]) -> None:
    """Refuse what no telephone number begins with."""
    for value in values:
        if not value.startswith("+") or not value[1:].isdecimal() or not value.isascii():
            raise UnusableError("must hold beginnings of numbers, with + and a country's code")


def web_address(value: str) -> None:
    """Refuse what is more or less than an origin; empty is none."""
    if value == "":
        return
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username:
        raise UnusableError("must be like https://video.example.org, with nothing after the host and port")


def page_address(value: str) -> None:
    """Refuse what is no address of a page; empty is none."""
    if value == "":
        return
    try:
        parts = urlsplit(value)
        usable = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        usable = False
    if not usable:
        raise UnusableError("must be the address of a page, like https://example.org/privacy")


def line(value: str) -> None:
    """Refuse what does not fit on a line of a page."""
    if len(value) > LONGEST_LINE or not value.isprintable():
        raise UnusableError(f"must be one line of at most {LONGEST_LINE} characters")


def organisation(number: str, name: object) -> None:
    """Refuse a name for what is no organisation, and one that fits into no list of people."""
    if re.fullmatch(r"[0-9]{9}", number) is None:
        raise UnusableError("must name organisations by their numbers, of nine digits")
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise UnusableError(f"must hold names of at most {LONGEST_NAME} characters")


def networks(values: tuple[str, ...]) -> None:
    """Refuse what is neither an address nor a network."""
    for value in values:
        try:
            ipaddress.ip_network(value)
        except ValueError:
            raise UnusableError("must hold IP addresses or networks such as 192.0.2.0/24") from None


def database(value: str) -> None:
    """Refuse what is no address of a database."""
    if "://" not in value:
        raise UnusableError("must be a database url such as sqlite:///brotjeneste.db")


def is_loopback(host: str) -> bool:
    """Whether nothing that goes there leaves this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_text(text: str, wanted: type) -> str | int | list[str]:
    """Read a variable of the environment; what cannot be read stays text, which `checked` refuses."""
    if wanted is int:
        # Only plain digits: int() would also take "1_000" and digits of other scripts.
        return int(text) if text.isascii() and text.isdigit() else text
    if wanted is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def checked(setting: "Field[Any]", value: Any) -> Any:
    """Return the value as the setting takes it. Raises UnusableError."""
    wanted = type(setting.default)
    if wanted is tuple and isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = tuple(value)
    # Exactly that type: TOML's true is an int to Python, and is no port.
    if type(value) is not wanted:
        raise UnusableError(f"must be {_TYPE_NAMES[wanted]}")
    rules = setting.metadata
    if rules["between"] and not rules["between"][0] <= value <= rules["between"][1]:
        raise UnusableError(f"must be from {rules['between'][0]} to {rules['between'][1]}")
    if rules["choices"] and value not in rules["choices"]:
        raise UnusableError(f"must be one of {listed(rules['choices'])}")
    if rules["check"]:
        rules["check"](value)
    return value


def listed(words: Any) -> str:
    """Words for a sentence, in their order in the alphabet."""
    return ", ".join(sorted(words))
