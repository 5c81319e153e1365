"""What an operator writes for a gateway, taken key by key; what is left over at the end is misspelt. Pure.

Everything here takes its key out of `left`, and raises SettingsError, which names the key, where the value is not
of the kind that is wanted.
"""

import ipaddress
from pathlib import Path
from typing import Final, TypeVar

from signalling.gateways.interface import SettingsError

Value = TypeVar("Value", str, int, bool)
_CODE_DIGITS: Final = 3


def take(left: dict[str, object], key: str, default: Value) -> Value:
    """A value of the default's kind."""
    value = left.pop(key, default)
    # Exactly that type: true is a number to Python, and is no port.
    if type(value) is not type(default):
        raise SettingsError(f"{key} must be of the kind of {default!r}")
    return value


def number(left: dict[str, object], key: str, default: int, most: int) -> int:
    """A number from 0 on."""
    value = take(left, key, default)
    if not 0 <= value <= most:
        raise SettingsError(f"{key} must be from 0 to {most}")
    return value


def address(left: dict[str, object], key: str, default: str) -> str:
    """A numeric address."""
    value = take(left, key, default)
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise SettingsError(f"{key} must be a numeric address") from None
    return value


def texts(left: dict[str, object], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """Texts, none of them empty."""
    value = left.pop(key, default)
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one for one in value):
        raise SettingsError(f"{key} must be a list of texts")
    return tuple(value)


def domains(left: dict[str, object], key: str) -> tuple[str, ...]:
    """Names of hosts, in small letters."""
    return tuple(one.lower() for one in texts(left, key, ()))


def path(left: dict[str, object], key: str) -> Path | None:
    """The name of a file, if one is given."""
    text = take(left, key, "")
    return Path(text) if text else None


def secret(left: dict[str, object], key: str) -> str:
    """What is in a file of its own, whose name is given; empty without."""
    name = path(left, key)
    if name is None:
        return ""
    try:
        text = name.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{key} cannot be read: {type(error).__name__}") from None
    if not text:
        raise SettingsError(f"{key} is empty")
    return text


def country_code(left: dict[str, object]) -> str:
    """What stands before numbers that are written without one; empty without."""
    code = take(left, "country_code", "")
    if code and not (code.isascii() and code.isdigit() and len(code) <= _CODE_DIGITS and code[0] != "0"):
        raise SettingsError("country_code must be digits alone, such as 47")
    return code


def nothing_left(left: dict[str, object]) -> None:
    """Complain of what nobody has taken."""
    if left:
        raise SettingsError(f"unknown keys: {', '.join(sorted(left))}")
