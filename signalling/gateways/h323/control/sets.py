"""The exchange of capability sets, each way on its own (H.245 annex C.3)."""

from collections.abc import Callable
from typing import Final

from signalling.gateways.h323.control import capabilities, codecs
from signalling.gateways.h323.control.capabilities import PeerSet
from signalling.gateways.h323.control.rations import Ration
from signalling.gateways.h323.control.settings import Settings
from signalling.gateways.h323.control.values import NULL, Choice, Fields, number
from signalling.gateways.h323.secret import Secret

T101_S: Final = 15.0
_SPACE: Final = 256
_MOST_SENT: Final = 3


class Sets:
    """Ours and theirs. `acknowledged` is whether the peer knows ours, `failed` whether it will not."""

    def __init__(self, settings: Settings, send: Callable[[Choice], None]) -> None:
        self.peer = PeerSet()
        self.acknowledged = False
        self.failed = False
        self.due: float | None = None
        self._settings = settings
        self._send = send
        self._sequence = 0
        self._sent = 0
        self._plainest = False
        self._theirs = Ration(10, 2.0)
        self._again = Ration(4, 4.0)

    def tell(self, secret: Secret | None, now: float) -> None:
        """Send our set; a peer that turned one down gets only what every terminal has."""
        settings = self._settings
        self._sequence = self._sequence % (_SPACE - 1) + 1
        self._sent += 1
        sound = codecs.ours(settings.sound, 0)
        pictures = codecs.ours(settings.pictures, settings.bit_rate)
        shown = codecs.ours(settings.pictures[:1] if settings.content else (), settings.bit_rate, content=True)
        security = secret.protection() if secret is not None and secret.agreed else None
        media = (sound, pictures[:1]) if self._plainest else (sound, pictures, shown)
        content = settings.content and not self._plainest
        self._send(capabilities.message(self._sequence, media, security, content=content))
        self.acknowledged, self.due = False, now + T101_S

    def told(self, fields: Fields, now: float) -> bool:
        """Take the peer's set and answer; whether it was taken."""
        sequence = fields["sequenceNumber"]
        cause = self.peer.take(fields) if self._theirs.take(now) else ("unspecified", NULL)
        if cause is not None:
            said = {"sequenceNumber": sequence, "cause": cause}
            self._send(("response", ("terminalCapabilitySetReject", said)))
            return False
        self._send(("response", ("terminalCapabilitySetAck", {"sequenceNumber": sequence})))
        return True

    def asked(self, secret: Secret | None, now: float) -> None:
        """Send our set again to a peer that asks for it, as often as is sensible."""
        if self._again.take(now):
            self.tell(secret, now)

    def taken(self, fields: Fields) -> None:
        """The peer knows our set."""
        if number(fields.get("sequenceNumber")) == self._sequence:
            self.acknowledged, self.due = True, None

    def refused(self, fields: Fields, secret: Secret | None, now: float) -> None:
        """The peer has turned our set down: send a smaller one, once."""
        if number(fields.get("sequenceNumber")) != self._sequence or self.acknowledged:
            return
        if self._plainest or self._sent >= _MOST_SENT:
            self.failed, self.due = True, None
            return
        self._plainest = True
        self.tell(secret, now)

    def timeout(self, now: float) -> None:
        """Give up on a peer that does not answer."""
        if self.due is not None and self.due <= now:
            self.failed, self.due = True, None
            self._send(("indication", ("terminalCapabilitySetRelease", {})))
