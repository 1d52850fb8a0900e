"""What a memory profile says: the data classes that :class:`MemoryProfiler` fills and the exporters read.

Nothing here measures. Bytes are requested bytes unless a name says *block* (usable bytes of the block that
the allocator gave) or *resident*. Counts and bytes are plain ints; times are seconds unless a name ends in ``_ns``
or says latency (nanoseconds). A value that no source can tell is ``None``, never 0; whether a value was counted
or estimated is in :attr:`MemoryProfilerReport.accuracy`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from .exports import Exports

__all__ = [
    "AllocationRecord",
    "AllocationSite",
    "CrossThreadFlow",
    "DomainStats",
    "FragmentationMetrics",
    "LatencyDistribution",
    "MemoryProfilerReport",
    "SamplingInfo",
    "SizeHistogram",
    "ThreadMemoryStats",
    "TimelinePoint",
]

Accuracy = Literal["exact", "estimate", "unknown"]


@dataclass
class AllocationRecord:
    """One block that was allocated while profiling and was still alive when the report was made.

    ``timestamp`` is seconds since the epoch (to about 4 ms; of blocks up to 480 bytes up to a second early),
    ``thread_id`` the registry's own id (never reused within a process), ``stack_trace`` innermost frame first as
    ``file:line in function``.
    """

    ptr: int
    size: int
    timestamp: float | None
    thread_id: int
    stack_trace: list[str] | None


@dataclass
class SizeHistogram:
    """How many allocations asked for how many bytes; keys are inclusive ranges such as ``"9-16"``, ascending."""

    buckets: dict[str, int]
    total_count: int
    total_bytes: int

    def hot_sizes(self, top_n: int = 5) -> list[tuple[str, int]]:
        """The ``top_n`` most frequent size ranges as ``(range, count)``, most frequent first.

        Raises ValueError when ``top_n`` is not a positive int.
        """
        if not isinstance(top_n, int) or isinstance(top_n, bool) or top_n < 1:
            raise ValueError(f"top_n must be a positive int, not {top_n!r}")
        ranked = sorted(self.buckets.items(), key=lambda item: -item[1])
        return ranked[:top_n]


@dataclass
class ThreadMemoryStats:
    """What one thread allocated and freed while profiling.

    ``thread_id`` is the registry's id, ``native_id`` the system's.
    """

    thread_id: int
    thread_name: str | None
    alloc_count: int
    free_count: int
    alloc_bytes: int
    free_bytes: int
    cross_thread_frees_sent: int
    """Blocks that this thread allocated and another thread freed."""
    cross_thread_frees_received: int
    """Blocks that this thread freed and another thread had allocated."""
    native_id: int | None = None
    alive: bool = True


@dataclass
class CrossThreadFlow:
    """``count`` blocks of ``bytes`` bytes were allocated by one thread and freed by another."""

    alloc_thread_id: int
    alloc_thread_name: str | None
    free_thread_id: int
    free_thread_name: str | None
    count: int
    bytes: int


@dataclass
class DomainStats:
    """One source of allocations.

    ``runtime`` is libcc's own; ``raw``, ``mem`` and ``object`` are Python's domains; ``sqlite`` is SQLite on libcc.
    """

    alloc_count: int
    free_count: int
    alloc_bytes: int
    free_bytes: int
    current_allocated: int
    current_block_bytes: int | None
    """Usable bytes of the live blocks, padding included; from size classes where the allocator tells no more."""


@dataclass
class FragmentationMetrics:
    """Memory that is held but not asked for. Ratios lie in 0..1; ``None`` where no source can tell.

    ``internal_fragmentation`` = padding inside live blocks / their block bytes. ``external_fragmentation`` =
    free bytes between live blocks / committed bytes of the heaps that could be read. ``utilization`` =
    allocated / (allocated + free). ``sources`` names where each figure comes from.
    """

    internal_fragmentation: float | None
    external_fragmentation: float | None
    largest_free_block: int | None
    free_block_count: int | None
    utilization: float | None
    committed_bytes: int | None = None
    sources: dict[str, str] = field(default_factory=dict)


@dataclass
class LatencyDistribution:
    """Latency of the allocator's own work: log-spaced buckets of equal ratio between 1 ns and 100 s.

    ``alloc`` and ``free`` hold the non-empty buckets as ``(lower_ns, upper_ns, count)``, ascending.
    ``relative_error`` is the half width of a bucket (0.013 = 1.3 %); ``floor_ns`` is the clock's granularity, below
    which nothing can be told apart; ``overhead_ns`` is the calibrated empty pair of clock reads that was subtracted.
    """

    alloc: list[tuple[float, float, int]]
    free: list[tuple[float, float, int]]
    alloc_samples: int
    free_samples: int
    alloc_sum_ns: float
    free_sum_ns: float
    timed_fraction: float
    relative_error: float
    floor_ns: float
    overhead_ns: float
    clock: str


@dataclass
class TimelinePoint:
    """State at ``time`` seconds after the start. ``peak_allocated`` is the highest since the point before."""

    time: float
    current_allocated: int
    peak_allocated: int
    alloc_count: int
    free_count: int
    alloc_bytes: int
    alloc_rate: float
    """Allocations per second since the point before."""
    alloc_rate_average: float
    """Exponentially weighted moving average of ``alloc_rate``."""


@dataclass
class AllocationSite:
    """Live blocks grouped by call stack (innermost frame first; empty: no Python frame).

    ``held_by_interpreter`` marks sites with no Python frame, or whose innermost frame belongs to import machinery
    or to this profiler: what the interpreter keeps for itself (caches, free lists, specialized code) is no leak.
    """

    stack_trace: list[str]
    count: int
    bytes: int
    held_by_interpreter: bool


@dataclass
class SamplingInfo:
    """How allocations were chosen, and how sure the estimates are.

    ``mode``: ``exact`` (all), ``rate`` (each with probability ``rate``) or ``bytes`` (a Poisson process over allocated
    bytes, mean ``interval`` bytes apart; tcmalloc's and jemalloc's way). ``standard_error`` maps field names of the
    report to the standard error of their estimate, in the field's own unit.
    """

    mode: Literal["exact", "rate", "bytes"]
    rate: float
    interval: int | None
    samples: int
    standard_error: dict[str, float] = field(default_factory=dict)


@dataclass
class MemoryProfilerReport(Exports):
    """Everything that one profile measured."""

    kind: ClassVar = "memory"

    # Basic statistics
    alloc_count: int
    free_count: int
    alloc_bytes: int
    free_bytes: int
    current_allocated: int
    peak_allocated: int

    # Rates over the whole duration, per second
    alloc_rate: float
    free_rate: float
    bytes_rate: float

    # Latency percentiles in nanoseconds, at least latency.floor_ns, below which the clock cannot see; None: not
    # tracked, or nothing was timed
    alloc_latency_p50: float | None
    alloc_latency_p95: float | None
    alloc_latency_p99: float | None
    alloc_latency_p999: float | None
    free_latency_p50: float | None
    free_latency_p95: float | None
    free_latency_p99: float | None
    free_latency_p999: float | None

    # Cross-thread analysis; None: not tracked. The percentage (0..100) is of all frees.
    cross_thread_free_count: int | None
    cross_thread_free_pct: float | None

    # Distributions; None (or an empty list): not tracked
    size_histogram: SizeHistogram | None
    thread_stats: list[ThreadMemoryStats]
    fragmentation: FragmentationMetrics

    # Leak detection; None: not asked for. The list has a cap, leaked_bytes is the sum of all.
    leaked_allocations: list[AllocationRecord] | None
    leaked_bytes: int | None

    # Timing
    duration_seconds: float
    start_time: datetime
    end_time: datetime

    # Beyond the basics
    domains: dict[str, DomainStats] = field(default_factory=dict)
    size_histograms: dict[str, SizeHistogram] = field(default_factory=dict)
    """``size_histogram`` for each domain apart; empty where sizes are not tracked or not told apart."""
    timeline: list[TimelinePoint] = field(default_factory=list)
    latency: LatencyDistribution | None = None
    cross_thread_flows: list[CrossThreadFlow] = field(default_factory=list)
    live_sites: list[AllocationSite] = field(default_factory=list)
    """All live blocks by call stack, largest first (with stacks or leak detection)."""
    leaked_count: int | None = None
    leaks_omitted: int = 0
    """Leaked blocks beyond the cap of ``leaked_allocations``."""
    interpreter_held_count: int | None = None
    interpreter_held_bytes: int | None = None
    peak_time: float | None = None
    """Seconds after the start at which the peak was seen."""
    peak_error_bytes: int = 0
    """The peak is exact to within this many bytes (threads x the flush quantum)."""
    untracked_free_count: int = 0
    """Frees of blocks that were allocated before the profile began; they count nowhere else."""
    failed_alloc_count: int = 0
    dropped_records: int = 0
    """Events that the recorder had no memory for; they count nowhere else."""
    dropped_stacks: int = 0
    resident_bytes: int | None = None
    peak_resident_bytes: int | None = None
    sampling: SamplingInfo = field(default_factory=lambda: SamplingInfo("exact", 1.0, None, 0))
    accuracy: dict[str, Accuracy] = field(default_factory=dict)
    """For each field of this report: ``exact``, ``estimate`` or ``unknown``."""
    notes: list[str] = field(default_factory=list)
    """Warnings for the reader: conflicts with other tools, dropped records, limits that were met."""
    environment: dict[str, Any] = field(default_factory=dict)
    """Python version, build, platform, process id and command line of what was profiled."""
