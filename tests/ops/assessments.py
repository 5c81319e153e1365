"""Assessments of legs as tests make them."""

from bridge.app.quality.figures import Figures, LegFigures
from bridge.app.quality.hints import Hint
from bridge.app.quality.lines import Assessment
from signalling.messages import Verdict


def stream(kind: int, lost: int = 0, recovered: int = 0, jitter_ms: float = 2.0) -> Figures:
    """A stream of 100 packets in the window, of which 50 are new."""
    return Figures(
        kind=kind,
        expected=100,
        lost=lost,
        recovered=recovered,
        bursts=lost,
        jitter_ms=jitter_ms,
        bits_per_second=30_000,
        fresh=50,
    )


def assessment(
    leg: int, verdict: Verdict = Verdict.GOOD, lost: int = 0, *, freezes: tuple[int, float] = (0, 0.0)
) -> Assessment:
    """A leg that sends sound and picture and receives sound; of 100, `lost` are on its way up, half for good."""
    up = [stream(0, lost, lost // 2), stream(1, lost, lost // 2)]
    return Assessment(
        leg=leg,
        figures=LegFigures(up, [stream(0)], 40.0),
        hint=Hint(frozen_share=0.25),
        verdict=verdict,
        since=1.0,
        freezes_total=freezes[0],
        frozen_total_s=freezes[1],
    )
