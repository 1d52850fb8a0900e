"""Prometheus' families of a memory report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ...profiling.report import MemoryProfilerReport
from .._format import finite
from .._metrics import ByLabel, Family, Histogram, Metrics, Number, Times, fold, label, largest

__all__ = ["LATENCY_BOUNDS_NS", "METRICS"]

LATENCY_BOUNDS_NS: tuple[int, ...] = tuple(digit * 10**power for power in range(1, 9) for digit in (1, 2, 5)) + (10**9,)
"""Upper bounds of the histograms: 10, 20, 50, 100 … 500 million ns and 1 s; ``+Inf`` follows."""

OTHER_THREADS = "(other threads)"

Values = Callable[[MemoryProfilerReport, Sequence[str] | None], Iterable[tuple[str, float]] | None]


def _by_domain(field: str) -> Values:
    """A field of DomainStats by allocator domain."""

    def values(report: MemoryProfilerReport, names: Sequence[str] | None) -> Iterable[tuple[str, float]] | None:
        return sorted((label(name), getattr(domain, field)) for name, domain in report.domains.items()) or None

    return values


def _by_thread(field: str) -> Values:
    """A field of ThreadMemoryStats by thread name, of those that get a label."""

    def values(report: MemoryProfilerReport, names: Sequence[str] | None) -> Iterable[tuple[str, float]] | None:
        if names is None or not report.thread_stats:
            return None
        return [
            (fold(thread.thread_name, names, OTHER_THREADS), getattr(thread, field)) for thread in report.thread_stats
        ]

    return values


def _alloc_times(report: MemoryProfilerReport) -> Times | None:
    latency = report.latency
    return None if latency is None else (latency.alloc, latency.alloc_samples, latency.alloc_sum_ns)


def _free_times(report: MemoryProfilerReport) -> Times | None:
    latency = report.latency
    return None if latency is None else (latency.free, latency.free_samples, latency.free_sum_ns)


def _timed_ratio(report: MemoryProfilerReport) -> float | None:
    return None if report.latency is None else report.latency.timed_fraction


def _cross_thread_ratio(report: MemoryProfilerReport) -> float | None:
    percentage = finite(report.cross_thread_free_pct)
    return None if percentage is None else percentage / 100


def _living_threads(report: MemoryProfilerReport) -> int | None:
    return sum(thread.alive for thread in report.thread_stats) if report.thread_stats else None


def _largest(report: MemoryProfilerReport) -> list[str]:
    return largest((thread.thread_name, thread.alloc_bytes) for thread in report.thread_stats)


_FAMILIES: tuple[Family[MemoryProfilerReport], ...] = (
    Number("counter", "cc_memory_alloc", "alloc_count", "Allocations since the profile began."),
    Number(
        "counter", "cc_memory_free", "free_count", "Frees since the profile began, of blocks that were allocated in it."
    ),
    Number(
        "counter", "cc_memory_alloc_bytes", "alloc_bytes", "Bytes asked for by allocations since the profile began."
    ),
    Number("counter", "cc_memory_free_bytes", "free_bytes", "Bytes given back by frees since the profile began."),
    Number(
        "counter", "cc_memory_alloc_failures", "failed_alloc_count", "Allocations that failed since the profile began."
    ),
    Number(
        "gauge", "cc_memory_current_bytes", "current_allocated", "Bytes allocated in the profile and not freed yet."
    ),
    Number(
        "gauge",
        "cc_memory_peak_bytes",
        "peak_allocated",
        "Highest value of cc_memory_current_bytes since the profile began.",
    ),
    ByLabel(
        "gauge",
        "cc_memory_domain_current_bytes",
        "domain",
        _by_domain("current_allocated"),
        "Bytes allocated and not freed yet, by the allocator domain that they came from.",
    ),
    ByLabel(
        "counter",
        "cc_memory_domain_alloc_bytes",
        "domain",
        _by_domain("alloc_bytes"),
        "Bytes asked for by allocations, by allocator domain.",
    ),
    Number(
        "gauge",
        "cc_memory_leaked_bytes",
        "leaked_bytes",
        "Bytes still allocated, without what the interpreter holds for itself.",
    ),
    Number(
        "gauge",
        "cc_memory_leaked_blocks",
        "leaked_count",
        "Blocks still allocated, without what the interpreter holds for itself.",
    ),
    Number(
        "gauge",
        "cc_memory_interpreter_held_bytes",
        "interpreter_held_bytes",
        "Bytes still allocated that the interpreter holds for itself: caches, free lists, imported code.",
    ),
    Number("gauge", "cc_memory_resident_bytes", "resident_bytes", "Resident memory of the process."),
    Number(
        "gauge",
        "cc_memory_committed_bytes",
        "fragmentation.committed_bytes",
        "Memory committed by the heaps that could be read.",
    ),
    Histogram(
        "cc_memory_alloc_latency",
        _alloc_times,
        1.0,
        LATENCY_BOUNDS_NS,
        "Time that timed allocations took, in nanoseconds.",
    ),
    Histogram(
        "cc_memory_free_latency", _free_times, 1.0, LATENCY_BOUNDS_NS, "Time that timed frees took, in nanoseconds."
    ),
    Histogram(
        "cc_memory_alloc_duration_seconds",
        _alloc_times,
        1e9,
        LATENCY_BOUNDS_NS,
        "Time that timed allocations took, in seconds.",
    ),
    Histogram(
        "cc_memory_free_duration_seconds",
        _free_times,
        1e9,
        LATENCY_BOUNDS_NS,
        "Time that timed frees took, in seconds.",
    ),
    Number("gauge", "cc_memory_latency_timed_ratio", _timed_ratio, "Share of the operations that was timed."),
    Number(
        "counter",
        "cc_memory_cross_thread_free",
        "cross_thread_free_count",
        "Frees by another thread than the one that allocated.",
    ),
    Number(
        "gauge",
        "cc_memory_cross_thread_free_ratio",
        _cross_thread_ratio,
        "Share of all frees that another thread did than the one that allocated.",
    ),
    Number(
        "gauge",
        "cc_memory_fragmentation_internal",
        "fragmentation.internal_fragmentation",
        "Padding inside live blocks, as a share of their size (0 to 1).",
    ),
    Number(
        "gauge",
        "cc_memory_fragmentation_external",
        "fragmentation.external_fragmentation",
        "Free memory between live blocks, as a share of committed memory (0 to 1).",
    ),
    Number("gauge", "cc_memory_threads", _living_threads, "Living threads that allocated or freed in the profile."),
    ByLabel("counter", "cc_memory_thread_alloc", "thread", _by_thread("alloc_count"), "Allocations by thread name."),
    ByLabel("counter", "cc_memory_thread_free", "thread", _by_thread("free_count"), "Frees by thread name."),
    ByLabel(
        "counter",
        "cc_memory_thread_alloc_bytes",
        "thread",
        _by_thread("alloc_bytes"),
        "Bytes asked for by thread name.",
    ),
    ByLabel(
        "counter", "cc_memory_thread_free_bytes", "thread", _by_thread("free_bytes"), "Bytes given back by thread name."
    ),
    Number(
        "counter",
        "cc_memory_dropped_records",
        "dropped_records",
        "Events that the profiler had no memory to record; they count nowhere else.",
    ),
    Number(
        "gauge",
        "cc_memory_sampling_ratio",
        lambda report: None if report.sampling.mode == "bytes" else report.sampling.rate,
        "Share of the allocations that is recorded: 1 is exact, less is an estimate. Absent where bytes are sampled.",
    ),
    Number(
        "gauge",
        "cc_memory_sampling_interval_bytes",
        lambda report: report.sampling.interval if report.sampling.mode == "bytes" else None,
        "Mean bytes between two recorded allocations, where bytes are sampled.",
    ),
    Number(
        "gauge",
        "cc_memory_profile_start_time_seconds",
        lambda report: report.start_time.timestamp(),
        "When the profile began, in seconds since 1970.",
    ),
    Number(
        "gauge", "cc_memory_profile_duration_seconds", "duration_seconds", "How long the profile has covered so far."
    ),
)

METRICS: Metrics[MemoryProfilerReport] = Metrics(
    Number(
        "gauge",
        "cc_memory_profiler_up",
        float,
        "Whether the memory profiler could be read (1) or has not been started (0).",
    ),
    "thread",
    _largest,
    _FAMILIES,
)
