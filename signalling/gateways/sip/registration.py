"""Registration with a registrar or a trunk as its client (RFC 3261 section 10)."""

from dataclasses import dataclass, field
from typing import Final

from signalling.gateways.sip.core import Core, Sent
from signalling.gateways.sip.digest import Accounts
from signalling.gateways.sip.errors import SipError
from signalling.gateways.sip.events import Registered, RegistrationFailed, RegistrationId, Unregistered
from signalling.gateways.sip.flows import Flow
from signalling.gateways.sip.message import Request, Response
from signalling.gateways.sip.transactions import Incoming
from signalling.gateways.sip.values import CSeq, NameAddr, Uri

DEFAULT_SECONDS: Final = 3600
MIN_SECONDS: Final = 20.0
RETRY_BASE: Final = 30.0
RETRY_LIMIT: Final = 1800.0
"""How long at most between two tries with a registrar that does not work (RFC 5626 section 4.5)."""
BROKEN_SECONDS: Final = (0.5, 5.0)
_LIMIT_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Membership:
    """Where to register what: the registrar's URI, address of record, ways there, how many seconds, as whom."""

    registrar: Uri
    address: NameAddr
    flows: tuple[Flow, ...]
    seconds: int = DEFAULT_SECONDS
    accounts: Accounts = field(default_factory=dict)


class Registration:
    """One address of record kept at one registrar."""

    def __init__(self, number: int, core: Core, membership: Membership) -> None:
        self.id = number
        self._core = core
        self._membership = membership
        self._seconds = membership.seconds
        self._call_id = core.token()
        self._tag = core.token()
        self._number = core.rng.randrange(1, 2**16)
        self._failures = 0
        self._leaving = False
        self._busy = False
        self._flow: Flow | None = None

    @property
    def handle(self) -> RegistrationId:
        """What commands and events name it by."""
        return RegistrationId(self.id)

    def register(self, now: float) -> None:
        """Register, or register anew."""
        told = self._membership
        if self._busy:
            return
        self._busy = True
        request = Request(method="REGISTER", uri=told.registrar)
        request.headers.set("From", str(told.address.with_tag(self._tag)))
        request.headers.set("To", str(told.address))
        request.headers.set("Call-ID", self._call_id)
        request.headers.set("CSeq", str(CSeq(self._next(), "REGISTER")))
        request.headers.set("Max-Forwards", "70")
        request.headers.set("Contact", str(self._core.contact(told.flows[0])))
        request.headers.set("Expires", str(0 if self._leaving else self._seconds))
        sent = Sent(request, told.flows[0], self._hear, self._next, told.flows[1:], told.accounts)
        self._core.request(sent, now)

    def unregister(self, now: float) -> None:
        """Take it back; ends with `Unregistered`."""
        self._leaving = True
        self._core.wake(self, "register", None)
        self.register(now)

    def broken(self, flow: Flow, now: float) -> None:
        """The connection by which the registrar would reach us is gone: register anew, not all at one moment."""
        if flow == self._flow and not self._busy:
            self._flow = None
            self._core.wake(self, "register", now + self._core.rng.uniform(*BROKEN_SECONDS))

    def alarm(self, what: str, now: float) -> None:
        """Register anew."""
        del what
        self.register(now)

    def receive(self, incoming: Incoming, request: Request, now: float) -> None:
        """A registration has no dialogs."""
        del incoming, request, now
        raise SipError(481, "A registration takes no requests.")

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _hear(self, sent: Sent, response: Response, now: float) -> None:
        if not response.is_final:
            return
        self._busy = False
        if self._leaving:
            self._leave(sent, now)
        elif response.is_success:
            self._granted(response, sent.flow, now)
        elif response.status == 423 and self._longer(response):  # noqa: PLR2004
            self.register(now)
        else:
            self._failed(response, now)

    def _leave(self, sent: Sent, now: float) -> None:
        """Whatever the registrar says to going away; what was under way when we left comes first."""
        if sent.request.headers.get("Expires") != "0":
            self.register(now)
            return
        self._core.forget(self, ("register",))
        self._core.tell(Unregistered(self.handle))

    def _granted(self, response: Response, flow: Flow, now: float) -> None:
        """The registrar says for how long: beside our Contact, or in Expires for all of them (section 10.2.4)."""
        self._failures = 0
        self._flow = flow
        seconds = response.integer("Expires") or self._seconds
        mine = self._core.contact(flow).uri
        for contact in response.contacts:
            told = contact.params.get("expires") or ""
            if (contact.uri.user, contact.uri.host, contact.uri.port) == (mine.user, mine.host, mine.port):
                seconds = int(told) if told.isascii() and told.isdigit() and len(told) < 10 else seconds  # noqa: PLR2004
        # Before its time is up, and not all at one moment after a restart.
        after = max(seconds * self._core.rng.uniform(0.75, 0.9), MIN_SECONDS)
        self._core.wake(self, "register", now + after)
        self._core.tell(Registered(self.handle, seconds))

    def _longer(self, response: Response) -> bool:
        """Take the registrar's least interval, unless it is absurd or no longer than ours."""
        least = response.integer("Min-Expires") or 0
        if not self._seconds < least <= _LIMIT_SECONDS:
            return False
        self._seconds = least
        return True

    def _failed(self, response: Response, now: float) -> None:
        longest = min(RETRY_LIMIT, RETRY_BASE * 2 ** min(self._failures, 10))
        self._failures += 1
        after = max(
            longest * self._core.rng.uniform(0.5, 1.0), float(min(response.integer("Retry-After") or 0, 3600))
        )
        self._core.wake(self, "register", now + after)
        self._core.tell(RegistrationFailed(self.handle, response.status, after))
