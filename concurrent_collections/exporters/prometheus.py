"""Prometheus: one set of metric families, as text or as a live collector.

:func:`prometheus_text` renders a report in the classic text format or in OpenMetrics.
:class:`MemoryProfilerCollector` gives the same families to a ``prometheus_client`` registry at every scrape;
``prometheus_client`` then serves either format, as the scraper asks::

    from prometheus_client import REGISTRY, start_http_server

    profiler = MemoryProfiler(sample_interval=512 * 1024)
    profiler.start()
    REGISTRY.register(MemoryProfilerCollector(profiler))
    start_http_server(9100)

A value that the report does not have is a family that is absent. Counters begin anew when the profiler is reset,
which Prometheus takes for the restart of a process. There is no label for threads unless ``thread_labels=True``
asks for it: every name seen would otherwise become a time series for ever. It then names at most
``MAX_THREAD_LABELS`` threads, and the others together.

``*_latency`` histograms are in nanoseconds, ``*_duration_seconds`` hold the same counts in Prometheus' base unit.
They count timed operations, of which ``cc_memory_latency_timed_ratio`` is the share among all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from ..report import LatencyDistribution, MemoryProfilerReport, ThreadMemoryStats
from ._format import display, finite

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ["LATENCY_BOUNDS_NS", "MAX_THREAD_LABELS", "MemoryProfilerCollector", "SnapshotSource", "prometheus_text"]

LATENCY_BOUNDS_NS: tuple[int, ...] = tuple(digit * 10**power for power in range(1, 9) for digit in (1, 2, 5)) + (10**9,)
"""Upper bounds of the histograms: 10, 20, 50, 100 … 500 million ns and 1 s; ``+Inf`` follows."""

MAX_THREAD_LABELS = 20
OTHER_THREADS = "(other threads)"
_MAX_LABEL = 120


class SnapshotSource(Protocol):
    """What :class:`MemoryProfilerCollector` needs: a profiler, or anything else that has reports."""

    def snapshot(self) -> MemoryProfilerReport:
        """The state as it is now. RuntimeError: there is none yet."""
        ...


def prometheus_text(report: MemoryProfilerReport, *, openmetrics: bool = False, thread_labels: bool = False) -> str:
    """The report in Prometheus' classic text format, or in OpenMetrics.

    No text can be both: a counter's family is ``cc_memory_alloc_total`` in the one and ``cc_memory_alloc`` in the
    other (its sample has the same name in both). Raises ModuleNotFoundError without ``prometheus_client``.
    """
    from prometheus_client import CollectorRegistry, exposition
    from prometheus_client.openmetrics import exposition as openmetrics_exposition

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(report, thread_labels))
    generate: Any = openmetrics_exposition.generate_latest if openmetrics else exposition.generate_latest
    return str(generate(registry), "utf-8")


class _Families:
    """One report as a collector."""

    def __init__(self, report: MemoryProfilerReport, thread_labels: bool) -> None:
        self._report = report
        self._thread_labels = thread_labels

    def collect(self) -> Iterator[Metric]:
        yield from _families(self._report, _largest_names(self._report.thread_stats) if self._thread_labels else None)


class MemoryProfilerCollector:
    """A collector for ``prometheus_client`` that takes a snapshot of ``profiler`` at every scrape.

    ``cc_memory_profiler_up`` is 1, or 0 while ``snapshot()`` raises RuntimeError (a profiler that has not been
    started): the other metrics of the process are then still served. Any other error is raised, as
    prometheus_client expects. With ``thread_labels``, a thread name that has been given a label keeps it, so that
    its series goes on.
    """

    def __init__(self, profiler: SnapshotSource, *, thread_labels: bool = False) -> None:
        self._profiler = profiler
        self._thread_labels = thread_labels
        self._names: list[str] = []
        self._lock = Lock()

    def describe(self) -> list[Metric]:
        """The families that :meth:`collect` may give, without samples and without a snapshot."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        makers: dict[str, Callable[[str, str], Metric]] = {
            "counter": CounterMetricFamily,
            "gauge": GaugeMetricFamily,
            "histogram": HistogramMetricFamily,
        }
        return [makers[kind](name, help_text) for name, (kind, help_text) in _HELP.items()]

    def collect(self) -> Iterator[Metric]:
        """The families of a fresh snapshot."""
        try:
            report = self._profiler.snapshot()
        except RuntimeError:
            yield _gauge("cc_memory_profiler_up", 0)
            return
        yield _gauge("cc_memory_profiler_up", 1)
        yield from _families(report, self._sticky_names(report) if self._thread_labels else None)

    def _sticky_names(self, report: MemoryProfilerReport) -> list[str]:
        with self._lock:
            for name in _largest_names(report.thread_stats):
                if name not in self._names and len(self._names) < MAX_THREAD_LABELS:
                    self._names.append(name)
            return list(self._names)


