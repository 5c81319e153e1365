"""What the parts of a registration share: who the gatekeeper is, what was asked of it, and what is to be done."""

import random
from collections import Counter
from collections.abc import Callable

from signalling.gateways.h323.ras.events import Action, Datagram, Event, Place
from signalling.gateways.h323.ras.messages import Body
from signalling.gateways.h323.ras.requests import Requests
from signalling.gateways.h323.ras.settings import Membership
from signalling.gateways.h323.ras.tokens import Tokens
from signalling.gateways.h323.wire.asn1 import Kind, encode


class Station:
    """One endpoint of a gatekeeper's."""

    def __init__(self, membership: Membership, rng: random.Random, wall: Callable[[], float]) -> None:
        self.membership = membership
        self.rng = rng
        self.counts: Counter[str] = Counter()
        self.gatekeeper = membership.gatekeeper
        """Where it takes RAS."""
        self.identifier = ""
        """The gatekeeper's, if it has one."""
        self.known_as = ""
        """By what it knows us; empty while it does not."""
        self.requests = Requests(membership.timers, rng.randrange(1, 2**16), self.say)
        self._tokens = Tokens(membership.password, rng, wall) if membership.password else None
        self._actions: list[Action] = []

    def collect(self) -> list[Action]:
        """What is to be done since this was last asked."""
        actions, self._actions = self._actions, []
        return actions

    def tell(self, event: Event) -> None:
        """Let the owner know."""
        self._actions.append(event)

    def say(self, name: str, body: Body, place: Place) -> None:
        """Send a message, signed where there is a password and somebody to sign to. Raises MalformedError."""
        self.send(self.written(name, body), place)

    def written(self, name: str, body: Body) -> bytes:
        """A message's bytes. A GatekeeperRequest goes to whom we do not know yet, and is not signed."""
        if self._tokens is None or name == "gatekeeperRequest":
            return encode(Kind.RAS, (name, body))
        return self._tokens.sign(name, body, self.known_as or self.membership.name, self.identifier)

    def send(self, data: bytes, place: Place) -> None:
        """Send bytes."""
        self._actions.append(Datagram(data, place))

    def proven(self, data: bytes, body: Body) -> bool:
        """Whether a message is from who has the password, if there is one."""
        # A RegistrationConfirm may be for whom it makes us.
        names = (self.membership.name, self.known_as, str(body.get("endpointIdentifier", "")))
        return self._tokens is None or self._tokens.proven(data, body, names)

    def forget(self) -> None:
        """Be nobody's endpoint."""
        self.known_as = ""
