"""How full the node is, for Prometheus: what the operators' page says, as series."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge.ops.load import Load


class CapacityCollector(Collector):
    """The series of the load."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def collect(self) -> Iterator[Metric]:
        """Give all families, for a registry."""
        text = "Legs for which there is room left: an estimate by what those that are there cost."
        yield GaugeMetricFamily("brotjeneste_legs_left", text, value=self._load.capacity().legs_left)
        text = "CPU time of the thread that decides: signalling, admission, records."
        yield CounterMetricFamily("brotjeneste_deciding_cpu_seconds_total", text, value=self._load.deciding_s)