# The families ---------------------------------------------------------------------------------------------------------

# name (a counter's without _total): type and help, in the order of the text.
_HELP: dict[str, tuple[str, str]] = {
    "cc_memory_profiler_up": ("gauge", "Whether the memory profiler could be read (1) or has not been started (0)."),
    "cc_memory_alloc": ("counter", "Allocations since the profile began."),
    "cc_memory_free": ("counter", "Frees since the profile began, of blocks that were allocated in it."),
    "cc_memory_alloc_bytes": ("counter", "Bytes asked for by allocations since the profile began."),
    "cc_memory_free_bytes": ("counter", "Bytes given back by frees since the profile began."),
    "cc_memory_alloc_failures": ("counter", "Allocations that failed since the profile began."),
    "cc_memory_current_bytes": ("gauge", "Bytes allocated in the profile and not freed yet."),
    "cc_memory_peak_bytes": ("gauge", "Highest value of cc_memory_current_bytes since the profile began."),
    "cc_memory_domain_current_bytes": (
        "gauge",
        "Bytes allocated and not freed yet, by the allocator domain that they came from.",
    ),
    "cc_memory_domain_alloc_bytes": ("counter", "Bytes asked for by allocations, by allocator domain."),
    "cc_memory_leaked_bytes": ("gauge", "Bytes still allocated, without what the interpreter holds for itself."),
    "cc_memory_leaked_blocks": ("gauge", "Blocks still allocated, without what the interpreter holds for itself."),
    "cc_memory_interpreter_held_bytes": (
        "gauge",
        "Bytes still allocated that the interpreter holds for itself: caches, free lists, imported code.",
    ),
    "cc_memory_resident_bytes": ("gauge", "Resident memory of the process."),
    "cc_memory_committed_bytes": ("gauge", "Memory committed by the heaps that could be read."),
    "cc_memory_alloc_latency": ("histogram", "Time that timed allocations took, in nanoseconds."),
    "cc_memory_free_latency": ("histogram", "Time that timed frees took, in nanoseconds."),
    "cc_memory_alloc_duration_seconds": ("histogram", "Time that timed allocations took, in seconds."),
    "cc_memory_free_duration_seconds": ("histogram", "Time that timed frees took, in seconds."),
    "cc_memory_latency_timed_ratio": ("gauge", "Share of the operations that was timed."),
    "cc_memory_cross_thread_free": ("counter", "Frees by another thread than the one that allocated."),
    "cc_memory_cross_thread_free_ratio": (
        "gauge",
        "Share of all frees that another thread did than the one that allocated.",
    ),
    "cc_memory_fragmentation_internal": ("gauge", "Padding inside live blocks, as a share of their size (0 to 1)."),
    "cc_memory_fragmentation_external": (
        "gauge",
        "Free memory between live blocks, as a share of committed memory (0 to 1).",
    ),
    "cc_memory_threads": ("gauge", "Living threads that allocated or freed in the profile."),
    "cc_memory_thread_alloc": ("counter", "Allocations by thread name."),
    "cc_memory_thread_free": ("counter", "Frees by thread name."),
    "cc_memory_thread_alloc_bytes": ("counter", "Bytes asked for by thread name."),
    "cc_memory_thread_free_bytes": ("counter", "Bytes given back by thread name."),
    "cc_memory_dropped_records": (
        "counter",
        "Events that the profiler had no memory to record; they count nowhere else.",
    ),
    "cc_memory_sampling_ratio": (
        "gauge",
        "Share of the allocations that is recorded: 1 is exact, less is an estimate. Absent where bytes are sampled.",
    ),
    "cc_memory_sampling_interval_bytes": (
        "gauge",
        "Mean bytes between two recorded allocations, where bytes are sampled.",
    ),
    "cc_memory_profile_start_time_seconds": ("gauge", "When the profile began, in seconds since 1970."),
    "cc_memory_profile_duration_seconds": ("gauge", "How long the profile has covered so far."),
}


