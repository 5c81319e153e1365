"""What an operator writes for the H.323 gateway, checked: `[gateways.h323]` of the bridge's configuration."""

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final

from signalling.gateways import reading
from signalling.gateways.h323.plan import NumberPlan
from signalling.gateways.h323.timers import Timers
from signalling.gateways.interface import Settings, SettingsError

GATEKEEPER_PORT: Final = 1719
_PREFIX: Final = re.compile(r"\+?[0-9]{1,15}")
_DIGITS: Final = re.compile(r"[0-9]{1,15}")
_LARGEST_PORT: Final = 65_535
_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Addresses are numeric."""

    bind: str = "127.0.0.1"
    host: str = "127.0.0.1"
    """The address by which peers reach `bind`."""
    port: int = 1720
    control_ports: tuple[int, int] = (0, 0)
    """Where peers connect that have H.245 apart, first and last; 0 is any free port."""
    name: str = "brotjeneste"
    """What peers display, and our name to a gatekeeper."""
    prefix: str = ""
    """Digits that may stand before a room's number; a gatekeeper is told to send us all numbers that begin so."""
    gatekeeper: tuple[str, int] | None = None
    gatekeeper_here: int = 1719
    """The port on which we talk to it; 0 is any free one."""
    gatekeeper_password: str = field(default="", repr=False)
    """For H.235.1; without one it believes whoever has our address."""
    numbers: tuple[str, ...] = ()
    """What the gatekeeper is to send us beside our name."""
    plan: NumberPlan = field(default_factory=NumberPlan)
    """Whom we call; nobody without."""
    tunnels: bool = True
    fast: bool = False
    max_calls: int = 200
    timers: Timers = field(default_factory=Timers)
    """Not the operator's."""


def read(settings: Settings) -> Options:
    """Check what was written. Raises SettingsError."""
    left = dict(settings)
    host = reading.address(left, "host", "127.0.0.1")
    options = Options(
        bind=reading.address(left, "bind", host),
        host=host,
        port=reading.number(left, "port", 1720, _LARGEST_PORT),
        control_ports=_control_ports(left),
        name=_name(left),
        prefix=_digits(left, "prefix"),
        gatekeeper=_gatekeeper(left),
        gatekeeper_here=reading.number(left, "gatekeeper_local_port", GATEKEEPER_PORT, _LARGEST_PORT),
        gatekeeper_password=reading.secret(left, "gatekeeper_password_file"),
        numbers=reading.texts(left, "numbers", ()),
        plan=_plan(left),
        tunnels=reading.take(left, "tunnelling", default=True),
        fast=reading.take(left, "fast_start", default=False),
        max_calls=reading.number(left, "max_calls", 200, 10_000),
    )
    reading.nothing_left(left)
    if not all(_DIGITS.fullmatch(number) for number in options.numbers):
        raise SettingsError("numbers must be digits")
    if options.plan.needs_gatekeeper and options.gatekeeper is None:
        raise SettingsError("dial_prefixes and dial_names need a gatekeeper")
    return options


def _control_ports(left: dict[str, object]) -> tuple[int, int]:
    first = reading.number(left, "first_control_port", 0, _LARGEST_PORT)
    last = reading.number(left, "last_control_port", first, _LARGEST_PORT)
    if last < first or (last and not first):
        raise SettingsError("last_control_port must not be before first_control_port")
    return first, last


def _name(left: dict[str, object]) -> str:
    name = reading.take(left, "name", "brotjeneste")
    if not name or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise SettingsError(f"name must be of 1 to {_LONGEST_NAME} signs")
    return name


def _digits(left: dict[str, object], key: str) -> str:
    value = reading.take(left, key, "")
    if value and not _DIGITS.fullmatch(value):
        raise SettingsError(f"{key} must be digits")
    return value


def _gatekeeper(left: dict[str, object]) -> tuple[str, int] | None:
    text = reading.take(left, "gatekeeper", "")
    port = reading.number(left, "gatekeeper_port", GATEKEEPER_PORT, _LARGEST_PORT)
    if not text:
        return None
    try:
        return str(ipaddress.ip_address(text)), port
    except ValueError:
        raise SettingsError("gatekeeper must be a numeric address") from None


def _plan(left: dict[str, object]) -> NumberPlan:
    prefixes = reading.texts(left, "dial_prefixes", ())
    if not all(_PREFIX.fullmatch(prefix) for prefix in prefixes):
        raise SettingsError("dial_prefixes must be digits, with a + before those with a country code")
    return NumberPlan(
        hosts=tuple(host.strip("[]") for host in reading.domains(left, "dial_hosts")),
        prefixes=prefixes,
        names=reading.texts(left, "dial_names", ()),
        country_code=reading.country_code(left),
    )
