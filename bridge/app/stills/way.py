"""What the process knows of a still picture that is asked for, beside its records."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.app.stills.relay import Relay
from bridge.rooms.model import ParticipantId, StillId


@dataclass(slots=True)
class Way:
    """From the page of `participant` to that of `asker`, who made `key`."""

    still: StillId
    asker: ParticipantId
    participant: ParticipantId
    key: str = field(repr=False)
    relay: Relay | None = None
    """There once the picture is taken."""
    size: int | None = None
    up: str = field(default="", repr=False)
    down: str = field(default="", repr=False)
    """The tokens of both ends."""

    def open(self, size: int, new_token: Callable[[], str]) -> None:
        """Make ready for a picture of so many bytes."""
        self.size, self.relay = size, Relay(size)
        self.up, self.down = new_token(), new_token()


def fits(token: str, given: str) -> bool:
    """Whether a token is the right one, in the same time wherever it differs; none fits before there is one."""
    return bool(token) and hmac.compare_digest(token.encode(), given.encode("utf-8", "surrogatepass"))
