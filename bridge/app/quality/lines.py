"""A leg's figures as the line that hosts are told of its owner. Pure.

The opinion score of a direction is that of its sound (`mos`). On the way up it is what the bridge got, with
half the round trip and the buffer that such jitter asks for, as if the listener had a perfect link. On the way
down it is what the person hears: the share of sound that their own player had to make up, where their page
tells it, since to the ear a packet that came too late is lost and one that redundancy brought back is not; else
the loss after repair.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from bridge.app.quality.figures import Figures, LegFigures, together
from bridge.app.quality.hints import Hint
from bridge.app.quality.mos import mean_opinion
from media.description import CAMERA, CONTENT, MIC
from signalling import messages as m

NAMES: Final = {MIC: m.SourceName.MIC, CAMERA: m.SourceName.CAMERA, CONTENT: m.SourceName.CONTENT}
# A packet of sound is 20 ms long, and a player keeps about so much beside what jitter asks for.
PACKET_MS: Final = 20.0
LEAST_BUFFER_MS: Final = 20.0
JITTERS_KEPT: Final = 2.0


@dataclass(frozen=True)
class Assessment:
    """Everything that is known of one leg at one moment."""

    leg: int
    figures: LegFigures
    hint: Hint | None
    verdict: m.Verdict
    since: float
    senders_rtt_ms: float = 0.0
    """The longest round trip among those whom it hears."""
    content_slots: Collection[int] = ()
    freezes_total: int = 0
    frozen_total_s: float = 0.0
    """What the page told of freezes since the connection began."""

    @property
    def rtt_ms(self) -> float | None:
        """The round trip, by the page's own word where nothing is sent to it that it could report on (`Watch`)."""
        return self.figures.rtt_ms

    @cached_property
    def mos_up(self) -> float | None:
        """Opinion score of the sound on its way up; None while there is none."""
        sound = together([one for one in self.figures.up if one.kind == 0])
        return self._opinion(sound, sound.loss_after, None, 0.0) if sound.expected else None

    @cached_property
    def mos_down(self) -> float | None:
        """Opinion score of the sound that this person hears; None while there is none."""
        sound = together([one for one in self.figures.down if one.kind == 0])
        if not sound.expected:
            return None
        hint = self.hint or Hint()
        loss = sound.loss_after if hint.concealed_share is None else hint.concealed_share
        return self._opinion(sound, loss, hint.buffer_ms, self.senders_rtt_ms)

    def _opinion(self, sound: Figures, loss: float, buffer_ms: float | None, other_rtt_ms: float) -> float:
        if buffer_ms is None:
            buffer_ms = LEAST_BUFFER_MS + JITTERS_KEPT * (sound.jitter_ms or 0.0)
        delay = ((self.rtt_ms or 0.0) + other_rtt_ms) / 2 + buffer_ms + PACKET_MS
        return mean_opinion(loss, sound.burst_packets, delay)


def person_stats(participant: str, of: Assessment, *, brief: bool = False) -> m.PersonStats:
    """One person's line; a `brief` one tells nothing of single sources."""
    hint, rtt = of.hint or Hint(), of.rtt_ms
    up = {} if brief else _by_source(of.figures.up)
    down = {} if brief else _by_kind(of.figures.down, of.content_slots)
    return m.PersonStats(
        participant=participant,
        up=_flow(of.figures.all_up, up, of.mos_up),
        down=_flow(of.figures.all_down, down, of.mos_down, hint.shown_per_second),
        rtt_ms=None if rtt is None else round(rtt, 1),
        verdict=of.verdict,
        freezes=hint.freezes,
        frozen_percent=_percent(hint.frozen_share),
        concealed_percent=_percent(hint.concealed_share),
    )


def _by_source(streams: list[Figures]) -> dict[int, list[Figures]]:
    return {one.index: [one] for one in streams}


def _by_kind(streams: list[Figures], content_slots: Collection[int]) -> dict[int, list[Figures]]:
    slots: dict[int, list[Figures]] = {}
    for one in streams:
        picture = CONTENT if one.index in content_slots else CAMERA
        slots.setdefault(MIC if one.kind == 0 else picture, []).append(one)
    return slots


def _flow(
    whole: Figures, streams: dict[int, list[Figures]], mos: float | None, shown: float | None = None
) -> m.FlowStats:
    return m.FlowStats(
        loss_percent=round(100 * whole.loss, 1),
        loss_after_percent=round(100 * whole.loss_after, 1),
        jitter_ms=round(whole.jitter_ms or 0.0, 1),
        bitrate_kbps=round(whole.bits_per_second / 1000, 1),
        streams=[_stream(index, some, mos, shown) for index, some in sorted(streams.items()) if index in NAMES],
    )


def _stream(index: int, some: list[Figures], mos: float | None, shown: float | None) -> m.StreamStats:
    whole = together(some)
    frames = [one.frames_per_second for one in some if one.frames_per_second is not None]
    if index == CAMERA and shown is not None:
        frames.append(shown)
    burst = whole.burst_packets
    return m.StreamStats(
        source=NAMES[index],
        loss_percent=round(100 * whole.loss, 1),
        loss_after_percent=round(100 * whole.loss_after, 1),
        burst_packets=None if burst is None else round(burst, 1),
        jitter_ms=round(whole.jitter_ms or 0.0, 1),
        bitrate_kbps=round(whole.bits_per_second / 1000, 1),
        frames_per_second=round(max(frames), 1) if frames else None,
        mos=round(mos, 1) if mos is not None and index == MIC else None,
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)
