"""What is converted: figures for Prometheus, and how each slot is filled and why, for who runs the bridge."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge.app.feeds.converters import Use
from bridge.app.feeds.serving import How, Why
from bridge.app.live import LiveRoom
from signalling import messages as m

KINDS: Final = ("mix", "picture")
# Counters that are there before they rise, as in `metrics`, or an alert would miss the first event of each.
_NO_FAILURES: Final = {"crashed": 0, "start": 0, "worker": 0}


class SlotLine(m.Part, frozen=True, kw_only=True):
    """One filled slot, under the engine's numbers: how it is filled, why, and `of` which legs' sources."""

    room: int
    leg: int
    slot: int
    how: How
    why: Why
    of: list[str]
    codec: str | None


class Slots(m.Part, frozen=True, kw_only=True):
    """All of them."""

    slots: list[SlotLine]


@dataclass(frozen=True, slots=True)
class Converting:
    """Where the figures come from: `counted` gives counts since the start by their names (`bridge.app.counts`)."""

    use: Callable[[], Use]
    rooms: Callable[[], Iterable[LiveRoom]]
    counted: Callable[[str], Mapping[str, int]]

    def feeds(self) -> list[SlotLine]:
        """Every filled slot of every room."""
        return [
            SlotLine(
                room=live.number,
                leg=leg,
                slot=slot,
                how=served.how,
                why=served.why,
                of=[f"{sender}/{source}" for sender, source in _sources(live, (leg, slot))],
                codec=None if served.want is None else served.want.form.codec,
            )
            for live in self.rooms()
            for (leg, slot), served in sorted(live.served.items())
        ]


class ConvertingCollector(Collector):
    """The series of converters."""

    def __init__(self, converting: Converting) -> None:
        self._converting = converting

    def collect(self) -> Iterator[Metric]:
        """Give all families, for a registry."""
        use = self._converting.use()
        jobs = GaugeMetricFamily("brotjeneste_converters", "Jobs of converters now.", labels=["kind"])
        text = "Processor time of converters' jobs."
        cpu = CounterMetricFamily("brotjeneste_converter_cpu_seconds_total", text, labels=["kind"])
        for kind in KINDS:
            jobs.add_metric([kind], use.jobs.get(kind, 0))
            cpu.add_metric([kind], use.cpu_s.get(kind, 0.0))
        yield jobs
        yield cpu
        text = "Frames and datagrams that converters dropped, or could not read."
        yield _counter("brotjeneste_converter_drops_total", text, "what", use.dropped)
        text = "Times that a room's pictures became smaller, or were left out, since processors were short."
        yield _counter(
            "brotjeneste_converter_fallbacks_total", text, "pictures", self._counted("converter_fallbacks")
        )
        text = "Converters that could not be started or have ended by themselves."
        failures = {**_NO_FAILURES, **self._counted("converter_failures")}
        yield _counter("brotjeneste_converter_failures_total", text, "code", failures)
        text = "Rooms that processors are short for now."
        yield GaugeMetricFamily("brotjeneste_rooms_short_of_processors", text, value=use.short)
        slots = GaugeMetricFamily(
            "brotjeneste_slots", "Slots by how they are filled and why.", labels=["how", "why"]
        )
        for (how, why), number in sorted(self._slots().items()):
            slots.add_metric([how, why], number)
        yield slots

    def _counted(self, name: str) -> Mapping[str, int]:
        return self._converting.counted(name)

    def _slots(self) -> Counter[tuple[str, str]]:
        served = (one for live in self._converting.rooms() for one in live.served.values())
        return Counter((one.how.value, one.why.value) for one in served)


def _counter(name: str, text: str, label: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for word, number in sorted(counts.items()):
        family.add_metric([word], number)
    return family


def _sources(live: LiveRoom, place: tuple[int, int]) -> Iterable[tuple[int, int]]:
    served = live.served[place]
    if served.want is not None:
        return served.want.of
    return () if served.source is None else (served.source,)
