"""The number plan: whom the operator lets be called, directly or by the gatekeeper. Pure.

Nothing is called that no line of it allows. What a person writes is an address, as `ward7@192.0.2.5` or
`192.0.2.5:1720`, with or without `h323:` before it, or the number or name of somebody whom the gatekeeper knows.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from signalling.gateways.numbers import MAX_ADDRESS, international

PORT: Final = 1720
_PLACE: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:(?P<port>[0-9]{1,5}))?")
_NAME: Final = re.compile(r"[^\s@:;,<>\"]{1,64}")
_BETWEEN: Final = re.compile(r"[\s().\-]")
_INTERNAL: Final = re.compile(r"[0-9]{4,15}")
"""Four digits at least, so that no number of an emergency service is among them."""
_NUMERIC: Final = re.compile(r"[0-9]+(\.[0-9]+){3}")
"""An address, and no number with points between its digits."""
_LARGEST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Route:
    """Whom to call, by which name or number, and where; without a host, where the gatekeeper says."""

    name: str = field(repr=False)
    host: str = field(default="", repr=False)
    port: int = PORT

    @property
    def shown(self) -> str:
        """As a person knows it."""
        if not self.host:
            return self.name
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.name}@{host}" if self.name else host


@dataclass(frozen=True, slots=True)
class NumberPlan:
    """Everything that may be called. The last two are the gatekeeper's."""

    hosts: tuple[str, ...] = ()
    """Names or numeric addresses, in small letters and without brackets."""
    prefixes: tuple[str, ...] = ()
    """With what numbers begin: those with a + are looked at with their country's code, others as they are."""
    names: tuple[str, ...] = ()
    country_code: str = ""

    def __bool__(self) -> bool:
        """Whether anybody may be called."""
        return bool(self.hosts or self.prefixes or self.names)

    @property
    def needs_gatekeeper(self) -> bool:
        """Whether it allows what leads nowhere without one."""
        return bool(self.prefixes or self.names)

    def route(self, address: str) -> Route | None:
        """The way to whom a person means; None where there is none, or it is not allowed."""
        text = address.strip()
        if len(text) > MAX_ADDRESS:
            return None
        text = text[5:] if text[:5].lower() == "h323:" else text
        return self._known(text) or self._direct(text)

    def _direct(self, text: str) -> Route | None:
        name, at, where = text.rpartition("@")
        found = _PLACE.fullmatch(where)
        if found is None or (at and _NAME.fullmatch(name) is None):
            return None
        host, port = found["host"].strip("[]").lower(), int(found["port"] or PORT)
        return Route(name, host, port) if host in self.hosts and 0 < port <= _LARGEST_PORT else None

    def _known(self, text: str) -> Route | None:
        if text in self.names:
            return Route(text)
        if _NUMERIC.fullmatch(text):
            return None
        digits = _BETWEEN.sub("", text)
        for number in (international(text, self.country_code), digits if _INTERNAL.fullmatch(digits) else None):
            if number is not None and number.startswith(self.prefixes):
                return Route(number)
        return None