def _families(report: MemoryProfilerReport, thread_names: Sequence[str] | None) -> Iterator[Metric]:
    """Every family that the report has a value for."""
    fragmentation, sampling = report.fragmentation, report.sampling
    yield from _counter("cc_memory_alloc", report.alloc_count)
    yield from _counter("cc_memory_free", report.free_count)
    yield from _counter("cc_memory_alloc_bytes", report.alloc_bytes)
    yield from _counter("cc_memory_free_bytes", report.free_bytes)
    yield from _counter("cc_memory_alloc_failures", report.failed_alloc_count)
    yield from _optional("cc_memory_current_bytes", report.current_allocated)
    yield from _optional("cc_memory_peak_bytes", report.peak_allocated)
    if report.domains:
        domains = sorted((_label(name), stats) for name, stats in report.domains.items())
        yield _labelled(
            "cc_memory_domain_current_bytes", "domain", ((name, stats.current_allocated) for name, stats in domains)
        )
        yield _labelled(
            "cc_memory_domain_alloc_bytes", "domain", ((name, stats.alloc_bytes) for name, stats in domains)
        )
    yield from _optional("cc_memory_leaked_bytes", report.leaked_bytes)
    yield from _optional("cc_memory_leaked_blocks", report.leaked_count)
    yield from _optional("cc_memory_interpreter_held_bytes", report.interpreter_held_bytes)
    yield from _optional("cc_memory_resident_bytes", report.resident_bytes)
    yield from _optional("cc_memory_committed_bytes", fragmentation.committed_bytes)
    if report.latency is not None:
        yield from _histograms(report.latency)
        yield from _optional("cc_memory_latency_timed_ratio", report.latency.timed_fraction)
    yield from _counter("cc_memory_cross_thread_free", report.cross_thread_free_count)
    percentage = finite(report.cross_thread_free_pct)
    yield from _optional("cc_memory_cross_thread_free_ratio", None if percentage is None else percentage / 100)
    yield from _optional("cc_memory_fragmentation_internal", fragmentation.internal_fragmentation)
    yield from _optional("cc_memory_fragmentation_external", fragmentation.external_fragmentation)
    if report.thread_stats:
        yield _gauge("cc_memory_threads", sum(thread.alive for thread in report.thread_stats))
        if thread_names is not None:
            yield from _thread_families(report.thread_stats, thread_names)
    yield from _counter("cc_memory_dropped_records", report.dropped_records)
    yield from _optional("cc_memory_sampling_ratio", None if sampling.mode == "bytes" else sampling.rate)
    yield from _optional("cc_memory_sampling_interval_bytes", sampling.interval if sampling.mode == "bytes" else None)
    yield _gauge("cc_memory_profile_start_time_seconds", report.start_time.timestamp())
    yield from _optional("cc_memory_profile_duration_seconds", report.duration_seconds)


