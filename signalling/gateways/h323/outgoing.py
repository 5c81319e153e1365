"""A call of ours: a connection, Setup, what is said until it is taken (H.323 8.1)."""

from dataclasses import dataclass, field
from typing import Final

from signalling.gateways.h323 import events as e
from signalling.gateways.h323.call import INITIATED, Call
from signalling.gateways.h323.control import events as c
from signalling.gateways.h323.errors import MalformedError
from signalling.gateways.h323.messages import Signal, place, terminal
from signalling.gateways.h323.parties import alias
from signalling.gateways.h323.wire import asn1, q931
from signalling.gateways.h323.wire.q931 import Element, Kind

_PROCEEDING: Final = 3
_DELIVERED: Final = 4


@dataclass(frozen=True, slots=True)
class Invitation:
    """Whom to call: at which numeric address, under which name or number there, and with what media of ours."""

    host: str = field(repr=False)
    port: int
    name: str = field(repr=False)
    sdp: str = field(repr=False)
    identity: e.Identity = field(repr=False)
    endpoint: str = ""
    """By what the gatekeeper knows us that lets us call."""
    tokens: tuple[asn1.Value, ...] = field(default=(), repr=False)
    """What the gatekeeper gave us to show."""


class Outgoing:
    """Until it is up."""

    def __init__(self, call: Call, invitation: Invitation) -> None:
        self.state = INITIATED
        self._call = call
        self._invitation = invitation
        self._offers_fast = False
        self._proceeds = False
        self._fast: list[bytes] = []
        call.offer = invitation.sdp
        call.beginning = self
        call.path.tunnels = call.core.settings.tunnels

    def opened(self, now: float) -> None:
        """Say Setup."""
        call, invitation = self._call, self._invitation
        body: dict[str, asn1.Value] = {
            **call.writer.during(),
            "sourceInfo": terminal(),
            "sourceAddress": [alias(call.core.settings.name)],
            "destCallSignalAddress": place(invitation.host, invitation.port),
            "activeMC": False,
            "conferenceID": invitation.identity.conference,
            "conferenceGoal": ("create", 0),
            "callType": ("pointToPoint", 0),
            "mediaWaitForConnect": False,
            "canOverlapSend": False,
        }
        elements: dict[int, bytes] = {
            Element.BEARER_CAPABILITY: q931.video_bearer(),
            Element.DISPLAY: q931.text(call.core.settings.name),
        }
        if invitation.name:
            body["destinationAddress"] = [alias(invitation.name)]
            digits = invitation.name.removeprefix("+")
            if digits.isascii() and digits.isdigit():
                elements[Element.CALLED_NUMBER] = q931.number(invitation.name)
        if invitation.endpoint:
            body["endpointIdentifier"] = invitation.endpoint
        tokens = [*invitation.tokens, *(call.secret.tokens() if call.secret is not None else ())]
        if tokens:
            body["tokens"] = tokens
        self._offer_fast(body)
        call.say(Kind.SETUP, "setup", body, elements=elements)
        call.core.wake("stage", call.id, now + call.core.settings.timers.t303)

    def _offer_fast(self, body: dict[str, asn1.Value]) -> None:
        call = self._call
        if not call.core.settings.fast:
            return
        channels = call.control.fast_proposal(self._invitation.sdp)
        if channels:
            # What is offered is known from it.
            self._offers_fast, call.offer = True, None
            body["fastStart"] = [asn1.encode(asn1.Kind.CHANNEL, dict(one)) for one in channels]

    def receive(self, signal: Signal, now: float) -> None:
        """Take what is said until it is taken."""
        call, timers = self._call, self._call.core.settings.timers
        if call.up:
            return
        self._fast = self._fast or signal.fast
        tunnels = signal.tunnels
        if tunnels is not None:
            call.path.tunnels = call.path.tunnels and tunnels
        if signal.kind in (Kind.CALL_PROCEEDING, Kind.PROGRESS, Kind.SETUP_ACKNOWLEDGE) and not self._proceeds:
            self._proceeds, self.state = True, _PROCEEDING
            call.core.wake("stage", call.id, now + timers.t310)
        elif signal.kind == Kind.ALERTING and self.state != _DELIVERED:
            self._proceeds, self.state = True, _DELIVERED
            call.core.wake("stage", call.id, now + timers.t301)
            call.core.tell(e.Ringing(call.id))
        elif signal.kind == Kind.CONNECT:
            self._taken(signal, now)

    def _taken(self, signal: Signal, now: float) -> None:
        call = self._call
        call.up = True
        call.core.wake("stage", call.id, now + call.core.settings.timers.control)
        call.core.tell(e.Accepted(call.id, call.line.host))
        if call.secret is not None and call.secret.take(signal.tokens):
            call.control.secret = call.secret
        channels = self._accepted()
        if channels and not call.control.fast_started(channels, now):
            call.core.counts["fast_start_refused"] += 1
        where = signal.control_place
        if call.path.tunnels:
            call.start(now)
        elif where is None or not call.path.connect(where):
            call.path.listen(now)

    def _accepted(self) -> list[asn1.Value]:
        """The channels of our fast start that are accepted."""
        if not self._offers_fast:
            return []
        try:
            return [asn1.decode(asn1.Kind.CHANNEL, one) for one in self._fast]
        except MalformedError:
            self._call.core.counts["malformed"] += 1
            return []

    def ready_to_listen(self, port: int, now: float) -> None:
        """Say where H.245 is."""
        del now
        self._call.ask_for_connection(port)

    def fast_started(self, channels: c.FastStart, now: float) -> None:
        """Nothing: it is the peer that answers."""
