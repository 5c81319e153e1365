"""A call that comes in: Setup, what we say while its owner thinks, Connect (H.323 8.1)."""

from typing import Final

from signalling.gateways.h323 import events as e
from signalling.gateways.h323.call import Call
from signalling.gateways.h323.control import events as c
from signalling.gateways.h323.errors import MalformedError
from signalling.gateways.h323.messages import Signal, place, terminal
from signalling.gateways.h323.parties import called, caller
from signalling.gateways.h323.wire import asn1, q931
from signalling.gateways.h323.wire.q931 import Element, Kind

_PROCEEDING: Final = 9
_RINGING: Final = 7


class Incoming:
    """Until it is up."""

    def __init__(self, call: Call, setup: Signal) -> None:
        self.state = _PROCEEDING
        self._call = call
        self._identity = setup.identity
        self._fast = setup.fast
        self._their_place = setup.control_place
        self._numbers, self._caller = called(setup), caller(setup)
        self._tokens = setup.tokens
        self._agreed = False
        self._answers_fast: c.FastStart | None = None
        call.beginning = self
        call.path.tunnels = call.core.settings.tunnels and bool(setup.tunnels)
        call.path.keep(setup.control)

    def begin(self) -> None:
        """Say that we have it, and ask the owner."""
        call = self._call
        self._say(Kind.CALL_PROCEEDING, "callProceeding")
        call.core.tell(e.IncomingCall(call.id, self._numbers, self._caller, call.line.host, self._identity))

    def ring(self) -> None:
        """Let it ring."""
        if not self._call.up:
            self.state = _RINGING
            self._say(Kind.ALERTING, "alerting")

    def accept(self, now: float) -> None:
        """Take it: at once, or when the channels are answered that it offers in its Setup."""
        call = self._call
        # Not before: it takes longer than all else, and whoever calls may be turned away.
        self._agreed = call.secret is not None and call.secret.take(self._tokens)
        if self._agreed:
            call.control.secret = call.secret
        channels = self._offered()
        if channels:
            call.control.fast_start(channels, now)
            call.settle(now)
        else:
            self._connect(now)

    def _offered(self) -> list[asn1.Value]:
        """The channels of a fast start; none where media get keys, which come with channels (H.235.6)."""
        try:
            return [asn1.decode(asn1.Kind.CHANNEL, one) for one in self._fast] if not self._agreed else []
        except MalformedError:
            self._call.core.counts["malformed"] += 1
            return []

    def fast_started(self, channels: c.FastStart, now: float) -> None:
        """Answer them, in Connect."""
        if not self._call.up:
            self._answers_fast = channels
            self._connect(now)

    def _connect(self, now: float) -> None:
        """Say that it is taken, with what of H.245 can be said, or where."""
        call = self._call
        if call.path.tunnels or self._their_place is not None or not call.path.listen(now):
            self._say_connect(now, None)

    def ready_to_listen(self, port: int, now: float) -> None:
        """Say that it is taken, and where H.245 is; or where it is after all."""
        if self._call.up:
            self._call.ask_for_connection(port)
        else:
            self._say_connect(now, port)

    def _say_connect(self, now: float, port: int | None) -> None:
        call, fast = self._call, self._answers_fast
        body = {"destinationInfo": terminal(), "conferenceID": self._identity.conference}
        if port is not None:
            body["h245Address"] = place(call.core.settings.host, port)
        if self._agreed and call.secret is not None:
            body["tokens"] = call.secret.tokens()
        if fast is not None and fast.channels:
            body["fastStart"] = [asn1.encode(asn1.Kind.CHANNEL, dict(one)) for one in fast.channels]
        elif self._fast:
            body["fastConnectRefused"] = 0
        if call.path.tunnels and not (fast is not None and fast.channels):
            call.start(now)
        riders = call.gather(now)
        if call.over:
            return
        call.up = True
        call.core.wake("stage", call.id, now + call.core.settings.timers.control)
        self._say(Kind.CONNECT, "connect", body, riders)
        if call.path.tunnels:
            call.start(now)
        elif self._their_place is not None and not call.path.connect(self._their_place):
            call.path.listen(now)
        call.settle(now)

    def receive(self, signal: Signal, now: float) -> None:
        """Nothing is said in the beginning of such a call but what is said in every one."""

    def _say(
        self,
        kind: Kind,
        name: str,
        body: dict[str, asn1.Value] | None = None,
        control: list[bytes] | None = None,
    ) -> None:
        whole = {"destinationInfo": terminal(), **self._call.writer.during(), **(body or {})}
        elements: dict[int, bytes] = {Element.DISPLAY: q931.text(self._call.core.settings.name)}
        self._call.say(kind, name, whole, control, elements)