def _counter(name: str, value: float | None) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily

    if finite(value) is not None:
        yield CounterMetricFamily(name, _HELP[name][1], value=value)


def _gauge(name: str, value: float) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family: Metric = GaugeMetricFamily(name, _HELP[name][1], value=value)
    return family


def _optional(name: str, value: float | None) -> Iterator[Metric]:
    if value is not None and finite(value) is not None:
        yield _gauge(name, value)


def _labelled(name: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    """One family with a sample for each ``(label value, number)``; numbers of the same label value add up."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    totals: dict[str, float] = {}
    for key, value in values:
        totals[key] = totals.get(key, 0) + value
    kind: Any = CounterMetricFamily if _HELP[name][0] == "counter" else GaugeMetricFamily
    family: Metric = kind(name, _HELP[name][1], labels=[label])
    for key, total in totals.items():
        family.add_metric([key], total)  # type: ignore[attr-defined]
    return family


def _histograms(latency: LatencyDistribution) -> Iterator[Metric]:
    from prometheus_client import utils
    from prometheus_client.core import HistogramMetricFamily

    go_string: Callable[[float], str] = utils.floatToGoString
    for unit, divisor in (("latency", 1.0), ("duration_seconds", 1e9)):
        for what, buckets, samples, total_ns in (
            ("alloc", latency.alloc, latency.alloc_samples, latency.alloc_sum_ns),
            ("free", latency.free, latency.free_samples, latency.free_sum_ns),
        ):
            counts = _cumulative(buckets, samples)
            bounds = [*(go_string(bound / divisor) for bound in LATENCY_BOUNDS_NS), "+Inf"]
            name = f"cc_memory_{what}_{unit}"
            total = finite(total_ns) or 0.0
            yield HistogramMetricFamily(
                name, _HELP[name][1], buckets=list(zip(bounds, counts, strict=True)), sum_value=total / divisor
            )


def _cumulative(buckets: Sequence[tuple[float, float, int]], samples: int) -> list[int]:
    """How many samples lie at or below each of ``LATENCY_BOUNDS_NS``, and in all.

    A bucket counts where its geometric middle lies: always below the same bounds, so that no count ever falls from one
    scrape to the next, and wrong by no more than the distribution's own error.
    """
    counts = [0] * (len(LATENCY_BOUNDS_NS) + 1)
    for lower, upper, count in buckets:
        middle = (max(lower, 0.0) * upper) ** 0.5
        place = next(
            (index for index, bound in enumerate(LATENCY_BOUNDS_NS) if middle <= bound), len(LATENCY_BOUNDS_NS)
        )
        counts[place] += count
    for index in range(1, len(counts)):
        counts[index] += counts[index - 1]
    counts[-1] = max(counts[-1], samples)
    return counts


def _label(name: str | None) -> str:
    return display(name, _MAX_LABEL) if name else "(unnamed)"


def _largest_names(threads: Sequence[ThreadMemoryStats]) -> list[str]:
    totals: dict[str, int] = {}
    for thread in threads:
        name = _label(thread.thread_name)
        totals[name] = totals.get(name, 0) + thread.alloc_bytes
    return sorted(totals, key=lambda name: (-totals[name], name))[:MAX_THREAD_LABELS]


def _thread_families(threads: Sequence[ThreadMemoryStats], names: Sequence[str]) -> Iterator[Metric]:
    def labelled(name: str, field: str) -> Metric:
        pairs = ((_label(thread.thread_name), getattr(thread, field)) for thread in threads)
        return _labelled(
            name, "thread", ((label if label in names else OTHER_THREADS, value) for label, value in pairs)
        )

    yield labelled("cc_memory_thread_alloc", "alloc_count")
    yield labelled("cc_memory_thread_free", "free_count")
    yield labelled("cc_memory_thread_alloc_bytes", "alloc_bytes")
    yield labelled("cc_memory_thread_free_bytes", "free_bytes")
