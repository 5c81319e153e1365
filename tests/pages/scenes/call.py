"""A call with pictures in it."""

from __future__ import annotations

from typing import Any

from tests.pages.house import Visit


def figures(participant: str, **changes: Any) -> dict[str, Any]:
    """Give what hosts are told of one person's line."""
    flow = {"loss_percent": 0.2, "loss_after_percent": 0.0, "jitter_ms": 6.0, "bitrate_kbps": 844.0, "streams": []}
    good = {"participant": participant, "up": flow, "down": flow, "rtt_ms": 38, "verdict": "good"}
    return good | changes


def bad(loss: float) -> dict[str, Any]:
    """Give one direction that loses so much."""
    return {
        "loss_percent": loss,
        "loss_after_percent": loss,
        "jitter_ms": 40.0,
        "bitrate_kbps": 210.0,
        "streams": [],
    }


async def show(here: Visit, *participants: str) -> None:
    """Fill the video slots with these people's cameras, and wait until all can be seen."""
    # A busy machine's page may be at another connection than its first.
    await here.until("brotjeneste.state().pc?.getTransceivers().every((each) => each.mid !== null)")
    mids = await here.page.evaluate(
        "brotjeneste.state().pc.getTransceivers().slice(3).filter((each) => each.receiver.track.kind === 'video')"
        ".map((each) => each.mid)"
    )
    slots = [
        {"mid": mid, "participant": who, "source": "camera"} for mid, who in zip(mids, participants, strict=False)
    ]
    here.bridge.push("layout", slots=slots)
    shown = "[...document.querySelectorAll('#stage video')].filter((each) => each.videoWidth > 0)"
    await here.until(f"{shown}.length >= {len(slots)}")
