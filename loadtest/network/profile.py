"""What one direction of a link is like, as the emulator takes it (`media/engine/netem/src/profile.rs`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Profile:
    """One direction. Loss is a share, 0 to 1; with `burst` above 0 it comes in runs of this mean length.

    Jitter is even from 0 to `jitter_ms`, added to the delay, each packet for itself; `queue_ms` bounds what waits
    for the rate.
    """

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    burst: float = 0.0
    rate_bps: int | None = None
    queue_ms: int = 300
    down: bool = False

    def as_json(self) -> dict[str, Any]:
        """The emulator's words for it."""
        loss: Any = "off"
        if self.loss and self.burst:
            loss = {"bursts": {"share": self.loss, "mean": self.burst}}
        elif self.loss:
            loss = {"random": self.loss}
        return {
            "rate_bps": self.rate_bps,
            "queue": {"millis": self.queue_ms},
            "delay_us": round(self.delay_ms * 1000),
            "jitter": {"uniform_us": round(self.jitter_ms * 1000)} if self.jitter_ms else "off",
            "loss": loss,
            "down": self.down,
        }
