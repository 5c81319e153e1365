"""The number plan: whom the operator lets be called, and by which way. Pure.

Nothing is called that no line of it allows. What a person writes is a SIP address, or a telephone number with or
without the country's code and with the usual signs between its digits.
"""

from dataclasses import dataclass, field

from signalling.gateways.interface import Line
from signalling.gateways.numbers import MAX_ADDRESS, international
from signalling.gateways.sip.digest import Account, Accounts
from signalling.gateways.sip.errors import MalformedError
from signalling.gateways.sip.values import NameAddr, Uri


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A way into the telephone network, or into others' rooms: its proxy, and what it may be used for."""

    name: str
    proxy: Uri
    domain: str
    """What stands after the @ of numbers that are called, and of ours."""
    prefixes: tuple[str, ...] = ()
    """With what numbers begin that may be called, `+` and country code included."""
    domains: tuple[str, ...] = ()
    """Of SIP addresses that are called by it."""
    number: str = field(default="", repr=False)
    """What those who are called see, as far as the trunk lets them."""
    account: Account | None = None
    realm: str = ""
    register: bool = False

    @property
    def accounts(self) -> Accounts:
        """Who we are to it."""
        return {} if self.account is None else {self.realm: self.account}

    @property
    def us(self) -> NameAddr:
        """Who calls, to the trunk."""
        user = self.number or (self.account.username if self.account is not None else None)
        return NameAddr(Uri("sip", self.domain, user=user))


@dataclass(frozen=True, slots=True)
class Route:
    """Whom to call, and by which trunk; without one, to whom the address leads."""

    uri: Uri
    line: Line
    trunk: Trunk | None = None


@dataclass(frozen=True, slots=True)
class NumberPlan:
    """Everything that may be called. `domains` are reached without a trunk."""

    domains: tuple[str, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    country_code: str = ""

    def __bool__(self) -> bool:
        """Whether anybody may be called."""
        return bool(self.domains) or any(trunk.prefixes or trunk.domains for trunk in self.trunks)

    def route(self, address: str) -> Route | None:
        """The way to whom a person means; None where there is none, or it is not allowed."""
        text = address.strip()
        if len(text) > MAX_ADDRESS:
            return None
        scheme, colon, rest = text.partition(":")
        if colon and scheme.lower() == "tel":
            return self._number(rest)
        return self._address(text) if "@" in text else self._number(text)

    def _address(self, text: str) -> Route | None:
        try:
            uri = Uri.parse(text if text.lower().startswith(("sip:", "sips:")) else f"sip:{text}")
        except MalformedError:
            return None
        # A person gives an address. How to get there, and what else to ask of whom, is not theirs to say.
        if not uri.user or uri.scheme not in ("sip", "sips") or uri != uri.bare():
            return None
        host = uri.host.lower()
        if host in self.domains:
            return Route(uri, Line.SIP)
        trunk = next((trunk for trunk in self.trunks if host in trunk.domains), None)
        return None if trunk is None else Route(uri, Line.SIP, trunk)

    def _number(self, text: str) -> Route | None:
        number = international(text, self.country_code)
        if number is None:
            return None
        fitting = [
            (len(prefix), trunk) for trunk in self.trunks for prefix in trunk.prefixes if number.startswith(prefix)
        ]
        if not fitting:
            return None
        _, trunk = max(fitting, key=lambda one: one[0])
        uri = Uri("sip", trunk.domain, user=number, params={"user": "phone"})
        return Route(uri, Line.TELEPHONE, trunk)
