"""Prometheus: one set of metric families, as text or as a live collector.

:func:`prometheus_text` renders a report in the classic text format or in OpenMetrics.
:class:`MemoryProfilerCollector` gives the same families to a ``prometheus_client`` registry at every scrape;
``prometheus_client`` then serves either format, as the scraper asks::

    from prometheus_client import REGISTRY, start_http_server

    profiler = MemoryProfiler(sample_interval=512 * 1024)
    profiler.start()
    REGISTRY.register(MemoryProfilerCollector(profiler))
    start_http_server(9100)

:class:`SMRCollector` serves a running :class:`~concurrent_collections.SMRProfiler` in the same way;
with ``interval=None`` that works at scrapes only. ``cc_smr_pending_bytes`` is what to watch there: it levels off
where reclaiming keeps up and grows where something holds it back; ``cc_smr_epoch_lag`` and ``cc_smr_stalled_threads``
then tell whether a thread does.

A value that the report does not have is a family that is absent. Counters begin anew when the profiler is reset,
which Prometheus takes for the restart of a process. There is no label for threads unless ``thread_labels=True``
asks for it, and none for domains of reclamation unless ``domain_labels=True`` does: every name seen would otherwise
become a time series for ever. At most ``MAX_LABELS`` names then get one, and the others share one.

``*_latency`` histograms are in nanoseconds, ``*_duration_seconds`` hold the same counts in Prometheus' base unit.
They count timed operations, of which ``cc_memory_latency_timed_ratio`` is the share among all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ..profiling.reclamation_report import SMRProfilerReport
from ..profiling.report import MemoryProfilerReport
from ._metrics import MAX_LABELS
from ._require import require
from .kinds import kind_of
from .memory.metrics import LATENCY_BOUNDS_NS

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = [
    "LATENCY_BOUNDS_NS",
    "MAX_LABELS",
    "MAX_THREAD_LABELS",
    "Collector",
    "MemoryProfilerCollector",
    "SMRCollector",
    "SnapshotSource",
    "chunks",
    "prometheus_text",
]

MAX_THREAD_LABELS = MAX_LABELS

Report_co = TypeVar("Report_co", covariant=True)
Report = TypeVar("Report")


def prometheus_text(
    report: Any, *, openmetrics: bool = False, thread_labels: bool = False, domain_labels: bool = False
) -> str:
    """A report of any kind in Prometheus' classic text format, or in OpenMetrics.

    No text can be both: a counter's family is ``cc_memory_alloc_total`` in the one and ``cc_memory_alloc`` in the
    other (its sample has the same name in both). ``thread_labels`` is for memory reports, ``domain_labels`` for those
    of reclamation. Raises ModuleNotFoundError without ``prometheus_client``.
    """
    require("prometheus_client")
    from prometheus_client import CollectorRegistry, exposition
    from prometheus_client.openmetrics import exposition as openmetrics_exposition

    metrics = kind_of(report).metrics
    labels = {"thread": thread_labels, "domain": domain_labels}[metrics.label]
    families = metrics.collect(report, metrics.largest(report) if labels else None)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(families))
    generate: Any = openmetrics_exposition.generate_latest if openmetrics else exposition.generate_latest
    return str(generate(registry), "utf-8")


def chunks(report: Any, **options: bool) -> list[str]:
    """The file in one piece; ``options`` as :func:`prometheus_text` takes them."""
    return [prometheus_text(report, **options)]


class _Given:
    """Families that are there already, as a collector."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


# Live -----------------------------------------------------------------------------------------------------------------


class SnapshotSource(Protocol[Report_co]):
    """What a collector needs: a profiler, or anything else that has reports."""

    def snapshot(self) -> Report_co:
        """The state as it is now. RuntimeError: there is none yet."""
        ...


class Collector(Generic[Report]):
    """A collector for ``prometheus_client`` that takes a snapshot of ``profiler`` at every scrape.

    A gauge that ends in ``_profiler_up`` is 1, or 0 while ``snapshot()`` raises RuntimeError (a profiler that is not
    running): the other metrics of the process are then still served. Any other error is raised, as prometheus_client
    expects. With ``labels``, a name that has been given a label keeps it, so that its series goes on.
    """

    _report: type[Report]

    def __init__(self, profiler: SnapshotSource[Report], labels: bool) -> None:
        self._profiler, self._labels = profiler, labels
        self._metrics = kind_of(self._report).metrics
        self._names: list[str] = []
        self._lock = Lock()

    def describe(self) -> list[Metric]:
        """The families that :meth:`collect` may give, without samples and without a snapshot."""
        return self._metrics.describe()

    def collect(self) -> Iterator[Metric]:
        """The families of a fresh snapshot."""
        require("prometheus_client")
        try:
            report = self._profiler.snapshot()
        except RuntimeError:
            yield from self._metrics.up.collect(False, None)
            return
        yield from self._metrics.up.collect(True, None)
        yield from self._metrics.collect(report, self._sticky_names(report) if self._labels else None)

    def _sticky_names(self, report: Report) -> list[str]:
        """The names with a label: a name that was given one keeps it."""
        with self._lock:
            for name in self._metrics.largest(report):
                if name not in self._names and len(self._names) < MAX_LABELS:
                    self._names.append(name)
            return list(self._names)


class MemoryProfilerCollector(Collector[MemoryProfilerReport]):
    """The collector of a memory profiler; ``cc_memory_profiler_up`` tells whether it runs."""

    _report = MemoryProfilerReport

    def __init__(self, profiler: SnapshotSource[MemoryProfilerReport], *, thread_labels: bool = False) -> None:
        super().__init__(profiler, thread_labels)


class SMRCollector(Collector[SMRProfilerReport]):
    """The collector of a profiler of reclamation; ``cc_smr_profiler_up`` tells whether it runs."""

    _report = SMRProfilerReport

    def __init__(self, profiler: SnapshotSource[SMRProfilerReport], *, domain_labels: bool = False) -> None:
        super().__init__(profiler, domain_labels)
