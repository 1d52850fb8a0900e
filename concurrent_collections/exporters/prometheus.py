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

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..profiling.report import LatencyDistribution, MemoryProfilerReport, ThreadMemoryStats
from . import _metrics
from ._format import finite
from ._metrics import Collector, Families, SnapshotSource

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ["LATENCY_BOUNDS_NS", "MAX_THREAD_LABELS", "MemoryProfilerCollector", "SnapshotSource", "prometheus_text"]

LATENCY_BOUNDS_NS: tuple[int, ...] = tuple(digit * 10**power for power in range(1, 9) for digit in (1, 2, 5)) + (10**9,)
"""Upper bounds of the histograms: 10, 20, 50, 100 … 500 million ns and 1 s; ``+Inf`` follows."""

MAX_THREAD_LABELS = _metrics.MAX_LABELS
OTHER_THREADS = "(other threads)"


def prometheus_text(report: MemoryProfilerReport, *, openmetrics: bool = False, thread_labels: bool = False) -> str:
    """The report in Prometheus' classic text format, or in OpenMetrics.

    No text can be both: a counter's family is ``cc_memory_alloc_total`` in the one and ``cc_memory_alloc`` in the
    other (its sample has the same name in both). Raises ModuleNotFoundError without ``prometheus_client``.
    """
    names = _largest_names(report.thread_stats) if thread_labels else None
    return _metrics.render(_families(report, names), openmetrics)


class MemoryProfilerCollector(Collector[MemoryProfilerReport]):
    """A collector for ``prometheus_client`` that takes a snapshot of ``profiler`` at every scrape.

    ``cc_memory_profiler_up`` is 1, or 0 while ``snapshot()`` raises RuntimeError (a profiler that has not been
    started): the other metrics of the process are then still served. Any other error is raised, as
    prometheus_client expects. With ``thread_labels``, a thread name that has been given a label keeps it, so that
    its series goes on.
    """

    def __init__(self, profiler: SnapshotSource[MemoryProfilerReport], *, thread_labels: bool = False) -> None:
        super().__init__(profiler, _FAMILIES, "cc_memory_profiler_up", thread_labels)

    def _collect(self, report: MemoryProfilerReport, names: Sequence[str] | None) -> Iterator[Metric]:
        return _families(report, names)

    def _largest(self, report: MemoryProfilerReport) -> list[str]:
        return _largest_names(report.thread_stats)


# The families ---------------------------------------------------------------------------------------------------------

# name (a counter's without _total): type and help, in the order of the text.
_HELP = {
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


_FAMILIES = Families(_HELP)


def _families(report: MemoryProfilerReport, thread_names: Sequence[str] | None) -> Iterator[Metric]:
    """Every family that the report has a value for."""
    number = _FAMILIES.number
    fragmentation, sampling = report.fragmentation, report.sampling
    yield from number("cc_memory_alloc", report.alloc_count)
    yield from number("cc_memory_free", report.free_count)
    yield from number("cc_memory_alloc_bytes", report.alloc_bytes)
    yield from number("cc_memory_free_bytes", report.free_bytes)
    yield from number("cc_memory_alloc_failures", report.failed_alloc_count)
    yield from number("cc_memory_current_bytes", report.current_allocated)
    yield from number("cc_memory_peak_bytes", report.peak_allocated)
    if report.domains:
        domains = sorted((_metrics.label(name), stats) for name, stats in report.domains.items())
        yield _FAMILIES.labelled(
            "cc_memory_domain_current_bytes", "domain", ((name, stats.current_allocated) for name, stats in domains)
        )
        yield _FAMILIES.labelled(
            "cc_memory_domain_alloc_bytes", "domain", ((name, stats.alloc_bytes) for name, stats in domains)
        )
    yield from number("cc_memory_leaked_bytes", report.leaked_bytes)
    yield from number("cc_memory_leaked_blocks", report.leaked_count)
    yield from number("cc_memory_interpreter_held_bytes", report.interpreter_held_bytes)
    yield from number("cc_memory_resident_bytes", report.resident_bytes)
    yield from number("cc_memory_committed_bytes", fragmentation.committed_bytes)
    if report.latency is not None:
        yield from _histograms(report.latency)
        yield from number("cc_memory_latency_timed_ratio", report.latency.timed_fraction)
    yield from number("cc_memory_cross_thread_free", report.cross_thread_free_count)
    percentage = finite(report.cross_thread_free_pct)
    yield from number("cc_memory_cross_thread_free_ratio", None if percentage is None else percentage / 100)
    yield from number("cc_memory_fragmentation_internal", fragmentation.internal_fragmentation)
    yield from number("cc_memory_fragmentation_external", fragmentation.external_fragmentation)
    if report.thread_stats:
        yield from number("cc_memory_threads", sum(thread.alive for thread in report.thread_stats))
        if thread_names is not None:
            yield from _thread_families(report.thread_stats, thread_names)
    yield from number("cc_memory_dropped_records", report.dropped_records)
    yield from number("cc_memory_sampling_ratio", None if sampling.mode == "bytes" else sampling.rate)
    yield from number("cc_memory_sampling_interval_bytes", sampling.interval if sampling.mode == "bytes" else None)
    yield from number("cc_memory_profile_start_time_seconds", report.start_time.timestamp())
    yield from number("cc_memory_profile_duration_seconds", report.duration_seconds)


def _histograms(latency: LatencyDistribution) -> Iterator[Metric]:
    for unit, divisor in (("latency", 1.0), ("duration_seconds", 1e9)):
        for what, buckets, samples, total_ns in (
            ("alloc", latency.alloc, latency.alloc_samples, latency.alloc_sum_ns),
            ("free", latency.free, latency.free_samples, latency.free_sum_ns),
        ):
            name = f"cc_memory_{what}_{unit}"
            yield _FAMILIES.histogram(name, LATENCY_BOUNDS_NS, divisor, buckets, samples, total_ns)


def _largest_names(threads: Sequence[ThreadMemoryStats]) -> list[str]:
    return _metrics.largest((thread.thread_name, thread.alloc_bytes) for thread in threads)


def _thread_families(threads: Sequence[ThreadMemoryStats], names: Sequence[str]) -> Iterator[Metric]:
    labels = [_metrics.fold(thread.thread_name, names, OTHER_THREADS) for thread in threads]
    for name, field in (
        ("cc_memory_thread_alloc", "alloc_count"),
        ("cc_memory_thread_free", "free_count"),
        ("cc_memory_thread_alloc_bytes", "alloc_bytes"),
        ("cc_memory_thread_free_bytes", "free_bytes"),
    ):
        values = (getattr(thread, field) for thread in threads)
        yield _FAMILIES.labelled(name, "thread", zip(labels, values, strict=True))
