"""BFCP of one call over UDP: what descriptions settle, from whom messages are taken, and the floor. Pure."""

from collections.abc import Sequence
from typing import Final

from signalling.gateways.bfcp import sdp
from signalling.gateways.bfcp.floor import FloorServer, Settings, Told
from signalling.gateways.interface import Floor

Address = tuple[str, int]
USER: Final = 1
RATE: Final = 10.0
BURST: Final = 40.0
"""Messages that are looked at, a second and at once."""


class Association:
    """One call's. `seen_at` is the address from which its signalling comes.

    Messages are taken from the address that the peer has described. A peer that describes another one than it is
    seen at is behind a translator: whoever there knows the number of the conference first is the peer.
    """

    def __init__(self, own: sdp.OwnLine, seen_at: str) -> None:
        self.own = own
        self.remote: Address | None = None
        self._seen_at = seen_at
        self._learns = False
        self._line: sdp.PeerLine | None = None
        self._server = self._new_server()
        self._bucket: tuple[float, float] | None = None

    def _new_server(self) -> FloorServer:
        return FloorServer(Settings(self.own.conference, self.own.user, sdp.FLOOR))

    @property
    def wants_floor(self) -> bool:
        """Whether the peer has the floor or waits for it."""
        return self._server.wants_floor

    # Descriptions.

    def answer(self, theirs: str, ours: str) -> str:
        """Our answer with BFCP in it, where the peer offers that and there is content."""
        line = sdp.find(theirs) if sdp.shows(ours) is not None else None
        self._settle(line)
        return ours if line is None else sdp.put(ours, line.number, self.own)

    def offer(self, ours: str) -> str:
        """An offer of ours, with BFCP if there is content."""
        return sdp.add(ours, self.own)

    def answered(self, theirs: str) -> None:
        """Take the answer to an offer of ours."""
        self._settle(sdp.find(theirs))

    def _settle(self, line: sdp.PeerLine | None) -> None:
        if line == self._line:
            return
        if line is None:
            self._server = self._new_server()
        self._line = line
        self._learns = line is not None and line.host != self._seen_at
        self.remote = None if line is None or self._learns else (line.host, line.port)

    # Messages.

    @property
    def malformed(self) -> int:
        """Messages of the peer that were none."""
        return self._server.malformed

    def accepts(self, source: Address, now: float) -> bool:
        """Whether a message from there is to be looked at now."""
        if self._learns and source[0] == self._seen_at:
            self.remote, self._learns = source, False
        if self._line is None or source != self.remote:
            return False
        left, since = self._bucket or (BURST, now)
        left = min(BURST, left + (now - since) * RATE)
        self._bucket = (max(left - 1.0, 0.0), now)
        return left >= 1.0

    def receive(self, data: bytes, now: float) -> Sequence[Told]:
        """Take a message that was accepted."""
        return self._server.receive(data, now)

    def take_outbox(self) -> list[bytes]:
        """What is to be sent to the peer."""
        sent, self._server.outbox = self._server.outbox, []
        return sent

    def next_timeout(self) -> float | None:
        """When `timeout` has something to do."""
        return self._server.next_timeout()

    def timeout(self, now: float) -> Sequence[Told]:
        """Send again what was not acknowledged."""
        return self._server.timeout(now)

    # What the room says.

    def tell(self, floor: Floor, now: float) -> None:
        """Decide on a request that waits, take back what was granted, tell of others."""
        if floor is Floor.YOURS:
            self._server.held_by_others(now, held=False)
            self._server.decide(now, granted=True)
            return
        self._server.decide(now, granted=False)
        self._server.take_back(now)
        self._server.held_by_others(now, held=floor is Floor.TAKEN)
