"""Metric families: a table of what each is called and where a report has its value, and labels of a bounded number.

``prometheus_client`` is imported by the calls that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from ._format import display, finite
from ._require import require

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ["MAX_LABELS", "ByLabel", "Family", "Histogram", "Metrics", "Number", "Times", "fold", "label", "largest"]

MAX_LABELS = 20
_MAX_LABEL = 120

Report = TypeVar("Report")
Kind = Literal["counter", "gauge"]
Times = tuple[Sequence[tuple[float, float, int]], int, float]
"""Times that were measured: buckets ``(lower_ns, upper_ns, count)``, how many samples, and their sum in ns."""


@dataclass(frozen=True)
class Number(Generic[Report]):
    """A counter or gauge without labels; absent where the value is not known. A counter's name lacks ``_total``.

    ``value`` is a field of the report (dotted: of one of its parts), or a function.
    """

    kind: Kind
    name: str
    value: str | Callable[[Report], float | None]
    help: str

    def collect(self, report: Report, names: Sequence[str] | None) -> Iterator[Metric]:
        """The family with its sample."""
        value = attrgetter(self.value)(report) if isinstance(self.value, str) else self.value(report)
        if finite(value) is not None:
            yield self.empty(value=value)

    def empty(self, **more: Any) -> Any:
        """The family as it is before any sample."""
        return _maker(self.kind)(self.name, self.help, **more)


@dataclass(frozen=True)
class ByLabel(Generic[Report]):
    """A counter or gauge with a sample for each value of ``label``; numbers of the same label value add up.

    ``values`` gives ``(label value, number)`` and may take the names that deserve a label; None: the family is absent.
    """

    kind: Kind
    name: str
    label: str
    values: Callable[[Report, Sequence[str] | None], Iterable[tuple[str, float]] | None]
    help: str

    def collect(self, report: Report, names: Sequence[str] | None) -> Iterator[Metric]:
        """The family with its samples."""
        values = self.values(report, names)
        if values is None:
            return
        totals: dict[str, float] = {}
        for key, value in values:
            totals[key] = totals.get(key, 0) + value
        family = self.empty(labels=[self.label])
        for key, total in totals.items():
            family.add_metric([key], total)
        yield family

    def empty(self, **more: Any) -> Any:
        """The family as it is before any sample."""
        return _maker(self.kind)(self.name, self.help, **more)


@dataclass(frozen=True)
class Histogram(Generic[Report]):
    """A histogram of times in units of ``divisor`` nanoseconds; absent where nothing was measured."""

    name: str
    times: Callable[[Report], Times | None]
    divisor: float
    bounds_ns: Sequence[int]
    help: str

    def collect(self, report: Report, names: Sequence[str] | None) -> Iterator[Metric]:
        """The family with its buckets."""
        from prometheus_client import utils

        times = self.times(report)
        if times is None:
            return
        buckets, samples, sum_ns = times
        go_string: Callable[[float], str] = utils.floatToGoString
        counts = _cumulative(self.bounds_ns, buckets, samples)
        bounds = [*(go_string(bound / self.divisor) for bound in self.bounds_ns), "+Inf"]
        yield self.empty(
            buckets=list(zip(bounds, counts, strict=True)), sum_value=(finite(sum_ns) or 0.0) / self.divisor
        )

    def empty(self, **more: Any) -> Any:
        """The family as it is before any sample."""
        return _maker("histogram")(self.name, self.help, **more)


Family = Number[Report] | ByLabel[Report] | Histogram[Report]


@dataclass(frozen=True)
class Metrics(Generic[Report]):
    """The families of one kind of report.

    ``up`` is the gauge that tells whether there is a report. ``label`` is what may get a label if asked for, such as
    ``thread``; ``largest`` gives the names that deserve it.
    """

    up: Number[bool]
    label: str
    largest: Callable[[Report], list[str]]
    families: Sequence[Family[Report]]

    def describe(self) -> list[Metric]:
        """All families, without samples."""
        require("prometheus_client")
        return [self.up.empty(), *(family.empty() for family in self.families)]

    def collect(self, report: Report, names: Sequence[str] | None) -> Iterator[Metric]:
        """Every family that the report has a value for; with labels for ``names``, if given."""
        require("prometheus_client")
        for family in self.families:
            yield from family.collect(report, names)


def _maker(kind: str) -> Any:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    return {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}[kind]


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
