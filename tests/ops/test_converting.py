"""What operators read of converters, and of how slots are filled."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from prometheus_client import CollectorRegistry

from bridge.app.feeds.converters import Use
from bridge.app.feeds.serving import How, Served, Want, Why
from bridge.app.live import LiveRoom
from bridge.ops.converting import Converting, ConvertingCollector
from bridge.rooms.model import Pii, Room, RoomId
from media.description import Format

PCMA = Format(pt=0, codec="pcma", clock_rate=8_000)


def room() -> LiveRoom:
    """A telephone hears two, and one of these the other."""
    now = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    live = LiveRoom(Room(id=RoomId("r"), name=Pii("r"), created_at=now, max_participants=9, revision=1), 7)
    want = Want(How.MIX, ((1, 0), (2, 0)), PCMA)
    live.served = {
        (3, 0): Served(How.MIX, Why.SEVERAL, None, want),
        (1, 0): Served(How.FORWARD, Why.FITS, (2, 0)),
    }
    return live


def converting(counted: Mapping[str, Mapping[str, int]]) -> Converting:
    """A mix that has taken two seconds."""
    use = Use({"mix": 1}, {"mix": 2.0}, {"dropped_frames": 4}, 1)
    return Converting(lambda: use, lambda: [room()], lambda name: counted.get(name, {}))


def test_how_and_why_each_slot_is_filled_can_be_read() -> None:
    """Under the engine's numbers, and with nobody's name."""
    assert msgspec.to_builtins(converting({}).feeds()) == [
        {"room": 7, "leg": 1, "slot": 0, "how": "forward", "why": "fits", "of": ["2/0"], "codec": None},
        {"room": 7, "leg": 3, "slot": 0, "how": "mix", "why": "several", "of": ["1/0", "2/0"], "codec": "pcma"},
    ]


def test_jobs_their_cost_and_what_went_wrong_are_counted() -> None:
    """By fixed words."""
    registry = CollectorRegistry()
    counted = {"converter_fallbacks": {"one": 3}, "converter_failures": {"worker": 1}}
    registry.register(ConvertingCollector(converting(counted)))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"brotjeneste_{name}", labels)

    assert value("converters", kind="mix") == 1
    assert value("converters", kind="picture") == 0
    assert value("converter_cpu_seconds_total", kind="mix") == 2
    assert value("converter_drops_total", what="dropped_frames") == 4
    assert value("converter_fallbacks_total", pictures="one") == 3
    assert value("converter_failures_total", code="worker") == 1
    assert value("rooms_short_of_processors") == 1
    assert value("slots", how="mix", why="several") == 1
