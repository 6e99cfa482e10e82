"""Metrics with bounded labels, in a registry of their own.

A label declares its values; any other value is counted as `other`, so that no input can make the series grow.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client import Counter as _Counter
from prometheus_client import Gauge as _Gauge
from prometheus_client import Histogram as _Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
OTHER = "other"

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Buckets for durations of requests."""

Labels = Mapping[str, Collection[str]]
Series = TypeVar("Series", _Counter, _Gauge, _Histogram)


class _Family(Generic[Series]):
    def __init__(self, family: Series, labels: Labels) -> None:
        self._family: Series = family
        self._allowed = tuple((name, frozenset(values)) for name, values in labels.items())
        self._series: dict[tuple[str, ...], Series] = {}

    def _of(self, labels: Mapping[str, str]) -> Series:
        if len(labels) != len(self._allowed):
            raise ValueError(f"the labels are {[name for name, _ in self._allowed]}")
        values = tuple(labels[name] if labels[name] in allowed else OTHER for name, allowed in self._allowed)
        if not values:
            return self._family
        series: Series | None = self._series.get(values)
        if series is None:
            series = self._series[values] = self._family.labels(*values)
        return series


class Counter(_Family[_Counter]):
    """Counts what happened."""

    def inc(self, amount: float = 1, **labels: str) -> None:
        """Count one more, or `amount`."""
        self._of(labels).inc(amount)


class Gauge(_Family[_Gauge]):
    """Tells what is now."""

    def set(self, value: float, **labels: str) -> None:
        """It is `value` now."""
        self._of(labels).set(value)

    def inc(self, amount: float = 1, **labels: str) -> None:
        """It is more by `amount`; less when negative."""
        self._of(labels).inc(amount)


class Histogram(_Family[_Histogram]):
    """Tells how values spread."""

    def observe(self, value: float, **labels: str) -> None:
        """One value more."""
        self._of(labels).observe(value)


class Metrics:
    """The metrics of one application. Names are `plugbridge_<what>_<unit>`; asking twice for one name is an error."""

    def __init__(self, *, process: bool = False) -> None:
        """`process` adds memory, CPU, open files and the Python version of this process."""
        self.registry = CollectorRegistry(auto_describe=False)
        if process:
            ProcessCollector(registry=self.registry)
            PlatformCollector(registry=self.registry)

    def counter(self, name: str, help: str, labels: Labels | None = None) -> Counter:
        """A counter; `labels` maps each label's name to its allowed values."""
        labels = labels or {}
        return Counter(_Counter(name, help, tuple(labels), registry=self.registry), labels)

    def gauge(self, name: str, help: str, labels: Labels | None = None) -> Gauge:
        """A gauge."""
        labels = labels or {}
        return Gauge(_Gauge(name, help, tuple(labels), registry=self.registry), labels)

    def histogram(
        self, name: str, help: str, labels: Labels | None = None, *, buckets: Sequence[float] = SECONDS
    ) -> Histogram:
        """A histogram; its buckets are for seconds unless told otherwise."""
        labels = labels or {}
        return Histogram(_Histogram(name, help, tuple(labels), registry=self.registry, buckets=buckets), labels)

    def render(self) -> bytes:
        """All of it in the Prometheus text format, of the type `CONTENT_TYPE`."""
        return generate_latest(self.registry)
