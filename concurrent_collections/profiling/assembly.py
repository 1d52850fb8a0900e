"""Makes a :class:`MemoryProfilerReport` of what the recorder measured. No figure is measured here."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from typing import Any

from .. import _core
from . import fragmentation, measures
from .report import (
    Accuracy,
    AllocationRecord,
    AllocationSite,
    CrossThreadFlow,
    DomainStats,
    LatencyDistribution,
    MemoryProfilerReport,
    SamplingInfo,
    SizeHistogram,
    ThreadMemoryStats,
    TimelinePoint,
)

DOMAINS = ("runtime", "raw", "mem", "object", "sqlite")
PYTHON_DOMAINS = DOMAINS[1:4]  # those that are seen through CPython's hooks
_LIMITS: tuple[int, ...] = _core.bin_limits()
_AVERAGE_SECONDS = 1.0  # time constant of the moving average


@dataclass(frozen=True)
class Options:
    """What a profiler was asked to do; see :class:`MemoryProfiler`."""

    track_sizes: bool
    track_latency: bool
    track_per_thread: bool
    track_cross_thread: bool
    detect_leaks: bool
    capture_stacks: bool
    sample_rate: float
    sample_interval: int | None
    latency_buckets: int
    domains: tuple[str, ...]
    stack_depth: int
    leak_limit: int


def _count(value: float) -> int:
    return max(0, round(value))


def _histogram(bins: list[float], total_bytes: float) -> SizeHistogram:
    buckets: dict[str, int] = {}
    for index, count in enumerate(bins):
        if round(count) > 0:
            lower = _LIMITS[index - 1] + 1 if index else 0
            buckets[f"{lower}-{_LIMITS[index]}" if index else "0"] = round(count)
    return SizeHistogram(buckets, _count(sum(bins)), _count(total_bytes))


def _timeline(points: list[tuple[float, ...]]) -> list[TimelinePoint]:
    result: list[TimelinePoint] = []
    time = allocated = 0.0
    average: float | None = None
    for seconds, current, peak, alloc_count, free_count, alloc_bytes in points:
        elapsed = seconds - time
        if elapsed <= 0:
            continue
        rate = max(0.0, (alloc_count - allocated) / elapsed)
        weight = 1 - math.exp(-elapsed / _AVERAGE_SECONDS)
        average = rate if average is None else average + weight * (rate - average)
        result.append(
            TimelinePoint(
                seconds, _count(current), _count(peak), _count(alloc_count), _count(free_count), _count(alloc_bytes),
                rate, average,
            )
        )  # fmt: skip
        time, allocated = seconds, alloc_count
    return result


def _frame_text(frame: tuple[str, int | None, str]) -> str:
    file, line, function = frame
    return f"{file}:{line} in {function}" if line else f"{file} in {function}"


def _stack_text(stack: tuple[tuple[str, int | None, str], ...]) -> list[str]:
    # CPython runs __init__ under a frame of its own that has no line.
    return [_frame_text(frame) for frame in stack if frame[0] != "__init__"]


def _threads(
    raw: dict[str, Any], names: dict[int, str]
) -> tuple[list[ThreadMemoryStats], dict[int, str | None]]:
    threads, by_id = [], {}
    for thread_id, native_id, name, alive, allocs, frees, alloc_bytes, free_bytes, sent, received in raw["threads"]:
        name = name or names.get(native_id)
        by_id[thread_id] = name
        threads.append(
            ThreadMemoryStats(
                thread_id, name, _count(allocs), _count(frees), _count(alloc_bytes), _count(free_bytes), _count(sent),
                _count(received), native_id, alive,
            )
        )  # fmt: skip
    return threads, by_id


def _accuracy(report: MemoryProfilerReport, sampled: bool, incomplete: bool) -> dict[str, Accuracy]:
    """How sure each field is. ``incomplete``: allocations were not seen, for instance because hooks were replaced."""
    always_exact = {
        "duration_seconds", "start_time", "end_time", "sampling", "accuracy", "notes", "environment",
        "dropped_records", "dropped_stacks", "peak_error_bytes",
    }  # fmt: skip
    always_estimates = {
        "fragmentation", "latency", "timeline", "peak_time", "resident_bytes", "peak_resident_bytes",
    }  # fmt: skip
    # A block whose stack was dropped counts as held by the interpreter, whoever allocated it.
    by_stack = {
        "leaked_allocations", "leaked_bytes", "leaked_count", "leaks_omitted", "interpreter_held_count",
        "interpreter_held_bytes", "live_sites",
    }  # fmt: skip
    uncounted = sampled or incomplete or report.dropped_records > 0
    result: dict[str, Accuracy] = {}
    for field in fields(report):
        name = field.name
        if getattr(report, name) is None:
            result[name] = "unknown"
        elif name in always_exact:
            result[name] = "exact"
        elif (
            uncounted
            or name in always_estimates
            or "_latency_" in name
            or (name in by_stack and report.dropped_stacks > 0)
            or (name == "peak_allocated" and report.peak_error_bytes > 0)
        ):
            result[name] = "estimate"
        else:
            result[name] = "exact"  # "domains" but for current_block_bytes, which fragmentation speaks of
    if sampled:
        result["untracked_free_count"] = "unknown"  # frees of blocks that were not sampled are not looked at
    return result


def assemble(
    options: Options,
    raw: dict[str, Any],
    live: tuple[Any, ...] | None,
    names: dict[int, str],
    notes: list[str],
    runtime_is_complete: bool,
) -> MemoryProfilerReport:
    """The report of the figures ``raw`` (``_core.Profile.read``) and ``live`` (``_core.Profile.live``).

    ``notes`` tell of conflicts that kept allocations from being seen.
    """
    seconds = raw["seconds"]
    domains: dict[str, DomainStats] = {}
    histograms: dict[str, SizeHistogram] = {}
    bins_sum = [0.0] * len(_LIMITS)
    block_bytes = 0.0
    variance = {"alloc_bytes": 0.0, "free_bytes": 0.0, "alloc_count": 0.0, "free_count": 0.0}
    for name, figures in zip(DOMAINS, raw["domains"]):
        if name not in options.domains:
            continue
        (alloc_bytes, free_bytes, alloc_blocks, free_blocks, alloc_bytes_variance, free_bytes_variance,
         alloc_count_variance, free_count_variance, alloc_bins, free_bins) = figures  # fmt: skip
        domains[name] = DomainStats(
            _count(sum(alloc_bins)), _count(sum(free_bins)), _count(alloc_bytes), _count(free_bytes),
            _count(alloc_bytes - free_bytes), _count(alloc_blocks - free_blocks),
        )  # fmt: skip
        block_bytes += max(0.0, alloc_blocks - free_blocks)
        histograms[name] = _histogram(alloc_bins, alloc_bytes)
        bins_sum = [a + b for a, b in zip(bins_sum, alloc_bins)]
        variance["alloc_bytes"] += alloc_bytes_variance
        variance["free_bytes"] += free_bytes_variance
        variance["alloc_count"] += alloc_count_variance
        variance["free_count"] += free_count_variance

    sampled = raw["estimated"]
    standard_error: dict[str, float] = {}
    if sampled:
        standard_error = {name: math.sqrt(max(0.0, value)) for name, value in variance.items()}
        # The live blocks' share of the samples' variance is what was not freed.
        standard_error["current_allocated"] = math.sqrt(max(0.0, variance["alloc_bytes"] - variance["free_bytes"]))
    threads, thread_names = _threads(raw, names)

    latency = None
    percentiles: dict[str, float | None] = {}
    (alloc_counts, free_counts, alloc_timed, free_timed, alloc_sum, free_sum, clock, overhead, floor,
     fraction) = raw["latency"]  # fmt: skip
    if options.track_latency:
        latency = LatencyDistribution(
            measures.buckets_of(alloc_counts), measures.buckets_of(free_counts), round(alloc_timed), round(free_timed),
            alloc_sum, free_sum, fraction, measures.relative_error(options.latency_buckets), floor, overhead, clock,
        )  # fmt: skip
    for kind, counts, total in (("alloc", alloc_counts, alloc_timed), ("free", free_counts, free_timed)):
        for label, share in measures.PERCENTILES:
            percentiles[f"{kind}_latency_{label}"] = (
                measures.percentile(counts, total, share, floor) if options.track_latency else None
            )

    free_count = _count(raw["free_count"])
    crossed = _count(raw["cross_thread_frees"])
    current = _count(raw["current"])
    timeline = _timeline(raw["points"])
    alloc_count = _count(raw["alloc_count"])
    report = MemoryProfilerReport(
        alloc_count=alloc_count,
        free_count=free_count,
        alloc_bytes=_count(raw["alloc_bytes"]),
        free_bytes=_count(raw["free_bytes"]),
        current_allocated=current,
        peak_allocated=_count(raw["peak"]),
        alloc_rate=alloc_count / seconds if seconds > 0 else 0.0,
        free_rate=free_count / seconds if seconds > 0 else 0.0,
        bytes_rate=raw["alloc_bytes"] / seconds if seconds > 0 else 0.0,
        **percentiles,  # type: ignore[arg-type]
        cross_thread_free_count=crossed if options.track_cross_thread else None,
        cross_thread_free_pct=(100.0 * crossed / free_count if free_count else 0.0)
        if options.track_cross_thread
        else None,
        size_histogram=_histogram(bins_sum, raw["alloc_bytes"]) if options.track_sizes else None,
        thread_stats=threads if options.track_per_thread else [],
        fragmentation=fragmentation.measure(domains, current, _count(block_bytes), runtime_is_complete),
        leaked_allocations=None,
        leaked_bytes=None,
        duration_seconds=seconds,
        start_time=datetime.fromtimestamp(raw["start_wall"], timezone.utc),
        end_time=datetime.fromtimestamp(raw["end_wall"], timezone.utc),
        domains=domains,
        size_histograms=histograms if options.track_sizes else {},
        timeline=timeline,
        latency=latency,
        cross_thread_flows=[
            CrossThreadFlow(a, thread_names.get(a), f, thread_names.get(f), _count(count), _count(size))
            for a, f, count, size in sorted(raw["flows"], key=lambda flow: -flow[2])
        ]
        if options.track_cross_thread
        else [],
        peak_time=raw["peak_seconds"],
        peak_error_bytes=_count(raw["peak_error"]),
        untracked_free_count=_count(raw["untracked_frees"]),
        failed_alloc_count=_count(raw["failed"]),
        dropped_records=_count(raw["dropped_records"]),
        dropped_stacks=_count(raw["dropped_stacks"]),
        sampling=SamplingInfo(
            "exact" if not sampled else "bytes" if options.sample_interval else "rate",
            options.sample_rate,
            options.sample_interval,
            round(raw["samples"]),
            standard_error,
        ),
        notes=list(notes),
        environment=measures.environment(),
    )
    resident = _core.resident_bytes()
    if resident is not None:
        report.resident_bytes, report.peak_resident_bytes = resident
    if live is not None:
        _add_live(report, options, live)
    _add_notes(report)
    report.accuracy = _accuracy(report, sampled, incomplete=bool(notes))
    return report


def _add_live(report: MemoryProfilerReport, options: Options, live: tuple[Any, ...]) -> None:
    blocks, sites, count, size, held_count, held_size = live
    stacks = {site: _stack_text(stack) for site, stack, *_ in sites}
    report.live_sites = [
        AllocationSite(stacks[site], _count(number), _count(total), held) for site, _stack, held, number, total in sites
    ]
    if not options.detect_leaks:
        return
    report.leaked_count, report.leaked_bytes = _count(count), _count(size)
    report.interpreter_held_count, report.interpreter_held_bytes = _count(held_count), _count(held_size)
    report.leaked_allocations = [
        AllocationRecord(
            address, block_size, wall_ns * 1e-9 if wall_ns else None, thread_id,
            stacks.get(site, []) if options.capture_stacks else None,
        )
        for address, block_size, thread_id, wall_ns, site in blocks
    ]  # fmt: skip
    report.leaks_omitted = max(0, report.leaked_count - len(blocks))


def _add_notes(report: MemoryProfilerReport) -> None:
    if report.dropped_records:
        report.notes.append(
            f"{report.dropped_records:,} events were not recorded for want of memory; the figures lack them"
        )
    if report.dropped_stacks:
        report.notes.append(f"{report.dropped_stacks:,} call stacks could not be kept; their blocks show no frames")
    if report.leaks_omitted:
        report.notes.append(
            f"the list of live blocks shows the largest {len(report.leaked_allocations or ()):,}; "
            f"{report.leaks_omitted:,} more are in the sums only"
        )
