"""Logins as signalling offers them to browsers, which keep what comes of them, sealed."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

import msgspec
import structlog

from bridge.app.allowance import Allowance
from bridge.auth.links import LinkKey
from bridge.auth.oidc.attempts import LASTS, Attempt, begin
from bridge.auth.oidc.client import Client
from bridge.auth.oidc.errors import LoginAsks, LoginError, LoginStale, TokenRejected
from bridge.auth.oidc.launches import Launches
from bridge.auth.oidc.levels import identify
from bridge.auth.oidc.once import Once
from bridge.auth.oidc.provider import Provider
from bridge.auth.oidc.seals import Seal, subject_digest
from bridge.rooms.model import Identity
from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.ports import Kept, LoginAsksFirst

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")
LOG: Final = structlog.get_logger("bridge.logins")
MOST_AT_ONCE: Final = 64
"""Logins about which one provider is being asked at one moment: one that hangs keeps nobody from another."""
ASKED: Final = (200, 0.05)
"""How often providers are asked: 200 times at once, then twenty times a second. Anybody can have it done, and each
time takes signatures here and work there: a flood is not passed on."""


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Now, aware."""


class Counters(Protocol):
    """Where logins are counted."""

    def inc(self, name: str, code: str) -> None:
        """Count one."""


class Logins:
    """All providers of a bridge. `lasts` is how long a login counts in the browser in which it was made."""

    def __init__(
        self,
        clients: Sequence[tuple[Client, str]],
        keys: Sequence[LinkKey],
        clock: Clock,
        counters: Counters,
        lasts: timedelta,
        *,
        launches: Launches | None = None,
    ) -> None:
        """Take each provider's client with its title, as people know it."""
        self._clients = {client.provider.name: client for client, _ in clients}
        self._titles = {client.provider.name: title for client, title in clients}
        self._keys = keys
        self._attempts = Seal(keys, "attempt", Attempt)
        self._identities = Seal(keys, "identity", Identity)
        self._clock = clock
        self._counters = counters
        self._lasts = lasts
        self._asking: Counter[str] = Counter()
        self._asked = Allowance(*ASKED)
        self._answered = Once()
        self._launches = launches

    def offered(self, identity: str | None) -> m.Logins:
        """Say which there are, and what is proven in this browser already."""
        known = self.identity(identity)
        return m.Logins(
            providers=[m.LoginProvider(name=name, title=title) for name, title in self._titles.items()],
            assurance=m.Assurance.NONE if known is None else m.Assurance(known.assurance.value),
        )

    def identity(self, sealed: str | None) -> Identity | None:
        """Read what a browser keeps of its login; None for nothing, or nothing that still counts."""
        return None if sealed is None else self._identities.open(sealed, self._clock.now())

    async def begin(self, provider: str, *, quiet: bool = False) -> tuple[str, Kept]:
        """Begin a login: where the browser goes, and what it keeps meanwhile. Raises Rejected.

        A `quiet` one asks nobody: it succeeds where the provider knows already who is at this browser.
        """
        client = self._clients.get(provider)
        if client is None:
            raise Rejected(Code.NOT_FOUND)
        attempt = begin(provider, self._clock.now(), quiet=quiet)
        with self._guarded(provider):
            self._ration(provider)
            address = await client.begin(attempt)
        return address, self._kept(self._attempts, attempt, LASTS)

    async def finish(self, attempt: str | None, answer: Mapping[str, str]) -> Kept:
        """Finish a login by the answer with which the browser came back. Raises Rejected."""
        identity = await self.proven(attempt, answer, self._identify)
        return self._kept(self._identities, identity, self._lasts)

    def keep(self, identity: Identity) -> Kept:
        """What a browser keeps of who is at it."""
        return self._kept(self._identities, identity, self._lasts)

    def digest(self, of_whom: str) -> str:
        """A name under which somebody can be known again, and by which nobody without the key learns who it is."""
        return subject_digest(self._keys, of_whom)

    def _identify(self, provider: Provider, claims: Mapping[str, Any]) -> Identity:
        return identify(provider, claims, self.digest)

    async def proven(
        self, attempt: str | None, answer: Mapping[str, str], read: Callable[[Provider, Mapping[str, Any]], T]
    ) -> T:
        """What `read` makes of the claims of whoever has come back; it may raise LoginError. Raises Rejected."""
        now = self._clock.now()
        begun = None if attempt is None else self._attempts.open(attempt, now)
        client = None if begun is None else self._clients.get(begun.provider)
        with self._guarded("" if begun is None else begun.provider):
            if begun is None or client is None:
                raise LoginStale("no login of this browser is under way")
            begun.check(answer.get("state", ""), now)
            # The browser may keep it for as long as it likes, and whoever has it may bring it again.
            if not self._answered.take(begun.state, begun.begun_at + LASTS, now):
                raise LoginStale("the answer has been used")
            self._ration(begun.provider)
            claims = await client.finish(begun, answer)
            found = read(client.provider, claims)
        self._counters.inc("logins", "ok")
        return found

    def launch(self, token: str) -> Kept:
        """Take over from a portal who somebody is: what their browser keeps from then on. Raises Rejected."""
        try:
            if self._launches is None:
                raise TokenRejected("no portal is known here")
            portal, claims = self._launches.read(token, self._clock.now())
            identity = identify(portal, claims, self.digest)
        except LoginError as error:
            # Anybody can come with any; what they say is counted alone.
            self._counters.inc("logins", error.code)
            raise Rejected(Code(error.code)) from error
        self._counters.inc("logins", "ok")
        return self._kept(self._identities, identity, self._lasts)

    def _kept(self, seal: Seal[S], value: S, lasts: timedelta) -> Kept:
        return Kept(seal.close(value, self._clock.now() + lasts), int(lasts.total_seconds()))

    def _ration(self, provider: str) -> None:
        """Raise Rejected where a provider has been asked often enough."""
        if not self._asked.take(provider, self._clock.now().timestamp()):
            self._counters.inc("logins", Code.TOO_MANY.value)
            raise Rejected(Code.TOO_MANY)

    @contextmanager
    def _guarded(self, provider: str) -> Iterator[None]:
        """Bound how many there are at once, and say what went wrong as the wire has it."""
        if self._asking[provider] >= MOST_AT_ONCE:
            self._counters.inc("logins", Code.TOO_MANY.value)
            raise Rejected(Code.TOO_MANY)
        self._asking[provider] += 1
        try:
            yield
        except LoginAsks as error:
            raise LoginAsksFirst(provider) from error
        except LoginError as error:
            self._counters.inc("logins", error.code)
            # Anybody can come with an answer to no login; what those say is counted alone.
            if not isinstance(error, LoginStale):
                LOG.warning("login_failed", provider=provider, code=error.code, why=str(error))
            raise Rejected(Code(error.code)) from error
        finally:
            self._asking[provider] -= 1
