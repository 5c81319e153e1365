"""What a job counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from transcode.jobs import JobFigures
from transcode.rtp_leg import RtpLeg

_DELAYS_AT_MOST: Final = 1000


@dataclass
class Counters:
    """Numbers from a job's beginning; `delays` in seconds since they were last told.

    `shown` are the arrivals of the last packets of the frames that the next packet to be sent shows.
    """

    job: int
    cpu_s: float = 0.0
    frames_in: int = 0
    frames_out: int = 0
    dropped_frames: int = 0
    dropped_datagrams: int = 0
    broken_frames: int = 0
    key_frames_made: int = 0
    delays: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)

    def sent(self, now: float) -> None:
        """Note that what shows the frames of `shown` has been sent."""
        for arrived in self.shown:
            if len(self.delays) < _DELAYS_AT_MOST:
                self.delays.append(now - arrived)
        self.shown.clear()

    def told(self, leg: RtpLeg) -> JobFigures:
        """Give all of it, and begin to collect delays anew."""
        delays, self.delays = self.delays, []
        return JobFigures(
            job=self.job,
            cpu_s=round(self.cpu_s, 6),
            delay_ms_p50=round(float(np.median(delays)) * 1000, 3) if delays else 0.0,
            delay_ms_max=round(max(delays) * 1000, 3) if delays else 0.0,
            frames_in=self.frames_in,
            frames_out=self.frames_out,
            dropped_frames=self.dropped_frames,
            dropped_datagrams=self.dropped_datagrams + leg.dropped,
            refused_datagrams=leg.refused,
            broken_frames=self.broken_frames,
            key_frames_wanted=leg.key_frames_wanted,
            key_frames_made=self.key_frames_made,
        )
