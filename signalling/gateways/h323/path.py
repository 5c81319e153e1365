"""How one call's messages of H.245 travel: in call signalling, or on a connection of their own (H.323 8.2)."""

from typing import TYPE_CHECKING, Final

from signalling.gateways.h323.core import Line
from signalling.gateways.h323.wire import asn1
from signalling.gateways.h323.wire.asn1 import Value

if TYPE_CHECKING:
    from signalling.gateways.h323.call import Call

MOST_WAITING: Final = 64
"""Messages of a peer's that come before their time."""


class Path:
    """The way, once there is one. What is sent before that waits."""

    def __init__(self, call: "Call") -> None:
        self.tunnels = False
        self.line: Line | None = None
        self.early: list[bytes] = []
        """The peer's, from before we have begun."""
        self._call = call
        self._out: list[bytes] = []
        self._has_listened = False

    @property
    def exists(self) -> bool:
        """Whether anything can be sent."""
        return self.tunnels or (self.line is not None and self.line.open)

    def send(self, message: Value) -> None:
        """Send with what else goes next."""
        self._out.append(asn1.encode(asn1.Kind.H245, message))

    def riders(self) -> list[bytes]:
        """What goes along in the next message of call signalling."""
        if not self.tunnels:
            return []
        out, self._out = self._out, []
        return out

    def flush(self) -> None:
        """Send what waits, on the connection if that is the way."""
        if not self.tunnels and self.line is not None and self.line.open:
            out, self._out = self._out, []
            for message in out:
                self._call.core.send(self.line, message)

    def keep(self, messages: list[bytes]) -> None:
        """Keep what comes too early, within measure."""
        self.early += messages[: MOST_WAITING - len(self.early)]

    # A connection of its own.

    def connect(self, place: tuple[str, int]) -> bool:
        """Open one to where the peer says; whether that is done. Nobody has us connect to somebody else."""
        core, (host, port) = self._call.core, place
        if self.tunnels or (self.line is not None and (self.line.open or not self.line.listens)):
            return False
        if host != self._call.line.host and self._call.line.host not in core.trusted:
            core.counts["control_elsewhere"] += 1
            return False
        # Both would wait for the other.
        self.close()
        self.line = core.connect(host, port, self._call, carries_control=True)
        return True

    def listen(self, now: float) -> bool:
        """Have the peer open one; whether that is done. Not twice: whoever did not come will not come."""
        if self.tunnels or self.line is not None or self._has_listened:
            return False
        self._has_listened = True
        self.line = self._call.core.listen(self._call.line.host, self._call, now)
        return True

    def lost(self) -> None:
        """The connection is gone, or did not come to be."""
        self.line = None

    def close(self) -> None:
        """It is over."""
        if self.line is not None:
            self._call.core.close(self.line)
            self.line = None
