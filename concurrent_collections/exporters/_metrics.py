"""What the metrics of all reports share: families made from a table, labels of a bounded number, text, and the live collector.

``prometheus_client`` is imported by the calls that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from ._format import display, finite

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ["MAX_LABELS", "Collector", "Families", "SnapshotSource", "fold", "label", "largest", "render"]

MAX_LABELS = 20
_MAX_LABEL = 120

Report_co = TypeVar("Report_co", covariant=True)
Report = TypeVar("Report")


class Families:
    """Makes the metric families of one table: name (a counter's without ``_total``) to type and help."""

    def __init__(self, table: Mapping[str, tuple[str, str]]) -> None:
        self._table = table

    def describe(self) -> list[Metric]:
        """All families, without samples."""
        return [self._maker(name)(name, help_text) for name, (_, help_text) in self._table.items()]

    def number(self, name: str, value: float | None) -> Iterator[Metric]:
        """A counter or gauge without labels; nothing where the value is not known."""
        if finite(value) is not None:
            yield self._maker(name)(name, self._table[name][1], value=value)

    def labelled(self, name: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
        """A counter or gauge with a sample for each ``(label value, number)``; numbers of the same label value add up."""
        totals: dict[str, float] = {}
        for key, value in values:
            totals[key] = totals.get(key, 0) + value
        family: Any = self._maker(name)(name, self._table[name][1], labels=[label])
        for key, total in totals.items():
            family.add_metric([key], total)
        return cast("Metric", family)

    def histogram(
        self,
        name: str,
        bounds_ns: Sequence[int],
        divisor: float,
        buckets: Sequence[tuple[float, float, int]],
        samples: int,
        sum_ns: float,
    ) -> Metric:
        """A histogram of times given as ``(lower_ns, upper_ns, count)``, in units of ``divisor`` nanoseconds."""
        from prometheus_client import utils

        go_string: Callable[[float], str] = utils.floatToGoString
        counts = _cumulative(bounds_ns, buckets, samples)
        bounds = [*(go_string(bound / divisor) for bound in bounds_ns), "+Inf"]
        family: Metric = self._maker(name)(
            name,
            self._table[name][1],
            buckets=list(zip(bounds, counts, strict=True)),
            sum_value=(finite(sum_ns) or 0.0) / divisor,
        )
        return family

    def _maker(self, name: str) -> Any:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        kinds = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
        return kinds[self._table[name][0]]


def _cumulative(bounds: Sequence[int], buckets: Sequence[tuple[float, float, int]], samples: int) -> list[int]:
    """How many samples lie at or below each of ``bounds``, and in all.

    A bucket counts where its geometric middle lies: always below the same bounds, so that no count ever falls from one
    scrape to the next, and wrong by no more than the distribution's own error.
    """
    counts = [0] * (len(bounds) + 1)
    for lower, upper, count in buckets:
        middle = (max(lower, 0.0) * upper) ** 0.5
        place = next((index for index, bound in enumerate(bounds) if middle <= bound), len(bounds))
        counts[place] += count
    for index in range(1, len(counts)):
        counts[index] += counts[index - 1]
    counts[-1] = max(counts[-1], samples)
    return counts


# Labels ---------------------------------------------------------------------------------------------------------------


def label(name: str | None) -> str:
    """A name of the profiled program as a label's value."""
    return display(name, _MAX_LABEL) if name else "(unnamed)"


def largest(values: Iterable[tuple[str | None, float]]) -> list[str]:
    """The labels of the ``MAX_LABELS`` names with the largest sums of their values."""
    totals: dict[str, float] = {}
    for name, value in values:
        totals[label(name)] = totals.get(label(name), 0) + value
    return sorted(totals, key=lambda name: (-totals[name], name))[:MAX_LABELS]


def fold(name: str | None, names: Sequence[str], others: str) -> str:
    """The label of ``name`` if it is one of ``names``, otherwise ``others``."""
    return shown if (shown := label(name)) in names else others


# Text and collector ---------------------------------------------------------------------------------------------------


class _Given:
    """Families that are there already, as a collector."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def render(families: Iterable[Metric], openmetrics: bool) -> str:
    """The families in Prometheus' classic text format, or in OpenMetrics.

    No text can be both: a counter's family is ``x_total`` in the one and ``x`` in the other (its sample has the same
    name in both). Raises ModuleNotFoundError without ``prometheus_client``.
    """
    from prometheus_client import CollectorRegistry, exposition
    from prometheus_client.openmetrics import exposition as openmetrics_exposition

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(families))
    generate: Any = openmetrics_exposition.generate_latest if openmetrics else exposition.generate_latest
    return str(generate(registry), "utf-8")


class SnapshotSource(Protocol[Report_co]):
    """What a collector needs: a profiler, or anything else that has reports."""

    def snapshot(self) -> Report_co:
        """The state as it is now. RuntimeError: there is none yet."""
        ...


class Collector(Generic[Report]):
    """A collector for ``prometheus_client`` that takes a snapshot at every scrape; subclasses say of what."""

    def __init__(self, profiler: SnapshotSource[Report], families: Families, up: str, labels: bool) -> None:
        self._profiler, self._families, self._up, self._labels = profiler, families, up, labels
        self._names: list[str] = []
        self._lock = Lock()

    def describe(self) -> list[Metric]:
        """The families that :meth:`collect` may give, without samples and without a snapshot."""
        return self._families.describe()

    def collect(self) -> Iterator[Metric]:
        """The families of a fresh snapshot."""
        try:
            report = self._profiler.snapshot()
        except RuntimeError:
            yield from self._families.number(self._up, 0)
            return
        yield from self._families.number(self._up, 1)
        yield from self._collect(report, self._sticky_names(report) if self._labels else None)

    def _collect(self, report: Report, names: Sequence[str] | None) -> Iterator[Metric]:
        """Every family that the report has a value for; with labels for ``names``, if given."""
        raise NotImplementedError

    def _largest(self, report: Report) -> list[str]:
        """The names that deserve a label."""
        raise NotImplementedError

    def _sticky_names(self, report: Report) -> list[str]:
        """The names with a label: a name that was given one keeps it."""
        with self._lock:
            for name in self._largest(report):
                if name not in self._names and len(self._names) < MAX_LABELS:
                    self._names.append(name)
            return list(self._names)
